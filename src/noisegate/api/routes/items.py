"""Uploads: send them, look at them."""

from functools import partial
from pathlib import PurePath
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request

from noisegate.adapters.store.records import StoredItem, StoredPart
from noisegate.adapters.store.store import Store
from noisegate.api.answers import Answer, documented
from noisegate.api.errors import RequestError
from noisegate.api.intake import Arrived, Place, receive_form, receive_small
from noisegate.api.keys import Reading, Submitting, owner
from noisegate.api.schemas.answers import ITEM, AcceptedOut, ItemOut, ItemsOut, PartsOut
from noisegate.api.schemas.requests import FileRole, ItemIn, parsed
from noisegate.api.state import Api, api
from noisegate.core.errors import InvalidInputError
from noisegate.core.ids import Digest, ItemId
from noisegate.core.item import Asset, GateState
from noisegate.core.modality import Role
from noisegate.core.ports import Assessment
from noisegate.engine.codec import where_from_json
from noisegate.engine.shapes import decision_shape, failure_shape, finding_shape, where_shape
from noisegate.flows.submit import Accepted, File, Submission

router = APIRouter(prefix="/v1/items", tags=["items"])

_ITEM_FIELD = "item"
_FILE_FIELDS = {"file", "asset", "files", "assets"}
_EXAMPLE = {
    "kind": "episode",
    "title": "Night Desk 4: Listener mail",
    "markets": ["DE", "US"],
    "declared": {"explicit": False, "language": "en"},
    "assets": [{"file": "audio.mp3", "role": "recording"}, {"file": "cover.jpg", "role": "cover"}],
}
_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [_ITEM_FIELD],
                "properties": {
                    _ITEM_FIELD: {"$ref": "#/components/schemas/ItemIn"},
                    "file": {
                        "type": "array",
                        "items": {"type": "string", "format": "binary"},
                        "description": "The files. A field may also be called by a role: `cover`, `recording`...",
                    },
                },
            },
            "encoding": {_ITEM_FIELD: {"contentType": "application/json"}},
            "examples": {"episode": {"value": {_ITEM_FIELD: _EXAMPLE}}},
        },
        "application/json": {
            "schema": {"$ref": "#/components/schemas/ItemIn"},
            "examples": {
                "comment": {"value": {"kind": "comment", "comment": "See you at the show!"}},
                "sent before": {
                    "value": {
                        **_EXAMPLE,
                        "assets": [
                            {"file": "audio.mp3", "role": "recording", "digest": "sha256:" + "0123456789abcdef" * 4}
                        ],
                    }
                },
            },
        },
    },
}


@router.post(
    "",
    status_code=202,
    responses=documented(
        AcceptedOut, 404, 409, 413, status=202, also={200: "It was accepted before; nothing new was recorded."}
    ),
    openapi_extra={"requestBody": _BODY},
)
async def submit_item(
    request: Request,
    key: Submitting,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=200,
            description="Names this request: repeating it under the same key gives the same item. Without one, the "
            "same content gives the same item.",
            examples=["upload-4711"],
        ),
    ] = None,
) -> Answer:
    """Submit an upload. It is held until it has been judged.

    Either `multipart/form-data` with a field `item` (JSON) and the files, or JSON whose files were sent before with
    `PUT /v1/blobs`. A file that is broken or not what it says is accepted all the same: the packs say what follows.
    """
    here = api(request)
    with here.incoming.place() as place:
        if request.headers.get("content-type", "").lower().startswith("multipart/"):
            submission = await _from_form(request, here, place)
        else:
            body = await receive_small(request, here.limits.item_bytes, what="the item")
            submission = _submission(parsed(ItemIn, body, where="body"), [])
        submit = partial(here.system.submitter.submit, submission, owner=owner(key), key=idempotency_key)
        accepted = await to_thread.run_sync(submit, limiter=here.uploads)
    return _accepted(accepted)


@router.get("", responses=documented(ItemsOut))
def list_items(
    request: Request,
    _key: Reading,
    state: Annotated[GateState | None, Query(description="Only items that stand here.")] = None,
    before: Annotated[str | None, Query(description="`next` of the page before.", examples=[ITEM])] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Answer:
    """Items, newest first."""
    found = api(request).system.store.items(
        state=state, before=ItemId(before) if before is not None else None, limit=limit + 1
    )
    page = found[:limit]
    lines = [
        {
            "id": line.id,
            "kind": line.kind,
            "title": line.title,
            "state": line.state,
            "revision": line.revision,
            "action": line.action,
            "settled": line.settled,
            "submitted_at": line.submitted_at,
        }
        for line in page
    ]
    return Answer({"items": lines, "next": page[-1].id if len(found) > limit else None})


@router.get("/{item}", responses=documented(ItemOut, 404))
def get_item(request: Request, _key: Reading, item: str) -> Answer:
    """An item: where it stands, what was decided and why, what was found and where, what had no answer."""
    store = api(request).system.store
    stored = store.item(ItemId(item))
    return Answer(_item(store, stored))


@router.get("/{item}/parts", responses=documented(PartsOut, 404))
def list_parts(request: Request, _key: Reading, item: str) -> Answer:
    """The pieces of an item as they were last assessed: its texts, files, and what was heard and read in them."""
    store = api(request).system.store
    store.gate(ItemId(item))
    return Answer({"parts": [_part(part) for part in store.parts(ItemId(item))]})


async def _from_form(request: Request, here: Api, place: Place) -> Submission:
    form = await receive_form(request, place, here.limits)
    for name in form.fields:
        if name != _ITEM_FIELD:
            raise InvalidInputError(
                f"the field {name[:100]!r} has no meaning here",
                hint=f"the JSON goes into `{_ITEM_FIELD}`; files need a `filename`",
            )
    said = parsed(ItemIn, form.fields.get(_ITEM_FIELD, b"{}"), where=_ITEM_FIELD)
    return _submission(said, form.files)


def _submission(said: ItemIn, arrived: list[Arrived]) -> Submission:
    declared = {name: value for name, value in said.declared.model_dump().items() if value is not None}
    return Submission(
        kind=said.kind,
        texts=said.texts,
        files=tuple(_files(said, arrived)),
        creator=said.creator,
        markets=frozenset(said.markets),
        surface=said.surface,
        declared=declared,
        deadline_s=said.deadline_s,
    )


def _files(said: ItemIn, arrived: list[Arrived]) -> list[File]:
    """The files in the order of `assets`; those that are not named there follow."""
    waiting = list(arrived)
    files = []
    for n, asset in enumerate(said.assets):
        role = Role(asset.role.value) if asset.role is not None else None
        if asset.digest is not None:
            files.append(File(name=asset.file, digest=Digest(asset.digest), role=role))
            continue
        match = next((one for one in waiting if _last_step(one.name) == _last_step(asset.file)), None)
        if match is None:
            raise RequestError(
                InvalidInputError(
                    f"no file called {asset.file[:200]!r} was sent",
                    hint="send it as a part of the form with that `filename`, or name the `digest` of a blob",
                ),
                where=f"item.assets.{n}.file",
            )
        waiting.remove(match)
        files.append(File(name=asset.file, digest=match.digest, role=role, path=match.path))
    unnamed = [File(name=one.name, digest=one.digest, role=_role_of_field(one), path=one.path) for one in waiting]
    return [*files, *unnamed]


def _role_of_field(file: Arrived) -> Role | None:
    if file.field in _FILE_FIELDS:
        return None
    try:
        return Role(FileRole(file.field).value)
    except ValueError:
        allowed = ", ".join(role.value for role in FileRole)
        raise InvalidInputError(
            f"the form field {file.field[:100]!r} is no role of a file", hint=f"allowed: file, {allowed}"
        ) from None


def _last_step(name: str) -> str:
    return PurePath(name.replace("\\", "/")).name


def _accepted(accepted: Accepted) -> Answer:
    url = f"/v1/items/{accepted.item}"
    body = {"id": accepted.item, "state": accepted.state, "created": accepted.created, "url": url}
    return Answer(body, status_code=202 if accepted.created else 200, headers={"location": url})


def _item(store: Store, stored: StoredItem) -> dict[str, Any]:
    item, gate = stored.item, stored.gate
    assessment = store.assessment(item.id)
    return {
        "id": item.id,
        "kind": item.kind,
        "submitted_at": stored.submitted_at,
        "erased_at": stored.erased_at,
        "texts": {role.value: text for role, text in item.texts.items()},
        "assets": [_asset(asset) for asset in item.assets],
        "creator": item.creator,
        "markets": sorted(item.markets),
        "surface": item.surface,
        "declared": dict(item.declared),
        "state": gate.state,
        "gate": {
            "state": gate.state,
            "revision": gate.revision,
            "markets": dict(gate.markets),
            "why": gate.why,
            "changed_at": gate.changed_at,
            "deadline_at": gate.deadline_at,
        },
        "steps": [
            {"revision": step.revision, "state": step.state, "markets": dict(step.markets), "why": step.why}
            for step in store.gate_changes(item.id)
        ],
        **_concluded(assessment),
    }


def _concluded(assessment: Assessment | None) -> dict[str, Any]:
    if assessment is None:
        empty: dict[str, Any] = {"decisions": [], "findings": [], "facts": {}, "failures": [], "timings": {}}
        return {"action": None, "actions": None, "labels": [], "settled": False, **empty}
    return {
        "action": assessment.outcome.action,
        "actions": {market: action.value for market, action in sorted(assessment.outcome.markets.items())},
        "labels": list(assessment.outcome.labels),
        "settled": assessment.settled,
        "decisions": [decision_shape(decision) for decision in assessment.decisions],
        "findings": [finding_shape(finding) for finding in assessment.findings],
        "facts": {part: dict(facts) for part, facts in assessment.facts.items()},
        "failures": [failure_shape(failure) for failure in assessment.failures],
        "timings": {name: round(seconds, 4) for name, seconds in assessment.timings.items()},
    }


def _asset(asset: Asset) -> dict[str, Any]:
    return {
        "file": asset.name,
        "digest": asset.digest,
        "size": asset.size,
        "role": asset.role,
        "modality": asset.modality,
        "media_type": asset.media_type,
        "duration_s": asset.duration_s,
        "width": asset.width,
        "height": asset.height,
        "problem": asset.problem,
        "problem_message": asset.problem_message,
    }


def _part(part: StoredPart) -> dict[str, Any]:
    origin = part.detail.get("origin", {})
    shared = {name: part.detail.get(name) for name in ("text", "language", "duration_s", "width", "height")}
    return {
        "id": part.id,
        "role": part.role,
        "modality": part.modality,
        "digest": part.digest,
        "made_by": origin.get("made_by"),
        "where": where_shape(where_from_json(origin.get("where", {}))),
        **shared,
    }

"""Results as JSON and back, for the cache: what one machine computed, another can use.

Pictures cut from a film live on the disk of the machine that cut them, so an extractor's result that holds images or
video is not stored; it is cheap to make again, and its scores are stored under the same digests.
"""

from collections.abc import Mapping
from typing import Any

from noisegate.core.evidence import Evidence
from noisegate.core.ids import plain
from noisegate.core.modality import Anchor, Audio, Box, Origin, Part, Role, Text, Where
from noisegate.core.signal import Facts, Failure, Parts, Result, Scores


def storable(result: Result, part: Part | None = None) -> bool:
    """Whether `result` may be kept: no failure that could go away, nothing that lives in a scratch folder.

    Args:
        result: What a signal gave.
        part: What it was computed on; sound that was not cut from it (a separated voice, say) is not kept.
    """
    if isinstance(result, Failure):
        return not result.retryable
    if isinstance(result, Parts):
        return (result.lacking is None or not result.lacking.retryable) and all(
            _keeps(made, part) for made in result.parts
        )
    return True


def result_to_json(result: Result) -> dict[str, Any]:
    """JSON types only; the key `is` names the kind of result."""
    if isinstance(result, Parts):
        lacking = {} if result.lacking is None else {"lacking": plain(result.lacking)}
        return {"is": "parts", "parts": [{"modality": p.modality.value, **plain(p)} for p in result.parts], **lacking}
    name = {Scores: "scores", Facts: "facts", Failure: "failure"}[type(result)]
    return {"is": name, **plain(result)}


def result_from_json(stored: Mapping[str, Any], parent: Part) -> Result:
    """The result again; `parent` is the part it was computed on, whose content audio parts share."""
    kind = stored["is"]
    if kind == "scores":
        evidence = {name: tuple(_evidence(e) for e in places) for name, places in stored["evidence"].items()}
        return Scores(values=stored["values"], evidence=evidence)
    if kind == "facts":
        return Facts(values=stored["values"])
    if kind == "failure":
        return _failure(stored)
    lacking = stored.get("lacking")
    return Parts(
        parts=tuple(_part(p, parent) for p in stored["parts"]), lacking=None if lacking is None else _failure(lacking)
    )


def where_from_json(stored: Mapping[str, Any]) -> Where:
    """A place again."""
    box, span = stored.get("box"), stored.get("span")
    return Where(
        start_s=stored.get("start_s"),
        end_s=stored.get("end_s"),
        box=Box(**box) if box else None,
        span=(span[0], span[1]) if span else None,
    )


def _failure(stored: Mapping[str, Any]) -> Failure:
    return Failure(kind=stored["kind"], message=stored["message"], retryable=stored["retryable"])


def _evidence(stored: Mapping[str, Any]) -> Evidence:
    return Evidence(
        score=stored["score"], where=where_from_json(stored.get("where", {})), excerpt=stored.get("excerpt")
    )


def _part(stored: Mapping[str, Any], parent: Part) -> Part:
    role = Role(stored["role"])
    origin = Origin(where=where_from_json(stored["origin"].get("where", {})))
    if stored["modality"] == "text":
        anchors = tuple(
            Anchor(span=(a["span"][0], a["span"][1]), where=where_from_json(a["where"]), confidence=a.get("confidence"))
            for a in stored["anchors"]
        )
        return Text(role=role, origin=origin, text=stored["text"], language=stored.get("language"), anchors=anchors)
    content = parent.content if isinstance(parent, Audio) else None
    if content is None:
        raise ValueError(f"a stored {stored['modality']} part cannot be restored from a {parent.modality.value} part")
    return Audio(role=role, origin=origin, duration_s=stored["duration_s"], content=content)


def _keeps(made: Part, parent: Part | None) -> bool:
    if isinstance(made, Audio) and isinstance(parent, Audio):
        return made.content is parent.content
    return isinstance(made, Text) or (isinstance(made, Audio) and made.role.value not in {"soundtrack", "recording"})

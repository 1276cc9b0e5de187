"""Core nouns as JSON documents and back. Pure; the reading side trusts what this program wrote.

Documents that quote uploads are written with every character outside ASCII escaped: lone surrogates and NUL, which
PostgreSQL's text cannot hold, survive inside a `json` column.
"""

import json
from collections.abc import Mapping
from typing import Any

from noisegate.core.decision import Decision, Gap, Inputs, Known, Missing, Observation, Outcome
from noisegate.core.evidence import Finding
from noisegate.core.ids import DecisionId, Digest, Fingerprint, ItemId, PartId, plain
from noisegate.core.item import Asset, GateState, Item, ItemKind
from noisegate.core.modality import Modality, Role
from noisegate.core.notice import StatementOfReasons
from noisegate.core.policy import Action, Ground
from noisegate.core.ports import PartFailure
from noisegate.core.signal import Failure
from noisegate.engine.codec import where_from_json

Document = Mapping[str, Any]


def written(value: Any) -> str:
    """Any noun or JSON value as the text of a `json` column.

    Raises:
        ValueError: it holds NaN or an infinity.
    """
    return json.dumps(plain(value), allow_nan=False, separators=(",", ":"))


def tidy(text: str) -> str:
    """`text` with what a `text` column cannot hold (NUL, lone surrogates) replaced by U+FFFD."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def item_from(
    item_id: str, row: Document, texts: Document | None, creator: str | None, assets: tuple[Asset, ...]
) -> Item:
    """An item from its row and what is private about it; `texts` is None when it was erased."""
    return Item(
        id=ItemId(item_id),
        kind=ItemKind(row["kind"]),
        texts={Role(role): text for role, text in (texts or {}).items()},
        assets=assets,
        creator=creator,
        markets=frozenset(row["markets"]),
        surface=row["surface"],
        declared=dict(row["declared"]),
    )


def asset_from(document: Document) -> Asset:
    """An asset again."""
    role, modality = document.get("role"), document.get("modality")
    return Asset(
        **{
            **document,
            "role": Role(role) if role else None,
            "modality": Modality(modality) if modality else None,
        }
    )


def markets_from(document: Document) -> dict[str, GateState]:
    """Market -> state of the gate."""
    return {market: GateState(state) for market, state in document.items()}


def outcome_from(document: Document) -> Outcome:
    """An outcome again."""
    return Outcome(
        action=Action(document["action"]),
        markets={market: Action(action) for market, action in document["markets"].items()},
        labels=tuple(document["labels"]),
    )


def decision_from(document: Document) -> Decision:
    """A decision again, with the same id."""
    return Decision(
        **{
            **document,
            "item": ItemId(document["item"]),
            "digest": Digest(document["digest"]),
            "action": Action(document["action"]),
            "label": document.get("label"),
            **{name: tuple(document[name]) for name in ("markets", "labels", "surfaces", "missing")},
            "inputs": _inputs_from(document["inputs"]),
        }
    )


def finding_from(document: Document) -> Finding:
    """A finding again."""
    return Finding(
        **{
            **document,
            "fingerprint": Fingerprint(document["fingerprint"]),
            "part": PartId(document["part"]),
            "role": Role(document["role"]),
            "modality": Modality(document["modality"]),
            "where": where_from_json(document["where"]),
        }
    )


def failure_from(document: Document) -> PartFailure:
    """A part's failure again."""
    role = document.get("role")
    return PartFailure(
        part=PartId(document["part"]),
        role=Role(role) if role else None,
        signal=document["signal"],
        failure=Failure(**document["failure"]),
    )


def notice_from(document: Document) -> StatementOfReasons:
    """A statement of reasons again."""
    return StatementOfReasons(
        **{
            **document,
            "item": ItemId(document["item"]),
            "decision": DecisionId(document["decision"]),
            "action": Action(document["action"]),
            "markets": tuple(document["markets"]),
            "ground": Ground(document["ground"]),
        }
    )


def _inputs_from(document: Document) -> Inputs:
    return Inputs(
        item={name: tuple(value) if isinstance(value, list) else value for name, value in document["item"].items()},
        known={name: _known_from(known) for name, known in document["known"].items()},
        fingerprints=dict(document["fingerprints"]),
        dice=document["dice"],
    )


def _known_from(document: Document) -> Known:
    return Known(
        observations=tuple(
            Observation(
                role=Role(one["role"]),
                score=one["score"],
                places=tuple((score, seconds) for score, seconds in one["places"]),
            )
            for one in document["observations"]
        ),
        missing=tuple(
            Missing(role=Role(one["role"]), gap=Gap(one["gap"]), signal=one["signal"], message=one["message"])
            for one in document["missing"]
        ),
        facts=tuple((Role(role), value) for role, value in document["facts"]),
    )

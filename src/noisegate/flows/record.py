"""Keep what an assessment concluded, in one transaction: findings, decisions, cases, notices, the gate, the outbox.

An assessment that says what the last one said is not kept again, so a job that was killed after its commit can run
again and nothing is recorded or told twice. A later assessment supersedes an earlier one and may move the gate again;
only what a person decided is not moved by a machine.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from noisegate.core.ids import ItemId
from noisegate.core.item import GateState
from noisegate.core.ports import Assessment, GateChange
from noisegate.core.review import Case

ASSESSMENT = "assessment"
DEADLINE = "deadline"
REVIEW = "review"
"""`GateChange.why`: what moved the gate."""


class GateNow(Protocol):
    """Where an item stands, with the item locked."""

    @property
    def state(self) -> GateState:
        """Held, released, ..."""
        ...

    @property
    def why(self) -> str:
        """What moved the gate last; `submitted` before the first step."""
        ...


class RecordingTransaction(Protocol):
    """What is written about a conclusion, all or nothing."""

    def lock_gate(self, item: ItemId) -> GateNow:
        """Where the item stands; nobody else concludes anything about it until this commits."""
        ...

    def is_erased(self, item: ItemId) -> bool:
        """Whether its contents were removed."""
        ...

    def repeats(self, assessment: Assessment) -> bool:
        """Whether the item's latest assessment came to the same decisions from the same findings."""
        ...

    def save_assessment(self, assessment: Assessment) -> int:
        """Record findings, decisions and notices; gives the assessment's number."""
        ...

    def open_cases(self, cases: Sequence[Case]) -> list[int]:
        """Ask people to look."""
        ...

    def drop_cases(self, item: ItemId, *, keep: Sequence[int], why: str) -> None:
        """Close the blocking cases that nobody has begun and no decision asks for any more."""
        ...

    def change_gate(
        self, item: ItemId, state: GateState, markets: Mapping[str, GateState], *, why: str
    ) -> GateChange | None:
        """Move the gate; None when it stands there already."""
        ...

    def clear_deadline(self, item: ItemId) -> None:
        """The deadline needs no more attention."""
        ...

    def emit(self, event: str, *, kind: str, item: ItemId, body: Mapping[str, Any]) -> None:
        """Tell every receiver, once this has committed."""
        ...


class RecordingStore(Protocol):
    """What recording needs of the store."""

    def transaction(self, *, actor: str = ...) -> AbstractContextManager[RecordingTransaction]:
        """Everything in the block, or nothing."""
        ...


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What came of recording."""

    number: int | None
    """Of the assessment; None when it was known already, or came too late: the item was decided, or erased."""
    change: GateChange | None
    """The step the gate took; None when it stayed."""


def record(store: RecordingStore, assessment: Assessment, *, why: str = ASSESSMENT) -> Recorded:
    """Keep `assessment` and move the gate.

    Args:
        store: Where.
        assessment: Complete, or as far as it was known when the deadline came.
        why: `assessment` or `deadline`; a deadline's conclusion counts only while the item is still held.

    Raises:
        UnknownNameError: the item is not known.
        UnavailableError: the database went away; nothing was recorded, try again.
    """
    item = assessment.item.id
    with store.transaction() as tx:
        gate = tx.lock_gate(item)
        if tx.is_erased(item) or (why == DEADLINE and gate.state is not GateState.HELD):
            tx.clear_deadline(item)
            return Recorded(number=None, change=None)
        number = None
        if not tx.repeats(assessment):
            number = tx.save_assessment(assessment)
            tx.drop_cases(item, keep=tx.open_cases(assessment.cases), why="superseded")
        if gate.why == REVIEW:
            return Recorded(number=number, change=None)
        markets = {market: action.gate for market, action in assessment.outcome.markets.items()}
        change = tx.change_gate(item, assessment.outcome.action.gate, markets, why=why)
        if change is not None:
            tx.emit(
                f"{item}:{change.revision}",
                kind=f"item.{change.state.value}",
                item=item,
                body=told(change, assessment),
            )
        return Recorded(number=number, change=change)


def told(change: GateChange, assessment: Assessment) -> dict[str, Any]:
    """What receivers read of one step of the gate: enough to act, without what the upload says."""
    return {
        "item": change.item,
        "revision": change.revision,
        "state": change.state.value,
        "markets": {market: state.value for market, state in sorted(change.markets.items())},
        "action": assessment.outcome.action.value,
        "labels": list(assessment.outcome.labels),
        "surfaces": sorted({surface for decision in assessment.decisions for surface in decision.surfaces}),
        "why": change.why,
        "decisions": [
            {"id": d.id, "pack": d.pack, "version": d.version, "rule": d.rule, "action": d.action.value}
            for d in assessment.decisions
        ],
    }

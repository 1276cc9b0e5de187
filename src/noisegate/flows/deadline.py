"""The deadline of the gate: decide with what is known, and go on assessing.

What signals have found by now counts: a threat that was heard in time blocks, whatever else is outstanding. Only packs
that are still open follow their `on_deadline`. The assessment itself is not interrupted, and what it concludes later
supersedes this.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from noisegate.core.ids import ItemId
from noisegate.core.item import GateState, Item
from noisegate.core.ports import GateChange
from noisegate.flows.assess import Assessor
from noisegate.flows.record import DEADLINE, GateNow, RecordingStore, record


class Stored(Protocol):
    """An item as the store has it."""

    @property
    def item(self) -> Item:
        """The item."""
        ...

    @property
    def erased_at(self) -> datetime | None:
        """When its contents were removed."""
        ...

    @property
    def gate(self) -> GateNow:
        """Where it stands."""
        ...


class DeadlineStore(RecordingStore, Protocol):
    """What deadlines need of the store."""

    def overdue(self, *, limit: int = ...) -> Sequence[ItemId]:
        """Items whose deadline has passed, the longest waiting first."""
        ...

    def item(self, item: ItemId) -> Stored:
        """An item. Raises UnknownNameError."""
        ...


def overdue(store: DeadlineStore, *, limit: int = 100) -> Sequence[ItemId]:
    """Items that `decide_now` is due for."""
    return store.overdue(limit=limit)


def decide_now(store: DeadlineStore, assessor: Assessor, item: ItemId) -> GateChange | None:
    """Let `item` follow what is known, and `on_deadline` for the rest. Nothing happens when it is no longer held.

    Args:
        store: Where it is kept.
        assessor: Whose packs decide; its runner is not asked for anything, and no file is read.
        item: Its id.

    Raises:
        UnknownNameError: there is no such item.
        UnavailableError: the database went away; the deadline is still due.
    """
    stored = store.item(item)
    if stored.gate.state is not GateState.HELD or stored.erased_at is not None:
        with store.transaction() as tx:
            tx.clear_deadline(item)
        return None
    known = replace(assessor, everything=True)
    return record(store, known.assess(stored.item, until=-math.inf), why=DEADLINE).change

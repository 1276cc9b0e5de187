"""What a worker does with one item or one event: plain calls into flows, in threads.

Each of them can be repeated: a job that ran twice, a deadline noticed by two workers, a lease that ran out.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Protocol

import structlog

from noisegate.core.errors import UnavailableError
from noisegate.core.ids import ItemId
from noisegate.flows.deadline import decide_now
from noisegate.flows.record import record
from noisegate.system import System

_FILES_AT_ONCE = 50
"""Files looked at while no submission is accepted: a few milliseconds."""
_REPORT_EVERY_S = 0.25
"""How often the progress of one item is told; faster helps no eye."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Tasks:
    """The work of one worker."""

    system: System
    moved: Callable[[], None] = lambda: None
    """Called when a gate moved: there may be something to deliver."""

    def assess(self, item: ItemId) -> None:
        """Understand and judge an item, and keep what was concluded.

        Raises:
            UnknownNameError: there is no such item.
            UnavailableError: the database or the files do not answer; try again.
        """
        store = self.system.store
        stored = store.item(item)
        if stored.erased_at is not None:
            return
        progress = Reporter(store.feed, item)
        progress.tell("assessing", {})
        assessment = self.system.item_assessor.assess(stored.item, progress=progress)
        recorded = record(store, assessment)
        log.info(
            "assessed",
            item=item,
            action=assessment.outcome.action.value,
            seconds=round(assessment.timings.get("total", 0.0), 3),
            moved=recorded.change is not None,
        )
        if recorded.change is not None:
            self.moved()

    def decide(self, item: ItemId) -> None:
        """The deadline of an item has come; its files may be away. Raises as `assess`."""
        change = decide_now(self.system.store, self.system.deadline_assessor, item)
        if change is not None:
            log.info("decided at the deadline", item=item, state=change.state.value)
            self.moved()

    def tidy_files(self, now: datetime | None = None) -> int:
        """Remove files that were sent a day ago or earlier and that no item refers to. Returns how many.

        Raises:
            UnavailableError: the database or the file store does not answer.
        """
        blobs, store = self.system.blobs, self.system.store
        removed, settled = 0, blobs.settled(now=now or datetime.now(UTC))
        while few := list(islice(settled, _FILES_AT_ONCE)):
            removed += store.tidy_files(few, blobs.remove)
        if removed:
            log.info("files that nothing refers to were removed", files=removed)
        return removed


class Feed(Protocol):
    """Tells whoever listens."""

    def tell(self, event: str, item: ItemId, details: Mapping[str, Any]) -> None:
        """Report progress."""
        ...


@dataclass
class Reporter:
    """Tells how an assessment is getting on: a few times a second, and never at its cost."""

    feed: Feed
    item: ItemId
    clock: Callable[[], float] = field(default=time.monotonic)
    _answers: int = 0
    _told: float = float("-inf")

    def __call__(self, event: str, details: Mapping[str, Any]) -> None:
        """Take note of an event of `flows.assess`."""
        if event != "signal":
            return
        self._answers += 1
        if self.clock() - self._told >= _REPORT_EVERY_S:
            self.tell("progress", {"answers": self._answers, "signal": details["signal"], "part": details["part"]})

    def tell(self, event: str, details: Mapping[str, Any]) -> None:
        """Report now."""
        self._told = self.clock()
        try:
            self.feed.tell(event, self.item, details)
        except UnavailableError as error:
            log.debug("progress could not be told", reason=error.message)

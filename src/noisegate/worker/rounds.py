"""What a worker looks after again and again: deadlines, deliveries, dead workers, old rows.

Everything is read from the database at every round, so a worker that dies takes nothing with it, and several workers
may do their rounds at the same time.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import structlog

from noisegate.core.errors import NoisegateError
from noisegate.core.ids import ItemId
from noisegate.flows.publish import Courier, Owed

_PARALLEL = 24
"""Deliveries at a time."""
_PER_RECEIVER = 4
_PER_STRUGGLING_RECEIVER = 1
"""Deliveries at a time to a receiver whose last answer was no acceptance."""
_LEASE_S = 20.0
"""How long a delivery may take before another worker tries: longer than the outbox's own time."""
_IDLE_S = 1.0
"""How long to wait for deliveries that another worker's items cause."""
_AGAIN_S = 30.0
"""How long to leave an item alone whose deadline could not be carried out."""
_DUE_AT_ONCE = 100
"""Deadlines carried out in one round, besides those left alone."""

T = TypeVar("T")
log = structlog.get_logger()


class Deliverable(Owed, Protocol):
    """A delivery as the store lends it."""

    @property
    def endpoint(self) -> str:
        """Who gets it."""
        ...


Take = Callable[..., Iterable[Deliverable]]
"""`take(limit=, lease_s=, busy=)`: deliveries that are due."""


async def every(seconds: float, stop: asyncio.Event, step: Callable[[], Awaitable[object]], *, name: str) -> None:
    """Do `step` every so many seconds until `stop` is set; a round that fails is logged and the next one comes."""
    while not stop.is_set():
        try:
            await step()
        except Exception as error:  # noqa: BLE001 - one bad round must not be the last
            _complain(f"a round failed: {name}", error)
        await first(stop.wait(), at_most_s=seconds)


async def first(*waits: Awaitable[object], at_most_s: float) -> None:
    """Wait until one of `waits` is over, or for so many seconds."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, timeout=at_most_s, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


class Deadlines:
    """Carries out the deadlines that have passed."""

    def __init__(
        self,
        overdue: Callable[[int], Iterable[ItemId]],
        decide: Callable[[ItemId], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look for so many with `overdue`, act with `decide`; both are called in threads."""
        self._overdue = overdue
        self._decide = decide
        self._clock = clock
        self._failed: dict[ItemId, float] = {}

    async def round(self) -> None:
        """Decide what is due now. One item that cannot be decided holds up no other."""
        now = self._clock()
        self._failed = {item: until for item, until in self._failed.items() if until > now}
        due = await asyncio.to_thread(lambda: list(self._overdue(_DUE_AT_ONCE + len(self._failed))))
        for item in due:
            if item in self._failed:
                continue
            try:
                await asyncio.to_thread(self._decide, item)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next item must get its turn
                self._failed[item] = now + _AGAIN_S
                _complain("a deadline could not be carried out", error, item=item)


class Deliveries:
    """Delivers what is owed: many at a time, few to each receiver, fewer to one that struggles."""

    def __init__(self, take: Take, courier: Courier) -> None:
        """Get work from `take`, do it with `courier`."""
        self._take = take
        self._courier = courier
        self._threads = ThreadPoolExecutor(_PARALLEL, thread_name_prefix="delivery")
        self._running: set[asyncio.Task[None]] = set()
        self._busy: Counter[str] = Counter()
        self._struggling: set[str] = set()
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There may be something to deliver. Call it in the event loop's thread."""
        self._wake.set()

    async def work(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set, then wait for what has begun."""
        while not stop.is_set():
            self._wake.clear()
            try:
                began = await self._begin()
            except Exception as error:  # noqa: BLE001 - the database may be away for a moment
                _complain("what is owed to receivers could not be read", error)
                began = False
            if not began:
                await first(self._wake.wait(), stop.wait(), at_most_s=_IDLE_S)
        if self._running:
            await asyncio.wait(self._running)
        self._threads.shutdown(wait=False)

    async def _begin(self) -> bool:
        """Start one delivery if there is one and a hand is free."""
        if len(self._running) >= _PARALLEL:
            return False
        full = [name for name, count in self._busy.items() if count >= self._share(name)]
        taken = await asyncio.to_thread(lambda: list(self._take(limit=1, lease_s=_LEASE_S, busy=full)))
        for owed in taken:
            self._busy[owed.endpoint] += 1
            task = asyncio.create_task(self._deliver(owed))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return bool(taken)

    async def _deliver(self, owed: Deliverable) -> None:
        accepted = False
        try:
            accepted = await asyncio.get_running_loop().run_in_executor(self._threads, self._courier.deliver, owed)
        except Exception as error:  # noqa: BLE001 - its lease runs out and it is sent again
            _complain("what came of a delivery could not be written down", error, event=owed.event)
        finally:
            self._busy[owed.endpoint] -= 1
            self._busy += Counter()  # drops what is zero
            (self._struggling.discard if accepted else self._struggling.add)(owed.endpoint)
            self.wake()

    def _share(self, endpoint: str) -> int:
        return _PER_STRUGGLING_RECEIVER if endpoint in self._struggling else _PER_RECEIVER


def _complain(message: str, error: Exception, **about: object) -> None:
    if isinstance(error, NoisegateError):
        log.warning(message, reason=error.message, **about)
    else:
        log.error(message, exc_info=error, **about)

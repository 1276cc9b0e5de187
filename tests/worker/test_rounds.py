import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from noisegate.core.errors import UnavailableError
from noisegate.core.ids import ItemId
from noisegate.flows.publish import Courier
from noisegate.worker.rounds import Deadlines, Deliveries, every


@dataclass(frozen=True)
class Parcel:
    """An event for one receiver."""

    endpoint: str
    event: str = "itm_1:1"
    kind: str = "item.released"
    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    body: dict[str, Any] = field(default_factory=dict)
    attempts: int = 1
    secret: str = "whsec_"

    @property
    def url(self) -> str:
        return f"https://{self.endpoint}.example.org/"


class Shelf:
    """A shelf of parcels and the receivers they go to; one receiver can be told to be slow or down."""

    def __init__(self, parcels: Iterable[Parcel]) -> None:
        self.waiting = list(parcels)
        self.most: Counter[str] = Counter()
        self.now: Counter[str] = Counter()
        self.log: list[tuple[str, str]] = []
        self.slow = threading.Event()
        self.down: set[str] = set()
        self._lock = threading.Lock()

    def take(self, *, limit: int, lease_s: float, busy: list[str]) -> list[Parcel]:
        """See the store."""
        assert lease_s > 10
        with self._lock:
            chosen = [parcel for parcel in self.waiting if parcel.endpoint not in busy][:limit]
            for parcel in chosen:
                self.waiting.remove(parcel)
            return chosen

    def deliver(self, *, address: str, secret: str, event_id: str, body: bytes) -> None:
        """See the outbox."""
        name = address.removeprefix("https://").partition(".")[0]
        with self._lock:
            self.now[name] += 1
            self.most[name] = max(self.most[name], self.now[name])
        try:
            if name == "slow":
                self.slow.wait(10)
            if name in self.down:
                raise UnavailableError("down")
        finally:
            with self._lock:
                self.now[name] -= 1

    def delivered(self, delivery: Parcel) -> None:
        """See the store."""
        self.log.append(("delivered", delivery.endpoint))

    def postpone(self, delivery: Parcel, *, retry_in_s: float, error: str) -> None:
        """See the store."""
        self.log.append(("postponed", delivery.endpoint))

    def give_up(self, delivery: Parcel, *, error: str) -> None:
        """See the store."""
        self.log.append(("given up", delivery.endpoint))


def run_until(shelf: Shelf, done: Callable[[], bool]) -> None:
    """Deliver until `done` says so."""

    async def go() -> None:
        stop = asyncio.Event()
        deliveries = Deliveries(shelf.take, Courier(book=shelf, outbox=shelf, dice=lambda: 0.5))
        work = asyncio.create_task(deliveries.work(stop))
        async with asyncio.timeout(20):
            while not done():  # noqa: ASYNC110 - it happens in other threads
                await asyncio.sleep(0.002)
        shelf.slow.set()
        stop.set()
        await work

    asyncio.run(go())


def test_a_slow_receiver_holds_up_nobody_else() -> None:
    """It gets its few hands; a hundred events for somebody else go out meanwhile."""
    shelf = Shelf([*(Parcel("slow") for _ in range(50)), *(Parcel("quick") for _ in range(100))])
    run_until(shelf, lambda: shelf.log.count(("delivered", "quick")) == 100)
    assert shelf.most["slow"] == 4
    assert 1 <= shelf.most["quick"] <= 4


def test_a_receiver_that_is_down_gets_one_hand() -> None:
    """Until it accepts something again."""
    shelf = Shelf([Parcel("gone") for _ in range(30)])
    shelf.down.add("gone")
    run_until(shelf, lambda: shelf.log.count(("postponed", "gone")) >= 10)
    shelf.most.clear()
    shelf.waiting = [Parcel("gone") for _ in range(5)]
    run_until(shelf, lambda: shelf.log.count(("postponed", "gone")) >= 15)
    assert shelf.most["gone"] <= 4


def test_what_has_begun_is_finished_before_the_end() -> None:
    """Stopping does not tear a delivery apart."""
    shelf = Shelf([Parcel("slow")])
    run_until(shelf, lambda: shelf.now["slow"] == 1)
    assert shelf.log == [("delivered", "slow")]


def test_one_deadline_that_fails_holds_up_no_other() -> None:
    """It is left alone for a while; then it gets another turn."""
    now = [0.0]
    decided: list[str] = []

    def decide(item: ItemId) -> None:
        decided.append(item)
        if item == "bad":
            raise UnavailableError("not now")

    deadlines = Deadlines(lambda limit: [ItemId("bad"), ItemId("good")][:limit], decide, clock=lambda: now[0])
    asyncio.run(deadlines.round())
    asyncio.run(deadlines.round())
    assert decided == ["bad", "good", "good"]
    now[0] = 31.0
    asyncio.run(deadlines.round())
    assert decided == ["bad", "good", "good", "bad", "good"]


def test_many_deadlines_that_cannot_be_carried_out_hold_up_no_other() -> None:
    """Though they wait longest, and only so many are looked at in a round."""
    decided: list[str] = []

    def decide(item: ItemId) -> None:
        if item.startswith("bad"):
            raise UnavailableError("not now")
        decided.append(item)

    due = [*(ItemId(f"bad {n}") for n in range(250)), ItemId("good")]
    deadlines = Deadlines(lambda limit: due[:limit], decide, clock=lambda: 0.0)
    for _ in range(3):
        asyncio.run(deadlines.round())
    assert decided == ["good"]


def test_a_round_that_fails_is_followed_by_the_next() -> None:
    """And stopping ends them at once, not at the end of the wait."""
    rounds: list[int] = []

    async def go() -> None:
        stop = asyncio.Event()

        async def step() -> None:
            rounds.append(1)
            if len(rounds) == 3:
                stop.set()
            raise RuntimeError("bad round")

        async with asyncio.timeout(5):
            await every(0.001, stop, step, name="test")
        async with asyncio.timeout(5):
            await every(3600.0, stop, step, name="test")

    asyncio.run(go())
    assert len(rounds) == 3

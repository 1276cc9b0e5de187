"""What happens, told as it happens: the ledger's new entries and the progress of assessments, to every listener.

One thread hears the database and passes on to all; a listener that comes back names the last entry it had and gets what
followed. One that reads too slowly is let go, and comes back the same way. Progress is only for whoever is there.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import structlog

from noisegate.core.errors import UnavailableError
from noisegate.core.ids import ItemId

_PAGE = 200
_BUFFER = 2_000
"""Events that may wait for one listener."""
_AGAIN_S = 0.5

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened."""

    name: str
    """The ledger entry's kind, or `progress` and the like."""
    item: ItemId | None
    data: Mapping[str, Any]
    seq: int | None = None
    """Number of the ledger entry; None for progress, which cannot be had again."""


class Entry(Protocol):
    """A ledger entry."""

    seq: int
    at: datetime
    kind: str
    item: ItemId | None
    actor: str
    body: Mapping[str, Any]


class Heard(Protocol):
    """What the feed says."""

    event: str
    item: ItemId | None
    details: Mapping[str, Any]


class Ledger(Protocol):
    """Reads the ledger."""

    def after(self, seq: int = ..., *, item: ItemId | None = ..., limit: int = ...) -> Sequence[Any]:
        """The entries that follow `seq`."""
        ...

    def head(self) -> Any:
        """The last entry, with its `seq`."""
        ...


class Feed(Protocol):
    """Hears what happens."""

    def listen(self, stop: threading.Event, *, ready: threading.Event | None = ...) -> Iterator[Any]:
        """What happens from now on."""
        ...


@dataclass(eq=False)
class _Listener:
    loop: asyncio.AbstractEventLoop
    item: ItemId | None
    waiting: "asyncio.Queue[Event | None]" = field(default_factory=lambda: asyncio.Queue(_BUFFER))

    def put(self, event: Event | None) -> None:
        """In the loop's thread: an event, or None for the end."""
        if event is None or self.waiting.full():
            while not self.waiting.empty():
                self.waiting.get_nowait()
            event = None
        self.waiting.put_nowait(event)


class Live:
    """Passes on what the database says."""

    def __init__(self, feed: Feed, ledger: Ledger) -> None:
        """Hear `feed`, read `ledger`; `start` begins."""
        self._feed = feed
        self._ledger = ledger
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._listeners: set[_Listener] = set()
        self._seq = 0
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)

    def start(self) -> None:
        """Begin to listen. Raises UnavailableError."""
        self._seq = self._ledger.head().seq
        self._thread.start()

    def close(self) -> None:
        """End every listener's stream. Safe to call twice, and in a signal handler's wake."""
        self._stop.set()
        self._tell(None)

    def join(self) -> None:
        """Wait for the thread, after `close`."""
        if self._thread.is_alive():
            self._thread.join()

    async def follow(self, *, after: int | None = None, item: ItemId | None = None) -> AsyncIterator[Event]:
        """What happens from now on; with `after`, what followed that ledger entry first.

        Ends when the API stops, or when the caller reads too slowly.
        """
        listener = _Listener(asyncio.get_running_loop(), item)
        with self._lock:
            self._listeners.add(listener)
        try:
            seq = after
            while seq is not None:
                page = await asyncio.to_thread(self._ledger.after, seq, item=item, limit=_PAGE)
                for entry in page:
                    yield _event(entry)
                    seq = entry.seq
                if len(page) < _PAGE:
                    break
            while not self._stop.is_set() and (event := await listener.waiting.get()) is not None:
                if event.seq is None or event.seq > (seq or 0):
                    yield event
        finally:
            with self._lock:
                self._listeners.discard(listener)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                for heard in self._feed.listen(self._stop, ready=_Ready(self._catch_up)):
                    if heard.event == "ledger":
                        self._catch_up()
                    else:
                        self._tell(Event(name=heard.event, item=heard.item, data=heard.details))
            except UnavailableError as error:
                log.warning("events cannot be heard; listening again", reason=error.message)
                self._stop.wait(_AGAIN_S)
            except Exception:  # one message that makes no sense must not be the last
                log.exception("what the database said was not understood; listening again")
                self._stop.wait(_AGAIN_S)

    def _catch_up(self) -> None:
        while page := self._ledger.after(self._seq, limit=_PAGE):
            for entry in page:
                self._seq = entry.seq
                self._tell(_event(entry))

    def _tell(self, event: Event | None) -> None:
        with self._lock:
            listeners = [one for one in self._listeners if event is None or one.item in {None, event.item}]
        for listener in listeners:
            try:
                listener.loop.call_soon_threadsafe(listener.put, event)
            except RuntimeError:  # its loop has ended meanwhile
                continue


class _Ready(threading.Event):
    """Calls back when nothing can be missed any more, in the listening thread."""

    def __init__(self, then: Callable[[], None]) -> None:
        super().__init__()
        self._then = then

    def set(self) -> None:
        """Note it, and catch up on what happened while nobody listened."""
        super().set()
        self._then()


def _event(entry: Entry) -> Event:
    data = {"seq": entry.seq, "at": entry.at.isoformat(), "kind": entry.kind, "item": entry.item}
    return Event(
        name=entry.kind, item=entry.item, data={**data, "actor": entry.actor, "body": entry.body}, seq=entry.seq
    )

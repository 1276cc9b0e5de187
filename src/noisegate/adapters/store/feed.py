"""What is happening now: progress of assessments, and word that the ledger has grown.

Progress is told to whoever listens and kept by nobody. The ledger's word is only a wake-up: a reader then asks the
ledger for what follows the last entry it has, and so misses nothing, not even what happened while it was away.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from noisegate.adapters.store.ledger import CHANNEL as LEDGER
from noisegate.adapters.store.queries import Queries
from noisegate.core.ids import ItemId, plain

if TYPE_CHECKING:
    from noisegate.adapters.store.pool import Pool

PROGRESS = "noisegate_progress"
_LONGEST_PAYLOAD = 7_900  # bytes; PostgreSQL refuses 8000
_SQL = Queries("ledger")


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something that happened a moment ago."""

    event: str
    """`ledger`, with the newest `seq` in `details`, or the name of a progress event."""
    item: ItemId | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class Feed:
    """Tells and hears what is happening, in every process that uses the database."""

    def __init__(self, pool: "Pool") -> None:
        """Speak through `pool`; every listener has a connection of its own."""
        self._pool = pool

    def tell(self, event: str, item: ItemId, details: Mapping[str, Any]) -> None:
        """Report progress. Details that are too long for a notification are left out."""
        told: dict[str, Any] = {"event": event, "item": item, "details": plain(details)}
        payload = json.dumps(told)
        if len(payload) > _LONGEST_PAYLOAD:
            payload = json.dumps({**told, "details": {}})
        with self._pool.connection() as connection:
            connection.execute(_SQL["announce"], {"channel": PROGRESS, "payload": payload})

    def listen(self, stop: threading.Event, *, ready: threading.Event | None = None) -> Iterator[Notice]:
        """What happens from now on, until `stop` is set (noticed within half a second).

        Args:
            stop: set by another thread to end.
            ready: set here once nothing can be missed any more.

        Raises:
            UnavailableError: the database went away; listen again.
        """
        with self._pool.own_connection() as connection:
            connection.execute(f"LISTEN {LEDGER}")
            connection.execute(f"LISTEN {PROGRESS}")
            if ready is not None:
                ready.set()
            while not stop.is_set():
                for heard in connection.notifies(timeout=0.5, stop_after=1):
                    yield _notice(heard.channel, heard.payload)


def _notice(channel: str, payload: str) -> Notice:
    if channel == LEDGER:
        return Notice(event="ledger", details={"seq": int(payload)})
    told = json.loads(payload)
    return Notice(event=told["event"], item=told["item"], details=told["details"])

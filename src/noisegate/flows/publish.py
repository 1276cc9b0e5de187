"""Tell receivers what the gate did: at least once, in order per item, and never at anybody else's cost.

One event is sent once per call; when it fails, it is due again later and later, until it is given up. Which deliveries
are taken, and how many at a time, is the worker's business; the order per item is the store's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from noisegate.core.errors import UnavailableError
from noisegate.core.ids import canonical_json
from noisegate.core.ports import Outbox

ATTEMPTS = 14
"""After so many a delivery is given up: with the waits below that is a little more than a day."""
_FIRST_WAIT_S = 2.0
_LONGEST_WAIT_S = 6 * 3600.0
_GROWTH = 3.0
_JITTER = 0.2
"""Share by which a wait is longer or shorter, so that many do not come back at once."""


class Owed(Protocol):
    """One event that one receiver has not confirmed."""

    @property
    def event(self) -> str:
        """Its id, the same at every attempt."""
        ...

    @property
    def kind(self) -> str:
        """For example `item.released`."""
        ...

    @property
    def at(self) -> datetime:
        """When it happened."""
        ...

    @property
    def body(self) -> Mapping[str, Any]:
        """What it says."""
        ...

    @property
    def attempts(self) -> int:
        """Counting this one."""
        ...

    @property
    def url(self) -> str:
        """Where it goes."""
        ...

    @property
    def secret(self) -> str:
        """What signs it."""
        ...


class DeliveryBook(Protocol):
    """Keeps what is owed."""

    def delivered(self, delivery: Any) -> None:
        """It was confirmed."""
        ...

    def postpone(self, delivery: Any, *, retry_in_s: float, error: str) -> None:
        """It failed; it is due again later."""
        ...

    def give_up(self, delivery: Any, *, error: str) -> None:
        """It failed too often."""
        ...


@dataclass(frozen=True, kw_only=True)
class Courier:
    """What delivering needs."""

    book: DeliveryBook
    outbox: Outbox
    dice: Callable[[], float]
    """0..1, for the jitter."""

    def deliver(self, owed: Owed) -> bool:
        """Send `owed` once and write down what came of it.

        Returns:
            Whether the receiver confirmed it.

        Raises:
            UnavailableError: the database went away; the lease runs out and it is sent again.
        """
        try:
            self.outbox.deliver(address=owed.url, secret=owed.secret, event_id=owed.event, body=payload(owed))
        except UnavailableError as error:
            if owed.attempts >= ATTEMPTS:
                self.book.give_up(owed, error=error.message)
            else:
                self.book.postpone(owed, retry_in_s=wait_s(owed.attempts, self.dice()), error=error.message)
            return False
        self.book.delivered(owed)
        return True


def payload(owed: Owed) -> bytes:
    """The bytes of an event, the same at every attempt: `type`, `timestamp` and `data`, as Standard Webhooks has it."""
    return canonical_json({"type": owed.kind, "timestamp": owed.at.isoformat(), "data": dict(owed.body)})


def wait_s(attempts: int, dice: float) -> float:
    """Seconds to wait after so many failed attempts: 2, 6, 18... up to six hours, give or take a fifth."""
    wait = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * _GROWTH ** min(attempts - 1, 100))
    return wait * (1 + _JITTER * (2 * dice - 1))

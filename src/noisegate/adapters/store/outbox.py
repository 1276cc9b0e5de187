"""What the outside is told: endpoints, and the deliveries owed to them. Sending is another adapter's work.

Events are made by `Transaction.emit`, together with what they are about. A worker takes deliveries that are due, sends
them, and reports; one that dies in between leaves a lease that runs out. So an endpoint hears of everything at least
once, and of one item in order: nothing later about an item is taken while something earlier is not settled.
"""

import base64
import secrets
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from noisegate.adapters.store import ledger
from noisegate.adapters.store.ledger import NewEntry
from noisegate.adapters.store.queries import Queries
from noisegate.adapters.store.records import Delivery, DeliveryState, Endpoint
from noisegate.core.errors import UnknownNameError
from noisegate.core.ids import ItemId

if TYPE_CHECKING:
    from noisegate.adapters.store.pool import Pool

_SQL = Queries("outbox")


class Outbox:
    """Keeps endpoints and deliveries."""

    def __init__(self, pool: "Pool") -> None:
        """Keep them through `pool`."""
        self._pool = pool

    def add_endpoint(self, url: str, *, kinds: Iterable[str] = (), actor: str = "system") -> tuple[Endpoint, str]:
        """Tell `url` of everything that happens from now on, or of the named kinds of events.

        Returns:
            The endpoint, and the secret that signs what is sent to it.
        """
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()  # as Standard Webhooks writes it
        row = {"endpoint_id": f"end_{secrets.token_hex(6)}", "url": url, "secret": secret, "kinds": sorted(set(kinds))}
        with self._pool.connection() as connection:
            made = connection.execute(_SQL["insert_endpoint"], row).fetchone() or {}
            body = {"endpoint": row["endpoint_id"], "kinds": row["kinds"]}
            ledger.append(connection, [NewEntry(kind="endpoint_added", item=None, actor=actor, body=body)])
        return _endpoint(made), secret

    def remove_endpoint(self, endpoint: str, *, actor: str = "system") -> None:
        """Tell it nothing more; what is still owed to it is given up.

        Raises:
            UnknownNameError: no such endpoint.
        """
        with self._pool.connection() as connection:
            if connection.execute(_SQL["remove_endpoint"], {"endpoint_id": endpoint}).fetchone() is None:
                raise UnknownNameError(f"no endpoint is called `{endpoint}`")
            body = {"endpoint": endpoint}
            ledger.append(connection, [NewEntry(kind="endpoint_removed", item=None, actor=actor, body=body)])
            # After the ledger's lock: whoever was addressing an event to it under that lock has committed.
            connection.execute(_SQL["drop_pending"], {"endpoint_id": endpoint})

    def endpoints(self) -> list[Endpoint]:
        """Every endpoint in use, oldest first."""
        with self._pool.connection() as connection:
            return [_endpoint(row) for row in connection.execute(_SQL["endpoints"])]

    def take(self, *, limit: int = 20, lease_s: float = 60.0, busy: Iterable[str] = ()) -> list[Delivery]:
        """Take deliveries that are due, in the order of their events.

        Args:
            limit: how many at most.
            lease_s: seconds after which another worker may take what is not reported by then.
            busy: endpoints that have enough to do; nothing is taken for them, so that a slow one holds up nobody else.
        """
        named = {"limit": limit, "lease_s": lease_s, "busy": list(busy)}
        with self._pool.connection() as connection:
            rows = connection.execute(_SQL["take_due"], named).fetchall()
        return [
            Delivery(
                position=row["position"],
                endpoint=row["endpoint_id"],
                attempts=row["attempts"],
                event=row["event_id"],
                kind=row["kind"],
                item=ItemId(row["item_id"]),
                body=row["body"],
                at=row["at"],
                url=row["url"],
                secret=row["secret"],
            )
            for row in rows
        ]

    def delivered(self, delivery: Delivery) -> None:
        """The endpoint confirmed it."""
        self._report("delivered", delivery)

    def postpone(self, delivery: Delivery, *, retry_in_s: float, error: str) -> None:
        """It failed; try again after `retry_in_s` seconds."""
        self._report("postponed", delivery, retry_in_s=retry_in_s, error=error)

    def give_up(self, delivery: Delivery, *, error: str) -> None:
        """It failed too often; later events of the item are free to go."""
        self._report("given_up", delivery, error=error)

    def next_due_in_s(self) -> float | None:
        """Seconds until something may be due (leases included); at most 0 for now, None when nothing is owed."""
        with self._pool.connection() as connection:
            row = connection.execute(_SQL["next_due"]).fetchone()
        return row["seconds"] if row else None

    def deliveries(
        self, *, item: ItemId | None = None, state: str | None = None, limit: int = 100
    ) -> list[DeliveryState]:
        """How deliveries stand, newest event first. `state`: `pending`, `delivered`, `given_up`, or None for all."""
        with self._pool.connection() as connection:
            rows = connection.execute(_SQL["deliveries"], {"item_id": item, "state": state, "limit": limit}).fetchall()
        return [
            DeliveryState(
                event=row["event_id"],
                kind=row["kind"],
                item=ItemId(row["item_id"]),
                endpoint=row["endpoint_id"],
                state=row["state"],
                attempts=row["attempts"],
                due_at=row["due_at"],
                delivered_at=row["delivered_at"],
                error=row["error"],
            )
            for row in rows
        ]

    def prune(self, *, days: int) -> None:
        """Forget deliveries and events that were settled so many days ago; the ledger keeps what happened."""
        with self._pool.connection() as connection:
            connection.execute(_SQL["prune_deliveries"], {"days": days})
            connection.execute(_SQL["prune_events"], {"days": days})

    def _report(self, statement: str, delivery: Delivery, **values: Any) -> None:
        named = {"position": delivery.position, "endpoint_id": delivery.endpoint, "attempts": delivery.attempts}
        if isinstance(values.get("error"), str):
            values["error"] = values["error"].replace("\x00", "")[:1000]
        with self._pool.connection() as connection:
            connection.execute(_SQL[statement], {**named, **values})


def _endpoint(row: Mapping[str, Any]) -> Endpoint:
    return Endpoint(id=row["endpoint_id"], url=row["url"], kinds=frozenset(row["kinds"]), created_at=row["created_at"])

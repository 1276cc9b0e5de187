"""The append-only, hash-chained ledger: who did what to which item, and when.

Every row's hash covers its content and the hash of the row before it. Changing, removing or inserting a row breaks
the chain from there on; `verify` finds the place. The database refuses changes by itself (triggers, and grants of the
role the application works under). A person with the powers of the database's superuser could cut off the newest rows;
keep a `ChainHead` elsewhere to prove that nobody did.

Bodies hold ids, digests and scores. What people wrote lies beside the ledger and can be erased without breaking it.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from noisegate.adapters.store.queries import Queries
from noisegate.adapters.store.records import ChainHead, LedgerEntry
from noisegate.core.errors import BrokenLedgerError, InvalidInputError
from noisegate.core.ids import ItemId, canonical_json

if TYPE_CHECKING:
    from noisegate.adapters.store.pool import Connection, Pool

CHANNEL = "noisegate_ledger"
"""PostgreSQL notification channel; the payload is the newest `seq`."""
LOCK = 0x6E67_6C65
"""Key of the advisory lock under which rows are added, `ngle`."""

_SQL = Queries("ledger")
_NOTHING = bytes(32)


@dataclass(frozen=True, kw_only=True)
class NewEntry:
    """A row that is about to be added."""

    kind: str
    item: ItemId | None
    actor: str
    body: Mapping[str, Any] = field(default_factory=dict)


def row_hash(*, seq: int, at: datetime, kind: str, item: str | None, actor: str, body: str, prev_hash: bytes) -> bytes:
    """SHA-256 over the canonical JSON of a row.

    Args:
        seq: its number.
        at: aware time, counted in microseconds, in UTC.
        kind: what happened.
        item: about which item, or None.
        actor: who did it.
        body: its canonical JSON text.
        prev_hash: 32 bytes, of the row before; zeros for the first.
    """
    when = at.astimezone(UTC).isoformat(timespec="microseconds")
    covered = [seq, when, kind, item, actor, hashlib.sha256(body.encode()).hexdigest(), prev_hash.hex()]
    return hashlib.sha256(canonical_json(covered)).digest()


def append(connection: "Connection", entries: Sequence[NewEntry]) -> int:
    """Add rows at the end of the caller's transaction.

    Takes the lock of the chain, which is held until the transaction ends: call it last.

    Returns:
        The `seq` of the last row.

    Raises:
        InvalidInputError: a body cannot be written as JSON.
    """
    connection.execute(_SQL["lock"], {"key": LOCK})
    tip = connection.execute(_SQL["tip"]).fetchone() or connection.execute(_SQL["now"]).fetchone() or {}
    seq, last, now = tip.get("seq", 0), tip.get("hash", _NOTHING), tip["now"]
    rows = []
    for entry in entries:
        seq += 1
        try:
            body = canonical_json(entry.body).decode()
        except ValueError as error:
            raise InvalidInputError(f"the ledger cannot hold this `{entry.kind}`: {error}") from error
        row = {"seq": seq, "at": now, "kind": entry.kind, "actor": entry.actor, "body": body, "prev_hash": last}
        last = row_hash(item=entry.item, **row)
        rows.append({**row, "item_id": entry.item, "hash": last})
    with connection.cursor() as cursor:
        cursor.executemany(_SQL["append"], rows)
    connection.execute(_SQL["announce"], {"channel": CHANNEL, "payload": str(seq)})
    return int(seq)


class Ledger:
    """Reads and checks the ledger. Rows are added by `Transaction.append`."""

    def __init__(self, pool: "Pool") -> None:
        """Read through `pool`."""
        self._pool = pool

    def after(self, seq: int = 0, *, item: ItemId | None = None, limit: int = 100) -> list[LedgerEntry]:
        """The rows that follow `seq`, oldest first; a reader that comes back with the last one misses none."""
        with self._pool.connection() as connection:
            rows = connection.execute(_SQL["after"], {"seq": seq, "item_id": item, "limit": limit}).fetchall()
        return [_entry(row) for row in rows]

    def head(self) -> ChainHead:
        """The last row; `seq` 0 for an empty ledger."""
        with self._pool.connection() as connection:
            tip = connection.execute(_SQL["tip"]).fetchone()
        return ChainHead(seq=tip["seq"], hash=tip["hash"].hex()) if tip else ChainHead(seq=0, hash=_NOTHING.hex())

    def verify(self, known: ChainHead | None = None) -> ChainHead:
        """Walk the whole chain.

        Args:
            known: a head from an earlier walk; it must still be in the chain.

        Returns:
            The head, to be kept elsewhere.

        Raises:
            BrokenLedgerError: names the first row that does not fit.
        """
        last = ChainHead(seq=0, hash=_NOTHING.hex())
        for row in self._walk():
            if row["seq"] != last.seq + 1:
                raise BrokenLedgerError(f"ledger row {last.seq + 1} is missing: row {row['seq']} follows {last.seq}")
            named = (
                f"ledger row {row['seq']} (`{row['kind']}` of item `{row['item_id']}`, {row['at']:%Y-%m-%d %H:%M:%S})"
            )
            if row["prev_hash"].hex() != last.hash:
                raise BrokenLedgerError(f"{named} does not follow the row before it")
            expected = row_hash(
                seq=row["seq"],
                at=row["at"],
                kind=row["kind"],
                item=row["item_id"],
                actor=row["actor"],
                body=row["body"],
                prev_hash=row["prev_hash"],
            )
            if not hmac.compare_digest(expected, row["hash"]):
                raise BrokenLedgerError(f"{named} was changed: its hash says something else")
            last = ChainHead(seq=row["seq"], hash=row["hash"].hex())
            if known and known.seq == last.seq and known.hash != last.hash:
                raise BrokenLedgerError(f"{named} is not the row that was there when the ledger was last checked")
        if known and known.seq > last.seq:
            raise BrokenLedgerError(
                f"ledger rows {last.seq + 1} to {known.seq} are missing: the ledger was longer when it was last checked"
            )
        return last

    def _walk(self) -> Iterator[Mapping[str, Any]]:
        with self._pool.connection() as connection, connection.cursor(name="walk") as cursor:
            cursor.itersize = 5_000
            yield from cursor.execute(_SQL["walk"])


def _entry(row: Mapping[str, Any]) -> LedgerEntry:
    return LedgerEntry(
        seq=row["seq"],
        at=row["at"],
        kind=row["kind"],
        item=row["item_id"],
        actor=row["actor"],
        body=json.loads(row["body"]),
        prev_hash=row["prev_hash"].hex(),
        hash=row["hash"].hex(),
    )

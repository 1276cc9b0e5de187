"""Banks of known content: hashes that a signal compares with, in revisions that stay reproducible.

A bank is known to signals by the digest of its entries. Every change makes a new revision; the entries of an older
digest can still be had, so that a decision made with it can be derived again. This module compares nothing.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from noisegate.adapters.store import ledger
from noisegate.adapters.store.documents import tidy, written
from noisegate.adapters.store.ledger import NewEntry
from noisegate.adapters.store.queries import Queries
from noisegate.adapters.store.records import Bank
from noisegate.core.errors import InvalidInputError, UnknownNameError
from noisegate.core.ids import Digest, digest_of_value
from noisegate.core.signal import BankEntry

if TYPE_CHECKING:
    from noisegate.adapters.store.pool import Connection, Pool

HASH_BITS = {"pdq": (256,), "phash": (64, 256)}
"""Kind of hash -> how many bits it may have."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_SQL = Queries("registry")


class Banks:
    """Keeps banks and their entries."""

    def __init__(self, pool: "Pool") -> None:
        """Keep them through `pool`."""
        self._pool = pool

    def all(self) -> list[Bank]:
        """Every bank, by name."""
        with self._pool.connection() as connection:
            rows = connection.execute(_SQL["banks"]).fetchall()
        return [
            Bank(name=row["name"], revision=row["revision"], digest=Digest(row["digest"]), entries=row["entries"])
            for row in rows
        ]

    def names(self) -> tuple[str, ...]:
        """Every bank that ever had an entry, sorted."""
        return tuple(bank.name for bank in self.all())

    def add(self, bank: str, entries: Iterable[BankEntry], *, actor: str = "system") -> Digest:
        """Add entries, to a new bank if need be; one under a known id replaces it.

        Returns:
            The bank's new digest.

        Raises:
            InvalidInputError: a hash is not one, or a bank cannot be called that.
        """
        if not _NAME.fullmatch(bank):
            raise InvalidInputError(f"a bank cannot be called {bank!r}; allowed: lower-case letters, digits, hyphens")
        return self._change(bank, add=[_checked(entry) for entry in entries], remove=(), actor=actor)

    def remove(self, bank: str, entries: Iterable[str], *, actor: str = "system") -> Digest:
        """Remove entries by id; decisions that were made with them can still be derived again.

        Returns:
            The bank's new digest.

        Raises:
            UnknownNameError: no such bank, or no such entry in it; nothing was removed.
        """
        return self._change(bank, add=(), remove=sorted(set(entries)), actor=actor)

    def digest(self, bank: str) -> Digest:
        """What the bank holds now; the empty string for a bank that never had an entry."""
        with self._pool.connection() as connection:
            row = connection.execute(_SQL["bank_head"], {"bank": bank}).fetchone()
        return Digest(row["digest"]) if row else Digest("")

    def entries(self, bank: str, digest: Digest) -> Sequence[BankEntry]:
        """The entries of a bank as it was under `digest`, by id; none under the empty digest.

        Raises:
            UnknownNameError: the bank never had that digest.
        """
        if not digest:
            return ()
        with self._pool.connection() as connection:
            row = connection.execute(_SQL["bank_revision"], {"bank": bank, "digest": digest}).fetchone()
            if row is None or row["revision"] is None:
                raise UnknownNameError(f"the bank `{bank}` never had the digest `{digest}`")
            return _entries(connection, bank, row["revision"])

    def _change(self, bank: str, *, add: Sequence[BankEntry], remove: Sequence[str], actor: str) -> Digest:
        with self._pool.connection() as connection:
            if add:
                connection.execute(_SQL["insert_bank"], {"bank": bank})
            row = connection.execute(_SQL["lock_bank"], {"bank": bank}).fetchone()
            if row is None:
                raise UnknownNameError(f"no bank is called `{bank}`")
            at = {"bank": bank, "revision": row["revision"] + 1}
            for entry_id in remove:
                if connection.execute(_SQL["end_entry"], {**at, "entry_id": entry_id}).fetchone() is None:
                    raise UnknownNameError(f"the bank `{bank}` has no entry `{entry_id}`")
            for entry in add:
                added = {**at, "entry_id": entry.id, "label": entry.label, "note": entry.note, "actor": actor}
                connection.execute(_SQL["end_entry"], added)
                connection.execute(_SQL["insert_entry"], {**added, "hashes": written(entry.hashes)})
            digest = bank_digest(_entries(connection, bank, at["revision"]))
            connection.execute(_SQL["insert_bank_version"], {**at, "digest": digest})
            connection.execute(_SQL["advance_bank"], at)
            body = {**at, "digest": digest, "added": sorted(entry.id for entry in add), "removed": list(remove)}
            ledger.append(connection, [NewEntry(kind="bank_changed", item=None, actor=actor, body=body)])
        return digest


def bank_digest(entries: Iterable[BankEntry]) -> Digest:
    """The digest of a bank with these entries, in any order."""
    return digest_of_value(sorted(entries, key=lambda entry: entry.id))


def _entries(connection: "Connection", bank: str, revision: int) -> list[BankEntry]:
    rows: Iterable[Mapping[str, Any]] = connection.execute(_SQL["bank_entries"], {"bank": bank, "revision": revision})
    return [BankEntry(id=row["entry_id"], hashes=row["hashes"], label=row["label"], note=row["note"]) for row in rows]


def _checked(entry: BankEntry) -> BankEntry:
    for kind, digits in entry.hashes.items():
        sizes = HASH_BITS.get(kind)
        if sizes is None:
            raise InvalidInputError(f"`{kind}` is not a kind of hash; allowed: {', '.join(sorted(HASH_BITS))}")
        if len(digits) * 4 not in sizes or digits.strip("0123456789abcdef"):
            allowed = " or ".join(str(size // 4) for size in sizes)
            raise InvalidInputError(f"`{digits}` is not a {kind} hash: {allowed} hexadecimal digits, in lower case")
    return BankEntry(id=tidy(entry.id), hashes=entry.hashes, label=entry.label, note=tidy(entry.note))

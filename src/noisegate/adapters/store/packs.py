"""Published policy packs: a version, once seen, never changes.

Which packs are in force is not said here; this keeps what any recorded decision can be derived from again.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from noisegate.adapters.store import ledger
from noisegate.adapters.store.documents import written
from noisegate.adapters.store.ledger import NewEntry
from noisegate.adapters.store.queries import Queries
from noisegate.adapters.store.records import FrozenPack
from noisegate.core.errors import ConflictError, UnknownNameError
from noisegate.core.ids import Digest, short
from noisegate.core.policy import PolicyPack

if TYPE_CHECKING:
    from noisegate.adapters.store.pool import Pool

_SQL = Queries("registry")


class Packs:
    """Freezes and finds versions of policy packs."""

    def __init__(self, pool: "Pool") -> None:
        """Keep them through `pool`."""
        self._pool = pool

    def freeze(self, packs: Iterable[PolicyPack], *, actor: str = "system") -> None:
        """Record the packs that are about to decide; those that are known already must be what they were.

        Raises:
            ConflictError: a version was published before with other content; nothing was recorded.
        """
        new = []
        with self._pool.connection() as connection:
            for pack in packs:
                row = {
                    "name": pack.name,
                    "version": pack.version,
                    "digest": pack.digest,
                    "title": pack.title,
                    "owner": pack.owner,
                    "sources": written(pack.sources),
                }
                if connection.execute(_SQL["insert_pack"], row).fetchone() is not None:
                    body = {"pack": pack.name, "version": pack.version, "digest": pack.digest}
                    new.append(NewEntry(kind="pack_frozen", item=None, actor=actor, body=body))
                    continue
                known = connection.execute(_SQL["pack"], row).fetchone()
                if known is None or known["digest"] != pack.digest:
                    was = short(Digest(known["digest"]), 12) if known else "another pack"
                    raise ConflictError(
                        f"version {pack.version} of the pack `{pack.name}` was published with other content "
                        f"({was}, now {short(pack.digest, 12)})",
                        hint=f"published versions do not change: write `version: {pack.version + 1}` in its pack.yaml",
                    )
            if new:
                ledger.append(connection, new)

    def get(self, name: str, version: int) -> FrozenPack:
        """One version.

        Raises:
            UnknownNameError: it was never published here.
        """
        with self._pool.connection() as connection:
            row = connection.execute(_SQL["pack"], {"name": name, "version": version}).fetchone()
        if row is None:
            raise UnknownNameError(f"version {version} of the pack `{name}` was never in force here")
        return _pack(row)

    def all(self) -> list[FrozenPack]:
        """Every version of every pack, by name and version."""
        with self._pool.connection() as connection:
            return [_pack(row) for row in connection.execute(_SQL["packs"])]


def _pack(row: Mapping[str, Any]) -> FrozenPack:
    return FrozenPack(
        name=row["name"],
        version=row["version"],
        digest=Digest(row["digest"]),
        title=row["title"],
        owner=row["owner"],
        sources=row["sources"],
        frozen_at=row["frozen_at"],
    )

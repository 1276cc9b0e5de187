"""API keys: 256 random bits, of which only the SHA-256 is kept.

A guessed key is as hopeless as a guessed hash, so no slow password hash is needed, and a check costs one indexed
lookup. The secret is shown once, when the key is made.
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from noisegate.adapters.store import ledger
from noisegate.adapters.store.documents import tidy
from noisegate.adapters.store.ledger import NewEntry
from noisegate.adapters.store.queries import Queries
from noisegate.adapters.store.records import ApiKey
from noisegate.core.errors import UnknownNameError

if TYPE_CHECKING:
    from noisegate.adapters.store.pool import Pool

PREFIX = "ng_"
"""What every secret begins with, so that people and scanners of leaked secrets know what it is."""

_SQL = Queries("registry")


class Keys:
    """Makes, finds and revokes API keys."""

    def __init__(self, pool: "Pool") -> None:
        """Keep them through `pool`."""
        self._pool = pool

    def create(self, name: str, scopes: Iterable[str], *, actor: str = "system") -> tuple[ApiKey, str]:
        """Make a key.

        Returns:
            The key, and its secret, which cannot be had again.
        """
        secret = PREFIX + secrets.token_urlsafe(32)
        key_id = f"key_{secrets.token_hex(6)}"
        row = {"key_id": key_id, "name": tidy(name), "hash": _hash(secret), "scopes": sorted(set(scopes))}
        with self._pool.connection() as connection:
            made = connection.execute(_SQL["insert_key"], row).fetchone() or {}
            body = {"key": key_id, "scopes": row["scopes"]}
            ledger.append(connection, [NewEntry(kind="key_made", item=None, actor=actor, body=body)])
        return _key(made), secret

    def find(self, secret: str) -> ApiKey | None:
        """The key with this secret, unless it is revoked."""
        with self._pool.connection() as connection:
            row = connection.execute(_SQL["key_by_hash"], {"hash": _hash(secret)}).fetchone()
            if row is None:
                return None
            connection.execute(_SQL["touch_key"], {"key_id": row["key_id"]})
        return _key(row)

    def revoke(self, key_id: str, *, actor: str = "system") -> None:
        """From now on the key opens nothing.

        Raises:
            UnknownNameError: no such key, or it is revoked already.
        """
        with self._pool.connection() as connection:
            if connection.execute(_SQL["revoke_key"], {"key_id": key_id}).fetchone() is None:
                raise UnknownNameError(f"no valid key is called `{key_id}`")
            entry = NewEntry(kind="key_revoked", item=None, actor=actor, body={"key": key_id})
            ledger.append(connection, [entry])

    def all(self) -> list[ApiKey]:
        """Every key, revoked ones too, oldest first."""
        with self._pool.connection() as connection:
            return [_key(row) for row in connection.execute(_SQL["keys"])]


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _key(row: Mapping[str, Any]) -> ApiKey:
    return ApiKey(
        id=row["key_id"],
        name=row["name"],
        scopes=frozenset(row["scopes"]),
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
    )

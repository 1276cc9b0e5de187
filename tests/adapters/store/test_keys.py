import pytest

from noisegate.adapters.store.store import Store
from noisegate.core.errors import UnknownNameError


def test_a_key_is_found_by_its_secret_and_by_nothing_else(store: Store) -> None:
    """The secret is not in the database; using the key is noted."""
    key, secret = store.keys.create("demo", ["submit", "read"])
    assert secret.startswith("ng_")
    assert len(secret) == 46
    assert store.keys.find(secret) == key
    assert store.keys.find(secret + "x") is None
    assert store.keys.find("") is None
    assert store.keys.find("\ud800\x00") is None
    (kept,) = store.keys.all()
    assert kept.last_used_at is not None
    with store.transaction() as tx:
        assert secret not in str(tx.connection.execute("SELECT * FROM api_keys").fetchall())


def test_a_revoked_key_opens_nothing(store: Store) -> None:
    """It stays in the list, and cannot be revoked again; the ledger says who did it."""
    key, secret = store.keys.create("demo", ["read"])
    store.keys.revoke(key.id, actor="key:admin")
    assert store.keys.find(secret) is None
    assert store.keys.all()[0].revoked_at is not None
    with pytest.raises(UnknownNameError, match=key.id):
        store.keys.revoke(key.id)
    made, revoked = store.ledger.after()
    assert (made.kind, made.body) == ("key_made", {"key": key.id, "scopes": ["read"]})
    assert (revoked.kind, revoked.actor) == ("key_revoked", "key:admin")

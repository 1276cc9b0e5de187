import secrets
from collections.abc import Callable

import pytest
from fastapi import FastAPI
from small_world import SmallSystem
from starlette.testclient import TestClient

from noisegate.adapters.store.records import ApiKey
from noisegate.api.keys import TTL_S, Keyring
from noisegate.core.errors import NotAuthenticatedError


class Counting:
    """Keys of a store, counting how often it is asked."""

    def __init__(self, system: SmallSystem) -> None:
        self._system = system
        self.asked = 0

    def find(self, secret: str) -> ApiKey | None:
        """See the store."""
        self.asked += 1
        return self._system.store.keys.find(secret)


def test_a_key_is_looked_up_once_and_remembered_for_a_moment(system: SmallSystem) -> None:
    """So that a verdict reads no database, and a revoked key soon stops working everywhere."""
    made, secret = system.store.keys.create("k", ["read"])
    now, finder = [0.0], Counting(system)
    keyring = Keyring(finder, clock=lambda: now[0])
    assert keyring.remembered(secret) is None
    assert keyring.check(secret).id == made.id
    assert [keyring.remembered(secret) is not None for _ in range(10)] == [True] * 10
    assert finder.asked == 1

    system.store.keys.revoke(made.id)
    now[0] = TTL_S + 0.1
    assert keyring.remembered(secret) is None
    with pytest.raises(NotAuthenticatedError, match="revoked"):
        keyring.check(secret)


def test_what_is_no_key_does_not_reach_the_database(system: SmallSystem) -> None:
    """Noise is turned away at the door."""
    finder = Counting(system)
    for noise in ("", "ng_", "ng_short", "Bearer", "ng_" + "x" * 5000, "ng_" + "\ud800" * 43, "' OR 1=1 --"):
        with pytest.raises(NotAuthenticatedError, match="not an API key"):
            Keyring(finder).check(noise)
    assert finder.asked == 0


def test_guesses_are_not_remembered(system: SmallSystem) -> None:
    """Memory is bounded by the keys that exist."""
    keyring = Keyring(system.store.keys)
    for _ in range(5):
        with pytest.raises(NotAuthenticatedError):
            keyring.check("ng_" + secrets.token_urlsafe(32))
    assert len(keyring._known) == 0


def test_a_key_is_made_shown_once_listed_and_revoked(admin: TestClient, app: FastAPI) -> None:
    """And opens exactly what its scopes say in between."""
    made = admin.post("/v1/keys", json={"name": "upload service", "scopes": ["submit"]}).json()
    listed = {key["id"]: key for key in admin.get("/v1/keys").json()["keys"]}
    assert listed[made["id"]]["scopes"] == ["submit"]
    assert made["secret"] not in admin.get("/v1/keys").text

    other = TestClient(app, headers={"authorization": f"Bearer {made['secret']}"})
    assert other.post("/v1/items", json={"title": "t"}).status_code == 202
    assert other.get("/v1/items").status_code == 403
    assert admin.delete(f"/v1/keys/{made['id']}").status_code == 204
    assert other.post("/v1/items", json={"title": "u"}).status_code == 401
    assert admin.delete(f"/v1/keys/{made['id']}").status_code == 404
    assert {key["id"]: key for key in admin.get("/v1/keys").json()["keys"]}[made["id"]]["revoked_at"] is not None


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic bmc6bmc=", "ng_x", "Bearer ng_" + "x" * 43, "bearer x y"]
)
def test_a_wrong_header_is_no_key(visitor: TestClient, header: str) -> None:
    """401, and how to do it."""
    answer = visitor.get("/v1/items", headers={"authorization": header})
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/v1/verdicts", "/v1/webhooks", "/v1/keys", "/v1/items"])
@pytest.mark.parametrize("said", [{}, {"authorization": "Bearer ng_" + "x" * 43}], ids=["no key", "a made-up key"])
def test_nobody_looks_at_what_a_stranger_sends(visitor: TestClient, path: str, said: dict[str, str]) -> None:
    """Parsing megabytes is work that only callers with a key may cause."""
    answer = visitor.post(path, content=b"{broken", headers={"content-type": "application/json", **said})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_what_somebody_did_is_recorded_under_their_key(
    admin: TestClient, system: SmallSystem, key_for: Callable[..., str]
) -> None:
    """By its id, never by its secret."""
    admin.post("/v1/items", json={"title": "t"})
    (entry,) = [entry for entry in system.store.ledger.after() if entry.kind == "submitted"]
    assert entry.actor in {f"key:{key.id}" for key in system.store.keys.all()}

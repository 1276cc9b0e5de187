import base64
from collections.abc import Callable

import pytest
from small_world import SmallSystem
from starlette.testclient import TestClient


def test_a_receiver_is_registered_listed_and_removed(
    admin: TestClient, system: SmallSystem, judge_all: Callable[[], None]
) -> None:
    """Its secret is shown once; events of the kinds it asked for are owed to it."""
    said = {"url": "https://hooks.example.org/x", "kinds": ["item.blocked"]}
    made = admin.post("/v1/webhooks", json=said)
    assert made.status_code == 201
    assert len(base64.b64decode(made.json()["secret"].removeprefix("whsec_"))) == 32
    listed = admin.get("/v1/webhooks")
    assert [webhook["url"] for webhook in listed.json()["webhooks"]] == ["https://hooks.example.org/x"]
    assert "whsec_" not in listed.text

    admin.post("/v1/items", json={"title": "an alarm"})
    admin.post("/v1/items", json={"title": "a quiet evening"})
    judge_all()
    (owed,) = admin.get("/v1/webhooks/deliveries").json()["deliveries"]
    assert (owed["kind"], owed["state"], owed["attempts"]) == ("item.blocked", "pending", 0)

    assert admin.delete(f"/v1/webhooks/{made.json()['id']}").status_code == 204
    assert admin.get("/v1/webhooks").json() == {"webhooks": []}
    assert admin.delete(f"/v1/webhooks/{made.json()['id']}").status_code == 404
    assert admin.get("/v1/webhooks/deliveries", params={"state": "pending"}).json() == {"deliveries": []}


@pytest.mark.parametrize(
    "url", ["ftp://example.org/", "https://", "https://user:word@example.org/", "https://exa\u200bmple.org/", "\ud800"]
)
def test_an_address_that_is_none_is_refused(admin: TestClient, url: str) -> None:
    """With its place in the request."""
    content = ('{"url": "' + url.encode("unicode_escape").decode() + '"}').replace("\\u", "\\u")
    answer = admin.post("/v1/webhooks", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["error"]["where"] == "body.url"


def test_private_addresses_need_the_setting(admin: TestClient, system: SmallSystem) -> None:
    """Otherwise whoever may register a webhook could reach what only this server can."""
    settings = system.settings.model_copy(update={"webhooks_may_reach_private_addresses": False})
    system.settings = settings
    for url in ("http://127.0.0.1:9000/", "https://169.254.169.254/latest", "https://[::1]/"):
        answer = admin.post("/v1/webhooks", json={"url": url})
        assert answer.status_code == 422


def test_a_kind_that_never_happens_is_refused(admin: TestClient) -> None:
    """A misspelt one would silently mean nothing."""
    said = {"url": "https://hooks.example.org/x", "kinds": ["item.relesed"]}
    assert admin.post("/v1/webhooks", json=said).status_code == 422

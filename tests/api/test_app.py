import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from noisegate.api.main import described
from noisegate.core import errors as tree
from noisegate.core.errors import NoisegateError

PINNED = Path(__file__).with_name("openapi.json")
DOCUMENT: dict[str, Any] = json.loads(described())
OPERATIONS = [
    (method, path, operation) for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items()
]


def test_the_document_is_the_one_that_clients_were_made_from() -> None:
    """A change of the API is a visible diff; when it is meant: python -m noisegate.api --openapi > openapi.json."""
    assert described() == PINNED.read_text("utf-8")


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=lambda value: str(value)[:40])
def test_every_operation_is_described(method: str, path: str, operation: dict[str, Any]) -> None:
    """A sentence, a room, a name for generated clients, and every success with its shape."""
    assert operation["description"]
    assert operation["tags"]
    assert operation["operationId"].isidentifier()
    for status, answer in operation["responses"].items():
        assert answer["description"]
        if status != "204" and method != "head":
            assert answer["content"]


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=lambda value: str(value)[:40])
def test_every_error_is_documented_in_the_one_shape(method: str, path: str, operation: dict[str, Any]) -> None:
    """Whatever goes wrong looks the same, and what can go wrong is said."""
    failures = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
    if path.startswith("/v1/"):
        assert {"401", "403", "422", "503"} <= failures.keys()
        assert operation["security"] == [{"API key": []}]
    if "{" in path and (path, method) != ("/v1/blobs/{digest}", "put"):
        assert "404" in failures
    for answer in failures.values():
        assert answer["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ErrorBody"}


def test_operation_names_are_unique() -> None:
    """Generated clients name functions by them."""
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(names) == len(set(names))


def test_every_field_of_a_request_is_described() -> None:
    """Types alone do not say what a value means."""
    for name in ("ItemIn", "AssetIn", "VerdictIn", "WebhookIn", "KeyIn", "Declared", "PictureIn"):
        schema = DOCUMENT["components"]["schemas"][name]
        assert schema["description"]
        assert [
            field for field, said in schema["properties"].items() if not {"description", "$ref"} & said.keys()
        ] == []


def test_every_class_of_error_has_a_documented_status() -> None:
    """What flows can raise, callers can meet."""
    classes = [c for c in vars(tree).values() if isinstance(c, type) and issubclass(c, NoisegateError)]
    documented = {int(status) for _, _, operation in OPERATIONS for status in operation["responses"]}
    assert {c.status for c in classes} - {500} <= documented


def said(response: Any) -> dict[str, Any]:
    """The error in an answer."""
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"code", "message", "hint", "where"}
    return error


def test_an_address_that_is_not_there_offers_the_nearest(visitor: TestClient) -> None:
    """404 from the router, in the one shape."""
    assert said(visitor.get("/v1/itms"))["hint"] == "did you mean `/v1/items`?"
    assert said(visitor.get("/nowhere/at/all"))["code"] == "unknown_name"


def test_a_method_that_is_not_taken_says_which_are(visitor: TestClient) -> None:
    """405 from the router, in the one shape."""
    answer = visitor.patch("/v1/items")
    assert answer.status_code == 405
    error = said(answer)
    assert (error["code"], error["message"]) == ("method_not_allowed", "`/v1/items` does not take PATCH")
    assert "POST" in error["hint"]


@pytest.mark.parametrize(
    ("body", "where", "message"),
    [
        (b"{", "body.1", "the body is not JSON"),
        (b'{"text": "\xff"}', None, "JSON in UTF-8"),
        (b"\xff\xfe\x00", None, "JSON in UTF-8"),
        (b"[]", "body", "valid dictionary"),
        (b'{"txt": "x"}', "body.txt", "unknown key `txt`"),
        (b'{"text": 5}', "body.text", "valid string, and it is 5"),
        (b'{"text": "x", "kind": "song"}', "body.kind", "'track', 'episode'"),
        (b'{"text": "x", "deadline_ms": 0}', "body.deadline_ms", "greater than or equal to 1"),
        (b'{"text": "x", "markets": ["Germany"]}', "body.markets.0", "match pattern"),
        (b'{"\\ud800": 1}', "body", "unable to parse"),
        (b"[" * 100_000, None, "JSON"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_wrong_body_is_told_where_it_is_wrong(
    admin: TestClient, body: bytes, where: str | None, message: str
) -> None:
    """Whatever is sent, the answer is 422 with the place and the value."""
    answer = admin.post("/v1/verdicts", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    error = said(answer)
    assert error["code"] == "invalid_input"
    assert error["where"] == where
    assert message in error["message"] or message in (error["hint"] or "")


def test_a_wrong_parameter_is_told_where_it_is_wrong(admin: TestClient) -> None:
    """Parameters like bodies."""
    error = said(admin.get("/v1/items", params={"limit": "many"}))
    assert (error["where"], error["code"]) == ("query.limit", "invalid_input")
    assert "it is 'many'" in error["message"]


def test_a_body_larger_than_any_route_wants_is_refused(admin: TestClient) -> None:
    """Before it is read into memory."""
    answer = admin.post("/v1/verdicts", content=b"x" * (13 << 20), headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert said(answer)["code"] == "too_large"


def test_a_fault_of_ours_is_no_secret_and_no_traceback(
    admin: TestClient, system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """500 in the one shape; the details are in the log."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("internal details")

    admin.event_hooks["response"].clear()  # 500 is not a documented answer
    monkeypatch.setattr(type(system.store), "items", broken)
    with capture_logs() as logs:
        answer = admin.get("/v1/items")
    assert "internal details" in str(logs)
    assert answer.status_code == 500
    assert said(answer)["code"] == "noisegate"
    assert "internal details" not in answer.text


def test_a_database_that_is_away_is_a_matter_of_waiting(
    admin: TestClient, system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503, and when to come again; the process itself is healthy."""

    def away(*_: object, **__: object) -> None:
        raise tree.UnavailableError("the database does not answer")

    monkeypatch.setattr(type(system.store), "items", away)
    monkeypatch.setattr(type(system.store.ledger), "head", away)
    for path in ("/v1/items", "/readyz"):
        answer = admin.get(path)
        assert (answer.status_code, said(answer)["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
    assert admin.get("/healthz").json() == {"status": "ok"}


def test_health_needs_no_key_and_everything_else_does(visitor: TestClient) -> None:
    """Whatever runs the process may ask how it is."""
    assert visitor.get("/readyz").json() == {"status": "ready"}
    for method, path, _ in OPERATIONS:
        if path.startswith("/v1/"):
            named = path.replace("{digest}", "sha256:" + "0" * 64).replace("{", "").replace("}", "")
            answer = visitor.request(method, named)
            assert answer.status_code == 401, (method, path)
            if method != "head":
                assert said(answer)["code"] == "not_authenticated"
            assert answer.headers["www-authenticate"] == "Bearer"


ALLOWED = {
    "submit": {"submit_item", "put_blob", "put_named_blob", "has_blob", "give_verdict"},
    "read": {
        "list_items", "get_item", "list_parts", "list_decisions", "get_decision", "verify_decision", "list_packs",
        "get_pack", "list_signals", "get_signal", "follow_events",
    },
}  # fmt: skip


@pytest.mark.parametrize("scope", ["submit", "read", "none"])
def test_a_key_may_do_what_its_scope_says_and_nothing_else(
    visitor: TestClient, key_for: Callable[..., str], scope: str
) -> None:
    """403 for everything else."""
    visitor.headers["authorization"] = f"Bearer {key_for(*([scope] if scope != 'none' else []))}"
    for method, path, operation in OPERATIONS:
        if not path.startswith("/v1/") or operation["operationId"] in ALLOWED.get(scope, set()):
            continue
        named = path.replace("{digest}", "sha256:" + "0" * 64).replace("{", "").replace("}", "")
        assert visitor.request(method, named).status_code == 403, (method, path)

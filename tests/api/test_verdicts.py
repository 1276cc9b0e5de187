import base64
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI
from small_world import SmallSystem
from starlette.testclient import TestClient


@pytest.mark.parametrize(
    ("text", "action"),
    [("a quiet evening", "allow"), ("a rude word", "label"), ("a doubtful word", "review"), ("an alarm", "block")],
)
def test_words_are_judged_at_once(admin: TestClient, text: str, action: str) -> None:
    """With reasons and places."""
    verdict = admin.post("/v1/verdicts", json={"text": text}).json()
    assert verdict["action"] == action
    assert {decision["pack"] for decision in verdict["decisions"]} == {"danger", "manners"}
    assert verdict["took_ms"] > 0


def test_a_profile_is_judged_as_a_whole(admin: TestClient) -> None:
    """Its name, its words and its picture."""
    picture = {"data": base64.b64encode(b"picture").decode(), "name": "../me.png"}
    said = {"kind": "profile", "title": "Alex", "description": "an alarm", "picture": picture}
    verdict = admin.post("/v1/verdicts", json=said).json()
    assert verdict["action"] == "block"
    assert verdict["findings"][0]["part"] == "description"


def test_a_broken_picture_is_missing_and_not_harmless(admin: TestClient, system: SmallSystem) -> None:
    """Its failure is named, and nothing of it stays."""
    picture = {"data": base64.b64encode(b"x").decode(), "name": "me.bad"}
    verdict = admin.post("/v1/verdicts", json={"text": "hello", "picture": picture}).json()
    assert [failure["kind"] for failure in verdict["failures"]] == ["truncated"]
    assert list((system.settings.data_dir / "incoming").iterdir()) == []


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({}, 422),
        ({"text": " "}, 422),
        ({"picture": {"data": ""}}, 422),
        ({"picture": {"data": "not base64!"}}, 422),
        ({"text": "x" * 100_001}, 413),
        ({"text": "x", "deadline_ms": 30_001}, 422),
    ],
    ids=["nothing", "blank", "no bytes", "no base64", "too long", "too patient"],
)
def test_what_cannot_be_judged_is_refused(admin: TestClient, said: dict[str, object], status: int) -> None:
    """With what is allowed."""
    assert admin.post("/v1/verdicts", json=said).status_code == status


def test_the_deadline_counts_from_when_the_question_came(admin: TestClient, app: FastAPI) -> None:
    """Waiting for a free hand is waiting too."""

    class Busy(ThreadPoolExecutor):
        def submit(self, call: Any, /, *args: Any, **kwargs: Any) -> Any:
            threading.Event().wait(0.06)
            return super().submit(call, *args, **kwargs)

    with Busy(1) as judges:
        object.__setattr__(app.state.api, "judges", judges)
        verdict = admin.post("/v1/verdicts", json={"text": "a quiet evening", "deadline_ms": 50}).json()
    assert (verdict["settled"], verdict["action"]) == (False, "review")


def test_many_callers_get_their_own_answers(admin: TestClient) -> None:
    """Though their words share batches."""
    texts = [f"{'an alarm' if n % 3 == 0 else 'a quiet evening'} {n}" for n in range(60)]
    with ThreadPoolExecutor(16) as callers:
        answers = list(callers.map(lambda text: admin.post("/v1/verdicts", json={"text": text}).json(), texts))
    assert [a["action"] for a in answers] == ["block" if n % 3 == 0 else "allow" for n in range(60)]


def test_a_verdict_reads_and_writes_no_database(admin: TestClient, database_url: str) -> None:
    """Once the caller is known; nothing that was asked is kept."""
    admin.post("/v1/verdicts", json={"text": "hello"})
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("BEGIN; LOCK TABLE api_keys, items, results, ledger IN ACCESS EXCLUSIVE MODE")
        assert admin.post("/v1/verdicts", json={"text": "an alarm at once"}).json()["action"] == "block"


def test_verdicts_are_counted_when_the_api_ends(system: SmallSystem, app: FastAPI, key_for: Callable[..., str]) -> None:
    """And every minute before."""
    with TestClient(app) as client:
        client.post("/v1/verdicts", json={"text": "an alarm"}, headers={"authorization": f"Bearer {key_for('submit')}"})
    (entry,) = [entry for entry in system.store.ledger.after() if entry.kind == "verdicts"]
    assert entry.body["verdicts"] == 1

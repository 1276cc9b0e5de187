"""A real API over a real database, with toy signals; callers with and without rights.

Every answer that a test gets is held against the OpenAPI document.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from openapi_check import Checker
from small_world import SmallSystem, small_settings
from starlette.testclient import TestClient

from noisegate.api.app import create_app
from noisegate.worker.tasks import Tasks


@pytest.fixture
def system(tmp_path: Path, database_url: str) -> Iterator[SmallSystem]:
    """An installation with toy signals."""
    settings = small_settings(tmp_path, database_url, max_upload_bytes=2_000_000)
    with SmallSystem(settings) as opened:
        yield opened


@pytest.fixture
def app(system: SmallSystem) -> FastAPI:
    """Its API."""
    return create_app(system)


@pytest.fixture
def visitor(app: FastAPI) -> Iterator[TestClient]:
    """Somebody without a key."""
    with TestClient(app, raise_server_exceptions=False) as client:
        client.event_hooks["response"].append(Checker(app.openapi()))
        yield client


@pytest.fixture
def key_for(system: SmallSystem) -> Callable[..., str]:
    """Makes keys."""
    return lambda *scopes: system.store.keys.create("test", scopes)[1]


@pytest.fixture
def admin(visitor: TestClient, key_for: Callable[..., str]) -> TestClient:
    """Somebody who may do everything."""
    visitor.headers["authorization"] = f"Bearer {key_for('admin')}"
    return visitor


@pytest.fixture
def judge_all(system: SmallSystem, admin: TestClient) -> Callable[[], None]:
    """Does what a worker would: judges everything that is held."""

    def judge() -> None:
        for line in admin.get("/v1/items", params={"state": "held"}).json()["items"]:
            Tasks(system).assess(line["id"])

    return judge

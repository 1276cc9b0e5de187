"""The event stream, from a real server: a stream that does not end needs a connection that can be cut."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from small_world import SmallSystem

from noisegate.api.main import _Server
from noisegate.worker.tasks import Tasks


@pytest.fixture
def address(app: FastAPI) -> Iterator[str]:
    """The API on a real socket."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = _Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.handle_exit(15, None)
    thread.join(10)
    listening.close()
    assert not thread.is_alive()


@pytest.fixture
def client(address: str, key_for: Callable[..., str]) -> Iterator[httpx.Client]:
    """A caller who may do everything."""
    headers = {"authorization": f"Bearer {key_for('admin')}"}
    with httpx.Client(base_url=address, headers=headers, timeout=10) as opened:
        yield opened


def events(response: httpx.Response) -> Iterator[dict[str, Any]]:
    """The events of a stream as they come, with name, id and data."""
    event: dict[str, Any] = {}
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if line == "" and "data" in event:
            yield event
            event = {}
        elif name in {"event", "id", "data"}:
            event[name] = json.loads(value) if name == "data" else value


def until(stream: Iterator[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Everything up to the first event of this name."""
    found = []
    for event in stream:
        found.append(event)
        if event["event"] == name:
            return found
    raise AssertionError(f"the stream ended before `{name}`: {found}")


def test_what_happens_is_told_as_it_happens(client: httpx.Client, system: SmallSystem) -> None:
    """From the submission to the gate's step, with progress in between."""
    with client.stream("GET", "/v1/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        item = client.post("/v1/items", json={"title": "an alarm"}).json()["id"]
        stream = events(response)
        until(stream, "submitted")
        Tasks(system).assess(item)
        told = until(stream, "enforced")
    names = [event["event"] for event in told]
    assert names.index("assessing") < names.index("assessed") < names.index("enforced")
    assert told[-1]["data"]["item"] == item
    assert told[-1]["data"]["body"]["state"] == "blocked"
    assert int(told[-1]["id"]) == told[-1]["data"]["seq"]
    assert all("id" not in event for event in told if event["event"] in {"assessing", "progress"})


def test_who_comes_back_misses_nothing(client: httpx.Client, system: SmallSystem) -> None:
    """With the last id it had, however long it was away; nothing twice, in order."""
    first = client.post("/v1/items", json={"title": "one"}).json()["id"]
    with client.stream("GET", "/v1/events", params={"after": 0}) as response:
        seen = until(events(response), "submitted")
    for n in range(5):
        client.post("/v1/items", json={"title": f"while away {n}"})
    Tasks(system).assess(first)
    with client.stream("GET", "/v1/events", headers={"last-event-id": seen[-1]["id"]}) as response:
        told = until(events(response), "enforced")
    numbers = [int(event["id"]) for event in told if "id" in event]
    assert numbers == list(range(int(seen[-1]["id"]) + 1, numbers[-1] + 1))
    assert [event["event"] for event in told].count("submitted") == 5


def test_one_item_can_be_followed_alone(client: httpx.Client, system: SmallSystem) -> None:
    """Nothing of the others."""
    mine = client.post("/v1/items", json={"title": "mine"}).json()["id"]
    with client.stream("GET", "/v1/events", params={"item": mine, "after": 0}) as response:
        other = client.post("/v1/items", json={"title": "other"}).json()["id"]
        Tasks(system).assess(other)
        Tasks(system).assess(mine)
        told = until(events(response), "enforced")
    assert {event["data"]["item"] for event in told} == {mine}


def test_a_message_that_makes_no_sense_does_not_silence_the_others(client: httpx.Client, system: SmallSystem) -> None:
    """Whoever may log in to the database can say anything there."""
    with client.stream("GET", "/v1/events") as response:
        with system.store.transaction() as tx:
            tx.connection.execute("SELECT pg_notify('noisegate_progress', 'nonsense')")
        client.post("/v1/items", json={"title": "an alarm"})
        assert until(events(response), "submitted")


@pytest.mark.parametrize("header", ["x", "-1", "1.5", "9" * 30, "²"])
def test_a_number_that_is_none_is_refused(client: httpx.Client, header: str) -> None:
    """Rather than silently beginning at the start."""
    answer = client.get("/v1/events", headers={"last-event-id": header.encode()})
    assert answer.status_code == 422


def test_stopping_the_api_ends_the_streams(client: httpx.Client, app: FastAPI) -> None:
    """They would hold it up for ever."""
    with client.stream("GET", "/v1/events") as response:
        app.state.loop.call_soon_threadsafe(app.state.api.live.close)
        assert list(events(response)) == []

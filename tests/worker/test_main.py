"""The worker as a whole, in this process: queue, deadlines and deliveries on a real database."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from small_world import HOLD, SmallSystem, small_settings

from noisegate.core.errors import ConflictError, UnavailableError
from noisegate.core.ids import ItemId
from noisegate.core.item import GateState, ItemKind
from noisegate.core.modality import Role
from noisegate.flows.submit import Submission
from noisegate.worker.main import prepare, work
from noisegate.worker.queue import JobQueue


@pytest.fixture
def system(tmp_path: Path, database_url: str) -> Iterator[SmallSystem]:
    """An installation with toy signals."""
    with SmallSystem(small_settings(tmp_path, database_url)) as opened:
        yield opened


@pytest.fixture
def received() -> list[dict[str, Any]]:
    """What the receiver got."""
    return []


@pytest.fixture
def receiver(received: list[dict[str, Any]]) -> Iterator[str]:
    """A webhook receiver on loopback; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ExitStack() as stack:
        server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        yield f"http://127.0.0.1:{server.server_port}/"


def submit(system: SmallSystem, words: str, **context: Any) -> ItemId:
    """A comment with these words."""
    submission = Submission(kind=ItemKind.COMMENT, texts={Role.COMMENT: words}, **context)
    return system.submitter.submit(submission, owner="key:a").item


def while_working(system: SmallSystem, steps: Callable[[], Awaitable[None]]) -> None:
    """Run a worker, do `steps`, stop it."""
    stopping: list[asyncio.Event] = []

    async def go() -> None:
        worker = asyncio.create_task(work(system, stopping.append))
        try:
            async with asyncio.timeout(30):
                await steps()
        finally:
            stopping[0].set()
            await worker

    asyncio.run(go())


async def until(said: Callable[[], bool]) -> None:
    """Wait until it is so; the test's own limit ends what never happens."""
    while not await asyncio.to_thread(said):  # noqa: ASYNC110 - it happens in other processes
        await asyncio.sleep(0.01)


def test_uploads_are_taken_judged_and_told_of(
    system: SmallSystem, receiver: str, received: list[dict[str, Any]]
) -> None:
    """Those that were waiting and those that come meanwhile."""
    prepare(system)
    system.store.outbox.add_endpoint(receiver)
    words = {"a quiet evening": "released", "a rude word": "labelled", "a doubtful word": "in_review"}
    expected = {submit(system, text): state for text, state in words.items()}

    async def steps() -> None:
        expected[await asyncio.to_thread(submit, system, "an alarm")] = "blocked"
        await until(lambda: len(received) == 4)

    while_working(system, steps)
    assert {event["data"]["item"]: event["data"]["state"] for event in received} == expected
    assert {event["type"] for event in received} == {f"item.{state}" for state in expected.values()}


def test_a_deadline_is_kept_while_the_assessment_goes_on(
    system: SmallSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The item is decided in time, and again when the answer is there."""
    hold = tmp_path / "hold"
    hold.touch()
    monkeypatch.setenv(HOLD, str(hold))
    item = submit(system, "patience please", deadline_s=0.1)

    async def steps() -> None:
        await until(lambda: system.store.gate(item).state is GateState.IN_REVIEW)
        hold.unlink()
        await until(lambda: system.store.gate(item).state is GateState.RELEASED)

    while_working(system, steps)
    assert [change.why for change in system.store.gate_changes(item)] == ["deadline", "assessment"]


def test_a_job_of_a_dead_worker_is_done_by_a_living_one(system: SmallSystem, database_url: str) -> None:
    """It was being worked on; nobody has heard from its worker for long."""
    item = submit(system, "an alarm")
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "WITH dead AS (INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour') "
            "RETURNING id) UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT id FROM dead)"
        )

    async def steps() -> None:
        await until(lambda: system.store.gate(item).state is GateState.BLOCKED)

    while_working(system, steps)


def test_a_job_that_outlived_many_workers_is_left(system: SmallSystem, database_url: str) -> None:
    """It is probably what killed them; its item follows `on_deadline`."""
    item = submit(system, "an alarm", deadline_s=0.0)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL, priority = -4")

    async def steps() -> None:
        await until(lambda: system.store.gate(item).state is GateState.IN_REVIEW)

        def left() -> bool:
            with psycopg.connect(database_url) as connection:
                return connection.execute("SELECT status FROM procrastinate_jobs").fetchall() == [("failed",)]

        await until(left)

    while_working(system, steps)
    assert system.store.gate(item).why == "deadline"


def test_being_handed_back_and_outages_do_not_wear_a_job_out(system: SmallSystem, database_url: str) -> None:
    """Only deaths of workers and faults do: a job that was interrupted often is still done when a worker dies."""
    item = submit(system, "an alarm")
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL, attempts = 40")

    async def steps() -> None:
        await until(lambda: system.store.gate(item).state is GateState.BLOCKED)

    while_working(system, steps)


@pytest.mark.parametrize(("error", "state"), [(UnavailableError("no disk"), "todo"), (KeyError("a fault"), "failed")])
def test_a_job_waits_for_what_is_away_as_long_as_it_takes(
    system: SmallSystem, database_url: str, error: Exception, state: str
) -> None:
    """An item must not be published unseen because the file store was away for an hour; a fault is not endless."""
    submit(system, "an alarm")
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE procrastinate_jobs SET attempts = 40, priority = -5")

    def fail(_item: ItemId) -> None:
        raise error

    def status() -> Any:
        with psycopg.connect(database_url) as connection:
            return connection.execute(
                "SELECT status, scheduled_at < now() + interval '2 minutes' FROM procrastinate_jobs WHERE attempts > 40"
            ).fetchone()

    async def steps() -> None:
        queue = JobQueue(database_url, assess=fail, jobs=1)
        stop = asyncio.Event()
        async with queue.opened():
            working = asyncio.create_task(queue.work(stop))
            await until(lambda: status() is not None)
            stop.set()
            await working

    asyncio.run(steps())
    assert status()[0] == state
    assert state == "failed" or status()[1]


def test_stopping_hands_unfinished_jobs_back(
    system: SmallSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    """At once, not when somebody notices that the worker is gone."""
    hold = tmp_path / "hold"
    hold.touch()
    monkeypatch.setenv(HOLD, str(hold))
    monkeypatch.setattr("noisegate.worker.queue.GRACE_S", 0.1)
    submit(system, "patience please")

    def status() -> list[Any]:
        with psycopg.connect(database_url) as connection:
            return connection.execute("SELECT status, attempts FROM procrastinate_jobs").fetchall()

    async def steps() -> None:
        await until(lambda: status() == [("doing", 0)])

    while_working(system, steps)
    assert status() == [("todo", 1)]
    hold.unlink()


def test_a_connection_that_is_cut_is_made_again(system: SmallSystem, database_url: str) -> None:
    """All of them at once, as when the database restarts; later uploads are worked on as ever."""
    items: list[ItemId] = []

    async def steps() -> None:
        for text in ("an alarm", "an alarm again", "an alarm at last"):
            items.append(await asyncio.to_thread(submit, system, text))
            await until(lambda: system.store.gate(items[-1]).state is GateState.BLOCKED)
            with psycopg.connect(database_url) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

    while_working(system, steps)
    assert len(items) == 3


def test_a_pack_that_was_changed_without_a_new_version_is_refused_at_the_start(system: SmallSystem) -> None:
    """Before anything is decided by it."""
    prepare(system)
    pack = Path(system.settings.packs_dir) / "danger" / "pack.yaml"
    pack.write_text(pack.read_text().replace("0.9", "0.8"))
    with SmallSystem(system.settings) as changed, pytest.raises(ConflictError, match="version 1 of the pack `danger`"):
        prepare(changed)

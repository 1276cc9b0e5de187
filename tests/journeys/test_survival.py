"""Real processes, killed: nothing that was accepted is lost, nothing is recorded or published twice."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import httpx
import psycopg
import pytest
import small_world

from noisegate.adapters.store.migrate import migrate
from noisegate.adapters.store.server import PostgresServer
from noisegate.adapters.store.store import Store

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

SUPPORT = Path(small_world.__file__).parent


@dataclass
class Receiver:
    """What a webhook receiver got: event id -> how often, and the events in their order."""

    address: str = ""
    seen: Counter[str] = field(default_factory=Counter)
    events: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on loopback that confirms everything."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            receiver.seen[self.headers["webhook-id"]] += 1
            receiver.events.append(body["data"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    receiver.address = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Installation:
    """Database, API and worker as processes, brought back whenever one is gone."""

    def __init__(self, folder: Path, hold: Path) -> None:
        self.folder = folder
        self.database = PostgresServer(folder / "data" / "postgres", settings={"fsync": "off"})
        self.url = self.database.ensure()
        migrate(self.url)
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        small_world.write_packs(folder / "packs")
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(SUPPORT),
            "NOISEGATE_DATA_DIR": str(folder / "data"),
            "NOISEGATE_PACKS_DIR": str(folder / "packs"),
            "NOISEGATE_DATABASE_URL": self.url,
            "NOISEGATE_JOBS": "4",
            "NOISEGATE_THREADS": "1",
            "NOISEGATE_WEBHOOKS_MAY_REACH_PRIVATE_ADDRESSES": "true",
            small_world.HOLD: str(hold),
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stop = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise)
        with Store(self.url, size=1) as store:
            _, self.secret = store.keys.create("test", ["admin"])

    def __enter__(self) -> Self:
        self._supervisor.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._supervisor.join()
        for process in self._running.values():
            process.kill()
            process.wait()
        self.database.stop()
        self.socket.close()

    def kill(self, name: str) -> None:
        """`kill -9` of `api`, `worker` or `postgres`."""
        if name == "postgres":
            pid = int((self.folder / "data" / "postgres" / "pgdata" / "postmaster.pid").read_text().split()[0])
        else:
            pid = self._running[name].pid
        os.kill(pid, signal.SIGKILL)

    def pid(self, name: str) -> int:
        """Of the process that runs now."""
        return self._running[name].pid

    def log(self, name: str) -> str:
        """What all processes of this name said."""
        return (self.folder / f"{name}.log").read_text("utf-8", "replace")

    def client(self) -> httpx.Client:
        """A caller who may do everything."""
        return httpx.Client(
            base_url=self.address, headers={"authorization": f"Bearer {self.secret}"}, timeout=20, trust_env=False
        )

    def _supervise(self) -> None:
        while not self._stop.wait(0.1):
            self.database.heal()
            for name, arguments in (("worker", ()), ("api", (str(self.socket.fileno()),))):
                running = self._running.get(name)
                if running is not None and running.poll() is None:
                    continue
                with (self.folder / f"{name}.log").open("ab") as log:
                    self._running[name] = subprocess.Popen(
                        [sys.executable, str(SUPPORT / "run_small.py"), name, *arguments],
                        env=self._environment,
                        stdout=log,
                        stderr=log,
                        pass_fds=[self.socket.fileno()],
                    )


@pytest.fixture
def hold(tmp_path: Path) -> Path:
    """While this file exists, uploads with the word `patience` are not answered."""
    return tmp_path / "hold"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Closes what a test opened."""
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def installation(tmp_path: Path, hold: Path, stack: ExitStack) -> Installation:
    """Running and ready."""
    running = stack.enter_context(Installation(tmp_path, hold))
    with running.client() as client:
        until(lambda: answered(client, "GET", "/readyz"), running)
    return running


@pytest.fixture
def receiver(installation: Installation, stack: ExitStack) -> Receiver:
    """Told of everything."""
    receiver = stack.enter_context(receiving())
    with installation.client() as client:
        assert client.post("/v1/webhooks", json={"url": receiver.address}).status_code == 201
    return receiver


def until(said: Callable[[], object], installation: Installation, *, seconds: float = 90.0) -> None:
    """Wait until it is so; says what the processes said when it never is."""
    deadline = time.monotonic() + seconds
    while not said():
        if time.monotonic() > deadline:
            logs = "\n".join(f"--- {name}\n{installation.log(name)[-4000:]}" for name in ("api", "worker"))
            raise AssertionError(f"it did not happen within {seconds:g} s\n{logs}")
        time.sleep(0.05)


def answered(client: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response | None:
    """The answer, when there is a good one."""
    try:
        answer = client.request(method, path, **options)
    except httpx.HTTPError:
        return None
    return answer if answer.is_success else None


def submit(client: httpx.Client, text: str, key: str) -> str:
    """Submit until it is accepted, as a client does that must not lose anything."""
    for _ in range(600):
        accepted = answered(
            client, "POST", "/v1/items", json={"kind": "comment", "comment": text}, headers={"idempotency-key": key}
        )
        if accepted is not None:
            return str(accepted.json()["id"])
        time.sleep(0.05)
    raise AssertionError(f"`{text}` was never accepted")


def asked(url: str, question: str) -> Any:
    """One value from the database; None while it is away."""
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            row = connection.execute(question.encode()).fetchone()
    except psycopg.OperationalError:
        return None
    return row[0] if row else None


def assert_nothing_lost_or_doubled(installation: Installation, receiver: Receiver, expected: Mapping[str, str]) -> None:
    """Every item stands where it should after one step, told of once by id, and the ledger holds."""
    until(lambda: len(receiver.seen) >= len(expected), installation)
    with Store(installation.url, size=1) as store:
        assert {item: store.gate(item).state.value for item in expected} == expected  # type: ignore[arg-type]
        assert {store.gate(item).revision for item in expected} == {1}  # type: ignore[arg-type]
        store.ledger.verify()
    assert asked(installation.url, "SELECT count(*) FROM items") == len(expected)
    assert asked(installation.url, "SELECT count(*) FROM assessments") == len(expected)
    assert set(receiver.seen) == {f"{item}:1" for item in expected}
    told = {(event["item"], event["revision"], event["state"]) for event in receiver.events}
    assert told == {(item, 1, state) for item, state in expected.items()}


def test_a_worker_killed_in_the_middle_of_a_job(installation: Installation, receiver: Receiver, hold: Path) -> None:
    """The job is given to the next one, and its conclusion is recorded once."""
    hold.touch()
    with installation.client() as client:
        item = submit(client, "patience: an alarm", "1")
    until(
        lambda: asked(installation.url, "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'"), installation
    )
    before = installation.pid("worker")
    installation.kill("worker")
    hold.unlink()
    until(lambda: installation.pid("worker") != before, installation)
    assert_nothing_lost_or_doubled(installation, receiver, {item: "blocked"})


def test_postgresql_killed_in_the_middle_of_a_job(installation: Installation, receiver: Receiver, hold: Path) -> None:
    """API and worker live on; what was begun is finished."""
    hold.touch()
    processes = installation.pid("api"), installation.pid("worker")
    with installation.client() as client:
        item = submit(client, "patience: an alarm", "1")
        until(
            lambda: asked(installation.url, "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'"),
            installation,
        )
        installation.kill("postgres")
        hold.unlink()
        other = submit(client, "a quiet evening", "2")
    assert_nothing_lost_or_doubled(installation, receiver, {item: "blocked", other: "released"})
    assert (installation.pid("api"), installation.pid("worker")) == processes


def test_an_api_killed_in_the_middle_of_an_upload(installation: Installation, receiver: Receiver) -> None:
    """What was not accepted is not there; sending it again is enough."""
    sending = threading.Event()

    def slowly() -> Iterator[bytes]:
        yield b"x" * 100_000
        sending.set()
        time.sleep(0.5)
        yield b"x" * 100_000

    def kill() -> None:
        sending.wait(20)
        installation.kill("api")

    killer = threading.Thread(target=kill)
    killer.start()
    with installation.client() as client:
        with pytest.raises(httpx.HTTPError):
            client.put("/v1/blobs", content=slowly())
        killer.join()
        sent: list[httpx.Response] = []

        def again() -> bool:
            answer = answered(client, "PUT", "/v1/blobs", content=b"an alarm")
            sent.extend([answer] if answer is not None else [])
            return answer is not None

        until(again, installation)
        item = {"assets": [{"file": "song.txt", "role": "lyrics", "digest": sent[0].json()["digest"]}]}
        accepted = client.post("/v1/items", json=item).json()["id"]
    assert_nothing_lost_or_doubled(installation, receiver, {accepted: "blocked"})
    assert [path.stat().st_size for path in (installation.folder / "data" / "blobs").rglob("*") if path.is_file()] == [
        8
    ]


def test_a_storm_of_kills(installation: Installation, receiver: Receiver) -> None:
    """Uploads go on while everything is killed again and again, at moments nobody chose."""
    words = {"an alarm": "blocked", "a quiet evening": "released", "a rude word": "labelled"}
    texts = {f"{text} {n}": state for n in range(8) for text, state in words.items()}
    chance = random.Random(20)
    expected: dict[str, str] = {}
    waiting = list(texts)
    lock = threading.Lock()

    def upload() -> None:
        with installation.client() as client:
            while True:
                with lock:
                    if not waiting:
                        return
                    text = waiting.pop()
                item = submit(client, text, key=text)
                with lock:
                    expected[item] = texts[text]
                time.sleep(0.2)

    uploaders = [threading.Thread(target=upload) for _ in range(3)]
    for uploader in uploaders:
        uploader.start()
    for name in ("worker", "postgres", "api", "worker", "postgres", "api"):
        time.sleep(chance.uniform(0.2, 1.5))
        installation.kill(name)
    for uploader in uploaders:
        uploader.join()
    assert len(expected) == len(texts)
    assert_nothing_lost_or_doubled(installation, receiver, expected)

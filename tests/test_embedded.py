import os
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from running import NOISEGATE, Up, all_gone, environment, until

from noisegate.adapters.store.server import PostgresServer
from noisegate.children import Child, Stop
from noisegate.core.errors import ConflictError, InvalidInputError, UnavailableError
from noisegate.embedded import Platform, clear, database, demo_settings, running_at
from noisegate.settings import Settings

pytestmark = pytest.mark.processes

COMMENT = {"kind": "comment", "comment": "See you at the show!"}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A platform that was started on an empty directory; tests may kill any part of it."""
    data_dir = tmp_path_factory.mktemp("platform") / "data"
    with Up(data_dir) as running:
        assert running.url
        yield running


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory in which no database is left running."""
    place = tmp_path / "data"
    yield place
    PostgresServer(place / "postgres").stop()


def settings(data_dir: Path, **more: object) -> Settings:
    return Settings(data_dir=data_dir, port=0, **more)  # type: ignore[arg-type]


def decided(up: Up, item: str) -> str:
    state: str = until(lambda: (found := up.get(f"/v1/items/{item}")["state"]) != "held" and found)
    return state


def test_an_empty_directory_becomes_a_platform_that_says_where_it_is(up: Up) -> None:
    """One command; the address that the system chose is printed and written down."""
    assert (up.data_dir / "address").read_text() == up.url + "\n"
    assert httpx.get(up.url + "/readyz", trust_env=False).status_code == 200


def test_the_administrators_key_is_made_once_and_only_its_owner_can_read_it(up: Up) -> None:
    """Whoever can read the file can do everything."""
    file = up.data_dir / "admin.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(up.data_dir.stat().st_mode) == 0o700
    assert [key["name"] for key in up.get("/v1/keys")["keys"]] == ["administrator"]


def test_an_upload_is_decided(up: Up) -> None:
    """Database, API and worker work together."""
    accepted = up.post("/v1/items", COMMENT)
    assert accepted["state"] == "held"
    assert decided(up, accepted["id"])


def test_a_second_platform_on_the_same_directory_is_refused(up: Up) -> None:
    """Two supervisors would fight over one database; the message says who was first and where."""
    with pytest.raises(ConflictError, match=rf"as process {up.process.pid} at {up.url}"), Stop() as stop:
        Platform(settings(up.data_dir), stop).__enter__()
    with pytest.raises(ConflictError):
        clear(settings(up.data_dir))
    assert running_at(settings(up.data_dir)) == up.url


def test_the_command_line_joins_the_running_database(up: Up) -> None:
    """Keys can be made and the ledger checked while the platform works, and it goes on working."""
    ran = subprocess.run(
        [*NOISEGATE, "ledger", "verify"], env=environment(up.data_dir), capture_output=True, text=True, check=True
    )
    assert "the ledger holds" in ran.stdout
    assert up.get("/v1/items")["items"]


def test_a_killed_api_is_replaced_and_callers_wait_meanwhile(up: Up) -> None:
    """`kill -9`: nobody is turned away, the address stays."""
    before = up.child("api")
    os.kill(before, signal.SIGKILL)
    assert up.get("/v1/items")["items"]
    assert up.child("api") != before
    assert any("API was ended by SIGKILL" in line for line in up.said)


def test_a_killed_worker_is_replaced_and_its_items_are_decided(up: Up) -> None:
    """`kill -9` right after an upload was accepted loses nothing."""
    accepted = up.post("/v1/items", {**COMMENT, "comment": "And see you at the next one!"})
    before = up.child("worker")
    os.kill(before, signal.SIGKILL)
    assert decided(up, accepted["id"])
    assert up.child("worker") != before


def test_a_killed_database_is_healed_and_keeps_what_was_accepted(up: Up) -> None:
    """`kill -9` of the postmaster: crash recovery, and everybody connects again."""
    accepted = up.post("/v1/items", {**COMMENT, "comment": "A third one."})
    before = up.postmaster()
    os.kill(before, signal.SIGKILL)
    until(lambda: up.postmaster() != before)
    until(lambda: httpx.get(up.url + "/readyz", trust_env=False, timeout=30).status_code == 200)
    assert decided(up, accepted["id"])
    assert any("the database was gone; it runs again" in line for line in up.said)


def test_a_killed_supervisor_leaves_no_process_of_ours_and_the_next_start_finds_everything(data_dir: Path) -> None:
    """`kill -9` of the supervisor: API, worker and decoders go with it; the database is joined, and stopped at last."""
    with Up(data_dir) as first:
        item = first.post("/v1/items", COMMENT)["id"]
        key = first.key
        decided(first, item)
        children = first.everything() - {first.postmaster()}
        first.process.kill()
        all_gone(children - _of_database(first))
    with Up(data_dir) as second:
        assert second.url
        assert second.key == key
        assert second.get(f"/v1/items/{item}")["state"] != "held"
        everything = second.everything()
        assert second.end(signal.SIGINT) == 0
    all_gone(everything)
    assert not (data_dir / "address").exists()


def test_ctrl_c_while_it_starts_leaves_nothing_running(data_dir: Path) -> None:
    """Somebody who changes their mind is not left with a database."""
    with Up(data_dir) as running:
        until(lambda: any("starting the database" in line for line in running.said))
        assert running.end(signal.SIGINT) == 0
    assert not PostgresServer(data_dir / "postgres").is_up()


def test_a_platform_that_cannot_start_says_why_and_leaves_nothing_running(data_dir: Path) -> None:
    """What the child that died said last is shown: nobody has to find the log first."""
    with Up(data_dir, packs_dir=data_dir / "nothing") as running:
        assert running.process.wait(90) == 1
    said = "".join(running.said)
    assert "could not be started: it ended with status 2" in said
    assert "there is no folder of policy packs" in said
    assert not PostgresServer(data_dir / "postgres").is_up()


def test_a_child_that_keeps_dying_ends_the_platform_with_its_last_words(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trying for ever would hide the fault; five times in a row, with growing pauses, is enough."""
    (tmp_path / "ending.py").write_text("import sys; sys.exit('the disk is full')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    said: list[str] = []
    with Stop() as stop:
        platform = Platform(settings(data_dir), stop, say=said.append, ready=True)
        platform._children = [Child(name="worker", module="ending", log=tmp_path / "worker.log", grace_s=1)]
        with pytest.raises(UnavailableError, match="does not stay alive: it ended with status 1, 5 times") as given_up:
            platform.serve()
        platform.close()
    assert "the disk is full" in str(given_up.value)
    assert said == ["the worker ended with status 1; starting it again"] * 4


def test_a_taken_port_is_said_before_anything_is_started(data_dir: Path) -> None:
    """The message says how to choose another one."""
    with socket.create_server(("127.0.0.1", 0)) as taken, Stop() as stop:
        port = taken.getsockname()[1]
        with pytest.raises(UnavailableError, match=rf"port {port} of 127.0.0.1 is taken") as refused:
            Platform(Settings(data_dir=data_dir, port=port), stop).__enter__()
    assert "--port" in str(refused.value)
    assert not (data_dir / "postgres").exists()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.7"])
def test_a_host_that_is_not_this_machine_is_refused(data_dir: Path, host: str) -> None:
    """A name that means nothing, and an address of somebody else."""
    with pytest.raises(InvalidInputError, match=host), Stop() as stop:
        Platform(settings(data_dir, host=host), stop).__enter__()


def test_there_is_no_database_before_the_first_start(data_dir: Path) -> None:
    """Asking does not make one."""
    with pytest.raises(UnavailableError, match="noisegate up"), database(settings(data_dir)):
        pass
    assert not data_dir.exists()


def test_clearing_removes_what_is_ours_and_nothing_else(data_dir: Path) -> None:
    """A file that somebody put there stays."""
    (data_dir / "blobs").mkdir(parents=True)
    (data_dir / "blobs" / "one").touch()
    (data_dir / "admin.key").touch()
    (data_dir / "notes.txt").touch()
    clear(settings(data_dir))
    assert {path.name for path in data_dir.iterdir()} == {"notes.txt", "platform.lock"}


def test_the_demo_never_touches_a_configured_database_or_store(data_dir: Path) -> None:
    """It clears what it uses; that must not be anybody's."""
    configured = settings(data_dir, database_url="postgresql://somewhere/else", blobs_url="s3://bucket")
    demo = demo_settings(configured)
    assert (demo.database_url, demo.blobs_url, demo.data_dir) == (None, None, data_dir / "demo")
    assert running_at(demo) is None


def _of_database(up: Up) -> set[int]:
    return {pid for pid in up.everything() if "postgres" in _name(pid)}


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except FileNotFoundError:
        return ""

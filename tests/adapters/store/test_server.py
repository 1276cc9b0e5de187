import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from noisegate.adapters.store.binaries import installed
from noisegate.adapters.store.server import PostgresServer
from noisegate.core.errors import UnavailableError

pytestmark = pytest.mark.processes

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run the server under another account")

JOIN_AND_WAIT = """
import sys
from pathlib import Path
from noisegate.adapters.store.server import PostgresServer
server = PostgresServer(Path(sys.argv[1]), settings={"fsync": "off"})
print(server.ensure(), flush=True)
sys.stdin.readline()
server.release()
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A directory that has no server left in it afterwards."""
    place = tmp_path / "data"
    yield place
    PostgresServer(place).stop()


def fast(data_dir: Path) -> PostgresServer:
    """A server that does not wait for the disk."""
    return PostgresServer(data_dir, settings={"fsync": "off"})


def join(data_dir: Path, **options: object) -> "subprocess.Popen[str]":
    """Another process that uses the server until it gets a line, or is killed."""
    return subprocess.Popen(
        [sys.executable, "-c", JOIN_AND_WAIT, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def ask(url: str, question: str) -> object:
    """The answer to a question of one row and one column."""
    with psycopg.connect(url) as connection:
        row = connection.execute(question.encode()).fetchone()
    return row[0] if row else None


def test_a_new_directory_becomes_a_running_database(data_dir: Path) -> None:
    """Durable, unreachable from the network, and the same order of text on every machine."""
    with PostgresServer(data_dir) as url:
        assert ask(url, "SELECT current_database()") == "noisegate"
        assert ask(url, "SHOW fsync") == "on"
        assert ask(url, "SHOW listen_addresses") == ""
        assert ask(url, "SELECT 'a' < 'B'") is False
    assert not PostgresServer(data_dir).is_up()


def test_data_is_there_after_a_stop_and_a_start(data_dir: Path) -> None:
    """A stop keeps what was committed; the second start makes nothing new."""
    with fast(data_dir) as url, psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with fast(data_dir) as url:
        assert ask(url, "SELECT answer FROM kept") == 42


def test_a_killed_postmaster_is_healed_and_loses_nothing_committed(data_dir: Path) -> None:
    """`kill -9`, even with a client in the middle of a transaction, ends in crash recovery."""
    server = fast(data_dir)
    url = server.ensure()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    busy = psycopg.connect(url)
    busy.execute("INSERT INTO kept VALUES (43)")
    os.kill(int((data_dir / "pgdata" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    assert server.heal() is True
    assert server.heal() is False
    assert ask(url, "SELECT array_agg(answer) FROM kept") == [42]
    busy.close()


def test_a_killed_backend_does_not_take_the_server_along(data_dir: Path) -> None:
    """PostgreSQL restarts its processes itself; `heal` waits until it has."""
    server = fast(data_dir)
    url = server.ensure()
    with psycopg.connect(url, autocommit=True) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    server.ensure()
    assert ask(url, "SELECT 1") == 1


def test_a_stale_pid_file_that_names_a_living_stranger_does_not_block_the_start(data_dir: Path) -> None:
    """After a reboot the number in the file belongs to anybody; PostgreSQL alone would refuse to start."""
    with fast(data_dir):
        pass
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        (data_dir / "pgdata" / name).write_text(f"{os.getpid()}\n")
    with fast(data_dir) as url:
        assert ask(url, "SELECT 1") == 1


def test_processes_that_start_together_share_one_server(data_dir: Path) -> None:
    """All get the same address, and the server ends with the last of them, also when one is killed."""
    first, second, third = join(data_dir), join(data_dir), join(data_dir)
    addresses = {process.stdout.readline() for process in (first, second, third) if process.stdout}
    url = PostgresServer(data_dir).url()
    assert addresses == {url + "\n"}

    first.communicate("\n")
    assert ask(url, "SELECT 1") == 1
    second.kill()
    second.communicate()
    assert ask(url, "SELECT 1") == 1
    third.communicate("\n")
    assert not PostgresServer(data_dir).is_up()


def test_a_server_whose_users_were_all_killed_is_joined_by_the_next_one(data_dir: Path) -> None:
    """The server survives its supervisor; nothing has to be cleaned up by hand."""
    process = join(data_dir)
    assert process.stdout
    process.stdout.readline()
    postmaster = (data_dir / "pgdata" / "postmaster.pid").read_text().split()[0]
    process.kill()
    process.communicate()
    with fast(data_dir):
        assert (data_dir / "pgdata" / "postmaster.pid").read_text().split()[0] == postmaster
    assert not PostgresServer(data_dir).is_up()


@pytest.mark.parametrize("name", ["with space", "with, comma", "k" * 150, "%41?&=ü"])
def test_any_path_will_do(tmp_path: Path, name: str) -> None:
    """Spaces, commas, a path longer than a socket's name may be, and characters that mean something in addresses."""
    with fast(tmp_path / name) as url:
        assert ask(url, "SELECT 1") == 1
    assert not [p for p in Path("/tmp").glob("noisegate-*-?") if p.is_symlink() and str(tmp_path) in str(p.readlink())]


@as_root
def test_root_needs_no_open_directory_above_the_data(tmp_path: Path) -> None:
    """Data and programs below private directories: the server runs under another account, and no mode is changed."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    package = installed().root.parent
    for tree in (package, package.with_name(f"{package.name}.libs")):
        copytree = {"copy_function": os.link} if tree.stat().st_dev == private.stat().st_dev else {}
        shutil.copytree(tree, private / "site" / tree.name, **copytree, ignore=shutil.ignore_patterns("pginstall"))  # type: ignore[arg-type]
    before = {p: stat.S_IMODE(p.stat().st_mode) for p in (private, *private.parents)}

    process = join(private / "data", env={**os.environ, "PYTHONPATH": str(private / "site")})
    assert process.stdout
    url = process.stdout.readline().strip()
    assert ask(url, "SELECT 1") == 1
    postmaster = int((private / "data" / "pgdata" / "postmaster.pid").read_text().split()[0])
    assert Path(f"/proc/{postmaster}").stat().st_uid != 0
    assert str(private) not in str(Path(f"/proc/{postmaster}/exe").readlink())
    process.communicate("\n")

    assert {p: stat.S_IMODE(p.stat().st_mode) for p in (private, *private.parents)} == before


@as_root
def test_an_ordinary_user_runs_the_server_as_themselves() -> None:
    """Without root there is nobody else to be: everything belongs to who typed the command."""
    place = Path(tempfile.mkdtemp())
    try:
        os.chown(place, 65534, 65534)
        try:
            process = join(place / "data", cwd="/", user=65534, group=65534, extra_groups=[])
        except PermissionError:
            pytest.skip("this Python lies below a private directory")
        assert process.stdout
        if not (url := process.stdout.readline().strip()):
            pytest.skip("this installation lies below a private directory")
        assert ask(url, "SELECT 1") == 1
        process.communicate("\n")
        assert {p.stat().st_uid for p in place.rglob("*")} == {65534}
    finally:
        shutil.rmtree(place)


@as_root
def test_root_serves_a_persons_data_as_that_person(tmp_path: Path) -> None:
    """What root starts in somebody's directory stays usable for them without being root."""
    place = tmp_path / "hers"
    place.mkdir()
    os.chown(place, 61050, 61050)
    with fast(place):
        pass
    assert {p.stat().st_uid for p in place.rglob("*")} == {61050}


@as_root
def test_a_cluster_that_root_copied_is_given_back_to_its_account(tmp_path: Path) -> None:
    """`cp -r` as root makes everything root's; the next start repairs that."""
    with fast(tmp_path / "one") as url, psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    with fast(tmp_path / "two") as url:
        assert ask(url, "SELECT answer FROM kept") == 42


def test_a_removed_lock_file_does_not_start_a_second_server(data_dir: Path) -> None:
    """Somebody tidied up while the server ran: it goes on serving, and the message says how to stop it."""
    with fast(data_dir) as url:
        (data_dir / "server.lock").rename(data_dir / "moved.lock")
        with pytest.raises(UnavailableError, match=r"kill -INT \d+"):
            fast(data_dir).ensure()
        assert ask(url, "SELECT 1") == 1
        (data_dir / "moved.lock").rename(data_dir / "server.lock")


def test_data_of_another_major_version_is_refused_by_name(data_dir: Path) -> None:
    """The message says both versions and what to do."""
    with fast(data_dir):
        pass
    (data_dir / "pgdata" / "PG_VERSION").write_text("16\n")
    with pytest.raises(UnavailableError, match=r"made by PostgreSQL 16.*brings PostgreSQL 18") as caught:
        fast(data_dir).ensure()
    assert "pg_dump" in str(caught.value)


def test_a_directory_with_something_else_in_it_is_left_alone(data_dir: Path) -> None:
    """What is not a cluster is never written over."""
    stranger = data_dir / "pgdata" / "holiday.txt"
    stranger.parent.mkdir(parents=True)
    stranger.write_text("sun")
    with pytest.raises(UnavailableError, match=r"not a PostgreSQL cluster"):
        fast(data_dir).ensure()
    assert stranger.read_text() == "sun"


def test_a_place_that_cannot_be_a_directory_is_named(tmp_path: Path) -> None:
    """A file in the way, or no right to write: the error names the path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match=r"`.*/file/data` cannot be used"):
        fast(tmp_path / "file" / "data").ensure()


def test_a_server_that_does_not_start_quotes_its_log(data_dir: Path) -> None:
    """What PostgreSQL said is in the message, and the next attempt is free to succeed."""
    with pytest.raises(UnavailableError, match=r"(?s)ended while starting.*shared_buffers"):
        PostgresServer(data_dir, settings={"shared_buffers": "much"}).ensure()
    with fast(data_dir) as url:
        assert ask(url, "SELECT 1") == 1


@as_root
def test_a_full_disk_is_called_a_full_disk(tmp_path: Path) -> None:
    """A new database on a small disk is refused before anything is written."""
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", small], check=False).returncode != 0:
        pytest.skip("may not mount a small disk here")
    try:
        with pytest.raises(UnavailableError, match=r"needs \d+ MB, and the disk has \d MB free"):
            fast(small).ensure()
    finally:
        subprocess.run(["umount", small], check=True)

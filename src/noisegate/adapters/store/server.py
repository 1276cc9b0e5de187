"""Start, heal and stop one embedded PostgreSQL in one directory.

    data_dir/
      pgdata/          the cluster, mode 0700, owned by the account that runs it; the socket lies in it
      postgres.log     what the server says; `.1` is the one before
      ensure.lock      held for moments, by whoever starts or stops the server
      server.lock      held by the server's own processes, as long as one of them lives
      users.lock       held, shared, by every process that uses the server; the last to leave stops it

All three are `flock`s: the kernel lets go of them when a process dies, however it dies, so that nothing here guesses
from process numbers. A killed postmaster that nobody has reaped yet (a zombie) holds no lock and counts as dead.

As root the server must run under another account (`account.py`), which may have no way into the directories above the
data: a clone below a private home or a `mktemp -d`. So the server is started *inside* its data directory and knows it
only as `/proc/self/cwd`: nothing on the way there is opened or has its permissions changed. Clients connect by path.
The server listens on its Unix socket only, and needs no password: whoever may enter the 0700 directory may connect.

Where the data goes is for the settings to say: below their one data directory, in the project, also for root, so that
deleting one folder deletes everything.

This module does not know the schema, and does not watch: a supervisor calls `heal()` when it likes.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from noisegate.adapters.store import binaries, cluster
from noisegate.adapters.store.account import Account
from noisegate.adapters.store.cluster import HERE, OWNER, SOCKET, tail, trouble
from noisegate.core.errors import UnavailableError

DATABASE = "noisegate"
"""The database that `ensure()` makes."""

_LARGEST_LOG = 16 * 2**20
_PAUSE_S = 0.01
_LAUNCH = '"$0" "$@" &'

_FIXED = {
    "listen_addresses": "",
    "unix_socket_directories": ".",
    "unix_socket_permissions": "0700",
}
_SENSIBLE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "wal_compression": "on",
    "autovacuum_naptime": "15s",  # job tables turn over quickly
    "jit": "off",
    "max_logical_replication_workers": "0",  # one process less
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}


class PostgresServer:
    """One cluster in one directory, shared by every process that names the same directory.

    `with PostgresServer(path) as url:` starts the server, or joins the one that runs, and stops it on the way out
    unless another process still uses it. A process that dies leaves the server running; the next one joins it.
    """

    def __init__(self, data_dir: Path, *, settings: Mapping[str, str] | None = None, patience_s: float = 120.0) -> None:
        """Describe the server; nothing is touched before `ensure()`.

        Args:
            data_dir: the directory that holds everything; made when it is not there.
            settings: PostgreSQL settings that differ from ours, used when this object starts the server. With
                `fsync` off (for tests: a power cut may lose everything) the cluster is made without waiting for
                the disk too.
            patience_s: how long to wait for a start (crash recovery included), a stop, or another process.
        """
        self._users: int | None = None
        self.data_dir = data_dir.absolute()
        self.log_file = self.data_dir / "postgres.log"
        self._pgdata = self.data_dir / "pgdata"
        self._settings = {**_SENSIBLE, **(settings or {}), **_FIXED}
        self._patience_s = patience_s

    # What callers do

    def ensure(self) -> str:
        """Make sure that the server runs, and count this process among its users.

        Makes the cluster and the database when they do not exist, recovers after a crash, joins a server that
        another process started.

        Returns:
            The address of the database `noisegate` for its owner, `postgresql://...`.

        Raises:
            UnavailableError: it cannot be made or started; the message says why and names the log.
            NotInstalledError: the wheel with the PostgreSQL programs is not there.
        """
        self._make_directory()
        with self._alone():
            self._start_unless_up()
            self._make_database()
            if self._users is None:
                self._users = self._open_lock("users.lock")
                fcntl.flock(self._users, fcntl.LOCK_SH)
        return self.url()

    def heal(self) -> bool:
        """Bring the server back when it is down, for example after `kill -9`.

        Returns:
            True when it was down and runs again; False when it was fine.

        Raises:
            UnavailableError: as `ensure()`.
        """
        if self.is_up():
            return False
        self.ensure()
        return True

    def is_up(self) -> bool:
        """Whether the server accepts connections now."""
        import psycopg

        try:
            psycopg.connect(self.url(database="postgres"), connect_timeout=5).close()
        except (psycopg.OperationalError, UnavailableError):
            return False
        return True

    def url(self, *, database: str = DATABASE, user: str = OWNER) -> str:
        """The address of a database of this server; nobody is asked whether it runs.

        Raises:
            UnavailableError: the path is too long for a socket and no short name for it can be made.
        """
        return f"postgresql://{user}@/{quote(database)}?host={quote(cluster.socket_directory(self._pgdata), safe='')}"

    def release(self) -> None:
        """This process no longer uses the server; stop it unless another one does."""
        if self._users is None:
            return
        with self._alone():
            users, self._users = self._users, None
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            else:
                self._stop()
            finally:
                os.close(users)

    def stop(self) -> None:
        """Stop the server now, whoever uses it: running statements are cancelled, what was committed is kept.

        Raises:
            UnavailableError: processes of the server are still there after every means was tried.
        """
        if not self._pgdata.exists():
            return
        with self._alone():
            self._stop()
        if self._users is not None:
            os.close(self._users)
            self._users = None

    def __enter__(self) -> str:
        return self.ensure()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __del__(self) -> None:
        if self._users is not None:  # the server is left to its other users, or to the next one
            with contextlib.suppress(OSError):
                os.close(self._users)

    # Starting

    def _start_unless_up(self) -> None:
        if (self._server_alive() and self._joined()) or (lock := self._take_server_lock()) is None:
            return
        try:
            if (running := self._postmaster()) is not None:
                raise trouble(
                    self.data_dir,
                    f"process {running} runs it, although somebody removed `server.lock`",
                    hint=f"kill -INT {running}",
                )
            account = cluster.prepare(self._pgdata, durable=self._settings["fsync"] == "on")
            programs = binaries.reachable(account, near=self.data_dir)
            # No process of the server lives. PostgreSQL cannot know that: it takes a zombie, or a stranger with the
            # same number, for its living predecessor. Two servers are still impossible: it checks its shared memory.
            for stale in ("postmaster.pid", f"{SOCKET}.lock", SOCKET):
                (self._pgdata / stale).unlink(missing_ok=True)
            said = self._launch(programs, account, lock)
        except OSError as error:
            raise trouble(self.data_dir, f"PostgreSQL could not be started: {error}") from error
        finally:
            os.close(lock)  # from here on only the server's processes hold it
        self._await_start(said)

    def _joined(self) -> bool:
        """Wait for a server that is alive, perhaps only just. False when it is gone after all."""
        deadline = time.monotonic() + self._patience_s
        orphaned_since: float | None = None
        while time.monotonic() < deadline:
            if self._status() == "ready" and self.is_up():
                return True
            if not self._server_alive():
                return False
            if self._postmaster() is not None:
                orphaned_since = None
            else:
                # Children outlive a killed postmaster only until they notice; one in a long query may not.
                orphaned_since = orphaned_since or time.monotonic()
                if time.monotonic() - orphaned_since > min(2.0, self._patience_s / 4):
                    self._kill_all()
            time.sleep(_PAUSE_S)
        raise trouble(self.data_dir, "a server holds the directory but does not answer (in another container?)")

    def _launch(self, programs: binaries.Binaries, account: Account | None, lock: int) -> int:
        """Start the server, not as our child: who reaps it does not matter, its lock tells when it ends.

        Returns:
            Where in the log its words begin, in bytes.
        """
        if self.log_file.exists() and self.log_file.stat().st_size > _LARGEST_LOG:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        settings = {**self._settings, "cluster_name": cluster.title(self._pgdata)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self.log_file.open("ab") as log:
            self._share(self.log_file)
            said = log.tell()
            subprocess.run(  # noqa: S603 - our own words
                ["/bin/sh", "-c", _LAUNCH, programs.program("postgres"), "-D", HERE, *options],
                check=True,
                cwd=self._pgdata,
                env=cluster.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock],
                start_new_session=True,  # Ctrl-C is for the supervisor, which stops the server last
                **(account.identity if account else {}),
            )
        return said

    def _await_start(self, said: int) -> None:
        def settled() -> bool:
            return (self._status() == "ready" and self.is_up()) or not self._server_alive()

        if not self._wait(settled, self._patience_s):
            words = self._words(said)
            raise trouble(self.data_dir, f"PostgreSQL was not ready after {self._patience_s:.0f} s{words}")
        if not self.is_up():
            raise trouble(self.data_dir, f"PostgreSQL ended while starting{self._words(said)}")

    def _make_database(self) -> None:
        import psycopg

        with psycopg.connect(self.url(database="postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if known is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    # Stopping

    def _stop(self) -> None:
        def ended() -> bool:
            return not self._server_alive()

        for ending in (signal.SIGINT, signal.SIGQUIT):  # fast shutdown, then immediate
            postmaster = self._postmaster()
            if postmaster is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(postmaster, ending)
                if self._wait(ended, min(30.0, self._patience_s)):
                    break
        if not ended():
            self._kill_all()
            if not self._wait(ended, min(30.0, self._patience_s)):
                raise trouble(self.data_dir, "processes of the server do not end")
        with contextlib.suppress(OSError):
            name = Path(cluster.socket_directory(self._pgdata))
            if name.is_symlink() and name != self._pgdata:
                name.unlink()

    # What is going on

    def _take_server_lock(self) -> int | None:
        """The lock that says no process of the server lives, or None when one does."""
        lock = self._open_lock("server.lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return lock

    def _server_alive(self) -> bool:
        lock = self._take_server_lock()
        if lock is None:
            return True
        os.close(lock)
        return False

    def _pid_file(self) -> list[str]:
        try:
            return (self._pgdata / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _status(self) -> str:
        """What the server writes about itself: `starting`, `ready`, `stopping`, or empty."""
        lines = self._pid_file()
        return lines[7].strip() if len(lines) > 7 else ""

    def _postmaster(self) -> int | None:
        """The process number of the postmaster, when such a process lives."""
        lines = self._pid_file()
        if lines and lines[0].strip().isdigit() and self._is_ours(pid := int(lines[0])):
            return pid
        return None

    def _is_ours(self, pid: int) -> bool:
        """Whether a live process belongs to our server. Command lines are readable by all; a zombie's is empty."""
        try:
            return cluster.title(self._pgdata).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False

    def _kill_all(self) -> None:
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and self._is_ours(int(process.name)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process.name), signal.SIGKILL)

    def _words(self, since: int) -> str:
        """What the server said in its log from a byte on, worded as the end of a message."""
        with contextlib.suppress(OSError), self.log_file.open("rb") as log:
            log.seek(since)
            return f"; the last lines of `{self.log_file}`:\n{tail(log.read().decode(errors='replace'))}"
        return f"; see `{self.log_file}`"

    # The directory and its locks

    def _make_directory(self) -> None:
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            if not os.access(self.data_dir, os.W_OK | os.X_OK):
                raise PermissionError(f"user {os.geteuid()} may not write there")
        except OSError as error:
            raise UnavailableError(
                f"the data directory `{self.data_dir}` cannot be used: {error}",
                hint="name another one, or give this user the right to write there",
            ) from error

    def _open_lock(self, name: str) -> int:
        path = self.data_dir / name
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise trouble(self.data_dir, f"`{path}` cannot be opened: {error.strerror}") from error
        self._share(path)
        return lock

    def _share(self, path: Path) -> None:
        """What root makes in somebody's directory belongs to that person, who may come back without being root."""
        owner = self.data_dir.stat()
        if os.geteuid() == 0 and path.stat().st_uid != owner.st_uid:
            os.chown(path, owner.st_uid, owner.st_gid)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else starts or stops this server meanwhile."""
        lock = self._open_lock("ensure.lock")

        def taken() -> bool:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        try:
            if not self._wait(taken, self._patience_s):
                holder = os.pread(lock, 20, 0).decode().strip() or "unknown"
                raise trouble(self.data_dir, f"process {holder} has been starting or stopping it for too long")
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(lock)

    @staticmethod
    def _wait(condition: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE_S)
        return True

"""The process tree of one installation on one machine: PostgreSQL, the API and the worker under one supervisor.

    data_dir/
      postgres/        the embedded database, unless the settings name another one
      admin.key        the first administrator's key, mode 0600
      address          where the API answers; there while the platform runs
      platform.lock    held by the supervisor, so that there is one
      logs/            what the API and the worker say

The supervisor makes the listening socket and lends it to the API, so that callers who come while a dead API is being
replaced wait instead of being turned away. Its children end with it (`children.py`); a database that outlives a killed
supervisor is joined by the next one. On a cluster nobody needs this module: the same API and
worker run under whatever runs processes there.

It knows no flow and no route, only that the API answers `GET /readyz`.
"""

import contextlib
import errno
import fcntl
import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Self

from noisegate.children import Child, Stop
from noisegate.core.errors import ConflictError, InvalidInputError, UnavailableError
from noisegate.settings import Settings

if TYPE_CHECKING:
    from noisegate.adapters.store.server import PostgresServer
    from noisegate.adapters.store.store import Store

API = "noisegate.api"
WORKER = "noisegate.worker"
ADMIN_SCOPE = "admin"

_TICK_S = 0.2
_DATABASE_LOOKED_AT_S = 1.0
_DEATHS = 5
"""Of one child, each right after it was started, in a row: then the platform gives up."""
_OURS = ("postgres", "blobs", "incoming", "banks", "logs", "admin.key", "address")
"""What a data directory holds, but for the lock."""
_CLIENT_ONLY = {"url", "api_key"}
"""Settings that servers have no use for."""


def key_file(settings: Settings) -> Path:
    """Where the first administrator's key is kept."""
    return settings.data_dir / "admin.key"


def running_at(settings: Settings) -> str | None:
    """`http://host:port` of the platform that was started on this data directory, or None when none says so."""
    try:
        return _address_file(settings).read_text("ascii").strip() or None
    except OSError:
        return None


def demo_settings(settings: Settings) -> Settings:
    """The demo's own installation: below the data directory, and never a database or object store that is in use."""
    elsewhere = dict.fromkeys(("database_url", "blobs_url", "url", "api_key"))
    return settings.model_copy(update={"data_dir": settings.data_dir / "demo", **elsewhere})


def clear(settings: Settings) -> None:
    """Remove what an installation kept in its data directory; what is not ours stays. Everything in it is lost.

    Raises:
        ConflictError: a platform runs there.
        UnavailableError: its database does not end.
    """
    if not settings.data_dir.is_dir():
        return
    with _alone(settings):
        _server(settings).stop()
        for name in _OURS:
            place = settings.data_dir / name
            if place.is_dir():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)


@contextlib.contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The address of the installation's database for as long as the block runs; an embedded one is started or joined.

    Raises:
        UnavailableError: there is none yet, or it does not start.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    server = _server(settings)
    if not (server.data_dir / "pgdata").is_dir():
        raise UnavailableError(
            f"there is no database in {str(settings.data_dir)!r}",
            hint="start the platform once with `noisegate up`, or set NOISEGATE_DATA_DIR to where that was done",
        )
    with server as url:
        yield url


def _address_file(settings: Settings) -> Path:
    return settings.data_dir / "address"


def _server(settings: Settings) -> "PostgresServer":
    from noisegate.adapters.store.server import PostgresServer

    return PostgresServer(settings.data_dir / "postgres")


@dataclass
class Platform:
    """One installation that runs. Use as a context manager, in the main thread; then `serve`, or `tend` now and then.

    When `stop` is asked while it starts, entering returns early, with `ready` False.
    """

    settings: Settings
    stop: Stop
    say: Callable[[str], None] = lambda _line: None
    """Told in one line what happens, for people who watch."""
    patience_s: float = 120.0
    """How long the API may take until it answers for the first time, in seconds."""
    url: str = ""
    """`http://host:port`, where callers on this machine reach the API."""
    ready: bool = False
    _open: ExitStack = field(default_factory=ExitStack)
    _server: "PostgresServer | None" = None
    _children: list[Child] = field(default_factory=list)
    _looked: float = 0.0

    def __post_init__(self) -> None:
        self.settings = self.settings.model_copy(update={"data_dir": self.settings.data_dir.absolute()})

    @property
    def key_file(self) -> Path:
        """Where the administrator's key is."""
        return key_file(self.settings)

    @property
    def logs(self) -> Path:
        """The folder with what the API and the worker say."""
        return self.settings.data_dir / "logs"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def serve(self) -> None:
        """Keep everything running until somebody asks to stop. Raises as `tend`."""
        while not self.stop.wait(_TICK_S):
            self.tend()

    def tend(self) -> None:
        """Look after database and children once, and bring back what is gone.

        Raises:
            UnavailableError: a child dies again and again right after it was started, or once while the platform
                starts, or the database cannot be brought back; the message has its last words.
        """
        now = time.monotonic()
        if self._server is not None and now - self._looked > _DATABASE_LOOKED_AT_S:
            if self._server.heal():
                self.say("the database was gone; it runs again")
            self._looked = time.monotonic()
        for child in self._children:
            child.trim_log()
            if child.process is not None and child.ended():
                how = child.bury()
                if not self.ready:  # what fails now rarely mends itself, and it has said why
                    raise UnavailableError(f"the {child.name} could not be started: it {how}", hint=child.last_words())
                if child.deaths >= _DEATHS:
                    raise UnavailableError(
                        f"the {child.name} does not stay alive: it {how}, {child.deaths} times in a row right after "
                        "it was started",
                        hint=child.last_words(),
                    )
                self.say(f"the {child.name} {how}; starting it again")
            if child.process is None and time.monotonic() >= child.not_before:
                child.start(_environment(self.settings))

    def close(self) -> None:
        """Stop in order: the worker gives up or finishes its jobs, the API its requests, then the database ends."""
        if self.ready:
            _address_file(self.settings).unlink(missing_ok=True)
        for child in self._children:
            child.end(self.stop)
        self._open.close()

    def _start(self) -> None:
        data_dir = self.settings.data_dir
        try:
            data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._open.enter_context(_alone(self.settings))
        except OSError as error:
            raise UnavailableError(
                f"the data directory {str(data_dir)!r} cannot be used: {error.strerror}",
                hint="set NOISEGATE_DATA_DIR to a directory that you may write to",
            ) from error
        _address_file(self.settings).unlink(missing_ok=True)  # of one that was killed
        listening = self._open.enter_context(listen(self.settings.host, self.settings.port))
        self.url = _address(listening)
        self.say("starting the database")
        self._start_database()
        if self.stop.asked:
            return
        self.say("starting the API and the worker")
        self._children = [
            Child(name="worker", module=WORKER, log=self.logs / "worker.log", grace_s=20.0),
            Child(name="API", module=API, log=self.logs / "api.log", grace_s=10.0, lent=listening.fileno()),
        ]
        deadline = time.monotonic() + self.patience_s
        while not (self.ready or self.stop.wait(0.05)):
            self.tend()
            self.ready = self._answers()
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"the API at {self.url} was not ready after {self.patience_s:.0f} s",
                    hint="\n  ".join(f"{child.name}: {child.last_words()}" for child in self._children),
                )
        if self.ready:
            _write(_address_file(self.settings), self.url + "\n", mode=0o644)

    def _start_database(self) -> None:
        from noisegate.adapters.store.migrate import migrate
        from noisegate.adapters.store.store import Store

        url = self.settings.database_url
        if url is None:
            self._server = _server(self.settings)
            url = self._open.enter_context(self._server)
            self.settings = self.settings.model_copy(update={"database_url": url})
        migrate(url)
        with Store(url, size=1) as store:
            _ensure_administrator(store, key_file(self.settings))

    def _answers(self) -> bool:
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        connection = HTTPConnection(host.strip("[]"), int(port), timeout=1)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


@contextlib.contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Nobody else runs a platform on this data directory meanwhile. The kernel lets go when the process dies."""
    lock = os.open(settings.data_dir / "platform.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
            where = f" at {url}" if (url := running_at(settings)) else ""
            raise ConflictError(
                f"the platform on {str(settings.data_dir)!r} is running already, as process {holder}{where}",
                hint=f"stop it with `kill -INT {holder}`, or set NOISEGATE_DATA_DIR to start another one",
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises InvalidInputError for a host that is not ours, UnavailableError for a taken port."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InvalidInputError(f"{host!r} is no address to listen on: {error.strerror}") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(1024)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise UnavailableError(
                f"port {port} of {host} is taken by another program",
                hint="choose another one with `--port` or NOISEGATE_PORT; 0 lets the system choose",
            ) from error
        raise InvalidInputError(f"nothing can listen on {host}, port {port}: {error.strerror}") from error
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - recognised, not used
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _ensure_administrator(store: "Store", file: Path) -> None:
    """Make sure that an administrator can get in; a file that somebody put away on purpose is not made again."""
    if file.is_file() and store.keys.find(file.read_text("ascii", "replace").strip()) is not None:
        return
    if any(ADMIN_SCOPE in key.scopes and key.revoked_at is None for key in store.keys.all()):
        return
    _, secret = store.keys.create("administrator", [ADMIN_SCOPE])
    _write(file, secret + "\n", mode=0o600)


def _write(file: Path, text: str, *, mode: int) -> None:
    """The whole file or nothing, never readable by more people than `mode` says."""
    new = file.with_name(f".{file.name}-{secrets.token_hex(4)}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="ascii") as opened:
        opened.write(text)
    new.replace(file)


def _environment(settings: Settings) -> dict[str, str]:
    """Our environment with every setting as it is here, flags included, whatever a child's working directory says."""
    values = settings.model_dump(mode="json", exclude=_CLIENT_ONLY, exclude_none=True)
    inherited = {f"NOISEGATE_{name.upper()}" for name in Settings.model_fields}
    ours = {name: value for name, value in os.environ.items() if name not in inherited}
    said = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    return {**ours, **{f"NOISEGATE_{name.upper()}": value for name, value in said.items()}, "PYTHONUNBUFFERED": "1"}

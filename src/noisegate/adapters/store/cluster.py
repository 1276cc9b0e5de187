"""The files of the embedded PostgreSQL: made once, owned by who runs them, of one version, reachable by one path.

This module does not start the server.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from noisegate.adapters.store import account as accounts
from noisegate.adapters.store import binaries
from noisegate.adapters.store.account import Account
from noisegate.adapters.store.binaries import MAJOR
from noisegate.core.errors import UnavailableError

OWNER = "noisegate_owner"
"""The database superuser; owns the schema."""
HERE = "/proc/self/cwd"
"""How the server, started inside its directory, names it; needs no way in from above."""
SOCKET = ".s.PGSQL.5432"

_LONGEST_SOCKET_PATH = 107
_ROOM_FOR_A_CLUSTER = 200 * 2**20


def prepare(pgdata: Path, *, durable: bool = True) -> Account | None:
    """Make the cluster when there is none, and see that its files belong to who will run it.

    Args:
        pgdata: the directory of the cluster; its parent exists and is ours.
        durable: wait until a new cluster is on the disk.

    Returns:
        The account that must run the server; None for ourselves.

    Raises:
        UnavailableError: it cannot be made, or another version of PostgreSQL made it.
        NotInstalledError: the wheel with the PostgreSQL programs is not there.
    """
    account = accounts.choose(pgdata, pgdata.parent)
    version = pgdata / "PG_VERSION"
    try:
        if not version.exists():
            _make(pgdata, account, durable=durable)
        elif account and {pgdata.stat().st_uid, version.stat().st_uid} != {account.uid}:
            _give(pgdata, account)  # copied by root, or power was lost while it was being made
        found = version.read_text().strip()
    except OSError as error:
        raise trouble(pgdata.parent, f"the cluster `{pgdata}` cannot be made or read: {error}") from error
    if found != str(MAJOR):
        raise trouble(
            pgdata.parent,
            f"the data was made by PostgreSQL {found}, and this noisegate brings PostgreSQL {MAJOR}",
            hint=f"dump it with `pg_dump` of version {found} and restore it into a new data directory, "
            "or serve it yourself and set NOISEGATE_DATABASE_URL",
        )
    return account


def environment() -> dict[str, str]:
    """What the programs see of our environment: nothing, because PG* variables would change what they do."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}


def title(pgdata: Path) -> str:
    """A name that the server's processes carry in their command lines; survives a renamed directory."""
    found = pgdata.stat()
    return "noisegate-" + hashlib.sha256(f"{found.st_dev}:{found.st_ino}".encode()).hexdigest()[:12]


def socket_directory(pgdata: Path) -> str:
    """A name of the cluster's directory that a client can use: the path itself, or a short link to it.

    Raises:
        UnavailableError: the path is too long for a socket and no link can be made.
    """
    if _fits(str(pgdata)):
        return str(pgdata)
    digest = hashlib.sha256(os.fsencode(pgdata)).hexdigest()[:12]
    for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108 - the link is checked
        for attempt in range(4):
            link = Path(base or "/nonexistent") / f"noisegate-{digest}-{attempt}"
            if not _fits(str(link)):
                continue
            with contextlib.suppress(OSError):
                if not link.is_symlink():
                    link.symlink_to(pgdata)
                # in a shared place only a link that we or root made can be trusted
                if link.lstat().st_uid in {0, os.geteuid()} and link.readlink() == pgdata:
                    return str(link)
    raise trouble(
        pgdata.parent,
        "the path is too long for a Unix socket, and no short link to it could be made in the directory for "
        "temporary files",
        hint=f"name a data directory of at most {_LONGEST_SOCKET_PATH - 22} characters, without a comma",
    )


def trouble(data_dir: Path, message: str, *, hint: str | None = None) -> UnavailableError:
    """The error of everything that goes wrong with an embedded database; names it, and a full disk."""
    full = ""
    with contextlib.suppress(OSError):
        if (free := shutil.disk_usage(data_dir).free) < 50 * 2**20:
            full = f" (the disk is full: {free // 2**20} MB are free)"
    return UnavailableError(f"the embedded database in `{data_dir}`: {message}{full}", hint=hint)


def tail(text: str, lines: int = 12) -> str:
    """The last lines of what a program said."""
    return "\n".join(text.strip().splitlines()[-lines:])


def _make(pgdata: Path, account: Account | None, *, durable: bool) -> None:
    if pgdata.exists() and any(pgdata.iterdir()):
        raise trouble(
            pgdata.parent,
            f"`{pgdata}` holds something that is not a PostgreSQL cluster",
            hint="name another data directory, or move that folder away",
        )
    free = shutil.disk_usage(pgdata.parent).free
    if free < _ROOM_FOR_A_CLUSTER:
        raise trouble(
            pgdata.parent,
            f"a new database needs {_ROOM_FOR_A_CLUSTER // 2**20} MB, and the disk has {free // 2**20} MB free",
            hint="make room, or name a data directory on another disk",
        )
    if account is None and not accounts.has_name(os.geteuid()):
        raise trouble(
            pgdata.parent,
            f"PostgreSQL's `initdb` needs a user with a name, and user {os.geteuid()} has none on this machine",
            hint="give it one in /etc/passwd, run noisegate as another user, or set NOISEGATE_DATABASE_URL",
        )
    maker = accounts.with_name() if account and not accounts.has_name(account.uid) else account
    programs = binaries.reachable(maker, near=pgdata.parent)
    draft = pgdata.with_name("pgdata.new")  # a cluster appears complete or not at all
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    if maker:
        os.chown(draft, maker.uid, maker.gid)
    done = subprocess.run(  # noqa: S603 - our own words
        [
            programs.program("initdb"),
            f"--pgdata={HERE}",
            f"--username={OWNER}",
            "--auth=trust",  # the directory's mode is the lock on the door
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",  # the same order on every machine
            "--builtin-locale=C.UTF-8",
            *(() if durable else ("--no-sync",)),
        ],
        check=False,
        cwd=draft,
        env=environment(),
        capture_output=True,
        text=True,
        **(maker.identity if maker else {}),
    )
    if done.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise trouble(pgdata.parent, f"`initdb` failed:\n{tail(done.stderr)}")
    if account and maker != account:
        _give(draft, account)
    draft.rename(pgdata)


def _give(tree: Path, account: Account) -> None:
    for place, _, files in os.walk(tree):
        for name in (".", *files):
            os.chown(Path(place) / name, account.uid, account.gid, follow_symlinks=False)


def _fits(directory: str) -> bool:
    """Whether a client can name a socket in that directory; a comma would make it a list."""
    return len(os.fsencode(f"{directory}/{SOCKET}")) <= _LONGEST_SOCKET_PATH and "," not in directory

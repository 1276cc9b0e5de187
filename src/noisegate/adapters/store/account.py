"""Under which operating-system account the embedded PostgreSQL runs.

PostgreSQL refuses to run as root. When we are root, the server gets, in this order:

1. the owner of the data that is already there, or of the data directory, when that is not root;
2. the account `noisegate`, when the machine has one (a packager or administrator made it on purpose);
3. a number that no account uses. Nothing is added to the machine's list of users, and no other service shares it.

When we are not root, the server runs as ourselves. This module knows nothing about PostgreSQL but its refusal.
"""

import os
import pwd
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from noisegate.core.errors import UnavailableError

NAMED = "noisegate"
"""The account that is preferred when it exists."""
_UNUSED = range(61000, 61100)
"""Between the ranges that Debian and systemd hand out to people and to services."""


class Identity(TypedDict, total=False):
    """Keyword arguments of `subprocess.run` that drop to an account; empty: stay who we are."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user and group of the operating system, by number."""

    uid: int
    gid: int

    @property
    def identity(self) -> Identity:
        """How to start a process under this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def choose(*places: Path) -> Account | None:
    """The account for the server, or None to run as ourselves.

    Args:
        places: the data and the directories around it, innermost first; those that do not exist are passed over.

    Raises:
        UnavailableError: we are root and may not become anybody else.
    """
    if os.geteuid() != 0:
        return None
    for account in _candidates(places):
        if _may_become(account):
            return account
    raise UnavailableError(
        "PostgreSQL refuses to run as root, and this process may not change to another user (a container without "
        "CAP_SETUID, or with only one user mapped)",
        hint="run noisegate as an ordinary user, or set NOISEGATE_DATABASE_URL to a PostgreSQL server",
    )


def has_name(uid: int) -> bool:
    """Whether the machine's list of users knows the number."""
    return _entry(uid) is not None


def with_name() -> Account:
    """Any account but root that the machine's list of users knows; `initdb` insists on a name.

    Raises:
        UnavailableError: there is none.
    """
    entries = sorted((e for e in pwd.getpwall() if e.pw_uid != 0), key=lambda e: e.pw_name != "nobody")
    for entry in entries:
        account = Account(uid=entry.pw_uid, gid=entry.pw_gid)
        if _may_become(account):
            return account
    raise UnavailableError(
        "PostgreSQL's `initdb` needs a user with a name, and this machine knows only root",
        hint=f"useradd --system {NAMED}",
    )


def _candidates(places: tuple[Path, ...]) -> Iterator[Account]:
    for place in places:
        if place.exists() and (owner := place.stat()).st_uid != 0:
            yield Account(uid=owner.st_uid, gid=owner.st_gid)
    try:
        named = pwd.getpwnam(NAMED)
        yield Account(uid=named.pw_uid, gid=named.pw_gid)
    except KeyError:
        pass
    yield from [Account(uid=number, gid=number) for number in _UNUSED if _entry(number) is None][:1]
    nobody = _entry(65534)
    if nobody is not None:  # a user namespace that maps few numbers usually maps this one
        yield Account(uid=nobody.pw_uid, gid=nobody.pw_gid)


def _entry(uid: int) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        return None


def _may_become(account: Account) -> bool:
    try:
        return subprocess.run(["/bin/sh", "-c", ":"], check=False, cwd="/", **account.identity).returncode == 0
    except OSError:
        return False

"""Who asks, and what they may: API keys, remembered for a few seconds so that a verdict reads no database.

A key is 256 random bits, found by its SHA-256, so no comparison tells how much of a guess was right. This module knows
keys and scopes, and no route.
"""

import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated, Protocol

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from noisegate.adapters.store.records import ApiKey
from noisegate.core.errors import NotAllowedError, NotAuthenticatedError

_SECRET = re.compile(r"ng_[A-Za-z0-9_-]{43}")
_REMEMBERED = 1024
"""Keys kept in memory; an installation has a few."""
TTL_S = 10.0
"""Seconds after which a revoked key stops working at the latest."""


class Scope(StrEnum):
    """What a key may do. `admin` includes the others."""

    SUBMIT = "submit"
    """Send uploads and ask for verdicts."""
    READ = "read"
    """See items, decisions, packs, signals and events."""
    ADMIN = "admin"
    """Webhooks, keys, and everything else."""


class Finder(Protocol):
    """Finds keys; `store.keys`."""

    def find(self, secret: str) -> ApiKey | None:
        """The key with this secret, unless it is revoked."""
        ...


class Keyring:
    """Answers whose key a request carries, mostly from memory."""

    def __init__(self, finder: Finder, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Look up with `finder` what is not remembered."""
        self._finder = finder
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, tuple[ApiKey, float]] = OrderedDict()

    def remembered(self, secret: str) -> ApiKey | None:
        """The key, when it was checked a moment ago; None says nothing about its being valid."""
        found = self._known.get(_hashed(secret))
        return found[0] if found is not None and found[1] > self._clock() else None

    def check(self, secret: str) -> ApiKey:
        """The key with this secret.

        Raises:
            NotAuthenticatedError: there is none, or it was revoked.
        """
        if _SECRET.fullmatch(secret) is None:
            raise NotAuthenticatedError("this is not an API key of Noisegate", hint="keys begin with `ng_`")
        key = self._finder.find(secret)
        hashed = _hashed(secret)
        with self._lock:
            if key is None:
                self._known.pop(hashed, None)
                raise NotAuthenticatedError("this API key is not known, or was revoked")
            self._known[hashed] = (key, self._clock() + TTL_S)
            self._known.move_to_end(hashed)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return key

    def forget(self) -> None:
        """Look everything up again: a key was revoked here."""
        with self._lock:
            self._known.clear()


_BEARER = HTTPBearer(auto_error=False, scheme_name="API key", description="`Authorization: Bearer ng_...`")


async def caller_of(request: Request) -> ApiKey:
    """Whose key a request carries.

    Raises:
        NotAuthenticatedError: it carries none, or one that is not valid.
        UnavailableError: the database does not answer.
    """
    sent = await _BEARER(request)
    if sent is None:
        raise NotAuthenticatedError(
            "no API key was sent", hint="send the header `Authorization: Bearer ng_...`; `noisegate key create`"
        )
    keyring: Keyring = request.app.state.api.keyring
    key = keyring.remembered(sent.credentials)
    return await run_in_threadpool(keyring.check, sent.credentials) if key is None else key


def needs(scope: Scope) -> Callable[..., Awaitable[ApiKey]]:
    """A dependency that gives the caller's key, and refuses one without `scope`."""

    async def caller(
        request: Request, _documented: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
    ) -> ApiKey:
        key = await caller_of(request)
        if scope not in key.scopes and Scope.ADMIN not in key.scopes:
            has = ", ".join(sorted(key.scopes)) or "nothing"
            raise NotAllowedError(f"the key `{key.name}` may {has}, and this needs `{scope.value}`")
        return key

    return caller


Submitting = Annotated[ApiKey, Depends(needs(Scope.SUBMIT))]
Reading = Annotated[ApiKey, Depends(needs(Scope.READ))]
Administering = Annotated[ApiKey, Depends(needs(Scope.ADMIN))]


def owner(key: ApiKey) -> str:
    """How a key is named in the ledger."""
    return f"key:{key.id}"


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()

"""Talks to a running platform over HTTP: what `submit` and `demo` need of it, with answers turned into our errors."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from noisegate.cli.item_files import Draft
from noisegate.core.errors import (
    ConflictError,
    InvalidInputError,
    NoisegateError,
    NotAllowedError,
    NotAuthenticatedError,
    NotInstalledError,
    TooLargeError,
    UnavailableError,
    UnknownNameError,
)
from noisegate.core.extras import require
from noisegate.core.item import GateState
from noisegate.embedded import demo_settings, key_file, running_at
from noisegate.settings import Settings

_ERRORS = {
    cls("").code: cls
    for cls in (
        ConflictError,
        InvalidInputError,
        NotAllowedError,
        NotAuthenticatedError,
        NotInstalledError,
        TooLargeError,
        UnavailableError,
        UnknownNameError,
    )
}
_ATTEMPTS = 3
"""Of a request that got no answer: submitting twice gives the same item."""
_FIRST_LOOK_S = 0.1
_LONGEST_PAUSE_S = 2.0

T = TypeVar("T")


class Client:
    """One platform, with the key to it. Use as a context manager; may be used from any thread."""

    def __init__(self, url: str, key: str) -> None:
        """Talk to the platform at `url`; nothing is sent yet."""
        self.url = url.rstrip("/")
        self._httpx = require("httpx", extra="all")
        place = urlsplit(self.url)
        if place.scheme not in {"http", "https"} or not place.hostname:
            raise InvalidInputError(f"{url!r} is no address of a platform", hint="it looks like http://127.0.0.1:8420")
        self._http = self._httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=self._httpx.Timeout(120, connect=10, pool=None),
            trust_env=place.hostname not in {"127.0.0.1", "::1", "localhost"},  # a proxy cannot reach this machine
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.close()

    def submit(self, draft: Draft) -> Mapping[str, Any]:
        """Send an upload; gives `id`, `state`, `created` and `url`.

        Raises:
            InvalidInputError: a file cannot be read, or the platform does not take it.
            UnavailableError: nothing answers.
        """
        return self._patiently(lambda: self._send(draft))

    def item(self, item: str) -> Mapping[str, Any]:
        """Everything known of an item. Raises UnknownNameError, UnavailableError."""
        return self._patiently(lambda: self._answer(self._http.get(f"/v1/items/{item}")))

    def decided(self, item: str, *, within_s: float, pause: Callable[[float], object]) -> Mapping[str, Any]:
        """The item once it has left `held`, or as it is when the time is up. Raises as `item`.

        Args:
            item: Its id.
            within_s: How long to wait, in seconds.
            pause: Waits for so many seconds.
        """
        deadline = time.monotonic() + within_s
        wait = _FIRST_LOOK_S
        while True:
            record = self.item(item)
            left = deadline - time.monotonic()
            if is_decided(record) or left <= 0:
                return record
            pause(min(wait, left))
            wait = min(wait * 1.5, _LONGEST_PAUSE_S)

    def follow(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """What happens from now on: the name of each event and what it says. Ends when the platform ends the stream.

        Raises:
            UnavailableError: the connection broke.
        """
        name = ""
        with self._worded(), self._http.stream("GET", "/v1/events", timeout=None) as answer:
            if answer.status_code != 200:
                answer.read()
                self._answer(answer)
            for line in answer.iter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    yield name, json.loads(value)

    def _send(self, draft: Draft) -> Mapping[str, Any]:
        files: list[tuple[str, tuple[str | None, Any, str]]] = [
            ("item", (None, json.dumps(_described(draft)), "application/json"))
        ]
        with ExitStack() as opened:
            for path, _ in draft.files:
                try:
                    content = opened.enter_context(path.open("rb"))
                except OSError as error:
                    raise InvalidInputError(f"{str(path)!r} cannot be read: {error.strerror}") from error
                files.append(("file", (_sendable(path.name), content, "application/octet-stream")))
            return self._answer(self._http.post("/v1/items", files=files))

    def _answer(self, response: Any) -> Mapping[str, Any]:
        with contextlib.suppress(ValueError):
            said = response.json()
            if isinstance(said, dict):
                if response.status_code < 400:
                    return said
                if isinstance(said.get("error"), dict):
                    raise _error(said["error"])
        raise NoisegateError(
            f"{self.url} answered with status {response.status_code} and nothing that Noisegate says",
            hint="is it the address of a platform?",
        )

    def _patiently(self, ask: Callable[[], T]) -> T:
        """What `ask` answers; a request that got no answer, or the answer to come back later, is made again."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self._worded():
                    return ask()
            except UnavailableError:
                if attempt == _ATTEMPTS:
                    raise
                time.sleep(attempt / 2)
        raise AssertionError("unreachable")

    @contextlib.contextmanager
    def _worded(self) -> Iterator[None]:
        try:
            yield
        except self._httpx.TransportError as error:
            raise UnavailableError(
                f"nothing answers at {self.url}: {str(error) or type(error).__name__}",
                hint="start it with `noisegate up`, or say where it is with NOISEGATE_URL",
            ) from error


def connect(settings: Settings) -> Client:
    """The platform that the settings name, or else the one that was started on their data directory, or its demo.

    Raises:
        UnavailableError: none was started there.
        NotAuthenticatedError: there is no key to it.
    """
    given = settings.api_key.get_secret_value() if settings.api_key is not None else None
    if settings.url is not None:
        if given is None:  # the local administrator's key is nobody else's business
            raise NotAuthenticatedError(f"there is no key for {settings.url}", hint="set NOISEGATE_API_KEY")
        return Client(settings.url, given)
    for place in (settings, demo_settings(settings)):
        url = running_at(place)
        if url is not None:
            return Client(url, given if given is not None else _key(place))
    raise UnavailableError(
        f"no platform runs on {str(settings.data_dir)!r}",
        hint="start it with `noisegate up`, or say where it is with NOISEGATE_URL and NOISEGATE_API_KEY",
    )


def is_decided(record: Mapping[str, Any]) -> bool:
    """Whether an item has left `held`."""
    return record["state"] != GateState.HELD.value and record["action"] is not None


def _key(settings: Settings) -> str:
    file = key_file(settings)
    try:
        return file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NotAuthenticatedError(
            f"the administrator's key {str(file)!r} cannot be read: {error}",
            hint="make another key with `noisegate key create NAME`, and set NOISEGATE_API_KEY to it",
        ) from error


def _described(draft: Draft) -> dict[str, Any]:
    assets = [
        {"file": _sendable(path.name), **({} if role is None else {"role": role.value})} for path, role in draft.files
    ]
    texts = {role.value: _sendable(text) for role, text in draft.texts.items()}
    said: dict[str, Any] = {"kind": draft.kind.value, **texts, "markets": sorted(draft.markets), "assets": assets}
    creator = {} if draft.creator is None else {"creator": _sendable(draft.creator)}
    return {**said, **creator, "surface": draft.surface, "declared": dict(draft.declared)}


def _sendable(text: str) -> str:
    """`text` without what UTF-8 cannot say: file names may hold any bytes."""
    return text.encode("utf-8", "replace").decode()


def _error(said: Mapping[str, Any]) -> NoisegateError:
    where = f"{said['where']}: " if said.get("where") else ""
    cls = _ERRORS.get(str(said.get("code")), NoisegateError)
    return cls(f"{where}{said.get('message')}", hint=said.get("hint"))

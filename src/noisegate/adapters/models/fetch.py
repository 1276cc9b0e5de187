"""Bytes from other machines, pinned by hash: resumed after a break, tried again with patience, verified at the end.

A file that is being fetched is `<sha256>.part` in one folder; what is complete and right is `<sha256>`. So a run that
was killed goes on where it stopped, also in another process. This module knows no models and no indexes.
"""

import errno
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from noisegate.adapters.models.manifest import sha256_of
from noisegate.adapters.models.package_index import Network, local_path
from noisegate.core.errors import InvalidInputError, NoisegateError, UnavailableError

if TYPE_CHECKING:
    import httpx

ATTEMPTS = 6
"""Failed tries in a row without one new byte before an address is given up."""
_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
_LONGEST_PAGE = 64 << 20
"""Bytes; the largest project pages of public indexes have some 40 MB."""
_WORTH_ANOTHER_TRY = frozenset({408, 425, 429, 500, 502, 503, 504})
_OK, _PARTIAL, _BAD_RANGE = 200, 206, 416
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"

Notify = Callable[[int, str], None]
"""Called with the bytes there are so far and, when something went wrong but goes on, a note; otherwise ''."""


class Fetcher:
    """Fetches pages and hash-pinned files over one set of connections. Use as a context manager."""

    def __init__(self, folder: Path, network: Network, *, pause: Callable[[float], None] = time.sleep) -> None:
        """Prepare; nothing is opened yet.

        Args:
            folder: Where fetched files and their parts are kept.
            network: Proxy, certificates and time-out.
            pause: Waits between two tries, in seconds.
        """
        self._folder = folder
        self._network = network
        self._pause = pause
        self._clients: dict[bool, httpx.Client] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def page(self, address: str) -> tuple[str, bytes]:
        """Where `address` led to, and the page there.

        Raises:
            UnavailableError: nobody answers, or with an error.
        """
        path = local_path(address)
        if path is not None:
            try:
                return address, path.read_bytes()
            except OSError as error:
                raise UnavailableError(f"{address}: {error.strerror}") from error
        attempt = 0
        while True:
            try:
                with self._request(address, {"Accept": _ACCEPT}) as response:
                    return str(response.url), _bounded(response, address)
            except _TryAgainError as error:
                attempt += 1
                if attempt >= ATTEMPTS:
                    raise UnavailableError(f"{_safe(address)}: {error}") from error
                self._wait(attempt - 1)

    def file(self, address: str, *, sha256: str, size: int, notify: Notify) -> Path:
        """A file with exactly this hash: an earlier download, a local file in its place, or a new download.

        Raises:
            UnavailableError: the connection keeps breaking.
            InvalidInputError: what is at `address` is something else.
            NoisegateError: no space is left.
        """
        done = self.fetched(sha256)
        if done is not None:
            notify(size, "")
            return done
        path = local_path(address)
        if path is not None:
            if not path.is_file():
                raise UnavailableError(f"{address}: no such file")
            _check(path, address, sha256)
            notify(size, "")
            return path
        return self._download(address, sha256, size, notify)

    def fetched(self, sha256: str) -> Path | None:
        """An earlier complete download; it was verified when it was kept."""
        path = self._folder / sha256
        return path if path.is_file() else None

    def _download(self, address: str, sha256: str, size: int, notify: Notify) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        part, done = self._folder / f"{sha256}.part", self._folder / sha256
        attempt, furthest, pieces, spoilt = 0, 0, part.is_file(), False
        while True:
            before = part.stat().st_size if part.is_file() else 0
            try:
                if before < size:
                    self._continue(address, part, size, notify)
            except _TryAgainError as error:
                after = part.stat().st_size if part.is_file() else 0
                attempt = 1 if after > max(before, furthest) else attempt + 1
                furthest = max(after, furthest)
                pieces = True
                if attempt >= ATTEMPTS:
                    raise UnavailableError(
                        f"{_safe(address)}: {error}", hint="try again: it goes on where it stopped"
                    ) from error
                notify(after, str(error))
                self._wait(attempt - 1)
                continue
            try:
                _check(part, address, sha256)
            except InvalidInputError:
                part.unlink()
                if spoilt or not pieces:
                    raise
                spoilt = True  # pieces may not fit together: once more from the start
                notify(0, "what was there did not fit; once more from the start")
                continue
            part.replace(done)
            return done

    def _continue(self, address: str, part: Path, size: int, notify: Notify) -> None:
        """Append what is missing of `part`, or start it over when the server cannot resume."""
        have = part.stat().st_size if part.is_file() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with self._request(address, headers) as response:
            if response.status_code == _BAD_RANGE or (
                response.status_code == _PARTIAL and not _starts_at(response, have)
            ):
                part.unlink(missing_ok=True)
                raise _TryAgainError("the server cannot resume")
            have = have if response.status_code == _PARTIAL else 0
            with on_disk(part), part.open("ab" if have else "wb") as stream:
                for (
                    block
                ) in response.iter_raw():  # as it comes: what waits to fill a block is lost when the connection ends
                    have += len(block)
                    if have > size:
                        raise InvalidInputError(f"{_safe(address)}: it is longer than the {size} bytes it should have")
                    stream.write(block)
                    notify(have, "")
            if have < size and "Content-Length" in response.headers:
                part.unlink()
                raise InvalidInputError(f"{_safe(address)}: it ends after {have} of the {size} bytes it should have")
            if have < size:
                raise _TryAgainError(f"the connection ended after {have} of {size} bytes")

    @contextmanager
    def _request(self, address: str, headers: dict[str, str]) -> Iterator[Any]:
        import httpx

        try:
            with self._client(address).stream("GET", address, headers=headers) as response:
                if response.status_code in _WORTH_ANOTHER_TRY:
                    raise _TryAgainError(f"the server answers {response.status_code}")
                if response.status_code not in {_OK, _PARTIAL, _BAD_RANGE}:
                    raise UnavailableError(f"{_safe(address)}: the server answers {response.status_code}")
                yield response
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise _TryAgainError(str(error) or type(error).__name__) from error
        except (httpx.InvalidURL, httpx.TooManyRedirects) as error:
            raise UnavailableError(f"{_safe(address)}: {error}") from error

    def _client(self, address: str) -> "httpx.Client":
        import httpx

        checked = (urlsplit(address).hostname or "") not in self._network.trusted_hosts
        if checked not in self._clients:
            client = httpx.Client(
                follow_redirects=True,
                timeout=httpx.Timeout(self._network.timeout_s, connect=min(20.0, self._network.timeout_s)),
                verify=_authorities(self._network.cert) if checked else False,  # the user's own `trusted-host`
                proxy=self._network.proxy,
            )
            self._clients[checked] = self._open.enter_context(client)
        return self._clients[checked]

    def _wait(self, attempt: int) -> None:
        self._pause(_PAUSES_S[min(attempt, len(_PAUSES_S) - 1)])


class _TryAgainError(Exception):
    """Something broke that may work in a moment."""


def _authorities(cert: str | None) -> ssl.SSLContext:
    """The system's authorities (`SSL_CERT_FILE` and `SSL_CERT_DIR` count), certifi's, and the ones pip was told of."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if cert is not None:
        path = Path(cert)
        try:
            context.load_verify_locations(
                cafile=None if path.is_dir() else cert, capath=cert if path.is_dir() else None
            )
        except OSError as error:
            raise InvalidInputError(
                f"pip's setting `cert` names {cert!r}, which cannot be read: {error.strerror}", hint="pip config list"
            ) from error
    return context


def _check(path: Path, address: str, sha256: str) -> None:
    found = sha256_of(path)
    if found != sha256:
        raise InvalidInputError(
            f"{_safe(address)}: it is another file (its SHA-256 is {found}, the manifest says {sha256})"
        )


def _bounded(response: "httpx.Response", address: str) -> bytes:
    body = bytearray()
    for block in response.iter_bytes():
        body += block
        if len(body) > _LONGEST_PAGE:
            raise InvalidInputError(f"{_safe(address)}: the page is longer than {_LONGEST_PAGE} bytes")
    return bytes(body)


def _starts_at(response: "httpx.Response", offset: int) -> bool:
    return str(response.headers.get("Content-Range", "")).startswith(f"bytes {offset}-")


@contextmanager
def on_disk(path: Path) -> Iterator[None]:
    """Word the error of a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise NoisegateError(
            f"no space is left for {str(path)!r}: {error.strerror}",
            hint="free some, or set NOISEGATE_MODELS_DIR to another disk; what was fetched is kept and goes on",
        ) from error


def _safe(address: str) -> str:
    """The address without a password."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

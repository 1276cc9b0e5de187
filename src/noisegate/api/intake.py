"""Takes files in: hashed while they arrive, never held in memory, never larger than allowed.

A stream goes to a file of our own under a random name; what the submitter calls it is data. When the block that
received it ends, so does the file. Nothing here looks at what the bytes are.
"""

import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

import anyio
import anyio.to_thread
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from noisegate.core.errors import InvalidInputError, TooLargeError, UnavailableError
from noisegate.core.ids import Digest, digest_from_hex, digest_of

_BLOCK = 1 << 20
"""Bytes gathered before a thread writes them: one hop between threads a megabyte."""
_ABANDONED_S = 24 * 3600
"""Age of a file that no living process is still writing."""
_PATIENCE_S = 60.0
"""Seconds without a byte after which an upload is given up."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one request may carry."""

    file_bytes: int
    """Bytes of one file."""
    item_bytes: int = 16 << 20
    """Bytes of the JSON that describes an item; its texts are in there."""
    files: int = 64
    """Files of one item."""


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """One file that is all there."""

    path: Path
    digest: Digest
    size: int
    """Bytes."""
    name: str = ""
    """As the submitter called it, untouched: for people, never for paths."""
    field: str = ""
    """The form field it came in."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """A multipart body taken apart."""

    fields: dict[str, bytes]
    files: list[Arrived]


class Incoming:
    """The folder where uploads lie until they are accepted."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`; it is made, and what a killed process left behind long ago is removed."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in folder.iterdir():
            with suppress(FileNotFoundError):  # another process of the API was faster
                if path.stat().st_mtime < time.time() - _ABANDONED_S:
                    path.unlink()

    @contextmanager
    def place(self) -> "Iterator[Place]":
        """Room for the files of one request; they go when the block ends."""
        place = Place(self._folder)
        try:
            yield place
        finally:
            place.clear()


class Place:
    """Where the files of one request are written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: list[Path] = []

    def new(self, limit: int) -> "_Writer":
        """An empty file that takes up to `limit` bytes."""
        path = self._folder / secrets.token_hex(16)
        self._paths.append(path)
        return _Writer(path, limit)

    def keep(self, data: bytes) -> "Arrived":
        """A file with these bytes."""
        path = self._folder / secrets.token_hex(16)
        self._paths.append(path)
        path.write_bytes(data)
        return Arrived(path=path, digest=digest_of(data), size=len(data))

    def clear(self) -> None:
        """Remove what was written."""
        for path in self._paths:
            path.unlink(missing_ok=True)


async def receive(request: Request, place: Place, limits: Limits) -> Arrived:
    """The body of `request` as one file.

    Raises:
        TooLargeError: it has more bytes than `limits` allow.
        UnavailableError: no byte came for a minute.
    """
    _check_length(request, limits.file_bytes)
    writer = place.new(limits.file_bytes)
    try:
        async for chunk in _chunks(request):
            await writer.write(chunk)
        return await writer.finish()
    finally:
        writer.close()


async def receive_form(request: Request, place: Place, limits: Limits) -> Form:
    """The `multipart/form-data` body of `request`: fields in memory, files on disk.

    Raises:
        TooLargeError: a file, a field or their number is larger than `limits` allow.
        InvalidInputError: the body is not what its header says.
        UnavailableError: no byte came for a minute.
    """
    _check_length(request, limits.file_bytes * limits.files + limits.item_bytes)
    _, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if not boundary:
        raise InvalidInputError("the multipart body names no boundary in its Content-Type")
    reader = _FormReader(place, limits)
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        async for chunk in _chunks(request):
            parser.write(chunk)
            await reader.drain()
        parser.finalize()
        await reader.drain()
    except FormParserError as error:
        raise InvalidInputError(f"the body is not multipart/form-data: {error}") from error
    finally:
        reader.close()
    if not reader.complete:
        raise InvalidInputError("the multipart body ends in the middle of a part")
    return Form(fields=reader.fields, files=reader.files)


async def receive_small(request: Request, limit: int, *, what: str) -> bytes:
    """The body of `request` in memory. Raises TooLargeError beyond `limit` bytes."""
    _check_length(request, limit, what=what)
    body = bytearray()
    async for chunk in _chunks(request):
        body += chunk
        if len(body) > limit:
            raise _too_large(what, limit)
    return bytes(body)


class _Writer:
    """Writes and hashes one file in blocks, off the event loop."""

    def __init__(self, path: Path, limit: int) -> None:
        self._path = path
        self._limit = limit
        self._size = 0
        self._block = bytearray()
        self._hash = hashlib.sha256()
        self._file: IO[bytes] = path.open("xb")

    async def write(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            raise _too_large("the file", self._limit)
        self._block += data
        if len(self._block) >= _BLOCK:
            await self._flush()

    async def finish(self, *, name: str = "", form_field: str = "") -> Arrived:
        await self._flush()
        self.close()
        digest = digest_from_hex(self._hash.hexdigest())
        return Arrived(path=self._path, digest=digest, size=self._size, name=name, field=form_field)

    def close(self) -> None:
        self._file.close()

    async def _flush(self) -> None:
        block, self._block = self._block, bytearray()
        try:
            await anyio.to_thread.run_sync(self._keep, block)
        except OSError as error:
            raise UnavailableError(f"the upload could not be written: {error.strerror}") from error

    def _keep(self, block: bytearray) -> None:
        self._hash.update(block)
        self._file.write(block)


@dataclass
class _FormReader:
    """Turns the parser's callbacks into fields and files. Callbacks only queue; `drain` does what takes time."""

    place: Place
    limits: Limits
    fields: dict[str, bytes] = field(default_factory=dict)
    files: list[Arrived] = field(default_factory=list)
    complete: bool = False
    _header: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _disposition: bytes = b""
    _open: tuple[str, str | None] = ("", None)
    _data: bytearray = field(default_factory=bytearray)
    _in_memory: int = 0
    """Bytes of all fields."""
    _writer: _Writer | None = None
    _pending: list[Any] = field(default_factory=list)

    def callbacks(self) -> Any:
        """For the parser."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part_data,
            "on_part_end": lambda: self._pending.append(self._part_end),
            "on_end": self._end,
        }

    async def drain(self) -> None:
        """Do what the callbacks asked for since the last call."""
        pending, self._pending = self._pending, []
        for step in pending:
            await step()

    def close(self) -> None:
        """Let go of the file that is being written."""
        if self._writer is not None:
            self._writer.close()

    def _begin(self) -> None:
        self._disposition = b""

    def _end(self) -> None:
        self.complete = True

    def _header_end(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise InvalidInputError("a part of the multipart body has no name in its Content-Disposition")
        name = options[b"name"].decode("utf-8", "replace")
        file_name = options[b"filename"].decode("utf-8", "replace") if b"filename" in options else None
        self._pending.append(partial(self._start, name, file_name))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._pending.append(partial(self._take, data[start:end]))

    async def _start(self, name: str, file_name: str | None) -> None:
        if file_name is None and name in self.fields:
            raise InvalidInputError(f"the multipart body has two fields called {name[:100]!r}")
        if len(self.files) + len(self.fields) >= self.limits.files + 1:
            raise TooLargeError(f"an item has at most {self.limits.files} files")
        self._open = (name, file_name)
        self._data = bytearray()
        self._writer = None if file_name is None else self.place.new(self.limits.file_bytes)

    async def _take(self, data: bytes) -> None:
        if self._writer is not None:
            await self._writer.write(data)
            return
        self._data += data
        self._in_memory += len(data)
        if self._in_memory > self.limits.item_bytes:
            raise _too_large(f"the form up to the field {self._open[0][:100]!r}", self.limits.item_bytes)

    async def _part_end(self) -> None:
        name, file_name = self._open
        if self._writer is not None:
            self.files.append(await self._writer.finish(name=file_name or "", form_field=name))
            self._writer = None
        else:
            self.fields[name] = bytes(self._data)


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    stream = aiter(request.stream())
    while True:
        try:
            with anyio.fail_after(_PATIENCE_S):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise UnavailableError(f"the upload was given up: no byte came for {_PATIENCE_S:g} s") from error
        yield chunk


def _check_length(request: Request, limit: int, *, what: str = "the body") -> None:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(what, limit, int(announced))


def _too_large(what: str, limit: int, size: int | None = None) -> TooLargeError:
    has = f"has {size:,} bytes" if size is not None else "is larger"
    return TooLargeError(f"{what} {has}; at most {limit:,} bytes are taken")

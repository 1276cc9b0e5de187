"""Keeps files under their digest, written once and never changed.

One class serves the local directory and, through obstore, the object stores of S3, Google and Azure. A file is created
or is there already; nothing here can overwrite or rename. This module knows no item and no database.
"""

import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime, timedelta
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from noisegate.core.errors import InvalidInputError, UnavailableError, UnknownNameError
from noisegate.core.ids import Digest, digest_from_hex

_CHUNK = 1 << 20
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_ONE_WRITE = 32 << 20
"""Bytes up to which an object store gets a create-only write: obstore holds such a file in memory."""
_DRAFTS = "drafts"
_SETTLING = timedelta(hours=24)
"""What is younger may be waiting for the item that refers to it."""


class ObjectBlobs:
    """A `core.ports.Blobs` in a directory or an object store."""

    def __init__(self, *, folder: Path | None = None, url: str | None = None, scratch: Path | None = None) -> None:
        """Open the store; exactly one of `folder` and `url` is given.

        Args:
            folder: A local directory, made when it is not there.
            url: An object store: `s3://bucket/prefix`, `gs://...`, `az://...`; credentials come from its usual
                environment variables.
            scratch: Where copies of remote files live while they are read; the system's temporary folder when None.

        Raises:
            InvalidInputError: neither or both were given, or the address is not one of an object store.
        """
        if (folder is None) == (url is None):
            raise InvalidInputError("blobs need either a folder or the address of an object store, and not both")
        self._scratch = scratch
        self._folder = folder.resolve() if folder is not None else None
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _tidy_drafts(self._folder / _DRAFTS)
        self._store = _remote(str(url)) if self._folder is None else LocalStore(str(self._folder))

    def put_file(self, digest: Digest, path: str) -> None:
        """Keep a copy of the file at `path` under its digest; keeping it twice is fine.

        Raises:
            UnavailableError: the store does not answer or is full.
        """
        key = _key(digest)
        try:
            if self._folder is not None:
                _create(self._folder / key, Path(path), drafts=self._folder / _DRAFTS)
            elif Path(path).stat().st_size <= _ONE_WRITE:
                obstore.put(self._store, key, Path(path), mode="create")
            elif self.size(digest) is None:  # written in parts, appears whole; a race writes the same bytes twice
                obstore.put(self._store, key, Path(path))
        except AlreadyExistsError:
            return
        except (BaseError, OSError) as error:
            raise UnavailableError(f"the file store did not take {digest}: {error}") from error

    def local_path(self, digest: Digest) -> AbstractContextManager[str]:
        """A readable file with the bytes, for as long as the context is open.

        Raises:
            UnknownNameError: nothing is kept under this digest.
            UnavailableError: the store does not answer.
        """
        if self._folder is None:
            return self._copy(digest)
        path = self._folder / _key(digest)
        if not path.is_file():
            raise _unknown(digest)
        return nullcontext(str(path))

    def size(self, digest: Digest) -> int | None:
        """Bytes kept under this digest; None when there is nothing."""
        try:
            return int(obstore.head(self._store, _key(digest))["size"])
        except FileNotFoundError:
            return None
        except BaseError as error:
            raise _silent(error) from error

    def settled(self, *, now: datetime) -> Iterator[Digest]:
        """Everything kept for more than a day, for whoever finds out which files nothing refers to."""
        try:
            for page in obstore.list(self._store, prefix="sha256"):
                for entry in page:
                    hex_digits = "".join(str(entry["path"]).split("/")[1:])
                    if len(hex_digits) == 64 and entry["last_modified"] < now - _SETTLING:
                        yield digest_from_hex(hex_digits)
        except BaseError as error:
            raise _silent(error) from error

    def remove(self, digest: Digest) -> None:
        """Delete what is kept under `digest`; nothing happens when there is nothing."""
        try:
            obstore.delete(self._store, _key(digest))
        except FileNotFoundError:
            return
        except BaseError as error:
            raise _silent(error) from error

    @contextmanager
    def _copy(self, digest: Digest) -> Iterator[str]:
        key, summed = _key(digest), hashlib.sha256()
        with tempfile.NamedTemporaryFile(prefix="noisegate-blob-", dir=self._scratch) as file:
            try:
                for chunk in obstore.get(self._store, key).stream(min_chunk_size=_CHUNK):
                    summed.update(chunk)
                    file.write(chunk)
            except FileNotFoundError as error:
                raise _unknown(digest) from error
            except BaseError as error:
                raise _silent(error) from error
            if digest_from_hex(summed.hexdigest()) != digest:
                raise UnavailableError(f"the file store gave other bytes than those kept as {digest}")
            file.flush()
            yield file.name


def _remote(url: str) -> ObjectStore:
    try:
        return from_url(url)
    except (BaseError, ValueError) as error:
        raise InvalidInputError(
            f"`{url}` is not the address of an object store: {error}", hint="NOISEGATE_BLOBS_URL=s3://bucket/prefix"
        ) from error


def _tidy_drafts(folder: Path) -> None:
    """Make the folder where files are written before they are there, and remove what killed processes left in it."""
    folder.mkdir(exist_ok=True, mode=0o700)
    for draft in folder.iterdir():
        with suppress(FileNotFoundError):
            if draft.stat().st_mtime < time.time() - _SETTLING.total_seconds():
                draft.unlink()


def _create(target: Path, source: Path, *, drafts: Path) -> None:
    """Copy `source` to `target` unless that exists; whoever looks sees nothing or the whole file."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=drafts) as new:
        with source.open("rb") as old:
            shutil.copyfileobj(old, new, _CHUNK)
        new.flush()
        os.fsync(new.fileno())
        with suppress(FileExistsError):
            os.link(new.name, target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _key(digest: Digest) -> str:
    match = _DIGEST.fullmatch(digest)
    if match is None:
        raise InvalidInputError(
            f"{digest!r} is not a digest; allowed is `sha256:` followed by 64 lower-case hexadecimal digits"
        )
    return f"sha256/{match[1][:2]}/{match[1][2:]}"


def _unknown(digest: Digest) -> UnknownNameError:
    return UnknownNameError(f"no file is kept as {digest}", hint="send it first: PUT /v1/blobs")


def _silent(error: Exception) -> UnavailableError:
    return UnavailableError(f"the file store does not answer: {error}")

"""Banks of known content: one JSON Lines file a bank, append-only, named by the digest of its bytes.

A signal that matches against a bank carries the bank's digest in its fingerprint, so a score says against which state
of the bank it was computed, and adding an entry makes nothing stale pass for fresh.
"""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from noisegate.core.errors import InvalidInputError, UnknownNameError
from noisegate.core.ids import Digest, canonical_json, digest_from_hex, digest_of
from noisegate.core.signal import BankEntry

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Banks:
    """The banks in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._digests: dict[str, tuple[tuple[int, int, int], Digest]] = {}

    def names(self) -> tuple[str, ...]:
        """Every bank that has an entry, sorted."""
        return tuple(sorted(path.stem for path in self._folder.glob("*.jsonl") if self.digest(path.stem)))

    def digest(self, name: str) -> Digest:
        """What the bank holds now; the empty string for a bank without entries. Cheap while the file stays as it is."""
        path = self._path(name)
        try:
            stat = path.stat()
        except FileNotFoundError:
            return Digest("")
        state = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        seen = self._digests.get(name)
        if seen is None or seen[0] != state:
            content = _complete(path.read_bytes())
            seen = self._digests[name] = (state, digest_of(content) if content else Digest(""))
        return seen[1]

    def add(self, name: str, entries: Sequence[BankEntry]) -> Digest:
        """Append entries; one already there with the same id and hashes is left as it is. Returns the new digest."""
        path = self._path(name)
        self._folder.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            content = _complete(file.read())
            file.truncate(len(content))  # whoever was killed while adding left half a line
            known = set(content.splitlines())
            lines = [line for line in dict.fromkeys(map(canonical_json, entries)) if line not in known]
            file.write(b"".join(line + b"\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        return self.digest(name)

    def entries(self, name: str, digest: Digest) -> Sequence[BankEntry]:
        """The entries as they were under `digest`; none under the empty digest.

        Raises:
            UnknownNameError: the bank never had that digest.
        """
        if not digest:
            return ()
        path = self._path(name)
        found: list[BankEntry] = []
        so_far = hashlib.sha256()
        for line in _complete(path.read_bytes()).splitlines(keepends=True) if path.is_file() else ():
            so_far.update(line)
            found.append(BankEntry(**json.loads(line)))
            if digest_from_hex(so_far.hexdigest()) == digest:  # files only grow: what came later was not there then
                return tuple(found)
        raise UnknownNameError(f"bank `{name}` never had the digest {digest}")

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise InvalidInputError(
                f"a bank cannot be called {name!r}; allowed are lower-case letters, digits and hyphens"
            )
        return self._folder / f"{name}.jsonl"


def _complete(content: bytes) -> bytes:
    """The lines that are whole: what is being written at this moment does not count yet."""
    return content[: content.rfind(b"\n") + 1]

"""Banks of known content: one JSON Lines file a bank, append-only, named by the digest of its bytes.

A signal that matches against a bank carries the bank's digest in its fingerprint, so a score says against which state
of the bank it was computed, and adding an entry makes nothing stale pass for fresh.
"""

import fcntl
import json
import re
from collections.abc import Sequence
from pathlib import Path

from noisegate.core.errors import InvalidInputError, UnknownNameError
from noisegate.core.ids import Digest, canonical_json, digest_of
from noisegate.core.signal import BankEntry

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Banks:
    """The banks in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> tuple[str, ...]:
        """Every bank that has an entry, sorted."""
        return tuple(sorted(path.stem for path in self._folder.glob("*.jsonl")))

    def digest(self, name: str) -> Digest:
        """What the bank holds now; the empty string for a bank without entries."""
        path = self._path(name)
        return digest_of(path.read_bytes()) if path.is_file() else Digest("")

    def add(self, name: str, entries: Sequence[BankEntry]) -> Digest:
        """Append entries; one already there with the same id and hashes is left as it is. Returns the new digest."""
        path = self._path(name)
        self._folder.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            known = set(file.read().splitlines())
            lines = [line for line in map(canonical_json, entries) if line not in known]
            file.write(b"".join(line + b"\n" for line in lines))
        return self.digest(name)

    def entries(self, name: str, digest: Digest) -> Sequence[BankEntry]:
        """The entries as they were under `digest`; none under the empty digest.

        Raises:
            UnknownNameError: the bank never had that digest.
        """
        if not digest:
            return ()
        path = self._path(name)
        content = path.read_bytes() if path.is_file() else b""
        if digest_of(content) != digest:  # entries were added since: earlier states are prefixes, as files only grow
            ends = [n + 1 for n, byte in enumerate(content) if byte == ord("\n")]
            match = next((end for end in reversed(ends) if digest_of(content[:end]) == digest), None)
            if match is None:
                raise UnknownNameError(f"bank `{name}` never had the digest {digest}")
            content = content[:match]
        return tuple(BankEntry(**json.loads(line)) for line in content.splitlines())

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise InvalidInputError(
                f"a bank cannot be called {name!r}; allowed are lower-case letters, digits and hyphens"
            )
        return self._folder / f"{name}.jsonl"

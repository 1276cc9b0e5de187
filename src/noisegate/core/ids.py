"""Names by content: digests, fingerprints and the ids made from them.

Everything that is recorded is named by what it is, so that the same upload, the same signal or the same decision
has the same name on every machine. This module knows no clock and no randomness.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, NewType

Digest = NewType("Digest", str)
"""SHA-256 of some bytes, written `sha256:` + 64 hexadecimal digits."""
Fingerprint = NewType("Fingerprint", str)
"""What computed a score: 16 hexadecimal digits over (signal, version, configuration, weights)."""
ItemId = NewType("ItemId", str)
PartId = NewType("PartId", str)
"""A path inside one item: `title`, `cover.png`, `episode.mp3/audio.segments/0/audio.transcript/0`."""
DecisionId = NewType("DecisionId", str)

_PREFIX = "sha256:"


def digest_of(data: bytes) -> Digest:
    """The digest of `data`."""
    return Digest(_PREFIX + hashlib.sha256(data).hexdigest())


def digest_from_hex(hex_digits: str) -> Digest:
    """The digest whose 64 hexadecimal digits are already known, for example from hashing a stream."""
    return Digest(_PREFIX + hex_digits)


def plain(value: Any) -> Any:
    """`value` as JSON types: dataclasses become objects without their `None` and hidden fields, enums their value."""
    kind: type = type(value)
    if kind in _ATOMS:
        return value
    shown = _shown_fields(kind)
    if shown is not None:
        named = {name: plain(getattr(value, name)) for name in shown}
        return {name: inner for name, inner in named.items() if inner is not None}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(inner) for key, inner in value.items()}
    if isinstance(value, (frozenset, set)):
        return sorted(plain(inner) for inner in value)
    listed = isinstance(value, Iterable) and not isinstance(value, (str, bytes))
    return [plain(inner) for inner in value] if listed else value


_ATOMS = frozenset({str, int, float, bool, type(None)})
"""Checked first: most of what decisions and findings are made of."""


@cache
def _shown_fields(kind: type) -> tuple[str, ...] | None:
    """The names of a dataclass's fields that are not hidden; None for every other type."""
    return tuple(f.name for f in fields(kind) if f.repr) if is_dataclass(kind) else None


def canonical_json(value: Any) -> bytes:
    """One spelling for one value: UTF-8, sorted keys, no spaces, shortest round-trip floats, no NaN.

    Raises:
        ValueError: `value` holds NaN or an infinity, which JSON cannot say.
        TypeError: `value` holds something that is neither JSON nor a dataclass.
    """
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode(
        "utf-8", "surrogatepass"
    )


def digest_of_value(value: Any) -> Digest:
    """The digest of the canonical JSON of `value`."""
    return digest_of(canonical_json(value))


def short(digest: Digest, length: int = 16) -> str:
    """The first `length` hexadecimal digits of a digest, for names that people read."""
    return digest.removeprefix(_PREFIX)[:length]


def fingerprint_of(*, name: str, version: str, config: Mapping[str, Any], weights: str | None) -> Fingerprint:
    """Cache key and provenance of a signal: any change of code version, configuration or weights changes it."""
    return Fingerprint(short(digest_of_value([name, version, config, weights])))

"""How commands write: JSON lines for programs on standard output, words of strangers made harmless for terminals."""

import json
import math
import sys
import unicodedata
from typing import Any

import orjson

_HIDDEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
"""Marks that change the direction of what follows: with them a name can look like another one."""


def as_json(shape: Any) -> bytes:
    """One line of JSON. Lone surrogates, which file names may hold and UTF-8 cannot, become U+FFFD."""
    try:
        return orjson.dumps(shape) + b"\n"
    except orjson.JSONEncodeError:
        return json.dumps(_sayable(shape), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def write_json(shape: Any) -> None:
    """One line on standard output, at once: whoever reads it may be waiting."""
    sys.stdout.buffer.write(as_json(shape))
    sys.stdout.buffer.flush()


def pretty(shape: Any) -> str:
    """JSON over many lines for people, with everything that would move, hide or turn the rest written out."""
    lines = json.dumps(shape, ensure_ascii=False, indent=2, default=str).splitlines()
    return "\n".join("".join(map(_visible, line)) for line in lines)


def complain(message: str) -> None:
    """An error on standard error: what was wrong, and on further lines what to type next."""
    lines = ["".join(map(_visible, line)) for line in message.splitlines()]
    start = "" if message.startswith("error: ") else "error: "  # a policy's errors are drawn like a compiler's
    sys.stderr.write(start + "\n".join(lines) + "\n")
    sys.stderr.flush()


def visible(text: str) -> str:
    """`text` on one line, with everything that would move, hide or turn what a terminal shows written out."""
    return " ".join("".join(map(_visible, text)).split())


def shortened(text: str, length: int) -> str:
    """`text`, with an ellipsis when it is longer than `length` characters."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def _sayable(value: Any) -> Any:
    """`value` without what JSON in UTF-8 cannot say: lone surrogates, NaN, infinities."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case dict():
            return {_sayable(key): _sayable(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_sayable(inner) for inner in value]
        case float():
            return value if math.isfinite(value) else None
        case _:
            return value


def _visible(character: str) -> str:
    if character.isspace():
        return " "
    if character in _TURNING or unicodedata.category(character) in _HIDDEN:
        return f"\\u{ord(character):04x}"
    return character

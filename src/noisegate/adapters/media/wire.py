"""The lines between guard and child: one JSON object each way, and the open files that travel with a request.

The child reads strangers' bytes, so its answers are checked like a stranger's: known fields, right types, no more.
"""

import json
import types
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

MAX_LINE = 8 << 20
"""Bytes of one answer; ten thousand pictures with their returns are less."""

T = TypeVar("T")


def line(value: Any) -> bytes:
    """One line of JSON; dataclasses become objects, unusual characters escapes, NaN is refused."""
    plain = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    return json.dumps(plain, allow_nan=False).encode("ascii") + b"\n"


def parse(data: bytes | bytearray) -> dict[str, Any]:
    """The object on a line.

    Raises:
        ValueError: it is not one JSON object.
    """
    value = json.loads(data, parse_constant=_refuse)
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, got {type(value).__name__}")  # noqa: TRY004 - bad data, not a bad call
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def read(kind: type[T], value: Any) -> T:
    """A dataclass of type `kind` from parsed JSON.

    Raises:
        ValueError: a field is missing, unknown or of another type.
    """
    result: T = _read(kind, value)
    return result


def _read(kind: Any, value: Any) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        return _dataclass(kind, value)
    origin, inner = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        return None if value is None else _read(next(one for one in inner if one is not type(None)), value)
    if origin is tuple and isinstance(value, list):
        if inner[-1] is Ellipsis:
            return tuple(_read(inner[0], one) for one in value)
        return tuple(_read(one, item) for one, item in zip(inner, value, strict=True))
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"expected {kind}, got {value!r:.80}")
    return value


def _dataclass(kind: type[Any], value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError(f"expected the fields of {kind.__name__}, got {value!r:.80}")  # noqa: TRY004 - as above
    hints = get_type_hints(kind)
    needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
    if unknown := value.keys() - hints.keys():
        raise ValueError(f"{kind.__name__} has no field {min(unknown)!r}")
    if missing := needed - value.keys():
        raise ValueError(f"{kind.__name__} lacks {min(missing)!r}")
    return kind(**{name: _read(hints[name], one) for name, one in value.items()})

"""Reads the tree of a condition that CEL has parsed and type-checked, and cuts programs out of it.

The library hands a checked expression out as one message in the protocol-buffer format (`cel.expr.CheckedExpr` inside
an `Any`) and takes it back in. Reading that message needs no more than its few field numbers; an operand can become a
program of its own by putting its bytes in the root's place. Field numbers: checked.proto and syntax.proto of the CEL
specification.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_ROOT = 4  # CheckedExpr.expr

Constant = bool | int | float | str | None


@dataclass(frozen=True, kw_only=True)
class Node:
    """One expression in a condition."""

    kind: str
    """`constant`, `name`, `call`, `list`, or `other` for what the policy language does not have."""
    name: str = ""
    """Of a variable or function; operators are called `_&&_`, `!_`, `_==_`..."""
    value: Constant = None
    """Of a constant."""
    operands: tuple["Node", ...] = ()
    """Arguments of a call, the receiver first; items of a list."""
    overload: str = ""
    """Which variant of the function the type check chose, for example `add_double`."""
    at: int = 0
    """Character in the source: an operator, the opening bracket of a call, the last dot of a name."""
    message: bytes = field(repr=False, default=b"")

    def walk(self) -> Iterator["Node"]:
        """This node and all below it."""
        yield self
        for operand in self.operands:
            yield from operand.walk()


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A checked condition."""

    root: Node
    _type_url: bytes
    _rest: bytes
    """The message without its root expression."""

    def program(self, node: Node) -> bytes:
        """`node` alone, as the library reads it."""
        checked = self._rest + _field(_ROOT, node.message)
        return _field(1, self._type_url) + _field(2, checked)


def read_tree(serialized: bytes) -> Tree:
    """The tree in a serialised checked expression."""
    outer = dict(_fields(serialized))
    checked: bytes = outer[2]
    overloads: dict[int, str] = {}
    places: dict[int, int] = {}
    root, rest = b"", b""
    for number, value in _fields(checked):
        if number == _ROOT:
            root = value
            continue
        rest += _field(number, value)
        if number == 2:  # reference_map
            entry = dict(_fields(value))
            reference = list(_fields(entry[2]))
            overloads[entry[1]] = next((text.decode() for n, text in reference if n == 3), "")
        elif number == 5:  # source_info
            for place in (dict(_fields(info)) for n, info in _fields(value) if n == 4):
                places[place.get(1, 0)] = place.get(2, 0)
    return Tree(root=_node(root, overloads, places), _type_url=outer[1], _rest=rest)


def _node(message: bytes, overloads: dict[int, str], places: dict[int, int]) -> Node:
    parts = dict(_fields(message))
    identity = parts.get(2, 0)
    at, overload = places.get(identity, 0), overloads.get(identity, "")

    def below(messages: list[bytes]) -> tuple[Node, ...]:
        return tuple(_node(inner, overloads, places) for inner in messages)

    if 3 in parts:
        return Node(kind="constant", value=_constant(parts[3]), at=at, message=message)
    if 4 in parts:
        return Node(kind="name", name=dict(_fields(parts[4]))[1].decode(), at=at, message=message)
    if 6 in parts:
        call = list(_fields(parts[6]))
        name = next(text.decode() for n, text in call if n == 2)
        operands = below([inner for n, inner in call if n in {1, 3}])
        return Node(kind="call", name=name, operands=operands, overload=overload, at=at, message=message)
    if 7 in parts:
        items = below([inner for n, inner in _fields(parts[7]) if n == 1])
        return Node(kind="list", operands=items, at=at, message=message)
    return Node(kind="other", at=at, message=message)


def _constant(message: bytes) -> Constant:
    for number, value in _fields(message):
        if number == 2:
            return bool(value)
        if number == 3:
            return int(value) - (1 << 64) if value >> 63 else int(value)
        if number == 5:
            return float(struct.unpack("<d", value)[0])
        if number == 6:
            return str(value.decode())
    return None


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """(number, value) of each field: an int for a variable-length number, bytes for all else."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == _BYTES:
            length, at = _varint(message, at)
        elif kind in {_FIXED64, _FIXED32}:
            length = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"a checked expression holds a field of the unknown kind {kind}")
        yield number, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _field(number: int, value: bytes) -> bytes:
    """A field whose value is bytes."""
    return _written(number << 3 | _BYTES) + _written(len(value)) + value


def _written(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])

"""YAML with positions: every value remembers the line and column it was written at, whatever its style.

Values are read by what the reader expects, not by what YAML 1.1 guesses, so that the market `NO` is Norway and the
language `no` is Norwegian. Duplicate keys, unknown keys, anchors and empty values are problems. This module knows the
shape of YAML and nothing of policies.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from noisegate.engine.diagnostics import Place, Problems, did_you_mean, listed

if TYPE_CHECKING:
    import yaml

E = TypeVar("E", bound=StrEnum)

_BLANK = " \t\r\n"
_QUOTE = "put the condition in single quotes, or on the lines below `when: >-`"
_ESCAPE_LENGTHS = {"x": 4, "u": 6, "U": 10}


@dataclass(frozen=True, kw_only=True)
class Value:
    """Something in a file. No more than that where a problem was found; then nothing else is said about it."""

    place: Place


@dataclass(frozen=True, kw_only=True)
class Scalar(Value):
    """A word, a number or a text."""

    text: str
    """As YAML unfolds it."""
    quoted: bool
    raw: str = field(repr=False)
    """As it is written, quotes and indentation included."""
    style: str = ""
    """YAML's indicator: empty (plain), a quote, `|` or `>`."""

    @property
    def empty(self) -> bool:
        """Whether nothing was written, or YAML's null."""
        return not self.quoted and self.text in {"", "~", "null"}

    def at(self, offset: int) -> Place:
        """Where the character `offset` of `text` is written; past the end is the place after the last one."""
        places = _written_at(self.raw, self.text.rstrip(_BLANK), self.style)
        before = self.raw[: places[min(offset, len(places) - 1)]]
        lines = before.count("\n")
        column = len(before) - before.rfind("\n") - 1 if lines else self.place.column + len(before)
        return Place(self.place.file, self.place.line + lines, column)


@dataclass(frozen=True, kw_only=True)
class Sequence(Value):
    """A list."""

    items: tuple[Value, ...]


@dataclass(frozen=True, kw_only=True)
class Mapped(Value):
    """Keys with their values, in the file's order."""

    entries: Mapping[str, Value]
    keys: Mapping[str, Place]
    """Where each key is written."""


def parse(file: str, text: str, problems: Problems) -> Value | None:
    """The document in `text`; None, with a problem noted, when there is none or it is not YAML."""
    import yaml

    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line, mark.column) if mark else Place(file)
        hint = _QUOTE if "when:" in "".join(text.splitlines()[place.line : place.line + 1]) else ""
        problems.add(place, "this is not YAML", "; ".join(filter(None, (error.context, error.problem, hint))))
        return None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(file, before.count("\n"), len(before) - before.rfind("\n") - 1)
        problems.add(place, "this is not YAML", f"the character U+{ord(text[error.position]):04X} is not allowed")
        return None
    except RecursionError:
        problems.add(Place(file), "lists and mappings are nested too deeply")
        return None
    if node is None:
        problems.add(Place(file), "the file is empty")
        return None
    return _Converter(file, text, problems).convert(node)


class _Converter:
    """Turns YAML nodes into values."""

    def __init__(self, file: str, text: str, problems: Problems) -> None:
        self._file, self._text, self._problems = file, text, problems
        self._seen: set[int] = set()

    def convert(self, node: "yaml.Node") -> Value:
        """The value of `node`."""
        import yaml

        place = self._place(node)
        if id(node) in self._seen:
            self._problems.add(place, "a value is used twice through an anchor", "write it out in both places")
            return Value(place=place)
        self._seen.add(id(node))
        if node.tag.startswith("!"):
            self._problems.add(place, "a word that starts with `!` is a tag in YAML", _QUOTE)
            return Value(place=place)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return Sequence(place=place, items=tuple(self.convert(item) for item in node.value))
        raw = self._text[node.start_mark.index : node.end_mark.index]
        style = (node.style or "") if isinstance(node, yaml.ScalarNode) else ""
        return Scalar(place=place, text=node.value, quoted=bool(style), raw=raw, style=style)

    def _mapping(self, node: "yaml.MappingNode", place: Place) -> Mapped:
        import yaml

        entries: dict[str, Value] = {}
        keys: dict[str, Place] = {}
        for key_node, value_node in node.value:
            key_place = self._place(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                self._problems.add(key_place, "a key must be a word")
                continue
            key = key_node.value
            if key in entries:
                first = keys[key].line + 1
                self._problems.add(key_place, f"duplicate key `{key}`", f"it is already on line {first}")
                continue
            keys[key], entries[key] = key_place, self.convert(value_node)
        return Mapped(place=place, entries=entries, keys=keys)

    def _place(self, node: "yaml.Node") -> Place:
        return Place(self._file, node.start_mark.line, node.start_mark.column)


class Reader:
    """Reads values as what they are expected to be. What is not comes back as a harmless default, noted as a problem."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def mapping(
        self, value: Value | None, what: str, *, required: Iterable[str] = (), optional: Iterable[str] = ()
    ) -> Mapping[str, Value]:
        """The entries of a mapping with exactly these keys, `required` and `optional`."""
        required, known = tuple(required), (*required, *optional)
        entries = dict(self.entries(value, what))
        for key, place in (value.keys if isinstance(value, Mapped) else {}).items():
            if key not in known:
                note = f"{what} has {listed(known)}{did_you_mean(key, known)}"
                self.problems.add(place, f"unknown key `{key}`", note)
                del entries[key]
        if isinstance(value, Mapped):
            absent = [key for key in required if key not in entries]
            if absent:
                self.problems.add(value.place, f"{what} needs {listed(absent)}")
        return entries

    def entries(self, value: Value | None, what: str) -> Mapping[str, Value]:
        """The entries of a mapping with any keys."""
        if isinstance(value, Mapped):
            return value.entries
        if isinstance(value, (Scalar, Sequence)):
            self.problems.add(value.place, f"{what} must be a mapping", "write `key: value` lines, indented")
        return {}

    def items(self, value: Value | None, what: str) -> tuple[Value, ...]:
        """The items of a list."""
        if isinstance(value, Sequence):
            return value.items
        if isinstance(value, (Scalar, Mapped)):
            self.problems.add(value.place, f"{what} must be a list", "write `- item` lines or `[a, b]`")
        return ()

    def scalar(self, value: Value | None, what: str) -> Scalar | None:
        """A value that is no list and no mapping, and not empty."""
        if isinstance(value, Scalar) and not value.empty and value.text.strip():
            return value
        if isinstance(value, Scalar):
            self.problems.add(value.place, f"{what} is empty")
        elif isinstance(value, (Sequence, Mapped)):
            self.problems.add(value.place, f"{what} must be a single value")
        return None

    def text(self, value: Value | None, what: str) -> str:
        """Words, without blanks around them."""
        scalar = self.scalar(value, what)
        return scalar.text.strip() if scalar else ""

    def texts(self, value: Value | None, what: str) -> Iterator[tuple[str, Place]]:
        """A list of words with their places."""
        for item in self.items(value, what):
            scalar = self.scalar(item, f"an item of {what}")
            if scalar:
                yield scalar.text.strip(), scalar.place

    def whole(self, value: Value | None, what: str, *, at_least: int, note: str = "") -> int:
        """A whole number."""
        scalar = self.scalar(value, what)
        if scalar is None:
            return at_least
        digits = scalar.text
        if scalar.quoted or not digits.isascii() or not digits.isdigit() or len(digits) > 9 or int(digits) < at_least:
            note = note or f"a whole number from {at_least} on"
            self.problems.add(scalar.place, f"{what} cannot be `{scalar.text}`", note)
            return at_least
        return int(digits)

    def share(self, value: Value | None, what: str) -> float:
        """A number from 0 to 1."""
        scalar = self.scalar(value, what)
        if scalar is None:
            return 0.0
        number = number_in(scalar)
        if number is None or not 0.0 <= number <= 1.0:
            self.problems.add(scalar.place, f"{what} cannot be `{scalar.text}`", "a number from 0 to 1")
            return 0.0
        return number

    def choice(self, value: Value | None, what: str, among: type[E]) -> E:
        """One of the words of an enumeration."""
        scalar = self.scalar(value, what)
        words = [member.value for member in among]
        if scalar is None:
            return next(iter(among))
        if scalar.text not in words:
            note = f"one of {listed(words)}{did_you_mean(scalar.text, words)}"
            self.problems.add(scalar.place, f"{what} cannot be `{scalar.text}`", note)
            return next(iter(among))
        return among(scalar.text)


def number_in(scalar: Scalar) -> float | None:
    """The finite number written, or None when it is something else."""
    if scalar.quoted or "_" in scalar.text:
        return None
    try:
        number = float(scalar.text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _written_at(raw: str, text: str, style: str) -> list[int]:
    """For every character of `text` its offset in `raw`, and one more for the end.

    What YAML does to a text is to fold line ends, take indentation away and resolve escapes. The characters that are
    not blank stay in order, so both sides are walked together and runs of blanks are laid beside each other.
    """
    at = raw.find("\n") + 1 if style in {"|", ">"} else len(style)
    places: list[int] = []
    while len(places) < len(text):
        wanted = text[len(places)]
        if wanted in _BLANK and raw[at : at + 1] and raw[at] in _BLANK:
            end, stop = _past_blanks(raw, at), _past_blanks(text, len(places))
            places += [min(at + n, end - 1) for n in range(stop - len(places))]
            at = end
            continue
        at = _past_blanks(raw, at) if wanted not in _BLANK else at
        length, is_blank = (
            _escape(raw, at) if style == '"' else (2 if style == "'" and raw[at : at + 1] == "'" else 1, False)
        )
        if not is_blank or wanted in _BLANK:
            places.append(min(at, len(raw)))
        at += length
    return [*places, min(at, len(raw))]


def _past_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


def _escape(raw: str, at: int) -> tuple[int, bool]:
    """How long the character at `at` is written in double quotes, and whether it stands for a blank or nothing."""
    if raw[at : at + 1] != "\\":
        return 1, False
    kind = raw[at + 1 : at + 2]
    if kind in {"\n", "\r"}:
        return _past_blanks(raw, at + 1) - at, True
    return _ESCAPE_LENGTHS.get(kind, 2), kind in {"n", "r", "t", " ", "\t"}

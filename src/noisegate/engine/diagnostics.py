"""Errors in a policy pack, worded and drawn like a compiler's: what, where, the line, a caret, a hint.

Problems are collected, so that one run shows them all. This module knows files as text and places in them, and neither
YAML nor conditions.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from noisegate.core.errors import PolicyError, closest


@dataclass(frozen=True, order=True)
class Place:
    """A character of a file, or the file as a whole."""

    file: str
    line: int = -1
    """From 0; -1 for the file as a whole."""
    column: int = 0
    """From 0."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    House style: the message starts in lower case, has no full stop at its end, and puts names in backticks.
    """

    place: Place
    message: str
    note: str = ""
    """What is allowed or what to write instead; drawn beside the caret."""


class Problems:
    """What is wrong with one pack, as far as it has been read."""

    def __init__(self, files: Mapping[str, str], *, folder: str = "") -> None:
        self._files = {name: text.splitlines() for name, text in files.items()}
        self._folder = folder.rstrip("/")
        self._found: set[Problem] = set()

    def add(self, place: Place, message: str, note: str = "") -> None:
        """Note a problem; the same one twice counts once."""
        self._found.add(Problem(place, message, note))

    def __len__(self) -> int:
        return len(self._found)

    def render(self) -> str:
        """Every problem in the order of the files' lines, then how many there are."""
        order = {name: index for index, name in enumerate(self._files)}
        found = sorted(self._found, key=lambda p: (order.get(p.place.file, -1), p.place, p.message))
        blocks = [self._drawn(problem) for problem in found]
        if len(found) > 1:
            blocks.append(f"{len(found)} errors")
        return "\n\n".join(blocks)

    def error(self) -> PolicyError:
        """An error that shows every problem."""
        return PolicyError(self.render())

    def _drawn(self, problem: Problem) -> str:
        place = problem.place
        path = f"{self._folder}/{place.file}" if self._folder else place.file
        lines = self._files.get(place.file, [])
        if not 0 <= place.line < len(lines):
            note = f"\n   = {problem.note}" if problem.note else ""
            return f"error: {problem.message}\n  --> {path}{note}"
        number, line = str(place.line + 1), lines[place.line]
        margin = " " * len(number)
        caret = f"{_blank(line[: place.column])}^ {problem.note}".rstrip()
        return (
            f"error: {problem.message}\n"
            f"{margin}--> {path}:{number}:{place.column + 1}\n"
            f"{margin} |\n"
            f"{number} | {line}\n"
            f"{margin} | {caret}"
        )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean ...?` with the nearest known name, or nothing."""
    near = closest(name, known)
    return f"; did you mean `{near}`?" if near else ""


def listed(names: Iterable[str]) -> str:
    """Names in backticks, in their order, with commas."""
    return ", ".join(f"`{name}`" for name in names)


def _blank(text: str) -> str:
    """Spaces as wide as `text` is on a screen; tabs stay tabs."""
    wide = {"W", "F"}
    return "".join("\t" if c == "\t" else "  " if unicodedata.east_asian_width(c) in wide else " " for c in text)

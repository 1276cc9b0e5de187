"""CEL's error messages in the words of the policy language, with what to write instead.

The library's messages speak of overloads and containers. A policy author is told which name is unknown and which ones
there are, which types do not go together, and how the condition could be written.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from noisegate.core.modality import Role
from noisegate.engine.aggregates import FUNCTION_NAMES, FUNCTIONS, Holds, Variable
from noisegate.engine.diagnostics import did_you_mean, listed

COVERS = "covers"
"""The function over markets."""
TEXT_FUNCTIONS = frozenset({"startsWith", "endsWith", "contains"})

_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '(.+?)'")
_OVERLOAD = re.compile(r"found no matching overload for '(.+?)' applied to '\((.*)\)'")
_SELECT = re.compile(r"expression of type '(.+?)' cannot be the operand of a select")
_UNEXPECTED = re.compile(r"Syntax error: (?:mismatched|extraneous) input '(.*?)' expecting")
_MISSING = re.compile(r"Syntax error: missing '(.*?)' at '(.*?)'")
_RESERVED = re.compile(r"reserved identifier: (\w+)")
_TOKEN = re.compile(r"Syntax error: token recognition error at: '(.*)'$")
_WORDS = {"and": "&&", "or": "||", "not": "!", "=": "=="}
_TYPES = {
    "double": "a number with a point",
    "int": "a whole number",
    "string": "a string",
    "bool": "true or false",
    "markets": "the item's markets",
    "null_type": "null",
    **{holds.value: f"the {holds.value} of many parts" for holds in Holds},
}
_END = "<EOF>"
_PLAIN = frozenset({"double", "int", "string", "bool"})


@dataclass(frozen=True)
class Fault:
    """Something wrong at one character of a condition."""

    at: int
    message: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Names:
    """What a condition may name."""

    variables: Mapping[str, Variable]
    """`alias.output` -> what it is."""
    signals: Mapping[str, str]
    """Alias -> name of the signal."""
    context: tuple[str, ...]
    """`item.kind` and its like."""
    unresolved: frozenset[str] = frozenset()
    """Aliases of signals that could not be found, which has been said already."""


def faults_in(message: str, source: str, names: Names) -> tuple[Fault, ...]:
    """The faults that a message of CEL's compiler names; after the first syntax error the rest is guesswork."""
    found: list[Fault] = []
    for match in _ERROR.finditer(message):
        line, column, text = int(match[1]), int(match[2]), match[3].removesuffix(" [INVALID_ARGUMENT]")
        at = _offset(source, line, column)
        if "'*error*'" in text or _is_unresolved(text, names):
            continue
        found.append(_worded(text, at, source, names))
        if text.startswith(("Syntax error", "reserved identifier")):
            break
    if not found and not _ERROR.search(message):
        return (Fault(0, "this condition cannot be read", message.splitlines()[0]),)
    return tuple(found)


def _is_unresolved(text: str, names: Names) -> bool:
    match = _UNDECLARED.search(text)
    return match is not None and match[1].partition(".")[0] in names.unresolved


def start_of_name(source: str, at: int) -> int:
    """Where the dotted name begins that has its last dot, or its opening bracket, at `at`."""
    while source[at : at + 1] in {"(", "."} and source[at - 1 : at].isspace():
        at -= 1
    while at > 0 and (source[at - 1].isalnum() or source[at - 1] in "_."):
        at -= 1
    return at


def spelled(operator: str) -> str:
    """An operator as it is written: `>=` for `_>=_`."""
    return operator.strip("_@") if operator != "_?_:_" else "? :"


def _offset(source: str, line: int, column: int) -> int:
    lines = source.split("\n")
    return sum(len(text) + 1 for text in lines[: line - 1]) + column - 1


def _worded(text: str, at: int, source: str, names: Names) -> Fault:
    if match := _UNDECLARED.search(text):
        called = source[at : at + 1] == "("
        return _no_function(match[1], at, source) if called else _no_name(match[1], at, source, names)
    if match := _OVERLOAD.search(text):
        return _mismatch(match[1], match[2], at, source)
    if match := _SELECT.search(text):
        what = _TYPES.get(match[1], match[1])
        return Fault(at, f"nothing can follow a dot here: this is {what}", _how_to_use(match[1]))
    if match := _UNEXPECTED.search(text):
        return _unexpected(match[1], at, source)
    return _unreadable(text, at)


def _unreadable(text: str, at: int) -> Fault:
    if match := _MISSING.search(text):
        before = "the end" if match[2] == _END else f"`{match[2]}`"
        return Fault(at, f"`{match[1]}` is missing", f"before {before}")
    if match := _RESERVED.search(text):
        return Fault(at, f"`{match[1]}` is not a word of conditions")
    if match := _TOKEN.search(text):
        word = match[1].strip()
        if word in {"=", "&", "|"}:
            return Fault(at, f"`{word}` is not a word of conditions", f"write `{word * 2}`")
        if word[:1] in {'"', "'"}:
            return Fault(at, "a string does not end", f"close it with {word[0]}")
        return Fault(at, f"unexpected `{word}`")
    return Fault(at, "this condition cannot be read", text.removeprefix("Syntax error: "))


def _no_function(name: str, at: int, source: str) -> Fault:
    start = start_of_name(source, at)
    if name in FUNCTION_NAMES or name == COVERS:
        return Fault(start, f"`{name}` cannot be called like this", _usage(name, []))
    functions = sorted({*FUNCTION_NAMES, COVERS})
    return Fault(start, f"unknown function `{name}`", f"there are {listed(functions)}{did_you_mean(name, functions)}")


def _no_name(name: str, at: int, source: str, names: Names) -> Fault:
    start = start_of_name(source, at)
    alias, _, output = name.partition(".")
    if alias == "item":
        near = did_you_mean(name, names.context).removeprefix("; ")
        note = near or f"an item has {listed(_families(names.context))}"
        return Fault(start, f"unknown context `{name}`", _made_later(name) or note)
    if alias in names.signals:
        outputs = [v.output for v in names.variables.values() if v.alias == alias]
        if not output:
            return Fault(start, f"`{alias}` is a signal, not one of its outputs", f"it gives {_dotted(alias, outputs)}")
        note = f"`{names.signals[alias]}` gives {listed(outputs)}{did_you_mean(output, outputs)}"
        return Fault(start, f"`{alias}` has no output `{output}`", note)
    if alias in set(Role):
        return Fault(start, f"unknown name `{name}`", f'a role is written in quotes: "{alias}"')
    near = did_you_mean(alias, [*names.signals, "item"])
    return Fault(start, f"unknown signal `{alias}`", f"not listed under `signals`{near}")


def _made_later(name: str) -> str:
    role = name.removeprefix("item.has.")
    if role in set(Role):
        return f'`has` tells what was submitted; for what is found later give the role, as in any(x, 0.8, "{role}")'
    return ""


def _mismatch(function: str, types: str, at: int, source: str) -> Fault:
    given = [part.strip() for part in types.split(",")] if "list(" not in types and "map(" not in types else [types]
    if function in FUNCTION_NAMES or function == COVERS:
        return Fault(start_of_name(source, at), f"`{function}` cannot be called like this", _usage(function, given))
    if function in TEXT_FUNCTIONS:
        return Fault(start_of_name(source, at), f"`{function}` works on strings", "")
    shown = " and ".join(_TYPES.get(kind, kind) for kind in given)
    message = f"`{spelled(function)}` does not work on {shown}"
    for kind in given:
        if kind not in _PLAIN and kind in _TYPES:
            return Fault(at, message, _how_to_use(kind))
    alike = "counts are whole numbers like `2`, all others have a point like `2.0`"
    return Fault(at, message, alike if {"double", "int"} <= set(given) else "")


def _usage(function: str, given: list[str]) -> str:
    if function == COVERS:
        return 'write `covers(item.markets, "DE")` or `covers(item.markets, ["DE", "AT"])`'
    ways = [f for f in FUNCTIONS if f.name == function]
    ways = [f for f in ways if given and f.over.value == given[0]] or ways
    usage = " or ".join(f"`{f.usage.format(x='x')}`" for f in ways)
    fits = not given or any(f.over.value == given[0] for f in ways)
    whole = "; whole numbers need a point: `1.0`" if "int" in given else ""
    over = "" if fits else f" with the {' or '.join(f.over.value for f in ways)} of a signal as x"
    return f"write {usage}{over}{whole or ', with roles as a last argument if only some parts count'}"


def _how_to_use(kind: str) -> str:
    ways = [f.usage.format(x="x") for f in FUNCTIONS if f.over.value == kind]
    if ways:
        return f"say what of them counts, for example `{ways[0]}` or `{ways[1]}`"
    return 'write `covers(item.markets, "DE")`' if kind == "markets" else ""


def _unexpected(word: str, at: int, source: str) -> Fault:
    before = re.search(r"(\w+)\s*$", source[:at])
    if before and before[1] in _WORDS and word not in _WORDS:
        return _unexpected(before[1], at - len(before[0]), source)
    if word in _WORDS:
        return Fault(at, f"`{word}` is not a word of conditions", f"write `{_WORDS[word]}`")
    return Fault(at, "the condition ends too early" if word == _END else f"unexpected `{word}`")


def _families(context: Iterable[str]) -> list[str]:
    return sorted({".".join(name.split(".")[:2]) for name in context})


def _dotted(alias: str, outputs: Iterable[str]) -> str:
    return listed(f"{alias}.{output}" for output in outputs)

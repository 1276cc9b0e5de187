"""What a condition must be beyond being well-typed CEL: the part of CEL that is policy language.

Every argument of our functions is written out, so that people and tools can read thresholds and roles from a pack;
roles, kinds and markets exist; thresholds can be reached; and nothing can fail when it runs: no loops, no division of
whole numbers, no patterns, no conversions.
"""

import re
from collections.abc import Iterator, Mapping

from noisegate.core.evidence import EVIDENCE_FLOOR
from noisegate.core.item import WORLDWIDE, ItemKind
from noisegate.core.modality import Role
from noisegate.engine.aggregates import FUNCTION_NAMES, FUNCTIONS, Argument, Function, Takes, Use, Variable
from noisegate.engine.cel_errors import COVERS, TEXT_FUNCTIONS, Fault, spelled, start_of_name
from noisegate.engine.cel_tree import Node
from noisegate.engine.diagnostics import did_you_mean, listed

SUBMITTED = (
    Role.TITLE,
    Role.DESCRIPTION,
    Role.LYRICS,
    Role.COMMENT,
    Role.COVER,
    Role.PICTURE,
    Role.RECORDING,
    Role.FILM,
)
"""Roles a submitter can give; only for these `item.has.<role>` is known before anything has run."""

CONTEXT: Mapping[str, str] = {
    "item.kind": "string",
    "item.surface": "string",
    "item.markets": "markets",
    "item.declared.explicit": "bool",
    "item.declared.language": "string",
    **{f"item.has.{role.value}": "bool" for role in SUBMITTED},
}
"""What conditions can read of the item, with its type. What was not declared is false, or the empty string."""

LOGIC = frozenset({"_&&_", "_||_", "!_", "_?_:_"})
_COMPARISONS = frozenset({"_<_", "_<=_", "_>_", "_>=_"})
_EQUALITIES = frozenset({"_==_", "_!=_", "@in"})
_WORDS = LOGIC | _COMPARISONS | _EQUALITIES | TEXT_FUNCTIONS
_ARITHMETIC = frozenset({"_+_", "_-_", "_*_", "_/_", "-_"})
_SHARES = frozenset({"max", "share_above"})
_MARKET = re.compile(r"[A-Z]{2}")


def check(root: Node, source: str, variables: Mapping[str, Variable], *, is_bool: bool) -> tuple[Fault, ...]:
    """Everything that is wrong with a condition that CEL accepts.

    Args:
        root: Its tree.
        source: Its text.
        variables: The outputs it may name.
        is_bool: Whether CEL found it to be true or false.
    """
    faults = tuple(_Checker(source, variables).faults(root))
    if faults or is_bool:
        return faults
    note = "compare it, for example with `>= 0.8`"
    return (Fault(_start(root, source), "a condition is true or false, and this is neither", note),)


def uses_in(root: Node) -> Iterator[Use]:
    """The calls of our functions over signals' outputs, in the order they are written."""
    for node in root.walk():
        if node.kind == "call" and node.name in FUNCTION_NAMES:
            yield _use(node)


def is_market(code: str) -> bool:
    """Whether `code` is written like a market: two capital letters (ISO 3166-1 alpha-2), or `*`."""
    return code == WORLDWIDE or _MARKET.fullmatch(code) is not None


class _Checker:
    def __init__(self, source: str, variables: Mapping[str, Variable]) -> None:
        self._source, self._variables = source, variables

    def faults(self, node: Node) -> Iterator[Fault]:
        if node.kind == "other":
            allowed = "conditions have no loops, macros, maps or fields; look at many parts with `any`, `max`..."
            yield self._fault(node, "this is not part of the policy language", allowed)
        elif node.kind == "name":
            yield from self._bare(node)
        elif node.kind == "list":
            for item in node.operands:
                yield from self.faults(item)
        elif node.kind == "call":
            yield from self._call(node)

    def _bare(self, node: Node) -> Iterator[Fault]:
        if node.name in self._variables:
            ways = [f.usage.format(x=node.name) for f in FUNCTIONS if f.over is self._variables[node.name].holds]
            yield self._fault(node, f"`{node.name}` has a value for each of many parts", f"write `{ways[0]}`")
        elif node.name == "item.markets":
            yield self._fault(node, "an item's markets are asked with a function", 'write `covers(item.markets, "DE")`')

    def _call(self, node: Node) -> Iterator[Fault]:
        if node.name in FUNCTION_NAMES:
            yield from self._aggregate(node)
            return
        if node.name == COVERS:
            yield from self._markets(node)
            return
        arithmetic = node.name in _ARITHMETIC
        if not arithmetic and node.name not in _WORDS:
            what = f"`{spelled(node.name)}` is not part of the policy language"
            yield self._fault(
                node, what, f"beside operators there are {listed(sorted({*FUNCTION_NAMES, COVERS, *TEXT_FUNCTIONS}))}"
            )
        elif arithmetic and not node.overload.endswith("_double"):
            what = f"`{spelled(node.name)}` works on numbers with a point only"
            yield self._fault(node, what, "counts cannot be added up; compare each, and join with `||` or `&&`")
        if node.name in _EQUALITIES:
            yield from self._kinds(node)
        if node.name in _COMPARISONS:
            yield from self._reachable(node)
        for operand in node.operands:
            yield from self.faults(operand)

    def _aggregate(self, node: Node) -> Iterator[Fault]:
        over, *rest = node.operands
        if over.kind != "name" or over.name not in self._variables:
            yield self._fault(over, f"`{node.name}` looks at one output of a signal", "name it here, without a choice")
            return
        function = _function(node)
        if function.takes is not Takes.NOTHING:
            argument = rest.pop(0)
            if not _is_literal(argument):
                yield self._fault(argument, f"this must be {function.takes.value}, written out")
            elif function.takes is Takes.THRESHOLD:
                yield from self._threshold(function, argument)
        if rest:
            yield from self._roles(self._variables[over.name], rest[0])

    def _threshold(self, function: Function, node: Node) -> Iterator[Fault]:
        value = float(node.value) if isinstance(node.value, (int, float)) else 0.0
        if not 0.0 < value <= 1.0:
            yield self._fault(node, f"a threshold cannot be {value:g}", "a number above 0 and at most 1")
        elif function.of_places and value < EVIDENCE_FLOOR:
            note = f"places are recorded from {EVIDENCE_FLOOR} on; below that only a part's highest score is known"
            yield self._fault(node, f"`{function.name}` cannot count from {value:g}", note)

    def _roles(self, variable: Variable, node: Node) -> Iterator[Fault]:
        items = node.operands if node.kind == "list" else (node,)
        if not items:
            yield self._fault(node, "this list of roles is empty", "leave it out to look at every part")
        roles = [role.value for role in variable.sees]
        for item in items:
            if not isinstance(item.value, str):
                yield self._fault(item, "roles must be written out", 'as in "title" or ["title", "description"]')
            elif item.value not in set(Role):
                note = f"`{variable.signal}` looks at {listed(roles)}{did_you_mean(item.value, roles)}"
                yield self._fault(item, f"unknown role `{item.value}`", note)
            elif item.value not in roles:
                what = f"`{variable.signal}` does not look at parts with the role `{item.value}`"
                yield self._fault(item, what, f"it looks at {listed(roles)}")

    def _markets(self, node: Node) -> Iterator[Fault]:
        over, asked = node.operands
        if over.name != "item.markets":
            yield self._fault(over, "`covers` looks at `item.markets`")
        for item in asked.operands if asked.kind == "list" else (asked,):
            if not isinstance(item.value, str) or not is_market(item.value) or item.value == WORLDWIDE:
                shown = f" `{item.value}`" if isinstance(item.value, str) else ""
                note = 'two capital letters of ISO 3166-1, written out: "DE"'
                yield self._fault(item, f"this is not a market{shown and ':'}{shown}", note)

    def _kinds(self, node: Node) -> Iterator[Fault]:
        if not any(operand.name == "item.kind" for operand in node.operands):
            return
        kinds = [kind.value for kind in ItemKind]
        for literal in (inner for operand in node.operands for inner in operand.walk()):
            if isinstance(literal.value, str) and literal.value not in kinds:
                note = f"there are {listed(kinds)}{did_you_mean(literal.value, kinds)}"
                yield self._fault(literal, f"unknown kind of item `{literal.value}`", note)

    def _reachable(self, node: Node) -> Iterator[Fault]:
        call = next((operand for operand in node.operands if operand.name in _SHARES), None)
        bound = next((operand for operand in node.operands if isinstance(operand.value, float)), None)
        if call and bound and isinstance(bound.value, float) and not 0.0 <= bound.value <= 1.0:
            yield self._fault(bound, f"`{call.name}` is never compared with {bound.value:g}", "it lies between 0 and 1")

    def _fault(self, node: Node, message: str, note: str = "") -> Fault:
        return Fault(_start(node, self._source), message, note)


def _start(node: Node, source: str) -> int:
    named = node.kind == "name" or (node.kind == "call" and (node.name in FUNCTION_NAMES or node.name == COVERS))
    return start_of_name(source, node.at) if named else node.at


def _function(node: Node) -> Function:
    """The variant of the function that the type check chose."""
    return next(f for f in FUNCTIONS if f.name == node.name and node.overload.startswith(f"{f.name}_{f.over.value}"))


def _is_literal(node: Node) -> bool:
    if node.kind == "list":
        return all(_is_literal(item) for item in node.operands)
    return node.kind == "constant"


def _use(node: Node) -> Use:
    over, *rest = node.operands
    argument: Argument = None
    if _function(node).takes is not Takes.NOTHING:
        written = rest.pop(0)
        argument = tuple(str(i.value) for i in written.operands) if written.kind == "list" else written.value
    roles: frozenset[Role] | None = None
    if rest:
        roles = frozenset(Role(str(item.value)) for item in (rest[0].operands or rest[:1]))
    return Use(function=node.name, variable=over.name, argument=argument, roles=roles)

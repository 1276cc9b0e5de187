"""Conditions of policy rules: CEL, compiled and type-checked on load, answered with true, false or unknown.

A condition names outputs of signals (`moderation.threat`) inside functions that say what of their many parts counts
(`any(moderation.threat, 0.9, "title")`), and the item's context (`item.kind == "track"`). `&&`, `||`, `!` and `? :`
are three-valued: what is missing makes an operand unknown, and the whole unknown only where that operand matters.

This is the only module that knows the CEL library (a 0.1 release; `cel_tree` reads its tree, `cel_errors` its
messages). Every program it runs is free of gaps, so a missing input can never turn into a value.
"""

from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from typing import Any

from noisegate.core.decision import Inputs, Missing
from noisegate.core.errors import InvalidInputError
from noisegate.core.item import WORLDWIDE
from noisegate.core.modality import Role
from noisegate.core.signal import FactValue
from noisegate.engine.aggregates import (
    FUNCTION_NAMES,
    FUNCTIONS,
    Argument,
    Function,
    Holds,
    Takes,
    Unknown,
    Use,
    Value,
    measure,
)
from noisegate.engine.cel_errors import COVERS, Fault, Names, faults_in
from noisegate.engine.cel_tree import Node, Tree, read_tree
from noisegate.engine.condition_checks import CONTEXT, LOGIC, check, uses_in


@dataclass(frozen=True)
class Judgement:
    """What a condition says of some inputs."""

    truth: bool | None
    """None: unknown."""
    missing: frozenset[tuple[str, Missing]] = frozenset()
    """When unknown: (alias, gap) of everything that could still make it known."""


@dataclass(frozen=True)
class _Atom:
    """A piece without logic, run by CEL once all its calls have values."""

    program: Any
    uses: tuple[Use, ...]
    alone: bool
    """It is one call and nothing else: what the call gives is the answer, without asking CEL."""


@dataclass(frozen=True)
class _Logic:
    operator: str
    operands: tuple["_Atom | _Logic", ...]


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A compiled condition."""

    source: str
    uses: tuple[Use, ...]
    """Every call of a function over a signal's output, in the order they are written."""
    _logic: _Atom | _Logic = field(repr=False)

    def judge(self, reading: "Reading") -> Judgement:
        """True, false, or unknown with what is missing."""
        return _judge(self._logic, reading)


class Reading:
    """Inputs as conditions read them; one for all the conditions of a pack."""

    def __init__(self, inputs: Inputs) -> None:
        self._known = inputs.known
        self._values: dict[Use, Value | Unknown] = {}
        self._item = inputs.item

    @cached_property
    def data(self) -> Mapping[str, Any]:
        """What CEL is given: the item's context, and every output bound to its own name."""
        return dict(_context(self._item)) | {name: name for name in self._known}

    def value(self, use: Use) -> Value | Unknown:
        """What a call gives here. Raises InvalidInputError when the inputs leave its variable out."""
        if use not in self._values:
            if use.variable not in self._known:
                raise InvalidInputError(
                    f"the inputs say nothing about `{use.variable}`, not even that it is missing",
                    hint="give an empty `Known` when no part can have it, else a `Missing` for every gap",
                )
            self._values[use] = measure(use, self._known[use.variable])
        return self._values[use]


def compile_condition(source: str, names: Names) -> Condition | tuple[Fault, ...]:
    """Compile and check one condition.

    Args:
        source: The CEL text.
        names: What it may name.

    Returns:
        The condition, or everything that is wrong with it.
    """
    checking = _checking_environment(tuple((v.name, v.holds) for v in names.variables.values()))
    try:
        expression = checking.compile(source)
    except (RuntimeError, ValueError) as error:
        return faults_in(str(error), source, names)
    tree = read_tree(expression.serialize())
    faults = check(tree.root, source, names.variables, is_bool=expression.return_type().name() == "BOOL")
    if faults:
        return faults
    return Condition(source=source, uses=tuple(uses_in(tree.root)), _logic=_logic(tree, tree.root))


def _judge(piece: _Atom | _Logic, reading: Reading) -> Judgement:
    if isinstance(piece, _Atom):
        return _run(piece, reading)
    if piece.operator == "!_":
        inner = _judge(piece.operands[0], reading)
        return inner if inner.truth is None else Judgement(not inner.truth)
    if piece.operator == "_?_:_":
        return _choose(piece, reading)
    decisive = piece.operator == "_||_"
    missing: frozenset[tuple[str, Missing]] = frozenset()
    for operand in piece.operands:
        judged = _judge(operand, reading)
        if judged.truth is decisive:
            return judged
        missing |= judged.missing
    return Judgement(None, missing) if missing else Judgement(not decisive)


def _choose(piece: _Logic, reading: Reading) -> Judgement:
    test, yes, no = piece.operands
    tested = _judge(test, reading)
    if tested.truth is not None:
        return _judge(yes if tested.truth else no, reading)
    either = (_judge(yes, reading), _judge(no, reading))
    if either[0].truth is not None and either[0].truth == either[1].truth:
        return either[0]
    return Judgement(None, tested.missing.union(*(branch.missing for branch in either)))


def _run(atom: _Atom, reading: Reading) -> Judgement:
    missing = frozenset(
        (use.variable.partition(".")[0], gap)
        for use in atom.uses
        if isinstance(value := reading.value(use), Unknown)
        for gap in value.missing
    )
    if missing:
        return Judgement(None, missing)
    if atom.alone:
        return Judgement(bool(reading.value(atom.uses[0])))
    token = _READING.set(reading)
    try:
        return Judgement(bool(atom.program.eval(data=reading.data).plain_value()))
    finally:
        _READING.reset(token)


_READING: ContextVar[Reading] = ContextVar("reading")
"""The inputs of the program that runs: CEL calls our functions without a place to hand them over."""


def _answer(function: Function, variable: str, arguments: tuple[Any, ...]) -> Value:
    """What CEL gets when it calls one of our functions."""
    rest = list(arguments)
    argument: Argument = None
    if function.takes is not Takes.NOTHING:
        first = rest.pop(0)
        argument = tuple(first) if isinstance(first, list) else first
    roles = _roles(rest[0]) if rest else None
    value = _READING.get().value(Use(function=function.name, variable=variable, argument=argument, roles=roles))
    if isinstance(value, Unknown):  # excluded by _run
        raise TypeError(f"`{function.name}({variable})` was run without its inputs")
    return value


def _roles(given: Any) -> frozenset[Role]:
    return frozenset(Role(name) for name in ([given] if isinstance(given, str) else given))


def _covers(markets: list[str], asked: Any) -> bool:
    wanted = {asked} if isinstance(asked, str) else set(asked)
    return WORLDWIDE in markets or not wanted.isdisjoint(markets)


def _context(item: Mapping[str, FactValue | tuple[str, ...]]) -> Iterator[tuple[str, Any]]:
    """Every context variable; what an item does not say is false, or empty."""
    for name, kind in CONTEXT.items():
        given = item.get(name.removeprefix("item."))
        if kind == "bool":
            yield name, given.lower() in {"true", "yes", "1"} if isinstance(given, str) else given is True
        elif kind == "string":
            yield name, _clean(given) if isinstance(given, str) else ""
        else:
            yield name, [_clean(market) for market in given] if isinstance(given, tuple) else []


def _clean(text: str) -> str:
    """Without lone surrogates, which CEL cannot hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _logic(tree: Tree, node: Node) -> _Atom | _Logic:
    if node.name in LOGIC:
        return _Logic(node.name, tuple(_logic(tree, operand) for operand in node.operands))
    program = _running_environment().deserialize(tree.program(node))
    return _Atom(program, tuple(uses_in(node)), alone=node.name in FUNCTION_NAMES)


@lru_cache(maxsize=64)
def _checking_environment(variables: tuple[tuple[str, Holds], ...]) -> Any:
    """Knows the names and types of one pack. What signals give has types of its own that only our functions take."""
    from cel_expr_python import cel

    context = {name: _cel_type(kind) for name, kind in CONTEXT.items()}
    outputs = {name: _cel_type(holds.value) for name, holds in variables}
    return cel.NewEnv(variables={**context, **outputs}, functions=_declarations({}))


@cache
def _running_environment() -> Any:
    """Runs checked programs of every pack: a signal's output is bound to its own name, and our functions look it up."""
    from cel_expr_python import cel

    stand_ins = {**{holds.value: "string" for holds in Holds}, "markets": "strings_list"}
    return cel.NewEnv(functions=_declarations(stand_ins))


def _declarations(stand_ins: Mapping[str, str]) -> list[Any]:
    from cel_expr_python import cel

    overloads: dict[str, list[Any]] = {}
    for function in FUNCTIONS:
        for suffix, roles in (("", ()), ("_role", ("string",)), ("_roles", ("strings_list",))):
            over = stand_ins.get(function.over.value, function.over.value)
            kinds = [_cel_type(kind) for kind in (over, *_ARGUMENTS[function.takes], *roles)]
            name = f"{function.name}_{function.over.value}{suffix}"
            answers = _implementation(function)
            overload = cel.Overload(id=name, return_type=_cel_type(function.gives), parameters=kinds, impl=answers)
            overloads.setdefault(function.name, []).append(overload)
    markets = _cel_type(stand_ins.get("markets", "markets"))
    for asked in ("string", "strings_list"):
        kinds = [markets, _cel_type(asked)]
        overload = cel.Overload(id=f"{COVERS}_{asked}", return_type=_cel_type("bool"), parameters=kinds, impl=_covers)
        overloads.setdefault(COVERS, []).append(overload)
    return [cel.FunctionDecl(name, variants) for name, variants in overloads.items()]


_ARGUMENTS: Mapping[Takes, tuple[str, ...]] = {
    Takes.NOTHING: (),
    Takes.THRESHOLD: ("double",),
    Takes.NUMBER: ("double",),
    Takes.STRING: ("string",),
    Takes.STRINGS: ("strings_list",),
    Takes.BOOLEAN: ("bool",),
}


def _implementation(function: Function) -> Any:
    def answer(variable: str, *arguments: Any) -> Value:
        return _answer(function, variable, arguments)

    return answer


def _cel_type(kind: str) -> Any:
    """A CEL type by our name for it; names CEL does not have become types of their own."""
    from cel_expr_python import cel

    own = {"strings_list": cel.Type.List(cel.Type.STRING)}
    plain = {"bool": cel.Type.BOOL, "int": cel.Type.INT, "double": cel.Type.DOUBLE, "string": cel.Type.STRING}
    return {**own, **plain}.get(kind) or cel.Type.AbstractType(kind)

"""Reads `examples.yaml`: cases of a policy pack with their expected outcome, as a person writes them.

    - name: A threat in the title
      item: {kind: track}
      given: {moderation.threat: 0.97}
      rule: clear-threat
      action: block

What is given for an output is what one part has: a score or a fact, `missing` (it failed) or `pending` (it has not run).
A mapping gives it by role (`{transcript: 0.9}`), a list for several parts, and `{score: 0.9, places: [[0.9, 4.0]]}` with
its places as pairs of score and seconds. Outputs that are not mentioned have nothing to look at. `rehearsal` runs them.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from noisegate.core.decision import RESERVED_RULES, Gap, Known, Missing, Observation
from noisegate.core.evidence import EVIDENCE_FLOOR
from noisegate.core.item import WORLDWIDE, ItemKind
from noisegate.core.modality import Role
from noisegate.core.policy import Action, PolicyExample, Scope
from noisegate.core.signal import FactValue
from noisegate.engine.aggregates import Holds, Variable
from noisegate.engine.condition_checks import SUBMITTED, is_market
from noisegate.engine.diagnostics import Place, did_you_mean, listed
from noisegate.engine.documents import Mapped, Reader, Scalar, Sequence, Value, number_in
from noisegate.engine.scope import covers

if TYPE_CHECKING:
    from noisegate.engine.cel_errors import Names

FILE = "examples.yaml"

_GAPS = {"missing": Gap.FAILED, "pending": Gap.PENDING}
_EITHER_GAP = "`missing` or `pending`"


class ExampleReader:
    """Reads the examples of one pack, whose rules and signals are known."""

    def __init__(self, reader: Reader, names: "Names", *, rules: Mapping[str, Place], scope: Scope) -> None:
        self._reader, self._names, self._rules, self._scope = reader, names, rules, scope

    def read(self, document: Value) -> tuple[PolicyExample, ...]:
        """Every example; each rule of the pack must have one."""
        items = self._reader.items(document, "a file of examples")
        if isinstance(document, Sequence) and not items:
            self._add(document.place, "there are no examples", "write at least one for every rule")
        examples: list[PolicyExample] = []
        for item in items:
            example = self._example(item)
            if any(example.name == other.name for other in examples):
                self._add(item.place, f"two examples are called `{example.name}`")
            examples.append(example)
        for rule in [rule for rule in self._rules if items and rule not in {e.rule for e in examples}]:
            note = f"add one with `rule: {rule}` to {FILE}"
            self._add(self._rules[rule], f"no example is decided by the rule `{rule}`", note)
        return tuple(examples)

    def _example(self, value: Value) -> PolicyExample:
        fields = self._reader.mapping(
            value, "an example", required=("name", "given", "rule", "action"), optional=("item",)
        )
        given = self._given(fields.get("given"))
        return PolicyExample(
            name=self._reader.text(fields.get("name"), "`name`"),
            given=given,
            item=self._item(fields.get("item"), value.place, given),
            rule=self._rule(fields.get("rule")),
            action=self._reader.choice(fields.get("action"), "`action`", Action),
        )

    def _rule(self, value: Value | None) -> str:
        scalar = self._reader.scalar(value, "`rule`")
        known = [*self._rules, *sorted(RESERVED_RULES)]
        if scalar and scalar.text not in known:
            note = f"there are {listed(known)}{did_you_mean(scalar.text, known)}"
            self._add(scalar.place, f"unknown rule `{scalar.text}`", note)
        return scalar.text if scalar else ""

    def _given(self, value: Value | None) -> Mapping[str, Known]:
        given: dict[str, Known] = {}
        for key, inner in self._reader.entries(value, "`given`").items():
            place = value.keys[key] if isinstance(value, Mapped) else inner.place
            if key in self._names.variables:
                given[key] = self._known(self._names.variables[key], inner)
            elif key in self._names.signals:
                given |= self._without(key, inner)
            elif key.partition(".")[0] not in self._names.unresolved:
                known = [*self._names.variables, *self._names.signals]
                self._add(place, f"unknown output `{key}`", f"there are {listed(known)}{did_you_mean(key, known)}")
        return given

    def _without(self, alias: str, value: Value) -> Mapping[str, Known]:
        """For a whole signal only a gap can be given."""
        outputs = {name: variable for name, variable in self._names.variables.items() if variable.alias == alias}
        gap = _gap(value)
        if gap is None:
            note = f"values are given to {listed(outputs)}"
            self._add(value.place, f"`{alias}` can only be {_EITHER_GAP}", note)
        return {name: _gaps_everywhere(variable, gap or Gap.FAILED) for name, variable in outputs.items()}

    def _known(self, variable: Variable, value: Value) -> Known:
        if gap := _gap(value):
            return _gaps_everywhere(variable, gap)
        if not isinstance(value, Mapped) or "score" in value.entries:
            return _joined(self._parts(variable, variable.sees[0], value))
        parts: list[Known] = []
        seen = [role.value for role in variable.sees]
        for key, inner in value.entries.items():
            if key in seen:
                parts += self._parts(variable, Role(key), inner)
            else:
                note = f"`{variable.signal}` looks at {listed(seen)}{did_you_mean(key, seen)}"
                self._add(value.keys[key], f"unknown role `{key}`", note)
        return _joined(parts)

    def _parts(self, variable: Variable, role: Role, value: Value) -> list[Known]:
        items = value.items if isinstance(value, Sequence) else (value,)
        return [self._part(variable, role, item) for item in items]

    def _part(self, variable: Variable, role: Role, value: Value) -> Known:
        """What is known from one part."""
        if gap := _gap(value):
            return Known(missing=(Missing(role=role, gap=gap, signal=variable.signal),))
        if variable.holds is not Holds.SCORES:
            return Known(facts=((role, self._fact(variable, value)),))
        if isinstance(value, Mapped):
            fields = self._reader.mapping(value, "a part", required=("score", "places"))
            score = self._reader.share(fields.get("score"), "`score`")
            places = tuple(self._place(pair) for pair in self._reader.items(fields.get("places"), "`places`"))
            return Known(observations=(Observation(role=role, score=score, places=places),))
        score = self._reader.share(value, f"`{variable.name}`")
        places = ((score, 0.0),) if score >= EVIDENCE_FLOOR else ()
        return Known(observations=(Observation(role=role, score=score, places=places),))

    def _fact(self, variable: Variable, value: Value) -> FactValue:
        scalar = self._reader.scalar(value, f"`{variable.name}`")
        if scalar is None or variable.holds is Holds.STRINGS:
            return scalar.text if scalar else ""
        if variable.holds is Holds.BOOLEANS and scalar.text in {"true", "false"}:
            return scalar.text == "true"
        number = number_in(scalar)
        if variable.holds is Holds.NUMBERS and number is not None:
            return number
        allowed = "a number" if variable.holds is Holds.NUMBERS else "true or false"
        self._add(scalar.place, f"`{variable.name}` cannot be `{scalar.text}`", f"{allowed}, or {_EITHER_GAP}")
        return ""

    def _place(self, value: Value) -> tuple[float, float]:
        items = self._reader.items(value, "a place")
        numbers = [n for item in items if isinstance(item, Scalar) and (n := number_in(item)) is not None and n >= 0.0]
        if len(items) != 2 or len(numbers) != 2 or numbers[0] > 1.0:
            self._add(value.place, "this is not a place", "write [score, seconds], as in [0.9, 4.0]")
            return (0.0, 0.0)
        return (numbers[0], numbers[1])

    def _item(
        self, value: Value | None, place: Place, given: Mapping[str, Known]
    ) -> Mapping[str, FactValue | tuple[str, ...]]:
        read, scope, before = self._reader, self._scope, len(self._reader.problems)
        fields = read.mapping(value, "`item`", optional=("kind", "surface", "markets", "declared", "has"))
        kind = read.choice(fields["kind"], "`kind`", ItemKind).value if "kind" in fields else None
        surface = read.text(fields["surface"], "`surface`") if "surface" in fields else None
        kind, surface = kind or _usual(scope.kinds, ItemKind.TRACK), surface or _usual(scope.surfaces, "catalogue")
        markets = self._markets(fields["markets"]) if "markets" in fields else (WORLDWIDE,)
        if len(read.problems) == before and not covers(scope, kind=kind, surface=surface, markets=markets):
            self._add(place, "this item lies outside the pack's `scope`", "no example can be decided outside of it")
        seen = {o.role for k in given.values() for o in k.observations} | {
            r for k in given.values() for r, _ in k.facts
        }
        roles = {role.value for role in seen} | (self._has(fields["has"]) if "has" in fields else set())
        return {
            "kind": kind,
            "surface": surface,
            "markets": markets,
            **{f"has.{role.value}": role.value in roles for role in SUBMITTED},
            **self._declared(fields.get("declared")),
        }

    def _markets(self, value: Value) -> tuple[str, ...]:
        markets = []
        for code, place in self._reader.texts(value, "`markets`"):
            if not is_market(code):
                self._add(place, f"this is not a market: `{code}`", "two capital letters of ISO 3166-1, or `*`")
            markets.append(code)
        return tuple(sorted(markets))

    def _has(self, value: Value) -> set[str]:
        roles, known = set(), [role.value for role in SUBMITTED]
        for role, place in self._reader.texts(value, "`has`"):
            if role not in known:
                self._add(place, f"`{role}` is not submitted", f"one of {listed(known)}{did_you_mean(role, known)}")
            roles.add(role)
        return roles

    def _declared(self, value: Value | None) -> Mapping[str, FactValue]:
        fields = self._reader.mapping(value, "`declared`", optional=("explicit", "language"))
        declared: dict[str, FactValue] = {}
        explicit = self._reader.scalar(fields.get("explicit"), "`explicit`")
        if explicit:
            if explicit.text not in {"true", "false"}:
                self._add(explicit.place, f"`explicit` cannot be `{explicit.text}`", "true or false")
            declared["declared.explicit"] = explicit.text == "true"
        if "language" in fields:
            declared["declared.language"] = self._reader.text(fields["language"], "`language`")
        return declared

    def _add(self, place: Place, message: str, note: str = "") -> None:
        self._reader.problems.add(place, message, note)


def _gap(value: Value) -> Gap | None:
    """The gap that is given instead of a value; in quotes it is a word like any other."""
    return _GAPS.get(value.text) if isinstance(value, Scalar) and not value.quoted else None


def _gaps_everywhere(variable: Variable, gap: Gap) -> Known:
    """A signal that has no answer wherever it looks."""
    return Known(missing=tuple(Missing(role=role, gap=gap, signal=variable.signal) for role in variable.sees))


def _joined(parts: Iterable[Known]) -> Known:
    listed_parts = list(parts)
    return Known(
        observations=tuple(o for part in listed_parts for o in part.observations),
        missing=tuple(m for part in listed_parts for m in part.missing),
        facts=tuple(f for part in listed_parts for f in part.facts),
    )


def _usual(allowed: Iterable[str] | None, usual: str) -> str:
    """`usual` when it is allowed, else the first that is."""
    words = sorted(str(word) for word in allowed) if allowed is not None else []
    return str(usual) if not words or usual in words else words[0]

"""The functions of the policy language: from what many parts say to one value a condition can use.

Each answers with a value or says what it still lacks; a gap is never read as a score or a fact. Functions that look
for one part (`any...`) are true as soon as one part is enough, whatever else is missing. All others need every part
they look at. This module does not know the language the conditions are written in.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from noisegate.core.decision import Known, Missing, Observation
from noisegate.core.modality import Modality, Role
from noisegate.core.signal import FactType, FactValue


class Holds(StrEnum):
    """What a variable of a policy holds: one value for each part, of this type."""

    SCORES = "scores"
    STRINGS = "strings"
    NUMBERS = "numbers"
    BOOLEANS = "booleans"

    @classmethod
    def of(cls, fact: FactType) -> "Holds":
        """For a fact of this type."""
        return {FactType.STRING: cls.STRINGS, FactType.NUMBER: cls.NUMBERS, FactType.BOOLEAN: cls.BOOLEANS}[fact]


@dataclass(frozen=True, kw_only=True)
class Variable:
    """An output of a signal, as conditions name it."""

    alias: str
    """The pack's name for the signal."""
    output: str
    signal: str
    """The signal's own name."""
    holds: Holds
    modality: Modality | None
    """Of the parts that the signal looks at; None for all."""
    roles: frozenset[Role] | None = None
    """Which roles the signal looks at; None for all of the modality."""

    @property
    def name(self) -> str:
        """As it is written in conditions."""
        return f"{self.alias}.{self.output}"

    @property
    def sees(self) -> tuple[Role, ...]:
        """The roles of parts that have this output, in the order of `Role`."""
        return tuple(
            role
            for role in Role
            if self.modality in {None, role.modality} and (self.roles is None or role in self.roles)
        )


class Takes(StrEnum):
    """The argument after the variable."""

    NOTHING = "nothing"
    THRESHOLD = "a threshold"
    STRING = "a string"
    STRINGS = "a list of strings"
    NUMBER = "a number"
    BOOLEAN = "true or false"


@dataclass(frozen=True, kw_only=True)
class Function:
    """One way to call one function. Every function takes roles as its last, optional argument."""

    name: str
    over: Holds
    takes: Takes
    gives: str
    """`bool`, `int` or `double`."""
    usage: str
    """How a call looks."""
    means: str
    """What it answers, for the documentation."""
    of_places: bool = False
    """Whether it looks at places of evidence, which exist from EVIDENCE_FLOOR on."""


FUNCTIONS: tuple[Function, ...] = (
    Function(
        name="any",
        over=Holds.SCORES,
        takes=Takes.THRESHOLD,
        gives="bool",
        usage="any({x}, 0.8)",
        means="whether a part scores at least the threshold",
    ),
    Function(
        name="max",
        over=Holds.SCORES,
        takes=Takes.NOTHING,
        gives="double",
        usage="max({x}) >= 0.8",
        means="the highest score of all parts; 0 when there are none",
    ),
    Function(
        name="share_above",
        over=Holds.SCORES,
        takes=Takes.THRESHOLD,
        gives="double",
        usage="share_above({x}, 0.8) >= 0.5",
        means="the share of parts, 0..1, that score at least the threshold; 0 when there are none",
    ),
    Function(
        name="count_above",
        over=Holds.SCORES,
        takes=Takes.THRESHOLD,
        gives="int",
        usage="count_above({x}, 0.8) >= 3",
        means="how many places score at least the threshold",
        of_places=True,
    ),
    Function(
        name="seconds_above",
        over=Holds.SCORES,
        takes=Takes.THRESHOLD,
        gives="double",
        usage="seconds_above({x}, 0.8) >= 10.0",
        means="how many seconds the places that score at least the threshold last together",
        of_places=True,
    ),
    Function(
        name="any_equal",
        over=Holds.STRINGS,
        takes=Takes.STRING,
        gives="bool",
        usage='any_equal({x}, "a word")',
        means="whether a part has exactly this value",
    ),
    Function(
        name="any_equal",
        over=Holds.NUMBERS,
        takes=Takes.NUMBER,
        gives="bool",
        usage="any_equal({x}, 2.0)",
        means="whether a part has exactly this value",
    ),
    Function(
        name="any_equal",
        over=Holds.BOOLEANS,
        takes=Takes.BOOLEAN,
        gives="bool",
        usage="any_equal({x}, true)",
        means="whether a part has exactly this value",
    ),
    Function(
        name="any_in",
        over=Holds.STRINGS,
        takes=Takes.STRINGS,
        gives="bool",
        usage='any_in({x}, ["a word", "another"])',
        means="whether a part has one of these values",
    ),
    Function(
        name="any_at_least",
        over=Holds.NUMBERS,
        takes=Takes.NUMBER,
        gives="bool",
        usage="any_at_least({x}, 1.5)",
        means="whether a part has this value or a higher one",
    ),
    Function(
        name="any_at_most",
        over=Holds.NUMBERS,
        takes=Takes.NUMBER,
        gives="bool",
        usage="any_at_most({x}, 1.5)",
        means="whether a part has this value or a lower one",
    ),
)
"""Every aggregate of the language."""

FUNCTION_NAMES = frozenset(function.name for function in FUNCTIONS)

Argument = float | str | bool | tuple[str, ...] | None
Value = bool | int | float


@dataclass(frozen=True, kw_only=True)
class Use:
    """One call in a condition, its arguments written out."""

    function: str
    variable: str
    argument: Argument = None
    roles: frozenset[Role] | None = None
    """Only parts with these roles; None for all."""

    def concerns(self, role: Role) -> bool:
        """Whether a part with `role` matters to this call."""
        return self.roles is None or role in self.roles


@dataclass(frozen=True)
class Unknown:
    """There is no value yet, for want of these."""

    missing: tuple[Missing, ...]


def measure(use: Use, known: Known) -> Value | Unknown:
    """The value of a call, or what it lacks."""
    lacking = tuple(gap for gap in known.missing if use.concerns(gap.role))
    if use.function.startswith("any"):
        return True if _found(use, known) else Unknown(lacking) if lacking else False
    if lacking:
        return Unknown(lacking)
    return _over_all(use, [o for o in known.observations if use.concerns(o.role)])


def _found(use: Use, known: Known) -> bool:
    if use.function == "any":
        return any(use.concerns(o.role) and o.score >= _threshold(use) for o in known.observations)
    return any(use.concerns(role) and _fits(use, value) for role, value in known.facts)


def _fits(use: Use, value: FactValue) -> bool:
    wanted = use.argument
    if use.function == "any_in":
        return isinstance(wanted, tuple) and value in wanted
    if use.function == "any_equal":
        return isinstance(value, bool) == isinstance(wanted, bool) and value == wanted
    if isinstance(value, str):
        return False
    return value >= _threshold(use) if use.function == "any_at_least" else value <= _threshold(use)


def _over_all(use: Use, observations: list[Observation]) -> Value:
    if use.function == "max":
        return max((o.score for o in observations), default=0.0)
    threshold = _threshold(use)
    if use.function == "share_above":
        above = sum(o.score >= threshold for o in observations)
        return above / len(observations) if observations else 0.0
    if use.function == "count_above":
        return sum(_places_above(o, threshold) for o in observations)
    places = (place for o in observations for place in o.places)
    return _total(seconds for score, seconds in places if score >= threshold)


def _places_above(observation: Observation, threshold: float) -> int:
    """A part that scores enough without saying where is one place."""
    return max(sum(score >= threshold for score, _ in observation.places), int(observation.score >= threshold))


def _total(seconds: Iterable[float]) -> float:
    return float(sum(seconds))


def _threshold(use: Use) -> float:
    return float(use.argument) if isinstance(use.argument, (int, float)) else 0.0

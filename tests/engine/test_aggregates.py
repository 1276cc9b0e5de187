import pytest
from policykit import both, facts, gap, scores

from noisegate.core.decision import Gap, Known, Observation
from noisegate.core.modality import Role
from noisegate.engine.aggregates import FUNCTIONS, Unknown, Use, measure

TITLE, OCR, YES = Role.TITLE, Role.OCR, True
LONG = Known(observations=(Observation(role=TITLE, score=0.9, places=((0.9, 4.0), (0.3, 2.0), (0.6, 1.5))),))


def use(function: str, argument: object = None, *roles: Role) -> Use:
    return Use(function=function, variable="x.y", argument=argument, roles=frozenset(roles) or None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "known", "value"),
    [
        (use("any", 0.5), scores(0.2, 0.5), True),  # a threshold is reached, not passed
        (use("any", 0.5), scores(0.2, 0.4999), False),
        (use("any", 0.5), Known(), False),  # nothing there, nothing found
        (use("any", 0.5, OCR), scores(0.9), False),  # only these roles
        (use("max"), scores(0.2, 0.7), 0.7),
        (use("max"), Known(), 0.0),
        (use("max", None, OCR), both(scores(0.9), scores(0.3, role=OCR)), 0.3),
        (use("share_above", 0.5), scores(0.9, 0.5, 0.1, 0.2), 0.5),
        (use("share_above", 0.5), Known(), 0.0),
        (use("count_above", 0.5), LONG, 2),
        (
            use("count_above", 0.5),
            Known(observations=(Observation(role=TITLE, score=0.9),)),
            1,
        ),  # a part without places
        (use("count_above", 0.5), both(LONG, scores(0.8, 0.1)), 3),
        (use("seconds_above", 0.5), both(LONG, scores(0.8)), 6.5),
        (use("seconds_above", 0.5), Known(), 0.0),
        (use("any_equal", "de"), facts("en", "de"), True),
        (use("any_equal", "de"), facts("en"), False),
        (use("any_equal", YES), facts(YES), True),
        (use("any_equal", 1.0), facts(YES), False),  # a number is no boolean
        (use("any_in", ("de", "at")), facts("at"), True),
        (use("any_in", ("de", "at")), facts("en"), False),
        (use("any_at_least", 2.0), facts(1.0, 2.0), True),
        (use("any_at_least", 2.0), facts(1.0), False),
        (use("any_at_most", -20.0), facts(-20.0), True),
        (use("any_at_most", -20.0), facts(-5.0), False),
        (use("any_at_most", -20.0), facts("-30"), False),  # words are not numbers
    ],
)
def test_functions_over_parts(call: Use, known: Known, value: object) -> None:
    """Every function answers as its documentation says."""
    answer = measure(call, known)
    assert (type(answer), answer) == (type(value), value)


@pytest.mark.parametrize("function", sorted({f.name for f in FUNCTIONS}))
@pytest.mark.parametrize("why", Gap)
def test_a_gap_is_unknown_and_never_a_value(function: str, why: Gap) -> None:
    """Whatever the function, with nothing else known there is no answer."""
    argument = ("de",) if function == "any_in" else 0.5
    missing = gap(why)
    assert measure(use(function, argument), missing) == Unknown(missing.missing)


@pytest.mark.parametrize(
    ("call", "known"),
    [
        (use("any", 0.5), scores(0.9)),
        (use("any_equal", "de"), facts("de")),
        (use("any_in", ("de",)), facts("de")),
        (use("any_at_least", 1.0), facts(1.0)),
        (use("any_at_most", 1.0), facts(1.0)),
    ],
)
def test_one_part_is_enough_for_any_whatever_else_is_missing(call: Use, known: Known) -> None:
    """No other part could make it false."""
    assert measure(call, both(known, gap())) is True


@pytest.mark.parametrize("function", ["max", "share_above", "count_above", "seconds_above"])
def test_functions_over_all_parts_need_all_of_them(function: str) -> None:
    """A high score beside a gap says nothing about the whole."""
    assert isinstance(measure(use(function, 0.5), both(scores(0.9), gap())), Unknown)


def test_a_gap_in_another_role_does_not_matter() -> None:
    """Only the roles that are asked for count."""
    known = both(scores(0.2), gap(role=OCR))
    assert measure(use("max", None, TITLE), known) == 0.2
    assert measure(use("any", 0.5, TITLE), known) is False
    assert isinstance(measure(use("any", 0.5, TITLE, OCR), known), Unknown)

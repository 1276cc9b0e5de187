from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policykit import facts, gap, inputs, scores

from noisegate.core.decision import Gap, Inputs, Known
from noisegate.core.errors import InvalidInputError
from noisegate.core.modality import Image, Role, Text
from noisegate.engine.aggregates import FUNCTIONS, Holds, Use, Variable
from noisegate.engine.cel_errors import Fault, Names
from noisegate.engine.condition_checks import CONTEXT
from noisegate.engine.conditions import Condition, Judgement, Reading, compile_condition

VARIABLES = [
    Variable(alias="m", output="threat", signal="text.moderation", holds=Holds.SCORES, modality=Text.modality),
    Variable(alias="m", output="hate", signal="text.moderation", holds=Holds.SCORES, modality=Text.modality),
    Variable(alias="n", output="explicit", signal="image.nudity", holds=Holds.SCORES, modality=Image.modality),
    Variable(alias="f", output="word", signal="any.fact", holds=Holds.STRINGS, modality=None),
    Variable(alias="f", output="number", signal="any.fact", holds=Holds.NUMBERS, modality=None),
    Variable(alias="f", output="flag", signal="any.fact", holds=Holds.BOOLEANS, modality=None),
]
NAMES = Names(
    variables={v.name: v for v in VARIABLES},
    signals={"m": "text.moderation", "n": "image.nudity", "f": "any.fact"},
    context=tuple(CONTEXT),
)
T, F, U = True, False, None


def condition(source: str) -> Condition:
    compiled = compile_condition(source, NAMES)
    assert isinstance(compiled, Condition), compiled
    return compiled


def judge(source: str, known: dict[str, Known] | None = None, **context: Any) -> Judgement:
    everything = {v.name: Known() for v in VARIABLES} | (known or {})
    return condition(source).judge(Reading(inputs(everything, **context)))


def three(*truths: bool | None) -> dict[str, Known]:
    """`m.threat`, `m.hate` and `n.explicit` such that `any(x, 0.5)` has these truths."""
    known = {T: scores(0.9), F: scores(0.1), U: gap()}
    return {name: known[truth] for name, truth in zip(("m.threat", "m.hate", "n.explicit"), truths, strict=False)}


A, B, C = "any(m.threat, 0.5)", "any(m.hate, 0.5)", "any(n.explicit, 0.5)"


@pytest.mark.parametrize(("a", "b"), list(product([T, F, U], repeat=2)))
def test_and_or_and_not_are_three_valued(*, a: bool | None, b: bool | None) -> None:
    """Kleene's tables: an unknown operand matters only when the other leaves the answer open."""
    known = three(a, b)
    both_true = F if F in (a, b) else U if U in (a, b) else T
    either = T if T in (a, b) else U if U in (a, b) else F
    assert judge(f"{A} && {B}", known).truth is both_true
    assert judge(f"{A} || {B}", known).truth is either
    assert judge(f"!{A}", known).truth is (U if a is U else not a)


@pytest.mark.parametrize(("a", "b", "c"), list(product([T, F, U], repeat=3)))
def test_a_choice_is_unknown_only_when_its_branches_differ(*, a: bool | None, b: bool | None, c: bool | None) -> None:
    """`a ? b : c` asks one branch, or both when it is not known which."""
    chosen = b if a is T else c if a is F else (b if b == c else U)
    assert judge(f"{A} ? {B} : {C}", three(a, b, c)).truth is chosen


def test_an_unknown_answer_names_only_what_could_make_it_known() -> None:
    """A gap in an operand that is settled anyway is not asked for."""
    known = three(U, F, U)
    judged = judge(f"{A} || ({C} && {B})", known)
    assert judged.truth is None
    assert {alias for alias, _ in judged.missing} == {"m"}


@pytest.mark.parametrize(
    ("source", "context", "truth"),
    [
        ('item.kind == "track"', {}, True),
        ('item.kind in ["video", "episode"]', {}, False),
        ('item.surface.startsWith("cat")', {}, True),
        ("item.has.cover", {"has.cover": True}, True),
        ("item.has.cover", {}, False),
        ("item.declared.explicit", {"declared.explicit": True}, True),
        ("item.declared.explicit", {"declared.explicit": "yes"}, True),  # forms send words
        ("item.declared.explicit", {"declared.explicit": "no"}, False),
        ("item.declared.explicit", {}, False),  # what was not declared is false
        ('item.declared.language == ""', {}, True),
        ('item.declared.language == "de"', {"declared.language": "de"}, True),
        ('item.declared.language == "a?b"', {"declared.language": "a\ud800b"}, True),  # half a character
        ('covers(item.markets, "DE")', {"markets": ("DE", "FR")}, True),
        ('covers(item.markets, "DE")', {"markets": ("FR",)}, False),
        ('covers(item.markets, ["DE", "AT"])', {"markets": ("AT",)}, True),
        ('covers(item.markets, "DE")', {}, True),  # the whole world has every market
        ("true", {}, True),
    ],
)
def test_the_context_of_an_item(*, source: str, context: dict[str, Any], truth: bool) -> None:
    """What conditions read of the item, without any signal."""
    assert judge(source, **context) == Judgement(truth)


@pytest.mark.parametrize(
    ("source", "known", "truth"),
    [
        ("max(m.threat) >= 0.9", scores(0.2, 0.9), True),
        ('max(m.threat, "title") >= 0.9', scores(0.9, role=Role.OCR), False),
        ('any(m.threat, 0.5, ["ocr", "title"])', scores(0.9, role=Role.OCR), True),
        ("share_above(m.threat, 0.5) >= 0.5", scores(0.9, 0.1), True),
        ("count_above(m.threat, 0.5) >= 2", scores(0.9, 0.6, 0.1), True),
        ("seconds_above(m.threat, 0.5) * 2.0 >= 4.0", scores(0.9, 0.6, 0.1), True),
        ("max(m.threat) - max(m.hate) > 0.5", scores(0.9), True),
        ("max(m.threat) / 2.0 < 0.5", scores(0.9), True),
        ('any_equal(f.word, "de")', facts("de"), True),
        ('any_in(f.word, ["de", "fr"], "title")', facts("fr"), True),
        ("any_equal(f.flag, true)", facts(T), True),
        ("any_equal(f.number, 2.0)", facts(2.0), True),
        ("any_at_least(f.number, -1.5)", facts(-1.0), True),
        ("any_at_most(f.number, -1.5)", facts(-1.0), False),
        ("any(m.threat, 0.5) == any(m.hate, 0.5)", scores(0.9), False),
    ],
)
def test_functions_can_be_called_from_conditions(*, source: str, known: Known, truth: bool) -> None:
    """Each function with its arguments, alone and inside expressions."""
    name = next(v.name for v in VARIABLES if v.name in source)
    assert judge(source, {name: known}) == Judgement(truth)


def test_every_function_of_the_language_compiles_as_its_documentation_shows() -> None:
    """The usage in the table of functions is what error messages suggest."""
    for function in FUNCTIONS:
        variable = next(v for v in VARIABLES if v.holds is function.over)
        condition(function.usage.format(x=variable.name))


def test_a_gap_inside_an_expression_makes_the_whole_expression_unknown() -> None:
    """It is named with all others of that expression, so that they are asked for at once."""
    judged = judge("max(m.threat) + max(n.explicit) > 0.5", {"m.threat": gap(), "n.explicit": gap(Gap.PENDING)})
    assert judged.truth is None
    assert {alias for alias, _ in judged.missing} == {"m", "n"}


def test_the_calls_of_a_condition_can_be_read() -> None:
    """For documentation, and to find the evidence that carried a decision."""
    uses = condition('any(m.threat, 0.9, ["title"]) || max(m.hate) > 0.5 || any_in(f.word, ["a", "b"])').uses
    assert uses == (
        Use(function="any", variable="m.threat", argument=0.9, roles=frozenset({Role.TITLE})),
        Use(function="max", variable="m.hate"),
        Use(function="any_in", variable="f.word", argument=("a", "b")),
    )


def test_inputs_that_leave_a_variable_out_are_refused() -> None:
    """Silence is neither a low score nor a gap."""
    with pytest.raises(InvalidInputError, match=r"the inputs say nothing about `m\.threat`"):
        condition(A).judge(Reading(inputs({})))


@pytest.mark.parametrize(
    "source", ["any(m.threat, 0.5", "'", "\x00", "((((", "if", "m.", "any(m.threat, 0.5)\n)", "a" * 300]
)
def test_what_is_not_cel_is_a_fault_with_a_place(source: str) -> None:
    """No text makes compiling fail in another way."""
    faults = compile_condition(source, NAMES)
    assert isinstance(faults, tuple)
    assert all(isinstance(fault, Fault) and 0 <= fault.at <= len(source) for fault in faults)
    assert faults


@settings(max_examples=200, deadline=None)
@given(source=st.text(alphabet='anym.threat(),05"&|!= \n', max_size=40))
def test_random_text_is_a_condition_or_has_faults(source: str) -> None:
    """Whatever is written, the author gets an answer."""
    compiled = compile_condition(source, NAMES)
    assert isinstance(compiled, Condition) or compiled


FORMULAS = st.recursive(
    st.sampled_from([A, B, C, "true", "false", 'item.kind == "track"', 'item.kind == "video"']),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda f: f"!({f})"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} ? {t[1]} : {t[2]})"),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(formula=FORMULAS, truths=st.tuples(*[st.sampled_from([T, F, U])] * 3))
def test_a_known_answer_holds_whatever_the_gaps_turn_out_to_be(
    formula: str, truths: tuple[bool | None, bool | None, bool | None]
) -> None:
    """What is said in spite of gaps is said of every way to fill them."""
    judged = judge(formula, three(*truths))
    filled = [judge(formula, three(*full)) for full in product(*([t] if t is not U else [T, F] for t in truths))]
    assert all(one.truth is not None and not one.missing for one in filled)
    if judged.truth is not None:
        assert {one.truth for one in filled} == {judged.truth}
        assert not judged.missing
    else:
        assert judged.missing


def test_inputs_are_read_once_for_all_conditions_of_a_pack() -> None:
    """A reading can be shared; what one condition saw does not leak into another's."""
    reading = Reading(Inputs(item={"kind": "track"}, known=three(T, F, U), fingerprints={}, dice=0.5))
    assert condition(A).judge(reading).truth is True
    assert condition(B).judge(reading).truth is False
    assert condition(C).judge(reading).truth is None

"""What is wrong with what a signal does: loads it and runs it on its examples and on odd inputs."""

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

from noisegate.core.errors import MediaError, NotInstalledError
from noisegate.core.modality import Part, Text
from noisegate.core.signal import Example, Facts, Failure, LoadContext, Parts, Result, Scores, Signal
from noisegate.testing.inputs import LONG_TEXT, long_text, odd_inputs, unreadable
from noisegate.testing.results import result_problems

_SAME = 1e-3
"""How far a number may move with the company it was computed in: the order of additions differs."""
_LONG_CPU_S = 60.0
"""CPU seconds for LONG_TEXT characters; anything that takes longer grows faster than its input."""


def behaviour_problems(signal: Signal[Any, Any], context: LoadContext) -> Iterator[str]:
    """Everything wrong with what `signal` does, one sentence each.

    Raises:
        NotInstalledError: a library or a weight file is missing.
    """
    model = signal.load(context)
    examples = [(f"example {n}", example.input()) for n, example in enumerate(signal.examples(), start=1)]
    inputs = [*examples, *odd_inputs(signal)]
    alone: list[tuple[str, Part, Result]] = []
    for name, part in inputs:
        answer = _ask(signal, model, part)
        if isinstance(answer, str):
            yield f"{name}: {answer}"
        else:
            alone.append((name, part, answer))
            yield from (f"{name}: {problem}" for problem in result_problems(signal, part, answer))
    answers = {name: answer for name, _, answer in alone}
    for n, example in enumerate(signal.examples(), start=1):
        if f"example {n}" in answers:
            yield from (f"example {n}: {p}" for p in _unmet(example, answers[f"example {n}"]))
    yield from _company(signal, model, alone)
    yield from _again(signal, context, alone[: len(examples)])
    yield from _broken(signal, model)
    yield from _long(signal, model)


def gap_problems(signal: Signal[Any, Any], context: LoadContext) -> Iterator[str]:
    """Whether a signal that nobody can run says so, one sentence for each way in which it does not."""
    try:
        signal.load(context)
    except NotInstalledError as error:
        if not error.hint:
            yield "the NotInstalledError of `load` must have a hint that says what would fill the gap"
    else:
        yield "`gap` is set, so `load` must raise NotInstalledError"
    for name, part in odd_inputs(signal):
        answer = _ask(signal, None, part)
        if not isinstance(answer, Failure) or answer.kind != "not_installed":
            yield f"{name}: a gap must answer with a `not_installed` failure, it gave {answer!r}"


def _ask(signal: Signal[Any, Any], model: Any, part: Part) -> Result | str:
    """The one answer for `part`, or what is wrong with how it came."""
    try:
        answers = list(signal.run(model, [part]))
    except MediaError as error:
        return Failure(kind=error.kind, message=error.message)
    except Exception as error:  # noqa: BLE001 - whatever it raises is the finding
        return f"`run` raised {type(error).__name__}: {error}"
    return answers[0] if len(answers) == 1 else f"`run` gave {len(answers)} results for one part"


def _unmet(example: Example, answer: Result) -> Iterator[str]:
    """What the example promises and `answer` does not keep."""
    why = f" ({example.why})" if example.why else ""
    match answer:
        case Scores():
            problems = _unmet_scores(example, answer)
        case Facts():
            problems = _unmet_facts(example, answer)
        case Parts():
            problems = _unmet_parts(example, answer)
        case _:
            problems = iter([f"it gave {answer}"])
    yield from (problem + why for problem in problems)


def _unmet_scores(example: Example, scores: Scores) -> Iterator[str]:
    for output, bound in example.at_least.items():
        if not scores.values.get(output, -math.inf) >= bound:
            yield f"`{output}` scores {scores.values.get(output)}, at least {bound} was promised"
    for output, bound in example.at_most.items():
        if not scores.values.get(output, math.inf) <= bound:
            yield f"`{output}` scores {scores.values.get(output)}, at most {bound} was promised"


def _unmet_facts(example: Example, facts: Facts) -> Iterator[str]:
    for name, value in example.facts.items():
        if facts.values.get(name) != value:
            yield f"the fact `{name}` is {facts.values.get(name)!r}, {value!r} was promised"


def _unmet_parts(example: Example, made: Parts) -> Iterator[str]:
    for role, least in example.makes.items():
        count = sum(part.role is role for part in made.parts)
        if count < least or (least == 0 and count):
            yield f"{count} parts with the role `{role.value}`, {least or 'none'} promised"
    words = " ".join(part.text for part in made.parts if isinstance(part, Text)).casefold()
    if example.contains is not None and example.contains.casefold() not in words:
        yield f"the words {example.contains!r} were promised, it read {words[:240]!r}"


def _company(signal: Signal[Any, Any], model: Any, alone: Sequence[tuple[str, Part, Result]]) -> Iterator[str]:
    """Whether a part's answer depends on the batch it came in: the runner mixes items."""
    size = signal.spec.batch_size
    fine = [(name, part, answer) for name, part, answer in reversed(alone) if not isinstance(answer, Failure)]
    for start in range(0, len(fine), size) if size > 1 else ():
        batch = fine[start : start + size]
        try:
            answers = list(signal.run(model, [part for _, part, _ in batch]))
        except Exception as error:  # noqa: BLE001 - whatever it raises is the finding
            yield f"a batch of {len(batch)} parts that are fine alone: `run` raised {type(error).__name__}: {error}"
            continue
        if len(answers) != len(batch):
            yield f"`run` gave {len(answers)} results for a batch of {len(batch)} parts"
            continue
        for (name, _, before), answer in zip(batch, answers, strict=True):
            if not _alike(before, answer):
                yield f"{name}: alone it gave {before}, in a batch {answer}; other parts must not matter"


def _again(signal: Signal[Any, Any], context: LoadContext, alone: Sequence[tuple[str, Part, Result]]) -> Iterator[str]:
    """Whether a second load gives the same model: another process must come to the same scores."""
    model = signal.load(context)
    for name, part, before in alone:
        answer = _ask(signal, model, part)
        if isinstance(answer, str) or not _alike(before, answer):
            yield f"{name}: loaded again it gave {answer}, before {before}; `load` must always give the same model"


def _broken(signal: Signal[Any, Any], model: Any) -> Iterator[str]:
    part = unreadable(signal)
    if part is None or not signal.wants(part):
        return
    try:
        answers = list(signal.run(model, [part]))
    except MediaError:
        return
    except Exception as error:  # noqa: BLE001 - whatever it raises is the finding
        yield f"content that raises MediaError: `run` turned it into {type(error).__name__}: {error}"
        return
    if not (len(answers) == 1 and isinstance(answers[0], Failure)):
        yield f"content that raises MediaError: let it pass or answer with a Failure, it gave {answers}"


def _long(signal: Signal[Any, Any], model: Any) -> Iterator[str]:
    if not issubclass(Text, signal.accepts):
        return
    part = long_text(signal)
    start = time.process_time()
    answer = _ask(signal, model, part)
    spent = time.process_time() - start
    problems = (answer,) if isinstance(answer, str) else result_problems(signal, part, answer)
    yield from (f"a text of {LONG_TEXT:,} characters: {problem}" for problem in problems)
    if spent > _LONG_CPU_S:
        yield f"a text of {LONG_TEXT:,} characters took {spent:.0f} CPU seconds; at most {_LONG_CPU_S:.0f} are allowed"


def _alike(one: Result, other: object) -> bool:
    """Whether two results are the same but for rounding; of evidence and made parts, their number counts."""
    match one, other:
        case Scores(), Scores():
            return one.values.keys() == other.values.keys() and all(
                math.isclose(score, other.values[output], abs_tol=_SAME) for output, score in one.values.items()
            )
        case Facts(), Facts():
            return one.values.keys() == other.values.keys() and all(
                math.isclose(value, other_value, rel_tol=_SAME, abs_tol=_SAME)
                if isinstance(value, float) and isinstance(other_value, (int, float))
                else value == other_value
                for value, other_value in ((value, other.values[name]) for name, value in one.values.items())
            )
        case Parts(), Parts():
            return [_gist(part) for part in one.parts] == [_gist(part) for part in other.parts]
        case Failure(), Failure():
            return one.kind == other.kind
        case _:
            return False


def _gist(part: Part) -> tuple[object, ...]:
    return (part.role, part.text if isinstance(part, Text) else None)

"""What is wrong with one result of a signal for one part."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from noisegate.core.evidence import EVIDENCE_FLOOR, Evidence
from noisegate.core.modality import Audio, Box, Part, Text, Video, Where
from noisegate.core.signal import Facts, FactType, Failure, Kind, Parts, Scores, Signal

_EXCERPT = 240
_SLACK = 1e-6
_SLACK_S = 0.1
"""Seconds by which a time may overshoot its part: one frame of most audio codecs and models."""

_FACTS: Mapping[FactType, tuple[type, ...]] = {
    FactType.STRING: (str,),
    FactType.NUMBER: (int, float),
    FactType.BOOLEAN: (bool,),
}


def result_problems(signal: Signal[Any, Any], part: Part, result: object) -> Iterator[str]:
    """Everything by which `result` is not an answer of `signal` for `part`, one sentence each. A Failure is one."""
    match result:
        case Failure():
            if not result.kind or not result.message:
                yield f"{result} must have a kind and a message"
        case Scores() if signal.spec.kind is Kind.DETECTOR:
            yield from _scores(signal, part, result)
        case Facts() if signal.spec.kind is Kind.ENRICHER:
            yield from _facts(signal, result)
        case Parts() if signal.spec.kind is Kind.EXTRACTOR:
            for n, made in enumerate(result.parts):
                yield from (f"made part {n}: {problem}" for problem in _made(signal, part, made))
        case _:
            yield f"it is a {signal.spec.kind.value} and gave {type(result).__name__}"


def _scores(signal: Signal[Any, Any], part: Part, scores: Scores) -> Iterator[str]:
    if set(scores.values) != set(signal.spec.labels):
        yield f"scores for {sorted(scores.values)}; declared are {sorted(signal.spec.labels)}"
    for output, score in scores.values.items():
        if not _is_share(score):
            yield f"the score of `{output}` is {score!r}; allowed are numbers from 0 to 1"
        elif score >= EVIDENCE_FLOOR and not scores.evidence.get(output):
            yield f"`{output}` scores {score:.2f} without evidence; from {EVIDENCE_FLOOR} on every place is recorded"
    for output, places in scores.evidence.items():
        for place in places:
            yield from (f"evidence of `{output}`: {p}" for p in _evidence(part, place, scores.values.get(output, 0.0)))


def _evidence(part: Part, evidence: Evidence, highest: float) -> Iterator[str]:
    if not _is_share(evidence.score) or evidence.score > highest + _SLACK:
        yield f"the score {evidence.score!r} must lie between 0 and the part's own, {highest!r}"
    if evidence.excerpt is not None and len(evidence.excerpt) > _EXCERPT:
        yield f"the excerpt has {len(evidence.excerpt)} characters; at most {_EXCERPT} are allowed"
    yield from _place(part, evidence.where)


def _facts(signal: Signal[Any, Any], facts: Facts) -> Iterator[str]:
    for name, value in facts.values.items():
        kind = signal.spec.facts.get(name)
        if kind is None:
            yield f"the fact `{name}` is not declared; declared are {sorted(signal.spec.facts)}"
        elif not isinstance(value, _FACTS[kind]) or (isinstance(value, bool) and kind is not FactType.BOOLEAN):
            yield f"the fact `{name}` is {value!r}; declared is a {kind.value}"
        elif isinstance(value, float) and not math.isfinite(value):
            yield f"the fact `{name}` is {value!r}, which no record can hold; leave it out when it is unknown"


def _made(signal: Signal[Any, Any], part: Part, made: Part) -> Iterator[str]:
    if signal.spec.makes.get(made.role) is not made.modality:
        declared = sorted(f"{role.value} ({modality.value})" for role, modality in signal.spec.makes.items())
        yield f"{made.role.value} ({made.modality.value}) is not declared; declared are {declared}"
    if made.id or made.digest or made.origin.parent or made.origin.made_by:
        yield "id, digest, parent and maker must be left empty: the frontier fills them in"
    yield from _place(part, made.origin.where)
    if isinstance(made, Audio) and not made.duration_s > 0:
        yield f"its duration is {made.duration_s!r} s; a part without sound is no part"
    if isinstance(made, Text):
        yield from _anchors(part, made)


def _anchors(part: Part, made: Text) -> Iterator[str]:
    if not made.text.strip():
        yield "its text is blank; a part without words is no part"
    last = 0
    for anchor in made.anchors:
        start, end = anchor.span
        if not last <= start < end <= len(made.text):
            yield f"the anchor {anchor.span} must lie in the text of {len(made.text)} characters, after {last}"
        last = start
        if anchor.confidence is not None and not _is_share(anchor.confidence):
            yield f"the anchor {anchor.span} has the confidence {anchor.confidence!r}; allowed are numbers from 0 to 1"
        yield from (f"the anchor {anchor.span}: {p}" for p in _place(part, anchor.where))


def _place(part: Part, where: Where) -> Iterator[str]:
    """Whether `where` lies inside `part`; times are relative to the asset, spans to the part's text."""
    if where.span is not None:
        start, end = where.span
        length = len(part.text) if isinstance(part, Text) else 0
        if not 0 <= start < end <= length:
            yield f"the span {where.span} must lie in the text of {length} characters"
    if where.box is not None and not _is_inside(where.box):
        yield f"{where.box} must lie within 0..1 on both sides"
    if (where.start_s is None) is not (where.end_s is None):
        yield f"{where} must have both ends of its time range, or none"
    elif where.start_s is not None and where.end_s is not None:
        first, last = _lasts(part)
        if not first - _SLACK_S <= where.start_s <= where.end_s <= last + _SLACK_S:
            yield f"the time range {where.start_s} to {where.end_s} s must lie in {first} to {last} s"


def _lasts(part: Part) -> tuple[float, float]:
    """The seconds of the asset that `part` covers."""
    start = part.origin.where.start_s or 0.0
    if isinstance(part, (Audio, Video)):
        return start, start + part.duration_s
    return start, math.inf if part.origin.where.end_s is None else part.origin.where.end_s


def _is_inside(box: Box) -> bool:
    sides = ((box.x, box.width), (box.y, box.height))
    return all(math.isfinite(at) and at >= -_SLACK and size >= 0 and at + size <= 1 + _SLACK for at, size in sides)


def _is_share(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0.0 <= value <= 1.0

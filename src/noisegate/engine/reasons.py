"""Why a decision was taken, in words: for the person affected, for reviewers, and for the command line.

A statement of reasons is owed for every restriction of what somebody published (DSA Art. 17). It says what was found
and where, so it quotes the upload and is personal data.
"""

from collections.abc import Iterable, Sequence

from noisegate.core.decision import RESERVED_RULES, Decision
from noisegate.core.evidence import Finding
from noisegate.core.item import Item
from noisegate.core.modality import Box, Modality, Role, Where
from noisegate.core.notice import StatementOfReasons
from noisegate.core.policy import Action
from noisegate.core.taxonomy import Taxonomy, default_taxonomy
from noisegate.engine.aggregates import Use
from noisegate.engine.compile import CompiledPack

RESTRICTIONS = frozenset({Action.AGE_GATE, Action.LIMIT, Action.BLOCK})
"""Actions that restrict visibility. Holding for review is no decision yet, and an advisory hides nothing."""

_TO = "\N{EN DASH}"
_WHOLE = Box(x=0.0, y=0.0, width=1.0, height=1.0)
_QUOTED = 3
"""How many places a statement names; the decision's record has them all."""


def statement_of_reasons(
    decision: Decision,
    compiled: CompiledPack,
    item: Item,
    findings: Iterable[Finding],
    *,
    automated_decision: bool = True,
    taxonomy: Taxonomy | None = None,
) -> StatementOfReasons | None:
    """What the person affected is told, or None when nothing is restricted.

    Args:
        decision: The decision.
        compiled: The pack that took it.
        item: The item.
        findings: What was found in the item.
        automated_decision: False when a person decided.
        taxonomy: The labels; the default one when None.
    """
    if decision.action not in RESTRICTIONS:
        return None
    carried = carrying(decision, compiled, findings)
    notice = compiled.pack.notice
    return StatementOfReasons(
        item=item.id,
        decision=decision.id,
        action=decision.action,
        markets=decision.markets,
        facts=_facts(decision, carried, taxonomy or default_taxonomy()),
        ground=notice.ground,
        clause=notice.clause,
        explanation=f"{decision.reason} {notice.text}",
        automated_detection=bool(carried) or decision.rule not in RESERVED_RULES,
        automated_decision=automated_decision,
        appeal_within_days=notice.appeal_within_days,
    )


def carrying(decision: Decision, compiled: CompiledPack, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that a decision's rule looked at and that reach the thresholds it names, strongest first.

    Where it names none (`max`), the findings that made the value.
    """
    uses: Sequence[Use] = ()
    for rule, condition in zip(compiled.pack.rules, compiled.conditions, strict=True):
        if rule.id == decision.rule:
            uses = condition.uses
    seen = tuple(findings)
    least = [(use, _least(use, (f for f in seen if _looks_at(use, f, compiled)))) for use in uses]
    carried = (f for f in seen if any(f.score >= score and _looks_at(use, f, compiled) for use, score in least))
    return tuple(sorted(carried, key=lambda finding: -finding.score))


def describe(where: Where) -> str:
    """A place in words, for example `0:21` or `characters 5 to 9`, with dashes; empty for the whole of something."""
    words = []
    if where.start_s is not None:
        words.append(_times(where.start_s, where.end_s))
    if where.box is not None and where.box != _WHOLE:
        words.append(_box(where.box))
    if where.span is not None and where.start_s is None and where.box is None:
        words.append(f"characters {where.span[0] + 1}{_TO}{max(where.span[1], where.span[0] + 1)}")
    return ", ".join(words)


def in_words(finding: Finding) -> str:
    """What was found and where, in one sentence without its end: `at 0:21 of episode.mp3 we heard “...”`."""
    name = finding.part.split("/")[0]
    place = describe(finding.where)
    quote = f" “{finding.excerpt}”" if finding.excerpt else ""
    if finding.modality is Modality.TEXT:
        if finding.role is Role.TRANSCRIPT:
            return f"{_at(place)}of {name} we heard{quote or ' it'}"
        if finding.role is Role.OCR:
            return f"in {name}{_aside(place)} we read{quote or ' it'}"
        return f"in the {finding.role.value}{_aside(place)} we read{quote or ' it'}"
    if finding.modality is Modality.AUDIO:
        return f"{_at(place)}of {name} we heard it"
    return f"in {name}{_aside(place)} we saw it"


def _looks_at(use: Use, finding: Finding, compiled: CompiledPack) -> bool:
    variable = compiled.variables[use.variable]
    return (finding.signal, finding.output) == (variable.signal, variable.output) and use.concerns(finding.role)


def _least(use: Use, looked_at: Iterable[Finding]) -> float:
    """The score from which a finding carries a use."""
    if isinstance(use.argument, float):
        return use.argument
    return max((finding.score for finding in looked_at), default=0.0)


def _facts(decision: Decision, carried: Sequence[Finding], taxonomy: Taxonomy) -> str:
    if decision.rule in RESERVED_RULES:
        return decision.reason
    subject = _subject(decision.label, taxonomy)
    if not carried:
        return f"{subject} This follows from what was declared or submitted, not from one place in the upload."
    places = "; ".join(in_words(finding) for finding in carried[:_QUOTED])
    more = len(carried) - _QUOTED
    rest = f"; and in {more} more {'place' if more == 1 else 'places'}" if more > 0 else ""
    return f"{subject} {places[0].upper()}{places[1:]}{rest}."


def _subject(label: str | None, taxonomy: Taxonomy) -> str:
    if label is None or label not in taxonomy:
        return "This is what was found."
    known = taxonomy.label(label)
    definition = known.definition[0].lower() + known.definition[1:]
    return f"What was found falls under {known.reference} of our rules: {definition}."


def _at(place: str) -> str:
    return f"at {place} " if place else "in the whole "


def _aside(place: str) -> str:
    return f" ({place})" if place else ""


def _times(start: float, end: float | None) -> str:
    if end is None or _clock(end) == _clock(start):
        return _clock(start)
    return f"{_clock(start)}{_TO}{_clock(end)}"


def _clock(seconds: float) -> str:
    """`0:21`, `12:03`, `1:02:03`; whole seconds, rounded down."""
    whole = int(max(0.0, seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def _box(box: Box) -> str:
    left, top, width, height = (round(100 * share) for share in (box.x, box.y, box.width, box.height))
    return f"a box {width} % wide and {height} % high, {left} % from the left and {top} % from the top"

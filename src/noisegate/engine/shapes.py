"""What the command line prints and the API answers: one JSON shape for a decision, a finding, a failure.

Scripts rely on these names; adding one is fine, renaming one is not.
"""

from collections.abc import Mapping
from typing import Any

from noisegate.core.decision import Decision
from noisegate.core.evidence import Finding
from noisegate.core.ids import plain
from noisegate.core.modality import Where
from noisegate.core.ports import Assessment, PartFailure


def assessment_shape(assessment: Assessment) -> dict[str, Any]:
    """The whole of one assessment, as `noisegate scan --json` prints it."""
    return {
        "item": assessment.item.id,
        "action": assessment.outcome.action.value,
        "markets": {market: action.value for market, action in sorted(assessment.outcome.markets.items())},
        "labels": list(assessment.outcome.labels),
        "decisions": [decision_shape(d) for d in assessment.decisions],
        "findings": [finding_shape(f) for f in assessment.findings],
        "facts": {part: dict(facts) for part, facts in assessment.facts.items()},
        "failures": [failure_shape(f) for f in assessment.failures],
        "timings": {name: round(seconds, 4) for name, seconds in assessment.timings.items()},
        "settled": assessment.settled,
    }


def decision_shape(decision: Decision, *, inputs: bool = False) -> dict[str, Any]:
    """One decision; its exact inputs only when asked for, they are long."""
    shape: dict[str, Any] = {
        "id": decision.id,
        "pack": decision.pack,
        "version": decision.version,
        "digest": decision.digest,
        "rule": decision.rule,
        "action": decision.action.value,
        "markets": list(decision.markets),
        "label": decision.label,
        "labels": list(decision.labels),
        "surfaces": list(decision.surfaces),
        "queue": decision.queue,
        "reason": decision.reason,
        "sampled": decision.sampled,
        "missing": list(decision.missing),
    }
    return {**shape, "inputs": plain(decision.inputs)} if inputs else shape


def finding_shape(finding: Finding) -> dict[str, Any]:
    """One finding."""
    return {
        "label": finding.label,
        "score": round(finding.score, 4),
        "signal": finding.signal,
        "version": finding.version,
        "fingerprint": finding.fingerprint,
        "output": finding.output,
        "part": finding.part,
        "role": finding.role.value,
        "modality": finding.modality.value,
        "where": where_shape(finding.where),
        "excerpt": finding.excerpt,
    }


def where_shape(where: Where) -> dict[str, Any]:
    """A place: all four keys, null where one does not apply."""
    return {
        "start_s": None if where.start_s is None else round(where.start_s, 3),
        "end_s": None if where.end_s is None else round(where.end_s, 3),
        "box": plain(where.box),
        "span": None if where.span is None else list(where.span),
    }


def failure_shape(failure: PartFailure) -> Mapping[str, Any]:
    """One signal that had no answer."""
    return {
        "part": failure.part,
        "role": failure.role.value if failure.role else None,
        "signal": failure.signal,
        "kind": failure.failure.kind,
        "message": failure.failure.message,
        "retryable": failure.failure.retryable,
    }

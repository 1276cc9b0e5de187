"""Decisions: what one policy version concluded about one item, and everything needed to conclude it again."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from noisegate.core.ids import DecisionId, Digest, ItemId, digest_of_value, short
from noisegate.core.modality import Role
from noisegate.core.policy import Action
from noisegate.core.signal import FactValue

OTHERWISE = "otherwise"
IF_MISSING = "if_missing"
ON_DEADLINE = "on_deadline"
RESERVED_RULES = frozenset({OTHERWISE, IF_MISSING, ON_DEADLINE})
"""What `Decision.rule` says when no rule of the pack decided."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What a detector's output was on one part, as a policy sees it."""

    role: Role
    score: float
    places: tuple[tuple[float, float], ...] = ()
    """(score, seconds) of every place of evidence."""


class Gap(StrEnum):
    """Why an input is not there."""

    PENDING = "pending"
    """Not computed yet; it may still come."""
    FAILED = "failed"
    """Computed without an answer, or not installed: it will not come."""


@dataclass(frozen=True, kw_only=True)
class Missing:
    """A place where an observation could be and is not."""

    role: Role
    """The role that could not be observed (for an extractor's failure: the role it would have made)."""
    gap: Gap
    signal: str
    """Which signal has no answer: the detector itself, or the extractor before it."""
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Known:
    """Everything known of one variable of a policy."""

    observations: tuple[Observation, ...] = ()
    missing: tuple[Missing, ...] = ()
    facts: tuple[tuple[Role, FactValue], ...] = ()
    """For enrichers: the value on each part that has one."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The exact inputs of one decision; with the pack they give the decision again, byte for byte."""

    item: Mapping[str, FactValue | tuple[str, ...]]
    """`kind`, `surface`, `markets`, `has.<role>`, `declared.<name>`."""
    known: Mapping[str, Known]
    """`alias.output` -> what was known; only the pack's own signals."""
    fingerprints: Mapping[str, str]
    """Alias -> fingerprint of the signal that answered."""
    dice: float
    """0..1, drawn for the audit lane from item and pack; recorded, never drawn again."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What one policy version concluded about one item."""

    item: ItemId
    pack: str
    version: int
    digest: Digest
    """Of the pack."""
    rule: str
    """Id of the rule that decided, or one of RESERVED_RULES."""
    action: Action
    markets: tuple[str, ...]
    """Where it applies, sorted."""
    label: str | None
    """Taxonomy code; None when nothing was found."""
    labels: tuple[str, ...] = ()
    surfaces: tuple[str, ...] = ()
    queue: str = "general"
    reason: str
    sampled: bool = False
    """Drawn into the audit lane."""
    missing: tuple[str, ...] = ()
    """Signals without an answer that an open rule needed, sorted."""
    inputs: Inputs

    @cached_property
    def id(self) -> DecisionId:
        """Named by its content."""
        return DecisionId("dec_" + short(digest_of_value(self), 24))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What all packs together mean for an item."""

    action: Action
    """The strictest over all markets."""
    markets: Mapping[str, Action]
    """Market -> strictest action there."""
    labels: tuple[str, ...] = ()
    """Advisories of every pack, sorted."""

"""Findings and their evidence: what was seen, how strongly, and exactly where."""

from dataclasses import dataclass, field

from noisegate.core.ids import Fingerprint, PartId
from noisegate.core.modality import Modality, Role, Where

EVIDENCE_FLOOR = 0.25
"""Detectors record every place that scores at least this; below it only the part's highest score is kept."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One place that carries a score."""

    score: float
    """0..1."""
    where: Where = field(default_factory=Where)
    excerpt: str | None = None
    """The words, at most 240 characters; None for sound and pictures."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A score of a label on a part, with its evidence and what computed it."""

    label: str
    """Taxonomy code."""
    score: float
    """0..1."""
    signal: str
    version: str
    fingerprint: Fingerprint
    output: str
    """The signal's own name for the label."""
    part: PartId
    role: Role
    modality: Modality
    where: Where
    excerpt: str | None = None

"""Statements of reasons: what the person affected is told (DSA Art. 17)."""

from dataclasses import dataclass

from noisegate.core.ids import DecisionId, ItemId
from noisegate.core.policy import Action, Ground


@dataclass(frozen=True, kw_only=True)
class StatementOfReasons:
    """The notice owed for one restriction."""

    item: ItemId
    decision: DecisionId
    action: Action
    markets: tuple[str, ...]
    facts: str
    """What was found and where, in words; quotes the upload, so it is personal data."""
    ground: Ground
    clause: str
    explanation: str
    automated_detection: bool
    automated_decision: bool
    appeal_within_days: int

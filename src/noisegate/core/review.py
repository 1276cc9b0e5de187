"""Cases: a person's task, made from decisions that ask for a look and from the audit lane."""

from dataclasses import dataclass

from noisegate.core.ids import DecisionId, ItemId


@dataclass(frozen=True, kw_only=True)
class Case:
    """One item waiting for a person."""

    item: ItemId
    queue: str
    priority: int
    """Higher is sooner; 100 is a suspected threat to life."""
    decisions: tuple[DecisionId, ...]
    blocking: bool
    """False in the audit lane: the item is public while somebody looks."""
    why: str

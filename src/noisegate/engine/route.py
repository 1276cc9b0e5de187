"""Which decisions need a person, in which queue, and how soon.

How urgent a case is follows from what the taxonomy says of the label: where it stands in the tree and which hazard it
is, so that a pack of one's own is routed like those that ship. This module opens cases as data and knows no reviewer.
"""

from collections.abc import Iterable, Sequence

from noisegate.core.decision import Decision
from noisegate.core.item import WORLDWIDE, Item
from noisegate.core.policy import Action
from noisegate.core.review import Case
from noisegate.core.taxonomy import Taxonomy, default_taxonomy

AUDIT_QUEUE = "audit"
"""Where the audit lane waits."""
LIFE = 100
"""A suspected danger to somebody's life, or to a child."""
UNCHECKED = 30
"""Nothing was found, but not everything could be looked at."""
AUDIT = 5

_BRANCHES = {"dangerous": 70, "illegal": 50, "sensitive": 40, "deceptive": 40, "advisory": 10}
_OTHER_BRANCH = 40
_LIFE_HAZARDS = frozenset({"S1", "S4", "S9", "S11"})
"""MLCommons: violent crime, exploitation of children, weapons, suicide and self-harm."""


def route(item: Item, decisions: Sequence[Decision], taxonomy: Taxonomy | None = None) -> tuple[Case, ...]:
    """The cases that decisions about one item open, most urgent first.

    A decision to review opens a blocking case in its queue, one for each queue, unless other packs block the item
    wherever the decision holds: a block ends the matter, except where somebody's life or a child may be in danger, for
    then a person must still act. Decisions drawn into the audit lane open one case that blocks nothing.
    """
    labels = taxonomy or default_taxonomy()
    cases: list[Case] = []
    reviews = [
        d
        for d in decisions
        if d.action is Action.REVIEW and (priority(d.label, labels) >= LIFE or not _moot(d, decisions))
    ]
    for queue in sorted({decision.queue for decision in reviews}):
        asked = [decision for decision in reviews if decision.queue == queue]
        urgency = max(priority(decision.label, labels) for decision in asked)
        cases.append(_case(item, queue, asked, urgency, blocking=True))
    drawn = [decision for decision in decisions if decision.sampled]
    if drawn:
        cases.append(_case(item, AUDIT_QUEUE, drawn, AUDIT, blocking=False))
    return tuple(sorted(cases, key=lambda case: (-case.priority, case.queue)))


def priority(label: str | None, taxonomy: Taxonomy) -> int:
    """How soon a case about `label` should be looked at: higher is sooner, LIFE is first.

    Args:
        label: Taxonomy code; None when nothing was found.
        taxonomy: The labels.
    """
    if label is None:
        return UNCHECKED
    branch = label.partition(".")[0]
    if branch == "dangerous" and label in taxonomy and not _LIFE_HAZARDS.isdisjoint(taxonomy.label(label).mlcommons):
        return LIFE
    return _BRANCHES.get(branch, _OTHER_BRANCH)


def _moot(decision: Decision, decisions: Iterable[Decision]) -> bool:
    """Whether the item is blocked by others in every market of `decision`."""
    blocked = {market for other in decisions if other.action is Action.BLOCK for market in other.markets}
    return WORLDWIDE in blocked or (bool(decision.markets) and blocked.issuperset(decision.markets))


def _case(item: Item, queue: str, decisions: Sequence[Decision], urgency: int, *, blocking: bool) -> Case:
    why = [
        f"drawn at random to check `{d.pack}`"
        if not blocking
        else f"`{d.pack}` version {d.version}, `{d.rule}`: {d.reason}"
        for d in decisions
    ]
    return Case(
        item=item.id,
        queue=queue,
        priority=urgency,
        decisions=tuple(decision.id for decision in decisions),
        blocking=blocking,
        why="\n".join(why),
    )

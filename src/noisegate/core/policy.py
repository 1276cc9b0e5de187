"""Policy packs as data: what a folder says once it has been read and checked.

The words of a rule's condition are CEL; compiling them is the engine's work.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from noisegate.core.ids import Digest
from noisegate.core.item import GateState, ItemKind

if TYPE_CHECKING:
    from noisegate.core.decision import Known
    from noisegate.core.signal import FactValue


class Action(StrEnum):
    """What shall be done with an item, from mild to strict."""

    ALLOW = "allow"
    LABEL = "label"
    """Publish with an advisory."""
    AGE_GATE = "age_gate"
    LIMIT = "limit"
    """Publish, but not on every surface: no recommendation, no search."""
    REVIEW = "review"
    """Hold until a person has looked."""
    BLOCK = "block"

    @property
    def severity(self) -> int:
        """0 for allow to 5 for block."""
        return list(Action).index(self)

    @property
    def gate(self) -> GateState:
        """The state of the gate that carries this action out."""
        return _GATE[self]


_GATE = {
    Action.ALLOW: GateState.RELEASED,
    Action.LABEL: GateState.LABELLED,
    Action.AGE_GATE: GateState.AGE_GATED,
    Action.LIMIT: GateState.LIMITED,
    Action.REVIEW: GateState.IN_REVIEW,
    Action.BLOCK: GateState.BLOCKED,
}


def strictest(*actions: Action) -> Action:
    """The strictest of the actions; `allow` when there is none."""
    return max(actions, key=lambda a: a.severity, default=Action.ALLOW)


class Ground(StrEnum):
    """On what a restriction rests (DSA Art. 17(3)(d) and (e))."""

    TERMS = "terms"
    ILLEGAL = "illegal"


@dataclass(frozen=True, kw_only=True)
class Scope:
    """To which items a pack applies; None means all."""

    kinds: frozenset[ItemKind] | None = None
    markets: frozenset[str] | None = None
    """A decision of this pack binds these markets only."""
    surfaces: frozenset[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Then:
    """What follows when a rule is true."""

    action: Action
    labels: tuple[str, ...] = ()
    """Advisories shown with the item."""
    surfaces: tuple[str, ...] = ()
    """For `limit`: where it may still be shown."""
    queue: str = "general"
    """For `review`: which queue."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One line of a policy: the first rule that is true decides."""

    id: str
    when: str
    """A CEL condition."""
    then: Then
    reason: str
    """One sentence for the person affected."""
    label: str
    """Taxonomy code the rule is about."""


@dataclass(frozen=True, kw_only=True)
class Otherwise:
    """What follows when no rule is true."""

    action: Action = Action.ALLOW
    sample: float = 0.0
    """Share of these items drawn into the audit lane, 0..1."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What the statement of reasons says of this pack."""

    ground: Ground
    clause: str
    text: str
    appeal_within_days: int = 184
    """At least six months (DSA Art. 20(1))."""


@dataclass(frozen=True, kw_only=True)
class PolicyExample:
    """One case with its expected outcome, run by `noisegate policy check`."""

    name: str
    given: Mapping[str, "Known"]
    """`alias.output` -> what is known of it; for outputs left out there is nothing to look at."""
    item: Mapping[str, "FactValue | tuple[str, ...]"]
    """What conditions read of the item, as in `Inputs.item`."""
    rule: str
    """The rule that must decide, or one of RESERVED_RULES."""
    action: Action


@dataclass(frozen=True, kw_only=True)
class PolicyPack:
    """Policy text, scope, thresholds, rules, notice wording and examples as one version with one digest."""

    name: str
    version: int
    digest: Digest
    """Over every file of the folder."""
    title: str
    owner: str
    text: str
    """The policy in words, for reviewers and for the person affected."""
    scope: Scope
    signals: Mapping[str, str]
    """Alias -> `signal.name@major`."""
    rules: tuple[Rule, ...]
    otherwise: Otherwise
    if_missing: Mapping[str, Action]
    """Alias -> what follows when the signal failed or is not installed and an open rule needs it."""
    on_deadline: Action
    """Where an item goes while this pack is unsettled at its deadline: `allow` fails open, anything else closed."""
    notice: Notice
    examples: tuple[PolicyExample, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)
    """File name -> text, as read; what the digest covers."""

"""What a pack still needs to know, and what it concludes.

Rules are tried in order and the first that is true decides. A rule that is unknown because a signal has no answer does
not count as false: it leaves the pack's `if_missing` action standing, a rule that waits for a signal at the deadline
the pack's `on_deadline`, and the strictest of these and of the rule that decides is what happens. Several packs
together mean the strictest action in every market. Nothing here runs a signal, reads a clock or draws a number.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from noisegate.core.decision import IF_MISSING, ON_DEADLINE, OTHERWISE, Decision, Gap, Inputs, Missing, Outcome
from noisegate.core.ids import ItemId
from noisegate.core.item import WORLDWIDE, Item
from noisegate.core.policy import Action, Rule, strictest
from noisegate.engine.catalogue import Catalogue
from noisegate.engine.compile import CompiledPack
from noisegate.engine.conditions import Judgement, Reading
from noisegate.engine.scope import bound_markets, in_scope

__all__ = ["evaluate", "in_scope", "outcome", "restricted", "wanted"]


def wanted(compiled: CompiledPack, inputs: Inputs, catalogue: Catalogue) -> frozenset[str]:
    """The signals to run next for a pack to get on: of all that could still change its decision, the cheapest tier.

    A signal whose part does not exist yet is not wanted; the extractor before it is. Empty when the decision is settled:
    then running everything else would give the same rule and action.
    """
    open_rules, _ = _tried(compiled, inputs)
    pending = {gap.signal for _, judged in open_rules for _, gap in judged.missing if gap.gap is Gap.PENDING}
    tiers = {name: catalogue.spec(name).cost.tier for name in pending}
    return frozenset(name for name in pending if tiers[name] == min(tiers.values()))


def evaluate(compiled: CompiledPack, inputs: Inputs, item: ItemId) -> Decision:
    """Decide on what is known.

    Args:
        compiled: The pack.
        inputs: What is known; gaps that are still pending count as the deadline having come.
        item: The item decided upon.

    Raises:
        InvalidInputError: the inputs leave out a variable of the pack.
    """
    pack = compiled.pack
    open_rules, decided = _tried(compiled, inputs)
    concluded = _strictest([_by_rule(decided) if decided else _otherwise(compiled), *_by_gaps(compiled, open_rules)])
    lacking = {gap.signal for _, judged in open_rules for _, gap in judged.missing}
    markets = inputs.item.get("markets")
    return Decision(
        item=item,
        pack=pack.name,
        version=pack.version,
        digest=pack.digest,
        rule=concluded.rule,
        action=concluded.action,
        markets=bound_markets(pack.scope, markets if isinstance(markets, tuple) else ()),
        label=concluded.label,
        labels=concluded.labels,
        surfaces=concluded.surfaces,
        queue=concluded.queue,
        reason=concluded.reason,
        sampled=decided is None and _drawn(inputs.dice, pack.otherwise.sample),
        missing=tuple(sorted(lacking)),
        inputs=restricted(compiled, inputs),
    )


def restricted(compiled: CompiledPack, inputs: Inputs) -> Inputs:
    """The part of the inputs that a pack can see: outputs that its conditions use, and its own signals."""
    return Inputs(
        item=inputs.item,
        known={name: inputs.known[name] for name in compiled.variables if name in inputs.known},
        fingerprints={alias: inputs.fingerprints[alias] for alias in compiled.signals if alias in inputs.fingerprints},
        dice=inputs.dice,
    )


def outcome(decisions: Sequence[Decision], item: Item) -> Outcome:
    """What the decisions of all packs mean together: the strictest action in every market.

    Markets are those of the item and those that a decision names; where no pack decided, the item is allowed.
    """
    markets = sorted({*item.markets, *(market for decision in decisions for market in decision.markets)})
    actions: Mapping[str, Action] = {
        market: strictest(*(d.action for d in decisions if market in d.markets or WORLDWIDE in d.markets))
        for market in markets
    }
    labels = {label for decision in decisions for label in decision.labels}
    return Outcome(action=strictest(*actions.values()), markets=actions, labels=tuple(sorted(labels)))


@dataclass(frozen=True, kw_only=True)
class _Conclusion:
    """A candidate for the decision."""

    rule: str
    action: Action
    precedence: int
    """Among equally strict ones the highest is taken: what is known goes before what is not."""
    reason: str
    label: str | None = None
    labels: tuple[str, ...] = ()
    surfaces: tuple[str, ...] = ()
    queue: str = "general"


def _tried(compiled: CompiledPack, inputs: Inputs) -> tuple[list[tuple[Rule, Judgement]], Rule | None]:
    """The rules that are unknown, up to the first that is true; and that one."""
    reading = Reading(inputs)
    unknown: list[tuple[Rule, Judgement]] = []
    for rule, condition in zip(compiled.pack.rules, compiled.conditions, strict=True):
        judged = condition.judge(reading)
        if judged.truth:
            return unknown, rule
        if judged.truth is None:
            unknown.append((rule, judged))
    return unknown, None


def _strictest(conclusions: Iterable[_Conclusion]) -> _Conclusion:
    """The first of the strictest."""
    return max(conclusions, key=lambda c: (c.action.severity, c.precedence))


def _by_rule(rule: Rule) -> _Conclusion:
    return _Conclusion(
        rule=rule.id,
        action=rule.then.action,
        precedence=3,
        reason=rule.reason,
        label=rule.label,
        labels=rule.then.labels,
        surfaces=rule.then.surfaces,
        queue=rule.then.queue,
    )


def _otherwise(compiled: CompiledPack) -> _Conclusion:
    reason = "No rule of this policy applies."
    return _Conclusion(rule=OTHERWISE, action=compiled.pack.otherwise.action, precedence=0, reason=reason)


def _by_gaps(compiled: CompiledPack, open_rules: Iterable[tuple[Rule, Judgement]]) -> list[_Conclusion]:
    """What follows from the rules that are unknown."""
    failed: list[tuple[Action, Rule, Missing]] = []
    pending: list[tuple[Rule, Missing]] = []
    for rule, judged in open_rules:
        for alias, gap in sorted(judged.missing, key=lambda m: (m[0], m[1].role, m[1].signal, m[1].message)):
            if gap.gap is Gap.FAILED:
                failed.append((compiled.pack.if_missing[alias], rule, gap))
            else:
                pending.append((rule, gap))
    conclusions = []
    if failed:
        action = strictest(*(action for action, _, _ in failed))
        strict = [(rule, gap) for at, rule, gap in failed if at is action]
        reason = f"Part of this upload could not be checked: there is no answer for {_words(strict)}."
        conclusions.append(_from_gap(IF_MISSING, action, strict[0][0], reason, precedence=2))
    if pending:
        reason = f"The checks were not finished in time: an answer is still to come for {_words(pending)}."
        conclusions.append(_from_gap(ON_DEADLINE, compiled.pack.on_deadline, pending[0][0], reason, precedence=1))
    return conclusions


def _from_gap(name: str, action: Action, rule: Rule, reason: str, *, precedence: int) -> _Conclusion:
    """A conclusion that shows and routes an item as the rule would have that could not be answered."""
    return _Conclusion(
        rule=name,
        action=action,
        precedence=precedence,
        reason=reason,
        labels=(rule.then.labels or (rule.label,)) if action is Action.LABEL else (),
        surfaces=rule.then.surfaces if action is Action.LIMIT else (),
        queue=rule.then.queue if action is Action.REVIEW else "general",
    )


def _words(gaps: Iterable[tuple[Rule, Missing]]) -> str:
    """The signals and the roles they could not see: `text.moderation` (title, transcript)."""
    roles: dict[str, set[str]] = {}
    for _, gap in gaps:
        roles.setdefault(gap.signal, set()).add(gap.role.value)
    return ", ".join(f"`{signal}` ({', '.join(sorted(seen))})" for signal, seen in sorted(roles.items()))


def _drawn(dice: float, share: float) -> bool:
    return dice < share or share >= 1.0

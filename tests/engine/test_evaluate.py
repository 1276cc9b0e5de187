import pytest
from policykit import CATALOGUE, Line, both, gap, inputs, pack_of, scores

from noisegate.core.decision import IF_MISSING, ON_DEADLINE, OTHERWISE, Decision, Gap, Known
from noisegate.core.errors import InvalidInputError
from noisegate.core.ids import ItemId
from noisegate.core.item import Item, ItemKind
from noisegate.core.modality import Role
from noisegate.core.policy import Action
from noisegate.engine.compile import CompiledPack
from noisegate.engine.evaluate import evaluate, in_scope, outcome, restricted, wanted

ITEM = ItemId("itm_1")
BAD = Line(when="any(moderation.threat, 0.9)", id="bad", action="block")
DOUBTFUL = Line(when="any(moderation.threat, 0.5)", id="doubtful", action="review", more="queue: threats")
SHOWN = Line(when="any(nudity.explicit, 0.8)", id="shown", action="age_gate", label="sensitive.sexual")
LOW, HIGH, FAILED, PENDING = scores(0.1), scores(0.95), gap(), gap(Gap.PENDING)


def decide(pack: CompiledPack, dice: float = 1.0, **known: Known) -> Decision:
    given = {"moderation_threat": Known(), "nudity_explicit": Known()} | known
    return evaluate(pack, inputs({k.replace("_", ".", 1): v for k, v in given.items()}, dice=dice), ITEM)


def test_the_first_rule_that_is_true_decides() -> None:
    """With its action, reason, label and queue."""
    decision = decide(pack_of(BAD, DOUBTFUL), moderation_threat=scores(0.6, 0.95))
    assert (decision.rule, decision.action, decision.label) == ("bad", Action.BLOCK, "dangerous.threat")
    assert decision.reason == "It is bad."
    decision = decide(pack_of(BAD, DOUBTFUL), moderation_threat=scores(0.6))
    assert (decision.rule, decision.action, decision.queue) == ("doubtful", Action.REVIEW, "threats")
    assert decision.missing == ()


def test_without_a_true_rule_otherwise_decides() -> None:
    """Nothing was found, so there is no label."""
    decision = decide(pack_of(BAD, otherwise="{action: limit}"), moderation_threat=LOW)
    assert (decision.rule, decision.action, decision.label) == (OTHERWISE, Action.LIMIT, None)


@pytest.mark.parametrize(("dice", "sampled"), [(0.0, True), (0.19, True), (0.2, False), (1.0, False)])
def test_the_dice_draw_the_audit_lane_where_no_rule_was_true(*, dice: float, sampled: bool) -> None:
    """A share of what a pack lets through is looked at; what a rule decided is looked at anyway or never."""
    pack = pack_of(BAD, otherwise="{action: allow, sample: 0.2}")
    assert decide(pack, dice, moderation_threat=LOW).sampled is sampled
    assert decide(pack, dice, moderation_threat=HIGH).sampled is False


def test_a_full_sample_is_everything() -> None:
    """Also the one that draws the highest number."""
    assert decide(pack_of(BAD, otherwise="{action: allow, sample: 1}"), 1.0, moderation_threat=LOW).sampled


def test_a_failed_signal_is_never_a_low_score() -> None:
    """The pack's `if_missing` says what then, and the decision which signal it was."""
    decision = decide(pack_of(BAD, if_missing="review"), moderation_threat=FAILED)
    assert (decision.rule, decision.action, decision.label) == (IF_MISSING, Action.REVIEW, None)
    assert decision.missing == ("text.moderation",)
    assert "no answer for `text.moderation` (title)" in decision.reason


def test_a_later_rule_can_be_stricter_than_what_is_missing() -> None:
    """Evaluation goes on behind an open rule; the strictest counts."""
    pack = pack_of(BAD, SHOWN, if_missing={"moderation": "label", "nudity": "review"})
    decision = decide(pack, moderation_threat=FAILED, nudity_explicit=HIGH)
    assert (decision.rule, decision.action) == ("shown", Action.AGE_GATE)
    assert decision.missing == ("text.moderation",)


def test_what_is_missing_can_be_stricter_than_a_later_rule() -> None:
    """A mild rule below cannot talk an open one away."""
    decision = decide(pack_of(BAD, SHOWN, if_missing="review"), moderation_threat=FAILED, nudity_explicit=HIGH)
    assert (decision.rule, decision.action, decision.label) == (IF_MISSING, Action.REVIEW, None)


def test_on_a_tie_the_rule_goes_before_the_gap_and_the_gap_before_otherwise() -> None:
    """What is known is the better reason; but `nothing applies` is not known while something is missing."""
    review = Line(when="any(nudity.explicit, 0.8)", id="shown", action="review")
    pack = pack_of(BAD, review, if_missing="review", on_deadline="review", otherwise="{action: review}")
    assert decide(pack, moderation_threat=FAILED, nudity_explicit=HIGH).rule == "shown"
    assert decide(pack, moderation_threat=FAILED, nudity_explicit=LOW).rule == IF_MISSING
    assert decide(pack, moderation_threat=both(FAILED, PENDING), nudity_explicit=LOW).rule == IF_MISSING
    assert decide(pack, moderation_threat=PENDING, nudity_explicit=LOW).rule == ON_DEADLINE


def test_a_rule_after_the_deciding_one_is_not_missed() -> None:
    """A gap in a rule that was never needed changes nothing."""
    decision = decide(pack_of(SHOWN, BAD, if_missing="block"), moderation_threat=FAILED, nudity_explicit=HIGH)
    assert (decision.rule, decision.action, decision.missing) == ("shown", Action.AGE_GATE, ())


@pytest.mark.parametrize(("declared", "action"), [("allow", Action.ALLOW), ("review", Action.REVIEW)])
def test_what_is_pending_at_the_deadline_follows_the_packs_declaration(declared: str, action: Action) -> None:
    """Fail open or closed; either way the record says that it was the deadline."""
    decision = decide(pack_of(BAD, on_deadline=declared, if_missing="block"), moderation_threat=PENDING)
    assert (decision.rule, decision.action) == (ON_DEADLINE, action)
    assert decision.missing == ("text.moderation",)
    assert "not finished in time" in decision.reason


def test_an_action_taken_for_a_gap_is_carried_out_like_its_rules() -> None:
    """A label names what the rule is about, a limit keeps its surfaces, a review goes to the rule's queue."""
    label = Line(when="any(moderation.threat, 0.9)", action="label", more="labels: [advisory.mature]")
    assert decide(pack_of(label, if_missing="label"), moderation_threat=FAILED).labels == ("advisory.mature",)
    assert decide(pack_of(BAD, if_missing="label"), moderation_threat=FAILED).labels == ("dangerous.threat",)
    limit = Line(when="any(moderation.threat, 0.9)", action="limit", more="surfaces: [search]")
    assert decide(pack_of(limit, if_missing="limit"), moderation_threat=FAILED).surfaces == ("search",)
    assert decide(pack_of(limit, if_missing="block"), moderation_threat=FAILED).surfaces == ()
    assert decide(pack_of(DOUBTFUL, if_missing="review"), moderation_threat=FAILED).queue == "threats"


def test_the_strictest_of_several_missing_signals_counts() -> None:
    """All that an open rule lacks are named, the reason names those that made it so strict."""
    rule = Line(when="any(moderation.threat, 0.9) || any(nudity.explicit, 0.9)")
    pack = pack_of(rule, if_missing={"moderation": "limit", "nudity": "review"})
    nudity = gap(role=Role.COVER, signal="image.nudity")
    decision = decide(pack, moderation_threat=FAILED, nudity_explicit=nudity)
    assert (decision.action, decision.missing) == (Action.REVIEW, ("image.nudity", "text.moderation"))
    assert "text.moderation" not in decision.reason


def test_a_decision_binds_the_items_markets_inside_the_packs() -> None:
    """The whole world is narrowed to what the pack speaks for."""
    here = pack_of(BAD, scope="{markets: [DE, AT]}")
    everywhere = pack_of(BAD)
    for pack, item, bound in [
        (here, ("*",), ("AT", "DE")),
        (here, ("DE", "FR"), ("DE",)),
        (everywhere, ("FR", "DE"), ("DE", "FR")),
        (everywhere, ("*",), ("*",)),
        (pack_of(BAD, scope="{markets: ['*']}"), ("DE",), ("DE",)),
    ]:
        given = inputs({"moderation.threat": LOW}, markets=item)
        assert evaluate(pack, given, ITEM).markets == bound


def test_a_decision_keeps_exactly_what_its_pack_could_see() -> None:
    """Not other signals, and not other outputs of its own."""
    given = inputs({"moderation.threat": HIGH, "moderation.hate": HIGH, "other.thing": HIGH})
    given = type(given)(**{**given.__dict__, "fingerprints": {"moderation": "f1", "other": "f2"}})
    decision = evaluate(pack_of(BAD), given, ITEM)
    assert set(decision.inputs.known) == {"moderation.threat"}
    assert decision.inputs.fingerprints == {"moderation": "f1"}
    assert decision.inputs == restricted(pack_of(BAD), given)


def test_inputs_without_a_variable_of_the_pack_are_refused() -> None:
    """Silence is neither a score nor a gap."""
    with pytest.raises(InvalidInputError, match="not even that it is missing"):
        evaluate(pack_of(BAD), inputs({}), ITEM)


def want(pack: CompiledPack, **known: Known) -> set[str]:
    given = {"moderation_threat": Known(), "nudity_explicit": Known()} | known
    return set(wanted(pack, inputs({k.replace("_", ".", 1): v for k, v in given.items()}), CATALOGUE))


def test_the_cheapest_signals_that_could_settle_an_open_rule_are_wanted_first() -> None:
    """Only then the dear ones, and only while they can still change something."""
    pack = pack_of(SHOWN, BAD)
    dear, dearer = gap(Gap.PENDING, signal="image.nudity"), gap(Gap.PENDING, signal="audio.transcript")
    assert want(pack, moderation_threat=both(PENDING, dearer), nudity_explicit=dear) == {"text.moderation"}
    assert want(pack, moderation_threat=both(LOW, dearer), nudity_explicit=dear) == {"image.nudity"}
    assert want(pack, moderation_threat=both(LOW, dearer), nudity_explicit=LOW) == {"audio.transcript"}
    assert want(pack, moderation_threat=both(LOW, dearer), nudity_explicit=HIGH) == set()
    assert want(pack, moderation_threat=both(HIGH, dearer), nudity_explicit=LOW) == set()


def test_a_rule_above_the_one_that_is_true_still_matters() -> None:
    """It would decide in its place."""
    assert want(
        pack_of(SHOWN, BAD), moderation_threat=HIGH, nudity_explicit=gap(Gap.PENDING, signal="image.nudity")
    ) == {"image.nudity"}


def test_what_failed_is_not_wanted_again() -> None:
    """Or asking would never end."""
    assert want(pack_of(BAD), moderation_threat=FAILED) == set()


def test_a_signal_that_cannot_change_a_false_rule_is_not_wanted() -> None:
    """The context of the item settles it."""
    rule = Line(when='any(moderation.threat, 0.9) && item.kind == "video"')
    assert want(pack_of(rule), moderation_threat=PENDING) == set()


def test_a_gap_in_a_role_that_no_rule_reads_is_not_wanted() -> None:
    """Speech is not recognised for a rule about titles."""
    rule = Line(when='any(moderation.threat, 0.9, "title")')
    heard = gap(Gap.PENDING, role=Role.TRANSCRIPT, signal="audio.transcript")
    assert want(pack_of(rule), moderation_threat=both(LOW, heard)) == set()


def item(*markets: str, kind: ItemKind = ItemKind.TRACK, surface: str = "catalogue") -> Item:
    return Item(id=ITEM, kind=kind, markets=frozenset(markets), surface=surface)


def test_a_pack_speaks_only_of_items_in_its_scope() -> None:
    """By kind, market and surface; what is not named is not restricted."""
    pack = pack_of(BAD, scope="{kinds: [track], markets: [DE], surfaces: [catalogue]}")
    assert in_scope(pack, item("DE", "FR"))
    assert in_scope(pack, item("*"))
    assert not in_scope(pack, item("FR"))
    assert not in_scope(pack, item("DE", kind=ItemKind.VIDEO))
    assert not in_scope(pack, item("DE", surface="radio"))
    assert in_scope(pack_of(BAD), item("FR", kind=ItemKind.VIDEO, surface="radio"))


def test_in_every_market_the_strictest_decision_counts() -> None:
    """A pack of one market binds there only; the strictest of all is shown first."""
    label = Line(when="any(moderation.threat, 0.9)", action="label", more="labels: [advisory.mature]")
    german = pack_of(BAD, scope="{markets: [DE]}")
    everywhere = item("*")
    decisions = [
        decide(pack_of(label), moderation_threat=HIGH),
        evaluate(german, inputs({"moderation.threat": HIGH}), ITEM),
    ]
    together = outcome(decisions, everywhere)
    assert together.action is Action.BLOCK
    assert together.markets == {"*": Action.LABEL, "DE": Action.BLOCK}
    assert together.labels == ("advisory.mature",)


def test_where_no_pack_has_a_say_an_item_is_allowed() -> None:
    """No decision is no restriction."""
    together = outcome([], item("DE", "FR"))
    assert together.action is Action.ALLOW
    assert together.markets == {"DE": Action.ALLOW, "FR": Action.ALLOW}

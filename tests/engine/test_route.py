from dataclasses import replace

import pytest
from policykit import TAXONOMY, Line, gap, inputs, pack_of, scores

from noisegate.core.decision import Decision, Known
from noisegate.core.ids import ItemId
from noisegate.core.item import Item, ItemKind
from noisegate.core.taxonomy import Label, Taxonomy
from noisegate.engine.evaluate import evaluate
from noisegate.engine.route import AUDIT, LIFE, UNCHECKED, priority, route

ITEM = Item(id=ItemId("itm_1"), kind=ItemKind.TRACK)
HIGH, LOW = scores(0.95), scores(0.1)


def decided(
    action: str = "review",
    *,
    label: str = "dangerous.threat",
    more: str = "",
    known: Known = HIGH,
    pack: str = "demo",
    scope: str = "{}",
    sample: str = "0",
) -> Decision:
    rule = Line(when="any(moderation.threat, 0.9)", action=action, label=label, more=more)
    compiled = pack_of(rule, scope=scope, otherwise=f"{{action: allow, sample: {sample}}}")
    return replace(evaluate(compiled, inputs({"moderation.threat": known}), ITEM.id), pack=pack)


def test_a_decision_to_review_opens_a_case_that_holds_the_item() -> None:
    """It names the decision, the rule and its reason."""
    decision = decided(more="queue: threats")
    (case,) = route(ITEM, [decision])
    assert (case.item, case.queue, case.blocking, case.priority) == (ITEM.id, "threats", True, LIFE)
    assert case.decisions == (decision.id,)
    assert case.why == "`demo` version 1, `bad`: It is bad."


def test_packs_that_share_a_queue_share_a_case() -> None:
    """The most urgent of their reasons counts; other queues get cases of their own, the most urgent first."""
    mild = decided(label="sensitive.sexual", pack="b")
    cases = route(ITEM, [mild, decided(), decided(label="advisory.mature", more="queue: music", pack="c")])
    assert [(case.queue, case.priority, len(case.decisions)) for case in cases] == [
        ("general", LIFE, 2),
        ("music", 10, 1),
    ]


def test_nobody_is_asked_about_what_is_blocked_anyway() -> None:
    """Unless the block holds in some of the markets only."""
    review = decided(label="sensitive.sexual", scope="{markets: [DE, AT]}")
    assert route(ITEM, [review, decided("block", pack="b")]) == ()
    assert route(ITEM, [review, decided("block", pack="b", scope="{markets: [AT, DE, CH]}")]) == ()
    assert len(route(ITEM, [review, decided("block", pack="b", scope="{markets: [DE]}")])) == 1


@pytest.mark.parametrize("label", ["dangerous.minors.material", "dangerous.self_harm", "dangerous.threat"])
def test_a_block_by_others_does_not_keep_danger_to_life_from_people(label: str) -> None:
    """What may have to be escalated, or met with care, is looked at although nobody will see the upload."""
    (case,) = route(ITEM, [decided(label=label, more="queue: restricted"), decided("block", pack="b")])
    assert (case.queue, case.priority) == ("restricted", LIFE)


def test_the_audit_lane_opens_one_case_that_holds_nothing() -> None:
    """Also for an item that others block: it is a sample of everything."""
    drawn = [decided(known=LOW, sample="1", pack=name) for name in ("a", "b")]
    case = route(ITEM, [*drawn, decided("block", pack="c")])[0]
    assert (case.queue, case.blocking, case.priority) == ("audit", False, AUDIT)
    assert case.decisions == tuple(decision.id for decision in drawn)
    assert case.why == "drawn at random to check `a`\ndrawn at random to check `b`"


def test_what_could_not_be_checked_waits_behind_what_was_found() -> None:
    """Except for advisories."""
    (case,) = route(ITEM, [decided(known=gap())])
    assert case.priority == UNCHECKED


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("dangerous.threat", LIFE),
        ("dangerous.self_harm", LIFE),
        ("dangerous.extremism.planning", LIFE),
        ("dangerous.minors.enticement", LIFE),
        ("dangerous.hate", 70),
        ("dangerous.harassment", 70),
        ("illegal.copyright", 50),
        ("sensitive.sexual", 40),
        ("sensitive.gore", 40),  # violence shown is not violence announced
        ("deceptive.spam", 40),
        ("advisory.profanity", 10),
        ("house.rules", 40),  # a branch of one's own
        (None, UNCHECKED),
    ],
)
def test_urgency_follows_from_the_taxonomy(label: str | None, expected: int) -> None:
    """Dangers to life and to children first."""
    assert priority(label, TAXONOMY) == expected


def test_a_taxonomy_of_ones_own_says_what_is_urgent() -> None:
    """By the hazards it maps its labels to."""
    own = Taxonomy.of("own", 1, [Label(code="dangerous.stunt", reference="X", definition="A stunt", mlcommons=("S1",))])
    assert route(ITEM, [decided()], own)[0].priority == 70
    assert priority("dangerous.stunt", own) == LIFE

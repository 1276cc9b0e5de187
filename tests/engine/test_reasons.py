from dataclasses import replace

import pytest
from policykit import TAXONOMY, Line, gap, inputs, pack_of, scores

from noisegate.core.decision import Decision, Known
from noisegate.core.evidence import Finding
from noisegate.core.ids import Fingerprint, ItemId, PartId
from noisegate.core.item import Item, ItemKind
from noisegate.core.modality import Box, Modality, Role, Where
from noisegate.core.notice import StatementOfReasons
from noisegate.core.policy import Action, Ground
from noisegate.core.taxonomy import Taxonomy
from noisegate.engine.evaluate import evaluate
from noisegate.engine.reasons import carrying, describe, in_words, statement_of_reasons

ITEM = Item(id=ItemId("itm_1"), kind=ItemKind.EPISODE)
PACK = pack_of(
    Line(when='any(moderation.threat, 0.9, ["title", "transcript"])', action="block"),
    Line(when="item.declared.explicit", action="age_gate", id="declared", label="advisory.mature"),
)
BOX = Box(x=0.1, y=0.2, width=0.5, height=0.25)


def finding(**changes: object) -> Finding:
    heard = Finding(
        label="dangerous.threat",
        score=0.95,
        signal="text.moderation",
        version="1.2.0",
        fingerprint=Fingerprint("f1"),
        output="threat",
        part=PartId("episode.mp3/audio.segments/0/audio.transcript/0"),
        role=Role.TRANSCRIPT,
        modality=Modality.TEXT,
        where=Where(start_s=21.4, end_s=24.9, span=(10, 30)),
        excerpt="I will find you",
    )
    return replace(heard, **changes)  # type: ignore[arg-type]


TITLE = finding(part=PartId("title"), role=Role.TITLE, where=Where(span=(9, 40)), score=0.99)


def decided(known: Known = scores(0.95), **context: object) -> Decision:  # noqa: B008 - frozen
    return evaluate(PACK, inputs({"moderation.threat": known}, **context), ITEM.id)


def stated(decision: Decision, *findings: Finding) -> StatementOfReasons:
    statement = statement_of_reasons(decision, PACK, ITEM, findings, taxonomy=TAXONOMY)
    assert statement is not None
    return statement


def test_a_restriction_is_explained_to_the_person_affected() -> None:
    """What was found and where, on what ground it rests, how it was decided and until when to appeal."""
    decision = decided()
    statement = stated(decision, finding(), TITLE)
    assert statement.facts == (
        "What was found falls under D1.c of our rules: threatens or urges serious harm to a target. "
        "In the title (characters 10\N{EN DASH}40) we read “I will find you”; "
        "at 0:21\N{EN DASH}0:24 of episode.mp3 we heard “I will find you”."
    )
    assert statement.explanation == "It is bad. Our terms do not allow it."
    assert (statement.decision, statement.action, statement.markets) == (decision.id, Action.BLOCK, ("*",))
    assert (statement.ground, statement.clause, statement.appeal_within_days) == (Ground.TERMS, "1", 184)
    assert (statement.automated_detection, statement.automated_decision) == (True, True)


def test_a_persons_decision_is_not_called_automated() -> None:
    """That it was found by machine is said all the same."""
    statement = statement_of_reasons(decided(), PACK, ITEM, [finding()], automated_decision=False)
    assert statement is not None
    assert (statement.automated_detection, statement.automated_decision) == (True, False)


def test_only_what_the_rule_looked_at_and_found_enough_of_is_named() -> None:
    """Not weaker places, other outputs, other signals or other roles."""
    others = [
        finding(score=0.89),
        finding(output="hate"),
        finding(signal="text.other"),
        finding(role=Role.DESCRIPTION),
    ]
    assert carrying(decided(), PACK, [*others, finding(), TITLE]) == (TITLE, finding())
    assert carrying(decided(scores(0.1)), PACK, [finding()]) == ()


def test_for_the_highest_score_the_place_that_has_it_is_named() -> None:
    """A comparison with `max` is not carried by everything that was noticed at all."""
    pack = pack_of(Line(when="max(moderation.threat) >= 0.9"))
    decision = evaluate(pack, inputs({"moderation.threat": scores(0.95)}), ITEM.id)
    assert carrying(decision, pack, [finding(score=0.3), finding(score=0.95)]) == (finding(score=0.95),)


@pytest.mark.parametrize(
    ("places", "end"), [(3, "”."), (4, "”; and in 1 more place."), (6, "”; and in 3 more places.")]
)
def test_a_statement_names_three_places_and_counts_the_rest(places: int, end: str) -> None:
    """It stays readable for an hour of threats."""
    assert stated(decided(), *[finding()] * places).facts.endswith(end)


def test_a_rule_without_evidence_says_so() -> None:
    """For example one about what was declared."""
    statement = stated(decided(scores(0.1), **{"declared.explicit": True}))
    assert statement.facts.endswith(
        "This follows from what was declared or submitted, not from one place in the upload."
    )
    assert statement.automated_detection


def test_a_restriction_for_want_of_an_answer_says_what_was_missing() -> None:
    """Nothing was found, and nothing else is claimed."""
    pack = pack_of(Line(when="any(moderation.threat, 0.9)"), if_missing="block")
    decision = evaluate(pack, inputs({"moderation.threat": gap()}), ITEM.id)
    statement = statement_of_reasons(decision, pack, ITEM, [finding()])
    assert statement is not None
    assert statement.facts == decision.reason
    assert not statement.automated_detection


@pytest.mark.parametrize("action", ["allow", "label", "review"])
def test_what_restricts_nothing_needs_no_statement(action: str) -> None:
    """An advisory hides nothing, and holding for review is no decision yet."""
    more = "labels: [advisory.mature]" if action == "label" else ""
    pack = pack_of(Line(when="any(moderation.threat, 0.9)", action=action, more=more))
    decision = evaluate(pack, inputs({"moderation.threat": scores(0.95)}), ITEM.id)
    assert statement_of_reasons(decision, pack, ITEM, [finding()]) is None


def test_a_label_that_the_taxonomy_lost_is_left_out() -> None:
    """An old decision can still be explained."""
    statement = statement_of_reasons(decided(), PACK, ITEM, [TITLE], taxonomy=Taxonomy(name="new", version=2))
    assert statement is not None
    assert statement.facts.startswith("This is what was found. In the title")


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (Where(), ""),
        (Where(start_s=21.0, end_s=24.0), "0:21-0:24"),
        (Where(start_s=3723.9, end_s=3800.0), "1:02:03-1:03:20"),
        (Where(start_s=5.2, end_s=5.8), "0:05"),
        (Where(start_s=65.0), "1:05"),
        (Where(span=(9, 40)), "characters 10-40"),
        (Where(span=(0, 0)), "characters 1-1"),
        (Where(start_s=21.0, end_s=24.0, span=(9, 40)), "0:21-0:24"),  # words heard are found by their time
        (Where(box=BOX), "a box 50 % wide and 25 % high, 10 % from the left and 20 % from the top"),
        (Where(box=Box(x=0.0, y=0.0, width=1.0, height=1.0)), ""),
        (
            Where(start_s=5.0, box=BOX),
            "0:05, a box 50 % wide and 25 % high, 10 % from the left and 20 % from the top",
        ),
    ],
)
def test_a_place_in_words(where: Where, words: str) -> None:
    """Times to the second, boxes in per cent, characters counted from one."""
    assert describe(where).replace("\N{EN DASH}", "-") == words


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (TITLE, "in the title (characters 10-40) we read “I will find you”"),
        (finding(), "at 0:21-0:24 of episode.mp3 we heard “I will find you”"),
        (finding(excerpt=None, where=Where()), "in the whole of episode.mp3 we heard it"),
        (
            finding(part=PartId("cover.png/image.ocr/0"), role=Role.OCR, where=Where()),
            "in cover.png we read “I will find you”",
        ),
        (
            finding(
                part=PartId("film.mp4/video.frames/3"),
                role=Role.FRAME,
                modality=Modality.IMAGE,
                where=Where(start_s=5.0),
                excerpt=None,
            ),
            "in film.mp4 (0:05) we saw it",
        ),
        (
            finding(
                part=PartId("cover.png"), role=Role.COVER, modality=Modality.IMAGE, where=Where(), excerpt="entry 7"
            ),
            "in cover.png we saw it",
        ),
        (
            finding(
                part=PartId("a.mp3"), role=Role.RECORDING, modality=Modality.AUDIO, where=Where(start_s=5.0, end_s=9.0)
            ),
            "at 0:05-0:09 of a.mp3 we heard it",
        ),
    ],
)
def test_a_finding_in_words(found: Finding, words: str) -> None:
    """Read, heard or seen, with its place and its words."""
    assert in_words(found).replace("\N{EN DASH}", "-") == words

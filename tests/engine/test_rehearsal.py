import pytest
from policykit import CATALOGUE, TAXONOMY, Line, pack_files

from noisegate.core.policy import Action
from noisegate.engine.compile import compile_pack
from noisegate.engine.rehearsal import ExampleOutcome, check_examples


def rehearse(rule: str, examples: str) -> list[ExampleOutcome]:
    files = pack_files(Line(when=rule, id="bad", action="block"), on_deadline="limit")
    return check_examples(compile_pack({**files, "examples.yaml": examples}, CATALOGUE, TAXONOMY))


def one(rule: str, given: str, item: str = "{}") -> tuple[str, Action]:
    examples = f"- {{name: x, item: {item}, given: {given}, rule: bad, action: block}}\n"
    decision = rehearse(rule, examples)[0].decision
    return decision.rule, decision.action


THREAT = "any(moderation.threat, 0.9)"
HEARD = 'any(moderation.threat, 0.9, "transcript")'


@pytest.mark.parametrize(
    ("rule", "given", "item", "expected"),
    [
        (THREAT, "{moderation.threat: 0.95}", "{}", "bad"),
        (THREAT, "{moderation.threat: 0.8}", "{}", "otherwise"),
        (THREAT, "{moderation.threat: [0.1, 0.95]}", "{}", "bad"),  # several parts
        (HEARD, "{moderation.threat: 0.95}", "{}", "otherwise"),  # without a role it is a title
        (HEARD, "{moderation.threat: {transcript: 0.95}}", "{}", "bad"),
        (HEARD, "{moderation.threat: {title: 0.95, transcript: [0.1, missing]}}", "{}", "if_missing"),
        (HEARD, "{moderation.threat: missing}", "{}", "if_missing"),  # wherever it looks
        (HEARD, "{moderation: missing}", "{}", "if_missing"),  # a whole signal
        (HEARD, "{moderation: pending}", "{}", "on_deadline"),
        ("count_above(moderation.threat, 0.5) >= 2", "{moderation.threat: [0.6, 0.7]}", "{}", "bad"),
        (
            "seconds_above(moderation.threat, 0.5) > 5.0",
            "{moderation.threat: {score: 0.9, places: [[0.9, 4], [0.6, 2], [0.3, 9]]}}",
            "{}",
            "bad",
        ),
        ('any_equal(language.language, "no")', "{language.language: no}", "{}", "bad"),  # Norwegian
        ('any_equal(language.language, "missing")', '{language.language: "missing"}', "{}", "bad"),  # a word in quotes
        ("any_at_most(loudness.integrated_lufs, -30.0)", "{loudness.integrated_lufs: -31}", "{}", "bad"),
        ("any_equal(loudness.stereo, true)", "{loudness.stereo: {recording: [false, true]}}", "{}", "bad"),
        ('item.kind == "video"', "{}", "{kind: video}", "bad"),
        ('item.surface == "radio"', "{}", "{surface: radio}", "bad"),
        ('covers(item.markets, "NO")', "{}", "{markets: [NO]}", "bad"),
        ("item.declared.explicit", "{}", "{declared: {explicit: true}}", "bad"),
        ('item.declared.language == "no"', "{}", "{declared: {language: no}}", "bad"),
        ("item.has.film", "{}", "{has: [film]}", "bad"),
        (
            "item.has.cover && any(nudity.explicit, 0.5)",
            "{nudity.explicit: 0.9}",
            "{}",
            "bad",
        ),  # what is given is there
    ],
)
def test_examples_say_what_is_known_in_few_words(rule: str, given: str, item: str, expected: str) -> None:
    """Every way to write what a signal said."""
    assert one(rule, given, item)[0] == expected


def test_an_example_holds_when_rule_and_action_are_as_written() -> None:
    """Else it says in one line what came instead."""
    bad = "- {name: bad one, given: {moderation.threat: 0.95}, rule: bad, action: block}\n"
    wrong = "- {name: wrong, given: {moderation.threat: 0.95}, rule: otherwise, action: allow}\n"
    held, failed = rehearse(THREAT, bad + wrong)
    assert held.ok
    assert held.message == ""
    assert not failed.ok
    assert failed.message == "example `wrong`: expected rule `otherwise` with `allow`, got rule `bad` with `block`"


def test_an_items_kind_is_one_that_the_pack_speaks_of() -> None:
    """When an example does not say."""
    files = pack_files(Line(when="true", id="bad"), scope="{kinds: [video, episode], surfaces: [radio]}")
    outcome = check_examples(compile_pack(files, CATALOGUE, TAXONOMY))[0]
    assert outcome.decision.inputs.item["kind"] == "episode"
    assert outcome.decision.inputs.item["surface"] == "radio"

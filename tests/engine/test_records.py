import json

import pytest
from policykit import Line, both, facts, gap, inputs, pack_of, scores

from noisegate.core.decision import Gap
from noisegate.core.ids import ItemId, plain
from noisegate.engine.evaluate import evaluate
from noisegate.engine.records import decision_from_json, inputs_from_json


def test_a_decision_is_read_back_as_it_was() -> None:
    """Every field, through JSON text."""
    rule = Line(
        when='any(moderation.threat, 0.9) || any_equal(language.language, "de")',
        action="limit",
        more="surfaces: [search], labels: [advisory.mature]",
    )
    known = {
        "moderation.threat": both(scores(0.3, 0.95), gap(), gap(Gap.PENDING)),
        "language.language": facts("en"),
    }
    context = {"declared.explicit": True, "declared.language": "de", "markets": ("DE", "FR")}
    decision = evaluate(pack_of(rule), inputs(known, dice=0.25, **context), ItemId("itm_1"))
    assert decision_from_json(json.loads(json.dumps(plain(decision)))) == decision
    assert inputs_from_json(plain(decision.inputs)) == decision.inputs


def test_a_decision_without_a_label_is_read_back_too() -> None:
    """What is nothing is not written down."""
    decision = evaluate(
        pack_of(Line(when="any(moderation.threat, 0.9)")), inputs({"moderation.threat": scores()}), ItemId("i")
    )
    assert "label" not in plain(decision)
    assert decision_from_json(plain(decision)) == decision


def test_what_is_no_decision_is_an_error() -> None:
    """It is never half read."""
    with pytest.raises(KeyError):
        decision_from_json({"item": "itm_1"})

from typing import Any

import pytest

from noisegate.core.modality import Role, Text
from noisegate.core.signal import LoadContext
from noisegate.signals.text.language import UNDETERMINED, Language

CASES = [
    ("Bienvenue dans notre émission, aujourd'hui on parle de musique classique.", "fr"),
    ("Benvenuti al nostro podcast, oggi parliamo di musica e di cucina.", "it"),
    ("Bem-vindos ao nosso programa, hoje falamos de música e de comida.", "pt"),
    ("Witajcie w kolejnym odcinku, dzisiaj rozmawiamy o muzyce.", "pl"),
    ("今日はとても天気がいいので散歩に行きましょう。", "ja"),
    ("La la la la la", UNDETERMINED),  # too few letters
    ("♪ 128 BPM ♪ 00:12:45 ♪ 4/4 ♪", UNDETERMINED),  # no words
    ("", UNDETERMINED),
]


@pytest.fixture(scope="module")
def model(load_context: LoadContext) -> Any:
    """The identifier, loaded once."""
    return Language().load(load_context)


def _text(text: str) -> Text:
    return Text(role=Role.DESCRIPTION, text=text)


@pytest.mark.parametrize(("text", "code"), CASES)
def test_languages_are_told_apart_and_short_texts_left_open(text: str, code: str, model: Any) -> None:
    """The code is BCP-47; below twenty letters there is no answer."""
    (facts,) = Language().run(model, [_text(text)])
    assert facts.values["language"] == code
    assert 0.0 <= float(facts.values["confidence"]) <= 1.0


def test_an_unclear_text_is_left_open_with_its_confidence(model: Any) -> None:
    """A guess below the confidence gate is withheld, and says how unsure it was."""
    (facts,) = Language(at_least_confidence=1.01).run(model, [_text(CASES[0][0])])
    assert facts.values["language"] == UNDETERMINED
    assert float(facts.values["confidence"]) > 0


def test_a_long_text_is_judged_by_stretches_from_all_over_it(model: Any) -> None:
    """A foreign beginning does not decide a book, and its length does not cost time."""
    book = "Chapter one. " + "Der Zug fuhr langsam durch das stille Tal, und niemand sprach ein Wort. " * 20_000
    (facts,) = Language().run(model, [_text(book)])
    assert facts.values["language"] == "de"

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest

from noisegate.core.ids import digest_of
from noisegate.core.modality import Role, Text
from noisegate.core.signal import LoadContext, Scores
from noisegate.signals.text.profanity import Profanity


@pytest.fixture(scope="module")
def scored(load_context: LoadContext) -> Callable[..., Scores]:
    """Scores one text; the word list is loaded once."""
    model = Profanity().load(load_context)

    def run(text: str, *, language: str | None = None, **options: Any) -> Scores:
        part = Text(role=Role.LYRICS, text=text, language=language)
        (answer,) = Profanity(**options).run(model, [part])
        return answer

    return run


@pytest.mark.parametrize(
    "text",
    [
        "Scunthorpe, Penistone, Essex and Sussex: classics for bass and brass.",  # words inside words
        "Dick Tracy met Alfred Hitchcock at a cocktail party.",  # names
        "Assassins assess the assets of the association.",
        "Shitake mushrooms with basil and cumin.",
        "Die dicke Katze schläft auf der hellen Bank.",  # harmless in German
        "Stafetten tar slut och nu börjar en lång kväll med fart och musik.",  # harmless in Swedish
        "Il conto della pesca nel lago è stato pagato dalla regina.",  # harmless in Italian
        "El año pasado cumplí veinte años y fui con mi tía a la fiesta.",  # harmless in Spanish
        "La bande a joué avec un chat et une grosse caisse dans la salle.",  # harmless in French
        "A gay Muslim and a Jewish lesbian make music together.",  # groups of people are not profanity
    ],
)
def test_ordinary_words_score_nothing(text: str, scored: Callable[..., Scores]) -> None:
    """An advisory that fires on names and places is worse than none."""
    assert scored(text).values == {"profanity": 0.0}


def test_every_place_is_reported_with_its_words(scored: Callable[..., Scores]) -> None:
    """Spans point into the text as it was written."""
    text = "Damn this rain, d4mn this wind."
    answer = scored(text)
    assert answer.values == {"profanity": 0.4}
    spans = [place.where.span for place in answer.evidence["profanity"]]
    assert [text[start:end] for start, end in filter(None, spans)] == ["Damn", "d4mn"]


def test_the_levels_are_configuration(scored: Callable[..., Scores]) -> None:
    """Another house may grade mild words higher."""
    assert scored("damn", mild=0.6).values == {"profanity": 0.6}


def test_evidence_is_bounded_and_the_score_is_not_affected(scored: Callable[..., Scores]) -> None:
    """Ten thousand mild words give a bounded list."""
    answer = scored("damn " * 10_000, most_evidence=7)
    assert len(answer.evidence["profanity"]) == 7
    assert answer.values == {"profanity": 0.4}


def test_the_language_that_the_maker_knows_wins(scored: Callable[..., Scores]) -> None:
    """A transcript knows its language better than a guess from three words."""
    assert scored("tar slut nu", language="sv").values == {"profanity": 0.0}


def test_the_fingerprint_covers_the_word_list_that_ships() -> None:
    """A changed list without a changed digest would pass old scores for new ones."""
    shipped = files("noisegate.signals.text").joinpath("profanity.json.gz").read_bytes()
    assert Profanity().words == digest_of(shipped)

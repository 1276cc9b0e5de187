# ruff: noqa: RUF001 - look-alike letters are the point
import gzip
import json
from pathlib import Path

import pytest

from noisegate.signals.text.lexicon import FORMAT, Entry, Lexicon


def _lexicon(**terms: tuple[str, int, bool]) -> Lexicon:
    return Lexicon.of(
        {
            term.replace("_", " "): (Entry(language=language, level=level, ambiguous=ambiguous),)
            for term, (language, level, ambiguous) in terms.items()
        }
    )


# Stand-ins: invented or mild words, so that the mechanism is tested without the list.
LEXICON = _lexicon(
    darnit=("en", 2, False),
    blast=("en", 1, False),
    holy_darn_cow=("en", 2, False),
    gift=("no", 2, True),
    笨鸭子=("zh", 2, False),
)


def _found(text: str, language: str | None = None) -> list[str]:
    return [text[hit.start : hit.end] for hit in LEXICON.find(text, language)]


@pytest.mark.parametrize(
    "text",
    [
        "darnit",
        "DARNIT",  # case
        "d4rn1t",  # digits
        "d@rn!t",  # signs
        "daaarniiit",  # stretched
        "dar\u200bnit",  # zero-width space inside
        "ｄａｒｎｉｔ",  # full-width letters
        "dаrnit",  # a Cyrillic letter among Latin ones
        "d̶a̶r̶n̶i̶t̶",  # struck through
        "d a r n i t",  # spaced out
        "d.a.r.n.i.t",
        "d*rnit",  # masked
        "da**it",
    ],
)
def test_disguised_words_are_found(text: str) -> None:
    """The span covers the word as it was written."""
    assert _found(f"well {text} again") == [text]


@pytest.mark.parametrize(
    "text",
    [
        "blasting caps and sandblasted glass",  # inside other words
        "Darnitsa is a district",
        "d**** it",  # one known letter could be anything
        "b l a s t",  # a mild word spaced out is more likely typography
        "dar nit",  # two words
        "*hello* world",  # emphasis
        "4711 0815",  # numbers
        "",
    ],
)
def test_harmless_words_are_not(text: str) -> None:
    """Only whole tokens count."""
    assert _found(text) == []


def test_phrases_are_found_across_spaces_and_the_strongest_of_overlapping_hits_wins() -> None:
    """Punctuation after the phrase is not part of it."""
    assert _found("Holy darn cow!!") == ["Holy darn cow"]
    assert _found("holy cow") == []


@pytest.mark.parametrize(("language", "expected"), [("no", ["gift"]), ("nb", ["gift"]), ("de", []), (None, [])])
def test_an_ambiguous_word_counts_only_at_home(language: str | None, expected: list[str]) -> None:
    """Words that are harmless elsewhere need a text of their own language."""
    assert _found("gift", language) == expected


def test_languages_without_spaces_are_searched_inside() -> None:
    """There a word has no borders."""
    assert _found("你这个笨鸭子真好笑", "zh") == ["笨鸭子"]


def test_places_are_right_far_into_a_long_text() -> None:
    """A text is read in stretches; offsets count from its beginning."""
    text = "la " * 50_000 + "darnit" + " la" * 50_000
    assert [hit.start for hit in LEXICON.find(text, None)] == [150_000]


def test_another_format_is_refused(tmp_path: Path) -> None:
    """The message names the file and both formats."""
    path = tmp_path / "words.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"format": FORMAT + 1, "terms": {}, "ambiguous": {}}).encode()))
    with pytest.raises(ValueError, match=r"words\.json\.gz has format 2, this version reads format 1"):
        Lexicon.load(path)

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisegate.signals.text.windows import WINDOW, windows


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),  # nothing
        (" \n\t ", []),  # nothing to read
        ("One sentence.", ["One sentence."]),  # short texts are one window
        ("  spaces around  ", ["spaces around"]),
        ("First. " * 30, None),  # sentences are joined, see below
    ],
)
def test_a_text_is_cut_where_it_pauses(text: str, expected: list[str] | None) -> None:
    """Windows carry whole sentences without the white space between them."""
    found = [text[start:end] for start, end in windows(text)]
    if expected is not None:
        assert found == expected
    else:
        assert len(found) > 1
        assert all(piece.endswith(".") for piece in found)


@given(st.text(alphabet=st.sampled_from("ab .,!?\n\u3002\u4f60\u0301\U0001f600"), max_size=1500))
def test_every_visible_character_lies_in_exactly_one_window(text: str) -> None:
    """No word is lost, read twice, or pushed beyond the longest window."""
    spans = windows(text)
    assert all(0 < end - start <= WINDOW for start, end in spans)
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(spans))
    covered = {at for start, end in spans for at in range(start, end)}
    assert all(character.isspace() or at in covered for at, character in enumerate(text))
    assert all(not text[start:end].isspace() for start, end in spans)


def test_text_without_spaces_is_cut_at_the_limit() -> None:
    """Chinese ends sentences without spaces; endless text has no ends at all."""
    chinese = "\u4f60\u597d\u4e16\u754c\u3002" * 100
    assert all(chinese[end - 1] == "\u3002" for _, end in windows(chinese))
    assert [end - start for start, end in windows("x" * (WINDOW * 2 + 5))] == [WINDOW, WINDOW, 5]


def test_long_sentences_are_cut_at_clauses_then_at_spaces() -> None:
    """A window without a sentence end stops at the last comma, else at the last space."""
    clauses = "a clause of words, " * 40
    assert all(clauses[end - 1] == "," for _, end in windows(clauses)[:-1])
    words = "word " * 200
    assert all(words[start:end].endswith("word") for start, end in windows(words))


def test_a_sentence_stays_whole_beside_its_neighbours() -> None:
    """The window around a sentence contains all of it, however much text comes before."""
    threat = "I know where you live and I am going to hurt you."
    text = "The weather is fine today in the city. " * 500 + threat + " And now some music." * 300
    assert sum(threat in text[start:end] for start, end in windows(text)) == 1

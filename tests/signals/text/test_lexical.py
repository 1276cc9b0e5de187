import numpy as np

from noisegate.signals.text import lexical


def test_case_width_and_invisible_characters_do_not_matter() -> None:
    """One wording has one set of buckets."""
    plain, other = "Hello you there", "ＨＥＬＬＯ  you\u200b there\ufeff"  # noqa: RUF001 - full-width letters are the point
    assert lexical.fold(plain) == lexical.fold(other) == "hello you there"
    rows, buckets, damped = lexical.counts([plain, other])
    assert buckets[rows == 0].tolist() == buckets[rows == 1].tolist()
    assert damped[rows == 0].tolist() == damped[rows == 1].tolist()


def test_a_text_has_the_same_buckets_in_any_company() -> None:
    """n-grams never reach into the neighbouring text."""
    alone = lexical.counts(["some words"])
    rows, buckets, damped = lexical.counts(["before", "some words", "after"])
    assert buckets[rows == 1].tolist() == alone[1].tolist()
    assert damped[rows == 1].tolist() == alone[2].tolist()


def test_words_and_characters_each_have_length_one() -> None:
    """Neither view outweighs the other because a text has more of its n-grams."""
    rows, buckets, damped = lexical.counts(["one two two three", "", "x"])
    values = lexical.weigh(rows, buckets, damped, np.ones(lexical.BUCKETS, dtype=np.float32), 3)
    for row in (0, 2):
        words = (rows == row) & (buckets < 1 << lexical.WORD_BITS)
        characters = (rows == row) & (buckets >= 1 << lexical.WORD_BITS)
        for block in (words, characters):
            np.testing.assert_allclose((values[block] ** 2).sum(), 1.0, rtol=1e-5)
    assert (rows != 1).all()


def test_a_text_without_words_has_no_buckets() -> None:
    """Nothing is learned from nothing."""
    assert [len(column) for column in lexical.counts(["", " \u200b "])] == [0, 0, 0]


def test_lone_surrogates_and_control_characters_are_text_like_any_other() -> None:
    """Whatever a decoder lets through gets buckets, not an exception."""
    rows, _, _ = lexical.counts(["\ud800 broken \x00 text"])
    assert len(rows) > 0


def test_shingles_are_the_runs_of_one_length() -> None:
    """Near-duplicate search compares sets of them."""
    rows, buckets = lexical.shingles(["abcdefgh", "abcdefgh", "abcdefgx"], 5)
    sets = [set(buckets[rows == row].tolist()) for row in range(3)]
    assert sets[0] == sets[1]
    assert len(sets[0]) == len(" abcdefgh ") - 4
    assert len(sets[0] & sets[2]) == len(" abcdefg") - 4


def test_an_encoder_gets_visible_text_that_can_be_stored() -> None:
    """Hidden characters go, halves of characters become a mark, joined pictures stay joined."""
    family = "\U0001f469\u200d\U0001f467"
    assert lexical.visible(f"he\u200bllo\ufeff \ud83d {family}") == f"hello ? {family}"

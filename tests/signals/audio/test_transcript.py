from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from noisegate.core.modality import SAMPLE_RATE, Audio, Origin, Role, Text, Where
from noisegate.signals.audio.sounds import chord, recording, silence, spoken
from noisegate.signals.audio.transcript import (
    Transcript,
    _compression,
    _quietest,
    _text,
    _window,
    _without_drones,
    _Word,
)

Floats = NDArray[np.float32]


def word(text: str, start_s: float = 0.0, end_s: float = 0.5) -> _Word:
    return _Word(text=text, start_s=start_s, end_s=end_s, probability=0.9)


def speech(samples: Floats, *, start_s: float = 0.0, role: Role = Role.SPEECH) -> Audio:
    """A stretch that begins at `start_s` of its asset, after silence."""
    whole = recording(silence(start_s), samples, silence(1.0))
    seconds = len(samples) / SAMPLE_RATE
    where = Where(start_s=start_s, end_s=start_s + seconds)
    return Audio(role=role, duration_s=seconds, content=whole.content, origin=Origin(where=where))


def windows(part: Audio, longest_s: float) -> list[float]:
    """Lengths in seconds of the windows that follow each other."""
    lengths: list[float] = []
    while len(samples := _window(part, sum(lengths), longest_s)):
        lengths.append(len(samples) / SAMPLE_RATE)
    return lengths


@pytest.mark.parametrize("seconds", [0.05, 3.0, 20.0, 20.1, 25.0, 39.0, 61.0])
def test_windows_cover_a_part_and_none_is_a_scrap(seconds: float) -> None:
    """The last two share what is left."""
    noise = np.random.default_rng(0).normal(0, 0.1, round(seconds * SAMPLE_RATE)).astype(np.float32)
    lengths = windows(speech(noise), 20.0)
    assert sum(lengths) == pytest.approx(seconds, abs=1e-3)
    assert max(lengths) <= 20.0
    assert len(lengths) == 1 or min(lengths) >= 7.0


def test_windows_are_cut_where_it_is_quiet() -> None:
    """Not in the middle of a word."""
    noise = np.random.default_rng(0).normal(0, 0.1, 30 * SAMPLE_RATE).astype(np.float32)
    noise[round(14.0 * SAMPLE_RATE) : round(14.4 * SAMPLE_RATE)] = 0.0
    assert windows(speech(noise), 20.0)[0] == pytest.approx(14.2, abs=0.1)
    assert _quietest(noise[:100], 10, 90) == 90


def test_words_are_anchored_to_the_seconds_of_the_asset() -> None:
    """Spans are characters of the text; times never leave the part."""
    part = speech(silence(10.0), start_s=100.0)
    text = _text(part, [word(" Hello"), word(" there,", 1.0, 1.5), word(" you.", 9.8, 10.4)], "en")
    assert text is not None
    assert text.text == "Hello there, you."
    assert [text.text[slice(*anchor.span)] for anchor in text.anchors] == ["Hello", "there,", "you."]
    assert text.anchors[1].where == Where(start_s=101.0, end_s=101.5)
    assert text.anchors[2].where.end_s == 110.0
    assert text.locate((6, 11)).start_s == 101.0
    assert (text.language, text.origin.where) == ("en", part.origin.where)


def test_scripts_without_spaces_are_written_without_spaces() -> None:
    """The model says where a space belongs."""
    text = _text(speech(silence(2.0)), [word("你"), word("好"), word("。")], "zh")
    assert text is not None
    assert (text.text, len(text.anchors)) == ("你好", 2)


def test_nothing_but_marks_is_nothing_said() -> None:
    """Dots, dashes and broken characters are no words."""
    assert _text(speech(silence(2.0)), [word("..."), word(" -"), word("\ufffd")], "en") is None


def test_language_codes_are_bcp_47() -> None:
    """The model has one of its own for Javanese."""
    text = _text(speech(silence(2.0)), [word("apa")], "jw")
    assert text is not None
    assert text.language == "jv"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ([" Oh", " fffffffff", " yes"], " Oh yes"),
        ([" それ", "に", "ゃ", *"あああああああああ"], " それにゃ"),
        ([" 1.0.1.1.1.1.1.1.1.1.1"], ""),
        ([" no", " no", " no", " no", " no", " no", " no"], " no no no no no no no"),
        ([" Mississippi", " 1000000"], " Mississippi 1000000"),
    ],
)
def test_sounds_drawn_out_over_and_over_are_no_words(said: list[str], kept: str) -> None:
    """But a word that is chanted stays."""
    assert "".join(w.text for w in _without_drones([word(w) for w in said])) == kept


def test_a_loop_packs_better_than_speech() -> None:
    """What tells one from the other."""
    assert _compression("and so on " * 30) > 2.4 > _compression("The garden opens at nine, and the train leaves.")
    assert _compression("") == 0.0


@pytest.fixture
def ears(load: Callable[..., Any]) -> Any:
    return load(Transcript())


@pytest.mark.models
def test_a_sentence_is_heard_with_its_times(ears: Any) -> None:
    """Words in order, within the part, with the language."""
    (text,) = Transcript().run(ears, [speech(spoken(), start_s=7.0)])[0].parts
    assert isinstance(text, Text)
    assert "the train leaves at" in text.text.lower()
    assert text.language == "en"
    times = [(anchor.where.start_s or 0.0, anchor.where.end_s or 0.0) for anchor in text.anchors]
    assert all(7.0 <= start <= end <= 7.0 + len(spoken()) / SAMPLE_RATE for start, end in times)
    assert all(one[0] <= other[0] for one, other in pairwise(times))
    train = next(anchor for anchor in text.anchors if text.text[slice(*anchor.span)].startswith("train"))
    assert train.where.start_s == pytest.approx(8.9, abs=0.5)
    assert train.confidence is not None
    assert train.confidence > 0.5


@pytest.mark.models
def test_nothing_is_heard_where_nobody_speaks(ears: Any) -> None:
    """Silence, noise, a hum, clicks and a chord."""
    noise = np.random.default_rng(0).normal(0, 0.1, 2 * SAMPLE_RATE).astype(np.float32)
    hum = (0.2 * np.sin(2 * np.pi * 100 * np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE)).astype(np.float32)
    clicks = np.zeros(2 * SAMPLE_RATE, dtype=np.float32)
    clicks[:: SAMPLE_RATE // 2] = 0.9
    for sound in (silence(2.0), noise, hum, clicks, chord(2.0)):
        assert Transcript().run(ears, [speech(sound)])[0].parts == ()
    assert Transcript().run(ears, [speech(chord(4.0), role=Role.SINGING)])[0].parts == ()


@pytest.mark.models
def test_a_long_part_is_heard_to_its_end(ears: Any) -> None:
    """Over several windows, each sentence at its second; sounds other than words in between change nothing."""
    apart = np.concatenate([spoken(), silence(1.0), chord(8.0) * 0.3])
    (text,) = Transcript().run(ears, [speech(np.tile(apart, 4))])[0].parts
    assert isinstance(text, Text)
    lower = text.text.lower()
    starts = [n for n in range(len(lower)) if lower.startswith("train", n)]
    seconds = [text.locate((n, n + 5)).start_s for n in starts]
    np.testing.assert_allclose(seconds, 1.9 + np.arange(4) * len(apart) / SAMPLE_RATE, atol=0.7)

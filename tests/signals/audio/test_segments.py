from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from noisegate.core.modality import SAMPLE_RATE, Audio, Loudness, Origin, Role, Where
from noisegate.signals.audio.segments import Segments, Stretch, _curves
from noisegate.signals.audio.sounds import chord, recording, silence, spoken

Floats = NDArray[np.float32]
SPEECH, SINGING, MUSIC = (1.0, 0.0, 0.0), (0.0, 1.0, 0.9), (0.0, 0.0, 1.0)
TALKING_OVER_MUSIC, NOTHING = (0.95, 0.0, 1.0), (0.0, 0.0, 0.0)


def curves(*stretches: tuple[tuple[float, float, float], float]) -> Floats:
    """Probabilities of speech, singing and music that hold for some seconds each."""
    return np.concatenate([np.tile(np.float32(level), (round(seconds * 10), 1)) for level, seconds in stretches])


def told(found: list[Stretch]) -> list[tuple[str, float]]:
    """Role and length in seconds, rounded to half a second."""
    return [(stretch.role.value, round(stretch.seconds * 2) / 2) for stretch in found]


@given(st.lists(st.tuples(*[st.floats(0, 1, width=32)] * 3, st.integers(1, 80)), max_size=30))
@settings(deadline=None, max_examples=60)
def test_every_moment_belongs_to_exactly_one_stretch(levels: list[tuple[float, float, float, int]]) -> None:
    """Whatever the network says; neighbours differ, unless a long voice was split."""
    said = np.concatenate([np.tile(np.float32(v[:3]), (v[3], 1)) for v in levels] or [np.zeros((0, 3), np.float32)])
    found = Segments(longest_s=60.0).stretches(said)
    assert [s.start for s in found] == [0, *(s.end for s in found[:-1])][: len(found)]
    assert (found[-1].end if found else 0) == len(said)
    assert all(s.end > s.start for s in found)
    assert all(one.role is not other.role or one.is_voice for one, other in pairwise(found))
    assert all(s.seconds <= 60.0 for s in found if s.is_voice)


def test_a_voice_over_music_is_speech() -> None:
    """Otherwise a threat over a beat would never be transcribed."""
    found = told(Segments().stretches(curves((MUSIC, 10), (TALKING_OVER_MUSIC, 10), (MUSIC, 10))))
    assert [role for role, _ in found] == ["music", "speech", "music"]
    assert found[1][1] == pytest.approx(10.0, abs=1.5)


def test_what_stays_under_the_gate_is_music() -> None:
    """A hint of a voice in an instrumental is not enough; the same hint without music is."""
    assert told(Segments().stretches(curves(((0.7, 0.0, 1.0), 10)))) == [("music", 10.0)]
    assert told(Segments().stretches(curves(((0.7, 0.0, 0.0), 10)))) == [("speech", 10.0)]


def test_short_pauses_belong_to_the_voice_and_long_ones_do_not() -> None:
    """A sentence is not torn apart, and an hour of silence is not sent to speech recognition."""
    near = curves((SPEECH, 5), (NOTHING, 3), (SPEECH, 5))
    far = curves((SPEECH, 5), (NOTHING, 6), (SPEECH, 5))
    assert told(Segments().stretches(near)) == [("speech", 13.0)]
    assert [role for role, _ in told(Segments().stretches(far))] == ["speech", "silence", "speech"]


def test_a_jingle_between_two_voices_stays_music_sooner_than_silence_stays_silence() -> None:
    """Three seconds of music are heard as music, but not between two lines of a song."""
    talk = curves((SPEECH, 5), (MUSIC, 3), (SPEECH, 5))
    song = curves((SINGING, 5), (MUSIC, 4), (SINGING, 5))
    assert [role for role, _ in told(Segments().stretches(talk))] == ["speech", "music", "speech"]
    assert told(Segments().stretches(song)) == [("singing", 14.0)]


def test_slivers_are_dropped() -> None:
    """A click is no word, and half a second of silence in music is no silence."""
    assert told(Segments().stretches(curves((NOTHING, 5), (SPEECH, 0.2), (NOTHING, 5)))) == [("silence", 10.0)]
    assert told(Segments().stretches(curves((MUSIC, 5), (NOTHING, 0.5), (MUSIC, 5)))) == [("music", 10.5)]


def test_voices_are_padded_so_that_no_sound_is_cut_off() -> None:
    """By 0.2 s on both sides."""
    _, voice, _ = Segments().stretches(curves((NOTHING, 10), (SPEECH, 10), (NOTHING, 10)))
    plain = Segments(padding_s=0.0).stretches(curves((NOTHING, 10), (SPEECH, 10), (NOTHING, 10)))[1]
    assert (voice.start, voice.end) == (plain.start - 2, plain.end + 2)


def test_a_long_voice_is_split_where_it_is_weakest() -> None:
    """So that what was transcribed before a break is kept; music is not split."""
    talk = curves((SPEECH, 250), ((0.5, 0.0, 0.0), 1), (SPEECH, 149))
    one, other = Segments().stretches(talk)
    assert (one.role, other.role) == (Role.SPEECH, Role.SPEECH)
    assert 2500 <= one.end <= 2510
    assert told(Segments().stretches(curves((MUSIC, 1000)))) == [("music", 1000.0)]


@dataclass
class Watched:
    """Content that remembers how much was asked of it at once."""

    array: Floats
    asked: list[float] = field(default_factory=list)

    @property
    def duration_s(self) -> float:
        return len(self.array) / SAMPLE_RATE

    def samples(self, start_s: float = 0.0, end_s: float | None = None) -> Floats:
        end = self.duration_s if end_s is None else end_s
        self.asked.append(end - start_s)
        return self.array[round(start_s * SAMPLE_RATE) : round(end * SAMPLE_RATE)]

    def loudness(self) -> Loudness:
        raise NotImplementedError


@pytest.fixture
def model(load: Callable[..., Any]) -> Any:
    return load(Segments())


def test_speech_silence_and_music_are_told_apart(model: Any) -> None:
    """A real network on a real sentence; parts carry their times in the asset and nothing the frontier fills in."""
    parts = Segments().run(model, [recording(spoken(), silence(6.0), chord(5.0))])[0].parts
    assert [part.role for part in parts] == [Role.SPEECH, Role.SILENCE, Role.MUSIC]
    ends = [part.origin.where.end_s for part in parts]
    assert ends[0] == pytest.approx(len(spoken()) / SAMPLE_RATE, abs=0.5)
    assert ends[1] == pytest.approx(ends[0] + 6.0, abs=0.7)
    assert sum(part.duration_s for part in parts if isinstance(part, Audio)) == pytest.approx(ends[2])
    assert not any(part.id or part.digest or part.origin.asset for part in parts)


def test_times_are_those_of_the_asset(model: Any) -> None:
    """Also when the recording is itself a stretch of one."""
    whole = recording(silence(5.0), spoken(), silence(5.0))
    origin = Origin(where=Where(start_s=5.0, end_s=8.0))
    inner = Audio(role=Role.SOUNDTRACK, duration_s=3.0, content=whole.content, origin=origin)
    (part,) = Segments().run(model, [inner])[0].parts
    assert (part.role, part.origin.where) == (Role.SPEECH, Where(start_s=5.0, end_s=8.0))


def test_hours_are_read_in_blocks_without_a_seam(model: Any) -> None:
    """The curves are the same as from one piece, and no more than a minute or so is in memory."""
    once = np.concatenate([spoken(), silence(1.3), chord(4.7)])
    content = Watched(np.tile(once, 1 + 150 * SAMPLE_RATE // len(once)))
    part = Audio(role=Role.RECORDING, duration_s=content.duration_s, content=content)
    blocks = _curves(model, part)
    frames = model.detect_probs(content.array)
    cells = len(frames) // 10
    np.testing.assert_allclose(blocks[:cells], frames[: cells * 10].reshape(-1, 10, 3).mean(axis=1), atol=1e-4)
    assert max(content.asked) <= 64.0


def test_a_recording_without_sound_has_no_parts(model: Any) -> None:
    """Neither an error nor an empty part."""
    assert Segments().run(model, [recording(silence(0.0))])[0].parts == ()

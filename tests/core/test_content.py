import numpy as np
import pytest

from noisegate.core.content import ArrayAudio, ArrayVideo
from noisegate.core.errors import MediaError


def test_samples_outside_a_recording_are_left_out() -> None:
    """A range may begin before and end after the sound."""
    sound = ArrayAudio(np.ones(16_000, dtype=np.float32))
    assert len(sound.samples(-1.0, 0.5)) == 8_000
    assert len(sound.samples(0.75, 9.0)) == 4_000
    assert len(sound.samples(2.0, 3.0)) == 0


def test_loudness_that_was_not_given_is_unreadable() -> None:
    """Memory holds samples, not measurements."""
    with pytest.raises(MediaError, match="no measured loudness"):
        ArrayAudio(np.ones(16, dtype=np.float32)).loudness()


def test_a_film_without_sound_is_silent() -> None:
    """None, not an empty recording."""
    assert ArrayVideo().soundtrack() is None
    assert ArrayVideo().frames(per_minute=12, at_most=3) == ()

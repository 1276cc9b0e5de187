import numpy as np

from noisegate.core.modality import Role
from noisegate.signals.video.soundtrack import Soundtrack
from noisegate.testing import video

BLACK = np.zeros((8, 8, 3), dtype=np.uint8)


def test_the_sound_of_a_film_is_a_recording_of_its_own() -> None:
    """Samples of the part are samples of the film."""
    sound = np.linspace(-1, 1, 24_000, dtype=np.float32)
    (made,) = Soundtrack().run(None, [video(BLACK, sound=sound)])
    (part,) = made.parts
    assert (part.role, part.duration_s) == (Role.SOUNDTRACK, 1.5)
    np.testing.assert_array_equal(part.samples(0.5, 1.0), sound[8_000:16_000])


def test_a_silent_film_makes_no_part() -> None:
    """No sound, or a sound track without a single sample."""
    made = Soundtrack().run(None, [video(BLACK), video(BLACK, sound=np.zeros(0, dtype=np.float32))])
    assert [m.parts for m in made] == [(), ()]

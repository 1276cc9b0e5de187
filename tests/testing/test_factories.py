import numpy as np

from noisegate.core.modality import Role
from noisegate.testing import audio, image, item, text, video


def test_equal_content_has_equal_digests() -> None:
    """Results are stored under the digest: the same words and pixels must meet again."""
    pixels = np.zeros((4, 6, 3), dtype=np.uint8)
    assert text("rain").digest == text("rain", role=Role.TITLE).digest != text("sun").digest
    assert image(pixels).digest == image(pixels.copy()).digest
    assert image(pixels).digest != image(pixels.reshape(6, 4, 3)).digest


def test_films_that_sound_or_last_differently_are_not_the_same_film() -> None:
    """Else a test would be given the words remembered from another one's soundtrack."""
    pixels, sound = np.zeros((4, 6, 3), dtype=np.uint8), np.zeros(16_000, dtype=np.float32)
    films = [video(pixels), video(pixels, sound=sound), video(pixels, sound=sound + 0.5), video(pixels, seconds_each=1)]
    assert len({film.digest for film in films}) == 4
    assert video(pixels, sound=sound).digest == films[1].digest


def test_a_picture_knows_its_size() -> None:
    """Height is the first axis of an array, and the second number of a size."""
    picture = image(np.zeros((4, 6, 3), dtype=np.uint8))
    assert (picture.width, picture.height) == (6, 4)


def test_a_part_of_a_recording_reads_only_its_own_samples() -> None:
    """Samples are relative to the part, times in its origin to the recording."""
    samples = np.arange(32_000, dtype=np.float32)
    part = audio(samples, start_s=1.5)
    assert part.duration_s == 0.5
    assert part.samples(0.25)[0] == 28_000
    assert part.origin.where.end_s == 2.0


def test_a_film_shows_its_pictures_one_after_the_other() -> None:
    """Each picture stands for its own seconds; without sound the film is silent."""
    black = np.zeros((4, 6, 3), dtype=np.uint8)
    film = video(black, black, seconds_each=3.0)
    first, second = film.content.frames(per_minute=1, at_most=2)
    assert (first.end_s, second.start_s, film.duration_s) == (3.0, 3.0, 6.0)
    assert film.content.soundtrack() is None


def test_an_item_has_a_title_unless_told_otherwise() -> None:
    """A test that is not about texts gets an item that is plausible."""
    assert item().texts == {Role.TITLE: "Garden hour"}
    assert item(title=None, comment="nice").texts == {Role.COMMENT: "nice"}

import numpy as np
import pytest

from noisegate.core.errors import InvalidInputError
from noisegate.core.modality import Box
from noisegate.signals.image.perceptual import bank_hashes, pdq, pdq_variants, without_border


def _noise(height: int = 96, width: int = 128) -> np.ndarray:
    coarse = np.random.default_rng(2).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return coarse.repeat(8, axis=0).repeat(8, axis=1)


def test_the_first_variant_is_the_picture_as_it_is() -> None:
    """Upright first, then the seven turned and mirrored ones, all different."""
    variants, quality = pdq_variants(_noise())
    assert (variants[0], quality) == pdq(_noise())
    assert len(set(variants)) == 8


@pytest.mark.parametrize("colour", [0, 255, 128])
def test_a_border_of_one_colour_is_cut_off(colour: int) -> None:
    """Letterbox bars and frames, with the row into which the border may have bled."""
    inner = _noise()
    framed = np.pad(inner, ((20, 20), (30, 30), (0, 0)), constant_values=colour)
    found, box = without_border(framed)
    assert found.shape == (94, 126, 3)
    assert box == Box(x=31 / 188, y=21 / 136, width=126 / 188, height=94 / 136)


def test_a_picture_without_a_border_stays_whole() -> None:
    """The very same array, so that nobody hashes it twice."""
    picture = _noise()
    found, box = without_border(picture)
    assert found is picture
    assert box == Box(x=0.0, y=0.0, width=1.0, height=1.0)


def test_a_picture_that_is_nothing_but_border_stays_whole() -> None:
    """One colour, or a speck on it: cutting would leave nothing to recognise."""
    flat = np.full((80, 80, 3), 9, dtype=np.uint8)
    speck = flat.copy()
    speck[40:44, 40:44] = 255
    assert without_border(flat)[0] is flat
    assert without_border(speck)[0] is speck


def test_a_bank_keeps_the_inside_of_a_framed_picture_too() -> None:
    """The unframed picture is then found as well."""
    framed = np.pad(_noise(), ((20, 20), (30, 30), (0, 0)))
    assert set(bank_hashes(_noise())) == {"pdq", "phash"}
    assert set(bank_hashes(framed)) == {"pdq", "phash", "pdq_inner"}


def test_a_bank_refuses_a_picture_without_features() -> None:
    """Its hash would match every other flat picture."""
    with pytest.raises(InvalidInputError, match="too few features to be found again: PDQ quality 0"):
        bank_hashes(np.full((80, 80, 3), 9, dtype=np.uint8))

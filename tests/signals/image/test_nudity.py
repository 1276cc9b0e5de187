from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from noisegate.core.evidence import EVIDENCE_FLOOR
from noisegate.signals.image.nudity import Nudity, _prepared, _scores
from noisegate.testing import image


def test_the_network_sees_the_middle_in_blue_green_red_less_the_mean() -> None:
    """The input it was trained on: (224, 224, 3), BGR, 104, 117 and 123 subtracted."""
    pixels = np.zeros((512, 512, 3), dtype=np.uint8)
    pixels[:] = (200, 100, 50)
    pixels[:30] = 255  # the outer sixteenth
    prepared = _prepared(pixels)
    assert prepared.shape == (224, 224, 3)
    assert prepared.dtype == np.float32
    np.testing.assert_array_equal(prepared[0, 0], np.float32([50 - 104, 100 - 117, 200 - 123]))


def test_evidence_is_the_whole_picture_from_the_floor_on() -> None:
    """The network does not say where; below the floor nothing is recorded."""
    (place,) = _scores(0.9).evidence["explicit"]
    assert place.where.box is not None
    assert (place.where.box.width, place.where.box.height) == (1.0, 1.0)
    assert _scores(EVIDENCE_FLOOR - 0.01).evidence == {}


@pytest.mark.models
def test_drawn_patterns_score_low(load: Callable[..., Any]) -> None:
    """Shapes, stripes and noise are not pornography."""
    signal = Nudity()
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    stripes = np.tile(np.arange(256, dtype=np.uint8)[:, None], (1, 256))[..., None].repeat(3, axis=2)
    answers = signal.run(load(signal), [image(noise), image(stripes), signal.examples()[0].input()])
    assert max(answer.values["explicit"] for answer in answers) < 0.5

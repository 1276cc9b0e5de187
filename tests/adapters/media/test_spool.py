import pickle
from pathlib import Path

import numpy as np
import pytest

from noisegate.adapters.media.spool import PcmFile
from noisegate.core.errors import UnknownNameError


@pytest.fixture
def ramp(tmp_path: Path) -> PcmFile:
    """Two and a half seconds that count upwards."""
    path = tmp_path / "sound.s16le"
    np.arange(40_000, dtype="<i2").tofile(path)
    return PcmFile(path)


def test_samples_are_floats_between_minus_one_and_one(tmp_path: Path) -> None:
    """Full scale is 32,768."""
    path = tmp_path / "sound.s16le"
    np.array([-32_768, 0, 16_384], dtype="<i2").tofile(path)
    samples = PcmFile(path).samples()
    assert samples.dtype == np.float32
    assert samples.tolist() == [-1.0, 0.0, 0.5]


def test_a_range_in_seconds_is_read(ramp: PcmFile) -> None:
    """From the sample at the start to the one before the end."""
    assert ramp.duration_s == 2.5
    assert (ramp.samples(1.0, 1.5) * 32_768).tolist() == list(range(16_000, 24_000))


def test_what_lies_outside_is_left_out(ramp: PcmFile) -> None:
    """Ranges are cut, never an error."""
    assert len(ramp.samples(-1.0, 0.5)) == 8_000
    assert len(ramp.samples(2.0, 99.0)) == 8_000
    assert len(ramp.samples(2.0, 1.0)) == 0
    assert len(ramp.samples(99.0)) == 0


def test_blocks_cover_everything_once(ramp: PcmFile) -> None:
    """The last one is shorter."""
    blocks = list(ramp.blocks(1.0))
    assert [len(block) for block in blocks] == [16_000, 16_000, 8_000]
    assert np.array_equal(np.concatenate(blocks), ramp.samples())


def test_an_empty_file_is_an_empty_sound(tmp_path: Path) -> None:
    """Nothing to map."""
    path = tmp_path / "empty"
    path.touch()
    assert (len(PcmFile(path)), PcmFile(path).samples().shape, list(PcmFile(path).blocks(1.0))) == (0, (0,), [])


def test_it_travels_as_a_path(ramp: PcmFile) -> None:
    """Another process reads the same file."""
    assert np.array_equal(pickle.loads(pickle.dumps(ramp)).samples(), ramp.samples())


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    """Scratch folders end with their item."""
    with pytest.raises(UnknownNameError, match="gone"):
        PcmFile(tmp_path / "gone.s16le").samples()

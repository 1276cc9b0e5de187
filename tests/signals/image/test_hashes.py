import numpy as np

from noisegate.signals.image.hashes import Hashes
from noisegate.testing import image


def test_a_resized_picture_keeps_most_bits() -> None:
    """What makes a hash perceptual: half the size, nearly the same hash."""
    signal = Hashes()
    whole = signal.examples()[1].input().pixels()
    before, after = signal.run(None, [image(whole), image(np.ascontiguousarray(whole[::2, ::2]))])
    distance = (int(str(before.values["pdq"]), 16) ^ int(str(after.values["pdq"]), 16)).bit_count()
    assert distance <= 31


def test_another_picture_has_another_hash() -> None:
    """About half of the 256 bits differ between unrelated pictures."""
    signal = Hashes()
    noise = np.random.default_rng(1).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    one, other = signal.run(None, [signal.examples()[1].input(), image(noise)])
    distance = (int(str(one.values["pdq"]), 16) ^ int(str(other.values["pdq"]), 16)).bit_count()
    assert 90 <= distance <= 166

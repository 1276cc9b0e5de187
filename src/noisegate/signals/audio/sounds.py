"""Sounds for the examples of the audio signals: a spoken sentence, a chord, and silence, all of our own making."""

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from noisegate.core.content import ArrayAudio
from noisegate.core.modality import SAMPLE_RATE, Audio, Role

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

SENTENCE = "The garden opens at nine, and the train leaves at ten."
"""What `spoken` says."""
_MU = 255


@cache
def spoken() -> "Samples":
    """SENTENCE in a synthetic voice, 16 kHz, shape (n,): kept as 8-bit mu-law at 8 kHz in `spoken.npy`."""
    import numpy as np

    with files("noisegate.signals.audio").joinpath("spoken.npy").open("rb") as stream:
        coded = np.load(stream, allow_pickle=False).astype(np.float32) / 127.5 - 1.0
    plain = np.sign(coded) * ((1.0 + _MU) ** np.abs(coded) - 1.0) / _MU
    twice = np.interp(np.arange(2 * len(plain)) / 2, np.arange(len(plain)), plain)
    return np.asarray(twice, dtype=np.float32)


def chord(seconds: float) -> "Samples":
    """Plucked notes of a C major chord, again every second."""
    import numpy as np

    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tones = [np.sin(2 * np.pi * f * n * t) / n for f in (261.63, 329.63, 392.0, 523.25) for n in (1, 2, 3)]
    pluck = np.exp(-3.0 * (t % 1.0))
    return np.asarray(0.08 * pluck * np.sum(tones, axis=0), dtype=np.float32)


def silence(seconds: float) -> "Samples":
    """Nothing."""
    import numpy as np

    return np.zeros(round(seconds * SAMPLE_RATE), dtype=np.float32)


def recording(*sounds: "Samples", role: Role = Role.RECORDING) -> Audio:
    """The sounds one after another."""
    import numpy as np

    array = np.concatenate(sounds)
    return Audio(role=role, duration_s=len(array) / SAMPLE_RATE, content=ArrayAudio(array))

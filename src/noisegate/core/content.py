"""Content that is already in memory, for examples, tests and callers who hold arrays instead of files.

Stored files are read by the guarded decoder; this module knows no codec and opens nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noisegate.core.errors import MediaError
from noisegate.core.modality import SAMPLE_RATE, AudioContent, Frame, Loudness

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ArrayImage:
    """A picture in memory."""

    array: "NDArray[np.uint8]"
    """RGB, shape (height, width, 3)."""

    def pixels(self) -> "NDArray[np.uint8]":
        """The array itself."""
        return self.array


@dataclass(frozen=True, eq=False)
class ArrayAudio:
    """A recording in memory."""

    array: "NDArray[np.float32]"
    """Mono samples at SAMPLE_RATE in -1..1, shape (n,)."""
    measured: Loudness | None = None
    """What `loudness()` answers: measuring it is the decoder's work."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.array) / SAMPLE_RATE

    def samples(self, start_s: float = 0.0, end_s: float | None = None) -> "NDArray[np.float32]":
        """The samples of a range in seconds, shape (n,); what lies outside the recording is left out."""
        stop = len(self.array) if end_s is None else max(0, round(end_s * SAMPLE_RATE))
        return self.array[max(0, round(start_s * SAMPLE_RATE)) : stop]

    def loudness(self) -> Loudness:
        """What was given as `measured`. Raises MediaError (`unsupported`) when nothing was."""
        if self.measured is None:
            raise MediaError("this recording in memory has no measured loudness", kind="unsupported")
        return self.measured

    def damage(self) -> MediaError | None:
        """None: an array is whole."""
        return None


@dataclass(frozen=True, eq=False)
class ArrayVideo:
    """A film in memory: the moments that were chosen from it, and its sound."""

    shots: tuple[Frame, ...] = ()
    sound: AudioContent | None = None

    def frames(self, *, per_minute: int, at_most: int) -> Sequence[Frame]:  # noqa: ARG002 - the moments are chosen already
        """The first `at_most` moments."""
        return self.shots[:at_most]

    def damage(self) -> MediaError | None:
        """None: what is in memory is whole."""
        return None

    def soundtrack(self) -> AudioContent | None:
        """The sound, or None for a silent film."""
        return self.sound

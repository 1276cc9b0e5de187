"""Decoded sound on disk: raw 16-bit little-endian mono at 16 kHz, read through a memory map.

An hour takes 115 MB of disk and no memory: ranges are mapped when asked for and become floats only then. The object
is just a path, so it can be sent to another process or machine that sees the same folder.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from noisegate.core.errors import UnknownNameError
from noisegate.core.modality import SAMPLE_RATE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BYTES_PER_SAMPLE = 2
_FULL_SCALE = 32_768.0


@dataclass(frozen=True)
class PcmFile:
    """One file written by `MediaGuard.pcm`."""

    path: Path

    def __len__(self) -> int:
        """Samples in the file."""
        try:
            return self.path.stat().st_size // BYTES_PER_SAMPLE
        except FileNotFoundError as error:
            raise UnknownNameError(
                f"there is no decoded sound at {str(self.path)!r}; it lives as long as its spool folder"
            ) from error

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return len(self) / SAMPLE_RATE

    def samples(self, start_s: float = 0.0, end_s: float | None = None) -> "NDArray[np.float32]":
        """A range of the sound.

        Args:
            start_s: Seconds from the beginning; what lies before 0 is cut off.
            end_s: Seconds from the beginning, not included; None or beyond the end means the end.

        Returns:
            Mono samples at 16 kHz in -1..1, shape (n,); empty when the range is.
        """
        total = len(self)
        start = min(total, max(0, round(start_s * SAMPLE_RATE)))
        end = total if end_s is None else min(total, round(end_s * SAMPLE_RATE))
        return self._read(start, end)

    def blocks(self, seconds: float) -> Iterator["NDArray[np.float32]"]:
        """The whole sound in pieces of this many seconds, the last one shorter. Only one piece is held at a time."""
        step = max(1, round(seconds * SAMPLE_RATE))
        total = len(self)
        for start in range(0, total, step):
            yield self._read(start, min(total, start + step))

    def _read(self, start: int, end: int) -> "NDArray[np.float32]":
        import numpy as np

        if end <= start:
            return np.zeros(0, dtype=np.float32)
        mapped = np.memmap(self.path, dtype="<i2", mode="r", offset=start * BYTES_PER_SAMPLE, shape=(end - start,))
        floats: NDArray[np.float32] = np.asarray(mapped).astype(np.float32)
        floats /= _FULL_SCALE
        return floats

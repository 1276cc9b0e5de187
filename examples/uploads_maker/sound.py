"""Mono sound as arrays, a tape to lay it on, and the files it is written to and read from.

Everything here has one sample rate, `RATE`; whatever arrives at another rate is resampled on the way in. The module
knows files and samples, not what is spoken or played.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
import numpy.typing as npt

RATE = 24_000
"""Samples per second of every array and file: enough for speech and small music, and a rate Opus knows."""

Pcm = npt.NDArray[np.float32]
"""Mono samples, shape (n,), within -1..1."""

_CODECS = {
    ".mp3": ("libmp3lame", "fltp"),
    ".m4a": ("aac", "fltp"),
    ".ogg": ("libopus", "flt"),
    ".flac": ("flac", "s16"),
    ".wav": ("pcm_s16le", "s16"),
}


class MakerError(Exception):
    """Something the person at the keyboard can put right; the message says what."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of a recording, in seconds from its start."""

    start_s: float
    end_s: float


def silence(seconds: float) -> Pcm:
    """Give `seconds` of digital silence."""
    return np.zeros(round(seconds * RATE), dtype=np.float32)


def fade(pcm: Pcm, *, in_s: float = 0.0, out_s: float = 0.0) -> Pcm:
    """Give a copy whose first `in_s` and last `out_s` seconds rise from and fall to nothing."""
    faded = pcm.copy()
    rise, fall = min(round(in_s * RATE), pcm.size), min(round(out_s * RATE), pcm.size)
    if rise:
        faded[:rise] *= np.linspace(0, 1, rise, dtype=np.float32)
    if fall:
        faded[-fall:] *= np.linspace(1, 0, fall, dtype=np.float32)
    return faded


def loudness_db(pcm: Pcm) -> float:
    """Root mean square of the sounding tenths of a second, in dB of full scale; -120 for silence."""
    tenth = RATE // 10
    frames = pcm[: pcm.size // tenth * tenth].reshape(-1, tenth) if pcm.size >= tenth else pcm.reshape(1, -1)
    power = np.mean(np.square(frames, dtype=np.float64), axis=1) if frames.size else np.zeros(1)
    sounding = power[power > 1e-6]
    return float(10 * np.log10(sounding.mean())) if sounding.size else -120.0


def level(pcm: Pcm, target_db: float) -> Pcm:
    """Give a copy brought to `target_db` (see `loudness_db`), its peaks rounded off below full scale."""
    loud = loudness_db(pcm)
    gain = 10 ** ((target_db - loud) / 20) if loud > -120 else 1.0
    return soften(pcm * np.float32(gain))


def soften(pcm: Pcm) -> Pcm:
    """Round peaks off so that nothing exceeds full scale; what stays below 0.7 is left as it is."""
    knee = np.float32(0.7)
    above = np.maximum(np.abs(pcm) - knee, 0) / (1 - knee)
    return np.where(above > 0, np.sign(pcm) * (knee + (1 - knee) * np.tanh(above)), pcm).astype(np.float32)


class Tape:
    """A recording being put together; it grows as sound is laid on it."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._pcm = silence(seconds)
        self.end_s = seconds

    def put(self, pcm: Pcm, *, at_s: float | None = None, gain_db: float = 0.0) -> Span:
        """Mix `pcm` in at `at_s` (the end of the tape when None) and say where it lies."""
        start = round((self.end_s if at_s is None else at_s) * RATE)
        if start + pcm.size > self._pcm.size:
            self._pcm = np.concatenate([self._pcm, np.zeros(start + pcm.size - self._pcm.size, dtype=np.float32)])
        self._pcm[start : start + pcm.size] += pcm * np.float32(10 ** (gain_db / 20))
        self.end_s = self._pcm.size / RATE
        return Span(start_s=start / RATE, end_s=(start + pcm.size) / RATE)

    def rest(self, seconds: float) -> None:
        """Leave `seconds` of nothing at the end."""
        self.put(silence(seconds))

    def pcm(self) -> Pcm:
        """Give what is on the tape, peaks rounded off."""
        return soften(self._pcm)


class AudioFile:
    """A file that is encoded while it is written, so that an hour needs no more memory than a second.

    Args:
        path: its suffix chooses the codec: .mp3, .m4a, .ogg (Opus), .flac or .wav.
        bit_rate: bits per second; ignored by .flac and .wav.
        tags: container metadata such as title and artist.

    Raises:
        MakerError: the suffix is none of those.
    """

    def __init__(self, path: Path, *, bit_rate: int = 48_000, tags: dict[str, str] | None = None) -> None:
        if path.suffix not in _CODECS:
            raise MakerError(f"cannot write {path.name!r}: the name must end in one of {', '.join(sorted(_CODECS))}")
        codec, self._format = _CODECS[path.suffix]
        # bitexact: no random serial numbers and no dates, so that the same tools make the same bytes
        self._container = av.open(str(path), "w", options={"fflags": "+bitexact"})
        self._container.metadata.update(tags or {})
        self._stream: Any = self._container.add_stream(codec, rate=RATE, options={"flags": "+bitexact"})
        self._stream.codec_context.layout = "mono"
        self._stream.codec_context.format = self._format
        if path.suffix not in {".flac", ".wav"}:
            self._stream.bit_rate = bit_rate
        self._written = 0

    def write(self, pcm: Pcm) -> None:
        """Append samples."""
        for packet in self._stream.encode(audio_frame(pcm, self._format, self._written)):
            self._container.mux(packet)
        self._written += pcm.size

    def close(self) -> None:
        """Finish the file."""
        for packet in self._stream.encode(None):
            self._container.mux(packet)
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def audio_frame(pcm: Pcm, sample_format: str, at_sample: int) -> Any:
    """Wrap samples in one PyAV frame of `sample_format` (flt, fltp or s16) that starts at `at_sample`."""
    samples = (np.clip(pcm, -1, 1) * 32767).round().astype(np.int16) if sample_format == "s16" else pcm
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples.reshape(1, -1)), format=sample_format, layout="mono"
    )
    frame.sample_rate = RATE
    frame.pts = at_sample
    return frame


def write_audio(path: Path, pcm: Pcm, *, bit_rate: int = 48_000, tags: dict[str, str] | None = None) -> None:
    """Write a whole recording; see `AudioFile`."""
    with AudioFile(path, bit_rate=bit_rate, tags=tags) as file:
        for start in range(0, pcm.size, RATE):
            file.write(pcm[start : start + RATE])


def read_audio(path: Path) -> Iterator[Pcm]:
    """Give the samples of a file's first audio stream, resampled to `RATE` and mixed to mono, piece by piece."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            for piece in resampler.resample(frame):
                yield piece.to_ndarray().reshape(-1).astype(np.float32)
        for piece in resampler.resample(None):
            yield piece.to_ndarray().reshape(-1).astype(np.float32)

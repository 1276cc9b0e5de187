"""The sound of any file: 16 kHz mono for the models, and its loudness, in one pass over the packets.

Runs in the child. The best audio stream is decoded once and streamed to disk; memory does not grow with length.
Loudness (EBU R128, ITU-R BS.1770-4, true peak by oversampling) is measured by libavfilter on the original channels and
rate, because a mono 16 kHz copy says nothing of the peaks and levels a listener gets.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from noisegate.adapters.media.answers import PcmInfo
from noisegate.adapters.media.limits import Limits
from noisegate.adapters.media.loudness import AudioGraph, Meter
from noisegate.adapters.media.opening import (
    best_sound,
    check_duration,
    check_sound,
    claimed_seconds,
    codec_name,
    falls_short,
    film_streams,
    identify,
    opened,
    stream_seconds,
)
from noisegate.adapters.media.packets import Decoder
from noisegate.core.modality import SAMPLE_RATE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_JITTER_S = 0.25  # timestamps within this of the sample count are rounding and codec delay, not holes
_ANTIPHASE = 0.01  # mid over side power, -20 dB: a mono mix would hide what stereo listeners hear
_AUDIBLE_POWER = 1e-7


def pcm(file: BinaryIO, size_bytes: int, out: BinaryIO, limits: Limits) -> PcmInfo:
    """Write the sound of `file` to `out` as 16-bit little-endian mono at 16 kHz.

    Damaged packets are skipped and counted; a file cut short gives what there is and says so.

    Raises:
        MediaError: empty, unsupported, truncated, too_many_streams, too_long, no_stream, decode_failed.
    """
    family = identify(file, size_bytes, limits)
    with opened(file, family, limits) as container:
        stream = best_sound(container)
        codec = codec_name(stream)
        alone = not film_streams(container)
        own = stream_seconds(stream)
        reader = _Reader(container, stream, limits)
        desk: _Desk | None = None
        for frame, gap_s in reader.frames():
            if desk is None:
                desk = _Desk(frame, out)
            desk.take(frame, gap_s)
            check_duration(desk.seconds, limits, verb="lasts more than")
        if desk is None:
            raise reader.decoder.nothing("sound")
        samples = desk.finish()
        if not samples:
            raise reader.decoder.nothing("sound")
        # The container's own length may be that of the picture.
        claimed = own if not alone and own else (claimed_seconds(container, family, file) if alone else None)
    duration = samples / SAMPLE_RATE
    return PcmInfo(
        duration_s=duration,
        samples=samples,
        codec=codec,
        packets=reader.decoder.packets,
        damaged_packets=reader.decoder.damaged,
        truncated=reader.decoder.broke_off or falls_short(claimed, duration),
        padded_s=round(desk.padded_s, 3),
        antiphase_share=desk.antiphase / samples,
        loudness=desk.meter.loudness(),
    )


class _Reader:
    """Decoded frames on one clock."""

    def __init__(self, container: Any, stream: Any, limits: Limits) -> None:
        self._container = container
        self._limits = limits
        self._key: tuple[str, str, int] | None = None
        self._floats = codec_name(stream).startswith("pcm_f")
        self.decoder = Decoder(container, stream, limits)

    def frames(self) -> Iterator[tuple[Any, float]]:
        """Decoded frames, each with the seconds missing before it."""
        origin = (self._container.start_time or 0) / 1e6
        heard_s = 0.0
        for decoded in self.decoder.frames():
            frame = self._finite(decoded) if self._floats else decoded
            key = (frame.format.name, frame.layout.name, frame.sample_rate)
            if key != self._key:
                check_sound(frame.sample_rate, len(frame.layout.channels), self._limits)
                self._key = key
            gap = 0.0
            if frame.pts is not None and frame.time_base:
                at = float(frame.pts * frame.time_base) - origin
                gap = at - heard_s
                if abs(gap) > _JITTER_S:
                    gap = gap if 0 < gap <= self._limits.max_gap_s else 0.0
                    origin += at - heard_s - gap  # a jump that is not filled moves the origin
                else:
                    gap = 0.0
            heard_s += gap + frame.samples / frame.sample_rate
            yield frame, gap

    def _finite(self, frame: Any) -> Any:
        """One NaN in a float recording would silence what follows for our filters, though not for every player."""
        import av
        import numpy as np

        sound = frame.to_ndarray()
        if np.isfinite(sound).all():
            return frame
        self.decoder.damaged += 1
        clean = av.AudioFrame.from_ndarray(
            np.nan_to_num(sound, nan=0.0, posinf=1.0, neginf=-1.0), format=frame.format.name, layout=frame.layout.name
        )
        clean.sample_rate, clean.pts, clean.time_base = frame.sample_rate, frame.pts, frame.time_base
        return clean


class _Desk:
    """Splits frames of one fixed layout to the two graphs: the models' copy and the meter."""

    def __init__(self, first: Any, out: BinaryIO) -> None:
        self._format, self._layout, self._rate = first.format.name, first.layout.name, first.sample_rate
        self._out = out
        self._converter: Any = None
        self._converts: tuple[str, str, int] | None = None
        self._mono = len(first.layout.channels) == 1
        layout = "mono" if self._mono else "stereo"
        # Without a largest value, the mix of six channels to floats is louder than any of them, and clips.
        resample = f"{SAMPLE_RATE}:osf=flt:out_chlayout={layout}:rematrix_maxval=1"
        self._voice = AudioGraph(first, (["aresample", resample], ["asetnsamples", f"n={SAMPLE_RATE}:p=0"]))
        self.meter = Meter(first)
        self.samples = 0
        self.antiphase = 0
        self.padded_s = 0.0
        self.seconds = 0.0

    def take(self, frame: Any, gap_s: float) -> None:
        """Add one decoded frame after `gap_s` seconds of silence."""
        while gap_s > 0:
            piece = min(gap_s, 1.0)
            self._write(self._voice.push(self._silence(piece)))
            self.padded_s += piece
            self.seconds += piece
            gap_s -= piece
        for same in self._uniform(frame):
            same.pts = None
            self.seconds += same.samples / self._rate
            self.meter.take(same)
            self._write(self._voice.push(same))

    def finish(self) -> int:
        """Flush everything; the number of samples written."""
        if self._converter is not None:
            for same in self._converter.resample(None):
                self._write(self._voice.push(same))
        self.meter.take(None)
        self._write(self._voice.push(None))
        return self.samples

    def _uniform(self, frame: Any) -> list[Any]:
        """Some files change rate or channels midway; everything after the first frame follows the first frame."""
        import av

        key = (frame.format.name, frame.layout.name, frame.sample_rate)
        if key == (self._format, self._layout, self._rate):
            return [frame]
        if key != self._converts:
            self._converter = av.AudioResampler(self._format, self._layout, self._rate)
            self._converts = key
        frame.pts = None
        return list(self._converter.resample(frame))

    def _silence(self, seconds: float) -> Any:
        import av

        frame = av.AudioFrame(self._format, self._layout, max(1, round(seconds * self._rate)))
        frame.sample_rate = self._rate
        for plane in frame.planes:
            plane.update((b"\x80" if self._format.startswith("u8") else b"\0") * plane.buffer_size)
        return frame

    def _write(self, blocks: Iterator[Any]) -> None:
        import numpy as np

        for block in blocks:
            sound: NDArray[np.float32] = np.asarray(block.to_ndarray(), dtype=np.float32).reshape(-1)
            np.nan_to_num(sound, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
            mono = sound if self._mono else self._mixed(sound.reshape(-1, 2))
            self._out.write((mono * 32_767).round().clip(-32_768, 32_767).astype("<i2").tobytes())
            self.samples += len(mono)

    def _mixed(self, stereo: "NDArray[np.float32]") -> "NDArray[np.float32]":
        """One channel of two; not the sum where that would erase what each of them says."""
        left, right = stereo[:, 0], stereo[:, 1]
        mid: NDArray[np.float32] = ((left + right) / 2).astype(left.dtype)
        side = (left - right) / 2
        side_power = float(side @ side) / len(side)
        if side_power > _AUDIBLE_POWER and float(mid @ mid) / len(mid) < _ANTIPHASE * side_power:
            self.antiphase += len(mid)
            return left
        return mid

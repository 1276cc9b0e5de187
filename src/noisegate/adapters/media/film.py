"""The pictures of a film worth looking at: scene starts and changes within scenes, each with the time it stands for.

Runs in the child. The film is decoded once, front to back; about four moments a second are compared as thumbnails, so
that what is shown for a quarter of a second is seen and what stands still for an hour costs one picture. A picture that
comes back (an interviewer, a title card) is kept once and its returns are noted. Memory holds one decoded frame, the
thumbnails of the kept ones, and nothing that grows with the film's length but a short list of times.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from noisegate.adapters.media.answers import Shot, Shots
from noisegate.adapters.media.limits import Limits
from noisegate.adapters.media.looks import COLOURS, TILES, Look, Movement, difference, differences, is_blend, look_at
from noisegate.adapters.media.opening import (
    FILM_CODECS,
    check_duration,
    check_pixels,
    checked_codec,
    container_seconds,
    falls_short,
    film_streams,
    identify,
    opened,
    stream_seconds,
)
from noisegate.adapters.media.packets import Decoder
from noisegate.core.errors import MediaError

STEP_S = 0.25
"""Seconds between the moments that are compared, besides every key frame."""
_MOVING_S = 2.0  # while everything moves, one picture per this many seconds
_JPEG_QUALITY = 95
_MAX_RETURNS = 50  # noted per picture


def shots(
    file: BinaryIO, size_bytes: int, out: BinaryIO, *, per_minute: int, max_frames: int, max_side: int, limits: Limits
) -> Shots:
    """Choose pictures and write them to `out` as JPEGs one after another.

    Args:
        file: Readable and seekable.
        size_bytes: Its length.
        out: Takes the JPEGs; may hold gaps.
        per_minute: At most this many pictures of any minute; the ones least like what came before are kept.
        max_frames: At most this many in all, spread over the film.
        max_side: Pixels of the longer side.
        limits: What may be claimed.

    Raises:
        MediaError: empty, unsupported, truncated, too_large, too_long, too_many_streams, no_stream, decode_failed.
    """
    family = identify(file, size_bytes, limits)
    with opened(file, family, limits) as container:
        films = film_streams(container)
        if not films:
            raise MediaError(f"there is no film among the {len(container.streams)} streams", kind="no_stream")
        default = container.streams.best("video")
        stream = checked_codec(default if default in films else films[0], FILM_CODECS)
        reel = _Reel(container, stream, limits)
        album = _Album(out, max_side, _windows(container_seconds(container), per_minute, max_frames), max_frames)
        for time_s, frame in reel.moments():
            check_duration(time_s, limits, verb="lasts more than")
            album.look(time_s, frame)
        if not reel.end_s:
            raise reel.decoder.nothing("pictures")
        claimed = stream_seconds(stream)
        if claimed is None and not container.streams.audio:  # else it may be the length of the sound
            claimed = container_seconds(container)
        end_s = max(reel.end_s, min(reel.decoder.reached_s, limits.max_duration_s))  # a still may be one long packet
        return Shots(
            shots=album.shots(end_s),
            duration_s=end_s,
            packets=reel.decoder.packets,
            damaged_packets=reel.decoder.damaged,
            truncated=reel.decoder.broke_off or falls_short(claimed, end_s),
        )


@dataclass(frozen=True)
class _Windows:
    """How many pictures may come from one stretch of the film."""

    seconds: float
    pictures: int


def _windows(duration_s: float | None, per_minute: int, max_frames: int) -> _Windows:
    """A minute each, or longer when `max_frames` must last for more of them. The length is a claim; see `_Album`."""
    minutes = math.ceil((duration_s or 0.0) / 60) or 1
    if minutes * per_minute <= max_frames:
        return _Windows(60.0, per_minute)
    if minutes <= max_frames:
        return _Windows(60.0, max(1, max_frames // minutes))
    return _Windows(60.0 * minutes / max_frames, 1)


class _Reel:
    """Decodes the frames that are to be compared."""

    def __init__(self, container: Any, stream: Any, limits: Limits) -> None:
        self._container = container
        self._stream = stream
        self._limits = limits
        self._frame_s = min(1.0, float(1 / stream.average_rate)) if stream.average_rate else 0.04
        self.decoder = Decoder(container, stream, limits)
        self.end_s = 0.0

    def moments(self) -> Iterator[tuple[float, Any]]:
        """(seconds, frame) about every STEP_S and at key frames; times never run backwards."""
        context = self._stream.codec_context
        context.thread_type, context.thread_count = "NONE", 1
        context.options = {"max_pixels": str(self._limits.max_pixels)}
        # Frames that no other frame needs are half of a usual film. A file may mark all of them so, to hide them:
        # when what remains leaves holes, everything is decoded.
        context.skip_frame = "NONREF"
        origin = (self._container.start_time or 0) / 1e6
        due = 0.0
        for frame in self.decoder.frames():
            time_s = self.end_s
            if frame.pts is not None and frame.time_base:
                time_s = max(0.0, float(frame.pts * frame.time_base) - origin)
            if time_s - self.end_s > STEP_S and context.skip_frame != "DEFAULT":
                context.skip_frame = "DEFAULT"
            if time_s < due - 2 * STEP_S:  # a clock that jumps back goes on from here
                origin += time_s - self.end_s
                time_s = self.end_s
            self.end_s = max(self.end_s, time_s + self._frame_s)
            if time_s >= due or (frame.key_frame and time_s >= due - STEP_S / 2):
                check_pixels(frame.width, frame.height, self._limits)
                yield time_s, frame
                due = time_s + STEP_S


@dataclass(eq=False)
class _Kept:
    """One picture in the album."""

    time_s: float
    why: str
    novelty: float
    window: int
    offset: int
    size: int
    width: int
    height: int
    shown: list[tuple[float, float]] = field(default_factory=list)

    def worth(self) -> tuple[bool, float]:
        """What decides who must go when there are too many: cuts before movement, then the most unlike."""
        return self.why != "change", self.novelty


class _Album:
    """Decides which moments are kept."""

    def __init__(self, out: BinaryIO, max_side: int, windows: _Windows, max_frames: int) -> None:
        import numpy as np

        self._out = out
        self._max_side = max_side
        self._windows = windows
        self._max_frames = max_frames
        self._kept: list[_Kept] = []
        self._colours = np.zeros((0, COLOURS), dtype=np.int16)
        self._details = np.zeros((0, TILES), dtype=np.int16)
        self._timeline: list[tuple[float, _Kept]] = []
        self._shown: Look | None = None
        self._fading: tuple[Look, _Kept] | None = None  # what was shown before, and the picture kept last
        self._movement = Movement()
        self._looked_s = 0.0
        self._free: list[tuple[int, int]] = []
        self._end = 0

    def look(self, time_s: float, frame: Any) -> None:
        """Compare one moment with what is shown and with everything kept; keep it when it is new."""
        look = look_at(frame)
        abrupt, at_rest = self._movement.see(look)
        if self._shown is None:
            self._keep(time_s, frame, look, "start", math.inf)
        elif max(difference(look, self._shown)) < 1.0:
            if at_rest:
                self._fading = None
            return
        elif abrupt or at_rest or time_s >= self._looked_s + _MOVING_S:
            self._meet(time_s, frame, look, "scene" if abrupt else "change")
        else:
            return  # in the middle of a movement
        self._looked_s = time_s

    def _meet(self, time_s: float, frame: Any, look: Look, why: str) -> None:
        """A picture that is not the one shown: an old acquaintance or a new one."""
        if self._fading is not None and self._shown is not None:
            before, middle = self._fading
            young = time_s <= middle.time_s + _MOVING_S
            if young and middle in self._kept and is_blend(before, self._shown, look):
                time_s, why = middle.time_s, middle.why  # the fade began this scene, and is not worth looking at
                self._drop(middle)
        distances = differences(look, self._colours, self._details).max(axis=1, initial=0.0)
        nearest = int(distances.argmin()) if len(distances) else -1
        if nearest >= 0 and distances[nearest] < 1.0:
            self._fading = None
            self._shown = Look(self._colours[nearest], self._details[nearest])
            self._turn(time_s, self._kept[nearest])
        else:
            earlier = self._shown
            kept = self._keep(time_s, frame, look, why, float(distances[nearest]) if nearest >= 0 else math.inf)
            self._fading = None if kept is None or earlier is None else (earlier, kept)

    def _turn(self, time_s: float, kept: _Kept) -> None:
        if not self._timeline or self._timeline[-1][1] is not kept:
            self._timeline.append((time_s, kept))

    def _keep(self, time_s: float, frame: Any, look: Look, why: str, novelty: float) -> _Kept | None:
        import numpy as np

        self._shown = look
        window = int(time_s // self._windows.seconds)
        rivals = [kept for kept in self._kept if kept.window == window]
        if len(rivals) >= self._windows.pictures:
            least = min(rivals, key=_Kept.worth)
            if least.worth() >= (why != "change", novelty):
                return None  # the picture before it goes on standing for this moment
            self._drop(least)
        elif len(self._kept) >= self._max_frames:  # the film is longer than it said: take from the fullest window
            counts: dict[int, int] = {}
            for kept in self._kept:
                counts[kept.window] = counts.get(kept.window, 0) + 1
            fullest = max(counts, key=lambda w: counts[w])
            self._drop(min((k for k in self._kept if k.window == fullest), key=_Kept.worth))
        offset, size, width, height = self._write(frame)
        kept = _Kept(time_s, why, novelty, window, offset, size, width, height)
        self._kept.append(kept)
        self._colours = np.concatenate([self._colours, look.colour[None]])
        self._details = np.concatenate([self._details, look.detail[None]])
        self._turn(time_s, kept)
        return kept

    def _drop(self, kept: _Kept) -> None:
        import numpy as np

        at = self._kept.index(kept)
        del self._kept[at]
        self._colours = np.delete(self._colours, at, axis=0)
        self._details = np.delete(self._details, at, axis=0)
        self._timeline = [(time, one) for time, one in self._timeline if one is not kept]
        self._free.append((kept.offset, kept.size))

    def _write(self, frame: Any) -> tuple[int, int, int, int]:
        import io

        from PIL import Image

        scale = min(1.0, self._max_side / max(frame.width, frame.height))
        size = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
        picture = Image.fromarray(frame.reformat(*size, "rgb24", interpolation="BICUBIC").to_ndarray())
        if frame.rotation % 360:
            picture = picture.rotate(frame.rotation, expand=True)
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=_JPEG_QUALITY)
        jpeg = data.getbuffer()
        slot = next((slot for slot in self._free if slot[1] >= len(jpeg)), None)
        if slot is None:
            offset, self._end = self._end, self._end + len(jpeg)
        else:
            self._free.remove(slot)
            offset = slot[0]
        self._out.seek(offset)
        self._out.write(jpeg)
        return offset, len(jpeg), *picture.size

    def shots(self, end_s: float) -> tuple[Shot, ...]:
        """Everything kept, in the order it first appears, each with the times it stands for."""
        for place, (time_s, kept) in enumerate(self._timeline):
            until = self._timeline[place + 1][0] if place + 1 < len(self._timeline) else end_s
            last = kept.shown[-1] if kept.shown else None
            if last is not None and last[1] >= time_s:  # what was between them has been dropped
                kept.shown[-1] = (last[0], until)
            else:
                kept.shown.append((time_s, until))
        return tuple(
            Shot(
                offset=kept.offset,
                size=kept.size,
                width=kept.width,
                height=kept.height,
                time_s=kept.shown[0][0],
                end_s=kept.shown[0][1],
                why=kept.why,
                returns=tuple(kept.shown[1 : 1 + _MAX_RETURNS]),
            )
            for kept in sorted(self._kept, key=lambda kept: kept.time_s)
        )

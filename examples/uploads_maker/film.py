"""Moving pictures: frames drawn one by one, written with their sound into an MP4 (H.264, AAC) or a WebM (VP9, Opus)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from uploads_maker.pictures import Box, Canvas
from uploads_maker.sound import RATE, MakerError, Pcm, audio_frame

SIZE = (480, 270)
"""Width and height of a film in pixels."""

FPS = 15
"""Frames a second."""

Draw = Callable[[float], Image.Image]
"""Draws the frame of one second."""

# one thread: the same tools make the same bytes on machines with more or fewer cores
_CODECS: dict[str, tuple[str, dict[str, str], str, str]] = {
    ".mp4": ("libx264", {"crf": "27", "preset": "slow", "threads": "1", "flags": "+bitexact"}, "aac", "fltp"),
    ".webm": (
        "libvpx-vp9",
        {"crf": "38", "b": "0", "cpu-used": "3", "threads": "1", "flags": "+bitexact"},
        "libopus",
        "flt",
    ),
}


def write_film(path: Path, draw: Draw, pcm: Pcm, *, tags: dict[str, str] | None = None) -> None:
    """Write frames and soundtrack; the film is as long as its sound.

    Args:
        path: .mp4 or .webm.
        draw: called once a frame with its second.
        pcm: the soundtrack.
        tags: container metadata.

    Raises:
        MakerError: another suffix.
    """
    if path.suffix not in _CODECS:
        raise MakerError(f"cannot write {path.name!r}: the name must end in one of {', '.join(sorted(_CODECS))}")
    video_codec, options, audio_codec, sample_format = _CODECS[path.suffix]
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        container.metadata.update(tags or {})
        video: Any = container.add_stream(video_codec, rate=FPS, options=options)
        video.width, video.height = SIZE
        video.pix_fmt = "yuv420p"
        audio: Any = container.add_stream(audio_codec, rate=RATE, options={"flags": "+bitexact"})
        audio.codec_context.layout = "mono"
        audio.codec_context.format = sample_format
        audio.bit_rate = 48_000
        per_frame = RATE // FPS
        for number in range(-(-pcm.size // per_frame)):
            frame = _yuv(draw(number / FPS))
            frame.pts = number
            container.mux(video.encode(frame))
            start = number * per_frame
            container.mux(audio.encode(audio_frame(pcm[start : start + per_frame], sample_format, start)))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


def _yuv(picture: Image.Image) -> Any:
    """Turn a picture into a frame of studio-range BT.601 with halved chroma.

    Done here and not by the library: with its own conversion the encoded bytes differed between runs now and then.
    """
    rgb = np.asarray(picture.convert("RGB"), dtype=np.float32) / 255
    width, height = picture.size
    halved = rgb.reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))
    planes = (
        16 + rgb @ np.array([65.481, 128.553, 24.966], dtype=np.float32),
        128 + halved @ np.array([-37.797, -74.203, 112.0], dtype=np.float32),
        128 + halved @ np.array([112.0, -93.786, -18.214], dtype=np.float32),
    )
    flat = np.concatenate([plane.round().astype(np.uint8).reshape(-1) for plane in planes])
    return av.VideoFrame.from_ndarray(flat.reshape(height * 3 // 2, width), format="yuv420p")


def kite_frame(second: float, caption: str) -> Image.Image:
    """A kite over hills; the wind turns with the seconds, the caption stands at the foot."""
    canvas = Canvas(SIZE, (126, 190, 232), (226, 240, 248))
    for x, y, size in ((90, 60, 22), (330, 44, 28)):
        drift = (x + 9 * second) % 560 - 40
        for offset, radius in ((0, size), (size, size * 0.8), (-size, size * 0.7)):
            canvas.circle(drift + offset, y, radius, (250, 252, 255))
    canvas.shape([(0, 210), (160, 180), (330, 215), (480, 190), (480, 270), (0, 270)], (104, 160, 92))
    kite_x, kite_y = 250 + 90 * np.sin(second * 0.9), 95 + 24 * np.sin(second * 1.7)
    canvas.line([(140, 225), (kite_x, kite_y + 30)], (90, 90, 90), 1.2)
    canvas.shape(
        [(kite_x, kite_y - 36), (kite_x + 26, kite_y), (kite_x, kite_y + 36), (kite_x - 26, kite_y)], (216, 72, 62)
    )
    canvas.shape([(kite_x, kite_y - 36), (kite_x + 26, kite_y), (kite_x, kite_y + 36)], (244, 188, 74))
    tail = [(kite_x + 7 * np.sin(i + 5 * second), kite_y + 36 + 7 * i) for i in range(7)]
    canvas.line(tail, (80, 84, 150), 2)
    canvas.words([caption], 24, 226, 30, (30, 50, 40))
    return canvas.done()


def force_frame(second: float, caption: str) -> Image.Image:
    """Three balls that bounce, for a scene that looks different from the hills."""
    canvas = Canvas(SIZE, (250, 244, 226), (240, 214, 170))
    for number, colour in enumerate(((216, 72, 62), (74, 122, 186), (90, 160, 96))):
        height = abs(np.sin(second * 2.2 + number * 0.8))
        canvas.circle(110 + 130 * number, 196 - 130 * height, 24, colour)
    canvas.block(0, 220, 480, 270, (120, 92, 66))
    canvas.words([caption], 24, 226, 30, (252, 246, 230))
    return canvas.done()


def street_frame(second: float) -> Image.Image:
    """A bus that drives along a street."""
    canvas = Canvas(SIZE, (200, 212, 226), (232, 226, 214))
    for block in range(5):
        left, top = block * 100, 70 + 24 * (block % 2)
        canvas.block(left, top, left + 90, 200, (150 - 12 * block, 130, 128 + 10 * block))
    canvas.block(0, 200, 480, 270, (88, 88, 94))
    x = (second * 60) % 640 - 130
    canvas.block(x, 160, x + 120, 222, (206, 62, 54))
    for window in range(4):
        pane = x + 8 + 28 * window
        canvas.block(pane, 168, pane + 20, 190, (236, 240, 244))
    for wheel in (26, 94):
        canvas.circle(x + wheel, 224, 11, (30, 30, 34))
    return canvas.done()


def placard_frame(second: float, words: tuple[str, ...]) -> tuple[Image.Image, Box]:
    """White words on a dark ground that breathes a little, and the box they fill."""
    shade = round(34 + 8 * np.sin(second * 3))
    canvas = Canvas(SIZE, (shade + 20, 26, 34), (24, 18, shade))
    box = canvas.words(words, 30, 60, 50, (255, 255, 255))
    return canvas.done(), box

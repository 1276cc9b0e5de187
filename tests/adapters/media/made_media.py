"""Small real media, made here: recordings, films, pictures and containers as a creator's tools or an attacker write them."""

import io
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import lru_cache
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Sound = NDArray[np.float32]


def tone(seconds: float, *, hertz: float = 440.0, level: float = 0.3, rate: int = 44_100) -> Sound:
    """A sine, shape (n,)."""
    t = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * t)).astype(np.float32)


def wav(sound: NDArray[np.generic], *, rate: int = 44_100, form: int = 1, claimed: int | None = None) -> bytes:
    """A WAV file; `sound` is (n,) or (n, channels) of int16, float32 or floats in -1..1 (written as int16)."""
    table = sound if sound.ndim == 2 else sound[:, None]
    if form == 1 and table.dtype.kind == "f":
        table = np.round(table * 32_767).astype("<i2")
    data = table.tobytes()
    return wav_header(len(data) if claimed is None else claimed, rate, table.shape[1], table.itemsize * 8, form) + data


def wav_header(size: int, rate: int = 44_100, channels: int = 1, bits: int = 16, form: int = 1) -> bytes:
    """The 44 bytes before the samples."""
    align = channels * bits // 8 & 0xFFFF
    chunk = struct.pack("<IHHIIHH", 16, form, channels, rate, rate * align & 0xFFFFFFFF, align, bits)
    return (
        b"RIFF"
        + struct.pack("<I", min(size + 36, 0xFFFFFFFF))
        + b"WAVEfmt "
        + chunk
        + b"data"
        + struct.pack("<I", size)
    )


def encoded(sound: Sound, codec: str, form: str, *, rate: int = 44_100, options: dict[str, str] | None = None) -> bytes:
    """A compressed recording; `sound` is (n,) or (n, 2)."""
    table = sound if sound.ndim == 2 else sound[:, None]
    layout = "stereo" if table.shape[1] == 2 else "mono"
    # A real file: writing an index to the front means reading it again.
    with tempfile.NamedTemporaryFile() as file:
        with av.open(file.name, "w", format=form, options=options or {}) as container:
            _encode(container, table, codec, rate, layout)
        return file.read()


def _encode(container: Any, table: Sound, codec: str, rate: int, layout: str) -> None:
    stream = container.add_stream(codec, rate=rate, layout=layout)
    frame = av.AudioFrame.from_ndarray(
        np.round(table * 32_767).astype("int16").reshape(1, -1), format="s16", layout=layout
    )
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def mp3(sound: Sound) -> bytes:
    """An MP3 with a Xing header."""
    return encoded(sound, "libmp3lame", "mp3")


def m4a(sound: Sound, *, faststart: bool = False) -> bytes:
    """AAC in MP4, its index at the end, or at the beginning."""
    return encoded(sound, "aac", "mp4", options={"movflags": "faststart"} if faststart else {})


def film(
    pictures: Iterable[Image.Image],
    *,
    fps: int = 8,
    sound: Sound | None = None,
    form: str = "mp4",
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    muxing: dict[str, str] | None = None,
) -> bytes:
    """A film of these pictures, one frame each."""
    out = io.BytesIO()
    with av.open(out, "w", format=form, options=muxing or {}) as container:
        video = audio = None
        for number, picture in enumerate(pictures):
            if video is None:
                quick = {"preset": "ultrafast"} if codec == "libx264" and options is None else {}
                video = container.add_stream(codec, rate=fps, options=options or quick)
                video.width, video.height, video.pix_fmt = *picture.size, "yuv420p"
                video.codec_context.thread_count = 1
                if sound is not None:
                    audio = container.add_stream("aac", rate=44_100, layout="mono")
            frame = av.VideoFrame.from_image(picture)
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(video.encode(frame))
        if video is not None:
            container.mux(video.encode(None))
        if audio is not None and sound is not None:
            frame = av.AudioFrame.from_ndarray(
                np.round(sound * 32_767).astype("int16").reshape(1, -1), format="s16", layout="mono"
            )
            frame.sample_rate, frame.pts, frame.time_base = 44_100, 0, Fraction(1, 44_100)
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return out.getvalue()


@lru_cache
def scene(seed: int, size: tuple[int, int] = (320, 180)) -> Image.Image:
    """A soft picture unlike those of other seeds."""
    small = np.random.default_rng(seed).integers(0, 255, (4, 6, 3)).astype("uint8")
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def captioned(picture: Image.Image, words: str, *, height: int) -> Image.Image:
    """The picture with words drawn across its lower part."""
    copy = picture.copy()
    ImageDraw.Draw(copy).text(
        (copy.width // 10, copy.height * 3 // 4),
        words,
        fill="white",
        font=ImageFont.load_default(height),
        stroke_width=1,
        stroke_fill="black",
    )
    return copy


def saved(picture: Image.Image, form: str, **options: object) -> bytes:
    """The picture as a file of Pillow's format `form`."""
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def png_chunk(name: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def flat_png(width: int, height: int, *extra: bytes, rows: int | None = None) -> bytes:
    """A one-bit black PNG of any size, a few kilobytes long, with further chunks before its pixels."""
    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    data = b"".join(packer.compress(row) for _ in range(height if rows is None else rows)) + packer.flush()
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")


def matroska_with_streams(count: int) -> bytes:
    """A Matroska file that declares `count` sound tracks, 64 bytes each, and has one packet."""

    def element(name: bytes, data: bytes) -> bytes:
        return name + ((1 << 56) | len(data)).to_bytes(8, "big") + data

    def track(number: int) -> bytes:
        name = struct.pack(">I", number)
        sound = element(b"\xe1", b"\xb5\x84" + struct.pack(">f", 16_000) + b"\x9f\x81\x01\x62\x64\x81\x10")
        return element(
            b"\xae", b"\xd7\x84" + name + b"\x73\xc5\x84" + name + b"\x83\x81\x02\x86\x8fA_PCM/INT/LIT\0\0" + sound
        )

    head = element(
        b"\x1a\x45\xdf\xa3",
        element(b"\x42\x82", b"matroska") + element(b"\x42\x87", b"\x04") + element(b"\x42\x85", b"\x02"),
    )
    tracks = element(b"\x16\x54\xae\x6b", b"".join(track(number) for number in range(1, count + 1)))
    cluster = element(b"\x1f\x43\xb6\x75", b"\xe7\x81\x00" + element(b"\xa3", b"\x81\0\0\x80" + bytes(640)))
    return head + element(b"\x18\x53\x80\x67", tracks + cluster)


def many_streams(count: int, form: str) -> bytes:
    """A container with `count` silent sound streams, written by libavformat."""
    out = io.BytesIO()
    with av.open(out, "w", format=form) as container:
        streams = [container.add_stream("mp2", rate=16_000, layout="mono") for _ in range(count)]
        for stream in streams:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1152), "int16"), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16_000, 0, Fraction(1, 16_000)
            container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    return out.getvalue()


def damaged(data: bytes, places: Callable[[int], Iterable[tuple[int, bytes]]]) -> bytes:
    """A copy with some bytes replaced: `places` gives (offset, bytes) for the file's length."""
    copy = bytearray(data)
    for at, replacement in places(len(data)):
        copy[at : at + len(replacement)] = replacement
    return bytes(copy)

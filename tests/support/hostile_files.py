"""Files that are broken, lie about themselves or attack what opens them: name -> how to make it, and what must be said."""

import gzip
import io
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "adapters" / "media"))  # the makers of media

from made_media import (
    film,
    flat_png,
    m4a,
    many_streams,
    matroska_with_streams,
    mp3,
    saved,
    scene,
    tone,
    wav,
    wav_header,
)

Make = Callable[[], bytes]


@dataclass(frozen=True)
class Hostile:
    """One file."""

    make: Make
    kinds: frozenset[str]
    """Kinds of failure that are right."""


def _is(make: Make, *kinds: str) -> Hostile:
    return Hostile(make, frozenset(kinds))


def _cut(make: Make, share: float = 0.5) -> Make:
    def half() -> bytes:
        data = make()
        return data[: round(len(data) * share)]

    return half


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(20_000_000))
    return out.getvalue()


def _clip() -> bytes:
    return film((scene(n // 4) for n in range(12)), sound=tone(1.5))


SOUND = tone(6.0)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
ENGLISH = b"What a quiet evening this is, with songs about trains and the people who wait for them.\n"

HOSTILE: Mapping[str, Hostile] = {
    "empty.mp3": _is(bytes, "empty"),
    "empty.png": _is(bytes, "empty"),
    "empty.mp4": _is(bytes, "empty"),
    "empty.txt": _is(bytes, "empty"),
    "cut.mp3": _is(_cut(lambda: mp3(SOUND)), "truncated"),
    "cut.wav": _is(_cut(lambda: wav(SOUND)), "truncated"),
    "cut.m4a": _is(_cut(lambda: m4a(SOUND)), "truncated", "decode_failed"),
    "cut-index-first.m4a": _is(_cut(lambda: m4a(SOUND, faststart=True)), "truncated"),
    "cut.png": _is(_cut(lambda: saved(scene(1), "PNG")), "truncated"),
    "cut.jpg": _is(_cut(lambda: saved(scene(1), "JPEG")), "truncated"),
    "cut.mp4": _is(_cut(_clip), "truncated", "decode_failed"),
    "head-only.flac": _is(lambda: b"fLaC\x00\x00\x00\x22" + bytes(20), "decode_failed", "truncated"),
    "zero-length.wav": _is(lambda: wav(np.zeros(0, np.float32)), "empty"),
    "header-only.wav": _is(lambda: wav_header(2**31), "empty", "truncated"),
    "absurd-duration.wav": _is(lambda: wav_header(0xFFFFFFF0, rate=1) + bytes(1000), "decode_failed", "too_long"),
    "streams.mkv": _is(lambda: matroska_with_streams(100_000), "too_many_streams"),
    "streams.ts": _is(lambda: many_streams(40, "mpegts"), "too_many_streams"),
    "bomb.png": _is(lambda: flat_png(12_000, 12_000), "too_large"),
    "claim.png": _is(lambda: flat_png(2**31 - 1, 2**31 - 1, rows=1), "too_large"),
    "svg-cover.png": _is(lambda: SVG, "mislabelled"),
    "cover.svg": _is(lambda: SVG, "unsupported"),
    "archive.mp3": _is(_zip, "mislabelled"),
    "archive.zip": _is(_zip, "unsupported"),
    "archive.wav": _is(lambda: gzip.compress(bytes(10_000_000)), "mislabelled"),
    "program.mp3": _is(lambda: b"\x7fELF" + bytes(1000), "mislabelled"),
    "page.mp3": _is(lambda: b"<!doctype html><html></html>", "mislabelled"),
    "picture.mp3": _is(lambda: saved(scene(1), "PNG"), "mislabelled"),
    "sound.png": _is(lambda: mp3(SOUND), "mislabelled"),
    "noise.mp4": _is(lambda: np.random.default_rng(1).bytes(50_000), "unsupported", "decode_failed", "mislabelled"),
    "latin.txt": _is(lambda: "Grüße an alle, die das lesen können".encode("latin-1"), "decode_failed"),
    "not-utf-8.txt": _is(lambda: b"hello \xff\xfe\x80 world, how are you\n" * 5, "decode_failed", "unsupported"),
    "binary.txt": _is(lambda: np.random.default_rng(2).bytes(2000), "unsupported", "mislabelled"),
    "ten-megabytes.txt": _is(lambda: b"hello world. " * 800_000, "too_large"),
}

HARMLESS: Mapping[str, Make] = {
    "good.mp3": lambda: mp3(SOUND),
    "good.m4a": lambda: m4a(SOUND),
    "good.wav": lambda: wav(SOUND),
    "good.png": lambda: saved(scene(1), "PNG"),
    "good.mp4": _clip,
    "good.txt": lambda: ENGLISH,
    "marked.txt": lambda: b"\xef\xbb\xbf" + ENGLISH,
}

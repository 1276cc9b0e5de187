"""Opening an untrusted file with the one reader its content calls for, and holding its headers against the limits.

Runs in the child. Used by everything that decodes; knows containers and streams, not what is done with them.
"""

import errno
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from noisegate.adapters.media.limits import Limits
from noisegate.adapters.media.sniff import AUDIO, FAMILIES, HEAD_BYTES, VIDEO, Family, sniff
from noisegate.core.errors import MediaError


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Decoders a stranger's file may reach. Of some five hundred, these are what creators' tools write and old archives
# hold; the rest is attack surface.
SOUND_CODECS = _words(
    "aac aac_latm ac3 eac3 alac amrnb amrwb dca flac libopus opus mp1float mp2float mp2 mp3float mp3 vorbis wavpack "
    "wmav1 wmav2 wmapro wmalossless adpcm_ima_wav adpcm_ima_qt adpcm_ms pcm_alaw pcm_mulaw pcm_f32be pcm_f32le "
    "pcm_f64be pcm_f64le pcm_s8 pcm_u8 pcm_s16be pcm_s16le pcm_s24be pcm_s24le pcm_s32be pcm_s32le"
)
FILM_CODECS = _words(
    "av1 libdav1d dnxhd dvvideo flv h263 h264 hevc mjpeg mpeg1video mpeg2video mpeg4 msmpeg4 msmpeg4v1 msmpeg4v2 "
    "msmpeg4v3 prores theora vc1 vp8 vp9 libvpx libvpx-vp9 wmv1 wmv2 wmv3"
)
_CLOCK = re.compile(r"(\d{1,4}):(\d\d):(\d\d(?:\.\d{1,9})?)", re.ASCII)
_SHORTER = (2.0, 0.05)  # seconds, and share of the claimed length, that may be missing before we call it truncated
_READ_BYTES = 1 << 18  # one call from libavformat into Python per quarter megabyte
_UNKNOWN_LENGTH = 0x7FFF_0000  # a WAV header that says two gigabytes or more was written to a pipe
_ESTIMATED = frozenset({"aac", "amr"})  # no length in the file: libavformat divides its size by the first bit rate


def identify(file: BinaryIO, size_bytes: int, limits: Limits) -> Family:
    """The family of a file that is neither empty nor too large.

    Raises:
        MediaError: empty, too_large.
    """
    if size_bytes == 0:
        raise MediaError("the file is empty (0 bytes)", kind="empty")
    if size_bytes > limits.max_bytes:
        raise MediaError(
            f"the file has {size_bytes:,} bytes; at most {limits.max_bytes:,} are allowed", kind="too_large"
        )
    return sniff(file)


def check_pixels(width: int, height: int, limits: Limits) -> None:
    """Refuse pictures and frames that would need too much memory.

    Raises:
        MediaError: too_large, or decode_failed for an edge of no length.
    """
    if width <= 0 or height <= 0:
        raise MediaError(f"the picture is {width} x {height} pixels; both must be at least 1", kind="decode_failed")
    if width * height > limits.max_pixels or max(width, height) > limits.max_side:
        raise MediaError(
            f"the picture is {width} x {height} pixels ({width * height / 1e6:.1f} million); at most "
            f"{limits.max_pixels / 1e6:g} million and {limits.max_side} on a side are allowed",
            kind="too_large",
        )


def check_duration(seconds: float | None, limits: Limits, *, verb: str = "claims to last") -> None:
    """Refuse what is, or claims to be, too long.

    Raises:
        MediaError: too_long.
    """
    if seconds is not None and not seconds <= limits.max_duration_s:
        raise MediaError(
            f"the file {verb} {seconds / 3600:,.1f} hours; at most {limits.max_duration_s / 3600:g} are allowed",
            kind="too_long",
        )


class _Source:
    """A file as libavformat likes it: a place that does not exist is an answer, not an exception."""

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.tell = file.read, file.tell
        self._seek = file.seek

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """The new position, or minus an error number."""
        try:
            return self._seek(offset, whence)
        except (OSError, ValueError):
            return -errno.EINVAL


@contextmanager
def opened(file: BinaryIO, family: Family, limits: Limits) -> Iterator[Any]:
    """A PyAV container, opened with the one demuxer its content calls for, its stream count checked.

    libavformat reads through `file` alone: no path, no network, no second file.

    Raises:
        MediaError: unsupported, too_many_streams, truncated, decode_failed.
    """
    import av

    if family.demuxer is None:
        raise MediaError(
            f"the content is {family.words}, not sound or film; allowed are {accepted(AUDIO, VIDEO)}",
            kind="unsupported",
        )
    options = {
        "format_whitelist": family.demuxer,
        "protocol_whitelist": "file",
        "max_streams": str(limits.max_streams + 1),
        "max_pixels": str(limits.max_pixels),
        "threads": "1",
    }
    file.seek(0)
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as log:
            container = av.open(
                _Source(file),
                format=family.demuxer,
                options=options,
                metadata_errors="replace",
                buffer_size=_READ_BYTES,
            )
    except (av.FFmpegError, ValueError) as error:
        raise _cannot_open(error, " ".join(line for _, _, line in log), family, limits) from error
    finally:
        av.logging.set_level(None)
    with container:
        if len(container.streams) > limits.max_streams:
            raise _too_many_streams(limits)
        yield container


def film_streams(container: Any) -> list[Any]:
    """The streams that move: album art, which pretends to be film, is left out."""
    from av.stream import Disposition

    return [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]


def best_sound(container: Any) -> Any:
    """The audio stream a player would choose.

    Raises:
        MediaError: no_stream; decode_failed; unsupported when there is no decoder we allow.
    """
    stream = container.streams.best("audio")
    if stream is None and container.streams.audio:  # libavformat passes over streams without a channel
        raise MediaError("the header of the sound makes no sense: no channels or no rate", kind="decode_failed")
    if stream is None:
        raise MediaError(f"there is no sound among the {len(container.streams)} streams", kind="no_stream")
    return checked_codec(stream, SOUND_CODECS)


def checked_codec(stream: Any, allowed: frozenset[str]) -> Any:
    """The stream itself, if its decoder is one we allow.

    Raises:
        MediaError: unsupported.
    """
    name = codec_name(stream)
    if name not in allowed:
        raise MediaError(
            f"the {stream.type} codec is `{name}`; allowed are {', '.join(sorted(allowed))}", kind="unsupported"
        )
    return stream


def codec_name(stream: Any) -> str:
    """The decoder's name, `unknown` when there is none."""
    return "unknown" if stream.codec_context is None else str(stream.codec_context.name)


def claimed_seconds(container: Any, family: Family, file: BinaryIO) -> float | None:
    """How long the headers say the file is, where a header says it; None where the length was guessed from the size.

    Moves the file's position: libavformat must have finished with it.
    """
    if family.name in _ESTIMATED or (family.name == "mp3" and not _counts_its_frames(file)):
        return None
    if family.name == "wav":
        claim = _wav_seconds(file)
        if claim is not None:
            return claim
    return container_seconds(container)


def container_seconds(container: Any) -> float | None:
    """The length by libavformat, which may be an estimate; None when unknown."""
    microseconds = container.duration
    return None if microseconds is None or microseconds <= 0 else microseconds / 1e6


def stream_seconds(stream: Any) -> float | None:
    """How long the headers say one stream is; None when they do not. Matroska keeps it among the tags."""
    if stream.duration is not None and stream.time_base:
        return float(stream.duration * stream.time_base)
    clock = _CLOCK.fullmatch(stream.metadata.get("DURATION", ""))
    return None if clock is None else int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])


def falls_short(claimed_s: float | None, there_s: float) -> bool:
    """Whether clearly less is there than was claimed."""
    return claimed_s is not None and claimed_s - there_s > max(_SHORTER[0], _SHORTER[1] * claimed_s)


def check_sound(sample_rate: int, channels: int, limits: Limits) -> None:
    """Refuse rates and channel counts that no recording has.

    Raises:
        MediaError: decode_failed.
    """
    if not limits.min_sample_rate <= sample_rate <= limits.max_sample_rate:
        raise MediaError(
            f"the sample rate is {sample_rate} Hz; allowed are {limits.min_sample_rate} to {limits.max_sample_rate}",
            kind="decode_failed",
        )
    if not 1 <= channels <= limits.max_channels:
        raise MediaError(
            f"the sound has {channels} channels; allowed are 1 to {limits.max_channels}", kind="decode_failed"
        )


def accepted(*kinds: str) -> str:
    """The names of the families that can be decoded as one of these kinds, for a message."""
    usable = (f for f in FAMILIES.values() if (f.demuxer or f.plugin) and f.kinds & set(kinds))
    return ", ".join(f.name for f in usable)


def _cannot_open(error: Exception, log: str, family: Family, limits: Limits) -> Exception:
    if "max_streams" in log:
        return _too_many_streams(limits)
    if isinstance(error, MemoryError):
        return error
    if isinstance(error, EOFError) or "moov atom not found" in log:
        return MediaError(f"the {family.words} ends before its headers are complete", kind="truncated")
    return MediaError(f"the {family.words} cannot be opened: {getattr(error, 'strerror', error)}", kind="decode_failed")


def _too_many_streams(limits: Limits) -> MediaError:
    return MediaError(
        f"the container has more than {limits.max_streams} streams, which is all that is allowed",
        kind="too_many_streams",
    )


def _counts_its_frames(file: BinaryIO) -> bool:
    """Whether an MP3 says how many frames it has (a Xing, Info or VBRI header in its first frame)."""
    file.seek(0)
    head = file.read(10)
    start = (
        10 + sum((b & 0x7F) << s for b, s in zip(head[6:10], (21, 14, 7, 0), strict=True)) if head[:3] == b"ID3" else 0
    )
    file.seek(start)
    first = file.read(2048)
    return any(mark in first for mark in (b"Xing", b"Info", b"VBRI"))


def _wav_seconds(file: BinaryIO) -> float | None:
    """Seconds by the `data` chunk's own length, which libavformat silently cuts to the file's."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if not head.startswith(b"RIFF"):
        return None
    at, bytes_per_second = 12, 0
    while at + 8 <= len(head):
        name, size = struct.unpack_from("<4sI", head, at)
        if name == b"fmt " and at + 22 <= len(head):
            _, _, rate, _, align = struct.unpack_from("<HHIIH", head, at + 8)
            bytes_per_second = rate * align
        if name == b"data":
            known = bytes_per_second and 0 < size < _UNKNOWN_LENGTH
            return size / bytes_per_second if known else None
        at += 8 + size + (size & 1)
    return None

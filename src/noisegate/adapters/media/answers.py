"""What the operations on media answer, as data both sides of the guard can read without a decoder."""

from dataclasses import dataclass
from pathlib import Path

from noisegate.core.modality import SAMPLE_RATE, Loudness

KINDS = frozenset(
    {
        "empty",
        "truncated",
        "mislabelled",
        "unsupported",
        "too_large",
        "too_many_streams",
        "too_long",
        "no_stream",
        "decode_failed",
        "timed_out",
        "out_of_memory",
        "crashed",
    }
)
"""Every `kind` of a MediaError raised here."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What one file claims, checked against the limits; fields that do not apply are None or 0."""

    kind: str
    """`image`, `audio`, `video`, `text`, `archive` or `other`; only the first three can be decoded here."""
    container: str
    """Name of the content's family, for example `png`, `mp3`, `mp4`, `zip`."""
    media_type: str
    size_bytes: int
    as_named: bool = True
    """False when the name's extension belongs to another family of the same kind: a PNG called `.jpg`."""
    codecs: tuple[str, ...] = ()
    """One name per stream of sound or film."""
    duration_s: float | None = None
    """Seconds by the headers; None when they do not say."""
    width: int | None = None
    """Pixels: of a picture as shown upright, of the largest film stream as stored."""
    height: int | None = None
    streams: int = 0
    """Of any type."""
    audio_streams: int = 0
    sample_rate: int | None = None
    """Hertz of the stream that would be decoded."""
    channels: int | None = None
    attached_pictures: int = 0
    """Pictures inside a recording (album art)."""
    subtitle_streams: int = 0
    animated: bool = False
    """The picture moves; only its first frame is ever looked at."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """Of a decoded picture, in pixels."""

    height: int
    width: int


@dataclass(frozen=True, kw_only=True)
class PcmInfo:
    """What came of decoding the sound of one file."""

    duration_s: float
    """Seconds written; later times of the file are at the same second in the written sound."""
    samples: int
    """Written, 16 bits each."""
    sample_rate: int = SAMPLE_RATE
    codec: str
    packets: int
    damaged_packets: int
    """Of `packets`, how many did not decode; their time is silent or closed."""
    truncated: bool
    """The headers claim clearly more than there was to decode."""
    padded_s: float
    """Seconds of silence written for holes in the timestamps."""
    antiphase_share: float
    """Share of time, 0..1, in which left and right cancel out, so that one of them was taken instead of the mix."""
    loudness: Loudness


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One kept picture, as the child reports it."""

    offset: int
    """Bytes into the output where its JPEG begins."""
    size: int
    width: int
    height: int
    time_s: float
    """Seconds from the beginning of the film at which it appears."""
    end_s: float
    """When another picture takes its place."""
    why: str
    """`start`, `scene` (a cut, or something appearing at once) or `change` (it moved or faded into this)."""
    returns: tuple[tuple[float, float], ...] = ()
    """Further ranges in which (nearly) the same picture is shown again, at most fifty."""


@dataclass(frozen=True, kw_only=True)
class Shots:
    """What came of looking through one film."""

    shots: tuple[Shot, ...]
    duration_s: float
    packets: int
    damaged_packets: int
    """Of `packets`, how many did not decode."""
    truncated: bool
    """The headers claim clearly more than there was to see."""


@dataclass(frozen=True, kw_only=True)
class FrameInfo:
    """One picture chosen from a film, as a JPEG file."""

    index: int
    """0 for the first; in order of `time_s`."""
    time_s: float
    """Seconds from the beginning of the film at which it appears."""
    end_s: float
    """When another picture takes its place."""
    returns: tuple[tuple[float, float], ...]
    """Further ranges in seconds in which (nearly) the same picture is shown again."""
    width: int
    height: int
    path: Path
    why: str
    """`start`, `scene` (a cut, or something appearing at once) or `change` (it moved into this)."""


@dataclass(frozen=True, kw_only=True)
class FilmInfo:
    """What came of looking through one film."""

    frames: tuple[FrameInfo, ...]
    duration_s: float
    """Seconds until the last picture ends."""
    packets: int
    damaged_packets: int
    """Of `packets`, how many did not decode; what they showed was not seen."""
    truncated: bool
    """The headers claim clearly more than there was to see."""

"""Parts: the pieces of an item, what they are made of and where they came from.

A part is data about a piece of content plus a handle (`content`) that reads the bytes when a signal asks. The handles
are protocols: the guarded decoder implements them for stored files, the testing kit for arrays. This module knows
nothing about files, codecs or models.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Protocol

from noisegate.core.errors import MediaError
from noisegate.core.ids import Digest, PartId

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Hertz of every `samples()` array."""


class Modality(StrEnum):
    """How a part is perceived."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"


class Role(StrEnum):
    """What a part is to its item."""

    TITLE = "title"
    DESCRIPTION = "description"
    LYRICS = "lyrics"
    COMMENT = "comment"
    """Text somebody wrote as the item itself."""
    TRANSCRIPT = "transcript"
    """Words heard in speech or singing."""
    OCR = "ocr"
    """Words read in a picture."""
    COVER = "cover"
    PICTURE = "picture"
    """An image that is not the cover."""
    FRAME = "frame"
    """One moment of a video."""
    RECORDING = "recording"
    """A whole audio file."""
    SOUNDTRACK = "soundtrack"
    """The whole audio of a video."""
    SPEECH = "speech"
    SINGING = "singing"
    MUSIC = "music"
    """Music without a voice."""
    SILENCE = "silence"
    """Nothing, or nothing that is speech, singing or music."""
    FILM = "film"
    """A whole video file."""

    @property
    def modality(self) -> Modality:
        """The modality of parts with this role."""
        return _MODALITY[self]


_MODALITY = {
    **dict.fromkeys(
        (Role.TITLE, Role.DESCRIPTION, Role.LYRICS, Role.COMMENT, Role.TRANSCRIPT, Role.OCR), Modality.TEXT
    ),
    **dict.fromkeys((Role.COVER, Role.PICTURE, Role.FRAME), Modality.IMAGE),
    **dict.fromkeys(
        (Role.RECORDING, Role.SOUNDTRACK, Role.SPEECH, Role.SINGING, Role.MUSIC, Role.SILENCE), Modality.AUDIO
    ),
    Role.FILM: Modality.VIDEO,
}


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle in a picture, in fractions of its width and height (0..1), origin at the top left."""

    x: float
    y: float
    width: float
    height: float

    def union(self, other: "Box") -> "Box":
        """The smallest box around both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        right = max(self.x + self.width, other.x + other.width)
        bottom = max(self.y + self.height, other.y + other.height)
        return Box(x=x, y=y, width=right - x, height=bottom - y)


@dataclass(frozen=True, kw_only=True)
class Where:
    """A place in an asset or text; every field that does not apply is None."""

    start_s: float | None = None
    """Seconds from the beginning of the asset."""
    end_s: float | None = None
    box: Box | None = None
    """Within the picture, or within the video frame at `start_s`."""
    span: tuple[int, int] | None = None
    """Half-open range of characters (code points) in the part's text."""

    @property
    def seconds(self) -> float:
        """How long it lasts; 0 when it has no time range."""
        return 0.0 if self.start_s is None or self.end_s is None else max(0.0, self.end_s - self.start_s)

    def union(self, other: "Where") -> "Where":
        """The smallest place that covers the time ranges and boxes of both; the span is dropped."""
        starts = [t for t in (self.start_s, other.start_s) if t is not None]
        ends = [t for t in (self.end_s, other.end_s) if t is not None]
        boxes = [b for b in (self.box, other.box) if b is not None]
        box = boxes[0].union(boxes[-1]) if boxes else None
        return Where(start_s=min(starts, default=None), end_s=max(ends, default=None), box=box)


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """Ties a range of characters to the place it was heard or read."""

    span: tuple[int, int]
    where: Where
    confidence: float | None = None
    """0..1, how sure the recogniser was; None when it does not say."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a part came from."""

    asset: Digest | None = None
    """The stored file; None for metadata."""
    parent: PartId | None = None
    made_by: str | None = None
    """`name@version` of the extractor; None for what was submitted."""
    where: Where = field(default_factory=Where)
    """Place in the asset, also for parts of parts."""


class ImageContent(Protocol):
    """Reads one picture."""

    def pixels(self) -> "NDArray[np.uint8]":
        """RGB, shape (height, width, 3), upright, longest side bounded by the decoder. Raises MediaError."""
        ...


@dataclass(frozen=True, kw_only=True)
class Loudness:
    """Programme loudness by EBU R128 / ITU-R BS.1770 and simple level faults."""

    integrated_lufs: float | None
    """LUFS; None when everything lies below the absolute gate of -70 LUFS."""
    range_lu: float | None
    true_peak_dbtp: float | None
    clipped_share: float
    """Share of samples at full scale, 0..1."""
    silent_share: float
    """Share of time below -60 dBFS, 0..1."""


class AudioContent(Protocol):
    """Reads one recording; long files stay on disk."""

    @property
    def duration_s(self) -> float:
        """Decoded length in seconds. Raises MediaError."""
        ...

    def samples(self, start_s: float = 0.0, end_s: float | None = None) -> "NDArray[np.float32]":
        """Mono samples at 16 kHz in -1..1, shape (n,), of a range in seconds. Raises MediaError."""
        ...

    def loudness(self) -> Loudness:
        """Measured on the original channels and rate. Raises MediaError."""
        ...

    def damage(self) -> MediaError | None:
        """Why this is not all that the file should hold; None when it is. Raises MediaError when nothing could be read."""
        ...


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One chosen moment of a video and the time it stands for."""

    start_s: float
    end_s: float
    width: int
    height: int
    content: ImageContent = field(repr=False, compare=False)


class VideoContent(Protocol):
    """Reads one video."""

    def frames(self, *, per_minute: int, at_most: int) -> Sequence[Frame]:
        """Key frames and scene starts without near-duplicates, in time order. Raises MediaError."""
        ...

    def damage(self) -> MediaError | None:
        """Why the frames chosen last are not from all that the film should hold; None when they are."""
        ...

    def soundtrack(self) -> AudioContent | None:
        """The sound, or None for a silent film. Raises MediaError."""
        ...


@dataclass(frozen=True, kw_only=True)
class Part:
    """One piece of an item. `id` and `digest` are empty until the frontier names a part an extractor made."""

    modality: ClassVar[Modality]

    id: PartId = PartId("")
    role: Role
    origin: Origin = field(default_factory=Origin)
    digest: Digest = Digest("")
    """Names the content: equal digests give equal results under one fingerprint."""

    def named(self, *, part_id: PartId, digest: Digest, origin: Origin) -> "Part":
        """This part with its identity filled in."""
        return replace(self, id=part_id, digest=digest, origin=origin)


@dataclass(frozen=True, kw_only=True)
class Text(Part):
    """Words, written, heard or read."""

    modality = Modality.TEXT

    text: str
    language: str | None = None
    """BCP-47 code when the maker knows it."""
    anchors: tuple[Anchor, ...] = ()
    """In order of their spans; empty for text that was typed."""

    def locate(self, span: tuple[int, int]) -> Where:
        """The place of a range of characters: its span, and time range and box when anchors tell."""
        start, end = span
        place = Where()
        for anchor in self.anchors:
            if anchor.span[0] < end and anchor.span[1] > start:
                place = place.union(anchor.where)
        if place == Where():
            place = self.origin.where
        elif place.start_s is None and self.origin.where.start_s is not None:  # words on a frame: box and moment
            place = replace(place, start_s=self.origin.where.start_s, end_s=self.origin.where.end_s)
        return replace(place, span=span)


@dataclass(frozen=True, kw_only=True)
class Image(Part):
    """A picture."""

    modality = Modality.IMAGE

    width: int
    """Pixels, as stored."""
    height: int
    content: ImageContent = field(repr=False, compare=False)

    def pixels(self) -> "NDArray[np.uint8]":
        """RGB, shape (height, width, 3); may be smaller than `width` x `height`. Raises MediaError."""
        return self.content.pixels()


@dataclass(frozen=True, kw_only=True)
class Audio(Part):
    """Sound: a whole recording, or a time range of one (`origin.where`)."""

    modality = Modality.AUDIO

    duration_s: float
    """Seconds. Of a whole recording it is what its file claims; `content.duration_s` is what there is to hear."""
    content: AudioContent = field(repr=False, compare=False)

    @property
    def start_s(self) -> float:
        """Where this part begins in its asset, in seconds."""
        return self.origin.where.start_s or 0.0

    def samples(self, start_s: float = 0.0, end_s: float | None = None) -> "NDArray[np.float32]":
        """Mono 16 kHz samples of a range relative to this part, shape (n,). Raises MediaError."""
        stop = self.duration_s if end_s is None else min(end_s, self.duration_s)
        return self.content.samples(self.start_s + start_s, self.start_s + stop)


@dataclass(frozen=True, kw_only=True)
class Video(Part):
    """A film with its frames and soundtrack."""

    modality = Modality.VIDEO

    duration_s: float
    width: int
    height: int
    content: VideoContent = field(repr=False, compare=False)

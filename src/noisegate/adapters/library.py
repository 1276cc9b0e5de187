"""Opens the stored files of an item as parts whose content is read when a signal asks, through the guarded decoder.

Nothing here parses a byte of an upload: decoding happens in the guard's subprocess, and what it leaves in the scratch
folder (raw samples, raw pictures) is what the handles read. The scratch folder goes when the item is done.
"""

import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from noisegate.adapters.media.guard import MediaGuard
from noisegate.adapters.media.spool import PcmFile
from noisegate.core.errors import MediaError
from noisegate.core.ids import Digest, PartId, digest_of
from noisegate.core.item import Asset, Item
from noisegate.core.modality import Audio, Frame, Image, Loudness, Modality, Origin, Part, Role, Text, Video

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DEFAULT_ROLES = {
    Modality.TEXT: Role.LYRICS,
    Modality.IMAGE: Role.PICTURE,
    Modality.AUDIO: Role.RECORDING,
    Modality.VIDEO: Role.FILM,
}
"""The role of an asset whose submitter named none."""

FRAME_SIDE = 1280
"""Pixels of a frame's longest side: words of subtitle size stay legible, and a film's frames fit on a small disk."""


class MediaLibrary:
    """A `core.ports.Library` over files and the guarded decoder."""

    def __init__(
        self,
        media: MediaGuard,
        open_file: Callable[[Digest], AbstractContextManager[str]],
        *,
        scratch: Path | None = None,
    ) -> None:
        """Prepare.

        Args:
            media: Decodes.
            open_file: Gives a readable local file for a digest while its context is open.
            scratch: Where temporary folders are made; the system's temporary folder when None.
        """
        self._media = media
        self._open_file = open_file
        self._scratch = scratch

    @contextmanager
    def parts(self, item: Item) -> Iterator[Sequence[Part]]:
        """See the port."""
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="noisegate-", dir=self._scratch)))
            texts = [_written(role, text) for role, text in sorted(item.texts.items()) if text.strip()]
            yield [*texts, *(part for asset in item.assets for part in self._asset(asset, folder, stack))]

    def _asset(self, asset: Asset, folder: Path, stack: ExitStack) -> Iterator[Part]:
        if asset.problem is not None or asset.modality is None:
            return
        path = Path(stack.enter_context(self._open_file(asset.digest)))
        role = asset.role or DEFAULT_ROLES[asset.modality]
        own = folder / asset.digest.removeprefix("sha256:")[:32]
        own.mkdir(exist_ok=True)
        part_id, origin = PartId(asset.name), Origin(asset=asset.digest)
        if asset.modality is Modality.IMAGE:
            yield Image(
                id=part_id,
                role=role,
                origin=origin,
                digest=asset.digest,
                width=asset.width or 0,
                height=asset.height or 0,
                content=StoredImage(self._media, path),
            )
        elif asset.modality is Modality.AUDIO:
            yield Audio(
                id=part_id,
                role=role,
                origin=origin,
                digest=asset.digest,
                duration_s=asset.duration_s or 0.0,
                content=StoredAudio(self._media, path, own),
            )
        elif asset.modality is Modality.VIDEO:
            yield Video(
                id=part_id,
                role=role,
                origin=origin,
                digest=asset.digest,
                duration_s=asset.duration_s or 0.0,
                width=asset.width or 0,
                height=asset.height or 0,
                content=StoredVideo(self._media, path, own),
            )
        else:
            text = path.read_bytes().decode("utf-8")  # the probe refused what is not UTF-8 or too long
            yield Text(id=part_id, role=role, origin=origin, digest=asset.digest, text=text)


class StoredImage:
    """A picture in a file. Decoded once; several signals look at it."""

    def __init__(self, media: MediaGuard, path: Path) -> None:
        self._media = media
        self._path = path
        self._lock = threading.Lock()
        self._pixels: NDArray[np.uint8] | None = None

    def pixels(self) -> "NDArray[np.uint8]":
        """See `core.modality.ImageContent`."""
        with self._lock:
            if self._pixels is None:
                self._pixels = self._media.image(self._path)
            return self._pixels


class StoredAudio:
    """A recording in a file. Decoded once to raw samples on disk, loudness measured in the same pass."""

    def __init__(self, media: MediaGuard, path: Path, folder: Path) -> None:
        self._media = media
        self._path = path
        self._folder = folder
        self._lock = threading.Lock()
        self._decoded: tuple[PcmFile, Loudness] | None = None
        self._problem: MediaError | None = None

    @property
    def duration_s(self) -> float:
        """See `core.modality.AudioContent`."""
        return self._decode()[0].duration_s

    def samples(self, start_s: float = 0.0, end_s: float | None = None) -> "NDArray[np.float32]":
        """See `core.modality.AudioContent`."""
        return self._decode()[0].samples(start_s, end_s)

    def loudness(self) -> Loudness:
        """See `core.modality.AudioContent`."""
        return self._decode()[1]

    def _decode(self) -> tuple[PcmFile, Loudness]:
        with self._lock:
            if self._problem is not None:
                raise self._problem
            if self._decoded is None:
                target = self._folder / "audio.s16le"
                try:
                    info = self._media.pcm(self._path, target)
                except MediaError as error:
                    self._problem = error  # decoding again would fail again
                    raise
                self._decoded = (PcmFile(target), info.loudness)
            return self._decoded


class StoredVideo:
    """A film in a file."""

    def __init__(self, media: MediaGuard, path: Path, folder: Path) -> None:
        self._media = media
        self._path = path
        self._folder = folder

    def frames(self, *, per_minute: int, at_most: int) -> Sequence[Frame]:
        """See `core.modality.VideoContent`."""
        folder = self._folder / "frames"
        folder.mkdir(exist_ok=True)
        chosen = self._media.frames(self._path, folder, per_minute=per_minute, max_frames=at_most, max_side=FRAME_SIDE)
        return [
            Frame(
                start_s=frame.time_s,
                end_s=frame.end_s,
                width=frame.width,
                height=frame.height,
                content=StoredImage(self._media, frame.path),
            )
            for frame in chosen
        ]

    def soundtrack(self) -> StoredAudio | None:
        """See `core.modality.VideoContent`."""
        if not self._media.probe(self._path).audio_streams:
            return None
        return StoredAudio(self._media, self._path, self._folder)


def _written(role: Role, text: str) -> Text:
    return Text(id=PartId(role.value), role=role, digest=digest_of(text.encode("utf-8", "surrogatepass")), text=text)

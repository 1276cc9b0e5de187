"""Opens the stored files of an item as parts whose content is read when a signal asks, through the guarded decoder.

Nothing here parses a byte of an upload: decoding happens in the guard's subprocess, and what it leaves in the scratch
folder (raw samples, raw pictures) is what the handles read. The scratch folder goes when the item is done.
"""

import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from noisegate.adapters.media.answers import FilmInfo, PcmInfo
from noisegate.adapters.media.guard import MediaGuard
from noisegate.adapters.media.spool import PcmFile
from noisegate.adapters.prober import read_text
from noisegate.core.errors import MediaError, UnavailableError
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

PICTURES_BYTES = 128 << 20
"""Bytes of decoded pictures kept per item: several signals look at each, and a film's hundreds would fill the memory.
Ten covers or forty frames; one that was dropped is decoded again, which costs a hundredth of reading its words."""


DAMAGED_SHARE = 0.02
"""Packets of a recording or film that may be damaged, 0..1, before it counts as not fully heard or seen: a cut at either end of a stream
costs one or two, and a player skips them."""


_SWEEPS, _BETWEEN_SWEEPS_S = 20, 0.05
"""How often, and after how many seconds, a scratch folder is removed again that was written into meanwhile."""


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
            folder = stack.enter_context(_scratch_folder(self._scratch))
            kept = _Pictures(PICTURES_BYTES)
            found: list[Part] = [_written(role, text) for role, text in sorted(item.texts.items()) if text.strip()]
            for n, asset in enumerate(item.assets):
                found += self._asset(asset, folder / str(n), kept, stack)
            yield found

    def _asset(self, asset: Asset, own: Path, kept: "_Pictures", stack: ExitStack) -> Iterator[Part]:
        if asset.problem is not None or asset.modality is None:
            return
        path = Path(stack.enter_context(self._open_file(asset.digest)))
        role = asset.role or DEFAULT_ROLES[asset.modality]
        own.mkdir()
        part_id, origin = PartId(asset.name), Origin(asset=asset.digest)
        if asset.modality is Modality.IMAGE:
            yield Image(
                id=part_id,
                role=role,
                origin=origin,
                digest=asset.digest,
                width=asset.width or 0,
                height=asset.height or 0,
                content=StoredImage(self._media, path, kept),
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
                content=StoredVideo(self._media, path, own, kept),
            )
        else:
            try:
                text = read_text(path)  # the probe refused what is not UTF-8 or too long
            except (OSError, UnicodeDecodeError) as error:
                raise UnavailableError(f"the file {asset.name!r} is not what it was a moment ago: {error}") from error
            yield Text(id=part_id, role=role, origin=origin, digest=asset.digest, text=text)


@contextmanager
def _scratch_folder(parent: Path | None) -> Iterator[Path]:
    """A new folder that is gone afterwards, also when a signal nobody waits for any more is still writing into it."""
    folder = Path(tempfile.mkdtemp(prefix="noisegate-", dir=parent))
    try:
        yield folder
    finally:
        for _ in range(_SWEEPS):
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(_BETWEEN_SWEEPS_S)


class _Pictures:
    """Decoded pictures that were looked at last, as many as fit."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[StoredImage, NDArray[np.uint8]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, picture: "StoredImage") -> "NDArray[np.uint8] | None":
        with self._lock:
            if picture in self._kept:
                self._kept.move_to_end(picture)
            return self._kept.get(picture)

    def keep(self, picture: "StoredImage", pixels: "NDArray[np.uint8]") -> None:
        with self._lock:
            self._kept[picture] = pixels
            while len(self._kept) > 1 and sum(array.nbytes for array in self._kept.values()) > self._capacity:
                self._kept.popitem(last=False)


class StoredImage:
    """A picture in a file. Decoded when it is first looked at; one that cannot be decoded is not tried again."""

    def __init__(self, media: MediaGuard, path: Path, kept: _Pictures) -> None:
        self._media = media
        self._path = path
        self._kept = kept
        self._lock = threading.Lock()
        self._problem: MediaError | None = None

    def pixels(self) -> "NDArray[np.uint8]":
        """See `core.modality.ImageContent`."""
        with self._lock:
            if self._problem is not None:
                raise _again(self._problem)
            pixels = self._kept.get(self)
            if pixels is None:
                try:
                    pixels = self._media.image(self._path)
                except MediaError as error:
                    self._problem = error
                    raise
                self._kept.keep(self, pixels)
            return pixels


class StoredAudio:
    """A recording in a file. Decoded once to raw samples on disk, loudness measured in the same pass."""

    def __init__(self, media: MediaGuard, path: Path, folder: Path) -> None:
        self._media = media
        self._path = path
        self._folder = folder
        self._lock = threading.Lock()
        self._decoded: tuple[PcmFile, PcmInfo] | None = None
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
        return self._decode()[1].loudness

    def damage(self) -> MediaError | None:
        """See `core.modality.AudioContent`."""
        return _damage(self._decode()[1], "the sound", "heard")

    def _decode(self) -> tuple[PcmFile, PcmInfo]:
        with self._lock:
            if self._problem is not None:
                raise _again(self._problem)
            if self._decoded is None:
                target = self._folder / "audio.s16le"
                try:
                    info = self._media.pcm(self._path, target)
                except MediaError as error:
                    self._problem = error  # decoding again would fail again
                    raise
                self._decoded = (PcmFile(target), info)
            return self._decoded


class StoredVideo:
    """A film in a file."""

    def __init__(self, media: MediaGuard, path: Path, folder: Path, kept: _Pictures) -> None:
        self._media = media
        self._path = path
        self._folder = folder
        self._kept = kept
        self._damage: MediaError | None = None

    def frames(self, *, per_minute: int, at_most: int) -> Sequence[Frame]:
        """See `core.modality.VideoContent`."""
        folder = self._folder / "frames"
        folder.mkdir(exist_ok=True)
        looked = self._media.frames(self._path, folder, per_minute=per_minute, max_frames=at_most, max_side=FRAME_SIDE)
        self._damage = _damage(looked, "the film", "seen")
        return [
            Frame(
                start_s=frame.time_s,
                end_s=frame.end_s,
                width=frame.width,
                height=frame.height,
                content=StoredImage(self._media, frame.path, self._kept),
            )
            for frame in looked.frames
        ]

    def damage(self) -> MediaError | None:
        """See `core.modality.VideoContent`."""
        return self._damage

    def soundtrack(self) -> StoredAudio | None:
        """See `core.modality.VideoContent`."""
        if not self._media.probe(self._path).audio_streams:
            return None
        return StoredAudio(self._media, self._path, self._folder)


def _written(role: Role, text: str) -> Text:
    return Text(id=PartId(role.value), role=role, digest=digest_of(text.encode("utf-8", "surrogatepass")), text=text)


def _damage(info: PcmInfo | FilmInfo, what: str, perceived: str) -> MediaError | None:
    """Why a file that was read is not all that it should be; None when it is."""
    if info.truncated:
        message = f"{what} ends too soon: after {info.duration_s:.1f} seconds there is no more to be {perceived}"
        return MediaError(message, kind="truncated")
    if info.damaged_packets > DAMAGED_SHARE * info.packets:
        message = f"{info.damaged_packets} of {info.packets} pieces of {what} are damaged and could not be {perceived}"
        return MediaError(message, kind="decode_failed")
    return None


def _again(problem: MediaError) -> MediaError:
    """The same error anew: raising one object in several threads would mix their tracebacks."""
    return MediaError(problem.message, kind=problem.kind, hint=problem.hint)

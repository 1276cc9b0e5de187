"""The parent's side of media decoding: hands files to confined children, watches the clock, and names every failure.

No byte of a stranger's file is parsed in this process. A child gets the open file, never its path, and writes into a
file that was opened for it. Whatever happens to the child (a crash, an endless loop, too much memory), the caller gets
a MediaError with one of `answers.KINDS`, and the next call gets a fresh child.
"""

import errno
import os
import queue
import stat
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from noisegate.adapters.media import wire
from noisegate.adapters.media.answers import FilmInfo, FrameInfo, PcmInfo, Probe, Shots, Size
from noisegate.adapters.media.limits import Limits
from noisegate.adapters.media.process import ChildProcess, disk_full
from noisegate.core.errors import InvalidInputError, MediaError, UnavailableError, UnknownNameError

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")
_MAX_JPEG = 64 << 20  # bytes; forty million pixels of noise take less


class MediaGuard:
    """Decodes strangers' files in confined child processes. Safe to share between threads; close it when done.

    Children start with the first call, serve one operation at a time each, and are replaced when one dies, runs over
    a limit, or has served a thousand.
    """

    def __init__(self, *, workers: int = 1, limits: Limits | None = None) -> None:
        """Prepare; nothing is started yet.

        Args:
            workers: How many files are decoded at a time; each child holds about 60 MB.
            limits: What a file may claim and use; the defaults when None.

        Raises:
            InvalidInputError: fewer than one worker.
        """
        if workers < 1:
            raise InvalidInputError(f"`workers` is {workers}; at least 1 is needed")
        self.limits = limits or Limits()
        self._idle: queue.LifoQueue[ChildProcess | None] = queue.LifoQueue()
        for _ in range(workers):
            self._idle.put(None)
        self._children: set[ChildProcess] = set()
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all children, also those at work: their callers get `crashed`. Closing twice is fine."""
        with self._lock:
            self._closed = True
            for child in self._children:
                child.kill()  # callers at work notice, and bury their child themselves
        idle: list[ChildProcess | None] = []
        with suppress(queue.Empty):
            while True:
                idle.append(self._idle.get_nowait())
        for child in filter(None, idle):
            child.end()
        self._idle.put(None)  # whoever calls now is told, and does not wait

    def probe(self, path: str | Path, declared_name: str | None = None) -> Probe:
        """Say what a file is by its content, its headers held against the limits.

        Args:
            path: The file; its own name means nothing.
            declared_name: The submitter's name for it. The file must be what the extension says, as far as picture,
                sound, film and text go; None promises nothing.

        Raises:
            MediaError: empty, truncated, mislabelled, unsupported, too_large, too_many_streams, too_long, no_stream,
                decode_failed, timed_out, out_of_memory, crashed.
            UnknownNameError: there is no such file.
        """
        with _readable(path) as file:
            return self._probe(file, declared_name)

    def image(self, path: str | Path, max_side: int = 2048) -> "NDArray[np.uint8]":
        """Decode a picture: EXIF orientation applied, transparency on white, the first frame of animations.

        Args:
            path: The file.
            max_side: Pixels; a larger picture is scaled down so that its longer side has this many.

        Returns:
            RGB, shape (height, width, 3).

        Raises:
            MediaError: any of `answers.KINDS`.
            UnknownNameError: there is no such file.
        """
        import numpy as np

        max_side = _at_least_one("max_side", max_side)
        with _readable(path) as file, tempfile.TemporaryFile() as out:
            answer = self._ask("image", (file, out.fileno()), None, {"max_side": max_side})
            size = _read(Size, answer)
            wanted = size.height * size.width * 3
            if not 0 < wanted == os.fstat(out.fileno()).st_size or max(size.height, size.width) > max_side:
                raise MediaError(
                    f"the child answered {size.width} x {size.height} pixels that it did not write", kind="crashed"
                )
            out.seek(0)
            pixels: NDArray[np.uint8] = np.fromfile(out, dtype=np.uint8).reshape(size.height, size.width, 3)
            return pixels

    def pcm(self, path: str | Path, out_path: str | Path) -> PcmInfo:
        """Write the sound of a recording or film as 16-bit little-endian mono at 16 kHz, and measure its loudness.

        The file is decoded once, in bounded memory. Read the result with `spool.PcmFile`.

        Args:
            path: The file.
            out_path: Written anew; removed again when decoding fails.

        Raises:
            MediaError: any of `answers.KINDS`; a truncated or damaged file with something in it is no error, see `PcmInfo`.
            UnknownNameError: there is no such file.
            UnavailableError: the disk is full.
        """
        target = Path(out_path)
        with _readable(path) as file, _written(target) as out:
            info = _read(PcmInfo, self._ask("pcm", (file, out), self._probe(file, None), {}))
            if info.samples * 2 != os.fstat(out).st_size:
                raise MediaError(f"the child answered {info.samples} samples that it did not write", kind="crashed")
            return info

    def frames(
        self,
        path: str | Path,
        out_dir: str | Path,
        *,
        per_minute: int = 12,
        max_frames: int = 300,
        max_side: int = 1280,
    ) -> FilmInfo:
        """Choose the pictures of a film that are worth looking at and write them as JPEGs.

        Args:
            path: The file.
            out_dir: An existing folder; `frame-00000.jpg` and so on are written there, none when choosing fails.
            per_minute: At most this many from any minute; cuts and what is least like the rest are kept.
            max_frames: At most this many in all, spread over the film.
            max_side: Pixels of the longer side.

        Raises:
            MediaError: any of `answers.KINDS`; a truncated or damaged film with something in it is no error, see `FilmInfo`.
            UnknownNameError: there is no such file.
            UnavailableError: the disk is full.
        """
        asked = {
            "per_minute": _at_least_one("per_minute", per_minute),
            "max_frames": _at_least_one("max_frames", max_frames),
            "max_side": _at_least_one("max_side", max_side),
        }
        folder = Path(out_dir)
        with _readable(path) as file, tempfile.TemporaryFile(dir=folder) as out:
            found = _read(Shots, self._ask("shots", (file, out.fileno()), self._probe(file, None), asked))
            frames = []
            for index, shot in enumerate(found.shots[:max_frames]):
                target = folder / f"frame-{index:05}.jpg"
                if not (0 < shot.size <= _MAX_JPEG and shot.offset >= 0):
                    raise MediaError("the decoding process answered a picture of no sense", kind="crashed")
                _save(target, os.pread(out.fileno(), shot.size, shot.offset))
                frames.append(
                    FrameInfo(
                        index=index,
                        time_s=shot.time_s,
                        end_s=shot.end_s,
                        returns=shot.returns,
                        width=shot.width,
                        height=shot.height,
                        path=target,
                        why=shot.why,
                    )
                )
            return FilmInfo(
                frames=tuple(frames),
                duration_s=found.duration_s,
                packets=found.packets,
                damaged_packets=found.damaged_packets,
                truncated=found.truncated,
            )

    def _probe(self, file: int, declared_name: str | None) -> Probe:
        return _read(Probe, self._ask("probe", (file,), None, {"declared_name": declared_name}))

    def _ask(self, operation: str, files: tuple[int, ...], probe: Probe | None, details: Mapping[str, Any]) -> Any:
        """One operation on a free child, within its time."""
        size = os.fstat(files[0]).st_size
        cpu_s = self.limits.cpu_for(operation, duration_s=probe.duration_s if probe else None, size_bytes=size)
        request = {"operation": operation, "size_bytes": size, "cpu_s": cpu_s, **details}
        child = self._idle.get()
        try:
            if child is None or not child.fresh:
                child = self._replaced(child)
            return child.ask(request, files, cpu_s=cpu_s, wall_s=self.limits.wall_for(cpu_s))
        finally:
            self._idle.put(child)

    def _replaced(self, old: "ChildProcess | None") -> "ChildProcess":
        with self._lock:
            if old is not None:
                old.end()
                self._children.discard(old)
            if self._closed:
                raise UnavailableError("the decoder is closed")
            child = ChildProcess(self.limits)
            self._children.add(child)
        child.start()
        return child


def _read(kind: type[T], answer: Any) -> T:
    """The answer as what it must be."""
    try:
        return wire.read(kind, answer)
    except ValueError as error:
        raise MediaError(f"the decoding process answered nonsense: {error}", kind="crashed") from error


@contextmanager
def _readable(path: str | Path) -> Iterator[int]:
    """A descriptor of a regular file; anything else (a folder, a pipe, a device) could block or never end."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UnknownNameError(f"there is no file at {str(path)!r}") from error
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise MediaError("a folder, pipe or device is not a regular file", kind="unsupported")
        yield file
    finally:
        os.close(file)


@contextmanager
def _written(path: Path) -> Iterator[int]:
    """A descriptor of a new, empty file, which is removed again when the block fails."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        yield file
    except BaseException:
        if stat.S_ISREG(os.fstat(file).st_mode):
            path.unlink(missing_ok=True)
        raise
    finally:
        os.close(file)


def _save(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise disk_full() from error
        raise


def _at_least_one(name: str, value: int) -> int:
    if value < 1:
        raise InvalidInputError(f"`{name}` is {value}; at least 1 is needed")
    return value

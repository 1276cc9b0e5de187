"""The parent's side of media decoding: hands files to confined children, watches the clock, and names every failure.

No byte of a stranger's file is parsed in this process. A child gets the open file, never its path, and writes into a
file that was opened for it. Whatever happens to the child (a crash, an endless loop, too much memory), the caller gets
a MediaError with one of `KINDS`, and the next call gets a fresh child.
"""

import os
import queue
import select
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from noisegate.adapters.media import wire
from noisegate.adapters.media.answers import FrameInfo, PcmInfo, Probe, Shots, Size
from noisegate.adapters.media.limits import Limits
from noisegate.core.errors import InvalidInputError, MediaError, UnavailableError, UnknownNameError

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

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
_RETIRE_AFTER = 1000  # operations; bounds what libraries leak, at a third of a second per thousand files
_TAIL = 2000  # bytes of a child's own complaints shown when it does not start

T = TypeVar("T")


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
        self._idle: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(workers):
            self._idle.put(None)
        self._children: set[_Child] = set()
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
        idle: list[_Child | None] = []
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
            MediaError: any of `KINDS`.
            UnknownNameError: there is no such file.
        """
        import numpy as np

        max_side = _at_least_one("max_side", max_side)
        with _readable(path) as file, tempfile.TemporaryFile() as out:
            answer = self._ask("image", (file, out.fileno()), None, {"max_side": max_side})
            size = wire.read(Size, answer)
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
            MediaError: any of `KINDS`; a truncated or damaged file with something in it is no error, see `PcmInfo`.
            UnknownNameError: there is no such file.
            UnavailableError: the disk is full.
        """
        target = Path(out_path)
        with _readable(path) as file, _written(target) as out:
            info = wire.read(PcmInfo, self._ask("pcm", (file, out), self._probe(file, None), {}))
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
    ) -> list[FrameInfo]:
        """Choose the pictures of a film that are worth looking at and write them as JPEGs.

        Args:
            path: The file.
            out_dir: An existing folder; `frame-00000.jpg` and so on are written there, none when choosing fails.
            per_minute: At most this many from any minute; cuts and what is least like the rest are kept.
            max_frames: At most this many in all, spread over the film.
            max_side: Pixels of the longer side.

        Raises:
            MediaError: any of `KINDS`.
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
            found = wire.read(Shots, self._ask("shots", (file, out.fileno()), self._probe(file, None), asked))
            frames = []
            for index, shot in enumerate(found.shots[:max_frames]):
                target = folder / f"frame-{index:05}.jpg"
                target.write_bytes(os.pread(out.fileno(), max(0, shot.size), max(0, shot.offset)))
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
            return frames

    def _probe(self, file: int, declared_name: str | None) -> Probe:
        return wire.read(Probe, self._ask("probe", (file,), None, {"declared_name": declared_name}))

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

    def _replaced(self, old: "_Child | None") -> "_Child":
        with self._lock:
            if old is not None:
                old.end()
                self._children.discard(old)
            if self._closed:
                raise UnavailableError("the decoder is closed")
            child = _Child(self.limits)
            self._children.add(child)
        child.start()
        return child


class _Child:
    """One child process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child, closed in end()
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._served = 0
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "noisegate.adapters.media.child"],
                stdin=theirs.fileno(),
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                cwd="/",
                env=_environment(),
                bufsize=0,
                start_new_session=True,  # Ctrl-C is the parent's to handle
            )

    @property
    def fresh(self) -> bool:
        """Whether it lives and may serve another request."""
        return self._process.poll() is None and self._served < _RETIRE_AFTER

    def start(self) -> None:
        """Wait until it has loaded its libraries.

        Raises:
            UnavailableError: it did not.
        """
        try:
            self._channel.sendall(wire.line(self._limits))
            ready = wire.parse(self._line(self._limits.start_wall_s))
        except (OSError, ValueError, EOFError, TimeoutError) as error:
            self._process.kill()
            self._process.wait()
            self._complaints.seek(0)
            said = self._complaints.read()[-_TAIL:].decode("utf-8", "replace").strip()
            self.end()
            raise UnavailableError(
                f"the decoding process did not start ({error}): {said or 'it said nothing'}"
            ) from error
        self.landlock = int(ready.get("landlock", 0))

    def ask(self, request: Mapping[str, Any], files: tuple[int, ...], *, cpu_s: float, wall_s: float) -> Any:
        """Send one request and wait for the answer; a child that fails to give one is ended."""
        self._served += 1
        try:
            socket.send_fds(self._channel, [wire.line(dict(request))], list(files))
            answer = wire.parse(self._line(wall_s))
        except TimeoutError as error:
            self.end()
            raise MediaError(
                f"decoding took longer than {wall_s:.0f} seconds, which is all it is given", kind="timed_out"
            ) from error
        except (OSError, ValueError, EOFError) as error:
            raise self._died(cpu_s) from error
        if "result" in answer:
            return answer["result"]
        raise self._failure(answer)

    def kill(self) -> None:
        """End the process; its pipes stay open for whoever reads them."""
        self._process.kill()

    def end(self) -> None:
        """Kill and bury it; twice is fine."""
        self._process.kill()
        self._process.wait()
        self._channel.close()
        self._complaints.close()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _line(self, wall_s: float) -> bytes:
        """The next line of the child. Raises TimeoutError, EOFError, ValueError when it is too long."""
        if self._process.stdout is None:
            raise EOFError("no output")
        pipe = self._process.stdout.fileno()
        deadline = time.monotonic() + wall_s
        data = bytearray()
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        while not data.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                raise TimeoutError(f"no answer within {wall_s:.0f} seconds")
            piece = os.read(pipe, 1 << 16)
            if not piece:
                raise EOFError("it ended")
            data += piece
            if len(data) > wire.MAX_LINE:
                raise ValueError("its answer does not end")
        return bytes(data)

    def _died(self, cpu_s: float) -> MediaError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        code = self._process.poll()
        self.end()
        if code == -signal.SIGXCPU:
            return MediaError(
                f"decoding used more than {cpu_s:.0f} CPU seconds, which is all it is given", kind="timed_out"
            )
        how = f"killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit status {code}"
        return MediaError(f"the decoding process died on this file ({how})", kind="crashed")

    def _failure(self, answer: Mapping[str, Any]) -> Exception:
        kind, message = answer.get("kind"), str(answer.get("message", ""))
        if kind == "out_of_memory":
            self.end()
            allowed = self._limits.child_memory_bytes >> 20
            return MediaError(f"decoding needs more than {allowed} MiB of memory, which is all it is given", kind=kind)
        if kind == "no_space":
            return UnavailableError(
                "the disk is full: decoded sound and pictures have no room", hint="free some space, or set TMPDIR"
            )
        if kind not in KINDS:
            self.end()
            return MediaError("the decoding process answered nonsense", kind="crashed")
        return MediaError(message, kind=kind)


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


def _environment() -> dict[str, str]:
    """Nothing of ours reaches the child but where its code is: no keys, no addresses."""
    return {
        "PATH": os.defpath,
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(folder for folder in sys.path if folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1",  # each arena takes 64 MiB of the address space
    }


def _at_least_one(name: str, value: int) -> int:
    if value < 1:
        raise InvalidInputError(f"`{name}` is {value}; at least 1 is needed")
    return value

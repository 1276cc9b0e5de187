"""The process that reads strangers' bytes: one request at a time, one line each way, no way to anything else.

Started by `guard`. Standard input is a Unix socket that carries requests and, beside them, the open files they are
about; answers go to standard output. Heavy libraries are loaded once, then the process is confined (`sandbox`) and
waits. It ends when its parent does.
"""

import errno
import logging
import os
import queue
import socket
import threading
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any, BinaryIO

from noisegate.adapters.media import wire
from noisegate.adapters.media.limits import Limits
from noisegate.adapters.media.sandbox import allow_cpu, confine, start_nothing_more
from noisegate.core.errors import MediaError

_MAX_REQUEST = 1 << 16  # bytes; a request is a file name and a few numbers
_MAX_FILES = 2
_MAX_MESSAGE = 1000  # characters


class _Requests:
    """Reads requests ahead, so that the end of the parent is noticed in the middle of a decode."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._waiting: queue.SimpleQueue[tuple[dict[str, Any], list[int]]] = queue.SimpleQueue()

    def receive(self) -> tuple[dict[str, Any], list[int]]:
        """Read one request and its descriptors from the socket. Raises EOFError at its end."""
        data, files = bytearray(), list[int]()
        while not data.endswith(b"\n"):
            received, descriptors, _, _ = socket.recv_fds(self._channel, _MAX_REQUEST, _MAX_FILES)
            if not received:
                raise EOFError("the parent is gone")
            data += received
            files += descriptors
        return wire.parse(data), files

    def read_ahead(self) -> None:
        """From now on, a thread receives."""
        threading.Thread(target=self._listen, daemon=True).start()

    def next(self) -> tuple[dict[str, Any], list[int]]:
        """The next request and its descriptors."""
        return self._waiting.get()

    def _listen(self) -> None:
        try:
            while True:
                self._waiting.put(self.receive())
        finally:
            os._exit(0)  # nobody is left who could want an answer


def main() -> None:
    """Answer requests until the parent is gone."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints must not look like an answer
    requests = _Requests(socket.socket(fileno=os.dup(0)))
    limits = wire.read(Limits, requests.receive()[0])
    _load()
    landlock = confine(limits)
    requests.read_ahead()
    start_nothing_more()
    answers.write(wire.line({"ready": True, "landlock": landlock}))
    while True:
        request, files = requests.next()
        kind, answer = _answer(request, files, limits)
        answers.write(answer)
        if kind == "out_of_memory":
            return  # what else failed to get its memory is unknown


def _load() -> None:
    """Import everything now: confined, there is little left to import from, and no memory for threads."""
    import av
    import numpy as np
    from PIL import (  # noqa: F401 - registers what Pillow may open
        AvifImagePlugin,
        BmpImagePlugin,
        GifImagePlugin,
        Image,
        JpegImagePlugin,
        PngImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )

    from noisegate.adapters.media import film, picture, probe, sound  # noqa: F401 - operations

    logging.disable()
    av.logging.set_level(None)
    np.partition(np.zeros(8), 4)


def _answer(request: dict[str, Any], descriptors: list[int], limits: Limits) -> tuple[str | None, bytes]:
    """The kind of failure, if any, and the line to send."""
    try:
        with ExitStack() as stack:
            modes = ("rb", 0), ("wb", -1)
            files: list[Any] = [
                stack.enter_context(os.fdopen(fd, mode, buffering=buffering))
                for fd, (mode, buffering) in zip(descriptors, modes, strict=False)
            ]
            allow_cpu(float(request["cpu_s"]))
            result = _OPERATIONS[request["operation"]](request, files, limits)
        return None, wire.line({"result": result})
    except MediaError as error:
        return _failure(error.kind, error.message)
    except MemoryError:
        return _failure("out_of_memory", "")
    except Exception as error:  # noqa: BLE001 - broken files raise anything, and the next request is another file's
        code = error.errno if isinstance(error, OSError) else None
        if code in {errno.ENOSPC, errno.EDQUOT}:
            return _failure("no_space", "")
        if code == errno.EFBIG:
            return _failure("too_large", f"decoded, the file takes more than {limits.spool_file_bytes:,} bytes of disk")
        return _failure("decode_failed", f"the file cannot be decoded: {type(error).__name__}: {error}")


def _failure(kind: str, message: str) -> tuple[str, bytes]:
    return kind, wire.line({"kind": kind, "message": message[:_MAX_MESSAGE]})


def _probe(request: dict[str, Any], files: list[BinaryIO], limits: Limits) -> dict[str, Any]:
    from noisegate.adapters.media.probe import probe

    return asdict(probe(files[0], request["size_bytes"], request["declared_name"], limits))


def _image(request: dict[str, Any], files: list[BinaryIO], limits: Limits) -> dict[str, Any]:
    from noisegate.adapters.media.picture import picture

    pixels = picture(files[0], request["size_bytes"], request["max_side"], limits)
    files[1].write(pixels.tobytes())
    return {"height": pixels.shape[0], "width": pixels.shape[1]}


def _pcm(request: dict[str, Any], files: list[BinaryIO], limits: Limits) -> dict[str, Any]:
    from noisegate.adapters.media.sound import pcm

    return asdict(pcm(files[0], request["size_bytes"], files[1], limits))


def _shots(request: dict[str, Any], files: list[BinaryIO], limits: Limits) -> dict[str, Any]:
    from noisegate.adapters.media.film import shots

    found = shots(
        files[0],
        request["size_bytes"],
        files[1],
        per_minute=request["per_minute"],
        max_frames=request["max_frames"],
        max_side=request["max_side"],
        limits=limits,
    )
    return asdict(found)


_OPERATIONS = {"probe": _probe, "image": _image, "pcm": _pcm, "shots": _shots}

if __name__ == "__main__":
    main()

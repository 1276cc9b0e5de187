"""One confined child process as its parent sees it: start it, ask it, and say what became of it when it does not answer.

Whatever a child answers is held against what it may answer: it has read a stranger's bytes.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from noisegate.adapters.media import wire
from noisegate.adapters.media.answers import KINDS
from noisegate.adapters.media.limits import Limits
from noisegate.core.errors import MediaError, UnavailableError

_RETIRE_AFTER = 1000  # operations; bounds what libraries leak, at a third of a second per thousand files
_TAIL = 2000  # bytes of a child's own complaints shown when it does not start


class ChildProcess:
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
            return disk_full()
        if kind not in KINDS:
            self.end()
            return MediaError("the decoding process answered nonsense", kind="crashed")
        return MediaError(message, kind=kind)


def disk_full() -> UnavailableError:
    """The error for a disk without room, which is not the file's fault."""
    return UnavailableError(
        "the disk is full: decoded sound and pictures have no room", hint="free some space, or set TMPDIR"
    )


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

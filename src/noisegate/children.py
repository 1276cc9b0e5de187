"""Programs that a supervisor keeps running, and the signals that tell it to stop.

A child is a Python module run as a program. It ends with its supervisor, however that ends (`PR_SET_PDEATHSIG`), has a
log that cannot fill the disk, and is started again after it died: at once the first time, later with growing pauses.
This module does not know what the programs do.
"""

import contextlib
import ctypes
import os
import runpy
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Self

_AT_ONCE_S = 5.0
"""A child that lived shorter than this died at once."""
_LONGEST_PAUSE_S = 8.0
_LARGEST_LOG = 32 * 2**20
_LAST_WORDS = 12
_PR_SET_PDEATHSIG = 1


class Stop:
    """Turns SIGINT, SIGTERM and SIGHUP into two questions: shall we stop, and is there a hurry.

    Nothing is interrupted in the middle: whoever works looks here between two steps. Use as a context manager, in the
    main thread.
    """

    _SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self.asked = False
        """A first signal came."""
        self.hurry = False
        """A second one came: nothing shall be waited for."""

    def __enter__(self) -> Self:
        self._heard, self._bell = os.pipe()
        os.set_blocking(self._bell, False)
        heard = [number for number in self._SIGNALS if number != signal.SIGHUP or not _ignored(number)]
        self._before = {number: signal.signal(number, self._hear) for number in heard}
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._heard)
        os.close(self._bell)

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        self.hurry = self.asked
        self.asked = True
        with contextlib.suppress(BlockingIOError):
            os.write(self._bell, b"!")

    def wait(self, seconds: float) -> bool:
        """Wait, at most until the first signal. True once there was one."""
        if not self.asked:
            select.select([self._heard], [], [], seconds)
        return self.asked


@dataclass
class Child:
    """One program that is kept running."""

    name: str
    """For people."""
    module: str
    log: Path
    grace_s: float
    """How long it may take to end when it is asked to, in seconds."""
    lent: int | None = None
    """A listening socket it inherits."""
    process: "subprocess.Popen[bytes] | None" = None
    deaths: int = 0
    """In a row, each at once after a start."""
    not_before: float = 0.0
    """When it may be started again, in monotonic seconds."""
    _started: float = 0.0
    _said: int = 0

    def start(self, environment: Mapping[str, str]) -> None:
        """Start it, in a session of its own: Ctrl-C is for the supervisor, which ends it in its turn.

        The caller's thread must live as long as the process: the kernel counts a parent's thread as the parent.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        lent = [] if self.lent is None else ["--fd", str(self.lent)]
        with self.log.open("ab") as log:
            self._said = log.tell()
            self.process = subprocess.Popen(  # noqa: S603 - our own words
                # -P: what lies in the working directory must not stand in for a library
                [sys.executable, "-P", "-m", "noisegate.children", str(os.getpid()), self.module, *lent],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[] if self.lent is None else [self.lent],
                start_new_session=True,
            )
        self._started = time.monotonic()

    def ended(self) -> bool:
        """Whether it has ended; it is not reaped yet, so that its number is still its own."""
        return (
            self.process is None
            or os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        )

    def bury(self) -> str:
        """After it ended: end what it had started, decide when it may be started again, and word how it ended."""
        if self.process is None:
            return "was not started"
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        status = self.process.wait()
        self.process = None
        self.deaths = self.deaths + 1 if time.monotonic() - self._started < _AT_ONCE_S else 1
        self.not_before = time.monotonic() + (
            0 if self.deaths == 1 else min(_LONGEST_PAUSE_S, 2.0 ** (self.deaths - 3))
        )
        return f"ended with status {status}" if status >= 0 else f"was ended by {signal.Signals(-status).name}"

    def end(self, stop: Stop) -> None:
        """Ask it to end, wait as long as it may take, then make it."""
        if self.process is None:
            return
        os.kill(self.process.pid, signal.SIGTERM)  # Popen's own methods would reap it
        deadline = time.monotonic() + self.grace_s
        while not self.ended() and time.monotonic() < deadline and not stop.hurry:
            time.sleep(0.02)
        if not self.ended():
            os.kill(self.process.pid, signal.SIGKILL)
        self.bury()

    def last_words(self) -> str:
        """The end of what it said since it was started, worded as the end of a message."""
        with contextlib.suppress(OSError), self.log.open("rb") as log:
            log.seek(max(self._said, self.log.stat().st_size - 65_536))
            lines = log.read().decode("utf-8", "replace").rstrip().splitlines()[-_LAST_WORDS:]
            if lines:
                return f"its last words, from {str(self.log)!r}:\n" + "\n".join(f"    {line}" for line in lines)
        return f"it said nothing in {str(self.log)!r}"

    def trim_log(self) -> None:
        """Keep a log that grew too large once, as `.1`, and begin anew; the child goes on writing at its end."""
        with contextlib.suppress(OSError):
            if self.log.stat().st_size > _LARGEST_LOG:
                shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
                os.truncate(self.log, 0)
                self._said = 0


def _ignored(number: signal.Signals) -> bool:
    return signal.getsignal(number) is signal.SIG_IGN  # `nohup` wants it so


def _run_child(supervisor: int, module: str, arguments: Sequence[str]) -> None:
    """Become the program `module`, which is killed when the supervisor is gone, for whatever reason."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:  # it died before we asked
        return
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _run_child(int(sys.argv[1]), sys.argv[2], sys.argv[3:])

"""Real processes of ours: started as a person would, found wherever they are, gone when a test is over."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import httpx

NOISEGATE = [sys.executable, "-P", "-m", "noisegate"]


def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What `condition` says once it says something true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not come true within {seconds:g} s")
        threading.Event().wait(0.02)
    return found


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants(pid: int) -> set[int]:
    """The processes that a process started, and those that they started."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), []):
            found.add(child)
            waiting.append(child)
    return found


def environment(data_dir: Path, **settings: object) -> dict[str, str]:
    """Ours, with settings for one installation."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NOISEGATE_")}
    cache = {name: value for name, value in os.environ.items() if name == "NOISEGATE_MODELS_DIR"}
    named = {"data_dir": data_dir, "port": 0, "threads": 1, **settings}
    return {**kept, **cache, **{f"NOISEGATE_{name.upper()}": str(value) for name, value in named.items()}}


class Up:
    """`noisegate up` (or another command that serves) in a process of its own."""

    def __init__(self, data_dir: Path, *command: str, **settings: object) -> None:
        self.data_dir = data_dir
        self.process = subprocess.Popen(
            [*NOISEGATE, *(command or ("up",))],
            env=environment(data_dir, **settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=data_dir.parent,
        )
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            finally:
                self.process.kill()
        self.process.wait()
        self._reader.join(10)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.said.append(line)

    @property
    def url(self) -> str:
        """Where it listens, once it says so."""

        def told() -> str | None:
            if self.process.poll() is not None:
                raise RuntimeError("it ended: " + "".join(self.said))
            return next((m[0] for line in list(self.said) if (m := re.search(r"http://\S+:\d+", line))), None)

        found: str = until(told)
        return found

    @property
    def key(self) -> str:
        """The administrator's key."""
        return (self.data_dir / "admin.key").read_text().strip()

    def get(self, path: str) -> Mapping[str, Any]:
        """What the API answers."""
        return self._http("GET", path)

    def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the API answers to a JSON body."""
        return self._http("POST", path, json=body)

    def _http(self, method: str, path: str, **more: Any) -> Mapping[str, Any]:
        url = self.url + path  # the key is there once the address is
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = httpx.request(method, url, headers=headers, timeout=60, trust_env=False, **more)
        answer.raise_for_status()
        found: Mapping[str, Any] = answer.json()
        return found

    def child(self, module: str) -> int:
        """The process that runs `module` now: `api` or `worker`."""

        def running() -> int | None:
            for pid in descendants(self.process.pid):
                words = _command_line(pid)
                if f"noisegate.{module}" in words and alive(pid):
                    return pid
            return None

        found: int = until(running)
        return found

    def postmaster(self) -> int:
        """The database's first process, once it has written down its number."""
        file = self.data_dir / "postgres" / "pgdata" / "postmaster.pid"
        return int(until(lambda: file.is_file() and file.read_text().split())[0])

    def everything(self) -> set[int]:
        """Every process of the installation."""
        postmaster = self.postmaster()
        mine = {self.process.pid, postmaster}
        return mine | descendants(self.process.pid) | descendants(postmaster)

    def end(self, number: int = signal.SIGINT) -> int:
        """Ask it to stop; its exit status."""
        self.process.send_signal(number)
        status = self.process.wait(60)
        self._reader.join(10)
        return status


def all_gone(pids: Iterable[int], seconds: float = 20.0) -> None:
    """Wait until none of these processes is left."""
    until(lambda: not [pid for pid in pids if alive(pid)], seconds)


def _command_line(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []

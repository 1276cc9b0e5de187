"""`verdict.text.*`: a verdict on a sentence over HTTP, one caller to many, and what it costs against the bare model.

The platform runs as `noisegate up` starts it. Each caller is a thread with one connection that asks again as soon as it
is answered; every text is different, so nothing is remembered. The cost is CPU time of the API process per verdict,
over CPU time of `text.moderation` called in a plain loop with the same texts one by one.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.measure import NOISEGATE, ROOT, Measurement, note, process, quantile, ratio

CALLERS = (1, 8, 32)
REQUESTS = 400
WARM = 40
WORDS = (
    "a",
    "quiet",
    "evening",
    "with",
    "songs",
    "about",
    "trains",
    "and",
    "the",
    "people",
    "who",
    "wait",
    "for",
    "them",
)


@dataclass(frozen=True)
class Platform:
    """A running platform."""

    address: str
    key: str
    api_pid: int


def measure() -> Iterable[Measurement]:
    """Median and 99th percentile at every number of callers, then the cost."""
    with tempfile.TemporaryDirectory(prefix="noisegate-bench-") as folder:
        child, platform = _start(Path(folder))
        try:
            _ask(platform, 1, _texts("warm", WARM))
            spent: list[float] = []
            for callers in CALLERS:
                before = _cpu_s(platform.api_pid)
                took = _ask(platform, callers, _texts(f"callers {callers}", REQUESTS))
                spent.append((_cpu_s(platform.api_pid) - before) / REQUESTS)
                note(f"{callers} callers: {1000 * spent[-1]:.2f} ms of CPU a verdict")
                yield quantile(f"verdict.text.p50.{callers}", took, 0.5, unit="ms")
                yield quantile(f"verdict.text.p99.{callers}", took, 0.99, unit="ms")
        finally:
            child.send_signal(signal.SIGINT)
            child.wait(60)
    bare = _bare_cpu_s(_texts("bare", REQUESTS))
    for callers, cost in zip(CALLERS, spent, strict=True):
        yield ratio(f"verdict.text.cost.{callers}", [cost], [bare], goal=None)


def _texts(kind: str, count: int) -> list[str]:
    return [f"{kind} {n}: {' '.join(WORDS[n % 7 : 7 + n % 9])}" for n in range(count)]


def _start(folder: Path) -> tuple["subprocess.Popen[str]", Platform]:
    env = {**os.environ, "NOISEGATE_DATA_DIR": str(folder / "data")}
    child = subprocess.Popen([NOISEGATE, "up", "--port", "0"], env=env, stdout=subprocess.PIPE, text=True)
    for line in child.stdout or ():
        if found := re.search(r"http://\S+:\d+", line):
            key = (folder / "data" / "admin.key").read_text("utf-8").strip()
            return child, Platform(found[0], key, _api_of(child.pid))
    raise RuntimeError("`noisegate up` ended before it said where it listens")


def _api_of(supervisor: int) -> int:
    """The process id of the API among the supervisor's children."""
    for pid in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text("utf-8").split():
        if b"noisegate.api" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return int(pid)
    raise RuntimeError("the platform has no API process")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _ask(platform: Platform, callers: int, texts: list[str]) -> list[float]:
    """Milliseconds of every answer."""
    took: list[float] = []
    waiting = iter(texts)
    lock = threading.Lock()

    def call() -> None:
        headers = {"Authorization": f"Bearer {platform.key}"}
        with httpx.Client(base_url=platform.address, headers=headers, timeout=60) as client:
            while True:
                with lock:
                    text = next(waiting, None)
                if text is None:
                    return
                start = time.perf_counter()
                answer = client.post("/v1/verdicts", json={"text": text, "deadline_ms": 30_000})
                seconds = time.perf_counter() - start
                if answer.status_code != httpx.codes.OK or answer.json()["failures"]:
                    raise RuntimeError(f"no verdict: {answer.status_code} {answer.text[:400]}")
                with lock:
                    took.append(1000 * seconds)

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(took) != len(texts):
        raise RuntimeError(f"{len(took)} of {len(texts)} verdicts came")
    return took


def _bare_cpu_s(texts: list[str]) -> float:
    """CPU seconds of one text in a plain loop around the model."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(texts, file)
        file.flush()
        ran = process([sys.executable, "-m", "benchmarks.bare", "texts", file.name], env={"PYTHONPATH": str(ROOT)})
    return float(json.loads(ran.out)["cpu_s"]) / len(texts)

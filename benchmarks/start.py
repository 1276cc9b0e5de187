"""`start.*`: how long until the command line answers, and until a platform that was never started takes an upload."""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import httpx

from benchmarks.measure import NOISEGATE, Measurement, note, process, quantile

HELPS = 15
STARTS = 3


def measure() -> Iterable[Measurement]:
    """Median of `--help`, median of cold starts."""
    process([NOISEGATE, "--help"])  # once, so that the page cache is as warm as on a machine in use
    helps = [process([NOISEGATE, "--help"]).wall_s for _ in range(HELPS)]
    yield quantile("start.help", helps, 0.5, unit="s", goal="< 0.3")
    starts = [_cold_start() for _ in range(STARTS)]
    yield quantile("start.up", starts, 0.5, unit="s")


def _cold_start() -> float:
    """Seconds from the command to the answer that accepts an upload, with an empty data folder."""
    with tempfile.TemporaryDirectory(prefix="noisegate-bench-") as folder:
        data = Path(folder) / "data"
        env = {**os.environ, "NOISEGATE_DATA_DIR": str(data)}
        start = time.perf_counter()
        child = subprocess.Popen([NOISEGATE, "up", "--port", "0"], env=env, stdout=subprocess.PIPE, text=True)
        try:
            address = _address(child)
            key = (data / "admin.key").read_text("utf-8").strip()
            answer = httpx.post(
                f"{address}/v1/items",
                headers={"Authorization": f"Bearer {key}"},
                files={"item": (None, '{"kind": "comment", "comment": "a first upload"}')},
            )
            answer.raise_for_status()
            return time.perf_counter() - start
        finally:
            child.send_signal(signal.SIGINT)
            child.wait(60)
            note(f"cold start: {time.perf_counter() - start:.1f} s with the stop")


def _address(child: "subprocess.Popen[str]") -> str:
    for line in child.stdout or ():
        if found := re.search(r"http://\S+:\d+", line):
            return found[0]
    raise RuntimeError("`noisegate up` ended before it said where it listens")

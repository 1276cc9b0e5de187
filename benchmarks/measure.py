"""A measured figure with its interval, and the few ways benchmarks here measure: processes, ratios, percentiles."""

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
UPLOADS = ROOT / "examples" / "uploads"
KEPT = ROOT / "benchmarks" / "results.json"
NOISEGATE = Path(sys.executable).with_name("noisegate")
_RESAMPLES = 4000


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One figure. `low` and `high` are the ends of a 95 % bootstrap interval; null when n is 1."""

    benchmark: str
    value: float
    unit: str
    goal: str | None
    low: float | None
    high: float | None
    n: int

    def line(self) -> str:
        """As one JSON line."""
        rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in self.__dict__.items()}
        return json.dumps(rounded)


def keep(measurement: Measurement) -> None:
    """Remember a figure, with the machine and the version it was measured on, for the documentation's table."""
    kept = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
    kept[measurement.benchmark] = {
        **json.loads(measurement.line()),
        "machine": f"{os.cpu_count()} cores, {_processor()}, Python {platform.python_version()}",
        "commit": subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
        ).stdout.strip(),
    }
    KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", "utf-8")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def note(words: str) -> None:
    """Tell whoever watches; standard output is for figures."""
    print(f"    {words}", file=sys.stderr, flush=True)


def ratio(name: str, ours: Sequence[float], theirs: Sequence[float], *, goal: str | None) -> Measurement:
    """Sum of `ours` over sum of `theirs`, pair by pair of the same work, with the interval over pairs."""
    a, b = np.array(ours), np.array(theirs)
    low = high = None
    if len(a) > 1:
        picks = np.random.default_rng(0).integers(0, len(a), (_RESAMPLES, len(a)))
        low, high = map(float, np.quantile(a[picks].sum(axis=1) / b[picks].sum(axis=1), [0.025, 0.975]))
    return Measurement(
        benchmark=name, value=float(a.sum() / b.sum()), unit="ratio", goal=goal, low=low, high=high, n=len(a)
    )


def quantile(name: str, values: Sequence[float], q: float, *, unit: str, goal: str | None = None) -> Measurement:
    """The q-quantile of `values` with its bootstrap interval."""
    array = np.array(values)
    low = high = None
    if len(array) > 1:
        picks = np.random.default_rng(0).integers(0, len(array), (min(_RESAMPLES, 1000), len(array)))
        low, high = map(float, np.quantile(np.quantile(array[picks], q, axis=1), [0.025, 0.975]))
    return Measurement(
        benchmark=name, value=float(np.quantile(array, q)), unit=unit, goal=goal, low=low, high=high, n=len(array)
    )


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What one process cost."""

    wall_s: float
    cpu_s: float
    """User and system time, children included."""
    peak_mb: float
    """Largest resident size of the process itself, in MiB."""
    out: str


def process(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> Ran:
    """Run a command to its end and say what it cost. Raises RuntimeError with its errors when it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    child = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
    )
    out, errors = child.communicate()
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if child.returncode:
        raise RuntimeError(f"{command[0]} ended with {child.returncode}: {errors[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Ran(wall_s=wall, cpu_s=cpu, peak_mb=after.ru_maxrss / 1024, out=out)


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def long_recording(folder: Path, *, seconds_long: float, music_share: float, seed: int) -> Path:
    """A recording of talk and music in turns, made by the examples' script."""
    target = folder / f"{int(seconds_long)}s-{music_share}-{seed}.mp3"
    if not target.exists():
        note(f"making {target.name}")
        maker = ROOT / "examples" / "make_uploads.py"
        share = ["--music-share", str(music_share), "--seed", str(seed)]
        process([sys.executable, maker, "--long", str(seconds_long), *share, "--out", target])
    return target

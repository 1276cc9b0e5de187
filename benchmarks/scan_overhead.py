"""`scan.overhead`: wall time of `noisegate scan` over the time its models need for the same files.

Below the line stands what loading the models and calling them in a plain loop takes, decoded beforehand; above it the
whole command: starting Python, probing and decoding in the guarded child, planning, batching, judging, printing. Short
files pay for the start, so the files are the example uploads and two recordings of ten minutes of talk with music.
"""

import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks.measure import NOISEGATE, UPLOADS, Measurement, long_recording, note, process, ratio

LONG_S = 600.0
LONG = 2
EXAMPLES = ("01-clean-episode", "03-spoken-threat", "06-abusive-film", "11-speech-over-music")


def measure() -> Iterable[Measurement]:
    """The ratio over the long recordings, and over uploads of half a minute."""
    with tempfile.TemporaryDirectory() as folder:
        recordings = [
            long_recording(Path(folder), seconds_long=LONG_S, music_share=0.2, seed=n + 1) for n in range(LONG)
        ]
        yield _ratio("scan.overhead", recordings, goal="<= 1.15")
    yield _ratio("scan.overhead.short", [UPLOADS / name for name in EXAMPLES], goal=None)


def _ratio(name: str, paths: list[Path], *, goal: str | None) -> Measurement:
    ours, bare = [], []
    for path in paths:
        scanned = process([NOISEGATE, "scan", "--json", path])
        names = [signal for signal in json.loads(scanned.out)["timings"] if signal != "total"]
        called = process([sys.executable, "-m", "benchmarks.bare", "signals", path, ",".join(names)])
        ours.append(scanned.wall_s)
        bare.append(json.loads(called.out)["seconds"])
        note(f"{path.name}: scan {ours[-1]:.1f} s, its models {bare[-1]:.1f} s")
    return ratio(name, ours, bare, goal=goal)

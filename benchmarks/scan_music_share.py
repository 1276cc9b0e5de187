"""`scan.music_share`: an hour that is half music, against plain faster-whisper over the whole of it.

The hour comes as three recordings of twenty minutes, so that the ratio has an interval. Both sides are whole processes
with the same model, beam and thread count; ours also judges, hashes and measures.
"""

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks.measure import NOISEGATE, Measurement, long_recording, note, process, ratio

PARTS = 3
PART_S = 1200.0


def measure() -> Iterable[Measurement]:
    """One ratio."""
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(PARTS):
            recording = long_recording(Path(folder), seconds_long=PART_S, music_share=0.5, seed=seed + 1)
            ours.append(process([NOISEGATE, "scan", "--json", recording]).wall_s)
            theirs.append(process([sys.executable, "-m", "benchmarks.bare", "whisper", recording]).wall_s)
            note(f"recording {seed + 1}: scan {ours[-1]:.0f} s, plain faster-whisper {theirs[-1]:.0f} s")
    yield ratio("scan.music_share", ours, theirs, goal="<= 0.6")

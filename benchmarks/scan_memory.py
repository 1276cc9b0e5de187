"""`scan.memory`: peak resident memory of a scan, over an hour and over three hours of talk and music.

The peak is that of the largest process of the scan (the one that holds the models; the decoding child is smaller). It
must stay under a bound, and be flat in the length of the recording.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks.measure import NOISEGATE, Measurement, long_recording, note, process, ratio

LENGTHS_S = (3600.0, 10800.0)


def measure() -> Iterable[Measurement]:
    """The peak at three hours, and its ratio to the peak at one."""
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for length in LENGTHS_S:
            # mostly music keeps the run short; the transcript of the talk in it still grows with the length
            recording = long_recording(Path(folder), seconds_long=length, music_share=0.8, seed=1)
            ran = process([NOISEGATE, "scan", "--json", recording])
            peaks.append(ran.peak_mb)
            note(f"{length / 3600:.0f} h: peak {ran.peak_mb:.0f} MiB, {ran.wall_s:.0f} s")
    yield Measurement(benchmark="scan.memory", value=peaks[-1], unit="MiB", goal="<= 1536", low=None, high=None, n=1)
    yield ratio("scan.memory.growth", peaks[1:], peaks[:1], goal="<= 1.1")

"""`python -m benchmarks [--only NAME] [--keep]`: JSON lines on standard output, progress on standard error."""

import argparse
import sys
from collections.abc import Callable, Iterable
from importlib import import_module

from benchmarks.measure import Measurement, keep, note

BENCHMARKS = {
    "start": "benchmarks.start",
    "scan.overhead": "benchmarks.scan_overhead",
    "scan.music_share": "benchmarks.scan_music_share",
    "scan.memory": "benchmarks.scan_memory",
    "verdict.text": "benchmarks.verdict_text",
}
"""Name -> module with a function `measure() -> Iterable[Measurement]`. One line a benchmark."""


def main() -> int:
    """Run the chosen benchmarks; 1 when none has that name."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}")
    parser.add_argument("--keep", action="store_true", help="remember the figures for docs/benchmarks.md")
    said = parser.parse_args()
    only: str | None = said.only
    chosen = {n: m for n, m in BENCHMARKS.items() if only is None or n == only or n.startswith(f"{only}.")}
    chosen = chosen or {n: m for n, m in BENCHMARKS.items() if only and only.startswith(f"{n}.")}
    if not chosen:
        print(f"error: no benchmark is called `{only}`; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 1
    for name, module in chosen.items():
        note(f"--- {name}")
        measure: Callable[[], Iterable[Measurement]] = import_module(module).measure
        for measurement in measure():
            if only is None or only in chosen or measurement.benchmark.startswith(only):
                print(measurement.line(), flush=True)
                if said.keep:
                    keep(measurement)
    return 0


if __name__ == "__main__":
    sys.exit(main())

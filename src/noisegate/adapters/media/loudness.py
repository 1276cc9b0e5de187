"""How loud a sound is, by libavfilter's EBU R128 meter, and the level faults a listener would notice.

Runs in the child. Takes decoded frames of one fixed layout and rate; knows no file.
"""

import math
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from noisegate.core.errors import MediaError
from noisegate.core.modality import Loudness

_FULL_SCALE = 32_766.5 / 32_768  # what 16-bit rounds to its largest value
_SILENT_POWER = 1e-6  # mean square of -60 dBFS


class AudioGraph:
    """A chain of libavfilter's audio filters."""

    def __init__(self, template: Any, chain: tuple[list[str], ...]) -> None:
        from av.filter import Graph

        self._graph = Graph()
        self._graph.threads = 1
        rate = template.sample_rate
        try:
            nodes = [
                self._graph.add_abuffer(
                    sample_rate=rate, format=template.format, layout=template.layout, time_base=Fraction(1, rate)
                )
            ]
            nodes += [self._graph.add(name, args) for name, args in chain]
            nodes.append(self._graph.add("abuffersink"))
            self._graph.link_nodes(*nodes).configure()
        except ValueError as error:
            raise MediaError(
                f"the sound has {len(template.layout.channels)} channels in an arrangement without a name ({template.layout.name!r}), "
                "which cannot be mixed to one",
                kind="unsupported",
            ) from error
        self._source, self._sink = nodes[0], nodes[-1]

    def push(self, frame: Any) -> Iterator[Any]:
        """Everything that comes out after `frame` went in; None flushes."""
        import av

        self._source.push(frame)
        while True:
            try:
                yield self._sink.pull()
            except (av.BlockingIOError, av.EOFError):
                return


class Meter:
    """Loudness and level faults, from 100 ms blocks of the original sound."""

    def __init__(self, template: Any) -> None:
        self._graph = AudioGraph(template, (["ebur128", "peak=true:metadata=1:framelog=quiet"],))
        self._last: deque[Any] = deque(maxlen=3)  # the very last block is shorter and says nothing
        self._count = 0
        self._clipped = 0
        self._silent = 0
        self._peak = 0.0

    def take(self, frame: Any) -> None:
        """Measure one frame; None flushes."""
        import numpy as np

        for block in self._graph.push(frame):
            sound = block.to_ndarray().reshape(-1)
            level = np.abs(sound)
            peak = float(level.max(initial=0.0))
            self._peak = max(self._peak, peak)
            self._count += sound.size
            if peak >= _FULL_SCALE:
                self._clipped += int(np.count_nonzero(level >= _FULL_SCALE))
            if float(sound @ sound) < _SILENT_POWER * sound.size:
                self._silent += sound.size
            self._last.append(block)

    def loudness(self) -> Loudness:
        """Over everything so far; a sound shorter than one block (100 ms) has no loudness."""
        said: dict[str, str] = next(filter(None, (block.metadata for block in reversed(self._last))), {})
        integrated = _number(said.get("lavfi.r128.I"))
        audible = integrated is not None and integrated > -70.0  # the absolute gate: nothing passed it
        peak = max(self._peak, _number(said.get("lavfi.r128.true_peak")) or 0.0)
        return Loudness(
            integrated_lufs=integrated if audible else None,
            range_lu=_number(said.get("lavfi.r128.LRA")) if audible else None,
            true_peak_dbtp=20 * math.log10(peak) if 0.0 < peak < math.inf else None,
            clipped_share=self._clipped / self._count if self._count else 0.0,
            silent_share=self._silent / self._count if self._count else 0.0,
        )


def _number(text: str | None) -> float | None:
    """A finite number, or None."""
    value = math.nan if text is None else float(text)
    return value if math.isfinite(value) else None

"""How loud a recording is, and whether its level is at fault. Facts, not judgement: a whisper is no offence.

The measuring is the decoder's work, on the original channels and rate; this signal says which numbers there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from noisegate.core.content import ArrayAudio
from noisegate.core.modality import SAMPLE_RATE, Audio, Role
from noisegate.core.modality import Loudness as Measured
from noisegate.core.signal import Cost, Example, Facts, FactType, FactValue, Signal, SignalSpec


@dataclass(frozen=True, kw_only=True)
class Loudness(Signal[Audio, Facts]):
    """Programme loudness by EBU R128 (ITU-R BS.1770), and the shares that are clipped and silent.

    `integrated_lufs`: LUFS, left out when everything lies below the absolute gate of -70. `range_lu`: loudness range in
    LU, left out for recordings too short to have one. `true_peak_dbtp`: dB over full scale, between samples too, left
    out for digital silence. `clipped_share` and `silent_share`: 0..1, of samples at full scale and of time below
    -60 dBFS.
    """

    spec = SignalSpec(
        name="audio.loudness",
        version="1.0.0",
        summary="Loudness, true peak, clipping and silence of a recording.",
        facts={
            "integrated_lufs": FactType.NUMBER,
            "range_lu": FactType.NUMBER,
            "true_peak_dbtp": FactType.NUMBER,
            "clipped_share": FactType.NUMBER,
            "silent_share": FactType.NUMBER,
        },
        roles=frozenset({Role.RECORDING, Role.SOUNDTRACK}),
        cost=Cost(cpu_s=0.5, tier=0),
        licence="Apache-2.0",
        limits="Of whole recordings, not of the stretches in them.",
    )

    def run(self, model: Any, batch: Sequence[Audio]) -> Sequence[Facts]:  # noqa: ARG002 - there is no model
        """The facts of each recording; what cannot be measured is left out."""
        return [_facts(part.content.loudness()) for part in batch]

    @classmethod
    def examples(cls) -> Sequence[Example]:
        """What the decoder measures is passed on, and what it does not know is left out."""
        loud = Measured(integrated_lufs=-14.0, range_lu=6.5, true_peak_dbtp=-1.0, clipped_share=0.0, silent_share=0.125)
        nothing = Measured(
            integrated_lufs=None, range_lu=None, true_peak_dbtp=None, clipped_share=0.0, silent_share=1.0
        )
        return [
            Example(
                part=lambda: _silent(loud), facts={"integrated_lufs": -14.0, "silent_share": 0.125}, why="a loud song"
            ),
            Example(part=lambda: _silent(nothing), facts={"silent_share": 1.0}, why="nothing to hear"),
        ]


def _facts(measured: Measured) -> Facts:
    found: dict[str, FactValue | None] = {
        "integrated_lufs": measured.integrated_lufs,
        "range_lu": measured.range_lu,
        "true_peak_dbtp": measured.true_peak_dbtp,
        "clipped_share": measured.clipped_share,
        "silent_share": measured.silent_share,
    }
    return Facts(values={name: value for name, value in found.items() if value is not None})


def _silent(measured: Measured) -> Audio:
    import numpy as np

    content = ArrayAudio(np.zeros(SAMPLE_RATE, dtype=np.float32), measured=measured)
    return Audio(role=Role.RECORDING, duration_s=1.0, content=content)

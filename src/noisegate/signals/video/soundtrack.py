"""The sound of a film, as a recording like any other: speech in it is segmented, transcribed and judged.

Only the first sound track is heard; other languages and commentaries in the same file are not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from noisegate.core.content import ArrayAudio, ArrayVideo
from noisegate.core.modality import SAMPLE_RATE, Audio, Modality, Origin, Role, Video
from noisegate.core.signal import Cost, Example, Parts, Signal, SignalSpec


@dataclass(frozen=True, kw_only=True)
class Soundtrack(Signal[Video, Parts]):
    """The whole audio of a film."""

    spec = SignalSpec(
        name="video.soundtrack",
        version="1.0.0",
        summary="The sound of a film.",
        makes={Role.SOUNDTRACK: Modality.AUDIO},
        cost=Cost(cpu_s=0.1, tier=0),
        extra="video",
        licence="Apache-2.0",
        limits="The first sound track only: other languages and commentaries in the same file are not heard.",
    )

    def run(self, model: Any, batch: Sequence[Video]) -> Sequence[Parts]:  # noqa: ARG002 - there is no model
        """One recording for every film with sound, none for silent films."""
        return [self._one(part) for part in batch]

    def _one(self, part: Video) -> Parts:
        sound = part.content.soundtrack()
        if sound is None or sound.duration_s <= 0:
            return Parts(parts=())
        origin = Origin(where=part.origin.where)
        return Parts(parts=(Audio(role=Role.SOUNDTRACK, duration_s=sound.duration_s, content=sound, origin=origin),))

    @classmethod
    def examples(cls) -> Sequence[Example]:
        """A film with sound and a silent one."""
        return [
            Example(part=_sounding, makes={Role.SOUNDTRACK: 1}, why="it has sound"),
            Example(
                part=Video(role=Role.FILM, duration_s=1.0, width=8, height=8, content=ArrayVideo()),
                makes={Role.SOUNDTRACK: 0},
                why="a silent film",
            ),
        ]


def _sounding() -> Video:
    import numpy as np

    sound = ArrayAudio(np.zeros(SAMPLE_RATE, dtype=np.float32))
    return Video(role=Role.FILM, duration_s=1.0, width=8, height=8, content=ArrayVideo(sound=sound))

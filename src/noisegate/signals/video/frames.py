"""The moments of a film worth looking at: key frames and scene starts, without near-duplicates.

The decoder chooses them; this signal says how many are enough and makes pictures of them, so that every image signal
sees the film. What happens only between two chosen moments is not seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from noisegate.core.content import ArrayImage, ArrayVideo
from noisegate.core.modality import Frame, Image, Modality, Origin, Role, Video, Where
from noisegate.core.signal import Cost, Example, Failure, Parts, Signal, SignalSpec


@dataclass(frozen=True, kw_only=True)
class Frames(Signal[Video, Parts]):
    """Pictures of a film, each with the time range it stands for."""

    spec = SignalSpec(
        name="video.frames",
        version="1.0.0",
        summary="Key frames and scene starts of a film, without near-duplicates.",
        makes={Role.FRAME: Modality.IMAGE},
        cost=Cost(cpu_s=2.0, tier=1),
        extra="video",
        licence="Apache-2.0",
        limits="Something shown for a moment between two chosen frames is not seen; in a long film they lie further apart. "
        "A picture that comes back is kept once, with the time of its first showing. Subtitles kept as text in the file are "
        "not read.",
    )
    per_minute: int = 12
    """At most this many in any minute: one every five seconds."""
    at_most: int = 240
    """In the whole film, spread over all of it: an hour is seen every 15 seconds."""

    def run(self, model: Any, batch: Sequence[Video]) -> Sequence[Parts]:  # noqa: ARG002 - there is no model
        """The frames of every film, in time order."""
        return [self._one(part) for part in batch]

    def _one(self, part: Video) -> Parts:
        frames = part.content.frames(per_minute=self.per_minute, at_most=self.at_most)
        damage = part.content.damage()
        return Parts(
            parts=tuple(_picture(frame, part.origin.where.start_s or 0.0) for frame in frames),
            lacking=None if damage is None else Failure(kind=damage.kind, message=damage.message),
        )

    @classmethod
    def examples(cls) -> Sequence[Example]:
        """A film of two moments, and one without pictures."""
        return [
            Example(part=_film, makes={Role.FRAME: 2}, why="two moments, two pictures"),
            Example(
                part=Video(role=Role.FILM, duration_s=1.0, width=0, height=0, content=ArrayVideo()),
                makes={Role.FRAME: 0},
                why="nothing was shown",
            ),
        ]


def _picture(frame: Frame, offset_s: float) -> Image:
    where = Where(start_s=offset_s + frame.start_s, end_s=offset_s + frame.end_s)
    return Image(
        role=Role.FRAME, width=frame.width, height=frame.height, content=frame.content, origin=Origin(where=where)
    )


def _film() -> Video:
    import numpy as np

    shots = tuple(
        Frame(start_s=second, end_s=second + 5, width=8, height=8, content=ArrayImage(np.full((8, 8, 3), 20, np.uint8)))
        for second in (0.0, 5.0)
    )
    return Video(role=Role.FILM, duration_s=10.0, width=8, height=8, content=ArrayVideo(shots=shots))

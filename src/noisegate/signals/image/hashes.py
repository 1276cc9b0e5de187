"""Perceptual hashes of a picture: names it can be found again under, also after resaving and resizing.

The hashes go on record so that a bank filled tomorrow can be held against everything seen today. It compares nothing;
`match.image` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from noisegate.core.content import ArrayImage
from noisegate.core.modality import Image, Role
from noisegate.core.signal import Cost, Example, Facts, FactType, Signal, SignalSpec
from noisegate.signals.image.perceptual import pdq, phash

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Hashes(Signal[Image, Facts]):
    """PDQ with its quality, and pHash, of the picture as it is."""

    spec = SignalSpec(
        name="image.hashes",
        version="1.0.0",
        summary="Perceptual hashes (PDQ and pHash) under which a picture can be found again.",
        facts={"pdq": FactType.STRING, "pdq_quality": FactType.NUMBER, "phash": FactType.STRING},
        batch_size=8,
        cost=Cost(cpu_s=0.03, tier=0),
        extra="image",
        licence="Apache-2.0",
        limits="Crops, rotations by odd angles and collages change the hashes; below PDQ quality 50 they say little.",
    )

    def run(self, model: Any, batch: Sequence[Image]) -> Sequence[Facts]:  # noqa: ARG002 - there is no model
        """`pdq` (64 hex digits), `pdq_quality` (0..100) and `phash` (16 hex digits) for every picture."""
        return [self._one(part) for part in batch]

    def _one(self, part: Image) -> Facts:
        pixels = part.pixels()
        digits, quality = pdq(pixels)
        return Facts(values={"pdq": digits, "pdq_quality": float(quality), "phash": phash(pixels)})

    @classmethod
    def examples(cls) -> Sequence[Example]:
        """A flat colour, which has no features, and drawn rings with their known hashes."""
        return [
            Example(part=_flat, facts={"pdq_quality": 0.0}, why="one colour has no features"),
            Example(
                part=_rings,
                facts={
                    "pdq": "527f4b714b716df12dd1ad819441b549514d056f4d6f94ae5dae4a96a569a541",
                    "pdq_quality": 100.0,
                    "phash": "b2c1c8343a3afada",
                },
                why="rings have many, in every direction",
            ),
        ]


def _flat() -> Image:
    import numpy as np

    return _cover(np.full((64, 64), 128))


def _rings() -> Image:
    import numpy as np

    y, x = np.mgrid[0:256, 0:256]
    return _cover(((x - 90) ** 2 + (y - 160) ** 2) // 64 % 256)


def _cover(grey: "NDArray[np.int64]") -> Image:
    import numpy as np

    pixels = np.stack([grey.astype(np.uint8)] * 3, axis=2)
    return Image(role=Role.COVER, width=pixels.shape[1], height=pixels.shape[0], content=ArrayImage(pixels))

"""How different two pictures look: enough to tell scenes apart and to notice words that appear on a still one.

Pure arithmetic on decoded frames. Thresholds were set on drawn captions of 12 to 60 pixels over photographs and on
hand-held footage: captions of 24 pixels on a 720p picture are noticed, those of 16 often, smaller ones not.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_COLOUR = (48, 27)  # width, height of the thumbnail that tells scenes apart
_GREY = (320, 176)  # width, height of the one in which letters still have edges
_TILE = 8  # of its pixels on a side
_LARGEST_TILES = 4  # of 880: a few words of small print cover that many
_NEW_COLOUR = 14.0  # mean difference (0..255) of the colour thumbnail that makes a picture new
_NEW_DETAIL = 8.0  # the same for the sharpness of the tiles that changed most: words of 24 pixels on 720p give 18 to 25
_AT_REST = 0.5  # below this from one moment to the next, the picture stands still
_ABRUPT = 2.5  # times the usual movement from one moment to the next: a cut, or something appearing at once
_CUT = 3.0  # a larger step is a cut and says no more about movement
_MEMORY = 0.3  # weight of the latest moment in the usual movement
_DETOUR = 1.25  # times the direct distance
_LEG = 0.1  # of it: a picture much like one of the others is no blend
COLOURS = 3 * _COLOUR[0] * _COLOUR[1]
"""Numbers in `Look.colour`."""
TILES = _GREY[0] * _GREY[1] // _TILE**2
"""Numbers in `Look.detail`."""


@dataclass(frozen=True, eq=False)
class Look:
    """What two pictures are compared by."""

    colour: "NDArray[np.int16]"
    """A tiny thumbnail: tells scenes apart, cannot see words."""
    detail: "NDArray[np.int16]"
    """How sharp each tile is, in sixteenths: sees words appear on a still picture, and hardly minds slow movement."""


def look_at(frame: Any) -> Look:
    """Reduce a PyAV video frame to what is compared."""
    import numpy as np

    grey = frame.reformat(*_GREY, "gray", interpolation="AREA").to_ndarray().astype(np.int16)
    edges = np.zeros_like(grey)
    np.abs(grey[:, 1:] - grey[:, :-1], out=edges[:, 1:])
    rows, columns = _GREY[1] // _TILE, _GREY[0] // _TILE
    tiles = edges.reshape(rows, _TILE, columns, _TILE).sum(axis=(1, 3)) // (_TILE * _TILE // 16)
    colour = frame.reformat(*_COLOUR, "rgb24", interpolation="AREA").to_ndarray()
    return Look(colour.astype(np.int16).ravel(), tiles.astype(np.int16).ravel())


def differences(look: Look, colours: "NDArray[np.int16]", details: "NDArray[np.int16]") -> "NDArray[np.float32]":
    """How new a picture is beside each of n others (rows), by colour and by detail: 1 is just new; shape (n, 2)."""
    import numpy as np

    colour = np.abs(colours - look.colour).mean(axis=1, dtype=np.float32) / _NEW_COLOUR
    sharper = np.partition(np.abs(details - look.detail), -_LARGEST_TILES, axis=1)[:, -_LARGEST_TILES:]
    detail = sharper.mean(axis=1, dtype=np.float32) / (16 * _NEW_DETAIL)
    return np.stack([colour, detail], axis=1)


def difference(one: Look, other: Look) -> tuple[float, float]:
    """How new one picture is beside another, by colour and by detail: 1 is just new."""
    colour, detail = differences(one, other.colour[None], other.detail[None])[0]
    return float(colour), float(detail)


def is_blend(before: Look, middle: Look, after: Look) -> bool:
    """Whether the middle picture is a fade between the two others.

    Blending is linear, so the colour distances of a fade add up; the way over an unrelated picture is about twice as
    long.
    """
    there, onward, direct = difference(before, middle)[0], difference(middle, after)[0], difference(before, after)[0]
    return min(there, onward) > _LEG * direct and there + onward < _DETOUR * direct


class Movement:
    """Tells cuts from movement by what is usual for the film at that time."""

    def __init__(self) -> None:
        self._before: Look | None = None
        self._usual = [1.0, 1.0]  # by colour and by detail; not yet known, and the first moments are no cuts

    def see(self, look: Look) -> tuple[bool, bool]:
        """(something changed at once, the picture stands still) since the moment before."""
        step = (0.0, 0.0) if self._before is None else difference(look, self._before)
        abrupt = any(one >= max(1.0, _ABRUPT * usual) for one, usual in zip(step, self._usual, strict=True))
        self._usual = [usual + _MEMORY * (min(one, _CUT) - usual) for one, usual in zip(step, self._usual, strict=True)]
        self._before = look
        return abrupt, max(step) < _AT_REST

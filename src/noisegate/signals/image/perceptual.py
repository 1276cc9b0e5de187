"""Perceptual hashes of pictures, shared by `image.hashes`, `match.image` and whoever fills a bank.

A perceptual hash stays nearly the same when a picture is resaved, resized or slightly blurred. Crops of more than a
few per cent, rotations by odd angles and collages change it beyond recognition. This module knows no bank.

Source: PDQ, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", Facebook 2019; pHash as in
the library `imagehash`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from noisegate.core.errors import InvalidInputError
from noisegate.core.extras import require
from noisegate.core.modality import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PDQ_BITS = 256
PDQ_QUALITY_FLOOR = 50
"""PDQ quality (0..100) below which a hash says too little to be compared: flat colours, smooth gradients."""

_TURN_HASH_FROM = 640
"""Longest side in pixels from which turning the hash finds every turned picture: measured on 16 photographs."""
_TRIM_TOLERANCE = 10.0
"""Mean distance from the border's colour (0..255) up to which a row or column still is border: JPEG noise."""
_TRIM_KEEPS = 0.25
"""Share of width and height that must remain; less is a picture that looks like its own border."""


def pdq(pixels: "NDArray[np.uint8]") -> tuple[str, int]:
    """PDQ hash and its quality.

    Args:
        pixels: RGB, shape (height, width, 3).

    Returns:
        64 hexadecimal digits, and the quality 0..100. Pictures under 5 pixels on a side have quality 0.
    """
    bits, quality = require("pdqhash", extra="image").compute(pixels)
    return _hex(bits), int(quality)


def pdq_variants(pixels: "NDArray[np.uint8]") -> tuple[tuple[str, ...], int]:
    """PDQ hashes of the eight ways to turn and mirror the picture, upright first, and its quality.

    Large pictures are hashed once and the hash is turned, which is off by a few bits. In pictures of about 256 pixels
    it is off by up to 60 bits, so small ones are turned themselves.
    """
    import numpy as np

    library = require("pdqhash", extra="image")
    if max(pixels.shape) >= _TURN_HASH_FROM:
        variants, quality = library.compute_dihedral(pixels)
        return tuple(_hex(bits) for bits in variants), int(quality)
    views = [np.rot90(side, turns) for side in (pixels, pixels[:, ::-1]) for turns in range(4)]
    hashed = [library.compute(np.ascontiguousarray(view)) for view in views]
    return tuple(_hex(bits) for bits, _ in hashed), int(hashed[0][1])


def phash(pixels: "NDArray[np.uint8]") -> str:
    """The 64-bit DCT hash, as 16 hexadecimal digits."""
    image = require("PIL.Image", extra="image").fromarray(pixels)
    return str(require("imagehash", extra="image").phash(image))


def bank_hashes(pixels: "NDArray[np.uint8]") -> Mapping[str, str]:
    """What a bank keeps of a picture: `pdq`, `phash` and, where it has a border, `pdq_inner` of what is inside.

    Raises:
        InvalidInputError: the picture has too few features (PDQ quality below PDQ_QUALITY_FLOOR): its hash would
            match other featureless pictures.
    """
    digits, quality = pdq(pixels)
    if quality < PDQ_QUALITY_FLOOR:
        raise InvalidInputError(
            f"the picture has too few features to be found again: PDQ quality {quality}, at least {PDQ_QUALITY_FLOOR}",
            hint="it cannot be told from other flat or blurred pictures; leave it out of the bank",
        )
    hashes = {"pdq": digits, "phash": phash(pixels)}
    inner, _ = without_border(pixels)
    if inner is not pixels:
        inner_digits, inner_quality = pdq(inner)
        if inner_quality >= PDQ_QUALITY_FLOOR:
            hashes["pdq_inner"] = inner_digits
    return hashes


def without_border(pixels: "NDArray[np.uint8]") -> tuple["NDArray[np.uint8]", Box]:
    """The picture without a border of one colour: letterbox bars, frames, a scan's margin.

    Args:
        pixels: RGB, shape (height, width, 3).

    Returns:
        The inner picture (the same array when there is no border) and its place in the whole.
    """
    height, width = pixels.shape[:2]
    top, bottom = _content_range(pixels)
    left, right = _content_range(pixels[top:bottom].swapaxes(0, 1))
    if bottom - top < _TRIM_KEEPS * height or right - left < _TRIM_KEEPS * width:
        return pixels, Box(x=0.0, y=0.0, width=1.0, height=1.0)
    box = Box(x=left / width, y=top / height, width=(right - left) / width, height=(bottom - top) / height)
    return (pixels[top:bottom, left:right], box) if box.width * box.height < 1.0 else (pixels, box)


def _content_range(pixels: "NDArray[np.uint8]") -> tuple[int, int]:
    """First row that is not border, and the row after the last one."""
    rows = len(pixels)
    first, last = _border(pixels), _border(pixels[::-1])
    return (0, rows) if first + last >= rows else (first, rows - last)


def _border(pixels: "NDArray[np.uint8]") -> int:
    """How many rows from the top have the first row's colour throughout, and one more, into which it has bled."""
    import numpy as np

    colour = np.median(pixels[0], axis=0)
    for index, row in enumerate(pixels):
        if float(np.abs(row - colour).mean()) > _TRIM_TOLERANCE:
            return index + 1 if index else 0
    return len(pixels)


def _hex(bits: "NDArray[np.int64]") -> str:
    import numpy as np

    return np.packbits(bits.astype(bool)).tobytes().hex()

"""One picture from an untrusted file: upright, opaque, 8-bit RGB, no larger than asked for.

Runs in the child. Only the first frame of an animation is seen. Colours are not managed: an embedded profile is
ignored, as most players of small artwork do.
"""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO

from noisegate.adapters.media.limits import Limits
from noisegate.adapters.media.opening import accepted, check_pixels, identify
from noisegate.adapters.media.sniff import IMAGE, Family
from noisegate.core.errors import MediaError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PLUGINS = {"PNG": "Png", "JPEG": "Jpeg", "GIF": "Gif", "WEBP": "WebP", "BMP": "Bmp", "TIFF": "Tiff", "AVIF": "Avif"}
_MOVING = frozenset({"GIF", "WEBP", "PNG", "AVIF"})
_ORIENTATION = 0x0112  # the EXIF tag: 1..8, how to turn the stored picture upright
_BACKGROUND = (255, 255, 255)


def picture(file: BinaryIO, size_bytes: int, max_side: int, limits: Limits) -> "NDArray[np.uint8]":
    """Decode a picture.

    Args:
        file: Readable and seekable.
        size_bytes: Its length.
        max_side: The longer side of the answer is at most this many pixels; smaller pictures keep their size.
        limits: What may be claimed.

    Returns:
        RGB, shape (height, width, 3): EXIF orientation applied, transparency laid on white.

    Raises:
        MediaError: empty, unsupported, too_large, truncated, decode_failed.
    """
    import numpy as np
    from PIL import Image

    family = identify(file, size_bytes, limits)
    with opened_picture(file, family, limits) as image, _failures(family, limits):
        image.draft("RGB", (max_side, max_side))  # lets the JPEG decoder work at 1/2, 1/4 or 1/8 of the size
        orientation = orientation_of(image)
        image.load()
        flat: Any = _opaque(image)
        if max(flat.size) > max_side:
            flat.thumbnail((max_side, max_side), Image.Resampling.LANCZOS, reducing_gap=3.0)
        if orientation in _TURNS:
            flat = flat.transpose(Image.Transpose[_TURNS[orientation]])
        return np.asarray(flat)


_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


@contextmanager
def opened_picture(file: BinaryIO, family: Family, limits: Limits) -> Iterator[Any]:
    """A Pillow image of which only the header was read, opened with the one plugin its content calls for.

    Raises:
        MediaError: unsupported, too_large, truncated, decode_failed.
    """
    from PIL import Image

    if family.plugin is None:
        raise MediaError(
            f"the content is {family.words}, not a picture that can be shown; allowed are {accepted(IMAGE)}",
            kind="unsupported",
        )
    import_module(f"PIL.{_PLUGINS[family.plugin]}ImagePlugin")
    Image.MAX_IMAGE_PIXELS = limits.max_pixels
    file.seek(0)
    with _failures(family, limits):
        image = Image.open(file, formats=[family.plugin])
    with image:
        check_pixels(*image.size, limits)
        yield image


def upright(orientation: int, width: int, height: int) -> tuple[int, int]:
    """The size a stored picture is shown at."""
    return (height, width) if orientation >= 5 else (width, height)


def orientation_of(image: Any) -> int:
    """The EXIF orientation, 1 (as stored) when there is none or it is broken."""
    try:
        value = image.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001 - metadata of a stranger raises anything, and a cover is still a cover without it
        return 1
    return value if isinstance(value, int) and value in _TURNS else 1


def moves(image: Any) -> bool:
    """Whether there is a second frame; a broken second frame is none."""
    try:
        return image.format in _MOVING and bool(image.is_animated)
    except Exception:  # noqa: BLE001 - as above
        return False


@contextmanager
def _failures(family: Family, limits: Limits) -> Iterator[None]:
    """Name what went wrong inside Pillow, whose plugins raise all sorts of exceptions on broken files."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        pixels = re.search(r"\d+", str(error))
        raise MediaError(
            f"the picture has {int(pixels[0]) / 1e6 if pixels else 0:.1f} million pixels; at most "
            f"{limits.max_pixels / 1e6:g} million are allowed",
            kind="too_large",
        ) from error
    except (MediaError, MemoryError):
        raise
    except Exception as error:
        kind = "truncated" if "truncated" in str(error).lower() or isinstance(error, EOFError) else "decode_failed"
        raise MediaError(f"the {family.words} cannot be decoded: {error or type(error).__name__}", kind=kind) from error


def _opaque(image: Any) -> Any:
    """8-bit RGB of any mode Pillow knows, transparent pixels laid on white."""
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bits(image)
    if image.has_transparency_data or image.mode in {"PA", "La", "RGBa"}:
        layered = image.convert("RGBA")
        ground = Image.new("RGB", layered.size, _BACKGROUND)
        ground.paste(layered, mask=layered.getchannel("A"))
        return ground
    return image.convert("RGB")


def _eight_bits(image: Any) -> Any:
    """Grey of 16 or 32 bits or floats as RGB; Pillow's own conversion would clip everything above 255 to white."""
    import numpy as np
    from PIL import Image

    grey = np.asarray(image)
    if grey.dtype.kind == "f":
        grey = np.nan_to_num(grey, nan=0.0, posinf=0.0, neginf=0.0)
        low, high = float(grey.min()), float(grey.max())
        scaled = (grey - low) * (255.0 / (high - low)) if high > low else np.zeros_like(grey)
    else:
        scaled = np.clip(grey, 0, 65_535) >> 8
    return Image.fromarray(scaled.astype(np.uint8)).convert("RGB")

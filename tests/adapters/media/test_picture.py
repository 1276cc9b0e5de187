import io
import zlib

import made_media as made
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from noisegate.adapters.media.limits import Limits
from noisegate.adapters.media.picture import picture
from noisegate.core.errors import MediaError


def decoded(data: bytes, max_side: int = 2048, limits: Limits | None = None) -> NDArray[np.uint8]:
    return picture(io.BytesIO(data), len(data), max_side, limits or Limits())


def refused(data: bytes, limits: Limits | None = None) -> MediaError:
    with pytest.raises(MediaError) as caught:
        decoded(data, limits=limits)
    return caught.value


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
def test_every_accepted_format_gives_rgb(form: str) -> None:
    """Shape (height, width, 3), 8 bits, about the colours that went in."""
    original = made.scene(3, (64, 48))
    pixels = decoded(made.saved(original, form))
    assert (pixels.shape, pixels.dtype) == ((48, 64, 3), np.uint8)
    assert np.abs(pixels.astype(int) - np.asarray(original).astype(int)).mean() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_upright(orientation: int) -> None:
    """All eight EXIF orientations show the same picture."""
    upright = Image.new("RGB", (40, 20), "white")
    upright.paste("red", (0, 0, 10, 10))
    stored = {
        1: upright,
        2: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: upright.transpose(Image.Transpose.ROTATE_180),
        4: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: upright.transpose(Image.Transpose.TRANSPOSE),
        6: upright.transpose(Image.Transpose.ROTATE_90),
        7: upright.transpose(Image.Transpose.TRANSVERSE),
        8: upright.transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(decoded(made.saved(stored, "PNG", exif=exif)), np.asarray(upright))


def test_broken_metadata_does_not_cost_the_picture() -> None:
    """An orientation of 99, and EXIF that is noise, are read as upright."""
    exif = Image.Exif()
    exif[0x0112] = 99
    assert decoded(made.saved(made.scene(1, (40, 20)), "JPEG", exif=exif)).shape == (20, 40, 3)
    assert decoded(made.saved(made.scene(1, (40, 20)), "JPEG", exif=b"Exif\0\0II*\0" + b"\xff" * 40)).shape == (
        20,
        40,
        3,
    )


def test_transparency_is_laid_on_white() -> None:
    """Also where a palette says which colours are transparent."""
    clear = Image.new("RGBA", (10, 10), (255, 0, 0, 0))
    clear.putpixel((0, 0), (0, 0, 255, 255))
    for data in (
        made.saved(clear, "PNG"),
        made.saved(clear, "WEBP", lossless=True),
        made.saved(clear.quantize(8), "PNG"),
    ):
        pixels = decoded(data)
        assert pixels[5, 5].tolist() == [255, 255, 255]
        assert pixels[0, 0].tolist() == [0, 0, 255]


def test_a_palette_with_one_transparent_colour_is_laid_on_white() -> None:
    """The old GIF way."""
    flat = Image.new("P", (10, 10), 1)
    flat.putpalette([0, 0, 255, 255, 0, 0])
    flat.putpixel((0, 0), 0)
    pixels = decoded(made.saved(flat, "GIF", transparency=1))
    assert (pixels[5, 5].tolist(), pixels[0, 0].tolist()) == ([255, 255, 255], [0, 0, 255])


def test_grey_with_alpha_is_laid_on_white() -> None:
    """Mode LA."""
    assert decoded(made.saved(Image.new("LA", (4, 4), (0, 0)), "PNG"))[0, 0].tolist() == [255, 255, 255]


def test_sixteen_bit_grey_keeps_its_shades() -> None:
    """A library default would clip everything above 255 to white."""
    ramp = np.linspace(0, 65_535, 256).astype("uint16")[None, :].repeat(4, axis=0)
    pixels = decoded(made.saved(Image.fromarray(ramp), "PNG"))
    assert np.array_equal(pixels[0, :, 0], np.arange(256))


def test_floats_and_wide_integers_have_shades() -> None:
    """TIFF may hold 32 bits a pixel, and NaN."""
    ramp = np.linspace(-1, 3, 256, dtype="float32")[None, :].repeat(4, axis=0)
    ramp[1, 7] = np.nan
    assert np.abs(decoded(made.saved(Image.fromarray(ramp), "TIFF"))[0, :, 0].astype(int) - np.arange(256)).max() <= 1
    wide = (np.arange(256, dtype="int32") * 257)[None, :].repeat(4, axis=0)
    assert decoded(made.saved(Image.fromarray(wide), "TIFF"))[0, 255].tolist() == [255, 255, 255]


def test_cmyk_becomes_rgb() -> None:
    """Printers' JPEGs have four inks."""
    inks = made.scene(2, (64, 48)).convert("CMYK")
    pixels = decoded(made.saved(inks, "JPEG", quality=95))
    assert np.abs(pixels.astype(int) - np.asarray(inks.convert("RGB")).astype(int)).mean() < 8


def test_only_the_first_frame_of_an_animation_is_seen() -> None:
    """The probe says that there is more."""
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue", "green")]
    for form in ("GIF", "WEBP", "PNG"):
        data = made.saved(frames[0], form, save_all=True, append_images=frames[1:], duration=100)
        assert np.abs(decoded(data)[10, 10].astype(int) - [255, 0, 0]).max() < 8


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_large_picture_is_scaled_down(form: str) -> None:
    """The longer side is at most what was asked for; the proportions stay."""
    pixels = decoded(made.saved(made.scene(1, (1000, 500)), form), max_side=300)
    assert pixels.shape == (150, 300, 3)


def test_a_thin_picture_keeps_at_least_a_pixel() -> None:
    """Scaling never gives an empty picture."""
    assert decoded(made.flat_png(4000, 1), max_side=100).shape == (1, 100, 3)


def test_a_small_picture_keeps_its_size() -> None:
    """Nothing is scaled up."""
    assert decoded(made.saved(made.scene(1, (30, 20)), "JPEG"), max_side=300).shape == (20, 30, 3)


def test_more_pixels_than_allowed_are_refused_before_decoding() -> None:
    """By the header alone."""
    assert refused(made.flat_png(12_000, 12_000)).kind == "too_large"


def test_pixels_beyond_the_header_are_not_unpacked() -> None:
    """Compressed rows without end behind a small picture: reading stops when the picture is full."""
    bomb = made.flat_png(100, 100, rows=2_000_000)
    assert decoded(bomb).shape == (100, 100, 3)


def test_compressed_text_without_end_is_refused() -> None:
    """A comment in a PNG may unpack to gigabytes."""
    words = zlib.compress(bytes(200 << 20), 9)
    data = made.flat_png(10, 10, made.png_chunk(b"zTXt", b"Comment\0\0" + words))
    assert refused(data).kind == "decode_failed"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_half_a_picture_is_an_error(form: str) -> None:
    """What is missing could be what matters."""
    data = made.saved(made.scene(1, (200, 200)), form)
    assert refused(data[: len(data) // 2]).kind in {"truncated", "decode_failed"}


def test_half_a_png_or_jpeg_is_called_truncated() -> None:
    """The common formats say it in so many words."""
    for form in ("PNG", "JPEG"):
        data = made.saved(made.scene(1, (200, 200)), form)
        assert refused(data[: len(data) // 2]).kind == "truncated"


@pytest.mark.parametrize(
    "data", [b"<svg/>", b"PK\x03\x04" + bytes(99), b"%PDF-1.4", b"words", bytes(99), b"8BPS" + bytes(99)]
)
def test_what_is_no_picture_is_unsupported(data: bytes) -> None:
    """The message lists what is."""
    error = refused(data)
    assert error.kind == "unsupported"
    assert "png, jpeg" in error.message


def test_an_empty_file_is_empty() -> None:
    """Zero bytes."""
    assert refused(b"").kind == "empty"

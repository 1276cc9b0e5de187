from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from noisegate.core.modality import Role, Where
from noisegate.core.signal import LoadContext
from noisegate.signals.image.ocr import Ocr
from noisegate.testing import image


@pytest.fixture(scope="module")
def reader(load_context: LoadContext) -> Any:
    """The networks lie inside the library's wheel: nothing to pull, nothing to skip."""
    return Ocr().load(load_context)


def _drawn(draw: Callable[[ImageDraw.ImageDraw], object], size: tuple[int, int] = (640, 400)) -> np.ndarray:
    picture = Picture.new("RGB", size, "navy")
    draw(ImageDraw.Draw(picture))
    return np.asarray(picture)


def _words(height: int, *placed: tuple[tuple[int, int], str]) -> Callable[[ImageDraw.ImageDraw], object]:
    def draw(canvas: ImageDraw.ImageDraw) -> None:
        for at, words in placed:
            canvas.text(at, words, fill="white", font=ImageFont.load_default(size=height))

    return draw


def test_lines_come_in_reading_order_each_with_its_box(reader: Any) -> None:
    """From top to bottom, one line of text for a line of words; boxes are fractions of the picture."""
    pixels = _drawn(_words(48, ((40, 300), "Volume Two"), ((40, 40), "HARBOUR LIGHTS")))
    (made,) = Ocr().run(reader, [image(pixels)])
    (text,) = made.parts
    assert text.text == "HARBOUR LIGHTS\nVolume Two"
    assert [text.text[slice(*anchor.span)] for anchor in text.anchors] == ["HARBOUR LIGHTS", "Volume Two"]
    first, second = (anchor.where.box for anchor in text.anchors)
    assert first.y < 0.2
    assert second.y > 0.7
    assert 0.0 < first.x < 0.1


def test_words_side_by_side_are_one_line(reader: Any) -> None:
    """A sentence with wide gaps stays a sentence; the boxes stay apart."""
    pixels = _drawn(_words(40, ((20, 150), "KEEP"), ((430, 150), "CALM")))
    (made,) = Ocr().run(reader, [image(pixels)])
    (text,) = made.parts
    assert text.text == "KEEP CALM"
    assert len(text.anchors) == 2


def test_a_found_phrase_points_at_its_line(reader: Any) -> None:
    """What a text detector finds on a frame is located by box and by the moment of the frame."""
    pixels = _drawn(_words(48, ((40, 40), "first words"), ((40, 300), "second words")))
    frame = image(pixels, role=Role.FRAME, where=Where(start_s=12.0, end_s=17.0))
    (made,) = Ocr().run(reader, [frame])
    (text,) = made.parts
    start = text.text.index("second")
    place = text.locate((start, start + 6))
    assert (place.start_s, place.end_s) == (12.0, 17.0)
    assert place.box is not None
    assert place.box.y > 0.6


def test_a_picture_without_words_makes_no_part(reader: Any) -> None:
    """Texture is not text: no part, so no text signal has anything to judge."""
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    made = Ocr().run(reader, [image(noise), image(np.zeros((50, 50, 3), dtype=np.uint8))])
    assert [m.parts for m in made] == [(), ()]


def test_large_pictures_are_read_scaled_down_with_boxes_of_the_whole(reader: Any) -> None:
    """Scaling is bookkeeping: fractions stay fractions of the picture as it was."""
    pixels = _drawn(_words(150, ((1200, 1700), "NORTH")), size=(2400, 2000))
    (made,) = Ocr().run(reader, [image(pixels)])
    (text,) = made.parts
    box = text.anchors[0].where.box
    assert text.text == "NORTH"
    assert box is not None
    assert box.x == pytest.approx(0.5, abs=0.03)
    assert box.y == pytest.approx(0.87, abs=0.05)


def test_a_banner_is_padded_not_stretched(reader: Any) -> None:
    """A strip far wider than high is read, and its boxes are fractions of the strip."""
    pixels = _drawn(_words(40, ((1200, 5), "BANNER")), size=(2000, 60))
    (made,) = Ocr().run(reader, [image(pixels)])
    (text,) = made.parts
    box = text.anchors[0].where.box
    assert text.text == "BANNER"
    assert box is not None
    assert box.x == pytest.approx(0.6, abs=0.03)
    assert box.height > 0.5


def test_nothing_is_logged_or_printed(reader: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """Pictures without text are not worth a warning each."""
    Ocr().run(reader, [image(np.zeros((50, 50, 3), dtype=np.uint8))])
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")

"""Covers and lettering, drawn with Pillow and the font that Pillow carries, so that no font need be installed.

Pictures are drawn at twice their size and scaled down, which smooths their edges. What a picture says is chosen elsewhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the finished picture."""

SIDE = 600
"""Width and height of a cover in pixels."""

_DOUBLE = 2


class Canvas:
    """A picture being drawn; every measure is in pixels of the finished picture."""

    def __init__(self, size: tuple[int, int], top: Colour, bottom: Colour) -> None:
        self.size = size
        width, height = size[0] * _DOUBLE, size[1] * _DOUBLE
        ramp = np.linspace(0, 1, height)[:, None, None]
        rows = np.asarray(top) * (1 - ramp) + np.asarray(bottom) * ramp
        self._image = Image.fromarray(np.broadcast_to(rows, (height, width, 3)).astype(np.uint8))
        self._draw = ImageDraw.Draw(self._image)

    def circle(self, x: float, y: float, radius: float, fill: Colour) -> None:
        """Draw a filled circle around (x, y)."""
        self._draw.ellipse([(v * _DOUBLE) for v in (x - radius, y - radius, x + radius, y + radius)], fill=fill)

    def shape(self, points: Sequence[tuple[float, float]], fill: Colour) -> None:
        """Draw a filled polygon."""
        self._draw.polygon([(x * _DOUBLE, y * _DOUBLE) for x, y in points], fill=fill)

    def block(self, left: float, top: float, right: float, bottom: float, fill: Colour) -> None:
        """Draw a filled rectangle."""
        self.shape([(left, top), (right, top), (right, bottom), (left, bottom)], fill)

    def line(self, points: Sequence[tuple[float, float]], fill: Colour, width: float) -> None:
        """Draw a line through points."""
        scaled = [(x * _DOUBLE, y * _DOUBLE) for x, y in points]
        self._draw.line(scaled, fill=fill, width=round(width * _DOUBLE), joint="curve")

    def glow(self, x: float, y: float, radius: float, fill: Colour) -> None:
        """Add light around (x, y) that falls off to nothing at `radius`."""
        pixels = np.asarray(self._image, dtype=np.float32)
        rows, columns = np.ogrid[: pixels.shape[0], : pixels.shape[1]]
        distance = np.hypot(columns - x * _DOUBLE, rows - y * _DOUBLE) / (radius * _DOUBLE)
        light = np.clip(1 - distance, 0, 1)[..., None] ** 2
        lit = pixels * (1 - light) + np.asarray(fill, dtype=np.float32) * light
        self._image = Image.fromarray(lit.astype(np.uint8))
        self._draw = ImageDraw.Draw(self._image)

    def words(self, lines: Sequence[str], x: float, y: float, height: float, fill: Colour, *, bold: bool = True) -> Box:
        """Write lines under one another from (x, y) down, each `height` tall, and say what box they fill."""
        font = ImageFont.load_default(height * 0.8 * _DOUBLE)
        stroke = round(height / 40 * _DOUBLE) if bold else 0
        boxes = []
        for number, line in enumerate(lines):
            at = (x * _DOUBLE, (y + number * height) * _DOUBLE)
            self._draw.text(at, line, font=font, fill=fill, stroke_width=stroke, stroke_fill=fill)
            boxes.append(self._draw.textbbox(at, line, font=font, stroke_width=stroke))
        edges = np.asarray(boxes) / _DOUBLE
        left, top = edges[:, :2].min(axis=0)
        right, bottom = edges[:, 2:].max(axis=0)
        return round(left), round(top), round(right), round(bottom)

    def done(self) -> Image.Image:
        """Give the finished picture."""
        return self._image.resize(self.size, Image.Resampling.LANCZOS)


@dataclass(frozen=True, kw_only=True)
class Cover:
    """A drawing with the words written over it."""

    art: Callable[[Canvas], None]
    top: Colour
    bottom: Colour
    words: tuple[str, ...]
    """Lines of lettering at the foot of the cover (or from `at` down)."""
    ink: Colour = (255, 255, 255)
    at: tuple[float, float] = (40, 452)
    height: float = 58
    """Height of a line in pixels."""

    def save(self, path: Path) -> Box:
        """Draw the cover into `path` (.jpg or .png) and say where the words are."""
        canvas = Canvas((SIDE, SIDE), self.top, self.bottom)
        self.art(canvas)
        box = canvas.words(self.words, *self.at, self.height, self.ink)
        picture = canvas.done()
        if path.suffix == ".png":
            # a palette keeps flat drawings small
            picture.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
        else:
            picture.save(path, quality=84, optimize=True)
        return box


def garden(canvas: Canvas) -> None:
    """A pot with three tomatoes under a low sun."""
    canvas.glow(430, 150, 260, (255, 226, 150))
    canvas.circle(430, 150, 62, (255, 214, 92))
    canvas.shape([(0, 430), (600, 400), (600, 600), (0, 600)], (46, 84, 58))
    canvas.line([(220, 300), (228, 200), (214, 110)], (52, 110, 60), 10)
    for x, y in ((170, 180), (268, 220), (168, 262), (262, 140)):
        canvas.line([(222, y + 12), (x, y)], (52, 110, 60), 6)
        canvas.circle(x, y, 27, (214, 62, 44))
        canvas.circle(x - 8, y - 9, 7, (242, 128, 104))
    canvas.shape([(150, 300), (300, 300), (276, 410), (174, 410)], (181, 96, 58))
    canvas.block(140, 290, 310, 318, (160, 82, 48))


def lanterns(canvas: Canvas) -> None:
    """Paper lanterns over still water."""
    rng = np.random.default_rng(21)
    for _ in range(60):
        canvas.circle(float(rng.uniform(0, 600)), float(rng.uniform(0, 300)), 1.3, (214, 218, 240))
    for x, y, size in ((130, 210, 44), (300, 120, 58), (455, 250, 40), (520, 90, 26), (225, 330, 26)):
        canvas.glow(x, y, size * 3, (255, 176, 84))
        canvas.line([(x, y - size * 1.5), (x, y - size)], (70, 50, 60), 2)
        canvas.circle(x, y, size, (255, 196, 110))
        canvas.line([(x - size, y), (x + size, y)], (226, 146, 70), 2)
        canvas.line([(x - size * 0.8, y + size * 0.5), (x + size * 0.8, y + size * 0.5)], (226, 146, 70), 2)
    canvas.block(0, 420, 600, 600, (18, 28, 62))


def desk(canvas: Canvas) -> None:
    """A desk lamp at night."""
    canvas.block(0, 410, 600, 600, (58, 42, 40))
    canvas.glow(400, 330, 260, (250, 216, 140))
    canvas.line([(180, 405), (150, 250), (300, 150)], (190, 196, 204), 10)
    canvas.shape([(284, 132), (322, 112), (424, 186), (304, 262)], (214, 70, 62))
    canvas.circle(368, 230, 17, (255, 240, 190))
    canvas.block(110, 400, 250, 414, (190, 196, 204))


def waves(canvas: Canvas) -> None:
    """Bands of sea under a round moon."""
    canvas.circle(300, 190, 92, (248, 240, 214))
    across = np.linspace(0, 600, 61)
    for band in range(6):
        y = 300 + band * 52 + 14 * np.sin(across / (46 + 6 * band) + band * 1.7)
        shade = (40 - 4 * band, 110 - 13 * band, 140 - 12 * band)
        canvas.shape([*zip(across, y, strict=True), (600, 600), (0, 600)], shade)


def blocks(canvas: Canvas) -> None:
    """Windows of a city block."""
    rng = np.random.default_rng(4)
    for column in range(6):
        top = float(rng.uniform(60, 230))
        canvas.block(column * 100, top, column * 100 + 92, 600, (44, 40, 62))
        for row in range(6):
            for window in range(3):
                lit = (250, 206, 110) if rng.uniform() < 0.4 else (70, 66, 94)
                x, y = column * 100 + 12 + window * 26, top + 18 + row * 40
                canvas.block(x, y, x + 16, y + 22, lit)
    canvas.block(0, 430, 600, 600, (30, 26, 44))


def lighthouse(canvas: Canvas) -> None:
    """A lighthouse and its beam."""
    canvas.shape([(330, 150), (0, 40), (0, 210)], (246, 226, 160))
    canvas.shape([(300, 170), (360, 170), (384, 430), (276, 430)], (236, 232, 224))
    canvas.shape([(292, 250), (368, 250), (373, 300), (287, 300)], (196, 62, 56))
    canvas.shape([(284, 350), (376, 350), (381, 400), (279, 400)], (196, 62, 56))
    canvas.block(304, 128, 356, 170, (60, 66, 80))
    canvas.circle(330, 150, 15, (255, 238, 168))
    canvas.shape([(0, 430), (600, 420), (600, 600), (0, 600)], (28, 52, 74))


def clock(canvas: Canvas) -> None:
    """A clock face."""
    canvas.circle(300, 225, 178, (112, 74, 44))
    canvas.circle(300, 225, 158, (246, 238, 220))
    for hour in range(12):
        x, y = float(np.sin(hour * np.pi / 6)), float(-np.cos(hour * np.pi / 6))
        canvas.line([(300 + 130 * x, 225 + 130 * y), (300 + 146 * x, 225 + 146 * y)], (80, 54, 34), 6)
    canvas.line([(300, 225), (300 + 70, 225 - 60)], (60, 40, 28), 11)
    canvas.line([(300, 225), (300 - 20, 225 - 122)], (60, 40, 28), 7)
    canvas.circle(300, 225, 12, (176, 58, 46))


def kettle(canvas: Canvas) -> None:
    """A kettle in its puddle."""
    canvas.block(0, 380, 600, 600, (78, 60, 58))
    for x, y, radius in ((330, 404, 46), (400, 410, 60), (470, 412, 34)):
        canvas.circle(x, y, radius * 0.5, (148, 196, 214))
    canvas.line([(200, 170), (220, 100), (330, 100), (350, 170)], (40, 40, 46), 13)
    canvas.shape([(380, 250), (462, 176), (476, 194), (400, 310)], (196, 74, 60))
    canvas.shape([(200, 165), (350, 165), (404, 300), (386, 392), (164, 392), (146, 300)], (214, 84, 66))
    canvas.circle(275, 158, 15, (40, 40, 46))


def window(canvas: Canvas) -> None:
    """Three pots on a window sill."""
    canvas.block(120, 50, 480, 380, (168, 214, 236))
    canvas.circle(400, 130, 40, (255, 226, 130))
    for x in (120, 300, 480):
        canvas.line([(x, 46), (x, 384)], (250, 248, 240), 14)
    for y in (50, 215, 380):
        canvas.line([(113, y), (487, y)], (250, 248, 240), 14)
    canvas.block(80, 384, 520, 410, (150, 104, 70))
    for x, green in ((170, (60, 130, 70)), (300, (90, 150, 60)), (430, (46, 110, 80))):
        for lean in (-34, -17, 0, 17, 34):
            canvas.line([(x, 330), (x + lean * 0.6, 290), (x + lean, 250 + abs(lean))], green, 7)
        canvas.shape([(x - 40, 320), (x + 40, 320), (x + 30, 386), (x - 30, 386)], (190, 98, 62))
    canvas.block(0, 440, 600, 600, (92, 74, 58))


def bus(canvas: Canvas) -> None:
    """A bus on a wide street."""
    for number in range(4):
        left, top = number * 150, 130 + 40 * (number % 2)
        shade = (180 - 14 * number, 160, 150 + 10 * number)
        canvas.block(left, top, left + 138, 340, shade)
    canvas.block(0, 340, 600, 600, (74, 74, 82))
    canvas.block(120, 190, 480, 390, (206, 62, 54))
    for number in range(4):
        left = 140 + 84 * number
        canvas.block(left, 215, left + 66, 285, (230, 240, 246))
    for x in (200, 400):
        canvas.circle(x, 392, 36, (30, 30, 34))
        canvas.circle(x, 392, 15, (190, 190, 196))


def plain(canvas: Canvas) -> None:
    """Nothing but a thin frame."""
    canvas.line([(24, 24), (576, 24), (576, 576), (24, 576), (24, 24)], (230, 224, 210), 3)

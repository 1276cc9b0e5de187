"""Words in pictures: on covers, on artwork, and burned into the frames of a video.

What is read becomes a text part like any other, so every text signal reaches it. Each line is anchored to its box, so
that a finding can point at the place in the picture. It does not read handwriting well, and does not judge anything.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from noisegate.core.content import ArrayImage
from noisegate.core.extras import require
from noisegate.core.ids import Digest
from noisegate.core.modality import Anchor, Box, Image, Modality, Origin, Role, Text, Where
from noisegate.core.signal import Cost, Example, LoadContext, Parts, Signal, SignalSpec, Weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NETWORKS = {
    "Det": "rapidocr/models/PP-OCRv6_det_small.onnx",
    "Cls": "rapidocr/models/ch_ppocr_mobile_v2.0_cls_mobile.onnx",
    "Rec": "rapidocr/models/PP-OCRv6_rec_small.onnx",
}
_SHORT_MALUS = 0.4
"""Divided by the number of letters: one letter alone needs 0.9, as nearly every false one is a single letter."""
_LEAST_SIDE = 64
_MOST_ASPECT = 3
"""The detector enlarges the shorter side to 736 pixels: a strip of 2000 x 10 would become one of 147,200 x 736."""


@dataclass(frozen=True, kw_only=True)
class Ocr(Signal[Image, Parts]):
    """PP-OCR (detector, direction classifier, recogniser) as packaged by RapidOCR, on ONNX Runtime."""

    spec = SignalSpec(
        name="image.ocr",
        version="1.0.0",
        summary="Words in covers, pictures and video frames, each line with its box.",
        makes={Role.OCR: Modality.TEXT},
        roles=frozenset({Role.COVER, Role.PICTURE, Role.FRAME}),
        cost=Cost(cpu_s=0.4, tier=1),
        extra="image",
        licence="Apache-2.0/Apache-2.0",
        languages=("en", "de", "fr", "es", "it", "pt", "zh", "ja"),
        limits="Latin, Chinese, Japanese and Greek script only: Cyrillic, Arabic, Hebrew, Korean and Indic scripts come out "
        "as nothing or as wrong letters. Strong slants, handwriting and ornamental lettering are read badly.",
    )
    weights = Weights(
        model="rapidocr",
        digest=Digest("sha256:fa7fb8dffb7a386c2e2d5abf48d1648a20b3091dcab879e2651df12fc3888ee5"),
    )

    at_least_confidence: float = 0.5
    """Lines the recogniser is less sure of (0..1) are left out: they are texture, not text. Short ones need more."""
    longest_side: int = 1280
    """Pixels; larger pictures are scaled down first, which bounds time and memory."""

    def load(self, ctx: LoadContext) -> Any:
        """The three networks, from files in the library's own wheel. Raises NotInstalledError."""
        library = require("rapidocr.main", extra="image")
        folder = ctx.weights(self.weights)
        reader = library.RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.text_score": 0.0,
                "Global.use_preprocess_img": False,
                "EngineConfig.onnxruntime.intra_op_num_threads": ctx.threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                # a named file is read as it is; without a name the library would look for one on the internet
                **{f"{stage}.model_path": str(folder / name) for stage, name in _NETWORKS.items()},
            }
        )
        reader(_titled().pixels())  # the library opens each network on first use; a picture with words needs all three
        return reader

    def run(self, model: Any, batch: Sequence[Image]) -> Sequence[Parts]:
        """One text part for every picture with words in it, none for the others."""
        return [self._one(model, part) for part in batch]

    def _one(self, reader: Any, part: Image) -> Parts:
        import numpy as np

        fitted, scale = _fit(part.pixels(), self.longest_side)
        found = reader(np.ascontiguousarray(fitted[:, :, ::-1]))  # trained on BGR
        texts = getattr(found, "txts", None) or ()  # without a box nothing is recognised
        lines = (
            [
                _Line.of(text, corners * scale, float(confidence))
                for text, corners, confidence in zip(texts, found.boxes, found.scores, strict=True)
                if confidence >= self.at_least_confidence + _SHORT_MALUS / max(1, sum(map(str.isalnum, text)))
            ]
            if texts
            else []
        )
        return Parts(parts=(_text(lines, part),) if lines else ())

    @classmethod
    def examples(cls) -> Sequence[Example]:
        """A drawn title on two lines, and a picture without words."""
        return [
            Example(part=_titled, makes={Role.OCR: 1}, contains="garden", why="a title drawn in a plain font"),
            Example(part=_wordless, makes={Role.OCR: 0}, why="shapes are not letters"),
        ]


@dataclass(frozen=True)
class _Line:
    """One stretch of words as the detector found it."""

    text: str
    box: Box
    height: float
    """Of the letters, in fractions of the picture: a slanted line is lower than its box."""
    confidence: float

    @classmethod
    def of(cls, text: str, corners: "NDArray[np.float64]", confidence: float) -> "_Line":
        """A line from its corners in fractions: top left, top right, bottom right, bottom left, shape (4, 2)."""
        import numpy as np

        inside = np.clip(corners, 0.0, 1.0)
        (left, top), (right, bottom) = inside.min(axis=0), inside.max(axis=0)
        sides = np.hypot(*(corners - np.roll(corners, 1, axis=0)).T)
        box = Box(x=float(left), y=float(top), width=float(right - left), height=float(bottom - top))
        return cls(text=text.strip(), box=box, height=float(sides.min()), confidence=min(1.0, confidence))

    @property
    def middle(self) -> float:
        return self.box.y + self.box.height / 2


def _fit(pixels: "NDArray[np.uint8]", longest_side: int) -> tuple["NDArray[np.uint8]", "NDArray[np.float64]"]:
    """The picture in a size and shape the detector can bear, and what turns its pixels into fractions of the original."""
    import numpy as np

    height, width = pixels.shape[:2]
    if max(height, width) > longest_side:
        shrink = longest_side / max(height, width)
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        image = require("PIL.Image", extra="image")
        pixels = np.asarray(image.fromarray(pixels).resize(size, image.Resampling.BILINEAR))
        height, width = pixels.shape[:2]
    least = max(_LEAST_SIDE, -(-max(height, width) // _MOST_ASPECT))
    scale = np.array([1.0 / width, 1.0 / height])
    if min(height, width) < least:
        pixels = np.pad(pixels, ((0, max(0, least - height)), (0, max(0, least - width)), (0, 0)))
    return pixels, scale


def _text(lines: Sequence[_Line], picture: Image) -> Text:
    """The lines as one text, rows from top to bottom, each anchored to its box."""
    text = ""
    anchors = []
    for row in _rows(lines):
        for n, line in enumerate(row):
            text += (" " if n else "\n") if text else ""
            span = (len(text), len(text) + len(line.text))
            anchors.append(Anchor(span=span, where=Where(box=line.box), confidence=round(line.confidence, 3)))
            text += line.text
    return Text(role=Role.OCR, text=text, anchors=tuple(anchors), origin=Origin(where=picture.origin.where))


def _rows(lines: Sequence[_Line]) -> list[list[_Line]]:
    """Lines side by side are one row; columns of a page are not told apart."""
    rows: list[list[_Line]] = []
    for line in sorted(lines, key=lambda found: found.middle):
        if rows and abs(line.middle - rows[-1][0].middle) < 0.5 * min(line.height, rows[-1][0].height):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda found: found.box.x) for row in rows]


def _titled() -> Image:
    font = require("PIL.ImageFont", extra="image").load_default(size=56)
    return _drawn(lambda canvas: canvas.multiline_text((40, 60), "GARDEN HOUR\nTomatoes", fill="white", font=font))


def _wordless() -> Image:
    return _drawn(lambda canvas: canvas.ellipse((100, 100, 400, 300), fill="orange"))


def _drawn(draw: Callable[[Any], object]) -> Image:
    import numpy as np

    picture = require("PIL.Image", extra="image").new("RGB", (480, 400), "darkblue")
    draw(require("PIL.ImageDraw", extra="image").Draw(picture))
    return Image(role=Role.COVER, width=480, height=400, content=ArrayImage(np.asarray(picture)))

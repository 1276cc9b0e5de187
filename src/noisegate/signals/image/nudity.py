"""Nudity and pornography in pictures and video frames.

One small network trained on photographs. It answers "how much like pornography does this look", not who is shown, how
old they are, or whether it is art or medicine. Minors are out of its scope by design: it must never be used to look
for or to rule out anything about them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from noisegate.core.content import ArrayImage
from noisegate.core.evidence import EVIDENCE_FLOOR, Evidence
from noisegate.core.extras import require
from noisegate.core.ids import Digest
from noisegate.core.modality import Box, Image, Role, Where
from noisegate.core.signal import Cost, Example, LoadContext, Scores, Signal, SignalSpec, Weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FILE = "open-nsfw.onnx"
_SIDE = 256
_CROP = 224
_MEAN_BGR = (104.0, 117.0, 123.0)
_WHOLE = Where(box=Box(x=0.0, y=0.0, width=1.0, height=1.0))


@dataclass(frozen=True, kw_only=True)
class Nudity(Signal[Image, Scores]):
    """Yahoo's open_nsfw (a thin ResNet-50) on ONNX Runtime; the score is its `nsfw` probability.

    Its authors advise to treat scores below 0.2 as safe and above 0.8 as pornographic.

    Source: J. Mahadeokar, G. Pesavento, "Open sourcing a deep learning solution for detecting NSFW images", 2016.
    """

    spec = SignalSpec(
        name="image.nudity",
        version="1.0.0",
        summary="How much a picture looks like pornography.",
        labels={"explicit": "sensitive.sexual"},
        batch_size=8,
        cost=Cost(cpu_s=0.03, tier=1),
        extra="image",
        licence="Apache-2.0/BSD-2-Clause",
        limits="Photographs only: drawings, cartoons and violence are out of its authors' scope. They published no recall and "
        "we measured none, only false positives on ordinary pictures; try it on your own material before relying on it. "
        "The picture is squeezed into a square and its outer sixteenth is not seen. It knows no ages.",
    )
    weights = Weights(
        model="open-nsfw",
        digest=Digest("sha256:4473e9a763abf2d6cc8d65a69e114b97f66822e20aa2f479a81f939b6e00a443"),
    )
    no_positive_example = "an example that scores high would have to be pornography"

    def load(self, ctx: LoadContext) -> Any:
        """The network. Raises NotInstalledError."""
        runtime = require("onnxruntime", extra="image")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = ctx.threads
        options.inter_op_num_threads = 1
        path = ctx.weights(self.weights) / _FILE
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, model: Any, batch: Sequence[Image]) -> Sequence[Scores]:
        """The score `explicit` for every picture; the evidence is the whole picture."""
        import numpy as np

        inputs = np.stack([_prepared(part.pixels()) for part in batch])
        (probabilities,) = model.run(None, {model.get_inputs()[0].name: inputs})
        return [_scores(round(float(nsfw), 4)) for _, nsfw in probabilities]

    @classmethod
    def examples(cls) -> Sequence[Example]:
        """Harmless pictures only, which must score low."""
        return [
            Example(part=_landscape, at_most={"explicit": 0.2}, why="a drawn sky, hills and a sun"),
            Example(
                part=_skin_tone, at_most={"explicit": 0.5}, why="a plain surface in the colour of skin shows nobody"
            ),
        ]


def _scores(explicit: float) -> Scores:
    evidence = {"explicit": (Evidence(score=explicit, where=_WHOLE),)} if explicit >= EVIDENCE_FLOOR else {}
    return Scores(values={"explicit": explicit}, evidence=evidence)


def _prepared(pixels: "NDArray[np.uint8]") -> "NDArray[np.float32]":
    """The network's input, shape (224, 224, 3): squeezed to 256 x 256, the middle, BGR, less the training mean.

    The reference resaves the picture as JPEG first. That changes scores by 0.001 on average and makes them depend on
    the JPEG library, so it is left out.
    """
    import numpy as np

    image = require("PIL.Image", extra="image")
    margin = (_SIDE - _CROP) // 2
    squeezed = image.fromarray(pixels).resize((_SIDE, _SIDE), image.Resampling.BILINEAR)
    middle = np.asarray(squeezed, dtype=np.float32)[margin:-margin, margin:-margin, ::-1]
    return np.asarray(middle - np.array(_MEAN_BGR, dtype=np.float32), dtype=np.float32)


def _landscape() -> Image:
    def draw(canvas: Any) -> None:
        canvas.ellipse((210, 30, 270, 90), fill="gold")
        canvas.polygon([(0, 240), (90, 120), (180, 240)], fill="seagreen")
        canvas.polygon([(120, 240), (240, 150), (320, 240)], fill="darkgreen")

    return _drawn("skyblue", draw)


def _skin_tone() -> Image:
    return _drawn("#c68c6a", lambda _: None)


def _drawn(background: str, draw: Callable[[Any], None]) -> Image:
    import numpy as np

    picture = require("PIL.Image", extra="image").new("RGB", (320, 240), background)
    draw(require("PIL.ImageDraw", extra="image").Draw(picture))
    return Image(role=Role.COVER, width=320, height=240, content=ArrayImage(np.asarray(picture)))

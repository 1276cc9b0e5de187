"""Odd inputs of every modality: what arrives sooner or later, and must not break a signal."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from noisegate.core.errors import MediaError
from noisegate.core.modality import SAMPLE_RATE, Audio, Image, Loudness, Part, Role, Text, Video
from noisegate.core.signal import Signal
from noisegate.testing.factories import audio, image, text, video

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from noisegate.core.modality import AudioContent, Frame

LONG_TEXT = 1_000_000
"""Characters of the longest text."""

_TEXTS = {
    "empty text": "",
    "spaces": " \t\r\n\u00a0\u2003",
    "a null character": "before\x00after",
    "a lone surrogate": "half a pair: \ud83d, and on it goes",
    "invisible and right-to-left characters": "a\u200bb\u202ec\ufeffd\u2066e",
    "an emoji of many code points": "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 " * 20,
    "a hundred accents on one letter": "e" + "\u0301" * 100,
    "one word of 20,000 letters": "a" * 20_000,
    "digits only": "0123456789 " * 50,
}


def odd_inputs(signal: Signal[Any, Any]) -> Iterator[tuple[str, Part]]:
    """Odd parts that `signal` looks at, each with words for it."""
    role = _role(signal)
    for kind, make in ((Text, _texts), (Image, _images), (Audio, _sounds), (Video, _films)):
        if issubclass(kind, signal.accepts):
            yield from ((name, part) for name, part in make(role) if signal.wants(part))


def long_text(signal: Signal[Any, Any]) -> Text:
    """A text of LONG_TEXT characters, in lines."""
    line = "The tomatoes on the balcony are red, and the radio plays a song about rain. "
    return text((line * (LONG_TEXT // len(line) + 1))[:LONG_TEXT], role=_role(signal) or Role.LYRICS)


def unreadable(signal: Signal[Any, Any]) -> Part | None:
    """A part whose content cannot be decoded; None for text, which is always readable."""
    role = _role(signal)
    content = _Broken()
    if issubclass(Image, signal.accepts):
        return Image(role=role or Role.COVER, width=8, height=8, content=content)
    if issubclass(Audio, signal.accepts):
        return Audio(role=role or Role.RECORDING, duration_s=1.0, content=content)
    if issubclass(Video, signal.accepts):
        return Video(role=role or Role.FILM, duration_s=1.0, width=8, height=8, content=content)
    return None


def _role(signal: Signal[Any, Any]) -> Role | None:
    """A role the signal looks at; None when it does not care."""
    return None if signal.spec.roles is None else min(signal.spec.roles)


def _texts(role: Role | None) -> Iterator[tuple[str, Part]]:
    for name, words in _TEXTS.items():
        yield name, text(words, role=role or Role.DESCRIPTION)


def _images(role: Role | None) -> Iterator[tuple[str, Part]]:
    import numpy as np

    noise = np.random.default_rng(0)
    shapes = {
        "a picture of one pixel": (1, 1),
        "a picture one pixel high": (1, 3000),
        "a picture one pixel wide": (3000, 1),
        "a large picture": (2000, 2000),
    }
    for name, (height, width) in shapes.items():
        yield name, image(noise.integers(0, 256, (height, width, 3), dtype=np.uint8), role=role or Role.COVER)
    yield "a black picture", image(np.zeros((64, 64, 3), dtype=np.uint8), role=role or Role.COVER)
    mirrored = noise.integers(0, 256, (64, 64, 3), dtype=np.uint8)[:, ::-1]
    yield "a picture that is not contiguous in memory", image(mirrored, role=role or Role.COVER)
    fixed = np.full((64, 64, 3), 200, dtype=np.uint8)
    fixed.flags.writeable = False
    yield "a picture that must not be written to", image(fixed, role=role or Role.COVER)


def _sounds(role: Role | None) -> Iterator[tuple[str, Part]]:
    import numpy as np

    noise = np.random.default_rng(0).uniform(-1, 1, 2 * SAMPLE_RATE).astype(np.float32)
    quiet = Loudness(integrated_lufs=None, range_lu=None, true_peak_dbtp=None, clipped_share=0.0, silent_share=1.0)
    sounds: dict[str, NDArray[np.float32]] = {
        "a tenth of a second": noise[: SAMPLE_RATE // 10],
        "a single sample": noise[:1],
        "silence": np.zeros(SAMPLE_RATE, dtype=np.float32),
        "noise at full scale": noise,
        "constant full scale": np.ones(SAMPLE_RATE, dtype=np.float32),
    }
    for name, samples in sounds.items():
        yield name, audio(samples, role=role or Role.RECORDING, measured=quiet)
    yield (
        "a part in the middle of a recording",
        audio(noise, role=role or Role.RECORDING, start_s=0.5, measured=quiet),
    )


def _films(role: Role | None) -> Iterator[tuple[str, Part]]:
    import numpy as np

    del role
    picture = np.zeros((16, 16, 3), dtype=np.uint8)
    yield "a film without pictures and sound", video()
    yield "a silent film", video(picture, picture)
    yield "a film without pictures", video(sound=np.zeros(SAMPLE_RATE, dtype=np.float32))
    yield "a film whose sound is empty", video(picture, sound=np.zeros(0, dtype=np.float32))


@dataclass(frozen=True)
class _Broken:
    """Content of any modality whose every answer is a MediaError."""

    def _fail(self) -> NoReturn:
        raise MediaError("the bytes cannot be decoded", kind="decode_failed")

    @property
    def duration_s(self) -> float:
        self._fail()

    def pixels(self) -> "NDArray[np.uint8]":
        self._fail()

    def samples(self, start_s: float = 0.0, end_s: float | None = None) -> "NDArray[np.float32]":
        del start_s, end_s
        self._fail()

    def loudness(self) -> Loudness:
        self._fail()

    def damage(self) -> MediaError | None:
        self._fail()

    def frames(self, *, per_minute: int, at_most: int) -> "Sequence[Frame]":
        del per_minute, at_most
        self._fail()

    def soundtrack(self) -> "AudioContent | None":
        self._fail()

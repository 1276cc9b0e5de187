"""Which language a text is written in.

Short and mixed texts are where language identifiers are wrong, so they are answered with `und` (undetermined) instead
of a guess. It knows nothing about the item's market, artist or uploader, which would often tell.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from noisegate.core.extras import require
from noisegate.core.ids import Digest
from noisegate.core.modality import Role, Text
from noisegate.core.signal import Cost, Example, Facts, FactType, LoadContext, Signal, SignalSpec, Weights

UNDETERMINED = "und"
"""The BCP-47 code for a language that is not known."""

_SAMPLES = 8
_SAMPLE_CHARACTERS = 400


@dataclass(frozen=True, kw_only=True)
class Language(Signal[Text, Facts]):
    """A Bayes classifier over byte n-grams (py3langid, 97 languages) behind a length and a confidence gate."""

    spec = SignalSpec(
        name="text.language",
        version="1.0.0",
        summary="The language a text is written in, `und` when it is too short or unclear.",
        facts={"language": FactType.STRING, "confidence": FactType.NUMBER},
        batch_size=64,
        cost=Cost(cpu_s=0.0002, tier=0),
        extra="text",
        licence="Apache-2.0/BSD-3-Clause",
        limits="Short titles, names, loan words and mixed-language lyrics come back as `und` or as one of the languages.",
    )
    weights = Weights(
        model="py3langid",
        digest=Digest("sha256:244056ec3e6c54ac9a7ed019f9cc4b6d376b3d49ffd0ac08c25c6d2314dc3a87"),
    )
    at_least_letters: int = 20
    """Fewer letters than this are not judged: measured errors are all on very short titles."""
    at_least_confidence: float = 0.5
    """Below this probability (0..1) the answer is `und`."""

    def load(self, ctx: LoadContext) -> Any:
        """The identifier with probabilities instead of raw scores. Raises NotInstalledError."""
        langid = require("py3langid.langid", extra="text")
        path = ctx.weights(self.weights) / "py3langid" / "data" / "model.npz.xz"
        return langid.LanguageIdentifier.from_modelpath(str(path), norm_probs=True)

    def run(self, model: Any, batch: Sequence[Text]) -> Sequence[Facts]:
        """`language` (BCP-47) and `confidence` (0..1, also of an answer that was withheld) for every part."""
        return [self._one(model, part.text) for part in batch]

    def _one(self, model: Any, text: str) -> Facts:
        sample = _spread(text)
        if sum(map(_letters, sample)) < self.at_least_letters:
            return Facts(values={"language": UNDETERMINED, "confidence": 0.0})
        code, probability = model.classify(sample)
        confidence = round(float(probability), 3)
        sure = confidence >= self.at_least_confidence
        return Facts(values={"language": code if sure else UNDETERMINED, "confidence": confidence})

    @classmethod
    def examples(cls) -> Sequence[Example]:
        """Five languages, a title that is too short, and no letters at all."""
        cases = (
            ("Welcome back to the show, today we talk about growing tomatoes on a balcony.", "en"),
            ("Willkommen zur neuen Folge, heute sprechen wir über Tomaten auf dem Balkon.", "de"),
            ("Bienvenidos al programa, hoy hablamos de cultivar tomates en el balcón.", "es"),
            ("Bienvenue dans l'émission, aujourd'hui nous parlons de tomates sur le balcon.", "fr"),
            ("今日は新しいアルバムについて話します。", "ja"),
            ("Jolene", UNDETERMINED),
            ("12:30 - 14:45 ♪♪♪ 100 %", UNDETERMINED),
        )
        return [
            Example(part=Text(role=Role.DESCRIPTION, text=text), facts={"language": code}, why=f"expects {code}")
            for text, code in cases
        ]


def _letters(character: str) -> int:
    """How many letters a character is worth: a Chinese, Japanese or Korean one says as much as two."""
    return (1 + (unicodedata.east_asian_width(character) in "WF")) * character.isalpha()


def _spread(text: str) -> str:
    """At most _SAMPLES stretches from all over a long text, so that its length does not matter."""
    if len(text) <= _SAMPLES * _SAMPLE_CHARACTERS:
        return text
    step = (len(text) - _SAMPLE_CHARACTERS) // (_SAMPLES - 1)
    return " ".join(text[at : at + _SAMPLE_CHARACTERS] for at in range(0, _SAMPLES * step, step))

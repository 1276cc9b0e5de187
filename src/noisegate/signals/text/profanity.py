"""Strong language by word list: what an explicit-language label is about, and nothing more.

A listed word is found as written or disguised (see `lexicon`), in twenty languages, whole words only. It knows no
context: lyrics, quotations and jokes score like insults, which is right for an advisory and wrong for a violation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any

from noisegate.core.evidence import Evidence
from noisegate.core.ids import Digest
from noisegate.core.modality import Role, Text
from noisegate.core.signal import Cost, Example, LoadContext, Scores, Signal, SignalSpec
from noisegate.signals.text.language import UNDETERMINED, Language
from noisegate.signals.text.lexicon import Hit, Lexicon

_EXCERPT = 240
_AROUND = 60


@dataclass(frozen=True, kw_only=True)
class Profanity(Signal[Text, Scores]):
    """The score is the level of the strongest word: mild, strong or severe."""

    spec = SignalSpec(
        name="text.profanity",
        version="1.0.0",
        summary="Swear words and slurs by word list, disguised spellings included.",
        labels={"profanity": "advisory.profanity"},
        batch_size=64,
        cost=Cost(cpu_s=0.0005, tier=0),
        extra="text",
        licence="Apache-2.0/CC-BY-4.0 and MIT",
        languages=(
            "ar",
            "cs",
            "da",
            "de",
            "en",
            "es",
            "fi",
            "fr",
            "hu",
            "it",
            "ja",
            "ko",
            "nl",
            "no",
            "pl",
            "pt",
            "ru",
            "sv",
            "tr",
            "zh",
        ),
        limits="Words without context: quotations, names and reclaimed words count too. English is the most complete list; "
        "Arabic, Chinese, Japanese, Korean and Turkish are short and were not checked by native speakers.",
    )
    weights = Language.weights  # ambiguous words depend on the language it finds
    words: Digest = Digest("sha256:d933322b9b32ead5049dc1366495fc8bcac3d1e133973603b3c3e1d63e851d38")
    """The word list by content, so that another list is another fingerprint."""
    mild: float = 0.4
    """Score (0..1) of words such as `damn`."""
    strong: float = 0.75
    severe: float = 0.95
    most_evidence: int = 1000
    """A text with more listed words than this reports the first ones only; the score is not affected."""

    def load(self, ctx: LoadContext) -> Any:
        """The word list that ships with the package, and the language identifier. Raises NotInstalledError."""
        language = Language()
        with as_file(files("noisegate.signals.text") / "profanity.json.gz") as path:
            return Lexicon.load(path), language, language.load(ctx)

    def run(self, model: Any, batch: Sequence[Text]) -> Sequence[Scores]:
        """The output `profanity` with the place of every listed word."""
        lexicon, language, identifier = model
        facts = language.run(identifier, batch)
        return [self._one(lexicon, part, str(fact.values["language"])) for part, fact in zip(batch, facts, strict=True)]

    def _one(self, lexicon: Lexicon, part: Text, identified: str) -> Scores:
        language = part.language or (None if identified == UNDETERMINED else identified)
        points = {1: self.mild, 2: self.strong, 3: self.severe}
        highest = 0.0
        places: list[Evidence] = []
        for hit in lexicon.find(part.text, language):
            score = points[hit.level]
            highest = max(highest, score)
            if len(places) < self.most_evidence:
                where = part.locate((hit.start, hit.end))
                places.append(Evidence(score=score, where=where, excerpt=_around(part.text, hit)))
            elif highest >= self.severe:
                break
        return Scores(values={"profanity": highest}, evidence={"profanity": tuple(places)} if places else {})

    @classmethod
    def examples(cls) -> Sequence[Example]:
        """Mild words in three languages, disguises, and harmless words that contain or resemble listed ones."""
        at_least: Mapping[str, float] = {"profanity": 0.4}
        none: Mapping[str, float] = {"profanity": 0.0}
        cases = (
            ("Well, damn, that was the best show of the tour.", at_least, None, "a mild word"),
            (
                "D4MN, d a m m i t, daaaamn!",
                at_least,
                None,
                "digits for letters, spaces between them, stretched letters",
            ),
            ("Verdammt, schon wieder den Zug verpasst, so ein Mist.", at_least, None, "German"),
            (
                "The Scunthorpe classic: an assassin in Essex plays the bass for the masses.",
                None,
                none,
                "words inside words",
            ),
            ("Dick Van Dyke and Alfred Hitchcock walk into a cocktail bar.", None, none, "names"),
            ("Der dicke Junge mit der hellen Lampe.", None, none, "harmless in German"),
        )
        return [
            Example(part=Text(role=Role.LYRICS, text=text), at_least=low or {}, at_most=high or {}, why=why)
            for text, low, high, why in cases
        ]


def _around(text: str, hit: Hit) -> str:
    start, end = max(0, hit.start - _AROUND), min(len(text), hit.end + _AROUND)
    return " ".join(text[start:end].split())[:_EXCERPT]

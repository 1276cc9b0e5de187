import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from noisegate.core.errors import NotInstalledError
from noisegate.core.evidence import Evidence
from noisegate.core.modality import Box, Image, Modality, Origin, Part, Role, Text, Where
from noisegate.core.signal import (
    BankEntry,
    Cost,
    Example,
    Facts,
    FactType,
    Failure,
    Parts,
    Scores,
    Signal,
    SignalSpec,
    Weights,
)
from noisegate.testing import ConformanceError, check_signal, text


@dataclass(frozen=True)
class _Nothing:
    """A load context of a machine without weights and banks."""

    threads: int = 1

    def weights(self, weights: Weights) -> Path:
        raise NotInstalledError(f"`{weights.model}` is missing", hint="noisegate models pull")

    def bank(self, name: str, digest: str) -> Sequence[BankEntry]:
        return ()


SPEC = SignalSpec(
    name="text.shouting",
    version="1.0.0",
    summary="How much of a text is in capitals.",
    labels={"loud": "advisory.mature"},
    batch_size=4,
    cost=Cost(cpu_s=0.0, tier=0),
    languages=("en",),
    limits="Scripts without capitals never shout.",
)


@dataclass(frozen=True, kw_only=True)
class Shouting(Signal[Text, Scores]):
    """A detector with nothing wrong; what is wrong with the others is what they change."""

    spec = SPEC
    least: int = 1

    def run(self, model: Any, batch: Sequence[Text]) -> Sequence[Scores | Failure]:
        return [self.answer(part) for part in batch]

    def answer(self, part: Text) -> Scores:
        letters = [c for c in part.text if c.isalpha()]
        share = sum(map(str.isupper, letters)) / len(letters) if len(letters) >= self.least else 0.0
        where = Where(span=(0, len(part.text)))
        return Scores(values={"loud": share}, evidence={"loud": (Evidence(score=share, where=where),)} if share else {})

    @classmethod
    def examples(cls) -> Sequence[Example]:
        return [Example(part=text("LOUD"), at_least={"loud": 1.0}), Example(part=text("soft"), at_most={"loud": 0.0})]


class _Unfrozen(Shouting):
    """Not decorated as a dataclass of its own, and adds state."""

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "model", lambda: None)


@dataclass(frozen=True, kw_only=True)
class _Forgetful(Shouting):
    @property
    def config(self) -> Mapping[str, Any]:
        return {}


def _spec(**changes: Any) -> Shouting:
    signal = Shouting()
    object.__setattr__(signal, "spec", replace(SPEC, **changes))
    return signal


@dataclass(frozen=True, kw_only=True)
class _NoExamples(Shouting):
    @classmethod
    def examples(cls) -> Sequence[Example]:
        return []


@dataclass(frozen=True, kw_only=True)
class _OnlyNegative(Shouting):
    @classmethod
    def examples(cls) -> Sequence[Example]:
        return [Example(part=text("soft"), at_most={"loud": 0.0})]


@dataclass(frozen=True, kw_only=True)
class _Excused(_OnlyNegative):
    no_positive_example = "a positive example would wake the neighbours"


@dataclass(frozen=True, kw_only=True)
class _Undeclared(Shouting):
    @classmethod
    def examples(cls) -> Sequence[Example]:
        return [
            Example(part=text("LOUD"), at_least={"lowd": 1.0}),
            Example(part=text("soft"), at_most={"loud": 0.0}),
            Example(part=text("soft")),
        ]


@pytest.mark.parametrize(
    ("signal", "problem"),
    [
        (_spec(name="Shouting"), "the name 'Shouting' must read `family.name`"),
        (_spec(version="1.0"), "the version '1.0' must read `major.minor.patch`"),
        (_spec(summary="loud"), "the summary 'loud' must be a sentence"),
        (_spec(limits=""), "`limits` is empty"),
        (_spec(licence=""), "the licence '' must name"),
        (_spec(batch_size=0), "`batch_size` is 0"),
        (_spec(cost=Cost(cpu_s=0.0, tier=7)), "a tier of 0, 1 or 2"),
        (_spec(languages=()), "`languages` is empty"),
        (_spec(facts={"loud": FactType.NUMBER}), "exactly one of `labels`, `facts` and `makes`"),
        (_spec(labels={"Loud!": "advisory.mature"}), "the output 'Loud!' must be lower-case letters"),
        (_spec(labels={"loud": "advisory.noise"}), "the label `advisory.noise`, which is not in the taxonomy"),
        (_Unfrozen(), "it cannot be pickled"),
        (_Forgetful(), "the fingerprint stays the same when `least` changes"),
        (_NoExamples(), "`examples()` is empty"),
        (_OnlyNegative(), "no example has `at_least`"),
        (_Undeclared(), "example 1: `at_least` names `lowd`, which is not declared"),
        (_Undeclared(), "example 3: it expects nothing"),
    ],
)
def test_a_wrong_declaration_is_named(signal: Shouting, problem: str) -> None:
    """Each rule of the declaration has words of its own."""
    with pytest.raises(ConformanceError) as caught:
        check_signal(signal, _Nothing())
    assert problem in str(caught.value)


@dataclass(frozen=True, kw_only=True)
class _Answers(Shouting):
    """Answers whatever a test wants, on every part."""

    how: ClassVar[Callable[[Text], Any]]

    def answer(self, part: Text) -> Any:
        return type(self).how(part)


def _answering(how: Callable[[Text], Any]) -> Shouting:
    signal = _Answers()
    _Answers.how = staticmethod(how)
    return signal


def _loud(score: float, *places: Evidence) -> Callable[[Text], Scores]:
    return lambda _: Scores(values={"loud": score}, evidence={"loud": places} if places else {})


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        (_loud(math.nan), "the score of `loud` is nan"),
        (_loud(1.5), "the score of `loud` is 1.5; allowed are numbers from 0 to 1"),
        (lambda _: Scores(values={}), "scores for []; declared are ['loud']"),
        (lambda _: Facts(values={}), "it is a detector and gave Facts"),
        (_loud(0.9), "`loud` scores 0.90 without evidence"),
        (_loud(0.3, Evidence(score=0.9)), "must lie between 0 and the part's own"),
        (_loud(0.3, Evidence(score=0.3, excerpt="x" * 241)), "the excerpt has 241 characters"),
        (
            _loud(0.3, Evidence(score=0.3, where=Where(span=(0, 10**9)))),
            "the span (0, 1000000000) must lie in the text",
        ),
        (_loud(0.3, Evidence(score=0.3, where=Where(box=Box(x=0.5, y=0, width=0.6, height=1)))), "within 0..1"),
        (
            _loud(0.3, Evidence(score=0.3, where=Where(start_s=-1.0, end_s=2.0))),
            "the time range -1.0 to 2.0 s must lie",
        ),
        (_loud(0.3, Evidence(score=0.3, where=Where(start_s=1.0))), "must have both ends of its time range"),
        (_loud(0.0), "example 1: `loud` scores 0.0, at least 1.0 was promised"),
        (lambda part: Failure(kind="crashed", message="no"), "example 1: it gave Failure"),
        (lambda part: part.text.encode(), "`run` raised UnicodeEncodeError"),
        (lambda part: part.text[0], "empty text: `run` raised IndexError"),
    ],
)
def test_a_wrong_answer_is_named(how: Callable[[Text], Any], problem: str) -> None:
    """Answers that could decide wrongly, or point outside their part, are found."""
    with pytest.raises(ConformanceError) as caught:
        check_signal(_answering(how), _Nothing())
    assert problem in str(caught.value)


@dataclass(frozen=True, kw_only=True)
class _Miscounts(Shouting):
    def run(self, model: Any, batch: Sequence[Text]) -> Sequence[Scores | Failure]:
        return list(super().run(model, batch))[:3]


@dataclass(frozen=True, kw_only=True)
class _Compares(Shouting):
    """Scores a part against the loudest of its batch."""

    def run(self, model: Any, batch: Sequence[Text]) -> Sequence[Scores | Failure]:
        loudest = max(self.answer(part).values["loud"] for part in batch)
        scores = [self.answer(part).values["loud"] for part in batch]
        return [Scores(values={"loud": s / loudest / len(batch) if loudest else s}, evidence=_all(s)) for s in scores]


def _all(score: float) -> Mapping[str, tuple[Evidence, ...]]:
    return {"loud": (Evidence(score=0.0),)} if score else {}


@dataclass(frozen=True, kw_only=True)
class _Ages(Shouting):
    """Another model at every load."""

    loads: ClassVar[list[int]] = []

    def load(self, ctx: Any) -> int:
        self.loads.append(1)
        return len(self.loads)

    def run(self, model: int, batch: Sequence[Text]) -> Sequence[Scores | Failure]:
        return [Scores(values={"loud": self.answer(p).values["loud"] / model}, evidence=_all(1.0)) for p in batch]


@pytest.mark.parametrize(
    ("signal", "problem"),
    [
        (_Miscounts(), "`run` gave 3 results for a batch of 4 parts"),
        (_Compares(), "other parts must not matter"),
        (_Ages(), "`load` must always give the same model"),
    ],
)
def test_an_answer_that_depends_on_its_company_is_named(signal: Shouting, problem: str) -> None:
    """The runner mixes items and loads in many processes; neither may change a score."""
    with pytest.raises(ConformanceError) as caught:
        check_signal(signal, _Nothing())
    assert problem in str(caught.value)


@dataclass(frozen=True, kw_only=True)
class _Reader(Signal[Image, Parts]):
    """An extractor that makes what a test wants of every picture."""

    spec = SignalSpec(
        name="image.reader",
        version="1.0.0",
        summary="Words.",
        makes={Role.OCR: Modality.TEXT},
        cost=Cost(cpu_s=0.0, tier=0),
        limits="It reads nothing.",
    )
    made: tuple[Part, ...]
    swallows: bool = False

    def run(self, model: Any, batch: Sequence[Image]) -> Sequence[Parts | Failure]:
        for part in batch if not self.swallows else ():
            part.pixels()
        return [Parts(parts=self.made) for _ in batch]

    @classmethod
    def examples(cls) -> Sequence[Example]:
        import numpy as np

        from noisegate.testing import image

        return [Example(part=image(np.zeros((8, 8, 3), dtype=np.uint8)), makes={Role.OCR: 1}, contains="word")]


_WORD = Text(role=Role.OCR, text="words")


@pytest.mark.parametrize(
    ("signal", "problem"),
    [
        (_Reader(made=()), "example 1: 0 parts with the role `ocr`, 1 promised"),
        (_Reader(made=(replace(_WORD, text="other"),)), "the words 'word' were promised, it read 'other'"),
        (_Reader(made=(replace(_WORD, text=" "),)), "made part 0: its text is blank"),
        (_Reader(made=(replace(_WORD, role=Role.TITLE),)), "title (text) is not declared"),
        (_Reader(made=(text("words", role=Role.OCR),)), "id, digest, parent and maker must be left empty"),
        (
            _Reader(made=(replace(_WORD, origin=Origin(where=Where(start_s=3.0, end_s=2.0))),)),
            "the time range 3.0 to 2.0 s must lie in",
        ),
        (_Reader(made=(_WORD,), swallows=True), "content that raises MediaError: let it pass or answer with a Failure"),
    ],
)
def test_a_wrong_part_is_named(signal: _Reader, problem: str) -> None:
    """Extractors make what they declared, inside what they were given."""
    with pytest.raises(ConformanceError) as caught:
        check_signal(signal, _Nothing())
    assert problem in str(caught.value)


@pytest.mark.parametrize("signal", [Shouting(), _Excused(), _Reader(made=(_WORD,))])
def test_a_signal_without_faults_passes(signal: Signal[Any, Any]) -> None:
    """Neither a sound detector, nor one that says why it has no positive example, nor an extractor is accused."""
    check_signal(signal, _Nothing())


def test_every_fault_is_named_at_once() -> None:
    """The author mends a signal in one round, not in ten."""
    with pytest.raises(ConformanceError) as caught:
        check_signal(_spec(limits="", summary="loud", licence=""), _Nothing())
    assert len(caught.value.problems) == 3


def test_a_gap_must_not_answer() -> None:
    """A signal declared as a gap that scores all the same would be a detector nobody has looked at."""
    with pytest.raises(ConformanceError, match="so `load` must raise NotInstalledError"):
        check_signal(_spec(gap="some model"), _Nothing())


@dataclass(frozen=True, kw_only=True)
class _Heavy(Shouting):
    weights = Weights(model="heavy", digest=text("").digest)
    spec = replace(SPEC, licence="Apache-2.0/MIT")

    def load(self, ctx: Any) -> Path:
        return ctx.weights(self.weights)


def test_missing_weights_are_not_a_fault() -> None:
    """A caller can tell 'not installed here' from 'wrong' and skip loudly."""
    with pytest.raises(NotInstalledError, match="`heavy` is missing"):
        check_signal(_Heavy(), _Nothing())

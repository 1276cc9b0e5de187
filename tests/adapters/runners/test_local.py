import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noisegate.adapters.runners import local
from noisegate.adapters.runners.local import LocalRunner
from noisegate.core.errors import MediaError, NotInstalledError, UnavailableError
from noisegate.core.evidence import Evidence
from noisegate.core.ids import PartId
from noisegate.core.modality import Role, Text
from noisegate.core.ports import Done, Work
from noisegate.core.signal import (
    BankEntry,
    Cost,
    Example,
    Facts,
    FactType,
    Failure,
    LoadContext,
    Scores,
    Signal,
    SignalSpec,
    Weights,
)


class Context:
    """Nothing to load."""

    threads = 1

    def weights(self, weights: Weights) -> Path:
        raise NotInstalledError(f"the weights `{weights.model}` are missing")

    def bank(self, name: str, digest: str) -> Sequence[BankEntry]:
        raise AssertionError((name, digest))


SPEC = SignalSpec(
    name="text.probe",
    version="1.0.0",
    summary="",
    labels={"bad": "dangerous.threat"},
    batch_size=8,
    cost=Cost(cpu_s=0.0, tier=0),
)


@dataclass(frozen=True)
class Probe(Signal[Text, Scores]):
    """Answers by what the text says; `sizes` records the batches it was given."""

    spec = SPEC
    sizes: Any = None

    def run(self, model: Any, batch: Sequence[Text]) -> Sequence[Scores | Failure]:
        if self.sizes is not None:
            self.sizes.append(len(batch))
        return [self._one(part.text) for part in batch]

    def _one(self, text: str) -> Scores:
        if text == "broken":
            raise MediaError("cut short", kind="truncated")
        if text == "bug":
            raise ZeroDivisionError
        return Scores(values={"bad": float(text)})

    @property
    def fingerprint(self) -> Any:
        return "probe"

    @classmethod
    def examples(cls) -> Sequence[Example]:
        return []


@dataclass(frozen=True)
class Held(Probe):
    """Begins, then waits to be released."""

    order: Any = None
    began: Any = field(default_factory=threading.Event)
    release: Any = field(default_factory=threading.Event)

    def run(self, model: Any, batch: Sequence[Text]) -> Sequence[Scores | Failure]:
        self.began.set()
        self.release.wait(10)
        if self.order is not None:
            self.order.extend(part.text for part in batch)
        return super().run(model, batch)


def scored(done: Done) -> float:
    assert isinstance(done.result, Scores)
    return done.result.values["bad"]


@pytest.fixture
def runner() -> Iterator[LocalRunner]:
    with LocalRunner(Context(), cores=2) as made:
        yield made


def work(signal: Signal[Any, Any], *texts: str) -> list[Work]:
    return [Work(signal=signal, part=Text(id=PartId(str(n)), role=Role.TITLE, text=t)) for n, t in enumerate(texts)]


def test_answers_come_in_the_order_of_the_work(runner: LocalRunner) -> None:
    """Whatever was batched with what, the n-th answer is to the n-th question."""
    done = runner.run(work(Probe(), "0.1", "0.9", "0.5"))
    assert [d.result.values["bad"] for d in done] == [0.1, 0.9, 0.5]  # type: ignore[union-attr]
    assert [d.part.id for d in done] == ["0", "1", "2"]


def test_a_part_that_breaks_its_batch_fails_alone(runner: LocalRunner) -> None:
    """One hostile upload costs no other item its answer, and its failure keeps its kind."""
    done = runner.run(work(Probe(), "0.1", "broken", "bug", "0.9"))
    kinds = [d.result.kind if isinstance(d.result, Failure) else "scores" for d in done]
    assert kinds == ["scores", "truncated", "crashed", "scores"]


UNFIT = {
    "numpy": Scores(values={"bad": np.float32(0.5)}),  # type: ignore[dict-item]  # what a signal must not do
    "no number": Scores(values={"bad": 0.5}, evidence={"bad": (Evidence(score=float("nan")),)}),
    "too high": Scores(values={"bad": 0.5}, evidence={"bad": (Evidence(score=7.0),)}),
}


@dataclass(frozen=True)
class Unfit(Signal[Text, Scores]):
    """Gives what the text names."""

    spec = SPEC

    def run(self, model: Any, batch: Sequence[Text]) -> Sequence[Scores]:
        return [UNFIT[part.text] for part in batch]

    @classmethod
    def examples(cls) -> Sequence[Example]:
        return ()


@pytest.mark.parametrize("words", UNFIT)
def test_a_score_that_no_record_can_hold_is_a_failure(runner: LocalRunner, words: str) -> None:
    """It would take the whole item's decisions with it when they are written down."""
    (done,) = runner.run(work(Unfit(), words))
    assert isinstance(done.result, Failure)
    assert done.result.kind == "invalid_result"


@pytest.mark.parametrize("score", ["1.5", "-0.1", "nan"])
def test_a_score_out_of_range_is_a_failure_and_never_decides(runner: LocalRunner, score: str) -> None:
    """NaN compares false with every threshold: read as a score it would mean safe."""
    (done,) = runner.run(work(Probe(), score))
    assert isinstance(done.result, Failure)
    assert done.result.kind == "invalid_result"


def test_missing_weights_are_a_failure_that_may_go_away(runner: LocalRunner) -> None:
    """Installing them later must be able to change the outcome, so the failure is retryable and not kept."""

    class Unloadable(Probe):
        def load(self, ctx: LoadContext) -> Any:
            return ctx.weights(Weights(model="absent", digest="sha256:0"))  # type: ignore[arg-type]

    (done,) = runner.run(work(Unloadable(), "0.1"))
    assert isinstance(done.result, Failure)
    assert (done.result.kind, done.result.retryable) == ("not_installed", True)


def test_what_is_cancelled_before_it_begins_is_not_run(runner: LocalRunner) -> None:
    """Whoever gave up waiting costs the others nothing."""
    signal = Held([])
    (first,) = runner.start(work(signal, "0.1"))
    signal.began.wait(10)
    given_up, kept = runner.start(work(signal, "0.2", "0.3"))
    given_up.cancel()
    signal.release.set()
    assert (scored(first.result()), scored(kept.result())) == (0.1, 0.3)
    assert signal.sizes == [1, 1]


def test_parts_of_several_items_share_a_batch(runner: LocalRunner) -> None:
    """What arrives while the lane computes is taken together."""
    signal = Held([])
    first = runner.start(work(signal, "0.1"))
    signal.began.wait(10)
    others = [runner.start(work(signal, "0.2")) for _ in range(3)]
    signal.release.set()
    assert [scored(f.result()) for f in (*first, *(f for (f,) in others))] == [0.1, 0.2, 0.2, 0.2]
    assert signal.sizes == [1, 3]


def test_an_item_with_many_parts_lets_others_pass(runner: LocalRunner) -> None:
    """Batches take one part from every item in turn: a song does not wait for an audiobook."""
    signal = Held([], order=[])
    runner.start(work(signal, "0"))
    signal.began.wait(10)
    book = runner.start(work(signal, *["0.1"] * 30))
    (song,) = runner.start(work(signal, "0.9"))
    signal.release.set()
    song.result()
    for future in book:
        future.result()
    assert signal.order[:3] == ["0", "0.1", "0.9"]


def test_a_library_that_wants_to_end_the_process_only_fails_its_part(runner: LocalRunner) -> None:
    """Rust panics and SystemExit are no Exception; a lane that died of one would hang whoever waits."""

    class Quitting(Probe):
        def run(self, model: Any, batch: Sequence[Text]) -> Sequence[Scores | Failure]:
            raise SystemExit("good bye")

    for _ in range(2):
        (done,) = runner.run(work(Quitting(), "0.1"))
        assert isinstance(done.result, Failure)
        assert (done.result.kind, done.result.retryable) == ("crashed", True)


@pytest.mark.parametrize(
    ("error", "retryable"),
    [(UnavailableError("the disk is full"), True), (OSError("gone"), True), (KeyError("bug"), False)],
)
def test_what_another_attempt_may_mend_is_not_kept(runner: LocalRunner, error: Exception, *, retryable: bool) -> None:
    """A full disk or a lost file says nothing about the upload; a bug will be there the next time."""

    class Raising(Probe):
        def run(self, model: Any, batch: Sequence[Text]) -> Sequence[Scores | Failure]:
            raise error

    (done,) = runner.run(work(Raising(), "0.1"))
    assert isinstance(done.result, Failure)
    assert done.result.retryable is retryable


@pytest.mark.parametrize(
    ("facts", "right"),
    [
        ({"seconds": 1.5}, True),
        ({"seconds": 2}, True),
        ({}, True),  # a name left out is unknown
        ({"seconds": float("nan")}, False),  # compares false with every bound
        ({"seconds": float("inf")}, False),
        ({"seconds": "1.5"}, False),
        ({"seconds": True}, False),
        ({"minutes": 1.5}, False),
    ],
)
def test_facts_have_their_declared_types_or_are_a_failure(runner: LocalRunner, facts: Any, *, right: bool) -> None:
    """A policy compares them; what cannot be compared must not decide."""

    class Tell(Signal[Text, Facts]):
        spec = SignalSpec(
            name="text.tell", version="1.0.0", summary="", facts={"seconds": FactType.NUMBER}, cost=SPEC.cost
        )

        def run(self, model: Any, batch: Sequence[Text]) -> Sequence[Facts]:
            return [Facts(values=facts)]

        @property
        def fingerprint(self) -> Any:
            return "tell"

        @classmethod
        def examples(cls) -> Sequence[Example]:
            return []

    (done,) = runner.run(work(Tell(), "x"))
    assert isinstance(done.result, Facts) is right


def test_a_closed_runner_says_so_to_whoever_waits_or_comes() -> None:
    """A worker that stops gives its jobs back instead of deciding without answers."""
    runner = LocalRunner(Context(), cores=1)
    signal = Held([])
    (begun,) = runner.start(work(signal, "0.1"))
    signal.began.wait(10)
    (queued,) = runner.start(work(signal, "0.2"))
    runner.close(wait=False)
    with pytest.raises(UnavailableError, match="closed before"):
        queued.result()
    with pytest.raises(UnavailableError, match="the runner is closed"):
        runner.start(work(signal, "0.3"))
    signal.release.set()
    assert scored(begun.result()) == 0.1


def test_ctrl_c_does_not_wait_for_a_model() -> None:
    """Half a minute of speech recognition must not keep a person waiting."""
    signal = Held([])

    def interrupted() -> None:
        with LocalRunner(Context(), cores=1) as runner:
            runner.start(work(signal, "0.1"))
            signal.began.wait(10)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    signal.release.set()


def test_an_older_version_of_a_signal_goes_when_nobody_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every entry added to a bank makes a new version; their lanes must not pile up."""
    monkeypatch.setattr(local, "_SUPERSEDED_S", 0.01)

    @dataclass(frozen=True)
    class Versioned(Probe):
        bank: str = ""

        @property
        def fingerprint(self) -> Any:
            return self.bank

    with LocalRunner(Context(), cores=1) as runner:
        for n in range(20):
            runner.run(work(Versioned(bank=f"state {n}"), "0.1"))
        names = [t.name for t in threading.enumerate()]
        limit = time.monotonic() + 10
        while names.count("signal text.probe") > 1 and time.monotonic() < limit:
            names = [t.name for t in threading.enumerate()]
        assert names.count("signal text.probe") == 1
        assert scored(runner.run(work(Versioned(bank="state 0"), "0.4"))[0]) == 0.4

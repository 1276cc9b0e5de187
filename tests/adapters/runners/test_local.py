import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from noisegate.adapters.runners.local import LocalRunner
from noisegate.core.errors import MediaError, NotInstalledError
from noisegate.core.ids import PartId
from noisegate.core.modality import Role, Text
from noisegate.core.ports import Work
from noisegate.core.signal import BankEntry, Cost, Example, Failure, LoadContext, Scores, Signal, SignalSpec, Weights


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


def test_whoever_waits_past_the_deadline_is_told_so(runner: LocalRunner) -> None:
    """The lane cannot be interrupted, the caller can be answered."""
    release = threading.Event()

    class Stuck(Probe):
        def run(self, model: Any, batch: Sequence[Text]) -> Sequence[Scores | Failure]:
            release.wait(10)
            return super().run(model, batch)

    (done,) = runner.run(work(Stuck(), "0.1"), until=0.0)
    release.set()
    assert isinstance(done.result, Failure)
    assert (done.result.kind, done.result.retryable) == ("timed_out", True)


def test_parts_of_several_items_share_a_batch(runner: LocalRunner) -> None:
    """Work that arrives while the lane is busy is taken together."""
    sizes: list[int] = []
    started, release = threading.Event(), threading.Event()

    class Slow(Probe):
        def run(self, model: Any, batch: Sequence[Text]) -> Sequence[Scores | Failure]:
            started.set()
            release.wait(10)
            return super().run(model, batch)

    signal = Slow(sizes)
    first = threading.Thread(target=runner.run, args=(work(signal, "0.1"),))
    first.start()
    started.wait(10)
    others = [threading.Thread(target=runner.run, args=(work(signal, "0.2"),)) for _ in range(3)]
    for thread in others:
        thread.start()
    while runner.waiting(signal) < 3:
        pass
    release.set()
    for thread in [first, *others]:
        thread.join()
    assert sizes == [1, 3]

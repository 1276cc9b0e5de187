"""Drive a frontier until nothing is ready: hand out what can run, remember every answer as it comes, go on with it.

Nothing waits for a slower neighbour: words read in a film's first picture are judged while its sound is still being
cut. Answers are remembered one by one, so an assessment that was killed goes on where it was.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Self

from noisegate.core.ids import Digest, Fingerprint
from noisegate.core.ports import Done, Progress, ResultCache, Runner, Work
from noisegate.engine.codec import storable
from noisegate.engine.frontier import Frontier

_Key = tuple[Digest, Fingerprint]
"""A question to a signal: what was computed on what."""


def silent(_event: str, _details: Mapping[str, Any]) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True, kw_only=True)
class Driver:
    """Who runs signals and who remembers."""

    runner: Runner
    cache: ResultCache
    clock: Callable[[], float] = field(default=time.monotonic)

    def drive(self, frontier: Frontier, *, until: float | None = None, progress: Progress = silent) -> bool:
        """Run until nothing is ready or time is up; True when anything was answered.

        Args:
            frontier: What has been asked of it is run.
            until: `clock()` time at which waiting ends. What is remembered is taken even when it has passed already.
            progress: Told about every answer (`signal`: the signal, the part, how many parts it made, how many answers
                are still awaited), from this thread.

        Raises:
            UnavailableError: the runner or the cache does not answer.
        """
        answered = False
        with _UnderWay(self.runner) as under_way:
            while True:
                while work := frontier.ready():
                    remembered, fresh = self._recall(work)
                    for done in remembered:
                        _take(done, frontier, under_way, progress)
                    answered = answered or bool(remembered)
                    if until is None or self.clock() < until:
                        under_way.start(fresh)
                answers = under_way.wait(None if until is None else until - self.clock())
                if not answers:
                    return answered
                answered = True
                self._remember(answers)
                for done in answers:
                    _take(done, frontier, under_way, progress)

    def _recall(self, work: Sequence[Work]) -> tuple[list[Done], list[Work]]:
        stored = self.cache.get(sorted({_key(w) for w in work}), {w.part.digest: w.part for w in work})
        remembered = [
            Done(signal=w.signal, part=w.part, result=stored[_key(w)], seconds=0.0, cached=True)
            for w in work
            if _key(w) in stored
        ]
        return remembered, [w for w in work if _key(w) not in stored]

    def _remember(self, answers: Iterable[Done]) -> None:
        fresh = {_key(done): done.result for done in answers if not done.cached and storable(done.result, done.part)}
        if fresh:
            self.cache.put(fresh)


def _take(done: Done, frontier: Frontier, under_way: "_UnderWay", progress: Progress) -> None:
    made = frontier.done(done)
    told = {"signal": done.signal.spec.name, "part": done.part.id, "made": len(made), "awaited": len(under_way)}
    progress("signal", told)


def _key(work: Work | Done) -> _Key:
    return (work.part.digest, work.signal.fingerprint)


class _UnderWay:
    """What has been handed to the runner and is not answered yet. The same question is asked once.

    A context manager: what is not answered at its end is cancelled where it has not begun, and no longer waited for.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._answers: SimpleQueue[Future[Done]] = SimpleQueue()
        self._askers: dict[_Key, list[Work]] = {}
        self._futures: dict[_Key, Future[Done]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for future in self._futures.values():
            future.cancel()

    def __len__(self) -> int:
        """How many answers are awaited."""
        return len(self._futures)

    def start(self, work: Iterable[Work]) -> None:
        """Hand work to the runner; what asks the same as something under way shares its answer."""
        new = []
        for one in work:
            askers = self._askers.setdefault(_key(one), [])
            if not askers:
                new.append(one)
            askers.append(one)
        for one, future in zip(new, self._runner.start(new), strict=True):
            self._futures[_key(one)] = future
            future.add_done_callback(self._answers.put)

    def wait(self, seconds: float | None) -> list[Done]:
        """All that is answered by now, or else the first answer within `seconds`; empty when none came or can come."""
        if not self._futures:
            return []
        ended: list[Future[Done]] = []
        try:
            ended.append(self._answers.get(timeout=None if seconds is None else max(0.0, seconds)))
            while True:
                ended.append(self._answers.get_nowait())
        except Empty:
            return [done for future in ended for done in self._dones(future.result())]

    def _dones(self, first: Done) -> Iterator[Done]:
        """The answer for everybody who asked."""
        del self._futures[_key(first)]
        _, *others = self._askers.pop(_key(first))
        yield first
        for other in others:
            yield Done(signal=other.signal, part=other.part, result=first.result, seconds=0.0, cached=True)

"""Runs signals in threads of this process, in batches that may mix items.

Each signal has one lane: a queue and a thread that loads the model once and takes up to `batch_size` parts at a time.
Two items that ask the same thing share one call. A part that breaks its batch is run again alone, so that it cannot
take others with it. Models release the interpreter while they compute; a gate keeps no more lanes busy than there are
cores. A lane cannot be interrupted inside a model: when a deadline passes, whoever waits gets a `timed_out` failure
and the lane finishes what it has begun.
"""

import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Self

import structlog

from noisegate.core.errors import MediaError, NoisegateError, NotInstalledError
from noisegate.core.ports import Done, Work
from noisegate.core.signal import Facts, Failure, LoadContext, Parts, Result, Scores, Signal

_GATHER_S = 0.003
"""How long a lane waits for company once it has a first part; longer helps no model we measured."""

log = structlog.get_logger()


@dataclass(frozen=True)
class _Ticket:
    work: Work
    answer: "Future[Done]"


class LocalRunner:
    """A `core.ports.Runner` over threads. Use as a context manager, or call `close()`."""

    def __init__(self, context: LoadContext, *, cores: int | None = None) -> None:
        """Prepare; nothing is loaded before it is asked for.

        Args:
            context: What `Signal.load` gets.
            cores: How many lanes may compute at once; the machine's cores when None.
        """
        self._context = context
        self._lanes: dict[str, _Lane] = {}
        self._lock = threading.Lock()
        self._gate = threading.BoundedSemaphore(max(1, cores or os.cpu_count() or 1))

    def run(self, work: Sequence[Work], *, until: float | None = None) -> Sequence[Done]:
        """Answer all the work, in order; see the port."""
        answers = [self._lane(w.signal).put(w) for w in work]
        return [_wait(w, answer, until) for w, answer in zip(work, answers, strict=True)]

    def waiting(self, signal: Signal[Any, Any]) -> int:
        """How many parts wait in the queue of `signal`: what an operator watches."""
        return self._lane(signal).waiting

    def close(self) -> None:
        """Let every lane finish what it has begun, then stop."""
        with self._lock:
            lanes, self._lanes = list(self._lanes.values()), {}
        for lane in lanes:
            lane.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _lane(self, signal: Signal[Any, Any]) -> "_Lane":
        with self._lock:
            key = signal.fingerprint
            if key not in self._lanes:
                self._lanes[key] = _Lane(signal, self._context, self._gate)
            return self._lanes[key]


class _Lane:
    """One signal's queue, thread and model."""

    def __init__(self, signal: Signal[Any, Any], context: LoadContext, gate: threading.BoundedSemaphore) -> None:
        self._signal = signal
        self._context = context
        self._gate = gate
        self._queue: SimpleQueue[_Ticket | None] = SimpleQueue()
        self._model: Any = None
        self._loaded = False
        self._thread = threading.Thread(target=self._serve, name=f"signal {signal.spec.name}", daemon=True)
        self._thread.start()

    def put(self, work: Work) -> "Future[Done]":
        ticket = _Ticket(work, Future())
        self._queue.put(ticket)
        return ticket.answer

    @property
    def waiting(self) -> int:
        return self._queue.qsize()

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _serve(self) -> None:
        closing = False
        while not closing:
            first = self._queue.get()
            if first is None:
                return
            batch, closing = self._gather(first)
            batch = [t for t in batch if t.answer.set_running_or_notify_cancel()]
            if batch:
                self._answer(batch)

    def _gather(self, first: _Ticket) -> tuple[list[_Ticket], bool]:
        batch = [first]
        stop = time.monotonic() + _GATHER_S
        while len(batch) < self._signal.spec.batch_size:
            try:
                ticket = self._queue.get(timeout=max(0.0, stop - time.monotonic()))
            except Empty:
                break
            if ticket is None:
                return batch, True
            batch.append(ticket)
        return batch, False

    def _answer(self, batch: list[_Ticket]) -> None:
        with self._gate:
            failure = self._load()
            if failure is not None:
                results: list[tuple[Result, float]] = [(failure, 0.0)] * len(batch)
            else:
                results = self._run([t.work for t in batch])
        for ticket, (result, seconds) in zip(batch, results, strict=True):
            work = ticket.work
            ticket.answer.set_result(Done(signal=work.signal, part=work.part, result=result, seconds=seconds))

    def _load(self) -> Failure | None:
        if self._loaded:
            return None
        try:
            self._model = self._signal.load(self._context)
        except NotInstalledError as error:
            return Failure(kind="not_installed", message=str(error), retryable=True)
        except Exception as error:
            log.exception("a signal could not be loaded", signal=self._signal.spec.name)
            return Failure(kind="crashed", message=f"loading failed: {_words(error)}", retryable=True)
        self._loaded = True
        return None

    def _run(self, batch: list[Work]) -> list[tuple[Result, float]]:
        start = time.perf_counter()
        try:
            results = list(self._signal.run(self._model, [w.part for w in batch]))
        except Exception as error:  # noqa: BLE001 - a signal's fault is a value, whatever it is
            if len(batch) > 1:
                return [self._run([w])[0] for w in batch]
            return [(_failure(error, self._signal), time.perf_counter() - start)]
        seconds = (time.perf_counter() - start) / len(batch)
        if len(results) != len(batch):
            message = f"`{self._signal.spec.name}` gave {len(results)} results for {len(batch)} parts"
            return [(Failure(kind="invalid_result", message=message), seconds)] * len(batch)
        return [(_checked(result, self._signal), seconds) for result in results]


def _wait(work: Work, answer: "Future[Done]", until: float | None) -> Done:
    try:
        return answer.result(timeout=None if until is None else max(0.0, until - time.monotonic()))
    except FutureTimeoutError:
        answer.cancel()
        message = f"`{work.signal.spec.name}` had not answered when the deadline came"
        failure = Failure(kind="timed_out", message=message, retryable=True)
        return Done(signal=work.signal, part=work.part, result=failure, seconds=0.0)


def _failure(error: Exception, signal: Signal[Any, Any]) -> Failure:
    if isinstance(error, MediaError):
        return Failure(kind=error.kind, message=error.message, retryable=error.kind in {"timed_out", "crashed"})
    if isinstance(error, NotInstalledError):
        return Failure(kind="not_installed", message=str(error), retryable=True)
    if isinstance(error, MemoryError):
        return Failure(kind="out_of_memory", message=f"`{signal.spec.name}` ran out of memory", retryable=True)
    if not isinstance(error, NoisegateError):
        log.error("a signal crashed", signal=signal.spec.name, exc_info=error)
    return Failure(kind="crashed", message=f"`{signal.spec.name}` crashed: {_words(error)}")


def _checked(result: Result, signal: Signal[Any, Any]) -> Result:
    """`result`, or a failure when it is not what the signal declares: a score out of range must never decide."""
    spec = signal.spec
    if isinstance(result, Failure):
        return result
    if isinstance(result, Scores) and spec.labels:
        if set(result.values) == set(spec.labels) and all(0.0 <= score <= 1.0 for score in result.values.values()):
            return result
        message = f"`{spec.name}` gave {dict(result.values)}; declared are scores from 0 to 1 for {sorted(spec.labels)}"
    elif isinstance(result, Facts) and spec.facts:
        if set(result.values) <= set(spec.facts):
            return result
        message = f"`{spec.name}` gave facts {sorted(result.values)}; declared are {sorted(spec.facts)}"
    elif isinstance(result, Parts) and spec.makes:
        strangers = {part.role.value for part in result.parts} - {role.value for role in spec.makes}
        if not strangers:
            return result
        message = f"`{spec.name}` made parts with roles {sorted(strangers)}; declared are {sorted(spec.makes)}"
    else:
        message = f"`{spec.name}` is a {spec.kind.value} and gave {type(result).__name__}"
    return Failure(kind="invalid_result", message=message)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__

"""Runs signals in threads of this process, in batches that may mix items.

Each signal has one lane: a queue and a thread that loads the model once and takes up to `batch_size` parts at a time,
one from every caller in turn, so that an hour of sound does not make a short song wait. A lane takes what is there and
waits for nothing: while it computes, the next batch gathers. A part that breaks its batch is run again alone, so that
it cannot take others with it. Models release the interpreter while they compute; a gate keeps no more lanes busy than
there are cores. A lane cannot be interrupted inside a model: whoever does not want to wait any longer cancels what has
not begun, and the lane finishes what has.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Self

import structlog

from noisegate.core.errors import MediaError, NoisegateError, NotInstalledError, UnavailableError
from noisegate.core.ids import Fingerprint
from noisegate.core.ports import Done, Work
from noisegate.core.signal import Facts, FactType, FactValue, Failure, LoadContext, Parts, Result, Scores, Signal

_SUPERSEDED_S = 60.0
"""How long the lane of an older version of a signal stays without work: a bank that grows must not pile up lanes."""

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
        self._lanes: dict[Fingerprint, _Lane] = {}
        self._lock = threading.Lock()
        self._gate = threading.BoundedSemaphore(max(1, cores or os.cpu_count() or 1))
        self._closed = False

    def start(self, work: Sequence[Work]) -> "Sequence[Future[Done]]":
        """Begin all the work; see the port."""
        tickets = [_Ticket(w, Future()) for w in work]
        with self._lock:
            if self._closed:
                raise UnavailableError("the runner is closed")
            by_signal = sorted(tickets, key=lambda t: t.work.signal.fingerprint)
            for _, group in groupby(by_signal, key=lambda t: t.work.signal.fingerprint):
                asked = deque(group)
                self._lane(asked[0].work.signal).put(asked)
        return [ticket.answer for ticket in tickets]

    def run(self, work: Sequence[Work]) -> Sequence[Done]:
        """Answer all the work, in order."""
        return [answer.result() for answer in self.start(work)]

    def waiting(self, signal: Signal[Any, Any]) -> int:
        """How many parts wait in the queue of `signal`: what an operator watches."""
        with self._lock:
            lane = self._lanes.get(signal.fingerprint)
            return lane.waiting if lane else 0

    def close(self, *, wait: bool = True) -> None:
        """Stop. What has begun is finished, what is queued is not: whoever waits for it gets UnavailableError.

        Args:
            wait: Return when every lane has stopped; else they end by themselves.
        """
        with self._lock:
            self._closed = True
            lanes = list(self._lanes.values())
            dropped = [ticket for lane in lanes for ticket in lane.stop()]
        for ticket in dropped:
            if ticket.answer.set_running_or_notify_cancel():
                ticket.answer.set_exception(UnavailableError("the runner was closed before this could be run"))
        for lane in lanes if wait else ():
            lane.thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        # Ctrl-C must not wait for half a minute of speech recognition.
        self.close(wait=kind is None or issubclass(kind, Exception))

    def _lane(self, signal: Signal[Any, Any]) -> "_Lane":
        """The lane of a signal; call with the lock held."""
        key = signal.fingerprint
        if key not in self._lanes:
            for older in self._lanes.values():
                if older.signal.spec.name == signal.spec.name:
                    older.supersede()

            def gone() -> None:
                del self._lanes[key]

            self._lanes[key] = _Lane(signal, self._context, self._gate, self._lock, gone)
        return self._lanes[key]


class _Lane:
    """One signal's queue, thread and model. The runner's lock guards the queues of all lanes."""

    def __init__(
        self,
        signal: Signal[Any, Any],
        context: LoadContext,
        gate: threading.BoundedSemaphore,
        lock: threading.Lock,
        gone: Callable[[], None],
    ) -> None:
        self.signal = signal
        self._context = context
        self._gate = gate
        self._wake = threading.Condition(lock)
        self._gone = gone
        self._queues: deque[deque[_Ticket]] = deque()
        self._stopped = self._superseded = False
        self._model: Any = None
        self._loaded = False
        self.thread = threading.Thread(target=self._serve, name=f"signal {signal.spec.name}", daemon=True)
        self.thread.start()

    def put(self, tickets: deque[_Ticket]) -> None:
        """Queue what one caller asks; call with the lock held, like all that follow."""
        self._queues.append(tickets)
        self._wake.notify()

    @property
    def waiting(self) -> int:
        return sum(map(len, self._queues))

    def supersede(self) -> None:
        """Go once there has been nothing to do for a while."""
        self._superseded = True
        self._wake.notify()

    def stop(self) -> list[_Ticket]:
        """Take nothing more; returns what was queued."""
        dropped = [ticket for queue in self._queues for ticket in queue]
        self._queues.clear()
        self._stopped = True
        self._wake.notify()
        return dropped

    def _serve(self) -> None:
        while self._has_work():
            with self._gate:
                batch = self._take()
                if batch:
                    self._answer(batch)

    def _has_work(self) -> bool:
        """Wait for work; False when there will be none."""
        with self._wake:
            while not self._queues:
                if self._stopped:
                    return False
                woken = self._wake.wait(_SUPERSEDED_S if self._superseded else None)
                if not woken and self._superseded and not self._queues:
                    self._gone()
                    return False
            return True

    def _take(self) -> list[_Ticket]:
        """The next batch, one part of every caller in turn; what was cancelled is left out."""
        batch: list[_Ticket] = []
        with self._wake:
            while self._queues and len(batch) < self.signal.spec.batch_size:
                queue = self._queues.popleft()
                ticket = queue.popleft()
                if queue:
                    self._queues.append(queue)
                if ticket.answer.set_running_or_notify_cancel():
                    batch.append(ticket)
        return batch

    def _answer(self, batch: list[_Ticket]) -> None:
        try:
            failure = self._load()
            results = [(failure, 0.0)] * len(batch) if failure else self._run([t.work for t in batch])
        except BaseException as error:  # noqa: BLE001 - libraries raise even SystemExit; a lane that dies hangs its callers
            results = [(_crash(error, self.signal), 0.0)] * len(batch)
        for ticket, (result, seconds) in zip(batch, results, strict=True):
            work = ticket.work
            ticket.answer.set_result(Done(signal=work.signal, part=work.part, result=result, seconds=seconds))

    def _load(self) -> Failure | None:
        if self._loaded:
            return None
        try:
            self._model = self.signal.load(self._context)
        except NotInstalledError as error:
            return Failure(kind="not_installed", message=str(error), retryable=True)
        except Exception as error:
            log.exception("a signal could not be loaded", signal=self.signal.spec.name)
            return Failure(kind="crashed", message=f"loading failed: {_words(error)}", retryable=True)
        self._loaded = True
        return None

    def _run(self, batch: list[Work]) -> list[tuple[Result, float]]:
        start = time.perf_counter()
        try:
            results = list(self.signal.run(self._model, [w.part for w in batch]))
        except Exception as error:  # noqa: BLE001 - a signal's fault is a value, whatever it is
            if len(batch) > 1:
                return [self._run([w])[0] for w in batch]
            return [(_failure(error, self.signal), time.perf_counter() - start)]
        seconds = (time.perf_counter() - start) / len(batch)
        if len(results) != len(batch):
            message = f"`{self.signal.spec.name}` gave {len(results)} results for {len(batch)} parts"
            return [(Failure(kind="invalid_result", message=message), seconds)] * len(batch)
        return [(_checked(result, self.signal), seconds) for result in results]


def _failure(error: Exception, signal: Signal[Any, Any]) -> Failure:
    """What went wrong as a value; what another attempt may mend is marked so, and is not remembered."""
    if isinstance(error, MediaError):
        return Failure(kind=error.kind, message=error.message, retryable=error.kind in {"timed_out", "crashed"})
    if isinstance(error, NotInstalledError):
        return Failure(kind="not_installed", message=str(error), retryable=True)
    if isinstance(error, MemoryError):
        return Failure(kind="out_of_memory", message=f"`{signal.spec.name}` ran out of memory", retryable=True)
    if isinstance(error, UnavailableError):
        return Failure(kind="crashed", message=str(error), retryable=True)
    return _crash(error, signal)


def _crash(error: BaseException, signal: Signal[Any, Any]) -> Failure:
    if not isinstance(error, NoisegateError):
        log.error("a signal crashed", signal=signal.spec.name, exc_info=error)
    message = f"`{signal.spec.name}` crashed: {_words(error)}"
    return Failure(
        kind="crashed", message=message, retryable=isinstance(error, OSError) or not isinstance(error, Exception)
    )


def _checked(result: Result, signal: Signal[Any, Any]) -> Result:
    """`result`, or a failure when it is not what the signal declares: a score out of range must never decide."""
    spec = signal.spec
    if isinstance(result, Failure):
        return result
    if isinstance(result, Scores) and spec.labels:
        places = [place.score for found in result.evidence.values() for place in found]
        if set(result.values) == set(spec.labels) and all(map(_is_share, [*result.values.values(), *places])):
            return result
        wrong_places = [score for score in places if not _is_share(score)][:3]
        shown = f"{dict(result.values)}" + (f" with places that score {wrong_places}" if wrong_places else "")
        message = f"`{spec.name}` gave {shown}; declared are scores from 0 to 1 for {sorted(spec.labels)}"
    elif isinstance(result, Facts) and spec.facts:
        wrong = {
            name: v for name, v in result.values.items() if name not in spec.facts or not _fits(v, spec.facts[name])
        }
        if not wrong:
            return result
        declared = ", ".join(f"`{name}`: {kind.value}" for name, kind in spec.facts.items())
        message = f"`{spec.name}` gave the facts {wrong}; declared are {declared}"
    elif isinstance(result, Parts) and spec.makes:
        strangers = {part.role.value for part in result.parts} - {role.value for role in spec.makes}
        if not strangers:
            return result
        message = f"`{spec.name}` made parts with roles {sorted(strangers)}; declared are {sorted(spec.makes)}"
    else:
        message = f"`{spec.name}` is a {spec.kind.value} and gave {type(result).__name__}"
    return Failure(kind="invalid_result", message=message)


def _is_share(score: object) -> bool:
    """Whether a score is a number from 0 to 1 that a record can hold; numpy's own are not."""
    return isinstance(score, (int, float)) and 0.0 <= score <= 1.0


def _fits(value: FactValue, kind: FactType) -> bool:
    """Whether a fact has its declared type; a number must be one that can be compared."""
    if kind is FactType.NUMBER:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")
    return isinstance(value, bool if kind is FactType.BOOLEAN else str)


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__

"""What flows need from the outside, as protocols: the assembly fills them with adapters, tests with small real ones.

A port exists only where flows must not know who answers. The store has one implementation (PostgreSQL); its protocol
is here because flows may not import adapters.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from noisegate.core.decision import Decision, Outcome
from noisegate.core.evidence import Finding
from noisegate.core.ids import Digest, Fingerprint, ItemId, PartId
from noisegate.core.item import Asset, GateState, Item
from noisegate.core.modality import Part, Role
from noisegate.core.notice import StatementOfReasons
from noisegate.core.review import Case
from noisegate.core.signal import Failure, Result, Signal


@dataclass(frozen=True, kw_only=True)
class Work:
    """One signal to run on one part."""

    signal: Signal[Any, Any]
    part: Part


@dataclass(frozen=True, kw_only=True)
class Done:
    """What came of one piece of work."""

    signal: Signal[Any, Any]
    part: Part
    result: Result
    seconds: float
    """Model time spent on it; a batch's time is shared evenly."""
    cached: bool = False


class Runner(Protocol):
    """Runs signals: owns loading, batching across items, threads and memory."""

    def start(self, work: Sequence[Work]) -> "Sequence[Future[Done]]":
        """Begin all the work and return at once: a future for each, in order, answered in any order.

        A future never raises for a signal's fault: that is a Failure. One that is cancelled before its work began
        costs nothing.

        Raises:
            UnavailableError: the runner is closed; futures raise it too when that happens before their work began.
        """
        ...


class ResultCache(Protocol):
    """Results by what was computed on what, so that nothing is computed twice and interrupted work resumes."""

    def get(
        self, wanted: Sequence[tuple[Digest, Fingerprint]], parts: Mapping[Digest, Part]
    ) -> Mapping[tuple[Digest, Fingerprint], Result]:
        """The stored results among the wanted ones; `parts` lends its content to audio that was cut from it."""
        ...

    def put(self, results: Mapping[tuple[Digest, Fingerprint], Result]) -> None:
        """Store results; retryable failures are not stored."""
        ...


class Prober(Protocol):
    """Says what a file is, by its content."""

    def asset(self, path: str, *, name: str, role: Role | None) -> Asset:
        """Describe the file at `path`, called `name` by its submitter.

        Never raises for what is in the file: one that is nothing we accept, not what its name says, or not what its
        role needs comes back with `problem` set.
        """
        ...


class Library(Protocol):
    """Opens the stored files of an item as root parts."""

    def parts(self, item: Item) -> AbstractContextManager[Sequence[Part]]:
        """Text parts for what was written, a part with a content handle for every asset without a problem.

        Handles are valid inside the context; scratch files go when it closes.
        """
        ...


Progress = Callable[[str, Mapping[str, Any]], None]
"""Called with an event name (`part`, `signal`, `decision`...) and its details, from any thread."""


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """All that one assessment of an item concluded."""

    item: Item
    decisions: tuple[Decision, ...]
    outcome: Outcome
    findings: tuple[Finding, ...]
    facts: Mapping[PartId, Mapping[str, Any]] = field(default_factory=dict)
    """Part -> `signal.fact` -> value."""
    failures: tuple["PartFailure", ...] = ()
    parts: tuple[Part, ...] = ()
    cases: tuple[Case, ...] = ()
    notices: tuple[StatementOfReasons, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    """Signal name -> seconds of model time; `total` -> wall seconds."""
    settled: bool = True
    """False when the deadline came first: assessing goes on."""


@dataclass(frozen=True, kw_only=True)
class PartFailure:
    """A signal that had no answer for a part, or an asset that could not be opened."""

    part: PartId
    role: Role | None
    signal: str
    """`asset` when the file itself is the problem."""
    failure: Failure


@dataclass(frozen=True, kw_only=True)
class GateChange:
    """One step of the gate, numbered per item so that it is taken once."""

    item: ItemId
    revision: int
    state: GateState
    markets: Mapping[str, GateState]
    why: str
    """`assessment`, `deadline`, `review`."""


class Blobs(Protocol):
    """Stored files by digest. Implementations: a local directory, an object store."""

    def put_file(self, digest: Digest, path: str) -> None:
        """Keep the file at `path` under its digest; keeping it twice is fine."""
        ...

    def local_path(self, digest: Digest) -> AbstractContextManager[str]:
        """A readable file with the bytes, for as long as the context is open. Raises UnknownNameError."""
        ...

    def size(self, digest: Digest) -> int | None:
        """Bytes kept under the digest; None when there is nothing."""
        ...


class Outbox(Protocol):
    """Delivers one event to one receiver."""

    def deliver(self, *, address: str, secret: str, event_id: str, body: bytes) -> None:
        """Send once, signed. Raises UnavailableError for anything but a clear acceptance."""
        ...


__all__ = [
    "Assessment",
    "Asset",
    "Blobs",
    "Done",
    "GateChange",
    "Library",
    "Outbox",
    "PartFailure",
    "Prober",
    "Progress",
    "ResultCache",
    "Runner",
    "Work",
]

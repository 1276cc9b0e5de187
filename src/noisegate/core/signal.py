"""Signals: versioned computations over parts, and everything one file has to say about itself.

A signal is frozen data (name, version, configuration) with two verbs: `load` once, `run` many. The loaded model
belongs to the runner. Which parts a signal sees follows from its type parameter and `spec.roles`; nothing else has to
be told. This module knows no thread, no queue and no file.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar, get_args, get_origin

from noisegate.core.evidence import Evidence
from noisegate.core.ids import Digest, Fingerprint, fingerprint_of
from noisegate.core.modality import Modality, Part, Role


class Kind(StrEnum):
    """What a signal gives."""

    EXTRACTOR = "extractor"
    """Parts made from parts."""
    DETECTOR = "detector"
    """Scores on taxonomy labels."""
    ENRICHER = "enricher"
    """Facts: typed metadata."""


class FactType(StrEnum):
    """The type of a fact, also in policy conditions."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"


FactValue = str | float | bool


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What a detector says of one part: a score for every declared output, and the places that carry them."""

    values: Mapping[str, float]
    """Output name -> 0..1; the highest over the part."""
    evidence: Mapping[str, tuple[Evidence, ...]] = field(default_factory=dict)
    """Output name -> every place that scores at least EVIDENCE_FLOOR."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What an enricher says of one part: declared names only; a name left out is unknown."""

    values: Mapping[str, FactValue]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What an extractor makes of one part; an empty tuple means there was nothing to find."""

    parts: tuple[Part, ...]
    lacking: "Failure | None" = None
    """Why there may be more than these: the file is cut short, say. What was made is used, and the rest counts as failed."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A signal had no answer for a part. A value like any other, and never a low score."""

    kind: str
    """A MediaError kind, or `not_installed`, `timed_out`, `out_of_memory`, `crashed`, `invalid_result`, `upstream`."""
    message: str
    retryable: bool = False
    """True when the same input may succeed later: a time-out or missing weights, not a broken file."""


Output = Scores | Facts | Parts
Result = Scores | Facts | Parts | Failure


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What running costs, roughly; orders the cascade and sizes time-outs. Measured on one CPU core."""

    cpu_s: float
    """CPU seconds for one part, or for one minute of sound or film."""
    tier: int
    """0: text and hashes, always affordable; 1: one small network a picture; 2: speech recognition and the like."""


@dataclass(frozen=True, kw_only=True)
class SignalSpec:
    """What one signal declares; API, console, docs, planner and tests read it."""

    name: str
    """`family.name`."""
    version: str
    """major.minor.patch: meaning of labels . scores may move . scores identical on the examples."""
    summary: str
    """One sentence for the catalogue."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Detectors: output name -> taxonomy code."""
    facts: Mapping[str, FactType] = field(default_factory=dict)
    """Enrichers: fact name -> type."""
    makes: Mapping[Role, Modality] = field(default_factory=dict)
    """Extractors: role -> modality of the parts they make."""
    roles: frozenset[Role] | None = None
    """Which roles it looks at; None for every part of its modality."""
    batch_size: int = 1
    cost: Cost
    extra: str | None = None
    """The optional dependency group it needs."""
    licence: str = "Apache-2.0"
    """Licence of the code and, after a slash, of the weights."""
    languages: tuple[str, ...] = ()
    """BCP-47 codes it was trained or tested on; empty when language does not matter."""
    limits: str = ""
    """What it cannot do, for the person who relies on it."""
    gap: str = ""
    """Which model would fill it, for a signal nobody can run yet (`signals/gaps.py`); empty for those that can."""

    @property
    def kind(self) -> Kind:
        """By its output."""
        if self.makes:
            return Kind.EXTRACTOR
        return Kind.DETECTOR if self.labels else Kind.ENRICHER

    @property
    def outputs(self) -> frozenset[str]:
        """Every name that a policy can write after the alias."""
        return frozenset(self.labels) | frozenset(self.facts)

    @property
    def major(self) -> int:
        """The number a policy pins: `text.moderation@1`."""
        return int(self.version.split(".")[0])


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Pins one model of the registry by what it is."""

    model: str
    """Name of the manifest in `models/`."""
    digest: Digest
    """Of the manifest's result: changes when any file a signal loads changes."""


class LoadContext(Protocol):
    """What the runner offers to `load`."""

    @property
    def threads(self) -> int:
        """How many CPU threads a model may use."""
        ...

    def weights(self, weights: Weights) -> Path:
        """The folder with the verified files. Raises NotInstalledError naming the file and the command."""
        ...

    def bank(self, name: str, digest: Digest) -> "Sequence[BankEntry]":
        """The entries of a bank of known content, as it was under `digest`."""
        ...


@dataclass(frozen=True, kw_only=True)
class BankEntry:
    """One known piece of content."""

    id: str
    hashes: Mapping[str, str]
    """Kind of hash (`pdq`, `phash`) -> hexadecimal digits."""
    label: str
    """Taxonomy code of what it is known for."""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Example:
    """One input and what must be true of the answer: documentation, conformance test and smoke check in one."""

    part: Part | Callable[[], Part]
    """The input, or how to make it when that needs an array library."""
    at_least: Mapping[str, float] = field(default_factory=dict)
    """Output -> lower bound of the score."""
    at_most: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    """Exact values."""
    makes: Mapping[Role, int] = field(default_factory=dict)
    """Role -> how many parts at least; 0 for none at all."""
    contains: str | None = None
    """Words that the text of some made part must contain, in any case."""
    why: str = ""

    def input(self) -> Part:
        """The input part."""
        return self.part() if callable(self.part) else self.part


P = TypeVar("P", bound=Part)
O = TypeVar("O", Scores, Facts, Parts)  # noqa: E741 - output


class Signal(ABC, Generic[P, O]):
    """A versioned computation over parts of one modality. Subclasses are frozen dataclasses: fields are configuration."""

    spec: ClassVar[SignalSpec]
    weights: ClassVar[Weights | None] = None
    accepts: ClassVar[type[Part]]
    """The part class in the type parameter; filled in by the base class."""
    no_positive_example: ClassVar[str] = ""
    """Detectors: why no example can show a high score; empty when the examples do."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for base in getattr(cls, "__orig_bases__", ()):
            if get_origin(base) is Signal and isinstance(get_args(base)[0], type):
                cls.accepts = get_args(base)[0]

    @property
    def config(self) -> Mapping[str, Any]:
        """The configuration fields and their values."""
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]  # subclasses are dataclasses

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """Names exactly this computation."""
        weights = self.weights.digest if self.weights else None
        return fingerprint_of(name=self.spec.name, version=self.spec.version, config=self.config, weights=weights)

    def wants(self, part: Part) -> bool:
        """Whether this signal looks at `part`."""
        return isinstance(part, self.accepts) and (self.spec.roles is None or part.role in self.spec.roles)

    def load(self, ctx: LoadContext) -> Any:  # noqa: ARG002 - most signals load something
        """Make the model ready; called once per process. Raises NotInstalledError."""
        return None

    @abstractmethod
    def run(self, model: Any, batch: Sequence[P]) -> Sequence[O | Failure]:
        """Answer for every part, in order. A MediaError raised while reading fails the whole batch of one."""

    @classmethod
    @abstractmethod
    def examples(cls) -> Sequence[Example]:
        """At least one input that must score and one that must not (detectors), or one with its result (others)."""

"""The assembly: the only place that knows both flows and adapters. Everything is built when first asked for.

A `System` is one installation seen from one process. It holds no global state, so tests and the command line can have
several.
"""

import os
import random
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from functools import cached_property
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution, entry_points, requires
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from noisegate.core.errors import InvalidInputError, UnavailableError, UnknownNameError
from noisegate.core.ids import Digest
from noisegate.core.ports import ResultCache
from noisegate.core.signal import Kind, Signal
from noisegate.core.taxonomy import default_taxonomy
from noisegate.engine.catalogue import Catalogue
from noisegate.engine.compile import CompiledPack, compile_pack
from noisegate.engine.plan import Plan, plan
from noisegate.settings import Settings
from noisegate.signals import BUILTIN, ENTRY_POINTS

if TYPE_CHECKING:
    from types import TracebackType

    from noisegate.adapters.banks import Banks
    from noisegate.adapters.blobs.objects import ObjectBlobs
    from noisegate.adapters.media.guard import MediaGuard
    from noisegate.adapters.models.registry import Registry
    from noisegate.adapters.prober import MediaProber
    from noisegate.adapters.runners.local import LocalRunner
    from noisegate.adapters.store.store import Store
    from noisegate.core.ports import Library, Prober
    from noisegate.flows.assess import Assessor
    from noisegate.flows.publish import Courier
    from noisegate.flows.submit import Submitter
    from noisegate.flows.verdict import Judge


_MOST_CONNECTIONS = 20
"""Of one process, for its jobs, which compute more than they ask: an API and a worker with the most `jobs` that are
allowed stay within the hundred connections that PostgreSQL takes."""


class System:
    """One installation: settings turned into things that work. Use as a context manager."""

    def __init__(self, settings: Settings, *, catalogue: Catalogue | None = None, bank: str | None = None) -> None:
        """Prepare; nothing is opened yet.

        Args:
            settings: The configuration.
            catalogue: Signals to use instead of the built-in and installed ones.
            bank: The bank that `match.*` signals compare with, instead of the one they name.
        """
        self.settings = settings
        self._given = catalogue
        self._bank = bank
        self._open = ExitStack()
        self._current: tuple[Sequence[Signal[Any, Any]], Catalogue] | None = None
        self._plan: Plan | None = None
        self._judge: Judge | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self._open.__exit__(kind, error, trace)  # what was started may end faster when it was interrupted

    def close(self) -> None:
        """Stop what was started: lanes, decoders, connections."""
        self._open.close()

    @property
    def catalogue(self) -> Catalogue:
        """Built-in signals and those other packages offer; signals that match carry the bank's present digest.

        It is another one once an entry was added to a bank. An assessment keeps the one it began with.
        """
        if self._given is not None:
            return self._given
        signals = tuple(map(self._with_bank, self._installed))
        if self._current is None or self._current[0] != signals:
            self._current = (signals, Catalogue(signals))
        return self._current[1]

    @cached_property
    def _installed(self) -> Sequence[Signal[Any, Any]]:
        return installed_signals()

    def _with_bank(self, signal: Signal[Any, Any]) -> Signal[Any, Any]:
        if {"bank", "digest"} <= set(signal.config):
            bank = self._bank or signal.config["bank"]
            return replace(signal, bank=bank, digest=self.banks.digest(bank))  # type: ignore[type-var]  # signals are dataclasses
        return signal

    @property
    def plan(self) -> Plan:
        """The graph of the present catalogue."""
        catalogue = self.catalogue
        if self._plan is None or self._plan.catalogue is not catalogue:
            self._plan = plan(catalogue)
        return self._plan

    @cached_property
    def banks(self) -> "Banks":
        """Known content."""
        from noisegate.adapters.banks import Banks

        return Banks(self.settings.data_dir / "banks")

    @cached_property
    def registry(self) -> "Registry":
        """Weights."""
        from noisegate.adapters.models.registry import Registry

        return Registry(self.settings.models_dir, self.settings.manifests_dir)

    def missing(self, signal: Signal[Any, Any]) -> str | None:
        """What `signal` lacks to run here, in words; None when nothing does. Loads no model."""
        if signal.spec.gap:
            return signal.spec.gap
        if signal.spec.extra is not None and not extra_installed(signal.spec.extra):
            return f"the extra `{signal.spec.extra}`: pip install 'noisegate[{signal.spec.extra}]'"
        if signal.weights is not None and not self.registry.has(signal.weights):
            return f"the weights `{signal.weights.model}`: noisegate models pull {signal.weights.model}"
        return None

    @cached_property
    def media(self) -> "MediaGuard":
        """The guarded decoder."""
        from noisegate.adapters.media.guard import MediaGuard

        return self._open.enter_context(MediaGuard(workers=self.settings.decoders))

    @cached_property
    def prober(self) -> "MediaProber":
        """Says what a file is."""
        from noisegate.adapters.prober import MediaProber

        return MediaProber(self.media)

    @cached_property
    def store(self) -> "Store":
        """The database. Raises UnavailableError."""
        from noisegate.adapters.store.store import Store

        if self.settings.database_url is None:
            raise UnavailableError(
                "no database is set", hint="start the platform with `noisegate up`, or set NOISEGATE_DATABASE_URL"
            )
        size = min(self.settings.jobs, _MOST_CONNECTIONS) + 12
        return self._open.enter_context(Store(self.settings.database_url, size=size))

    @cached_property
    def blobs(self) -> "ObjectBlobs":
        """Stored files."""
        from noisegate.adapters.blobs.objects import ObjectBlobs

        if self.settings.blobs_url is not None:
            return ObjectBlobs(url=self.settings.blobs_url)
        return ObjectBlobs(folder=self.settings.data_dir / "blobs")

    @cached_property
    def submitter(self) -> "Submitter":
        """Accepts uploads."""
        from noisegate.flows.submit import Submitter

        return Submitter(store=self.store, blobs=self.blobs, prober=self.prober, deadline_s=self.settings.deadline_s)

    @property
    def item_assessor(self) -> "Assessor":
        """What assesses submitted items; what it computed is kept in the database."""
        return self.assessor(self.blobs.local_path, cache=self.store.results)

    @property
    def deadline_assessor(self) -> "Assessor":
        """What decides at a deadline by what is remembered. It runs nothing, so it opens no file: one may be away."""
        return self.assessor(lambda _: nullcontext(os.devnull), cache=self.store.results)

    @cached_property
    def courier(self) -> "Courier":
        """Delivers events to webhooks."""
        from noisegate.adapters.outbox.webhook import WebhookOutbox
        from noisegate.flows.publish import Courier

        outbox = WebhookOutbox(private=self.settings.webhooks_may_reach_private_addresses)
        return Courier(book=self.store.outbox, outbox=outbox, dice=random.random)

    @property
    def judge(self) -> "Judge":
        """Gives verdicts at once; what it computed is remembered in this process only."""
        from noisegate.adapters.caches import MemoryCache
        from noisegate.flows.verdict import Judge, Tally

        judge, present = self._judge, self.plan
        if judge is None:
            words = self.assessor(lambda _: nullcontext(""), cache=MemoryCache(), everything=True)
            prober, pictures = self.verdict_media
            judge = self._judge = Judge(assessor=words, prober=prober, pictures=pictures, tally=Tally())
        elif judge.assessor.plan is not present:
            judge = self._judge = replace(judge, assessor=replace(judge.assessor, plan=present))
        return judge

    @cached_property
    def verdict_media(self) -> "tuple[Prober, Callable[[Mapping[Digest, str]], Library]]":
        """Who looks at the pictures of verdicts: a decoder of its own, which no upload's hour of film keeps busy."""
        from noisegate.adapters.library import MediaLibrary
        from noisegate.adapters.media.guard import MediaGuard
        from noisegate.adapters.prober import MediaProber

        media = self._open.enter_context(MediaGuard(workers=1))
        return MediaProber(media), lambda paths: MediaLibrary(media, lambda digest: nullcontext(paths[digest]))

    @cached_property
    def runner(self) -> "LocalRunner":
        """Runs signals in this process."""
        from noisegate.adapters.models.context import ModelContext
        from noisegate.adapters.runners.local import LocalRunner

        context = ModelContext(self.registry, threads=self.settings.threads, bank=self.banks.entries)
        return self._open.enter_context(LocalRunner(context, cores=self.settings.threads))

    @cached_property
    def packs(self) -> tuple[CompiledPack, ...]:
        """The policy packs in force, by name. Raises PolicyError."""
        folder = self.settings.packs_dir
        if not folder.is_dir():
            raise UnknownNameError(
                f"there is no folder of policy packs at {str(folder)!r}", hint="set NOISEGATE_PACKS_DIR"
            )
        return tuple(self.pack(path.parent) for path in sorted(folder.glob("*/pack.yaml")))

    def pack(self, folder: Path) -> CompiledPack:
        """Read and compile one pack. Raises PolicyError, UnknownNameError."""
        return compile_pack(read_pack(folder), self.catalogue, default_taxonomy(), folder=str(folder))

    def assessor(
        self,
        open_file: Callable[[Digest], AbstractContextManager[str]],
        *,
        cache: ResultCache,
        packs: tuple[CompiledPack, ...] | None = None,
        everything: bool = False,
    ) -> "Assessor":
        """What assesses items whose files `open_file` gives."""
        from noisegate.adapters.library import MediaLibrary
        from noisegate.flows.assess import Assessor

        return Assessor(
            plan=self.plan,
            packs=self.packs if packs is None else packs,
            library=MediaLibrary(self.media, open_file),
            runner=self.runner,
            cache=cache,
            describe=describing(self.catalogue),
            everything=everything,
        )


def describing(catalogue: Catalogue) -> frozenset[str]:
    """The enrichers cheap enough to run on every item: they describe it whether or not a policy asks."""
    return frozenset(s.spec.name for s in catalogue if s.spec.kind is Kind.ENRICHER and s.spec.cost.tier == 0)


def installed_signals() -> list[Signal[Any, Any]]:
    """Every built-in signal, every signal another package offers, and every gap that none of them fills."""
    from noisegate.signals.gaps import GAPS

    offered = {entry.name: entry.value for entry in entry_points(group=ENTRY_POINTS)}
    found = [_instance(name, place) for name, place in [*BUILTIN.items(), *offered.items()]]
    filled = {signal.spec.name for signal in found}
    return [*found, *(gap for gap in GAPS if gap.spec.name not in filled)]


def _instance(name: str, place: str) -> Signal[Any, Any]:
    module, _, attribute = place.partition(":")
    try:
        signal = getattr(import_module(module), attribute)()
    except (ImportError, AttributeError, TypeError) as error:
        raise InvalidInputError(
            f"the signal `{name}` cannot be made from {place!r}: {error}",
            hint=f"`{place}` must name a class that can be called without arguments",
        ) from error
    if not isinstance(signal, Signal):
        raise InvalidInputError(f"`{place}` is not a Signal, it is {type(signal).__name__}")
    return signal


def read_pack(folder: Path) -> dict[str, str]:
    """The text files of a pack's folder, by path relative to it.

    Raises:
        UnknownNameError: there is no `pack.yaml` in `folder`.
        InvalidInputError: a file is not UTF-8 text.
    """
    if not (folder / "pack.yaml").is_file():
        raise UnknownNameError(
            f"there is no policy pack at {str(folder)!r}",
            hint="a pack is a folder with `pack.yaml` and `examples.yaml`",
        )
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            try:
                files[path.relative_to(folder).as_posix()] = path.read_text("utf-8")
            except UnicodeDecodeError as error:
                raise InvalidInputError(f"{str(path)!r} is not UTF-8 text: {error}") from error
    return files


def extra_installed(extra: str) -> bool:
    """Whether every library of the extra `extra` is there."""
    marked = [line for line in requires("noisegate") or [] if f"extra == '{extra}'" in line.replace('"', "'")]
    names = (re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in marked)
    return all(_is_installed(name) for name in names if name != "noisegate")


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True

"""Understand one item and judge it: the file where the story is told.

Packs say which signals could still change their decision, the frontier says what can run, the runner runs it, and
round it goes until nothing is wanted. Cheap signals are asked first; expensive ones only when an open rule needs them.
This flow touches no database: `record` keeps what it concludes.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from noisegate.core.decision import Decision, Inputs
from noisegate.core.ids import PartId, digest_of_value, short
from noisegate.core.item import Item
from noisegate.core.modality import Part
from noisegate.core.notice import StatementOfReasons
from noisegate.core.ports import Assessment, Library, PartFailure, Progress, ResultCache, Runner
from noisegate.core.signal import Facts, Failure, Kind, Result
from noisegate.engine.catalogue import Catalogue
from noisegate.engine.compile import CompiledPack
from noisegate.engine.evaluate import evaluate, in_scope, outcome, wanted
from noisegate.engine.frontier import Frontier
from noisegate.engine.observe import ASSET, View, failure_in, findings
from noisegate.engine.plan import Plan
from noisegate.engine.reasons import statement_of_reasons
from noisegate.engine.route import route
from noisegate.flows.drive import Driver, silent


@dataclass(frozen=True, kw_only=True)
class Assessor:
    """What an assessment needs besides the item: the catalogue's plan, the packs, and who runs and remembers."""

    plan: Plan
    packs: tuple[CompiledPack, ...]
    library: Library
    runner: Runner
    cache: ResultCache
    describe: frozenset[str] = frozenset()
    """Signals that run on every item whether or not a pack asks: they describe rather than judge."""
    everything: bool = False
    """Run every signal of the packs to the end instead of only what can still change a decision."""
    clock: Callable[[], float] = field(default=time.monotonic)

    def assess(self, item: Item, *, until: float | None = None, progress: Progress = silent) -> Assessment:
        """Run what the packs ask for and decide.

        Args:
            item: With its assets probed.
            until: `clock()` time at which waiting ends; what is open then is decided by each pack's `on_deadline`. A
                time that has passed already runs nothing: what is remembered decides.
            progress: Told about every answer (`signal`, see `Driver.drive`) and every decision (`decision`: pack and
                action), from this thread.

        Raises:
            UnavailableError: the runner, the files or the cache do not answer; nothing was concluded.
        """
        start = self.clock()
        packs = [(pack, dice(item, pack)) for pack in self.packs if in_scope(pack, item)]
        with self.library.parts(item) as roots:
            frontier = Frontier(roots, self.plan.catalogue)
            frontier.ask(self.describe)
            if self.everything:
                frontier.ask(self.plan.closure(self._signals_of(packs)))
            driver = Driver(runner=self.runner, cache=self.cache, clock=self.clock)
            driver.drive(frontier, until=until, progress=progress)
            inputs = self._inputs(item, packs, frontier)
            while needs := self._wanted(packs, inputs):
                if until is not None and self.clock() >= until:
                    break
                frontier.ask(needs)
                if not driver.drive(frontier, until=until, progress=progress):
                    break  # what is wanted has been tried and will not come
                inputs = self._inputs(item, packs, frontier)
            return self._conclude(item, packs, inputs, frontier, start, settled=not needs, progress=progress)

    def _signals_of(self, packs: Iterable[tuple[CompiledPack, float]]) -> frozenset[str]:
        return frozenset(name for pack, _ in packs for name in pack.signals.values())

    def _wanted(self, packs: Iterable[tuple[CompiledPack, float]], inputs: Sequence[Inputs]) -> frozenset[str]:
        catalogue = self.plan.catalogue
        return frozenset().union(
            *(wanted(pack, known, catalogue) for (pack, _), known in zip(packs, inputs, strict=True))
        )

    def _inputs(self, item: Item, packs: Iterable[tuple[CompiledPack, float]], frontier: Frontier) -> list[Inputs]:
        """What every pack can know now, in order."""
        view = self._view(item, frontier)
        every = []
        for pack, drawn in packs:
            signals = {alias: self.plan.catalogue[name] for alias, name in pack.signals.items()}
            known = {
                f"{alias}.{output}": what
                for alias, signal in signals.items()
                for output, what in view.known(signal).items()
            }
            fingerprints = {alias: signal.fingerprint for alias, signal in signals.items()}
            every.append(Inputs(item=view.context, known=known, fingerprints=fingerprints, dice=drawn))
        return every

    def _view(self, item: Item, frontier: Frontier) -> View:
        return View(item, frontier.parts, frontier.results, self.plan)

    def _conclude(
        self,
        item: Item,
        packs: Sequence[tuple[CompiledPack, float]],
        inputs: Iterable[Inputs],
        frontier: Frontier,
        start: float,
        *,
        settled: bool,
        progress: Progress,
    ) -> Assessment:
        found = findings(self._view(item, frontier), self.plan.catalogue)
        decisions: list[Decision] = []
        notices: list[StatementOfReasons] = []
        for (pack, _), known in zip(packs, inputs, strict=True):
            decision = evaluate(pack, known, item.id)
            decisions.append(decision)
            if (notice := statement_of_reasons(decision, pack, item, found)) is not None:
                notices.append(notice)
            progress("decision", {"pack": pack.name, "action": decision.action.value})
        return Assessment(
            item=item,
            decisions=tuple(decisions),
            outcome=outcome(decisions, item),
            findings=found,
            facts=_facts(frontier, self.plan.catalogue),
            failures=failures(item, frontier),
            parts=tuple(frontier.parts),
            cases=route(item, decisions),
            notices=tuple(notices),
            timings={**dict(sorted(frontier.seconds.items())), "total": self.clock() - start},
            settled=settled,
        )


def dice(item: Item, pack: CompiledPack) -> float:
    """The draw for the audit lane, 0..1: chance over items, but the same item and pack draw the same."""
    return int(short(digest_of_value([item.id, pack.pack.digest]), 13), 16) / 16**13


def _facts(frontier: Frontier, catalogue: Catalogue) -> dict[PartId, dict[str, Any]]:
    facts: dict[PartId, dict[str, Any]] = {}
    for part, name, result in _in_order(frontier):
        if isinstance(result, Facts) and catalogue.spec(name).kind is Kind.ENRICHER:
            facts.setdefault(part.id, {}).update({f"{name}.{key}": value for key, value in result.values.items()})
    return facts


def _in_order(frontier: Frontier) -> Iterator[tuple[Part, str, Result]]:
    """Every result by part and signal, whatever finished first."""
    places = {part.id: (n, part) for n, part in enumerate(frontier.parts)}
    for part, name in sorted(frontier.results, key=lambda key: (places[key[0]][0], key[1])):
        yield places[part][1], name, frontier.results[part, name]


def failures(item: Item, frontier: Frontier) -> tuple[PartFailure, ...]:
    """Every file that could not be opened and every signal that had no answer, or not a full one."""
    broken = [
        PartFailure(
            part=PartId(asset.name),
            role=asset.role,
            signal=ASSET,
            failure=Failure(kind=asset.problem, message=asset.problem_message or asset.problem),
        )
        for asset in item.assets
        if asset.problem is not None
    ]
    failed = [
        PartFailure(part=part.id, role=part.role, signal=name, failure=failure)
        for part, name, result in _in_order(frontier)
        if (failure := failure_in(result)) is not None
    ]
    return (*broken, *failed)

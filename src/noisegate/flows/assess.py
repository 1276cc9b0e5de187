"""Understand one item and judge it: the file where the story is told.

Packs say which signals could still change their decision, the frontier says what can run, the runner runs it, and
round it goes until nothing is wanted. Cheap signals are asked first; expensive ones only when an open rule needs them.
This flow touches no database: `record` keeps what it concludes.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from noisegate.core.decision import Decision, Inputs
from noisegate.core.ids import Digest, Fingerprint, PartId, digest_of_value, short
from noisegate.core.item import Item
from noisegate.core.modality import Part
from noisegate.core.ports import Assessment, Done, Library, PartFailure, Progress, ResultCache, Runner, Work
from noisegate.core.signal import Facts, Failure, Kind, Result
from noisegate.engine.catalogue import Catalogue
from noisegate.engine.codec import storable
from noisegate.engine.compile import CompiledPack
from noisegate.engine.evaluate import evaluate, in_scope, outcome, wanted
from noisegate.engine.frontier import Frontier
from noisegate.engine.observe import ASSET, View, findings
from noisegate.engine.plan import Plan
from noisegate.engine.reasons import statement_of_reasons
from noisegate.engine.route import route


def _silent(_event: str, _details: Mapping[str, Any]) -> None:
    """Report progress to nobody."""


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

    def assess(self, item: Item, *, until: float | None = None, progress: Progress = _silent) -> Assessment:
        """Run what the packs ask for and decide.

        Args:
            item: With its assets probed.
            until: `clock()` time at which waiting ends; what is open then is decided by each pack's `on_deadline`.
            progress: Told about every result and decision.
        """
        start = self.clock()
        packs = [pack for pack in self.packs if in_scope(pack, item)]
        with self.library.parts(item) as roots:
            frontier = Frontier(roots, self.plan.catalogue)
            frontier.ask(self.describe)
            if self.everything:
                frontier.ask(self.plan.closure(self._signals_of(packs)))
            self._drive(frontier, until, progress)
            while needs := self._wanted(item, packs, frontier):
                if until is not None and self.clock() >= until:
                    break
                frontier.ask(needs)
                if not self._drive(frontier, until, progress):
                    break  # what is wanted has been tried and will not come
            return self._conclude(item, packs, frontier, start, progress)

    def _drive(self, frontier: Frontier, until: float | None, progress: Progress) -> bool:
        """Run until nothing is ready; True when anything ran."""
        ran = False
        while work := frontier.ready():
            ran = True
            remembered, fresh = self._recall(work)
            done = [*remembered, *self.runner.run(fresh, until=until)]
            self._remember(done)
            for one in done:
                if until is not None and _too_late(one.result):
                    continue  # still pending: the deadline's rule decides, not the rule for failures
                added = frontier.done(one)
                progress("signal", {"signal": one.signal.spec.name, "part": one.part.id, "made": len(added)})
        return ran

    def _recall(self, work: Sequence[Work]) -> tuple[list[Done], list[Work]]:
        keys = {(w.part.digest, w.signal.fingerprint) for w in work}
        stored = self.cache.get(sorted(keys), {w.part.digest: w.part for w in work})
        remembered = [
            Done(signal=w.signal, part=w.part, result=stored[_key(w)], seconds=0.0, cached=True)
            for w in work
            if _key(w) in stored
        ]
        return remembered, [w for w in work if _key(w) not in stored]

    def _remember(self, done: Iterable[Done]) -> None:
        fresh: dict[tuple[Digest, Fingerprint], Result] = {
            (d.part.digest, d.signal.fingerprint): d.result for d in done if not d.cached and storable(d.result)
        }
        if fresh:
            self.cache.put(fresh)

    def _signals_of(self, packs: Sequence[CompiledPack]) -> frozenset[str]:
        return frozenset(name for pack in packs for name in pack.signals.values())

    def _wanted(self, item: Item, packs: Sequence[CompiledPack], frontier: Frontier) -> frozenset[str]:
        view = self._view(item, frontier)
        needs: set[str] = set()
        for pack in packs:
            needs |= wanted(pack, self._inputs(pack, view), self.plan.catalogue)
        return frozenset(needs)

    def _view(self, item: Item, frontier: Frontier) -> View:
        return View(item, frontier.parts, frontier.results, self.plan)

    def _inputs(self, pack: CompiledPack, view: View) -> Inputs:
        signals = {alias: self.plan.catalogue[name] for alias, name in pack.signals.items()}
        return Inputs(
            item=view.context(),
            known={
                f"{alias}.{output}": known
                for alias, signal in signals.items()
                for output, known in view.known(signal).items()
            },
            fingerprints={alias: signal.fingerprint for alias, signal in signals.items()},
            dice=dice(view.item, pack),
        )

    def _conclude(
        self, item: Item, packs: Sequence[CompiledPack], frontier: Frontier, start: float, progress: Progress
    ) -> Assessment:
        view = self._view(item, frontier)
        catalogue = self.plan.catalogue
        decisions: list[Decision] = []
        settled = True
        for pack in packs:
            inputs = self._inputs(pack, view)
            settled = settled and not wanted(pack, inputs, catalogue)
            decisions.append(evaluate(pack, inputs, item.id))
            progress("decision", {"pack": pack.pack.name, "action": decisions[-1].action.value})
        found = findings(view, catalogue)
        by_name = {pack.pack.name: pack for pack in packs}
        notices = [statement_of_reasons(d, by_name[d.pack], item, found) for d in decisions]
        return Assessment(
            item=item,
            decisions=tuple(decisions),
            outcome=outcome(decisions, item),
            findings=found,
            facts=_facts(frontier, catalogue),
            failures=failures(item, frontier),
            parts=tuple(frontier.parts),
            cases=route(item, decisions),
            notices=tuple(notice for notice in notices if notice is not None),
            timings={**frontier.seconds, "total": self.clock() - start},
            settled=settled,
        )


def dice(item: Item, pack: CompiledPack) -> float:
    """The draw for the audit lane, 0..1: chance over items, but the same item and pack draw the same."""
    return int(short(digest_of_value([item.id, pack.pack.digest]), 13), 16) / 16**13


def _too_late(result: Result) -> bool:
    return isinstance(result, Failure) and result.kind == "timed_out" and result.retryable


def _key(work: Work) -> tuple[Digest, Fingerprint]:
    return (work.part.digest, work.signal.fingerprint)


def _facts(frontier: Frontier, catalogue: Catalogue) -> dict[PartId, dict[str, Any]]:
    facts: dict[PartId, dict[str, Any]] = {}
    for (part, name), result in frontier.results.items():
        if isinstance(result, Facts) and catalogue.spec(name).kind is Kind.ENRICHER:
            facts.setdefault(part, {}).update({f"{name}.{key}": value for key, value in result.values.items()})
    return facts


def failures(item: Item, frontier: Frontier) -> tuple[PartFailure, ...]:
    """Every file that could not be opened and every signal that had no answer."""
    parts: dict[str, Part] = {part.id: part for part in frontier.parts}
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
        PartFailure(part=part, role=parts[part].role, signal=name, failure=result)
        for (part, name), result in frontier.results.items()
        if isinstance(result, Failure)
    ]
    return (*broken, *failed)

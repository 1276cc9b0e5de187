"""The stepper: what can run now, and what became possible once something has run.

It knows no thread, no queue and no clock. Whoever drives it takes `ready()`, runs the work in whatever way, and hands
back `done()`. New parts are named here, so that the same upload has the same part ids and digests everywhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import cast

from noisegate.core.ids import Digest, PartId, digest_of, digest_of_value
from noisegate.core.modality import Origin, Part, Text, Where
from noisegate.core.ports import Done, Work
from noisegate.core.signal import Parts, Result
from noisegate.engine.catalogue import AnySignal, Catalogue

Key = tuple[PartId, str]
"""(part, signal name)."""


class Frontier:
    """The state of one item's assessment."""

    def __init__(self, roots: Sequence[Part], catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._parts: dict[PartId, Part] = {part.id: part for part in roots}
        self._results: dict[Key, Result] = {}
        self._asked: dict[str, AnySignal] = {}
        self._running: set[Key] = set()
        self._seconds: dict[str, float] = {}

    @property
    def parts(self) -> Sequence[Part]:
        """Every part that exists so far, in the order it came to be."""
        return tuple(self._parts.values())

    @property
    def results(self) -> Mapping[Key, Result]:
        """What every signal said of every part so far."""
        return self._results

    @property
    def seconds(self) -> Mapping[str, float]:
        """Signal name -> seconds of model time so far."""
        return self._seconds

    def ask(self, names: Iterable[str]) -> None:
        """From now on run the signals called `names` on every part they look at. Raises UnknownNameError."""
        for name in sorted(names):
            self._asked.setdefault(name, self._catalogue[name])

    def ready(self) -> tuple[Work, ...]:
        """Work that can be done now and has not been handed out; empty when all is done or under way."""
        work = [
            Work(signal=signal, part=part)
            for part in self._parts.values()
            for name, signal in self._asked.items()
            if (part.id, name) not in self._results and (part.id, name) not in self._running and signal.wants(part)
        ]
        self._running.update((w.part.id, w.signal.spec.name) for w in work)
        return tuple(work)

    def done(self, done: Done) -> tuple[Part, ...]:
        """Take a result; returns the parts that it added, named."""
        name = done.signal.spec.name
        key = (done.part.id, name)
        self._running.discard(key)
        result = done.result
        added: tuple[Part, ...] = ()
        if isinstance(result, Parts):
            added = tuple(name_part(part, done.part, done.signal, n) for n, part in enumerate(result.parts))
            self._parts.update((part.id, part) for part in added)
            result = Parts(parts=added)
        self._results[key] = result
        if not done.cached:
            self._seconds[name] = self._seconds.get(name, 0.0) + done.seconds
        return added


def name_part(part: Part, parent: Part, maker: AnySignal, n: int) -> Part:
    """The n-th part that `maker` made of `parent`, with its id, digest and origin."""
    where = part.origin.where
    if where.start_s is None and parent.origin.where.start_s is not None:
        where = replace(where, start_s=parent.origin.where.start_s, end_s=parent.origin.where.end_s)
    return part.named(
        part_id=PartId(f"{parent.id}/{maker.spec.name}/{n}"),
        digest=part.digest or _digest(part, parent, maker, where),
        origin=Origin(
            asset=parent.origin.asset,
            parent=parent.id,
            made_by=f"{maker.spec.name}@{maker.spec.version}",
            where=where,
        ),
    )


def _digest(part: Part, parent: Part, maker: AnySignal, where: Where) -> Digest:
    if part.modality is Text.modality:
        return digest_of(cast("Text", part).text.encode("utf-8", "surrogatepass"))
    return digest_of_value([parent.digest, maker.fingerprint, part.role, where])

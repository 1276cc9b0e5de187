"""The stepper: what can run now, and what became possible once something has run.

It knows no thread, no queue and no clock. Whoever drives it takes `ready()`, runs the work in whatever way, and hands
back `done()`. New parts are named here, so that the same upload has the same part ids and digests everywhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from noisegate.core.ids import Digest, PartId, digest_of, digest_of_value
from noisegate.core.modality import Origin, Part, Text, Where
from noisegate.core.ports import Done, Work
from noisegate.core.signal import Parts, Result
from noisegate.engine.catalogue import AnySignal, Catalogue

Key = tuple[PartId, str]
"""(part, signal name)."""
_Place = tuple[int | str, ...]
"""Where a part stands among all: its root's number, then maker and number for every step."""


class Frontier:
    """The state of one item's assessment."""

    def __init__(self, roots: Sequence[Part], catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._parts: dict[PartId, Part] = {part.id: part for part in roots}
        self._places: dict[PartId, _Place] = {part.id: (n,) for n, part in enumerate(roots)}
        self._in_order: tuple[Part, ...] | None = None
        self._results: dict[Key, Result] = {}
        self._asked: dict[str, AnySignal] = {}
        self._ready: list[Work] = []
        self._seconds: dict[str, float] = {}

    @property
    def parts(self) -> Sequence[Part]:
        """Every part that exists so far: what was submitted, each followed by what was made of it.

        The order does not depend on what finished first, so that the same upload gives the same decisions.
        """
        if self._in_order is None:
            self._in_order = tuple(sorted(self._parts.values(), key=lambda part: self._places[part.id]))
        return self._in_order

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
            if name not in self._asked:
                signal = self._asked[name] = self._catalogue[name]
                self._ready += [Work(signal=signal, part=part) for part in self.parts if signal.wants(part)]

    def ready(self) -> tuple[Work, ...]:
        """Work that can be done now and has not been handed out; empty when all is done or under way."""
        work, self._ready = tuple(self._ready), []
        return work

    def done(self, done: Done) -> tuple[Part, ...]:
        """Take a result; returns the parts that it added, named."""
        name = done.signal.spec.name
        result = done.result
        added: tuple[Part, ...] = ()
        if isinstance(result, Parts):
            added = tuple(name_part(part, done.part, done.signal, n) for n, part in enumerate(result.parts))
            result = Parts(parts=added, lacking=result.lacking)
            self._add(added, done.part, name)
        self._results[done.part.id, name] = result
        if not done.cached:
            self._seconds[name] = self._seconds.get(name, 0.0) + done.seconds
        return added

    def _add(self, parts: Sequence[Part], parent: Part, maker: str) -> None:
        for n, part in enumerate(parts):
            self._parts[part.id] = part
            self._places[part.id] = (*self._places[parent.id], maker, n)
            self._ready += [Work(signal=signal, part=part) for signal in self._asked.values() if signal.wants(part)]
        self._in_order = None


def name_part(part: Part, parent: Part, maker: AnySignal, n: int) -> Part:
    """The n-th part that `maker` made of `parent`, with its id, digest and origin."""
    where = part.origin.where
    if where.start_s is None and parent.origin.where.start_s is not None:
        where = replace(where, start_s=parent.origin.where.start_s, end_s=parent.origin.where.end_s)
    return part.named(
        part_id=PartId(f"{parent.id}/{maker.spec.name}/{n}"),
        digest=part.digest or _digest(part, parent, maker, where, n),
        origin=Origin(
            asset=parent.origin.asset,
            parent=parent.id,
            made_by=f"{maker.spec.name}@{maker.spec.version}",
            where=where,
        ),
    )


def _digest(part: Part, parent: Part, maker: AnySignal, where: Where, n: int) -> Digest:
    if isinstance(part, Text):
        words = digest_of(part.text.encode("utf-8", "surrogatepass"))
        return words if part.language is None else digest_of_value([words, part.language])  # signals may look at both
    return digest_of_value([parent.digest, maker.fingerprint, part.role, where, n])

"""From results to what a policy sees: observations, facts, and every gap where one could still be.

A gap is as important as a score: a signal that has not run, has failed, or could not even be reached because the
extractor before it failed leaves a `Missing` for each role it would have looked at.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from noisegate.core.decision import Gap, Known, Missing, Observation
from noisegate.core.evidence import EVIDENCE_FLOOR, Evidence, Finding
from noisegate.core.ids import PartId
from noisegate.core.item import Asset, Item
from noisegate.core.modality import Modality, Part, Role, Text, Where
from noisegate.core.signal import Facts, FactValue, Failure, Parts, Result, Scores
from noisegate.engine.catalogue import AnySignal
from noisegate.engine.plan import Node, Plan

ASSET = "asset"
"""The name in `Missing.signal` when the file itself could not be opened."""


@dataclass(frozen=True)
class View:
    """An item as far as it is understood: its parts, what signals said, and the files that could not be opened."""

    item: Item
    parts: Sequence[Part]
    results: Mapping[tuple[PartId, str], Result]
    plan: Plan
    _known: dict[str, Mapping[str, Known]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """By signal: several packs ask the same."""

    def known(self, signal: AnySignal) -> Mapping[str, Known]:
        """Output -> everything known of it, gaps included, over all parts that `signal` looks at."""
        name = signal.spec.name
        if name not in self._known:
            self._known[name] = self._look(signal)
        return self._known[name]

    def _look(self, signal: AnySignal) -> Mapping[str, Known]:
        seen = [(part, self.results.get((part.id, signal.spec.name))) for part in self.parts if signal.wants(part)]
        gaps = _distinct((*self._own_gaps(signal, seen), *self._gaps_before(signal), *self._broken_assets(signal)))
        return {
            **{output: _observations(seen, output, gaps) for output in signal.spec.labels},
            **{name: _facts(seen, name, signal, gaps) for name in signal.spec.facts},
        }

    @cached_property
    def context(self) -> Mapping[str, FactValue | tuple[str, ...]]:
        """What conditions can read of the item itself."""
        roles = {part.role.value for part in self.parts if part.origin.parent is None}
        roles |= {role.value for asset in self._broken for _, role in supposed_nodes(asset)}  # submitted all the same
        return {
            "kind": self.item.kind.value,
            "surface": self.item.surface,
            "markets": tuple(sorted(self.item.markets)),
            **{f"has.{role.value}": role.value in roles for role in Role},
            **{f"declared.{name}": value for name, value in self.item.declared.items()},
        }

    def _own_gaps(self, signal: AnySignal, seen: Iterable[tuple[Part, Result | None]]) -> Iterator[Missing]:
        for part, result in seen:
            if result is None:
                yield Missing(role=part.role, gap=Gap.PENDING, signal=signal.spec.name)
            elif isinstance(result, Failure):
                yield Missing(role=part.role, gap=Gap.FAILED, signal=signal.spec.name, message=result.message)

    def _gaps_before(self, signal: AnySignal) -> Iterator[Missing]:
        for extractor in self.plan.extractors_for(signal):
            roles = sorted(self.plan.roles_behind(extractor, signal))
            for part in self.parts:
                if not extractor.wants(part):
                    continue
                result = self.results.get((part.id, extractor.spec.name))
                if result is None:
                    yield from (Missing(role=r, gap=Gap.PENDING, signal=extractor.spec.name) for r in roles)
                elif (failure := failure_in(result)) is not None:
                    yield from (
                        Missing(role=r, gap=Gap.FAILED, signal=extractor.spec.name, message=failure.message)
                        for r in roles
                    )

    def _broken_assets(self, signal: AnySignal) -> Iterator[Missing]:
        for asset in self._broken:
            roles = {role for node in supposed_nodes(asset) for role in self.plan.roles_from(node, signal)}
            for role in sorted(roles):
                message = f"{asset.name}: {asset.problem_message or asset.problem}"
                yield Missing(role=role, gap=Gap.FAILED, signal=ASSET, message=message)

    @property
    def _broken(self) -> Iterator[Asset]:
        return (asset for asset in self.item.assets if asset.problem is not None)


def supposed_nodes(asset: Asset) -> tuple[Node, ...]:
    """What a broken file was meant to be: by its declared role, else by its name's ending; else it could be anything."""
    if asset.role is not None:
        return ((asset.role.modality, asset.role),)
    ending = asset.name.rpartition(".")[2].lower()
    known = tuple(node for node, endings in _ENDINGS.items() if ending in endings)
    return known or tuple(_ENDINGS)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ENDINGS: Mapping[Node, frozenset[str]] = {
    (Modality.IMAGE, Role.PICTURE): _words("png apng jpg jpeg jpe jfif gif webp bmp tif tiff svg avif heic heif jxl"),
    (Modality.AUDIO, Role.RECORDING): _words("mp3 m4a m4b aac flac wav aif aiff aifc caf wv amr oga ogg opus mka wma"),
    (Modality.VIDEO, Role.FILM): _words("mp4 m4v mov qt 3gp mkv webm avi mpg mpeg vob ts mts m2ts flv wmv asf ogv ogg"),
    (Modality.TEXT, Role.LYRICS): _words("txt lrc srt vtt"),
}
"""Endings that leave little doubt; a name of a stranger's that ends otherwise must not make its file count for less."""


def failure_in(result: Result) -> Failure | None:
    """What went wrong, wholly or in part; None for a full answer."""
    if isinstance(result, Parts):
        return result.lacking
    return result if isinstance(result, Failure) else None


def located(part: Part, evidence: Evidence) -> Where:
    """The place of `evidence` in the asset: words heard get their seconds, words and boxes on a frame its moment."""
    where = evidence.where
    if isinstance(part, Text):
        return part.locate(where.span) if where.span is not None else part.origin.where
    if where.start_s is None and part.origin.where.start_s is not None:
        return replace(where, start_s=part.origin.where.start_s, end_s=part.origin.where.end_s)
    return where


def findings(view: View, signals: Iterable[AnySignal]) -> tuple[Finding, ...]:
    """Every place at or above the evidence floor, strongest first; ties in order of part and place."""
    detectors = [signal for signal in signals if signal.spec.labels]
    found: list[Finding] = []
    for part in view.parts:
        for signal in detectors:
            result = view.results.get((part.id, signal.spec.name))
            if isinstance(result, Scores):
                found += _findings(signal, part, result)
    return tuple(sorted(found, key=lambda f: -f.score))


def _findings(signal: AnySignal, part: Part, scores: Scores) -> Iterator[Finding]:
    for output, code in signal.spec.labels.items():
        score = scores.values.get(output, 0.0)
        places = scores.evidence.get(output, ())
        if not places and score >= EVIDENCE_FLOOR:
            places = (Evidence(score=score, where=part.origin.where),)
        for place in places:
            yield Finding(
                label=code,
                score=place.score,
                signal=signal.spec.name,
                version=signal.spec.version,
                fingerprint=signal.fingerprint,
                output=output,
                part=part.id,
                role=part.role,
                modality=part.modality,
                where=located(part, place),
                excerpt=place.excerpt,
            )


def _observations(seen: Sequence[tuple[Part, Result | None]], output: str, gaps: tuple[Missing, ...]) -> Known:
    observations = tuple(
        Observation(
            role=part.role,
            score=result.values[output],
            places=tuple((e.score, located(part, e).seconds) for e in result.evidence.get(output, ())),
        )
        for part, result in seen
        if isinstance(result, Scores) and output in result.values
    )
    return Known(observations=observations, missing=gaps)


def _facts(
    seen: Sequence[tuple[Part, Result | None]], name: str, signal: AnySignal, gaps: tuple[Missing, ...]
) -> Known:
    values: list[tuple[Role, FactValue]] = []
    unknown: list[Missing] = []
    for part, result in seen:
        if isinstance(result, Facts):
            if name in result.values:
                values.append((part.role, result.values[name]))
            else:
                note = f"`{name}` could not be told"
                unknown.append(Missing(role=part.role, gap=Gap.FAILED, signal=signal.spec.name, message=note))
    return Known(facts=tuple(values), missing=_distinct((*gaps, *unknown)) if unknown else gaps)


def _distinct(gaps: Iterable[Missing]) -> tuple[Missing, ...]:
    return tuple(sorted(set(gaps), key=lambda m: (m.role, m.gap, m.signal, m.message)))

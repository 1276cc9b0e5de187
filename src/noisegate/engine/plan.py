"""Which signals an item needs: the graph that follows from the types.

A node is a role with its modality; every extractor is an edge from the roles it looks at to the roles it makes. The
plan answers which roles can still come into being, and which extractors lie on the way to the parts a signal wants.
It knows types only: a video's frames become work when they exist.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from noisegate.core.errors import InvalidInputError
from noisegate.core.modality import Audio, Image, Modality, Part, Role, Text, Video
from noisegate.engine.catalogue import AnySignal, Catalogue

Node = tuple[Modality, Role]

_CLASSES: dict[Modality, type[Part]] = {
    Modality.TEXT: Text,
    Modality.IMAGE: Image,
    Modality.AUDIO: Audio,
    Modality.VIDEO: Video,
}


def looks_at(signal: AnySignal, node: Node) -> bool:
    """Whether `signal` runs on parts of this modality and role."""
    modality, role = node
    return issubclass(_CLASSES[modality], signal.accepts) and (signal.spec.roles is None or role in signal.spec.roles)


@dataclass(frozen=True)
class Plan:
    """The graph of one catalogue: edges from extractors, nothing about any item."""

    catalogue: Catalogue
    extractors: tuple[AnySignal, ...]
    _known: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Answers given before, by question: the graph does not change, and every assessment asks the same."""

    def reachable(self, roots: Iterable[Node]) -> frozenset[Node]:
        """Every node that parts of the given nodes can lead to, themselves included."""
        key = frozenset(roots)
        if key not in self._known:
            self._known[key] = self._reachable(key)
        return cast("frozenset[Node]", self._known[key])

    def _reachable(self, roots: Iterable[Node]) -> frozenset[Node]:
        found: set[Node] = set()
        open_nodes = list(roots)
        while open_nodes:
            node = open_nodes.pop()
            if node in found:
                continue
            found.add(node)
            open_nodes += [made for signal in self.extractors if looks_at(signal, node) for made in makes(signal)]
        return frozenset(found)

    def roles_behind(self, extractor: AnySignal, signal: AnySignal) -> frozenset[Role]:
        """The roles of parts that `signal` would look at, were `extractor` to make its parts."""
        key = (extractor.spec.name, signal.spec.name)
        if key not in self._known:
            self._known[key] = frozenset(role for _, role in self._wanted(self.reachable(makes(extractor)), signal))
        return cast("frozenset[Role]", self._known[key])

    def roles_from(self, node: Node, signal: AnySignal) -> frozenset[Role]:
        """The roles of parts that `signal` would look at, were there a part on `node`."""
        key = (node, signal.spec.name)
        if key not in self._known:
            self._known[key] = frozenset(role for _, role in self._wanted(self.reachable([node]), signal))
        return cast("frozenset[Role]", self._known[key])

    def extractors_for(self, signal: AnySignal) -> tuple[AnySignal, ...]:
        """The extractors that can lead to a part `signal` looks at, `signal` itself left out."""
        key = signal.spec.name
        if key not in self._known:
            behind = (e for e in self.extractors if e is not signal and self.roles_behind(e, signal))
            self._known[key] = tuple(behind)
        return cast("tuple[AnySignal, ...]", self._known[key])

    def closure(self, names: Iterable[str]) -> frozenset[str]:
        """The signals called `names` and every extractor they can depend on."""
        wanted = [self.catalogue[name] for name in names]
        return frozenset(s.spec.name for s in wanted) | frozenset(
            e.spec.name for s in wanted for e in self.extractors_for(s)
        )

    @staticmethod
    def _wanted(nodes: Iterable[Node], signal: AnySignal) -> list[Node]:
        return [node for node in nodes if looks_at(signal, node)]


def makes(signal: AnySignal) -> list[Node]:
    """The nodes that an extractor's parts stand on."""
    return [(modality, role) for role, modality in signal.spec.makes.items()]


def plan(catalogue: Catalogue) -> Plan:
    """The graph of a catalogue.

    Raises:
        InvalidInputError: an extractor can be fed its own output; it would never end.
    """
    extractors = tuple(s for s in catalogue if s.spec.makes)
    graph = Plan(catalogue, extractors)
    for extractor in extractors:
        loops = [node for node in graph.reachable(makes(extractor)) if looks_at(extractor, node)]
        if loops:
            raise InvalidInputError(
                f"`{extractor.spec.name}` would be run on its own output ({_words(loops)})",
                hint="name the roles it looks at in `SignalSpec.roles` and leave out those it leads to",
            )
    return graph


def _words(nodes: Sequence[Node]) -> str:
    return ", ".join(f"{modality.value} with role `{role.value}`" for modality, role in sorted(nodes))

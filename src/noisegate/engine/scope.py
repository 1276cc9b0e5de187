"""To which items a pack applies, and in which markets its decisions bind."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from noisegate.core.item import WORLDWIDE, Item
from noisegate.core.policy import Scope

if TYPE_CHECKING:
    from noisegate.engine.compile import CompiledPack


def in_scope(compiled: "CompiledPack", item: Item) -> bool:
    """Whether a pack has anything to say about an item."""
    return covers(compiled.pack.scope, kind=item.kind, surface=item.surface, markets=item.markets)


def covers(scope: Scope, *, kind: str, surface: str, markets: Iterable[str]) -> bool:
    """Whether an item of this kind, on this surface, in these markets, lies in `scope`."""
    return (
        (scope.kinds is None or kind in scope.kinds)
        and (scope.surfaces is None or surface in scope.surfaces)
        and bool(bound_markets(scope, markets))
    )


def bound_markets(scope: Scope, markets: Iterable[str]) -> tuple[str, ...]:
    """The markets of an item that a pack's decision binds, sorted; the whole world is narrowed to the pack's markets."""
    asked = frozenset(markets)
    if scope.markets is None or WORLDWIDE in scope.markets:
        return tuple(sorted(asked))
    return tuple(sorted(scope.markets if WORLDWIDE in asked else asked & scope.markets))

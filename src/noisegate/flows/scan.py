"""Assess an upload in this process: no server, no database, nothing kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from noisegate.core.ids import Digest, ItemId, digest_of_value, short
from noisegate.core.item import Asset, Item, ItemKind
from noisegate.core.modality import Role
from noisegate.core.ports import Prober


@dataclass(frozen=True, kw_only=True)
class Opened:
    """An item made of local files, and where each of its assets lies."""

    item: Item
    paths: Mapping[Digest, str]


def open_item(
    prober: Prober,
    *,
    kind: ItemKind,
    texts: Mapping[Role, str],
    files: Sequence[tuple[str, str, Role | None]],
    creator: str | None,
    markets: frozenset[str],
    surface: str,
    declared: Mapping[str, str | bool],
) -> Opened:
    """Probe the files of an upload and make the item.

    Args:
        prober: Says what each file is.
        kind: Of the item.
        texts: What the submitter wrote, by role.
        files: (path, name, role) of each file; a role of None lets the content decide.
        creator: The platform's reference to the uploader.
        markets: Where it shall be published.
        surface: Where it shall be shown.
        declared: What the submitter says of it.
    """
    found = [prober.asset(path, name=name, role=role) for path, name, role in files]
    assets = tuple(distinct_names(found))
    paths = {asset.digest: path for asset, (path, _, _) in zip(found, files, strict=True)}
    item = Item(
        id=ItemId(""),
        kind=kind,
        texts=texts,
        assets=assets,
        creator=creator,
        markets=markets,
        surface=surface,
        declared=declared,
    )
    return Opened(item=named_by_content(item), paths=paths)


def named_by_content(item: Item) -> Item:
    """The item with the id that follows from what was submitted: the same upload is the same item."""
    submitted = [item.kind, item.texts, [[a.digest, a.name, a.role] for a in item.assets]]
    context = [item.creator, item.markets, item.surface, item.declared]
    return Item(
        id=ItemId("itm_" + short(digest_of_value([submitted, context]), 24)),
        kind=item.kind,
        texts=item.texts,
        assets=item.assets,
        creator=item.creator,
        markets=item.markets,
        surface=item.surface,
        declared=item.declared,
    )


def distinct_names(assets: Sequence[Asset]) -> Sequence[Asset]:
    """The assets with names that differ, since parts are named by them: a second `cover.png` becomes `cover.png#2`."""
    seen: dict[str, int] = {}
    named = []
    for asset in assets:
        seen[asset.name] = seen.get(asset.name, 0) + 1
        count = seen[asset.name]
        named.append(asset if count == 1 else Asset(**{**asset.__dict__, "name": f"{asset.name}#{count}"}))
    return named

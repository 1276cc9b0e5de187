"""Reads what a person points at: a media file, a text file, or a folder with an `item.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from noisegate.core.errors import InvalidInputError, UnknownNameError, closest
from noisegate.core.item import WORLDWIDE, ItemKind
from noisegate.core.modality import Role

ITEM_FILE = "item.yaml"
WRITTEN = (Role.TITLE, Role.DESCRIPTION, Role.LYRICS, Role.COMMENT)
_KEYS = {
    "kind", "title", "description", "lyrics", "comment", "creator", "markets", "surface", "declared", "assets",
    "expect", "made",
}  # fmt: skip  # `expect` and `made` are notes for tests and readers
_ASSET_KEYS = {"file", "role"}
_DECLARED_KEYS = {"explicit", "language"}


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An item as written down, its files not yet looked at."""

    name: str
    """Of the file or folder, for people."""
    kind: ItemKind = ItemKind.TRACK
    texts: Mapping[Role, str] = field(default_factory=dict)
    files: tuple[tuple[Path, Role | None], ...] = ()
    creator: str | None = None
    markets: frozenset[str] = frozenset({WORLDWIDE})
    surface: str = "catalogue"
    declared: Mapping[str, str | bool] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """What was given as options; None leaves what the item says."""

    title: str | None = None
    description: str | None = None
    kind: str | None = None
    markets: tuple[str, ...] = ()


def read_draft(path: Path, overrides: Overrides) -> Draft:
    """The item at `path`.

    Raises:
        UnknownNameError: nothing is there.
        InvalidInputError: the folder has no `item.yaml`, or the file says something that is not allowed.
    """
    if not path.exists():
        raise UnknownNameError(f"there is no file or folder {str(path)!r}")
    draft = _folder(path) if path.is_dir() else _file(path)
    texts = {**draft.texts}
    if overrides.title is not None:
        texts[Role.TITLE] = overrides.title
    if overrides.description is not None:
        texts[Role.DESCRIPTION] = overrides.description
    return Draft(
        name=draft.name,
        kind=_kind(overrides.kind) if overrides.kind else draft.kind,
        texts=texts,
        files=draft.files,
        creator=draft.creator,
        markets=_markets(list(overrides.markets), "--market") if overrides.markets else draft.markets,
        surface=draft.surface,
        declared=draft.declared,
    )


def _file(path: Path) -> Draft:
    kinds = {".mp4": ItemKind.VIDEO, ".mkv": ItemKind.VIDEO, ".webm": ItemKind.VIDEO, ".mov": ItemKind.VIDEO}
    if path.suffix.lower() == ".txt":
        return Draft(name=path.name, kind=ItemKind.COMMENT, files=((path, Role.COMMENT),))
    return Draft(name=path.name, kind=kinds.get(path.suffix.lower(), ItemKind.TRACK), files=((path, None),))


def _folder(folder: Path) -> Draft:
    file = folder / ITEM_FILE
    if not file.is_file():
        raise InvalidInputError(
            f"the folder {str(folder)!r} has no {ITEM_FILE}",
            hint=f"write one with `kind`, `title` and `assets: [{{file: NAME, role: {Role.RECORDING.value}}}]`, "
            "or name the files themselves",
        )
    try:
        said = yaml.safe_load(file.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{file} is not YAML in UTF-8: {error}") from error
    if not isinstance(said, dict):
        raise InvalidInputError(f"{file} must be a mapping with `kind`, `title`, `assets`..., and it is {said!r}")
    _refuse_unknown(said, _KEYS, str(file))
    texts = {role: str(said[role.value]) for role in WRITTEN if said.get(role.value) is not None}
    declared = said.get("declared") or {}
    _refuse_unknown(declared, _DECLARED_KEYS, f"{file}, `declared`")
    return Draft(
        name=folder.name,
        kind=_kind(str(said.get("kind", ItemKind.TRACK.value))),
        texts=texts,
        files=tuple(_asset(folder, asset, file) for asset in said.get("assets") or []),
        creator=None if said.get("creator") is None else str(said["creator"]),
        markets=_markets(said.get("markets") or [WORLDWIDE], str(file)),
        surface=str(said.get("surface", "catalogue")),
        declared=declared,
    )


def _asset(folder: Path, asset: Any, file: Path) -> tuple[Path, Role | None]:
    if not isinstance(asset, dict) or "file" not in asset:
        raise InvalidInputError(f"{file}: an asset must be `{{file: NAME, role: ROLE}}`, and it is {asset!r}")
    _refuse_unknown(asset, _ASSET_KEYS, f"{file}, `assets`")
    path = (folder / str(asset["file"])).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise InvalidInputError(f"{file}: there is no file {asset['file']!r} in {str(folder)!r}")
    return path, None if asset.get("role") is None else parse_role(str(asset["role"]))


def parse_role(name: str) -> Role:
    """The role called `name`. Raises UnknownNameError."""
    try:
        return Role(name)
    except ValueError:
        raise UnknownNameError.among("role", name, [r.value for r in Role]) from None


def _kind(name: str) -> ItemKind:
    try:
        return ItemKind(name)
    except ValueError:
        allowed = ", ".join(kind.value for kind in ItemKind)
        raise InvalidInputError(f"{name!r} is no kind of item; allowed are {allowed}") from None


def _markets(markets: Any, place: str) -> frozenset[str]:
    for market in markets:
        if market != WORLDWIDE and not (isinstance(market, str) and len(market) == 2 and market.isalpha()):
            raise InvalidInputError(
                f"{place}: {market!r} is no market; allowed are two-letter country codes such as DE, or '*' for all"
            )
    return frozenset(str(market).upper() for market in markets)


def _refuse_unknown(said: Mapping[str, Any], known: set[str], place: str) -> None:
    for key in said:
        if key not in known:
            near = closest(str(key), known)
            hint = f"did you mean `{near}`?" if near else f"allowed are {', '.join(sorted(known))}"
            raise InvalidInputError(f"{place}: unknown key `{key}`", hint=hint)

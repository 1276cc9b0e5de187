"""Reads what a person points at: a media file, a text file, or a folder with an `item.yaml`.

An item file is written by people, so everything in it means what it says: `title: 1984` and `title: No` are words. It
is also part of what a stranger may have packed, so it is bounded and names no file outside its folder.
"""

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from noisegate.core.errors import InvalidInputError, NoisegateError, UnknownNameError, closest
from noisegate.core.item import WORLDWIDE, ItemKind
from noisegate.core.modality import Role
from noisegate.engine.condition_checks import is_market
from noisegate.flows.submit import WRITTEN_ROLES

ITEM_FILE = "item.yaml"
FILE_ROLES = (
    Role.RECORDING,
    Role.FILM,
    Role.COVER,
    Role.PICTURE,
    Role.LYRICS,
    Role.DESCRIPTION,
    Role.COMMENT,
)
"""What a file can be to its item; all other roles are for what is found inside."""
_LARGEST_ITEM_FILE = 16 << 20
"""Bytes of an item file: room for texts far beyond what is read of them."""
_KEYS = {
    "kind", "title", "description", "lyrics", "comment", "creator", "markets", "surface", "declared", "assets",
    "expect", "made",
}  # fmt: skip  # `expect` and `made` are notes for tests and readers
_ASSET_KEYS = {"file", "role"}
_DECLARED_KEYS = {"explicit", "language"}
_YES_NO = {"true": True, "yes": True, "false": False, "no": False}
_FILMS = frozenset({".mp4", ".m4v", ".mkv", ".webm", ".mov", ".avi", ".mpg", ".mpeg", ".ts"})


class _Words(yaml.SafeLoader):
    """YAML whose scalars are the words that were typed, or nothing: no numbers, dates or truth values are guessed."""


_Words.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag == "tag:yaml.org,2002:null"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


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
    kind: ItemKind | None = None
    markets: frozenset[str] | None = None

    @classmethod
    def typed(
        cls,
        *,
        title: str | None = None,
        description: str | None = None,
        kind: str | None = None,
        markets: Sequence[str] = (),
    ) -> "Overrides":
        """What a person typed. Raises InvalidInputError when it is not allowed."""
        return cls(
            title=title,
            description=description,
            kind=None if kind is None else _kind(kind, "--kind"),
            markets=_markets(list(markets), "--market") if markets else None,
        )


def read_draft(path: Path, overrides: Overrides) -> Draft:
    """The item at `path`.

    Raises:
        UnknownNameError: nothing is there.
        InvalidInputError: it is neither file nor folder, the folder has no `item.yaml`, or that says something that is
            not allowed.
        NoisegateError: it cannot be read.
    """
    try:
        draft = _at(path)
    except OSError as error:
        raise NoisegateError(f"{str(path)!r} cannot be read: {error.strerror}") from error
    texts = {**draft.texts}
    if overrides.title is not None:
        texts[Role.TITLE] = overrides.title
    if overrides.description is not None:
        texts[Role.DESCRIPTION] = overrides.description
    return replace(draft, kind=overrides.kind or draft.kind, texts=texts, markets=overrides.markets or draft.markets)


def _at(path: Path) -> Draft:
    if path.is_dir():
        return _folder(path)
    if path.is_file():
        with path.open("rb"):
            return _file(path)
    if path.exists():
        raise InvalidInputError(
            f"{str(path)!r} is neither a file nor a folder", hint="what comes out of a pipe has to be a file first"
        )
    near = closest(path.name, [other.name for other in path.parent.iterdir()]) if path.parent.is_dir() else None
    hint = f"did you mean {str(path.parent / near)!r}?" if near else None
    raise UnknownNameError(f"there is no file or folder {str(path)!r}", hint=hint)


def _file(path: Path) -> Draft:
    ending = path.suffix.lower()
    if ending == ".txt":
        return Draft(name=path.name, kind=ItemKind.COMMENT, files=((path, Role.COMMENT),))
    return Draft(name=path.name, kind=ItemKind.VIDEO if ending in _FILMS else ItemKind.TRACK, files=((path, None),))


def _folder(folder: Path) -> Draft:
    file = folder / ITEM_FILE
    if not file.is_file():
        inside = sorted(folder.glob(f"*/{ITEM_FILE}"))
        raise InvalidInputError(
            f"the folder {str(folder)!r} has no {ITEM_FILE}",
            hint=f"it holds {len(inside)} folders that have one; name them: {folder}/*/"
            if inside
            else f"write one with `kind`, `title` and `assets: [{{file: NAME, role: {Role.RECORDING.value}}}]`, "
            "or name the files themselves",
        )
    said = _read(file)
    _refuse_unknown(said, _KEYS, str(file))
    return Draft(
        name=folder.resolve().name,
        kind=ItemKind.TRACK if said.get("kind") is None else _kind(said["kind"], str(file)),
        texts={
            role: _word(said[role.value], f"{file}, `{role.value}`")
            for role in WRITTEN_ROLES
            if said.get(role.value) is not None
        },
        files=tuple(_asset(folder, asset, file) for asset in _list(said.get("assets"), f"{file}, `assets`")),
        creator=None if said.get("creator") is None else _word(said["creator"], f"{file}, `creator`"),
        markets=_markets(_list(said.get("markets"), f"{file}, `markets`") or [WORLDWIDE], str(file)),
        surface="catalogue" if said.get("surface") is None else _word(said["surface"], f"{file}, `surface`"),
        declared=_declared(said.get("declared"), f"{file}, `declared`"),
    )


def _read(file: Path) -> Mapping[str, Any]:
    size = file.stat().st_size
    if size > _LARGEST_ITEM_FILE:
        raise InvalidInputError(
            f"{file} has {size:,} bytes; at most {_LARGEST_ITEM_FILE:,} are read",
            hint="put long texts into files of their own: `assets: [{file: lyrics.txt, role: lyrics}]`",
        )
    try:
        said = yaml.load(file.read_text("utf-8"), _Words)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError) as error:  # UnicodeDecodeError is a ValueError
        raise InvalidInputError(f"{file} is not YAML in UTF-8: {error}") from error
    except RecursionError:
        raise InvalidInputError(f"{file} is nested too deeply") from None
    if not isinstance(said, dict):
        raise InvalidInputError(
            f"{file} must be a mapping with `kind`, `title`, `assets`..., and it is {reprlib.repr(said)}"
        )
    return said


def _word(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise InvalidInputError(f"{place}: must be words, and it is {reprlib.repr(value)}", hint="put it into quotes")
    return value


def _list(value: Any, place: str) -> list[Any]:
    if value is None or isinstance(value, list):
        return value or []
    raise InvalidInputError(f"{place}: must be a list, and it is {reprlib.repr(value)}", hint="write [ ] around it")


def _declared(said: Any, place: str) -> Mapping[str, str | bool]:
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise InvalidInputError(f"{place}: must be a mapping, and it is {reprlib.repr(said)}")
    _refuse_unknown(said, _DECLARED_KEYS, place)
    declared: dict[str, str | bool] = {k: _word(v, f"{place}, `{k}`") for k, v in said.items() if v is not None}
    if "explicit" in declared:
        yes_no = str(declared["explicit"]).lower()
        if yes_no not in _YES_NO:
            raise InvalidInputError(f"{place}, `explicit`: {yes_no!r} is neither true nor false")
        declared["explicit"] = _YES_NO[yes_no]
    return declared


def _asset(folder: Path, asset: Any, file: Path) -> tuple[Path, Role | None]:
    if not isinstance(asset, dict) or not isinstance(asset.get("file"), str):
        raise InvalidInputError(
            f"{file}: an asset must be `{{file: NAME, role: ROLE}}`, and it is {reprlib.repr(asset)}"
        )
    _refuse_unknown(asset, _ASSET_KEYS, f"{file}, `assets`")
    try:
        path = (folder / asset["file"]).resolve()
        inside = path.is_relative_to(folder.resolve()) and path.is_file()
    except (OSError, ValueError):  # a name too long, or with a NUL in it
        inside = False
    if not inside:
        raise InvalidInputError(f"{file}: there is no file {reprlib.repr(asset['file'])} in {str(folder)!r}")
    return path, None if asset.get("role") is None else parse_role(asset["role"], f"{file}, `assets`")


def parse_role(name: Any, place: str) -> Role:
    """The role called `name`, which a file can have. Raises UnknownNameError, InvalidInputError."""
    allowed = {role.value: role for role in FILE_ROLES}
    if isinstance(name, str) and name in allowed:
        return allowed[name]
    near = closest(str(name), allowed) if isinstance(name, str) else None
    hint = f"did you mean `{near}`?" if near else f"allowed are {', '.join(allowed)}"
    raise InvalidInputError(f"{place}: {reprlib.repr(name)} is no role of a file", hint=hint)


def _kind(name: Any, place: str) -> ItemKind:
    allowed = [kind.value for kind in ItemKind]
    if name in allowed:
        return ItemKind(name)
    raise InvalidInputError(f"{place}: {reprlib.repr(name)} is no kind of item; allowed are {', '.join(allowed)}")


def _markets(markets: list[Any], place: str) -> frozenset[str]:
    for market in markets:
        if not (isinstance(market, str) and is_market(market.upper())):
            raise InvalidInputError(
                f"{place}: {reprlib.repr(market)} is no market; allowed are two-letter country codes such as DE, "
                f"or '{WORLDWIDE}' for all"
            )
    return frozenset(market.upper() for market in markets)


def _refuse_unknown(said: Mapping[str, Any], known: set[str], place: str) -> None:
    for key in said:
        if key not in known:
            near = closest(str(key), known)
            hint = f"did you mean `{near}`?" if near else f"allowed are {', '.join(sorted(known))}"
            raise InvalidInputError(f"{place}: unknown key `{key}`", hint=hint)

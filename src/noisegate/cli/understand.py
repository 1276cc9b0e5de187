"""Runs one signal, and the extractors it needs, on what a person points at."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noisegate.adapters.caches import MemoryCache
from noisegate.adapters.library import MediaLibrary
from noisegate.cli.item_files import Draft, Overrides, read_draft
from noisegate.core.ids import Digest, PartId
from noisegate.core.item import Item
from noisegate.core.modality import Part
from noisegate.core.ports import PartFailure, Progress
from noisegate.core.signal import Result, Signal
from noisegate.engine.frontier import Frontier
from noisegate.flows.assess import failures
from noisegate.flows.drive import Driver, silent
from noisegate.flows.scan import Opened, open_item
from noisegate.flows.submit import File, Submission
from noisegate.system import System


@dataclass(frozen=True, kw_only=True)
class Understanding:
    """What one signal said of one upload."""

    item: Item
    parts: tuple[Part, ...]
    answers: Mapping[PartId, Result]
    failures: tuple[PartFailure, ...]


def opened(system: System, draft: Draft) -> AbstractContextManager[Opened]:
    """The draft as an item, its files probed."""
    submission = Submission(
        kind=draft.kind,
        texts=draft.texts,
        files=tuple(File(name=file.name, digest=Digest(""), role=role, path=file) for file, role in draft.files),
        creator=draft.creator,
        markets=draft.markets,
        surface=draft.surface,
        declared=draft.declared,
    )
    return open_item(system.prober, submission)


@contextmanager
def understand(
    system: System, signal: Signal[Any, Any], path: Path, *, progress: Progress = silent
) -> Iterator[Understanding]:
    """What `signal` says of the file or folder at `path`; parts can be read while the context is open."""
    with opened(system, read_draft(path, Overrides())) as upload:
        library = MediaLibrary(system.media, lambda digest: nullcontext(upload.paths[digest]))
        with library.parts(upload.item) as roots:
            frontier = Frontier(roots, system.catalogue)
            frontier.ask(system.plan.closure([signal.spec.name]))
            Driver(runner=system.runner, cache=MemoryCache()).drive(frontier, progress=progress)
            name = signal.spec.name
            yield Understanding(
                item=upload.item,
                parts=tuple(frontier.parts),
                answers={
                    p.id: frontier.results[p.id, name] for p in frontier.parts if (p.id, name) in frontier.results
                },
                failures=failures(upload.item, frontier),
            )

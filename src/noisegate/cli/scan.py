"""`noisegate scan`: progress on stderr, results on stdout."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from noisegate.adapters.caches import MemoryCache
from noisegate.adapters.telemetry import log_to_stderr
from noisegate.cli.item_files import Overrides, read_draft
from noisegate.cli.output import complain, write_json
from noisegate.cli.present import paper, print_assessment
from noisegate.cli.progress import Progress
from noisegate.cli.understand import opened
from noisegate.core.errors import InvalidInputError, NoisegateError
from noisegate.core.ports import Assessment
from noisegate.engine.compile import CompiledPack
from noisegate.engine.shapes import assessment_shape
from noisegate.settings import Settings
from noisegate.system import System


def scan(paths: Sequence[Path], overrides: Overrides, *, packs: Sequence[Path], full: bool, json: bool) -> None:
    """Assess every path and print it; exits 1 when some path could not be read as an item.

    What was found, and what could not be checked, does not change the exit status: it is in the answer.
    """
    log_to_stderr()
    console = Console(stderr=True, highlight=False)
    refused = 0
    with System(Settings()) as system:
        scanner = _Scanner(system, _chosen(system, packs), console, full=full)
        for path in paths:
            try:
                name, assessment = scanner.scan(path, overrides)
            except NoisegateError as error:
                if len(paths) == 1:
                    raise
                refused += 1
                complain(f"{path}: {error}")
                continue
            if json:
                write_json({"path": str(path), **assessment_shape(assessment)})
            else:
                print_assessment(paper(), name, assessment, scanner.packs)
    if refused:
        raise SystemExit(1)


def _chosen(system: System, folders: Sequence[Path]) -> tuple[CompiledPack, ...]:
    """The packs in those folders, each once; those in force when none is named."""
    packs = tuple({pack.pack.digest: pack for pack in map(system.pack, folders)}.values()) or system.packs
    if not packs:
        raise InvalidInputError(
            f"there is no policy pack in {str(system.settings.packs_dir)!r}: nothing would be judged",
            hint="name one with --pack DIR, or set NOISEGATE_PACKS_DIR",
        )
    return packs


@dataclass(frozen=True)
class _Scanner:
    system: System
    packs: tuple[CompiledPack, ...]
    console: Console
    full: bool = field(kw_only=True)
    cache: MemoryCache = field(default_factory=MemoryCache)

    def scan(self, path: Path, overrides: Overrides) -> tuple[str, Assessment]:
        """The name of the item at `path`, and what was concluded. Raises NoisegateError, see `read_draft`."""
        draft = read_draft(path, overrides)
        with Progress(self.console, draft.name) as progress, opened(self.system, draft) as upload:
            assessor = self.system.assessor(
                lambda digest: nullcontext(upload.paths[digest]),
                cache=self.cache,
                packs=self.packs,
                everything=self.full,
            )
            return draft.name, assessor.assess(upload.item, progress=progress)

"""`noisegate scan`: progress on stderr, results on stdout."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console

from noisegate.adapters.caches import MemoryCache
from noisegate.cli.item_files import Overrides, read_draft
from noisegate.cli.present import print_assessment
from noisegate.cli.understand import opened
from noisegate.core.errors import NoisegateError
from noisegate.core.ports import Assessment
from noisegate.engine.shapes import assessment_shape
from noisegate.settings import Settings
from noisegate.system import System


def scan(paths: Sequence[Path], overrides: Overrides, *, packs: Sequence[Path], full: bool, json: bool) -> None:
    """Assess every path and print it; exits 1 when some path could not be read as an item."""
    console = Console(stderr=True)
    refused = 0
    with System(Settings()) as system:
        chosen = tuple(system.pack(folder) for folder in packs) or system.packs
        cache = MemoryCache()
        for path in paths:
            try:
                assessment = _scan_one(system, path, overrides, chosen, cache, console, full=full)
            except NoisegateError as error:
                if len(paths) == 1:
                    raise
                refused += 1
                console.print(f"error: {error}", style="red", markup=False)
                continue
            if json:
                sys.stdout.buffer.write(orjson.dumps(assessment_shape(assessment)) + b"\n")
                sys.stdout.buffer.flush()
            else:
                print_assessment(Console(), path.name, assessment)
    if refused:
        raise SystemExit(1)


def _scan_one(
    system: System,
    path: Path,
    overrides: Overrides,
    packs: tuple[Any, ...],
    cache: MemoryCache,
    console: Console,
    *,
    full: bool,
) -> Assessment:
    draft = read_draft(path, overrides)
    upload = opened(system, draft)
    assessor = system.assessor(
        lambda digest: nullcontext(upload.paths[digest]), cache=cache, packs=packs, everything=full
    )
    with console.status(f"{draft.name}: looking") as status:

        def show(event: str, details: Mapping[str, Any]) -> None:
            if event == "signal":
                status.update(f"{draft.name}: {details['signal']} on {details['part']}")

        return assessor.assess(upload.item, progress=show)

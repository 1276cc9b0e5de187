"""`noisegate signal list` and `noisegate signal run`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from noisegate.adapters.telemetry import log_to_stderr
from noisegate.cli.lines import run_lines, scores
from noisegate.cli.output import complain, pretty, write_json
from noisegate.cli.present import paper
from noisegate.cli.progress import Progress
from noisegate.cli.understand import understand
from noisegate.core.errors import InvalidInputError, NoisegateError
from noisegate.core.modality import Audio, Part, Video
from noisegate.core.modality import Text as TextPart
from noisegate.core.signal import Facts, Kind, Signal
from noisegate.engine.observe import ASSET
from noisegate.engine.shapes import failure_shape
from noisegate.settings import Settings
from noisegate.system import System


def list_signals(*, json: bool) -> None:
    """One line or object per signal."""
    with System(Settings()) as system:
        rows = [_describe(system, signal) for signal in sorted(system.catalogue, key=lambda s: s.spec.name)]
    if json:
        write_json(rows)
        return
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for column in ("signal", "version", "runs here"):
        table.add_column(column, no_wrap=True)
    table.add_column("what it does", ratio=1)
    for row in rows:
        gives = ", ".join(row["outputs"]) or ", ".join(row["makes"])
        told = Text.assemble(row["summary"], ("\n" + gives, "dim"))
        here = Text("yes", "green") if row["installed"] else Text("no", "yellow")
        table.add_row(row["name"], row["version"], here, told)
    paper().print(table)


def _describe(system: System, signal: Signal[Any, Any]) -> dict[str, Any]:
    spec = signal.spec
    missing = system.missing(signal)
    return {
        "name": spec.name,
        "version": spec.version,
        "kind": spec.kind.value,
        "summary": spec.summary,
        "accepts": signal.accepts.modality.value,
        "roles": sorted(spec.roles) if spec.roles else None,
        "labels": dict(spec.labels),
        "facts": dict(spec.facts),
        "makes": {role.value: modality.value for role, modality in spec.makes.items()},
        "outputs": sorted(spec.outputs),
        "fingerprint": signal.fingerprint,
        "cost": {"cpu_s": spec.cost.cpu_s, "tier": spec.cost.tier},
        "extra": spec.extra,
        "licence": spec.licence,
        "languages": list(spec.languages),
        "limits": spec.limits,
        "installed": missing is None,
        "missing": missing,
    }


def run_signal(name: str, files: Sequence[Path], *, jsonl: Path | None, json: bool) -> None:
    """Run one signal; exits 1 when some file or line got no answer at all."""
    if bool(files) == (jsonl is not None):
        raise InvalidInputError(
            "give either files or --jsonl", hint=f"noisegate signal run {name} FILE..., or --jsonl lines.jsonl"
        )
    log_to_stderr()
    with System(Settings()) as system:
        signal = system.catalogue[name]
        if jsonl is not None:
            answered = run_lines(system, signal, jsonl)
        else:
            console = Console(stderr=True, highlight=False)
            answers = [_answer_file(system, signal, path, console, json=json) for path in files]
            answered = all(answers)
    if not answered:
        raise SystemExit(1)


def _answer_file(system: System, signal: Signal[Any, Any], path: Path, console: Console, *, json: bool) -> bool:
    """Print what the signal says of one file; False when that is nothing but failures."""
    with Progress(console, path.name) as progress:
        try:
            shape = _run_file(system, signal, path, progress)
        except NoisegateError as error:
            complain(f"{path}: {error}")
            shape = {"file": str(path), "parts": [], "scores": {}, "facts": {}, "failures": [_error_shape(error)]}
    if json:
        write_json(shape)
    else:
        paper().print(Text(pretty(shape)), soft_wrap=True)
    answers = shape["parts"] or shape["scores"] or shape["facts"]
    if not answers and not shape["failures"] and signal.spec.kind is not Kind.EXTRACTOR:
        complain(f"there is nothing in {path} that `{signal.spec.name}` looks at")
    return bool(answers or not shape["failures"])


def _run_file(system: System, signal: Signal[Any, Any], path: Path, progress: Progress) -> dict[str, Any]:
    with understand(system, signal, path, progress=progress) as seen:
        if signal.spec.kind is Kind.EXTRACTOR:
            made_by = f"{signal.spec.name}@{signal.spec.version}"
            parts = [part for part in seen.parts if part.origin.made_by == made_by]
        else:
            parts = [part for part in seen.parts if part.id in seen.answers]
        return {
            "file": str(path),
            "parts": [_part_shape(part) for part in parts],
            "scores": scores(signal, seen.answers.values()),
            "facts": {part: dict(answer.values) for part, answer in seen.answers.items() if isinstance(answer, Facts)},
            "failures": [failure_shape(failure) for failure in seen.failures],
        }


def _part_shape(part: Part) -> dict[str, Any]:
    where = part.origin.where
    end = where.end_s
    if end is None and isinstance(part, (Audio, Video)):
        end = part.duration_s
    return {
        "id": part.id,
        "role": part.role.value,
        "modality": part.modality.value,
        "text": part.text if isinstance(part, TextPart) else None,
        "language": part.language if isinstance(part, TextPart) else None,
        "start_s": where.start_s if where.start_s is not None else (0.0 if end is not None else None),
        "end_s": end,
    }


def _error_shape(error: NoisegateError) -> dict[str, Any]:
    return {
        "part": None,
        "role": None,
        "signal": ASSET,
        "kind": error.code,
        "message": error.message,
        "retryable": False,
    }

"""`noisegate signal list` and `noisegate signal run`."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from rich.console import Console
from rich.table import Table

from noisegate.cli.understand import understand
from noisegate.core.errors import InvalidInputError, NoisegateError, UnknownNameError
from noisegate.core.ids import PartId, digest_of
from noisegate.core.modality import Audio, Part, Role, Text, Video
from noisegate.core.ports import Work
from noisegate.core.signal import Facts, Failure, Kind, Parts, Result, Scores, Signal
from noisegate.engine.observe import ASSET
from noisegate.engine.shapes import failure_shape
from noisegate.settings import Settings
from noisegate.system import System

_CHUNK = 256
"""Lines answered together: enough to fill batches, few enough to stream."""


def list_signals(*, json: bool) -> None:
    """One line or object per signal."""
    with System(Settings()) as system:
        rows = [_describe(system, signal) for signal in sorted(system.catalogue, key=lambda s: s.spec.name)]
    if json:
        _write_json(rows)
        return
    table = Table(box=None, header_style="dim", padding=(0, 2))
    for column in ("signal", "version", "gives", "installed", "what it does"):
        table.add_column(column)
    for row in rows:
        gives = ", ".join(row["outputs"]) or ", ".join(row["makes"])
        table.add_row(row["name"], row["version"], gives, "yes" if row["installed"] else "no", row["summary"])
    Console().print(table)


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
    """Run one signal; exits 1 when some file gave no answer at all."""
    if bool(files) == (jsonl is not None):
        raise InvalidInputError(
            "give either files or --jsonl", hint=f"noisegate signal run {name} FILE..., or --jsonl lines.jsonl"
        )
    with System(Settings()) as system:
        signal = system.catalogue[name]
        if jsonl is not None:
            _run_lines(system, signal, jsonl)
            return
        _run_files(system, signal, files, json=json)


def _run_files(system: System, signal: Signal[Any, Any], files: Sequence[Path], *, json: bool) -> None:
    console = Console(stderr=True)
    unreadable = 0
    for path in files:
        with console.status(f"{path.name}: {signal.spec.name}"):
            try:
                shape = _run_file(system, signal, path)
            except NoisegateError as error:
                shape = {"file": str(path), "parts": [], "scores": {}, "facts": {}, "failures": [_error_shape(error)]}
        unreadable += bool(shape["failures"]) and not (shape["parts"] or shape["scores"] or shape["facts"])
        if json:
            _write_json(shape)
        else:
            Console().print_json(data=shape)
    if unreadable:
        raise SystemExit(1)


def _run_file(system: System, signal: Signal[Any, Any], path: Path) -> dict[str, Any]:
    with understand(system, signal, path) as seen:
        return {
            "file": str(path),
            "parts": [_part_shape(part) for part in seen.parts if _shown(part, signal, seen.answers)],
            "scores": _scores(signal, seen.answers.values()),
            "facts": _facts(seen.answers),
            "failures": [failure_shape(failure) for failure in seen.failures],
        }


def _shown(part: Part, signal: Signal[Any, Any], answers: Mapping[PartId, Result]) -> bool:
    """An extractor's file shows the parts it made; any other signal's, the parts it looked at."""
    if signal.spec.kind is Kind.EXTRACTOR:
        made = answers.get(part.origin.parent) if part.origin.parent is not None else None
        return isinstance(made, Parts) and any(part.id == m.id for m in made.parts)
    return part.id in answers


def _part_shape(part: Part) -> dict[str, Any]:
    where = part.origin.where
    end = where.end_s
    if end is None and isinstance(part, (Audio, Video)):
        end = part.duration_s
    return {
        "id": part.id,
        "role": part.role.value,
        "modality": part.modality.value,
        "text": part.text if isinstance(part, Text) else None,
        "language": part.language if isinstance(part, Text) else None,
        "start_s": where.start_s if where.start_s is not None else (0.0 if end is not None else None),
        "end_s": end,
    }


def _scores(signal: Signal[Any, Any], results: Iterable[Result]) -> dict[str, float]:
    """Label -> the highest score over all parts."""
    scores: dict[str, float] = {}
    for result in results:
        if isinstance(result, Scores):
            for output, code in signal.spec.labels.items():
                scores[code] = max(scores.get(code, 0.0), round(result.values[output], 6))
    return scores


def _facts(answers: Mapping[PartId, Result]) -> dict[str, Any]:
    return {part: dict(result.values) for part, result in answers.items() if isinstance(result, Facts)}


def _run_lines(system: System, signal: Signal[Any, Any], source: Path) -> None:
    if signal.accepts is not Text:
        raise InvalidInputError(f"--jsonl takes text and `{signal.spec.name}` looks at {signal.accepts.modality.value}")
    if source != Path("-") and not source.is_file():
        raise UnknownNameError(f"there is no file {str(source)!r}")
    role = min(signal.spec.roles) if signal.spec.roles else Role.COMMENT
    stream: BinaryIO = sys.stdin.buffer if source == Path("-") else source.open("rb")
    with stream:
        for chunk in _chunks(stream):
            lines = [_line(line, role) for line in chunk]
            work = [Work(signal=signal, part=part) for _, part in lines if isinstance(part, Text)]
            answers = iter(system.runner.run(work))
            for key, part in lines:
                result = next(answers).result if isinstance(part, Text) else part
                _write_json(_line_shape(signal, key, result))
            sys.stdout.buffer.flush()


def _line(line: bytes, role: Role) -> tuple[Any, Text | Failure]:
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return None, Failure(kind="invalid_input", message=f"the line is not JSON: {error}")
    if not isinstance(said, dict) or not isinstance(said.get("text"), str):
        key = said.get("id") if isinstance(said, dict) else None
        return key, Failure(kind="invalid_input", message='a line must be {"id": ..., "text": "..."}')
    text = said["text"]
    digest = digest_of(text.encode("utf-8", "surrogatepass"))
    return said.get("id"), Text(id=PartId("line"), role=role, text=text, digest=digest)


def _line_shape(signal: Signal[Any, Any], key: Any, result: Result) -> dict[str, Any]:
    if isinstance(result, Failure):
        return {"id": key, "failure": {"kind": result.kind, "message": result.message}}
    if isinstance(result, Facts):
        return {"id": key, "facts": dict(result.values)}
    return {"id": key, "scores": _scores(signal, [result])}


def _chunks(stream: BinaryIO) -> Iterator[list[bytes]]:
    lines = (line for line in stream if line.strip())
    while chunk := list(islice(lines, _CHUNK)):
        yield chunk


def _error_shape(error: NoisegateError) -> dict[str, Any]:
    return {
        "part": None,
        "role": None,
        "signal": ASSET,
        "kind": error.code,
        "message": error.message,
        "retryable": False,
    }


def _write_json(shape: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(shape) + b"\n")

"""`noisegate signal run NAME --jsonl IN`: one answer a line, as the lines come.

What has arrived is answered together; nothing waits for lines that are still to come, so that a program can ask a line
and wait for its answer. Memory does not grow with the stream.
"""

import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from noisegate.adapters.prober import MAX_TEXT_BYTES
from noisegate.cli.output import as_json
from noisegate.core.errors import InvalidInputError, UnknownNameError
from noisegate.core.ids import PartId, digest_of
from noisegate.core.modality import Role, Text
from noisegate.core.ports import Work
from noisegate.core.signal import Facts, Failure, Parts, Result, Scores, Signal
from noisegate.flows.submit import storable_text
from noisegate.system import System

_TOGETHER = 256
"""Lines answered at a time: enough to fill batches."""
_READ = 1 << 20
"""Bytes taken at a time."""
_LONGEST = 16 << 20
"""Bytes of a line that are held; what is longer is told so without being held."""
_BOM = b"\xef\xbb\xbf"


def run_lines(system: System, signal: Signal[Any, Any], source: Path) -> bool:
    """Answer every line of `source` (`-` is standard input); True when every line got an answer.

    Raises:
        InvalidInputError: the signal does not look at text.
        UnknownNameError: there is no such file.
    """
    if signal.accepts is not Text:
        raise InvalidInputError(
            f"--jsonl takes text, and `{signal.spec.name}` looks at {signal.accepts.modality.value}",
            hint=f"noisegate signal run {signal.spec.name} FILE...",
        )
    if source == Path("-"):
        return _answer_all(system, signal, sys.stdin.buffer)
    if not source.is_file():
        raise UnknownNameError(f"there is no file {str(source)!r}", hint="`--jsonl -` reads standard input")
    with source.open("rb") as stream:
        return _answer_all(system, signal, stream)


def scores(signal: Signal[Any, Any], results: Iterable[Result]) -> dict[str, float]:
    """Label -> the highest score over all results."""
    found: dict[str, float] = {}
    for result in results:
        if isinstance(result, Scores):
            for output, code in signal.spec.labels.items():
                found[code] = max(found.get(code, 0.0), round(result.values[output], 6))
    return found


def _answer_all(system: System, signal: Signal[Any, Any], stream: BinaryIO) -> bool:
    role = min(signal.spec.roles) if signal.spec.roles else Role.COMMENT
    answered = True
    for lines in arriving(stream):
        asked = [_question(line, role) for line in lines]
        work = [Work(signal=signal, part=part) for _, part in asked if isinstance(part, Text)]
        done = iter(system.runner.run(work))
        for key, part in asked:
            result = next(done).result if isinstance(part, Text) else part
            answered = answered and not isinstance(result, Failure)
            sys.stdout.buffer.write(as_json(_shape(signal, key, result)))
        sys.stdout.buffer.flush()
    return answered


def arriving(stream: BinaryIO) -> Iterator[Sequence[bytes | None]]:
    """The lines of a stream that have arrived, without blank ones; None for one that is too long to be held."""
    read = stream.read1 if isinstance(stream, io.BufferedReader) else stream.read
    rest, skipping = _after_bom(read(_READ)), False
    while rest:
        *whole, rest = rest.split(b"\n")
        lines: list[bytes | None] = [line for line in whole if line.strip()]
        if skipping and whole:
            lines, skipping = [line for line in whole[1:] if line.strip()], False
        if skipping or len(rest) > _LONGEST:
            lines += [] if skipping else [None]
            rest, skipping = b"", True
        yield from (lines[n : n + _TOGETHER] for n in range(0, len(lines), _TOGETHER))
        more = read(_READ)
        if not more:
            break
        rest += more
    if rest.strip() and not skipping:
        yield [rest]


def _after_bom(start: bytes) -> bytes:
    return start.removeprefix(_BOM)


def _question(line: bytes | None, role: Role) -> tuple[Any, Text | Failure]:
    """The id of a line and its text, or why it has none."""
    if line is None:
        return None, Failure(kind="too_large", message=f"the line has more than {_LONGEST:,} bytes")
    try:
        said = _read(line)
    except (ValueError, RecursionError) as error:
        return None, Failure(kind="invalid_input", message=f"the line is not JSON in UTF-8: {error}")
    if not isinstance(said, dict) or not isinstance(said.get("text"), str):
        key = said.get("id") if isinstance(said, dict) else None
        return key, Failure(kind="invalid_input", message='a line must be {"id": ..., "text": "..."}')
    text = storable_text(said["text"])
    data = text.encode()
    if len(data) > MAX_TEXT_BYTES:
        message = f"{len(data):,} bytes of text; at most {MAX_TEXT_BYTES:,} are read"
        return said.get("id"), Failure(kind="too_large", message=message)
    return said.get("id"), Text(id=PartId("line"), role=role, text=text, digest=digest_of(data))


def _read(line: bytes) -> Any:
    """What a line says. Raises ValueError, RecursionError."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line)  # knows lone surrogates and long numbers


def _shape(signal: Signal[Any, Any], key: Any, result: Result) -> dict[str, Any]:
    match result:
        case Failure():
            return {"id": key, "failure": {"kind": result.kind, "message": result.message}}
        case Facts():
            return {"id": key, "facts": dict(result.values)}
        case Parts():
            return {"id": key, "parts": [part.text for part in result.parts if isinstance(part, Text)]}
        case Scores():
            return {"id": key, "scores": scores(signal, [result])}

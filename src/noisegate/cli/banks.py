"""`noisegate bank add|match`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console

from noisegate.cli.understand import understand
from noisegate.core.errors import InvalidInputError, MediaError
from noisegate.core.evidence import Evidence
from noisegate.core.ids import digest_of_value, short
from noisegate.core.modality import Image
from noisegate.core.signal import BankEntry, Scores
from noisegate.core.taxonomy import default_taxonomy
from noisegate.settings import Settings
from noisegate.signals.image.perceptual import bank_hashes
from noisegate.system import System

HASHING = "image.hashes"
MATCHING = "match.image"


def add(files: Sequence[Path], *, label: str, bank: str, note: str, json: bool) -> None:
    """Hash the pictures and append them to the bank."""
    code = default_taxonomy().label(label).code
    with System(Settings()) as system:
        entries = [entry for path in files for entry in _entries(system, path, code, note)]
        digest = system.banks.add(bank, entries)
    if json:
        _write_json({"bank": bank, "digest": digest, "entries": [entry.id for entry in entries]})
    else:
        Console().print(f"{bank}: {len(entries)} entries given; the bank is now {digest}", markup=False)


def _entries(system: System, path: Path, label: str, note: str) -> list[BankEntry]:
    known = system.catalogue[MATCHING].spec.labels.values()
    if label not in known:
        raise InvalidInputError(
            f"`{MATCHING}` does not report the label `{label}`", hint=f"labels it reports: {', '.join(sorted(known))}"
        )
    with understand(system, system.catalogue[HASHING], path) as seen:
        if seen.failures:
            failure = seen.failures[0].failure
            raise MediaError(f"{path.name}: {failure.message}", kind=failure.kind)
        hashes = [bank_hashes(part.pixels()) for part in seen.parts if isinstance(part, Image)]
    return [BankEntry(id=short(digest_of_value([one, label])), hashes=one, label=label, note=note) for one in hashes]


def match(files: Sequence[Path], *, bank: str, json: bool) -> None:
    """Compare the pictures with the bank; one line or object per file."""
    with System(Settings(), bank=bank) as system:
        signal = system.catalogue[MATCHING]
        for path in files:
            with understand(system, signal, path) as seen:
                if seen.failures:
                    failure = seen.failures[0].failure
                    raise MediaError(f"{path.name}: {failure.message}", kind=failure.kind)
                matches = [
                    (signal.spec.labels[output], place)
                    for result in seen.answers.values()
                    if isinstance(result, Scores)
                    for output, places in result.evidence.items()
                    for place in places
                ]
            _show(path, bank, matches, json=json)


def _show(path: Path, bank: str, matches: Sequence[tuple[str, Evidence]], *, json: bool) -> None:
    if json:
        found: list[dict[str, Any]] = [
            {"label": label, "score": round(place.score, 4), "note": place.excerpt} for label, place in matches
        ]
        _write_json({"file": str(path), "bank": bank, "matches": found})
        return
    console = Console()
    for label, place in matches:
        console.print(f"{path.name}: {place.score:.2f} {label}, {place.excerpt}", markup=False)
    if not matches:
        console.print(f"{path.name}: not in bank `{bank}`", markup=False)


def _write_json(shape: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(shape) + b"\n")

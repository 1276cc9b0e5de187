"""`noisegate bank add|match`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from noisegate.adapters.telemetry import log_to_stderr
from noisegate.cli.output import complain, visible, write_json
from noisegate.cli.present import paper
from noisegate.cli.understand import Understanding, understand
from noisegate.core.errors import InvalidInputError, MediaError, NoisegateError, NotInstalledError, UnknownNameError
from noisegate.core.evidence import Evidence
from noisegate.core.ids import digest_of_value, short
from noisegate.core.modality import Image
from noisegate.core.signal import BankEntry, Scores, Signal
from noisegate.core.taxonomy import default_taxonomy
from noisegate.settings import Settings
from noisegate.signals.image.perceptual import bank_hashes
from noisegate.system import System

HASHING = "image.hashes"
MATCHING = "match.image"


def add(files: Sequence[Path], *, label: str, bank: str, note: str, json: bool) -> None:
    """Hash the pictures and append them to the bank: all of them, or none when one cannot be read."""
    code = default_taxonomy().label(label).code
    log_to_stderr()
    with System(Settings()) as system:
        _check_label(system, code)
        system.banks.digest(bank)  # a name that is not allowed is refused before any work
        entries = [entry for path in files for entry in _entries(system, path, code, note)]
        digest = system.banks.add(bank, entries)
    if json:
        write_json({"bank": bank, "digest": digest, "entries": [entry.id for entry in entries]})
        return
    given = f"{len(entries)} {'picture' if len(entries) == 1 else 'pictures'}"
    paper().print(Text(f"{bank}: {given} known as {code}; the bank is now {digest}"), soft_wrap=True)


def _check_label(system: System, label: str) -> None:
    known = system.catalogue[MATCHING].spec.labels.values()
    if label not in known:
        raise InvalidInputError(
            f"`{MATCHING}` does not report the label `{label}`", hint=f"labels it reports: {', '.join(sorted(known))}"
        )


def _entries(system: System, path: Path, label: str, note: str) -> list[BankEntry]:
    with understand(system, system.catalogue[HASHING], path) as seen:
        _check_seen(seen, path)
        hashes = [bank_hashes(part.pixels()) for part in seen.parts if isinstance(part, Image)]
    return [BankEntry(id=short(digest_of_value([one, label])), hashes=one, label=label, note=note) for one in hashes]


def _check_seen(seen: Understanding, path: Path) -> None:
    """Raise for what could not be read, and for what has no picture in it."""
    if seen.failures:
        failure = seen.failures[0].failure
        if failure.kind == "not_installed":
            raise NotInstalledError(failure.message)
        raise MediaError(f"{path}: {failure.message}", kind=failure.kind)
    if not any(isinstance(part, Image) for part in seen.parts):
        raise InvalidInputError(f"there is no picture in {str(path)!r}", hint="banks hold pictures: PNG, JPEG, WebP...")


def match(files: Sequence[Path], *, bank: str, json: bool) -> None:
    """Compare the pictures with the bank, one line or object per file; exits 1 when one could not be read."""
    log_to_stderr()
    unread = 0
    with System(Settings(), bank=bank) as system:
        if not system.banks.digest(bank):
            raise UnknownNameError.among(
                "bank", bank, system.banks.names(), hint="`noisegate bank add FILE... --label LABEL` begins one"
            )
        signal = system.catalogue[MATCHING]
        for path in files:
            try:
                matches = _matches(system, signal, path)
            except NoisegateError as error:
                if len(files) == 1:
                    raise
                complain(str(error))
                unread += 1
                continue
            _show(path, bank, matches, json=json)
    if unread:
        raise SystemExit(1)


def _matches(system: System, signal: Signal[Any, Any], path: Path) -> list[tuple[str, Evidence]]:
    """(label, place) of every match, the strongest first."""
    with understand(system, signal, path) as seen:
        _check_seen(seen, path)
        found = [
            (signal.spec.labels[output], place)
            for result in seen.answers.values()
            if isinstance(result, Scores)
            for output, places in result.evidence.items()
            for place in places
        ]
    return sorted(found, key=lambda match: -match[1].score)


def _show(path: Path, bank: str, matches: Sequence[tuple[str, Evidence]], *, json: bool) -> None:
    if json:
        found: list[dict[str, Any]] = [
            {"label": label, "score": round(place.score, 4), "note": place.excerpt} for label, place in matches
        ]
        write_json({"file": str(path), "bank": bank, "matches": found})
        return
    lines = [f"{place.score:.2f} {label}, {place.excerpt}" for label, place in matches] or [f"not in bank `{bank}`"]
    for line in lines:
        paper().print(Text(f"{visible(path.name)}: {visible(line)}"), soft_wrap=True)

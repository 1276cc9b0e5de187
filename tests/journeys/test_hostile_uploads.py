"""Every hostile file through the whole of `noisegate scan`, harmless ones between them, in one process."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from commands import installation, started
from hostile_files import HARMLESS, HOSTILE

_WORDS = """
pack: words
version: 1
title: words
owner: tests@example.org
policy: For tests.
signals: {language: text.language@1}
rules:
  - id: unknown-language
    when: any_equal(language.language, "xx", ["title", "description", "comment", "lyrics", "transcript"])
    then: {action: block}
    reason: For tests.
    label: dangerous.threat
otherwise: {action: allow}
if_missing: {language: review}
on_deadline: review
notice: {ground: terms, clause: "1", text: Our terms do not allow it.}
"""
_EXAMPLE = "- {name: x, given: {language.language: xx}, rule: unknown-language, action: block}\n"


@dataclass(frozen=True)
class Scan:
    """What one run over all files said and left."""

    code: int
    answers: Mapping[str, Any]
    complaints: str
    left: list[str]
    """Files in the temporary folder."""
    children: list[str]
    """Processes that are still there."""


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """All files: after each hostile one comes a harmless one."""
    folder = tmp_path_factory.mktemp("hostile")
    files, home, scratch = folder / "files", folder / "home", folder / "scratch"
    files.mkdir()
    scratch.mkdir()
    installation(home)
    (home / "packs" / "words").mkdir()
    (home / "packs" / "words" / "pack.yaml").write_text(_WORDS, "utf-8")
    (home / "packs" / "words" / "examples.yaml").write_text(_EXAMPLE, "utf-8")
    for name, make in {**{name: hostile.make for name, hostile in HOSTILE.items()}, **HARMLESS}.items():
        (files / name).write_bytes(make())
    good = sorted(HARMLESS)
    paths = [files / name for n, bad in enumerate(sorted(HOSTILE)) for name in (bad, good[n % len(good)])]
    with started(home, "scan", "--json", *paths, env={"TMPDIR": str(scratch)}) as process:
        out, err = process.communicate(timeout=150)
    answers = {Path(said["path"]).name: said for said in map(json.loads, out.splitlines())}
    return Scan(
        code=process.returncode,
        answers=answers,
        complaints=err.decode(),
        left=[path.name for path in scratch.iterdir() if path.name.startswith("noisegate")],
        children=_processes_with(str(scratch)),
    )


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_file_is_a_named_failure_and_the_item_is_decided_by_if_missing(scan: Scan, name: str) -> None:
    """The part is named, the kind is one a program can act upon, the sentence says what was wrong."""
    said = scan.answers[name]
    assert said["action"] == "review"
    assert "if_missing" in {decision["rule"] for decision in said["decisions"]}
    failures = [failure for failure in said["failures"] if failure["part"] == name]
    assert failures
    assert {failure["kind"] for failure in failures} <= HOSTILE[name].kinds
    assert all(len(failure["message"]) > 10 for failure in failures)
    assert not any("Traceback" in failure["message"] for failure in failures)


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_the_next_item_is_scanned_as_if_nothing_had_happened(scan: Scan, name: str) -> None:
    """One hostile upload costs no other item its answer."""
    said = scan.answers[name]
    assert (said["action"], said["failures"]) == ("allow", [])


def test_nothing_is_left_and_nothing_is_said_beside_the_answers(scan: Scan) -> None:
    """No temporary folder, no process, no traceback."""
    assert (scan.code, scan.left, scan.children) == (0, [], [])
    assert scan.complaints == ""
    assert scan.answers.keys() == HOSTILE.keys() | HARMLESS.keys()


def _processes_with(variable: str) -> list[str]:
    """Processes whose temporary folder is ours."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.name != str(os.getpid()) and variable.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text("utf-8", "replace"))
        except OSError:  # it has ended, or is not ours
            continue
    return found

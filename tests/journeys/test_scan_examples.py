"""The example uploads through `noisegate scan` with the real models: what it says, where, and in what words."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest
import yaml

from noisegate.core.policy import Action
from noisegate.settings import Settings
from noisegate.system import System

pytestmark = [pytest.mark.models, pytest.mark.timeout(420)]

FOLDER = Path(__file__).parents[2] / "examples" / "uploads"
UPLOADS = {
    file.parent.name: yaml.safe_load(file.read_text("utf-8"))["made"]["expect"]
    for file in sorted(FOLDER.glob("*/item.yaml"))
}
PLACES = [(name, place) for name, expect in UPLOADS.items() for place in expect.get("evidence", [])]
_ALIKE = 0.4
"""How much of the words must be the same in one piece, 0..1: recognition is not spelling, and sentences run together."""


@pytest.fixture(scope="module")
def answers() -> Mapping[str, Any]:
    """What one run says of every upload, by the name of its folder."""
    with System(Settings()) as system:
        used = {name for pack in system.packs for name in pack.signals.values()}
        wanted = system.plan.closure(used)
        missing = [why for signal in system.catalogue if signal.spec.name in wanted and (why := system.missing(signal))]
    if missing:
        pytest.skip("; ".join(missing))
    command = [sys.executable, "-m", "noisegate", "scan", "--json", *(str(FOLDER / name) for name in UPLOADS)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return {Path(said["path"]).name: said for said in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize(("name", "expect"), UPLOADS.items(), ids=list(UPLOADS))
def test_each_upload_gets_at_least_the_action_it_was_made_for(
    answers: Mapping[str, Any], name: str, expect: Mapping[str, Any]
) -> None:
    """Harms are caught; what is clean is published, at most with an advisory."""
    action = Action(answers[name]["action"])
    assert action.severity >= Action(expect["at_least"]).severity
    if expect["action"] == Action.ALLOW.value:
        assert action.severity <= Action.LABEL.severity, answers[name]["decisions"]


@pytest.mark.parametrize(("name", "place"), PLACES, ids=[f"{name} {n}" for n, (name, _) in enumerate(PLACES)])
def test_every_harm_that_was_put_in_is_found_where_it_is(
    answers: Mapping[str, Any], name: str, place: Mapping[str, Any]
) -> None:
    """The label, the file, the words, and the second or the box."""
    assert [finding for finding in answers[name]["findings"] if _is_there(finding, place)], answers[name]["findings"]


def test_no_words_are_heard_in_music_without_a_voice(answers: Mapping[str, Any]) -> None:
    """A recogniser that invents words would invent harms."""
    said = answers["02-clean-song"]
    assert not [part for part in said["facts"] if "audio.transcript" in part]


def test_only_the_file_that_lies_about_itself_has_no_answer(answers: Mapping[str, Any]) -> None:
    """Everything else was looked at."""
    failures = {name: said["failures"] for name, said in answers.items() if said["failures"]}
    assert {name: [(f["part"], f["kind"]) for f in found] for name, found in failures.items()} == {
        "08-not-what-it-says": [("audio.mp3", "mislabelled")]
    }


def _is_there(finding: Mapping[str, Any], place: Mapping[str, Any]) -> bool:
    same = finding["label"] == place["label"] and finding["role"] == place["role"]
    return (
        same
        and finding["part"].startswith(place.get("asset", place["role"]))
        and _near(finding["where"], place)
        and _alike(finding, place)
    )


def _near(where: Mapping[str, Any], place: Mapping[str, Any]) -> bool:
    if "start_s" in place and not (where["start_s"] < place["end_s"] + 1 and where["end_s"] > place["start_s"] - 1):
        return False
    if "box" not in place:
        return True
    found, drawn = where["box"], place["box"]
    middle = (found["x"] + found["width"] / 2, found["y"] + found["height"] / 2)
    across = drawn["x"] <= middle[0] <= drawn["x"] + drawn["width"]
    return across and drawn["y"] <= middle[1] <= drawn["y"] + drawn["height"]


def _alike(finding: Mapping[str, Any], place: Mapping[str, Any]) -> bool:
    found, said = (
        re.sub(r"[^a-z ]", "", words.lower().replace("\n", " ")) for words in (finding["excerpt"], place["words"])
    )
    shared = SequenceMatcher(None, found, said, autojunk=False).find_longest_match().size
    return shared >= _ALIKE * min(len(found), len(said))

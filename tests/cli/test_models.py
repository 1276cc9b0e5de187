from pathlib import Path

import pytest
from commands import Command


def test_every_model_is_listed_with_its_state_licence_and_users(noisegate: Command) -> None:
    """On an empty home what no installed package brings is missing."""
    (listed,) = noisegate("models", "list", "--json").lines
    whisper = next(model for model in listed if model["name"] == "whisper-base")
    assert (whisper["state"], whisper["signals"]) == ("missing", ["audio.transcript"])
    assert whisper["licence"].keys() == {"code", "weights"}
    assert whisper["bytes"] > 100e6
    table = noisegate("models", "list").text
    assert all(model["name"] in table for model in listed)
    assert max(len(line) for line in table.splitlines()) <= 100


def test_verifying_what_is_missing_is_no_failure(noisegate: Command) -> None:
    """Only an installed file that is not what its manifest says is one."""
    answer = noisegate("models", "verify", "--json")
    assert answer.code == 0
    assert {model["state"] for model in answer.lines[0]} <= {"installed", "missing"}


def test_a_file_that_was_changed_fails_the_check_with_its_name(noisegate: Command, tmp_path: Path) -> None:
    """Exit 1, and the message names the file."""
    (listed,) = noisegate("models", "list", "--json").lines
    nsfw = next(model for model in listed if model["name"] == "open-nsfw")
    folder = Path(nsfw["folder"])
    if not folder.is_relative_to(tmp_path):
        pytest.skip("this model is not kept in the home of the test")
    folder.mkdir(parents=True)
    (folder / "open-nsfw.onnx").write_bytes(b"something else")
    answer = noisegate("models", "verify", "--json")
    assert answer.code == 1
    broken = next(model for model in answer.lines[0] if model["name"] == "open-nsfw")
    assert broken["state"] == "broken"
    assert str(folder) in broken["problem"]


def test_an_unknown_model_is_refused_before_anything_is_fetched(noisegate: Command) -> None:
    """With what to type to see them all."""
    answer = noisegate("models", "pull", "whisper-bas")
    assert (answer.code, answer.out) == (2, b"")
    assert "whisper-bas" in answer.err
    assert "noisegate models list" in answer.err

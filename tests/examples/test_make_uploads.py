import json
import os
import subprocess
import sys
from pathlib import Path

import av
import pytest
import yaml

EXAMPLES = Path(__file__).parents[2] / "examples"


def make(*words: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | ({} if path is None else {"PATH": path})
    script = [sys.executable, str(EXAMPLES / "make_uploads.py"), *words]
    return subprocess.run(script, capture_output=True, text=True, env=environment, check=False)


def seconds_of(path: Path) -> float:
    with av.open(str(path)) as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


@pytest.mark.parametrize("name", ["long.wav", "long.mp3", "long.flac"])
def test_a_long_recording_has_the_length_asked_for(tmp_path: Path, name: str) -> None:
    """`--long 20` gives twenty seconds in every format, without any synthesiser."""
    done = make("--long", "20", "--out", str(tmp_path / name), path="")
    assert done.returncode == 0, done.stderr
    assert seconds_of(tmp_path / name) == pytest.approx(20, abs=0.05)


def test_a_long_recording_says_what_is_heard_when(tmp_path: Path) -> None:
    """The facts cover the whole length, hold the asked share of music, and no two neighbouring sentences are alike."""
    facts = tmp_path / "facts.json"
    done = make("--long", "240", "--music-share", "0.25", "--out", str(tmp_path / "a.wav"), "--facts", str(facts))
    assert done.returncode == 0, done.stderr
    blocks = json.loads(facts.read_text())["blocks"]
    assert [block["kind"] for block in blocks] == ["speech", "music"] * 2
    assert [block["start_s"] for block in blocks[1:]] == [block["end_s"] for block in blocks[:-1]]
    music = sum(block["end_s"] - block["start_s"] for block in blocks if block["kind"] == "music")
    assert music == pytest.approx(60, abs=0.01)
    texts = [sentence["text"] for block in blocks for sentence in block.get("sentences", [])]
    assert len(set(texts)) > 0.8 * len(texts) > 20


def test_the_same_seed_gives_the_same_recording_and_another_seed_another(tmp_path: Path) -> None:
    """A benchmark can be repeated on the very same bytes."""
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        make("--long", "15", "--seed", seed, "--out", str(tmp_path / f"{name}.wav"))
    a, b, c = ((tmp_path / f"{name}.wav").read_bytes() for name in "abc")
    assert a == b != c


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--long", "10"], 2, "--long needs --out FILE"),
        (["--long", "0", "--out", "a.wav"], 1, "the length must be above 0 seconds"),
        (["--long", "10", "--music-share", "2", "--out", "a.wav"], 1, "the share must lie between 0 and 1"),
        (["--long", "10", "--out", "a.aiff"], 1, "the name must end in one of .flac, .m4a"),
        (["--only", "99"], 1, "no upload begins like this; there are 01-clean-episode"),
    ],
)
def test_wrong_wishes_are_answered_with_what_is_allowed(words: list[str], code: int, says: str) -> None:
    """A wrong length, share, suffix or name is refused in one sentence, without a traceback."""
    done = make(*words)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_synthesisers_the_maker_says_what_to_install(tmp_path: Path) -> None:
    """Speech cannot be made when flite and espeak-ng are missing; the answer is the command that brings them."""
    done = make("--out", str(tmp_path), "--only", "01", path="")
    assert done.returncode == 1
    assert "apt-get install flite espeak-ng" in done.stderr


def test_an_upload_without_speech_is_made_again_as_it_was(tmp_path: Path) -> None:
    """Music, covers and descriptions need no synthesiser, and come out as they are kept in the repository."""
    done = make("--out", str(tmp_path), "--only", "04", path="")
    assert done.returncode == 0, done.stderr
    made, kept = (folder / "04-harassing-description" for folder in (tmp_path, EXAMPLES / "uploads"))
    assert yaml.safe_load((made / "item.yaml").read_text()) == yaml.safe_load((kept / "item.yaml").read_text())
    assert {path.name for path in made.iterdir()} == {path.name for path in kept.iterdir()}

from pathlib import Path

import numpy as np
import pytest
from commands import Command
from PIL import Image


def picture(path: Path, seed: int = 1) -> Path:
    """A picture with enough in it to be found again."""
    small = np.random.default_rng(seed).integers(0, 255, (24, 32, 3)).astype("uint8")
    Image.fromarray(small).resize((320, 240), Image.Resampling.BICUBIC).save(path)
    return path


def test_a_picture_added_to_a_bank_is_found_again_smaller_and_in_another_format(
    noisegate: Command, tmp_path: Path
) -> None:
    """The picture itself is not kept, its hashes are enough."""
    known, other = picture(tmp_path / "known.png"), picture(tmp_path / "other.png", 2)
    added = noisegate("bank", "add", known, "--label", "illegal.copyright", "--note", "ours", "--json")
    assert added.code == 0
    (said,) = added.lines
    assert (said["bank"], len(said["entries"])) == ("default", 1)
    Image.open(known).resize((160, 120)).convert("RGB").save(tmp_path / "copy.jpg", quality=70)
    answer = noisegate("bank", "match", "copy.jpg", other, "--json")
    assert answer.code == 0
    copy, unknown = answer.lines
    (match,) = copy["matches"]
    assert match["label"] == "illegal.copyright"
    assert match["score"] > 0.5
    assert said["entries"][0] in match["note"]
    assert unknown["matches"] == []
    assert [line.partition(":")[2].split()[:3] for line in noisegate("bank", "match", other).text.splitlines()] == [
        ["not", "in", "bank"]
    ]


def test_one_picture_that_cannot_be_read_adds_none(noisegate: Command, tmp_path: Path) -> None:
    """Half an addition would be hard to notice."""
    picture(tmp_path / "known.png")
    (tmp_path / "broken.png").write_bytes(b"")
    answer = noisegate("bank", "add", "known.png", "broken.png", "--label", "illegal.copyright")
    assert (answer.code, answer.out) == (1, b"")
    assert "broken.png: the file is empty" in answer.err
    assert "no bank is called `default`" in noisegate("bank", "match", "known.png").err


def test_a_file_that_cannot_be_compared_does_not_keep_the_others_from_it(noisegate: Command, tmp_path: Path) -> None:
    """Each has its answer, and the exit status says that one had none."""
    known = picture(tmp_path / "known.png")
    noisegate("bank", "add", known, "--label", "illegal.copyright")
    answer = noisegate("bank", "match", "nowhere.png", known, "--json")
    assert answer.code == 1
    assert [line["file"] for line in answer.lines] == [str(known)]
    assert "there is no file or folder 'nowhere.png'" in answer.err


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["add", "known.png", "--label", "illegal.copyrigt"], "did you mean `illegal.copyright`?"),
        (["add", "known.png", "--label", "dangerous.threat"], "does not report the label `dangerous.threat`"),
        (["add", "known.png", "--label", "illegal.copyright", "--bank", "../x"], "a bank cannot be called '../x'"),
        (["add", "words.txt", "--label", "illegal.copyright"], "there is no picture in 'words.txt'"),
        (["add", "known.png"], "--label"),
        (["match", "known.png", "--bank", "nowhere"], "no bank is called `nowhere`"),
    ],
)
def test_what_was_typed_wrong_is_said_and_exits_2(
    noisegate: Command, tmp_path: Path, args: list[str], complaint: str
) -> None:
    """What was wrong, what is allowed, nothing on standard output."""
    picture(tmp_path / "known.png")
    (tmp_path / "words.txt").write_text("hello", "utf-8")
    answer = noisegate("bank", *args)
    assert (answer.code, answer.out) == (2, b"")
    assert complaint in answer.err

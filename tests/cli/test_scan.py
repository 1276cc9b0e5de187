import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from commands import Command, started
from PIL import Image

KEYS = {"item", "action", "decisions", "findings", "facts", "failures", "timings"}
DECISION = {"pack", "version", "digest", "rule", "action", "markets", "reason"}
FINDING = {"label", "score", "signal", "version", "fingerprint", "role", "modality", "where", "excerpt"}


def picture(path: Path, seed: int = 1) -> Path:
    """A picture with enough in it to be found again."""
    small = np.random.default_rng(seed).integers(0, 255, (24, 32, 3)).astype("uint8")
    Image.fromarray(small).resize((320, 240), Image.Resampling.BICUBIC).save(path)
    return path


def item(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "item.yaml").write_text(text, "utf-8")
    return folder


def test_an_item_is_one_line_of_json_with_the_keys_scripts_rely_on(noisegate: Command, tmp_path: Path) -> None:
    """The contract of the command: item, action, decisions, findings, facts, failures, timings."""
    cover = picture(tmp_path / "cover.png")
    assert noisegate("bank", "add", cover, "--label", "illegal.copyright", "--note", "ours").code == 0
    folder = item(tmp_path / "upload", "kind: track\ntitle: A song\nassets: [{file: cover.png, role: cover}]\n")
    picture(folder / "cover.png")
    answer = noisegate("scan", folder, "--json")
    assert answer.code == 0
    (said,) = answer.lines
    assert said.keys() >= KEYS
    assert said["action"] == "block"
    decision = next(d for d in said["decisions"] if d["action"] == "block")
    assert decision.keys() >= DECISION
    assert (decision["pack"], decision["version"], decision["rule"]) == ("known-pictures", 1, "copy")
    (finding,) = said["findings"]
    assert finding.keys() >= FINDING
    assert (finding["label"], finding["role"], finding["modality"]) == ("illegal.copyright", "cover", "image")
    assert finding["where"].keys() == {"start_s", "end_s", "box", "span"}
    assert finding["where"]["box"] == {"x": 0.0, "y": 0.0, "width": 1.0, "height": 1.0}
    assert said["timings"]["total"] > 0


def test_the_terminal_gets_it_in_a_few_lines(noisegate: Command, tmp_path: Path) -> None:
    """Action, rule, pack, reason and evidence of what restricts; the names of what does not; each failure once."""
    cover = picture(tmp_path / "cover.png")
    noisegate("bank", "add", cover, "--label", "illegal.copyright")
    answer = noisegate("scan", cover)
    assert answer.code == 0
    first, second, reason, evidence, allowed, *_ = [" ".join(line.split()) for line in answer.text.splitlines()]
    assert first.startswith("cover.png block ")
    assert second == "block copy known-pictures"
    assert reason == "It shows a picture that belongs to somebody else."
    assert evidence.startswith("1.00 cover.png, bank default, entry ")
    assert allowed == "allow loud-episodes"


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["nowhere.mp3"], "there is no file or folder 'nowhere.mp3'"),
        (["cover.pgn"], "did you mean 'cover.png'?"),
        (["cover.png", "--kind", "podcast"], "'podcast' is no kind of item; allowed are track, episode"),
        (["cover.png", "cover.png", "--market", "Germany"], "'Germany' is no market; allowed are two-letter"),
        (["cover.png", "--pack", "nowhere"], "there is no policy pack at 'nowhere'"),
        (["cover.png", "--nonsense"], "No such option"),
        ([], "Missing argument"),
        (["folder"], "the folder 'folder' has no item.yaml"),
        (["nothing"], "there is nothing to look at: the item has neither a file nor words"),
        (["/dev/null"], "neither a file nor a folder"),
    ],
)
def test_what_was_typed_wrong_is_said_and_exits_2(
    noisegate: Command, tmp_path: Path, args: list[str], complaint: str
) -> None:
    """What was wrong, the value, what is allowed; nothing on standard output, no traceback."""
    picture(tmp_path / "cover.png")
    (tmp_path / "folder").mkdir()
    item(tmp_path / "nothing", "kind: track\ntitle: '  '\n")
    answer = noisegate("scan", *args)
    assert (answer.code, answer.out) == (2, b"")
    assert complaint in answer.err
    assert "Traceback" not in answer.err


def test_a_refused_path_does_not_keep_the_others_from_being_scanned(noisegate: Command, tmp_path: Path) -> None:
    """Each is answered for itself, and the exit status says that one was refused."""
    cover = picture(tmp_path / "cover.png")
    (tmp_path / "folder").mkdir()
    answer = noisegate("scan", "nowhere.mp3", cover, "folder", cover, "--json")
    assert answer.code == 1
    assert [line["path"] for line in answer.lines] == [str(cover), str(cover)]
    assert [line for line in answer.err.splitlines() if line.startswith("error:")] == [
        "error: nowhere.mp3: there is no file or folder 'nowhere.mp3'",
        "error: folder: the folder 'folder' has no item.yaml",
    ]


def test_what_could_not_be_checked_is_in_the_answer_and_not_in_the_exit_status(
    noisegate: Command, tmp_path: Path
) -> None:
    """The item has its decision; whether something was found or failed is for the reader of the answer."""
    (tmp_path / "broken.png").write_bytes(b"")
    answer = noisegate("scan", "broken.png", "--json")
    assert answer.code == 0
    (said,) = answer.lines
    assert said["action"] == "review"
    assert [d["rule"] for d in said["decisions"]] == ["if_missing", "otherwise"]
    (failure,) = [failure for failure in said["failures"] if failure["signal"] == "asset"]
    assert (failure["part"], failure["kind"]) == ("broken.png", "empty")


def test_an_item_may_be_nothing_but_words(noisegate: Command, tmp_path: Path) -> None:
    """A text file, or an item file with a title."""
    (tmp_path / "comment.txt").write_text("What a quiet evening this is, with songs about trains.", "utf-8")
    item(tmp_path / "titled", "title: 1984\n")
    comment, titled = noisegate("scan", "comment.txt", "titled", "--json").lines
    assert {comment["action"], titled["action"]} == {"allow"}
    assert [d["pack"] for d in comment["decisions"]] == ["known-pictures"]  # a comment is neither track nor episode
    assert [d["pack"] for d in titled["decisions"]] == ["known-pictures", "loud-episodes"]


def test_options_stand_in_for_what_the_item_says(noisegate: Command, tmp_path: Path) -> None:
    """Kind, markets and texts; each decision names the markets it binds."""
    picture(tmp_path / "cover.png")
    episode, comment = (
        noisegate("scan", "cover.png", "--kind", kind, "--market", "de", "--market", "US", "--title", "A", "--json")
        for kind in ("episode", "comment")
    )
    markets = {d["pack"]: d["markets"] for d in episode.lines[0]["decisions"]}
    assert markets == {"known-pictures": ["DE", "US"], "loud-episodes": ["DE"]}
    assert [d["pack"] for d in comment.lines[0]["decisions"]] == ["known-pictures"]


def test_packs_can_be_chosen(noisegate: Command, tmp_path: Path) -> None:
    """Instead of those in force; the same one twice counts once."""
    picture(tmp_path / "cover.png")
    pack = tmp_path / "installation" / "packs" / "loud-episodes"
    (said,) = noisegate("scan", "cover.png", "--pack", pack, "--pack", pack, "--json").lines
    assert [d["pack"] for d in said["decisions"]] == ["loud-episodes"]


def test_without_a_pack_nothing_is_allowed(noisegate: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder of packs is a mistake, and not a policy that allows everything."""
    picture(tmp_path / "cover.png")
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("NOISEGATE_PACKS_DIR", "empty")
    answer = noisegate("scan", "cover.png")
    assert answer.code == 2
    assert "there is no policy pack in 'empty'" in answer.err


@pytest.mark.parametrize(
    "name", ["-rf.png", "--json", "a\nb.png", "a\x1b[31mb.png", "\u202egnp.png", "x" * 250, "title"]
)
def test_names_are_shown_and_never_obeyed(noisegate: Command, tmp_path: Path, name: str) -> None:
    """Neither as options nor by the terminal, and a file called `title` does not take the title's place."""
    folder = item(tmp_path / "upload", f"title: A song\nassets: [{{file: {json.dumps(name)}, role: picture}}]\n")
    picture(tmp_path / "picture.png").rename(folder / name)
    answer = noisegate("scan", "--json", "--", folder / name, folder)
    assert answer.code == 0
    assert [line["action"] for line in answer.lines] == ["allow", "allow"]
    shown = noisegate("scan", "--", folder / name).text
    assert len(shown.splitlines()) < 12
    assert not set("\x1b\u202e") & set(shown)


def test_a_name_that_is_not_utf_8_is_no_obstacle(noisegate: Command, tmp_path: Path) -> None:
    """File systems hold any bytes, JSON does not."""
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    picture(tmp_path / "picture.png").rename(path)
    answer = noisegate("scan", path, "--json")
    assert answer.code == 0
    assert answer.lines[0]["path"].endswith("caf\ufffd.png")


def test_a_wrong_setting_is_named(noisegate: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a traceback of the library that reads them."""
    monkeypatch.setenv("NOISEGATE_THREADS", "many")
    answer = noisegate("scan", tmp_path)
    assert answer.code == 2
    assert "NOISEGATE_THREADS" in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_scan_leaves_at_once_and_leaves_nothing(tmp_path: Path, asked: signal.Signals) -> None:
    """Exit status 128 and the signal, no traceback, no scratch folder."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    pictures = [picture(tmp_path / f"{n}.png", n) for n in range(2)]
    command = ["scan", *pictures * 400, "--json"]
    with started(tmp_path / "home", *command, env={"TMPDIR": str(scratch)}) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.send_signal(asked)
        process.stdout.read()
        complaint = process.stderr.read().decode()
    assert process.returncode == 128 + asked
    assert "Traceback" not in complaint
    assert list(scratch.glob("noisegate*")) == []


def test_whoever_stops_reading_gets_no_traceback(tmp_path: Path) -> None:
    """`noisegate scan ... | head -1`."""
    command = ["scan", *[picture(tmp_path / "cover.png")] * 400, "--json"]
    with started(tmp_path / "home", *command) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read().decode()
    assert process.returncode == 1
    assert "Traceback" not in complaint

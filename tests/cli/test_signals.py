import io
import json
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from commands import Command, started
from PIL import Image

from noisegate.cli import lines
from noisegate.cli.lines import arriving

PART = {"role", "modality", "text", "start_s", "end_s"}
FILE = {"parts", "scores", "facts", "failures"}


def recording(path: Path, seconds: float = 2.0) -> Path:
    """A tone."""
    t = np.arange(round(16_000 * seconds)) / 16_000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((8000 * np.sin(2 * np.pi * 440 * t)).astype("<i2").tobytes())
    return path


def picture(path: Path) -> Path:
    Image.effect_noise((64, 64), 80).save(path)
    return path


def test_every_signal_is_listed_with_what_it_gives_and_whether_it_runs_here(noisegate: Command) -> None:
    """One array for programs; for people a table that says what is missing where."""
    answer = noisegate("signal", "list", "--json")
    (listed,) = answer.lines
    by_name = {signal["name"]: signal for signal in listed}
    assert by_name["audio.loudness"]["installed"] is True
    assert by_name["audio.loudness"]["kind"] == "enricher"
    assert by_name["audio.transcript"]["installed"] is False
    assert by_name["audio.transcript"]["missing"].endswith("noisegate models pull whisper-base")  # an empty home
    assert {"version", "summary", "labels", "fingerprint", "cost", "licence", "languages"} <= by_name[
        "image.ocr"
    ].keys()
    table = noisegate("signal", "list").text
    assert all(name in table for name in by_name)
    assert max(len(line) for line in table.splitlines()) <= 100


def test_one_signal_says_of_a_file_what_it_has_to_say(noisegate: Command, tmp_path: Path) -> None:
    """Parts it looked at, scores, facts by part, failures: one object for every file."""
    sound, cover = recording(tmp_path / "tone.wav"), picture(tmp_path / "cover.png")
    answer = noisegate("signal", "run", "audio.loudness", sound, "--json")
    assert answer.code == 0
    (said,) = answer.lines
    assert said.keys() >= FILE
    (part,) = said["parts"]
    assert part.keys() >= PART
    assert (part["role"], part["modality"], part["start_s"], part["end_s"]) == ("recording", "audio", 0.0, 2.0)
    assert said["facts"]["tone.wav"]["integrated_lufs"] == pytest.approx(-15.8, abs=1.0)
    assert said["failures"] == []
    (matched,) = noisegate("signal", "run", "match.image", cover, "--json").lines
    assert matched["scores"]["illegal.copyright"] == 0.0


def test_a_file_that_gives_no_answer_is_a_failure_and_the_others_are_answered(
    noisegate: Command, tmp_path: Path
) -> None:
    """Broken, not there, or the signal's weights are missing: exit 1, and every file has its line."""
    sound = recording(tmp_path / "tone.wav")
    (tmp_path / "empty.wav").write_bytes(b"")
    answer = noisegate("signal", "run", "audio.loudness", "empty.wav", sound, "nowhere.wav", "--json")
    assert answer.code == 1
    empty, good, nowhere = answer.lines
    assert [failure["kind"] for failure in empty["failures"]] == ["empty"]
    assert good["facts"]
    assert [failure["kind"] for failure in nowhere["failures"]] == ["unknown_name"]
    (blind,) = noisegate("signal", "run", "image.nudity", picture(tmp_path / "cover.png"), "--json").lines
    assert [failure["kind"] for failure in blind["failures"]] == ["not_installed"]
    assert "noisegate models pull open-nsfw" in blind["failures"][0]["message"]


def test_a_file_without_anything_to_look_at_says_so(noisegate: Command, tmp_path: Path) -> None:
    """Silence would look like an answer."""
    answer = noisegate("signal", "run", "audio.loudness", picture(tmp_path / "cover.png"))
    assert answer.code == 0
    assert "there is nothing in" in answer.err


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["audio.loudnes", "x.wav"], "did you mean `audio.loudness`?"),
        (["audio.loudness"], "give either files or --jsonl"),
        (["audio.loudness", "x.wav", "--jsonl", "-"], "give either files or --jsonl"),
        (["audio.loudness", "--jsonl", "-"], "--jsonl takes text, and `audio.loudness` looks at audio"),
        (["text.language", "--jsonl", "nowhere.jsonl"], "there is no file 'nowhere.jsonl'"),
    ],
)
def test_what_was_typed_wrong_is_said_and_exits_2(noisegate: Command, args: list[str], complaint: str) -> None:
    """What was wrong, and what to type."""
    answer = noisegate("signal", "run", *args)
    assert (answer.code, answer.out) == (2, b"")
    assert complaint in answer.err


def test_every_line_gets_its_answer_in_order(noisegate: Command) -> None:
    """A failure like any other answer: with its id, where the line has one, and with what a line must be."""
    sent = b'{"id": 7, "text": "hello"}\n\nnonsense\n{"id": "b"}\n[1]\n{"id": null, "text": "\xff"}\n{"id":"last","text":""}'
    answer = noisegate("signal", "run", "text.language", "--jsonl", "-", stdin=sent)
    assert answer.code == 1
    assert [(line["id"], line.get("failure", {}).get("kind")) for line in answer.lines] == [
        (7, None),
        (None, "invalid_input"),
        ("b", "invalid_input"),
        (None, "invalid_input"),
        (None, "invalid_input"),
        ("last", None),
    ]
    assert answer.lines[0]["facts"].keys() == {"language", "confidence"}


def test_lone_surrogates_of_scraped_texts_are_taken_and_given(noisegate: Command) -> None:
    """UTF-8 cannot say them, JSON can: they become U+FFFD and the line keeps its answer."""
    answer = noisegate(
        "signal", "run", "text.language", "--jsonl", "-", stdin=b'{"id": "\\ud800", "text": "a \\udfff b"}'
    )
    assert answer.code == 0
    assert answer.lines[0]["id"] == "\ufffd"


def test_a_text_that_is_too_long_is_told_so(noisegate: Command, tmp_path: Path) -> None:
    """Ten megabytes would keep every other line waiting."""
    line = json.dumps({"id": 1, "text": "hello world. " * 800_000})
    (tmp_path / "long.jsonl").write_text(f'{line}\n{{"id": 2, "text": "a"}}\n')
    first, second = noisegate("signal", "run", "text.language", "--jsonl", "long.jsonl").lines
    assert (first["id"], first["failure"]["kind"]) == (1, "too_large")
    assert second["id"] == 2


def test_a_program_can_ask_a_line_and_wait_for_its_answer(tmp_path: Path) -> None:
    """Nothing waits for lines that are still to come."""
    with started(tmp_path, "signal", "run", "text.language", "--jsonl", "-") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for n in range(3):
            process.stdin.write(b'{"id": %d, "text": "hello"}\n' % n)
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == n
        process.stdin.close()
    assert process.returncode == 0


class Trickle(io.BytesIO):
    """Gives what there is in pieces of a few bytes."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(7, size or 7))


def all_lines(stream: io.BytesIO) -> Iterator[bytes | None]:
    return (line for batch in arriving(stream) for line in batch)


@pytest.mark.parametrize("kind", [io.BytesIO, Trickle])
def test_lines_are_the_same_however_they_arrive(kind: type[io.BytesIO]) -> None:
    """A byte-order mark, blank lines, Windows line ends and a missing last one are no content."""
    sent = b"\xef\xbb\xbfone\r\n\n   \ntwo is longer than a piece\nthree"
    assert [line.strip() for line in all_lines(kind(sent)) if line] == [b"one", b"two is longer than a piece", b"three"]


@pytest.mark.parametrize("kind", [io.BytesIO, Trickle])
def test_a_line_without_end_is_not_held(kind: type[io.BytesIO], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is answered as too long, and the next line is read as usual."""
    monkeypatch.setattr(lines, "_LONGEST", 20)
    monkeypatch.setattr(lines, "_READ", 8)
    sent = b"short\n" + b"x" * 100 + b"\nnext\n" + b"y" * 50
    assert list(all_lines(kind(sent))) == [b"short", None, b"next", None]

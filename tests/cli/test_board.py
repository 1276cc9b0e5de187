from typing import Any

import pytest
from rich.console import Console, RenderableType
from rich.spinner import Spinner

from noisegate.cli.board import Row, evidence, progress, results, rule


def decision(
    action: str, *, name: str = "spoken-threat", pack: str = "threats", label: str | None = "dangerous.threat"
) -> Any:
    return {"pack": pack, "rule": name, "action": action, "label": label, "missing": []}


def finding(part: str, score: float, *, role: str = "transcript", label: str = "dangerous.threat", **more: Any) -> Any:
    where = {"start_s": None, "end_s": None, "box": None, "span": None, **more.pop("where", {})}
    return {"part": part, "score": score, "role": role, "label": label, "where": where, "excerpt": None, **more}


def record(
    action: str, decisions: list[Any], findings: list[Any] | None = None, failures: list[Any] | None = None
) -> Any:
    return {"action": action, "decisions": decisions, "findings": findings or [], "failures": failures or []}


def drawn(what: RenderableType, width: int = 100) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(what)
    return capture.get()


def said(of: Any) -> list[str]:
    return [line.plain for line in evidence(of)]


def test_evidence_names_the_second_and_the_words() -> None:
    """What was heard, when, and how sure."""
    found = finding(
        "audio.mp3/audio.transcript/0",
        0.974,
        where={"start_s": 28.5, "end_s": 33.2, "span": [0, 9]},
        excerpt="I know where you live",
    )
    assert said(record("block", [decision("block")], [found])) == [
        "audio.mp3 0:28\N{EN DASH}0:33 heard  0.97\n“I know where you live”"
    ]


def test_evidence_names_the_box() -> None:
    """What was read in a picture, and where in it."""
    box = {"x": 0.1, "y": 0.2, "width": 0.5, "height": 0.25}
    found = finding("cover.png/image.ocr/0", 0.9, role="ocr", where={"box": box}, excerpt="GO AWAY")
    line = said(record("block", [decision("block")], [found]))[0]
    assert line == "cover.png box x 10\N{EN DASH}60 % y 20\N{EN DASH}45 % read  0.90\n“GO AWAY”"


def test_evidence_is_the_strongest_place_of_each_part_and_says_how_many_there_are() -> None:
    """A reader sees where to look first, and that there is more."""
    findings = [finding("description", 0.4, role="description"), finding("description", 0.8, role="description"),
                finding("title", 0.6, role="title"), finding("lyrics", 0.5, role="lyrics")]  # fmt: skip
    assert said(record("block", [decision("block")], findings)) == ["description  0.80", "title  0.60", "and 2 more"]


def test_findings_of_other_labels_are_no_evidence_for_a_rule() -> None:
    """The evidence shown is the evidence of the rule that is shown."""
    findings = [finding("title", 0.9, role="title", label="advisory.profanity")]
    assert said(record("block", [decision("block")], findings)) == ["nothing found"]


def test_a_decision_for_lack_of_answers_shows_what_had_none_files_first_and_each_reason_once() -> None:
    """A missing model or a broken file is never shown as harmless."""
    failures = [
        {"part": "title", "signal": "text.moderation", "message": "no weights\n  type this"},
        {"part": "description", "signal": "text.moderation", "message": "no weights\n  type this"},
        {"part": "audio.mp3", "signal": "asset", "message": "the content is zip archive"},
    ]
    of = record("review", [decision("review", name="if_missing", label=None)], failures=failures)
    assert said(of) == ["audio.mp3: the content is zip archive", "title: text.moderation: no weights"]


def test_an_allowed_upload_shows_no_rule_and_no_evidence() -> None:
    """Nobody decided to find nothing."""
    of = record("allow", [decision("allow", name="otherwise", label=None)])
    assert rule(of).plain == "no rule applied"
    assert said(of) == ["nothing found"]


def test_packs_that_came_to_the_same_are_counted() -> None:
    """One is named; the rest can be looked up."""
    of = record("block", [decision("allow", pack="a"), decision("block", pack="b"), decision("block", pack="c")])
    assert rule(of).plain == "spoken-threat\nb\n+ 1 more"


@pytest.mark.parametrize("width", [80, 100, 160])
def test_the_table_fits_and_holds_every_upload(width: int) -> None:
    """Names, actions and times are never cut, whatever the evidence says."""
    long = finding("audio.mp3/audio.transcript/0", 0.97, where={"start_s": 28.5, "end_s": 33.2}, excerpt="word " * 60)
    rows = [
        Row(
            name="03-spoken-threat", kind="episode", seconds=12.34, record=record("block", [decision("block")], [long])
        ),
        Row(
            name="04-harassing-description",
            kind="track",
            seconds=3.0,
            record=record("age_gate", [decision("age_gate")]),
        ),
        Row(name="05-abusive-cover", kind="track", problem="the file is larger"),
        Row(name="06-abusive-film", kind="video"),
    ]
    table = drawn(results(rows), width)
    assert max(map(len, table.splitlines())) <= width
    for words in ("03-spoken-threat", "block", "12.3 s", "04-harassing-description", "age_gate", "05-abusive-cover",
                  "larger", "06-abusive-film", "no decision in time", "0:28\N{EN DASH}0:33"):  # fmt: skip
        assert words in " ".join(table.split())


def test_progress_shows_the_state_of_every_upload_and_what_is_computed() -> None:
    """One line each, cut rather than wrapped."""
    rows = [
        Row(name="one", kind="track", state="held", doing="audio.transcript on audio.mp3, 14 answers " * 5),
        Row(name="two", kind="track", state="in_review", seconds=2.0, record={"action": "review"}),
        Row(name="three", kind="track", problem="it is no file"),
    ]
    picture = drawn(progress(rows, {row.name: Spinner("dots") for row in rows}), 80).splitlines()
    assert len(picture) == 4
    assert "held" in picture[0]
    assert "audio.transcript on audio.mp3" in picture[0]
    assert "in review" in picture[1]
    assert "2.0 s" in picture[1]
    assert "it is no file" in picture[2]
    assert picture[3] == "2 of 3 decided"

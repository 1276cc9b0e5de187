from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace

import pytest
from rich.console import Console
from small_world import NoModels, assessor, packs

from noisegate.adapters.caches import MemoryCache
from noisegate.adapters.runners.local import LocalRunner
from noisegate.cli.output import as_json, pretty, shortened, visible
from noisegate.cli.present import place, print_assessment
from noisegate.core.evidence import Finding
from noisegate.core.ids import Fingerprint, ItemId, PartId
from noisegate.core.item import Item, ItemKind
from noisegate.core.modality import Box, Modality, Role, Where
from noisegate.core.ports import Assessment, PartFailure
from noisegate.core.signal import Failure
from noisegate.flows.assess import Assessor


@pytest.fixture
def judge() -> Iterator[Assessor]:
    """Judges with the toy signals and packs."""
    with LocalRunner(NoModels(), cores=1) as runner:
        yield assessor(lambda _: nullcontext(""), runner, MemoryCache())


def shown(assessment: Assessment, name: str = "upload", width: int = 80) -> list[str]:
    console = Console(width=width, color_system=None)
    timed = replace(assessment, timings={"total": 1.25})
    with console.capture() as capture:
        print_assessment(console, name, timed, packs())
    return [line.rstrip().replace("\N{EN DASH}", "-") for line in capture.get().splitlines()]


def item(**texts: str) -> Item:
    return Item(id=ItemId("itm_1"), kind=ItemKind.TRACK, texts={Role(role): text for role, text in texts.items()})


def failed(part: str, message: str, signal: str = "toy.words") -> PartFailure:
    return PartFailure(
        part=PartId(part), role=Role.TRANSCRIPT, signal=signal, failure=Failure(kind="crashed", message=message)
    )


def test_what_restricts_comes_first_with_its_evidence(judge: Assessor) -> None:
    """Action, rule, pack, reason, score, place and words; packs that allow are named in one line."""
    found = judge.assess(item(title="an alarm", description="rude, doubtful and rude again"))
    assert shown(found) == [
        "upload  block  1.2 s",
        "     block  clear  danger",
        "            It is clear.",
        "            0.97  title characters 4-8 “alarm”",
        "     label  explicit  manners",
        "            It is explicit.",
        "            0.90  description characters 1-4 “rude”",
        " also seen  0.60  dangerous.threat, description characters 7-14 “doubtful”",
        "",
    ]


def test_what_all_packs_allow_takes_two_lines(judge: Assessor) -> None:
    """Most uploads are fine."""
    found = judge.assess(item(title="a quiet evening"))
    assert shown(found) == ["upload  allow  1.2 s", "     allow  danger, manners", ""]


def test_an_answer_that_is_missing_on_many_parts_is_told_once(judge: Assessor) -> None:
    """The signal, on how many parts, why, and what to type."""
    message = "the weights are missing\n  noisegate models pull words"
    found = replace(
        judge.assess(item(title="a quiet evening")),
        failures=(
            *(failed(f"talk.mp3/audio.segments/{n}/audio.transcript/0", message) for n in range(40)),
            failed("title", message),
            failed("cover.png", "it ends too soon", signal="asset"),
        ),
    )
    assert shown(found)[2:6] == [
        " no answer  cover.png: it ends too soon",
        "            toy.words  talk.mp3, title (41 parts)",
        "            the weights are missing",
        "            noisegate models pull words",
    ]


def test_the_same_reason_of_several_packs_is_told_once(judge: Assessor) -> None:
    """Here of two packs that could not look."""
    found = judge.assess(item(title="a broken text"))
    twice = replace(found, decisions=(found.decisions[0], replace(found.decisions[0], pack="other")))
    assert "    review  if_missing  danger, other" in shown(twice)
    assert "\n".join(shown(twice)).count("Part of this upload could not be checked") == 1


@pytest.mark.parametrize("width", [60, 80, 200])
def test_it_fits_the_terminal(judge: Assessor, width: int) -> None:
    """Long words are folded, nothing is cut off."""
    found = judge.assess(item(title="alarm " + "x" * 500))
    assert max(len(line) for line in shown(found, "n" * 30, width)) <= width


def finding(**more: object) -> Finding:
    given: Mapping[str, object] = {
        "label": "dangerous.threat",
        "score": 0.9,
        "signal": "s",
        "version": "1.0.0",
        "fingerprint": Fingerprint("f"),
        "output": "threat",
        "part": PartId("talk.mp3/audio.transcript/0"),
        "role": Role.TRANSCRIPT,
        "modality": Modality.TEXT,
        "where": Where(start_s=28.0, end_s=31.0, span=(0, 9)),
        "excerpt": "I will find you",
        **more,
    }
    return Finding(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (finding(), "talk.mp3 0:28-0:31 heard “I will find you”"),
        (
            finding(
                part="cover.png/image.ocr/0", role=Role.OCR, where=Where(box=Box(x=0, y=0.5, width=1, height=0.25))
            ),
            "cover.png a box 100 % wide and 25 % high, 0 % from the left and 50 % from the top read “I will find you”",
        ),
        (
            finding(part="cover.png", role=Role.COVER, modality=Modality.IMAGE, where=Where(), excerpt="entry 1"),
            "cover.png, entry 1",
        ),
        (finding(part="title", role=Role.TITLE, where=Where(), excerpt=None), "title"),
        (
            finding(part="a\x1b[2J.mp3/x", excerpt="one\ntwo\u202e three\x07", where=Where()),
            "a\\u001b[2J.mp3 heard “one two\\u202e three\\u0007”",
        ),
    ],
)
def test_a_place_is_told_in_words(found: Finding, words: str) -> None:
    """The second, the box or the characters; what a stranger wrote cannot move the terminal's cursor."""
    assert place(found).plain.replace("\N{EN DASH}", "-") == words


def test_words_of_strangers_stay_on_their_line() -> None:
    """Escapes, bells, line breaks, direction marks and lone surrogates are written out; other scripts are not."""
    assert visible("a\x1b[2J\r\n\u2066b\ud800\u2028") == "a\\u001b[2J \\u2066b\\ud800"
    assert visible("Grüße, мир, سلام, 👩‍🚀") == "Grüße, мир, سلام, 👩‍🚀"
    assert pretty({"a": "\x1b\u202e"}) == '{\n  "a": "\\u001b\\u202e"\n}'


def test_long_words_end_in_an_ellipsis() -> None:
    """Of the length that was asked for."""
    assert shortened("a long word", 7) == "a long…"
    assert shortened("a word", 7) == "a word"


def test_every_shape_becomes_a_line_of_json() -> None:
    """Also what UTF-8 or JSON cannot say."""
    assert as_json({"a": "ä"}) == '{"a":"ä"}\n'.encode()
    odd = {"caf\udce9": [float("nan"), float("inf"), 2**70, ("x", None, True)]}
    assert as_json(odd) == '{"caf\ufffd":[null,null,1180591620717411303424,["x",null,true]]}\n'.encode()

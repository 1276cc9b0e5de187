from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from noisegate.core.decision import Gap
from noisegate.core.evidence import Evidence
from noisegate.core.ids import Digest, ItemId, PartId
from noisegate.core.item import Asset, Item, ItemKind
from noisegate.core.modality import Anchor, Audio, Image, Modality, Part, Role, Text, Video, Where
from noisegate.core.ports import Done
from noisegate.core.signal import Cost, Example, Failure, Parts, Result, Scores, Signal, SignalSpec
from noisegate.engine.catalogue import Catalogue
from noisegate.engine.frontier import Frontier
from noisegate.engine.observe import View, findings
from noisegate.engine.plan import plan

CHEAP = Cost(cpu_s=0.0, tier=0)


@dataclass(frozen=True, kw_only=True)
class Hear(Signal[Audio, Parts]):
    spec = SignalSpec(
        name="audio.hear", version="1.0.0", summary="", makes={Role.TRANSCRIPT: Modality.TEXT}, cost=CHEAP
    )

    def run(self, model: Any, batch: Sequence[Audio]) -> Sequence[Parts]:
        anchors = (
            Anchor(span=(0, 4), where=Where(start_s=20.0, end_s=21.0)),
            Anchor(span=(5, 9), where=Where(start_s=21.0, end_s=22.5)),
        )
        return [Parts(parts=(Text(role=Role.TRANSCRIPT, text="some talk", anchors=anchors),)) for _ in batch]

    @classmethod
    def examples(cls) -> Sequence[Example]:
        return []


@dataclass(frozen=True, kw_only=True)
class Judge(Signal[Text, Scores]):
    spec = SignalSpec(name="text.judge", version="1.0.0", summary="", labels={"bad": "dangerous.threat"}, cost=CHEAP)

    def run(self, model: Any, batch: Sequence[Text]) -> Sequence[Scores]:
        place = Evidence(score=0.9, where=Where(span=(5, 9)), excerpt="talk")
        return [Scores(values={"bad": 0.9}, evidence={"bad": (place,)}) for _ in batch]

    @classmethod
    def examples(cls) -> Sequence[Example]:
        return []


@dataclass(frozen=True, kw_only=True)
class Show(Signal[Video, Parts]):
    spec = SignalSpec(name="video.show", version="1.0.0", summary="", makes={Role.FRAME: Modality.IMAGE}, cost=CHEAP)

    def run(self, model: Any, batch: Sequence[Video]) -> Sequence[Parts]:
        return [Parts(parts=()) for _ in batch]

    @classmethod
    def examples(cls) -> Sequence[Example]:
        return []


@dataclass(frozen=True, kw_only=True)
class Look(Signal[Image, Scores]):
    spec = SignalSpec(name="image.look", version="1.0.0", summary="", labels={"bad": "sensitive.gore"}, cost=CHEAP)

    def run(self, model: Any, batch: Sequence[Image]) -> Sequence[Scores]:
        return [Scores(values={"bad": 0.0}) for _ in batch]

    @classmethod
    def examples(cls) -> Sequence[Example]:
        return []


CATALOGUE = Catalogue([Hear(), Judge()])
TITLE = Text(id=PartId("title"), role=Role.TITLE, digest=Digest("sha256:t"), text="a title")


def recording() -> Audio:
    return Audio(id=PartId("a.mp3"), role=Role.RECORDING, digest=Digest("sha256:a"), duration_s=60.0, content=None)  # type: ignore[arg-type]  # nobody listens


def item(*assets: Asset) -> Item:
    return Item(id=ItemId("itm_1"), kind=ItemKind.EPISODE, assets=assets)


def view(parts: Sequence[Part], results: Mapping[tuple[PartId, str], Result], *assets: Asset) -> View:
    return View(item(*assets), parts, results, plan(CATALOGUE))


def test_what_has_not_run_is_pending_and_says_which_extractor_is_next() -> None:
    """A title waits for the judge itself; a recording for the extractor that would give words."""
    known = view([TITLE, recording()], {}).known(Judge())["bad"]
    assert {(m.role, m.gap, m.signal) for m in known.missing} == {
        (Role.TITLE, Gap.PENDING, "text.judge"),
        (Role.TRANSCRIPT, Gap.PENDING, "audio.hear"),
    }


def test_a_failed_extractor_leaves_a_gap_where_its_words_would_have_been() -> None:
    """Deaf is not the same as quiet."""
    failed = {(PartId("a.mp3"), "audio.hear"): Failure(kind="decode_failed", message="cut short")}
    known = view([recording()], failed).known(Judge())["bad"]
    assert [(m.role, m.gap, m.message) for m in known.missing] == [(Role.TRANSCRIPT, Gap.FAILED, "cut short")]
    assert not known.observations


@pytest.mark.parametrize(
    ("asset", "role"),
    [
        # the declared role says what it was meant to be
        (Asset(digest=Digest("sha256:x"), name="x", size=0, role=Role.RECORDING, problem="empty"), Role.TRANSCRIPT),
        # without one, the ending of its name
        (Asset(digest=Digest("sha256:x"), name="x.mp3", size=0, problem="mislabelled"), Role.TRANSCRIPT),
    ],
)
def test_a_file_that_cannot_be_opened_leaves_a_gap_too(asset: Asset, role: Role) -> None:
    """A broken upload never looks like a silent one."""
    known = view([], {}, asset).known(Judge())["bad"]
    assert [(m.role, m.gap, m.signal) for m in known.missing] == [(role, Gap.FAILED, "asset")]


@pytest.mark.parametrize("name", ["clip.WMV", "clip.3gp", "clip.ogv", "upload", "upload.zip"])
def test_a_broken_file_that_could_have_shown_pictures_leaves_a_gap_for_them(name: str) -> None:
    """A film with a rare ending, or a file that does not say what it is, must not read as one without pictures."""
    graph = plan(Catalogue([Show(), Look()]))
    asset = Asset(digest=Digest("sha256:x"), name=name, size=1, problem="decode_failed")
    gaps = View(item(asset), [], {}, graph).known(Look())["bad"].missing
    assert Role.FRAME in {gap.role for gap in gaps}
    assert {(gap.gap, gap.signal) for gap in gaps} == {(Gap.FAILED, "asset")}


@pytest.mark.parametrize("name", ["song.mp3", "lyrics.txt"])
def test_a_broken_file_whose_name_says_enough_leaves_no_other_gaps(name: str) -> None:
    """Nobody needs to look at the pictures of a song."""
    asset = Asset(digest=Digest("sha256:x"), name=name, size=1, problem="empty")
    assert View(item(asset), [], {}, plan(Catalogue([Show(), Look()]))).known(Look())["bad"].missing == ()


def test_a_file_that_cannot_be_opened_was_submitted_all_the_same() -> None:
    """Else `item.has.cover && any(...)` would be false where the cover could not be looked at."""
    broken = Asset(digest=Digest("sha256:x"), name="c.png", size=1, role=Role.COVER, problem="truncated")
    context = view([TITLE], {}, broken).context
    assert (context["has.cover"], context["has.title"], context["has.recording"]) == (True, True, False)


def test_words_heard_are_found_at_the_second_they_were_said() -> None:
    """A finding on a transcript names the time range in the recording and the characters in the transcript."""
    frontier = Frontier([recording()], CATALOGUE)
    frontier.ask(["audio.hear", "text.judge"])
    while work := frontier.ready():
        for w in work:
            frontier.done(Done(signal=w.signal, part=w.part, result=w.signal.run(None, [w.part])[0], seconds=0.1))
    (finding,) = findings(view(frontier.parts, frontier.results), CATALOGUE)
    assert (finding.where.start_s, finding.where.end_s, finding.where.span) == (21.0, 22.5, (5, 9))
    assert finding.part == "a.mp3/audio.hear/0"
    assert frontier.seconds == {"audio.hear": 0.1, "text.judge": 0.1}


def test_part_names_and_digests_do_not_depend_on_the_order_of_work() -> None:
    """The same upload has the same parts on every machine, whatever finished first."""

    def names(*, backwards: bool) -> dict[str, str]:
        frontier = Frontier([TITLE, recording()], CATALOGUE)
        frontier.ask(["text.judge", "audio.hear"])
        while work := frontier.ready():
            for w in reversed(work) if backwards else work:
                frontier.done(Done(signal=w.signal, part=w.part, result=w.signal.run(None, [w.part])[0], seconds=0.0))
        return {part.id: part.digest for part in frontier.parts}

    assert names(backwards=True) == names(backwards=False)


def test_work_is_handed_out_once() -> None:
    """Two askers of one frontier never run the same thing twice."""
    frontier = Frontier([TITLE], CATALOGUE)
    frontier.ask(["text.judge"])
    assert len(frontier.ready()) == 1
    assert frontier.ready() == ()


def test_two_parts_made_of_one_are_never_taken_for_the_same() -> None:
    """Without a place to tell them apart, their number does: equal digests share their results."""
    whole = recording()
    halves = Parts(parts=tuple(Audio(role=Role.MUSIC, duration_s=1.0, content=whole.content) for _ in range(2)))  # type: ignore[attr-defined]
    frontier = Frontier([whole], CATALOGUE)
    frontier.done(Done(signal=Hear(), part=whole, result=halves, seconds=0.0))
    digests = [part.digest for part in frontier.parts]
    assert len(set(digests)) == 3


def test_the_same_words_in_another_language_are_another_content() -> None:
    """What is harmless in one language may be a slur in another, and results are shared by content."""
    heard = Parts(parts=tuple(Text(role=Role.TRANSCRIPT, text="fart", language=code) for code in ("en", "da", "en")))
    frontier = Frontier([recording()], CATALOGUE)
    frontier.done(Done(signal=Hear(), part=recording(), result=heard, seconds=0.0))
    _, english, danish, again = (part.digest for part in frontier.parts)
    assert english == again != danish

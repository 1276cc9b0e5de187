from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policykit import MODERATION, NUDITY, TRANSCRIPT, Line, pack_of

from noisegate.adapters.caches import MemoryCache
from noisegate.core.content import ArrayAudio, ArrayImage
from noisegate.core.evidence import Evidence
from noisegate.core.ids import ItemId, PartId, digest_of
from noisegate.core.item import Asset, Item, ItemKind
from noisegate.core.modality import SAMPLE_RATE, Audio, Image, Modality, Origin, Part, Role, Text, Where
from noisegate.core.policy import Action
from noisegate.core.ports import Assessment, Done, Work
from noisegate.core.signal import Example, Facts, FactType, Failure, Kind, Parts, Result, Scores, Signal, SignalSpec
from noisegate.engine.catalogue import Catalogue
from noisegate.engine.compile import CompiledPack
from noisegate.engine.plan import plan
from noisegate.flows.assess import Assessor

Answer = Callable[[Part], Result]
THREAT = "any(moderation.threat, 0.9)"


class _Answering:
    def run(self, model: Any, batch: Sequence[Any]) -> Sequence[Any]:
        raise NotImplementedError

    @classmethod
    def examples(cls) -> Sequence[Example]:
        return []


@dataclass(frozen=True, kw_only=True)
class Moderation(_Answering, Signal[Text, Scores]):
    spec = MODERATION.spec


@dataclass(frozen=True, kw_only=True)
class Nudity(_Answering, Signal[Image, Scores]):
    spec = NUDITY.spec


@dataclass(frozen=True, kw_only=True)
class Cut(_Answering, Signal[Audio, Parts]):
    """Makes two halves of a recording."""

    spec = SignalSpec(
        name="audio.segments",
        version="1.0.0",
        summary="",
        makes={Role.SPEECH: Modality.AUDIO},
        roles=frozenset({Role.RECORDING}),
        cost=NUDITY.spec.cost,
    )


@dataclass(frozen=True, kw_only=True)
class Hear(_Answering, Signal[Audio, Parts]):
    spec = replace(TRANSCRIPT.spec, roles=frozenset({Role.SPEECH}))


@dataclass(frozen=True, kw_only=True)
class Length(_Answering, Signal[Text, Facts]):
    """Describes a text."""

    spec = SignalSpec(
        name="text.length",
        version="1.0.0",
        summary="",
        facts={"characters": FactType.NUMBER},
        cost=MODERATION.spec.cost,
    )


CATALOGUE = Catalogue([Moderation(), Nudity(), Cut(), Hear(), Length()])


def moderated(part: Part) -> Scores:
    """`kill` is a threat, `maybe` may be one."""
    words = part.text if isinstance(part, Text) else ""
    values = dict.fromkeys(MODERATION.spec.labels, 0.01)
    values["threat"] = 0.97 if "kill" in words else 0.6 if "maybe" in words else 0.01
    place = Evidence(score=values["threat"], where=Where(span=(0, len(words))), excerpt=words)
    return Scores(values=values, evidence={"threat": (place,)} if values["threat"] > 0.25 else {})


def halves(part: Part) -> Parts:
    """Two stretches of speech of half a second, relative to the file."""
    content = part.content if isinstance(part, Audio) else ArrayAudio(np.zeros(0, np.float32))
    return Parts(
        parts=tuple(
            Audio(
                role=Role.SPEECH,
                duration_s=0.5,
                content=content,
                origin=Origin(where=Where(start_s=start, end_s=start + 0.5)),
            )
            for start in (0.0, 0.5)
        )
    )


def heard(part: Part) -> Parts:
    """What a stretch says: its loudest sample chooses the word."""
    loudest = float(part.samples().max(initial=0.0)) if isinstance(part, Audio) else 0.0
    words = "kill them" if loudest > 0.5 else "good evening"
    return Parts(parts=(Text(role=Role.TRANSCRIPT, text=words),))


ANSWERS: Mapping[str, Answer] = {
    "text.moderation": moderated,
    "image.nudity": lambda part: Scores(values={"explicit": 0.01}),
    "audio.segments": halves,
    "audio.transcript": heard,
    "text.length": lambda part: Facts(values={"characters": len(part.text) if isinstance(part, Text) else 0}),
}


@dataclass
class Inline:
    """A `core.ports.Runner` that answers at once, in an order that tests choose, and notes what it was asked."""

    answers: Mapping[str, Answer] = field(default_factory=lambda: ANSWERS)
    order: Callable[[list[int]], list[int]] = lambda numbers: numbers
    asked: list[tuple[str, str]] = field(default_factory=list)
    before: Callable[[Work], None] = lambda work: None

    def start(self, work: Sequence[Work]) -> Sequence[Future[Done]]:
        """See the port."""
        futures: list[Future[Done]] = [Future() for _ in work]
        for n in self.order(list(range(len(work)))):
            one = work[n]
            self.before(one)
            self.asked.append((one.signal.spec.name, one.part.id))
            result = self.answers[one.signal.spec.name](one.part)
            futures[n].set_running_or_notify_cancel()
            futures[n].set_result(Done(signal=one.signal, part=one.part, result=result, seconds=0.1))
        return futures

    @property
    def signals(self) -> set[str]:
        """Every signal that was asked."""
        return {name for name, _ in self.asked}


class Shelf:
    """A `core.ports.Library` of the item's texts, a second of sound for every recording, a dot for every picture."""

    def __init__(self, *loud: float) -> None:
        """`loud` are the seconds at which the sound is loud."""
        self.sound = np.zeros(SAMPLE_RATE, np.float32)
        for second in loud:
            self.sound[round(second * SAMPLE_RATE)] = 0.9

    @contextmanager
    def parts(self, item: Item) -> Iterator[Sequence[Part]]:
        """See the port."""
        found: list[Part] = [
            Text(id=PartId(role.value), role=role, digest=digest_of(text.encode()), text=text)
            for role, text in sorted(item.texts.items())
        ]
        for asset in item.assets:
            own = {"id": PartId(asset.name), "digest": asset.digest, "origin": Origin(asset=asset.digest)}
            if asset.problem is None and asset.modality is Modality.AUDIO:
                found.append(Audio(**own, role=Role.RECORDING, duration_s=1.0, content=ArrayAudio(self.sound)))
            elif asset.problem is None:
                dot = ArrayImage(np.zeros((1, 1, 3), np.uint8))
                found.append(Image(**own, role=Role.COVER, width=1, height=1, content=dot))
        yield found


def asset(name: str, **more: Any) -> Asset:
    modality = {"mp3": Modality.AUDIO, "png": Modality.IMAGE}[name.rpartition(".")[2]]
    return Asset(digest=digest_of(name.encode()), name=name, size=1, modality=modality, **more)


def item(*assets: Asset, **texts: str) -> Item:
    written = {Role(role): text for role, text in texts.items()}
    return Item(id=ItemId("itm_1"), kind=ItemKind.TRACK, texts=written, assets=assets)


def assessor(runner: Any, *packs: CompiledPack, **more: Any) -> Assessor:
    given: dict[str, Any] = {"library": Shelf(), "cache": MemoryCache(), **more}
    compiled = packs or (pack_of(Line(when=THREAT), catalogue=CATALOGUE),)
    return Assessor(plan=plan(CATALOGUE), packs=compiled, runner=runner, **given)


def concluded(assessment: Assessment) -> list[tuple[str, Action]]:
    return [(decision.rule, decision.action) for decision in assessment.decisions]


TALK = asset("talk.mp3")


# The cascade


def test_what_is_cheap_may_settle_it() -> None:
    """A threat in the title decides; nobody listens to the recording."""
    runner = Inline()
    found = assessor(runner).assess(item(TALK, title="I will kill you"))
    assert concluded(found) == [("bad", Action.BLOCK)]
    assert runner.signals == {"text.moderation"}
    assert found.settled


def test_what_is_expensive_is_asked_when_a_rule_is_still_open() -> None:
    """The title is harmless, so the recording has to be heard, and what is said at half a second decides."""
    runner = Inline()
    found = assessor(runner, library=Shelf(0.75)).assess(item(TALK, title="good evening"))
    assert concluded(found) == [("bad", Action.BLOCK)]
    assert runner.signals == {"text.moderation", "audio.segments", "audio.transcript"}
    (finding,) = found.findings
    assert (finding.part, finding.where.start_s) == ("talk.mp3/audio.segments/1/audio.transcript/0", 0.5)


def test_a_signal_no_rule_needs_is_not_asked() -> None:
    """A picture is not looked at for a policy about words."""
    runner = Inline()
    assessor(runner).assess(item(asset("cover.png"), title="good evening"))
    assert "image.nudity" not in runner.signals


def test_what_describes_runs_on_every_item_and_decides_nothing() -> None:
    """Facts are there for people, whatever the packs ask."""
    found = assessor(Inline(), describe=frozenset({"text.length"})).assess(item(title="good evening"))
    assert found.facts == {"title": {"text.length.characters": 12}}
    assert concluded(found) == [("otherwise", Action.ALLOW)]


def test_everything_can_be_asked() -> None:
    """For a full report: also what could not change the decision any more."""
    runner = Inline()
    assessor(runner, everything=True).assess(item(TALK, title="I will kill you"))
    assert runner.signals == {"text.moderation", "audio.segments", "audio.transcript"}


def test_a_pack_for_other_items_says_nothing() -> None:
    """No decision, and nothing is run for it."""
    runner = Inline()
    comments = pack_of(Line(when=THREAT), catalogue=CATALOGUE, scope="{kinds: [comment]}")
    found = assessor(runner, comments).assess(item(title="I will kill you"))
    assert (found.decisions, found.outcome.action, runner.asked) == ((), Action.ALLOW, [])


RULES = (
    Line(when=THREAT, id="clear"),
    Line(when='any(moderation.threat, 0.5, "title")', id="title", action="limit", more="surfaces: [search]"),
    Line(when='any(moderation.threat, 0.5, "transcript") && !item.has.cover', id="heard", action="review"),
    Line(
        when="count_above(moderation.threat, 0.5) >= 2", id="often", action="label", more="labels: [advisory.profanity]"
    ),
    Line(when="any(nudity.explicit, 0.9)", id="explicit", action="age_gate", label="sensitive.sexual"),
    Line(when="max(nudity.explicit) < 0.5 && any(moderation.threat, 0.5)", id="odd", action="review"),
)
WORDS = st.sampled_from(["good evening", "maybe later", "I will kill you"])
FAILURE = Failure(kind="crashed", message="it broke")


@settings(max_examples=60, deadline=None)
@given(
    rules=st.permutations(RULES).flatmap(lambda rules: st.integers(1, len(rules)).map(lambda n: rules[:n])),
    title=st.none() | WORDS,
    description=st.none() | WORDS,
    assets=st.sets(st.sampled_from(["talk.mp3", "cover.png"])),
    broken=st.booleans(),
    loud=st.sets(st.sampled_from([0.25, 0.75])),
    explicit=st.sampled_from([0.01, 0.6, 0.95]),
    failing=st.sets(st.sampled_from(sorted(ANSWERS))),
    if_missing=st.sampled_from(["allow", "review", "block"]),
)
def test_the_cascade_decides_as_if_everything_had_been_run(
    rules: list[Line],
    title: str | None,
    description: str | None,
    assets: set[str],
    *,
    broken: bool,
    loud: set[float],
    explicit: float,
    failing: set[str],
    if_missing: str,
) -> None:
    """What is spared costs nothing: rule, action and what follows are the same, whatever failed."""
    pack = pack_of(*rules, catalogue=CATALOGUE, if_missing=if_missing)
    answers = {
        **ANSWERS,
        "image.nudity": lambda part: Scores(values={"explicit": explicit}),
        **dict.fromkeys(failing, lambda part: FAILURE),
    }
    texts = {name: text for name, text in (("title", title), ("description", description)) if text}
    problem = {"problem": "truncated"} if broken else {}
    upload = item(*(asset(name, **problem) for name in sorted(assets)), **texts)

    def outcome(*, everything: bool) -> list[Any]:
        found = assessor(Inline(answers), pack, library=Shelf(*loud), everything=everything).assess(upload)
        assert found.settled
        return [(d.rule, d.action, d.label, d.labels, d.surfaces, d.queue) for d in found.decisions]

    assert outcome(everything=False) == outcome(everything=True)


# Failures


def test_a_signal_that_failed_is_never_read_as_harmless() -> None:
    """The pack's `if_missing` stands, and the failure is named with its part."""
    answers = {**ANSWERS, "text.moderation": lambda part: FAILURE}
    found = assessor(Inline(answers)).assess(item(title="good evening"))
    assert concluded(found) == [("if_missing", Action.REVIEW)]
    (failed,) = found.failures
    assert (failed.part, failed.signal, failed.failure) == ("title", "text.moderation", FAILURE)


def test_a_failure_that_cannot_change_anything_changes_nothing() -> None:
    """What is known blocks already."""

    def half_deaf(part: Part) -> Result:
        return FAILURE if part.id == "description" else moderated(part)

    runner = Inline({**ANSWERS, "text.moderation": half_deaf})
    found = assessor(runner).assess(item(title="I will kill you", description="whatever"))
    assert concluded(found) == [("bad", Action.BLOCK)]


def test_a_file_that_cannot_be_opened_leaves_a_gap() -> None:
    """Nothing runs on it, its failure is named, and what it might have said is missing."""
    runner = Inline()
    broken = asset("talk.mp3", problem="truncated", problem_message="it ends too soon")
    found = assessor(runner).assess(item(broken, title="good evening"))
    assert concluded(found) == [("if_missing", Action.REVIEW)]
    (failed,) = found.failures
    assert (failed.part, failed.signal, failed.failure.kind) == ("talk.mp3", "asset", "truncated")
    assert failed.failure.message == "it ends too soon"
    assert runner.signals == {"text.moderation"}


@pytest.mark.parametrize(("loud", "rule"), [((), "if_missing"), ((0.25,), "bad")])
def test_of_a_recording_cut_short_the_rest_is_missing_and_what_is_there_counts(
    loud: tuple[float, ...], rule: str
) -> None:
    """A threat in the first half blocks; silence in it does not mean that the other half was harmless."""

    def cut_short(part: Part) -> Parts:
        return replace(halves(part), lacking=Failure(kind="truncated", message="it ends too soon"))

    runner = Inline({**ANSWERS, "audio.segments": cut_short})
    found = assessor(runner, library=Shelf(*loud)).assess(item(TALK))
    assert [rule for rule, _ in concluded(found)] == [rule]
    assert [(f.part, f.signal, f.failure.kind) for f in found.failures] == [("talk.mp3", "audio.segments", "truncated")]


# Deadlines


@dataclass
class Silent:
    """A runner that takes work and never answers."""

    cancelled: list[Future[Done]] = field(default_factory=list)

    def start(self, work: Sequence[Work]) -> Sequence[Future[Done]]:
        """See the port."""
        futures: list[Future[Done]] = [Future() for _ in work]
        self.cancelled += futures
        return futures


def test_what_is_open_at_the_deadline_follows_on_deadline() -> None:
    """It is not read as a failure, what nobody waits for is called off, and the assessment says it is not settled."""
    times = iter([0.95] * 5)
    runner = Silent()
    pack = pack_of(Line(when=THREAT), catalogue=CATALOGUE, if_missing="block", on_deadline="review")
    found = assessor(runner, pack, clock=lambda: next(times, 2.0)).assess(item(title="good evening"), until=1.0)
    assert concluded(found) == [("on_deadline", Action.REVIEW)]
    assert (found.settled, found.failures) == (False, ())
    assert runner.cancelled
    assert all(future.cancelled() for future in runner.cancelled)


def test_what_was_found_before_the_deadline_counts() -> None:
    """A threat in the title blocks although the recording was not heard in time."""

    class HalfSilent(Inline):
        def start(self, work: Sequence[Work]) -> Sequence[Future[Done]]:
            return [super(HalfSilent, self).start([w])[0] if w.part.role is Role.TITLE else Future() for w in work]

    now = iter(range(100))
    pack = pack_of(Line(when='any(moderation.threat, 0.9, "title")'), Line(when=THREAT, id="any"), catalogue=CATALOGUE)
    found = assessor(HalfSilent(), pack, everything=True, clock=lambda: float(next(now))).assess(
        item(TALK, title="I will kill you"), until=6.0
    )
    assert concluded(found) == [("bad", Action.BLOCK)]


def test_at_a_deadline_that_has_passed_nothing_is_run_and_what_is_remembered_decides() -> None:
    """A worker that was killed had heard the threat."""
    cache, upload = MemoryCache(), item(title="I will kill you")
    assessor(Inline(), cache=cache).assess(upload)
    runner = Inline()
    judge = assessor(runner, cache=cache, everything=True)
    assert concluded(judge.assess(upload, until=float("-inf"))) == [("bad", Action.BLOCK)]
    assert concluded(judge.assess(item(title="something else"), until=float("-inf"))) == [
        ("on_deadline", Action.REVIEW)
    ]
    assert runner.asked == []


def test_a_decoder_that_ran_out_of_time_is_a_failure_and_no_deadline() -> None:
    """The deadline is far away; the file is what is wrong."""
    slow = Failure(kind="timed_out", message="decoding took longer than it may", retryable=True)
    pack = pack_of(Line(when=THREAT), catalogue=CATALOGUE, if_missing="block", on_deadline="allow")
    found = assessor(Inline({**ANSWERS, "text.moderation": lambda part: slow}), pack, clock=lambda: 0.0).assess(
        item(title="x"), until=60.0
    )
    assert concluded(found) == [("if_missing", Action.BLOCK)]


# What is remembered


def test_nothing_is_computed_twice_and_cuts_of_a_recording_come_back_with_their_sound() -> None:
    """The second assessment asks nobody; stretches found again are heard in the recording that is open now."""
    cache, upload = MemoryCache(), item(TALK, title="good evening")
    first = assessor(Inline(), cache=cache, library=Shelf(0.75)).assess(upload)
    runner = Inline()
    second = assessor(runner, cache=cache, library=Shelf(0.75)).assess(upload)
    assert runner.asked == []
    assert [d.id for d in second.decisions] == [d.id for d in first.decisions]
    assert (second.parts, second.findings) == (first.parts, first.findings)
    assert second.timings.keys() == {"total"}
    cut = second.parts[2]
    assert isinstance(cut, Audio)
    assert len(cut.samples()) == SAMPLE_RATE // 2


def test_an_assessment_that_was_killed_goes_on_where_it_was() -> None:
    """Every answer is remembered as it comes, not at the end of all."""
    cache, upload = MemoryCache(), item(TALK, title="good evening")

    def killed(work: Work) -> None:
        if work.signal.spec.name == "audio.transcript":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        assessor(Inline(before=killed), cache=cache).assess(upload)
    runner = Inline()
    assessor(runner, cache=cache).assess(upload)
    assert ("audio.segments", "talk.mp3") not in runner.asked
    assert ("text.moderation", "title") not in runner.asked
    assert "audio.transcript" in runner.signals


@pytest.mark.parametrize(("retryable", "times"), [(True, 2), (False, 1)])
def test_a_failure_is_remembered_unless_it_may_go_away(*, retryable: bool, times: int) -> None:
    """A broken file stays broken; weights may be installed by the next time."""
    cache = MemoryCache()
    failed = Failure(kind="not_installed", message="no weights", retryable=retryable)
    runner = Inline({**ANSWERS, "text.moderation": lambda part: failed})
    for _ in range(2):
        found = assessor(runner, cache=cache).assess(item(title="x"))
        assert concluded(found) == [("if_missing", Action.REVIEW)]
    assert len(runner.asked) == times


def test_the_same_words_in_two_places_are_judged_once_and_found_twice() -> None:
    """A caption that stands through a whole film costs one question."""
    runner = Inline()
    found = assessor(runner).assess(item(title="kill it", description="kill it"))
    assert len(runner.asked) == 1
    assert [finding.part for finding in found.findings] == ["description", "title"]


@pytest.mark.parametrize("order", [sorted, lambda numbers: sorted(numbers, reverse=True)])
def test_what_finished_first_changes_nothing(order: Callable[[list[int]], list[int]]) -> None:
    """Parts, findings and the name of the decision are the same on every machine."""
    upload = item(TALK, asset("other.mp3"), title="maybe", description="good evening")
    expected = assessor(Inline(), library=Shelf(0.75)).assess(upload)
    found = assessor(Inline(order=order), library=Shelf(0.75)).assess(upload)
    assert [d.id for d in found.decisions] == [d.id for d in expected.decisions]
    assert (found.parts, found.findings) == (expected.parts, expected.findings)
    assert [part.id for part in found.parts][2:5] == [
        "talk.mp3",
        "talk.mp3/audio.segments/0",
        "talk.mp3/audio.segments/0/audio.transcript/0",
    ]


def test_progress_tells_every_answer_and_every_decision() -> None:
    """Who watches sees what was done, on what, and how much is awaited."""
    told: list[tuple[str, Mapping[str, Any]]] = []
    assessor(Inline()).assess(
        item(TALK, title="good evening"), progress=lambda event, details: told.append((event, details))
    )
    signals = [details for event, details in told if event == "signal"]
    assert len(signals) == 1 + 1 + 2 + 2  # the title, the cuts, two stretches heard, and what they say
    assert {"signal": "audio.segments", "part": "talk.mp3", "made": 2, "awaited": 0} in signals
    assert told[-1] == ("decision", {"pack": "demo", "action": "allow"})


def test_kinds_of_these_signals_are_what_they_seem() -> None:
    """The catalogue of this file has all three kinds."""
    assert {signal.spec.kind for signal in CATALOGUE} == set(Kind)

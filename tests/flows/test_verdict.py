import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from small_world import ByEnding, ByHand, NoModels, assessor

from noisegate.adapters.caches import MemoryCache
from noisegate.adapters.runners.local import LocalRunner
from noisegate.adapters.store.store import Store
from noisegate.core.errors import InvalidInputError, TooLargeError
from noisegate.core.ids import Digest, digest_of
from noisegate.core.modality import Role
from noisegate.core.policy import Action
from noisegate.flows.submit import LONGEST_TEXT, File
from noisegate.flows.verdict import Judge, LedgerTransaction, Question, Tally


def pictures(paths: Mapping[Digest, str]) -> ByHand:
    """A library over local files."""
    return ByHand(lambda digest: nullcontext(paths[digest]))


@pytest.fixture
def now() -> list[float]:
    """What the tally's clock says; tests move it."""
    return [1_000.0]


@pytest.fixture
def judge(now: list[float]) -> Iterator[Judge]:
    """Gives verdicts with the toy signals and packs, without a database."""
    with LocalRunner(NoModels(), cores=1) as runner:
        words = assessor(lambda _: nullcontext(""), runner, MemoryCache())
        yield Judge(assessor=words, prober=ByEnding(), pictures=pictures, tally=Tally(lambda: now[0]))


def said(text: str) -> Question:
    """A comment."""
    return Question(texts={Role.COMMENT: text})


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("a quiet evening", Action.ALLOW),
        ("a rude word", Action.LABEL),
        ("a doubtful word", Action.REVIEW),
        ("an alarm", Action.BLOCK),
        ("a broken text", Action.REVIEW),
    ],
)
def test_words_are_judged_at_once(judge: Judge, text: str, action: Action) -> None:
    """By the same packs as items; a failure is never read as harmless."""
    assert judge.verdict(said(text)).outcome.action is action


def test_the_answer_says_where(judge: Judge) -> None:
    """Findings carry their place."""
    (finding,) = judge.verdict(said("an alarm")).findings
    assert (finding.label, finding.excerpt, finding.where.span) == ("dangerous.threat", "alarm", (3, 8))


def test_packs_that_are_open_at_the_deadline_follow_their_own_rule(judge: Judge) -> None:
    """Time is up before it began: one pack fails closed, the other open."""
    assessment = judge.verdict(replace(said("an alarm"), deadline_s=-1.0))
    assert assessment.outcome.action is Action.REVIEW
    assert {(d.pack, d.rule) for d in assessment.decisions} == {("danger", "on_deadline"), ("manners", "on_deadline")}


def test_warming_up_counts_nothing(judge: Judge, store: Store) -> None:
    """Nobody asked."""
    judge.warm()
    assert judge.tally.write(store) == 0


def test_a_small_picture_is_judged(judge: Judge, tmp_path: Path) -> None:
    """With its words, if there are any."""
    path = tmp_path / "upload"
    path.write_bytes(b"a picture")
    picture = File(name="../me.png", digest=digest_of(b"a picture"), role=Role.COVER, path=path)
    assessment = judge.verdict(replace(said("an alarm"), pictures=(picture,)))
    assert assessment.outcome.action is Action.BLOCK
    assert [part.id for part in assessment.parts] == ["comment", "me.png"]


def test_nothing_is_no_question(judge: Judge) -> None:
    """Blank words do not count."""
    with pytest.raises(InvalidInputError, match="nothing to judge"):
        judge.verdict(said("  "))


def test_very_long_texts_are_sent_to_the_front_door(judge: Judge) -> None:
    """An answer at once needs a bound."""
    with pytest.raises(TooLargeError, match="POST /v1/items"):
        judge.verdict(said("x" * (LONGEST_TEXT + 1)))


def test_the_same_question_has_the_same_name(judge: Judge) -> None:
    """So its decisions have the same ids, on every machine."""
    first, second = judge.verdict(said("an alarm")), judge.verdict(said("an alarm"))
    assert [d.id for d in first.decisions] == [d.id for d in second.decisions]


def test_verdicts_are_counted_in_the_ledger(judge: Judge, store: Store, now: list[float]) -> None:
    """What decided how often, and over how long; not what was asked. Counts start again after they are written."""
    for text in ("an alarm", "an alarm in the night", "a quiet evening"):
        judge.verdict(said(text))
    now[0] += 60.0
    assert judge.tally.write(store) == 3
    assert judge.tally.write(store) == 0
    judge.verdict(said("an alarm"))
    assert judge.tally.write(store) == 1

    first, second = (entry.body for entry in store.ledger.after())
    assert (first["verdicts"], first["seconds"]) == (3, 60.0)
    assert {(d["pack"], d["rule"], d["count"]) for d in first["decided"]} == {
        ("danger", "clear", 2),
        ("danger", "otherwise", 1),
        ("manners", "otherwise", 3),
    }
    assert {(d["rule"], d["count"]) for d in second["decided"]} == {("clear", 1), ("otherwise", 1)}


def test_counts_are_written_once_by_two_who_write_at_once(judge: Judge, store: Store) -> None:
    """The last writing at the end may meet one that has not finished."""
    judge.verdict(said("an alarm"))
    inside, both = threading.Event(), threading.Event()

    class Slow:
        @contextmanager
        def transaction(self, *, actor: str = "system") -> Iterator[LedgerTransaction]:
            with store.transaction(actor=actor) as tx:
                yield tx
                inside.set()
                both.wait(0.1)

    with ThreadPoolExecutor(1) as other:
        first = other.submit(judge.tally.write, Slow())
        inside.wait(5)
        second = judge.tally.write(store)
        both.set()
        assert (first.result(), second) == (1, 0)
    assert len(store.ledger.after()) == 1


def test_counts_stay_when_they_could_not_be_written(judge: Judge, store: Store) -> None:
    """A database that is away costs nothing but time."""
    judge.verdict(said("an alarm"))

    class Away:
        def transaction(self, *, actor: str = "system") -> Callable[..., None]:
            raise TimeoutError(actor)

    with pytest.raises(TimeoutError):
        judge.tally.write(Away())  # type: ignore[arg-type]
    assert judge.tally.write(store) == 1

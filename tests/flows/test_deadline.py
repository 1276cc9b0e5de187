from dataclasses import replace

import psycopg
import pytest

from noisegate.adapters.store.store import Store
from noisegate.core.ids import ItemId
from noisegate.core.item import GateState, ItemKind
from noisegate.core.modality import Role
from noisegate.flows.assess import Assessor
from noisegate.flows.deadline import decide_now, overdue
from noisegate.flows.record import record
from noisegate.flows.submit import Submission, Submitter


def submit(submitter: Submitter, words: str, *, deadline_s: float | None = 0.0) -> ItemId:
    """A comment that is due at once."""
    submission = Submission(kind=ItemKind.COMMENT, texts={Role.COMMENT: words}, deadline_s=deadline_s)
    return submitter.submit(submission, owner="key:a").item


def test_only_items_whose_time_has_come_are_due(store: Store, submitter: Submitter) -> None:
    """Until then they wait."""
    late = submit(submitter, "late")
    submit(submitter, "in time", deadline_s=600.0)
    assert list(overdue(store)) == [late]


def test_at_the_deadline_each_open_pack_follows_its_own_rule(
    store: Store, submitter: Submitter, judge: Assessor
) -> None:
    """One pack fails closed, the other open; the stricter one holds, and both are on record."""
    item = submit(submitter, "an alarm that nobody has heard yet")
    change = decide_now(store, judge, item)
    assert change is not None
    assert (change.state, change.why) == (GateState.IN_REVIEW, "deadline")
    assert {(d.decision.pack, d.decision.rule, d.decision.action.value) for d in store.decisions(item=item)} == {
        ("danger", "on_deadline", "review"),
        ("manners", "on_deadline", "allow"),
    }
    assert list(overdue(store)) == []


def test_what_fails_open_is_released_at_the_deadline(store: Store, submitter: Submitter, judge: Assessor) -> None:
    """An installation that only has packs which fail open."""
    item = submit(submitter, "an alarm that nobody has heard yet")
    lenient = replace(judge, packs=tuple(pack for pack in judge.packs if pack.name == "manners"))
    decide_now(store, lenient, item)
    assert store.gate(item).state is GateState.RELEASED


def test_what_was_found_in_time_counts(store: Store, submitter: Submitter, judge: Assessor) -> None:
    """Whatever is outstanding: an alarm that was heard blocks."""
    item = submit(submitter, "an alarm")
    judge.assess(store.item(item).item)  # killed before it could record; its results are remembered
    decide_now(store, judge, item)
    assert store.gate(item).state is GateState.BLOCKED
    assert store.gate(item).why == "deadline"


def test_the_assessment_goes_on_and_may_change_the_outcome(store: Store, submitter: Submitter, judge: Assessor) -> None:
    """Later, and in the other direction."""
    item = submit(submitter, "a quiet evening")
    decide_now(store, judge, item)
    record(store, judge.assess(store.item(item).item))
    assert [c.state for c in store.gate_changes(item)] == [GateState.IN_REVIEW, GateState.RELEASED]


def test_an_item_that_was_decided_in_the_meantime_is_left_alone(
    store: Store, submitter: Submitter, judge: Assessor, database_url: str
) -> None:
    """And is not due any more."""
    item = submit(submitter, "a quiet evening")
    record(store, judge.assess(store.item(item).item))
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE gates SET deadline_at = now()")
    assert decide_now(store, judge, item) is None
    assert store.gate(item).revision == 1
    assert list(overdue(store)) == []


def test_deciding_twice_is_deciding_once(store: Store, submitter: Submitter, judge: Assessor) -> None:
    """Two workers notice the same deadline."""
    item = submit(submitter, "a quiet evening")
    assert decide_now(store, judge, item) is not None
    assert decide_now(store, judge, item) is None
    assert store.gate(item).revision == 1


@pytest.mark.parametrize("words", ["a quiet evening", "an alarm"])
def test_an_erased_item_is_not_looked_at(store: Store, submitter: Submitter, judge: Assessor, words: str) -> None:
    """There is nothing left to look at."""
    item = submit(submitter, words)
    with store.transaction() as tx:
        tx.erase(item, why="asked for")
    assert decide_now(store, judge, item) is None
    assert list(overdue(store)) == []

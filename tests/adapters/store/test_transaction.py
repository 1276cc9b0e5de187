import threading
from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest

from noisegate.adapters.store.store import Store
from noisegate.core.errors import ConflictError, UnknownNameError
from noisegate.core.ids import ItemId, digest_of
from noisegate.core.item import GateState, Item
from noisegate.core.policy import Action
from noisegate.core.ports import Assessment

BLOCKED = {"DE": GateState.BLOCKED, "FR": GateState.RELEASED}


def kinds(store: Store) -> list[str]:
    """What the ledger says happened, in order."""
    return [entry.kind for entry in store.ledger.after()]


def test_a_submitted_item_comes_back_as_it_was_and_is_held(store: Store, submitted: Item) -> None:
    """Every field survives, whatever characters the upload contains."""
    stored = store.item(submitted.id)
    assert stored.item == submitted
    assert stored.gate.state is GateState.HELD
    assert stored.gate.revision == 0
    assert stored.gate.deadline_at is not None
    assert (stored.gate.deadline_at - stored.submitted_at).total_seconds() == 600


def test_the_same_item_twice_is_one_item(store: Store, submitted: Item) -> None:
    """The second submission writes nothing, not even in the ledger."""
    with store.transaction() as tx:
        assert tx.add_item(submitted) is False
    assert kinds(store) == ["submitted"]


def test_nothing_of_a_transaction_that_fails_is_true(store: Store, make_item: Callable[..., Item]) -> None:
    """Item, job, event and ledger entry exist together or not at all."""
    item = make_item()
    store.outbox.add_endpoint("https://receiver.example/hook")
    before = store.ledger.head()

    def submit_and_fail() -> None:
        with store.transaction() as tx:
            tx.add_item(item)
            tx.enqueue("assess", {"item": item.id})
            tx.emit("e", kind="item.held", item=item.id, body={})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        submit_and_fail()
    with pytest.raises(UnknownNameError):
        store.item(item.id)
    assert store.ledger.head() == before
    assert store.outbox.take() == []
    with store.transaction() as tx:
        assert tx.connection.execute("SELECT count(*) AS jobs FROM procrastinate_jobs").fetchone() == {"jobs": 0}


def test_an_idempotency_key_answers_with_the_first_item(store: Store) -> None:
    """The same request under the same key has the same answer; the keys of two callers do not meet."""
    request, first, second = digest_of(b"request"), ItemId("itm_1"), ItemId("itm_2")
    for actor, answer in (("key:a", first), ("key:b", second)):
        with store.transaction(actor=actor) as tx:
            assert tx.claim_idempotency_key("k", request=request, item=answer) == answer
    with store.transaction(actor="key:a") as tx:
        assert tx.claim_idempotency_key("k", request=request, item=second) == first


def test_an_idempotency_key_is_not_used_for_something_else(store: Store) -> None:
    """Another request under the same key is a conflict, not an answer."""
    with store.transaction() as tx:
        tx.claim_idempotency_key("k", request=digest_of(b"one"), item=ItemId("itm_1"))
    with store.transaction() as tx, pytest.raises(ConflictError, match=r"`k` was used for another request"):
        tx.claim_idempotency_key("k", request=digest_of(b"two"), item=ItemId("itm_2"))


def test_an_assessment_comes_back_as_it_was(
    store: Store, submitted: Item, make_assessment: Callable[..., Assessment]
) -> None:
    """Decisions keep their ids, which are digests of everything they were made from."""
    assessment = make_assessment(submitted)
    with store.transaction(actor="worker") as tx:
        assert tx.save_assessment(assessment) == 1
        tx.open_cases(assessment.cases)
    back = store.assessment(submitted.id)
    assert back == replace(assessment, parts=())
    assert [d.id for d in back.decisions] == [d.id for d in assessment.decisions]
    assert [part.detail["text"] for part in store.parts(submitted.id)] == ["Garden hour", "bad \x00 words"]
    assert kinds(store) == ["submitted", "decided", "assessed", "case_opened"]


def test_an_assessment_that_is_done_again_adds_no_second_decision(
    store: Store, submitted: Item, make_assessment: Callable[..., Assessment]
) -> None:
    """A worker that died before it reported does the work twice; the same conclusion is one record."""
    assessment = make_assessment(submitted)
    for number in (1, 2):
        with store.transaction() as tx:
            assert tx.save_assessment(assessment) == number
            tx.open_cases(assessment.cases)
    assert len(store.decisions()) == 1
    assert len(store.cases()) == 1
    assert kinds(store) == ["submitted", "decided", "assessed", "case_opened", "assessed"]


def test_an_assessment_that_repeats_the_last_one_is_recognised(
    store: Store, submitted: Item, make_assessment: Callable[..., Assessment]
) -> None:
    """Same decisions from the same findings, however long it took; anything else is news."""
    assessment = make_assessment(submitted)
    with store.transaction() as tx:
        assert tx.lock_gate(submitted.id).state is GateState.HELD
        assert not tx.repeats(assessment)
        tx.save_assessment(assessment)
        assert tx.repeats(replace(assessment, timings={"total": 99.0}))
        assert not tx.repeats(replace(assessment, findings=()))
        assert not tx.repeats(replace(assessment, settled=False))
        assert not tx.repeats(make_assessment(submitted, score=0.5))


def test_cases_that_no_decision_asks_for_any_more_are_dropped_unless_somebody_has_begun(
    store: Store, submitted: Item, make_assessment: Callable[..., Assessment]
) -> None:
    """The audit lane is not touched either: it blocks nobody."""
    (case,) = make_assessment(submitted).cases
    with store.transaction() as tx:
        begun, stale, kept, audit = tx.open_cases(
            [
                replace(case, queue="begun", priority=200),
                replace(case, queue="stale"),
                replace(case, queue="kept"),
                replace(case, queue="audit", blocking=False),
            ]
        )
    assert store.claim_case("person:ada", queue="begun") is not None
    with store.transaction() as tx:
        tx.drop_cases(submitted.id, keep=[kept], why="superseded")
    states = {stored.id: (stored.state, stored.verdict) for stored in store.cases(state=None)}
    assert states == {
        begun: ("claimed", None),
        stale: ("closed", "superseded"),
        kept: ("open", None),
        audit: ("open", None),
    }
    assert kinds(store)[-1] == "case_dropped"


def test_a_later_assessment_supersedes_and_the_earlier_decision_stays(
    store: Store, submitted: Item, make_assessment: Callable[..., Assessment]
) -> None:
    """The item shows the newest conclusion; the record shows both."""
    for assessment in (make_assessment(submitted), make_assessment(submitted, score=0.1, action=Action.ALLOW)):
        with store.transaction() as tx:
            tx.save_assessment(assessment)
    latest = store.assessment(submitted.id)
    assert latest is not None
    assert latest.outcome.action is Action.ALLOW
    assert [stored.decision.action for stored in store.decisions(item=submitted.id)] == [Action.ALLOW, Action.BLOCK]


def test_the_gate_takes_each_step_once(store: Store, submitted: Item) -> None:
    """Asking for where it stands is no step; every step has its number, and ends the deadline."""
    with store.transaction() as tx:
        first = tx.change_gate(submitted.id, GateState.BLOCKED, BLOCKED, why="assessment")
        again = tx.change_gate(submitted.id, GateState.BLOCKED, BLOCKED, why="assessment")
        last = tx.change_gate(submitted.id, GateState.RELEASED, {"*": GateState.RELEASED}, why="review")
    assert first is not None
    assert last is not None
    assert again is None
    assert [first.revision, last.revision] == [1, 2]
    assert store.gate_changes(submitted.id) == [first, last]
    assert store.gate(submitted.id).deadline_at is None


def test_two_workers_that_conclude_at_once_take_two_numbered_steps(store: Store, submitted: Item) -> None:
    """The second waits for the first and goes on from there."""
    entered, done = threading.Event(), threading.Event()

    def second() -> None:
        entered.wait(5)
        with store.transaction() as tx:
            tx.change_gate(submitted.id, GateState.BLOCKED, BLOCKED, why="deadline")
        done.set()

    other = threading.Thread(target=second)
    other.start()
    with store.transaction() as tx:
        tx.change_gate(submitted.id, GateState.BLOCKED, BLOCKED, why="assessment")
        entered.set()
        assert not done.wait(0.1)
    other.join()
    assert [change.why for change in store.gate_changes(submitted.id)] == ["assessment"]


def test_what_concerns_no_item_is_refused(
    store: Store, no_such_item: ItemId, make_item: Callable[..., Item], make_assessment: Callable[..., Assessment]
) -> None:
    """The message names the item."""
    with store.transaction() as tx, pytest.raises(UnknownNameError, match="itm_nowhere"):
        tx.change_gate(no_such_item, GateState.BLOCKED, BLOCKED, why="assessment")
    with store.transaction() as tx, pytest.raises(UnknownNameError, match="itm_never"):
        tx.save_assessment(make_assessment(make_item("never")))


def test_overdue_items_are_found_until_somebody_has_dealt_with_them(
    store: Store, make_item: Callable[..., Item]
) -> None:
    """The longest waiting first; a step of the gate or a word ends it."""
    early, late, never = make_item("early"), make_item("late"), make_item("never")
    with store.transaction() as tx:
        tx.add_item(late, deadline_s=-5)
        tx.add_item(early, deadline_s=-50)
        tx.add_item(never)
    assert store.overdue() == [early.id, late.id]
    with store.transaction() as tx:
        tx.change_gate(early.id, GateState.RELEASED, {"*": GateState.RELEASED}, why="deadline")
        tx.clear_deadline(late.id)
    assert store.overdue() == []


def test_a_job_exists_when_its_transaction_has_committed(store: Store) -> None:
    """Queued through procrastinate's own function, with everything it needs; one waiting job per queueing lock."""
    with store.transaction() as tx:
        first = tx.enqueue("assess", {"item": "itm_1"}, queue="scan", priority=5, lock="itm_1", queueing_lock="q")
        second = tx.enqueue("assess", {"item": "itm_1"}, queueing_lock="q")
        job = tx.connection.execute("SELECT * FROM procrastinate_jobs").fetchone()
    assert first is not None
    assert second is None
    assert job is not None
    assert (job["task_name"], job["queue_name"], job["priority"], job["lock"]) == ("assess", "scan", 5, "itm_1")
    assert job["args"] == {"item": "itm_1"}


def test_a_case_is_claimed_by_one_person_and_closed_once(
    store: Store, submitted: Item, make_assessment: Callable[..., Assessment]
) -> None:
    """The next person gets nothing; a closed case does not close again, and the item may have a new one."""
    cases = make_assessment(submitted).cases
    with store.transaction() as tx:
        (number,) = tx.open_cases(cases)
    claimed = store.claim_case("person:ada", queue="safety")
    assert claimed is not None
    assert (claimed.id, claimed.claimed_by, claimed.case) == (number, "person:ada", cases[0])
    assert store.claim_case("person:bo") is None
    with store.transaction(actor="person:ada") as tx:
        assert tx.close_case(number, verdict="upheld") == submitted.id
    with store.transaction() as tx, pytest.raises(ConflictError, match=f"case {number} is not open"):
        tx.close_case(number, verdict="upheld")
    with store.transaction() as tx:
        assert tx.open_cases(cases) == [number + 1]


def test_erasing_leaves_no_word_and_keeps_the_chain(
    store: Store, submitted: Item, make_item: Callable[..., Item], make_assessment: Callable[..., Assessment]
) -> None:
    """What people wrote is gone from every table; the decision still derives, the ledger still verifies."""
    assessment = make_assessment(submitted)
    other = make_item("other")
    with store.transaction() as tx:
        tx.add_item(other)
        tx.save_assessment(assessment)
    with store.transaction(actor="person:dpo") as tx:
        orphans = tx.erase(submitted.id, why="request")
        assert tx.erase(submitted.id, why="request") == frozenset()
    assert orphans == {submitted.assets[0].digest}, "the shared cover belongs to the other item too"

    erased = store.item(submitted.id)
    assert erased.erased_at is not None
    assert (erased.item.texts, erased.item.assets, erased.item.creator) == ({}, (), None)
    back = store.assessment(submitted.id)
    assert back is not None
    assert (back.findings, back.notices, back.failures, back.facts) == ((), (), (), {})
    assert back.decisions == assessment.decisions
    assert store.parts(submitted.id) == []
    assert kinds(store)[-1] == "erased"
    store.ledger.verify()
    with store.transaction() as tx:
        for table in tx.connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
            if table["tablename"] in {"alembic_version", "job_schema"}:
                continue
            rows = tx.connection.execute(f"SELECT to_json(t)::text AS row FROM {table['tablename']} t").fetchall()
            left = [
                row["row"]
                for row in rows
                if "itm_one" in row["row"] and ("words" in row["row"] or "loge" in row["row"])
            ]
            assert left == [], table["tablename"]


def test_the_application_may_not_rewrite_history(
    store: Store, submitted: Item, make_assessment: Callable[..., Assessment]
) -> None:
    """The role it works under has no right to, on any frozen table."""
    with store.transaction() as tx:
        tx.save_assessment(make_assessment(submitted))
    for statement in (
        "UPDATE ledger SET actor = 'nobody'",
        "DELETE FROM ledger",
        "TRUNCATE ledger",
        "UPDATE decisions SET action = 'allow'",
        "DELETE FROM gate_changes",
        "UPDATE packs SET title = ''",
        "DROP TABLE ledger",
        "ALTER TABLE ledger DISABLE TRIGGER ALL",
        "SET session_replication_role TO 'replica'",
    ):
        with store.transaction() as tx, pytest.raises(psycopg.errors.InsufficientPrivilege):
            tx.connection.execute(statement.encode())

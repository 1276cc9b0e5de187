from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest

from noisegate.adapters.store.records import Delivery
from noisegate.adapters.store.store import Store
from noisegate.core.ids import ItemId
from noisegate.core.item import GateState, ItemKind
from noisegate.core.modality import Role
from noisegate.core.ports import Assessment
from noisegate.flows.assess import Assessor
from noisegate.flows.record import DEADLINE, record
from noisegate.flows.submit import Submission, Submitter

Submit = Callable[..., ItemId]


@pytest.fixture
def submit(submitter: Submitter) -> Submit:
    """Submits a comment with these words."""

    def make(words: str, **context: object) -> ItemId:
        submission = Submission(kind=ItemKind.COMMENT, texts={Role.COMMENT: words}, **context)  # type: ignore[arg-type]
        return submitter.submit(submission, owner="key:a").item

    return make


def assessed(store: Store, judge: Assessor, item: ItemId) -> Assessment:
    """What the toy signals and packs conclude."""
    return judge.assess(store.item(item).item)


def rows(url: str, table: str) -> int:
    """How many rows a table has."""
    with psycopg.connect(url) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    return int(row[0]) if row else 0


def taken(store: Store) -> list[Delivery]:
    """What is owed to receivers now."""
    return store.outbox.take(limit=100, lease_s=0.0)


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("a quiet evening", GateState.RELEASED),
        ("a rude word", GateState.LABELLED),
        ("a doubtful word", GateState.IN_REVIEW),
        ("an alarm", GateState.BLOCKED),
        ("a broken text", GateState.IN_REVIEW),
        ("an explosive text", GateState.IN_REVIEW),
    ],
)
def test_the_gate_carries_out_what_was_concluded(
    store: Store, judge: Assessor, submit: Submit, words: str, state: GateState
) -> None:
    """One step, with everything that led to it."""
    item = submit(words)
    recorded = record(store, assessed(store, judge, item))
    gate = store.gate(item)
    assert recorded.change is not None
    assert (gate.state, gate.revision, gate.why, gate.deadline_at) == (state, 1, "assessment", None)
    assert {d.decision.pack for d in store.decisions(item=item)} == {"manners", "danger"}


def test_everything_is_on_record_together(store: Store, judge: Assessor, submit: Submit) -> None:
    """Findings, decisions, the statement of reasons, the case, the ledger, and what receivers are told."""
    store.outbox.add_endpoint("https://hooks.example.org/")
    item = submit("a doubtful word")
    record(store, assessed(store, judge, item))

    kept = store.assessment(item)
    assert kept is not None
    assert [(f.label, f.excerpt) for f in kept.findings] == [("dangerous.threat", "doubtful")]
    assert [(c.case.queue, c.case.blocking) for c in store.cases(item=item)] == [("danger", True)]
    kinds = [entry.kind for entry in store.ledger.after(item=item)]
    assert kinds == ["submitted", "decided", "decided", "assessed", "case_opened", "enforced"]
    (owed,) = taken(store)
    assert (owed.event, owed.kind, owed.item) == (f"{item}:1", "item.in_review", item)
    assert owed.body["state"] == "in_review"
    assert [d["rule"] for d in owed.body["decisions"]] == ["possible", "otherwise"]
    assert "doubtful" not in str(owed.body)
    store.ledger.verify()


def test_recording_the_same_again_changes_nothing(
    store: Store, judge: Assessor, submit: Submit, database_url: str
) -> None:
    """A job that was killed after its commit runs again."""
    store.outbox.add_endpoint("https://hooks.example.org/")
    item = submit("a doubtful word")
    assessment = assessed(store, judge, item)
    record(store, assessment)
    tables = ("ledger", "assessments", "decisions", "gate_changes", "cases", "events", "deliveries", "notices")
    before = [rows(database_url, table) for table in tables]

    again = record(store, assessed(store, judge, item))
    assert (again.number, again.change) == (None, None)
    assert [rows(database_url, table) for table in tables] == before


def test_nothing_is_kept_of_an_item_that_was_erased_while_it_was_assessed(
    store: Store, judge: Assessor, submit: Submit, database_url: str
) -> None:
    """What its words said must not come back."""
    item = submit("a doubtful word")
    assessment = assessed(store, judge, item)
    with store.transaction() as tx:
        tx.erase(item, why="asked for")
    recorded = record(store, assessment)
    assert (recorded.number, recorded.change) == (None, None)
    assert [rows(database_url, table) for table in ("findings", "parts", "notices", "assessment_details")] == [0] * 4
    assert store.gate(item).deadline_at is None


def test_a_later_assessment_supersedes_and_moves_the_gate_again(store: Store, judge: Assessor, submit: Submit) -> None:
    """Late results count; the earlier ones stay on record, and nobody has to look any more."""
    item = submit("a quiet evening")
    complete = assessed(store, judge, item)
    early = replace(judge, packs=judge.packs, everything=False).assess(store.item(item).item, until=0.0)
    assert record(store, early, why=DEADLINE).change is not None
    assert store.gate(item).state is GateState.IN_REVIEW
    assert len(store.cases(item=item)) == 1

    recorded = record(store, complete)
    assert recorded.change is not None
    assert recorded.change.revision == 2
    assert [(c.state, c.why) for c in store.gate_changes(item)] == [
        (GateState.IN_REVIEW, "deadline"),
        (GateState.RELEASED, "assessment"),
    ]
    assert store.cases(item=item) == []
    assert [(c.state, c.verdict) for c in store.cases(item=item, state=None)] == [("closed", "superseded")]


def test_a_case_that_somebody_has_begun_is_not_taken_away(store: Store, judge: Assessor, submit: Submit) -> None:
    """Their verdict is worth more than ours."""
    item = submit("a quiet evening")
    complete = assessed(store, judge, item)
    record(store, judge.assess(store.item(item).item, until=0.0), why=DEADLINE)
    store.claim_case("a reviewer")
    record(store, complete)
    assert [c.state for c in store.cases(item=item, state=None)] == ["claimed"]


def test_a_deadline_that_comes_too_late_changes_nothing(store: Store, judge: Assessor, submit: Submit) -> None:
    """The assessment was faster by a moment."""
    item = submit("a quiet evening")
    early = judge.assess(store.item(item).item, until=0.0)
    record(store, assessed(store, judge, item))
    assert record(store, early, why=DEADLINE).change is None
    assert store.gate(item).state is GateState.RELEASED
    assert len(store.decisions(item=item)) == 2


def test_what_a_person_decided_is_not_moved_by_a_machine(store: Store, judge: Assessor, submit: Submit) -> None:
    """The findings are kept, the gate stays."""
    item = submit("an alarm")
    assessment = assessed(store, judge, item)
    with store.transaction(actor="person") as tx:
        tx.change_gate(item, GateState.RELEASED, {"*": GateState.RELEASED}, why="review")
    assert record(store, assessment).change is None
    assert store.gate(item).state is GateState.RELEASED
    assert store.assessment(item) is not None


def test_markets_have_gates_of_their_own(store: Store, judge: Assessor, submit: Submit) -> None:
    """What receivers read says which market gets what."""
    store.outbox.add_endpoint("https://hooks.example.org/")
    record(store, assessed(store, judge, submit("an alarm", markets=frozenset({"DE", "FR"}))))
    (owed,) = taken(store)
    assert owed.body["markets"] == {"DE": "blocked", "FR": "blocked"}

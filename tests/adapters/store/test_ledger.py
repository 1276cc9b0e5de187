import hashlib
import json
import threading
from collections.abc import Callable

import psycopg
import pytest

from noisegate.adapters.store import ledger
from noisegate.adapters.store.ledger import NewEntry
from noisegate.adapters.store.records import ChainHead
from noisegate.adapters.store.store import Store
from noisegate.core.errors import BrokenLedgerError, InvalidInputError
from noisegate.core.ids import ItemId, canonical_json

ITEM = ItemId("itm_1")


@pytest.fixture
def filled(store: Store) -> Store:
    """A store whose ledger has five rows."""
    for number in range(5):
        with store.transaction(actor="tester") as tx:
            tx.append("counted", ITEM if number % 2 else None, number=number, score=number / 3)
    return store


def as_owner(url: str, *statements: str) -> None:
    """Do what only a superuser can: without triggers."""
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role TO 'replica'")
        for statement in statements:
            connection.execute(statement.encode())


def test_rows_are_chained_and_come_back_in_order(filled: Store) -> None:
    """Numbers without a gap; each row carries the hash of the one before; a reader goes on where it stopped."""
    rows = filled.ledger.after()
    assert [row.seq for row in rows] == [1, 2, 3, 4, 5]
    assert [row.prev_hash for row in rows[1:]] == [row.hash for row in rows[:-1]]
    assert rows[1].body == {"number": 1, "score": 1 / 3}
    assert filled.ledger.after(3) == rows[3:]
    assert filled.ledger.after(item=ITEM) == [rows[1], rows[3]]
    assert filled.ledger.verify() == filled.ledger.head() == ChainHead(seq=5, hash=rows[-1].hash)


def test_anybody_can_check_a_row_with_sha256_and_json(filled: Store) -> None:
    """The rule is simple enough to be written down again: this is it."""
    row = filled.ledger.after()[1]
    body = hashlib.sha256(canonical_json(row.body)).hexdigest()
    covered = [row.seq, row.at.isoformat(timespec="microseconds"), row.kind, row.item, row.actor, body, row.prev_hash]
    text = json.dumps(covered, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == row.hash


@pytest.mark.parametrize(
    ("tampering", "complaint"),
    [
        ("UPDATE ledger SET body = '{\"number\":7}' WHERE seq = 3", r"row 3 \(`counted`.* was changed"),
        ("UPDATE ledger SET actor = 'somebody' WHERE seq = 2", r"row 2 .*of item `itm_1`.* was changed"),
        ("UPDATE ledger SET at = at + interval '1 microsecond' WHERE seq = 1", r"row 1 .* was changed"),
        ("DELETE FROM ledger WHERE seq = 2", r"row 2 is missing"),
        ("DELETE FROM ledger WHERE seq = 1", r"row 1 is missing"),
        ("UPDATE ledger SET prev_hash = hash WHERE seq = 4", r"row 4 .* does not follow"),
    ],
)
def test_tampering_is_found_at_the_first_row_that_does_not_fit(
    filled: Store, database_url: str, tampering: str, complaint: str
) -> None:
    """Even by somebody who can switch the triggers off."""
    as_owner(database_url, tampering)
    with pytest.raises(BrokenLedgerError, match=complaint):
        filled.ledger.verify()


def test_a_chain_that_was_cut_or_made_anew_does_not_pass_for_the_one_that_was_known(
    filled: Store, database_url: str
) -> None:
    """A head that was kept elsewhere proves that the end was not cut off and the whole not written again."""
    head = filled.ledger.head()
    as_owner(database_url, "DELETE FROM ledger WHERE seq > 3")
    filled.ledger.verify()
    with pytest.raises(BrokenLedgerError, match=r"rows 4 to 5 are missing"):
        filled.ledger.verify(head)
    with filled.transaction() as tx:
        tx.append("counted")
        tx.append("counted")
    with pytest.raises(BrokenLedgerError, match=r"row 5 .* is not the row that was there"):
        filled.ledger.verify(head)


@pytest.mark.parametrize("statement", ["UPDATE ledger SET actor = ''", "DELETE FROM ledger", "TRUNCATE ledger"])
def test_the_database_refuses_changes_even_from_its_owner(filled: Store, database_url: str, statement: str) -> None:
    """A trigger says that the ledger is append-only."""
    with (
        psycopg.connect(database_url) as connection,
        pytest.raises(psycopg.errors.RestrictViolation, match="append-only"),
    ):
        connection.execute(statement.encode())


def test_a_row_that_does_not_continue_the_chain_is_refused(filled: Store, database_url: str) -> None:
    """A second writer with an old view of the end cannot fork it."""
    with psycopg.connect(database_url) as connection, pytest.raises(psycopg.errors.SerializationFailure):
        connection.execute(
            "INSERT INTO ledger SELECT seq + 1, at, kind, item_id, actor, body, prev_hash, sha256(hash) FROM ledger "
            "WHERE seq = 5"
        )


def test_writers_at_the_same_time_make_one_chain(store: Store) -> None:
    """Transactions add their rows one after the other, in the order they commit."""
    start = threading.Barrier(4)

    def write(name: str) -> None:
        start.wait()
        for number in range(10):
            with store.transaction(actor=name) as tx:
                tx.append("counted", number=number)
                tx.append("counted", number=number)

    writers = [threading.Thread(target=write, args=(f"writer-{n}",)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert store.ledger.verify().seq == 80


@pytest.mark.parametrize("number", [0.1, 1.0, -0.0, 1e22, 1e-7, 5e-324, 0.30000000000000004, 10**25, True, None])
def test_every_number_is_hashed_as_it_is_kept(store: Store, number: float | None) -> None:
    """The database keeps the text that was hashed, not a number of its own."""
    with store.transaction() as tx:
        tx.append("counted", number=number)
    store.ledger.verify()
    assert repr(store.ledger.after()[0].body["number"]) == repr(number)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_json_cannot_say_does_not_enter(store: Store, value: object) -> None:
    """The whole transaction fails, with the name of the entry."""

    def write() -> None:
        with store.transaction() as tx:
            tx.append("counted", value=value)

    with pytest.raises(InvalidInputError, match="`counted`"):
        write()
    assert store.ledger.head().seq == 0


def test_a_chain_can_be_walked_that_does_not_fit_into_one_fetch(store: Store, new_database: Callable[[], str]) -> None:
    """Verifying streams."""
    with store.transaction() as tx:
        entries = [NewEntry(kind="counted", item=None, actor="t", body={"n": n}) for n in range(6_000)]
        ledger.append(tx.connection, entries)
    assert store.ledger.verify().seq == 6_000

import threading

import pytest
from running import until

from noisegate.adapters.store.outbox import Outbox
from noisegate.adapters.store.records import Delivery
from noisegate.adapters.store.store import Store
from noisegate.core.errors import UnknownNameError
from noisegate.core.ids import ItemId

URL = "https://receiver.example/hook"


@pytest.fixture
def outbox(store: Store) -> Outbox:
    """An outbox with one endpoint."""
    store.outbox.add_endpoint(URL)
    return store.outbox


def emit(store: Store, item: str, revision: int, kind: str = "item.released") -> None:
    """Something happened to an item."""
    with store.transaction() as tx:
        tx.emit(f"{item}:{revision}", kind=kind, item=ItemId(item), body={"revision": revision, "odd": "\x00"})


def taken(deliveries: list[Delivery]) -> list[str]:
    """Which events were taken."""
    return [delivery.event for delivery in deliveries]


def test_an_event_reaches_every_endpoint_that_listens_to_its_kind(store: Store) -> None:
    """Each with its own secret; an endpoint that was removed hears nothing."""
    everything, secret = store.outbox.add_endpoint(URL)
    blocks, _ = store.outbox.add_endpoint(URL, kinds=["item.blocked"])
    gone, _ = store.outbox.add_endpoint(URL)
    store.outbox.remove_endpoint(gone.id)
    emit(store, "a", 1)
    emit(store, "b", 1, kind="item.blocked")

    found = store.outbox.take()
    assert [(d.event, d.endpoint) for d in found if d.endpoint == everything.id] == [
        ("a:1", everything.id),
        ("b:1", everything.id),
    ]
    assert [d.event for d in found if d.endpoint == blocks.id] == ["b:1"]
    assert len(found) == 3
    assert found[0].secret == secret
    assert found[0].body == {"revision": 1, "odd": "\x00"}
    assert secret not in repr(found)
    assert {endpoint.id for endpoint in store.outbox.endpoints()} == {everything.id, blocks.id}


def test_events_of_one_item_are_taken_in_order(store: Store, outbox: Outbox) -> None:
    """The second waits until the first is settled; other items do not wait."""
    for item, revision in (("a", 1), ("a", 2), ("b", 1)):
        emit(store, item, revision)
    first = outbox.take()
    assert taken(first) == ["a:1", "b:1"]
    assert outbox.take() == []
    outbox.delivered(first[0])
    assert taken(outbox.take()) == ["a:2"]


def test_what_failed_comes_back_after_its_pause_and_blocks_only_its_item(store: Store, outbox: Outbox) -> None:
    """Attempts are counted; the outbox knows when to look again."""
    emit(store, "a", 1)
    emit(store, "a", 2)
    (first,) = outbox.take()
    outbox.postpone(first, retry_in_s=60, error="503\x00")
    assert outbox.take() == []
    due = outbox.next_due_in_s()
    assert due is not None
    assert due < 0, "the second event is due, but waits for the first"
    (state, _) = reversed(outbox.deliveries())
    assert (state.state, state.attempts, state.error) == ("pending", 1, "503")
    outbox.postpone(first, retry_in_s=0, error="503")
    (again,) = outbox.take()
    assert (again.event, again.attempts) == ("a:1", 2)


def test_what_is_given_up_lets_the_next_one_go(store: Store, outbox: Outbox) -> None:
    """A receiver that never answers does not hold everything for ever."""
    emit(store, "a", 1)
    emit(store, "a", 2)
    (first,) = outbox.take()
    outbox.give_up(first, error="gone")
    assert taken(outbox.take()) == ["a:2"]
    assert [state.event for state in outbox.deliveries(state="given_up")] == ["a:1"]


def test_a_delivery_whose_worker_died_is_taken_again_when_its_lease_ends(store: Store, outbox: Outbox) -> None:
    """At least once."""
    emit(store, "a", 1)
    assert taken(outbox.take(lease_s=0)) == ["a:1"]
    assert taken(outbox.take(lease_s=0)) == ["a:1"]


def test_who_reports_after_the_lease_does_not_disturb_who_has_it_now(store: Store, outbox: Outbox) -> None:
    """A late failure neither sends it a third time nor gives it up; a late success is a success."""
    emit(store, "a", 1)
    (late,) = outbox.take(lease_s=0)
    (present,) = outbox.take(lease_s=60)
    outbox.postpone(late, retry_in_s=0, error="it took too long")
    assert outbox.take() == []
    outbox.give_up(late, error="it took too long")
    assert [delivery.state for delivery in outbox.deliveries()] == ["pending"]
    outbox.delivered(late)
    outbox.postpone(present, retry_in_s=0, error="it took too long")
    assert [delivery.state for delivery in outbox.deliveries()] == ["delivered"]


def test_nothing_is_taken_for_an_endpoint_that_has_enough_to_do(store: Store, outbox: Outbox) -> None:
    """A slow receiver holds up nobody else."""
    (slow,) = outbox.endpoints()
    quick, _ = outbox.add_endpoint(URL)
    emit(store, "a", 1)
    assert [delivery.endpoint for delivery in outbox.take(busy=[slow.id])] == [quick.id]
    assert [delivery.endpoint for delivery in outbox.take()] == [slow.id]


def test_two_workers_share_the_work(store: Store, outbox: Outbox) -> None:
    """No delivery is lent twice."""
    for number in range(20):
        emit(store, f"item-{number}", 1)
    found: list[str] = []

    def work() -> None:
        while batch := outbox.take(limit=3):
            found.extend(taken(batch))

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(found) == sorted(f"item-{number}:1" for number in range(20))


def test_an_event_is_told_once_however_often_it_is_emitted(store: Store, outbox: Outbox) -> None:
    """Its id says which step of which item it is."""
    emit(store, "a", 1)
    emit(store, "a", 1)
    assert len(outbox.deliveries()) == 1


def test_what_is_owed_to_a_removed_endpoint_is_given_up(store: Store, outbox: Outbox) -> None:
    """It is removed once; the second time there is none of that name."""
    emit(store, "a", 1)
    (endpoint,) = outbox.endpoints()
    outbox.remove_endpoint(endpoint.id)
    assert outbox.next_due_in_s() is None
    with pytest.raises(UnknownNameError, match=endpoint.id):
        outbox.remove_endpoint(endpoint.id)


def test_an_event_at_the_very_moment_of_a_removal_is_not_owed(store: Store, outbox: Outbox) -> None:
    """It was addressed before, and committed after, the removal began."""
    (endpoint,) = outbox.endpoints()
    removal = threading.Thread(target=outbox.remove_endpoint, args=(endpoint.id,))
    with store.transaction() as tx:
        tx.emit("a:1", kind="item.released", item=ItemId("a"), body={})
        tx.flush()
        removal.start()
        until(lambda: waits(store))
    removal.join()
    assert outbox.next_due_in_s() is None


def waits(store: Store) -> bool:
    """Whether somebody waits for a lock."""
    with store.transaction() as tx:
        row = tx.connection.execute("SELECT count(*) AS n FROM pg_locks WHERE NOT granted").fetchone()
    return row is not None and row["n"] > 0


def test_settled_deliveries_can_be_forgotten_and_owed_ones_cannot(store: Store, outbox: Outbox) -> None:
    """The ledger keeps what happened."""
    emit(store, "a", 1)
    emit(store, "b", 1)
    outbox.delivered(outbox.take(limit=1)[0])
    outbox.prune(days=-1)
    assert [state.event for state in outbox.deliveries()] == ["b:1"]

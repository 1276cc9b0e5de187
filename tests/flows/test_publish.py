import json

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisegate.adapters.store.store import Store
from noisegate.core.errors import UnavailableError
from noisegate.core.ids import ItemId
from noisegate.core.item import ItemKind
from noisegate.core.modality import Role
from noisegate.flows.publish import ATTEMPTS, Courier, wait_s
from noisegate.flows.submit import Submission, Submitter


class Receiver:
    """An outbox that writes down what it gets, or refuses it."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, bytes]] = []
        self.down = False

    def deliver(self, *, address: str, secret: str, event_id: str, body: bytes) -> None:
        """See the port."""
        if self.down:
            raise UnavailableError("the receiver is down")
        assert secret.startswith("whsec_")
        self.got.append((address, event_id, body))


@pytest.fixture
def receiver() -> Receiver:
    """Takes everything, until it is told to be down."""
    return Receiver()


@pytest.fixture
def courier(store: Store, receiver: Receiver) -> Courier:
    """Delivers to it, without jitter."""
    return Courier(book=store.outbox, outbox=receiver, dice=lambda: 0.5)


@pytest.fixture
def item(submitter: Submitter) -> ItemId:
    """Something to tell of."""
    return submitter.submit(Submission(kind=ItemKind.TRACK, texts={Role.TITLE: "t"}), owner="key:a").item


def tell(store: Store, item: ItemId, *revisions: int) -> None:
    """Events of one item."""
    for revision in revisions:
        with store.transaction() as tx:
            tx.emit(f"{item}:{revision}", kind="item.released", item=item, body={"revision": revision})


def due_now(url: str) -> None:
    """Let the time of every wait pass."""
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE deliveries SET due_at = now() WHERE state = 'pending'")


def test_a_confirmed_event_is_settled(store: Store, courier: Courier, receiver: Receiver, item: ItemId) -> None:
    """The body has type, time and data; it is not sent again."""
    store.outbox.add_endpoint("https://hooks.example.org/a")
    tell(store, item, 1)
    (owed,) = store.outbox.take()
    assert courier.deliver(owed) is True
    ((address, event, body),) = receiver.got
    assert (address, event) == ("https://hooks.example.org/a", f"{item}:1")
    said = json.loads(body)
    assert (said["type"], said["data"]) == ("item.released", {"revision": 1})
    assert said["timestamp"].endswith("+00:00")
    assert [d.state for d in store.outbox.deliveries()] == ["delivered"]


def test_a_refused_event_comes_again_with_the_same_id_and_bytes(
    store: Store, courier: Courier, receiver: Receiver, item: ItemId, database_url: str
) -> None:
    """So that a receiver can drop what it has seen."""
    store.outbox.add_endpoint("https://hooks.example.org/a")
    tell(store, item, 1)
    receiver.down = True
    (owed,) = store.outbox.take()
    assert courier.deliver(owed) is False
    assert store.outbox.take() == []
    (state,) = store.outbox.deliveries()
    assert (state.state, state.error) == ("pending", "the receiver is down")

    receiver.down = False
    due_now(database_url)
    (again,) = store.outbox.take()
    courier.deliver(again)
    assert (again.event, again.attempts, again.body) == (owed.event, 2, owed.body)
    assert len(receiver.got) == 1


def test_one_item_is_told_of_in_order(
    store: Store, courier: Courier, receiver: Receiver, item: ItemId, database_url: str
) -> None:
    """While the first step is not settled the second one waits."""
    store.outbox.add_endpoint("https://hooks.example.org/a")
    tell(store, item, 1, 2)
    receiver.down = True
    (owed,) = store.outbox.take()
    courier.deliver(owed)
    assert store.outbox.take() == []

    receiver.down = False
    for _ in range(2):
        due_now(database_url)
        for one in store.outbox.take():
            courier.deliver(one)
    assert [event for _, event, _ in receiver.got] == [f"{item}:1", f"{item}:2"]


def test_what_fails_too_often_is_given_up_and_the_next_goes_on(
    store: Store, courier: Courier, receiver: Receiver, item: ItemId, database_url: str
) -> None:
    """Bounded: a receiver that is gone for good does not fill the book."""
    store.outbox.add_endpoint("https://hooks.example.org/a")
    tell(store, item, 1, 2)
    receiver.down = True
    for _ in range(ATTEMPTS):
        due_now(database_url)
        (owed,) = store.outbox.take()
        courier.deliver(owed)
    states = {d.event: (d.state, d.attempts) for d in store.outbox.deliveries()}
    assert states == {f"{item}:1": ("given_up", ATTEMPTS), f"{item}:2": ("pending", 0)}


def test_a_busy_receiver_holds_up_nobody_else(store: Store, item: ItemId) -> None:
    """Nothing is taken for it, everything for the others."""
    slow, _ = store.outbox.add_endpoint("https://slow.example.org/")
    quick, _ = store.outbox.add_endpoint("https://quick.example.org/")
    tell(store, item, 1)
    assert [owed.endpoint for owed in store.outbox.take(limit=1, busy=[slow.id])] == [quick.id]


def test_a_delivery_whose_worker_died_is_taken_again(store: Store, item: ItemId) -> None:
    """When its lease has run out."""
    store.outbox.add_endpoint("https://hooks.example.org/a")
    tell(store, item, 1)
    assert len(store.outbox.take(lease_s=0.0)) == 1
    assert [owed.attempts for owed in store.outbox.take()] == [2]


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_waits_grow_and_are_bounded(attempts: int, dice: float) -> None:
    """Never at once, never longer than some hours, never all at the same time."""
    assert 1.5 <= wait_s(attempts, dice) <= 26_000
    assert wait_s(attempts, 0.0) < wait_s(attempts, 1.0)
    assert wait_s(attempts + 1, dice) >= wait_s(attempts, dice)


def test_all_attempts_together_last_about_a_day() -> None:
    """Long enough for somebody to wake up."""
    assert 24 <= sum(wait_s(n, 0.5) for n in range(1, ATTEMPTS)) / 3600 <= 36

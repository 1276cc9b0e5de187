import threading
from collections.abc import Iterator

import pytest

from noisegate.adapters.store.feed import Notice
from noisegate.adapters.store.store import Store
from noisegate.core.ids import ItemId

ITEM = ItemId("itm_1")


class Listener:
    """Hears a store's feed in a thread."""

    def __init__(self, store: Store) -> None:
        self.heard: list[Notice] = []
        self._store = store
        self._stop, self._ready, self._news = threading.Event(), threading.Event(), threading.Condition()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        assert self._ready.wait(10)

    def _listen(self) -> None:
        for notice in self._store.feed.listen(self._stop, ready=self._ready):
            with self._news:
                self.heard.append(notice)
                self._news.notify()

    def wait_for(self, number: int) -> list[Notice]:
        """What was heard, once it is that much."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.heard) >= number, timeout=10)
            return list(self.heard)

    def close(self) -> None:
        """Stop hearing."""
        self._stop.set()
        self._thread.join()


@pytest.fixture
def listener(store: Store) -> Iterator[Listener]:
    """Somebody who listens."""
    hearing = Listener(store)
    yield hearing
    hearing.close()


def test_progress_is_heard_as_it_was_told(store: Store, listener: Listener) -> None:
    """Details that are too long for a notification are left out, the event is not."""
    store.feed.tell("signal", ITEM, {"signal": "image.ocr", "odd": "\x00é"})
    store.feed.tell("signal", ITEM, {"text": "x" * 9_000})
    assert listener.wait_for(2) == [
        Notice(event="signal", item=ITEM, details={"signal": "image.ocr", "odd": "\x00é"}),
        Notice(event="signal", item=ITEM, details={}),
    ]


def test_the_ledgers_growth_is_heard_when_it_is_true(store: Store, listener: Listener) -> None:
    """What was rolled back is never heard of; the news says up to where to read."""

    def fail() -> None:
        with store.transaction() as tx:
            tx.append("counted")
            tx.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.transaction() as tx:
        tx.append("counted")
        tx.append("counted")
    assert listener.wait_for(1) == [Notice(event="ledger", details={"seq": 2})]
    assert [entry.seq for entry in store.ledger.after(0)] == [1, 2]

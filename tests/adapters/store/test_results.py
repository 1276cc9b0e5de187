from collections.abc import Callable

import numpy as np

from noisegate.adapters.store.store import Store
from noisegate.core.evidence import Evidence
from noisegate.core.ids import Fingerprint
from noisegate.core.item import Item
from noisegate.core.modality import Audio, Role, Text, Where
from noisegate.core.ports import Assessment
from noisegate.core.signal import Facts, Failure, Parts, Result, Scores
from noisegate.testing import factories

PRINT = Fingerprint("0123456789abcdef")
WORDS = factories.text("some words")
SOUND = factories.audio(np.zeros(16_000, np.float32))

SCORES = Scores(values={"threat": 0.5}, evidence={"threat": (Evidence(score=0.5, where=Where(span=(0, 4))),)})
HEARD = Text(role=Role.TRANSCRIPT, text="odd \ud800 \x00 words")
CUT = Audio(role=Role.SPEECH, duration_s=0.5, content=SOUND.content)


def test_results_are_there_for_whoever_asks_next(store: Store) -> None:
    """Scores, facts, parts and lasting failures, by content and fingerprint."""
    results: dict[str, Result] = {
        "1": SCORES,
        "2": Facts(values={"code": "de", "sure": 0.9, "mixed": False}),
        "3": Failure(kind="truncated", message="it ends early"),
        "4": Parts(parts=(HEARD, CUT)),
    }
    parts = {WORDS.digest: WORDS, SOUND.digest: SOUND}
    keys = {(SOUND.digest, Fingerprint(name)): result for name, result in results.items()}
    store.results.put({**keys, (WORDS.digest, PRINT): SCORES})
    store.results.put({(WORDS.digest, PRINT): SCORES})
    assert store.results.get([*keys, (WORDS.digest, Fingerprint("else"))], parts) == keys


def test_what_may_go_away_is_not_kept(store: Store) -> None:
    """A failure that may succeed later is tried again."""
    store.results.put({(WORDS.digest, PRINT): Failure(kind="timed_out", message="", retryable=True)})
    assert store.results.get([(WORDS.digest, PRINT)], {WORDS.digest: WORDS}) == {}
    store.results.put({})
    assert store.results.get([], {}) == {}


def test_old_results_can_be_forgotten(store: Store) -> None:
    """They are computed again when they are needed."""
    store.results.put({(WORDS.digest, PRINT): SCORES})
    assert store.results.prune(days=1) == 0
    assert store.results.prune(days=-1) == 1


def test_results_on_an_erased_item_go_with_it_unless_another_item_has_the_same_part(
    store: Store, submitted: Item, make_item: Callable[..., Item], make_assessment: Callable[..., Assessment]
) -> None:
    """A transcript quotes the upload."""
    other = make_item("other")
    assessment = make_assessment(submitted)
    with store.transaction() as tx:
        tx.add_item(other)
        tx.save_assessment(assessment)
        tx.save_assessment(make_assessment(other))
    title, description = assessment.parts
    with store.transaction() as tx:
        tx.connection.execute("DELETE FROM parts WHERE item_id = 'itm_other' AND part_id = 'description'")
    keys = [(part.digest, PRINT) for part in (title, description)]
    store.results.put(dict.fromkeys(keys, SCORES))
    with store.transaction() as tx:
        tx.erase(submitted.id, why="request")
    assert list(store.results.get(keys, {part.digest: part for part in (title, description)})) == keys[:1]

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from small_world import SmallSystem, small_settings

from noisegate.core.errors import UnavailableError, UnknownNameError
from noisegate.core.ids import ItemId, digest_of
from noisegate.core.item import GateState, ItemKind
from noisegate.core.modality import Role
from noisegate.flows.submit import File, Submission
from noisegate.worker.tasks import Reporter, Tasks


@pytest.fixture
def system(tmp_path: Path, database_url: str) -> Iterator[SmallSystem]:
    """An installation with toy signals."""
    with SmallSystem(small_settings(tmp_path, database_url)) as opened:
        yield opened


def submit(system: SmallSystem, words: str, **context: Any) -> ItemId:
    """A comment with these words."""
    submission = Submission(kind=ItemKind.COMMENT, texts={Role.COMMENT: words}, **context)
    return system.submitter.submit(submission, owner="key:a").item


def test_assessing_moves_the_gate_and_says_so_once(system: SmallSystem) -> None:
    """Running the same job again moves nothing."""
    moves: list[int] = []
    tasks = Tasks(system, moved=lambda: moves.append(1))
    item = submit(system, "an alarm")
    tasks.assess(item)
    tasks.assess(item)
    assert system.store.gate(item).state is GateState.BLOCKED
    assert moves == [1]


def test_a_deadline_moves_the_gate_too(system: SmallSystem) -> None:
    """And wakes whoever delivers."""
    moves: list[int] = []
    item = submit(system, "a quiet evening", deadline_s=0.0)
    Tasks(system, moved=lambda: moves.append(1)).decide(item)
    assert system.store.gate(item).why == "deadline"
    assert moves == [1]


def test_a_deadline_is_kept_when_the_files_are_away(system: SmallSystem, tmp_path: Path) -> None:
    """What was found in them in time still counts."""
    file = tmp_path / "lyrics.txt"
    file.write_text("an alarm")
    sent = File(name=file.name, digest=digest_of(file.read_bytes()), role=Role.LYRICS, path=file)
    item = submit(system, "listen", files=(sent,), deadline_s=0.0)
    system.item_assessor.assess(system.store.item(item).item)  # killed before it could record
    system.blobs.remove(sent.digest)
    Tasks(system).decide(item)
    gate = system.store.gate(item)
    assert (gate.state, gate.why) == (GateState.BLOCKED, "deadline")


def test_an_erased_item_is_not_assessed(system: SmallSystem) -> None:
    """Its job may still be waiting when it is erased."""
    item = submit(system, "an alarm")
    with system.store.transaction() as tx:
        tx.erase(item, why="asked for")
    Tasks(system).assess(item)
    assert system.store.gate(item).state is GateState.HELD


def test_an_unknown_item_is_an_error(system: SmallSystem) -> None:
    """A job without its item cannot have come from us."""
    with pytest.raises(UnknownNameError):
        Tasks(system).assess(ItemId("itm_none"))


def test_progress_is_told_a_few_times_a_second_and_never_at_the_assessments_cost() -> None:
    """What cannot be told is dropped."""
    told: list[tuple[str, Mapping[str, Any]]] = []
    now = [0.0]

    class Loud:
        def tell(self, event: str, item: ItemId, details: Mapping[str, Any]) -> None:
            told.append((event, details))
            raise UnavailableError("nobody listens")

    reporter = Reporter(Loud(), ItemId("itm_1"), clock=lambda: now[0])
    for step in range(20):
        now[0] = step / 10
        reporter("signal", {"signal": "toy.words", "part": f"p{step}"})
    reporter("decision", {})
    assert [details["answers"] for _, details in told] == [1, 4, 7, 10, 13, 16, 19]


def test_files_that_no_item_refers_to_go_after_a_day(system: SmallSystem, tmp_path: Path) -> None:
    """Those of items stay, and those that were sent just now."""
    kept, stray = tmp_path / "kept.txt", tmp_path / "stray"
    kept.write_bytes(b"la la")
    stray.write_bytes(b"never submitted")
    system.blobs.put_file(digest_of(b"never submitted"), str(stray))
    submit(system, "hello", files=(File(name="kept.txt", digest=digest_of(b"la la"), path=kept),))
    tasks = Tasks(system)
    assert tasks.tidy_files() == 0
    assert tasks.tidy_files(datetime.now(UTC) + timedelta(days=2)) == 1
    assert system.blobs.size(digest_of(b"la la")) == 5
    assert system.blobs.size(digest_of(b"never submitted")) is None

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisegate.adapters.blobs.objects import ObjectBlobs
from noisegate.adapters.store.store import Store
from noisegate.core.errors import ConflictError, InvalidInputError, UnavailableError, UnknownNameError
from noisegate.core.ids import Digest, digest_of
from noisegate.core.item import GateState, ItemKind
from noisegate.core.modality import Role
from noisegate.flows.submit import (
    LONGEST_TEXT,
    File,
    Submission,
    Submitter,
    cleaned,
    item_id,
    shown_name,
    storable_text,
)

EPISODE = Submission(kind=ItemKind.EPISODE, texts={Role.TITLE: "Night Desk 4"}, declared={"explicit": False})


@pytest.fixture
def upload(tmp_path: Path) -> Callable[..., File]:
    """Makes a file as the API hands it over."""

    def make(name: str, content: bytes = b"words", role: Role | None = None) -> File:
        path = tmp_path / f"upload {len(list(tmp_path.iterdir()))}"
        path.write_bytes(content)
        return File(name=name, digest=digest_of(content), role=role, path=path)

    return make


def jobs(url: str) -> list[tuple[str, dict[str, str]]]:
    """Task and arguments of every job."""
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT task_name, args FROM procrastinate_jobs ORDER BY id").fetchall()


def test_an_upload_is_held_with_its_files_kept_and_its_job_queued(
    store: Store, blobs: ObjectBlobs, submitter: Submitter, upload: Callable[..., File], database_url: str
) -> None:
    """Item, ledger entry, deadline and job come to be together."""
    song = upload("song.txt", b"la la", Role.LYRICS)
    accepted = submitter.submit(replace(EPISODE, files=(song,)), owner="key:a")

    stored = store.item(accepted.item)
    assert (accepted.created, accepted.state) == (True, GateState.HELD)
    assert stored.gate.state is GateState.HELD
    assert stored.gate.deadline_at is not None
    assert [(a.name, a.digest, a.role) for a in stored.item.assets] == [("song.txt", song.digest, Role.LYRICS)]
    with blobs.local_path(song.digest) as path:
        assert Path(path).read_bytes() == b"la la"
    assert jobs(database_url) == [("assess", {"item": accepted.item})]
    assert [(e.kind, e.item, e.actor) for e in store.ledger.after()] == [("submitted", accepted.item, "key:a")]


def test_the_same_submission_again_is_the_same_item(
    submitter: Submitter, upload: Callable[..., File], database_url: str
) -> None:
    """Without a key it is named by what it says; nothing is queued twice."""
    first = submitter.submit(replace(EPISODE, files=(upload("a.txt"),)), owner="key:a")
    second = submitter.submit(replace(EPISODE, files=(upload("a.txt"),)), owner="key:a")
    assert (second.item, second.created) == (first.item, False)
    assert len(jobs(database_url)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"texts": {Role.TITLE: "Night Desk 5"}},
        {"kind": ItemKind.TRACK},
        {"creator": "somebody"},
        {"markets": frozenset({"DE"})},
        {"surface": "radio"},
        {"declared": {"explicit": True}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_differs_makes_another_item(submitter: Submitter, change: dict[str, object]) -> None:
    """Everything that was said counts."""
    first = submitter.submit(EPISODE, owner="key:a")
    assert submitter.submit(replace(EPISODE, **change), owner="key:a").item != first.item  # type: ignore[arg-type]


def test_two_owners_never_share_an_item(submitter: Submitter) -> None:
    """Neither by content nor by key."""
    owners = ["key:a", "key:b"]
    assert len({submitter.submit(EPISODE, owner=owner).item for owner in owners}) == 2
    assert len({submitter.submit(EPISODE, owner=owner, key="1").item for owner in owners}) == 2


def test_a_key_names_the_request(submitter: Submitter) -> None:
    """The same again is the same item, another key another one, and other content a conflict."""
    first = submitter.submit(EPISODE, owner="key:a", key="upload-1")
    assert submitter.submit(EPISODE, owner="key:a", key="upload-1").item == first.item
    assert submitter.submit(EPISODE, owner="key:a", key="upload-2").item != first.item
    with pytest.raises(ConflictError, match="`upload-1` was used for another request"):
        submitter.submit(replace(EPISODE, surface="radio"), owner="key:a", key="upload-1")


def test_many_at_once_under_one_key_make_one_item(submitter: Submitter, database_url: str) -> None:
    """A client that is impatient and repeats itself."""
    accepted = []
    threads = [
        threading.Thread(target=lambda: accepted.append(submitter.submit(EPISODE, owner="key:a", key="1")))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.item for one in accepted}) == 1
    assert sum(one.created for one in accepted) == 1
    assert len(jobs(database_url)) == 1


def test_a_broken_file_is_accepted_with_its_problem(
    store: Store, submitter: Submitter, upload: Callable[..., File]
) -> None:
    """The packs say what follows; nothing is lost."""
    accepted = submitter.submit(replace(EPISODE, files=(upload("film.bad"),)), owner="key:a")
    assert [asset.problem for asset in store.item(accepted.item).item.assets] == ["truncated"]


def test_a_file_that_was_sent_before_is_named_by_its_digest(
    store: Store, blobs: ObjectBlobs, submitter: Submitter, upload: Callable[..., File]
) -> None:
    """Programs send large files first and the item afterwards."""
    early = upload("a.txt", b"sent before")
    blobs.put_file(early.digest, str(early.path))
    accepted = submitter.submit(replace(EPISODE, files=(replace(early, path=None),)), owner="key:a")
    assert store.item(accepted.item).item.assets[0].size == len(b"sent before")


def test_a_digest_that_was_never_sent_is_refused(submitter: Submitter, database_url: str) -> None:
    """And nothing is accepted."""
    missing = File(name="a.txt", digest=digest_of(b"never sent"))
    with pytest.raises(UnknownNameError, match="PUT /v1/blobs"):
        submitter.submit(replace(EPISODE, files=(missing,)), owner="key:a")
    assert jobs(database_url) == []


def test_a_file_that_was_tidied_away_meanwhile_is_kept_again_or_asked_for(
    store: Store, blobs: ObjectBlobs, submitter: Submitter, upload: Callable[..., File], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It went between being probed and being referred to: an accepted item always has its files."""
    file = upload("a.txt", b"here and gone")
    probe = submitter.prober.asset

    def gone_after(path: str, **named: object) -> object:
        asset = probe(path, **named)  # type: ignore[arg-type]
        blobs.remove(file.digest)
        return asset

    monkeypatch.setattr(submitter.prober, "asset", gone_after)
    blobs.put_file(file.digest, str(file.path))
    with pytest.raises(UnknownNameError, match="send it again"):
        submitter.submit(replace(EPISODE, files=(replace(file, path=None),)), owner="key:a")
    submitter.submit(replace(EPISODE, files=(file,)), owner="key:a")
    assert blobs.size(file.digest) == len(b"here and gone")


def test_an_item_with_nothing_in_it_is_refused(submitter: Submitter) -> None:
    """Neither a file nor a word."""
    with pytest.raises(InvalidInputError, match="nothing to look at"):
        submitter.submit(Submission(kind=ItemKind.TRACK, texts={Role.TITLE: " \n"}), owner="key:a")


def test_when_the_files_cannot_be_kept_nothing_is_accepted(
    submitter: Submitter, upload: Callable[..., File], database_url: str
) -> None:
    """The caller may try again."""
    gone = replace(upload("a.txt"), digest=digest_of(b"other"))
    submitter.blobs.put_file = lambda *_: (_ for _ in ()).throw(UnavailableError("the disk is full"))  # type: ignore[method-assign]
    with pytest.raises(UnavailableError, match="disk is full"):
        submitter.submit(replace(EPISODE, files=(gone,)), owner="key:a")
    assert jobs(database_url) == []


def test_a_very_long_text_becomes_a_file(store: Store, blobs: ObjectBlobs, submitter: Submitter) -> None:
    """Ten megabytes are no row of a database; the item still says what they are."""
    long = "word " * 2_000_000
    accepted = submitter.submit(replace(EPISODE, texts={Role.DESCRIPTION: long, Role.TITLE: "t"}), owner="key:a")
    item = store.item(accepted.item).item
    assert dict(item.texts) == {Role.TITLE: "t"}
    assert [(a.name, a.role, a.size) for a in item.assets] == [("description.txt", Role.DESCRIPTION, len(long))]
    with blobs.local_path(item.assets[0].digest) as path:
        assert Path(path).read_text() == long
    assert submitter.submit(
        replace(EPISODE, texts={Role.TITLE: "t", Role.DESCRIPTION: long}), owner="key:a"
    ).created is False  # fmt: skip
    assert len(long) > LONGEST_TEXT


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("cover.jpg", "cover.jpg"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system32\\evil.dll", "evil.dll"),
        ("/", "file"),
        ("..", "file"),
        ("", "file"),
        (".htaccess", "htaccess"),
        ("a\0b.mp3", "a\ufffdb.mp3"),
        ("a\r\nb\t c.mp3", "a b c.mp3"),
        ("gpj.\u202eexe.mp3", "gpj.exe.mp3"),  # right-to-left override
        ("e\u0301.mp3", "\u00e9.mp3"),
        ("x" * 500 + ".flac", "x" * 115 + ".flac"),
        ("\ud800.mp3", "\ufffd.mp3"),
    ],
)
def test_file_names_are_made_fit_to_be_shown(sent: str, shown: str) -> None:
    """No paths, nothing invisible, nothing that turns the text around."""
    assert shown_name(sent) == shown


@given(st.text())
def test_no_file_name_is_ever_a_path(name: str) -> None:
    """Whatever was sent: one step, printable, not too long, and cleaning it again changes nothing."""
    shown = shown_name(name)
    assert 0 < len(shown) <= 120
    assert not set(shown) & set("/\\\0\n\r")
    assert shown not in {".", ".."}
    assert shown_name(shown) == shown


@given(st.text())
def test_texts_keep_their_length_when_they_are_made_storable(text: str) -> None:
    """A place in the text stays the same place."""
    stored = storable_text(text)
    assert len(stored) == len(text)
    assert "\0" not in stored
    stored.encode()


def test_files_of_one_item_have_distinct_names() -> None:
    """Parts are named by them, and texts have names too."""
    files = tuple(File(name=name, digest=Digest("")) for name in ("a.png", "x/a.png", "a.png", "title", "a-2.png"))
    names = [file.name for file in cleaned(replace(EPISODE, files=files)).files]
    assert names == ["a.png", "a-2.png", "a-3.png", "title-2", "a-2-2.png"]


def test_an_items_name_does_not_say_whether_it_came_with_a_key() -> None:
    """A key that looks like a digest is still another thing."""
    request = digest_of(b"x")
    assert item_id("key:a", key=request, request=request) != item_id("key:a", key=None, request=request)

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from noisegate.adapters.blobs.objects import ObjectBlobs
from noisegate.core.errors import InvalidInputError, UnavailableError, UnknownNameError
from noisegate.core.ids import Digest, digest_of

NOTHING = digest_of(b"nothing is kept under this")


@pytest.fixture(params=["folder", "object store"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectBlobs:
    """The same behaviour from a directory and from an object store (one in memory)."""
    return ObjectBlobs(folder=tmp_path / "blobs") if request.param == "folder" else ObjectBlobs(url="memory:///")


def keep(blobs: ObjectBlobs, tmp_path: Path, content: bytes) -> Digest:
    """Keep `content` and give its digest."""
    path = tmp_path / "upload"
    path.write_bytes(content)
    blobs.put_file(digest_of(content), str(path))
    return digest_of(content)


def read(blobs: ObjectBlobs, digest: Digest) -> bytes:
    """What is kept under `digest`."""
    with blobs.local_path(digest) as path:
        return Path(path).read_bytes()


@pytest.mark.parametrize("content", [b"", b"a song", b"x" * 3_000_000], ids=["empty", "small", "several chunks"])
def test_what_was_kept_is_read_again(blobs: ObjectBlobs, tmp_path: Path, content: bytes) -> None:
    """The bytes come back under their digest, and their size is known."""
    digest = keep(blobs, tmp_path, content)
    assert read(blobs, digest) == content
    assert blobs.size(digest) == len(content)


def test_keeping_twice_changes_nothing(blobs: ObjectBlobs, tmp_path: Path) -> None:
    """The second write is accepted and ignored."""
    assert keep(blobs, tmp_path, b"once") == keep(blobs, tmp_path, b"once")
    assert read(blobs, digest_of(b"once")) == b"once"


def test_a_copy_is_kept_and_not_the_file_itself(blobs: ObjectBlobs, tmp_path: Path) -> None:
    """Writing to the submitted file afterwards does not reach what is kept."""
    digest = keep(blobs, tmp_path, b"as submitted")
    (tmp_path / "upload").write_bytes(b"changed later")
    assert read(blobs, digest) == b"as submitted"


def test_what_a_killed_process_had_half_written_goes_after_a_day(tmp_path: Path) -> None:
    """And what another process is writing now stays."""
    folder = tmp_path / "blobs"
    ObjectBlobs(folder=folder)
    old, young = folder / "drafts" / "old", folder / "drafts" / "young"
    old.write_bytes(b"half")
    young.write_bytes(b"half")
    os.utime(old, (0, 0))
    ObjectBlobs(folder=folder)
    assert list((folder / "drafts").iterdir()) == [young]


def test_an_unknown_digest_says_how_to_send_the_file(blobs: ObjectBlobs) -> None:
    """Reading and measuring what is not there."""
    assert blobs.size(NOTHING) is None
    with pytest.raises(UnknownNameError, match="PUT /v1/blobs"), blobs.local_path(NOTHING):
        pass


@pytest.mark.parametrize("name", ["", "sha256:", "sha256:../../etc/passwd", "sha256:" + "A" * 64, "md5:" + "a" * 64])
def test_only_a_digest_names_a_file(blobs: ObjectBlobs, name: str) -> None:
    """Nothing a stranger writes can become a path."""
    with pytest.raises(InvalidInputError, match="is not a digest"):
        blobs.size(Digest(name))


def test_only_what_has_settled_is_offered_for_tidying(blobs: ObjectBlobs, tmp_path: Path) -> None:
    """A file may lie there for hours before the item that refers to it is submitted."""
    digest = keep(blobs, tmp_path, b"just sent")
    now = datetime.now(UTC)
    assert list(blobs.settled(now=now)) == []
    assert list(blobs.settled(now=now + timedelta(hours=25))) == [digest]
    blobs.remove(digest)
    blobs.remove(digest)
    assert blobs.size(digest) is None


def test_writers_at_the_same_time_leave_one_whole_file(tmp_path: Path) -> None:
    """Many uploads of the same file race; no temporary file stays."""
    blobs, content = ObjectBlobs(folder=tmp_path / "blobs"), b"popular" * 100_000
    (tmp_path / "upload").write_bytes(content)
    racers = [
        threading.Thread(target=blobs.put_file, args=(digest_of(content), str(tmp_path / "upload"))) for _ in range(8)
    ]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert read(blobs, digest_of(content)) == content
    assert len([path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]) == 1


def test_a_copy_of_a_remote_file_goes_when_it_has_been_read(tmp_path: Path) -> None:
    """Scratch space does not grow with what was looked at."""
    blobs = ObjectBlobs(url="memory:///", scratch=tmp_path)
    digest = keep(blobs, tmp_path, b"far away")
    with blobs.local_path(digest) as path:
        assert Path(path).parent == tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["upload"]


def test_a_missing_upload_is_the_stores_trouble(blobs: ObjectBlobs, tmp_path: Path) -> None:
    """The error says which file; the caller may try again."""
    with pytest.raises(UnavailableError, match="did not take sha256:"):
        blobs.put_file(NOTHING, str(tmp_path / "gone"))


@pytest.mark.parametrize("options", [{}, {"folder": Path(), "url": "memory:///"}, {"url": "ftp://example.org/x"}])
def test_an_address_that_is_none_is_refused(options: dict[str, object]) -> None:
    """Either a folder or an object store."""
    with pytest.raises(InvalidInputError):
        ObjectBlobs(**options)  # type: ignore[arg-type]

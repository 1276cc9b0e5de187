import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from weights import Server, sha

from noisegate.adapters.models.fetch import ATTEMPTS, Fetcher
from noisegate.adapters.models.package_index import Network
from noisegate.core.errors import InvalidInputError, NoisegateError, UnavailableError

DATA = bytes(range(256)) * 2000
SIZE = len(DATA)


@pytest.fixture
def fetcher(tmp_path: Path, pauses: list[float]) -> Iterator[Fetcher]:
    with Fetcher(tmp_path / "downloads", Network(timeout_s=10), pause=pauses.append) as opened:
        yield opened


@pytest.fixture
def digest() -> str:
    return sha(DATA)


def test_a_file_comes_whole_and_is_fetched_once(server: Server, fetcher: Fetcher, digest: str) -> None:
    """The second time it is taken from the folder."""
    server.files["a"] = DATA
    steps: list[int] = []
    path = fetcher.file(server.url("a"), sha256=digest, size=SIZE, notify=lambda done, _: steps.append(done))
    assert path.read_bytes() == DATA
    assert steps == sorted(steps)
    assert steps[-1] == SIZE
    assert fetcher.file(server.url("a"), sha256=digest, size=SIZE, notify=lambda *_: None) == path
    assert len(server.seen) == 1


def test_a_connection_that_breaks_halfway_is_resumed_where_it_broke(
    server: Server, fetcher: Fetcher, digest: str, pauses: list[float]
) -> None:
    """What came is kept; only the rest is asked for, and a byte of progress resets the patience."""
    server.files["a"] = DATA
    server.breaks = [200_000, 100_000]
    notes: list[str] = []
    path = fetcher.file(server.url("a"), sha256=digest, size=SIZE, notify=lambda _, note: notes.append(note))
    assert path.read_bytes() == DATA
    first, second, third = server.ranges("a")
    assert first == ""
    assert 0 < int(second[6:-1]) <= 200_000
    assert int(second[6:-1]) < int(third[6:-1]) <= 300_000
    assert any(notes)
    assert pauses == [0.5, 0.5]


def test_another_process_goes_on_where_a_killed_one_stopped(
    server: Server, tmp_path: Path, fetcher: Fetcher, digest: str
) -> None:
    """The part of a file is found by its hash."""
    server.files["a"] = DATA
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / f"{digest}.part").write_bytes(DATA[:1000])
    assert fetcher.file(server.url("a"), sha256=digest, size=SIZE, notify=lambda *_: None).read_bytes() == DATA
    assert server.ranges("a") == ["bytes=1000-"]


def test_a_server_that_cannot_resume_sends_it_again_from_the_start(
    server: Server, fetcher: Fetcher, digest: str
) -> None:
    """An answer without `Content-Range` replaces what there was."""
    server.files["a"] = DATA
    server.resumes = False
    server.breaks = [200_000]
    assert fetcher.file(server.url("a"), sha256=digest, size=SIZE, notify=lambda *_: None).read_bytes() == DATA


@pytest.mark.parametrize("junk", [b"x" * 500, b"x" * SIZE, b"x" * (SIZE + 1)])
def test_a_spoilt_part_is_thrown_away_and_fetched_anew(
    junk: bytes, server: Server, tmp_path: Path, fetcher: Fetcher, digest: str
) -> None:
    """Bytes from another time do not end in a file that never fits."""
    server.files["a"] = DATA
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / f"{digest}.part").write_bytes(junk)
    assert fetcher.file(server.url("a"), sha256=digest, size=SIZE, notify=lambda *_: None).read_bytes() == DATA


def test_another_file_under_the_address_is_refused_with_both_hashes(
    server: Server, tmp_path: Path, fetcher: Fetcher, digest: str
) -> None:
    """It is fetched once, and nothing of it stays."""
    server.files["a"] = DATA[::-1]
    with pytest.raises(InvalidInputError, match=f"is another file .*the manifest says {digest}"):
        fetcher.file(server.url("a"), sha256=digest, size=SIZE, notify=lambda *_: None)
    assert len(server.seen) == 1
    assert list((tmp_path / "downloads").iterdir()) == []


def test_a_longer_file_is_not_read_to_its_end(server: Server, fetcher: Fetcher, digest: str) -> None:
    """The size in the manifest is the most that is written to the disk."""
    server.files["a"] = DATA + b"more"
    with pytest.raises(InvalidInputError, match=f"longer than the {SIZE} bytes"):
        fetcher.file(server.url("a"), sha256=digest, size=SIZE, notify=lambda *_: None)


def test_a_shorter_file_is_not_waited_for(server: Server, tmp_path: Path, fetcher: Fetcher, digest: str) -> None:
    """The server says that this is all there is."""
    server.files["a"] = DATA[:1000]
    with pytest.raises(InvalidInputError, match=f"ends after 1000 of the {SIZE} bytes"):
        fetcher.file(server.url("a"), sha256=digest, size=SIZE, notify=lambda *_: None)
    assert len(server.seen) == 1
    assert list((tmp_path / "downloads").iterdir()) == []


def test_a_server_that_refuses_every_range_is_given_up(
    server: Server, fetcher: Fetcher, digest: str, pauses: list[float]
) -> None:
    """Starting over again and again is no progress."""
    server.files["a"] = DATA
    server.statuses = [416] * ATTEMPTS
    with pytest.raises(UnavailableError, match="cannot resume"):
        fetcher.file(server.url("a"), sha256=digest, size=SIZE, notify=lambda *_: None)
    assert len(pauses) == ATTEMPTS - 1


def test_a_server_out_of_breath_is_asked_again_after_growing_pauses(
    server: Server, fetcher: Fetcher, digest: str, pauses: list[float]
) -> None:
    """429 and 5xx pass."""
    server.files["a"] = DATA
    server.statuses = [503, 429, 502]
    fetcher.file(server.url("a"), sha256=digest, size=SIZE, notify=lambda *_: None)
    assert pauses == [0.5, 1.0, 2.0]


def test_a_server_that_never_answers_is_given_up_after_some_tries(
    server: Server, tmp_path: Path, fetcher: Fetcher, digest: str, pauses: list[float]
) -> None:
    """The part is kept for the next time, and the message says so."""
    server.files["a"] = DATA
    server.breaks = [1000, *[0] * ATTEMPTS]
    with pytest.raises(UnavailableError, match="goes on where it stopped"):
        fetcher.file(server.url("a"), sha256=digest, size=SIZE, notify=lambda *_: None)
    assert (tmp_path / "downloads" / f"{digest}.part").read_bytes() == DATA[:1000]


def test_a_missing_file_is_not_asked_for_twice(
    server: Server, fetcher: Fetcher, digest: str, pauses: list[float]
) -> None:
    """404 does not pass; a password in the address is not shown."""
    address = server.url("nothing").replace("http://", "http://me:secret@")
    with pytest.raises(UnavailableError, match="answers 404") as caught:
        fetcher.file(address, sha256=digest, size=SIZE, notify=lambda *_: None)
    assert "secret" not in str(caught.value)
    assert pauses == []


def test_a_local_file_is_used_where_it_is(tmp_path: Path, fetcher: Fetcher, digest: str) -> None:
    """Nothing is copied, but it is hashed."""
    (tmp_path / "a b").write_bytes(DATA)
    address = (tmp_path / "a b").as_uri()
    assert fetcher.file(address, sha256=digest, size=SIZE, notify=lambda *_: None) == tmp_path / "a b"
    (tmp_path / "a b").write_bytes(b"other")
    with pytest.raises(InvalidInputError, match="another file"):
        fetcher.file(address, sha256=digest, size=SIZE, notify=lambda *_: None)


def test_a_full_disk_says_how_to_get_space(server: Server, fetcher: Fetcher, digest: str) -> None:
    """A real limit on the size of files stands in for the disk."""
    server.files["a"] = DATA
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with pytest.raises(NoisegateError, match="no space is left") as caught:
            fetcher.file(server.url("a"), sha256=digest, size=SIZE, notify=lambda *_: None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "NOISEGATE_MODELS_DIR" in str(caught.value)


def test_certificates_that_pip_names_but_nobody_can_read_are_named(tmp_path: Path) -> None:
    """Before anything is asked."""
    with Fetcher(tmp_path, Network(cert="/nowhere/ca.pem")) as opened, pytest.raises(InvalidInputError, match="ca"):
        opened.page("https://127.0.0.1:9/")

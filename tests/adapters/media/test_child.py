import json
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import made_media as made
import pytest

from noisegate.adapters.media import child
from noisegate.adapters.media.limits import Limits


@pytest.fixture(autouse=True)
def cpu_limit() -> Iterator[None]:
    """These tests answer requests in their own process, which must not keep the limit."""
    before = resource.getrlimit(resource.RLIMIT_CPU)
    yield
    resource.setrlimit(resource.RLIMIT_CPU, before)


def answered(operation: str, source: Path, target: str | Path, **more: object) -> tuple[str | None, dict[str, object]]:
    request = {"operation": operation, "size_bytes": source.stat().st_size, "cpu_s": 100.0, **more}
    descriptors = [os.open(source, os.O_RDONLY), os.open(target, os.O_WRONLY)]
    kind, line = child._answer(request, descriptors, Limits())
    for descriptor in descriptors:
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(descriptor)
    return kind, json.loads(line)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """Two seconds."""
    path = tmp_path / "song"
    path.write_bytes(made.mp3(made.tone(2.0)))
    return path


def test_a_request_is_answered_on_one_line_and_its_files_are_closed(song: Path) -> None:
    """The next request is another file's."""
    kind, answer = answered("probe", song, "/dev/null", declared_name="song.mp3")
    assert kind is None
    assert answer["result"]["container"] == "mp3"  # type: ignore[index]


def test_a_failure_is_answered_with_its_kind(song: Path) -> None:
    """Named failures are answers too."""
    kind, answer = answered("probe", song, "/dev/null", declared_name="cover.png")
    assert kind == answer["kind"] == "mislabelled"
    assert ".png" in str(answer["message"])


def test_a_full_disk_is_told_from_a_broken_file(song: Path) -> None:
    """It is not the file's fault."""
    assert answered("pcm", song, "/dev/full")[0] == "no_space"


def test_an_unforeseen_fault_is_an_answer(song: Path) -> None:
    """Libraries raise anything; the child goes on."""
    kind, answer = answered("dance", song, "/dev/null")
    assert kind == "decode_failed"
    assert "KeyError" in str(answer["message"])

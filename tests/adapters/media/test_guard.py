import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import made_media as made
import numpy as np
import pytest
from PIL import Image

from noisegate.adapters.media.answers import KINDS
from noisegate.adapters.media.guard import MediaGuard
from noisegate.adapters.media.limits import MIB, Limits
from noisegate.adapters.media.process import ChildProcess
from noisegate.adapters.media.spool import PcmFile
from noisegate.core.errors import InvalidInputError, MediaError, UnavailableError, UnknownNameError


def put(folder: Path, data: bytes, name: str = "upload") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def hour(folder: Path) -> Path:
    """An hour of stereo silence that takes no room on disk and seconds to decode."""
    path = folder / "hour.wav"
    size = 3600 * 44_100 * 4
    with path.open("wb") as file:
        file.write(made.wav_header(size, channels=2))
        file.truncate(size + 44)
    return path


def child_of(guard: MediaGuard) -> ChildProcess:
    (child,) = guard._children
    return child


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """Two seconds."""
    return put(tmp_path, made.mp3(made.tone(2.0)), "song.mp3")


def test_every_operation_answers(guard: MediaGuard, song: Path, tmp_path: Path) -> None:
    """One child serves probes, sound, pictures and films."""
    assert guard.probe(song, "song.mp3").kind == "audio"
    info = guard.pcm(song, tmp_path / "song.s16le")
    assert len(PcmFile(tmp_path / "song.s16le")) == info.samples
    assert info.loudness.integrated_lufs is not None
    pixels = guard.image(put(tmp_path, made.saved(made.scene(1), "PNG"), "cover.png"), max_side=100)
    assert (pixels.shape, pixels.dtype) == ((56, 100, 3), np.uint8)
    film = put(tmp_path, made.film([made.scene(1)] * 8 + [made.scene(2)] * 8), "film.mp4")
    frames = guard.frames(film, tmp_path, max_side=160).frames
    assert [(frame.index, frame.time_s, frame.end_s, frame.why) for frame in frames] == [
        (0, 0.0, 1.0, "start"),
        (1, 1.0, 2.0, "scene"),
    ]
    for frame in frames:
        with Image.open(frame.path) as picture:
            assert picture.size == (frame.width, frame.height) == (160, 90)


@pytest.mark.parametrize(
    "name",
    [
        "with spaces.mp3",
        "with\nnew\nlines.mp3",
        "-y.mp3",
        "--help",
        "ünïcödé 音楽 🎧.mp3",
        "quotes\"and'such$(touch x).mp3",
        "concat:a|b.mp3",
        "http:example.mp3",
        "%05d.mp3",
        "pipe:0",
    ],
)
def test_names_mean_nothing(guard: MediaGuard, tmp_path: Path, name: str) -> None:
    """The child never sees a path; libraries that give meaning to names cannot."""
    path = put(tmp_path, made.mp3(made.tone(0.5)), name)
    assert guard.probe(path, name).kind == "audio"
    assert guard.pcm(path, tmp_path / f"{name}.out").samples > 0


def test_names_that_are_not_text_work(guard: MediaGuard, tmp_path: Path) -> None:
    """File names are bytes."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.mp3"))
    path.write_bytes(made.mp3(made.tone(0.5)))
    assert guard.probe(path, path.name).kind == "audio"


def test_a_failure_is_a_named_error_and_the_next_call_works(guard: MediaGuard, song: Path, tmp_path: Path) -> None:
    """The child survives what it can name."""
    for data, kind in (
        (b"", "empty"),
        (b"PK\x03\x04" + bytes(99), "unsupported"),
        (made.flat_png(12_000, 12_000), "too_large"),
    ):
        with pytest.raises(MediaError) as caught:
            guard.image(put(tmp_path, data))
        assert caught.value.kind == kind
        assert guard.probe(song).kind == "audio"


def test_what_decoding_left_behind_is_removed_when_it_fails(guard: MediaGuard, tmp_path: Path) -> None:
    """Nobody mistakes half a sound for a sound."""
    broken = put(tmp_path, made.wav(np.zeros(0, np.float32)))
    with pytest.raises(MediaError, match="nothing in it"):
        guard.pcm(broken, tmp_path / "out")
    with pytest.raises(MediaError):
        guard.frames(broken, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["upload"]


@pytest.mark.parametrize("where", ["at work", "idle"])
def test_a_child_that_is_killed_is_replaced(tmp_path: Path, song: Path, where: str) -> None:
    """At work the file's call fails with `crashed`; between calls nobody notices."""
    with MediaGuard() as guard, ThreadPoolExecutor() as threads:
        guard.probe(song)
        child = child_of(guard)
        if where == "at work":
            served = child._served
            answer = threads.submit(guard.pcm, hour(tmp_path), tmp_path / "out")
            while child._served < served + 2:  # its probe and its decode have been sent
                pass
            os.kill(child._process.pid, signal.SIGKILL)
            with pytest.raises(MediaError, match="SIGKILL") as caught:
                answer.result()
            assert caught.value.kind == "crashed"
        else:
            os.kill(child._process.pid, signal.SIGKILL)
            child._process.wait()
        assert guard.probe(song).kind == "audio"
        assert child_of(guard) is not child


def test_a_decode_beyond_its_wall_time_is_stopped(tmp_path: Path, song: Path) -> None:
    """An hour of sound in half a second is too much."""
    limits = Limits(least_wall_s=0.5, wall_factor=0.0)
    with MediaGuard(limits=limits) as guard:
        with pytest.raises(MediaError, match="longer than") as caught:
            guard.pcm(hour(tmp_path), tmp_path / "out")
        assert caught.value.kind == "timed_out"
        assert not (tmp_path / "out").exists()
        assert guard.probe(song).kind == "audio"


def test_a_decode_beyond_its_cpu_time_is_stopped(tmp_path: Path, song: Path) -> None:
    """By the kernel, whatever the parent does."""
    limits = Limits(decode_cpu_s=0.1, sound_cpu_share=0.0)
    with MediaGuard(limits=limits) as guard:
        with pytest.raises(MediaError, match="CPU seconds") as caught:
            guard.pcm(hour(tmp_path), tmp_path / "out")
        assert caught.value.kind == "timed_out"
        assert guard.probe(song).kind == "audio"


def test_cpu_time_is_counted_per_operation(song: Path, tmp_path: Path) -> None:
    """A child that has worked for long does not die of it."""
    with MediaGuard(limits=Limits(probe_cpu_s=1.0, decode_cpu_s=1.0)) as guard:
        guard.probe(song)
        child = child_of(guard)
        for _ in range(3):
            guard.pcm(put(tmp_path, made.wav(np.zeros((44_100 * 200, 2), "int16"))), tmp_path / "out")
        assert child_of(guard) is child


def test_a_decode_beyond_its_memory_is_stopped(tmp_path: Path, song: Path) -> None:
    """36 million pixels in colour need more than a tight limit."""
    big = put(tmp_path, made.saved(Image.new("RGBA", (6000, 6000)), "PNG", compress_level=1))
    with MediaGuard(limits=Limits(child_memory_bytes=400 * MIB)) as guard:
        with pytest.raises(MediaError, match="400 MiB") as caught:
            guard.image(big)
        assert caught.value.kind == "out_of_memory"
        assert guard.probe(song).kind == "audio"


def test_the_largest_allowed_picture_fits_the_default_memory(guard: MediaGuard, tmp_path: Path) -> None:
    """Limits that contradict each other would refuse what they allow."""
    big = put(tmp_path, made.saved(Image.new("RGBA", (6300, 6300), (1, 2, 3, 128)), "PNG", compress_level=1))
    assert guard.image(big).shape == (2048, 2048, 3)


def test_what_fills_the_disk_is_stopped(tmp_path: Path) -> None:
    """One file of the child has a largest size."""
    with MediaGuard(limits=Limits(spool_file_bytes=MIB)) as guard:
        with pytest.raises(MediaError, match="1,048,576") as caught:
            guard.pcm(hour(tmp_path), tmp_path / "out")
        assert caught.value.kind == "too_large"


def test_threads_share_the_children(tmp_path: Path, song: Path) -> None:
    """Two children, eight callers, no answer to the wrong one."""
    pictures = [put(tmp_path, made.saved(made.scene(1, (20 + n, 10)), "PNG"), f"{n}.png") for n in range(24)]
    with MediaGuard(workers=2) as guard, ThreadPoolExecutor(8) as threads:
        shapes = [pixels.shape for pixels in threads.map(guard.image, pictures)]
        assert shapes == [(10, 20 + n, 3) for n in range(24)]
        assert len(guard._children) <= 2


def test_children_start_with_the_first_call(song: Path) -> None:
    """A command that decodes nothing pays nothing."""
    with MediaGuard() as guard:
        assert not guard._children
        guard.probe(song)
        assert len(guard._children) == 1


def test_closing_ends_the_children_and_the_calls(tmp_path: Path, song: Path) -> None:
    """Also those at work."""
    with ThreadPoolExecutor() as threads:
        guard = MediaGuard()
        guard.probe(song)
        child = child_of(guard)
        answer = threads.submit(guard.pcm, hour(tmp_path), tmp_path / "out")
        while child._served < 3:
            pass
        guard.close()
        guard.close()
        with pytest.raises((MediaError, UnavailableError)):
            answer.result()
        assert child._process.returncode is not None
        with pytest.raises(UnavailableError, match="closed"):
            guard.probe(song)


def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    """Even when the parent is killed in the middle of a decode."""
    program = (
        "import sys\n"
        "from noisegate.adapters.media.guard import MediaGuard\n"
        "guard = MediaGuard()\n"
        "guard.probe(sys.argv[1])\n"
        "print(next(iter(guard._children))._process.pid, flush=True)\n"
        "guard.pcm(sys.argv[1], sys.argv[2])\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(hour(tmp_path)), str(tmp_path / "out")], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and alive(child):
        pass
    assert not alive(child)


def alive(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def test_the_child_knows_nothing_of_our_secrets(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the parent may hold keys and addresses."""
    monkeypatch.setenv("NOISEGATE_SECRET", "opensesame")
    seen: dict[str, str] = {}
    real = subprocess.Popen

    def record(*args: object, **kwargs: object) -> object:
        seen.update(kwargs["env"])  # type: ignore[call-overload]
        return real(*args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", record)
    with MediaGuard() as guard:
        guard.probe(song)
    assert seen
    assert "NOISEGATE_SECRET" not in seen


@pytest.mark.parametrize("operation", ["probe", "image"])
def test_what_is_no_file_is_refused(guard: MediaGuard, tmp_path: Path, operation: str) -> None:
    """A pipe would block for ever, a device never end."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(MediaError, match="not a regular file"):
            getattr(guard, operation)(path)
    for path in (tmp_path / "none", tmp_path / "none" / "deeper"):
        with pytest.raises(UnknownNameError, match="none"):
            getattr(guard, operation)(path)


def test_odd_arguments_are_refused(guard: MediaGuard, song: Path, tmp_path: Path) -> None:
    """Before anything starts."""
    with pytest.raises(InvalidInputError, match="workers"):
        MediaGuard(workers=0)
    with pytest.raises(InvalidInputError, match="max_side"):
        guard.image(song, max_side=0)
    with pytest.raises(InvalidInputError, match="per_minute"):
        guard.frames(song, tmp_path, per_minute=0)


def test_a_child_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch, song: Path) -> None:
    """Too little memory for its libraries, for example: the operator must see it."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with MediaGuard() as guard, pytest.raises(UnavailableError, match="did not start"):
        guard.probe(song)


@pytest.mark.parametrize(
    "lie",
    [
        b"nonsense",
        b"[]",
        b'{"kind": "fine"}',
        b'{"result": null}',
        b'{"result": {"height": 1000000, "width": 1000000}}',
        b'{"result": {"height": 10, "width": 10}}',
        b'{"result": {"height": -1, "width": -1}}',
        b'{"result": {"height": NaN, "width": "1"}}',
        b'{"result": {"shots": [], "path": "/etc/passwd"}}',
        b" " * (9 << 20),
    ],
    ids=lambda lie: lie[:40],
)
def test_a_child_that_lies_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, song: Path, lie: bytes
) -> None:
    """It has read a stranger's bytes; they may have taken it over."""
    liar = put(
        tmp_path,
        f"""#!{sys.executable}
import os, socket
channel = socket.socket(fileno=os.dup(0))
channel.recv(1 << 16)
os.write(1, b'{{"ready": true}}\\n')
while channel.recv(1 << 16):
    lie = {lie!r} + b"\\n"
    while lie:
        lie = lie[os.write(1, lie):]
""".encode(),
        "liar",
    )
    liar.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(liar))
    with MediaGuard() as guard:
        for call in (lambda: guard.probe(song), lambda: guard.image(song), lambda: guard.frames(song, tmp_path)):
            with pytest.raises(MediaError) as caught:
                call()
            assert caught.value.kind == "crashed"


def test_the_guard_loads_no_decoder() -> None:
    """Nothing that parses a stranger's bytes is imported where the keys are."""
    program = "import sys, noisegate.adapters.media.guard\nprint(*({'av', 'PIL', 'numpy'} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ""


@pytest.fixture(scope="module")
def seeds() -> dict[str, bytes]:
    """One small sound file of each common kind."""
    return {
        "a.mp3": made.mp3(made.tone(0.5)),
        "a.wav": made.wav(made.tone(0.1)),
        "a.flac": made.encoded(made.tone(0.3), "flac", "flac"),
        "a.ogg": made.encoded(made.tone(0.3, rate=48_000), "libopus", "ogg", rate=48_000),
        "a.m4a": made.m4a(made.tone(0.3)),
        "a.mp4": made.film([made.scene(1), made.scene(2)], sound=made.tone(0.2)),
        "a.mkv": made.film([made.scene(1), made.scene(2)], form="matroska"),
        "a.avi": made.film([made.scene(1), made.scene(2)], form="avi", codec="mpeg4"),
        "a.png": made.saved(made.scene(1, (32, 32)), "PNG"),
        "a.jpg": made.saved(made.scene(1, (32, 32)), "JPEG"),
        "a.gif": made.saved(made.scene(1, (32, 32)), "GIF"),
        "a.webp": made.saved(made.scene(1, (32, 32)), "WEBP"),
        "a.tiff": made.saved(made.scene(1, (32, 32)), "TIFF"),
    }


def mutations(seeds: dict[str, bytes], rounds: int) -> Iterator[tuple[str, bytes]]:
    dice = random.Random(20)
    for _ in range(rounds):
        for name, data in seeds.items():
            copy = bytearray(data)
            for _ in range(dice.choice((1, 3, 20))):
                copy[dice.randrange(len(copy))] = dice.choice((0, 0xFF, 0x7F, 0x80, dice.randrange(256)))
            if dice.random() < 0.3:
                del copy[dice.randrange(len(copy)) :]
            yield name, bytes(copy)


def kind_of(guard: MediaGuard, path: Path, name: str, folder: Path) -> str:
    """How decoding a file fails; empty when it does not."""
    try:
        guard.probe(path, name)
        if name.endswith(("png", "jpg", "gif", "webp", "tiff")):
            guard.image(path)
        elif name.endswith(("mkv", "avi")):
            guard.frames(path, folder)
        else:
            guard.pcm(path, folder / "out")
    except MediaError as error:
        return error.kind
    return ""


def test_damaged_files_of_every_kind_are_answered(guard: MediaGuard, seeds: dict[str, bytes], tmp_path: Path) -> None:
    """Hundreds of broken files: each gives an answer or a named error, and none of them costs the child."""
    guard.probe(put(tmp_path, seeds["a.mp3"]))
    child = child_of(guard)
    kinds = {kind_of(guard, put(tmp_path, data), name, tmp_path) for name, data in mutations(seeds, rounds=12)}
    assert kinds <= {"", *KINDS} - {"crashed", "timed_out", "out_of_memory"}
    assert len(kinds) > 3
    assert child_of(guard) is child


def test_a_crash_in_one_thread_does_not_reach_another(tmp_path: Path, song: Path) -> None:
    """Each child serves one file at a time."""
    with MediaGuard(workers=2) as guard, ThreadPoolExecutor() as threads:
        ready = threading.Barrier(2)

        def first() -> str:
            ready.wait()
            with pytest.raises(MediaError) as caught:
                guard.image(put(tmp_path, made.flat_png(12_000, 12_000), "bomb.png"))
            return caught.value.kind

        def second() -> str:
            ready.wait()
            return guard.probe(song).kind

        assert [one.result() for one in (threads.submit(first), threads.submit(second))] == ["too_large", "audio"]

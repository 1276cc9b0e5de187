import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from noisegate.children import Child, Stop

pytestmark = pytest.mark.processes

PROGRAMS = {
    "waiting": "import signal, sys; print('here', flush=True); signal.pause()",
    "ending": "import sys; print('no such pack', file=sys.stderr); sys.exit(3)",
    "stubborn": "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); signal.pause()",
    "parent": """
import signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
print(child.pid, flush=True)
signal.pause()
""",
    "serving": """
import socket, sys
listening = socket.socket(fileno=int(sys.argv[sys.argv.index("--fd") + 1]))
while True:
    caller, _ = listening.accept()
    caller.sendall(b"hello")
    caller.close()
""",
}
SUPERVISOR = """
import sys, time
from pathlib import Path
from noisegate.children import Child
child = Child(name="parent", module="parent", log=Path(sys.argv[1]), grace_s=1)
child.start({"PYTHONPATH": sys.argv[2]})
while not child.log.read_text().strip():
    time.sleep(0.01)
print(child.process.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    """Makes a child that runs one of the programs above; none is left afterwards."""
    for name, source in PROGRAMS.items():
        (tmp_path / f"{name}.py").write_text(source)
    made: list[Child] = []

    def build(name: str, **options: object) -> Child:
        child = Child(name=name, module=name, log=tmp_path / "logs" / f"{name}.log", grace_s=5.0, **options)  # type: ignore[arg-type]
        made.append(child)
        return child

    yield build
    for child in made:
        if child.process is not None:
            os.kill(child.process.pid, signal.SIGKILL)
            child.process.wait()


def start(child: Child) -> None:
    child.start({**os.environ, "PYTHONPATH": str(child.log.parents[1])})


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come true in time")
        threading.Event().wait(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except FileNotFoundError:
        return False


def pid_of(child: Child) -> int:
    assert child.process is not None
    return child.process.pid


def test_a_child_that_ends_by_itself_leaves_its_last_words(make: Callable[..., Child]) -> None:
    """A supervisor that gives up shows why, without anybody opening a log."""
    child = make("ending")
    start(child)
    until(child.ended)
    assert child.bury() == "ended with status 3"
    assert "no such pack" in child.last_words()
    assert str(child.log) in child.last_words()


def test_only_words_since_the_last_start_are_shown(make: Callable[..., Child]) -> None:
    """What an earlier process said explains nothing."""
    child = make("waiting")
    child.log.parent.mkdir()
    child.log.write_text("long ago\n")
    start(child)
    until(lambda: "here" in child.log.read_text())
    assert "long ago" not in child.last_words()


def test_a_killed_child_may_start_again_at_once_and_one_that_keeps_dying_waits_longer(
    make: Callable[..., Child],
) -> None:
    """One accident costs nothing; a fault that stays does not burn the processor."""
    child = make("ending")
    pauses = []
    for _ in range(3):
        start(child)
        until(child.ended)
        child.bury()
        pauses.append(round(child.not_before - time.monotonic(), 1))
    assert pauses == [0.0, 0.5, 1.0]
    assert child.deaths == 3


def test_a_child_takes_what_it_started_along(make: Callable[..., Child]) -> None:
    """A killed worker leaves no decoder behind."""
    child = make("parent")
    start(child)
    until(lambda: child.log.read_text().strip())
    grandchild = int(child.log.read_text())
    os.kill(pid_of(child), signal.SIGKILL)
    until(child.ended)
    assert child.bury() == "was ended by SIGKILL"
    until(lambda: not alive(grandchild))


def test_a_child_that_does_not_want_to_end_is_killed_when_its_time_is_up(make: Callable[..., Child]) -> None:
    """Stopping always comes to an end."""
    child = make("stubborn")
    child.grace_s = 0.2
    start(child)
    until(lambda: "here" in child.log.read_text())
    pid = pid_of(child)
    child.end(Stop())
    assert not alive(pid)


def test_nothing_is_waited_for_when_there_is_a_hurry(make: Callable[..., Child]) -> None:
    """The second Ctrl-C means now."""
    child = make("stubborn")
    child.grace_s = 3600
    start(child)
    until(lambda: "here" in child.log.read_text())
    with Stop() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert (stop.wait(10), stop.hurry) == (True, False)
        os.kill(os.getpid(), signal.SIGINT)
        until(lambda: stop.hurry)
        child.end(stop)
    assert child.process is None


@pytest.mark.usefixtures("make")
def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    """`kill -9` of the supervisor leaves no orphan."""
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(tmp_path / "log"), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert supervisor.stdout is not None
    with supervisor:
        pid = int(supervisor.stdout.readline())
        assert alive(pid)
        supervisor.kill()
    until(lambda: not alive(pid))
    os.kill(int((tmp_path / "log").read_text()), signal.SIGKILL)  # no decoder of ours: this one has to be ended by hand


def test_callers_wait_while_a_dead_server_is_replaced(make: Callable[..., Child]) -> None:
    """The socket is the supervisor's: nobody is turned away between two servers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        child = make("serving", lent=listening.fileno())
        start(child)
        with socket.create_connection(listening.getsockname(), timeout=20) as caller:
            assert caller.recv(5) == b"hello"
        os.kill(pid_of(child), signal.SIGKILL)
        until(child.ended)
        child.bury()
        with socket.create_connection(listening.getsockname(), timeout=20) as caller:
            assert not select.select([caller], [], [], 0)[0]
            start(child)
            assert caller.recv(5) == b"hello"


def test_a_log_that_grew_too_large_is_kept_once_and_begun_anew(
    make: Callable[..., Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A talkative child cannot fill the disk, and goes on writing where the log now ends."""
    monkeypatch.setattr("noisegate.children._LARGEST_LOG", 3)
    child = make("waiting")
    start(child)
    until(lambda: child.log.read_text() == "here\n")
    child.trim_log()
    assert child.log.read_text() == ""
    assert child.log.with_suffix(".log.1").read_text() == "here\n"

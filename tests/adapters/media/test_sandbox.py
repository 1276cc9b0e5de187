import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, socket, subprocess, sys, threading
from noisegate.adapters.media.limits import Limits
from noisegate.adapters.media.sandbox import allow_cpu, confine, start_nothing_more
version = confine(Limits(spool_file_bytes=1000))
start_nothing_more()
out = sys.stdout
try:
    {attempt}
    out.write("done")
except BaseException as error:
    out.write(type(error).__name__)
out.write(f" {{version}}")
out.flush()
"""


def attempted(attempt: str, *arguments: str, needs: int = 1) -> str:
    """What became of it in a confined process; skipped where Landlock is older than the version it needs."""
    program = PROGRAM.format(attempt=attempt)
    answer = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    outcome, _, version = answer.stdout.rpartition(" ")
    if version and int(version) < needs:
        pytest.skip(f"this kernel has version {version} of Landlock, and this needs {needs}")
    return outcome or f"status {answer.returncode}"


@pytest.mark.parametrize(
    ("attempt", "needs"),
    [
        ("open(sys.argv[1]).read()", 1),
        ("open(sys.argv[1] + 'new', 'w')", 1),
        ("os.unlink(sys.argv[1])", 1),
        ("os.mkdir(sys.argv[1] + 'dir')", 1),
        ("os.listdir(os.path.dirname(sys.argv[1]))", 1),
        ("open('/etc/passwd').read()", 1),
        ("open(f'/proc/{os.getppid()}/environ').read()", 1),
        ("subprocess.run(['/bin/true'], check=True)", 1),
        ("socket.create_connection(('127.0.0.1', 9))", 4),
        ("os.kill(os.getppid(), 0)", 6),
    ],
)
def test_a_confined_process_reaches_nothing(tmp_path: Path, attempt: str, needs: int) -> None:
    """No file, no folder, no program, no network, no other process."""
    secret = tmp_path / "secret"
    secret.write_text("opensesame")
    assert attempted(attempt, str(secret), needs=needs) in {"PermissionError", "BlockingIOError"}
    assert secret.exists()


def test_a_confined_process_can_still_import(tmp_path: Path) -> None:
    """Libraries load parts of themselves late."""
    assert attempted("import wave, email.message") == "done"


def test_an_open_file_is_still_open_and_has_a_largest_size(tmp_path: Path) -> None:
    """Descriptors are all a confined process has."""
    out = tmp_path / "out"
    program = PROGRAM.format(attempt="os.write(2, bytes(600)); os.write(2, bytes(600)); os.write(2, bytes(600))")
    with out.open("wb") as file:
        answer = subprocess.run(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=file, text=True, check=False
        )
    assert answer.stdout.startswith("OSError")
    assert out.stat().st_size == 1000


def test_memory_has_an_end() -> None:
    """The limit is on address space: asking is already too much."""
    assert attempted("bytearray(2 << 30)") == "MemoryError"


def test_cpu_time_has_an_end() -> None:
    """The kernel ends the process."""
    assert attempted("allow_cpu(0.1)\n    while True: pass") == "status -24"

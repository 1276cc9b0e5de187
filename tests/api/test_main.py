"""The API as a process of its own: how it starts, what it says when it cannot, how it stops."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import small_world

pytestmark = pytest.mark.processes

SUPPORT = Path(small_world.__file__).parent


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Settings of an installation in `folder`."""
    return {**os.environ, "PYTHONPATH": str(SUPPORT), "NOISEGATE_DATA_DIR": str(folder / "data"), **settings}


@contextmanager
def serving(settings: Mapping[str, str]) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """An API process on a socket it is lent, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as lent:
        process = subprocess.Popen(
            [sys.executable, str(SUPPORT / "run_small.py"), "api", str(lent.fileno())],
            env=dict(settings),
            pass_fds=[lent.fileno()],
            stderr=subprocess.DEVNULL,
        )
        try:
            yield process, f"http://127.0.0.1:{lent.getsockname()[1]}"
        finally:
            process.kill()
            process.wait()


def test_the_document_is_printed_without_opening_anything(tmp_path: Path) -> None:
    """For whoever generates a client."""
    printed = subprocess.run(
        [sys.executable, "-m", "noisegate.api", "--openapi"],
        env=environment(tmp_path),
        capture_output=True,
        check=True,
    )
    assert json.loads(printed.stdout)["info"]["title"] == "Noisegate"
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("module", ["noisegate.api", "noisegate.worker"])
def test_what_is_missing_is_said_in_one_line(tmp_path: Path, module: str) -> None:
    """No traceback: what was wrong and what to type."""
    ended = subprocess.run(
        [sys.executable, "-m", module],
        env=environment(tmp_path, NOISEGATE_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none"),
        capture_output=True,
        check=False,
        text=True,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ")
    assert "Traceback" not in ended.stderr


def test_it_stops_when_it_is_asked_although_somebody_follows_its_events(tmp_path: Path, database_url: str) -> None:
    """A stream without an end must not hold it up."""
    small_world.write_packs(tmp_path / "packs")
    packs = str(tmp_path / "packs")
    settings = environment(tmp_path, NOISEGATE_DATABASE_URL=database_url, NOISEGATE_PACKS_DIR=packs)
    with small_world.SmallSystem(small_world.small_settings(tmp_path, database_url)) as system:
        _, secret = system.store.keys.create("test", ["admin"])
    with serving(settings) as (process, address):
        headers = {"authorization": f"Bearer {secret}"}
        with httpx.stream("GET", f"{address}/v1/events", headers=headers, timeout=20, trust_env=False) as stream:
            assert stream.status_code == 200
            process.send_signal(signal.SIGTERM)
            assert not [line for line in stream.iter_lines() if line.startswith("data")]
        assert process.wait(20) == 0

import os
import subprocess
import sys
from pathlib import Path

import pytest

START = "import noisegate, onnxruntime; onnxruntime.get_all_providers(); onnxruntime.SessionOptions()"


def started(folder: Path, code: str) -> list[str]:
    """The files that a process leaves in its home and temporary folder."""
    quiet = {name: value for name, value in os.environ.items() if "TELEMETRY" not in name and name != "CI"}
    env = {**quiet, "TMPDIR": str(folder), "HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
    subprocess.run([sys.executable, "-B", "-c", code], env=env, check=True, timeout=60)
    return [path.name for path in folder.rglob("*")]


def test_no_library_reports_on_its_use(tmp_path: Path) -> None:
    """The runtime of our models would name this machine with an identifier and send it home; it does not begin to."""
    pytest.importorskip("onnxruntime")
    assert started(tmp_path, START) == []

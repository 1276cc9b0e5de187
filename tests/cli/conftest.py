"""Commands, run in this process on an installation of the test's own."""

from pathlib import Path

import pytest
from commands import Command, here, installation


@pytest.fixture
def noisegate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Command:
    """`noisegate("scan", path, ...)` gives exit code, standard output and standard error."""
    home = tmp_path / "installation"
    for name, value in installation(home).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return here(capsysbinary, monkeypatch)

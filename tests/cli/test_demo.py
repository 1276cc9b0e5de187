import socket
from pathlib import Path

import pytest
from rich.console import Console

from noisegate.cli import demo
from noisegate.core.errors import UnknownNameError
from noisegate.settings import Settings


def test_without_the_repository_the_message_says_where_the_uploads_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An installed wheel has no examples; nothing is started or removed before that is known."""
    monkeypatch.setattr(demo, "UPLOADS", tmp_path / "examples" / "uploads")
    monkeypatch.setenv("NOISEGATE_DATA_DIR", str(tmp_path / "data"))
    with pytest.raises(UnknownNameError, match="part of the repository") as error:
        demo.demo(once=True)
    assert "make demo" in str(error.value)
    assert not (tmp_path / "data").exists()


def test_the_demo_takes_another_port_when_its_own_is_taken(tmp_path: Path) -> None:
    """Nobody relies on the number, so nobody has to look for what holds it."""
    console = Console(width=100, color_system=None)
    with socket.create_server(("127.0.0.1", 0)) as taken, console.capture() as said:
        port = taken.getsockname()[1]
        wanted = Settings(data_dir=tmp_path, host="127.0.0.1", port=port)
        assert demo._with_free_port(wanted, console).port == 0
    assert f"port {port} of 127.0.0.1 is taken" in said.get()

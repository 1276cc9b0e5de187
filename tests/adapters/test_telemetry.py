import io
import sys
from collections.abc import Iterator

import pytest
import structlog

from noisegate.adapters.telemetry import log_to_stderr


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Other tests log as they like."""
    yield
    structlog.reset_defaults()


def test_an_event_goes_to_what_standard_error_is_when_it_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed standard error of before must not end the thread that logs."""
    before, now = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", before)
    log_to_stderr()
    log = structlog.get_logger()
    log.info("first")
    before.close()
    monkeypatch.setattr(sys, "stderr", now)
    log.info("second")
    assert "second" in now.getvalue()

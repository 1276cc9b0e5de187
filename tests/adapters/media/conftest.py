"""One decoder for all tests of this folder, and the module that makes media for them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from noisegate.adapters.media.guard import MediaGuard

sys.path.insert(0, str(Path(__file__).parent))  # for `made_media`


@pytest.fixture(scope="module")
def guard() -> Iterator[MediaGuard]:
    """A decoder with the default limits."""
    with MediaGuard() as one:
        yield one

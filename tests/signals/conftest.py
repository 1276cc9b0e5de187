from collections.abc import Callable
from typing import Any

import pytest

from noisegate.core.errors import NotInstalledError
from noisegate.core.signal import LoadContext, Signal
from noisegate.testing import installed_context


@pytest.fixture(scope="session")
def load_context() -> LoadContext:
    """The weights of this installation, one thread, no banks."""
    return installed_context()


@pytest.fixture
def load(load_context: LoadContext, request: pytest.FixtureRequest) -> Callable[[Signal[Any, Any]], Any]:
    """Loads a signal's model; only a test marked `models` may be skipped for missing weights."""

    def loaded(signal: Signal[Any, Any]) -> Any:
        try:
            return signal.load(load_context)
        except NotInstalledError as error:
            if request.node.get_closest_marker("models") is None:
                raise
            pytest.skip(str(error))

    return loaded

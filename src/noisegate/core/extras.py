"""The one way to import a heavy or optional library: late, and with an error that says what to install."""

import importlib
from typing import Any

from noisegate.core.errors import NotInstalledError


def require(module: str, *, extra: str) -> Any:
    """Import `module`, which the extra `extra` installs.

    Raises:
        NotInstalledError: the library is not there; the message names the extra.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and not module.startswith(error.name):
            raise
        raise NotInstalledError(
            f"`{module}` is not installed, and the extra `{extra}` needs it",
            hint=f"pip install 'noisegate[{extra}]'",
        ) from error

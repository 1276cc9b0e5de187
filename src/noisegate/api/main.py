"""The API process: one uvicorn server, on a socket it is lent or on the address that the settings name."""

import argparse
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import orjson
import uvicorn

from noisegate.adapters.telemetry import log_to_stderr
from noisegate.api.app import create_app
from noisegate.core.errors import NoisegateError
from noisegate.embedded import database
from noisegate.engine.catalogue import Catalogue
from noisegate.settings import Settings
from noisegate.system import System

_GRACE_S = 5
"""Seconds that running requests get to finish when the process is asked to stop."""
_QUIET_S = 30
"""Seconds a connection without a request is kept."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the installation that the settings describe; exits 1 when it cannot start."""
    options = argparse.ArgumentParser(prog="python -m noisegate.api", description=__doc__)
    options.add_argument("--fd", type=int, help="number of a listening socket that was lent to this process")
    options.add_argument("--openapi", action="store_true", help="print the document that describes the API, and end")
    chosen = options.parse_args(arguments)
    if chosen.openapi:
        sys.stdout.write(described())
        return
    log_to_stderr()
    try:
        settings = Settings()
        with database(settings) as url, System(settings.model_copy(update={"database_url": url})) as system:
            run(system, descriptor=chosen.fd)
    except NoisegateError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(error.exit_code) from error


def described() -> str:
    """The OpenAPI document, the same on every machine; nothing is opened for it."""
    document = create_app(System(Settings(), catalogue=Catalogue([]))).openapi()
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode() + "\n"


def run(system: System, *, descriptor: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        system: The installation.
        descriptor: A listening socket; None to make one for the settings' host and port.

    Raises:
        NoisegateError: it cannot start: the database, a pack, a setting.
    """
    _ = system.store, system.packs  # what is wrong with them is said in one line, before the server starts
    app = create_app(system)
    server = _Server(
        uvicorn.Config(
            app,
            host=system.settings.host,
            port=system.settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
            timeout_keep_alive=_QUIET_S,
        )
    )
    # uvicorn's own `fd` takes every socket for a Unix one and leaves Nagle's algorithm on: 40 ms for every answer.
    server.run(sockets=None if descriptor is None else [socket.socket(fileno=descriptor)])
    if not server.started:
        raise SystemExit(1)


class _Server(uvicorn.Server):
    """Ends streams that would never end by themselves when it is asked to stop, and then leaves in an orderly way."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See uvicorn, which would raise the signal again at the end and so skip what its caller has to close."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """See uvicorn."""
        state = self.config.app.state  # type: ignore[union-attr]  # it is the FastAPI application that `run` gave
        if hasattr(state, "api"):
            state.loop.call_soon_threadsafe(state.api.live.close)
        super().handle_exit(sig, frame)

"""What the routes share: one installation, and the few things that live as long as the API process."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from anyio import CapacityLimiter
from fastapi import Request

from noisegate.api.intake import Incoming, Limits
from noisegate.api.keys import Keyring
from noisegate.api.live import Live
from noisegate.system import System

_UPLOADS_AT_ONCE = 16
"""Uploads that are looked at and kept at a time; the others wait here and not in the threads that answer everybody."""
_VERDICTS_AT_ONCE = 64
"""Threads that wait for verdicts; the signals' lanes do the work, so waiting threads cost little."""


@dataclass(frozen=True)
class Api:
    """Shared by the routes of one application."""

    system: System
    keyring: Keyring
    incoming: Incoming
    limits: Limits
    live: Live
    uploads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_UPLOADS_AT_ONCE))
    judges: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_VERDICTS_AT_ONCE, thread_name_prefix="verdict")
    )

    @classmethod
    def of(cls, system: System) -> "Api":
        """For `system`. Opens its store; raises NoisegateError when that cannot be."""
        settings = system.settings
        return cls(
            system=system,
            keyring=Keyring(system.store.keys),
            incoming=Incoming(settings.data_dir / "incoming"),
            limits=Limits(file_bytes=settings.max_upload_bytes),
            live=Live(system.store.feed, system.store.ledger),
        )


def api(request: Request) -> Api:
    """The shared things, in a route."""
    found: Api = request.app.state.api
    return found

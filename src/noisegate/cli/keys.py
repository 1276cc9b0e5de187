"""`noisegate key create|list|revoke`: straight on the database, for whoever may read it."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from noisegate.adapters.store.records import ApiKey
from noisegate.adapters.store.store import Store
from noisegate.cli.output import write_json
from noisegate.cli.present import paper
from noisegate.core.errors import UnknownNameError
from noisegate.embedded import database
from noisegate.settings import Settings

SCOPES = {
    "submit": "send uploads and ask for verdicts",
    "read": "see items, decisions, packs, signals and events",
    "admin": "everything, keys and webhooks included",
}
_ACTOR = "command line"


def create(name: str, scopes: Sequence[str], *, json: bool) -> None:
    """Make a key and print its secret, once."""
    for scope in scopes:
        if scope not in SCOPES:
            allowed = "; ".join(f"`{known}`: {meaning}" for known, meaning in SCOPES.items())
            raise UnknownNameError.among("scope", scope, SCOPES, hint=f"allowed are {allowed}")
    with _store() as store:
        key, secret = store.keys.create(name, scopes, actor=_ACTOR)
    if json:
        write_json({**_shape(key), "secret": secret})
        return
    sys.stdout.write(f"{secret}\n")
    Console(stderr=True).print(
        f"{key.id} ({', '.join(sorted(key.scopes))}); the line above is its secret and cannot be shown again",
        style="dim",
        markup=False,
        highlight=False,
    )


def list_keys(*, json: bool) -> None:
    """Every key, revoked ones too, without secrets."""
    with _store() as store:
        keys = store.keys.all()
    if json:
        write_json([_shape(key) for key in keys])
        return
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for column in ("key", "name", "may", "made", "last used", "revoked"):
        table.add_column(column, no_wrap=column != "name")
    for key in keys:
        style = "dim" if key.revoked_at else ""
        times = (_when(key.created_at), _when(key.last_used_at), _when(key.revoked_at))
        table.add_row(*(Text(cell, style) for cell in (key.id, key.name, ", ".join(sorted(key.scopes)), *times)))
    paper().print(table)


def revoke(key_id: str, *, json: bool) -> None:
    """From now on the key opens nothing."""
    with _store() as store:
        known = [key.id for key in store.keys.all() if key.revoked_at is None]
        if key_id not in known:
            raise UnknownNameError.among("valid key", key_id, known, hint="`noisegate key list` shows them")
        store.keys.revoke(key_id, actor=_ACTOR)
    if json:
        write_json({"id": key_id, "revoked": True})
    else:
        Console().print(f"{key_id} is revoked; a running API may still take it for a few seconds", highlight=False)


@contextmanager
def _store() -> Iterator[Store]:
    with database(Settings()) as url, Store(url, size=1) as store:
        yield store


def _shape(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }


def _when(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"

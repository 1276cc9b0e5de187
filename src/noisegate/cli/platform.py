"""`noisegate up|submit|migrate`: the platform of this machine, started, used and kept up to date."""

import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from noisegate.children import Stop
from noisegate.cli.board import Row, results
from noisegate.cli.client import Client, connect, is_decided
from noisegate.cli.item_files import Overrides, read_draft
from noisegate.cli.output import complain, visible, write_json
from noisegate.cli.present import STYLES, paper
from noisegate.core.errors import NoisegateError
from noisegate.core.policy import Action
from noisegate.embedded import Platform, database
from noisegate.settings import Settings

_STATES = {action.gate.value: STYLES[action] for action in Action}


def up(*, host: str | None, port: int | None) -> None:
    """Start everything, say where it is, and serve until somebody asks to stop."""
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = Settings(**given)  # type: ignore[arg-type]  # flags win over everything else
    console = Console(stderr=True)
    with Stop() as stop:
        with Platform(settings, stop, say=lambda line: tell(console, line)) as platform:
            if platform.ready:
                welcome(platform)
                platform.serve()
            tell(console, "stopping")
        tell(console, "stopped")


def welcome(platform: Platform) -> None:
    """Where it listens, and what to do next. Scripts read the address from here, so it is written at once."""
    key, command = shown(platform.key_file), program()
    lines = [
        f"Noisegate is open for uploads at {platform.url}",
        "",
        f"  administrator's key   {key}",
        f"  send an upload        {command} submit PATH --wait 60",
        f'  look at the uploads   curl -H "Authorization: Bearer $(cat {key})" {platform.url}/v1/items',
        f"  every route           {platform.url}/openapi.json",
        f"  logs                  {shown(platform.logs)}",
        "",
        "Ctrl-C stops everything.",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def submit(paths: Sequence[Path], *, wait: float, json: bool) -> None:
    """Send every upload; exits 1 when one was refused, or had no decision in the time that was given."""
    console = Console(stderr=True)
    refused = 0
    rows: list[Row] = []
    with connect(Settings()) as client:
        for path in paths:
            try:
                rows.append(_sent(client, path))
            except NoisegateError as error:
                if len(paths) == 1:
                    raise
                refused += 1
                complain(f"{path}: {error}")
        deadline = time.monotonic() + wait
        for row in rows if wait else ():
            with console.status(f"{visible(row.name)}: {row.state}") if not json else nullcontext():
                left = max(0.0, deadline - time.monotonic())
                _note(row, client.decided(row.item, within_s=left, pause=time.sleep))
    _print(rows, waited=wait > 0, json=json)
    undecided = [row for row in rows if wait and not is_decided(row.record)]
    for row in undecided:
        tell(console, f"{visible(row.name)}: no decision after {wait:g} s; it is still {row.state}")
    if refused or undecided:
        raise SystemExit(1)


def bring_up_to_date() -> None:
    """Migrate the database."""
    from noisegate.adapters.store.migrate import migrate

    with database(Settings()) as url:
        revision = migrate(url)
    Console().print(f"the database is at revision {revision}", highlight=False)


def tell(console: Console, line: str) -> None:
    """One line of what happens, for whoever watches."""
    console.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)


def shown(path: Path) -> str:
    """A path as short as it can be typed here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def program() -> str:
    """What to type for this command: its name where a shell finds it, else where it lies."""
    own = Path(sys.argv[0]).absolute()
    return "noisegate" if shutil.which("noisegate") else shown(own)


def _sent(client: Client, path: Path) -> Row:
    draft = read_draft(path, Overrides())
    accepted = client.submit(draft)
    return Row(name=draft.name, kind=draft.kind.value, item=accepted["id"], state=accepted["state"], record=accepted)


def _note(row: Row, record: Mapping[str, Any]) -> None:
    row.record, row.state = record, record["state"]
    row.seconds = record["timings"].get("total")


def _print(rows: Sequence[Row], *, waited: bool, json: bool) -> None:
    if json:
        for row in rows:
            write_json({"name": row.name, **row.record})
        return
    console = paper()
    for row in rows:
        state = Text(row.state.replace("_", " "), _STATES.get(row.state, ""))
        console.print(Text.assemble(row.item, "  ", state, "  ", visible(row.name)), soft_wrap=True)
    decided = [row for row in rows if waited and is_decided(row.record)]
    if decided:
        console.print(results(decided))

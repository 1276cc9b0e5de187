"""`noisegate models list|pull|verify`."""

from collections.abc import Sequence
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TransferSpeedColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from noisegate.adapters.models.registry import ModelState, Pulling, State, Step
from noisegate.cli.output import write_json
from noisegate.cli.present import paper
from noisegate.settings import Settings
from noisegate.system import System


def list_models(*, json: bool) -> None:
    """One line or object per model, with the signals that load it."""
    with System(Settings()) as system:
        _show(system, system.registry.list(), json=json)


def verify_models(*, json: bool) -> None:
    """Hash every file again; exits 1 when an installed one is not what its manifest says."""
    with System(Settings()) as system:
        states = system.registry.verify()
        _show(system, states, json=json)
    if any(state.state is State.BROKEN for state in states):
        raise SystemExit(1)


def pull_models(names: Sequence[str], *, json: bool) -> None:
    """Fetch what is missing or broken; a bar on terminals, a line a model elsewhere."""
    console = Console(stderr=True)
    with System(Settings()) as system, _Show(console) as show:
        states = system.registry.pull(names, show)
        if json:
            _show(system, states, json=True)


class _Show:
    """Draws the progress of a pull on standard error."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._bars = Bars(*columns, console=console, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bars.stop()

    def __call__(self, sign: Pulling) -> None:
        name = f"{sign.model} {sign.file}".strip()
        if sign.note:
            self._console.print(f"{name}: {sign.note}", markup=False)
        if sign.step is Step.FETCHING:
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task(name, total=sign.total or None)
                if not self._console.is_terminal:
                    self._console.print(f"{name}: fetching {sign.total / 1e6:.0f} MB", markup=False)
            self._bars.update(self._tasks[name], completed=sign.done)
        elif sign.step in {Step.STORED, Step.WAITING}:
            self._console.print(f"{sign.model}: {sign.step.value}", markup=False)


def _show(system: System, states: Sequence[ModelState], *, json: bool) -> None:
    users: dict[str, list[str]] = {}
    for signal in system.catalogue:
        if signal.weights is not None:
            users.setdefault(signal.weights.model, []).append(signal.spec.name)
    if json:
        shape = [_shape(state, users.get(state.manifest.name, [])) for state in states]
        write_json(shape)
        return
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for column in ("model", "state", "size"):
        table.add_column(column, no_wrap=True)
    table.add_column("what it is, and what uses it", ratio=1)
    for state in states:
        manifest = state.manifest
        used = ", ".join(users.get(manifest.name, [])) or "no signal"
        told = Text.assemble(manifest.upstream, (f"\n{used}; weights: {manifest.licence.weights}", "dim"))
        table.add_row(manifest.name, state.state.value, f"{_size(state) / 1e6:.1f} MB", told)
        if state.problem:
            table.add_row("", "", "", Text(state.problem, "yellow"))
    paper().print(table)


def _shape(state: ModelState, users: Sequence[str]) -> dict[str, Any]:
    manifest = state.manifest
    return {
        "name": manifest.name,
        "state": state.state.value,
        "problem": state.problem,
        "bytes": _size(state),
        "digest": manifest.digest,
        "upstream": manifest.upstream,
        "purpose": manifest.purpose,
        "licence": {"code": manifest.licence.code, "weights": manifest.licence.weights},
        "folder": str(state.folder),
        "signals": list(users),
    }


def _size(state: ModelState) -> int:
    return sum(file.size for file in state.manifest.files)

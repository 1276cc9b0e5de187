"""What is being computed, on standard error: a line that changes on a terminal, nothing elsewhere."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console

from noisegate.cli.output import shortened, visible


class Progress:
    """A `core.ports.Progress` that a person can watch. Use as a context manager."""

    def __init__(self, console: Console, name: str) -> None:
        """Show how `name` is getting on."""
        self._name = shortened(visible(name), 40)
        self._width = console.width - 4  # beside the spinner
        self._answers = 0
        self._status = console.status(f"{self._name}  looking")

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.stop()

    def __call__(self, event: str, details: Mapping[str, Any]) -> None:
        """Take note of an event of `flows.assess`."""
        if event != "signal":
            return
        self._answers += 1
        awaited = f", {details['awaited']} awaited" if details["awaited"] else ""
        told = f"{self._name}  {self._answers} answers{awaited}  {details['signal']} on {visible(details['part'])}"
        self._status.update(shortened(told, self._width))

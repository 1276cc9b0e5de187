"""The signals that exist, by name, as the assembly gives them. A duplicate name is an error, a miss offers the nearest."""

from collections.abc import Iterable, Iterator
from typing import Any

from noisegate.core.errors import InvalidInputError, UnknownNameError
from noisegate.core.signal import Signal, SignalSpec

AnySignal = Signal[Any, Any]


class Catalogue:
    """An immutable set of signals with distinct names."""

    def __init__(self, signals: Iterable[AnySignal]) -> None:
        self._signals: dict[str, AnySignal] = {}
        for signal in signals:
            name = signal.spec.name
            if name in self._signals:
                raise InvalidInputError(
                    f"two signals are called `{name}`: {_place(self._signals[name])} and {_place(signal)}",
                    hint="rename one of them or remove its entry point",
                )
            self._signals[name] = signal

    def __getitem__(self, name: str) -> AnySignal:
        """The signal called `name`. Raises UnknownNameError with the nearest name."""
        if name not in self._signals:
            raise UnknownNameError.among("signal", name, self._signals, hint="`noisegate signal list` shows them all")
        return self._signals[name]

    def __contains__(self, name: object) -> bool:
        return name in self._signals

    def __iter__(self) -> Iterator[AnySignal]:
        return iter(self._signals.values())

    def __len__(self) -> int:
        return len(self._signals)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name, sorted."""
        return tuple(sorted(self._signals))

    def spec(self, name: str) -> SignalSpec:
        """The declaration of the signal called `name`. Raises UnknownNameError."""
        return self[name].spec


def _place(signal: AnySignal) -> str:
    return f"{type(signal).__module__}:{type(signal).__qualname__}"

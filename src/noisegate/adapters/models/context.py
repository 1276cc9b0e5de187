"""What the runner offers to a signal's `load`: threads, verified weights, banks of known content."""

from collections.abc import Callable, Sequence
from pathlib import Path

from noisegate.adapters.models.registry import Registry
from noisegate.core.ids import Digest
from noisegate.core.signal import BankEntry, Weights

ReadBank = Callable[[str, Digest], Sequence[BankEntry]]
"""Name and digest of a bank -> its entries as they were under that digest."""


class ModelContext:
    """A `LoadContext` over a registry."""

    def __init__(self, registry: Registry, *, threads: int = 1, bank: ReadBank = lambda _name, _digest: ()) -> None:
        """Hold on to what is offered.

        Args:
            registry: Finds the weights.
            threads: How many CPU threads one model may use.
            bank: Reads banks of known content; without it every bank is empty.
        """
        self.threads = threads
        self._registry = registry
        self._bank = bank

    def weights(self, weights: Weights) -> Path:
        """The folder with the files. Raises NotInstalledError naming the file and the command."""
        return self._registry.path(weights)

    def bank(self, name: str, digest: Digest) -> Sequence[BankEntry]:
        """The entries of a bank of known content, as it was under `digest`."""
        return self._bank(name, digest)

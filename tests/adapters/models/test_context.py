from collections.abc import Callable
from pathlib import Path

import pytest
from weights import Carrier

from noisegate.adapters.models.context import ModelContext
from noisegate.adapters.models.registry import Registry
from noisegate.core.errors import NotInstalledError
from noisegate.core.ids import Digest
from noisegate.core.signal import BankEntry, LoadContext, Weights


def test_a_signal_gets_threads_weights_and_banks(
    tmp_path: Path, carrier: Carrier, manifests: Callable[..., Path]
) -> None:
    """Weights come from the registry, banks from whoever keeps them."""
    entry = BankEntry(id="1", hashes={"phash": "00"}, label="sensitive.gore")
    registry = Registry(tmp_path / "store", manifests(carrier.manifest))
    context: LoadContext = ModelContext(registry, threads=3, bank=lambda name, digest: [entry] * len(name + digest))
    assert context.threads == 3
    assert context.bank("a", Digest("b")) == [entry, entry]
    with pytest.raises(NotInstalledError, match="of `tiny` is missing"):
        context.weights(Weights(model="tiny", digest=carrier.manifest["digest"]))


def test_without_banks_every_bank_is_empty(tmp_path: Path) -> None:
    """Nothing is known, so nothing matches."""
    assert ModelContext(Registry(tmp_path, tmp_path)).bank("known", Digest("sha256:0")) == ()

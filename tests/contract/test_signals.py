"""One conformance suite over every signal of the catalogue. There is no list of exceptions; see `noisegate.testing`."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import pytest

from noisegate.core.errors import NotInstalledError
from noisegate.core.ids import Digest
from noisegate.core.signal import LoadContext, Signal
from noisegate.signals import BUILTIN
from noisegate.signals.gaps import GAPS
from noisegate.testing import check_signal
from noisegate.testing.checks import check_declaration


def _signal(name: str) -> Signal[Any, Any]:
    gaps = {gap.spec.name: gap for gap in GAPS}
    if name in gaps:
        return gaps[name]
    module, _, attribute = BUILTIN[name].partition(":")
    signal: Signal[Any, Any] = getattr(import_module(module), attribute)()
    return signal


NAMES = [*BUILTIN, *(gap.spec.name for gap in GAPS)]


@pytest.mark.parametrize("name", NAMES)
def test_every_signal_declares_all_that_others_read(name: str) -> None:
    """API, console, docs, planner and policies read the declaration; it needs no weights."""
    signal = _signal(name)
    assert signal.spec.name == name
    check_declaration(signal)


@pytest.mark.models
@pytest.mark.parametrize("name", NAMES)
def test_every_signal_keeps_its_contract(name: str, load_context: LoadContext, to_pull: Mapping[str, Digest]) -> None:
    """Examples hold, answers are as declared, odd input breaks nothing; only weights to be pulled may be missing."""
    signal = _signal(name)
    try:
        check_signal(signal, load_context)
    except NotInstalledError as error:
        if signal.weights is None or to_pull.get(signal.weights.model) != signal.weights.digest:
            raise
        pytest.skip(str(error))

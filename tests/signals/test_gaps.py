import pickle

import pytest

from noisegate.core.errors import NotInstalledError, UnknownNameError
from noisegate.core.taxonomy import default_taxonomy
from noisegate.engine.catalogue import Catalogue
from noisegate.signals import BUILTIN
from noisegate.signals.gaps import GAPS, Gap
from noisegate.testing import text


def test_gaps_stand_in_the_catalogue_beside_real_signals() -> None:
    """A policy can name them: distinct names, none that a real signal has."""
    catalogue = Catalogue(GAPS)
    assert "image.gore" in catalogue
    assert not set(catalogue.names) & set(BUILTIN)


@pytest.mark.parametrize("gap", GAPS, ids=lambda gap: gap.name)
def test_loading_a_gap_says_what_would_fill_it(gap: Gap) -> None:
    """The runner turns it into `not_installed`; a person reads which model to bring."""
    with pytest.raises(NotInstalledError, match=f"`{gap.name}` is not installed") as caught:
        gap.load(None)  # type: ignore[arg-type]
    assert gap.spec.gap in str(caught.value)
    assert set(gap.spec.labels.values()) <= set(default_taxonomy().labels)


def test_a_gap_looks_at_its_own_modality_only() -> None:
    """A gap over pictures leaves no hole in an item of words."""
    assert not any(gap.wants(text("words")) for gap in GAPS)


def test_a_gap_survives_pickling() -> None:
    """Declaration and modality belong to the instance, and travel with it."""
    gap = Gap(name="image.gore")
    copy = pickle.loads(pickle.dumps(gap))
    assert (copy, copy.spec, copy.accepts, copy.fingerprint) == (gap, gap.spec, gap.accepts, gap.fingerprint)


def test_an_unknown_gap_is_refused() -> None:
    """Gaps come from one table."""
    with pytest.raises(UnknownNameError, match=r"did you mean `image\.gore`"):
        Gap(name="image.gores")

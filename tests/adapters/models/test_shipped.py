"""The manifests in `models/`, and what signals pin of them."""

from importlib import import_module

import pytest

from noisegate.adapters.models.registry import Registry, State
from noisegate.settings import Settings
from noisegate.signals import BUILTIN


@pytest.fixture(scope="module")
def registry() -> Registry:
    settings = Settings()
    return Registry(settings.models_dir, settings.manifests_dir)


def test_every_signal_pins_a_manifest_that_ships(registry: Registry) -> None:
    """Otherwise `models pull` could not fetch what it needs."""
    for place in BUILTIN.values():
        module, _, name = place.partition(":")
        weights = getattr(import_module(module), name).weights
        if weights is not None:
            assert weights.model in registry.manifests, place
            assert registry.manifests[weights.model].digest == weights.digest, place


def test_every_model_card_beside_a_manifest_exists(registry: Registry) -> None:
    """The others are addresses."""
    settings = Settings()
    for manifest in registry.manifests.values():
        if "://" not in manifest.card:
            assert (settings.manifests_dir / manifest.card).is_file(), manifest.card


def test_weights_inside_installed_libraries_are_the_ones_we_know(registry: Registry) -> None:
    """The locked versions carry the hashed files; a library that changes them needs a new manifest."""
    carried = [manifest.name for manifest in registry.manifests.values() if manifest.installed or manifest.bundled]
    for state in registry.verify(carried):
        if state.state is State.MISSING and state.manifest.installed:
            pytest.skip(str(state.problem))
        assert state.state is State.INSTALLED, state.problem


def test_no_manifest_names_a_host_to_fetch_from(registry: Registry) -> None:
    """Where packages and hubs are is the machine's business."""
    for manifest in registry.manifests.values():
        for source in manifest.sources:
            assert not source.urls, manifest.name

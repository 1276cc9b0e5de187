from collections.abc import Mapping

import pytest

from noisegate.adapters.models.manifest import read_manifests
from noisegate.core.ids import Digest
from noisegate.core.signal import LoadContext
from noisegate.settings import Settings
from noisegate.testing import installed_context


@pytest.fixture(scope="session")
def load_context() -> LoadContext:
    """The weights of this installation, one thread, no banks."""
    return installed_context()


@pytest.fixture(scope="session")
def to_pull() -> Mapping[str, Digest]:
    """Models that `noisegate models pull` fetches: the only ones that may be missing, and only as the manifest has them."""
    manifests = read_manifests(Settings().manifests_dir)
    return {name: manifest.digest for name, manifest in manifests.items() if manifest.sources}

import pytest

from noisegate.adapters.models.manifest import read_manifests
from noisegate.core.signal import LoadContext
from noisegate.settings import Settings
from noisegate.testing import installed_context


@pytest.fixture(scope="session")
def load_context() -> LoadContext:
    """The weights of this installation, one thread, no banks."""
    return installed_context()


@pytest.fixture(scope="session")
def bundled() -> frozenset[str]:
    """Models that come with Noisegate or with a library: they cannot be missing, so nothing may be skipped for them."""
    manifests = read_manifests(Settings().manifests_dir)
    return frozenset(name for name, manifest in manifests.items() if not manifest.sources)

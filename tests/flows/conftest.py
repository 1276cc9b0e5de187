"""A store, blobs and a runner for flows: all real, all small."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_world import ByEnding, NoModels, assessor

from noisegate.adapters.blobs.objects import ObjectBlobs
from noisegate.adapters.runners.local import LocalRunner
from noisegate.adapters.store.store import Store
from noisegate.flows.assess import Assessor
from noisegate.flows.submit import Submitter


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An empty store."""
    with Store(database_url, size=4) as opened:
        yield opened


@pytest.fixture
def blobs(tmp_path: Path) -> ObjectBlobs:
    """An empty folder of files."""
    return ObjectBlobs(folder=tmp_path / "blobs")


@pytest.fixture
def submitter(store: Store, blobs: ObjectBlobs) -> Submitter:
    """Accepts uploads; they are due after ten minutes."""
    return Submitter(store=store, blobs=blobs, prober=ByEnding(), deadline_s=600.0)


@pytest.fixture
def judge(store: Store, blobs: ObjectBlobs) -> Iterator[Assessor]:
    """Assesses with the toy signals and packs."""
    with LocalRunner(NoModels(), cores=1) as runner:
        yield assessor(blobs.local_path, runner, store.results)

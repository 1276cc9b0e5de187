from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from weights import Carrier, Server, serving, tiny_carrier

from noisegate.adapters.models.package_index import PackageSources


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on loopback."""
    with serving() as state:
        yield state


@pytest.fixture
def carrier(tmp_path: Path) -> Carrier:
    """A tiny model in one wheel."""
    return tiny_carrier(tmp_path / "made")


@pytest.fixture
def manifests(tmp_path: Path) -> Callable[..., Path]:
    """Writes manifests into a folder and returns it."""
    folder = tmp_path / "models"
    folder.mkdir()

    def write(*documents: Mapping[str, Any]) -> Path:
        for document in documents:
            (folder / f"{document['name']}.yaml").write_text(yaml.safe_dump(dict(document)), "utf-8")
        return folder

    return write


@pytest.fixture
def offered(server: Server, carrier: Carrier) -> Callable[[], PackageSources]:
    """The carrier on a package index of the server."""
    server.files[f"files/{carrier.file}"] = carrier.wheel
    page = f'<a href="../../files/{carrier.file}#sha256=0">{carrier.file}</a>'
    server.files["simple/tiny-model/"] = page.encode()
    return lambda: PackageSources(indexes=(server.url("simple"),))


@pytest.fixture
def pauses() -> list[float]:
    """How long was waited, instead of waiting."""
    return []

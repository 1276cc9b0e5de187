from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from weights import Carrier

from noisegate.adapters.models.manifest import (
    ModelFile,
    describe_files,
    digest_of_files,
    read_manifest,
    read_manifests,
)
from noisegate.core.errors import InvalidInputError

Write = Callable[..., Path]


def test_a_manifest_says_what_a_model_is(carrier: Carrier, manifests: Write) -> None:
    """Names, sizes, what it needs to be fetched, and what to type."""
    manifest = read_manifest(manifests(carrier.manifest) / "tiny.yaml")
    assert {file.name for file in manifest.files} == {"model.bin", "config.json"}
    assert manifest.size == sum(file.size for file in manifest.files)
    assert manifest.sources[0].gives == {"model.bin", "config.json"}
    assert manifest.remedy == "noisegate models pull tiny"


def test_the_digest_is_of_the_files_and_of_nothing_else(tmp_path: Path) -> None:
    """Neither their order nor where they came from matters; a changed byte does."""
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"2")
    one = digest_of_files(describe_files(tmp_path, ["a", "b"]))
    assert digest_of_files(tuple(reversed(describe_files(tmp_path, ["b", "a"])))) == one
    (tmp_path / "b").write_bytes(b"3")
    assert digest_of_files(describe_files(tmp_path, ["a", "b"])) != one


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"digest": "sha256:" + "0" * 64}, r"the digest of `files` is sha256:.*, the manifest says sha256:0000"),
        ({"licenses": "MIT"}, r"tiny\.yaml: licenses: Extra inputs are not permitted"),
        ({"bundled": True}, "exactly one of `sources`, `bundled: true` and `installed`"),
        ({"sources": []}, "exactly one of"),
        ({"name": "Tiny"}, "name: String should match"),
        ({"name": "small"}, "name: it says `small`, the file is called `tiny`"),
    ],
)
def test_a_manifest_that_does_not_hold_together_is_refused(
    change: dict[str, Any], message: str, carrier: Carrier, manifests: Write
) -> None:
    """The message names the file, the field and what is allowed."""
    folder = manifests(carrier.manifest)
    manifests({**carrier.manifest, **change, "name": "tiny"})
    if "name" in change:
        text = (folder / "tiny.yaml").read_text("utf-8").replace("name: tiny", f"name: {change['name']}")
        (folder / "tiny.yaml").write_text(text, "utf-8")
    with pytest.raises(InvalidInputError, match=message):
        read_manifest(folder / "tiny.yaml")


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/../../b", "", "a\\b", "model.pkl", "sub/model.PTH"])
def test_names_that_leave_the_folder_or_run_code_are_refused(name: str) -> None:
    """A manifest cannot write anywhere else, and cannot name a pickle."""
    with pytest.raises(ValueError, match=r"plain relative path|pickle format"):
        ModelFile(name=name, sha256="0" * 64, size=1)


def test_a_source_must_give_every_file(carrier: Carrier, manifests: Write) -> None:
    """Before anything is fetched."""
    source = {**carrier.manifest["sources"][0], "concat": {}}
    with pytest.raises(InvalidInputError, match=r"source 1 does not give \['model.bin'\]"):
        read_manifests(manifests({**carrier.manifest, "sources": [source]}))


def test_a_file_that_is_not_yaml_is_named(tmp_path: Path) -> None:
    """With the place in it."""
    (tmp_path / "odd.yaml").write_text("name: [", "utf-8")
    with pytest.raises(InvalidInputError, match=r"odd\.yaml is not YAML"):
        read_manifests(tmp_path)


def test_a_folder_that_is_not_there_has_no_manifests(tmp_path: Path) -> None:
    """Signals then say which manifest they miss."""
    assert read_manifests(tmp_path / "nowhere") == {}

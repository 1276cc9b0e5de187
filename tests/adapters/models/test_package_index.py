import json
from pathlib import Path

import pytest

from noisegate.adapters.models.package_index import (
    PackageSources,
    ask_pip,
    find,
    from_settings,
    links,
    local_path,
    settings_of,
)
from noisegate.core.errors import UnavailableError

WHEEL = "tiny_model-1.0.0-py3-none-any.whl"


def nobody(address: str) -> tuple[str, bytes]:
    raise UnavailableError(f"{address}: nobody answers")


def test_the_environment_overrides_the_file_and_install_overrides_global() -> None:
    """As pip itself does; values are written as Python literals."""
    listing = (
        "global.index-url='https://mirror.example/simple'\n"
        "install.index-url='https://install.example/simple'\n"
        "global.extra-index-url='https://one.example/simple\\nhttps://two.example/simple'\n"
        ":env:.timeout='7'\n"
        "global.timeout='9'\n"
        "freeze.timeout='11'\n"
        "noise without an equals sign\n"
    )
    sources = from_settings(settings_of(listing), default_index=lambda: "unused")
    assert sources.indexes == (
        "https://install.example/simple",
        "https://one.example/simple",
        "https://two.example/simple",
    )
    assert sources.network.timeout_s == 7


def test_nothing_set_means_pips_own_index() -> None:
    """No address of ours is involved."""
    assert from_settings({}, default_index=lambda: "https://pips-own.example/simple").indexes == (
        "https://pips-own.example/simple",
    )


def test_no_index_leaves_the_folders_only() -> None:
    """The default index is not even asked for."""

    def asked() -> str:
        raise AssertionError

    sources = from_settings({"no-index": "true", "find-links": "/a /b"}, default_index=asked)
    assert sources.indexes == ()
    assert sources.find_links == ("/a", "/b")


def test_pip_is_asked_how_this_machine_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real pip, with the settings of the environment."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "file:///srv/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "/srv/wheels")
    monkeypatch.setenv("PIP_CERT", "/srv/ca.pem")
    monkeypatch.setenv("PIP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("PIP_TRUSTED_HOST", "mirror.example")
    sources = ask_pip()
    assert sources.indexes == ("https://mirror.example/simple", "file:///srv/simple")
    assert sources.find_links == ("/srv/wheels",)
    assert sources.network.cert == "/srv/ca.pem"
    assert sources.network.proxy == "http://proxy.example:3128"
    assert sources.network.trusted_hosts == {"mirror.example"}


def test_a_machine_without_settings_has_one_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that pip has built in."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    (index,) = ask_pip().indexes
    assert index.startswith("https://")
    assert index.endswith("/simple")


def test_folders_come_before_indexes_and_local_indexes_before_others(tmp_path: Path) -> None:
    """The nearest copy first; names are normalised as indexes do."""
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / WHEEL).write_bytes(b"")
    page = tmp_path / "simple" / "tiny-model"
    page.mkdir(parents=True)
    (page / "index.html").write_text(f'<a href="../../files/{WHEEL}#sha256=1">x</a><a href="other.whl">y</a>', "utf-8")
    pages = {"https://far.example/simple/tiny-model/": json.dumps({"files": [{"filename": WHEEL, "url": "/f/w.whl"}]})}

    def read(address: str) -> tuple[str, bytes]:
        path = local_path(address)
        return address, path.read_bytes() if path else pages[address].encode()

    sources = PackageSources(
        indexes=("https://far.example/simple/", (tmp_path / "simple").as_uri()), find_links=(str(tmp_path / "wheels"),)
    )
    assert list(find(WHEEL, "Tiny__Model", sources, read)) == [
        (tmp_path / "wheels" / WHEEL).as_uri(),
        (tmp_path / "files" / WHEEL).as_uri(),
        "https://far.example/f/w.whl",
    ]


def test_a_dead_index_does_not_hide_the_others(tmp_path: Path) -> None:
    """It is passed over."""
    (tmp_path / WHEEL).write_bytes(b"")
    sources = PackageSources(
        indexes=("https://dead.example/simple",), find_links=(tmp_path.as_uri(), "https://x.example")
    )
    assert list(find(WHEEL, "tiny-model", sources, nobody)) == [(tmp_path / WHEEL).as_uri()]


def test_a_page_is_read_for_what_it_is() -> None:
    """Some mirrors answer with HTML and call it JSON; the first letter tells."""
    json_page = json.dumps({"files": [{"filename": WHEEL, "url": "w.whl"}]}).encode()
    html_page = f'<html><a href="/up/{WHEEL}#sha256=0">{WHEEL}</a><a name="top">no link</a></html>'.encode()
    assert links(json_page, "https://a.example/simple/t/") == [(WHEEL, "https://a.example/simple/t/w.whl")]
    assert links(html_page, "https://a.example/simple/t/") == [(WHEEL, f"https://a.example/up/{WHEEL}")]


@pytest.mark.parametrize("page", [b"", b"{", b'{"files": 1}', b'{"files": [{}]}', b"\xff\xfe<a", b"[]"])
def test_a_page_that_makes_no_sense_offers_nothing(page: bytes) -> None:
    """It is another dead index."""
    assert links(page, "https://a.example/") == []


def test_links_of_a_page_with_a_base_start_there() -> None:
    """As in a browser."""
    assert links(b'<base href="https://b.example/x/"><a href="w.whl">', "https://a.example/") == [
        ("w.whl", "https://b.example/x/w.whl")
    ]

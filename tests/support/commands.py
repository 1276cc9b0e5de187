"""Runs the command line on an installation of its own that needs no weights, in this process or as another one.

Two packs are in force: one blocks pictures that a bank knows (`match.image`), one limits recordings that are far too
loud (`audio.loudness`). Both send to review what could not be looked at.
"""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from noisegate.cli.main import main

_PACK = """
pack: {name}
version: 1
title: {name}
owner: tests@example.org
policy: For tests.
scope: {scope}
signals: {{{alias}: {signal}}}
rules:
  - id: {rule}
    when: {when}
    then: {then}
    reason: {reason}
    label: {label}
otherwise: {{action: allow}}
if_missing: {{{alias}: review}}
on_deadline: review
notice: {{ground: terms, clause: "1", text: Our terms do not allow it.}}
"""
PACKS = {
    "known-pictures": {
        "pack.yaml": _PACK.format(
            name="known-pictures",
            scope="{}",
            alias="known",
            signal="match.image@1",
            rule="copy",
            when="any(known.copyright, 0.8)",
            then="{action: block}",
            reason="It shows a picture that belongs to somebody else.",
            label="illegal.copyright",
        ),
        "examples.yaml": "- {name: a copy, given: {known.copyright: 0.9}, rule: copy, action: block}\n",
    },
    "loud-episodes": {
        "pack.yaml": _PACK.format(
            name="loud-episodes",
            scope="{kinds: [track, episode], markets: [DE, FR]}",
            alias="loudness",
            signal="audio.loudness@1",
            rule="too-loud",
            when="any_at_least(loudness.integrated_lufs, -6.0)",
            then="{action: limit, surfaces: [search]}",
            reason="It is far louder than everything else.",
            label="deceptive.spam",
        ),
        "examples.yaml": "- {name: loud, given: {loudness.integrated_lufs: -2.0}, rule: too-loud, action: limit}\n",
    },
}


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[Any]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def text(self) -> str:
        """Standard output in words."""
        return self.out.decode()


def installation(folder: Path) -> Mapping[str, str]:
    """An installation in `folder`: the settings, as environment variables."""
    for pack, files in PACKS.items():
        (folder / "packs" / pack).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / "packs" / pack / name).write_text(text, "utf-8")
    return {
        "NOISEGATE_DATA_DIR": str(folder / "data"),
        "NOISEGATE_PACKS_DIR": str(folder / "packs"),
        "NOISEGATE_MODELS_DIR": str(folder / "models"),
        "NOISEGATE_THREADS": "1",
    }


Command = Callable[..., Answer]


def here(capture: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs commands in this process; `stdin` is what they read."""

    def run(*args: object, stdin: bytes = b"") -> Answer:
        capture.readouterr()
        monkeypatch.setattr(sys, "argv", ["noisegate", *map(str, args)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with _handlers_kept():
            try:
                main()
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 0
        sys.stdout.flush()
        out, err = capture.readouterr()
        return Answer(code, out, err.decode())

    return run


def started(folder: Path, *args: object, **more: Any) -> "subprocess.Popen[bytes]":
    """A command as a process of its own, with pipes to all its streams."""
    env = {**os.environ, **installation(folder), "PYTHONUNBUFFERED": "1", **more.pop("env", {})}
    command = [sys.executable, "-m", "noisegate", *map(str, args)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.Popen(command, env=env, **pipes)


@contextmanager
def _handlers_kept() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

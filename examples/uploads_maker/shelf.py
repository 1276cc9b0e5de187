"""One folder of an upload: the files put into it, and the `item.yaml` that describes them and what they should show.

The facts about seconds, boxes and character spans come from what was laid on the tape or drawn, never from a guess.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from uploads_maker.film import SIZE, Draw, write_film
from uploads_maker.pictures import SIDE, Box, Cover
from uploads_maker.sound import RATE, Pcm, Span, write_audio

_MEDIA = ("audio.*", "cover.*", "film.*")


@dataclass(frozen=True, kw_only=True)
class Expect:
    """What Noisegate's starter packs should make of an upload."""

    action: str
    """One of allow, label, age_gate, limit, review, block."""
    at_least: str
    """The mildest action that still does the upload justice; `action` itself when there is no doubt."""
    why: str
    evidence: list[dict[str, Any]] = field(default_factory=list)
    """Label, role and place (seconds, box in fractions of the picture, span of characters) of each harm."""


CLEAN = Expect(action="allow", at_least="allow", why="nothing in it breaks a rule")


class Shelf:
    """Fills the folder of one upload.

    Args:
        folder: made when missing.
        title: goes into `item.yaml` and into the tags of the media.
        creator: likewise.
    """

    def __init__(self, folder: Path, *, title: str, creator: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.title = title
        self.creator = creator
        self.assets: list[dict[str, str]] = []
        self.seconds: float | None = None
        self._tags = {"title": title, "artist": creator}

    def audio(self, name: str, pcm: Pcm, *, bit_rate: int = 48_000) -> None:
        """Write a recording."""
        write_audio(self.folder / name, pcm, bit_rate=bit_rate, tags=self._tags)
        self._keep(name, "recording", pcm.size / RATE)

    def cover(self, name: str, cover: Cover) -> Box:
        """Draw a cover and say where its words are, in pixels."""
        box = cover.save(self.folder / name)
        self._keep(name, "cover")
        return box

    def film(self, name: str, draw: Draw, pcm: Pcm) -> None:
        """Write a film with its sound."""
        write_film(self.folder / name, draw, pcm, tags=self._tags)
        self._keep(name, "film", pcm.size / RATE)

    def bytes(self, name: str, content: bytes, role: str) -> None:
        """Write a file as it is."""
        (self.folder / name).write_bytes(content)
        self._keep(name, role)

    def describe(
        self,
        *,
        kind: str,
        description: str,
        markets: Sequence[str],
        shows: str,
        how: str,
        expect: Expect,
        explicit: bool = False,
        language: str = "en",
    ) -> dict[str, Any]:
        """Write `item.yaml`, remove what an earlier run left under other names, and give what the file holds."""
        kept = {asset["file"] for asset in self.assets}
        for old in (file for pattern in _MEDIA for file in self.folder.glob(pattern)):
            if old.name not in kept:
                old.unlink()
        expected: dict[str, Any] = {"action": expect.action, "at_least": expect.at_least, "why": expect.why}
        heard = [place["start_s"] for place in expect.evidence if "start_s" in place]
        if heard:
            expected["at_s"] = min(heard)
        if expect.evidence:
            expected["evidence"] = expect.evidence
        made: dict[str, Any] = {"shows": shows, "how": how}
        if self.seconds is not None:
            made["seconds"] = round(self.seconds, 2)
        item = {
            "kind": kind,
            "title": self.title,
            "description": description,
            "creator": self.creator,
            "markets": list(markets),
            "surface": "catalogue",
            "declared": {"explicit": explicit, "language": language},
            "assets": self.assets,
            "made": {**made, "expect": expected},
        }
        text = yaml.safe_dump(item, sort_keys=False, allow_unicode=True, width=110)
        (self.folder / "item.yaml").write_text(text, encoding="utf-8")
        return item

    def _keep(self, name: str, role: str, seconds: float | None = None) -> None:
        self.assets.append({"file": name, "role": role})
        if seconds is not None:
            self.seconds = seconds


def heard(label: str, asset: str, span: Span, words: str) -> dict[str, Any]:
    """Evidence that was spoken."""
    place = {"start_s": round(span.start_s, 2), "end_s": round(span.end_s, 2)}
    return {"label": label, "asset": asset, "role": "transcript", **place, "words": words}


def drawn(label: str, asset: str, box: Box, words: Sequence[str], span: Span | None = None) -> dict[str, Any]:
    """Evidence that was drawn on a cover or, with a `span`, on the frames of a film."""
    width, height = (SIDE, SIDE) if span is None else SIZE
    left, top, right, bottom = box
    fractions = {
        "x": left / width,
        "y": top / height,
        "width": (right - left) / width,
        "height": (bottom - top) / height,
    }
    found: dict[str, Any] = {"label": label, "asset": asset, "role": "ocr"}
    if span is not None:
        found |= {"start_s": round(span.start_s, 2), "end_s": round(span.end_s, 2)}
    return {**found, "box": {side: round(value, 3) for side, value in fractions.items()}, "words": " ".join(words)}


def written(label: str, text: str, words: str) -> dict[str, Any]:
    """Evidence that stands in the description `text`."""
    start = text.index(words)
    return {"label": label, "role": "description", "span": [start, start + len(words)], "words": words}

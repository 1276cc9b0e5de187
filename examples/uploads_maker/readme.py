"""Writes `README.md` beside the uploads, so that what it says about them is what was made."""

from pathlib import Path
from typing import Any

from uploads_maker.speech import GERMAN, GUEST, HOST

_HEAD = """\
# Uploads

Small uploads to try Noisegate on: each folder holds an `item.yaml` and the files it names. Everything was made by
`examples/make_uploads.py`; nothing comes from anybody's recording, picture or film. People, shows and places are
invented, and the harms are mild stand-ins.

Seconds below were computed from the sound as it was put together; the second of a harm is where its first word begins.

| Upload | What it shows | Expected | Where | Length | How it was made |
|---|---|---|---|---|---|
"""

_FOOT = f"""
`made.expect` in each `item.yaml` holds the same in full: `action` is what the starter packs should do, `at_least` the
mildest action that still does the upload justice, `evidence` the label, role and place of each harm (seconds, box in
fractions of the picture, span of characters).

## Making them again

    apt-get install flite espeak-ng
    python examples/make_uploads.py

The voices are `{HOST.name}`, `{GUEST.name}` (English) and `{GERMAN.name}` (German). Flite and its voices come under a
free licence of the MIT kind; what espeak-ng speaks belongs to whoever made it speak. The synthesisers are needed only
to make the media, not to use them. The same tools give the same sound and pictures; the bytes of a film may differ.

## Long recordings

    python examples/make_uploads.py --long 3600 --music-share 0.5 --out hour.mp3 --facts hour.json

writes talk and music in turns, of any length, in little memory and without a synthesiser: the sentences are put
together from spoken clips kept in `examples/uploads_maker/spoken/` (made anew by `--bank`). `--facts` writes what is
heard when.
"""


def write_readme(folder: Path, items: dict[str, dict[str, Any]]) -> None:
    """Write the table of `items`, by folder name, into `folder`."""
    rows = "".join(_row(name, item["made"]) for name, item in sorted(items.items()))
    (folder / "README.md").write_text(_HEAD + rows + _FOOT, encoding="utf-8")


def _row(name: str, made: dict[str, Any]) -> str:
    length = f"{made['seconds']:.0f} s" if "seconds" in made else ""
    places = "; ".join(_place(evidence) for evidence in made["expect"].get("evidence", []))
    cells = (f"`{name}`", made["shows"], made["expect"]["action"], places, length, made["how"])
    return f"| {' | '.join(cells)} |\n"


def _place(evidence: dict[str, Any]) -> str:
    where = evidence.get("asset", evidence["role"])
    if "start_s" in evidence:
        where += f", {evidence['start_s']:.1f} to {evidence['end_s']:.1f} s"
    if "span" in evidence:
        where += f", characters {evidence['span'][0]} to {evidence['span'][1]}"
    return f"{where} ({evidence['role']})" if "asset" in evidence else where

"""Makes the media under `examples/uploads/`, and long recordings for benchmarks.

    python examples/make_uploads.py                                     the uploads, where they lie
    python examples/make_uploads.py --out DIR --only 03                 one of them, elsewhere
    python examples/make_uploads.py --bank                              the spoken clips for long recordings
    python examples/make_uploads.py --long 3600 --music-share 0.5 --out hour.mp3 [--facts hour.json]

Uploads and clips need the synthesisers flite and espeak-ng (Debian packages of those names); long recordings do not.
"""

import argparse
import sys
from pathlib import Path

import yaml
from uploads_maker.bank import make_bank
from uploads_maker.catalogue import UPLOADS
from uploads_maker.long import write_long
from uploads_maker.readme import write_readme
from uploads_maker.sound import MakerError
from uploads_maker.speech import require_voices

HERE = Path(__file__).parent / "uploads"


def main(argv: list[str] | None = None) -> int:
    """Read the command line and make what it asks for; 1 when something is missing, 2 for wrong usage."""
    parser = argparse.ArgumentParser(
        prog="make_uploads.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="folder for the uploads, or file for --long")
    parser.add_argument("--only", metavar="NN", help="make only the upload whose folder name begins like this")
    parser.add_argument("--bank", action="store_true", help="make the spoken clips for long recordings")
    parser.add_argument("--long", type=float, metavar="SECONDS", help="make one long recording")
    parser.add_argument(
        "--music-share", type=float, default=0.5, help="share of the long recording that is music, 0..1"
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed gives another long recording")
    parser.add_argument("--facts", type=Path, help="JSON file that says what is heard when in the long recording")
    chosen = parser.parse_args(argv)
    if chosen.long is not None and chosen.out is None:
        parser.error("--long needs --out FILE, for example --out hour.mp3")
    try:
        if chosen.long is not None:
            write_long(
                chosen.out,
                chosen.long,
                music_share=chosen.music_share,
                seed=chosen.seed,
                facts=chosen.facts,
                tell=lambda line: print(line, file=sys.stderr),
            )
        elif chosen.bank:
            require_voices()
            make_bank(tell=print)
        else:
            make_uploads(chosen.out or HERE, only=chosen.only)
    except MakerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def make_uploads(folder: Path, *, only: str | None = None) -> None:
    """Make the uploads into `folder` and print a line for each; the README is written when all are made.

    Raises:
        MakerError: a synthesiser is missing, or `only` begins no folder's name.
    """
    names = [name for name in UPLOADS if name.startswith(only or "")]
    if not names:
        raise MakerError(f"--only {only!r}: no upload begins like this; there are {', '.join(UPLOADS)}")
    for name in names:
        item = UPLOADS[name](folder / name)
        size = sum(file.stat().st_size for file in (folder / name).iterdir())
        print(f"{name}: {item['made']['shows']} ({size / 1000:.0f} kB)")
    items = {path.parent.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in folder.glob("*/item.yaml")}
    if only is None:
        write_readme(folder, items)


if __name__ == "__main__":
    sys.exit(main())

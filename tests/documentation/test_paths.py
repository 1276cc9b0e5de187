import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PLACES = ("src/", "docs/", "packs/", "models/", "examples/", "benchmarks/", "recipes/", "tests/")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_path_a_page_names_exists(page: Path) -> None:
    """A reader who follows the walk finds every step in the file it names."""
    named = {path for path in re.findall(r"`([\w./-]+)`", page.read_text("utf-8")) if path.startswith(PLACES)}
    named |= {
        (page.parent / path).resolve().relative_to(ROOT).as_posix()
        for path in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8"))
    }
    assert not sorted(path for path in named if not (ROOT / path).exists())

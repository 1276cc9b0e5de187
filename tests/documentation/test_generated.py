import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_table_says_what_the_code_declares(generate: ModuleType) -> None:
    """A signal, setting or function that was added is in the documentation; `make fix` writes it."""
    stale = [
        page.name for page in generate.pages() if generate.written(page.read_text("utf-8")) != page.read_text("utf-8")
    ]
    assert not stale, f"run `make fix`: {stale}"


def test_every_block_is_on_some_page(generate: ModuleType) -> None:
    """A table nobody can read is not documentation."""
    text = "".join(page.read_text("utf-8") for page in generate.pages())
    assert all(f"<!-- made: {name} -->" in text for name in generate.BLOCKS)

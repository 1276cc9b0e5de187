import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOUN_FILES = ("item", "modality", "signal", "evidence", "taxonomy", "policy", "decision", "review", "notice", "ports")
MACHINERY = {
    # protocols and small types that people who use the words never meet
    "AudioContent", "Blobs", "Done", "FactType", "ImageContent", "Library", "LoadContext", "Outbox",
    "PartFailure", "Prober", "ResultCache", "Runner", "VideoContent",
}  # fmt: skip


def nouns_of_core() -> set[str]:
    found = set()
    for name in NOUN_FILES:
        tree = ast.parse((ROOT / "src/noisegate/core" / f"{name}.py").read_text("utf-8"))
        found |= {node.name for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")}
    return found - MACHINERY


def words_of_glossary() -> list[str]:
    return re.findall(r"^\| \*\*(\w+)\*\*", (ROOT / "docs/glossary.md").read_text("utf-8"), re.MULTILINE)


def test_the_glossary_and_the_core_list_the_same_words() -> None:
    """A noun without an explanation, or an explanation without a noun, is a mistake."""
    assert set(words_of_glossary()) == nouns_of_core()


def test_the_glossary_is_in_alphabetical_order() -> None:
    """So that a word can be found, and is listed once."""
    words = words_of_glossary()
    assert words == sorted(set(words), key=str.lower)

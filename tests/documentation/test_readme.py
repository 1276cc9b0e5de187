import importlib.util
import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from noisegate.cli.main import app
from noisegate.testing import check_signal

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def block(name: str) -> str:
    """The code block that the README marks with this name."""
    found = re.search(rf"<!-- test: {re.escape(name)} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found, f"the README has no block marked {name}"
    return found[1]


def test_the_first_policy_compiles_and_its_examples_hold(tmp_path: Path) -> None:
    """What a newcomer copies works as it stands."""
    for name in ("pack.yaml", "examples.yaml"):
        (tmp_path / name).write_text(block(name))
    checked = CliRunner().invoke(app, ["policy", "check", str(tmp_path)])
    assert checked.exit_code == 0, checked.output
    assert "1 rules, 3 of 3 examples hold" in checked.output


def test_the_first_signal_keeps_the_contract(tmp_path: Path) -> None:
    """The file in the README passes the suite that the built-in signals pass."""
    file = tmp_path / "shouting.py"
    file.write_text(block("shouting.py"))
    spec = importlib.util.spec_from_file_location("shouting", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["shouting"] = module
    spec.loader.exec_module(module)
    check_signal(module.Shouting())


@pytest.mark.parametrize("command", re.findall(r"^make (\w+)$", README, re.MULTILINE))
def test_the_commands_of_the_readme_exist(command: str) -> None:
    """`make demo` and `make test` are targets of the Makefile, and say what they are for."""
    assert re.search(rf"^{command}:.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("line", re.findall(r"^noisegate (.+)$", README, re.MULTILINE))
def test_every_command_line_of_the_readme_is_understood(line: str) -> None:
    """Commands and options as written; `--help` at the end shows that they parse without running them."""
    words = [
        w for w in re.findall(r'"[^"]*"|\S+', line) if not w.startswith(('"', "-")) and "." not in w and "/" not in w
    ]
    shown = CliRunner().invoke(app, [*words[:2], "--help"] if len(words) > 1 else [words[0], "--help"])
    assert shown.exit_code == 0, shown.output
    for option in re.findall(r"--\w+", line):
        assert option in shown.output

"""The first five minutes: one command, the example uploads, a table."""

import os
import pty
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from running import NOISEGATE, environment, until

from noisegate.core.policy import Action
from noisegate.settings import Settings
from noisegate.system import System

pytestmark = [pytest.mark.models, pytest.mark.processes, pytest.mark.timeout(420)]

UPLOADS = {
    file.parent.name: yaml.safe_load(file.read_text("utf-8"))["made"]["expect"]
    for file in sorted((Path(__file__).parents[2] / "examples" / "uploads").glob("*/item.yaml"))
}
_ACTIONS = "|".join(action.value for action in Action)


@dataclass(frozen=True)
class Shown:
    """What somebody saw."""

    status: int
    table: str
    screen: str
    """What the terminal got while it worked."""

    def row(self, name: str) -> str:
        """The lines of the table about one upload."""
        found = re.search(rf"^ {name} .*?(?=^ \S|\Z)", self.table, re.MULTILINE | re.DOTALL)
        assert found, self.table
        return found[0]

    def action(self, name: str) -> Action:
        """What was decided about one upload."""
        found = re.match(rf" {name} +({_ACTIONS}) ", self.row(name))
        assert found, self.row(name)
        return Action(found[1])


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """`noisegate demo --once` on a machine where it never ran, watched in a terminal of 100 columns."""
    _need_weights()
    data_dir = tmp_path_factory.mktemp("demo") / "data"
    mine, terminal = pty.openpty()
    env = {**environment(data_dir), "TERM": "xterm-256color", "COLUMNS": "100"}
    demo = subprocess.Popen([*NOISEGATE, "demo", "--once"], env=env, stdout=subprocess.PIPE, stderr=terminal, text=True)
    os.close(terminal)
    seen: list[bytes] = []
    watcher = threading.Thread(target=lambda: seen.extend(_read(mine)), daemon=True)
    watcher.start()
    table, _ = demo.communicate(timeout=400)
    watcher.join(10)
    return Shown(demo.returncode, table, b"".join(seen).decode("utf-8", "replace"))


def _need_weights() -> None:
    with System(Settings()) as system:
        used = {name.split("@")[0] for pack in system.packs for name in pack.pack.signals.values()}
        wanted = system.plan.closure(used)
        missing = [why for signal in system.catalogue if signal.spec.name in wanted and (why := system.missing(signal))]
    if missing:
        pytest.skip("; ".join(missing))


def _read(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            yield os.read(terminal, 65_536)
        except OSError:  # the other end is closed
            return


def test_the_demo_decides_every_upload_and_ends(shown: Shown) -> None:
    """Exit 0 means that nothing is left held."""
    assert shown.status == 0, shown.screen
    assert all(shown.action(name) for name in UPLOADS)
    assert "no decision" not in shown.table


@pytest.mark.parametrize(("name", "expect"), UPLOADS.items(), ids=list(UPLOADS))
def test_each_upload_gets_at_least_the_action_it_was_made_for(
    shown: Shown, name: str, expect: Mapping[str, Any]
) -> None:
    """Harms are caught; and what is clean is published."""
    action = shown.action(name)
    assert action.severity >= Action(expect["at_least"]).severity
    if expect["action"] == Action.ALLOW.value:
        assert action.severity <= Action.LABEL.severity


@pytest.mark.parametrize("name", [name for name, expect in UPLOADS.items() if "at_s" in expect])
def test_the_table_names_the_second(shown: Shown, name: str) -> None:
    """Somebody who doubts a decision knows where to listen."""
    seconds = [int(minutes) * 60 + int(rest) for minutes, rest in re.findall(r"\b(\d+):(\d\d)\b", shown.row(name))]
    places = [place["start_s"] for place in UPLOADS[name]["evidence"] if "start_s" in place]
    assert any(abs(second - start) <= 3 for second in seconds for start in places), shown.row(name)


def test_the_table_is_readable_at_a_hundred_columns(shown: Shown) -> None:
    """No line is wider, no name is cut."""
    assert max(map(len, shown.table.splitlines())) <= 100
    assert "…" not in "".join(line[:30] for line in shown.table.splitlines())


def test_progress_is_shown_while_it_works(shown: Shown) -> None:
    """States and signals, before there is any result."""
    assert "held" in shown.screen
    assert re.search(r"\d+ of 12 decided", shown.screen)
    assert re.search(r"(audio|image|text|video)\.\w+ on ", shown.screen)


def test_nothing_is_left_running(shown: Shown, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whoever tries it out gets their machine back."""
    assert shown.status == 0
    demo = next(tmp_path_factory.getbasetemp().glob("demo*")) / "data" / "demo"
    until(lambda: not (demo / "postgres" / "pgdata" / "postmaster.pid").exists())
    assert not (demo / "address").exists()

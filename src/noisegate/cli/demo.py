"""`noisegate demo`: the platform at work on the example uploads, from `held` to a decision with its evidence.

The main thread looks after the platform and the picture; threads talk to it over HTTP and put what they hear in a queue.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from noisegate.children import Stop
from noisegate.cli.board import Row, progress, results, rule
from noisegate.cli.client import Client, connect, is_decided
from noisegate.cli.item_files import Draft, Overrides, read_draft
from noisegate.cli.platform import program, shown, tell
from noisegate.cli.present import paper
from noisegate.core.errors import NoisegateError, UnavailableError, UnknownNameError
from noisegate.core.policy import Action
from noisegate.embedded import Platform, clear, demo_settings, listen
from noisegate.settings import Settings
from noisegate.system import System

UPLOADS = Path(__file__).resolve().parents[3] / "examples" / "uploads"
_LOOK_AGAIN_S = 3.0
"""How often an item is asked for whose decision may have been missed."""
_PICTURES_A_SECOND = 10
_PATIENCE_S = 30.0
"""How much longer than an item's deadline the demo waits."""


def demo(*, once: bool) -> None:
    """Start, submit, watch, show, and serve on; with `once`, stop after the table. Exits 1 without all decisions."""
    drafts = _examples()
    watching = Console(stderr=True)
    rows: Sequence[Row] = ()
    with Stop() as stop:
        settings = _with_free_port(demo_settings(Settings()), watching)
        _say_what_is_missing(watching, settings)
        clear(settings)
        with Platform(settings, stop, say=lambda line: tell(watching, line)) as platform:
            if platform.ready:
                tell(watching, f"sending {len(drafts)} uploads to {platform.url}")
                rows = _Walk(platform, watching, [(d, Row(name=d.name, kind=d.kind.value)) for d in drafts]).run()
            if not stop.asked:
                _show(rows)
                if not once:
                    _what_next(platform, rows)
                    platform.serve()
            tell(watching, "stopping")
        tell(watching, "stopped")
    if once and not all(row.record for row in rows):
        raise SystemExit(1)


@dataclass
class _Walk:
    """All uploads on their way, from sending to the last decision."""

    platform: Platform
    watching: Console
    uploads: Sequence[tuple[Draft, Row]]
    _heard: "SimpleQueue[tuple[str, Row | None, Mapping[str, Any]]]" = field(default_factory=SimpleQueue)
    """What happened, to which upload, and what was said of it; from any thread."""
    _began: dict[str, float] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def rows(self) -> Sequence[Row]:
        """One for each upload."""
        return [row for _, row in self.uploads]

    def run(self) -> Sequence[Row]:
        """Send everything at once and watch until all is decided, the time is up, or somebody asks to stop."""
        hands = ThreadPoolExecutor(len(self.uploads), thread_name_prefix="upload")
        with connect(self.platform.settings) as client, _picture(self.watching, self.rows) as draw:
            try:
                threading.Thread(target=self._follow, name="events", daemon=True).start()
                for draft, row in self.uploads:
                    hands.submit(self._send, client, draft, row)
                self._watch(client, hands, draw)
            finally:
                self._over.set()
                hands.shutdown(wait=False, cancel_futures=True)
        return self.rows

    def _watch(self, client: Client, hands: ThreadPoolExecutor, draw: Callable[[], None]) -> None:
        deadline = time.monotonic() + self.platform.settings.deadline_s + _PATIENCE_S
        looked = time.monotonic()
        while not all(row.settled for row in self.rows) and time.monotonic() < deadline:
            if self.platform.stop.wait(1 / _PICTURES_A_SECOND):
                break
            self.platform.tend()
            wanted = [row for row in self._take_notice() if not row.settled]
            if time.monotonic() - looked > _LOOK_AGAIN_S:
                looked, wanted = time.monotonic(), [row for row in self.rows if row.item and not row.settled]
            for row in wanted:
                hands.submit(self._look, client, row)
            draw()

    def _take_notice(self) -> Sequence[Row]:
        """Write into the rows what was heard; gives those whose gate has moved."""
        moved = []
        with suppress(Empty):
            while True:
                what, row, said = self._heard.get_nowait()
                row = row or next((row for row in self.rows if row.item and row.item == said.get("item")), None)
                if row is None:
                    continue
                if what == "accepted":
                    row.item, row.state, row.doing = said["id"], said["state"], row.doing or "waiting for its turn"
                elif what == "refused":
                    row.problem = said["message"]
                elif what == "looked":
                    self._note(row, said)
                elif what == "assessing":
                    row.doing = "looking at it"
                elif what == "progress":
                    row.doing = f"{said['signal']} on {said['part'].split('/')[0]}, {said['answers']} answers"
                elif what == "enforced":
                    moved.append(row)
        return moved

    def _note(self, row: Row, record: Mapping[str, Any]) -> None:
        if is_decided(record) and not row.settled:
            row.record, row.state, row.doing = record, record["state"], rule(record).plain.replace("\n", ", ")
            row.seconds = time.monotonic() - self._began[row.name]

    def _send(self, client: Client, draft: Draft, row: Row) -> None:
        self._began[row.name] = time.monotonic()
        try:
            self._heard.put(("accepted", row, client.submit(draft)))
        except NoisegateError as error:
            self._heard.put(("refused", row, {"message": error.message}))

    def _look(self, client: Client, row: Row) -> None:
        with suppress(NoisegateError):  # it is asked for again
            self._heard.put(("looked", row, client.item(row.item)))

    def _follow(self) -> None:
        client = connect(self.platform.settings)
        while not self._over.is_set():
            with suppress(NoisegateError):
                for name, said in client.follow():
                    self._heard.put((name, None, said))
            self._over.wait(0.5)


@contextmanager
def _picture(console: Console, rows: Sequence[Row]) -> Iterator[Callable[[], None]]:
    """A function that shows how the uploads are getting on: a live table, or a line for each step without a terminal."""
    if not console.is_terminal:
        shown_states: dict[str, str] = {}

        def write() -> None:
            for row in rows:
                if shown_states.get(row.name) != row.state and (row.item or row.problem):
                    shown_states[row.name] = row.state
                    after = f" after {row.seconds:.1f} s" if row.seconds is not None else ""
                    tell(console, f"{row.name}: {row.problem or row.state}{after}")

        yield write
        write()
        return
    spinners = {row.name: Spinner("dots") for row in rows}
    with Live(progress(rows, spinners), console=console, refresh_per_second=_PICTURES_A_SECOND, transient=True) as live:
        yield lambda: live.update(progress(rows, spinners))


def _show(rows: Sequence[Row]) -> None:
    console = paper()
    console.print(results(rows))
    counted = {action: sum(row.record.get("action") == action.value for row in rows) for action in Action}
    said = ", ".join(f"{count} {action.value.replace('_', ' ')}" for action, count in counted.items() if count)
    undecided = sum(not row.record for row in rows)
    console.print(Text(said + (f", {undecided} without a decision" if undecided else "")), highlight=False)


def _what_next(platform: Platform, rows: Sequence[Row]) -> None:
    key, command = shown(platform.key_file), program()
    shown_one = max(rows, key=lambda row: Action(row.record["action"]).severity if row.record else -1)
    lines = [
        "",
        f"Noisegate serves on at {platform.url} until Ctrl-C. What you can do now, in another terminal:",
        "",
        f"  KEY=$(cat {key})",
        f'  curl -H "Authorization: Bearer $KEY" {platform.url}/v1/items/{shown_one.item}',
        f"      everything about {shown_one.name}: decisions, findings, what was heard and when",
        f"  {command} submit PATH --wait 60",
        "      a file of yours, or a folder with an item.yaml like those in examples/uploads",
        f"  {platform.url}/openapi.json",
        "      every route of the API",
        f"  {shown(platform.logs)}",
        "      what the API and the worker say",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _examples() -> Sequence[Draft]:
    folders = sorted(file.parent for file in UPLOADS.glob("*/item.yaml"))
    if not folders:
        raise UnknownNameError(
            "the example uploads are not here: they are part of the repository, not of the installed package",
            hint="run `make demo` in a checkout; or start with `noisegate up` and send uploads of your own",
        )
    return [read_draft(folder, Overrides()) for folder in folders]


def _with_free_port(settings: Settings, console: Console) -> Settings:
    """A demo must not fail because something else has its port; nobody relies on the number."""
    try:
        listen(settings.host, settings.port).close()
    except UnavailableError as error:
        tell(console, f"{error.message}; the demo takes another one")
        return settings.model_copy(update={"port": 0})
    return settings


def _say_what_is_missing(console: Console, settings: Settings) -> None:
    """Signals that cannot run here make the packs' `if_missing` decide: say so before anybody wonders."""
    with System(settings) as system:
        used = {name.split("@")[0] for pack in system.packs for name in pack.pack.signals.values()}
        wanted = system.plan.closure(sorted(used))
        missing = {signal.spec.name: why for signal in system.catalogue if (why := system.missing(signal))}
    for name in sorted(set(missing) & wanted):
        console.print(Text(f"{name} cannot run here: it lacks {missing[name]}", "yellow"), soft_wrap=True)

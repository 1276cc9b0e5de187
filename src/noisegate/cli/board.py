"""What the demo shows: uploads on their way, and the table of what was decided. Knows no HTTP and no terminal size."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from noisegate.cli.output import shortened, visible
from noisegate.cli.present import STYLES
from noisegate.core.modality import Role, Where
from noisegate.core.policy import Action
from noisegate.engine.observe import ASSET
from noisegate.engine.reasons import describe

SENDING = "sending"
HELD = "held"
_STATE_STYLES = {action.gate.value: STYLES[action] for action in Action}
_MARKS = {
    "released": "✓",
    "labelled": "✓",
    "age_gated": "✓",
    "limited": "◐",
    "in_review": "◐",
    "blocked": "✗",
}
_HEARD = {Role.TRANSCRIPT.value: "heard", Role.OCR.value: "read"}
_TO = "\N{EN DASH}"
_PLACES_SHOWN = 2
_LONGEST_QUOTE = 120


@dataclass(kw_only=True)
class Row:
    """One upload on its way."""

    name: str
    """Of its folder."""
    kind: str
    item: str = ""
    """Its id, once it is accepted."""
    state: str = SENDING
    """`sending`, then the states of the gate."""
    doing: str = ""
    """What is being computed now."""
    seconds: float | None = None
    """From sending to the decision."""
    record: Mapping[str, Any] = field(default_factory=dict)
    """What the platform says of the decided item: `action`, `decisions`, `findings`, `failures`."""
    problem: str = ""
    """Why it could not be sent."""

    @property
    def settled(self) -> bool:
        """Whether nothing more will come."""
        return bool(self.record) or bool(self.problem)


def progress(rows: Sequence[Row], spinners: Mapping[str, Spinner]) -> RenderableType:
    """The uploads on their way, one line each.

    Args:
        rows: In the order they are shown.
        spinners: By name of the upload; a spinner has to be the same object in every picture to turn.
    """
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, expand=True)
    table.add_column(width=1)
    table.add_column(no_wrap=True, width=max((len(row.name) for row in rows), default=0))
    table.add_column(no_wrap=True, width=9)
    table.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
    table.add_column(no_wrap=True, width=6, justify="right")
    for row in rows:
        style = _STATE_STYLES.get(row.state, "dim" if row.state == SENDING else "")
        mark: RenderableType = Text(_MARKS.get(row.state, "!"), style) if row.settled else spinners[row.name]
        told = Text(visible(row.problem), "red") if row.problem else Text(visible(row.doing), "dim")
        table.add_row(mark, visible(row.name), Text(row.state.replace("_", " "), style), told, took(row.seconds))
    done = sum(row.settled for row in rows)
    return Group(table, Text(f"{done} of {len(rows)} decided", "dim"))


def results(rows: Sequence[Row]) -> RenderableType:
    """The table at the end: item, action, rule, evidence, time."""
    table = Table(
        box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), leading=1, header_style="dim", border_style="dim", expand=True
    )
    table.add_column("item", no_wrap=True)
    table.add_column("action", no_wrap=True)
    table.add_column("rule", overflow="fold", max_width=24)
    table.add_column("evidence", ratio=1, min_width=24)
    table.add_column("time", no_wrap=True, justify="right")
    for row in rows:
        if row.record:
            action = Action(row.record["action"])
            cells = [Text(action.value, STYLES[action]), rule(row.record), Text("\n").join(evidence(row.record))]
        else:
            cells = [Text("none", "red bold"), Text(), Text(visible(row.problem) or "no decision in time", "red")]
        table.add_row(visible(row.name), *cells, took(row.seconds))
    return table


def took(seconds: float | None) -> str:
    """`8.4 s`; empty when it is not known."""
    return "" if seconds is None else f"{seconds:.1f} s"


def rule(record: Mapping[str, Any]) -> Text:
    """Which rule of which pack decided; the first one, when several packs came to the same."""
    deciding = _deciding(record)
    if not deciding:
        return Text("no rule applied", "dim")
    more = f"\n+ {len(deciding) - 1} more" if len(deciding) > 1 else ""
    first = deciding[0]
    return Text.assemble(first["rule"], ("\n" + first["pack"] + more, "dim"))


def evidence(record: Mapping[str, Any]) -> Sequence[Text]:
    """Where it was found: the strongest places of what the deciding rules are about, or what had no answer."""
    labels = {decision["label"] for decision in _deciding(record)} - {None}
    places = [finding for finding in record["findings"] if finding["label"] in labels]
    lines = [_place(finding) for finding in _strongest(places)[:_PLACES_SHOWN]]
    if len(places) > len(lines) > 0:
        lines.append(Text(f"and {len(places) - len(lines)} more", "dim"))
    if not lines and _deciding(record):
        lines = [Text(line, "yellow") for line in _unanswered(record)[:_PLACES_SHOWN]]
    return lines or [Text("nothing found", "dim")]


def _unanswered(record: Mapping[str, Any]) -> Sequence[str]:
    """What had no answer and why, files first, each reason once."""
    failures = sorted(record["failures"], key=lambda failure: failure["signal"] != ASSET)
    reasons: dict[tuple[str, str], str] = {}
    for failure in failures:
        message = failure["message"].splitlines()[0]
        named = "" if failure["signal"] == ASSET else f"{failure['signal']}: "
        reasons.setdefault((failure["signal"], message), visible(f"{failure['part'].split('/')[0]}: {named}{message}"))
    return list(reasons.values())


def _deciding(record: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The decisions that came to the item's action, unless that is `allow`: nobody decided to find nothing."""
    if record["action"] == Action.ALLOW.value:
        return []
    return [decision for decision in record["decisions"] if decision["action"] == record["action"]]


def _strongest(findings: Iterable[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The strongest finding of every part, strongest first."""
    best: dict[str, Mapping[str, Any]] = {}
    for finding in findings:
        if finding["part"] not in best or finding["score"] > best[finding["part"]]["score"]:
            best[finding["part"]] = finding
    return sorted(best.values(), key=lambda finding: -finding["score"])


def _place(finding: Mapping[str, Any]) -> Text:
    asset, verb = visible(finding["part"].split("/")[0]), _HEARD.get(finding["role"])
    head = " ".join(word for word in (asset, _where(finding["where"]), verb) if word)
    return Text.assemble(head, (f"  {finding['score']:.2f}", "dim"), (_quote(finding["excerpt"]), "italic"))


def _where(said: Mapping[str, Any]) -> str:
    """A place in few words: seconds, box in percent of the picture from its top left corner, or characters."""
    times = describe(Where(start_s=said["start_s"], end_s=said["end_s"]))
    if said["box"]:
        x, y, width, height = (100 * said["box"][name] for name in ("x", "y", "width", "height"))
        corners = f"box x {x:.0f}{_TO}{x + width:.0f} % y {y:.0f}{_TO}{y + height:.0f} %"
        return f"{times} {corners}".strip()
    return times or describe(Where(span=tuple(said["span"]) if said["span"] else None))


def _quote(words: str | None) -> str:
    return f"\n“{shortened(visible(words), _LONGEST_QUOTE)}”" if words else ""

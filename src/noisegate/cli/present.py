"""Decisions and findings in words, for terminals."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from noisegate.cli.output import shortened, visible
from noisegate.core.decision import Decision
from noisegate.core.evidence import Finding
from noisegate.core.modality import Modality, Role
from noisegate.core.policy import Action
from noisegate.core.ports import Assessment, PartFailure
from noisegate.engine.compile import CompiledPack
from noisegate.engine.observe import ASSET
from noisegate.engine.reasons import carrying, describe

STYLES = {
    Action.ALLOW: "green",
    Action.LABEL: "cyan",
    Action.AGE_GATE: "cyan",
    Action.LIMIT: "yellow",
    Action.REVIEW: "yellow",
    Action.BLOCK: "red bold",
}
_WIDTH = 100
"""Columns of what is written into a file or a pipe."""
_LONGEST_QUOTE = 160
_PLACES = 3
"""How many places are shown of one decision, and of what no rule minded."""
_PARTS = 3
"""How many parts are named that one signal had no answer for."""
_HEARD = {Role.TRANSCRIPT: "heard", Role.OCR: "read"}


def paper() -> Console:
    """Where results go: standard output, wide enough for sentences when it is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH)


def print_assessment(console: Console, name: str, assessment: Assessment, packs: Sequence[CompiledPack] = ()) -> None:
    """One item: its action, who decided so and on what evidence, what else was seen, what had no answer.

    Args:
        console: Where.
        name: Of the item, for people.
        assessment: What was concluded.
        packs: Those that decided: they tell which findings carried a decision.
    """
    action = assessment.outcome.action
    took = Text(f"{assessment.timings.get('total', 0.0):.1f} s", "dim")
    console.print(Text.assemble((visible(name), "bold"), "  ", (_word(action), STYLES[action]), "  ", took))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=10, justify="right", no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for marked, lines in _rows(assessment, packs):
        for n, line in enumerate(lines):
            table.add_row(marked if n == 0 else "", line)
    console.print(table)
    console.print()


def _rows(assessment: Assessment, packs: Sequence[CompiledPack]) -> Iterator[tuple[Text, Sequence[Text]]]:
    by_name = {pack.name: pack for pack in packs}
    shown: set[Finding] = set()
    for alike in _alike(assessment.decisions):
        first = alike[0]
        carried = _carried(alike, by_name, assessment.findings)
        shown.update(carried)
        yield Text(_word(first.action), STYLES[first.action]), [*_concluded(alike), *_places(carried)]
    allowed = [decision.pack for decision in assessment.decisions if decision.action is Action.ALLOW]
    if allowed:
        yield Text(_word(Action.ALLOW), STYLES[Action.ALLOW]), [Text(", ".join(allowed), "dim")]
    others = [finding for finding in assessment.findings if finding not in shown and not _alike_to(finding, shown)]
    if others:
        yield Text("also seen", "dim"), list(_places(others, labelled=True))
    unanswered = list(_unanswered(assessment.failures))
    if unanswered:
        yield Text("no answer", "yellow"), unanswered


def _alike(decisions: Iterable[Decision]) -> Sequence[Sequence[Decision]]:
    """Decisions that restrict, those with the same rule and reason together, strictest first."""
    groups: dict[tuple[Action, str, str], list[Decision]] = {}
    for decision in decisions:
        if decision.action is not Action.ALLOW:
            groups.setdefault((decision.action, decision.rule, decision.reason), []).append(decision)
    return sorted(groups.values(), key=lambda alike: -alike[0].action.severity)


def _concluded(alike: Sequence[Decision]) -> Iterator[Text]:
    """Which rule of which packs, where, and why."""
    first = alike[0]
    markets = {decision.markets for decision in alike}
    where = f" in {', '.join(first.markets)}" if len(markets) == 1 and first.markets != ("*",) else ""
    yield Text.assemble(first.rule, (f"  {', '.join(decision.pack for decision in alike)}{where}", "dim"))
    yield Text(visible(first.reason))


def _carried(
    alike: Sequence[Decision], packs: Mapping[str, CompiledPack], findings: Sequence[Finding]
) -> Sequence[Finding]:
    found: dict[Finding, None] = {}
    for decision in alike:
        if decision.pack in packs:
            found.update(dict.fromkeys(carrying(decision, packs[decision.pack], findings)))
    return sorted(found, key=lambda finding: -finding.score)


def _places(findings: Sequence[Finding], *, labelled: bool = False) -> Iterator[Text]:
    chosen = strongest(findings, _PLACES)
    for finding in chosen:
        yield Text.assemble(
            (f"{finding.score:.2f}  ", "dim"), *([f"{finding.label}, "] if labelled else []), place(finding)
        )
    more = len(findings) - len(chosen)
    if more:
        yield Text(f"      and {more} more {'place' if more == 1 else 'places'}", "dim")


def place(finding: Finding) -> Text:
    """Where it was found, and the words: `episode.mp3 0:28 heard “...”`."""
    asset = finding.part.split("/")[0]
    verb = _HEARD.get(finding.role, "")
    head = " ".join(word for word in (visible(asset), describe(finding.where), verb) if word)
    if not finding.excerpt:
        return Text(head)
    quoting = finding.modality is Modality.TEXT
    words = shortened(visible(finding.excerpt), _LONGEST_QUOTE)
    return Text.assemble(head, (f" \u201c{words}\u201d", "italic") if quoting else f", {words}")


def strongest(findings: Sequence[Finding], count: int) -> Sequence[Finding]:
    """The `count` strongest findings, one for each label and part."""
    chosen: dict[tuple[str, str], Finding] = {}
    for finding in sorted(findings, key=lambda finding: -finding.score):
        chosen.setdefault((finding.label, finding.part), finding)
    return list(chosen.values())[:count]


def _alike_to(finding: Finding, shown: Iterable[Finding]) -> bool:
    """Whether the same label was shown of the same part."""
    return any((finding.label, finding.part) == (other.label, other.part) for other in shown)


def _unanswered(failures: Iterable[PartFailure]) -> Iterator[Text]:
    """What had no answer and why, files first, each reason once."""
    groups: dict[tuple[str, str], list[str]] = {}
    for failure in sorted(failures, key=lambda failure: failure.signal != ASSET):
        groups.setdefault((failure.signal, failure.failure.message), []).append(failure.part)
    for (signal, message), parts in groups.items():
        named = [visible(part.split("/")[0]) for part in parts]
        places = list(dict.fromkeys(named))
        where = ", ".join(places[:_PARTS]) + (f" and {len(places) - _PARTS} more" if len(places) > _PARTS else "")
        count = f" ({len(parts)} parts)" if len(parts) > len(places) else ""
        head = where + count if signal == ASSET else f"{signal}  {where}{count}"
        problem, *hints = message.splitlines()
        yield Text.assemble((head, "yellow"), f": {visible(problem)}" if signal == ASSET else "")
        if signal != ASSET:
            yield Text(visible(problem))
        for hint in hints:
            yield Text(visible(hint), "dim")


def _word(action: Action) -> str:
    return action.value.replace("_", " ")

"""Decisions and findings in words and tables, for terminals."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from noisegate.core.evidence import Finding
from noisegate.core.policy import Action
from noisegate.core.ports import Assessment
from noisegate.engine.reasons import describe

STYLES = {
    Action.ALLOW: "green",
    Action.LABEL: "cyan",
    Action.AGE_GATE: "cyan",
    Action.LIMIT: "yellow",
    Action.REVIEW: "yellow",
    Action.BLOCK: "red bold",
}


def print_assessment(console: Console, name: str, assessment: Assessment) -> None:
    """One item: its action, every pack's decision, the strongest findings, what had no answer."""
    action = assessment.outcome.action
    console.print(Text.assemble((name, "bold"), "  ", (action.value, STYLES[action])))
    table = Table(show_header=True, header_style="dim", box=None, padding=(0, 2))
    for column in ("pack", "rule", "action", "reason"):
        table.add_column(column)
    for decision in assessment.decisions:
        table.add_row(
            f"{decision.pack}@{decision.version}",
            decision.rule,
            Text(decision.action.value, STYLES[decision.action]),
            decision.reason,
        )
    console.print(table)
    for finding in strongest(assessment.findings, 6):
        console.print(Text("  " + sentence(finding)))
    for failure in assessment.failures:
        console.print(Text(f"  no answer: {failure.signal} on {failure.part}: {failure.failure.message}", "yellow"))
    console.print(Text(f"  {assessment.timings.get('total', 0.0):.1f} s", "dim"))
    console.print()


def strongest(findings: Sequence[Finding], count: int) -> Sequence[Finding]:
    """The `count` strongest findings, one for each label and part."""
    seen: set[tuple[str, str]] = set()
    chosen = []
    for finding in findings:
        if (finding.label, finding.part) not in seen:
            seen.add((finding.label, finding.part))
            chosen.append(finding)
    return chosen[:count]


def sentence(finding: Finding) -> str:
    """One finding in one line: what, how strongly, where, the words."""
    place = ", ".join(filter(None, (finding.role.value, describe(finding.where))))
    words = f": \u201c{finding.excerpt}\u201d" if finding.excerpt else ""
    return f"{finding.score:.2f} {finding.label}, {place}{words}"

"""Writes the tables of the documentation from the declarations they describe; a test says when they are stale.

Pages hold hand-written text and blocks between `<!-- made: NAME -->` and `<!-- end -->`; only the blocks are written.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
_BLOCK = re.compile(r"(<!-- made: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def functions() -> str:
    """The functions of the policy language."""
    from noisegate.engine.aggregates import FUNCTIONS

    rows = [(f"`{f.usage.format(x='x')}`", f.over.value, f.means) for f in FUNCTIONS]
    return _table(("Written", "`x` holds", "Meaning"), rows)


def context() -> str:
    """What conditions can read of the item."""
    from noisegate.engine.condition_checks import CONTEXT

    return _table(("Name", "Type"), [(f"`{name}`", kind) for name, kind in CONTEXT.items()])


def signals() -> str:
    """The catalogue."""
    from noisegate.system import installed_signals

    rows = []
    for signal in sorted(installed_signals(), key=lambda s: (bool(s.spec.gap), s.spec.name)):
        spec = signal.spec
        gives = [f"{output} → {code}" for output, code in spec.labels.items()]
        gives += [f"{fact} ({kind.value})" for fact, kind in spec.facts.items()]
        gives += [f"{modality.value}: {role.value}" for role, modality in spec.makes.items()]
        looks = ", ".join(sorted(spec.roles)) if spec.roles else f"every {signal.accepts.modality.value}"
        state = f"**not installed**: {spec.gap}" if spec.gap else spec.limits
        rows.append((f"`{spec.name}`", spec.version, spec.summary, looks, "; ".join(gives), spec.licence, state))
    return _table(("Signal", "Version", "What it does", "Looks at", "Gives", "Licence", "Limits"), rows)


def settings() -> str:
    """Every setting."""
    from noisegate.settings import Settings

    rows = []
    for name, field in Settings.model_fields.items():
        default = "computed" if field.default_factory else f"`{field.default}`"
        rows.append((f"`NOISEGATE_{name.upper()}`", default, field.description or ""))
    return _table(("Environment variable", "Default", "Meaning"), rows)


def taxonomy() -> str:
    """The default taxonomy."""
    from noisegate.core.taxonomy import default_taxonomy

    rows = [
        (label.reference, f"`{label.code}`", label.definition, ", ".join(label.dsa), ", ".join(label.mlcommons))
        for label in default_taxonomy()
    ]
    return _table(("No.", "Label", "Definition", "DSA category and keyword", "MLCommons"), rows)


def benchmarks() -> str:
    """What `make bench ARGS=--keep` measured last."""
    file = HERE.parent / "benchmarks" / "results.json"
    kept = json.loads(file.read_text("utf-8")) if file.exists() else {}
    rows = []
    for name, one in sorted(kept.items()):
        interval = "" if one["low"] is None else f"{one['low']:.3g} to {one['high']:.3g}"
        value = f"{one['value']:.4g} {one['unit']}"
        rows.append((f"`{name}`", value, interval, str(one["n"]), one["goal"] or "", one["machine"], one["commit"]))
    return _table(("Benchmark", "Value", "95 % interval", "n", "Goal", "Machine", "Version"), rows)


BLOCKS: Mapping[str, Callable[[], str]] = {
    "functions": functions,
    "context": context,
    "signals": signals,
    "settings": settings,
    "taxonomy": taxonomy,
    "benchmarks": benchmarks,
}


def written(page: str) -> str:
    """The text of a page with every block made anew."""
    return _BLOCK.sub(lambda block: f"{block[1]}{BLOCKS[block[2]]()}\n{block[3]}", page)


def pages() -> list[Path]:
    """The pages with blocks."""
    return [path for path in sorted(HERE.glob("*.md")) if _BLOCK.search(path.read_text("utf-8"))]


def main() -> None:
    """Write every page that has changed."""
    for path in pages():
        text = path.read_text("utf-8")
        if (new := written(text)) != text:
            path.write_text(new, "utf-8")
            print(f"wrote {path.name}", file=sys.stderr)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    main()

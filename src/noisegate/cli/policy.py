"""`noisegate policy check`."""

import sys
from pathlib import Path

import orjson
from rich.console import Console
from rich.text import Text

from noisegate.engine.rehearsal import check_examples
from noisegate.settings import Settings
from noisegate.system import System


def check(folder: Path, *, json: bool) -> None:
    """Compile the pack and run its examples; exits 1 when one fails."""
    with System(Settings()) as system:
        compiled = system.pack(folder)
    outcomes = check_examples(compiled)
    failed = [outcome for outcome in outcomes if not outcome.ok]
    pack = compiled.pack
    if json:
        shape = {
            "pack": pack.name,
            "version": pack.version,
            "digest": pack.digest,
            "rules": [rule.id for rule in pack.rules],
            "examples": len(outcomes),
            "failed": [{"name": o.example.name, "message": o.message} for o in failed],
        }
        sys.stdout.buffer.write(orjson.dumps(shape) + b"\n")
    else:
        console = Console()
        for outcome in failed:
            console.print(Text(f"failed: {outcome.message}", "red"))
        passed = len(outcomes) - len(failed)
        console.print(f"{pack.name}@{pack.version}: {len(pack.rules)} rules, {passed} of {len(outcomes)} examples hold")
    if failed:
        raise SystemExit(1)

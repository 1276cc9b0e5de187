from pathlib import Path

import pytest

from noisegate.cli.item_files import Overrides, read_draft
from noisegate.core.errors import InvalidInputError, UnknownNameError
from noisegate.core.item import ItemKind
from noisegate.core.modality import Role


def folder(tmp_path: Path, item: str) -> Path:
    (tmp_path / "item.yaml").write_text(item)
    (tmp_path / "audio.mp3").write_bytes(b"x")
    return tmp_path


def test_a_folder_is_read_by_its_item_file(tmp_path: Path) -> None:
    """Metadata, markets and the role of every asset."""
    draft = read_draft(
        folder(
            tmp_path,
            "kind: episode\ntitle: A talk\nmarkets: [de, FR]\nassets: [{file: audio.mp3, role: recording}]\n",
        ),
        Overrides(),
    )
    assert draft.kind is ItemKind.EPISODE
    assert draft.texts == {Role.TITLE: "A talk"}
    assert draft.markets == {"DE", "FR"}
    assert [(path.name, role) for path, role in draft.files] == [("audio.mp3", Role.RECORDING)]


def test_options_win_over_the_item_file(tmp_path: Path) -> None:
    """What is typed last is meant."""
    draft = read_draft(
        folder(tmp_path, "kind: episode\ntitle: A talk\n"), Overrides(title="Another", kind="track", markets=("US",))
    )
    assert (draft.texts[Role.TITLE], draft.kind, draft.markets) == ("Another", ItemKind.TRACK, {"US"})


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("titel: A talk\n", "unknown key `titel`"),  # a typo is not silently dropped
        ("kind: podcast\n", "'podcast' is no kind of item; allowed are track, episode"),
        ("markets: [Germany]\n", "'Germany' is no market"),
        ("assets: [{file: ../../etc/passwd}]\n", "there is no file"),  # nothing outside the folder is read
        ("assets: [audio.mp3]\n", "an asset must be"),
        ("assets: [{file: audio.mp3, role: cuver}]\n", "did you mean `cover`"),
        ("[1, 2]\n", "must be a mapping"),
        ("a: [\n", "is not YAML"),
    ],
)
def test_what_is_wrong_with_an_item_file_is_said(tmp_path: Path, item: str, message: str) -> None:
    """The value, what is allowed, and the nearest right word."""
    with pytest.raises((InvalidInputError, UnknownNameError)) as caught:
        read_draft(folder(tmp_path, item), Overrides())
    assert message in str(caught.value)


def test_a_folder_without_an_item_file_says_how_to_write_one(tmp_path: Path) -> None:
    """The hint can be typed."""
    with pytest.raises(InvalidInputError) as caught:
        read_draft(tmp_path, Overrides())
    assert "assets: [{file: NAME, role: recording}]" in str(caught.value)

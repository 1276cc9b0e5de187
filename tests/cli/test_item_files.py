from pathlib import Path
from typing import Any

import pytest

from noisegate.cli.item_files import Overrides, read_draft
from noisegate.core.errors import InvalidInputError, UnknownNameError
from noisegate.core.item import ItemKind
from noisegate.core.modality import Role


def folder(tmp_path: Path, item: str) -> Path:
    (tmp_path / "item.yaml").write_text(item, "latin-1" if item == "\xff" else "utf-8")
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
        folder(tmp_path, "kind: episode\ntitle: A talk\n"),
        Overrides.typed(title="Another", kind="track", markets=["us"]),
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
        ("title: [a, b]\n", "must be words, and it is ['a', 'b']"),
        ("assets: {file: audio.mp3}\n", "must be a list"),
        ("assets: [{file: [audio.mp3]}]\n", "an asset must be"),
        ("assets: [{file: audio.mp3, role: speech}]\n", "is no role of a file"),  # it would hide what is said
        ('assets: [{file: "audio\\0.mp3"}]\n', "there is no file"),
        ("assets: [{file: %s}]\n" % ("x" * 5000), "there is no file"),
        ("markets: DE\n", "must be a list"),
        ("markets: [ÄÖ]\n", "is no market"),
        ("declared: explicit\n", "must be a mapping"),
        ("declared: {explicit: perhaps}\n", "'perhaps' is neither true nor false"),
        ("kind: {a: b}\n", "is no kind of item"),
        ("&a [*a]\n", "must be a mapping"),
        ("a: " + "[" * 3000 + "]" * 3000 + "\n", "is nested too deeply"),
        ("title: !!python/object/apply:os.getcwd []\n", "is not YAML"),
        ("\xff", "is not YAML"),
        # every level names the one before ten times: written out, it would fill the memory
        (
            "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10 if n else ['x'])}]\n" for n in range(12))
            + "assets: *l11\n",
            "unknown key `l0`",
        ),
        ("made: &a [x, x]\nexpect: &b [*a, *a]\ntitle: *b\n", "must be words"),
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


def test_what_is_written_is_what_is_meant(tmp_path: Path) -> None:
    """YAML takes years for numbers, `No` for a truth value and Norway for false; a title is words."""
    said = "title: 1984\ndescription: No\nlyrics: 2020-01-01\ncomment: ~\ncreator: 007\n"
    draft = read_draft(folder(tmp_path, said + "declared: {explicit: Yes, language: no}\n"), Overrides())
    assert draft.texts == {Role.TITLE: "1984", Role.DESCRIPTION: "No", Role.LYRICS: "2020-01-01"}
    assert draft.creator == "007"
    assert draft.declared == {"explicit": True, "language": "no"}


def test_a_file_alone_is_an_item(tmp_path: Path) -> None:
    """Its ending says which kind it probably is; its content decides what it is."""
    for name, kind, role in (
        ("a.mp3", ItemKind.TRACK, None),
        ("a.MOV", ItemKind.VIDEO, None),
        ("a.txt", ItemKind.COMMENT, Role.COMMENT),
    ):
        (tmp_path / name).write_bytes(b"x")
        draft = read_draft(tmp_path / name, Overrides())
        assert (draft.kind, draft.files) == (kind, ((tmp_path / name, role),))


def test_a_folder_of_items_says_how_to_name_them(tmp_path: Path) -> None:
    """One path is one item."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "item.yaml").write_text("title: A talk\n")
    with pytest.raises(InvalidInputError, match="it holds 2 folders that have one"):
        read_draft(tmp_path, Overrides())


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"kind": "podcast"}, "--kind: 'podcast' is no kind"),
        ({"markets": ["Germany"]}, "--market: 'Germany' is no market"),
    ],
)
def test_a_wrong_option_is_refused_before_any_item_is_read(typed: dict[str, Any], message: str) -> None:
    """It is wrong for all of them."""
    with pytest.raises(InvalidInputError, match=message):
        Overrides.typed(**typed)


def test_a_very_large_item_file_is_not_read(tmp_path: Path) -> None:
    """Long texts have files of their own, with limits of their own."""
    with (folder(tmp_path, "") / "item.yaml").open("wb") as file:
        file.truncate(17 << 20)
    with pytest.raises(InvalidInputError, match="put long texts into files of their own"):
        read_draft(tmp_path, Overrides())

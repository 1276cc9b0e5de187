from pathlib import Path

import pytest
from small_world import ByEnding

from noisegate.core.errors import InvalidInputError
from noisegate.core.ids import Digest
from noisegate.core.item import ItemKind
from noisegate.core.modality import Role
from noisegate.flows.scan import open_item
from noisegate.flows.submit import LONGEST_TEXT, File, Submission


def local(path: Path, words: str = "x", role: Role | None = None) -> File:
    """A file of a submission, made here."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(words, "utf-8")
    return File(name=path.name, digest=Digest(""), role=role, path=path)


def submission(*files: File, **texts: str) -> Submission:
    return Submission(kind=ItemKind.TRACK, texts={Role(role): text for role, text in texts.items()}, files=files)


def test_an_item_is_made_of_local_files(tmp_path: Path) -> None:
    """Texts, probed assets with their roles, and where each lies."""
    cover = local(tmp_path / "cover.png", role=Role.COVER)
    with open_item(ByEnding(), submission(cover, title="A song")) as opened:
        (asset,) = opened.item.assets
        assert (asset.name, asset.role, asset.width) == ("cover.png", Role.COVER, 200)
        assert opened.paths == {asset.digest: str(tmp_path / "cover.png")}
        assert opened.item.texts == {Role.TITLE: "A song"}


def test_the_same_upload_is_the_same_item_wherever_it_lies(tmp_path: Path) -> None:
    """Its id follows from what was submitted; another title, role or market is another item."""

    def name(folder: str, title: str = "A song", **more: object) -> str:
        given = submission(local(tmp_path / folder / "cover.png"), title=title)
        with open_item(ByEnding(), Submission(**{**given.__dict__, **more})) as opened:
            return opened.item.id

    assert name("one") == name("two")
    assert len({name("one"), name("one", "Another"), name("one", markets=frozenset({"DE"}))}) == 3


def test_files_of_one_name_and_files_named_like_texts_are_told_apart(tmp_path: Path) -> None:
    """Parts are named by them: a file called `title` must not take the title's place."""
    files = [local(tmp_path / folder / "cover.png", folder) for folder in ("one", "two")]
    odd = local(tmp_path / "title")
    with open_item(ByEnding(), submission(*files, odd, title="A song")) as opened:
        assert [asset.name for asset in opened.item.assets] == ["cover.png", "cover-2.png", "title-2"]


def test_a_very_long_text_becomes_a_file_with_a_files_limits(tmp_path: Path) -> None:
    """It is there while the item is open, and gone afterwards."""
    with open_item(ByEnding(), submission(description="x" * (LONGEST_TEXT + 1))) as opened:
        (asset,) = opened.item.assets
        assert (asset.name, asset.role, opened.item.texts) == ("description.txt", Role.DESCRIPTION, {})
        path = Path(opened.paths[asset.digest])
        assert path.stat().st_size == LONGEST_TEXT + 1
    assert not path.exists()


@pytest.mark.parametrize("texts", [{}, {"title": " \n"}])
def test_an_item_without_anything_in_it_is_refused(texts: dict[str, str]) -> None:
    """Blank words do not count; the hint says what an item can have."""
    with (
        pytest.raises(InvalidInputError, match="nothing to look at") as caught,
        open_item(ByEnding(), submission(**texts)),
    ):
        pass
    assert "`title`" in str(caught.value)


def test_a_file_without_a_path_is_a_mistake_of_the_caller() -> None:
    """Here files lie on this machine."""
    missing = File(name="a.png", digest=Digest(""))
    with pytest.raises(InvalidInputError, match="has no path"), open_item(ByEnding(), submission(missing)):
        pass

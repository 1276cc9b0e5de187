"""Make an item of local files, for an assessment in this process: no server, no database, nothing kept."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from noisegate.core.errors import InvalidInputError
from noisegate.core.ids import Digest, ItemId, digest_of_value, short
from noisegate.core.item import Asset, Item
from noisegate.core.ports import Prober
from noisegate.flows.submit import File, Submission, cleaned, long_texts_as_files


@dataclass(frozen=True, kw_only=True)
class Opened:
    """An item made of local files, and where each of its assets lies."""

    item: Item
    paths: Mapping[Digest, str]


@contextmanager
def open_item(prober: Prober, submission: Submission) -> Iterator[Opened]:
    """Probe the files of an upload and make the item; its files are there while the block runs.

    Args:
        prober: Says what each file is.
        submission: With the `path` of every file; digests are worked out here.

    Raises:
        InvalidInputError: there is nothing in it.
    """
    submission = cleaned(submission)
    texts = {role: text for role, text in submission.texts.items() if text.strip()}
    if not submission.files and not texts:
        raise InvalidInputError(
            "there is nothing to look at: the item has neither a file nor words",
            hint="give it at least one file, `title`, `description`, `lyrics` or `comment`",
        )
    with long_texts_as_files(replace(submission, texts=texts)) as shortened:
        found = [(_asset(prober, file), str(file.path)) for file in shortened.files]
        item = Item(
            id=ItemId(""),
            kind=shortened.kind,
            texts=shortened.texts,
            assets=tuple(asset for asset, _ in found),
            creator=shortened.creator,
            markets=shortened.markets,
            surface=shortened.surface,
            declared=shortened.declared,
        )
        yield Opened(item=named_by_content(item), paths={asset.digest: path for asset, path in found})


def _asset(prober: Prober, file: File) -> Asset:
    if file.path is None:
        raise InvalidInputError(f"the file {file.name!r} has no path")
    return prober.asset(str(file.path), name=file.name, role=file.role)


def named_by_content(item: Item) -> Item:
    """The item with the id that follows from what was submitted: the same upload is the same item."""
    submitted = [item.kind, item.texts, [[a.digest, a.name, a.role] for a in item.assets]]
    context = [item.creator, item.markets, item.surface, item.declared]
    return replace(item, id=ItemId("itm_" + short(digest_of_value([submitted, context]), 24)))

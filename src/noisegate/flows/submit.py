"""Accept an upload once: what it is, where its bytes are, and the job that will look at it.

Files are kept before the database hears of them; item, ledger entry, deadline and job are one transaction after that.
So a submission that dies half-way leaves at most a file that nobody refers to, and repeating it gives the same item: an
item is named by who submitted it and by the key they gave, or else by what was submitted. A file that is broken,
mislabelled or hostile is accepted like any other, with its problem on record: the packs say what follows from it.
"""

import re
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from noisegate.core.errors import InvalidInputError, UnknownNameError
from noisegate.core.ids import Digest, ItemId, digest_of_value, short
from noisegate.core.item import WORLDWIDE, Asset, GateState, Item, ItemKind
from noisegate.core.modality import Role
from noisegate.core.ports import Blobs, Prober
from noisegate.flows import jobs

WRITTEN_ROLES = (Role.TITLE, Role.DESCRIPTION, Role.LYRICS, Role.COMMENT)
"""What a submitter can write in the item itself."""
LONGEST_TEXT = 100_000
"""Characters a text may have inside the item; a longer one becomes a file, which has limits of its own."""
_LONGEST_NAME = 120
"""Characters of a file's name that are kept."""


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of a submission."""

    name: str
    """As the submitter calls it; cleaned here, never a path."""
    digest: Digest
    role: Role | None = None
    path: Path | None = None
    """Where it lies now; None when the blobs have it already."""


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What somebody wants to publish."""

    kind: ItemKind
    texts: Mapping[Role, str] = field(default_factory=dict)
    files: tuple[File, ...] = ()
    creator: str | None = None
    markets: frozenset[str] = frozenset({WORLDWIDE})
    surface: str = "catalogue"
    declared: Mapping[str, str | bool] = field(default_factory=dict)
    deadline_s: float | None = None
    """Seconds until `on_deadline`; the installation's when None."""


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """The item that a submission is."""

    item: ItemId
    state: GateState
    created: bool
    """False when it was accepted before."""


class Gated(Protocol):
    """Where an item stands, as the store says it."""

    @property
    def state(self) -> GateState:
        """Held, released, ..."""
        ...


class SubmissionTransaction(Protocol):
    """What is written about a submission, all or nothing."""

    def claim_idempotency_key(self, key: str, *, request: Digest, item: ItemId) -> ItemId:
        """Tie the key to the request. Raises ConflictError when it is tied to another one."""
        ...

    def add_item(self, item: Item, *, deadline_s: float | None = None) -> bool:
        """Record and hold the item; False when it is there already."""
        ...

    def enqueue(
        self, task: str, args: Mapping[str, Any], *, queue: str = ..., queueing_lock: str | None = ...
    ) -> int | None:
        """Queue a job that exists if this commits."""
        ...


class SubmissionStore(Protocol):
    """What submitting needs of the store."""

    def transaction(self, *, actor: str = ...) -> AbstractContextManager[SubmissionTransaction]:
        """Everything in the block, or nothing."""
        ...

    def gate(self, item: ItemId) -> Gated:
        """Where the item stands. Raises UnknownNameError."""
        ...


@dataclass(frozen=True, kw_only=True)
class Submitter:
    """What accepting uploads needs."""

    store: SubmissionStore
    blobs: Blobs
    prober: Prober
    deadline_s: float
    """Seconds until `on_deadline` for submissions that do not say."""

    def submit(self, submission: Submission, *, owner: str, key: str | None = None) -> Accepted:
        """Accept `submission`.

        Args:
            submission: What is to be published.
            owner: Who submits, for example `key:...`.
            key: Names this request; repeating it under the same key gives the same item.

        Raises:
            InvalidInputError: there is nothing in it.
            UnknownNameError: a file is named by a digest that the blobs do not have.
            ConflictError: the key was used for another submission.
            UnavailableError: the blobs or the database do not answer; nothing was accepted.
        """
        submission = cleaned(submission)
        if not submission.files and not any(text.strip() for text in submission.texts.values()):
            raise InvalidInputError(
                "there is nothing to look at: the item has neither a file nor words",
                hint="send at least one file, `title`, `description`, `lyrics` or `comment`",
            )
        request = digest_of_value(_said(submission))
        name = item_id(owner, key=key, request=request)
        known = self._known(name)
        if known is None:
            with long_texts_as_files(submission) as shortened:
                item = Item(
                    id=name,
                    kind=shortened.kind,
                    texts=shortened.texts,
                    assets=tuple(self._asset(file) for file in shortened.files),
                    creator=shortened.creator,
                    markets=shortened.markets,
                    surface=shortened.surface,
                    declared=shortened.declared,
                )
                created = self._accept(item, shortened, owner=owner, key=key, request=request)
            return Accepted(item=name, state=self.store.gate(name).state, created=created)
        if key is not None:
            with self.store.transaction(actor=owner) as tx:
                tx.claim_idempotency_key(key, request=request, item=name)
        return Accepted(item=name, state=known, created=False)

    def _known(self, name: ItemId) -> GateState | None:
        try:
            return self.store.gate(name).state
        except UnknownNameError:
            return None

    def _asset(self, file: File) -> Asset:
        """Keep the file, then say what it is; the digest that was promised is the one that counts."""
        if file.path is not None:
            asset = self.prober.asset(str(file.path), name=file.name, role=file.role)
            self.blobs.put_file(file.digest, str(file.path))
        else:
            with self.blobs.local_path(file.digest) as path:
                asset = self.prober.asset(path, name=file.name, role=file.role)
        return replace(asset, digest=file.digest)

    def _accept(self, item: Item, submission: Submission, *, owner: str, key: str | None, request: Digest) -> bool:
        deadline_s = self.deadline_s if submission.deadline_s is None else submission.deadline_s
        with self.store.transaction(actor=owner) as tx:
            if key is not None:
                tx.claim_idempotency_key(key, request=request, item=item.id)
            created = tx.add_item(item, deadline_s=deadline_s)
            if created:
                self._check_files(submission)
                tx.enqueue(jobs.ASSESS, {"item": item.id}, queue=jobs.ASSESS, queueing_lock=f"assess {item.id}")
        return created

    def _check_files(self, submission: Submission) -> None:
        """From here on they stay; before, somebody may have tidied away a file that was sent long ago."""
        for file in submission.files:
            if self.blobs.size(file.digest) is not None:
                continue
            if file.path is None:
                raise UnknownNameError(f"no file is kept as {file.digest}", hint="send it again: PUT /v1/blobs")
            self.blobs.put_file(file.digest, str(file.path))


def item_id(owner: str, *, key: str | None, request: Digest) -> ItemId:
    """The name of a submission: by its key when it has one, else by what was asked; never the same for two owners."""
    named = ["key", key] if key is not None else ["content", request]
    return ItemId("itm_" + short(digest_of_value([owner, *named]), 24))


def cleaned(submission: Submission) -> Submission:
    """The submission with texts that can be stored and distinct file names that can be shown."""
    texts = {role: storable_text(text) for role, text in submission.texts.items()}
    taken: set[str] = {role.value for role in Role}  # parts made from texts have these names
    files = []
    for file in submission.files:
        name = _distinct(shown_name(file.name), taken)
        taken.add(name)
        files.append(replace(file, name=name))
    creator = None if submission.creator is None else storable_text(submission.creator)
    declared = {
        storable_text(name): storable_text(value) if isinstance(value, str) else value
        for name, value in submission.declared.items()
    }
    return replace(submission, texts=texts, files=tuple(files), creator=creator, declared=declared)


def storable_text(text: str) -> str:
    """`text` with NUL and lone surrogates as U+FFFD: the same length, so that places in it stay true."""
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def shown_name(name: str) -> str:
    """A submitter's file name made fit to be shown: the last step of a path, without anything that hides or moves."""
    name = unicodedata.normalize("NFC", storable_text(name))
    name = re.split(r"[/\\]", name)[-1]
    name = "".join(" " if c.isspace() else c for c in name if c.isspace() or unicodedata.category(c)[0] != "C")
    name = " ".join(name.split()).strip(". ")
    if len(name) > _LONGEST_NAME:
        stem, dot, ending = name.rpartition(".")
        ending = dot + ending if dot and len(ending) <= 10 else ""
        name = (stem if ending else name)[: _LONGEST_NAME - len(ending)] + ending
    return name or "file"


def _distinct(name: str, taken: set[str]) -> str:
    stem, dot, ending = name.rpartition(".")
    stem, ending = (stem, dot + ending) if stem else (name, "")
    candidate, n = name, 1
    while candidate in taken:
        n += 1
        candidate = f"{stem}-{n}{ending}"
    return candidate


@contextmanager
def long_texts_as_files(submission: Submission) -> Iterator[Submission]:
    """Texts too long for the item as files beside it, there while the block runs; a file's limits apply to them."""
    long = {role: text for role, text in submission.texts.items() if len(text) > LONGEST_TEXT}
    if not long:
        yield submission
        return
    from noisegate.core.ids import digest_of

    taken = {file.name for file in submission.files}
    with tempfile.TemporaryDirectory(prefix="noisegate-text-") as folder:
        files: list[File] = []
        for role, text in sorted(long.items()):
            data = text.encode()
            path = Path(folder) / role.value
            path.write_bytes(data)
            name = _distinct(f"{role.value}.txt", taken)
            files.append(File(name=name, digest=digest_of(data), role=role, path=path))
        short_ones = {role: text for role, text in submission.texts.items() if role not in long}
        yield replace(submission, texts=short_ones, files=(*submission.files, *files))


def _said(submission: Submission) -> Sequence[Any]:
    """What was asked for, in an order that does not depend on how it was sent."""
    files = [[file.name, file.digest, file.role] for file in submission.files]
    context = [submission.creator, submission.markets, submission.surface, submission.declared]
    return [submission.kind, submission.texts, files, context, submission.deadline_s]

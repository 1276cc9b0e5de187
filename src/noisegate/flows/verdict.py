"""A verdict at once, for words and small pictures that are not uploads: a chat line, a comment, an avatar.

The same signals and packs as for items, in this process and within a deadline; nothing is held and nothing is kept. What
was concluded is counted, and the counts go into the ledger every now and then: how often which rule decided is part of
the record, what was asked is not. The way is short on purpose: it reads no database.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from noisegate.core.errors import InvalidInputError, TooLargeError
from noisegate.core.ids import Digest, ItemId, PartId, digest_of, digest_of_value, short
from noisegate.core.item import WORLDWIDE, Item, ItemKind
from noisegate.core.modality import Part, Role, Text
from noisegate.core.ports import Assessment, Library, Prober
from noisegate.flows.assess import Assessor
from noisegate.flows.submit import LONGEST_TEXT, File, Submission, cleaned, storable_text


@dataclass(frozen=True, kw_only=True)
class Question:
    """What shall be judged."""

    texts: Mapping[Role, str] = field(default_factory=dict)
    pictures: tuple[File, ...] = ()
    """Files with a `path`."""
    kind: ItemKind = ItemKind.COMMENT
    markets: frozenset[str] = frozenset({WORLDWIDE})
    surface: str = "comments"
    declared: Mapping[str, str | bool] = field(default_factory=dict)
    deadline_s: float = 1.0
    """Seconds after which packs that are still open follow their `on_deadline`; none are left when it is not above 0."""


@dataclass(frozen=True, kw_only=True)
class Judge:
    """What verdicts need: an assessor that runs here, and who opens pictures."""

    assessor: Assessor
    prober: Prober
    pictures: Callable[[Mapping[Digest, str]], Library]
    """A library over local files, by digest."""
    tally: "Tally"

    def verdict(self, question: Question) -> Assessment:
        """Judge `question`.

        Raises:
            InvalidInputError: there is nothing in it.
            TooLargeError: a text is too long for an answer at once.
        """
        until = self.assessor.clock() + question.deadline_s
        texts = {role: storable_text(text) for role, text in question.texts.items() if text.strip()}
        if not texts and not question.pictures:
            raise InvalidInputError("there is nothing to judge: neither words nor a picture", hint='{"text": "..."}')
        for role, text in texts.items():
            if len(text) > LONGEST_TEXT:
                raise TooLargeError(
                    f"`{role.value}` has {len(text):,} characters; a verdict takes at most {LONGEST_TEXT:,}",
                    hint="submit it as an item: POST /v1/items",
                )
        item = self._item(question, texts)
        if item.assets:
            paths = {file.digest: str(file.path) for file in question.pictures}
            assessor = replace(self.assessor, library=self.pictures(paths))
        else:
            assessor = replace(self.assessor, library=Words())
        assessment = assessor.assess(item, until=until)
        self.tally.count(assessment)
        return assessment

    def warm(self) -> None:
        """Load the models that judge words, so that the first caller does not wait for them. Counts nothing."""
        replace(self.assessor, library=Words()).assess(self._item(Question(), {Role.COMMENT: "good morning"}))

    def _item(self, question: Question, texts: Mapping[Role, str]) -> Item:
        files = cleaned(Submission(kind=question.kind, files=question.pictures)).files
        said = [question.kind, texts, [file.digest for file in files], question.markets, question.surface]
        return Item(
            id=ItemId("vrd_" + short(digest_of_value([*said, question.declared]), 24)),
            kind=question.kind,
            texts=texts,
            assets=tuple(self.prober.asset(str(file.path), name=file.name, role=file.role) for file in files),
            markets=question.markets,
            surface=question.surface,
            declared=question.declared,
        )


class Words:
    """A `core.ports.Library` for items that are nothing but words."""

    @contextmanager
    def parts(self, item: Item) -> Iterator[Sequence[Part]]:
        """See the port."""
        yield [
            Text(id=PartId(role.value), role=role, digest=digest_of(text.encode()), text=text)
            for role, text in sorted(item.texts.items())
        ]


class LedgerTransaction(Protocol):
    """Adds to the ledger."""

    def append(self, kind: str, item: ItemId | None = ..., /, **body: Any) -> None:
        """Add an entry."""
        ...


class LedgerStore(Protocol):
    """What the tally needs of the store."""

    def transaction(self, *, actor: str = ...) -> AbstractContextManager[LedgerTransaction]:
        """Everything in the block, or nothing."""
        ...


class Tally:
    """Counts verdicts by what decided them. A killed process loses the counts since the last `write`."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Start at nothing; `clock` gives seconds since 1970."""
        self._clock = clock
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._counts: Counter[tuple[str, int, str, str]] = Counter()
        self._verdicts = 0
        self._since = clock()

    def count(self, assessment: Assessment) -> None:
        """One more."""
        with self._lock:
            self._verdicts += 1
            self._counts.update((d.pack, d.version, d.rule, d.action.value) for d in assessment.decisions)

    def write(self, store: LedgerStore) -> int:
        """Put what was counted since the last time into the ledger. Returns the number of verdicts.

        Raises:
            UnavailableError: the database went away; the counts stay for the next time.
        """
        with self._writing:
            return self._write(store)

    def _write(self, store: LedgerStore) -> int:
        with self._lock:
            counts, verdicts, since = dict(self._counts), self._verdicts, self._since
        if not verdicts:
            return 0
        rows = [
            {"pack": pack, "version": version, "rule": rule, "action": action, "count": count}
            for (pack, version, rule, action), count in sorted(counts.items())
        ]
        now = self._clock()
        with store.transaction() as tx:
            tx.append("verdicts", None, verdicts=verdicts, seconds=round(now - since, 3), decided=rows)
        with self._lock:
            self._counts.subtract(counts)
            self._counts += Counter()  # drops what is zero
            self._verdicts -= verdicts
            self._since = now
        return verdicts

"""The store: what flows and the API ask for and write, over PostgreSQL and nothing else.

Reading is here; writing is `Store.transaction()` (`transaction.py`). Rooms of their own: `store.ledger`,
`store.feed`, `store.outbox`, `store.results`, `store.keys`, `store.packs`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from noisegate.adapters.store import documents, migrate
from noisegate.adapters.store.feed import Feed
from noisegate.adapters.store.keys import Keys
from noisegate.adapters.store.ledger import Ledger
from noisegate.adapters.store.outbox import Outbox
from noisegate.adapters.store.packs import Packs
from noisegate.adapters.store.pool import Pool
from noisegate.adapters.store.queries import Queries
from noisegate.adapters.store.records import Gate, ItemSummary, StoredCase, StoredDecision, StoredItem, StoredPart
from noisegate.adapters.store.results import Results
from noisegate.adapters.store.transaction import FILES_LOCK, Transaction, gate_from
from noisegate.core.errors import UnknownNameError
from noisegate.core.ids import DecisionId, Digest, ItemId, PartId
from noisegate.core.item import GateState, ItemKind
from noisegate.core.modality import Modality, Role
from noisegate.core.policy import Action
from noisegate.core.ports import Assessment, GateChange
from noisegate.core.review import Case

_ITEMS = Queries("items")
_ASSESSMENTS = Queries("assessments")
_CASES = Queries("cases")

Row = Mapping[str, Any]


class Store:
    """Everything that is kept, for one process; its methods may be called from any thread."""

    def __init__(self, url: str, *, size: int = 10) -> None:
        """Open a database whose schema is up to date (`migrate.migrate`).

        Args:
            url: its address.
            size: most connections at one time.

        Raises:
            UnavailableError: it does not answer, or its schema is older or newer than this program.
        """
        migrate.check(url)
        self._pool = Pool(url, size=size)
        self.ledger = Ledger(self._pool)
        self.feed = Feed(self._pool)
        self.outbox = Outbox(self._pool)
        self.results = Results(self._pool)
        self.keys = Keys(self._pool)
        self.packs = Packs(self._pool)

    def close(self) -> None:
        """Give all connections back."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def transaction(self, *, actor: str = "system") -> Iterator[Transaction]:
        """All that is written in the block becomes true at once when it ends, and nothing of it when it raises.

        Args:
            actor: who does it, by id; goes into the ledger.

        Raises:
            UnavailableError: the database went away.
        """
        with self._pool.connection() as connection:
            transaction = Transaction(connection=connection, actor=actor)
            yield transaction
            transaction.flush()

    # Items

    def item(self, item: ItemId) -> StoredItem:
        """An item with its gate.

        Raises:
            UnknownNameError: no such item.
        """
        named = {"item_id": item}
        with self._pool.connection() as connection:
            row = connection.execute(_ITEMS["item"], named).fetchone()
            gate = connection.execute(_ITEMS["gate"], named).fetchone()
            assets = connection.execute(_ITEMS["assets"], named).fetchall()
        if row is None or gate is None:
            raise UnknownNameError(f"no item is called `{item}`")
        found = tuple(documents.asset_from(one["asset"]) for one in assets)
        return StoredItem(
            item=documents.item_from(row["item_id"], row, row["texts"], row["creator"], found),
            submitted_at=row["submitted_at"],
            erased_at=row["erased_at"],
            gate=gate_from(gate),
        )

    def items(
        self, *, state: GateState | None = None, before: ItemId | None = None, limit: int = 50
    ) -> list[ItemSummary]:
        """Items, newest first; `before` is the last one of the page before."""
        rows = self._rows(_ITEMS["recent_items"], state=state, before=before, limit=limit)
        return [_summary(row) for row in rows]

    def gate(self, item: ItemId) -> Gate:
        """Where an item stands.

        Raises:
            UnknownNameError: no such item.
        """
        for row in self._rows(_ITEMS["gate"], item_id=item):
            return gate_from(row)
        raise UnknownNameError(f"no item is called `{item}`")

    def gate_changes(self, item: ItemId) -> list[GateChange]:
        """Every step an item's gate has taken, in order."""
        return [
            GateChange(
                item=item,
                revision=row["revision"],
                state=GateState(row["state"]),
                markets=documents.markets_from(row["markets"]),
                why=row["why"],
            )
            for row in self._rows(_ITEMS["gate_changes"], item_id=item)
        ]

    def gate_counts(self) -> dict[GateState, int]:
        """How many items stand in each state; states without items are left out."""
        return {GateState(row["state"]): row["items"] for row in self._rows(_ITEMS["gate_counts"])}

    def overdue(self, *, limit: int = 100) -> list[ItemId]:
        """Items whose deadline has passed and was not dealt with, the longest waiting first."""
        return [ItemId(row["item_id"]) for row in self._rows(_ITEMS["overdue"], limit=limit)]

    def tidy_files(self, digests: Iterable[Digest], remove: Callable[[Digest], None]) -> int:
        """Call `remove` for the stored files that no item has. No submission is accepted meanwhile; give few at a time.

        Returns:
            How many.
        """
        with self._pool.connection() as connection:
            connection.execute(_ITEMS["tidy_files"], {"key": FILES_LOCK})
            rows = connection.execute(_ITEMS["unreferenced"], {"digests": list(digests)}).fetchall()
            for row in rows:
                remove(Digest(row["digest"]))
        return len(rows)

    # Conclusions

    def assessment(self, item: ItemId) -> Assessment | None:
        """The latest assessment of an item, or None before the first. `parts` is empty: see `parts()`.

        Raises:
            UnknownNameError: no such item.
        """
        stored = self.item(item)
        named: dict[str, Any] = {"item_id": item}
        with self._pool.connection() as connection:
            latest = connection.execute(_ASSESSMENTS["latest"], named).fetchone()
            if latest is None:
                return None
            at = {**named, "number": latest["number"]}
            found = connection.execute(_ASSESSMENTS["findings"], at).fetchall()
            decided = connection.execute(_ASSESSMENTS["decisions_of"], at).fetchall()
            owed = connection.execute(_ASSESSMENTS["notices_of"], at).fetchall()
        return Assessment(
            item=stored.item,
            decisions=tuple(documents.decision_from(row["decision"]) for row in decided),
            outcome=documents.outcome_from(latest["outcome"]),
            findings=tuple(documents.finding_from(row["finding"]) for row in found),
            facts={PartId(part): facts for part, facts in (latest["facts"] or {}).items()},
            failures=tuple(documents.failure_from(row) for row in latest["failures"] or ()),
            cases=tuple(stored.case for stored in self.cases(item=item, state=None)),
            notices=tuple(documents.notice_from(row["notice"]) for row in owed),
            timings=latest["timings"],
            settled=latest["settled"],
        )

    def parts(self, item: ItemId) -> list[StoredPart]:
        """The parts of the latest assessment, in order."""
        return [
            StoredPart(
                id=PartId(row["part"]["id"]),
                modality=Modality(row["modality"]),
                role=Role(row["role"]),
                digest=Digest(row["digest"]),
                detail=row["part"],
            )
            for row in self._rows(_ASSESSMENTS["parts"], item_id=item)
        ]

    def decision(self, decision: DecisionId) -> StoredDecision:
        """One decision.

        Raises:
            UnknownNameError: no such decision.
        """
        for row in self._rows(_ASSESSMENTS["decision"], decision_id=decision):
            return _decision(row)
        raise UnknownNameError(f"no decision is called `{decision}`")

    def decisions(
        self,
        *,
        item: ItemId | None = None,
        pack: str | None = None,
        action: Action | None = None,
        before: DecisionId | None = None,
        limit: int = 50,
    ) -> list[StoredDecision]:
        """Decisions, newest first, superseded ones too; `before` is the last one of the page before."""
        rows = self._rows(
            _ASSESSMENTS["recent_decisions"], item_id=item, pack=pack, action=action, before=before, limit=limit
        )
        return [_decision(row) for row in rows]

    # Cases

    def cases(
        self,
        *,
        queue: str | None = None,
        state: str | None = "open",
        item: ItemId | None = None,
        limit: int = 100,
    ) -> list[StoredCase]:
        """Cases, the most urgent first. `state` is `open`, `claimed`, `closed`, or None for all."""
        return [_case(row) for row in self._rows(_CASES["cases"], queue=queue, state=state, item_id=item, limit=limit)]

    def claim_case(self, who: str, *, queue: str | None = None) -> StoredCase | None:
        """Take the most urgent open case; two people who ask at once get different ones. None when there is none."""
        with self.transaction(actor=who) as tx:
            row = tx.connection.execute(_CASES["claim_next"], {"who": who, "queue": queue}).fetchone()
            if row is None:
                return None
            tx.append("case_claimed", ItemId(row["item_id"]), case=row["case_id"])
        return _case(row)

    def _rows(self, statement: Any, **values: Any) -> list[dict[str, Any]]:
        with self._pool.connection() as connection:
            return connection.execute(statement, values).fetchall()


def _summary(row: Row) -> ItemSummary:
    return ItemSummary(
        id=ItemId(row["item_id"]),
        kind=ItemKind(row["kind"]),
        title=(row["texts"] or {}).get(Role.TITLE.value),
        state=GateState(row["state"]),
        revision=row["revision"],
        action=Action(row["action"]) if row["action"] else None,
        settled=bool(row["settled"]),
        submitted_at=row["submitted_at"],
    )


def _decision(row: Row) -> StoredDecision:
    return StoredDecision(
        id=DecisionId(row["decision_id"]), at=row["at"], decision=documents.decision_from(row["decision"])
    )


def _case(row: Row) -> StoredCase:
    return StoredCase(
        id=row["case_id"],
        case=Case(
            item=ItemId(row["item_id"]),
            queue=row["queue"],
            priority=row["priority"],
            decisions=tuple(DecisionId(decision) for decision in row["decisions"]),
            blocking=row["blocking"],
            why=row["why"],
        ),
        state=row["state"],
        claimed_by=row["claimed_by"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        verdict=row["verdict"],
    )

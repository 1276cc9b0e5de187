"""Everything that is written about items, each piece together with its entry in the ledger, all or nothing.

A transaction gathers what it adds to the ledger and to the outbox and writes both at its very end, because the ledger
is locked from then until the commit. This module decides nothing: flows say what to record.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from noisegate.adapters.store import ledger
from noisegate.adapters.store.documents import markets_from, tidy, written
from noisegate.adapters.store.ledger import NewEntry
from noisegate.adapters.store.queries import Queries
from noisegate.adapters.store.records import Gate
from noisegate.core.errors import ConflictError, UnknownNameError
from noisegate.core.ids import DecisionId, Digest, ItemId, digest_of_value, plain
from noisegate.core.item import GateState, Item
from noisegate.core.ports import Assessment, GateChange
from noisegate.core.review import Case

if TYPE_CHECKING:
    from noisegate.adapters.store.pool import Connection

_ITEMS = Queries("items")
_ASSESSMENTS = Queries("assessments")
_CASES = Queries("cases")
_OUTBOX = Queries("outbox")
_REGISTRY = Queries("registry")

FILES_LOCK = 0x6E67_6669
"""Key of the advisory lock between submissions and whoever tidies files away, `ngfi`."""


@dataclass(frozen=True, kw_only=True)
class _Event:
    id: str
    kind: str
    item: ItemId
    body: Mapping[str, Any]


@dataclass(kw_only=True)
class Transaction:
    """What `Store.transaction()` yields; good for that block only."""

    connection: "Connection" = field(repr=False)
    """For statements of other libraries that must commit or fail with the rest."""
    actor: str
    """Who does all this, by id."""
    _entries: list[NewEntry] = field(default_factory=list, repr=False)
    _events: list[_Event] = field(default_factory=list, repr=False)

    # Submission

    def add_item(self, item: Item, *, deadline_s: float | None = None) -> bool:
        """Record a submission and hold it at the gate. Its files that are there now stay (`Store.tidy_files`).

        Args:
            item: with its assets probed; its id says what was submitted.
            deadline_s: seconds from now until `on_deadline` is due; None for no deadline.

        Returns:
            False when this item is known already: nothing was written.
        """
        row = {
            "item_id": item.id,
            "kind": item.kind,
            "markets": sorted(item.markets),
            "surface": tidy(item.surface),
            "declared": written(item.declared),
        }
        self.connection.execute(_ITEMS["keep_files"], {"key": FILES_LOCK})
        if self.connection.execute(_ITEMS["insert_item"], row).fetchone() is None:
            return False
        private = {"texts": written(item.texts), "creator": tidy(item.creator) if item.creator else None}
        self.connection.execute(_ITEMS["insert_private"], {"item_id": item.id, **private})
        self._many(
            _ITEMS["insert_asset"],
            [
                {"item_id": item.id, "position": position, "digest": asset.digest, "asset": written(asset)}
                for position, asset in enumerate(item.assets)
            ],
        )
        markets = dict.fromkeys(sorted(item.markets), GateState.HELD)
        gate = {"item_id": item.id, "markets": written(markets), "deadline_s": deadline_s}
        self.connection.execute(_ITEMS["insert_gate"], gate)
        self.append(
            "submitted",
            item.id,
            kind=item.kind,
            markets=sorted(item.markets),
            surface=item.surface,
            assets=[asset.digest for asset in item.assets],
            deadline_s=deadline_s,
        )
        return True

    def claim_idempotency_key(self, key: str, *, request: Digest, item: ItemId) -> ItemId:
        """Tie a caller's key to what was asked under it. Waits for another request that is using the same key.

        Args:
            key: chosen by the caller; keys of different actors do not meet.
            request: digest of everything that was asked.
            item: the answer, when the key is new.

        Returns:
            The item that was answered the first time; `item` when the key is new.

        Raises:
            ConflictError: the key was used for something else.
        """
        named = {"owner": self.actor, "key": tidy(key)}
        fresh = self.connection.execute(
            _ITEMS["claim_idempotency_key"], {**named, "request": request, "item_id": item}
        ).fetchone()
        if fresh is not None:
            return item
        row = self.connection.execute(_ITEMS["idempotency_key"], named).fetchone()
        if row is None or row["request"] != request:
            raise ConflictError(
                f"the idempotency key `{key}` was used for another request",
                hint="use a new key for every new request, and the same one only to repeat a request unchanged",
            )
        return ItemId(row["item_id"])

    # Conclusions

    def lock_gate(self, item: ItemId) -> Gate:
        """Where an item stands; nobody else concludes anything about it until this transaction ends.

        Raises:
            UnknownNameError: no such item.
        """
        return gate_from(self._lock_gate(item))

    def is_erased(self, item: ItemId) -> bool:
        """Whether the item's contents were removed. Sure only while its gate is locked."""
        return self.connection.execute(_ITEMS["erased"], {"item_id": item}).fetchone() is not None

    def repeats(self, assessment: Assessment) -> bool:
        """Whether the latest assessment of the item came to the same decisions from the same findings."""
        named = {"item_id": assessment.item.id}
        latest = self.connection.execute(_ASSESSMENTS["latest_conclusion"], named).fetchone()
        return latest == {
            "settled": assessment.settled,
            "outcome": written(assessment.outcome),
            "decisions": [decision.id for decision in assessment.decisions],
            "findings": [written(finding) for finding in assessment.findings],
        }

    def save_assessment(self, assessment: Assessment) -> int:
        """Record what one assessment found and concluded; earlier ones stay. Locks the item until the end.

        Cases and the gate are not touched: see `open_cases` and `change_gate`.

        Returns:
            Its number: 1 for the item's first.

        Raises:
            UnknownNameError: no such item.
        """
        item = assessment.item.id
        self._lock_gate(item)
        found = self.connection.execute(_ASSESSMENTS["next_number"], {"item_id": item}).fetchone() or {}
        at = {"item_id": item, "number": found["number"]}
        self.connection.execute(
            _ASSESSMENTS["insert_assessment"],
            {
                **at,
                "settled": assessment.settled,
                "action": assessment.outcome.action,
                "outcome": written(assessment.outcome),
                "timings": written(assessment.timings),
            },
        )
        details = {"facts": written(assessment.facts), "failures": written(assessment.failures)}
        self.connection.execute(_ASSESSMENTS["insert_details"], {**at, **details})
        self._save_findings(at, assessment)
        self._save_parts(assessment)
        self._save_decisions(at, assessment)
        self.append(
            "assessed",
            item,
            number=found["number"],
            settled=assessment.settled,
            action=assessment.outcome.action,
            markets=assessment.outcome.markets,
            decisions=[decision.id for decision in assessment.decisions],
            findings=digest_of_value(assessment.findings),
            failures=len(assessment.failures),
        )
        return int(found["number"])

    def _save_findings(self, at: Mapping[str, Any], assessment: Assessment) -> None:
        self._many(
            _ASSESSMENTS["insert_finding"],
            [
                {
                    **at,
                    "position": position,
                    "label": finding.label,
                    "score": finding.score,
                    "signal": finding.signal,
                    "fingerprint": finding.fingerprint,
                    "finding": written(finding),
                }
                for position, finding in enumerate(assessment.findings)
            ],
        )

    def _save_parts(self, assessment: Assessment) -> None:
        item = assessment.item.id
        self.connection.execute(_ASSESSMENTS["clear_parts"], {"item_id": item})
        self._many(
            _ASSESSMENTS["insert_part"],
            [
                {
                    "item_id": item,
                    "part_id": tidy(part.id),
                    "position": position,
                    "modality": part.modality,
                    "role": part.role,
                    "digest": part.digest,
                    "part": written(part),
                }
                for position, part in enumerate(assessment.parts)
            ],
        )

    def _save_decisions(self, at: Mapping[str, Any], assessment: Assessment) -> None:
        item = assessment.item.id
        for position, decision in enumerate(assessment.decisions):
            row = {
                "decision_id": decision.id,
                "item_id": item,
                "pack": decision.pack,
                "version": decision.version,
                "pack_digest": decision.digest,
                "rule": decision.rule,
                "action": decision.action,
                "sampled": decision.sampled,
                "decision": written(decision),
            }
            new = self.connection.execute(_ASSESSMENTS["insert_decision"], row).rowcount == 1
            self.connection.execute(
                _ASSESSMENTS["link_decision"], {**at, "position": position, "decision_id": decision.id}
            )
            if new:
                self.append(
                    "decided",
                    item,
                    decision=decision.id,
                    pack=decision.pack,
                    version=decision.version,
                    digest=decision.digest,
                    rule=decision.rule,
                    action=decision.action,
                    markets=decision.markets,
                    surfaces=decision.surfaces,
                    fingerprints=decision.inputs.fingerprints,
                    inputs=digest_of_value(decision.inputs),
                )
        self._many(
            _ASSESSMENTS["insert_notice"],
            [
                {"decision_id": notice.decision, "item_id": item, "notice": written(notice)}
                for notice in assessment.notices
            ],
        )

    def change_gate(
        self, item: ItemId, state: GateState, markets: Mapping[str, GateState], *, why: str
    ) -> GateChange | None:
        """Move the gate of an item. Taken once, however often it is asked for: the same state again is no step.

        Args:
            item: whose gate.
            state: the strictest over all markets.
            markets: market -> state there.
            why: `assessment`, `deadline`, `review`...

        Returns:
            The step with its number, or None when the gate stands there already.

        Raises:
            UnknownNameError: no such item.
        """
        gate = self._lock_gate(item)
        if gate["state"] == state and markets_from(gate["markets"]) == dict(markets):
            self.connection.execute(_ITEMS["clear_deadline"], {"item_id": item})
            return None
        change = GateChange(item=item, revision=gate["revision"] + 1, state=state, markets=dict(markets), why=why)
        row = {
            "item_id": item,
            "revision": change.revision,
            "state": state,
            "markets": written(change.markets),
            "why": why,
        }
        self.connection.execute(_ITEMS["insert_gate_change"], row)
        self.connection.execute(_ITEMS["update_gate"], row)
        self.append("enforced", item, revision=change.revision, state=state, markets=change.markets, why=why)
        return change

    def clear_deadline(self, item: ItemId) -> None:
        """The deadline of an item has been dealt with; it is not overdue any more."""
        self.connection.execute(_ITEMS["clear_deadline"], {"item_id": item})

    # Cases

    def open_cases(self, cases: Sequence[Case]) -> list[int]:
        """Ask people to look. An item has one open case per queue: another reason to look joins it.

        Returns:
            The numbers of the cases, in order.
        """
        numbers = []
        for case in cases:
            row = self.connection.execute(
                _CASES["open_case"],
                {
                    "item_id": case.item,
                    "queue": case.queue,
                    "priority": case.priority,
                    "decisions": sorted(case.decisions),
                    "blocking": case.blocking,
                    "why": tidy(case.why),
                },
            ).fetchone()
            if row is None:
                raise UnknownNameError(f"no item is called `{case.item}`")
            numbers.append(int(row["case_id"]))
            if row["is_new"]:
                self.append("case_opened", case.item, case=row["case_id"], queue=case.queue, decisions=case.decisions)
        return numbers

    def drop_cases(self, item: ItemId, *, keep: Sequence[int], why: str) -> None:
        """Close the blocking cases of an item that nobody has begun, but those numbered in `keep`.

        Args:
            item: whose.
            keep: those still asked for.
            why: goes into the record as their verdict, for example `superseded`.
        """
        named = {"item_id": item, "keep": list(keep), "why": why}
        for row in self.connection.execute(_CASES["drop_cases"], named).fetchall():
            self.append("case_dropped", item, case=row["case_id"], why=why)

    def close_case(self, case: int, *, verdict: str, decisions: Sequence[DecisionId] = ()) -> ItemId:
        """Record what a person concluded; what follows from it is another decision.

        Raises:
            ConflictError: it is closed already, or there is none.
        """
        row = self.connection.execute(_CASES["close_case"], {"case_id": case, "verdict": verdict}).fetchone()
        if row is None:
            raise ConflictError(f"case {case} is not open", hint="somebody else may have closed it; take the next one")
        item = ItemId(row["item_id"])
        self.append("verdict", item, case=case, verdict=verdict, decisions=list(decisions))
        return item

    # The record, jobs, and what the outside is told

    def append(self, kind: str, item: ItemId | None = None, /, **body: Any) -> None:
        """Add an entry to the ledger when the transaction ends. Ids, digests and scores only."""
        self._entries.append(NewEntry(kind=kind, item=item, actor=self.actor, body=plain(body)))

    def enqueue(
        self,
        task: str,
        args: Mapping[str, Any],
        *,
        queue: str = "default",
        priority: int = 0,
        lock: str | None = None,
        queueing_lock: str | None = None,
        at: datetime | None = None,
    ) -> int | None:
        """Queue a job that exists if and only if this transaction commits.

        Args:
            task: procrastinate's name of the task.
            args: its arguments, JSON types.
            queue: which workers take it.
            priority: higher is sooner; a multiple of 100, because workers count strikes below it.
            lock: jobs with the same lock run one after the other.
            queueing_lock: at most one job with it waits.
            at: not before this time.

        Returns:
            The job's number, or None when a job with this queueing lock is waiting already.
        """
        import psycopg

        row = {
            "task": task,
            "args": json.dumps(plain(args)),
            "queue": queue,
            "priority": priority,
            "lock": lock,
            "queueing_lock": queueing_lock,
            "at": at,
        }
        try:
            with self.connection.transaction():
                made = self.connection.execute(_REGISTRY["enqueue"], row).fetchone()
        except psycopg.errors.UniqueViolation:
            return None
        return int(made["id"]) if made else None

    def emit(self, event: str, *, kind: str, item: ItemId, body: Mapping[str, Any]) -> None:
        """Tell every endpoint that listens to `kind`, after the commit, in order per item.

        Args:
            event: the event's id; an id that was used before is not told again. `ITEM:REVISION` for a gate's step.
            kind: for example `item.released`.
            item: about which item.
            body: JSON types; what the receiver reads.
        """
        self._events.append(_Event(id=event, kind=kind, item=item, body=body))

    def erase(self, item: ItemId, *, why: str) -> frozenset[Digest]:
        """Remove what people wrote and what was found in it; decisions, steps and the ledger stay.

        Returns:
            Stored files that no other item has, to be deleted once this has committed.

        Raises:
            UnknownNameError: no such item.
        """
        self._lock_gate(item)
        named = {"item_id": item}
        if self.connection.execute(_ITEMS["mark_erased"], named).fetchone() is None:
            return frozenset()  # erased before
        orphans = [row["digest"] for row in self.connection.execute(_ITEMS["orphaned_digests"], named)]
        for step in ("results", "parts", "findings", "details", "notices", "assets", "private"):
            self.connection.execute(_ITEMS[f"erase_{step}"], named)
        self.append("erased", item, why=why, assets=sorted(orphans))
        return frozenset(Digest(digest) for digest in orphans)

    # For the store

    def flush(self) -> None:
        """Write what was gathered. Called by the store, last; the ledger is locked from here on."""
        if not self._entries and not self._events:
            return
        ledger.append(self.connection, self._entries)
        for event in self._events:
            row = {"event_id": event.id, "kind": event.kind, "item_id": event.item, "body": written(event.body)}
            made = self.connection.execute(_OUTBOX["insert_event"], row).fetchone()
            if made is not None:
                self.connection.execute(_OUTBOX["address_event"], {**row, "position": made["position"]})
        self._entries, self._events = [], []

    def _lock_gate(self, item: ItemId) -> Mapping[str, Any]:
        gate = self.connection.execute(_ITEMS["lock_gate"], {"item_id": item}).fetchone()
        if gate is None:
            raise UnknownNameError(f"no item is called `{item}`")
        return gate

    def _many(self, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            with self.connection.cursor() as cursor:
                cursor.executemany(statement, rows)


def gate_from(row: Mapping[str, Any]) -> Gate:
    """A gate from its row."""
    return Gate(
        item=ItemId(row["item_id"]),
        revision=row["revision"],
        state=GateState(row["state"]),
        markets=markets_from(row["markets"]),
        why=row["why"],
        changed_at=row["changed_at"],
        deadline_at=row["deadline_at"],
    )

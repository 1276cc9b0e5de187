"""What the store answers with where the core has no noun for it. Times are aware, in UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from noisegate.core.decision import Decision
from noisegate.core.ids import DecisionId, Digest, ItemId, PartId
from noisegate.core.item import GateState, Item, ItemKind
from noisegate.core.modality import Modality, Role
from noisegate.core.policy import Action
from noisegate.core.review import Case


@dataclass(frozen=True, kw_only=True)
class LedgerEntry:
    """One row of the ledger."""

    seq: int
    """1, 2, 3... without a gap, in the order transactions committed."""
    at: datetime
    kind: str
    """What happened: `submitted`, `assessed`, `decided`, `enforced`, `case_opened`..."""
    item: ItemId | None
    actor: str
    """Who did it, by id: `system`, `key:...`."""
    body: Mapping[str, Any]
    """Ids, digests and scores only."""
    prev_hash: str
    """64 hexadecimal digits."""
    hash: str


@dataclass(frozen=True, kw_only=True)
class ChainHead:
    """The end of a ledger that was walked: kept elsewhere, it proves later that nothing before it was touched."""

    seq: int
    hash: str


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Where an item stands now."""

    item: ItemId
    revision: int
    """0 while it is held as submitted; one more with every step."""
    state: GateState
    markets: Mapping[str, GateState]
    why: str
    changed_at: datetime
    deadline_at: datetime | None
    """When `on_deadline` is due; None once the gate has moved."""


@dataclass(frozen=True, kw_only=True)
class StoredItem:
    """An item with what the store knows around it."""

    item: Item
    """Without texts, assets and creator once it is erased."""
    submitted_at: datetime
    erased_at: datetime | None
    gate: Gate


@dataclass(frozen=True, kw_only=True)
class ItemSummary:
    """One line of a list of items."""

    id: ItemId
    kind: ItemKind
    title: str | None
    state: GateState
    revision: int
    action: Action | None
    """Of the latest assessment; None before the first."""
    settled: bool
    submitted_at: datetime


@dataclass(frozen=True, kw_only=True)
class StoredPart:
    """A part as it was when it was assessed: everything but its bytes."""

    id: PartId
    modality: Modality
    role: Role
    digest: Digest
    detail: Mapping[str, Any]
    """The part as JSON: `origin`, and for text `text`, `language`, `anchors`; for others `duration_s`, `width`..."""


@dataclass(frozen=True, kw_only=True)
class StoredDecision:
    """A decision and when it was first recorded."""

    id: DecisionId
    at: datetime
    decision: Decision


@dataclass(frozen=True, kw_only=True)
class StoredCase:
    """A case with its state: `open`, `claimed` or `closed`."""

    id: int
    case: Case
    state: str
    claimed_by: str | None
    opened_at: datetime
    closed_at: datetime | None
    verdict: str | None


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key without its secret."""

    id: str
    name: str
    scopes: frozenset[str]
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A receiver of events."""

    id: str
    url: str
    kinds: frozenset[str]
    """Which events; empty for all."""
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One event that one endpoint has not confirmed, lent to one worker for a while."""

    position: int
    endpoint: str
    attempts: int
    """Counting this one."""
    event: str
    kind: str
    item: ItemId
    body: Mapping[str, Any]
    at: datetime
    """When it happened."""
    url: str
    secret: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class DeliveryState:
    """How one delivery stands: `pending`, `delivered` or `given_up`."""

    event: str
    kind: str
    item: ItemId
    endpoint: str
    state: str
    attempts: int
    due_at: datetime
    delivered_at: datetime | None
    error: str | None


@dataclass(frozen=True, kw_only=True)
class FrozenPack:
    """A version of a policy pack, as its files were."""

    name: str
    version: int
    digest: Digest
    title: str
    owner: str
    sources: Mapping[str, str]
    """File name -> text."""
    frozen_at: datetime

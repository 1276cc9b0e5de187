"""What comes back. Routes answer with plain values; tests hold them against these shapes."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from noisegate.api.keys import Scope
from noisegate.core.item import GateState, ItemKind
from noisegate.core.modality import Modality, Role
from noisegate.core.policy import Action

ITEM = "itm_0123456789abcdef01234567"
DECISION = "dec_0123456789abcdef01234567"
DIGEST = "sha256:" + "0123456789abcdef" * 4


class Shape(BaseModel):
    """An answer, exactly as documented."""

    model_config = ConfigDict(extra="forbid")


ItemName = Annotated[str, Field(description="The item's id.", examples=[ITEM])]
DecisionName = Annotated[str, Field(description="The decision's id: named by its content.", examples=[DECISION])]
Digest = Annotated[str, Field(description="SHA-256 of the bytes.", examples=[DIGEST])]
MarketStates = Annotated[
    dict[str, GateState], Field(description="Market -> state there.", examples=[{"*": "released"}])
]
MarketActions = Annotated[dict[str, Action], Field(description="Market -> action there.", examples=[{"*": "allow"}])]


class AcceptedOut(Shape):
    """An upload that was accepted. It is held until it has been judged."""

    id: ItemName
    state: Annotated[GateState, Field(description="`held` for a new one.")]
    created: Annotated[bool, Field(description="False when the same submission was accepted before.")]
    url: Annotated[str, Field(description="Where to look at it.", examples=[f"/v1/items/{ITEM}"])]


class BlobOut(Shape):
    """A file that is kept."""

    digest: Digest
    size: Annotated[int, Field(description="Bytes.")]


class BoxOut(Shape):
    """A rectangle in a picture, in fractions of its width and height, origin at the top left."""

    x: float
    y: float
    width: float
    height: float


class WhereOut(Shape):
    """A place in a file or text; what does not apply is null."""

    start_s: Annotated[float | None, Field(description="Seconds from the beginning of the file.")]
    end_s: float | None
    box: BoxOut | None
    span: Annotated[list[int] | None, Field(description="Characters of the text, from and up to.", examples=[[3, 8]])]


class FindingOut(Shape):
    """A score of a label at one place."""

    label: Annotated[str, Field(description="Taxonomy code.", examples=["dangerous.threat"])]
    score: Annotated[float, Field(description="0..1.")]
    signal: Annotated[str, Field(examples=["text.moderation"])]
    version: Annotated[str, Field(examples=["1.0.0"])]
    fingerprint: Annotated[str, Field(description="Names exactly what computed it.")]
    output: Annotated[str, Field(description="The signal's own name for the label.")]
    part: Annotated[str, Field(description="The piece of the item.", examples=["audio.mp3/audio.transcript/0"])]
    role: Role
    modality: Modality
    where: WhereOut
    excerpt: Annotated[str | None, Field(description="The words; null for sound and pictures.")]


class FailureOut(Shape):
    """A signal that had no answer, or a file that could not be opened. Never read as harmless."""

    part: str
    role: Role | None
    signal: Annotated[str, Field(description="`asset` when the file itself is the problem.")]
    kind: Annotated[str, Field(examples=["truncated"])]
    message: str
    retryable: bool


class DecisionOut(Shape):
    """What one policy pack concluded."""

    id: DecisionName
    pack: str
    version: int
    digest: Annotated[str, Field(description="Of the pack.", examples=[DIGEST])]
    rule: Annotated[str, Field(description="Or `otherwise`, `if_missing`, `on_deadline`.")]
    action: Action
    markets: list[str]
    label: Annotated[str | None, Field(description="Taxonomy code; null when nothing was found.")]
    labels: Annotated[list[str], Field(description="Advisories to show.")]
    surfaces: Annotated[list[str], Field(description="For `limit`: where it may still be shown.")]
    queue: str
    reason: Annotated[str, Field(description="One sentence for the person affected.")]
    sampled: Annotated[bool, Field(description="Drawn into the audit lane.")]
    missing: Annotated[list[str], Field(description="Signals without an answer that an open rule needed.")]


class StoredDecisionOut(DecisionOut):
    """A decision on record."""

    item: ItemName
    at: datetime


class FullDecisionOut(StoredDecisionOut):
    """A decision with everything it rests on."""

    inputs: Annotated[
        dict[str, Any],
        Field(description="The exact inputs; with the pack they give the decision again, byte for byte."),
    ]


class VerificationOut(Shape):
    """Whether a decision follows from its inputs and its pack."""

    decision: DecisionName
    holds: Annotated[bool, Field(description="Deriving it again gave the same decision.")]
    message: Annotated[str, Field(description="What was compared, or why it could not be.")]


class GateOut(Shape):
    """Where an item stands before the public."""

    state: GateState
    revision: Annotated[int, Field(description="0 while held as submitted; one more with every step.")]
    markets: MarketStates
    why: Annotated[str, Field(description="What moved it last.", examples=["assessment"])]
    changed_at: datetime
    deadline_at: Annotated[datetime | None, Field(description="When `on_deadline` is due; null once it has moved.")]


class StepOut(Shape):
    """One step of the gate."""

    revision: int
    state: GateState
    markets: MarketStates
    why: str


class AssetOut(Shape):
    """One file of an item."""

    file: Annotated[str, Field(description="Its name, for people.")]
    digest: Digest
    size: int
    role: Role | None
    modality: Annotated[Modality | None, Field(description="By content; null when it is nothing we accept.")]
    media_type: str
    duration_s: float | None
    width: int | None
    height: int | None
    problem: Annotated[str | None, Field(description="Why it could not be opened; null when it could.")]
    problem_message: str | None


class ItemOut(Shape):
    """An item with everything known of it."""

    id: ItemName
    kind: ItemKind
    submitted_at: datetime
    erased_at: datetime | None
    texts: Annotated[dict[Role, str], Field(description="What was written; empty once erased.")]
    assets: list[AssetOut]
    creator: str | None
    markets: list[str]
    surface: str
    declared: dict[str, str | bool]
    state: GateState
    gate: GateOut
    steps: list[StepOut]
    action: Annotated[Action | None, Field(description="The strictest of all packs; null before the first assessment.")]
    actions: Annotated[MarketActions | None, Field(description="Market -> action; null before the first assessment.")]
    labels: list[str]
    settled: Annotated[bool, Field(description="False while something is outstanding.")]
    decisions: list[DecisionOut]
    findings: list[FindingOut]
    facts: Annotated[dict[str, dict[str, Any]], Field(description="Part -> `signal.fact` -> value.")]
    failures: list[FailureOut]
    timings: Annotated[dict[str, float], Field(description="Signal -> seconds; `total` -> wall seconds.")]


class ItemLineOut(Shape):
    """One line of a list of items."""

    id: ItemName
    kind: ItemKind
    title: str | None
    state: GateState
    revision: int
    action: Action | None
    settled: bool
    submitted_at: datetime


class ItemsOut(Shape):
    """A page of items, newest first."""

    items: list[ItemLineOut]
    next: Annotated[str | None, Field(description="For `before`; null on the last page.")]


class PartOut(Shape):
    """A piece of an item, as it was assessed."""

    id: str
    role: Role
    modality: Modality
    digest: Digest
    made_by: Annotated[str | None, Field(description="The extractor; null for what was submitted.")]
    where: WhereOut
    text: str | None
    language: str | None
    duration_s: float | None
    width: int | None
    height: int | None


class PartsOut(Shape):
    """The parts of the latest assessment."""

    parts: list[PartOut]


class DecisionsOut(Shape):
    """A page of decisions, newest first, superseded ones too."""

    decisions: list[StoredDecisionOut]
    next: Annotated[str | None, Field(description="For `before`; null on the last page.")]


class RuleOut(Shape):
    """One rule of a pack; the first that is true decides."""

    id: str
    when: str
    action: Action
    reason: str
    label: str


class PackOut(Shape):
    """A policy pack in force."""

    name: str
    version: int
    digest: Digest
    title: str
    owner: str
    policy: Annotated[str, Field(description="The policy in words.")]
    signals: Annotated[dict[str, str], Field(description="Alias -> signal.")]
    rules: list[RuleOut]
    otherwise: Action
    sample: Annotated[float, Field(description="Share drawn into the audit lane, 0..1.")]
    if_missing: dict[str, Action]
    on_deadline: Action


class PacksOut(Shape):
    """The packs in force."""

    packs: list[PackOut]


class SignalOut(Shape):
    """A signal of the catalogue."""

    name: str
    version: str
    fingerprint: str
    kind: Annotated[str, Field(examples=["detector"])]
    summary: str
    reads: Annotated[list[Modality], Field(description="Which parts it looks at.")]
    roles: Annotated[list[Role] | None, Field(description="Which roles of them; null for all.")]
    makes: dict[Role, Modality]
    labels: Annotated[dict[str, str], Field(description="Output -> taxonomy code.")]
    facts: dict[str, str]
    installed: bool
    missing: Annotated[str | None, Field(description="What it lacks to run here; null when nothing.")]
    licence: str
    languages: list[str]
    limits: str


class SignalsOut(Shape):
    """Every signal, runnable or not."""

    signals: list[SignalOut]


class VerdictOut(Shape):
    """What was concluded at once. It is not kept, only counted."""

    action: Action
    markets: MarketActions
    labels: list[str]
    decisions: list[DecisionOut]
    findings: list[FindingOut]
    failures: list[FailureOut]
    settled: bool
    took_ms: float


class WebhookOut(Shape):
    """A receiver of events."""

    id: str
    url: str
    kinds: list[str]
    created_at: datetime


class NewWebhookOut(WebhookOut):
    """A receiver that was just made, with what it needs to check signatures; shown once."""

    secret: Annotated[str, Field(examples=["whsec_..."])]


class WebhooksOut(Shape):
    """The receivers in use."""

    webhooks: list[WebhookOut]


class DeliveryOut(Shape):
    """How one delivery stands."""

    event: str
    kind: str
    item: ItemName
    webhook: str
    state: Annotated[str, Field(description="`pending`, `delivered` or `given_up`.")]
    attempts: int
    due_at: datetime
    delivered_at: datetime | None
    error: str | None


class DeliveriesOut(Shape):
    """Deliveries, newest event first."""

    deliveries: list[DeliveryOut]


class KeyOut(Shape):
    """An API key without its secret."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewKeyOut(KeyOut):
    """A key that was just made, with its secret; shown once."""

    secret: Annotated[str, Field(examples=["ng_..."])]


class KeysOut(Shape):
    """Every key, revoked ones too."""

    keys: list[KeyOut]


class HealthOut(Shape):
    """The process answers."""

    status: Annotated[str, Field(examples=["ok"])]

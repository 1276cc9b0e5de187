"""Items: what was submitted, with its context, and the states of the gate before it is public."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from noisegate.core.ids import Digest, ItemId
from noisegate.core.modality import Modality, Role


class ItemKind(StrEnum):
    """What kind of thing an item is."""

    TRACK = "track"
    EPISODE = "episode"
    CHAPTER = "chapter"
    VIDEO = "video"
    PROFILE = "profile"
    PLAYLIST = "playlist"
    COMMENT = "comment"


class GateState(StrEnum):
    """Where an item stands before the public."""

    HELD = "held"
    RELEASED = "released"
    LABELLED = "labelled"
    AGE_GATED = "age_gated"
    LIMITED = "limited"
    IN_REVIEW = "in_review"
    BLOCKED = "blocked"


WORLDWIDE = "*"
"""The market that stands for every market."""


@dataclass(frozen=True, kw_only=True)
class Asset:
    """One stored file, addressed by its content. `problem` is set when the file cannot be what its role needs."""

    digest: Digest
    name: str
    """The submitter's file name: for people, never for paths."""
    size: int
    """Bytes."""
    role: Role | None = None
    """As declared by the submitter; None lets the content decide."""
    modality: Modality | None = None
    """By content; None when the file is nothing we accept."""
    media_type: str = "application/octet-stream"
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    problem: str | None = None
    """A MediaError kind."""
    problem_message: str | None = None


@dataclass(frozen=True, kw_only=True)
class Item:
    """One submission with its context."""

    id: ItemId
    kind: ItemKind
    texts: Mapping[Role, str] = field(default_factory=dict)
    """Title, description, lyrics, comment: what the submitter wrote."""
    assets: tuple[Asset, ...] = ()
    creator: str | None = None
    """The platform's own reference to who uploaded it; personal data."""
    markets: frozenset[str] = frozenset({WORLDWIDE})
    """ISO 3166-1 alpha-2 codes, or `*`."""
    surface: str = "catalogue"
    """Where it will be shown."""
    declared: Mapping[str, str | bool] = field(default_factory=dict)
    """What the submitter says of it, for example `explicit` and `language`."""

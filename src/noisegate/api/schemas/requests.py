"""What may be sent. Unknown keys are refused: a misspelt one must not silently mean nothing."""

from enum import StrEnum
from typing import Annotated, Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from noisegate.api.keys import Scope
from noisegate.core.item import WORLDWIDE, GateState, ItemKind
from noisegate.core.modality import Role

M = TypeVar("M", bound=BaseModel)


class Model(BaseModel):
    """A body that is taken as it is documented, or refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FileRole(StrEnum):
    """What a file can be to its item."""

    COVER = Role.COVER.value
    PICTURE = Role.PICTURE.value
    RECORDING = Role.RECORDING.value
    FILM = Role.FILM.value
    LYRICS = Role.LYRICS.value
    DESCRIPTION = Role.DESCRIPTION.value
    COMMENT = Role.COMMENT.value


_STEPS = "|".join(state.value for state in GateState if state is not GateState.HELD)
"""What receivers can be told of: every state that an item can move to."""


def _upper(markets: list[str]) -> list[str]:
    return [market.upper() for market in markets]


Markets = Annotated[
    list[Annotated[str, Field(pattern=r"^(\*|[A-Za-z]{2})$")]],
    Field(
        min_length=1,
        max_length=300,
        description="Where it shall be published: ISO 3166-1 alpha-2 codes, or `*` for everywhere.",
        examples=[["DE", "US"]],
    ),
    AfterValidator(_upper),
]
Surface = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$",
        description="Where it shall be shown, in the platform's own words.",
        examples=["catalogue"],
    ),
]
Title = Annotated[str | None, Field(description="Its title.", examples=["Night Desk 4: Listener mail"])]
Description = Annotated[str | None, Field(description="What is written about it.")]
Lyrics = Annotated[str | None, Field(description="The words that are sung.")]
Comment = Annotated[str | None, Field(description="Words that are the item itself.")]


class Declared(Model):
    """What the submitter says of it."""

    explicit: Annotated[bool | None, Field(description="It contains explicit language or themes.")] = None
    language: Annotated[
        str | None,
        Field(
            pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", description="BCP-47 code of its language.", examples=["en"]
        ),
    ] = None


class AssetIn(Model):
    """One file of an item."""

    file: Annotated[
        str,
        Field(
            min_length=1,
            max_length=1000,
            description="Its name. In a multipart request it must be the `filename` of a part; paths are cut off.",
            examples=["audio.mp3"],
        ),
    ]
    role: Annotated[FileRole | None, Field(description="What it is to the item; by its content when left out.")] = None
    digest: Annotated[
        str | None,
        Field(
            pattern=r"^sha256:[0-9a-f]{64}$",
            description="Of a file that was sent with `PUT /v1/blobs` before. Needed in a JSON request.",
        ),
    ] = None


class ItemIn(Model):
    """What is to be published. At least one file or one text is needed."""

    kind: Annotated[ItemKind, Field(description="What kind of thing it is.")] = ItemKind.TRACK
    title: Title = None
    description: Description = None
    lyrics: Lyrics = None
    comment: Comment = None
    creator: Annotated[
        str | None,
        Field(max_length=200, description="The platform's own reference to who uploaded it; erased with the item."),
    ] = None
    markets: Markets = [WORLDWIDE]
    surface: Surface = "catalogue"
    declared: Annotated[Declared, Field(description="What the submitter says of it.")] = Declared()
    deadline_s: Annotated[
        float | None,
        Field(
            gt=0,
            le=7 * 24 * 3600,
            description="Seconds after which packs that are still open follow their `on_deadline`; "
            "the installation's when left out.",
            examples=[600],
        ),
    ] = None
    assets: Annotated[list[AssetIn], Field(max_length=64, description="Its files.")] = []

    @property
    def texts(self) -> dict[Role, str]:
        """What is written, by role."""
        return texts_of(self)


class PictureIn(Model):
    """A small picture."""

    data: Annotated[Base64Bytes, Field(description="The file in base64.")]
    name: Annotated[str, Field(max_length=1000, description="Its name; the ending says what it claims to be.")] = (
        "picture"
    )


class VerdictIn(Model):
    """What shall be judged at once. At least one text or a picture is needed."""

    text: Annotated[
        str | None, Field(description="The words; the same as `comment`.", examples=["See you at the show!"])
    ] = None
    title: Title = None
    description: Description = None
    lyrics: Lyrics = None
    comment: Comment = None
    picture: Annotated[PictureIn | None, Field(description="A small picture: an avatar, a cover.")] = None
    kind: Annotated[ItemKind, Field(description="Which packs apply may depend on it.")] = ItemKind.COMMENT
    markets: Markets = [WORLDWIDE]
    surface: Surface = "comments"
    declared: Annotated[Declared, Field(description="What its writer says of it.")] = Declared()
    deadline_ms: Annotated[
        int,
        Field(
            ge=1,
            le=30_000,
            description="Milliseconds after which packs that are still open follow their `on_deadline`.",
        ),
    ] = 1000

    @property
    def texts(self) -> dict[Role, str]:
        """What is written, by role."""
        words = texts_of(self)
        return words if self.text is None else {Role.COMMENT: self.text, **words}


class WebhookIn(Model):
    """A receiver of events."""

    url: Annotated[
        str, Field(max_length=2048, description="An `https` address.", examples=["https://hooks.example.org/noisegate"])
    ]
    kinds: Annotated[
        list[Annotated[str, Field(pattern=rf"^item\.({_STEPS})$")]],
        Field(
            max_length=20,
            description="Which events: `item.released`, `item.labelled`, `item.age_gated`, `item.limited`, "
            "`item.in_review`, `item.blocked`; all when empty.",
            examples=[["item.released", "item.blocked"]],
        ),
    ] = []


class KeyIn(Model):
    """A new API key."""

    name: Annotated[str, Field(min_length=1, max_length=100, description="For people.", examples=["upload service"])]
    scopes: Annotated[
        list[Scope], Field(min_length=1, description="What it may do.", examples=[[Scope.SUBMIT, Scope.READ]])
    ]


def texts_of(sent: Any) -> dict[Role, str]:
    """The texts of a request, by role; those left out are left out."""
    named = {
        Role.TITLE: sent.title,
        Role.DESCRIPTION: sent.description,
        Role.LYRICS: sent.lyrics,
        Role.COMMENT: sent.comment,
    }
    return {role: text for role, text in named.items() if text is not None}


def parsed(model: type[M], body: bytes, *, where: str) -> M:
    """`body` as JSON in the shape of `model`.

    Args:
        model: The shape.
        body: As it was sent.
        where: The place in the request, for error messages.

    Raises:
        RequestValidationError: it is not; answered like any other wrong body.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError([{**one, "loc": (where, *one["loc"])} for one in error.errors()]) from error

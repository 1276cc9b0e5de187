"""Items and parts in one call, with sane defaults: what a test is not about it does not have to say."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from noisegate.core.content import ArrayAudio, ArrayImage, ArrayVideo
from noisegate.core.ids import ItemId, PartId, digest_of
from noisegate.core.item import Asset, Item, ItemKind
from noisegate.core.modality import (
    SAMPLE_RATE,
    Anchor,
    Audio,
    AudioContent,
    Frame,
    Image,
    Loudness,
    Origin,
    Role,
    Text,
    Video,
    Where,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def text(
    words: str, *, role: Role = Role.DESCRIPTION, language: str | None = None, anchors: tuple[Anchor, ...] = ()
) -> Text:
    """A text part, named after its role."""
    return Text(
        id=PartId(role.value),
        role=role,
        text=words,
        language=language,
        anchors=anchors,
        digest=digest_of(words.encode("utf-8", "surrogatepass")),
    )


def image(pixels: "NDArray[np.uint8]", *, role: Role = Role.COVER, where: Where | None = None) -> Image:
    """A picture.

    Args:
        pixels: RGB, shape (height, width, 3).
        role: What it is to its item.
        where: For frames: the time range it stands for.
    """
    height, width = pixels.shape[:2]
    return Image(
        id=PartId(role.value),
        role=role,
        width=width,
        height=height,
        content=ArrayImage(pixels),
        origin=Origin(where=where or Where()),
        digest=digest_of(repr(pixels.shape).encode() + pixels.tobytes()),
    )


def audio(
    samples: "NDArray[np.float32]",
    *,
    role: Role = Role.RECORDING,
    start_s: float = 0.0,
    measured: Loudness | None = None,
) -> Audio:
    """Sound.

    Args:
        samples: Mono at 16 kHz in -1..1, shape (n,): the whole recording, of which the part is what follows `start_s`.
        role: What it is to its item.
        start_s: Where the part begins in its recording, in seconds.
        measured: What `content.loudness()` answers.
    """
    content = ArrayAudio(samples, measured)
    where = Where(start_s=start_s, end_s=content.duration_s) if start_s else Where()
    return Audio(
        id=PartId(role.value),
        role=role,
        duration_s=content.duration_s - start_s,
        content=content,
        origin=Origin(where=where),
        digest=digest_of(repr(start_s).encode() + samples.tobytes()),
    )


def video(
    *pictures: "NDArray[np.uint8]", sound: "NDArray[np.float32] | None" = None, seconds_each: float = 5.0
) -> Video:
    """A film that shows each picture (RGB, shape (height, width, 3)) for some seconds; silent without `sound`."""
    shots = tuple(
        Frame(
            start_s=n * seconds_each,
            end_s=(n + 1) * seconds_each,
            width=pixels.shape[1],
            height=pixels.shape[0],
            content=ArrayImage(pixels),
        )
        for n, pixels in enumerate(pictures)
    )
    contents = [array.tobytes() for array in (*pictures, *(() if sound is None else (sound,)))]
    heard: AudioContent | None = None if sound is None else ArrayAudio(sound)
    length_s = max(len(shots) * seconds_each, 0.0 if sound is None else len(sound) / SAMPLE_RATE)
    return Video(
        id=PartId(Role.FILM.value),
        role=Role.FILM,
        duration_s=length_s,
        width=shots[0].width if shots else 0,
        height=shots[0].height if shots else 0,
        content=ArrayVideo(shots, heard),
        digest=digest_of(repr((seconds_each, [p.shape for p in pictures])).encode() + b"".join(contents)),
    )


def item(
    *assets: Asset,
    kind: ItemKind = ItemKind.EPISODE,
    item_id: str = "itm_example",
    title: str | None = "Garden hour",
    description: str | None = None,
    lyrics: str | None = None,
    comment: str | None = None,
    declared: Mapping[str, str | bool] | None = None,
    markets: frozenset[str] = frozenset({"*"}),
    surface: str = "catalogue",
) -> Item:
    """A submission: an episode with a title, unless told otherwise."""
    written = {Role.TITLE: title, Role.DESCRIPTION: description, Role.LYRICS: lyrics, Role.COMMENT: comment}
    return Item(
        id=ItemId(item_id),
        kind=kind,
        texts={role: words for role, words in written.items() if words is not None},
        assets=assets,
        declared=declared or {},
        markets=markets,
        surface=surface,
    )

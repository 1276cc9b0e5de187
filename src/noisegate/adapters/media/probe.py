"""What a file claims to be: type by content, then the headers, with every claim held against the limits.

Runs in the child. Nothing is decoded beyond what libavformat needs to fill in its headers. A probe that succeeds does
not promise that the file decodes: a picture cut in half has a perfect header.
"""

from typing import Any, BinaryIO

from noisegate.adapters.media.answers import Probe
from noisegate.adapters.media.limits import Limits
from noisegate.adapters.media.opening import (
    FILM_CODECS,
    accepted,
    best_sound,
    check_duration,
    check_pixels,
    check_sound,
    checked_codec,
    claimed_seconds,
    codec_name,
    container_seconds,
    film_streams,
    identify,
    opened,
)
from noisegate.adapters.media.picture import moves, opened_picture, orientation_of, upright
from noisegate.adapters.media.sniff import AUDIO, IMAGE, VIDEO, Family, declared
from noisegate.core.errors import MediaError


def probe(file: BinaryIO, size_bytes: int, declared_name: str | None, limits: Limits) -> Probe:
    """Say what an open file is.

    Args:
        file: Readable and seekable.
        size_bytes: Its length.
        declared_name: The submitter's file name; only its extension is looked at. None promises nothing.
        limits: What may be claimed.

    Raises:
        MediaError: empty, mislabelled, unsupported, truncated, too_large, too_long, too_many_streams, no_stream,
            decode_failed.
    """
    family = identify(file, size_bytes, limits)
    extension, promised, allowed = declared(declared_name)
    if not family.kinds & allowed:
        raise _not_as_named(extension, promised, family)
    if family.plugin:
        found = _probe_image(file, family, limits)
    elif family.demuxer:
        found = _probe_container(file, family, limits)
    else:
        kind = next(iter(family.kinds))
        found = {"kind": kind}
    if found["kind"] not in allowed:
        raise _not_as_named(extension, promised, family, holds="a film" if found["kind"] == VIDEO else "only sound")
    as_named = promised is None or promised == family
    return Probe(
        container=family.name,
        media_type=_media_type(family, found["kind"]),
        size_bytes=size_bytes,
        as_named=as_named,
        **found,
    )


def _probe_container(file: BinaryIO, family: Family, limits: Limits) -> dict[str, Any]:
    with opened(file, family, limits) as container:
        films, sounds = film_streams(container), list(container.streams.audio)
        if not films and not sounds:
            raise MediaError(
                f"none of the {len(container.streams)} streams of this {family.words} is sound or film",
                kind="no_stream",
            )
        duration = container_seconds(container)
        check_duration(duration, limits)
        check_duration(claimed_seconds(container, family, file), limits)
        found: dict[str, Any] = {
            "kind": VIDEO if films else AUDIO,
            "codecs": tuple(codec_name(stream) for stream in films + sounds),
            "duration_s": duration,
            "streams": len(container.streams),
            "audio_streams": len(sounds),
            "attached_pictures": len(container.streams.video) - len(films),
            "subtitle_streams": len(container.streams.subtitles),
        }
        for stream in films:
            checked_codec(stream, FILM_CODECS)
            check_pixels(stream.codec_context.width, stream.codec_context.height, limits)
        if films:
            largest = max(films, key=lambda s: s.codec_context.width * s.codec_context.height)
            found |= {"width": largest.codec_context.width, "height": largest.codec_context.height}
        if sounds:
            sound = best_sound(container).codec_context
            check_sound(sound.sample_rate, sound.channels, limits)
            found |= {"sample_rate": sound.sample_rate, "channels": sound.channels}
        return found


def _probe_image(file: BinaryIO, family: Family, limits: Limits) -> dict[str, Any]:
    with opened_picture(file, family, limits) as picture:
        width, height = upright(orientation_of(picture), *picture.size)
        return {
            "kind": IMAGE,
            "width": width,
            "height": height,
            "streams": 1,
            "codecs": (family.name,),
            "animated": moves(picture),
        }


def _not_as_named(extension: str, promised: Family | None, family: Family, holds: str | None = None) -> MediaError:
    says = f"the name ends in `.{extension}` ({promised.words if promised else 'unknown'})"
    if family.name == "unknown":
        return MediaError(
            f"{says}, but the content is of no known type; allowed are {accepted(IMAGE, AUDIO, VIDEO)}",
            kind="unsupported",
        )
    return MediaError(
        f"{says}, but the content is {family.words}{f' with {holds}' if holds else ''}", kind="mislabelled"
    )


def _media_type(family: Family, kind: str) -> str:
    if kind == AUDIO and family.media_type.startswith("video/"):
        return "audio/" + family.media_type.partition("/")[2]
    return family.media_type


__all__ = ["Probe", "probe"]

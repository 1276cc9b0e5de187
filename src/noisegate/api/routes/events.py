"""What happens, as it happens: server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import orjson
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from noisegate.api.errors import errors
from noisegate.api.keys import Reading
from noisegate.api.live import Event
from noisegate.api.state import api
from noisegate.core.errors import InvalidInputError
from noisegate.core.ids import ItemId

router = APIRouter(prefix="/v1/events", tags=["events"])

_BEAT_S = 15.0
"""Seconds of silence after which a comment is sent, so that nobody in between closes the connection."""
_EXAMPLE = (
    'id: 42\nevent: enforced\ndata: {"seq":42,"kind":"enforced","item":"itm_...","body":{"state":"released"}}\n\n'
)


@router.get(
    "",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "A stream that does not end.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        },
        **errors(),
    },
)
async def follow_events(
    request: Request,
    _key: Reading,
    item: Annotated[str | None, Query(description="Only what happens to this item.")] = None,
    after: Annotated[
        int | None, Query(ge=0, description="Begin after this entry of the ledger; 0 for all that ever happened.")
    ] = None,
    last_event_id: Annotated[
        str | None, Header(description="What browsers send when they come back; wins over `after`.")
    ] = None,
) -> StreamingResponse:
    """Follow what happens: `submitted`, `decided`, `assessed`, `case_opened`, `enforced`... and `progress`.

    Entries of the ledger have an id; a client that comes back with the last one it had misses none. `assessing` and
    `progress` have none: they are for whoever is there.
    """
    start = after
    if last_event_id is not None:
        if not last_event_id.isascii() or not last_event_id.isdigit() or len(last_event_id) > 18:
            raise InvalidInputError(f"`Last-Event-ID` is the number of a ledger entry, and it is {last_event_id!r}")
        start = int(last_event_id)
    events = api(request).live.follow(after=start, item=ItemId(item) if item is not None else None)
    return StreamingResponse(
        _stream(events),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _stream(events: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n\n"
    upcoming: asyncio.Task[Event] | None = None
    try:
        while True:
            upcoming = upcoming or asyncio.ensure_future(anext(events))
            done, _ = await asyncio.wait({upcoming}, timeout=_BEAT_S)
            if not done:
                yield b": still here\n\n"
                continue
            try:
                event = upcoming.result()
            except StopAsyncIteration:
                return
            upcoming = None
            yield _written(event)
    finally:
        if upcoming is not None:
            upcoming.cancel()


def _written(event: Event) -> bytes:
    data = event.data if event.seq is not None else {"item": event.item, **event.data}
    name = b"" if event.seq is None else f"id: {event.seq}\n".encode()
    return name + f"event: {event.name}\ndata: ".encode() + orjson.dumps(data) + b"\n\n"

"""The application: routes, errors, limits, and the document that describes them."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from noisegate.api import errors
from noisegate.api.keys import caller_of
from noisegate.api.routes import blobs, catalogue, decisions, events, health, items, keys, verdicts, webhooks
from noisegate.api.schemas.requests import ItemIn
from noisegate.api.state import Api
from noisegate.core.errors import NoisegateError
from noisegate.system import System

_BODY_BYTES = 12 << 20
"""Bytes of any body but an upload: eight megabytes of picture in base64."""
_UPLOADS = ("/v1/items", "/v1/blobs")
"""Addresses that bound their bodies themselves."""
_WITH_BODY = {"POST", "PUT"}
_TALLY_EVERY_S = 60.0

_DESCRIPTION = """
Noisegate holds every upload, understands it, judges it against written policy, and releases it, limits it, blocks it or
sends it to a person.

Every request needs an API key (`Authorization: Bearer ng_...`) with the scope `submit`, `read` or `admin`. Everything
that goes wrong has one shape: `{"error": {"code", "message", "hint", "where"}}`.
"""
_TAGS = [
    {"name": "items", "description": "Uploads and where they stand."},
    {"name": "blobs", "description": "Files sent before the item that refers to them."},
    {"name": "verdicts", "description": "Answers at once, for words and small pictures that are not uploads."},
    {"name": "decisions", "description": "What was concluded, from what, and whether it follows."},
    {"name": "catalogue", "description": "Policy packs in force and signals installed."},
    {"name": "events", "description": "What happens, as it happens."},
    {"name": "webhooks", "description": "Who is told of every step of the gate."},
    {"name": "keys", "description": "Who may do what."},
    {"name": "health", "description": "For whatever runs the process."},
]

log = structlog.get_logger()


def create_app(system: System) -> FastAPI:
    """The API over one installation. Nothing is opened before the application starts."""
    app = FastAPI(
        title="Noisegate",
        version=version("noisegate"),
        description=_DESCRIPTION,
        openapi_tags=_TAGS,
        docs_url=None,  # the pages would load their scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan(system),
        generate_unique_id_function=lambda route: route.name,
    )
    errors.install(app)
    for room in (items, blobs, verdicts, decisions, catalogue, events, webhooks, keys, health):
        app.include_router(room.router)
    app.add_middleware(_Guarded)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def _lifespan(system: System) -> Any:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        here = await asyncio.to_thread(_opened, system)
        app.state.api = here
        app.state.loop = asyncio.get_running_loop()
        tally = asyncio.create_task(_count(here))
        threading.Thread(target=_warm, args=(here,), name="warm up", daemon=True).start()
        log.info("the API is ready", packs=[pack.name for pack in system.packs])
        try:
            yield
        finally:
            tally.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await tally
            here.live.close()
            await asyncio.to_thread(here.live.join)
            here.judges.shutdown(wait=False, cancel_futures=True)

    return lifespan


def _opened(system: System) -> Api:
    here = Api.of(system)
    system.store.packs.freeze(compiled.pack for compiled in system.packs)
    _ = system.submitter, system.judge
    here.live.start()
    return here


def _warm(here: Api) -> None:
    try:
        here.system.judge.warm()
    except Exception as error:  # noqa: BLE001 - the first verdict will say the same to its caller
        log.warning("the models for verdicts could not be loaded in advance", reason=str(error))


async def _count(here: Api) -> None:
    """Write the tally of verdicts every minute, and at the end."""
    judge, store = here.system.judge, here.system.store
    try:
        while True:
            await asyncio.sleep(_TALLY_EVERY_S)
            try:
                await asyncio.to_thread(judge.tally.write, store)
            except NoisegateError as error:
                log.warning("the tally of verdicts could not be written", reason=error.message)
    finally:
        with contextlib.suppress(NoisegateError):
            judge.tally.write(store)


class _Guarded:
    """Refuses what strangers send, and bodies that no route could want, before anything reads them.

    FastAPI parses a body before it asks a route's dependencies who sent it; what the sender may do is asked there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in _WITH_BODY:
            try:
                await caller_of(Request(scope))
            except NoisegateError as error:
                await errors.answer(error)(scope, receive, send)
                return
        if scope["type"] != "http" or scope["path"].startswith(_UPLOADS):
            await self._app(scope, receive, send)
            return
        read = 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > _BODY_BYTES:
                raise HTTPException(413, f"the body is larger; at most {_BODY_BYTES:,} bytes are taken")
            return message

        await self._app(scope, bounded, send)


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            tags=app.openapi_tags,
            routes=app.routes,
        )
        _, described = models_json_schema([(ItemIn, "validation")], ref_template="#/components/schemas/{model}")
        document["components"]["schemas"].update(described["$defs"])
        app.openapi_schema = document
    return app.openapi_schema

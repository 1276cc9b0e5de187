"""One shape for everything that goes wrong: `{"error": {"code", "message", "hint", "where"}}`.

The class of an error decides its status (`core/errors.py`); this module only words what FastAPI and Starlette raise by
themselves: a body that does not fit, a path that is not there, a method that is not allowed.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from noisegate.core.errors import NoisegateError, NotAuthenticatedError, UnavailableError, closest

log = structlog.get_logger()

_CODES = {400: "invalid_input", 404: "unknown_name", 405: "method_not_allowed", 413: "too_large"}
_UNREADABLE = "There was an error parsing the body"
"""FastAPI's words for bytes that are no text, or nested too deeply."""
_RETRY_AFTER_S = 2
"""What a client is told to wait while a service of ours is down: longer than a database takes to restart."""


class ErrorDetail(BaseModel):
    """What went wrong, for programs and for people."""

    model_config = ConfigDict(frozen=True)

    code: Annotated[str, Field(description="A stable name for programs.", examples=["unknown_name"])]
    message: Annotated[
        str, Field(description="What was wrong, with the value.", examples=["no item is called `itm_0`"])
    ]
    hint: Annotated[
        str | None, Field(description="What to change or type next.", examples=["GET /v1/items lists them"])
    ] = None
    where: Annotated[
        str | None, Field(description="The place in the request, dotted.", examples=["body.assets.0.role"])
    ] = None


class ErrorBody(BaseModel):
    """The body of every answer that is not a success."""

    model_config = ConfigDict(frozen=True)

    error: ErrorDetail


class RequestError(NoisegateError):
    """An error that knows its place in the request; wraps the one that decides code and status."""

    def __init__(self, error: NoisegateError, *, where: str) -> None:
        super().__init__(error.message, hint=error.hint)
        self.error = error
        self.where = where


_MEANINGS = {
    401: "No API key was sent, or it is not a valid one.",
    403: "The key may not do this.",
    404: "There is no such thing.",
    409: "The same key was used for something else.",
    413: "More bytes than the limit.",
    422: "What was sent is not allowed; `where` names the place.",
    503: "A service we need does not answer; try again.",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: the error answers it can give, in the one shape. Includes 401, 403, 422 and 503."""
    return {
        status: {"model": ErrorBody, "description": _MEANINGS[status]}
        for status in sorted({401, 403, 422, 503, *statuses})
    }


def install(app: FastAPI) -> None:
    """Make every error of `app` come out in the one shape."""
    app.add_exception_handler(NoisegateError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(Exception, _unexpected)


def answer(error: NoisegateError) -> JSONResponse:
    """The response for an error of ours."""
    where = None
    if isinstance(error, RequestError):
        where, error = error.where, error.error
    headers = {}
    if isinstance(error, NotAuthenticatedError):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, UnavailableError):
        headers["Retry-After"] = str(_RETRY_AFTER_S)
    return _response(
        error.status, ErrorDetail(code=error.code, message=error.message, hint=error.hint, where=where), headers
    )


def _response(status: int, detail: ErrorDetail, headers: Mapping[str, str] | None = None) -> JSONResponse:
    words = {name: _storable(text) for name, text in detail.model_dump().items()}
    return JSONResponse({"error": words}, status_code=status, headers=dict(headers or {}))


def _storable(text: str | None) -> str | None:
    """Without lone surrogates, which a request may smuggle in and no answer can carry."""
    return None if text is None else text.encode("utf-8", "replace").decode()


async def _ours(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, NoisegateError):
        raise error
    if error.status == 500:
        log.error("a request failed", exc_info=error)
    return answer(error)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    first, *others = error.errors()
    more = f" (and {len(others)} more)" if others else ""
    detail = ErrorDetail(code="invalid_input", message=_worded(first) + more, hint=_hint(first), where=_place(first))
    return _response(422, detail)


async def _plain(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    path = request.url.path
    if error.status_code == 404:
        near = closest(path, request.app.openapi()["paths"])
        hint = f"did you mean `{near}`?" if near else "GET /openapi.json describes every address"
        detail = ErrorDetail(code=_CODES[404], message=f"there is nothing at `{_quoted(path)}`", hint=hint)
    elif error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        message = f"`{_quoted(path)}` does not take {request.method}"
        detail = ErrorDetail(code=_CODES[405], message=message, hint=f"allowed: {allowed}" if allowed else None)
    elif error.detail == _UNREADABLE:
        hint = "send JSON with `Content-Type: application/json`"
        detail = ErrorDetail(code=_CODES[400], message="the body is not JSON in UTF-8", hint=hint)
        return _response(422, detail)
    else:
        code = _CODES.get(error.status_code, "invalid_input" if error.status_code < 500 else "noisegate")
        detail = ErrorDetail(code=code, message=str(error.detail))
    return _response(error.status_code, detail, error.headers)


async def _unexpected(_request: Request, error: Exception) -> JSONResponse:
    log.error("a request failed unexpectedly", exc_info=error)
    message = "something went wrong inside Noisegate; the log says what"
    return _response(500, ErrorDetail(code="noisegate", message=message))


def _worded(error: Mapping[str, Any]) -> str:
    kind, value = error["type"], error.get("input")
    if kind == "missing":
        return f"`{_last(error)}` is missing"
    if kind == "extra_forbidden":
        return f"unknown key `{_last(error)}`"
    if kind == "json_invalid":
        return f"the body is not JSON: {error.get('ctx', {}).get('error', error['msg'])}"
    reason = str(error["msg"]).removeprefix("Value error, ")
    said = "" if isinstance(value, (dict, list, bytes)) else f", and it is {_quoted(repr(value))}"
    return f"`{_last(error)}`: {reason[:1].lower()}{reason[1:]}{said}"


def _hint(error: Mapping[str, Any]) -> str | None:
    allowed = error.get("ctx", {}).get("expected")
    return f"allowed: {allowed}" if allowed and error["type"] in {"enum", "literal_error"} else None


def _place(error: Mapping[str, Any]) -> str:
    location: Sequence[Any] = error["loc"]
    return ".".join(str(step) for step in location)


def _last(error: Mapping[str, Any]) -> str:
    names = [step for step in error["loc"] if isinstance(step, str)]
    return names[-1] if names else "body"


def _quoted(text: str) -> str:
    return text if len(text) <= 200 else text[:200] + "…"

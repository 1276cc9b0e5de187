"""Plain values as JSON bytes, and the documentation that goes with them."""

from typing import Any

import orjson
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from noisegate.api.errors import errors


class Answer(JSONResponse):
    """A JSON answer from plain values: dicts, lists, dates, enumerations; NaN becomes null."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return orjson.dumps(content, option=orjson.OPT_UTC_Z)


def documented(
    model: type[BaseModel], *statuses: int, status: int = 200, also: dict[int, str] | None = None
) -> dict[int | str, dict[str, Any]]:
    """A route's `responses`: what a success looks like, and which errors it can give.

    Args:
        model: Shape of the body.
        statuses: Of errors besides 401, 403, 422 and 503.
        status: Of the success.
        also: Other successes of the same shape: status -> what it means.
    """
    successes: dict[int | str, dict[str, Any]] = {status: {"model": model}}
    for code, meaning in (also or {}).items():
        successes[code] = {"model": model, "description": meaning}
    return {**successes, **errors(*statuses)}

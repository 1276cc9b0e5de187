"""Holds every answer of the API against the document that describes it."""

import re
from typing import Any

import httpx
from jsonschema import Draft202012Validator


class Checker:
    """Looks up what an answer should look like, and complains when it does not."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._paths = [
            (re.compile("^" + re.sub(r"\\\{\w+\\\}", r"[^/]+", re.escape(path)) + "$"), operations)
            for path, operations in sorted(document["paths"].items(), key=lambda entry: entry[0].count("{"))
        ]

    def __call__(self, response: Any) -> None:
        """An `event_hooks` function of the HTTP client."""
        request = response.request
        operation = self._operation(request)
        media = response.headers.get("content-type", "").partition(";")[0]
        if media == "text/event-stream":
            return
        response.read()
        if operation is None:
            assert response.status_code in {404, 405, 413, 422}, f"{request.method} {request.url} is not documented"
            schema = {"$ref": "#/components/schemas/ErrorBody"}
        else:
            documented = operation["responses"]
            assert str(response.status_code) in documented, (
                f"{request.method} {request.url.path} answered {response.status_code}, documented are "
                f"{sorted(documented)}: {response.text[:300]}"
            )
            content = documented[str(response.status_code)].get("content")
            if not content:
                assert response.content == b"", response.text
                return
            if request.method == "HEAD":
                return
            schema = content["application/json"]["schema"]
        validator = Draft202012Validator({**schema, "components": self._document["components"]})
        problems = [
            f"{'.'.join(map(str, e.absolute_path))}: {e.message}" for e in validator.iter_errors(response.json())
        ]
        assert not problems, f"{request.method} {request.url.path}: {problems}"

    def _operation(self, request: httpx.Request) -> dict[str, Any] | None:
        path = request.url.path
        for pattern, operations in self._paths:
            if pattern.match(path):
                found: dict[str, Any] | None = operations.get(request.method.lower())
                return found
        return None

"""What the server answers when it does not do what it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response


class Refused(Exception):
    """Ends a request with a status, a code for programs and a message for people."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The same as a response; Segment's own clients read ``code`` and ``message``."""
        return failure(self.status, self.code, self.message, self.headers)


def failure(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """A response that says what went wrong."""
    document: dict[str, Any] = {"success": False, "code": code, "message": message}
    return JSONResponse(document, status, headers=dict(headers or {}))

"""Who may write and who may read."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import Request

from journeys.server._answers import Refused


class WriteKeys:
    """The keys that may send calls, each with the name of its source; None lets everybody in."""

    def __init__(self, keys: Mapping[str, str] | Iterable[str] | None) -> None:
        if isinstance(keys, str):
            raise TypeError(f"write_keys must be a mapping or several keys, got one text: write [{'…'!r}]")
        named = keys if isinstance(keys, Mapping) else dict.fromkeys(keys or (), "")
        if any(not key or ":" in key for key in named):
            raise ValueError("a write key must not be empty and has no colon: it is the name in basic authentication")
        self._keys = {key.encode(): source for key, source in named.items()}
        self._open = keys is None

    def source_of(self, request: Request) -> str | None:
        """The source whose key is in the header; ``Refused`` if it is no key, None if there is no such header."""
        if self._open:
            return ""
        header = request.headers.get("authorization", "").strip()
        return self._named(_basic_name(header)) if header else None

    def source_in(self, document: Any) -> str:
        """The source whose key is in the body, where Segment's client for browsers puts it; ``Refused`` if none is."""
        key = document.get("writeKey") if isinstance(document, Mapping) else None
        return self._named(key.encode() if isinstance(key, str) else b"")

    def _named(self, given: bytes) -> str:
        found = None
        for key, source in self._keys.items():  # all of them, so that the time says nothing
            if hmac.compare_digest(key, given):
                found = source
        if found is None:
            message = "send a write key as the name of basic authentication, or as writeKey in the body"
            raise Refused(401, "wrong_write_key", message, _ASK_BASIC)
        return found


_ASK_BASIC = {"www-authenticate": 'Basic realm="journeys"'}
_ASK_BEARER = {"www-authenticate": "Bearer"}


def _basic_name(header: str) -> bytes:
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(rest.strip(), validate=True).partition(b":")[0]
    except (binascii.Error, ValueError):
        return b""


def check_read_token(request: Request, token: str | None) -> None:
    """``Refused`` unless the request has the token; without one nobody reads."""
    if token is None:
        raise Refused(
            401, "no_read_token", "this server was started without a read token: it shows nothing", _ASK_BEARER
        )
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    given = rest.strip().encode("utf-8", "surrogateescape") if scheme.lower() == "bearer" else b""
    if not hmac.compare_digest(token.encode(), given):
        raise Refused(401, "wrong_read_token", "send the read token: Authorization: Bearer TOKEN", _ASK_BEARER)

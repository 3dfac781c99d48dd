"""From the bytes of a request to a JSON value: bounded in size, in time, and in what it inflates to."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

from starlette.requests import ClientDisconnect, Request

from journeys.codec.strict_json import InvalidJSON, parse_json
from journeys.server._answers import Refused

#: a larger body is decoded in a thread: the event loop has others to serve
_INLINE = 16 * 1024
#: so many times the limit are read and thrown away, that the client may hear the answer; then the connection is closed
_PATIENCE = 4
_CLOSE = {"connection": "close"}
_JSON = ("application/json", "text/plain", "")


async def read_json(request: Request, limit: int, seconds: float) -> tuple[Any, int]:
    """The JSON value in the body and its size; ``Refused`` if there is none, or a larger one."""
    _check_type(request)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise Refused(
            415,
            "unknown_encoding",
            f"content-encoding {encoding[:40]!r}: send gzip, or none",
            {"accept-encoding": "gzip"},
        )
    try:
        async with asyncio.timeout(seconds):
            body = await _read(request, limit)
    except TimeoutError:
        raise Refused(408, "too_slow", f"the body did not come within {seconds:g} seconds", _CLOSE) from None
    except ClientDisconnect:
        raise Refused(400, "disconnected", "the client went away before the body had come") from None
    if len(body) > _INLINE or encoding == "gzip":
        return await asyncio.to_thread(decoded, body, encoding, limit)
    return decoded(body, encoding, limit)


def _check_type(request: Request) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in _JSON and not (given.startswith("application/") and given.endswith("+json")):
        raise Refused(415, "unknown_type", f"content-type {given[:60]!r}: send application/json")


async def _read(request: Request, limit: int) -> bytes:
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit * _PATIENCE:
        raise _too_large(limit, _CLOSE)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit * _PATIENCE:
            raise _too_large(limit, _CLOSE)
        if size <= limit:
            chunks.append(chunk)
    if size > limit:
        raise _too_large(limit)
    return b"".join(chunks)


def _too_large(limit: int, headers: dict[str, str] | None = None) -> Refused:
    return Refused(413, "too_large", f"the body has more than {limit} bytes", headers)


def decoded(body: bytes, encoding: str, limit: int) -> tuple[Any, int]:
    """The JSON value that a body stands for, and its size when it is inflated."""
    if encoding == "gzip":
        body = inflated(body, limit)
    try:
        return parse_json(body), len(body)
    except InvalidJSON as error:
        raise Refused(400, error.code, str(error)) from None


def inflated(body: bytes, limit: int) -> bytes:
    """What gzip packed; never more than the limit is inflated, however much it would become."""
    parts: list[bytes] = []
    room = limit + 1
    try:
        while body:
            member = zlib.decompressobj(wbits=31)
            part = member.decompress(body, room)
            room -= len(part)
            if room <= 0:
                raise _too_large(limit)
            if not member.eof:
                raise Refused(400, "wrong_gzip", "the gzip body ends too early")
            parts.append(part)
            body = member.unused_data
    except zlib.error as error:
        raise Refused(400, "wrong_gzip", f"the body is no gzip: {error}") from None
    return b"".join(parts)

"""The ASGI app: who may, how much at once, and which path does what."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from journeys.runtime.evaluator import Evaluator
from journeys.server import _protocol as protocol
from journeys.server._answers import Refused, failure
from journeys.server._body import read_json
from journeys.server._keys import WriteKeys
from journeys.server._metrics import Metrics
from journeys.server._openapi import openapi
from journeys.server._read import ReadSide
from journeys.server._writer import Full, Stopped, Writer
from journeys.server.limits import Limits

Endpoint = Callable[[Request], Awaitable[Response]]
#: as browsers write them: in lower case, and without a path
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9.:\[\]_-]+", re.ASCII)


def create_app(
    evaluator: Evaluator,
    *,
    write_keys: Mapping[str, str] | Iterable[str] | None,
    read_token: str | None = None,
    origins: Iterable[str] = (),
    limits: Limits | None = None,
) -> Starlette:
    """Segment's HTTP Tracking API in front of an evaluator, and what it knows for those who have the read token.

    ``write_keys`` are the keys that may send calls, as a mapping with the name of the source of each, which the metrics
    show; None lets everybody send. Without a ``read_token`` nothing is shown. Pages of these ``origins`` may send from
    a browser: ``https://shop.example``, or ``*`` alone for every page. A call is answered when it is durable on the
    evaluator's store; timers and deliveries are the business of ``running``, ``Evaluator.run`` or another worker.
    """
    if read_token == "":
        raise ValueError("read_token is empty: leave it out, and nothing is shown")
    limits = limits if limits is not None else Limits()
    metrics = Metrics()
    writer = Writer(evaluator, limits, metrics)
    ingest = Ingest(writer, WriteKeys(write_keys), limits, metrics)
    reads = ReadSide(evaluator, writer, metrics, read_token)

    async def document(request: Request) -> Response:
        return JSONResponse(openapi(request.scope.get("root_path", "")))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        writer.open()
        reads.open()
        yield
        await asyncio.to_thread(writer.close)
        reads.close()

    routes: list[Route] = []
    called = {name: name for name in (*protocol.ONE, *protocol.MANY)} | protocol.SHORT
    for path, name in called.items():
        endpoint = _counted(partial(ingest.take, kind=name), f"/v1/{name}", metrics)
        # some of Segment's clients write a slash at the end
        routes += [Route(f"/v1/{path}{slash}", endpoint, methods=["POST"]) for slash in ("", "/")]
    shown: dict[str, Endpoint] = {
        "/v1/profiles/{id:path}": reads.profile,
        "/v1/journeys": reads.journeys,
        "/v1/figures": reads.figures,
        "/metrics": reads.metrics,
        "/health": reads.health,
        "/ready": reads.ready,
        "/openapi.json": document,
    }
    routes += [Route(path, _counted(each, path, metrics), methods=["GET"]) for path, each in shown.items()]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=_for_browsers(origins),
        exception_handlers={HTTPException: _not_here, Exception: _broken},
    )
    app.router.redirect_slashes = False
    app.state.writer = writer
    return app


def _for_browsers(origins: Iterable[str]) -> list[Middleware]:
    """Lets pages of these origins send calls, and nothing else: a page that reads is not provided for."""
    if isinstance(origins, str):
        raise TypeError(f"origins must be several, got one text: write [{origins!r}]")
    allowed = [*origins]
    for each in allowed:
        if not (each == "*" and len(allowed) == 1) and not _ORIGIN.fullmatch(each):
            raise ValueError(f"{each!r} is no origin: expected 'https://shop.example', or '*' alone")
    if not allowed:
        return []
    cors = Middleware(
        CORSMiddleware,
        allow_origins=allowed,
        allow_methods=["POST"],
        allow_headers=["*"],
        allow_credentials=True,  # a beacon always says that it has some, and there are none
        expose_headers=["retry-after"],
    )
    return [cors]


def _counted(endpoint: Endpoint, path: str, metrics: Metrics) -> Endpoint:
    """The endpoint with what it refuses as a response, counted under the path of its route."""

    async def counted(request: Request) -> Response:
        try:
            response = await endpoint(request)
        except Refused as refused:
            response = refused.response()
        except Exception:
            metrics.request(path, 500)
            raise
        metrics.request(path, response.status_code)
        return response

    return counted


async def _not_here(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "wrong_method"}.get(error.status_code, "refused")
    return failure(error.status_code, code, error.detail, error.headers)


async def _broken(_: Request, __: Exception) -> Response:
    """The server logs what it was; whoever asked learns only that it was not their fault."""
    return failure(500, "server_error", "the server failed to answer")


class Ingest:
    """The way in."""

    def __init__(self, writer: Writer, keys: WriteKeys, limits: Limits, metrics: Metrics) -> None:
        self._writer = writer
        self._keys = keys
        self._limits = limits
        self._metrics = metrics
        self._requests = 0
        self._later = {"retry-after": str(limits.retry_after)}

    async def take(self, request: Request, kind: str) -> Response:
        """Answers a request with calls when they are durable."""
        source = self._keys.source_of(request)  # before anything is read of those who have a wrong one
        if self._requests >= self._limits.requests:
            raise self._busy()
        self._requests += 1
        try:
            document, size = await self._read(request, kind)
            if source is None:
                source = self._keys.source_in(document)
            calls = self._calls(document, size, kind)
            answers = await self._commit(calls, size) if calls.calls else []
        finally:
            self._requests -= 1
        rejected = calls.all_rejected(answers)
        self._count(source, [each.status for each in answers], rejected, len(calls.rejected))
        if kind in protocol.ONE and rejected:
            return failure(400, rejected[0].reason, rejected[0].message)
        return JSONResponse(protocol.success(rejected))

    async def _read(self, request: Request, kind: str) -> tuple[Any, int]:
        limits = self._limits
        most = limits.call_bytes if kind in protocol.ONE else limits.batch_bytes
        return await read_json(request, most, limits.body_seconds)

    def _calls(self, document: Any, size: int, kind: str) -> protocol.Calls:
        if kind in protocol.ONE:
            return protocol.one_call(document, kind)
        return protocol.many_calls(document, size, self._limits.call_bytes)

    async def _commit(self, calls: protocol.Calls, size: int) -> Any:
        try:
            future = self._writer.submit(calls.calls, size)
        except Full:
            raise self._busy() from None
        except Stopped:
            raise Refused(503, "stopping", "the server is about to stop", self._later) from None
        try:
            return await asyncio.wrap_future(future)
        except Exception as error:
            message = f"the calls could not be stored ({type(error).__name__}): send them again"
            raise Refused(503, "not_stored", message, self._later) from error

    def _busy(self) -> Refused:
        # 429 and not 503: Segment's clients wait as long as they are told, and do not count it among their tries
        return Refused(429, "busy", "more has come in than can be stored right now: send it again", self._later)

    def _count(self, source: str, statuses: list[str], rejected: list[protocol.Rejection], unseen: int) -> None:
        self._metrics.calls(source, statuses + ["rejected"] * unseen, [each.reason for each in rejected])

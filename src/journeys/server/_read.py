"""The read side: profiles and their timelines, journeys, figures, health, metrics."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import unquote

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from journeys._time import parse_instant
from journeys.runtime.evaluator import Evaluator
from journeys.server import _metrics
from journeys.server._answers import Refused
from journeys.server._keys import check_read_token
from journeys.server._metrics import Metrics
from journeys.server._writer import Writer

T = TypeVar("T")

#: threads that read: however slow a question is, the way in does not wait for it
_THREADS = 4
#: seconds in which the store has to answer a probe
_PROBE = 5.0
_PRIVATE = {"cache-control": "no-store"}
#: how many records a page of a timeline has, and may have
PAGE, MAX_PAGE = 100, 1000
#: the last record that a cursor can name
MAX_AFTER = 1_000_000_000


class ReadSide:
    """What the evaluator knows, for those who have the token."""

    def __init__(self, evaluator: Evaluator, writer: Writer, metrics: Metrics, token: str | None) -> None:
        self._evaluator = evaluator
        self._writer = writer
        self._metrics = metrics
        self._token = token
        self._threads: ThreadPoolExecutor | None = None

    def open(self) -> None:
        """Answers questions, also after ``close``."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="journeys-read")

    def close(self) -> None:
        """Ends the threads."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=True)

    async def _ask(self, question: Callable[[], T]) -> T:
        self.open()
        return await asyncio.get_running_loop().run_in_executor(self._threads, question)

    # people

    async def profile(self, request: Request) -> Response:
        """``/v1/profiles/{id}`` and ``/v1/profiles/{id}/timeline``"""
        check_read_token(request, self._token)
        parts = _id_path(request)
        if parts[1:] == ["timeline"]:
            limit = _number(request, "limit", PAGE, 1, MAX_PAGE)
            after = _number(request, "after", 0, 0, MAX_AFTER)
            document = await self._ask(lambda: self._timeline(parts[0], limit, after))
        elif len(parts) == 1:
            document = await self._ask(lambda: self._profile(parts[0]))
        else:
            raise Refused(404, "not_found", "an id with a slash is written with %2F", _PRIVATE)
        if document is None:
            raise Refused(404, "unknown_profile", "nothing is known of this profile", _PRIVATE)
        return _json(document)

    def _view(self, address: str) -> Any:
        """The person at an address: a user id, or ``anonymous:`` and an anonymous id; ``user:`` may say the former."""
        space, colon, rest = address.partition(":")
        if colon and space == "anonymous":
            return self._evaluator.profile(anonymous_id=rest) if _is_id(rest) else None
        if colon and space == "user":
            address = rest
        return self._evaluator.profile(address) if _is_id(address) else None

    def _profile(self, address: str) -> dict[str, Any] | None:
        view = self._view(address)
        if view is None:
            return None
        fields = ("event", "kind", "why", "size")
        return attrs.asdict(view) | {"remembers": [dict(zip(fields, each, strict=True)) for each in view.remembers]}

    def _timeline(self, address: str, limit: int, after: int) -> dict[str, Any] | None:
        view = self._view(address)
        if view is None:
            return None
        # what happened before its ids were linked was recorded under each of them
        shown = sorted({view.id, *view.linked_ids})
        traces = [self._evaluator.trace(profile=each) for each in shown]
        records = itertools.chain(*traces) if len(traces) == 1 else iter(sorted(itertools.chain(*traces), key=_instant))
        page = list(itertools.islice(records, after, after + limit + 1))
        for trace in traces:
            trace.close()  # type: ignore[attr-defined]
        more = after + limit if len(page) > limit else None
        return {"id": view.id, "records": page[:limit], "next": more}

    # journeys

    async def journeys(self, request: Request) -> Response:
        """``/v1/journeys``"""
        check_read_token(request, self._token)
        return _json(await self._ask(self._journeys))

    def _journeys(self) -> dict[str, Any]:
        fields = ("key", "version", "name", "description", "status")
        shown = [{field: getattr(each, field) for field in fields} for each in self._evaluator.journeys]
        return {"journeys": shown}

    async def figures(self, request: Request) -> Response:
        """``/v1/figures``"""
        check_read_token(request, self._token)
        return _json(await self._ask(self._figures))

    def _figures(self) -> dict[str, Any]:
        evaluator = self._evaluator
        return {
            "journeys": evaluator.journey_figures().as_dict()["journeys"],
            "store": evaluator.figures(),
            "counters": evaluator.counters,
            "watermark": evaluator.watermark,
        }

    # how the server is

    async def health(self, _: Request) -> Response:
        """``/health``: the process answers."""
        return _json({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        """``/ready``: the store answers, and there is room in the queue."""
        status = "ok"
        if self._writer.is_closed:
            status = "stopping"
        elif self._writer.is_full:
            status = "busy"
        else:
            try:  # not among the readers: a probe does not wait for their long questions
                await asyncio.wait_for(asyncio.to_thread(lambda: self._evaluator.watermark), _PROBE)
            except Exception:
                status = "no_store"
        return _json({"status": status}, 200 if status == "ok" else 503)

    async def metrics(self, request: Request) -> Response:
        """``/metrics``"""
        check_read_token(request, self._token)
        text = _metrics.exposition(await self._ask(lambda: list(self._families())))
        return Response(text, headers=_PRIVATE | {"content-type": _metrics.CONTENT_TYPE})

    def _families(self) -> Iterator[str]:
        yield from self._metrics.families()
        calls, size = self._writer.queued
        family, evaluator = _metrics.family, self._evaluator
        yield from family("journeys_queued_calls", "gauge", "Calls that wait for their commit.", [({}, calls)])
        yield from family("journeys_queued_bytes", "gauge", "The size of their requests.", [({}, size)], "bytes")
        counters = _metrics.labelled("what", evaluator.counters)
        yield from family("journeys_counted", "counter", "What the evaluator counts, on this store.", counters)
        figures = _metrics.labelled("what", evaluator.figures())
        yield from family("journeys_stored", "gauge", "How much is in the store.", figures)
        yield from _metrics.outbox(evaluator.store.backlog())
        mark = evaluator.watermark
        if mark is not None:
            seconds = parse_instant(mark) / 1_000_000
            yield from family("journeys_watermark_seconds", "gauge", "The watermark.", [({}, seconds)], "seconds")


def _json(document: Any, status: int = 200) -> Response:
    return JSONResponse(document, status, headers=_PRIVATE)


def _instant(record: dict[str, Any]) -> int:
    return parse_instant(record["at"])


def _id_path(request: Request) -> list[str]:
    """The parts of the path after ``/v1/profiles/``: an id may have any character, also an encoded slash."""
    raw = request.scope.get("raw_path")
    if raw is None:
        return str(request.path_params["id"]).split("/")
    rest = raw.partition(b"?")[0].partition(b"/v1/profiles/")[2]
    return [unquote(part, errors="surrogateescape") for part in rest.decode("latin-1").split("/")]


def _is_id(text: str) -> bool:
    """Whether a call could have it as an id: the store need not be asked for others (P1)."""
    if not text or "\0" in text or len(text) > 4096:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _number(request: Request, name: str, default: int, least: int, most: int) -> int:
    given = request.query_params.getlist(name)
    if not given:
        return default
    text = given[0]
    if len(given) > 1 or not (text.isascii() and text.isdecimal()) or len(text) > 12 or not least <= int(text) <= most:
        raise Refused(400, f"wrong_{name}", f"{name} must be a whole number from {least} to {most}", _PRIVATE)
    return int(text)

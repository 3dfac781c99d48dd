"""Calls from any iterator or async iterator, each committed at its source when it is durable here.

A message is taken at least once: when the process dies between the store's commit and the source's, the source gives it
again, and its ``messageId`` tells that it was there (O2, I5).
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import attrs

from journeys.codec.strict_json import InvalidJSON, parse_json
from journeys.errors import InvalidCall
from journeys.runtime._calls import Answer
from journeys.runtime.async_evaluator import AsyncEvaluator
from journeys.runtime.evaluator import Evaluator

M = TypeVar("M")


@attrs.define
class Consumed:
    """How many messages were taken, by the answer to each (O5)."""

    accepted: int = 0
    late: int = 0
    duplicates: int = 0
    rejected: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.accepted + self.late + self.duplicates + self.rejected


def as_call(message: Any) -> Mapping[str, Any]:
    """A call from itself or from JSON; ``ValueError`` if that is no JSON object, ``TypeError`` for anything else."""
    if isinstance(message, Mapping):
        return message
    if not isinstance(message, (bytes, bytearray, memoryview, str)):
        raise TypeError(f"a {type(message).__name__} is no call: say with call=… where in it the call is")
    found = parse_json(message if isinstance(message, str) else bytes(message))
    if not isinstance(found, dict):
        raise InvalidCall("no_object", f"expected a call as an object, got {type(found).__name__}")
    return found


def consume(
    evaluator: Evaluator,
    messages: Iterable[M | None],
    *,
    call: Callable[[M], Any] = as_call,
    commit: Callable[[M], object] | None = None,
    rejected: Callable[[M, Answer], object] | None = None,
    group: int = 1,
    linger: float = 0.1,
    stop: threading.Event | None = None,
) -> Consumed:
    """Feeds messages until there are no more, or ``stop`` is set; answers how many there were.

    ``call`` gives the call in a message, as an object or as JSON. So many messages as ``group`` says become durable as
    one, or fewer after ``linger`` seconds; then ``commit`` is called with each, in order. A message of None says that
    nothing is there just now, so that nothing has to wait for the group to fill: with an iterator that blocks and never
    gives None, leave ``group`` at 1. ``rejected`` is called with a message that is no valid call, and why, before it is
    committed too; without it such a message raises ``InvalidCall`` and stays uncommitted, as all after it do.
    """
    batch: _Batch[M] = _Batch(call, group, linger)
    source = iter(messages)
    while stop is None or not stop.is_set():
        try:
            message = next(source)
        except StopIteration:
            break
        except BaseException:  # what was taken before is fed all the same
            _feed(evaluator, batch, commit, rejected)
            raise
        if batch.add(message):
            _feed(evaluator, batch, commit, rejected)
    _feed(evaluator, batch, commit, rejected)
    return batch.consumed


def _feed(
    evaluator: Evaluator,
    batch: _Batch[M],
    commit: Callable[[M], object] | None,
    rejected: Callable[[M, Answer], object] | None,
) -> None:
    calls = batch.calls()
    answers = evaluator.feed_many(calls, group=len(calls)) if calls else ()
    for message, answer in batch.answered(answers, raises=rejected is None):
        if rejected is not None and not answer.is_accepted:
            rejected(message, answer)
        if commit is not None:
            commit(message)


async def consume_async(
    evaluator: Evaluator | AsyncEvaluator,
    messages: AsyncIterable[M | None],
    *,
    call: Callable[[M], Any] = as_call,
    commit: Callable[[M], object] | None = None,
    rejected: Callable[[M, Answer], object] | None = None,
    group: int = 100,
    linger: float = 0.1,
    stop: asyncio.Event | None = None,
) -> Consumed:
    """``consume`` for an event loop; ``commit`` and ``rejected`` may be async.

    A group is fed ``linger`` seconds after its first message at the latest, whatever the iterator does meanwhile. An
    evaluator that is not async works in a thread. When the task is cancelled, what is not committed stays so.
    """
    batch: _Batch[M] = _Batch(call, group, linger)
    source = aiter(messages)
    stopped = asyncio.ensure_future(stop.wait() if stop is not None else asyncio.Future())
    upcoming: asyncio.Future[M | None] | None = None
    try:
        while True:
            if upcoming is None:
                upcoming = asyncio.ensure_future(_next(source))
            await asyncio.wait((upcoming, stopped), timeout=batch.patience, return_when=asyncio.FIRST_COMPLETED)
            is_full = batch.is_due
            is_over = stopped.done()
            if upcoming.done():
                error = upcoming.exception()
                if error is None:
                    is_full = batch.add(upcoming.result())
                elif not isinstance(error, StopAsyncIteration):
                    await _feed_async(evaluator, batch, commit, rejected)
                    raise error
                is_over = is_over or error is not None
                upcoming = None
            if is_full or is_over:
                await _feed_async(evaluator, batch, commit, rejected)
            if is_over:
                return batch.consumed
    finally:
        for waiting in (upcoming, stopped):
            if waiting is not None:
                waiting.cancel()
        await asyncio.gather(*(each for each in (upcoming, stopped) if each is not None), return_exceptions=True)


async def _next(source: AsyncIterator[M | None]) -> M | None:
    return await anext(source)


async def _feed_async(
    evaluator: Evaluator | AsyncEvaluator,
    batch: _Batch[M],
    commit: Callable[[M], object] | None,
    rejected: Callable[[M, Answer], object] | None,
) -> None:
    calls = batch.calls()
    answers: Sequence[Answer] = ()
    if calls and isinstance(evaluator, Evaluator):
        answers = await asyncio.to_thread(evaluator.feed_many, calls, group=len(calls))
    elif calls:
        answers = await evaluator.feed_many(calls, group=len(calls))  # type: ignore[misc]
    for message, answer in batch.answered(answers, raises=rejected is None):
        if rejected is not None and not answer.is_accepted:
            await _awaited(rejected(message, answer))
        if commit is not None:
            await _awaited(commit(message))


async def _awaited(result: object) -> None:
    if inspect.isawaitable(result):
        await result


class _Batch(Generic[M]):
    """Messages that are to be fed together, and what became of those before: the logic of both functions."""

    def __init__(self, call: Callable[[M], Any], group: int, linger: float) -> None:
        if group < 1:
            raise ValueError(f"group must be at least 1, got {group}")
        self.consumed = Consumed()
        self._call = call
        self._group = group
        self._linger = linger
        self._began = 0.0
        #: each message with its call, or with the answer to what is no call
        self._taken: list[tuple[M, Any]] = []

    def add(self, message: M | None) -> bool:
        """Takes a message; says whether it is time to feed."""
        if message is None:
            return bool(self._taken)
        if not self._taken:
            self._began = time.monotonic()
        self._taken.append((message, self._read(message)))
        return self.is_due

    def _read(self, message: M) -> Any:
        try:
            return as_call(self._call(message))
        except InvalidCall as error:
            return Answer("rejected", error.reason, str(error))
        except InvalidJSON as error:
            return Answer("rejected", error.code, str(error))
        except ValueError as error:
            return Answer("rejected", "no_call", str(error))

    @property
    def patience(self) -> float | None:
        """How many seconds the messages may still wait for others; None if there are none."""
        return max(0.0, self._began + self._linger - time.monotonic()) if self._taken else None

    @property
    def is_due(self) -> bool:
        """Whether it is time to feed."""
        return len(self._taken) >= self._group or self.patience == 0.0

    def calls(self) -> list[Any]:
        """The calls that are to be fed."""
        return [call for _, call in self._taken if not isinstance(call, Answer)]

    def answered(self, answers: Sequence[Answer], *, raises: bool) -> Iterator[tuple[M, Answer]]:
        """Each message with its answer, in order; ``InvalidCall`` for a rejected one, if that raises."""
        taken, self._taken = self._taken, []
        given = iter(answers)
        for message, call in taken:
            answer = call if isinstance(call, Answer) else next(given)
            if raises and not answer.is_accepted:
                raise InvalidCall(answer.reason, answer.message)
            self._count(answer)
            yield message, answer

    def _count(self, answer: Answer) -> None:
        field = {"duplicate": "duplicates"}.get(answer.status, answer.status)
        setattr(self.consumed, field, getattr(self.consumed, field) + 1)

"""The evaluator for an event loop: the same logic, answered by an async store, or by a sync one in threads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import anyio
import anyio.to_thread

from journeys._time import Duration, instant_of
from journeys.model.journey import Journey
from journeys.ports import (
    AsyncDestination,
    AsyncListDestination,
    AsyncStore,
    Clock,
    Destination,
    ListDestination,
    Store,
)
from journeys.runtime import _views as views
from journeys.runtime._arguments import id_of, opening_of, policies_of
from journeys.runtime._calls import Answer
from journeys.runtime._drive import drive_async
from journeys.runtime._logic import GROUP, LEASE, Definition, Logic, Steps, T, id_key, is_memory
from journeys.runtime._segment import SegmentCalls
from journeys.runtime.delivery import AsyncDeliverer, DestinationPolicy
from journeys.runtime.stores import open_async_store
from journeys.runtime.stores.in_threads import as_async
from journeys.runtime.stores.memory import MemoryStore

if TYPE_CHECKING:
    from journeys.runtime.analysis.explain import Explanation
    from journeys.runtime.analysis.figures import Figures


class AsyncEvaluator(Logic, SegmentCalls[Coroutine[Any, Any, Answer]]):
    """``Evaluator`` for asyncio: everything has the same name, and is awaited.

    ``async with AsyncEvaluator(...) as evaluator: await evaluator.track(...)``. So are ``counters``, ``watermark`` and
    ``journeys``; ``trace`` is read with ``async for``; ``stop`` alone is called. ``store`` is nothing (memory), a URL,
    a sync store, whose methods run in threads, or an async one such as ``AsyncPostgresStore``; it is opened with the
    first use. Destinations may be async or sync. See ``Evaluator`` for the rest.
    """

    def __init__(
        self,
        space: Definition,
        *,
        destinations: Mapping[str, Destination | ListDestination | AsyncDestination | AsyncListDestination]
        | None = None,
        store: str | Store | AsyncStore | None = None,
        clock: Clock | None = None,
        trace: bool = True,
        worker: str | None = None,
        lease: Duration | str | timedelta = LEASE,
        policies: Mapping[str, DestinationPolicy] | None = None,
    ) -> None:
        super().__init__(space, destinations, clock)
        settings = opening_of(trace=trace, worker=worker, lease=lease)
        policies = policies_of({} if policies is None else policies, self.destinations)
        exclusive = is_memory(store)
        opened = MemoryStore() if exclusive or store is None else open_async_store(store)
        self.store: Any = as_async(opened)
        self._memory = opened if isinstance(opened, MemoryStore) and exclusive else None
        self._settings = {"exclusive": exclusive, **settings}
        self._deliverer = AsyncDeliverer(opened, self.destinations, clock=self.clock, policies=policies)
        self._lock = asyncio.Lock()

    # driving the logic

    async def _see(self, steps: Steps[T], *, alone: bool = True) -> T:
        async with self._lock:
            if not hasattr(self, "_core"):
                self._core, self._publisher = await drive_async(self._opening(**self._settings), self.store)
            answer: T = await drive_async(self._alone(steps) if alone else steps, self.store)
        return answer

    async def _do(self, steps: Steps[T], *, alone: bool = True) -> T:
        answer = await self._see(steps, alone=alone)
        if self._memory is not None and self._memory.next_delivery() is not None:
            await self.deliver()
        return answer

    async def _drain(self) -> int | None:
        return (await self._deliverer.drain()).next_try

    async def _sleep(self, until: int) -> None:
        try:  # the clock may be any clock, so its own sleep is asked; it needs no place among the threads that work
            limiter = anyio.CapacityLimiter(1)
            await anyio.to_thread.run_sync(self.clock.sleep, until, self._wake, abandon_on_cancel=True, limiter=limiter)
        finally:
            self._wake.set()  # cancelled: nobody waits for that thread, so it must not sleep on

    # calls in

    async def feed(self, call: Mapping[str, Any]) -> Answer:
        """Applies one Segment call and answers when it is durable (O5)."""
        return (await self._do(self._feeding((call,))))[0]

    async def feed_many(self, calls: Iterable[Mapping[str, Any]], *, group: int = GROUP) -> list[Answer]:
        """Applies many calls, committed in groups; the answers are in the order of the calls (I3)."""
        answers: list[Answer] = await drive_async(self._feeding_many(calls, group), self)
        return answers

    async def replay(
        self, calls: Sequence[Mapping[str, Any]], *, notes: Mapping[str, str] | None = None
    ) -> list[Answer]:
        """Applies calls as one group, with their own timestamps taken as they are (T3)."""
        return await self._do(self._replaying(calls, notes))

    # time

    async def advance(
        self, to: str | datetime | int | None = None, *, by: Duration | str | timedelta | None = None, **parts: float
    ) -> None:
        """Promises that no input at or before an instant will come, and lets every deadline up to it fire (T5)."""
        await self._do(self._advancing(to, by, parts))

    async def settle(self, bound: str | datetime | int | None = None) -> None:
        """Lets everything happen that happens by itself, at most up to ``bound``; a ``ManualClock`` follows."""
        await self._do(self._settling(bound))

    async def next_due(self) -> int | None:
        """The earliest instant at which something happens by itself."""
        return await self._see(self._next_due())

    async def run(self, *, poll: float = 1.0, prune: Duration | str | timedelta | None = "P1D") -> None:
        """Follows the clock: lets deadlines fire and deliveries go out, until ``stop`` is called.

        Or until its task is cancelled. See ``Evaluator.run`` for the rest.
        """
        await drive_async(self._running(poll, prune), self)

    async def prune(self) -> None:
        """Forgets what is older than its retention: the trace, ended instances, marks."""
        await drive_async(self._tidying(), self)

    # deliveries

    async def deliver(self) -> None:
        """Tries everything that may be sent now (D2)."""
        await self._drain()

    # reading

    async def figures(self) -> dict[str, int]:
        """How many ``profiles``, ``live`` instances, profiles with something ``due``, and so on there are."""
        return await self._see(self._figures())

    async def journey_figures(
        self,
        *,
        start: str | datetime | int | None = None,
        end: str | datetime | int | None = None,
        people: bool = False,
    ) -> Figures:
        """The figures of all journeys, in a range of time: see ``journeys.runtime.analysis.figures``."""
        first, last = (None if each is None else instant_of(each) for each in (start, end))
        figures, lacks_records = await self._see(self._figures_by_day(first, last, people))
        if lacks_records:
            async for record in self.trace():
                figures.add(record)
        return figures

    @property
    async def counters(self) -> dict[str, int]:
        """How often what the contract counts has happened: ``late``, ``duplicates``, ``missing_identifier``, …"""
        return await self._see(self._counters())

    async def trace(
        self, *, profile: str | None = None, journey: str | None = None, instance: str | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """What has happened, in the order of (at, profile, as it happened); of one profile, journey or instance."""
        profile = id_of(profile, "profile")
        kept = await self._see(self._kept())
        if kept is not None:
            for record in views.records(kept, profile, journey, instance):
                yield record
            return
        async for line in self.store.trace(profile=profile, journey=journey, instance=instance):
            yield json.loads(line)

    async def profile(self, user_id: str | None = None, *, anonymous_id: str | None = None) -> views.ProfileView | None:
        """What is known of a person now: traits, computed traits, audiences, journeys; None if nothing is."""
        return await self._see(self._profile(id_key(user_id, anonymous_id)))

    async def explain(
        self,
        user_id: str | None = None,
        *,
        anonymous_id: str | None = None,
        journey: str,
        at: str | datetime | int | None = None,
        calls: Iterable[Mapping[str, Any]] = (),
    ) -> Explanation:
        """Why a person is in a journey and what is waited for, or why not, now or ``at`` an instant."""
        return await self._see(self._explaining(id_key(user_id, anonymous_id), journey, at, calls))

    @property
    async def watermark(self) -> str | None:
        """The latest instant that ``advance`` has promised to be over."""
        return await self._see(self._watermark())

    # life and versions

    @property
    async def journeys(self) -> tuple[Journey, ...]:
        """Every version of every journey, with its status; one that has been superseded is shown as paused."""
        return await self._see(self._versions())

    async def publish(self, journey: Journey) -> Journey:
        """Publishes a new or edited journey as the next version, and answers it with its number (V2)."""
        return await self._do(self._publishing(journey))

    async def pause(self, key: str) -> Journey:
        """Nobody enters any more; who is inside goes on (V1)."""
        return await self._do(self._changing(key, "paused"))

    async def resume(self, key: str) -> Journey:
        """Profiles may enter again; who met a condition while it was paused does not (E5)."""
        return await self._do(self._changing(key, "live"))

    async def archive(self, key: str) -> Journey:
        """Ends the journey for good, and everyone in it as ``archived`` (V1)."""
        return await self._do(self._changing(key, "archived"))

    async def clone(self, key: str, new_key: str, name: str | None = None) -> Journey:
        """A draft with a new key and name, and so with destination keys of its own (V5)."""
        return await self._see(self._cloning(key, new_key, name))

    async def backfill(
        self, calls: Iterable[Mapping[str, Any]], *, progress: Callable[[int], None] | None = None
    ) -> dict[str, int]:
        """Remembers calls of the past, before or after publishing (C4)."""
        return await self._do(self._backfilling(calls, progress))

    async def erase(self, user_id: str | None = None, *, anonymous_id: str | None = None) -> tuple[str, ...]:
        """Erases a person: when it returns, nothing in the store names the profile, its ids or its traits (V6)."""
        return await self._do(self._erasing(id_key(user_id, anonymous_id)))

    async def lift(self, user_id: str | None = None, *, anonymous_id: str | None = None) -> bool:
        """Accepts inputs for an erased id again; says whether it was erased."""
        return await self._do(self._lifting(id_key(user_id, anonymous_id)))

    async def close(self) -> None:
        """Ends the use of the store and of the destinations."""
        self.stop()
        await self.store.close()
        for destination in self.destinations.values():
            if callable(aclose := getattr(destination, "aclose", None)):
                await aclose()
            if callable(close := getattr(destination, "close", None)):
                close()

    async def __aenter__(self) -> Self:
        await self._see(self._kept())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

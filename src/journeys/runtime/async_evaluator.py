"""The evaluator for an event loop: the same logic, answered by an async store, or by a sync one in threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

import anyio.to_thread

from journeys._time import MAX, instant_of
from journeys.model.journey import Journey
from journeys.model.space import Space
from journeys.ports import Clock
from journeys.runtime import _views as views
from journeys.runtime._calls import Answer
from journeys.runtime._core import Core
from journeys.runtime._drive import drive_async
from journeys.runtime._opening import opened
from journeys.runtime._publishing import Publisher
from journeys.runtime._segment import SegmentCalls
from journeys.runtime.clocks import ManualClock, SystemClock
from journeys.runtime.delivery import AsyncDeliverer
from journeys.runtime.evaluator import GROUP, as_space, built_destinations, when, with_destinations, worker_name
from journeys.runtime.stores import open_store
from journeys.runtime.stores.memory import MemoryStore
from journeys.runtime.tallies import by_days, is_whole

if TYPE_CHECKING:
    from journeys.runtime.analysis.figures import Figures


class InThreads:
    """A sync store for an event loop: each method runs in a thread."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await anyio.to_thread.run_sync(lambda: method(*args, **kwargs))

        return call


class AsyncEvaluator(SegmentCalls):
    """``Evaluator`` for asyncio: ``async with AsyncEvaluator(...) as evaluator: await evaluator.track(...)``.

    ``store`` is nothing (memory), a URL, a sync store or an async one such as ``AsyncPostgresStore``. Destinations may
    be async or sync. See ``Evaluator`` for the rest.
    """

    def __init__(
        self,
        space: Space | Journey | Iterable[Journey] | Mapping[str, Any] | str,
        *,
        destinations: Mapping[str, Any] | None = None,
        store: Any = None,
        clock: Clock | None = None,
        trace: bool = True,
        worker: str | None = None,
        lease: timedelta = timedelta(seconds=15),
    ) -> None:
        given = dict(destinations or {})
        self.space = with_destinations(as_space(space), given)
        self.clock: Clock = clock if clock is not None else SystemClock()
        self.is_live = not isinstance(self.clock, ManualClock)
        self.destinations = built_destinations(self.space, given)
        self._exclusive = store is None or store == "memory:"
        sync_store = MemoryStore() if self._exclusive else open_store(store)
        is_async = asyncio.iscoroutinefunction(getattr(sync_store, "load", None))
        self.store: Any = sync_store if is_async else InThreads(sync_store)
        self._settings: dict[str, Any] = {
            "exclusive": self._exclusive,
            "traces": trace,
            "worker": worker or worker_name(),
            "lease": int(lease.total_seconds() * 1_000_000),
        }
        self._deliverer = AsyncDeliverer(sync_store, self.destinations, clock=self.clock)
        self._lock = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._core: Core
        self._publisher: Publisher

    async def __aenter__(self) -> Self:
        steps = opened(self.space, at=self.clock.now(), **self._settings)
        self._core, self._publisher = await drive_async(steps, self.store)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop()
        await self.store.close()

    def _received(self) -> int:
        now = self.clock.now()
        if isinstance(self.clock, ManualClock) and now <= self._core.processor.watermark:
            now = self._core.processor.watermark + 1
            self.clock.set(now)  # the clock is there too, so that what is dated from here is due when it comes round
        return now

    async def feed(self, call: Mapping[str, Any]) -> Answer:  # type: ignore[override]
        """Applies one Segment call and answers when it is durable (O5)."""
        return (await self.feed_many((call,)))[0]

    async def feed_many(self, calls: Iterable[Mapping[str, Any]], *, group: int = GROUP) -> list[Answer]:
        """Applies many calls, committed in groups (I3)."""
        answers: list[Answer] = []
        everything = list(calls)
        for start in range(0, len(everything), group):
            answers += await self._feed_group(everything[start : start + group])
        return answers

    async def _feed_group(self, batch: Sequence[Mapping[str, Any]]) -> list[Answer]:
        async with self._lock:
            steps = self._core.feed(batch, self._received(), live=self.is_live)
            answers: list[Answer] = await drive_async(steps, self.store)
        if self._exclusive:
            await self.deliver()
        return answers

    async def advance(self, to: Any = None, *, by: Any = None, **parts: float) -> None:
        """Promises that no input at or before an instant will come, and lets every deadline up to it fire (T5)."""
        until = when(self.clock, to, by, parts)
        async with self._lock:
            await drive_async(self._core.advance(until, now=self.clock.now()), self.store)
        if self._exclusive:
            await self.deliver()

    async def settle(self, bound: Any = None) -> None:
        """Lets everything happen that happens by itself, at most up to ``bound``; a ``ManualClock`` follows."""
        async with self._lock:
            limit = MAX if bound is None else instant_of(bound)
            last = await drive_async(self._core.settle(limit), self.store)
            if isinstance(self.clock, ManualClock) and last >= 0:
                self.clock.set(last)
        if self._exclusive:
            await self.deliver()

    async def run(self, *, poll: float = 1.0) -> None:
        """Follows the clock, with deadlines and deliveries, until ``stop`` is called."""
        self._stopping.clear()
        while not self._stopping.is_set():
            await self.advance(self.clock.now())
            await self.deliver()
            try:
                await asyncio.wait_for(self._stopping.wait(), poll)
            except TimeoutError:
                continue

    def stop(self) -> None:
        """Makes ``run`` return after what it is doing."""
        self._stopping.set()

    async def deliver(self) -> None:
        """Tries everything that may be sent now (D2)."""
        await self._deliverer.drain()

    async def publish(self, journey: Journey) -> Journey:
        """Publishes a new or edited journey as the next version (V2); see ``Evaluator.publish``."""
        async with self._lock:
            published: Journey = await drive_async(self._publisher.publish(journey, self._now()), self.store)
            return published

    async def pause(self, key: str) -> Journey:
        """Nobody enters any more; who is inside goes on (V1)."""
        return await self._set_status(key, "paused")

    async def resume(self, key: str) -> Journey:
        """Profiles may enter again (V1, E5)."""
        return await self._set_status(key, "live")

    async def archive(self, key: str) -> Journey:
        """Ends the journey for good, and everyone in it (V1)."""
        return await self._set_status(key, "archived")

    async def _set_status(self, key: str, status: str) -> Journey:
        async with self._lock:
            changed: Journey = await drive_async(self._publisher.set_status(key, status, self._now()), self.store)
            return changed

    def _now(self) -> int:
        return max(self.clock.now(), self._core.processor.watermark)

    async def trace(
        self, *, profile: str | None = None, journey: str | None = None, instance: str | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """What has happened, in the order of (at, profile, as it happened)."""
        import json

        if self._exclusive:
            for record in views.records(self._core.effects.records, profile, journey, instance):
                yield record
            return
        lines = self.store.trace(profile=profile, journey=journey, instance=instance)
        if isinstance(self.store, InThreads):
            for line in await lines:
                yield json.loads(line)
        else:
            async for line in lines:
                yield json.loads(line)

    async def journey_figures(self, *, start: Any = None, end: Any = None, people: bool = False) -> Figures:
        """The figures of all journeys, in a range of time; see ``Evaluator.journey_figures``."""
        from journeys.runtime.analysis.figures import Figures

        first, last = (None if each is None else instant_of(each) for each in (start, end))
        journeys = tuple(entry.journey for _, entry in sorted(self._publisher.library.entries.items()))
        if not people and by_days(first, last):
            async with self._lock:
                rows = await drive_async(self._core.tallies(), self.store)
            if is_whole(rows):
                return Figures.kept(journeys, rows, start=first, end=last)
        figures = Figures(journeys, start=first, end=last, people=people)
        async for record in self.trace():
            figures.add(record)
        return figures

    async def profile(self, user_id: str | None = None, *, anonymous_id: str | None = None) -> views.ProfileView | None:
        """What is known of a person now."""
        key = f"u:{user_id}" if user_id is not None else f"a:{anonymous_id}"
        async with self._lock:
            found = await drive_async(self._core.states_of([key]), self.store)
        now = max(self.clock.now() if self.is_live else 0, self._core.processor.watermark)
        return views.view(found[0], self._core.plan, max(now, found[0].clock)) if found else None

"""``AsyncDeliverer``: the same logic in an event loop."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Protocol

import anyio
import anyio.abc
import anyio.lowlevel
import anyio.to_thread

from journeys.ports import AsyncDestination, DeadLetter, Destination, ListDestination
from journeys.runtime.delivery import _send
from journeys.runtime.delivery._desk import Cancelled
from journeys.runtime.delivery._lane import Job
from journeys.runtime.delivery._office import Letters, Office, delivery_ids, place_of
from journeys.runtime.delivery._requests import Ask, Begin, Result, Steps, T, Waited
from journeys.runtime.delivery.report import Delivered


class Stop(Protocol):
    """An ``asyncio.Event`` or an ``anyio.Event``."""

    def is_set(self) -> bool:
        """Whether it was set."""
        ...

    async def wait(self) -> Any:
        """Returns when it was set."""
        ...


class AsyncDeliverer(Office[Any, Destination | AsyncDestination | ListDestination]):
    """The async twin of ``Deliverer``.

    The store and the destinations may be async or sync. An ``AsyncDestination`` is awaited; what is sync goes to a
    thread.
    """

    _awaits = True
    _came: anyio.Event

    async def drain(self, now: int | None = None, *, tasks: int = 16) -> Delivered:
        """Tries everything that may be tried now, so many calls at once, until nothing is left.

        With ``now`` it is that instant all the time. While another task is at work, or within a call of a destination,
        it answers ``Delivered()`` at once: whoever is at work goes on until nothing is left.
        """
        self._again = True
        done = Delivered()
        while self._may_drain():
            self._again = False
            try:
                done += await self._work(self._desk.drain(tasks, now))
            finally:
                self._at_work.release()
        return done

    async def run(self, stop: Stop | None = None, *, tasks: int = 16) -> None:
        """Works until ``stop`` is set or the task is cancelled.

        Stopped, it finishes what is under way. Cancelled, it cuts off what is awaited, which is tried again, and waits
        for what is in a thread.
        """
        while not self._may_run():
            await anyio.sleep(0.01)  # somebody drains
        try:
            await self._work(self._desk.run(tasks, lambda: stop is not None and stop.is_set()), stop)
        finally:
            self._is_running = False
            self._at_work.release()

    async def dead_letters(self, after: str | DeadLetter | None = None, limit: int = 100) -> Sequence[DeadLetter]:
        """Deliveries that were given up, by id; the next page is ``after`` the last one (D2)."""
        letters: Sequence[DeadLetter] = await self._ask(Ask("dead_letters", (place_of(after), limit)))
        return letters

    async def resend(self, letters: Letters) -> int:
        """Makes dead letters deliverable again, with the same ids and bytes; says how many there were (D2, D3)."""
        count: int = await self._ask(Ask("resend", (delivery_ids(letters),)))
        self.wake()
        return count

    # answering the logic

    async def _work(self, steps: Steps[T], stop: Stop | None = None) -> T:
        self._came = anyio.Event()
        failure: Exception
        async with anyio.create_task_group() as group:
            if stop is not None:
                group.start_soon(self._watch, stop)
            try:
                return await self._drive(steps, group)
            except Exception as caught:
                failure = caught  # out of the group, which would wrap it
            finally:
                group.cancel_scope.cancel()
        raise failure

    async def _watch(self, stop: Stop) -> None:
        await stop.wait()
        self.wake()

    async def _call(self, job: Job) -> None:
        error: BaseException | None = Cancelled()
        try:
            await _send.hand_over_async(self._desk.destinations[job.lane.name], job.deliveries, job.batched)
            error = None
        except Exception as caught:
            error = caught
        finally:  # also when it is cancelled
            self._results.append(Result(job, error))
            self._came.set()
            self._wake.set()

    async def _wait(self, until: int | None) -> Waited:
        if not self._results and until is not None:
            await anyio.lowlevel.checkpoint()  # what needs no waiting is over after this
        if not self._results:
            if until is None:
                await self._came.wait()
            else:
                await self._sleep(until)
        self._came = anyio.Event()
        self._wake.clear()
        results = [self._results.popleft() for _ in range(len(self._results))]
        return Waited(results, self._was_woken())

    async def _sleep(self, until: int) -> None:
        try:
            # The clock may be any clock, so its own sleep is asked; it needs no place among the threads that work.
            limiter = anyio.CapacityLimiter(1)
            await anyio.to_thread.run_sync(
                self._clock.sleep, until, self._wake, abandon_on_cancel=True, limiter=limiter
            )
        finally:
            self._wake.set()  # cancelled: nobody waits for that thread, so it must not sleep on

    async def _ask(self, request: Ask) -> Any:
        method = getattr(self.store, request.method)
        if inspect.iscoroutinefunction(method):
            return await method(*request.arguments, **request.keywords)
        answer = await anyio.to_thread.run_sync(lambda: method(*request.arguments, **request.keywords))
        return await answer if inspect.isawaitable(answer) else answer

    async def _drive(self, steps: Steps[T], group: anyio.abc.TaskGroup) -> T:
        answer: Any = None
        error: BaseException | None = None
        with anyio.CancelScope() as finishing:
            while True:
                try:
                    request = steps.send(answer) if error is None else steps.throw(error)
                except StopIteration as end:
                    result: T = end.value
                    return result
                answer, error = None, None
                try:
                    if isinstance(request, Ask):
                        answer = await self._ask(request)
                    elif isinstance(request, Begin):
                        group.start_soon(self._call, request.job)
                    else:
                        answer = await self._wait(request.until)
                except BaseException as caught:  # the logic finishes what is under way and raises it again
                    error = caught
                    finishing.shield = True
                    if isinstance(caught, anyio.get_cancelled_exc_class()):
                        group.cancel_scope.cancel()
        raise AssertionError

"""``Deliverer``: in the thread that calls it, or as a worker with threads of its own."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from journeys.ports import DeadLetter, Delivery, Destination, ListDestination, Store
from journeys.runtime.delivery import _send
from journeys.runtime.delivery._desk import Cancelled
from journeys.runtime.delivery._lane import Job
from journeys.runtime.delivery._office import Letters, Office, delivery_ids, place_of
from journeys.runtime.delivery._requests import Ask, Begin, Result, Steps, T, Waited
from journeys.runtime.delivery.report import Delivered


class Deliverer(Office[Store, Destination | ListDestination]):
    """Tries what is in a store's outbox (D2).

    ``destinations`` is looked at again and again, so it may change. Deliveries for others are left alone. ``policies``
    are by destination, ``policy`` is for all that have none. ``worker`` must be different for each deliverer on a
    store; it is made up if not given. A call of a destination has to end within half a ``lease``: another worker may
    try the same delivery when the lease is over. ``poll`` is how often ``run`` asks the store for what others have put
    there.
    """

    def hand_over(self, deliveries: list[Delivery]) -> None:
        """Tries deliveries that are about to be put into an empty outbox; what is left of the list belongs there.

        If one is refused it is left, with all after it, and is judged when it is claimed, without another call. Whoever
        calls this sees to it that no other thread does meanwhile.
        """
        if self._handing is not None:  # within a call of a destination: they come after those under way (D4)
            self._handing.extend(deliveries)
            deliveries.clear()
            return
        if self._is_running or not self._at_work.acquire(blocking=False):
            return
        self._handing = deque(deliveries)
        try:
            error = self._desk.hand_over(self._handing)
            if error is not None:
                self._tried[self._handing[0].id] = error
        finally:
            deliveries[:] = self._handing
            self._handing = None
            self._at_work.release()

    def drain(self, now: int | None = None) -> Delivered:
        """Tries everything that may be tried now, in this thread, until nothing is left.

        With ``now`` it is that instant all the time. While another thread is at work, or within a call of a
        destination, it answers ``Delivered()`` at once: whoever is at work goes on until nothing is left.
        """
        self._again = True
        done = Delivered()
        while self._may_drain():
            self._again = False
            try:
                done += self._drive(self._desk.drain(1, now), self._call)
            finally:
                self._at_work.release()
        return done

    def run(self, stop: threading.Event, threads: int = 8) -> None:
        """Works as a worker of its own until ``stop`` is set, and then finishes what is under way.

        With ``threads=0`` the calls are made in this thread, one after the other. It sleeps until something may be
        tried; ``stop`` is looked at every ``poll`` at least, and at once after ``wake()``.
        """
        while not self._may_run():
            time.sleep(0.01)  # somebody drains
        try:
            if not threads:
                self._drive(self._desk.run(1, stop.is_set), self._call)
                return
            with ThreadPoolExecutor(threads, thread_name_prefix="journeys-delivery") as pool:
                self._drive(self._desk.run(threads, stop.is_set), lambda job: self._submit(pool, job))
        finally:
            self._is_running = False
            self._at_work.release()

    def dead_letters(self, after: str | DeadLetter | None = None, limit: int = 100) -> Sequence[DeadLetter]:
        """Deliveries that were given up, by id; the next page is ``after`` the last one (D2)."""
        return self.store.dead_letters(place_of(after), limit)

    def resend(self, letters: Letters) -> int:
        """Makes dead letters deliverable again, with the same ids and bytes; says how many there were (D2, D3)."""
        count = self.store.resend(delivery_ids(letters))
        self.wake()
        return count

    # answering the logic

    def _submit(self, pool: ThreadPoolExecutor, job: Job) -> None:
        def call() -> None:
            try:
                self._call(job)
            finally:
                self._wake.set()

        try:
            pool.submit(call)
        except RuntimeError:  # the interpreter is ending
            self._results.append(Result(job, Cancelled()))
            raise

    def _call(self, job: Job) -> None:
        error: BaseException | None = Cancelled()
        try:
            if self._tried and (known := self._tried.pop(job.deliveries[0].id, None)) is not None:
                raise known
            _send.hand_over(self._desk.destinations[job.lane.name], job.deliveries, job.batched)
            error = None
        except Exception as caught:
            error = caught
        finally:  # also when it is interrupted
            self._results.append(Result(job, error))

    def _wait(self, until: int | None) -> Waited:
        while not self._results:
            if until is not None:
                self._clock.sleep(until, self._wake)
                break
            self._wake.wait()
            self._wake.clear()
        if self._wake.is_set():
            self._wake.clear()
        results = [self._results.popleft() for _ in range(len(self._results))]
        return Waited(results, self._was_woken())

    def _drive(self, steps: Steps[T], begin: Callable[[Job], object]) -> T:
        answer: Any = None
        error: BaseException | None = None
        while True:
            try:
                request = steps.send(answer) if error is None else steps.throw(error)
            except StopIteration as end:
                result: T = end.value
                return result
            answer, error = None, None
            try:
                if isinstance(request, Ask):
                    answer = getattr(self.store, request.method)(*request.arguments, **request.keywords)
                elif isinstance(request, Begin):
                    begin(request.job)
                else:
                    answer = self._wait(request.until)
            except BaseException as caught:  # the logic finishes what is under way and raises it again
                error = caught

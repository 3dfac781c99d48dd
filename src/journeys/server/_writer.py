"""The one thread that feeds the evaluator: what comes in while it commits goes into its next group."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import attrs

from journeys.errors import JourneysError
from journeys.runtime._calls import Answer
from journeys.runtime.evaluator import Evaluator
from journeys.server._metrics import Metrics
from journeys.server.limits import Limits

log = logging.getLogger("journeys.server")

#: after so many requests of a failed group have failed by themselves, it is the store and not one of them
_ENOUGH = 2


class Full(Exception):
    """The queue takes no more for now."""


class Stopped(Exception):
    """The writer takes no more."""


@attrs.frozen(eq=False)
class Job:
    """The calls of one request, in order; the future is done when they are durable."""

    calls: Sequence[Any]
    size: int
    future: Future[Sequence[Answer]]


class Writer:
    """A bounded queue and a thread of its own, which is there while there is work."""

    def __init__(self, evaluator: Evaluator, limits: Limits, metrics: Metrics) -> None:
        self._evaluator = evaluator
        self._limits = limits
        self._metrics = metrics
        self._lock = threading.Lock()
        self._queue: deque[Job] = deque()
        self._calls = self._bytes = 0
        self._thread: ThreadPoolExecutor | None = None
        self._closed = False

    @property
    def queued(self) -> tuple[int, int]:
        """How many calls wait, and how large their requests are together."""
        with self._lock:
            return self._calls, self._bytes

    @property
    def is_full(self) -> bool:
        """Whether a request with one call would be refused."""
        calls, size = self.queued
        return calls >= self._limits.queued_calls or size >= self._limits.queued_bytes

    @property
    def is_closed(self) -> bool:
        """Whether it takes no more."""
        return self._closed

    def submit(self, calls: Sequence[Any], size: int) -> Future[Sequence[Answer]]:
        """Queues the calls of a request; ``Full`` if they do not fit, ``Stopped`` after ``close``.

        A request that is larger than the queue fits when nothing waits.
        """
        job = Job(calls, size, Future())
        with self._lock:
            if self._closed:
                raise Stopped
            if self._queue and (
                self._calls + len(calls) > self._limits.queued_calls or self._bytes + size > self._limits.queued_bytes
            ):
                raise Full
            self._queue.append(job)
            self._calls += len(calls)
            self._bytes += size
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="journeys-writer")
            self._thread.submit(self._work)
        return job.future

    def open(self) -> None:
        """Takes calls, also after ``close``."""
        with self._lock:
            self._closed = False

    def close(self) -> None:
        """Takes no more, and returns when everything that waits has been answered."""
        with self._lock:
            self._closed = True
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(wait=True)

    def _work(self) -> None:
        jobs = self._taken()
        if not jobs:  # an earlier turn took this one's job along
            return
        try:
            self._commit(jobs)
        except BaseException as error:
            for job in jobs:
                if not job.future.done():
                    job.future.set_exception(error)
            raise

    def _taken(self) -> list[Job]:
        """The next group; a request whose client has gone away is left out."""
        jobs: list[Job] = []
        count = 0
        with self._lock:
            while self._queue and (not jobs or count + len(self._queue[0].calls) <= self._limits.group):
                job = self._queue.popleft()
                self._calls -= len(job.calls)
                self._bytes -= job.size
                if job.future.set_running_or_notify_cancel():
                    jobs.append(job)
                    count += len(job.calls)
        return jobs

    def _commit(self, jobs: Sequence[Job]) -> None:
        try:
            answers = self._feed(jobs)
        except Exception as error:
            if len(jobs) == 1:
                log.exception("calls could not be committed")
                jobs[0].future.set_exception(error)
            else:
                log.warning("a group of %d requests failed (%s): each is tried alone", len(jobs), type(error).__name__)
                self._commit_each(jobs, error)
            return
        start = 0
        for job in jobs:
            end = start + len(job.calls)
            job.future.set_result(answers[start:end])
            start = end

    def _commit_each(self, jobs: Sequence[Job], error: Exception) -> None:
        """One request may be what failed all of the group; the others must not suffer for it."""
        failed = 0
        for job in jobs:
            if failed >= _ENOUGH or not _may_be_repeated(job, error):
                job.future.set_exception(error)
                continue
            self._commit([job])
            failed += job.future.exception() is not None

    def _feed(self, jobs: Sequence[Job]) -> Sequence[Answer]:
        calls = [call for job in jobs for call in job.calls]
        began = time.perf_counter()
        outcome = "failed"
        try:
            answers = self._evaluator.feed_many(calls, group=max(len(calls), 1))
            outcome = "done"
        finally:
            self._metrics.commit(len(calls), time.perf_counter() - began, outcome)
        return answers


def _may_be_repeated(job: Job, error: Exception) -> bool:
    """Whether nothing was changed for sure, or what was changed is known by its ``messageId`` (O2)."""
    return isinstance(error, JourneysError) or all(
        isinstance(call, dict) and call.get("messageId") for call in job.calls
    )

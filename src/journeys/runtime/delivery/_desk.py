"""The deliverer's logic: what is claimed, what is tried, what became of it, and when there is more to do.

It does no I/O: it is a generator of requests. One driver runs it in a thread, one in an event loop. Only the driver
that is running it touches the lanes, so nothing here is locked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from journeys._time import MAX, SECOND
from journeys.errors import Rejected, Retry
from journeys.ports import Clock, Delivery, Settled
from journeys.runtime.delivery import _send
from journeys.runtime.delivery._lane import Job, Lane
from journeys.runtime.delivery._requests import Ask, Begin, Result, Steps, Wait, Waited
from journeys.runtime.delivery._told import told
from journeys.runtime.delivery.policy import DestinationPolicy
from journeys.runtime.delivery.report import Delivered

WAIT_FOR_RESULTS = Wait(None)
#: outcomes are settled together, but no more than this many and not later than this
_OUTCOMES, _OUTCOME_AGE = 100, SECOND


class Cancelled(Exception):
    """The call was cut off by us."""


class Desk:
    """Works through the outbox."""

    def __init__(
        self,
        destinations: Mapping[str, Any],
        *,
        clock: Clock,
        policy_of: Callable[[str], DestinationPolicy],
        worker: str,
        lease: int,
        poll: int,
        random: Random,
        awaits: bool,
    ) -> None:
        self.destinations = destinations
        self.lanes: dict[str, Lane] = {}
        self.worker = worker
        self._clock = clock
        self._policy_of = policy_of
        self._lease = lease
        self._poll = poll
        self._random = random
        self._awaits = awaits
        self._turn: deque[Lane] = deque()
        self._names: tuple[str, ...] = ()
        self._under_way = 0
        #: ids that are claimed and not settled
        self._held: set[str] = set()
        self._outcomes: list[Settled] = []
        self._settled_lanes: set[Lane] = set()
        self._oldest_outcome = 0
        self._fixed: int | None = None
        self._counts = {"delivered": 0, "retried": 0, "dead": 0}
        self.look()

    def look(self) -> None:
        """Takes note of the destinations that there are now."""
        names = tuple(self.destinations)
        if names != self._names:
            for name in names:
                if name not in self.lanes:
                    _send.check(name, self.destinations[name], awaits=self._awaits)
                    is_list = _send.takes_batches(self.destinations[name])
                    self.lanes[name] = Lane(name, self._policy_of(name), self._lease, is_list=is_list)
            self._turn = deque(self.lanes[name] for name in names)
            self._names = names

    def now(self) -> int:
        """The present instant, or the one that ``drain`` was given."""
        return self._clock.now() if self._fixed is None else self._fixed

    def hand_over(self, deliveries: deque[Delivery]) -> Exception | None:
        """Tries what is not in the outbox yet, until one is not taken; answers why it was not, if it was tried.

        What is left of ``deliveries`` belongs into the outbox.
        """
        self.look()
        now = self.now()
        lanes, destinations = self.lanes, self.destinations
        while deliveries:
            delivery = deliveries[0]
            lane = lanes.get(delivery.destination)
            if lane is None or not lane.takes_at_once(now):
                return None
            try:
                destinations[delivery.destination].deliver(delivery)
            except Exception as error:
                return error
            deliveries.popleft()
            lane.has_taken()
            self._counts["delivered"] += 1
        return None

    # the two ways to work

    def drain(self, slots: int, now: int | None) -> Steps[Delivered]:
        """Tries all that may be tried now, until nothing is left."""
        self._fixed = now
        before = dict(self._counts)
        self._forget_dry()
        try:
            try:
                while True:
                    if not self._held:
                        due: int | None = yield self._next_delivery()
                        if due is None or due > self.now():
                            break
                    yield from self._fill(slots)
                    if self._under_way:
                        waited: Waited = yield WAIT_FOR_RESULTS
                        yield from self._take_in(waited)
                    elif self._outcomes:
                        yield from self._settle()
                    else:
                        due = yield from self._rest()
                        break
            finally:
                if self._held:
                    yield from self._finish()
            new = {name: count - before[name] for name, count in self._counts.items()}
            return Delivered(**new, next_try=due)
        finally:
            self._fixed = None

    def run(self, slots: int, stopping: Callable[[], bool]) -> Steps[None]:
        """Works until it is told to stop, and then finishes what is under way."""
        self._forget_dry()
        try:
            while not stopping():
                due: int | None = 0
                if not self._held:
                    due = yield self._next_delivery()  # it only reads, so that an idle worker does not write
                if due is not None and due <= self.now():
                    yield from self._fill(slots)
                    if self._outcomes and not self._under_way:
                        yield from self._settle()
                        continue
                    if 0 < self._under_way < slots:
                        due = yield self._next_delivery()
                waited: Waited = yield Wait(self._next_look(due))
                if waited.woken or not waited.results:
                    self._forget_dry()
                yield from self._take_in(waited)
        finally:
            yield from self._finish()

    def _finish(self) -> Steps[None]:
        """Nothing is begun any more; what is under way comes to its end."""
        for lane in self.lanes.values():
            self._put_back(lane)
        try:
            yield from self._settle()  # others need not wait for calls that take their time
        finally:
            while self._under_way:
                waited: Waited = yield WAIT_FOR_RESULTS
                self._judge_all(waited)
                for lane in self.lanes.values():  # a batch that was taken apart
                    self._put_back(lane)
            yield from self._settle()

    # beginning

    def _fill(self, slots: int) -> Steps[None]:
        """Begins calls, the destinations taking turns, until no slot is free or nothing may be tried."""
        self.look()
        while self._under_way < slots:
            now = self.now()
            for lane in self._turn:
                if lane.queue:
                    if lane.queue[0].start_by < now:
                        self._put_back(lane)
                    elif lane.may_begin(now):
                        self._under_way += 1
                        self._turn.remove(lane)
                        self._turn.append(lane)
                        yield Begin(lane.begin(now))
                        break
                elif lane.may_claim(now):
                    yield from self._claim(lane, now, slots - self._under_way)
                    break
            else:
                return

    def _claim(self, lane: Lane, now: int, slots: int) -> Steps[None]:
        """Claims for a destination that has limits, or in one go for all that have none."""
        lanes = [lane]
        if lane.is_free(now):
            lanes = [each for each in self._turn if each.is_free(now)]
        limit = min(each.claim_size(now, slots) for each in lanes)
        found: list[Delivery] = yield Ask(
            "claim_deliveries",
            (now, limit),
            {"worker": self.worker, "lease": self._lease, "destinations": [each.name for each in lanes]},
        )
        now = self.now()
        # Where a call outlived its lease, its delivery comes a second time while the first is under way: not beside it.
        for each in lanes:
            its = found if len(lanes) == 1 else [delivery for delivery in found if delivery.destination == each.name]
            if len(its) < limit:
                each.dry_until = now + self._poll
            fresh = [delivery for delivery in its if delivery.id not in self._held]
            self._held.update(delivery.id for delivery in fresh)
            if fresh:
                each.claimed(fresh, now, self.destinations.get(each.name), is_full=len(its) >= limit)

    # what became of it

    def _take_in(self, waited: Waited) -> Steps[None]:
        self._judge_all(waited)
        if self._outcomes and (
            len(self._outcomes) >= _OUTCOMES
            or any(not lane.queue for lane in self._settled_lanes)
            or self.now() - self._oldest_outcome >= _OUTCOME_AGE
        ):
            yield from self._settle()

    def _judge_all(self, waited: Waited) -> None:
        for result in waited.results:
            self._judge(result)

    def _judge(self, result: Result) -> None:
        job, error = result.job, result.error
        lane, now = job.lane, self.now()
        lane.under_way -= 1
        self._under_way -= 1
        if error is None:
            lane.has_succeeded(job)
            self._counts["delivered"] += len(job.deliveries)
            for delivery in job.deliveries:
                self._note(lane, Settled(delivery_id=delivery.id, outcome="done", at=now))
        elif isinstance(error, Rejected):
            lane.circuit.succeeded(job.era)  # it is alive
            lane.be_careful()
            if len(job.deliveries) > 1:
                self._take_apart(job)
            else:
                self._give_up(job, told(error, job.deliveries), now)
        elif isinstance(error, Cancelled):
            lane.circuit.abandoned(job.era)
            self._retry(job, 0, "cut off: the deliverer was cancelled", now)
        else:
            asked = lane.policy.retry.asked_wait(error.after if isinstance(error, Retry) else None)
            opened = lane.circuit.failed(job.era, now, asked)
            lane.be_careful()
            self._retry(job, asked, told(error, job.deliveries), now)
            if opened:
                self._put_back(lane)

    def _take_apart(self, job: Job) -> None:
        """One that is never taken must not take the rest of its batch with it: each half is tried by itself."""
        middle = len(job.deliveries) // 2
        job.lane.batch_is_rejected(len(job.deliveries))
        for part in (job.deliveries[middle:], job.deliveries[:middle]):
            job.lane.queue.appendleft(Job(job.lane, part, job.batched, job.start_by))

    def _retry(self, job: Job, asked: int, reason: str, now: int) -> None:
        lane = job.lane
        lane.last_error, lane.last_error_at = reason, now
        for delivery in job.deliveries:
            at = lane.policy.retry.retry_at(delivery.attempt, now, self._random, asked)
            if at is None:
                self._die(lane, delivery, reason, now)
                continue
            lane.retried += 1
            self._counts["retried"] += 1
            lane.will_retry(at, now)
            self._note(lane, Settled(delivery_id=delivery.id, outcome="retry", at=now, retry_at=at, error=reason))

    def _give_up(self, job: Job, reason: str, now: int) -> None:
        job.lane.last_error, job.lane.last_error_at = reason, now
        for delivery in job.deliveries:
            self._die(job.lane, delivery, reason, now)

    def _die(self, lane: Lane, delivery: Delivery, reason: str, now: int) -> None:
        lane.dead += 1
        self._counts["dead"] += 1
        self._note(lane, Settled(delivery_id=delivery.id, outcome="dead", at=now, error=reason))

    def _put_back(self, lane: Lane) -> None:
        """What was claimed and cannot be tried in time is left for later, or for another worker."""
        if not lane.queue:
            return
        now = self.now()
        while lane.queue:
            for delivery in lane.queue.popleft().deliveries:
                self._note(lane, Settled(delivery_id=delivery.id, outcome="back", at=now))
        lane.be_careful()

    def _note(self, lane: Lane, outcome: Settled) -> None:
        if not self._outcomes:
            self._oldest_outcome = outcome.at
        self._outcomes.append(outcome)
        self._settled_lanes.add(lane)

    def _settle(self) -> Steps[None]:
        if not self._outcomes:
            return
        outcomes, self._outcomes = self._outcomes, []
        lanes, self._settled_lanes = self._settled_lanes, set()
        self._held.difference_update(outcome.delivery_id for outcome in outcomes)
        yield Ask("settle", (outcomes,), {"worker": self.worker})
        for lane in lanes:
            lane.dry_until = 0  # the next of an order key may be tried now (D4)

    # when there is more to do

    def _next_look(self, due: int | None) -> int:
        """When something may be tried again, at the latest when the store is asked for what others added."""
        now = self.now()
        times = [at for lane in self._turn if (at := lane.ready_at(now)) > now]
        if due is not None and due > now:
            times.append(due)
        return min(now + self._poll, *times, MAX)

    def _next_delivery(self) -> Ask:
        """When something may be tried for a destination that is here."""
        self.look()
        return Ask("next_delivery", (self._names,))

    def _rest(self) -> Steps[int | None]:
        """When there may be something to do for the next drain."""
        now = self.now()
        due: int | None = yield self._next_delivery()
        if due is None or due > now:
            return due
        # What is overdue is behind a closed gate, or another worker has taken it at this moment.
        times = [at for lane in self._turn if (at := lane.next_try(now)) is not None]
        return min(times, default=None)

    def _forget_dry(self) -> None:
        for lane in self.lanes.values():
            lane.dry_until = 0

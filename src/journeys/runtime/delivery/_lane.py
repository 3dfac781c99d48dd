"""All that a deliverer knows of one destination: what is claimed, what is under way, and what it can bear."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence

import attrs

from journeys.ports import Delivery
from journeys.runtime.delivery import _send
from journeys.runtime.delivery._circuit import UNLIMITED, Circuit
from journeys.runtime.delivery._tokens import Tokens
from journeys.runtime.delivery.policy import DestinationPolicy
from journeys.runtime.delivery.report import DestinationStatus


@attrs.define(eq=False)
class Job:
    """What goes in one call: a delivery, or the batch for a list."""

    lane: Lane
    deliveries: Sequence[Delivery]
    batched: bool
    #: after this instant the lease may end before the call does
    start_by: int
    era: int = 0


class Lane:
    """One destination.

    A lane claims only what it may try: as many as it has tokens, and in a half-open circuit no more than the probes.
    Beyond what can begin at once it claims ahead, to spare the store a commit for each delivery; how many depends on
    how the last claim went, so that little is claimed in vain when the destination turns slow or fails.
    """

    def __init__(self, name: str, policy: DestinationPolicy, lease: int, *, is_list: bool) -> None:
        self.name = name
        self.is_list = is_list
        self.policy = policy
        self.circuit = Circuit(policy.breaker)
        self.tokens = Tokens(policy.rate) if policy.rate is not None else None
        #: claimed, not begun
        self.queue: deque[Job] = deque()
        self.under_way = 0
        #: until then the store has nothing more for this lane
        self.dry_until = 0
        self.delivered = self.retried = self.dead = 0
        self.last_error = ""
        self.last_error_at: int | None = None
        self._lease = lease
        self._ahead = 1
        self._batch = policy.batch
        self._claimed_at = 0
        self._claim_was_full = False
        self._retries: list[int] = []

    # what may be done

    def may_begin(self, now: int) -> bool:
        """Whether a call may be made."""
        return (
            self.under_way < self.policy.concurrency
            and self.circuit.allowance(now) > 0
            and (self.tokens is None or self.tokens.available(now) > 0)
        )

    def may_claim(self, now: int) -> bool:
        """Whether it is worth asking the store."""
        return not self.queue and self.dry_until <= now and self.may_begin(now)

    def is_free(self, now: int) -> bool:
        """Whether it may claim, and so much that it can claim together with others."""
        return self._is_open(now) and self.dry_until <= now and self.under_way < self.policy.concurrency

    def takes_at_once(self, now: int) -> bool:
        """Whether deliveries need not wait in the outbox: nothing is held back, limited or under way."""
        return self._is_open(now) and not self.under_way

    def _is_open(self, now: int) -> bool:
        return self.tokens is None and not self.is_list and not self.queue and self.circuit.allowance(now) >= UNLIMITED

    def has_taken(self) -> None:
        """The destination took one that had not been in the outbox."""
        self.circuit.succeeded(self.circuit.begin())
        self.delivered += 1

    def ready_at(self, now: int) -> int:
        """When the destination may be called again; not after ``now`` if it may be called now."""
        at = self.circuit.ready_at(now)
        if self.tokens is not None and self.tokens.available(now) < 1:
            at = max(at, self.tokens.ready_at(now))
        return at

    # claiming

    def claim_size(self, now: int, slots: int) -> int:
        """How many deliveries to claim, with so many calls that could begin at once."""
        if self.is_list:
            return self._batch
        took = now - self._claimed_at
        if self._claim_was_full and took <= self._lease // 8:
            self._ahead = min(2 * self._ahead, self.policy.batch)
            self._claim_was_full = False
        elif took > self._lease // 4:
            self._ahead = max(1, self._ahead // 2)
        begin = min(slots, self.policy.concurrency - self.under_way)
        allowed = self.circuit.allowance(now)
        if self.tokens is not None:
            allowed = min(allowed, self.tokens.available(now))
        return min(max(begin, self._ahead), allowed)

    def claimed(self, deliveries: Sequence[Delivery], now: int, destination: object, *, is_full: bool) -> None:
        """What the store gave, into the queue; ``is_full`` if it may have had more."""
        self._claimed_at = now
        self._claim_was_full = is_full
        start_by = now + self._lease // 2
        if not self.is_list:
            self.queue.extend(Job(self, (delivery,), False, start_by) for delivery in deliveries)
            return
        batch = [delivery for delivery in deliveries if _send.is_batched(destination, delivery)]
        if batch:
            self.queue.append(Job(self, batch, True, start_by))
        for delivery in deliveries:
            if not _send.is_batched(destination, delivery):
                self.queue.append(Job(self, (delivery,), False, start_by))

    def begin(self, now: int) -> Job:
        """The next call is made."""
        job = self.queue.popleft()
        if self.tokens is not None:
            self.tokens.take(now)
        job.era = self.circuit.begin()
        self.under_way += 1
        return job

    def has_succeeded(self, job: Job) -> None:
        """The destination took it."""
        self.circuit.succeeded(job.era)
        self.delivered += len(job.deliveries)
        if job.batched:
            self._batch = min(2 * self._batch, self.policy.batch)

    def batch_is_rejected(self, size: int) -> None:
        """A batch is taken apart; smaller ones are claimed, in case its parts have to be put back."""
        self._batch = max(1, size // 2)

    def be_careful(self) -> None:
        """Something went wrong: nothing is claimed ahead of it."""
        self._ahead = 1
        self._claim_was_full = False

    # telling

    def will_retry(self, at: int, now: int) -> None:
        """Something of this lane is put off."""
        heapq.heappush(self._retries, at)
        self.next_retry(now)

    def next_retry(self, now: int) -> int | None:
        """The earliest instant, still to come, to which something was put off."""
        retries = self._retries
        while retries and retries[0] <= now:
            heapq.heappop(retries)
        return retries[0] if retries else None

    def next_try(self, now: int) -> int | None:
        """The earliest instant, still to come, at which something may be tried here that may not be tried now."""
        ready = self.ready_at(now)
        if ready > now:
            return ready
        return self.next_retry(now)

    def status(self, now: int) -> DestinationStatus:
        """The lane as plain data."""
        # A look from another thread must not change anything.
        opens = self.circuit.ready_at(now)
        next_try = opens if opens > now else min((at for at in list(self._retries) if at > now), default=None)
        return DestinationStatus(
            destination=self.name,
            delivered=self.delivered,
            retried=self.retried,
            dead=self.dead,
            under_way=self.under_way,
            breaker=self.circuit.state(now),
            next_try=next_try,
            last_error=self.last_error,
            last_error_at=self.last_error_at,
        )

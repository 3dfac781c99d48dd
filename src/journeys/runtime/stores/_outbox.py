"""Deliveries in memory: what may be tried, in which order, and what was given up."""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Collection, Iterator, Sequence
from operator import attrgetter

import attrs

from journeys.ports import DeadLetter, Delivery, Settled

_number = attrgetter("n")


@attrs.define(eq=False)
class _Entry:
    n: int
    delivery: Delivery
    tries: int
    #: the instant from which it may be tried: 0, the end of a lease, or that of the next try
    ready: int = 0
    worker: str | None = None
    died: int | None = None
    error: str = ""


class Outbox:
    """Not thread-safe by itself."""

    def __init__(self) -> None:
        self._numbered = 0
        self._entries: dict[int, _Entry] = {}
        self._claimed: dict[str, _Entry] = {}
        self._dead: dict[int, _Entry] = {}
        #: what is unsettled of each order key, in order; only the first may be tried (D4)
        self._orders: dict[str, list[_Entry]] = {}
        #: (ready, number, entry) of all that are first in their order, also of some that are settled or put off since
        self._heap: list[tuple[int, int, _Entry]] = []

    @property
    def is_busy(self) -> bool:
        """Whether anything is unsettled."""
        return bool(self._entries)

    def put(self, delivery: Delivery) -> None:
        """A delivery that was just committed."""
        self._numbered += 1
        self._enter(_Entry(self._numbered, delivery, delivery.attempt - 1))

    def _enter(self, entry: _Entry) -> None:
        self._entries[entry.n] = entry
        if entry.delivery.order_key:
            order = self._orders.setdefault(entry.delivery.order_key, [])
            bisect.insort(order, entry, key=_number)
        self._offer(entry)

    def _offer(self, entry: _Entry) -> None:
        if self._is_first(entry):
            heapq.heappush(self._heap, (entry.ready, entry.n, entry))
            if len(self._heap) > 2 * len(self._entries) + 64:
                first = filter(self._is_first, self._entries.values())
                self._heap = [(each.ready, each.n, each) for each in first]
                heapq.heapify(self._heap)

    def _is_first(self, entry: _Entry) -> bool:
        order = self._orders.get(entry.delivery.order_key)
        return order is None or order[0] is entry

    def _leave(self, entry: _Entry) -> None:
        del self._entries[entry.n]
        self._claimed.pop(entry.delivery.id, None)
        order = self._orders.get(entry.delivery.order_key)
        if order is not None:
            order.remove(entry)
            if order:
                self._offer(order[0])
            else:
                del self._orders[entry.delivery.order_key]

    def _upcoming(self) -> Iterator[_Entry]:
        """Takes the entries off the heap, in its order, that still stand where it says."""
        taken: set[int] = set()
        while self._heap:
            ready, n, entry = heapq.heappop(self._heap)
            is_current = self._entries.get(n) is entry and entry.ready == ready
            if is_current and n not in taken and self._is_first(entry):
                taken.add(n)
                yield entry

    def claim(
        self, now: int, limit: int, *, worker: str, lease: int, destinations: Collection[str] | None
    ) -> Sequence[Delivery]:
        """``Store.claim_deliveries``"""
        claimed: list[_Entry] = []
        passed: list[_Entry] = []
        if limit > 0:
            for entry in self._upcoming():
                passed.append(entry)
                if entry.ready > now:
                    break
                if destinations is None or entry.delivery.destination in destinations:
                    claimed.append(entry)
                    if len(claimed) == limit:
                        break
        for entry in claimed:
            entry.tries += 1
            entry.ready, entry.worker = now + lease, worker
            self._claimed[entry.delivery.id] = entry
        for entry in passed:
            self._offer(entry)
        return [_at_try(entry) for entry in sorted(claimed, key=_number)]

    def next_ready(self) -> int | None:
        """``Store.next_delivery``"""
        entry = next(self._upcoming(), None)
        if entry is None:
            return None
        self._offer(entry)
        return entry.ready

    def settle(self, outcome: Settled, worker: str) -> None:
        """One outcome of ``Store.settle``."""
        entry = self._claimed.get(outcome.delivery_id)
        if entry is None or entry.worker != worker:
            return
        del self._claimed[outcome.delivery_id]
        entry.worker = None
        if outcome.outcome == "retry":
            self._put_off(entry, outcome.at if outcome.retry_at is None else outcome.retry_at)
            return
        self._leave(entry)
        if outcome.outcome == "dead":
            entry.died, entry.error = outcome.at, outcome.error
            self._dead[entry.n] = entry

    def _put_off(self, entry: _Entry, until: int) -> None:
        entry.ready = until
        self._offer(entry)
        for behind in self._orders.get(entry.delivery.order_key, ()):
            if behind.n > entry.n:
                behind.ready = max(behind.ready, until)
                self._offer(behind)

    def dead_letters(self, after: str, limit: int) -> Sequence[DeadLetter]:
        """``Store.dead_letters``"""
        later = (entry for entry in self._dead.values() if entry.delivery.id > after)
        dead = heapq.nsmallest(limit, later, key=lambda entry: entry.delivery.id)
        return [DeadLetter(delivery=_at_try(e), error=e.error, at=e.died or 0) for e in dead]

    def resend(self, delivery_ids: Collection[str]) -> int:
        """``Store.resend``"""
        again = [entry for entry in self._dead.values() if entry.delivery.id in delivery_ids]
        for entry in sorted(again, key=_number):
            del self._dead[entry.n]
            entry.died, entry.error, entry.tries, entry.ready = None, "", 0, 0
            self._enter(entry)
        return len(again)

    def erase(self, keys: Collection[str], shown_ids: Collection[str]) -> None:
        """Removes the deliveries and dead letters of a profile."""
        for entry in [each for each in self._entries.values() if _is_of(each.delivery, keys, shown_ids)]:
            self._leave(entry)
        for entry in [each for each in self._dead.values() if _is_of(each.delivery, keys, shown_ids)]:
            del self._dead[entry.n]

    def unname(self, anonymous_ids: Collection[str], texts: Collection[str], others: Collection[str]) -> None:
        """Deliveries of others name these devices no more; those that do so in their body are gone."""
        bodies = [text.encode() for text in texts]
        for entry in [*self._entries.values(), *self._dead.values()]:
            delivery = entry.delivery
            if f"u:{delivery.user_id}" not in others:
                continue
            if any(body in delivery.body for body in bodies):
                if self._dead.pop(entry.n, None) is None:
                    self._leave(entry)
            elif delivery.anonymous_id in anonymous_ids:
                entry.delivery = attrs.evolve(delivery, anonymous_id=None)

    def counts(self) -> tuple[int, int]:
        """How many are unsettled, and how many are dead."""
        return len(self._entries), len(self._dead)


def _at_try(entry: _Entry) -> Delivery:
    delivery = entry.delivery
    return delivery if delivery.attempt == entry.tries else attrs.evolve(delivery, attempt=entry.tries)


def _is_of(delivery: Delivery, keys: Collection[str], shown_ids: Collection[str]) -> bool:
    if delivery.user_id is not None:
        return "u:" + delivery.user_id in keys
    if delivery.anonymous_id is not None:
        return "a:" + delivery.anonymous_id in keys
    return delivery.profile in shown_ids

"""Deliveries in memory: what may be tried, in which order, and what was given up."""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

import attrs

from journeys.ports import Backlog, DeadLetter, Delivery, Settled

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
    #: which of its places in a queue is the one that counts; the others are left behind
    place: int = 0
    is_queued: bool = False

    @property
    def turn(self) -> tuple[int, int, int]:
        """Its place among those that may be tried."""
        at = self.delivery.at
        return (self.ready or at, at, self.n)


class _Queue:
    """What is first in its order, for one destination: in the order in which it is tried."""

    def __init__(self) -> None:
        #: what may be tried at once, and what was put off or is leased: (turn, place, entry)
        self._at_once: list[tuple[tuple[int, int, int], int, _Entry]] = []
        self._put_off: list[tuple[tuple[int, int, int], int, _Entry]] = []
        self.length = 0

    def enter(self, entry: _Entry) -> None:
        """Gives the entry its place, instead of the one that it had."""
        self.leave(entry)
        entry.is_queued = True
        self.length += 1
        heap = self._put_off if entry.ready else self._at_once
        heapq.heappush(heap, (entry.turn, entry.place, entry))
        if len(heap) > 2 * self.length + 64:
            self.tidy()

    def leave(self, entry: _Entry) -> None:
        """The place that it had, if it had one, does not count any more."""
        entry.place += 1
        if entry.is_queued:
            entry.is_queued = False
            self.length -= 1

    def tidy(self) -> None:
        """Drops the places that do not count any more."""
        for heap in (self._at_once, self._put_off):
            heap[:] = filter(_counts, heap)
            heapq.heapify(heap)

    def first(self, now: int) -> _Entry | None:
        """The one whose turn it is."""
        at_once = _top(self._at_once)
        put_off = _top(self._put_off)
        if put_off is None or put_off.ready > now:
            return at_once
        return put_off if at_once is None or put_off.turn < at_once.turn else at_once

    def next_ready(self) -> int | None:
        """When one may be tried."""
        first = _top(self._at_once) or _top(self._put_off)
        return None if first is None else first.ready


def _counts(item: tuple[tuple[int, int, int], int, _Entry]) -> bool:
    return item[1] == item[2].place


def _top(heap: list[tuple[tuple[int, int, int], int, _Entry]]) -> _Entry | None:
    while heap:
        if _counts(heap[0]):
            return heap[0][2]
        heapq.heappop(heap)
    return None


class Outbox:
    """Not thread-safe by itself."""

    def __init__(self) -> None:
        self._numbered = 0
        #: what may be tried, now or later, by the number of its arrival
        self.unsettled: dict[int, _Entry] = {}
        self._claimed: dict[str, _Entry] = {}
        self._dead: dict[int, _Entry] = {}
        #: what is unsettled of each order key, in order; only the first may be tried (D4)
        self._orders: dict[str, list[_Entry]] = {}
        #: one for each destination, so that none has to look through another's backlog
        self._queues: dict[str, _Queue] = {}

    def put(self, delivery: Delivery) -> None:
        """A delivery that was just committed."""
        self._numbered += 1
        before = self._orders.get(delivery.order_key, ())
        ready = max((each.ready for each in before if each.worker is None), default=0)
        self._enter(_Entry(self._numbered, delivery, delivery.attempt - 1, ready))

    def _enter(self, entry: _Entry) -> None:
        self.unsettled[entry.n] = entry
        if entry.delivery.order_key:
            order = self._orders.setdefault(entry.delivery.order_key, [])
            bisect.insort(order, entry, key=_number)
            if order[0] is entry and len(order) > 1:
                self._queue_of(order[1]).leave(order[1])
        self._offer(entry)

    def _offer(self, entry: _Entry) -> None:
        order = self._orders.get(entry.delivery.order_key)
        if order is None or order[0] is entry:
            self._queue_of(entry).enter(entry)

    def _queue_of(self, entry: _Entry) -> _Queue:
        queue = self._queues.get(entry.delivery.destination)
        if queue is None:
            queue = self._queues[entry.delivery.destination] = _Queue()
        return queue

    def _leave(self, entry: _Entry) -> None:
        del self.unsettled[entry.n]
        self._claimed.pop(entry.delivery.id, None)
        self._queue_of(entry).leave(entry)
        order = self._orders.get(entry.delivery.order_key)
        if order is not None:
            was_first = order[0] is entry
            order.remove(entry)
            if not order:
                del self._orders[entry.delivery.order_key]
            elif was_first:
                self._offer(order[0])

    def _queues_of(self, destinations: Collection[str] | None) -> Iterator[_Queue]:
        if destinations is None:
            yield from self._queues.values()
            return
        for name in {*destinations}:
            if name in self._queues:
                yield self._queues[name]

    def claim(
        self, now: int, limit: int, *, worker: str, lease: int, destinations: Collection[str] | None
    ) -> Sequence[Delivery]:
        """``Store.claim_deliveries``"""
        claimed: list[_Entry] = []
        for queue in self._queues_of(destinations):
            for _ in range(limit):
                entry = queue.first(now)
                if entry is None:
                    break
                queue.leave(entry)
                claimed.append(entry)
        for entry in claimed:
            entry.tries += 1
            entry.ready, entry.worker = now + lease, worker
            self._claimed[entry.delivery.id] = entry
            self._offer(entry)
        return [_at_try(entry) for entry in sorted(claimed, key=_number)]

    def next_ready(self, destinations: Collection[str] | None) -> int | None:
        """``Store.next_delivery``"""
        found = (queue.next_ready() for queue in self._queues_of(destinations))
        return min((ready for ready in found if ready is not None), default=None)

    def settle(self, outcome: Settled, worker: str) -> None:
        """One outcome of ``Store.settle``."""
        entry = self._claimed.get(outcome.delivery_id)
        if entry is None or entry.worker != worker:
            return
        del self._claimed[outcome.delivery_id]
        entry.worker = None
        if outcome.outcome == "retry":
            self._put_off(entry, outcome.at if outcome.retry_at is None else outcome.retry_at)
        elif outcome.outcome == "back":
            entry.tries -= 1
            entry.ready = 0
            self._offer(entry)
        else:
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
        for entry in [each for each in self.unsettled.values() if _is_of(each.delivery, keys, shown_ids)]:
            self._leave(entry)
        for entry in [each for each in self._dead.values() if _is_of(each.delivery, keys, shown_ids)]:
            del self._dead[entry.n]
        self._tidy()

    def _tidy(self) -> None:
        """Places that were left behind still name who was erased."""
        for queue in self._queues.values():
            queue.tidy()

    def unname(self, anonymous_ids: Collection[str], texts: Collection[str], others: Collection[str]) -> None:
        """Deliveries of others name these devices no more; those that do so in their body are gone."""
        bodies = [text.encode() for text in texts]
        for entry in [*self.unsettled.values(), *self._dead.values()]:
            delivery = entry.delivery
            if f"u:{delivery.user_id}" not in others:
                continue
            if any(body in delivery.body for body in bodies):
                if self._dead.pop(entry.n, None) is None:
                    self._leave(entry)
            elif delivery.anonymous_id in anonymous_ids:
                entry.delivery = attrs.evolve(delivery, anonymous_id=None)
        self._tidy()

    def counts(self) -> tuple[int, int]:
        """How many are unsettled, and how many are dead."""
        return len(self.unsettled), len(self._dead)

    def backlog(self) -> Mapping[str, Backlog]:
        """``Store.backlog``"""
        of: dict[str, list[_Entry]] = {}
        for entry in (*self.unsettled.values(), *self._dead.values()):
            of.setdefault(entry.delivery.destination, []).append(entry)
        return {name: _counted(of[name]) for name in sorted(of)}


def _counted(entries: Iterable[_Entry]) -> Backlog:
    waiting = in_flight = dead = 0
    oldest: int | None = None
    for entry in entries:
        if entry.died is not None:
            dead += 1
            continue
        if entry.worker is None:
            waiting += 1
        else:
            in_flight += 1
        at = entry.delivery.at
        oldest = at if oldest is None else min(oldest, at)
    return Backlog(waiting=waiting, in_flight=in_flight, dead=dead, oldest=oldest)


def _at_try(entry: _Entry) -> Delivery:
    delivery = entry.delivery
    return delivery if delivery.attempt == entry.tries else attrs.evolve(delivery, attempt=entry.tries)


def _is_of(delivery: Delivery, keys: Collection[str], shown_ids: Collection[str]) -> bool:
    if delivery.user_id is not None:
        return "u:" + delivery.user_id in keys
    if delivery.anonymous_id is not None:
        return "a:" + delivery.anonymous_id in keys
    return delivery.profile in shown_ids

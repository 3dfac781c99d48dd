"""A clock that jumps, deliveries, and a receiver that misbehaves as it is told."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Iterable

from journeys._time import SECOND
from journeys.errors import Rejected, Retry
from journeys.ports import ChangeSet, Delivery
from journeys.runtime.delivery import CircuitBreaker, Deliverer, DestinationPolicy, RetryPolicy

START = 1_800_000_000 * SECOND
#: every failure is tried again at once, nothing is ever left in peace: for tests of something else
EAGER = DestinationPolicy(retry=RetryPolicy(delays=("PT0S",), jitter="none"), breaker=None)


class VirtualClock:
    """Jumps to where somebody sleeps to; what is planned happens on the way."""

    def __init__(self, now: int = START) -> None:
        self._now = now
        self._plans: list[tuple[int, int, Callable[[], object]]] = []
        self._count = itertools.count()

    def now(self) -> int:
        return self._now

    def at(self, instant: int, action: Callable[[], object]) -> None:
        heapq.heappush(self._plans, (instant, next(self._count), action))

    def jump(self, to: int) -> None:
        while self._plans and self._plans[0][0] <= to:
            instant, _, action = heapq.heappop(self._plans)
            self._now = max(self._now, instant)
            action()
        self._now = max(self._now, to)

    def sleep(self, until: int, wake: threading.Event) -> None:
        while not wake.is_set() and self._plans and self._plans[0][0] <= until:
            self.jump(self._plans[0][0])
        if not wake.is_set():
            self._now = max(self._now, until)


class PatientClock(VirtualClock):
    """Waits a moment for real before it jumps, so that other threads get on."""

    def sleep(self, until: int, wake: threading.Event) -> None:
        if not wake.wait(0.005):
            super().sleep(until, wake)


def delivery(number: int, destination: str = "a", *, key: str | None = None, call: str = "track") -> Delivery:
    body = b'{"type":"%s","event":"Bought","number":%d}' % (call.encode(), number)
    return Delivery(
        id=f"{number:032x}",
        destination=destination,
        call=call,
        body=body,
        at=START + number,
        profile=f"user-{number}",
        user_id=f"user-{number}",
        order_key=f"{number if key is None else key} {destination}",
    )


def commit(store, deliveries: Iterable[Delivery]) -> None:
    store.commit(ChangeSet(deliveries=tuple(deliveries)))


class Receiver:
    """Remembers every try; ``behave`` may raise, after or before the delivery was ``taken``."""

    def __init__(
        self, behave: Callable[[Delivery], object] = lambda _: None, clock: VirtualClock | None = None
    ) -> None:
        self.behave = behave
        self.clock = clock
        #: (instant, id, attempt)
        self.tries: list[tuple[int, str, int]] = []
        #: id -> every body that came with it
        self.taken: dict[str, set[bytes]] = {}

    @property
    def ids(self) -> list[str]:
        return [each for _, each, _ in self.tries]

    def take(self, delivery: Delivery) -> None:
        self.taken.setdefault(delivery.id, set()).add(delivery.body)

    def deliver(self, delivery: Delivery) -> None:
        self.tries.append((self.clock.now() if self.clock else 0, delivery.id, delivery.attempt))
        self.behave(delivery)
        self.take(delivery)


class ListReceiver:
    """Keeps a list; ``behave`` gets the whole batch."""

    def __init__(self, behave: Callable[[list[Delivery]], object] = lambda _: None) -> None:
        self.behave = behave
        self.batches: list[list[str]] = []
        self.taken: list[str] = []

    def deliver_batch(self, deliveries) -> None:
        self.batches.append([each.id for each in deliveries])
        self.behave(list(deliveries))
        self.taken += [each.id for each in deliveries]


def fail(error: Exception) -> Callable[[object], None]:
    def behave(_: object) -> None:
        raise error

    return behave


def retry(after: float | None = None) -> Callable[[object], None]:
    return fail(Retry("not now", after=after))


def reject() -> Callable[[object], None]:
    return fail(Rejected("never"))


def exhaust(deliverer: Deliverer, clock: VirtualClock, *, limit: int = 100_000) -> None:
    """Drains and jumps until nothing is to be expected any more."""
    for _ in range(limit):
        next_try = deliverer.drain().next_try
        if next_try is None:
            return
        clock.jump(next_try)
    raise AssertionError("there is no end to it")


def peak(instants: Iterable[int], window: int = SECOND) -> int:
    """The most instants that lie within one window, its end not included."""
    ordered = sorted(instants)
    first = most = 0
    for index, instant in enumerate(ordered):
        while instant - ordered[first] >= window:
            first += 1
        most = max(most, index - first + 1)
    return most


__all__ = ["CircuitBreaker", "commit", "delivery", "exhaust", "fail", "peak", "reject", "retry"]

"""A token bucket in whole numbers, with a window that keeps every single second within its limit."""

from __future__ import annotations

from collections import deque

from journeys._time import SECOND
from journeys.runtime.delivery.policy import RateLimit


class Tokens:
    """How many calls may be made now, and when the next may.

    The bucket alone would let a full burst and a second's refill pass within one second. So the instants of the calls
    of the last second are remembered too, and are never more than ``RateLimit.per_window``.
    """

    def __init__(self, limit: RateLimit) -> None:
        # A call costs as many parts as flow in during one second / per_second; all numbers are whole.
        self._inflow = limit.per_second.numerator  # parts per microsecond
        self._cost = SECOND * limit.per_second.denominator
        self._capacity = limit.burst * self._cost
        self._burst = limit.burst
        self._per_window = limit.per_window
        self._parts = self._capacity
        self._last = 0
        self._recent: deque[int] = deque()

    def available(self, now: int) -> int:
        """How many calls may be made at this instant."""
        self._pass(now)
        return min(self._parts // self._cost, self._per_window - len(self._recent))

    def take(self, now: int) -> None:
        """A call is made."""
        self._pass(now)
        self._parts -= self._cost
        self._recent.append(self._last)

    def ready_at(self, now: int) -> int:
        """When to come for the next calls: for half a burst, but before the bucket is full and spills."""
        self._pass(now)
        full = self._filled_at(self._capacity)
        return max(self._allowed_at(1), min(self._allowed_at(max(1, self._burst // 2)), full))

    def _allowed_at(self, calls: int) -> int:
        at = self._filled_at(calls * self._cost)
        over = len(self._recent) + calls - self._per_window
        return max(at, self._recent[over - 1] + SECOND) if over > 0 else at

    def _filled_at(self, parts: int) -> int:
        missing = max(0, parts - self._parts)
        return self._last - (-missing // self._inflow)

    def _pass(self, now: int) -> None:
        if now > self._last:  # a clock that was set back stands still here until it has caught up
            self._parts = min(self._capacity, self._parts + (now - self._last) * self._inflow)
            self._last = now
            while self._recent and self._recent[0] <= now - SECOND:
                self._recent.popleft()

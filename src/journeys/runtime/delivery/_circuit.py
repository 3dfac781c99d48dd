"""The state of a circuit breaker."""

from __future__ import annotations

from journeys.runtime.delivery.policy import CircuitBreaker

#: as many as one likes
UNLIMITED = 1 << 30

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half-open"


class Circuit:
    """Closed: all is tried. Open: nothing is. Half-open: some are tried, to see.

    An *era* ends when the circuit opens or closes. A call belongs to the era in which it began, and what becomes of it
    later says nothing about another era: a call that hung through an outage does not open the circuit again.
    """

    def __init__(self, breaker: CircuitBreaker | None) -> None:
        self._breaker = breaker
        self._until: int | None = None
        self._failures = 0
        self._won = 0
        self._trying = 0
        self.era = 0

    def state(self, now: int) -> str:
        """``closed``, ``open`` or ``half-open``."""
        if self._until is None:
            return CLOSED
        return OPEN if now < self._until else HALF_OPEN

    def allowance(self, now: int) -> int:
        """How many more calls may begin now."""
        if self._until is None or self._breaker is None:
            return UNLIMITED
        if now < self._until:
            return 0
        return max(0, self._breaker.probes - self._won - self._trying)

    def ready_at(self, now: int) -> int:
        """When calls may begin."""
        return now if self._until is None else max(now, self._until)

    def begin(self) -> int:
        """A call begins; answers its era."""
        self._trying += 1
        return self.era

    def succeeded(self, era: int) -> None:
        """A call that began in this era was answered."""
        if era != self.era:
            return
        self._trying -= 1
        self._failures = 0
        if self._until is not None and self._breaker is not None:
            self._won += 1
            if self._won >= self._breaker.probes:
                self._turn(None)

    def failed(self, era: int, now: int, asked: int) -> bool:
        """A call that began in this era failed, asking to wait so long; says whether that opened the circuit."""
        if era != self.era:
            return False
        self._trying -= 1
        self._failures += 1
        if self._breaker is None or (self._until is None and self._failures < self._breaker.failures):
            return False
        self._turn(now + max(self._breaker.open_for.micros, asked))
        return True

    def abandoned(self, era: int) -> None:
        """A call that began in this era was cut off by us: that says nothing."""
        if era == self.era:
            self._trying -= 1

    def _turn(self, until: int | None) -> None:
        self._until = until
        self._failures = self._won = self._trying = 0
        self.era += 1

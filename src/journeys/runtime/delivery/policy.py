"""What a destination can bear: how often it is tried again, how fast, and when it is left in peace."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import timedelta
from fractions import Fraction
from random import Random
from typing import Any, Literal

import attrs

from journeys._time import SECOND, Duration
from journeys.model._fields import one_of

DurationLike = Duration | str | timedelta
Jitter = Literal["around", "equal", "full", "none"]


def exact(value: DurationLike) -> Duration:
    """A duration of exact length that is not negative; months have no exact length."""
    duration = Duration.of(value)
    if not duration.is_exact or duration.micros < 0:
        raise ValueError(f"expected a duration without months or years that is not negative, got {value!r}")
    return duration


def positive(value: DurationLike) -> Duration:
    """An exact duration longer than nothing."""
    duration = exact(value)
    if not duration.micros:
        raise ValueError(f"expected a duration longer than nothing, got {value!r}")
    return duration


def _delays(values: Iterable[DurationLike]) -> tuple[Duration, ...]:
    if isinstance(values, str):
        raise TypeError(f"expected a list of durations, got the text {values!r}: write [{values!r}]")
    delays = tuple(exact(value) for value in values)
    if not delays:
        raise ValueError("expected at least one delay")
    return delays


def _at_least_one(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if type(value) is not int or value < 1:
        raise ValueError(f"{attribute.name} must be a whole number from 1, got {value!r}")


def exponential(
    base: DurationLike = "PT5S", *, factor: float = 2, cap: DurationLike = "PT24H", tries: int = 10
) -> tuple[Duration, ...]:
    """The delays between so many tries, each ``factor`` times the one before, none longer than ``cap``."""
    first, longest = positive(base).micros, positive(cap).micros
    if not (factor >= 1 and math.isfinite(factor)):
        raise ValueError(f"factor must be a number from 1, got {factor!r}")
    delays: list[int] = [min(first, longest)]
    while len(delays) < tries - 1:
        delays.append(min(round(delays[-1] * factor), longest))
    return tuple(Duration(0, micros) for micros in delays)


#: the schedule of Standard Webhooks: with the first try at once, ten tries in 75 hours
STANDARD_DELAYS = _delays(("PT5S", "PT5M", "PT30M", "PT2H", "PT5H", "PT10H", "PT14H", "PT20H", "PT24H"))


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """How often and when a delivery is tried again (D2).

    ``delays[0]`` is the wait after the first try, and so on; the last one repeats. ``jitter`` keeps deliveries that
    failed together from coming back together: ``around`` waits from half to one and a half of the delay, ``equal`` from
    half of it to all of it, ``full`` from nothing to all of it. Where the destination asked for a wait
    (``errors.Retry(after=…)``, ``Retry-After``) it is never tried earlier; the most it can ask is ``longest_asked``.
    """

    max_attempts: int = attrs.field(default=10, validator=_at_least_one)
    delays: tuple[Duration, ...] = attrs.field(default=STANDARD_DELAYS, converter=_delays)
    jitter: Jitter = attrs.field(default="around", validator=one_of(("around", "equal", "full", "none")))
    longest_asked: Duration = attrs.field(default=Duration.of("PT24H"), converter=exact)

    def retry_at(self, attempt: int, now: int, random: Random, asked: int = 0) -> int | None:
        """When to try again after this attempt failed, None if that was the last one.

        ``asked`` is what ``asked_wait`` made of the wait that the destination asked for.
        """
        if attempt >= self.max_attempts:
            return None
        wait = self._jittered(self.delays[min(attempt, len(self.delays)) - 1].micros, random)
        if asked:
            # all that were asked to wait until one instant must not come back at that instant
            wait = max(wait, asked + random.randrange(asked // 10 + 1))
        return now + wait

    def asked_wait(self, after: float | None) -> int:
        """The wait that a destination asked for, in microseconds, cut to ``longest_asked``; 0 if it is no wait."""
        if after is None or not after > 0:
            return 0
        longest = self.longest_asked.micros
        return longest if after * SECOND >= longest else math.ceil(after * SECOND)

    def _jittered(self, delay: int, random: Random) -> int:
        if self.jitter == "full":
            return random.randrange(delay + 1)
        if self.jitter == "equal":
            return delay - random.randrange(delay // 2 + 1)
        if self.jitter == "around":
            return delay // 2 + random.randrange(delay + 1)
        return delay


def _rate(value: int | float | Fraction) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, (int, float, Fraction)):
        raise TypeError(f"per_second must be a number, got {value!r}")
    # repr(0.1) is what was meant, not the nearest binary fraction
    rate = Fraction(repr(value) if isinstance(value, float) else value).limit_denominator(SECOND)
    if not 0 < rate <= SECOND:
        raise ValueError(f"per_second must be above 0 and at most 1,000,000, got {value!r}")
    return rate


@attrs.frozen
class RateLimit:
    """At most ``per_second`` calls a second in the long run, at most ``burst`` at one instant.

    In no second are there more than the greater of the two, so without a ``burst`` above ``per_second`` the rate is
    never exceeded. The default burst is a tenth of a second's worth. A list takes a batch with one call. The limit
    holds for one deliverer: two workers on one store share it if each has half of it.
    """

    per_second: Fraction = attrs.field(converter=_rate)
    burst: int = attrs.field(validator=_at_least_one)

    @burst.default
    def _a_tenth_of_a_second(self) -> int:
        return math.ceil(self.per_second / 10)

    @property
    def per_window(self) -> int:
        """The most calls in any one second."""
        return max(math.ceil(self.per_second), self.burst)


@attrs.frozen(kw_only=True)
class CircuitBreaker:
    """Leaves a destination in peace that fails.

    After ``failures`` failed calls in a row nothing is tried for ``open_for``, or for as long as the destination asked.
    Then ``probes`` calls are tried: if they succeed all is as before, if one fails it starts again. Being rejected
    (``errors.Rejected``) is an answer, and no failure of the destination.
    """

    failures: int = attrs.field(default=5, validator=_at_least_one)
    open_for: Duration = attrs.field(default=Duration.of("PT30S"), converter=positive)
    probes: int = attrs.field(default=1, validator=_at_least_one)


@attrs.frozen(kw_only=True)
class DestinationPolicy:
    """All that a deliverer minds with one destination.

    ``concurrency`` is how many calls of it may be under way at once, ``batch`` how many deliveries a list gets with one
    call, and the most that is claimed ahead for any destination. ``rate`` and ``breaker`` may be None.
    """

    retry: RetryPolicy = attrs.field(factory=RetryPolicy)
    rate: RateLimit | None = None
    breaker: CircuitBreaker | None = attrs.field(factory=CircuitBreaker)
    concurrency: int = attrs.field(default=8, validator=_at_least_one)
    batch: int = attrs.field(default=100, validator=_at_least_one)

"""Clocks: the wall clock for production, one that is moved by hand for tests."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta

from journeys._time import Duration, described, format_instant, instant_of
from journeys.errors import nearest

#: the names by which a length of time is given
PARTS = ("weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds")


class SystemClock:
    """The wall clock."""

    def now(self) -> int:
        """The present instant, in microseconds."""
        return time.time_ns() // 1000

    def sleep(self, until: int, wake: threading.Event) -> None:
        """Returns at ``until``, or when ``wake`` is set."""
        wake.wait(max(0.0, (until - self.now()) / 1_000_000))

    def __repr__(self) -> str:
        return "SystemClock()"


class ManualClock:
    """A clock that stands still until it is moved: a journey of months runs in milliseconds."""

    def __init__(self, start: str | datetime | int = "2026-01-01T00:00:00Z") -> None:
        self._now = instant_of(start)

    def now(self) -> int:
        """Where it stands."""
        return self._now

    def set(self, moment: str | datetime | int) -> None:
        """Moves it to an instant; it does not go back."""
        self._now = max(self._now, instant_of(moment))

    def advance(self, by: Duration | str | timedelta | None = None, **parts: float) -> int:
        """Moves it on, by a duration or by ``days=…``, ``hours=…``, ``minutes=…``; answers where it stands then."""
        self._now = later(self._now, by, parts)
        return self._now

    def sleep(self, until: int, wake: threading.Event) -> None:
        """Moves it to ``until`` at once: nobody waits."""
        self.set(until)

    def __repr__(self) -> str:
        return f"ManualClock({format_instant(self._now)!r})"


def shifted(now: int, by: Duration | str | timedelta | None, parts: dict[str, float]) -> int:
    """An instant plus a duration, or plus the named parts of a timedelta."""
    if by is not None:
        now = Duration.of(by).after(now)
    for name, number in parts.items():
        if name not in PARTS:
            raise TypeError(f"{name!r} is no part of a duration: {nearest(name, PARTS)}")
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise TypeError(f"{name}: expected a number, got {described(number)}")
    try:
        return Duration.of(timedelta(**parts)).after(now) if parts else now
    except (OverflowError, ValueError):
        raise ValueError(f"{', '.join(f'{name}={number!r}' for name, number in parts.items())} is too long") from None


def later(now: int, by: Duration | str | timedelta | None, parts: dict[str, float]) -> int:
    """The same, forwards only."""
    then = shifted(now, by, parts)
    if then < now:
        raise ValueError("time does not go back: advance by a duration that is not negative")
    return then

"""Clocks."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from journeys import ManualClock, SystemClock
from journeys.runtime.clocks import shifted
from tests.support import instant


def test_the_wall_clock() -> None:
    clock = SystemClock()
    assert abs(clock.now() - datetime.now(UTC).timestamp() * 1e6) < 60e6
    begin = time.monotonic()
    clock.sleep(clock.now() + 50_000, threading.Event())
    assert 0.04 < time.monotonic() - begin < 20
    woken = threading.Event()
    woken.set()
    begin = time.monotonic()
    clock.sleep(clock.now() + 60_000_000, woken)
    clock.sleep(clock.now() - 60_000_000, threading.Event())
    assert time.monotonic() - begin < 20
    assert repr(clock) == "SystemClock()"


def test_a_manual_clock_stands_still() -> None:
    clock = ManualClock("2026-01-01T00:00:00Z")
    assert clock.now() == clock.now() == instant("0")
    assert clock.advance(hours=2) == instant("PT2H")
    assert clock.advance("P1M") == instant("P31DT2H")
    assert clock.advance(timedelta(days=1), minutes=30) == instant("P32DT2H30M")
    assert repr(clock) == "ManualClock('2026-02-02T02:30:00Z')"


def test_a_manual_clock_does_not_go_back() -> None:
    """T4"""
    clock = ManualClock(datetime(2026, 1, 1, 2, tzinfo=UTC))
    clock.set("2026-01-01T00:00:00Z")
    assert clock.now() == instant("PT2H")
    clock.sleep(instant("PT3H"), threading.Event())
    assert clock.now() == instant("PT3H")
    with pytest.raises(ValueError):
        ManualClock(datetime(2026, 1, 1))


def test_shifting() -> None:
    """T2"""
    assert shifted(instant("P30D"), "P1M", {}) == instant("P58D")
    assert shifted(0, None, {"seconds": 1.5}) == 1_500_000
    assert shifted(5, None, {}) == 5
    with pytest.raises(TypeError, match="one of days, hours"):
        shifted(0, None, {"fortnights": 1})


def test_a_part_that_there_is_not() -> None:
    with pytest.raises(TypeError, match="'day' is no part of a duration: did you mean 'days'"):
        shifted(0, None, {"day": 3})

"""A trace that is larger than memory."""

from __future__ import annotations

import json
import random
import warnings

import pytest

from journeys.engine._effects import Record
from journeys.engine._state import ProfileState
from journeys.runtime.spill import SortedTrace


def records(count: int) -> list[Record]:
    rng = random.Random(7)
    profiles = [ProfileState(key) for key in ("u:b", "a:b", "u:é", "u:Z", "u:😀", "u:\u2028", 'u:"\t\\')]
    return [Record(rng.randrange(9), rng.choice(profiles), None, "sent", {"n": n}) for n in range(count)]


@pytest.mark.parametrize("run", [1, 7, 50, 1000])
@pytest.mark.parametrize("size", [0, 1, 10, 200])
def test_the_order_of_a_trace(run: int, size: int) -> None:
    """Format: (at, profile, then as it happened), however many runs go to disk."""
    made = records(size)
    expected = [json.loads(each.record) for each in sorted(made, key=lambda each: each.order)]
    with SortedTrace(run) as trace:
        for begin in range(0, size, 3):
            trace.add(made[begin : begin + 3])
        assert [json.loads(line) for line in trace] == expected


def test_files_are_closed() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with SortedTrace(2) as trace:
            trace.add(records(10))
            next(iter(trace))
            files = list(trace._files)
        assert files and all(file.closed for file in files)

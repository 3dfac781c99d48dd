"""Features: the least that must be remembered of past events for the conditions in force.

A feature says which events it wants and keeps one *cell* per profile, a plain list that serialises as it is. It is
shared by all conditions that need the same. An instant enters a cell with the event's own timestamp (C3).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from journeys._time import Duration
from journeys.plan.values import ABSENT, find, identity, is_number, normal

Cell = list[Any]
Properties = Mapping[str, Any]
Test = Callable[[Properties], bool]


class Feature:
    """What is remembered of one kind of event. ``key`` names its cell in a profile; ``why`` is for ``explain``."""

    __slots__ = ("event", "key", "test", "why")
    kind = ""

    def __init__(self, key: str, event: str, test: Test | None, why: str) -> None:
        self.key = key
        self.event = event
        self.test = test
        self.why = why

    def new(self) -> Cell:
        """The cell of a profile without events."""
        return []

    def add(self, cell: Cell, timestamp: int, properties: Properties, now: int) -> None:
        """Remembers one event that has passed the test."""
        raise NotImplementedError  # the base: each kind has its own

    def merge(self, cell: Cell, other: Cell) -> None:
        """Adds what a merged-in profile remembers; at one timestamp its events come first (P2)."""
        raise NotImplementedError  # the base: each kind has its own

    def size(self, cell: Cell) -> int:
        """How many things the cell holds."""
        return len(cell)

    def is_full(self, cell: Cell, limit: int, now: int) -> bool:
        """Whether one more event would exceed the limit of remembered events."""
        return False


class Counter(Feature):
    """How many events: ``[n]``."""

    __slots__ = ()
    kind = "count"

    def new(self) -> Cell:
        return [0]

    def add(self, cell: Cell, timestamp: int, properties: Properties, now: int) -> None:
        cell[0] += 1

    def merge(self, cell: Cell, other: Cell) -> None:
        cell[0] += other[0]


class Latest(Feature):
    """The latest instants, no more than a comparison needs: for "at least n" there are n."""

    __slots__ = ("keep", "window")
    kind = "latest instants"

    def __init__(self, key: str, event: str, test: Test | None, why: str, window: Duration, keep: int) -> None:
        super().__init__(key, event, test, why)
        self.window = window
        self.keep = keep

    def add(self, cell: Cell, timestamp: int, properties: Properties, now: int) -> None:
        cell.insert(bisect_right(cell, timestamp), timestamp)
        self._trim(cell)

    def merge(self, cell: Cell, other: Cell) -> None:
        cell[:] = sorted([*other, *cell])
        self._trim(cell)

    def _trim(self, cell: Cell) -> None:
        if len(cell) > self.keep:
            del cell[: len(cell) - self.keep]


class Extremes(Feature):
    """The first and the last instant: ``[first, last]``, or nothing."""

    __slots__ = ()
    kind = "first and last instant"

    def add(self, cell: Cell, timestamp: int, properties: Properties, now: int) -> None:
        cell[:] = [min(cell[0], timestamp), max(cell[1], timestamp)] if cell else [timestamp, timestamp]

    def merge(self, cell: Cell, other: Cell) -> None:
        both = [*cell, *other]
        if both:
            cell[:] = [min(both), max(both)]


class Entries(Feature):
    """Every event in the window, as ``[timestamp, value, …]`` of the properties that will be looked at again.

    An absent value is written as an empty list, because JSON has no word for it.
    """

    __slots__ = ("needs", "paths", "window")
    kind = "events"

    def __init__(
        self,
        key: str,
        event: str,
        test: Test | None,
        why: str,
        window: Duration | None,
        paths: tuple[tuple[str, ...], ...] = (),
        needs: Callable[[Any], bool] | None = None,
    ) -> None:
        super().__init__(key, event, test, why)
        self.window = window
        self.paths = paths
        self.needs = needs

    def add(self, cell: Cell, timestamp: int, properties: Properties, now: int) -> None:
        values = [find(properties, path) for path in self.paths]
        if self.needs is not None and not self.needs(values[-1]):
            return
        self.prune(cell, now)
        entry = [timestamp, *([] if value is ABSENT else [value] for value in values)]
        cell.insert(bisect_right(cell, timestamp, key=_timestamp), entry)

    def prune(self, cell: Cell, now: int) -> None:
        """Forgets what has left the window for good."""
        if gone := self._gone(cell, now):
            del cell[:gone]

    def _gone(self, cell: Cell, now: int) -> int:
        """How many entries have left the window for good."""
        if self.window is None:
            return 0
        gone = 0
        for entry in cell:
            leaves = self.window.leaves(entry[0])
            if not leaves or leaves[-1] > now:
                break
            gone += 1
        return gone

    def merge(self, cell: Cell, other: Cell) -> None:
        cell[:] = sorted([*other, *cell], key=_timestamp)

    def is_full(self, cell: Cell, limit: int, now: int) -> bool:
        # nothing is forgotten here: deadlines before ``now`` may still look at what is gone by then
        return len(cell) - self._gone(cell, now) >= limit


def _timestamp(entry: Cell) -> Any:
    return entry[0]


class Total(Feature):
    """The exact sum and the number of numbers: ``[count, whole part, partial, …]``.

    Floats are kept as partial sums that do not overlap (J. R. Shewchuk, 1997; as ``math.fsum`` does), so that the sum
    depends on no order and a merge gives what one profile would have had.
    """

    __slots__ = ("path",)
    kind = "sum"

    def __init__(self, key: str, event: str, test: Test | None, why: str, path: tuple[str, ...]) -> None:
        super().__init__(key, event, test, why)
        self.path = path

    def new(self) -> Cell:
        return [0, 0]

    def add(self, cell: Cell, timestamp: int, properties: Properties, now: int) -> None:
        value = find(properties, self.path)
        if is_number(value):
            cell[0] += 1
            if type(value) is int:
                cell[1] += value
            else:
                _add_partial(cell, value)

    def merge(self, cell: Cell, other: Cell) -> None:
        cell[0] += other[0]
        cell[1] += other[1]
        for partial in other[2:]:
            _add_partial(cell, partial)


def _add_partial(cell: Cell, value: float) -> None:
    partials = []
    for partial in cell[2:]:
        small, large = sorted((value, partial), key=abs)
        total = large + small
        if math.isinf(total):  # floats that large are whole numbers
            cell[1] += int(large) + int(small)
            value = 0.0
            continue
        rest = small - (total - large)
        if rest:
            partials.append(rest)
        value = total
    cell[2:] = [*partials, value]


def total_of(cell: Cell) -> Any:
    """The sum of a ``Total`` cell, ABSENT if it is beyond what a float can hold."""
    _, whole, *partials = cell
    return exact_sum(whole, partials)


def exact_sum(whole: int, floats: Sequence[float]) -> Any:
    """A whole number plus floats, exactly, rounded once; ABSENT if it is beyond what a float can hold."""
    if not floats:
        return whole
    try:
        if -(1 << 53) <= whole <= 1 << 53:
            return math.fsum([*floats, whole])
    except OverflowError:  # the sum may be finite, though a part of it is not
        pass
    try:
        return float(whole + sum(map(Fraction, floats)))
    except OverflowError:
        return ABSENT


class Extreme(Feature):
    """The least or the greatest number: ``[value]``, or nothing."""

    __slots__ = ("choose", "path")
    kind = "extreme"

    def __init__(
        self, key: str, event: str, test: Test | None, why: str, path: tuple[str, ...], choose: Callable[..., Any]
    ) -> None:
        super().__init__(key, event, test, why)
        self.path = path
        self.choose = choose

    def add(self, cell: Cell, timestamp: int, properties: Properties, now: int) -> None:
        value = find(properties, self.path)
        if is_number(value):
            cell[:] = [self.choose(cell[0], value) if cell else value]

    def merge(self, cell: Cell, other: Cell) -> None:
        both = [*other, *cell]
        if both:
            cell[:] = [self.choose(both)]


class Edge(Feature):
    """The first or the last value by (timestamp, arrival): ``[timestamp, value]``, or nothing."""

    __slots__ = ("last", "path")
    kind = "edge"

    def __init__(self, key: str, event: str, test: Test | None, why: str, path: tuple[str, ...], *, last: bool) -> None:
        super().__init__(key, event, test, why)
        self.path = path
        self.last = last

    def add(self, cell: Cell, timestamp: int, properties: Properties, now: int) -> None:
        value = find(properties, self.path)
        if value is ABSENT or value is None:
            return
        if not cell or (timestamp >= cell[0] if self.last else timestamp < cell[0]):
            cell[:] = [timestamp, value]

    def merge(self, cell: Cell, other: Cell) -> None:
        if other and (not cell or (other[0] > cell[0] if self.last else other[0] <= cell[0])):
            cell[:] = other


class Distinct(Feature):
    """How often each value came: ``[value, count, …]``; the text and the number are different, 1 and 1.0 are one."""

    __slots__ = ("path",)
    kind = "distinct values"

    def __init__(self, key: str, event: str, test: Test | None, why: str, path: tuple[str, ...]) -> None:
        super().__init__(key, event, test, why)
        self.path = path

    def add(self, cell: Cell, timestamp: int, properties: Properties, now: int) -> None:
        value = find(properties, self.path)
        if value is not ABSENT and identity(value) is not None:
            self._count(cell, value, 1)

    def merge(self, cell: Cell, other: Cell) -> None:
        for value, count in zip(other[::2], other[1::2], strict=True):
            self._count(cell, value, count)

    def _count(self, cell: Cell, value: Any, count: int) -> None:
        wanted = identity(value)
        for place in range(0, len(cell), 2):
            if identity(cell[place]) == wanted:
                cell[place + 1] += count
                return
        cell += [normal(value), count]

    def size(self, cell: Cell) -> int:
        return len(cell) // 2

    def is_full(self, cell: Cell, limit: int, now: int) -> bool:
        return self.size(cell) >= limit

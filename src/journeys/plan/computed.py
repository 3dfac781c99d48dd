"""Computed traits, compiled: folds over what features remember (P5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from journeys.plan.conditions import Computed, Filters, Window, filters_until, from_entry, passes
from journeys.plan.features import Cell, Entries, Feature, exact_sum, total_of
from journeys.plan.values import ABSENT, compact, identity, normal

Fold = Callable[[Sequence[Any]], Any]


class Flat(Computed):
    """Over all events with fixed filters: read off a cell that does not grow with the events."""

    __slots__ = ("feature", "read")

    def __init__(self, key: str, feature: Feature, read: Callable[[Cell], Any]) -> None:
        super().__init__(key, frozenset((feature.event,)))
        self.feature = feature
        self.read = read

    def value(self, profile: Any, now: int) -> Any:
        return self.read(profile.cells.get(self.feature.key) or self.feature.new())


class Sliding(Computed):
    """Over a sliding window, or with filters that change with time or traits: folded anew at every instant asked."""

    __slots__ = ("feature", "filters", "fold", "window")

    def __init__(self, key: str, feature: Entries, window: Window, filters: Filters, fold: Fold, **reads: Any) -> None:
        super().__init__(key, frozenset((feature.event,)) | reads.pop("events", frozenset()), **reads)
        self.feature = feature
        self.window = window
        self.filters = filters
        self.fold = fold

    def value(self, profile: Any, now: int) -> Any:
        return self.fold(
            [
                from_entry(entry[-1]) if len(entry) > 1 else None
                for entry in profile.cells.get(self.feature.key, ())
                if self.window.has(entry[0], now) and passes(self.filters, entry, profile, None, now)
            ]
        )

    def until(self, profile: Any, now: int) -> int:
        return min(
            (
                min(self.window.until(entry[0], now), filters_until(self.filters, entry, profile, None, now))
                for entry in profile.cells.get(self.feature.key, ())
            ),
            default=1 << 62,
        )


def total(values: Sequence[Any]) -> Any:
    """The exact sum, rounded once."""
    if not values:
        return ABSENT
    return exact_sum(
        sum(each for each in values if type(each) is int), [each for each in values if type(each) is float]
    )


def quotient(value: Any, count: int) -> Any:
    """A sum divided by the number of its parts."""
    if value is ABSENT or not count:
        return ABSENT
    try:
        return value / count
    except OverflowError:
        return ABSENT


def alphabetical(value: Any) -> tuple[str, bool]:
    """The order of values: by code point of the text, a number's text being its JSON."""
    return (value, True) if isinstance(value, str) else (compact(value), False)


def tallied(values: Sequence[Any]) -> list[tuple[Any, int]]:
    """Each different value, whole floats as whole numbers, and how often it came."""
    counts: dict[Any, list[Any]] = {}
    for value in values:
        counts.setdefault(identity(value), [normal(value), 0])[1] += 1
    return [(value, count) for value, count in counts.values()]


def most_frequent(tally: Sequence[tuple[Any, int]]) -> Any:
    """The value that came most often, at least twice; on a tie the first in alphabetical order."""
    often = [(-count, alphabetical(value), value) for value, count in tally if count >= 2]
    return min(often, key=lambda each: each[:2])[2] if often else ABSENT


def unique(tally: Sequence[tuple[Any, int]]) -> Any:
    """The different values in alphabetical order."""
    return sorted((value for value, _ in tally), key=alphabetical) if tally else ABSENT


FOLDS: dict[str, Fold] = {
    "event_counter": len,
    "sum": total,
    "average": lambda values: quotient(total(values), len(values)),
    "minimum": lambda values: min(values, default=ABSENT),
    "maximum": lambda values: max(values, default=ABSENT),
    "most_frequent": lambda values: most_frequent(tallied(values)),
    "first": lambda values: values[0] if values else ABSENT,
    "last": lambda values: values[-1] if values else ABSENT,
    "unique_list": lambda values: unique(tallied(values)),
    "unique_list_count": lambda values: len(tallied(values)),
}


def _pairs(cell: Cell) -> list[tuple[Any, int]]:
    return list(zip(cell[::2], cell[1::2], strict=True))


READS: dict[str, Callable[[Cell], Any]] = {
    "event_counter": lambda cell: cell[0],
    "sum": lambda cell: total_of(cell) if cell[0] else ABSENT,
    "average": lambda cell: quotient(total_of(cell), cell[0]),
    "minimum": lambda cell: cell[0] if cell else ABSENT,
    "maximum": lambda cell: cell[0] if cell else ABSENT,
    "most_frequent": lambda cell: most_frequent(_pairs(cell)),
    "first": lambda cell: cell[1] if cell else ABSENT,
    "last": lambda cell: cell[1] if cell else ABSENT,
    "unique_list": lambda cell: unique(_pairs(cell)),
    "unique_list_count": lambda cell: len(cell) // 2,
}

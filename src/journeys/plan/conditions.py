"""Compiled conditions: a truth value at an instant, and the instant until which it holds if no input comes (C1).

``holds`` and ``until`` take the profile, the journey context (None outside a journey) and the present.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from journeys._time import Duration
from journeys.plan.features import Cell, Entries, Extremes, Feature
from journeys.plan.values import ABSENT, NEVER, OPERATORS, ages_at, find

Context = Mapping[str, Any] | None


class Profile(Protocol):
    """What conditions read of a profile."""

    traits: dict[str, Any]
    cells: dict[str, Cell]


class Reader:
    """Where the other side of a comparison comes from; ``until`` says when it may change by time alone."""

    __slots__ = ()

    def get(self, profile: Any, context: Context, now: int, first: Sequence[Any]) -> Any:
        """The value, or ABSENT."""
        raise NotImplementedError  # the base: each kind has its own

    def until(self, profile: Any, context: Context, now: int) -> int:
        """When the value may change by time alone."""
        return NEVER


class Constant(Reader):
    """A value that is written down."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def get(self, profile: Any, context: Context, now: int, first: Sequence[Any]) -> Any:
        return self.value


class TraitReader(Reader):
    """A trait by path; the longest name comes first, and computed traits are read like any (P5)."""

    __slots__ = ("computed", "segments")

    def __init__(self, segments: tuple[str, ...], computed: Mapping[str, Computed]) -> None:
        self.segments = segments
        self.computed = [
            (computed[name], segments[length:])
            for length in range(len(segments), 0, -1)
            if (name := ".".join(segments[:length])) in computed
        ]

    def get(self, profile: Any, context: Context, now: int, first: Sequence[Any] = ()) -> Any:
        for computed, rest in self.computed:
            value = computed.value(profile, now)
            if value is not ABSENT:
                return find(value, rest)
        return find(profile.traits, self.segments)

    def until(self, profile: Any, context: Context, now: int) -> int:
        return min((computed.until(profile, now) for computed, _ in self.computed), default=NEVER)


class ContextReader(Reader):
    """A property of an event in the journey context (C7)."""

    __slots__ = ("event", "segments")

    def __init__(self, event: str, segments: tuple[str, ...]) -> None:
        self.event = event
        self.segments = segments

    def get(self, profile: Any, context: Context, now: int, first: Sequence[Any] = ()) -> Any:
        if context is None or self.event not in context:
            return ABSENT
        return find(context[self.event], self.segments)


class FirstReader(Reader):
    """A remembered property of the first event of a funnel (C8)."""

    __slots__ = ("place",)

    def __init__(self, place: int) -> None:
        self.place = place

    def get(self, profile: Any, context: Context, now: int, first: Sequence[Any]) -> Any:
        return from_entry(first[self.place])


def from_entry(boxed: list[Any]) -> Any:
    """A value as an ``Entries`` cell holds it: boxed, so that absent differs from null."""
    return boxed[0] if boxed else ABSENT


class Comparison:
    """An operator and its other side."""

    __slots__ = ("ages", "op", "operand", "test")

    def __init__(self, op: str, operand: Reader) -> None:
        self.op = op
        self.operand = operand
        self.test = OPERATORS[op]
        self.ages = op in ("within_last", "within_next", "before_last", "after_next")

    def holds(self, value: Any, profile: Any, context: Context, now: int, first: Sequence[Any] = ()) -> bool:
        """Whether the comparison is true of the value now."""
        operand = self.operand.get(profile, context, now, first)
        if operand is ABSENT:  # C10: a reference to an absent value
            return self.op in ("not_equals", "does_not_contain")
        return self.test(value, operand, now)

    def until(self, value: Any, profile: Any, context: Context, now: int, first: Sequence[Any] = ()) -> int:
        """When the answer may change by time alone."""
        until = self.operand.until(profile, context, now)
        if self.ages:
            until = min(until, ages_at(self.op, value, self.operand.get(profile, context, now, first), now))
        return until


class Condition:
    """A compiled condition, and what can change its answer besides time."""

    __slots__ = ("events", "reads_context", "reads_traits")

    def __init__(self, events: frozenset[str] = frozenset(), *, traits: bool = False, context: bool = False) -> None:
        self.events = events
        self.reads_traits = traits
        self.reads_context = context

    def holds(self, profile: Any, context: Context, now: int) -> bool:
        """Whether it is true now."""
        raise NotImplementedError  # the base: each kind has its own

    def until(self, profile: Any, context: Context, now: int) -> int:
        """The earliest later instant at which the answer may change although no input comes, or NEVER."""
        return NEVER

    def flip(self, profile: Any, context: Context, now: int) -> int:
        """The earliest later instant at which the answer does change by time alone, or NEVER.

        After many instants at which it might have and did not, the next of them is given instead.
        """
        before, at = self.holds(profile, context, now), now
        for _ in range(64):
            at = self.until(profile, context, at)
            if at >= NEVER or self.holds(profile, context, at) != before:
                return at
        return at


class Group(Condition):
    """``all`` or ``any`` of several conditions (C2)."""

    __slots__ = ("every", "parts")

    def __init__(self, parts: Sequence[Condition], *, every: bool) -> None:
        super().__init__(
            frozenset().union(*(part.events for part in parts)),
            traits=any(part.reads_traits for part in parts),
            context=any(part.reads_context for part in parts),
        )
        self.parts = tuple(parts)
        self.every = every

    def holds(self, profile: Any, context: Context, now: int) -> bool:
        every = self.every
        for part in self.parts:
            if part.holds(profile, context, now) is not every:
                return not every
        return every

    def until(self, profile: Any, context: Context, now: int) -> int:
        return min((part.until(profile, context, now) for part in self.parts), default=NEVER)


class Negation(Condition):
    """``not``."""

    __slots__ = ("part",)

    def __init__(self, part: Condition) -> None:
        super().__init__(part.events, traits=part.reads_traits, context=part.reads_context)
        self.part = part

    def holds(self, profile: Any, context: Context, now: int) -> bool:
        return not self.part.holds(profile, context, now)

    def until(self, profile: Any, context: Context, now: int) -> int:
        return self.part.until(profile, context, now)


class Member(Condition):
    """Membership in an audience (C6); its condition is compiled once and shared."""

    __slots__ = ("definition",)

    def __init__(self, definition: Condition) -> None:
        super().__init__(definition.events, traits=definition.reads_traits)
        self.definition = definition

    def holds(self, profile: Any, context: Context, now: int) -> bool:
        return self.definition.holds(profile, None, now)

    def until(self, profile: Any, context: Context, now: int) -> int:
        return self.definition.until(profile, None, now)


class Compared(Condition):
    """A trait or a context value, compared (C5, C7)."""

    __slots__ = ("comparison", "reader")

    def __init__(self, reader: Reader, comparison: Comparison, **reads: Any) -> None:
        super().__init__(**reads)
        self.reader = reader
        self.comparison = comparison

    def holds(self, profile: Any, context: Context, now: int) -> bool:
        value = self.reader.get(profile, context, now, ())
        return self.comparison.holds(value, profile, context, now)

    def until(self, profile: Any, context: Context, now: int) -> int:
        until = self.reader.until(profile, context, now)
        value = self.reader.get(profile, context, now, ())
        return min(until, self.comparison.until(value, profile, context, now))


class Window:
    """``within`` and ``between``: which timestamps count now, and when that changes (C3)."""

    __slots__ = ("longer", "shorter")

    def __init__(self, within: Duration | None, between: tuple[Duration, Duration] | None) -> None:
        self.longer: Duration | None
        self.shorter: Duration | None
        self.longer, self.shorter = between if between else (within, None)

    def has(self, timestamp: int, now: int) -> bool:
        """Whether an event of that timestamp counts now."""
        if self.longer is None:
            return True
        return self.longer.before(now) < timestamp and (self.shorter is None or timestamp <= self.shorter.before(now))

    def until(self, timestamp: int, now: int) -> int:
        """When the timestamp next comes into the window or leaves it."""
        flips = [] if self.longer is None else self.longer.leaves(timestamp)
        if self.shorter is not None:
            flips = [*flips, *self.shorter.leaves(timestamp)]
        return min((flip for flip in flips if flip > now), default=NEVER)


class Counted(Condition):
    """A number of events without a window, of which only the number is remembered (C3)."""

    __slots__ = ("compare", "feature", "number")

    def __init__(self, feature: Feature, compare: Callable[[int, int], bool], number: int) -> None:
        super().__init__(frozenset((feature.event,)))
        self.feature = feature
        self.compare = compare
        self.number = number

    def holds(self, profile: Any, context: Context, now: int) -> bool:
        cell = profile.cells.get(self.feature.key)
        return self.compare(cell[0] if cell else 0, self.number)


class CountedWithin(Condition):
    """A number of events in a window, of which only the latest instants are remembered (C3)."""

    __slots__ = ("compare", "feature", "number", "window")

    def __init__(self, feature: Feature, compare: Callable[[int, int], bool], number: int, window: Duration) -> None:
        super().__init__(frozenset((feature.event,)))
        self.feature = feature
        self.compare = compare
        self.number = number
        self.window = window

    def holds(self, profile: Any, context: Context, now: int) -> bool:
        cell = profile.cells.get(self.feature.key)
        count = len(cell) - bisect_right(cell, self.window.before(now)) if cell else 0
        return self.compare(count, self.number)

    def until(self, profile: Any, context: Context, now: int) -> int:
        cell = profile.cells.get(self.feature.key)
        if not cell:
            return NEVER
        now_true = self.holds(profile, context, now)
        flips = sorted({flip for timestamp in cell for flip in self.window.leaves(timestamp) if flip > now})
        return next((flip for flip in flips if self.holds(profile, context, flip) != now_true), NEVER)


class CountedEntries(Condition):
    """A number of events whose filters change with time or traits, or whose window opens late (C3, C9)."""

    __slots__ = ("compare", "feature", "filters", "number", "window")

    def __init__(
        self,
        feature: Entries,
        window: Window,
        filters: Sequence[tuple[int, Comparison]],
        compare: Callable[[int, int], bool],
        number: int,
        **reads: Any,
    ) -> None:
        super().__init__(frozenset((feature.event,)) | reads.pop("events", frozenset()), **reads)
        self.feature = feature
        self.window = window
        self.filters = filters
        self.compare = compare
        self.number = number

    def holds(self, profile: Any, context: Context, now: int) -> bool:
        count = 0
        for entry in profile.cells.get(self.feature.key, ()):
            if self.window.has(entry[0], now) and passes(self.filters, entry, profile, context, now):
                count += 1
        return self.compare(count, self.number)

    def until(self, profile: Any, context: Context, now: int) -> int:
        until = NEVER
        for entry in profile.cells.get(self.feature.key, ()):
            until = min(
                until,
                self.window.until(entry[0], now),
                filters_until(self.filters, entry, profile, context, now),
            )
        return until


Filters = Sequence[tuple[int, Comparison]]


def passes(filters: Filters, entry: Cell, profile: Any, context: Context, now: int, first: Sequence[Any] = ()) -> bool:
    """Whether a remembered event passes the filters now."""
    return all(
        comparison.holds(from_entry(entry[place]), profile, context, now, first) for place, comparison in filters
    )


def filters_until(
    filters: Filters, entry: Cell, profile: Any, context: Context, now: int, first: Sequence[Any] = ()
) -> int:
    """When that may change by time alone."""
    return min(
        (comparison.until(from_entry(entry[place]), profile, context, now, first) for place, comparison in filters),
        default=NEVER,
    )


class Followed(Condition):
    """A funnel of which the first and last instants are enough: no windows, no references, fixed filters (C8)."""

    __slots__ = ("first", "performed", "then")

    def __init__(self, first: Extremes, then: Extremes, *, performed: bool) -> None:
        super().__init__(frozenset((first.event, then.event)))
        self.first = first
        self.then = then
        self.performed = performed

    def holds(self, profile: Any, context: Context, now: int) -> bool:
        first, then = profile.cells.get(self.first.key), profile.cells.get(self.then.key)
        if not first:
            return False
        if self.performed:
            return bool(then) and first[0] < then[1]
        return not then or first[1] >= then[1]


class Funnel(Condition):
    """A first event that is followed, or not followed, by another (C8)."""

    __slots__ = ("first", "first_filters", "performed", "then", "then_filters", "then_within", "window")

    def __init__(
        self,
        first: Entries,
        then: Entries,
        window: Window,
        first_filters: Filters,
        then_filters: Filters,
        *,
        performed: bool,
        then_within: Duration | None,
        **reads: Any,
    ) -> None:
        super().__init__(frozenset((first.event, then.event)) | reads.pop("events", frozenset()), **reads)
        self.first = first
        self.then = then
        self.window = window
        self.first_filters = first_filters
        self.then_filters = then_filters
        self.performed = performed
        self.then_within = then_within

    def holds(self, profile: Any, context: Context, now: int) -> bool:
        firsts = profile.cells.get(self.first.key, ())
        thens = profile.cells.get(self.then.key, ())
        return any(
            self._counts(first, thens, profile, context, now)
            for first in firsts
            if self.window.has(first[0], now) and passes(self.first_filters, first, profile, context, now)
        )

    def _counts(self, first: Cell, thens: Sequence[Cell], profile: Any, context: Context, now: int) -> bool:
        last = NEVER if self.then_within is None else self.then_within.after(first[0])
        followed = any(
            first[0] < then[0] <= last and passes(self.then_filters, then, profile, context, now, first)
            for then in thens
        )
        if self.performed:
            return followed
        return not followed and (self.then_within is None or now >= last)

    def until(self, profile: Any, context: Context, now: int) -> int:
        until = NEVER
        thens = profile.cells.get(self.then.key, ())
        for first in profile.cells.get(self.first.key, ()):
            until = min(
                until,
                self.window.until(first[0], now),
                filters_until(self.first_filters, first, profile, context, now),
            )
            if self.then_within is not None and now < (last := self.then_within.after(first[0])):
                until = min(until, last)
            for then in thens:
                until = min(until, filters_until(self.then_filters, then, profile, context, now, first))
        return until


class Computed:
    """A computed trait, compiled: its value now, and when that changes by time alone (P5)."""

    __slots__ = ("events", "key", "reads_traits")

    def __init__(self, key: str, events: frozenset[str], *, traits: bool = False) -> None:
        self.key = key
        self.events = events
        self.reads_traits = traits

    def value(self, profile: Any, now: int) -> Any:
        """The value, or ABSENT while no event gives one."""
        raise NotImplementedError  # the base: each kind has its own

    def until(self, profile: Any, now: int) -> int:
        """When it may change by time alone."""
        return NEVER

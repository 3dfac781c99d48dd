"""Conditions and filters: what must be true (section C), with the small language to write them.

``prop("value") >= 50`` is a filter on one event, ``trait("plan") == "pro"`` and ``event("Order Completed").at_least(3)
.within("P90D")`` are conditions; conditions combine with ``&``, ``|`` and ``~``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any as Anything
from typing import NoReturn

import attrs

from journeys._time import Duration, described
from journeys.errors import nearest
from journeys.model._fields import JSON, DurationLike, as_tuple, by_json, duration, duration_or_none

#: operators whose value is a duration
AGING = ("within_last", "within_next", "before_last", "after_next")
#: operators whose value is a list
LISTED = ("equals_any_of", "contains_any_of")
#: operators without a value
UNARY = ("exists", "not_exists")
#: every operator of filters, trait conditions and context conditions
OPERATORS = (
    "equals",
    "not_equals",
    "less_than",
    "greater_than",
    "less_than_or_equal",
    "greater_than_or_equal",
    *LISTED,
    "contains",
    "does_not_contain",
    "starts_with",
    "ends_with",
    *UNARY,
    "before_date",
    "after_date",
    *AGING,
)
COUNTS = ("at_least", "at_most", "exactly", "less_than", "more_than")


class _NoTruth:
    """Refuses ``bool()``, so that ``50 <= prop("v") < 100`` or ``a and b`` cannot silently drop half of itself."""

    __slots__ = ()

    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"{described(self)} has no truth value by itself: write conditions with & | ~ (not `and`, `or`, "
            "`not`), and a range as two comparisons instead of a chained one"
        )


@attrs.frozen
class TraitRef:
    """The profile's trait, at the instant of the comparison (C9). JSON: ``{"trait": "name"}``."""

    trait: str


@attrs.frozen
class ContextRef:
    """A property of an event in the journey context (C9). JSON: ``{"context": ["Event", "property"]}``."""

    context: tuple[str, str] = attrs.field(converter=as_tuple)


@attrs.frozen
class FirstRef:
    """In a funnel, a property of the first event (C8). JSON: ``{"first": "property"}``."""

    first: str


def _check_operand(operator: str, value: object) -> None:
    if operator not in OPERATORS:
        raise ValueError(f"unknown operator {operator!r}; {nearest(operator, OPERATORS)}")
    if operator in AGING and not isinstance(value, Duration):
        raise ValueError(f"{operator} takes a duration like 'P7D', got {value!r}")
    if operator in UNARY and value is not None:
        raise ValueError(f"{operator} takes no value, got {value!r}")
    if operator in LISTED and not isinstance(value, (list, tuple, TraitRef, ContextRef, FirstRef)):
        raise ValueError(f"{operator} takes a list, got {value!r}")


def _operand(value: Anything, self_: Anything) -> Anything:
    if self_.op in AGING and not isinstance(value, (TraitRef, ContextRef, FirstRef)):
        return duration(value)
    if isinstance(value, (_Path, _TraitPath, _ContextPath)):
        return value.ref()
    return list(value) if isinstance(value, tuple) and not isinstance(value, str) else value


_OPERAND: Anything = attrs.field(default=None, converter=attrs.Converter(_operand, takes_self=True), eq=by_json)


@attrs.frozen(kw_only=True)
class Filter(_NoTruth):
    """A comparison of one event property (C9); ``value`` is a constant or a reference."""

    property: str
    op: str
    value: Anything = _OPERAND

    def __attrs_post_init__(self) -> None:
        _check_operand(self.op, self.value)


class _Combines(_NoTruth):
    __slots__ = ()

    def __and__(self, other: ConditionLike) -> All:
        return All((*_parts(self, All), *_parts(other, All)))

    def __or__(self, other: ConditionLike) -> Any:
        return Any((*_parts(self, Any), *_parts(other, Any)))

    def __invert__(self) -> Condition:
        whole = as_condition(self)
        return whole.condition if isinstance(whole, Not) else Not(whole)


class Condition(_Combines):
    """What may be true of a profile at an instant (C1); the base of all conditions."""

    __slots__ = ()


def as_condition(value: Anything) -> Condition:
    """The condition itself, or what an ``event(...)`` in the making stands for; TypeError for anything else."""
    if isinstance(value, EventBuilder):
        return value.made
    if isinstance(value, Condition):
        return value
    raise TypeError(f"expected a condition such as trait('plan') == 'pro', got {value!r}")


def as_conditions(values: Iterable[Anything]) -> tuple[Condition, ...]:
    """A tuple of conditions."""
    return tuple(as_condition(value) for value in values)


def _parts(value: Anything, kind: type[All] | type[Any]) -> tuple[Condition, ...]:
    condition = as_condition(value)
    return condition.conditions if isinstance(condition, kind) else (condition,)


@attrs.frozen(kw_only=True)
class Count:
    """How many events: one of the comparisons, with a whole number from 0 (C3)."""

    at_least: int | None = None
    at_most: int | None = None
    exactly: int | None = None
    less_than: int | None = None
    more_than: int | None = None

    def __attrs_post_init__(self) -> None:
        given = [name for name in COUNTS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"a count takes exactly one of {', '.join(COUNTS)}; got {', '.join(given) or 'none'}")
        number = getattr(self, given[0])
        if type(number) is not int or number < 0:
            raise ValueError(f"{given[0]} must be a whole number from 0, got {number!r}")

    @property
    def op(self) -> str:
        """The name of the comparison."""
        return next(name for name in COUNTS if getattr(self, name) is not None)

    @property
    def number(self) -> int:
        """What the number of events is compared with."""
        return int(getattr(self, self.op))


def _window(value: Iterable[DurationLike] | None) -> tuple[Duration, Duration] | None:
    if value is None:
        return None
    longer, shorter = (duration(each) for each in value)
    return (longer, shorter)


@attrs.frozen
class Event(Condition):
    """The number of matching events, in a window if one is given (C3)."""

    event: str
    where: tuple[Filter, ...] = attrs.field(default=(), converter=as_tuple)
    count: Count = attrs.field(factory=lambda: Count(at_least=1), kw_only=True)
    within: Duration | None = attrs.field(default=None, converter=duration_or_none, kw_only=True)
    between: tuple[Duration, Duration] | None = attrs.field(default=None, converter=_window, kw_only=True)


@attrs.frozen(kw_only=True)
class Trait(Condition):
    """A comparison of a trait, a computed trait included (C5)."""

    trait: str
    op: str
    value: Anything = _OPERAND

    def __attrs_post_init__(self) -> None:
        _check_operand(self.op, self.value)


@attrs.frozen
class Audience(Condition):
    """Whether the profile is in the audience at that instant (C6)."""

    audience: str


@attrs.frozen(kw_only=True)
class Context(Condition):
    """A comparison of a property of an event in the journey context (C7)."""

    event: str
    property: str
    op: str
    value: Anything = _OPERAND

    def __attrs_post_init__(self) -> None:
        _check_operand(self.op, self.value)


@attrs.frozen
class FunnelFirst:
    """The event from which a funnel starts (C8)."""

    event: str
    where: tuple[Filter, ...] = attrs.field(default=(), converter=as_tuple)


@attrs.frozen
class FunnelThen:
    """The event that must, or with ``performed=False`` must not, follow strictly later (C8)."""

    event: str
    where: tuple[Filter, ...] = attrs.field(default=(), converter=as_tuple)
    performed: bool = attrs.field(default=True, kw_only=True)
    within: Duration | None = attrs.field(default=None, converter=duration_or_none, kw_only=True)


@attrs.frozen
class Funnel(Condition):
    """There is a first event that is followed, or not followed, by another (C8)."""

    first: FunnelFirst
    then: FunnelThen
    within: Duration | None = attrs.field(default=None, converter=duration_or_none, kw_only=True)
    between: tuple[Duration, Duration] | None = attrs.field(default=None, converter=_window, kw_only=True)


@attrs.frozen
class All(Condition):
    """All of them; of nothing it is true (C2)."""

    conditions: tuple[Condition, ...] = attrs.field(converter=as_conditions)


@attrs.frozen
class Any(Condition):
    """At least one of them; of nothing it is false (C2)."""

    conditions: tuple[Condition, ...] = attrs.field(converter=as_conditions)


@attrs.frozen
class Not(Condition):
    """The opposite (C1)."""

    condition: Condition = attrs.field(converter=as_condition)


class _Comparable:
    """The comparisons that a property, a trait and a context value have in common."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def _make(self, op: str, value: JSON = None) -> Anything:
        raise TypeError

    def __eq__(self, value: object) -> Anything:
        return self._make("equals", value)

    def __ne__(self, value: object) -> Anything:
        return self._make("not_equals", value)

    def __lt__(self, value: JSON) -> Anything:
        return self._make("less_than", value)

    def __le__(self, value: JSON) -> Anything:
        return self._make("less_than_or_equal", value)

    def __gt__(self, value: JSON) -> Anything:
        return self._make("greater_than", value)

    def __ge__(self, value: JSON) -> Anything:
        return self._make("greater_than_or_equal", value)

    def is_in(self, values: Iterable[JSON]) -> Anything:
        """Equals one of the values."""
        return self._make("equals_any_of", [*as_tuple(values)])

    def contains(self, value: JSON) -> Anything:
        """Text contains the text, or the list the element."""
        return self._make("contains", value)

    def does_not_contain(self, value: JSON) -> Anything:
        """The opposite of ``contains``; true where there is no value."""
        return self._make("does_not_contain", value)

    def contains_any_of(self, values: Iterable[JSON]) -> Anything:
        """Contains one of the values."""
        return self._make("contains_any_of", [*as_tuple(values)])

    def starts_with(self, value: str) -> Anything:
        """Text that starts so."""
        return self._make("starts_with", value)

    def ends_with(self, value: str) -> Anything:
        """Text that ends so."""
        return self._make("ends_with", value)

    def exists(self) -> Anything:
        """Present and not null."""
        return self._make("exists")

    def not_exists(self) -> Anything:
        """Absent or null."""
        return self._make("not_exists")

    def before_date(self, value: str) -> Anything:
        """An instant or date before the given one."""
        return self._make("before_date", value)

    def after_date(self, value: str) -> Anything:
        """An instant or date after the given one."""
        return self._make("after_date", value)

    def within_last(self, duration: DurationLike) -> Anything:
        """``now - duration < value <= now``."""
        return self._make("within_last", duration)

    def within_next(self, duration: DurationLike) -> Anything:
        """``now < value <= now + duration``."""
        return self._make("within_next", duration)

    def before_last(self, duration: DurationLike) -> Anything:
        """``value <= now - duration``."""
        return self._make("before_last", duration)

    def after_next(self, duration: DurationLike) -> Anything:
        """``value > now + duration``."""
        return self._make("after_next", duration)


@attrs.frozen(eq=False)
class _Path(_Comparable):
    property: str

    def _make(self, op: str, value: JSON = None) -> Filter:
        return Filter(property=self.property, op=op, value=value)

    def ref(self) -> FirstRef:
        raise TypeError(f"compare with first({self.property!r}), trait(...) or context(...), not with prop(...)")


@attrs.frozen(eq=False)
class _TraitPath(_Comparable):
    trait: str

    def _make(self, op: str, value: JSON = None) -> Trait:
        return Trait(trait=self.trait, op=op, value=value)

    def ref(self) -> TraitRef:
        return TraitRef(self.trait)


@attrs.frozen(eq=False)
class _ContextPath(_Comparable):
    event: str
    property: str

    def _make(self, op: str, value: JSON = None) -> Context:
        return Context(event=self.event, property=self.property, op=op, value=value)

    def ref(self) -> ContextRef:
        return ContextRef((self.event, self.property))


def prop(path: str) -> _Path:
    """A property of the event at hand, to compare: ``prop("value") >= 50`` is a filter."""
    return _Path(path)


def trait(path: str) -> _TraitPath:
    """A trait of the profile, to compare: ``trait("plan") == "pro"``; as a value it is a reference."""
    return _TraitPath(path)


def context(event: str, property: str) -> _ContextPath:
    """A property of an event in the journey context, to compare or as a value."""
    return _ContextPath(event, property)


def first(path: str) -> FirstRef:
    """In a funnel, a property of its first event, as a value."""
    return FirstRef(path)


def audience(key: str) -> Audience:
    """Membership in the audience of that key."""
    return Audience(key)


@attrs.frozen
class EventBuilder(_Combines):
    """What ``event()`` gives: an event condition in the making, accepted wherever a condition is."""

    made: Event

    def at_least(self, number: int) -> EventBuilder:
        """True while there are ``number`` or more."""
        return self._with(count=Count(at_least=number))

    def at_most(self, number: int) -> EventBuilder:
        """True while there are no more than ``number``."""
        return self._with(count=Count(at_most=number))

    def exactly(self, number: int) -> EventBuilder:
        """True while there are ``number``."""
        return self._with(count=Count(exactly=number))

    def less_than(self, number: int) -> EventBuilder:
        """True while there are fewer than ``number``."""
        return self._with(count=Count(less_than=number))

    def more_than(self, number: int) -> EventBuilder:
        """True while there are more than ``number``."""
        return self._with(count=Count(more_than=number))

    def within(self, duration: DurationLike) -> EventBuilder:
        """Count the events of the last ``duration`` only."""
        return self._with(within=duration, between=None)

    def between(self, longer: DurationLike, shorter: DurationLike) -> EventBuilder:
        """Count the events older than ``shorter`` and no older than ``longer`` only."""
        return self._with(between=(longer, shorter), within=None)

    def _with(self, **changes: Anything) -> EventBuilder:
        return EventBuilder(attrs.evolve(self.made, **changes))


ConditionLike = Condition | EventBuilder


def event(name: str, *where: Filter) -> EventBuilder:
    """Events of that name that pass the filters: at least one, until another count or a window is asked for."""
    return EventBuilder(Event(name, where))

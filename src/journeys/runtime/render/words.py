"""Conditions, filters and durations in plain words.

``describe(event("Order Completed").at_least(3).within("P90D") & (trait("plan") == "pro"))`` is
``Order Completed at least 3 times within 90 days and plan is "pro"``. Steps and entries: see ``phrases.py``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any as Anything

import attrs

from journeys._time import Duration
from journeys.model.conditions import (
    All,
    Any,
    Audience,
    Condition,
    ConditionLike,
    Context,
    ContextRef,
    Count,
    Event,
    Filter,
    FirstRef,
    Funnel,
    Not,
    Trait,
    TraitRef,
    as_condition,
)

_DURATION = re.compile(
    r"(?P<sign>[+-]?)P(?:(?P<year>\d+)Y)?(?:(?P<month>\d+)M)?(?:(?P<week>[\d.,]+)W)?(?:(?P<day>[\d.,]+)D)?"
    r"(?:T(?:(?P<hour>[\d.,]+)H)?(?:(?P<minute>[\d.,]+)M)?(?:(?P<second>[\d.,]+)S)?)?"
)

#: how each operator reads between a subject and a value
OPERATOR_WORDS: Mapping[str, str] = {
    "equals": "is",
    "not_equals": "is not",
    "less_than": "is less than",
    "greater_than": "is greater than",
    "less_than_or_equal": "is at most",
    "greater_than_or_equal": "is at least",
    "equals_any_of": "is",
    "contains": "contains",
    "does_not_contain": "does not contain",
    "contains_any_of": "contains",
    "starts_with": "starts with",
    "ends_with": "ends with",
    "exists": "is set",
    "not_exists": "is not set",
    "before_date": "is before",
    "after_date": "is after",
    "within_last": "is within the last",
    "within_next": "is within the next",
    "before_last": "is at least",
    "after_next": "is more than",
}
_AFTER_THE_VALUE = {"before_last": " ago", "after_next": " ahead"}
_LISTED = ("equals_any_of", "contains_any_of")
#: operators that are each other's opposite, also where there is no value (C10)
OPPOSITE = {
    "equals": "not_equals",
    "not_equals": "equals",
    "contains": "does_not_contain",
    "does_not_contain": "contains",
    "exists": "not_exists",
    "not_exists": "exists",
}


def describe(condition: ConditionLike) -> str:
    """The condition in words."""
    whole = as_condition(condition)
    match whole:
        case Event():
            return _event(whole)
        case Trait():
            return _comparison(whole.trait, whole.op, whole.value)
        case Context():
            return _comparison(f"{whole.property} of {whole.event}", whole.op, whole.value)
        case Audience():
            return f"in the audience {whole.audience}"
        case Funnel():
            return _funnel(whole)
        case All():
            return _joined(whole.conditions, " and ", "always")
        case Any():
            return _joined(whole.conditions, " or ", "never")
        case Not():
            return _negated(whole.condition)
    raise TypeError(f"no words for the condition {whole!r}")


def describe_filter(where: Filter) -> str:
    """One filter on an event property in words."""
    return _comparison(where.property, where.op, where.value)


def describe_event(name: str, where: Iterable[Filter] = ()) -> str:
    """An event with its filters: ``Cart Modified (value is at least 50)``."""
    filters = ", ".join(map(describe_filter, where))
    return f"{name} ({filters})" if filters else name


def describe_duration(duration: Duration | str | timedelta) -> str:
    """``PT2H`` as ``2 hours``, in the units it was written in."""
    text = str(Duration.of(duration))
    match = _DURATION.fullmatch(text)
    if match is None:
        return text
    parts = [
        f"{_plain(number)} {unit}{'' if _plain(number) == '1' else 's'}"
        for unit, number in match.groupdict().items()
        if unit != "sign" and number and float(number.replace(",", "."))
    ]
    return ("minus " if match["sign"] == "-" else "") + (" ".join(parts) or "0 seconds")


def describe_value(value: Anything) -> str:
    """A constant as JSON, a duration or a reference in words."""
    match value:
        case Duration():
            return describe_duration(value)
        case TraitRef():
            return f"the trait {value.trait}"
        case ContextRef():
            return f"the {value.context[1]} of {value.context[0]}"
        case FirstRef():
            return f"the first event's {value.first}"
    return json.dumps(value, ensure_ascii=False, default=str)


def describe_count(count: Count) -> str:
    """How many events: ``at least 3 times``."""
    words = {"at_least": "at least", "at_most": "at most", "exactly": "exactly", "more_than": "more than"}
    return f"{words.get(count.op, 'fewer than')} {_times(count.number)}"


def listed(items: Iterable[str], last: str = "and") -> str:
    """``a, b and c``."""
    *head, tail = list(items) or [""]
    return f"{', '.join(head)} {last} {tail}" if head else tail


def _plain(number: str) -> str:
    whole, _, fraction = number.replace(",", ".").partition(".")
    return ".".join(filter(None, (whole.lstrip("0") or "0", fraction.rstrip("0"))))


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _comparison(subject: str, op: str, value: Anything) -> str:
    verb = OPERATOR_WORDS[op]
    if op in ("exists", "not_exists"):
        return f"{subject} {verb}"
    if op in _LISTED and isinstance(value, (list, tuple)):
        return f"{subject} {verb} {listed(map(describe_value, value), 'or') or 'one of nothing'}"
    if op in ("before_date", "after_date") and isinstance(value, str):
        return f"{subject} {verb} {value}"
    among = "one of " if op in _LISTED else ""
    return f"{subject} {verb} {among}{describe_value(value)}{_AFTER_THE_VALUE.get(op, '')}"


def _window(condition: Event | Funnel) -> str:
    if condition.within is not None:
        return f" within {describe_duration(condition.within)}"
    if condition.between is not None:
        longer, shorter = map(describe_duration, condition.between)
        return f" between {longer} and {shorter} ago"
    return ""


def _event(condition: Event) -> str:
    what = describe_event(condition.event, condition.where)
    if (condition.count.op, condition.count.number) in (("exactly", 0), ("at_most", 0), ("less_than", 1)):
        return f"no {what}{_window(condition) or ' ever'}"
    return f"{what} {describe_count(condition.count)}{_window(condition)}"


def _funnel(condition: Funnel) -> str:
    first = describe_event(condition.first.event, condition.first.where)
    then = describe_event(condition.then.event, condition.then.where)
    followed = "followed" if condition.then.performed else "not followed"
    soon = f" within {describe_duration(condition.then.within)}" if condition.then.within is not None else ""
    return f"{first}{_window(condition)}, {followed}{soon} by {then}"


def _joined(conditions: Iterable[Condition], word: str, empty: str) -> str:
    parts = tuple(conditions)
    if len(parts) == 1:
        return describe(parts[0])
    return word.join(f"({describe(part)})" if _is_compound(part) else describe(part) for part in parts) or empty


def _is_compound(condition: Condition) -> bool:
    """Whether its words need brackets beside others."""
    if isinstance(condition, (All, Any)):
        return len(condition.conditions) > 1 or any(map(_is_compound, condition.conditions))
    if isinstance(condition, Not):
        return isinstance(condition.condition, Not) and _is_compound(condition.condition.condition)
    if isinstance(condition, (Trait, Context)) and condition.op in _LISTED:
        return isinstance(condition.value, (list, tuple)) and len(condition.value) > 1
    return isinstance(condition, Funnel)


def _negated(condition: Condition) -> str:
    match condition:
        case Not():
            return describe(condition.condition)
        case Audience():
            return f"not {describe(condition)}"
        case Event() if opposite := _opposite_count(condition.count):
            return _event(attrs.evolve(condition, count=opposite))
        case Trait() if condition.op in OPPOSITE:
            return _comparison(condition.trait, OPPOSITE[condition.op], condition.value)
        case Context() if condition.op in OPPOSITE:
            return _comparison(f"{condition.property} of {condition.event}", OPPOSITE[condition.op], condition.value)
    return f"not ({describe(condition)})"


def _opposite_count(count: Count) -> Count | None:
    match count.op:
        case "at_least":
            return Count(less_than=count.number)
        case "less_than":
            return Count(at_least=count.number)
        case "at_most":
            return Count(more_than=count.number)
        case "more_than":
            return Count(at_most=count.number)
    return Count(at_least=1) if count.number == 0 else None

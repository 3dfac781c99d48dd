"""Values: how a path finds one, how the operators compare two, and when time alone changes the answer (C5 to C10)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from journeys._time import Duration, value_instant

#: what a path finds where nothing is
ABSENT: Final[Any] = type("Absent", (), {"__repr__": lambda self: "ABSENT", "__slots__": ()})()
#: later than every instant
NEVER: Final = 1 << 62

Operator = Callable[[Any, Any, int], bool]


def find(container: Any, segments: tuple[str, ...]) -> Any:
    """What a path finds: a dot goes into an object, a whole number into a list, the longest name comes first."""
    if len(segments) == 1 and type(container) is dict:
        return container.get(segments[0], ABSENT)
    if not segments:
        return container
    if isinstance(container, Mapping):
        for length in range(len(segments), 0, -1):
            name = ".".join(segments[:length])
            if name in container:
                found = find(container[name], segments[length:])
                if found is not ABSENT:
                    return found
        return ABSENT
    if isinstance(container, list):
        head = segments[0]
        if head.isascii() and head.isdigit() and len(head) < 10 and int(head) < len(container):
            return find(container[int(head)], segments[1:])
    return ABSENT


def is_number(value: Any) -> bool:
    """Whether it is a JSON number: true is none."""
    return type(value) is int or type(value) is float


def equal(a: Any, b: Any) -> bool:
    """JSON equality: 1 equals 1.0, true is not 1."""
    if type(a) is str and type(b) is str:
        return a == b
    if a is ABSENT or b is ABSENT:
        return False
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, (list, tuple)):
        return isinstance(b, (list, tuple)) and len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, Mapping):
        return isinstance(b, Mapping) and a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    return bool(a == b)


def contains(value: Any, element: Any) -> bool:
    """Text contains text, or a list an element."""
    if isinstance(value, str):
        return isinstance(element, str) and element in value
    return isinstance(value, list) and any(equal(each, element) for each in value)


def _any_of(compare: Callable[[Any, Any], bool]) -> Operator:
    return lambda v, many, now: isinstance(many, (list, tuple)) and any(compare(v, each) for each in many)


def _number(compare: Callable[[Any, Any], bool]) -> Operator:
    return lambda v, o, now: is_number(v) and is_number(o) and compare(v, o)


def _text(compare: Callable[[str, str], bool]) -> Operator:
    return lambda v, o, now: isinstance(v, str) and isinstance(o, str) and compare(v, o)


def _date(compare: Callable[[int, int], bool]) -> Operator:
    def operator(value: Any, other: Any, now: int) -> bool:
        a, b = value_instant(value), value_instant(other)
        return a is not None and b is not None and compare(a, b)

    return operator


def duration_of(value: Any) -> Duration | None:
    """The duration that an operand of an aging operator stands for."""
    if isinstance(value, Duration):
        return value
    try:
        return Duration.of(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _aging(compare: Callable[[int, Duration, int], bool]) -> Operator:
    def operator(value: Any, operand: Any, now: int) -> bool:
        instant, duration = value_instant(value), duration_of(operand)
        return instant is not None and duration is not None and compare(instant, duration, now)

    return operator


OPERATORS: Final[dict[str, Operator]] = {
    "equals": lambda v, o, now: equal(v, o),
    "not_equals": lambda v, o, now: not equal(v, o),
    "less_than": _number(lambda v, o: v < o),
    "greater_than": _number(lambda v, o: v > o),
    "less_than_or_equal": _number(lambda v, o: v <= o),
    "greater_than_or_equal": _number(lambda v, o: v >= o),
    "equals_any_of": _any_of(equal),
    "contains": lambda v, o, now: contains(v, o),
    "does_not_contain": lambda v, o, now: not contains(v, o),
    "contains_any_of": _any_of(contains),
    "starts_with": _text(str.startswith),
    "ends_with": _text(str.endswith),
    "exists": lambda v, o, now: v is not ABSENT and v is not None,
    "not_exists": lambda v, o, now: v is ABSENT or v is None,
    "before_date": _date(lambda v, o: v < o),
    "after_date": _date(lambda v, o: v > o),
    "within_last": _aging(lambda v, d, now: d.before(now) < v <= now),
    "within_next": _aging(lambda v, d, now: now < v <= d.after(now)),
    "before_last": _aging(lambda v, d, now: v <= d.before(now)),
    "after_next": _aging(lambda v, d, now: v > d.after(now)),
}


def ages_at(op: str, value: Any, operand: Any, now: int) -> int:
    """The first instant after ``now`` at which an aging comparison may change by time alone, or NEVER (C1)."""
    instant, duration = value_instant(value), duration_of(operand)
    if instant is None or duration is None:
        return NEVER
    if op in ("within_last", "before_last"):
        flips = [instant, *duration.leaves(instant)] if op == "within_last" else duration.leaves(instant)
    else:
        flips = [*duration.arrives(instant), instant] if op == "within_next" else duration.arrives(instant)
    return min((flip for flip in flips if flip > now), default=NEVER)


def identity(value: Any) -> Any:
    """A hashable stand-in under which two values are one exactly if JSON equality says so; None for no scalar."""
    kind = type(value)
    if kind is str or kind is int:
        return value
    if kind is bool:
        return (value,)
    if kind is float:
        return int(value) if value.is_integer() else value
    return None


def normal(value: Any) -> Any:
    """1.0 as 1: whole floats become whole numbers, anything else stays (P5, O6)."""
    return int(value) if type(value) is float and value.is_integer() else value


def compact(value: Any) -> str:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def text_of(value: Any) -> str:
    """The text of a value: itself, or its JSON; nothing for what is absent."""
    if value is ABSENT:
        return ""
    return value if isinstance(value, str) else compact(value)

"""JSON values: paths, equality, the operators (format: Conditions; C5, C9, C10; P5)."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from .clock import minus, parse_duration, parse_instant, plus


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
AGING = ("within_last", "within_next", "before_last", "after_next")
NEGATED = {"not_equals": "equals", "does_not_contain": "contains", "not_exists": "exists"}


def lookup(value: Any, path: str) -> Any:
    """A dot goes into an object, a whole number into a list; the longest own name is found first."""
    parts = path.split(".")
    return _walk(value, parts)


def _walk(value: Any, parts: list[str]) -> Any:
    if not parts:
        return value
    if isinstance(value, dict):
        for length in range(len(parts), 0, -1):
            name = ".".join(parts[:length])
            if name in value:
                found = _walk(value[name], parts[length:])
                if found is not MISSING:
                    return found
    elif isinstance(value, list) and re.fullmatch(r"[0-9]+", parts[0]) and int(parts[0]) < len(value):
        return _walk(value[int(parts[0])], parts[1:])
    return MISSING


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def equal(a: Any, b: Any) -> bool:
    """JSON equality: 1 equals 1.0, true is not 1."""
    if is_number(a) and is_number(b):
        return bool(a == b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(equal, a, b))
    return type(a) is type(b) and bool(a == b)


def whole(value: Any) -> Any:
    """The same value with 1.0 written as 1, however deep."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [whole(one) for one in value]
    if isinstance(value, dict):
        return {key: whole(one) for key, one in value.items()}
    return value


def compact(value: Any) -> str:
    """Compact JSON, 1.0 as `1` (O6)."""
    return json.dumps(whole(value), separators=(",", ":"), ensure_ascii=False)


def as_text(value: Any) -> str:
    """A text itself, else its JSON (P5, templates)."""
    return value if isinstance(value, str) else compact(value)


def scalar_key(value: Any) -> tuple[str, Any] | None:
    """What makes two identifiers, or two list elements, one value (E3, P5); None for what has none."""
    if isinstance(value, bool):
        return ("bool", value)
    if is_number(value):
        return ("number", value)
    return ("text", value) if isinstance(value, str) else None


def identifier_key(value: Any) -> tuple[str, Any] | None:
    """None if the value is no identifier (E3)."""
    key = scalar_key(value)
    return None if key is None or len(as_text(value)) > 150 else key


def compare(op: str, value: Any, wanted: Any, now: int) -> bool:
    """One comparison; `value` and `wanted` may be MISSING, which makes it false (C10)."""
    if op in NEGATED:
        return not compare(NEGATED[op], value, wanted, now)
    if op == "exists":
        return value is not MISSING and value is not None
    if value is MISSING or wanted is MISSING:
        return False
    if op == "equals":
        return equal(value, wanted)
    if op == "equals_any_of":
        return isinstance(wanted, list) and any(equal(value, one) for one in wanted)
    if op == "contains":
        return _contains(value, wanted)
    if op == "contains_any_of":
        return isinstance(wanted, list) and any(_contains(value, one) for one in wanted)
    if op in ("starts_with", "ends_with"):
        if not isinstance(value, str) or not isinstance(wanted, str):
            return False
        return value.startswith(wanted) if op == "starts_with" else value.endswith(wanted)
    if op in ("before_date", "after_date"):
        a, b = parse_instant(value, dates=True), parse_instant(wanted, dates=True)
        return a is not None and b is not None and (a < b if op == "before_date" else a > b)
    if op in AGING:
        return _aging(op, value, wanted, now)
    if not is_number(value) or not is_number(wanted):
        return False
    if op == "less_than":
        return bool(value < wanted)
    if op == "less_than_or_equal":
        return bool(value <= wanted)
    if op == "greater_than":
        return bool(value > wanted)
    if op == "greater_than_or_equal":
        return bool(value >= wanted)
    raise ValueError(f"unknown operator {op!r}")


def _contains(value: Any, wanted: Any) -> bool:
    if isinstance(value, str):
        return isinstance(wanted, str) and wanted in value
    return isinstance(value, list) and any(equal(one, wanted) for one in value)


def _aging(op: str, value: Any, wanted: Any, now: int) -> bool:
    at = parse_instant(value, dates=True)
    if at is None or not isinstance(wanted, str):
        return False
    try:
        duration = parse_duration(wanted)
    except ValueError:
        return False
    if op == "within_last":
        return minus(now, duration) < at <= now
    if op == "within_next":
        return now < at <= plus(now, duration)
    if op == "before_last":
        return at <= minus(now, duration)
    return at > plus(now, duration)

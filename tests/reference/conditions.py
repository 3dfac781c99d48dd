"""Conditions evaluated from scratch over the whole history, and the instants at which they may flip (C).

Every comparison with time is right-continuous, so an answer changes only *at* one of the candidates,
and holds from there to the next one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .clock import Duration, crossings, minus, parse_duration, parse_instant, plus
from .values import AGING, MISSING, as_text, compare, is_number, lookup, scalar_key, whole

Json = dict[str, Any]


@dataclass(frozen=True)
class Event:
    name: str
    properties: Json
    timestamp: int


@dataclass(frozen=True)
class View:
    """What a condition can see: all events by (timestamp, arrival), all traits, one journey context."""

    space: Json
    history: tuple[Event, ...]
    traits: Json
    context: Json

    def without_context(self) -> View:
        return View(self.space, self.history, self.traits, {})

    def computed(self, key: str) -> Json | None:
        return next((one for one in self.space.get("computed_traits", []) if one["key"] == key), None)

    def audience(self, key: str) -> Json:
        return next(one for one in self.space["audiences"] if one["key"] == key)


# --- truth ------------------------------------------------------------------------------------------


def holds(condition: Json, view: View, now: int) -> bool:
    """The truth of a condition at `now` (C1 to C8)."""
    kind = condition["type"]
    if kind == "all":
        return all(holds(one, view, now) for one in condition["conditions"])
    if kind == "any":
        return any(holds(one, view, now) for one in condition["conditions"])
    if kind == "not":
        return not holds(condition["condition"], view, now)
    if kind == "audience":
        return holds(view.audience(condition["audience"])["condition"], view.without_context(), now)
    if kind == "trait":
        value = trait(condition["trait"], view, now)
        return compare(condition["op"], value, resolve(condition.get("value"), view, now), now)
    if kind == "context":
        value = lookup(view.context.get(condition["event"], MISSING), condition["property"])
        return compare(condition["op"], value, resolve(condition.get("value"), view, now), now)
    if kind == "event":
        return _counted(condition, view, now)
    if kind == "funnel":
        return _funnel(condition, view, now)
    raise ValueError(f"unknown condition {kind!r}")


def in_window(condition: Json, timestamp: int, now: int) -> bool:
    """C3, to the letter."""
    if condition.get("within"):
        return minus(now, parse_duration(condition["within"])) < timestamp <= now
    if condition.get("between"):
        longer, shorter = map(parse_duration, condition["between"])
        return minus(now, longer) < timestamp <= minus(now, shorter)
    return True


def _counted(condition: Json, view: View, now: int) -> bool:
    number = sum(
        in_window(condition, event.timestamp, now) and matches(condition, event, view, now) for event in view.history
    )
    ((how, wanted),) = (condition.get("count") or {"at_least": 1}).items()
    return bool(
        {
            "at_least": number >= wanted,
            "at_most": number <= wanted,
            "exactly": number == wanted,
            "less_than": number < wanted,
            "more_than": number > wanted,
        }[how]
    )


def _funnel(condition: Json, view: View, now: int) -> bool:
    """C8: there is an F such that a G follows, or that none does."""
    then = condition["then"]
    within = parse_duration(then["within"]) if then.get("within") else None
    for first in view.history:
        if not (in_window(condition, first.timestamp, now) and matches(condition["first"], first, view, now)):
            continue
        end = plus(first.timestamp, within) if within else now
        followed = any(
            first.timestamp < second.timestamp <= end and matches(then, second, view, now, first)
            for second in view.history
        )
        if then.get("performed", True):
            if followed:
                return True
        elif not followed and (within is None or now >= end):
            return True
    return False


def matches(wanted: Json, event: Event, view: View, now: int, first: Event | None = None) -> bool:
    """Name and filters, all of them (C9)."""
    return event.name == wanted["event"] and all(
        compare(
            one["op"],
            lookup(event.properties, one["property"]),
            resolve(one.get("value"), view, now, first),
            now,
        )
        for one in wanted.get("where", [])
    )


def reference(value: Any) -> tuple[str, Any] | None:
    if isinstance(value, dict) and len(value) == 1:
        ((kind, of),) = value.items()
        if kind in ("trait", "context", "first"):
            return kind, of
    return None


def resolve(value: Any, view: View, now: int, first: Event | None = None) -> Any:
    """A constant, or what a reference refers to now (C9)."""
    kind = reference(value)
    if kind is None:
        return value
    if kind[0] == "trait":
        return trait(kind[1], view, now)
    if kind[0] == "context":
        event, path = kind[1]
        return lookup(view.context.get(event, MISSING), path)
    return MISSING if first is None else lookup(first.properties, kind[1])


# --- traits -----------------------------------------------------------------------------------------


def all_traits(view: View, now: int) -> Json:
    """The traits, and the computed traits among them (P5)."""
    found = dict(view.traits)
    for definition in view.space.get("computed_traits", []):
        value = fold(definition, view, now)
        if value is not MISSING:
            found[definition["key"]] = value
    return found


def trait(path: str, view: View, now: int) -> Any:
    """By path; a computed trait like any trait."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        definition = view.computed(".".join(parts[:length]))
        if definition is not None:
            return lookup({"it": fold(definition, view, now)}, ".".join(["it", *parts[length:]]))
    return lookup(view.traits, path)


def fold(definition: Json, view: View, now: int) -> Any:
    """The value of a computed trait at `now` (P5)."""
    events = [
        event
        for event in view.history
        if in_window(definition, event.timestamp, now) and matches(definition, event, view.without_context(), now)
    ]
    kind = definition["type"]
    if kind == "event_counter":
        return len(events)
    found = [lookup(event.properties, definition["property"]) for event in events]
    values = [value for value in found if value is not MISSING and value is not None]
    if kind in ("first", "last"):
        return MISSING if not values else values[0 if kind == "first" else -1]
    if kind in ("sum", "average", "minimum", "maximum"):
        numbers = [value for value in values if is_number(value)]
        if not numbers:
            return MISSING
        if kind == "sum":
            return whole(sum(numbers))
        if kind == "average":
            return whole(sum(numbers) / len(numbers))
        return min(numbers) if kind == "minimum" else max(numbers)
    return _distinct(kind, values)


def _distinct(kind: str, values: list[Any]) -> Any:
    counts: dict[tuple[str, Any], int] = {}
    for value in values:
        key = scalar_key(value)
        if key is not None:
            counts[key] = counts.get(key, 0) + 1
    ordered = sorted(counts, key=lambda key: (as_text(key[1]), key[0]))
    if kind == "unique_list":
        return [whole(key[1]) for key in ordered] if ordered else MISSING
    if kind == "unique_list_count":
        return len(ordered)
    if kind == "most_frequent":
        most = max(counts.values(), default=0)
        return next((whole(key[1]) for key in ordered if counts[key] == most), MISSING) if most >= 2 else MISSING
    raise ValueError(f"unknown computed trait {kind!r}")


# --- the instants at which an answer may change -----------------------------------------------------


def candidates(condition: Json, view: View) -> Iterator[int]:
    """Every instant at which the condition may flip by time alone, and many more (C1)."""
    kind = condition["type"]
    if kind in ("all", "any"):
        for one in condition["conditions"]:
            yield from candidates(one, view)
    elif kind == "not":
        yield from candidates(condition["condition"], view)
    elif kind == "audience":
        yield from candidates(view.audience(condition["audience"])["condition"], view.without_context())
    elif kind == "trait":
        yield from _comparison(condition, _trait_values(condition["trait"], view), view)
        yield from _trait_candidates(condition["trait"], view)
    elif kind == "context":
        value = lookup(view.context.get(condition["event"], MISSING), condition["property"])
        yield from _comparison(condition, [value], view)
    elif kind == "event":
        yield from _matching(condition, condition, view)
    elif kind == "funnel":
        yield from _matching(condition, condition["first"], view)
        yield from _matching({}, condition["then"], view)
        if condition["then"].get("within"):
            within = parse_duration(condition["then"]["within"])
            for event in view.history:
                yield plus(event.timestamp, within)


def _matching(window: Json, wanted: Json, view: View) -> Iterator[int]:
    for text in [window["within"]] if window.get("within") else window.get("between") or []:
        for event in view.history:
            if event.name == wanted["event"]:
                yield from crossings(event.timestamp, parse_duration(text))
    for one in wanted.get("where", []):
        values = [lookup(event.properties, one["property"]) for event in view.history if event.name == wanted["event"]]
        yield from _comparison(one, values, view)


def _comparison(one: Json, values: list[Any], view: View) -> Iterator[int]:
    """Where a comparison of one of the values may flip."""
    of = reference(one.get("value"))
    if of is not None and of[0] == "trait":
        yield from _trait_candidates(of[1], view)
    if one["op"] in AGING:
        try:
            duration = parse_duration(one["value"])
        except (TypeError, ValueError):
            return
        for value in values:
            at = parse_instant(value, dates=True)
            if at is not None:
                yield at
                yield from crossings(at, duration)
                yield from crossings(at, Duration(-duration.months, -duration.exact))


def _definition(path: str, view: View) -> Json | None:
    parts = path.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((found for name in names if (found := view.computed(name)) is not None), None)


def _trait_candidates(path: str, view: View) -> Iterator[int]:
    definition = _definition(path, view)
    if definition is not None:
        yield from _matching(definition, definition, view.without_context())


def _trait_values(path: str, view: View) -> list[Any]:
    """Every value the trait may have while no input comes."""
    definition = _definition(path, view)
    if definition is None:
        return [lookup(view.traits, path)]
    if "property" not in definition:
        return []
    values = [lookup(event.properties, definition["property"]) for event in view.history]
    return values + [one for value in values if isinstance(value, list) for one in value]

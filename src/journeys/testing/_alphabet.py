"""What a space names: its events with their properties, traits, durations, and the values that make a difference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import gcd, prod
from typing import Any

import attrs

from journeys._time import HOUR, Duration, format_instant
from journeys.model import conditions as c
from journeys.model.entries import EventEntry, ExitRule, Goal
from journeys.model.journey import Journey
from journeys.model.space import ComputedTrait, Space
from journeys.model.steps import (
    Activation,
    Branch,
    ContextTime,
    HoldUntil,
    LocalTime,
    ProfileRef,
    SendMessage,
    Template,
    TimezoneTrait,
)
from journeys.plan.templates import tags_in
from journeys.plan.values import ABSENT

#: few, so that they meet; text and number are two
IDENTIFIERS = ("id-1", "id-1", "id-1", "id-2", "id-2", 3, None)


#: how many bodies an event has: all of them, or so many that are spread over all
COMBINATIONS = 60


@attrs.frozen
class Moment:
    """An instant that lies so far from the present of a call, in microseconds; as a value it is written as text."""

    away: int


class Alphabet:
    """What calls for a space are made of, collected from all of it; the values of a path are a list without doubles."""

    def __init__(self, space: Space) -> None:
        #: event -> property path -> values
        self.events: defaultdict[str, defaultdict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
        #: trait path -> values
        self.traits: defaultdict[str, list[Any]] = defaultdict(list)
        self.durations: set[Duration] = set()
        #: events that begin a journey, and the (event, path) of identifiers
        self.entries: set[str] = set()
        self.identifiers: set[tuple[str, str]] = set()
        self._visit([space.audiences, space.computed_traits])
        for journey in space.journeys:
            if journey.status in ("live", "paused"):
                self._journey(journey)
        for computed in space.computed_traits:  # what they are compared with comes from their events
            values = self.traits.pop(computed.key, [])
            if computed.property is not None:
                _add(self.events[computed.event][computed.property], values)
        for event, path in self.identifiers:
            self.events[event][path] = list(IDENTIFIERS)

    def _journey(self, journey: Journey) -> None:
        self._visit(journey)
        if isinstance(journey.entry, EventEntry):
            self.entries.add(journey.entry.event)
        if isinstance(journey.entry, EventEntry) and journey.entry.identifier is not None:
            path = journey.entry.identifier
            self.identifiers.add((journey.entry.event, path))
            for step in journey.steps.values():
                for branch in step.branches if isinstance(step, HoldUntil) else ():
                    self.identifiers.add((branch.event, branch.identifier or path))
            for rule in journey.exit_rules:
                if rule.match_identifier:
                    self.identifiers.add((rule.event, path))

    def _visit(self, node: Any) -> None:
        """Everything below a node, in the order of its fields."""
        if isinstance(node, Duration):
            self.durations.add(node)
        elif isinstance(node, (str, int, float, bool, type(None), ProfileRef)):
            return
        elif isinstance(node, Mapping):
            self._visit(node.values())
        elif isinstance(node, Iterable):
            for each in node:
                self._visit(each)
        elif attrs.has(type(node)):
            self._learn(node)
            for field in attrs.fields(type(node)):
                if field.name not in ("where", "key", "name", "description"):
                    self._visit(getattr(node, field.name))

    def _learn(self, node: Any) -> None:
        match node:
            case c.Event() | c.FunnelFirst() | c.FunnelThen() | EventEntry() | ExitRule() | Goal() | Branch():
                self._event(node.event, node.where)
            case ComputedTrait():
                self._event(node.event, node.where)
                if node.property is not None:
                    _add(self.events[node.event][node.property], (1, 2.5, 10, "a", "b"))
            case c.Trait():
                _add(self.traits[node.trait], self._values(node.op, node.value))
            case c.Context():
                _add(self._in_context(node.event)[node.property], self._values(node.op, node.value))
            case c.TraitRef():
                _add(self.traits[node.trait], ("a", "b", 1))
            case c.ContextRef():
                _add(self._in_context(node.context[0])[node.context[1]], ("a", "b", 1))
            case ContextTime():
                away = (0, HOUR, 24 * HOUR, -HOUR)
                _add(self._in_context(node.context[0])[node.context[1]], [*map(Moment, away), "soon"])
            case TimezoneTrait():
                _add(self.traits[node.trait], ("Europe/Berlin", "Asia/Tokyo", "America/New_York", "nowhere"))
            case LocalTime():
                self.durations.add(Duration(0, 24 * HOUR))
            case Activation():
                for path in node.traits:
                    _add(self.traits[path], ("a", "b"))
            case SendMessage():
                if node.to == "subscribed":
                    _add(self.traits[f"subscriptions.{node.channel}"], ("subscribed", "unsubscribed"))
                self._tags(node.template)
            case Template():
                self._tags(node.template)

    def _in_context(self, alias: str) -> defaultdict[str, list[Any]]:
        """The properties of an event of the context, which a hold branch may have named ``<event> - <branch>``."""
        known = [event for event in self.events if alias == event or alias.startswith(f"{event} - ")]
        return self.events[max(known, key=len, default=alias.partition(" - ")[0])]

    def _event(self, event: str, where: Iterable[c.Filter]) -> None:
        properties = self.events[event]
        for each in where:
            _add(properties[each.property], self._values(each.op, each.value))
            self._visit(each.value)

    def _tags(self, template: Any) -> None:
        for _, reference, _ in tags_in(template):
            self._learn(reference)

    def _values(self, op: str, value: Any) -> list[Any]:
        """Values for which the comparison is true, and such for which it is not, near its edge."""
        if isinstance(value, Duration):
            self.durations.add(value)
            return [Moment(sign * value.longest + off) for sign in (1, -1) for off in (-HOUR, 0, HOUR)] + ["never"]
        if isinstance(value, bool):
            return [value, not value]
        if isinstance(value, (int, float)):
            return [value, value + 1, value - 1, str(value)]
        if op.endswith("_date") and isinstance(value, str):
            return [value, "1999-12-31", "2999-12-31", "no date"]
        if isinstance(value, str):
            return [value, f"{value}-x", f"x-{value}", [value]]
        if isinstance(value, (list, tuple)):
            return [*value, "none of them"]
        return ["a", 1, None]


def _add(values: list[Any], more: Iterable[Any]) -> None:
    for each in more:
        if not any(type(each) is type(known) and each == known for known in values):
            values.append(each)


def bodies_of(alphabet: Alphabet) -> list[dict[str, Any]]:
    """Calls without a person and a time, as often each event and the traits; the first are the simplest of each."""
    kinds = [*alphabet.events, *sorted(alphabet.entries)]  # more of those that begin a journey
    kinds.sort(key=lambda event: (event not in alphabet.entries, event))
    several = [_bodies_of_event(event, alphabet.events[event]) for event in kinds]
    if alphabet.traits:
        several.append([{"type": "identify", "traits": traits} for traits in _combined(alphabet.traits)])
    most = max(map(len, several), default=1)
    bodies = [bodies[place % len(bodies)] for place in range(most) for bodies in several]
    unknown = {"type": "track", "event": "Something Else", "properties": {}}
    return [*bodies, *[unknown] * max(1, most // 4)]


def _bodies_of_event(event: str, paths: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    kind = {"Page Viewed": "page", "Screen Viewed": "screen"}.get(event)
    if kind is None:
        return [{"type": "track", "event": event, "properties": values} for values in _combined(paths)]
    names = [name for name in paths.get(f"{kind}_name", ()) if isinstance(name, str)] or ["Home"]
    rest = {path: values for path, values in paths.items() if path != f"{kind}_name"}
    return [{"type": kind, "name": name, "properties": values} for values in _combined(rest) for name in names]


def _combined(paths: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """Objects with a value, or none, at each path: every combination, or some that are far from each other."""
    choices = [(path, [*values, ABSENT]) for path, values in sorted(paths.items()) if values]
    whole = prod(len(values) for _, values in choices)
    step = 1
    if whole > COMBINATIONS:
        step = next(step for step in range(round(whole * 0.618), whole) if gcd(step, whole) == 1)
    found = []
    for number in range(min(whole, COMBINATIONS)):
        place, flat = number * step % whole, {}
        for path, values in choices:
            place, chosen = divmod(place, len(values))
            flat[path] = values[chosen]
        found.append(_nested(flat))
    return found


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """``{"item.sku": 1}`` as ``{"item": {"sku": 1}}``."""
    made: dict[str, Any] = {}
    for path, value in flat.items():
        if value is ABSENT:
            continue
        *parents, last = path.split(".")
        place = made
        for parent in parents:
            inner = place.get(parent)
            if not isinstance(inner, dict):
                inner = place[parent] = {}
            place = inner
        place[last] = value
    return made


def dated(value: Any, at: int) -> Any:
    """The value with every moment as the instant that it is, seen from ``at``."""
    if isinstance(value, Moment):
        return format_instant(max(at + value.away, 0))
    if isinstance(value, dict):
        return {name: dated(each, at) for name, each in value.items()}
    if isinstance(value, list):
        return [dated(each, at) for each in value]
    return value

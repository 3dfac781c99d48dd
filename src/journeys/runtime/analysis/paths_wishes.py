"""What must be true on a way through a journey: at each step, and of the events that come into its context."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from journeys._time import Duration
from journeys.model import conditions as c
from journeys.model import steps as m
from journeys.model.journey import Journey
from journeys.model.space import Space
from journeys.runtime.analysis.paths_deeds import Wish
from journeys.runtime.analysis.paths_needs import Needs, alternatives
from journeys.runtime.analysis.paths_values import Demand, impossible
from journeys.runtime.analysis.paths_ways import WAITS, Way

#: property path -> tests that its value must pass
Hint = Mapping[str, list[Demand]]
#: so many hints at most are made of all conditions of a way
HINTS = 8


def at_step(journey: Journey, key: str, way: Way) -> list[Wish]:
    """What must be true when a token arrives at a step, for the way to go on as it does."""
    step, taken = journey.steps[key], way.choices.get(key, frozenset())
    match step:
        case m.TrueFalseSplit():
            return [(step.condition, "true" in taken)]
        case m.DataSplit():
            wishes: list[Wish] = []
            for branch in step.branches:
                if branch.name in taken:
                    return [*wishes, (branch.condition, True)]
                wishes.append((branch.condition, False))
            return wishes
        case m.WaitForCondition() if not taken:
            return [(step.condition, False)]
        case m.MultiBranchSplit() if not (step.exclusive and taken):
            return [(branch.condition, False) for branch in step.branches if branch.name not in taken]
    return []


def from_step(journey: Journey, key: str | None, way: Way) -> list[Wish]:
    """What must be true when a token starts from a step, up to where it waits: all of it at one instant."""
    wishes: list[Wish] = []
    while key is not None and key in way.steps:
        step = journey.steps[key]
        wishes += at_step(journey, key, way)
        if isinstance(step, WAITS):
            break
        key = _next(step, way.choices.get(key, frozenset()))
    return wishes


def _next(step: m.Step, taken: frozenset[str]) -> str | None:
    match step:
        case m.TrueFalseSplit():
            return step.if_true if "true" in taken else step.if_false
        case m.DataSplit():
            return next((each.next for each in step.branches if each.name in taken), step.everyone_else)
        case m.RandomizedSplit():
            return next((each.next for each in step.branches if each.name in taken), None)
    return getattr(step, "next", None)


def waited_for(journey: Journey, key: str, branch: str) -> Wish | None:
    """The condition that a token waits for at a step."""
    step = journey.steps[key]
    if isinstance(step, m.WaitForCondition):
        return (step.condition, True)
    if isinstance(step, m.MultiBranchSplit):
        return next((each.condition, True) for each in step.branches if each.name == branch)
    return None


class Hints:
    """What the properties of the events that come into the context of a journey should be, for what comes after."""

    def __init__(self, journey: Journey, space: Space) -> None:
        self.journey = journey
        self.space = space
        self._named = _named(journey)
        self._alternatives: dict[tuple[int, bool], list[Needs] | None] = {}

    def of(self, alias: str, way: Way) -> list[Hint]:
        """For the event that stands there as ``alias``, on a way; several that each may do."""
        found: list[dict[str, list[Demand]]] = [{}]
        for condition, wanted in _all_wishes(self.journey, way):
            options = self._options(condition, wanted, alias)
            if options:
                merged = [_merged(before, more) for before in found for more in options]
                possible = [each for each in merged if not any(impossible(demands) for demands in each.values())]
                found = possible[:HINTS] or found
        return [_with_named(each, self._named.get(alias, {})) for each in found]

    def _options(self, condition: c.Condition, wanted: bool, alias: str) -> list[dict[str, list[Demand]]]:
        """What the alternatives of a condition ask of an event; nothing if none of them does."""
        key = (id(condition), wanted)
        if key not in self._alternatives:
            self._alternatives[key] = alternatives(condition, wanted, self.space)
        parts = self._alternatives[key]
        if parts is None or not any(_reads(need.atom, alias) for needs in parts for need in needs):
            return []
        options: list[dict[str, list[Demand]]] = []
        for needs in parts:
            option: dict[str, list[Demand]] = {}
            for need in needs:
                if isinstance(need.atom, c.Context) and need.atom.event == alias and not _refers(need.atom.value):
                    demand = Demand(need.atom.op, need.atom.value, need.wanted)
                    option.setdefault(need.atom.property, []).append(demand)
            if option not in options:
                options.append(option)
        return options


def _with_named(hint: Hint, there: Hint) -> dict[str, list[Demand]]:
    """The hint, and what else should be there, but where it asks for something to be missing."""
    more = {path: tests for path, tests in there.items() if all(each.wanted for each in hint.get(path, ()))}
    return _merged(hint, more)


def _merged(one: Hint, other: Hint) -> dict[str, list[Demand]]:
    return {path: [*one.get(path, ()), *other.get(path, ())] for path in {**one, **other}}


def _all_wishes(journey: Journey, way: Way) -> Iterator[Wish]:
    for key in sorted(way.steps):
        yield from at_step(journey, key, way)
        for branch in way.choices.get(key, ()):
            wish = waited_for(journey, key, branch)
            if wish is not None:
                yield wish


def _refers(value: Any) -> bool:
    return isinstance(value, (c.TraitRef, c.ContextRef, c.FirstRef))


def _reads(atom: c.Condition, alias: str) -> bool:
    return isinstance(atom, c.Context) and atom.event == alias


def _named(journey: Journey) -> dict[str, dict[str, list[Demand]]]:
    """Properties that the journey refers to, by alias: they should be there, and an instant where a delay waits."""
    found: dict[str, dict[str, list[Demand]]] = {}
    for step in journey.steps.values():
        if isinstance(step, m.Delay) and isinstance(step.until, m.ContextTime):
            ahead = Duration(0, abs(step.until.offset.longest))
            alias, path = step.until.context
            found.setdefault(alias, {})[path] = [Demand("after_next", ahead)]
    for reference in references(journey):
        if isinstance(reference, c.ContextRef):
            alias, path = reference.context
            found.setdefault(alias, {}).setdefault(path, [Demand("exists")])
    return found


def references(node: Any) -> Iterator[Any]:
    """Every reference to a trait, a property of the context or of a first event, below a node."""
    if isinstance(node, (c.TraitRef, c.ContextRef, c.FirstRef)):
        yield node
    elif isinstance(node, Mapping):
        for each in node.values():
            yield from references(each)
    elif isinstance(node, (list, tuple)):
        for each in node:
            yield from references(each)
    elif attrs.has(type(node)) and not isinstance(node, Duration):
        for field in attrs.fields(type(node)):
            yield from references(getattr(node, field.name))

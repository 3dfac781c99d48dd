"""People who do at random what a space names: what the search by wishes did not find may be found by chance.

The values are those that the conditions compare with, and their neighbours; the times are those that the space waits
for. A story is a beginning of a known witness, or none, and then anything. The same journey always has the same people.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from journeys._time import DAY, HOUR, MAX, MINUTE, Duration, format_instant
from journeys.model import conditions as c
from journeys.model import steps as m
from journeys.model.entries import EventEntry
from journeys.model.journey import Journey
from journeys.model.space import Space
from journeys.plan.values import ABSENT, is_number
from journeys.runtime.analysis.paths_run import IDENTIFY, Deed, in_order
from journeys.runtime.analysis.paths_values import nested

#: a value of any kind, where the space names none
ANYTHING = ("x", 1, True, None, ABSENT)
#: so many deeds of her own a person does at most
MOST = 8

Values = dict[str, list[Any]]


class Chance:
    """Random stories about one journey of a space, each beginning at ``begins``."""

    def __init__(self, space: Space, journey: Journey, begins: int) -> None:
        self.begins = begins
        self.traits: Values = {}
        self.properties: Values = {}
        self.events: list[str] = []
        self.lengths = {MINUTE, HOUR, DAY}
        self._all((journey, *space.audiences, *space.computed_traits))
        for each in space.computed_traits:
            self.traits.pop(each.key, None)
            if each.property is not None:
                self.properties.setdefault(each.property, [1, 2, "x"])
        if isinstance(journey.entry, EventEntry) and journey.entry.identifier is not None:
            self.properties.setdefault(journey.entry.identifier, ["id-1"])
        self.events = sorted(set(self.events))
        self.gaps = sorted({gap for length in self.lengths for gap in (length, length - MINUTE, length + 1) if gap > 0})

    def story(self, rng: random.Random, known: Sequence[Sequence[Deed]]) -> tuple[Deed, ...]:
        """What one person does."""
        deeds: list[Deed] = []
        if known and rng.random() < 0.5:
            witness = rng.choice(known)
            deeds = [*witness[: rng.randint(1, len(witness))]]
        at = deeds[-1].at + rng.choice(self.gaps) if deeds else self.begins
        usual = {path: rng.choice(values) for path, values in self.properties.items()}
        for _ in range(rng.randint(1, MOST)):
            deeds.append(self._deed(rng, at, usual))
            at += rng.choice(self.gaps) if rng.random() < 0.7 else MINUTE
        if rng.random() < 0.3:  # what was decided beforehand: she was so already
            deeds.insert(0, self._identify(rng, deeds[0].at - MINUTE))
        return in_order(deeds)

    def _deed(self, rng: random.Random, at: int, usual: Mapping[str, Any]) -> Deed:
        if not self.events or (self.traits and rng.random() < 0.3):
            return self._identify(rng, at)
        properties = {
            path: usual[path] if rng.random() < 0.6 else rng.choice((*values, *ANYTHING))
            for path, values in self.properties.items()
        }
        return Deed(at, rng.choice(self.events), nested(properties))

    def _identify(self, rng: random.Random, at: int) -> Deed:
        some = [path for path in self.traits if rng.random() < 0.6]
        traits = {path: rng.choice((*self.traits[path], *ANYTHING)) for path in some}
        return Deed(at, IDENTIFY, {path: None if value is ABSENT else value for path, value in traits.items()}, True)

    def _read(self, node: Any) -> None:
        """Collects names, values and lengths of time below a node."""
        if isinstance(node, Duration):
            self.lengths.add(node.longest)
        elif isinstance(node, Mapping):
            self._all(node.values())
        elif isinstance(node, (list, tuple)):
            self._all(node)
        elif attrs.has(type(node)):
            self._note(node)
            self._all(getattr(node, field.name) for field in attrs.fields(type(node)))

    def _all(self, nodes: Any) -> None:
        for each in nodes:
            self._read(each)

    def _note(self, node: Any) -> None:
        match node:
            case c.Trait():
                self.traits.setdefault(node.trait, []).extend(self._around(node.value))
            case c.Filter() | c.Context():
                self.properties.setdefault(node.property, []).extend(self._around(node.value))
            case c.TraitRef():
                self.traits.setdefault(node.trait, []).extend((1, "x"))
            case c.ContextRef() | m.ContextTime():
                self.properties.setdefault(node.context[1], []).extend((1, "x"))
            case c.FirstRef():
                self.properties.setdefault(node.first, []).extend((1, "x"))
            case m.SendMessage():
                self.traits.setdefault(f"subscriptions.{node.channel}", []).append("subscribed")
        if isinstance(event := getattr(node, "event", None), str) and not isinstance(node, (c.Context, m.Activation)):
            self.events.append(event)

    def _around(self, operand: Any) -> Iterator[Any]:
        """Values at which a comparison may come out one way or the other."""
        if isinstance(operand, Duration):
            near, far = operand.longest // 2, operand.longest * 2
            yield from (format_instant(min(max(self.begins + away, 0), MAX)) for away in (-far, -near, near, far))
        elif isinstance(operand, (list, tuple)):
            yield list(operand)
            for each in operand:
                yield from self._around(each)
        elif is_number(operand):
            yield from (operand, operand + 1, operand - 1)
        elif isinstance(operand, str):
            yield from (operand, f"{operand}-x", f"x-{operand}", [operand])
        elif operand is None or isinstance(operand, (bool, Mapping)):
            yield operand
        else:
            yield from (1, "x")

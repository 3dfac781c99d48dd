"""An index over the instances of a profile that has many: what concerns one of them must not look at all of them.

It holds nothing that is not in the instances, is made when it is needed, and never stored.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from journeys.plan.plan import Route
from journeys.plan.values import NEVER, find, identity

if TYPE_CHECKING:
    from journeys.engine._state import Instance

#: from how many instances on there is an index
CROWDED = 64


class Crowd:
    """Instances by (journey key, identifier value), by deadline, and how many live."""

    __slots__ = ("_heap", "_named", "live")

    def __init__(self, instances: Iterable[Instance]) -> None:
        self._named: dict[tuple[str, Any], list[Instance]] = {}
        self._heap: list[tuple[int, int, Instance]] = []
        self.live = 0
        for instance in instances:
            self.add(instance)

    def add(self, instance: Instance) -> None:
        """One more."""
        self._named.setdefault(_name(instance), []).append(instance)
        self.live += instance.is_live
        instance.crowd = self
        self.note(instance)

    def remove(self, instance: Instance) -> None:
        """One that is forgotten."""
        self._named[_name(instance)].remove(instance)
        instance.due = NEVER

    def note(self, instance: Instance) -> None:
        """Its deadline may have moved; the old place in the queue dies when it comes up."""
        if instance.due < NEVER:
            heapq.heappush(self._heap, (instance.due, instance.order, instance))

    def first(self) -> Instance | None:
        """The instance with the earliest deadline, of several the first to have entered (T6)."""
        heap = self._heap
        while heap and heap[0][2].due != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][2] if heap else None

    def named(self, journey: str, identifier: Any) -> list[Instance]:
        """The instances of a journey with this identifier value."""
        return self._named.get((journey, identity(identifier)), [])

    def concerned(self, route: Route, properties: Mapping[str, Any]) -> list[Instance] | None:
        """Those that an event can concern, in the order in which they entered; None if it may be any."""
        if route.identifiers is None:
            return None
        found = [instance for key, path in route.identifiers for instance in self.named(key, find(properties, path))]
        return sorted(found, key=_order)


def _name(instance: Instance) -> tuple[str, Any]:
    return (instance.plan.key, identity(instance.identifier))


def _order(instance: Instance) -> int:
    return instance.order

"""When which profile is next due: a queue in two parts.

What is far is in bags by the quarter of an hour, without an order and without its instant, for an entry is only the id.
The nearest bag is opened when its time comes, and lies in a heap from then on. A profile whose deadline moves later
keeps its place; when that comes up, it gets another.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from journeys.engine._state import ProfileState
from journeys.plan.values import NEVER
from journeys.runtime._people import People

#: a bag is 2**30 microseconds, 18 minutes
_BAG = 30


class Agenda:
    """Deadlines of the profiles of a working set.

    1. a profile that is ever due has a place that is not later than its deadline;
    2. ``scheduled`` of the profile is the instant of that place; what it had besides is passed over.
    """

    __slots__ = ("_bags", "_near", "_order")

    def __init__(self) -> None:
        #: (instant, id key) of every place in a bag that was opened
        self._near: list[tuple[int, str]] = []
        #: ids by twice the number of the bag, one more for users
        self._bags: dict[int, list[str]] = {}
        self._order: list[int] = []

    def put(self, profile: ProfileState) -> None:
        """Gives the profile a place at its deadline, unless it has an earlier one."""
        due = profile.due
        if due < profile.scheduled:
            profile.scheduled = due
            self._place(due, profile.key, profile.id)

    def _place(self, due: int, key: str, shown: str) -> None:
        number = due >> _BAG << 1 | (key[0] == "u")
        bag = self._bags.get(number)
        if bag is None:
            self._bags[number] = [shown]
            heappush(self._order, number)
        else:
            bag.append(shown)

    def pop(self, until: int, people: People) -> str | None:
        """Takes out the next whose deadline is at or before an instant, in the order of (deadline, key)."""
        found = self._first(until, people)
        if found is not None:
            heappop(self._near)
        return found

    def next_due(self, people: People) -> int | None:
        """The earliest deadline of all."""
        return None if self._first(NEVER, people) is None else self._near[0][0]

    def forget(self, id_keys: set[str]) -> None:
        """Erased profiles have no deadlines (V6)."""
        self._near = [each for each in self._near if each[1] not in id_keys]
        heapify(self._near)
        for number, bag in self._bags.items():
            prefix = _prefix(number)
            if any(prefix + each in id_keys for each in bag):
                self._bags[number] = [each for each in bag if prefix + each not in id_keys]

    def _first(self, until: int, people: People) -> str | None:
        """The key of the first place up to an instant at which its profile is due indeed."""
        near, order = self._near, self._order
        while near or order:
            if order and (not near or order[0] >> 1 <= near[0][0] >> _BAG):
                number = order[0] >> 1
                if number << _BAG > until:
                    return None
                self._open(number, people)
                continue
            at, key = near[0]
            if at > until:
                return None
            due, place = people.when(key)
            if due <= at == place:
                return key
            heappop(near)
            if place == at:
                self._move(key, due, people)
        return None

    def _open(self, number: int, people: People) -> None:
        """The nearest bag is due: its places get their order."""
        while self._order and self._order[0] >> 1 == number:
            bag = heappop(self._order)
            prefix = _prefix(bag)
            for each in self._bags.pop(bag):
                key = prefix + each
                due, place = people.when(key)
                if place >> _BAG != number:
                    continue
                if due >> _BAG == number:
                    people.replace(key, due)
                    heappush(self._near, (due, key))
                else:
                    self._move(key, due, people)

    def _move(self, key: str, due: int, people: People) -> None:
        """Its place has come up: the profile gets one at its deadline, if it is ever due."""
        people.replace(key, due)
        if due < NEVER:
            self._place(due, key, key[2:])


def _prefix(number: int) -> str:
    return "u:" if number & 1 else "a:"

"""The records of a trace in the order in which they happened to each instance.

A trace tells of one instant profile by profile. Where two ids are linked at that very instant (P2), what an instance
did under the id that it came from may so stand behind what it did afterwards. Only records under another id than the
one that was last known to hold the instance can have come too soon: they are set aside until the instant is over. If
there are several such ids, a step is come to under one before it is left under the next.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from journeys.model.journey import Journey

ENDS = ("completed", "exited", "expired", "archived", "merged", "failed")

Record = Mapping[str, Any]

#: of those that were set aside, within one version: what is not in it comes between
_RANKS = {"migrated": 0, "completed": 2, **dict.fromkeys(ENDS[1:], 3)}


class Order:
    """Takes the records of these journeys one by one, and gives them in the order in which they happened.

    They must come in the order of a trace, or profile by profile where no two profiles are linked.
    """

    def __init__(self, journeys: Iterable[Journey]) -> None:
        self._staying: Container[str] = {each.key for each in journeys if each.is_condition_based}
        self._at = ""
        #: the id that holds an instance of which more is to come
        self._holders: dict[str, str] = {}
        #: instances of which nothing more is to come when the instant is over
        self._ended: list[str] = []
        self._aside: list[Record] = []

    def add(self, record: Record) -> Sequence[Record]:
        """What is in order now that this record has come."""
        before: Sequence[Record] = ()
        if record["at"] != self._at:
            self._at = record["at"]
            before = self.rest()
        if record["kind"] != "entered" and self._holders.get(record["instance"]) != record["profile"]:
            self._aside.append(record)
            return before
        self._note(record)
        return (*before, record)

    def rest(self) -> Sequence[Record]:
        """What was set aside, when nothing more will come of its instant."""
        aside, self._aside = self._aside, []
        of_each: dict[str, list[Record]] = {}
        for each in aside:
            of_each.setdefault(each["instance"], []).append(each)
        rest = [each for records in of_each.values() for each in handed_on(records)]
        rest.sort(key=lambda each: (each["version"], _RANKS.get(each["kind"], 1)))
        for each in rest:
            self._note(each)
        for instance in self._ended:
            self._holders.pop(instance, None)
        self._ended.clear()
        return rest

    def forget(self) -> None:
        """Nothing more will come of any instance."""
        self._holders.clear()
        self._ended.clear()

    def _note(self, record: Record) -> None:
        kind, instance = record["kind"], record["instance"]
        if kind in ("entered", "step", "branch") or (kind == "completed" and record["journey"] in self._staying):
            self._holders[instance] = record["profile"]
        elif kind in ENDS:
            self._ended.append(instance)


def handed_on(records: Sequence[Record]) -> Sequence[Record]:
    """What one instance did at one instant, id after id as they were linked: it comes to a step before it leaves it."""
    by_holder: dict[str, list[Record]] = {}
    for each in records:
        by_holder.setdefault(each["profile"], []).append(each)
    found, left = list[Record](), [*by_holder.values()]
    while left:
        came = [{each["step"] for each in some if each["kind"] == "step"} for some in left]
        does = [{each["step"] for each in some if each["kind"] in ("branch", "restarted")} for some in left]
        free = (n for n in range(len(left)) if not any(does[n] & came[m] - came[n] for m in range(len(left)) if m != n))
        found += left.pop(next(free, 0))
    return found


def in_order(records: Iterable[Record], journey: Journey) -> Iterator[Record]:
    """The records of a journey in a whole trace."""
    order = Order([journey])
    for record in records:
        if record.get("journey") == journey.key:
            yield from order.add(record)
    yield from order.rest()

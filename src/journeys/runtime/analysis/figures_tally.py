"""Counting one journey from its trace: totals and profiles, in a range of time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from journeys.model.journey import Journey
from journeys.model.steps import RandomizedSplit
from journeys.runtime.render import Counts

Note = Callable[[str, Any, int], None]
WATCHED = (
    "arrived",
    "waiting",
    "taken",
    "restarted",
    "moved",
    "sent",
    "skipped",
    "added",
    "removed",
    "exited",
    "ended",
)
#: figures that say how it stands, not how much has happened
STOCKS = ("waiting", "active")
ELSEWHERE, ENTRY = ":elsewhere", ":entry"


class _Watched(Counter[Any]):
    """A counter that tells of each change."""

    def __init__(self, name: str, note: Note) -> None:
        super().__init__()
        self.name = name
        self.note = note

    def __setitem__(self, key: Any, value: int) -> None:
        delta = value - self.get(key, 0)
        super().__setitem__(key, value)
        if delta:
            self.note(self.name, key, delta)


class _Counts(Counts):
    """The counts that pictures are drawn with, watched: they know where tokens come from (S8)."""

    def __init__(self, journey: Journey, version: int | None, note: Note) -> None:
        super().__init__(journey, version)
        for name in WATCHED:
            setattr(self, name, _Watched(name, note))

    def leads_on(self, step: str, branch: str) -> bool:
        return self._map.branches.get((step, branch)) is not None

    def forget(self) -> None:
        self._live.clear()
        self._completed.clear()


class Shown(Counts):
    """Counts that were made elsewhere, to be drawn."""

    def __init__(self, journey: Journey, version: int | None, active: int) -> None:
        super().__init__(journey, version)
        self._active = active

    @property
    def active(self) -> int:
        return self._active


class Tally:
    """The figures of a journey, or of one version of it.

    Flows (who entered, arrived, left) are those of the range, stocks (who waits, who is in progress) those at its end.
    With ``people`` it is also known how many different profiles each figure stands for.
    """

    def __init__(self, journey: Journey, version: int | None, *, people: bool) -> None:
        self.journey = journey
        self.version = version
        self.numbers: Counter[tuple[str, Any]] = Counter()
        self.people: dict[tuple[str, Any], Counter[str]] | None = {} if people else None
        self.splits = {key for key, step in journey.steps.items() if isinstance(step, RandomizedSplit)}
        self._counts = _Counts(journey, version, self._note)
        self._owners: dict[str, str] = {}
        self._led: dict[str, str] = {}
        self._took: dict[str, list[tuple[str, str]]] = {}
        self._completed: set[str] = set()
        self._in_range = True
        #: of the record that is being counted
        self._is_counted = False
        self._instance = self._kind = ""
        self._source: str | None = None
        self._passes: str | None = None

    def add(self, record: Mapping[str, Any], in_range: bool) -> None:
        """Counts a record of the journey that is not after the end of the range."""
        counts, kind, instance = self._counts, record["kind"], record["instance"]
        self._in_range, self._instance, self._kind = in_range, instance, kind
        if self.people is not None:
            self._owners.setdefault(instance, record["profile"])
        before = counts.active
        moved = (counts.migrated_in, counts.migrated_out)
        self._source = self._passes = None
        self._is_counted = False
        counts.add(record)
        if kind == "step":
            self._arrived(record["step"])
        elif kind == "branch":
            self._branch(record)
        elif kind == "entered":
            self._led[instance] = ENTRY
            if self._counted(record):
                self._note("entered", None, 1)
        elif kind == "goal":
            self._goal(record)
        else:
            self._led.pop(instance, None)
            self._note("migrated_in", None, counts.migrated_in - moved[0])
            self._note("migrated_out", None, counts.migrated_out - moved[1])
            if kind == "merged":
                self._took.pop(instance, None)
        self._note("active", None, counts.active - before)

    def forget(self) -> None:
        """Forgets the instances that are under way: nothing more is said of them. The figures stay."""
        self._counts.forget()
        for kept in (self._owners, self._led, self._took, self._completed):
            kept.clear()

    def number(self, name: str, key: Any = None, *, people: bool = False) -> int:
        """A figure: how often, or how many profiles."""
        if not people:
            return self.numbers[name, key]
        assert self.people is not None
        return sum(number > 0 for number in self.people.get((name, key), {}).values())

    def keys(self, name: str) -> list[Any]:
        """For which steps, branches or rules there is such a figure."""
        return [key for each, key in self.numbers if each == name]

    def _counted(self, record: Mapping[str, Any]) -> bool:
        return self.version is None or record["version"] == self.version

    def _note(self, name: str, key: Any, delta: int) -> None:
        if not delta:
            return
        if name == "ended" and key == "completed":
            self._complete(delta)
            return
        if name == "waiting" and self._kind != "migrated":
            if delta > 0:
                self._passes = None
            else:
                self._add("left", key, -delta)
        if name == "arrived":
            self._passes, self._is_counted = key, True
        if name == "moved" and key[1] is not None:
            self._source = key[0]
        if name in STOCKS or self._in_range:
            self._add(name, key, delta, always=True)

    def _add(self, name: str, key: Any, delta: int, *, always: bool = False) -> None:
        if not (always or self._in_range):
            return
        self.numbers[name, key] += delta
        if self.people is not None:
            owner = self._owners.get(self._instance, "")
            kept = self.people.setdefault((name, key), Counter())
            kept[owner] += delta
            if not kept[owner]:
                del kept[owner]

    def _complete(self, delta: int) -> None:
        """Who completed and then exited counts as exited (S10)."""
        if delta > 0 and self._in_range:
            self._completed.add(self._instance)
            self._add("ended", "completed", 1)
        elif delta < 0 and self._instance in self._completed:
            self._add("ended", "completed", -1, always=True)
        if delta < 0 or not self.journey.is_condition_based:
            self._completed.discard(self._instance)

    def _arrived(self, step: str) -> None:
        led = self._led.pop(self._instance, ELSEWHERE)
        if self._passes is not None:
            self._add("left", step, 1)
        if self._is_counted:
            self._add("previous", (step, self._source or led), 1)

    def _branch(self, record: Mapping[str, Any]) -> None:
        step, branch = record["step"], record["branch"]
        self._led.pop(self._instance, None)
        if self._counts.leads_on(step, branch):
            self._led[self._instance] = f"{step}: {branch}"
        if step in self.splits and self._in_range and self._counted(record):
            self._add("split", (step, branch), 1)
            if self.journey.goal is not None:
                self._took.setdefault(self._instance, []).append((step, branch))

    def _goal(self, record: Mapping[str, Any]) -> None:
        if self._counted(record):
            self._note("goal", None, 1)
        for each in self._took.pop(self._instance, ()):
            self._add("converted", each, 1)

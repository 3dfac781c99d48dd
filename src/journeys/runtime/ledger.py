"""What each record of a trace adds to the figures of its journey: the one place where figures are counted.

Whoever keeps figures feeds it records and adds up what it tells: ``analysis.figures`` from a trace, ``tallies`` with
every commit. What must be known of an instance between its records can be taken out and put back, so that it may lie
with the instance in a store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from journeys.model.journey import Journey
from journeys.model.steps import RandomizedSplit
from journeys.runtime.render.counts import Counts, Way
from journeys.runtime.render.order import ENDS

#: told: journey, version, name of the figure, its key, by how much it changes, and since when that had been so: a
#: conversion counts if the branch was taken in the range too, and who completed in it counts until the exit (S10)
Tell = Callable[[str, int, str, Any, int, "int | None"], None]
#: what must be known of an instance: steps where it waits, other steps where it was, branches that are still open,
#: branches of randomized splits that it took as (version, step, branch, instant), when it completed
Noted = list[Any]

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

_Note = Callable[[str, Any, int], None]


class Ledger:
    """The figures of any journeys; ``find`` gives the definition of a version."""

    def __init__(self, find: Callable[[str, int], Journey], tell: Tell) -> None:
        self._find = find
        self._tell = tell
        self._pages: dict[tuple[str, int], _Page] = {}

    def add(self, record: Mapping[str, Any], at: int) -> None:
        """A record of a journey, which happened at this instant; those of one instance must come in their order."""
        page = self._page(record["journey"], record["version"])
        if record["kind"] == "migrated":
            old = self._page(record["journey"], record["from"])
            noted = old.noted(record["instance"], forget=False)
            old.add(record, at)
            old.forget(record["instance"])
            if noted is not None:
                page.recall(record["instance"], noted, counted=False)
        page.add(record, at)

    def recall(self, journey: str, version: int, instance: str, noted: Noted | None) -> None:
        """What was known of an instance of this version."""
        if noted is not None:
            self._page(journey, version).recall(instance, noted)

    def noted(self, journey: str, version: int, instance: str) -> Noted | None:
        """What must be known of it when its next record comes; it is forgotten here."""
        return self._page(journey, version).noted(instance)

    def vanish(self, journey: str, version: int, instance: str, noted: Noted) -> None:
        """An instance is erased: it is no longer among those who wait and who are in progress (V6)."""
        page = self._page(journey, version)
        page.recall(instance, noted)
        page.vanish(instance)

    def forget(self) -> None:
        """Forgets the instances that are under way: nothing more is said of them."""
        for page in self._pages.values():
            page.forget_all()

    def _page(self, journey: str, version: int) -> _Page:
        found = self._pages.get((journey, version))
        if found is None:
            found = self._pages[journey, version] = _Page(self._find(journey, version), version, self._tell)
        return found


class _Watched(Counter[Any]):
    """A counter that tells of each change."""

    def __init__(self, name: str, note: _Note) -> None:
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

    def __init__(self, journey: Journey, version: int, note: _Note) -> None:
        super().__init__(journey, version)
        for name in WATCHED:
            setattr(self, name, _Watched(name, note))


class _Page:
    """One version of one journey."""

    def __init__(self, journey: Journey, version: int, tell: Tell) -> None:
        self.journey = journey
        self.version = version
        self._tell = tell
        self._splits = {key for key, step in journey.steps.items() if isinstance(step, RandomizedSplit)}
        self._has_goal = journey.goal is not None
        self._stays = journey.is_condition_based
        self._counts = _Counts(journey, version, self._note)
        self._led: dict[str, str] = {}
        self._took: dict[str, list[list[Any]]] = {}
        self._completed: dict[str, int] = {}
        #: of the record that is being counted
        self._at = 0
        self._instance = self._kind = ""
        self._is_counted = False
        self._source: str | None = None
        self._passes: str | None = None

    def add(self, record: Mapping[str, Any], at: int) -> None:
        """Counts a record."""
        counts, kind, instance = self._counts, record["kind"], record["instance"]
        self._at, self._instance, self._kind = at, instance, kind
        is_move = kind in ("entered", "migrated") or kind in ENDS
        before = counts.active if is_move else 0
        self._source = self._passes = None
        self._is_counted = False
        if kind == "migrated":
            self._migrate(record)
        else:
            counts.add(record)
        if kind == "step":
            self._arrived(record["step"])
        elif kind == "branch":
            self._branch(record["step"], record["branch"])
        elif kind == "entered":
            self._led[instance] = ENTRY
            self._add("entered", None, 1)
        elif kind == "goal":
            self._add("goal", None, 1)
            for version, step, branch, since in self._took.pop(instance, ()):
                self._tell(self.journey.key, version, "converted", (step, branch), 1, since)
        elif is_move:
            self._led.pop(instance, None)
            if kind == "merged":
                self._took.pop(instance, None)  # S11
        if is_move and (delta := counts.active - before):
            self._add("active", None, delta)

    def _migrate(self, record: Mapping[str, Any]) -> None:
        """Who has completed takes that along: it is in one version only."""
        counts, completed_at = self._counts, self._completed.get(self._instance)
        if completed_at is not None and record["from"] == self.version:
            counts.ended["completed"] -= 1
        moved = (counts.migrated_in, counts.migrated_out)
        counts.add(record)
        for name, number in zip(("migrated_in", "migrated_out"), moved, strict=True):
            if delta := getattr(counts, name) - number:
                self._add(name, None, delta)
        if completed_at is not None and record["to"] == self.version:
            self._completed[self._instance] = completed_at
            counts.ended["completed"] += 1

    def _note(self, name: str, key: Any, delta: int) -> None:
        if name == "ended" and key == "completed":
            self._complete(delta)
            return
        if name == "waiting" and self._kind != "migrated":
            if delta > 0:
                self._passes = None
            else:
                self._add("left", key, -delta)
        elif name == "arrived":
            self._passes, self._is_counted = key, True
        elif name == "moved" and key[1] is not None:
            self._source = key[0]
        self._add(name, key, delta)

    def _add(self, name: str, key: Any, delta: int, since: int | None = None) -> None:
        self._tell(self.journey.key, self.version, name, key, delta, since)

    def _complete(self, delta: int) -> None:
        """Who completed and then exited counts as exited (S10)."""
        since = self._completed.pop(self._instance, None)
        self._add("ended", "completed", delta, since)
        if delta > 0 and self._stays:
            self._completed[self._instance] = self._at if since is None else since

    def _arrived(self, step: str) -> None:
        led = self._led.pop(self._instance, ELSEWHERE)
        if self._passes is not None:
            self._add("left", step, 1)
        if self._is_counted:
            self._add("previous", (step, self._source or led), 1)

    def _branch(self, step: str, branch: str) -> None:
        self._led.pop(self._instance, None)
        if self._counts.leads_on(step, branch):
            self._led[self._instance] = f"{step}: {branch}"
        if self._has_goal and step in self._splits:
            self._took.setdefault(self._instance, []).append([self.version, step, branch, self._at])

    # what must be known of an instance

    def recall(self, instance: str, noted: Noted, *, counted: bool = True) -> None:
        """Knows again what was noted."""
        waiting, others, branches_left, took, completed_at = noted
        if waiting or others:
            self._counts.recall(instance, Way(waiting, others, branches_left), counted=counted)
        if took:
            self._took[instance] = took
        if completed_at is not None:
            self._completed[instance] = completed_at
            self._counts.has_completed(instance)

    def noted(self, instance: str, *, forget: bool = True) -> Noted | None:
        """What there is to know."""
        way = self._counts.way(instance)
        took, completed_at = self._took.get(instance, []), self._completed.get(instance)
        if forget:
            self.forget(instance)
        if way is None and not took and completed_at is None:
            return None
        return [*(way or ([], [], None)), took, completed_at]

    def vanish(self, instance: str) -> None:
        """It waits nowhere and is in progress no longer."""
        way = self._counts.way(instance)
        for step in way.waiting if way is not None else ():
            self._add("waiting", step, -1)
        if way is not None and instance not in self._completed:
            self._add("active", None, -1)
        self.forget(instance)

    def forget(self, instance: str) -> None:
        """Nothing more is said of it here."""
        self._counts.forget(instance)
        for kept in (self._led, self._took, self._completed):
            kept.pop(instance, None)

    def forget_all(self) -> None:
        """Nothing more is said of any of them."""
        self._counts.forget()
        for kept in (self._led, self._took, self._completed):
            kept.clear()

"""How many people went where: figures of one journey, counted from its trace in one pass.

A trace says where a token arrives and which branch it takes, not which step it has left by an ordinary ``next``. That
follows from the definition: a token runs on at once through all steps but the waiting ones (S8), so an arrival that
neither a branch nor the step before explains has come from a wait that leads there. Memory is held for live instances
only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import attrs

from journeys.model.entries import ConditionEntry
from journeys.model.journey import Journey, Migrate
from journeys.model.steps import MultiBranchSplit
from journeys.runtime.render.links import WAITING, links_of
from journeys.runtime.render.order import ENDS, in_order


class Way(NamedTuple):
    """How far an instance has come: where it waits, where else it was, which splits still have open branches."""

    waiting: list[str]
    others: list[str]
    branches_left: dict[str, int] | None


@attrs.define
class _Instance:
    """What must be known of a live instance; sets of steps are bits of a number, to keep it small."""

    visited: int = 0
    waiting: int = 0
    #: the (source, target) of a token that is on its way; the source is None if a branch or the entry led there
    moving: tuple[str | None, str] | None = None
    #: how many branches of a split, whose branches do not exclude each other, are still open
    branches_left: dict[str, int] | None = None
    counted: bool = True


class Counts:
    """Figures of one journey, or of one version of it.

    ``arrived`` and ``waiting`` are by step, ``taken`` and ``restarted`` by (step, branch), ``moved`` by (step, next
    step or None), ``sent``, ``skipped``, ``added`` and ``removed`` by step (None is the exit send), ``exited`` by exit
    rule (None is ``exit_after``), ``ended`` by the kind of the end.
    """

    def __init__(self, journey: Journey, version: int | None = None) -> None:
        self.journey = journey
        self.version = version
        self.entered = 0
        self.migrated_in = 0
        self.migrated_out = 0
        self.goals = 0
        self.arrived: Counter[str] = Counter()
        self.waiting: Counter[str] = Counter()
        self.taken: Counter[tuple[str, str]] = Counter()
        self.restarted: Counter[tuple[str, str]] = Counter()
        self.moved: Counter[tuple[str, str | None]] = Counter()
        self.sent: Counter[str | None] = Counter()
        self.skipped: Counter[str] = Counter()
        self.added: Counter[str] = Counter()
        self.removed: Counter[str] = Counter()
        self.exited: Counter[str | None] = Counter()
        self.ended: Counter[str] = Counter()
        self._map = _Map(journey)
        self._live: dict[str, _Instance] = {}
        self._completed: set[str] = set()

    @classmethod
    def of(cls, journey: Journey, records: Iterable[Mapping[str, Any]], version: int | None = None) -> Counts:
        """Counts the records of a trace; those of other journeys are passed over."""
        counts = cls(journey, version)
        for record in in_order(records, journey):
            counts.add(record)
        return counts

    @property
    def active(self) -> int:
        """How many instances have neither completed nor ended."""
        return self.entered + self.migrated_in - self.migrated_out - sum(self.ended.values())

    @property
    def figures(self) -> tuple[tuple[str, int], ...]:
        """The figures of the journey as a whole; those that are usually nought only if they are not."""
        always = [("entered", self.entered), ("active", self.active), ("completed", self.ended["completed"])]
        others = [(kind, self.ended[kind]) for kind in ENDS[1:]]
        moved = [("migrated in", self.migrated_in), ("migrated out", self.migrated_out), ("goal", self.goals)]
        return (*always, *((name, number) for name, number in (*others, *moved) if number))

    def add(self, record: Mapping[str, Any]) -> None:
        """Counts one record; the records of an instance must come in the order in which they happened."""
        if record.get("journey") != self.journey.key:
            return
        kind, instance = record["kind"], record["instance"]
        counted = self.version is None or record["version"] == self.version
        if kind == "migrated":
            self._migrate(record, self._of(instance, counted))
        elif kind in ENDS:
            self._end(kind, instance, record, counted)
        elif kind in ("entered", "step", "branch"):
            self._move(kind, record, self._of(instance, counted))
        elif counted:
            self._tally(kind, record)

    # what is known of an instance, for whoever keeps it elsewhere between the records

    def way(self, instance: str) -> Way | None:
        """How far an instance has come, if it has begun and not ended."""
        found = self._live.get(instance)
        if found is None:
            return None
        others = found.visited & ~found.waiting
        return Way(self._map.steps_of(found.waiting), self._map.steps_of(others), found.branches_left)

    def recall(self, instance: str, way: Way, *, counted: bool) -> None:
        """An instance has come so far."""
        waiting = self._map.bits(way.waiting)
        visited = waiting | self._map.bits(way.others)
        self._live[instance] = _Instance(visited, waiting, None, way.branches_left, counted)

    def has_completed(self, instance: str) -> None:
        """An instance has completed and stays (S10)."""
        self._completed.add(instance)

    def forget(self, instance: str | None = None) -> None:
        """Nothing more is said of this instance, or of any; the figures stay."""
        if instance is None:
            self._live.clear()
            self._completed.clear()
        else:
            self._live.pop(instance, None)
            self._completed.discard(instance)

    def leads_on(self, step: str, branch: str) -> bool:
        """Whether a step follows this branch."""
        return self._map.branches.get((step, branch)) is not None

    def _of(self, instance: str, counted: bool) -> _Instance:
        found = self._live.get(instance)
        if found is None:
            found = self._live[instance] = _Instance(counted=counted)
        return found

    def _tally(self, kind: str, record: Mapping[str, Any]) -> None:
        match kind:
            case "goal":
                self.goals += 1
            case "restarted":
                self.restarted[record["step"], record["branch"]] += 1
            case "sent":
                self.sent[record["step"]] += 1
            case "skipped":
                self.skipped[record["step"]] += 1
            case "list_added":
                self.added[record["step"]] += 1
            case "list_removed":
                self.removed[record["step"]] += 1

    def _move(self, kind: str, record: Mapping[str, Any], instance: _Instance) -> None:
        if kind == "entered":
            self.entered += instance.counted
            instance.moving = (None, self.journey.start)
        elif kind == "step":
            self._arrive(record["step"], instance)
        else:
            self._branch(record["step"], record["branch"], instance)

    def _arrive(self, step: str, instance: _Instance) -> None:
        self.arrived[step] += instance.counted
        if (source := self._source(step, instance)) is not None:
            self._leave(source, instance)
            self.moved[source, step] += instance.counted
        instance.moving = None
        bit = self._map.bit(step)
        if instance.visited & bit:
            return  # S8: the token ends here
        instance.visited |= bit
        if step in self._map.passing:
            target = self._map.passing[step]
            if target is None:
                self.moved[step, None] += instance.counted
            else:
                instance.moving = (step, target)
        elif step not in self._map.splits:
            instance.waiting |= bit
            self.waiting[step] += instance.counted

    def _source(self, step: str, instance: _Instance) -> str | None:
        if instance.moving is not None and instance.moving[1] == step:
            return instance.moving[0]
        before = (key for key in self._map.waits_before.get(step, ()) if instance.waiting & self._map.bit(key))
        strangers = (key for key in self._map.strangers if instance.waiting & self._map.bit(key))
        return next(before, next(strangers, None))

    def _branch(self, step: str, branch: str, instance: _Instance) -> None:
        self.taken[step, branch] += instance.counted
        if open_branches := self._map.parallel.get(step):
            left = instance.branches_left = instance.branches_left or {}
            left[step] = left.get(step, open_branches) - 1
        if not open_branches or left[step] == 0:
            self._leave(step, instance)
        target = self._map.branches.get((step, branch))
        instance.moving = (None, target) if target is not None else None

    def _leave(self, step: str, instance: _Instance) -> None:
        bit = self._map.bit(step)
        if instance.waiting & bit:
            instance.waiting ^= bit
            self.waiting[step] -= instance.counted

    def _end(self, kind: str, key: str, record: Mapping[str, Any], counted: bool) -> None:
        instance = self._live.pop(key, None)
        if instance is not None:
            self._drop(instance, completed=kind == "completed")
        if key in self._completed:  # S10: it had completed and stayed; the figures count it by its exit
            self._completed.discard(key)
            self.ended["completed"] -= counted
        if kind == "completed" and isinstance(self.journey.entry, ConditionEntry):
            self._completed.add(key)
        self.ended[kind] += counted
        if kind == "exited":
            self.exited[record["rule"]] += counted

    def _drop(self, instance: _Instance, completed: bool) -> None:
        for step in self._map.steps_of(instance.waiting):
            self.waiting[step] -= instance.counted
            if completed and step in self._map.last_waits:  # the one way out of a wait that leaves no record
                self.moved[step, None] += instance.counted

    def _migrate(self, record: Mapping[str, Any], instance: _Instance) -> None:
        stays = self.version is None
        self.migrated_out += not stays and record["from"] == self.version
        self.migrated_in += not stays and record["to"] == self.version
        rename = self.journey.on_previous
        renamed = rename.migrate if isinstance(rename, Migrate) and record["to"] == self.journey.version else {}
        waiting, visited = self._map.steps_of(instance.waiting), self._map.steps_of(instance.visited)
        self._drop(instance, completed=False)
        instance.counted = stays or record["to"] == self.version
        instance.waiting = self._map.bits(renamed.get(step, step) for step in waiting)
        instance.visited = self._map.bits(renamed.get(step, step) for step in visited)
        for step in self._map.steps_of(instance.waiting):
            self.waiting[step] += instance.counted


class _Map:
    """What counting needs to know of a definition, looked up by step."""

    def __init__(self, journey: Journey) -> None:
        self._bits: dict[str, int] = {}
        self._names: list[str] = []
        #: steps that pass at once, and where to
        self.passing: dict[str, str | None] = {}
        #: steps that branch at once
        self.splits: set[str] = set()
        #: waits whose way out is the end of the path
        self.last_waits: set[str] = set()
        self.waits_before: dict[str, list[str]] = {}
        self.branches: dict[tuple[str, str], str | None] = {}
        #: splits whose branches do not exclude each other, and how many they have
        self.parallel: dict[str, int] = {}
        #: steps that the trace names and the definition does not: of another version
        self.strangers: list[str] = []
        for key in sorted(journey.steps):
            self._learn(key, journey)

    def _learn(self, key: str, journey: Journey) -> None:
        self._bits[key] = 1 << len(self._names)
        self._names.append(key)
        step, waits = journey.steps[key], isinstance(journey.steps[key], WAITING)
        if isinstance(step, MultiBranchSplit) and not step.exclusive:
            self.parallel[key] = len(step.branches)
        for link in links_of(step):
            if link.branch is not None:
                self.branches.setdefault((key, link.branch), link.target)
                if not waits:
                    self.splits.add(key)
            elif not waits:
                self.passing[key] = link.target
            elif link.target is None:
                self.last_waits.add(key)
            else:
                self.waits_before.setdefault(link.target, []).append(key)

    def bit(self, step: str) -> int:
        if step not in self._bits:
            self._bits[step] = 1 << len(self._names)
            self._names.append(step)
            self.strangers.append(step)
        return self._bits[step]

    def bits(self, steps: Iterable[str]) -> int:
        return sum(set(map(self.bit, steps)))

    def steps_of(self, bits: int) -> list[str]:
        found = []
        while bits:
            low = bits & -bits
            found.append(self._names[low.bit_length() - 1])
            bits ^= low
        return found

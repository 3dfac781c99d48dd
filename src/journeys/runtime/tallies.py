"""Figures that are kept with every commit: numbers by day, which name nobody and outlive the trace.

A store adds to them in the commit that brings the records. What must be known of an instance from one commit to the
next lies in its state. In memory they are counted when somebody asks, or when records are about to be forgotten.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from journeys.engine._effects import Record
from journeys.engine._json import encode
from journeys.engine._state import Instance, ProfileState
from journeys.model.journey import Journey
from journeys.ports import TraceRow
from journeys.runtime import unique
from journeys.runtime.ledger import STOCKS, Ledger

#: microseconds of a day; days are numbered from 1970-01-01, in UTC
DAY = 86_400_000_000
#: journey, version, day, figure
Tallied = tuple[str, int, int, str]
#: the same with its number
Kept = tuple[str, int, int, str, int]
#: the one figure that is taken back: who completes a journey and then exits counts as exited
COMPLETED = ("ended", "completed")


def by_days(start: int | None, end: int | None) -> bool:
    """Whether a range begins and ends at midnight UTC, so that what is kept of its days is all of it."""
    return not any(each is not None and each % DAY for each in (start, end))


def is_whole(rows: Iterable[Kept], *, people: bool = False) -> bool:
    """Whether all that ever happened is in it: not in a store whose first records an older version has written.

    With ``people`` this is asked of the figures that count each person once, which began later: a store says of
    either that it lacks them, in a row of no journey.
    """
    return not any(not journey and (people or not figure) for journey, _, _, figure, _ in rows)


@lru_cache(maxsize=10_000)
def write_figure(name: str, key: Any, since: int | None) -> str:
    """A figure as a store keeps it; ``since`` is a day."""
    return encode([name, key] if since is None else [name, key, since])


@lru_cache(maxsize=10_000)
def read_figure(text: str) -> tuple[str, Any, int | None]:
    """Name, key, and the instant since when."""
    name, key, *since = json.loads(text)
    return name, tuple(key) if isinstance(key, list) else key, since[0] * DAY if since else None


class Tallies:
    """Counts records by day; ``find`` gives the definition of a version, ``whose`` the profile that a key leads to."""

    def __init__(self, find: Callable[[str, int], Journey], whose: Callable[[str], ProfileState]) -> None:
        self._find = find
        self._whose = whose
        self._ledger = Ledger(find, self._tell)
        self._sums: Counter[Tallied] = Counter()
        self._day = 0
        #: what is known of the person in the journey that is being counted, by version
        self._marks: dict[str, unique.Marks] = {}

    def rows(self, records: Sequence[Record]) -> tuple[list[TraceRow], dict[Tallied, int]]:
        """The records as a store keeps them, and what they add; profiles and instances note what must be known."""
        made = [(record, record.as_dict()) for record in records]
        return [_row(record, fields) for record, fields in made], self._count(made)

    def count(self, records: Iterable[Record]) -> dict[Tallied, int]:
        """What the records add; profiles and instances note what must be known of them."""
        return self._count((record, record.as_dict()) for record in records)

    def _count(self, made: Iterable[tuple[Record, dict[str, Any]]]) -> dict[Tallied, int]:
        ledger = self._ledger
        met: dict[Instance, int] = {}
        for record, fields in made:
            instance, version = record.of, record.version
            if instance is None or version is None:
                continue
            if instance not in met:
                before = fields["from"] if record.kind == "migrated" else version
                ledger.recall(instance.plan.key, before, instance.id, instance.noted)
            met[instance] = version
            self._day = record.at // DAY
            profile = self._whose(record.key)
            self._marks = _marks(profile, instance, record.key, enters=record.kind == "entered")
            ledger.add(fields, record.at)
        for instance, version in met.items():
            instance.noted = ledger.noted(instance.plan.key, version, instance.id)
        return self._taken()

    def vanished(self, profile: ProfileState, at: int) -> dict[Tallied, int]:
        """What the erasure of a profile changes: it waits nowhere any more, what it did stays counted (V6)."""
        self._day = at // DAY
        for instance in profile.instances:
            if instance.noted is not None:
                self._marks = _marks(profile, instance, profile.key)
                self._ledger.vanish(instance.plan.key, instance.plan.version, instance.id, instance.noted)
        return self._taken()

    def _tell(self, journey: str, version: int, name: str, key: Any, delta: int, since: int | None) -> None:
        began = None if since is None else since // DAY
        self._sums[journey, version, self._day, write_figure(name, key, began)] += delta
        if name in unique.ONLY_DRAWN:
            return
        is_stock = name in STOCKS
        day = 0 if is_stock else self._day if began is None else began
        returns = is_stock or ((name, key) == COMPLETED and self._find(journey, version).is_condition_based)  # S10
        for change in unique.changes(self._marks, version, unique.mark(name, key), delta, day, returns=returns):
            since_when = None if is_stock or change.day == self._day else change.day
            text = write_figure(unique.PEOPLE + name, key, since_when)
            self._sums[journey, change.version, self._day, text] += change.number

    def _taken(self) -> dict[Tallied, int]:
        taken, self._sums = self._sums, Counter()
        return {key: number for key, number in taken.items() if number}


def _marks(profile: ProfileState, instance: Instance, key: str, *, enters: bool = False) -> dict[str, unique.Marks]:
    """What is known of the person in the journey of this instance; ``key`` is that of the profile at the time.

    The person is who entered, as in a trace: an anonymous id counts apart from the user whose it became later (P2).
    """
    counted: dict[str, dict[str, dict[str, unique.Marks]]] = profile.own("counted")
    if not enters and not (key in counted and key[2:] == instance.owner):
        user, anonymous = "u:" + instance.owner, "a:" + instance.owner
        key = anonymous if user not in counted and anonymous in counted else user
    return counted.setdefault(key, {}).setdefault(instance.plan.key, {})


def _row(record: Record, fields: dict[str, Any]) -> TraceRow:
    return TraceRow(
        at=record.at,
        profile=record.profile,
        key=record.key,
        seq=record.seq,
        journey=record.journey,
        instance=record.instance,
        kind=record.kind,
        record=encode(fields),
    )

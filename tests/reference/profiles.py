"""What is known of one person, and what a merge makes of two (P2, P3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .clock import parse_duration, plus
from .conditions import Event, View
from .values import MISSING, identifier_key

Json = dict[str, Any]
NEVER = "never"  # V1 entry: entered once, for ever
INSIDE = "inside"  # V1 entry: an instance has not exited yet


@dataclass
class Wait:
    """One waiting token. `due` is the deadline of a hold or a delay; `branches` are those still open."""

    step: str
    due: int | None = None
    branches: list[int] = field(default_factory=list)
    durational: bool = False  # a delay in its `duration`, an `until` still to be read


@dataclass
class Instance:
    journey: Json
    id: str
    entered: int
    identifier: Any
    context: Json
    state: str = "live"  # live, completed, gone
    visited: set[str] = field(default_factory=set)
    waits: dict[str, Wait] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    lists: dict[str, int | None] = field(default_factory=dict)  # step -> when it is to be removed
    goal_reached: bool = False
    merged: bool = False

    @property
    def v1(self) -> bool:
        return bool(self.journey["entry"]["type"] == "condition_entry")

    @property
    def inside(self) -> bool:
        """Still in its journey: live, or a completed V1 instance (S10)."""
        return self.state == "live" or (self.state == "completed" and self.v1)

    @property
    def key(self) -> tuple[str, Any]:
        """Journey and identifier value (E3)."""
        return self.journey["key"], identifier_key(self.identifier)

    def ends_at(self) -> dict[str, int]:
        """The two deadlines of the whole instance, in the order of T6."""
        found = {}
        if self.inside and self.v1 and self.journey.get("exit_after"):
            found["exit_after"] = plus(self.entered, parse_duration(self.journey["exit_after"]))
        if self.state == "live":
            found["max_age"] = plus(self.entered, parse_duration(self.journey.get("max_age") or "P365D"))
        return found


@dataclass
class Profile:
    user_id: str | None
    anonymous_id: str | None
    clock: int
    seen: tuple[int, str] | None = None  # when and as whom it was last seen anonymously
    traits: dict[str, tuple[int, Any]] = field(default_factory=dict)  # MISSING: removed
    history: list[Event] = field(default_factory=list)  # by (timestamp, arrival)
    instances: list[Instance] = field(default_factory=list)  # by entry, also those that have ended
    marks: dict[str, int] = field(default_factory=dict)  # messageId -> when it was applied
    accepted: int = 0
    armed: dict[str, int | str] = field(default_factory=dict)  # V1 entries: since when, INSIDE, NEVER
    entered: set[str] = field(default_factory=set)  # journeys ever entered (E2)
    ends: dict[tuple[str, Any], int] = field(default_factory=dict)  # E8

    @property
    def id(self) -> str:
        shown = self.user_id if self.user_id is not None else self.anonymous_id
        assert shown is not None
        return shown

    def view(self, space: Json, context: Json | None = None) -> View:
        traits = {name: value for name, (_, value) in self.traits.items() if value is not MISSING}
        return View(space, tuple(self.history), traits, context or {})

    def write(self, name: str, value: Any, timestamp: int) -> None:
        """The latest timestamp wins, on a tie the later arrival (P3)."""
        if name not in self.traits or self.traits[name][0] <= timestamp:
            self.traits[name] = (timestamp, MISSING if value is None else value)

    def remember(self, event: Event) -> None:
        self.history.append(event)
        self.history.sort(key=lambda one: one.timestamp)  # stable: then by arrival

    def absorb(self, other: Profile) -> list[Instance]:
        """Everything of an anonymous (or earlier) profile becomes this user's (P2); what ends as merged."""
        for name, (timestamp, value) in other.traits.items():
            if name not in self.traits or self.traits[name][0] < timestamp:
                self.traits[name] = (timestamp, value)
        self.history = sorted(other.history + self.history, key=lambda one: one.timestamp)
        self.instances = sorted(self.instances + other.instances, key=lambda one: one.entered)
        for mark, at in other.marks.items():
            self.marks[mark] = max(at, self.marks.get(mark, at))
        for key, end in other.ends.items():
            self.ends[key] = max(end, self.ends.get(key, end))
        for journey, state in other.armed.items():
            self.armed[journey] = later(state, self.armed.get(journey, 0))
        self.clock = max(self.clock, other.clock)
        self.accepted += other.accepted
        self.entered |= other.entered
        if other.seen is not None and (self.seen is None or other.seen[0] > self.seen[0]):
            self.seen = other.seen
        younger, kept = [], set()
        for one in self.instances:
            if one.inside:
                if one.key in kept:
                    younger.append(one)
                kept.add(one.key)
        return younger


def later(a: int | str, b: int | str) -> int | str:
    """In the journey, or never again, on either side wins; else the later re-arming (P2)."""
    for state in (NEVER, INSIDE):
        if state in (a, b):
            return state
    assert isinstance(a, int) and isinstance(b, int)
    return max(a, b)

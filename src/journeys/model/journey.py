"""A journey: an entry, steps, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from journeys._time import Duration
from journeys.model._fields import as_tuple, check_key, counted, duration, duration_or_none, frozen_map, one_of
from journeys.model.entries import ConditionEntry, Entry, ExitRule, ExitSend, Goal
from journeys.model.steps import Step

STATUSES = ("draft", "live", "paused", "archived")


@attrs.frozen
class Migrate:
    """Instances of the previous version move over; steps that are gone or changed are mapped old to new (V2)."""

    migrate: Mapping[str, str] = attrs.field(factory=dict, converter=frozen_map)


@attrs.frozen(kw_only=True, repr=False)
class Journey:
    """A plan for engaging one customer at a time; steps refer to each other by key, ``None`` ends a path."""

    key: str = attrs.field(validator=check_key)
    name: str = attrs.field(default=attrs.Factory(lambda self: self.key, takes_self=True))
    description: str | None = None
    entry: Entry
    start: str
    steps: Mapping[str, Step] = attrs.field(converter=frozen_map)
    exit_rules: tuple[ExitRule, ...] = attrs.field(default=(), converter=as_tuple)
    exit_send: ExitSend | None = None
    goal: Goal | None = None
    exit_after: Duration | None = attrs.field(default=None, converter=duration_or_none)
    reentry_after: Duration | None = attrs.field(default=None, converter=duration_or_none)
    max_age: Duration = attrs.field(default=Duration.of("P365D"), converter=duration)
    version: int = 1
    status: str = attrs.field(default="live", validator=one_of(STATUSES))
    on_previous: str | Migrate = "drain"
    exclude_previous: bool = False

    @property
    def is_condition_based(self) -> bool:
        """Whether it is an audience-based journey ("V1")."""
        return isinstance(self.entry, ConditionEntry)

    def __repr__(self) -> str:
        named = "" if self.name == self.key else f" {self.name!r}"
        return (
            f"<Journey {self.key!r}{named} version {self.version}, {self.status}, {counted(len(self.steps), 'step')}>"
        )

"""How a profile enters a journey (section E), how it leaves (section X), and what counts as success (S11)."""

from __future__ import annotations

import attrs

from journeys._time import Duration
from journeys.model._fields import as_tuple, duration_or_none, names, one_of
from journeys.model.conditions import Condition, Filter, as_condition
from journeys.model.steps import Activation

REENTRY = ("once", "every_time")


@attrs.frozen
class EventEntry:
    """Enters on an event (E1 to E4)."""

    event: str
    where: tuple[Filter, ...] = attrs.field(default=(), converter=as_tuple)
    audience: str | None = attrs.field(default=None, kw_only=True)
    reentry: str = attrs.field(default="every_time", kw_only=True, validator=one_of(REENTRY))
    identifier: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class ConditionEntry:
    """Enters at the first instant at which the condition is true and entry is armed (E5, E6)."""

    condition: Condition = attrs.field(converter=as_condition)
    historical: bool = attrs.field(default=False, kw_only=True)


Entry = EventEntry | ConditionEntry


@attrs.frozen
class ExitRule:
    """An event that ends the instance at once (X1)."""

    key: str
    event: str
    where: tuple[Filter, ...] = attrs.field(default=(), converter=as_tuple)
    match_identifier: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class ExitSend:
    """The one delivery that goes out when one of the named exit rules ends an instance (X1)."""

    rules: tuple[str, ...] = attrs.field(converter=names)
    activation: Activation


@attrs.frozen
class Goal:
    """The event that the journey is for; recorded once per instance (S11)."""

    event: str
    where: tuple[Filter, ...] = attrs.field(default=(), converter=as_tuple)
    within: Duration | None = attrs.field(default=None, converter=duration_or_none, kw_only=True)

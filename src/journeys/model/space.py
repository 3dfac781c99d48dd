"""A space: everything the evaluator needs to know."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from journeys._time import Duration
from journeys.model._fields import (
    JSON,
    as_tuple,
    check_key,
    counted,
    duration,
    duration_or_none,
    frozen_map,
    names,
    one_of,
)
from journeys.model.conditions import Condition, Filter, as_condition
from journeys.model.journey import Journey

FORMAT = "journeys/1"
COMPUTATIONS = (
    "event_counter",
    "sum",
    "average",
    "minimum",
    "maximum",
    "most_frequent",
    "first",
    "last",
    "unique_list",
    "unique_list_count",
)


@attrs.frozen(kw_only=True)
class AudienceDefinition:
    """A named condition (P6); with destinations, each change of membership is sent."""

    key: str = attrs.field(validator=check_key)
    name: str = attrs.field(default=attrs.Factory(lambda self: self.key, takes_self=True))
    description: str | None = None
    condition: Condition = attrs.field(converter=as_condition)
    destinations: tuple[str, ...] = attrs.field(default=(), converter=names)


@attrs.frozen(kw_only=True)
class ComputedTrait:
    """A fold over events, read like any trait (P5); with destinations, each change of its value is sent."""

    key: str = attrs.field(validator=check_key)
    name: str = attrs.field(default=attrs.Factory(lambda self: self.key, takes_self=True))
    description: str | None = None
    type: str = attrs.field(validator=one_of(COMPUTATIONS))
    event: str
    where: tuple[Filter, ...] = attrs.field(default=(), converter=as_tuple)
    property: str | None = None
    within: Duration | None = attrs.field(default=None, converter=duration_or_none)
    destinations: tuple[str, ...] = attrs.field(default=(), converter=names)


@attrs.frozen
class DestinationDefinition:
    """A destination as a space names it: the type of its adapter, whether it is a list, and the adapter's options."""

    type: str
    list: bool = attrs.field(default=False, kw_only=True)
    options: Mapping[str, JSON] = attrs.field(factory=dict, converter=frozen_map, kw_only=True)


@attrs.frozen(kw_only=True)
class Retention:
    """How long ended instances, the trace and dedupe marks are kept; None keeps them (marks: ``dedupe_window``)."""

    instances: Duration | None = attrs.field(default=None, converter=duration_or_none)
    trace: Duration | None = attrs.field(default=None, converter=duration_or_none)
    marks: Duration | None = attrs.field(default=None, converter=duration_or_none)


@attrs.frozen(kw_only=True)
class Settings:
    """The same for every store and engine that runs the space; the limits of L2 each by its own name.

    A limit that is None takes the value of the profile that ``limits`` names: see ``journeys.plan.limits``.
    """

    dedupe_window: Duration = attrs.field(default=Duration.of("P7D"), converter=duration)
    allowed_lateness: Duration = attrs.field(default=Duration.of("PT0S"), converter=duration)
    max_clock_skew: Duration = attrs.field(default=Duration.of("PT5M"), converter=duration)
    limits: str = attrs.field(default="default", validator=one_of(("default", "segment")))
    retention: Retention = attrs.field(factory=Retention)
    max_live_instances: int | None = None
    max_steps: int | None = None
    max_journey_steps: int | None = None
    max_name_length: int | None = None
    max_split_branches: int | None = None
    max_hold_branches: int | None = None
    max_data_split_branches: int | None = None
    max_exit_rules: int | None = None
    max_activations: int | None = None
    max_mappings: int | None = None
    max_payload_bytes: int | None = None
    max_events_per_second: int | None = None
    max_versions: int | None = None
    max_remembered_events: int | None = None
    min_wait: Duration | None = attrs.field(default=None, converter=duration_or_none)
    max_wait: Duration | None = attrs.field(default=None, converter=duration_or_none)


@attrs.frozen(kw_only=True, repr=False)
class Space:
    """Journeys, audiences, computed traits and destinations that belong together."""

    key: str = attrs.field(default="default", validator=check_key)
    name: str | None = None
    description: str | None = None
    audiences: tuple[AudienceDefinition, ...] = attrs.field(default=(), converter=as_tuple)
    computed_traits: tuple[ComputedTrait, ...] = attrs.field(default=(), converter=as_tuple)
    destinations: Mapping[str, DestinationDefinition] = attrs.field(factory=dict, converter=frozen_map)
    journeys: tuple[Journey, ...] = attrs.field(default=(), converter=as_tuple)
    settings: Settings = attrs.field(factory=Settings)

    def __repr__(self) -> str:
        named = "" if self.name is None else f" {self.name!r}"
        kinds = {
            "journey": self.journeys,
            "audience": self.audiences,
            "computed trait": self.computed_traits,
            "destination": self.destinations,
        }
        counts = [counted(len(each), kind) for kind, each in kinds.items() if each]
        return f"<Space {self.key!r}{named}: {', '.join(counts) or 'empty'}>"

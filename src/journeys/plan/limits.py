"""The limits (L2): two profiles of them, and how a space picks one and overrides it.

A limit that is None does not limit.
"""

from __future__ import annotations

import attrs

from journeys._time import Duration
from journeys.model._fields import duration_or_none
from journeys.model.space import Settings


@attrs.frozen(kw_only=True)
class Limits:
    """How much of everything there may be; each limit bears the name of the setting that overrides it."""

    max_live_instances: int = 1000
    """Live instances of one profile over all journeys (E9)."""
    max_steps: int = 1000
    """Steps through which one unit of work may move an instance (O4)."""
    max_journey_steps: int = 10_000
    """Steps of one journey; larger than ``max_steps``, for not every step is taken at once."""
    max_condition_journey_steps: int = 10_000
    """The same for a journey with a condition entry; has no setting of its own, ``max_journey_steps`` sets both."""
    max_name_length: int = 1000
    """Characters of a name: of a journey, step, branch, audience, computed trait or space."""
    max_split_branches: int = 1000
    """Branches of a multi-branch or randomized split."""
    max_hold_branches: int = 1000
    """Branches of a hold."""
    max_data_split_branches: int = 1000
    """Branches of a data split, not counting everyone else."""
    max_exit_rules: int = 1000
    """Exit rules of one journey."""
    max_activations: int = 100
    """Activations of one send."""
    max_mappings: int = 1000
    """Fields that the mapping of one activation fills."""
    max_payload_bytes: int = 1024 * 1024
    """How much text the properties or traits of one call may carry; a larger one is rejected (O5)."""
    max_events_per_second: int | None = None
    """Events of one profile a second."""
    max_versions: int = 10_000
    """Versions of one journey."""
    max_remembered_events: int = 10_000
    """Events that must be remembered for one profile and condition."""
    min_wait: Duration | None = attrs.field(default=None, converter=duration_or_none)
    """The shortest delay or hold."""
    max_wait: Duration | None = attrs.field(default=None, converter=duration_or_none)
    """The longest delay or hold."""


#: wide, so that only mistakes meet them
DEFAULT_LIMITS = Limits()

#: those of Twilio Segment
SEGMENT_LIMITS = Limits(
    max_live_instances=25,
    max_journey_steps=50,
    max_condition_journey_steps=100,
    max_name_length=73,
    max_split_branches=5,
    max_hold_branches=9,
    max_data_split_branches=9,
    max_exit_rules=10,
    max_activations=5,
    max_mappings=100,
    max_events_per_second=25,
    max_versions=25,
    max_payload_bytes=32 * 1024,
    min_wait="PT5M",
    max_wait="P182D",
)

PROFILES = {"default": DEFAULT_LIMITS, "segment": SEGMENT_LIMITS}


def limits_of(settings: Settings) -> Limits:
    """The profile that the settings name, each limit overridden by the setting of its own name."""
    given = {field.name: getattr(settings, field.name, None) for field in attrs.fields(Limits)}
    given["max_condition_journey_steps"] = settings.max_journey_steps
    return attrs.evolve(PROFILES[settings.limits], **{name: each for name, each in given.items() if each is not None})

"""The steps of a journey (section S). Every step may have a ``name`` and a ``description``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time as clock_time
from decimal import Decimal
from typing import Any

import attrs

from journeys._time import Duration, parse_local_time
from journeys.model._fields import JSON, as_tuple, duration, duration_or_none, frozen_map, names, one_of
from journeys.model.conditions import Condition, ContextRef, Filter, TraitRef, as_condition

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CHANNELS = ("email", "sms", "whatsapp")


@attrs.frozen(kw_only=True)
class Step:
    """What all steps have: a name and a description. The base of all steps."""

    name: str | None = None
    description: str | None = None


@attrs.frozen
class WaitForCondition(Step):
    """Passes at the first instant its condition is true, at once if it is true on arrival (S1)."""

    condition: Condition = attrs.field(converter=as_condition)
    next: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class TimezoneTrait:
    """A time zone that a trait names, with a default where it names none."""

    trait: str
    default: str = "UTC"


@attrs.frozen
class LocalTime:
    """The next such local time not before arrival (S2)."""

    time: str = attrs.field()
    weekdays: tuple[str, ...] = attrs.field(default=WEEKDAYS, converter=names, kw_only=True)
    timezone: str | TimezoneTrait = attrs.field(default="UTC", kw_only=True)

    @time.validator
    def _is_local_time(self, _: Any, value: str) -> None:
        parse_local_time(value)

    @weekdays.validator
    def _are_weekdays(self, _: Any, value: tuple[str, ...]) -> None:
        if not value or len(set(value)) != len(value) or set(value) - set(WEEKDAYS):
            raise ValueError(f"weekdays must be some of {', '.join(WEEKDAYS)}, each once; got {list(value)!r}")

    @property
    def clock(self) -> clock_time:
        """The time of day."""
        return parse_local_time(self.time)


@attrs.frozen
class ContextTime:
    """The instant that a property in the journey context names, plus an offset (S2)."""

    context: tuple[str, str] = attrs.field(converter=as_tuple)
    offset: Duration = attrs.field(default=Duration(), converter=duration, kw_only=True)


@attrs.frozen
class Delay(Step):
    """Waits for a duration, then until a local time or an instant of the context; one of the two at least (S2)."""

    duration: Duration | None = attrs.field(default=None, converter=duration_or_none)
    until: LocalTime | ContextTime | None = attrs.field(default=None, kw_only=True)
    next: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class TrueFalseSplit(Step):
    """Evaluated once, on arrival (S3)."""

    condition: Condition = attrs.field(converter=as_condition)
    if_true: str | None = attrs.field(default=None, kw_only=True)
    if_false: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class ConditionBranch:
    """A branch that is taken when its condition is true."""

    name: str
    condition: Condition = attrs.field(converter=as_condition)
    next: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class MultiBranchSplit(Step):
    """Every branch waits for its own condition; with ``exclusive`` the first cancels the others (S4)."""

    branches: tuple[ConditionBranch, ...] = attrs.field(converter=as_tuple)
    exclusive: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class DataSplit(Step):
    """On arrival, the first branch in order whose condition is true, else ``everyone_else`` (S5)."""

    branches: tuple[ConditionBranch, ...] = attrs.field(converter=as_tuple)
    everyone_else: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class RandomBranch:
    """A branch that is taken by a share of the subjects: a percentage with at most two decimals (S6)."""

    name: str
    percent: int | float
    next: str | None = attrs.field(default=None, kw_only=True)

    @property
    def hundredths(self) -> int:
        """The percentage times 100, exactly; ValueError if it has more than two decimals."""
        scaled = Decimal(repr(self.percent)) * 100
        if scaled != int(scaled):
            raise ValueError(f"{self.percent} has more than two decimals")
        return int(scaled)


@attrs.frozen
class RandomizedSplit(Step):
    """A branch by hash, never by a random number (S6)."""

    branches: tuple[RandomBranch, ...] = attrs.field(converter=as_tuple)
    sticky: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class Branch:
    """A branch of a hold: an event, and filters that it must pass; ``restart`` starts the hold again (S7)."""

    name: str
    event: str
    where: tuple[Filter, ...] = attrs.field(default=(), converter=as_tuple)
    identifier: str | None = attrs.field(default=None, kw_only=True)
    restart: bool = attrs.field(default=False, kw_only=True)
    next: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class HoldUntil(Step):
    """Waits for the first event that matches a branch, at most ``max_duration`` (S7)."""

    branches: tuple[Branch, ...] = attrs.field(converter=as_tuple)
    max_duration: Duration = attrs.field(converter=duration, kw_only=True)
    timeout: str | None = attrs.field(default=None, kw_only=True)
    max_restarts: int = attrs.field(default=100, kw_only=True)


@attrs.frozen
class ProfileRef:
    """An id of the profile: ``id``, ``user_id`` or ``anonymous_id``."""

    profile: str = attrs.field(validator=one_of(("id", "user_id", "anonymous_id")))


@attrs.frozen
class Template:
    """Text with merge tags: ``{{ first_name }}`` and ``{{ context["Event"].property }}``, with or without a default."""

    template: str


def _sources(value: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """A mapping; ``trait("email")`` and ``context("Event", "path")`` stand for the references that they make."""
    if value is None:
        return None
    return frozen_map({name: source.ref() if hasattr(source, "ref") else source for name, source in value.items()})


Source = JSON | TraitRef | ContextRef | ProfileRef | Template


def _context(value: str | tuple[str, ...] | list[str]) -> str | tuple[str, ...]:
    return value if value == "all" else names(value)


@attrs.frozen
class Activation:
    """What is sent to one destination: Segment's own payload, or the mapped object and nothing else.

    ``destination_key`` is the key under which the destination knows it, made of the keys of journey and step if it is
    not given: a step or journey that is renamed keeps the one it had (V4).
    """

    destination: str
    event: str | None = attrs.field(default=None, kw_only=True)
    call: str = attrs.field(default="track", kw_only=True, validator=one_of(("track", "identify")))
    traits: tuple[str, ...] = attrs.field(default=(), converter=names, kw_only=True)
    context: str | tuple[str, ...] = attrs.field(default="all", converter=_context, kw_only=True)
    mapping: Mapping[str, Source] | None = attrs.field(default=None, converter=_sources, kw_only=True)
    destination_key: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class SendToDestination(Step):
    """One delivery per activation, then goes on at once (S9)."""

    activations: tuple[Activation, ...] = attrs.field(converter=as_tuple)
    next: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class ShowAd(Step):
    """Adds the profile to a list, and takes it off ``remove_after`` later, or when the instance ends early (S9)."""

    destination: str
    remove_after: Duration | None = attrs.field(default=None, converter=duration_or_none, kw_only=True)
    next: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class SendMessage(Step):
    """A channel message, for those subscribed on the channel or for everyone (S9)."""

    channel: str = attrs.field(validator=one_of(CHANNELS))
    destination: str
    template: Mapping[str, JSON] = attrs.field(converter=frozen_map, kw_only=True)
    to: str = attrs.field(default="subscribed", validator=one_of(("subscribed", "everyone")), kw_only=True)
    next: str | None = attrs.field(default=None, kw_only=True)


#: the fields of a step that may name the step after it; a branch names its own
EXITS = ("next", "if_true", "if_false", "timeout", "everyone_else")

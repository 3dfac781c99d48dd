"""How a profile enters: on an event (E1 to E4, E8), or when a condition is true (E5, E6); and why not (E9, V3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from journeys._time import format_instant
from journeys.engine._state import (
    ARMED,
    ENDED,
    INSIDE,
    LIVE,
    REARMING,
    UNARMED,
    EntryState,
    Instance,
    ProfileState,
    end_key,
)
from journeys.plan.plan import JourneyPlan
from journeys.plan.values import NEVER, compact, equal, find, identity

if TYPE_CHECKING:
    from journeys.engine._advance import Engine

#: an identifier is no longer than this, as text (E3)
MAX_IDENTIFIER = 150


def enter_on_event(
    engine: Engine, journey: JourneyPlan, properties: Mapping[str, Any], timestamp: int, cause: Any, late: bool
) -> bool:
    """An entry event has come; says whether the profile entered (E1 to E4)."""
    profile = engine.profile
    if journey.entry_matches is not None and not journey.entry_matches(properties, profile, None, engine.now):
        return False
    if journey.entry_audience is not None and not journey.entry_audience.holds(profile, None, engine.now):
        return False
    identifier = None
    if journey.identifier is not None:
        identifier = find(properties, journey.identifier)
        if not (type(identifier) is str and len(identifier) <= MAX_IDENTIFIER) and not is_identifier(identifier):
            engine.effects.counters["missing_identifier"] += 1
            return False
    if (profile.instances or profile.been) and not _may_enter(engine, journey, identifier):
        return False
    if late:  # E8
        end = profile.ends.get(end_key(journey.key, identifier))
        if end is not None and timestamp <= end and end > engine.plan.dedupe_window.before(engine.now):
            engine.effects.counters["late_entries"] += 1
            return False
    most = engine.plan.limits.max_live_instances
    if len(profile.instances) >= most and profile.live >= most:  # E9
        engine.effects.counters["too_many_instances"] += 1
        return False
    instance = _new_instance(engine, journey, cause, identifier)
    assert journey.entry_event is not None
    instance.context = {journey.entry_event: properties}
    if engine.effects.traces:
        fields = None if journey.identifier is None else {"identifier": identifier}
        engine.effects.record(engine.now, profile, instance, "entered", fields)
    engine.run(instance, journey.start)
    return True


def _may_enter(engine: Engine, journey: JourneyPlan, identifier: Any) -> bool:
    profile = engine.profile
    if journey.once and any(key == journey.key for key, _ in profile.been):  # E2
        return False
    if journey.exclude_previous and _was_in_earlier_version(profile, journey):  # V3
        return False
    among = profile.instances
    if profile.crowd is not None and journey.identifier is not None and journey.reentry_after is None:
        among = profile.crowd.named(journey.key, identifier)
    for instance in among:
        if instance.status != LIVE or instance.plan.key != journey.key:
            continue
        if journey.identifier is None or equal(instance.identifier, identifier):  # E3, E4
            return False
        if journey.reentry_after is not None and instance.plan is not journey:  # V3
            return False
    return True


def _new_instance(engine: Engine, journey: JourneyPlan, cause: Any, identifier: Any) -> Instance:
    profile = engine.profile
    profile.order += 1
    instance = Instance(journey, profile.id, cause, identifier, engine.now, profile.order)
    profile.add(instance)
    profile.remember_journey(journey)
    return instance


def consider(engine: Engine, journey: JourneyPlan) -> bool:
    """A condition entry at this instant (E5, E6); says whether the profile entered."""
    profile, now = engine.profile, engine.now
    condition = journey.condition
    assert condition is not None
    label = journey.entry_label
    state = profile.entries.get(label)
    status = ARMED if state is None else state.status
    if status == REARMING and state is not None and state.at <= now:
        status = ARMED
    if not journey.accepts:
        if status == ARMED and state is not None:
            _set_entry(profile, label, ARMED, NEVER)
        return False
    if status not in (ARMED, UNARMED):
        return False
    holds = condition.holds(profile, None, now)
    if status == ARMED and holds:
        return _enter_on_condition(engine, journey, label)
    _set_entry(profile, label, UNARMED if holds else ARMED, condition.flip(profile, None, now))
    _unblock(engine, label)
    return False


def _enter_on_condition(engine: Engine, journey: JourneyPlan, label: str) -> bool:
    profile = engine.profile
    if journey.exclude_previous and _was_in_earlier_version(profile, journey):  # V3
        return False
    if any(
        each.plan.key == journey.key and each.status != ENDED and each.plan.entry_label == label
        for each in profile.instances
    ):
        return False
    if profile.live >= engine.plan.limits.max_live_instances:  # E9: it stays armed
        if label not in profile.blocked:
            engine.effects.counters["too_many_instances"] += 1
            profile.blocked = (*profile.blocked, label)
        assert journey.condition is not None
        _set_entry(profile, label, ARMED, journey.condition.flip(profile, None, engine.now))
        return False
    _unblock(engine, label)
    _set_entry(profile, label, INSIDE, NEVER)
    instance = _new_instance(engine, journey, format_instant(engine.now), None)
    engine.effects.record(engine.now, profile, instance, "entered")
    engine.run(instance, journey.start)
    return True


def _unblock(engine: Engine, label: str) -> None:
    profile = engine.profile
    if label in profile.blocked:
        profile.blocked = tuple(each for each in profile.blocked if each != label)


def _set_entry(profile: ProfileState, label: str, status: str, at: int) -> None:
    if status == ARMED and at == NEVER:
        if label in profile.entries:
            del profile.entries[label]
        return
    state = profile.entries.get(label)
    if state is None:
        profile.own("entries")[label] = EntryState(status, at)
    else:
        state.status, state.at = status, at


def is_identifier(value: Any) -> bool:
    """Whether it identifies an instance: no null, object or list, and not too long (E3)."""
    if identity(value) is None:
        return False
    if type(value) is str:
        return len(value) <= MAX_IDENTIFIER
    return len(compact(value)) <= MAX_IDENTIFIER


def _was_in_earlier_version(profile: ProfileState, journey: JourneyPlan) -> bool:
    return any(key == journey.key and version < journey.version for key, version in profile.been)

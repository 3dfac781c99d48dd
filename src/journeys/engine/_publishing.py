"""What publishing, pausing and archiving a journey means for one profile (section V, E5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from journeys.engine import _leaving
from journeys.engine._advance import Engine
from journeys.engine._state import (
    ARMED,
    ENDED,
    INSIDE,
    LIVE,
    UNARMED,
    EntryState,
    Instance,
    ProfileState,
)
from journeys.engine._steps import condition_of
from journeys.plan.plan import AdPlan, JourneyPlan, MultiBranchPlan, Plan, WaitPlan
from journeys.plan.values import NEVER


def begin(engine: Engine, profile: ProfileState, at: int, watermark: int) -> None:
    """The profile comes to the instant of the change: what is due before it happens first."""
    at = max(at, profile.clock, watermark)
    engine.advance(profile, watermark)
    while profile.due < at:
        engine.advance(profile, profile.due)
    engine.visit(profile, at)


def arm(engine: Engine, profile: ProfileState, journey: JourneyPlan, *, is_new: bool) -> None:
    """A condition entry is published, or goes on after a pause: who meets it already does not enter (E5).

    A historical entry that is published sees what was backfilled, and is armed at once.
    """
    condition = journey.condition
    if condition is None:
        return
    label = journey.entry_label
    state = profile.entries.get(label)
    if state is not None and state.status not in (ARMED, UNARMED):
        return
    is_inside = any(each.plan.key == journey.key and each.status != ENDED for each in profile.instances)
    if is_inside and journey.reentry_after is not None:  # V3: only after it has left the old version
        profile.own("entries")[label] = EntryState(INSIDE)
        return
    holds = condition.holds(profile, None, engine.now)
    status = UNARMED if holds and not (is_new and journey.historical) else ARMED
    at = condition.flip(profile, None, engine.now)
    if status == ARMED and at == NEVER:
        profile.own("entries").pop(label, None)
    else:
        profile.own("entries")[label] = EntryState(status, at)


def fill_from_history(profile: ProfileState, plan: Plan, scope: str) -> None:
    """Features that a historical entry begins with see the events that were backfilled before (C4).

    What only came live before they have missed; it is noted, for it may be backfilled yet.
    """
    missed = {each: at for each, at in profile.marks.items() if not profile.has_backfilled(each)}
    if missed:
        profile.own("missed")[scope] = missed
    for key, feature in plan.features.items():
        if not key.endswith(scope) or key in profile.cells:
            continue
        for timestamp, _, event, properties in profile.history:
            if event == feature.event and (feature.test is None or feature.test(properties)):
                cell = profile.own("cells").setdefault(key, feature.new())
                feature.add(cell, timestamp, properties, max(profile.clock, timestamp))


def archive(engine: Engine, profile: ProfileState, journey: JourneyPlan) -> None:
    """The instances of this version end as ``archived``, for good (V1); a version in its place is open at once (V3).

    Those that have ended before take part no longer: no goal is named any more (O7), and lists are left now that
    nothing of the version comes due.
    """
    for instance in tuple(profile.instances):
        if instance.plan is not journey:
            continue
        instance.goal_open = False
        if instance.status == ENDED:
            _leaving.let_go(engine, instance)
            continue
        _leaving.end(engine, instance, "archived")
        if journey.reentry_after is not None:
            profile.own("entries").pop(journey.entry_label, None)


def migrate(
    engine: Engine, profile: ProfileState, old: JourneyPlan, new: JourneyPlan, steps: Mapping[str, str]
) -> None:
    """The instances of the old version move to the new one, step by step key (V2)."""
    for instance in profile.instances:
        if instance.plan is not old or instance.status == ENDED:
            continue
        for key in instance.lists:  # a list that the new version does not keep is left (S9)
            before, after = old.steps[key], new.steps.get(steps.get(key, key))
            assert isinstance(before, AdPlan)
            if not isinstance(after, AdPlan) or after.destination != before.destination:
                _leaving.leave_list(engine, instance, before)
        rebind(instance, new, steps)
        instance.exit_at = (
            NEVER if new.exit_after is None else max(new.exit_after.after(instance.entered_at), engine.now)
        )
        if instance.status == LIVE:
            instance.expires_at = max(new.max_age.after(instance.entered_at), engine.now)
        instance.goal_open = new.goal is not None and (instance.goal_open or old.goal is None)
        fields = {"from": old.version, "to": new.version}
        engine.effects.record(engine.now, profile, instance, "migrated", fields)
        profile.remember_journey(new)
        for wait in instance.waits:
            if not wait.removal and isinstance(wait.step, (WaitPlan, MultiBranchPlan)):
                wait.due = condition_of(wait).flip(profile, instance.context, engine.now)
        instance.settle_due()
    for label in (old.entry_label,):
        if label in profile.entries and profile.entries[label].status == INSIDE:
            profile.entries[new.entry_label] = profile.entries.pop(label)


def rebind(instance: Instance, journey: JourneyPlan, steps: Mapping[str, str] | None = None) -> None:
    """The instance goes on under another compilation of its journey, or another version."""
    names = steps or {}
    visited = [key for key, step in instance.plan.steps.items() if instance.visited & step.bit]
    instance.plan = journey
    instance.visited = 0
    for key in visited:
        step = journey.steps.get(names.get(key, key))
        if step is not None:
            instance.visited |= step.bit
    instance.lists = tuple(names.get(key, key) for key in instance.lists if names.get(key, key) in journey.steps)
    kept = []
    for wait in instance.waits:
        step = journey.steps.get(names.get(wait.step.key, wait.step.key))
        if step is None or (isinstance(step, MultiBranchPlan) and wait.branch >= len(step.branches)):
            continue
        wait.step = step
        kept.append(wait)
    instance.waits = kept


def steps_held(profile: ProfileState, journey: JourneyPlan) -> list[str]:
    """The keys of the steps at which instances of this version wait, once for each instance."""
    return [
        key
        for instance in profile.instances
        if instance.plan is journey and instance.status != ENDED
        for key in {wait.step.key for wait in instance.waits}
    ]


def backfill(
    engine: Engine, profile: ProfileState, message_id: str | None, event: str, properties: Any, at: int
) -> bool:
    """Remembers an event of the past where audiences, computed traits and historical entries see it (C4).

    Answers False if it was accepted before, live or by backfill: a call that comes both ways counts once.
    """
    if message_id is not None and profile.has_backfilled(message_id):
        return False
    if message_id is not None and message_id in profile.marks:
        # it came live: what was there then has counted it, a historical entry that began later has not
        profile.own("history").append([at, message_id, event, properties])
        marked = profile.marks[message_id]
        scopes = tuple(scope for scope, missed in profile.missed.items() if missed.get(message_id) == marked)
        if scopes:
            _remember(engine, profile, event, properties, at, lambda key: key.endswith(scopes))
        return False
    profile.own("history").append([at, message_id, event, properties])
    _remember(engine, profile, event, properties, at, lambda key: "+" not in key or key.endswith("h"))
    return True


def _remember(
    engine: Engine, profile: ProfileState, event: str, properties: Any, at: int, sees: Callable[[str], bool]
) -> None:
    route = engine.plan.routes.get(event)
    for feature in route.features if route is not None else ():
        if sees(feature.key) and (feature.test is None or feature.test(properties)):
            cell = profile.own("cells").setdefault(feature.key, feature.new())
            feature.add(cell, at, properties, max(profile.clock, at))

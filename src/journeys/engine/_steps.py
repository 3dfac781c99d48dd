"""What each step does: when a token arrives, when an event is offered, when a deadline comes (section S)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from journeys._time import next_local_time, value_instant, zone
from journeys.engine import _leaving
from journeys.engine._payloads import change_list, send_activation, send_message
from journeys.engine._state import LIVE, Instance, Wait
from journeys.plan.conditions import Condition
from journeys.plan.plan import (
    AdPlan,
    DelayPlan,
    HoldPlan,
    MessagePlan,
    MultiBranchPlan,
    RandomPlan,
    SendPlan,
    SplitPlan,
    StepPlan,
    WaitPlan,
)
from journeys.plan.values import ABSENT, equal, find

if TYPE_CHECKING:
    from journeys.engine._advance import Engine

Arrive = Callable[["Engine", Instance, Any], StepPlan | None]


def move(engine: Engine, instance: Instance, step: StepPlan | None) -> None:
    """A token runs, depth first, until it waits or ends (S8)."""
    while step is not None and instance.status == LIVE:
        if instance.plan.may_run_away and _runs_away(engine, instance):
            return
        if engine.effects.traces:
            engine.effects.record(engine.now, engine.profile, instance, "step", step.fields)
        if instance.visited & step.bit:
            return
        instance.visited |= step.bit
        step = _ARRIVE[type(step)](engine, instance, step)


def _runs_away(engine: Engine, instance: Instance) -> bool:
    """O4: more than ``max_steps`` steps in one unit of work end the instance as failed."""
    if instance.unit != engine.unit:
        instance.unit, instance.moves = engine.unit, 0
    instance.moves += 1
    if instance.moves <= engine.plan.limits.max_steps:
        return False
    engine.effects.counters["failed"] += 1
    _leaving.end(engine, instance, "failed", {"error": "RunawayJourney"})
    return True


# arriving: each gives the step to go on with, or None where the token waits or ends


def _arrive_wait(engine: Engine, instance: Instance, step: WaitPlan) -> StepPlan | None:
    profile, now = engine.profile, engine.now
    if step.condition.holds(profile, instance.context, now):
        return step.next
    instance.waits.append(Wait(step, step.condition.flip(profile, instance.context, now)))
    return None


def _arrive_delay(engine: Engine, instance: Instance, step: DelayPlan) -> StepPlan | None:
    if step.duration is not None:
        instance.waits.append(Wait(step, step.duration.after(engine.now)))
        return None
    return _delay_until(engine, instance, step)


def _delay_until(engine: Engine, instance: Instance, step: DelayPlan) -> StepPlan | None:
    """The second phase of a delay; zone and context are read now (S2)."""
    at = _instant_of_delay(engine, instance, step)
    if at is None or at < engine.now or (at == engine.now and step.instant is None):
        return step.next
    if at == engine.now:
        return step.next
    instance.waits.append(Wait(step, at, count=1))
    return None


def _instant_of_delay(engine: Engine, instance: Instance, step: DelayPlan) -> int | None:
    if step.instant is not None:
        at = value_instant(step.instant.get(engine.profile, instance.context, engine.now))
        if at is None:
            engine.effects.counters["missing_value"] += 1
            return None
        return step.offset.after(at)
    if step.clock is None:
        return None
    name = step.zone_trait.get(engine.profile, None, engine.now) if step.zone_trait is not None else None
    tz = (zone(name) if isinstance(name, str) else None) or zone(step.default_zone) or zone("UTC")
    assert tz is not None
    return next_local_time(engine.now, step.clock, step.weekdays, tz)


def _arrive_split(engine: Engine, instance: Instance, step: SplitPlan) -> StepPlan | None:
    for name, condition, target in step.branches:
        if condition.holds(engine.profile, instance.context, engine.now):
            return _take(engine, instance, step, name, target)
    return _take(engine, instance, step, *step.otherwise)


def _take(engine: Engine, instance: Instance, step: StepPlan, branch: str, target: StepPlan | None) -> StepPlan | None:
    engine.effects.record(engine.now, engine.profile, instance, "branch", {"step": step.key, "branch": branch})
    return target


def _arrive_multi_branch(engine: Engine, instance: Instance, step: MultiBranchPlan) -> StepPlan | None:
    profile, now = engine.profile, engine.now
    if step.exclusive:
        for name, condition, target in step.branches:
            if condition.holds(profile, instance.context, now):
                return _take(engine, instance, step, name, target)
    for index, (name, condition, target) in enumerate(step.branches):
        if not step.exclusive and condition.holds(profile, instance.context, now):
            move(engine, instance, _take(engine, instance, step, name, target))
            if instance.status != LIVE:
                return None
        else:
            instance.waits.append(Wait(step, condition.flip(profile, instance.context, now), index))
    return None


def _arrive_random(engine: Engine, instance: Instance, step: RandomPlan) -> StepPlan | None:
    subject = engine.profile.id if step.sticky else instance.id
    digest = blake2b(step.prefix + subject.encode("utf-8", "surrogatepass")).digest()
    place = int.from_bytes(digest[:8], "big") * 10_000
    for name, cumulated, target in step.branches:
        if place < cumulated << 64:
            return _take(engine, instance, step, name, target)
    raise AssertionError("percentages sum to 100")


def _arrive_hold(engine: Engine, instance: Instance, step: HoldPlan) -> StepPlan | None:
    now, micros = engine.now, step.max_micros
    wait = Wait(step, now + micros if micros else step.max_duration.after(now))
    if instance.waits:
        instance.waits.append(wait)
    else:
        instance.waits = [wait]
    return None


def _arrive_send(engine: Engine, instance: Instance, step: SendPlan) -> StepPlan | None:
    for activation in step.activations:
        send_activation(engine.space, engine.profile, instance, step.key, activation, engine.now, engine.effects)
    return step.next


def _arrive_ad(engine: Engine, instance: Instance, step: AdPlan) -> StepPlan | None:
    profile, now = engine.profile, engine.now
    instance.lists = (*instance.lists, step.key)
    profile.own("lists").setdefault(step.destination, []).append(f"{instance.id}/{step.key}")
    fields = {"step": step.key, "destination": step.destination}
    engine.effects.record(now, profile, instance, "list_added", fields)
    change_list(profile, instance, step, "add", now, engine.effects)
    if step.remove_after is not None:
        instance.waits.append(Wait(step, step.remove_after.after(now), removal=True))
    return step.next


def _arrive_message(engine: Engine, instance: Instance, step: MessagePlan) -> StepPlan | None:
    profile, now = engine.profile, engine.now
    if step.subscription is not None and step.subscription.get(profile, None, now) != "subscribed":
        fields = {"step": step.key, "reason": "not_subscribed"}
        engine.effects.record(now, profile, instance, "skipped", fields)
    else:
        send_message(profile, instance, step, now, engine.effects)
    return step.next


_ARRIVE: dict[type[StepPlan], Arrive] = {
    WaitPlan: _arrive_wait,
    DelayPlan: _arrive_delay,
    SplitPlan: _arrive_split,
    MultiBranchPlan: _arrive_multi_branch,
    RandomPlan: _arrive_random,
    HoldPlan: _arrive_hold,
    SendPlan: _arrive_send,
    AdPlan: _arrive_ad,
    MessagePlan: _arrive_message,
}


# an event is offered to a hold


def offer(engine: Engine, instance: Instance, wait: Wait, name: str, properties: Mapping[str, Any]) -> None:
    """The first branch that matches takes the token, or starts the hold again (S7)."""
    step = wait.step
    assert isinstance(step, HoldPlan)
    for branch in step.branches[name]:
        if branch.property is not None:
            value = properties.get(branch.property, ABSENT)
            identifier = instance.identifier
            if value != identifier or (type(value) is not str and not equal(identifier, value)):
                continue
        elif branch.identifier is not None and not equal(instance.identifier, find(properties, branch.identifier)):
            continue
        if branch.matches is not None and not branch.matches(properties, engine.profile, instance.context, engine.now):
            continue
        if branch.restart and wait.count >= step.max_restarts:
            engine.effects.counters["max_restarts"] += 1
            return
        instance.context[branch.alias] = properties
        if branch.restart:
            wait.count += 1
            now, micros = engine.now, step.max_micros
            wait.due = now + micros if micros else step.max_duration.after(now)
            if engine.effects.traces:
                engine.effects.record(now, engine.profile, instance, "restarted", branch.fields)
            instance.settle_due()
        else:
            instance.waits.remove(wait)
            if engine.effects.traces:
                engine.effects.record(engine.now, engine.profile, instance, "branch", branch.fields)
            engine.run(instance, branch.next)
        return


# a condition has become true, or a deadline has come


def condition_of(wait: Wait) -> Condition:
    """The condition that a token waits for."""
    step = wait.step
    if isinstance(step, MultiBranchPlan):
        return step.branches[wait.branch][1]
    assert isinstance(step, WaitPlan)
    return step.condition


def pass_condition(engine: Engine, instance: Instance, wait: Wait) -> None:
    """The token goes on; an exclusive split forgets its other branches (S1, S4)."""
    step = wait.step
    instance.waits.remove(wait)
    target = step.next
    if isinstance(step, MultiBranchPlan):
        name, _, target = step.branches[wait.branch]
        if step.exclusive:
            instance.waits = [each for each in instance.waits if each.step is not step]
        _take(engine, instance, step, name, target)
    engine.run(instance, target)


def fire(engine: Engine, instance: Instance, wait: Wait) -> None:
    """A deadline does its own step (O3)."""
    step = wait.step
    if wait.removal:
        instance.waits.remove(wait)
        assert isinstance(step, AdPlan)
        _leaving.leave_list(engine, instance, step)
        _leaving.forget_if_done(engine.profile, instance)
    elif isinstance(step, HoldPlan):
        instance.waits.remove(wait)
        if engine.effects.traces:
            engine.effects.record(engine.now, engine.profile, instance, "branch", step.timeout_fields)
        engine.run(instance, step.timeout)
    elif isinstance(step, DelayPlan):
        instance.waits.remove(wait)
        has_second_phase = wait.count == 0 and (step.clock is not None or step.instant is not None)
        engine.run(instance, _delay_until(engine, instance, step) if has_second_phase else step.next)
    else:
        condition = condition_of(wait)
        if condition.holds(engine.profile, instance.context, engine.now):
            pass_condition(engine, instance, wait)
        else:
            wait.due = condition.flip(engine.profile, instance.context, engine.now)

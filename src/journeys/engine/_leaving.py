"""How an instance ends: completed, by an exit rule, by age, or otherwise (sections S10 and X)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from journeys.engine._payloads import change_list, send_activation
from journeys.engine._state import (
    COMPLETED,
    ENDED,
    INSIDE,
    NEVERMORE,
    REARMING,
    EntryState,
    Instance,
    ProfileState,
    end_key,
)
from journeys.plan.plan import AdPlan, ExitRulePlan
from journeys.plan.values import NEVER

if TYPE_CHECKING:
    from journeys.engine._advance import Engine


def complete(engine: Engine, instance: Instance) -> None:
    """The last token has ended; a condition-based instance stays in its journey until it exits (S10)."""
    if engine.effects.traces:
        engine.effects.record(engine.now, engine.profile, instance, "completed")
    if instance.plan.is_condition_based:
        instance.leave(COMPLETED)
    else:
        _note_end(engine, instance)
        forget_if_done(engine.profile, instance)


def exit_by_rule(
    engine: Engine, instance: Instance, rule: ExitRulePlan, event: str, properties: Mapping[str, Any]
) -> None:
    """An exit rule matches: ``exited``, then the exit send, then the lists are left (X1)."""
    instance.context[event] = properties
    end(engine, instance, "exited", {"rule": rule.key}, sends=rule.sends)


def exit_by_age(engine: Engine, instance: Instance) -> None:
    """``exit_after`` has passed since the entry (X2)."""
    end(engine, instance, "exited", {"rule": None})


def end(engine: Engine, instance: Instance, kind: str, fields: Any = None, *, sends: bool = False) -> None:
    """Ends an instance in any way but completion: waits are cancelled, lists are left (X3)."""
    engine.effects.record(engine.now, engine.profile, instance, kind, fields)
    if sends and instance.plan.exit_send is not None:
        send_activation(
            engine.space, engine.profile, instance, None, instance.plan.exit_send, engine.now, engine.effects
        )
    if kind == "merged":
        instance.leave(ENDED)
        instance.goal_open = False
    else:
        _note_end(engine, instance)
    let_go(engine, instance)


def let_go(engine: Engine, instance: Instance) -> None:
    """Nothing of an instance that has ended comes due any more, and it is on no list (X3)."""
    for key in sorted(instance.lists):
        step = instance.plan.steps[key]
        assert isinstance(step, AdPlan)
        leave_list(engine, instance, step)
    instance.waits = []
    instance.settle_due()
    forget_if_done(engine.profile, instance)


def leave_list(engine: Engine, instance: Instance, step: AdPlan) -> None:
    """Takes the profile off a list; the destination hears of it when no instance holds the profile there (S9)."""
    profile = engine.profile
    if step.key not in instance.lists:
        return
    instance.lists = tuple(key for key in instance.lists if key != step.key)
    holders = profile.lists.get(step.destination, [])
    holder = f"{instance.id}/{step.key}"
    if holder in holders:
        holders.remove(holder)
    fields = {"step": step.key, "destination": step.destination}
    engine.effects.record(engine.now, profile, instance, "list_removed", fields)
    if not holders:
        if step.destination in profile.lists:
            del profile.lists[step.destination]
        change_list(profile, instance, step, "remove", engine.now, engine.effects)


def _note_end(engine: Engine, instance: Instance) -> None:
    """Remembers the end for late entry events (E8), and when a condition entry is armed again (E6)."""
    profile, plan = engine.profile, instance.plan
    instance.leave(ENDED)
    instance.expires_at = engine.now  # from now on: when it ended, for its retention
    if plan.condition is None:
        ends = profile.own("ends")
        if len(ends) >= 16 and len(ends) & (len(ends) - 1) == 0:  # now and then, and ever more seldom
            horizon = engine.plan.dedupe_window.before(engine.now)
            for old in [key for key, at in ends.items() if at <= horizon]:
                del ends[old]
        ends[end_key(plan.key, instance.identifier)] = engine.now
    elif plan.reentry_after is not None:
        profile.own("entries")[plan.key] = EntryState(REARMING, plan.reentry_after.after(engine.now))
    else:
        entries = profile.own("entries")
        entries[plan.label] = EntryState(NEVERMORE, NEVER)
        waiting = entries.get(plan.key)
        if waiting is not None and waiting.status == INSIDE:  # V3: a newer version waited for this exit
            entries[plan.key] = EntryState(REARMING, engine.now)


def forget_if_done(profile: ProfileState, instance: Instance) -> None:
    """An instance that has ended, whose goal is decided and that has no removal due, is forgotten."""
    if instance.status == ENDED and not instance.goal_open and not instance.waits:
        profile.remove(instance)

"""A journey as a whole: its entry, its steps, how it is left, and how large it may be."""

from __future__ import annotations

import attrs

from journeys.codec.problems import Report, element, member
from journeys.errors import nearest
from journeys.model.entries import ConditionEntry, Entry
from journeys.model.journey import Journey, Migrate
from journeys.plan.checks.conditions import Scope, check_audience, check_condition, check_filters
from journeys.plan.checks.durations import check_positive
from journeys.plan.checks.graph import check_paths, check_step
from journeys.plan.checks.steps import Surroundings, check_activation, check_number, check_step_itself
from journeys.plan.limits import Limits

RESERVED = "exit"


def check_journey(journey: Journey, path: str, around: Surroundings, report: Report) -> None:
    """Everything about one journey."""
    check_name(journey.name, member(path, "name"), around.limits, report)
    for name in ("exit_after", "reentry_after", "max_age"):
        check_positive(getattr(journey, name), member(path, name), report)
    _check_entry(journey.entry, member(path, "entry"), around.scope.outside("an entry"), report)
    inside = attrs.evolve(around, scope=around.scope.in_journey())
    _check_steps(journey, path, inside, report)
    check_paths(journey, path, report)
    _check_ways_out(journey, path, inside, report)
    if isinstance(journey.on_previous, Migrate):
        for old, new in journey.on_previous.migrate.items():
            at = member(f"{path}.on_previous.migrate", old)
            check_step(new, journey.steps.keys(), at, report)


def _check_entry(entry: Entry, path: str, scope: Scope, report: Report) -> None:
    if isinstance(entry, ConditionEntry):
        check_condition(entry.condition, member(path, "condition"), scope, report)
        return
    check_filters(entry.where, member(path, "where"), scope, report)
    if entry.audience is not None:
        check_audience(entry.audience, member(path, "audience"), scope, report)


def _check_steps(journey: Journey, path: str, around: Surroundings, report: Report) -> None:
    limits = around.limits
    most = limits.max_condition_journey_steps if journey.is_condition_based else limits.max_journey_steps
    check_number(journey.steps, "steps", path, most, report)
    for key, step in journey.steps.items():
        at = member(path + ".steps", key)
        if key == RESERVED:
            report.add("reserved_key", at, f"the step key {key!r} stands for the exit send", hint="call it otherwise")
        check_name(step.name, member(at, "name"), limits, report)
        for index, branch in enumerate(getattr(step, "branches", ())):
            check_name(branch.name, member(element(member(at, "branches"), index), "name"), limits, report)
        check_step_itself(step, at, around, report)


def _check_ways_out(journey: Journey, path: str, around: Surroundings, report: Report) -> None:
    keys: list[str] = []
    check_number(journey.exit_rules, "exit_rules", path, around.limits.max_exit_rules, report, least=0)
    for index, rule in enumerate(journey.exit_rules):
        at = element(member(path, "exit_rules"), index)
        if rule.key in keys:
            hint = "give each exit rule a key of its own"
            report.add("duplicate_key", member(at, "key"), f"two exit rules have the key {rule.key!r}", hint=hint)
        keys.append(rule.key)
        check_filters(rule.where, member(at, "where"), around.scope, report)
    if journey.exit_send is not None:
        at = member(path, "exit_send")
        check_number(journey.exit_send.rules, "rules", at, None, report)
        for index, key in enumerate(journey.exit_send.rules):
            if key not in keys:
                hint = nearest(key, keys) or "define it under exit_rules"
                where = element(member(at, "rules"), index)
                report.add("unknown_exit_rule", where, f"there is no exit rule {key!r}", hint=hint, got=key)
        check_activation(journey.exit_send.activation, member(at, "activation"), around, report)
    if journey.goal is not None:
        check_filters(journey.goal.where, f"{path}.goal.where", around.scope, report)
        check_positive(journey.goal.within, f"{path}.goal.within", report)


def check_name(name: str | None, path: str, limits: Limits, report: Report) -> None:
    """The name is not longer than the limits allow (L2)."""
    if name is not None and len(name) > limits.max_name_length:
        report.add(
            "too_long",
            path,
            f"a name of {len(name)} characters, and the limits allow {limits.max_name_length}",
            hint="shorten it, or raise max_name_length in the settings",
            expected=f"at most {limits.max_name_length} characters",
            got=str(len(name)),
        )

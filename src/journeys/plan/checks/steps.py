"""Single steps (section S): what each kind must say, what it sends, and how large it may be."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import attrs

from journeys.codec import dump
from journeys.codec.problems import Report, element, member, shown
from journeys.errors import nearest
from journeys.model import steps as s
from journeys.model.conditions import ContextRef
from journeys.model.space import DestinationDefinition
from journeys.plan.checks.conditions import Scope, check_condition, check_filters
from journeys.plan.checks.durations import check_positive, check_wait
from journeys.plan.checks.graph import check_branch_names
from journeys.plan.limits import Limits
from journeys.plan.templates import TAGS, merge_tags, parse_tag


@attrs.frozen
class Surroundings:
    """What a step stands in."""

    scope: Scope
    destinations: Mapping[str, DestinationDefinition]
    limits: Limits


def check_step_itself(step: s.Step, path: str, around: Surroundings, report: Report) -> None:
    """Everything about one step but the ways that lead from it."""
    limits, scope = around.limits, around.scope
    check_branch_names(step, path, report)
    match step:
        case s.WaitForCondition(condition=condition) | s.TrueFalseSplit(condition=condition):
            check_condition(condition, member(path, "condition"), scope, report)
        case s.Delay():
            check_wait(step.duration, member(path, "duration"), limits, report)
            if step.duration is None and step.until is None:
                hint = "give it a duration, an until, or both"
                report.add("empty_delay", path, "the delay waits for nothing", hint=hint)
        case s.MultiBranchSplit(branches=branches):
            check_number(branches, "branches", path, limits.max_split_branches, report)
            _check_conditions(branches, path, scope, report)
        case s.DataSplit(branches=branches):
            check_number(branches, "branches", path, limits.max_data_split_branches, report)
            _check_conditions(branches, path, scope, report)
        case s.RandomizedSplit(branches=branches):
            check_number(branches, "branches", path, limits.max_split_branches, report)
            _check_percentages(branches, member(path, "branches"), report)
        case s.HoldUntil():
            _check_hold(step, path, around, report)
        case s.SendToDestination(activations=activations):
            check_number(activations, "activations", path, limits.max_activations, report)
            for index, each in enumerate(activations):
                check_activation(each, element(member(path, "activations"), index), around, report)
        case s.ShowAd():
            check_positive(step.remove_after, member(path, "remove_after"), report)
            check_destination(step.destination, member(path, "destination"), around.destinations, report, listed=True)
        case s.SendMessage():
            check_destination(step.destination, member(path, "destination"), around.destinations, report)
            check_template(step.template, member(path, "template"), report)


def check_number(
    items: Collection[object], name: str, path: str, most: int | None, report: Report, *, least: int = 1
) -> None:
    """There are some, and no more than the limits allow (L2)."""
    if len(items) < least:
        report.add("empty_list", member(path, name), f"there are no {name}", hint="add one, or remove the whole")
    if most is not None and len(items) > most:
        message = f"{len(items)} {name.replace('_', ' ')}, and the limits allow {most}"
        hint = "use fewer, or raise the limit in the settings"
        report.add("too_many", member(path, name), message, hint=hint, expected=f"at most {most}", got=str(len(items)))


def _check_conditions(branches: Iterable[s.ConditionBranch], path: str, scope: Scope, report: Report) -> None:
    for index, branch in enumerate(branches):
        check_condition(branch.condition, member(element(member(path, "branches"), index), "condition"), scope, report)


def _check_percentages(branches: tuple[s.RandomBranch, ...], path: str, report: Report) -> None:
    total, sound = 0, True
    for index, branch in enumerate(branches):
        try:
            hundredths = branch.hundredths
        except ValueError:
            hundredths = -1
        if 0 <= hundredths <= 10_000:
            total += hundredths
            continue
        sound = False
        at = member(element(path, index), "percent")
        expected = "a number from 0 to 100 with at most two decimals"
        message = f"{shown(branch.percent)} is no percentage: {expected}"
        report.add("bad_percentages", at, message, hint="for thirds write 33.33, 33.33 and 33.34", expected=expected)
    if sound and branches and total != 10_000:
        percent = f"{total / 100:.2f}".rstrip("0").rstrip(".")
        report.add(
            "bad_percentages",
            path,
            f"the percentages sum to {percent}",
            hint="let them sum to 100 exactly; for thirds write 33.33, 33.33 and 33.34",
            expected="100",
            got=percent,
        )


def _check_hold(hold: s.HoldUntil, path: str, around: Surroundings, report: Report) -> None:
    check_wait(hold.max_duration, member(path, "max_duration"), around.limits, report)
    check_number(hold.branches, "branches", path, around.limits.max_hold_branches, report)
    seen: dict[str, int] = {}
    for index, branch in enumerate(hold.branches):
        at = element(member(path, "branches"), index)
        check_filters(branch.where, member(at, "where"), around.scope, report)
        if branch.restart and branch.next is not None:
            hint = f"remove restart to go on to {branch.next!r}, or next to start the hold again"
            report.add("restart_with_next", member(at, "next"), "a restart goes back to this hold", hint=hint)
        waits_for = _canonical(branch)
        if waits_for in seen:
            message = f"branch {seen[waits_for]} waits for the same event with the same filters, so this one never acts"
            report.add("duplicate_branch", at, message, hint="tell them apart by a filter, or remove one")
        else:
            seen[waits_for] = index


def _canonical(branch: s.Branch) -> str:
    """What a branch waits for; the order of filters is nothing to it, and 1.0 is 1 (C)."""
    filters = (json.dumps(_merged(dump(each)), sort_keys=True) for each in branch.where)
    return json.dumps([branch.event, sorted(filters)])


def _merged(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _merged(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_merged(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def check_activation(activation: s.Activation, path: str, around: Surroundings, report: Report) -> None:
    """What is sent to one destination: the destination exists, and the mapping can be filled."""
    check_destination(activation.destination, member(path, "destination"), around.destinations, report)
    if activation.mapping is None:
        return
    check_number(activation.mapping, "mapping", path, around.limits.max_mappings, report, least=0)
    for name, source in activation.mapping.items():
        if isinstance(source, s.Template):
            check_template(source.template, member(member(member(path, "mapping"), name), "template"), report)


def check_destination(
    name: str,
    path: str,
    destinations: Mapping[str, DestinationDefinition],
    report: Report,
    *,
    listed: bool = False,
) -> None:
    """The destination exists (L1), and is a list where one is needed (S9)."""
    if name not in destinations:
        hint = nearest(name, list(destinations)) or "define it under destinations"
        report.add("unknown_destination", path, f"there is no destination {name!r}", hint=hint, got=name)
    elif listed and not destinations[name].list:
        lists = [key for key, each in destinations.items() if each.list]
        hint = f'say "list": true at {name!r}' + (f", or take {', '.join(lists)}" if lists else "")
        report.add("not_a_list", path, f"the destination {name!r} is no list", hint=hint, got=name)


def check_template(template: Any, path: str, report: Report) -> None:
    """Every text inside has only merge tags between double braces, however deep it stands."""
    if isinstance(template, Mapping):
        for name, each in template.items():
            check_template(each, member(path, name), report)
    elif isinstance(template, list):
        for index, each in enumerate(template):
            check_template(each, element(path, index), report)
    elif isinstance(template, str):
        _check_tags(template, path, report)


def _check_tags(text: str, path: str, report: Report) -> None:
    hint = f"write {TAGS}"
    rest, end = "", 0
    for start, stop, content in merge_tags(text):
        rest, end = rest + text[end:start], stop
        if not _is_tag(content):
            tag = text[start:stop]
            report.add("bad_template", path, f"{shown(tag)} is no merge tag", hint=hint, got=tag)
    rest += text[end:]
    if "{{" in rest or "}}" in rest:
        report.add("bad_template", path, f"braces in {shown(rest)} open or close no merge tag", hint=hint, got=rest)


def _is_tag(content: str) -> bool:
    try:
        reference, _ = parse_tag(content)
    except ValueError:
        return False
    if isinstance(reference, ContextRef):
        return all(reference.context)
    # A trait may have any name, but this one is the journey context with its quotes forgotten.
    return bool(reference.trait) and not reference.trait.startswith("context[")

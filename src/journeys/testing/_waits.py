"""What somebody waits for, in the words of the pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from journeys._time import instant_of
from journeys.engine._effects import Record
from journeys.model.entries import EventEntry
from journeys.model.journey import Journey
from journeys.model.steps import HoldUntil, MultiBranchSplit, WaitForCondition
from journeys.runtime._views import InstanceView, ProfileView, WaitView
from journeys.runtime.render.phrases import describe_entry, describe_step
from journeys.runtime.render.words import describe, describe_duration, describe_event
from journeys.testing._instants import day_of, time_of
from journeys.testing.verdicts import brief

#: how many journeys are named that somebody has never entered
MOST_OTHERS = 6

Journeys = Mapping[tuple[str, int], Journey]


def waits(profile: ProfileView, journeys: Journeys) -> Iterator[str]:
    """A paragraph for every place where they wait."""
    nowhere = True
    for instance in profile.instances:
        if instance.status == "ended":
            continue
        nowhere = False
        journey = journeys[instance.journey, instance.version]
        for wait in instance.waits:
            yield from _wait(instance, wait, journey)
        if not instance.waits:
            yield f"stays in {_named(instance)}, which is {instance.status}{_exit(instance, journey)}"
    if nowhere:
        yield "waits for nothing"


def not_entered(profile: ProfileView, journeys: Journeys, records: Iterable[Record]) -> Iterator[str]:
    """The journeys that they have never entered, and what it would take."""
    ids = {profile.id, *profile.linked_ids}
    entered = {record.journey for record in records if record.kind == "entered" and record.profile in ids}
    latest = {journey.key: journey for _, journey in sorted(journeys.items())}
    others = [journey for key, journey in latest.items() if key not in entered]
    for journey in others[:MOST_OTHERS]:
        begins = "enters on" if isinstance(journey.entry, EventEntry) else "enters when"
        status = "" if journey.status == "live" else f", which is {journey.status}"
        yield f"has never been in {journey.key}{status}: {begins} {describe_entry(journey.entry)}"
    if len(others) > MOST_OTHERS:
        yield f"and never in {len(others) - MOST_OTHERS} more journeys"


def _named(instance: InstanceView) -> str:
    return instance.journey if instance.identifier is None else f"{instance.journey} [{instance.identifier}]"


def _exit(instance: InstanceView, journey: Journey) -> str:
    if journey.exit_after is None:
        return ""
    return f", for {describe_duration(journey.exit_after)} after {_when(instance.entered_at)}"


def _when(instant: str) -> str:
    at = instant_of(instant)
    return f"{day_of(at)} {time_of(at)}"


def _wait(instance: InstanceView, wait: WaitView, journey: Journey) -> Iterator[str]:
    step = journey.steps[wait.step]
    name = f' ("{step.name}")' if step.name is not None else ""
    until = "" if wait.until is None else f" until {_when(wait.until)}"
    head = f"waits at {wait.step}{name} of {_named(instance)}"
    match step:
        case HoldUntil():
            yield f"{head}{until}, then timeout: {_to(step.timeout)}"
            for branch in step.branches:
                path = branch.identifier or _identifier(journey)
                same = f" with {path} {brief(instance.identifier)}" if path is not None else ""
                then = "starts again" if branch.restart else _to(branch.next)
                yield f"  for {describe_event(branch.event, branch.where)}{same}, then {branch.name}: {then}"
        case WaitForCondition():
            yield head
            yield f"  for {describe(step.condition)}, then {_to(step.next)}{_by_itself(wait)}"
        case MultiBranchSplit():
            condition, target = next((each.condition, each.next) for each in step.branches if each.name == wait.branch)
            yield head
            yield f"  for {describe(condition)}, then {wait.branch}: {_to(target)}{_by_itself(wait)}"
        case _:
            yield f"{head}{until}, then {_to(getattr(step, 'next', None))}"
            yield f"  to {_lower(describe_step(step))}"


def _by_itself(wait: WaitView) -> str:
    return "" if wait.until is None else f"; it may change by itself at {_when(wait.until)}"


def _identifier(journey: Journey) -> str | None:
    return journey.entry.identifier if isinstance(journey.entry, EventEntry) else None


def _to(target: str | None) -> str:
    return "the end" if target is None else target


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]

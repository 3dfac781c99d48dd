"""What somebody waits for, and what it would take to enter a journey, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from journeys._time import instant_of
from journeys.model.entries import EventEntry
from journeys.model.journey import Journey
from journeys.model.steps import HoldUntil, Step
from journeys.runtime._views import InstanceView, ProfileView, WaitView
from journeys.runtime.evaluator import Evaluator
from journeys.runtime.render.links import links_of
from journeys.runtime.render.phrases import describe_step
from journeys.runtime.render.words import describe_duration, describe_event
from journeys.testing._instants import day_of, time_of
from journeys.testing.verdicts import brief

if TYPE_CHECKING:
    from journeys.runtime.analysis.explain import Explanation
    from journeys.runtime.analysis.explain_waits import WaitExplanation

#: how many journeys are explained that somebody has never entered
MOST_OTHERS = 4


class Waits:
    """How a person stands with the journeys of an evaluator, now."""

    def __init__(self, evaluator: Evaluator, profile: ProfileView, calls: Sequence[Mapping[str, Any]] = ()) -> None:
        self._calls = calls
        self._evaluator = evaluator
        self._profile = profile
        self._journeys: Mapping[tuple[str, int], Journey] = {
            (each.key, each.version): each for each in evaluator.journeys
        }

    def _explained(self, journey: str) -> Explanation:
        from journeys.runtime.analysis.explain import explain_profile  # only a test that fails needs it

        user_id = self._profile.user_id
        anonymous_id = self._profile.anonymous_id if user_id is None else None
        return explain_profile(self._evaluator, user_id, anonymous_id=anonymous_id, journey=journey, calls=self._calls)

    def lines(self) -> Iterator[str]:
        """A paragraph for every place where they wait, and for every journey in which they have never been."""
        inside = [each for each in self._profile.instances if each.status != "ended"]
        if not inside:
            yield "waits for nothing"
        for instance in inside:
            journey = self._journeys[instance.journey, instance.version]
            for wait in instance.waits:
                yield from self._wait(instance, wait, journey)
            if not instance.waits:
                yield f"stays in {_named(instance)}, which is {instance.status}{_exit(instance, journey)}"
        yield from self._not_entered()

    def _not_entered(self) -> Iterator[str]:
        ids = {self._profile.id, *self._profile.linked_ids}
        entered = {
            record["journey"]
            for each in ids
            for record in self._evaluator.trace(profile=each)
            if record["kind"] == "entered"
        }
        others = sorted({key for key, _ in self._journeys} - entered)
        for key in others[:MOST_OTHERS]:
            yield f"has never been in {key}"
            yield from (f"  {line}" for line in self._explained(key).entry.lines())
        if len(others) > MOST_OTHERS:
            yield f"nor in {', '.join(others[MOST_OTHERS:])}"

    def _said(self, instance: InstanceView, wait: WaitView, journey: Journey) -> WaitExplanation:
        found = next(each for each in self._explained(journey.key).instances if each.id == instance.id)
        return next(each for each in found.waits if (each.step, each.branch) == (wait.step, wait.branch))

    def _wait(self, instance: InstanceView, wait: WaitView, journey: Journey) -> Iterator[str]:
        step = journey.steps[wait.step]
        name = f' ("{step.name}")' if step.name is not None else ""
        said = self._said(instance, wait, journey)
        branch = "" if said.branch is None else f", branch {said.branch}"
        head = f"waits at {wait.step}{name} of {_named(instance)}{branch}"
        until = "" if wait.until is None or said.condition is not None else f" until {_when(wait.until)}"
        then = f"timeout: {_to(step.timeout)}" if isinstance(step, HoldUntil) else _to(_next(step, said.branch))
        if said.is_cut_off and said.until is not None:
            until, then = f" until {_when(said.until)}", said.then
        yield f"{head}{until}, then {then}"
        if isinstance(step, HoldUntil):
            yield from _ways(instance, step, journey)
            yield from (f"  {miss}" for miss in said.misses)
        elif said.condition is not None:
            yield from (f"  {line}" for line in said.condition.lines())
        else:
            yield f"  to {_lower(describe_step(step))}"


def _ways(instance: InstanceView, step: HoldUntil, journey: Journey) -> Iterator[str]:
    entry = journey.entry
    own = entry.identifier if isinstance(entry, EventEntry) else None
    for branch in step.branches:
        path = own and (branch.identifier or own)
        same = f" with {path} {brief(instance.identifier)}" if path else ""
        then = "starts again" if branch.restart else _to(branch.next)
        yield f"  for {describe_event(branch.event, branch.where)}{same}, then {branch.name}: {then}"


def _next(step: Step, branch: str | None) -> str | None:
    return next(link.target for link in links_of(step) if link.branch == branch)


def _named(instance: InstanceView) -> str:
    return instance.journey if instance.identifier is None else f"{instance.journey} [{instance.identifier}]"


def _exit(instance: InstanceView, journey: Journey) -> str:
    if journey.exit_after is None:
        return ""
    return f", for {describe_duration(journey.exit_after)} after {_when(instance.entered_at)}"


def _when(instant: str) -> str:
    at = instant_of(instant)
    return f"{day_of(at)} {time_of(at)}"


def _to(target: str | None) -> str:
    return "the end" if target is None else target


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]

"""What a token waits for: the ways out, until when, and what happens then."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from journeys._time import format_instant
from journeys.engine._state import LIVE, Instance, ProfileState, Wait
from journeys.model.space import Space
from journeys.model.steps import HoldUntil, MultiBranchSplit, Step, WaitForCondition
from journeys.plan.plan import HoldPlan, MultiBranchPlan, WaitPlan
from journeys.plan.values import NEVER
from journeys.runtime.analysis.explain_misses import Misses, NearMiss
from journeys.runtime.analysis.explain_truth import Truth, true_at, truth_of
from journeys.runtime.render import describe_event, kind_of, phrase_of


@attrs.frozen(kw_only=True)
class WaitExplanation:
    """One wait: ``until`` is when it ends by itself (None: it does not go on by time alone), ``then`` what follows.

    It ``is_cut_off`` if her way through the journey ends first, or another branch of an exclusive split is taken:
    ``until`` and ``then`` say when and how.

    ``ways`` are the events that end it before, each with what follows; ``condition`` is what it waits to be true.
    ``misses`` are events that came and were none of these, if the calls were given.
    """

    step: str
    kind: str
    text: str
    until: str | None
    then: str
    branch: str | None = None
    ways: tuple[str, ...] = ()
    restarts: int | None = None
    restarts_left: int | None = None
    condition: Truth | None = None
    misses: tuple[NearMiss, ...] = ()
    is_cut_off: bool = False

    def lines(self) -> Iterator[str]:
        """It in words."""
        where = f"{self.step}: {self.branch}" if self.branch is not None else self.step
        yield f"waits at {where} ({self.text})"
        if self.condition is not None:
            yield from ("  " + line for line in self.condition.lines())
        for way in self.ways:
            yield f"  {way}"
        for miss in self.misses:
            yield f"  {miss}"
        if self.restarts_left is not None:
            yield f"  has begun again {self.restarts} times, {self.restarts_left} left"
        if self.is_cut_off:
            yield f"  ends at {self.until}: {self.then}"
            return
        by_itself = "not by time alone" if self.until is None else f"by itself at {self.until}"
        yield f"  goes on {by_itself}, then {self.then}"


def explain_wait(
    wait: Wait, instance: Instance, profile: ProfileState, space: Space, now: int, misses: Misses
) -> WaitExplanation:
    """A wait of an instance in words and numbers."""
    step: Step = wait.step.model
    until = wait.due
    said = WaitExplanation(step=wait.step.key, kind=kind_of(step), text=phrase_of(step).text, until=None, then="")
    if isinstance(wait.step, HoldPlan) and isinstance(step, HoldUntil):
        said = attrs.evolve(said, then=f"timeout, {leads_to(step.timeout)}", ways=tuple(_ways(step)))
        said = attrs.evolve(said, misses=misses.of_hold(wait, instance))
        if any(branch.restart for branch in step.branches):
            said = attrs.evolve(said, restarts=wait.count, restarts_left=max(step.max_restarts - wait.count, 0))
    elif isinstance(wait.step, WaitPlan) and isinstance(step, WaitForCondition):
        until = true_at(wait.step.condition, profile, instance.context, now)
        truth = truth_of(step.condition, wait.step.condition, profile, instance.context, now, space)
        said = attrs.evolve(said, then=leads_to(step.next), condition=truth)
    elif isinstance(wait.step, MultiBranchPlan) and isinstance(step, MultiBranchSplit):
        said, until = _of_branch(said, wait, wait.step, step, instance, profile, space, now)
    else:
        phase = getattr(step, "until", None) is not None and wait.count == 0
        follows = leads_to(getattr(step, "next", None))
        said = attrs.evolve(said, then=f"until its instant, then {follows}" if phase else follows)
    ends, by = end_of(instance)
    if ends <= until < NEVER:  # T6
        until, said = ends, attrs.evolve(said, then=f"she leaves by {by}", is_cut_off=True)
    return attrs.evolve(said, until=None if until >= NEVER else format_instant(until))


def _of_branch(
    said: WaitExplanation,
    wait: Wait,
    plan: MultiBranchPlan,
    step: MultiBranchSplit,
    instance: Instance,
    profile: ProfileState,
    space: Space,
    now: int,
) -> tuple[WaitExplanation, int]:
    """A branch of a split that waits for its condition (S4)."""
    branch, context = step.branches[wait.branch], instance.context
    instants = [true_at(condition, profile, context, now) for _, condition, _ in plan.branches]
    truth = truth_of(branch.condition, plan.branches[wait.branch][1], profile, context, now, space)
    said = attrs.evolve(said, branch=branch.name, then=leads_to(branch.next), condition=truth)
    first = min(range(len(instants)), key=instants.__getitem__) if step.exclusive else wait.branch
    if first == wait.branch or instants[first] >= NEVER:
        return said, instants[wait.branch]
    then = f"the branch {step.branches[first].name} is taken instead"
    return attrs.evolve(said, then=then, is_cut_off=True), instants[first]


def end_of(instance: Instance) -> tuple[int, str]:
    """When an instance ends at the latest, and by what (X2, X4)."""
    ends = [(instance.exit_at, "exit_after")]
    if instance.status == LIVE:
        ends.append((instance.expires_at, "max_age"))
    return min(ends, key=lambda each: each[0])


def leads_to(step: str | None) -> str:
    """What follows, in words."""
    return "the path ends" if step is None else f"goes to {step}"


def _ways(step: HoldUntil) -> Iterator[str]:
    for branch in step.branches:
        what = describe_event(branch.event, branch.where)
        yield f"{branch.name}: on {what} {'it begins again' if branch.restart else leads_to(branch.next)}"

"""Where a step leads: one link per way out, in the order in which the definition names them."""

from __future__ import annotations

import attrs

from journeys.model.steps import (
    DataSplit,
    Delay,
    HoldUntil,
    MultiBranchSplit,
    RandomizedSplit,
    SendMessage,
    SendToDestination,
    ShowAd,
    Step,
    TrueFalseSplit,
    WaitForCondition,
)
from journeys.runtime.render.words import describe_duration

#: steps in which a token may stay; through all others it passes at once
WAITING = (WaitForCondition, Delay, MultiBranchSplit, HoldUntil)


@attrs.frozen
class Link:
    """A way out of a step: ``target`` is a step key or None, ``branch`` the name that traces use for it."""

    target: str | None
    label: str = ""
    kind: str = "normal"
    branch: str | None = None


def links_of(step: Step) -> tuple[Link, ...]:
    """The ways out of a step; a restart leads to None and is marked by its kind."""
    match step:
        case WaitForCondition() | Delay() | SendToDestination() | ShowAd() | SendMessage():
            return (Link(step.next),)
        case TrueFalseSplit():
            return (_branch("true", step.if_true), _branch("false", step.if_false))
        case MultiBranchSplit():
            return tuple(_branch(branch.name, branch.next) for branch in step.branches)
        case DataSplit():
            rest = Link(step.everyone_else, "everyone else", "branch", "everyone_else")
            return (*(_branch(branch.name, branch.next) for branch in step.branches), rest)
        case RandomizedSplit():
            return tuple(
                Link(branch.next, f"{branch.name} · {branch.percent:g} %", "branch", branch.name)
                for branch in step.branches
            )
        case HoldUntil():
            return _hold(step)
    raise TypeError(f"no way out is known of the step {step!r}")


def _branch(name: str, target: str | None) -> Link:
    return Link(target, name, "branch", name)


def _hold(step: HoldUntil) -> tuple[Link, ...]:
    branches = tuple(
        Link(None, branch.name, "restart", branch.name) if branch.restart else _branch(branch.name, branch.next)
        for branch in step.branches
    )
    return (*branches, Link(step.timeout, f"after {describe_duration(step.max_duration)}", "timeout", "timeout"))

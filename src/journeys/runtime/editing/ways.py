"""The ways out of a step, one by one: which there are, where each leads, and the same step with one led elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeVar

import attrs

from journeys.errors import Problem, nearest
from journeys.model import steps as s
from journeys.model.journey import Journey
from journeys.runtime.editing.operations import Way

S = TypeVar("S", bound=s.Step)


class Refused(Exception):
    """An operation that cannot be done as it is said; ``apply`` answers with the problem."""

    def __init__(self, code: str, path: str, message: str, hint: str = "", got: str = "") -> None:
        self.problem = Problem(code, path, message, hint, got=got)
        super().__init__(message)


def step_of(journey: Journey, key: str, path: str) -> s.Step:
    """The step of that key; Refused names the nearest."""
    if key not in journey.steps:
        hint = nearest(key, list(journey.steps))
        raise Refused("unknown_step", path, f"there is no step {key!r} in {journey.key!r}", hint, key)
    return journey.steps[key]


def ways_of(step: s.Step) -> Iterator[tuple[Way, str | None]]:
    """Every way out of a step and where it leads, in the order of the definition; a restart is none."""
    for branch in getattr(step, "branches", ()):
        if not getattr(branch, "restart", False):
            yield Way(branch=branch.name), branch.next
    for name in s.EXITS:
        if hasattr(step, name):
            yield Way(exit=name), getattr(step, name)


def way_in(key: str, step: s.Step, way: Way, path: str) -> Way:
    """The same way with its exit or branch named in full; Refused if the step has no such way, or several."""
    ways = [each for each, _ in ways_of(step)]
    if way.exit is None and way.branch is None:
        if len(ways) == 1:
            return ways[0]
        names = ", ".join(str(each.branch if each.branch is not None else each.exit) for each in ways)
        raise Refused("which_way", path, f"{key!r} has several ways out", f"say which: {names}")
    if way.exit is not None and way.branch is not None:
        raise Refused("which_way", path, "a way is an exit or a branch, not both", "leave one of them out")
    wanted = Way(exit=way.exit, branch=way.branch)
    if wanted in ways:
        return wanted
    what, name = ("branch", way.branch) if way.exit is None else ("exit", way.exit)
    there = [str(getattr(each, what)) for each in ways if getattr(each, what) is not None]
    hint = nearest(str(name), there) or (f"one of {', '.join(there)}" if there else f"it has no {what}")
    other = Way(branch=way.exit, exit=way.branch)
    if other in ways:
        kind = "branch" if what == "exit" else "exit"
        hint = f"it is {'a branch' if kind == 'branch' else 'an exit'}: write {json.dumps({kind: name})}"
    raise Refused("unknown_way", f"{path}.{what}", f"{key!r} has no {what} {name!r}", hint, str(name))


def target_of(journey: Journey, way: Way, path: str) -> str | None:
    """Where a way leads."""
    if way.step is None:
        return journey.start
    step = step_of(journey, way.step, f"{path}.step")
    return dict(ways_of(step))[way_in(way.step, step, way, path)]


def led(step: S, way: Way, to: str | None) -> S:
    """The step with one way led elsewhere."""
    if way.exit is not None:
        return attrs.evolve(step, **{way.exit: to})
    branches = (attrs.evolve(each, next=to) if each.name == way.branch else each for each in _branches(step))
    return attrs.evolve(step, branches=tuple(branches))  # type: ignore[call-arg]


def redirected(step: S, old: str, new: str | None) -> S:
    """The step with every way that led to one step led to another."""
    for way, target in ways_of(step):
        if target == old:
            step = led(step, way, new)
    return step


def opened(step: S) -> S:
    """The step with every way open."""
    for way, _ in ways_of(step):
        step = led(step, way, None)
    return step


def onward(key: str, step: s.Step, keep: Way | None, path: str) -> tuple[tuple[Way, ...], str | None]:
    """The ways through which the journey goes on from a step, and where they lead; Refused if that is not one place."""
    if keep is not None:
        way = way_in(key, step, keep, path)
        return (way,), dict(ways_of(step))[way]
    ways = dict(ways_of(step))
    targets = set(ways.values())
    if len(targets) > 1:
        told = ", ".join(f"{way.branch or way.exit} to {target!r}" for way, target in ways.items())
        raise Refused("which_way", path, f"its ways lead to different places: {told}", "say which one goes on")
    return tuple(ways), next(iter(targets), None)


def _branches(step: s.Step) -> tuple[Any, ...]:
    return tuple(getattr(step, "branches", ()))

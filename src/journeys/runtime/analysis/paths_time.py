"""How long an instance may be under way: how soon, and how late, it can come to each step."""

from __future__ import annotations

from collections.abc import Iterable

from journeys._time import DAY, Duration
from journeys.model import steps as m
from journeys.model.journey import Journey
from journeys.runtime.analysis.paths_ways import ON, branches_of

#: a delay until a local time on some weekday lasts no longer
WEEK = 8 * DAY


def shortest(duration: Duration) -> int:
    """A lower bound of its length in microseconds."""
    return duration.months * 28 * DAY + duration.micros


def arcs(step: m.Step) -> list[tuple[str, str | None]]:
    """What may be taken at a step, and where it leads; ``ON`` where there is nothing to choose."""
    return branches_of(step) or [(ON, getattr(step, "next", None))]


def in_depth(journey: Journey) -> list[str]:
    """The steps that can be reached, each after all that lead to it."""
    done: list[str] = []
    seen = {journey.start}
    way = [(journey.start, iter(arcs(journey.steps[journey.start])))]
    while way:
        key, rest = way[-1]
        target = next((to for _, to in rest if to is not None and to not in seen), None)
        if target is None:
            done.append(key)
            way.pop()
        else:
            seen.add(target)
            way.append((target, iter(arcs(journey.steps[target]))))
    return done[::-1]


def least_wait(step: m.Step, branch: str) -> int:
    """How long a token waits at a step at least, before it takes a branch."""
    if isinstance(step, m.HoldUntil):
        return shortest(step.max_duration) if branch == "timeout" else 0
    if isinstance(step, m.Delay) and step.duration is not None:
        return shortest(step.duration)
    return 0


def most_wait(step: m.Step) -> int | None:
    """How long a token waits at a step at most; None if there is no telling."""
    match step:
        case m.HoldUntil():
            begins = 1 + (step.max_restarts if any(each.restart for each in step.branches) else 0)
            return step.max_duration.longest * begins
        case m.Delay():
            if isinstance(step.until, m.ContextTime):
                return None
            first = step.duration.longest if step.duration is not None else 0
            return first + (WEEK if step.until is not None else 0)
        case m.WaitForCondition() | m.MultiBranchSplit():
            return None
    return 0


def earliest(journey: Journey) -> dict[str, int]:
    """How long after the entry each step can be reached at the soonest, in microseconds."""
    found = {journey.start: 0}
    for key in in_depth(journey):
        step = journey.steps[key]
        for branch, target in arcs(step):
            if target is not None:
                at = found[key] + least_wait(step, branch)
                found[target] = min(at, found.get(target, at))
    return found


def latest(journey: Journey) -> dict[str, int | None]:
    """How long after the entry each step is reached at the latest; None where there is no telling."""
    found: dict[str, int | None] = {journey.start: 0}
    for key in in_depth(journey):
        step = journey.steps[key]
        here, wait = found[key], most_wait(step)
        leaves = None if here is None or wait is None else here + wait
        for _, target in arcs(step):
            if target is not None:
                known = found.get(target, 0)
                found[target] = None if leaves is None or known is None else max(known, leaves)
    return found


def lifetime(journey: Journey) -> int:
    """The longest that an instance can be live, in microseconds."""
    ends = [journey.max_age, *([journey.exit_after] if journey.exit_after is not None else [])]
    return min(each.longest for each in ends)


def longest(journey: Journey) -> int:
    """How long an instance can be live at most, in microseconds: its waits at their longest, and its lifetime."""
    late = latest(journey)
    life = lifetime(journey)
    waits = [(late[key], most_wait(journey.steps[key])) for key in in_depth(journey)]
    known = [arrives + wait for arrives, wait in waits if arrives is not None and wait is not None]
    return min(life, max(known)) if len(known) == len(waits) else life


def stays_possible(journey: Journey, steps: Iterable[str]) -> bool:
    """Whether a token could still wait at one of these steps when the lifetime is over."""
    ends = [journey.max_age, *([journey.exit_after] if journey.exit_after is not None else [])]
    life, late = min(map(shortest, ends)), latest(journey)
    for key in steps:
        arrives, wait = late.get(key), most_wait(journey.steps[key])
        if arrives is None or wait is None or arrives + wait >= life:
            return True
    return False

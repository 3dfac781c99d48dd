"""The ways through a journey as its graph has them: which branch at each step, where tokens stay, how it ends.

Each step acts at most once per instance (S8), so a way is a choice for each step that it passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, islice

import attrs

from journeys.model import steps as m
from journeys.model.journey import Journey

#: the choice at a step with one exit where tokens may wait: they go on
ON = ""
#: the branches of these steps wait
WAITS = (m.WaitForCondition, m.Delay, m.HoldUntil, m.MultiBranchSplit)

Choices = Mapping[str, frozenset[str]]


@attrs.frozen
class Way:
    """A way to go: ``choices`` by step, ``again`` the restarts of holds, ``end`` as ``Taken`` says it."""

    choices: Choices
    steps: frozenset[str]
    end: str = "completed"
    again: tuple[tuple[str, str], ...] = ()

    @property
    def branches(self) -> set[tuple[str, str]]:
        """Every (step, branch) that is taken on it."""
        taken = {(step, branch) for step, branches in self.choices.items() for branch in branches if branch != ON}
        return taken | set(self.again)


@attrs.frozen
class Restarts:
    """How often a hold begins again at most; with ``only`` this one does, and no other."""

    most: int
    only: str | None = None

    def of(self, key: str, step: m.Step) -> list[tuple[tuple[str, str], ...]]:
        """The restarts of a step that are looked at: none, and each branch up to so often."""
        names = restarts_of(step) if self.only in (None, key) else []
        some = [((key, name),) * number for number in range(1, self.most + 1) for name in names]
        return some if self.only == key else [(), *some]


@attrs.frozen
class _Part:
    """A part of a way: from a step on. ``stays`` says that some token waits on at its end."""

    choices: dict[str, frozenset[str]]
    steps: frozenset[str]
    again: tuple[tuple[str, str], ...] = ()
    stays: bool = False

    def after(self, step: str, choice: frozenset[str] | None, again: tuple[tuple[str, str], ...] = ()) -> _Part:
        choices = self.choices if choice is None else {step: choice, **self.choices}
        return _Part(choices, self.steps | {step}, (*again, *self.again), self.stays)

    def behind(self, passed: Mapping[str, frozenset[str] | None]) -> _Part:
        """The same, after steps at which there was nothing to choose."""
        if not passed:
            return self
        waited = {step: choice for step, choice in passed.items() if choice is not None}
        return _Part({**waited, **self.choices}, self.steps.union(passed), self.again, self.stays)


def branches_of(step: m.Step) -> list[tuple[str, str | None]]:
    """The branches of a step as a trace names them, with the step that each leads to; no restarts."""
    match step:
        case m.TrueFalseSplit():
            return [("true", step.if_true), ("false", step.if_false)]
        case m.DataSplit():
            return [*((each.name, each.next) for each in step.branches), ("everyone_else", step.everyone_else)]
        case m.MultiBranchSplit() | m.RandomizedSplit():
            return [(each.name, each.next) for each in step.branches]
        case m.HoldUntil():
            named = [(each.name, each.next) for each in step.branches if not each.restart]
            return [*named, ("timeout", step.timeout)]
    return []


def restarts_of(step: m.Step) -> list[str]:
    """The restart branches of a hold."""
    return [each.name for each in step.branches if each.restart] if isinstance(step, m.HoldUntil) else []


def targets_of(step: m.Step) -> list[str | None]:
    """Where a step may lead."""
    found = branches_of(step)
    return [target for _, target in found] if found else [getattr(step, "next", None)]


def all_branches(journey: Journey) -> list[tuple[str, str]]:
    """Every (step, branch) of a journey, restarts included, in the order of the definition."""
    return [
        (key, name)
        for key, step in journey.steps.items()
        for name in [*(name for name, _ in branches_of(step)), *restarts_of(step)]
    ]


def completed_ways(journey: Journey, *, restarts: int = 1) -> Iterator[Way]:
    """Every way on which all tokens end; each hold begins again at most ``restarts`` times."""
    for part in _parts(journey, journey.start, frozenset(), {}, Restarts(restarts), stays=False):
        yield Way(part.choices, part.steps, "completed", part.again)


def left_ways(journey: Journey, end: str, *, most: int) -> Iterator[Way]:
    """Ways on which some token still waits when the instance ends; ``most`` ways of the graph are looked at."""
    for part in islice(_parts(journey, journey.start, frozenset(), {}, Restarts(0), stays=True), most):
        if part.stays:
            yield Way(part.choices, part.steps, end, part.again)


def ends_of(journey: Journey) -> list[str]:
    """How an instance may end before it completes."""
    last = "exited by exit_after" if journey.exit_after is not None else "expired"
    return [*(f"exited by {rule.key}" for rule in journey.exit_rules), last]


def ends_after(journey: Journey) -> list[str]:
    """How a completed instance may still leave its journey: only an audience-based one is still in it (S10)."""
    if not journey.is_condition_based:
        return []
    last = ["exit_after"] if journey.exit_after is not None else []
    return [f"completed, exited by {each}" for each in (*(rule.key for rule in journey.exit_rules), *last)]


def staying(journey: Journey, way: Way) -> list[str]:
    """The steps of a way at which some token waits on at its end."""
    found = []
    for key in way.steps:
        step, taken = journey.steps[key], way.choices.get(key, frozenset())
        some_left = isinstance(step, m.MultiBranchSplit) and not step.exclusive and len(taken) < len(step.branches)
        if isinstance(step, WAITS) and (not taken or some_left):
            found.append(key)
    return found


def ways_through(journey: Journey, step: str, branch: str, *, restarts: int = 1, most: int) -> Iterator[Way]:
    """Ways that take a certain branch, the straightest first; ``most`` ways of the graph are looked at."""
    forced = _lead(journey, step)
    if forced is None:
        return
    if branch in restarts_of(journey.steps[step]):
        for way in _ways_with(journey, forced, Restarts(restarts, step), most):
            if (step, branch) in way.again:
                yield way
        return
    forced[step] = branch
    for way in _ways_with(journey, forced, Restarts(0), most):
        if branch in way.choices.get(step, ()):
            yield way


def _ways_with(journey: Journey, forced: Mapping[str, str], restarts: Restarts, most: int) -> Iterator[Way]:
    for part in islice(_parts(journey, journey.start, frozenset(), forced, restarts, stays=False), most):
        yield Way(part.choices, part.steps, "completed", part.again)
    ends = ends_of(journey)
    for part in islice(_parts(journey, journey.start, frozenset(), forced, restarts, stays=True), most):
        if part.stays:
            for end in dict.fromkeys((ends[-1], *ends)):
                yield Way(part.choices, part.steps, end, part.again)


def _lead(journey: Journey, step: str) -> dict[str, str] | None:
    """The choices that lead to a step by the fewest steps."""
    found: dict[str, dict[str, str]] = {journey.start: {}}
    queue = [journey.start]
    for key in queue:
        if key == step:
            return dict(found[key])
        model = journey.steps[key]
        for branch, target in branches_of(model) or [(ON, getattr(model, "next", None))]:
            if target is not None and target not in found:
                found[target] = {**found[key], **({key: branch} if branch != ON else {})}
                queue.append(target)
    return None


def _parts(
    journey: Journey,
    key: str | None,
    seen: frozenset[str],
    forced: Mapping[str, str],
    restarts: Restarts,
    *,
    stays: bool,
) -> Iterator[_Part]:
    """The parts of ways from a step on; ``stays`` asks also for those in which a token waits for good."""
    passed: dict[str, frozenset[str] | None] = {}
    while key is not None and key not in seen and key not in passed:
        step = journey.steps[key]
        if stays and isinstance(step, WAITS) and key not in forced:
            for again in restarts.of(key, step):
                yield _Part({}, frozenset((key,)), again, True).behind(passed)
        if branches_of(step):
            for part in _branching(journey, key, step, seen.union(passed), forced, restarts, stays=stays):
                yield part.behind(passed)
            return
        passed[key] = frozenset((ON,)) if isinstance(step, WAITS) else None
        key = getattr(step, "next", None)
    yield _Part({}, frozenset() if key is None else frozenset((key,))).behind(passed)


def _branching(
    journey: Journey,
    key: str,
    step: m.Step,
    seen: frozenset[str],
    forced: Mapping[str, str],
    restarts: Restarts,
    *,
    stays: bool,
) -> Iterator[_Part]:
    if isinstance(step, m.MultiBranchSplit):
        yield from _of_multi_branch(journey, key, step, seen | {key}, forced, restarts, stays=stays)
        return
    for again in restarts.of(key, step):
        for branch, target in branches_of(step):
            if forced.get(key, branch) == branch:
                for rest in _parts(journey, target, seen | {key}, forced, restarts, stays=stays):
                    yield rest.after(key, frozenset((branch,)), again)


def _of_multi_branch(
    journey: Journey,
    key: str,
    step: m.MultiBranchSplit,
    seen: frozenset[str],
    forced: Mapping[str, str],
    restarts: Restarts,
    *,
    stays: bool,
) -> Iterator[_Part]:
    found = branches_of(step)
    if step.exclusive:
        sets: Iterable[Sequence[tuple[str, str | None]]] = [(each,) for each in found]
    else:
        sets = (some for size in range(1, len(found) + 1) for some in combinations(found, size))
    for some in sets:
        if key in forced and forced[key] not in {name for name, _ in some}:
            continue
        done = step.exclusive or len(some) == len(found)
        if not done and not stays:
            continue  # what was not chosen waits on
        for rest in _of_several(journey, [target for _, target in some], seen, forced, restarts, stays=stays):
            yield attrs.evolve(rest.after(key, frozenset(name for name, _ in some)), stays=rest.stays or not done)


def _of_several(
    journey: Journey,
    targets: Sequence[str | None],
    seen: frozenset[str],
    forced: Mapping[str, str],
    restarts: Restarts,
    *,
    stays: bool,
) -> Iterator[_Part]:
    """The parts of several tokens: what one has passed, the next does not pass again (S8)."""
    if not targets:
        yield _Part({}, frozenset())
        return
    for first in _parts(journey, targets[0], seen, forced, restarts, stays=stays):
        for rest in _of_several(journey, targets[1:], seen | first.steps, forced, restarts, stays=stays):
            yield _Part(
                {**first.choices, **rest.choices},
                first.steps | rest.steps,
                (*first.again, *rest.again),
                first.stays or rest.stays,
            )

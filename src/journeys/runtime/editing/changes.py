"""What each operation makes of a journey; whether that is a valid one is asked afterwards, by ``apply``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from journeys.errors import nearest
from journeys.model import steps as s
from journeys.model.journey import Journey, Migrate
from journeys.runtime.editing import operations as o
from journeys.runtime.editing.contexts import reached_from
from journeys.runtime.editing.renames import rename_branch, rename_journey, rename_step
from journeys.runtime.editing.undo import restore
from journeys.runtime.editing.ways import (
    Refused,
    led,
    onward,
    opened,
    redirected,
    step_of,
    target_of,
    way_in,
    ways_of,
)

Steps = Mapping[str, s.Step]


def change(journey: Journey, operation: o.Operation) -> Journey:
    """The journey after one operation; ``Refused`` if it cannot be done as it is said."""
    return _CHANGES[type(operation)](journey, operation)


# steps


def _insert(journey: Journey, op: o.Insert) -> Journey:
    _check_new(journey, op.key, "operation.key")
    ways: tuple[o.Way, ...]
    if op.through is not None:
        ways = (way_in(op.key, op.step, op.through, "operation.through"),)
    else:
        ways = tuple(way for way, target in ways_of(op.step) if target is None)
    return _placed(journey, op.key, op.step, ways, op.before, op.after)


def _placed(
    journey: Journey, key: str, step: s.Step, ways: Iterable[o.Way], before: str | None, after: o.Way | None
) -> Journey:
    """The journey with one step more, through whose ways it goes on to what followed at that place."""
    if before is not None and after is not None:
        raise Refused("two_places", "operation", "both before and after are given", "leave one of them out")
    if before is not None:
        step_of(journey, before, "operation.before")
        for way in ways:
            step = led(step, way, before)
        steps = {each: redirected(found, before, key) for each, found in journey.steps.items()}
        start = key if journey.start == before else journey.start
        return attrs.evolve(journey, start=start, steps=_with(steps, key, step, before=before))
    if after is None:
        return attrs.evolve(journey, steps={**journey.steps, key: step})
    following = target_of(journey, after, "operation.after")
    for way in ways:
        step = led(step, way, following)
    if after.step is None:
        return attrs.evolve(journey, start=key, steps=_with(journey.steps, key, step, before=journey.start))
    steps = dict(journey.steps)
    source = steps[after.step]
    steps[after.step] = led(source, way_in(after.step, source, after, "operation.after"), key)
    return attrs.evolve(journey, steps=_with(steps, key, step, after=after.step))


def _with(steps: Steps, key: str, step: s.Step, *, before: str | None = None, after: str | None = None) -> Steps:
    """The steps with one more, right before or after another in the order of the document."""
    found: dict[str, s.Step] = {}
    for name, each in steps.items():
        if name == before:
            found[key] = step
        found[name] = each
        if name == after:
            found[key] = step
    return found if key in found else {**found, key: step}


def _taken_out(journey: Journey, key: str, following: str | None) -> Journey:
    """The journey without a step; what led to it leads to what followed it."""
    if journey.start == key and following is None:
        hint = "insert another step before it, connect the start to one, or say with keep which way goes on"
        raise Refused("no_start", "operation.step", f"the journey begins with {key!r} and nothing follows it", hint)
    steps = {name: redirected(each, key, following) for name, each in journey.steps.items() if name != key}
    start = following if journey.start == key and following is not None else journey.start
    migrates = journey.on_previous
    if isinstance(migrates, Migrate):  # people who were mapped to it have no place any more: publishing will say so
        migrates = Migrate({old: new for old, new in migrates.migrate.items() if new != key})
    return attrs.evolve(journey, start=start, steps=steps, on_previous=migrates)


def _remove(journey: Journey, op: o.Remove) -> Journey:
    step = step_of(journey, op.step, "operation.step")
    _, following = onward(op.step, step, op.keep, "operation.keep")
    without = _taken_out(journey, op.step, None if following == op.step else following)
    return _pruned(journey, without) if op.with_followers else without


def _pruned(before: Journey, after: Journey) -> Journey:
    """Without the steps that could be reached before and cannot any more."""
    lost = reached_from(before, before.start) - reached_from(after, after.start)
    steps = {key: step for key, step in after.steps.items() if key not in lost}
    migrates = after.on_previous
    if isinstance(migrates, Migrate):
        migrates = Migrate({old: new for old, new in migrates.migrate.items() if new not in lost})
    return attrs.evolve(after, steps=steps, on_previous=migrates)


def _move(journey: Journey, op: o.Move) -> Journey:
    step = step_of(journey, op.step, "operation.step")
    ways, following = onward(op.step, step, op.keep, "operation.keep")
    if op.before is None and op.after is None:
        raise Refused("no_place", "operation", "it is not said where to", "give before or after")
    if op.step in (op.before, None if op.after is None else op.after.step):
        raise Refused("no_place", "operation", f"{op.step!r} cannot stand beside itself", "name another step")
    moved = _placed(_taken_out(journey, op.step, following), op.step, step, ways, op.before, op.after)
    if isinstance(journey.on_previous, Migrate):  # it is still there for those who are mapped to it
        moved = attrs.evolve(moved, on_previous=journey.on_previous)
    return moved


def _connect(journey: Journey, op: o.Connect) -> Journey:
    step_of(journey, op.to, "operation.to")
    return _led(journey, op.way, op.to)


def _disconnect(journey: Journey, op: o.Disconnect) -> Journey:
    if op.way.step is None:
        raise Refused("no_start", "operation.way", "a journey needs a start", "connect it to another step instead")
    return _led(journey, op.way, None)


def _led(journey: Journey, way: o.Way, to: str | None) -> Journey:
    if way.step is None:
        assert to is not None
        return attrs.evolve(journey, start=to)
    step = step_of(journey, way.step, "operation.way.step")
    return _set(journey, way.step, led(step, way_in(way.step, step, way, "operation.way"), to))


def _set(journey: Journey, key: str, step: s.Step) -> Journey:
    return attrs.evolve(journey, steps={**journey.steps, key: step})


def _replace(journey: Journey, op: o.ReplaceStep) -> Journey:
    old = step_of(journey, op.step, "operation.step")
    new = op.by
    if op.keep_ways:
        was = dict(ways_of(old))
        if len(was) == 1 == len(list(ways_of(new))):  # one way on each side is the same way, whatever it is called
            was = {way: next(iter(was.values())) for way, _ in ways_of(new)}
        for way, target in ways_of(new):
            if target is None and was.get(way) is not None:
                new = led(new, way, was[way])
    if isinstance(old, s.SendToDestination) and isinstance(new, s.SendToDestination):
        pinned = next((each.destination_key for each in old.activations), None)
        new = attrs.evolve(new, activations=tuple(_pinned(each, pinned) for each in new.activations))
    return _set(journey, op.step, new)


def _pinned(activation: s.Activation, key: str | None) -> s.Activation:
    if key is None or activation.destination_key is not None:
        return activation
    return attrs.evolve(activation, destination_key=key)


def _duplicate(journey: Journey, op: o.DuplicateStep) -> Journey:
    original = step_of(journey, op.step, "operation.step")
    _check_new(journey, op.key, "operation.key")
    copy = opened(original)
    if isinstance(copy, s.SendToDestination):  # V5
        fresh = tuple(attrs.evolve(each, destination_key=None) for each in copy.activations)
        copy = attrs.evolve(copy, activations=fresh)
    after = op.after
    if op.before is None and after is None:
        ways = list(ways_of(original))
        if len(ways) != 1:
            hint = "say with before or after where the copy stands"
            raise Refused("which_way", "operation", f"{op.step!r} has several ways out", hint)
        after = attrs.evolve(ways[0][0], step=op.step)
    return _placed(journey, op.key, copy, [way for way, _ in ways_of(copy)], op.before, after)


def _describe(journey: Journey, op: o.Describe) -> Journey:
    if op.step is None:
        return attrs.evolve(journey, name=journey.key if op.name is None else op.name, description=op.description)
    step = step_of(journey, op.step, "operation.step")
    return _set(journey, op.step, attrs.evolve(step, name=op.name, description=op.description))


def _check_new(journey: Journey, key: str, path: str) -> None:
    if key in journey.steps:
        raise Refused("duplicate_key", path, f"there is a step {key!r} already", "give it a key of its own", key)


# branches


_BRANCHES: dict[type[s.Step], type[Any]] = {
    s.HoldUntil: s.Branch,
    s.MultiBranchSplit: s.ConditionBranch,
    s.DataSplit: s.ConditionBranch,
    s.RandomizedSplit: s.RandomBranch,
}


def _branching(journey: Journey, key: str) -> Any:
    step = step_of(journey, key, "operation.step")
    if type(step) not in _BRANCHES:
        some = ", ".join(name for name, each in journey.steps.items() if type(each) in _BRANCHES) or "none has"
        raise Refused("no_branches", "operation.step", f"{key!r} has no list of branches", f"these have: {some}", key)
    return step


def _branch(step: Any, key: str, name: str) -> Any:
    for branch in step.branches:
        if branch.name == name:
            return branch
    hint = nearest(name, [branch.name for branch in step.branches])
    raise Refused("unknown_branch", "operation.branch", f"{key!r} has no branch {name!r}", hint, name)


def _add_branch(journey: Journey, op: o.AddBranch) -> Journey:
    step = _branching(journey, op.step)
    wanted = _BRANCHES[type(step)]
    if type(op.branch) is not wanted:
        message = f"a branch of {op.step!r} is a {wanted.__name__}, not a {type(op.branch).__name__}"
        fields = ", ".join(field.name for field in attrs.fields(wanted) if field.default is attrs.NOTHING)
        raise Refused("wrong_branch", "operation.branch", message, f"it needs {fields}")
    if any(each.name == op.branch.name for each in step.branches):
        message = f"{op.step!r} has a branch {op.branch.name!r} already"
        raise Refused("duplicate_name", "operation.branch.name", message, "give it a name of its own", op.branch.name)
    if op.branch.next is not None:
        step_of(journey, op.branch.next, "operation.branch.next")
    branches = list(step.branches)
    branches.insert(len(branches) if op.index is None else op.index, op.branch)
    return _with_branches(journey, op.step, branches, op.percentages)


def _remove_branch(journey: Journey, op: o.RemoveBranch) -> Journey:
    step = _branching(journey, op.step)
    gone = _branch(step, op.step, op.branch)
    without = _with_branches(journey, op.step, [each for each in step.branches if each is not gone], op.percentages)
    return _pruned(journey, without) if op.with_followers else without


def _with_branches(
    journey: Journey, key: str, branches: list[Any], percentages: Mapping[str, int | float] | None
) -> Journey:
    if percentages is not None:
        step = _branching(journey, key)
        if not isinstance(step, s.RandomizedSplit):
            message = f"{key!r} is no randomized split"
            raise Refused("wrong_branch", "operation.percentages", message, "leave the percentages out")
        for name in percentages:
            if name not in [each.name for each in branches]:
                hint = nearest(name, [each.name for each in branches])
                raise Refused("unknown_branch", "operation.percentages", f"{key!r} has no branch {name!r}", hint, name)
        branches = [attrs.evolve(each, percent=percentages.get(each.name, each.percent)) for each in branches]
    return _set(journey, key, attrs.evolve(_branching(journey, key), branches=tuple(branches)))


def _reorder(journey: Journey, op: o.ReorderBranches) -> Journey:
    step = _branching(journey, op.step)
    for name in op.branches:
        _branch(step, op.step, name)
    there = [each.name for each in step.branches]
    if sorted(op.branches) != sorted(there):
        hint = f"all of them, each once: {', '.join(there)}"
        raise Refused("wrong_order", "operation.branches", "these are not all branches, each once", hint)
    return _with_branches(journey, op.step, [_branch(step, op.step, name) for name in op.branches], None)


# entry, goal and exits


def _change_exits(journey: Journey, op: o.ChangeExits) -> Journey:
    return attrs.evolve(
        journey,
        exit_rules=op.exit_rules,
        exit_send=op.exit_send,
        exit_after=op.exit_after,
        reentry_after=op.reentry_after,
    )


_CHANGES: dict[type[o.Operation], Callable[[Journey, Any], Journey]] = {
    o.Insert: _insert,
    o.Remove: _remove,
    o.Move: _move,
    o.Connect: _connect,
    o.Disconnect: _disconnect,
    o.ReplaceStep: _replace,
    o.DuplicateStep: _duplicate,
    o.RenameStep: lambda journey, op: rename_step(journey, op.step, op.to),
    o.RenameJourney: lambda journey, op: rename_journey(journey, op.to),
    o.Describe: _describe,
    o.AddBranch: _add_branch,
    o.RemoveBranch: _remove_branch,
    o.ReorderBranches: _reorder,
    o.RenameBranch: lambda journey, op: rename_branch(journey, op.step, op.branch, op.to),
    o.ChangeEntry: lambda journey, op: attrs.evolve(journey, entry=op.entry),
    o.ChangeGoal: lambda journey, op: attrs.evolve(journey, goal=op.goal),
    o.ChangeExits: _change_exits,
    o.Restore: restore,
}

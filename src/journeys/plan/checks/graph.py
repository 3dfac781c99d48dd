"""The ways through a journey, and other things that must not run in a circle."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from journeys.codec.problems import Report, element, member
from journeys.errors import nearest
from journeys.model import steps as s
from journeys.model.journey import Journey

#: circles that are told at once, and steps of a circle that are named
_ENOUGH, _NAMED = 20, 12
#: what some write where null is meant
ENDINGS = ("end", "stop", "exit", "done", "finish", "none", "null", "nil", "")


def exits(step: s.Step) -> Iterator[tuple[str, str]]:
    """The steps that may come after a step, each with where it is named: ``.branches[0].next``, ``"pay"``."""
    for index, branch in enumerate(getattr(step, "branches", ())):
        if branch.next is not None and not getattr(branch, "restart", False):
            yield f".branches[{index}].next", branch.next
    for name in s.EXITS:
        if (target := getattr(step, name, None)) is not None:
            yield f".{name}", target


def check_paths(journey: Journey, path: str, report: Report) -> None:
    """Every step that is named exists, every step can be reached, and no path leads back (L1)."""
    steps = path + ".steps"
    keys = journey.steps.keys()
    edges: dict[str, list[str]] = {}
    for key, step in journey.steps.items():
        edges[key] = []
        for where, target in exits(step):
            check_step(target, keys, member(steps, key) + where, report, may_end=True)
            if target in journey.steps:
                edges[key].append(target)
    check_step(journey.start, keys, member(path, "start"), report)
    if journey.start in journey.steps:
        reached = _reached(journey.start, edges)
        for key in keys:
            if key not in reached:
                hint = "let the start or a step before lead to it, or remove it"
                report.add("unreachable_step", member(steps, key), f"no path leads to {key!r}", hint=hint)
    for cycle in cycles(edges):
        hint = "let one of them end with null; a hold starts over with a branch that says restart"
        report.add("cycle", member(steps, cycle[-1]), f"a path leads in a circle: {told(cycle)}", hint=hint)


def check_step(target: str, keys: Collection[str], path: str, report: Report, *, may_end: bool = False) -> None:
    """The step exists (L1)."""
    if target not in keys:
        hint = nearest(target, list(keys)) or "name a step, or null where the path ends"
        if may_end and target.lower() in ENDINGS and not hint.startswith("did you mean"):
            hint = "write null where the path ends"
        report.add("unknown_step", path, f"there is no step {target!r}", hint=hint, got=target)


def check_branch_names(step: s.Step, path: str, report: Report) -> None:
    """No two branches of a step have one name."""
    seen: dict[str, int] = {}
    for index, branch in enumerate(getattr(step, "branches", ())):
        if branch.name in seen:
            at = member(element(member(path, "branches"), index), "name")
            message = f"the branches {seen[branch.name]} and {index} are both named {branch.name!r}"
            report.add("duplicate_name", at, message, hint="give each branch a name of its own")
        else:
            seen[branch.name] = index


def _reached(start: str, edges: Mapping[str, Sequence[str]]) -> set[str]:
    reached, waiting = {start}, [start]
    while waiting:
        new = [each for each in edges[waiting.pop()] if each not in reached]
        reached.update(new)
        waiting += new
    return reached


def cycles(edges: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Circles of a graph, in the order in which they are met: one for every edge that closes one, up to a few.

    Without recursion, for a path may be thousands of steps long.
    """
    found: list[tuple[str, ...]] = []
    done: set[str] = set()
    for root in edges:
        way: dict[str, Iterator[str]] = {} if root in done else {root: iter(edges[root])}
        while way and len(found) < _ENOUGH:
            key, rest = next(reversed(way.items()))
            following = next(rest, None)
            if following is None:
                del way[key]
                done.add(key)
            elif following in way:
                on_it = list(way)
                found.append(tuple(on_it[on_it.index(following) :]))
            elif following not in done:
                way[following] = iter(edges[following])
    return list(dict.fromkeys(found))


def told(cycle: Sequence[str]) -> str:
    """A circle as a problem names it."""
    named = (*cycle, cycle[0]) if len(cycle) <= _NAMED else (*cycle[: _NAMED // 2], "…", cycle[-1], cycle[0])
    return " → ".join(named)

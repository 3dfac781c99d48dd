"""What is in the journey context when a token arrives at a step: always, or only on some of the ways there.

A token reaches a step by one of the ways that lead to it, so what is there always is what every way brings. Tokens of a
``multi_branch_split`` run side by side in one instance and share its context (S4).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from journeys.model import entries as e
from journeys.model import steps as s
from journeys.model.journey import Journey
from journeys.runtime.editing.operations import Way
from journeys.runtime.editing.ways import ways_of

#: the key under which the exit send is looked at, as if it were a step
EXIT = "exit"


@attrs.frozen
class Source:
    """Where an event of the context comes from: the entry (no way), a branch of a hold, or an exit rule."""

    event: str
    way: Way | None = None
    restart: bool = False
    exit_rule: str | None = None


@attrs.frozen
class Known:
    """The context on arrival, by alias: which are there always, and where each may come from."""

    always: frozenset[str]
    sources: Mapping[str, tuple[Source, ...]]


def alias_of(branch: s.Branch) -> str:
    """The name under which the event of a hold branch stands in the context."""
    return f"{branch.event} - {branch.name}"


def aliases(journey: Journey) -> dict[str, list[Source]]:
    """Every event that may ever be in the context while people are under way, and where it comes from."""
    found: dict[str, list[Source]] = {}
    if isinstance(journey.entry, e.EventEntry):
        found[journey.entry.event] = [Source(journey.entry.event)]
    for key, step in journey.steps.items():
        for alias, source in _given_by(key, step):
            found.setdefault(alias, []).append(source)
    return found


def exit_aliases(journey: Journey) -> dict[str, list[Source]]:
    """The events with which the exit send may go out (X1)."""
    found: dict[str, list[Source]] = {}
    rules = journey.exit_send.rules if journey.exit_send is not None else ()
    for rule in journey.exit_rules:
        if rule.key in rules:
            found.setdefault(rule.event, []).append(Source(rule.event, exit_rule=rule.key))
    return found


def known_at(journey: Journey, step: str) -> Known:
    """The context on arrival at a step; at ``exit`` that of the exit send. A step that nothing leads to has none."""
    if step == EXIT:
        return _at_exit(journey)
    always, may = _flow(journey)
    entry = _entry(journey)
    sources = {alias: tuple(each) for alias, each in aliases(journey).items()}
    here = may.get(step, frozenset()) | _side_by_side(journey, step)
    reached = {
        alias: tuple(each for each in found if (alias, each) in here)
        for alias, found in sources.items()
        if any((alias, each) in here for each in found)
    }
    return Known(frozenset(always.get(step, frozenset()) | (entry if step in always else frozenset())), reached)


def _at_exit(journey: Journey) -> Known:
    found = aliases(journey)
    exits = exit_aliases(journey)
    for alias, each in exits.items():
        found[alias] = [*found.get(alias, []), *each]
    only = frozenset(exits) if len(exits) == 1 else frozenset()
    return Known(_entry(journey) | only, {alias: tuple(each) for alias, each in found.items()})


def _entry(journey: Journey) -> frozenset[str]:
    return frozenset({journey.entry.event} if isinstance(journey.entry, e.EventEntry) else ())


def _given_by(key: str, step: s.Step) -> Iterator[tuple[str, Source]]:
    if isinstance(step, s.HoldUntil):
        for branch in step.branches:
            if not (branch.restart and step.max_restarts == 0):
                yield alias_of(branch), Source(branch.event, Way(key, branch=branch.name), branch.restart)


def _branch(source: Source) -> str | None:
    return None if source.way is None else source.way.branch


Facts = frozenset[tuple[str, Source]]


def _flow(journey: Journey) -> tuple[dict[str, frozenset[str]], dict[str, Facts]]:
    """By step: what every way brings, and what some way may bring; steps that the start does not reach are left out."""
    always: dict[str, frozenset[str]] = {}
    may: dict[str, Facts] = {}
    entry = _entry(journey)
    if journey.start in journey.steps:
        always[journey.start] = entry
        may[journey.start] = frozenset((alias, Source(alias)) for alias in entry)
    for key in _from_above(journey):
        if key not in always:
            continue
        given = tuple(_given_by(key, journey.steps[key]))
        restarts = frozenset(each for each in given if each[1].restart)
        for way, target in ways_of(journey.steps[key]):
            if target not in journey.steps or target is None:
                continue
            taken = frozenset(each for each in given if not each[1].restart and _branch(each[1]) == way.branch)
            brought = always[key] | {alias for alias, _ in taken}
            always[target] = always[target] & brought if target in always else brought
            may[target] = may.get(target, frozenset()) | may[key] | restarts | taken
    return always, may


def _from_above(journey: Journey) -> list[str]:
    """The steps that the start reaches, each after all that lead to it; a circle in a draft is cut where it closes."""
    after: list[str] = []
    done: set[str] = set()
    stack = [(journey.start, iter(_targets(journey, journey.start)))]
    done.add(journey.start)
    while stack:
        key, rest = stack[-1]
        following = next(rest, None)
        if following is None:
            stack.pop()
            after.append(key)
        elif following not in done:
            done.add(following)
            stack.append((following, iter(_targets(journey, following))))
    return [key for key in reversed(after) if key in journey.steps]


def _targets(journey: Journey, key: str) -> list[str]:
    step = journey.steps.get(key)
    return [] if step is None else [target for _, target in ways_of(step) if target is not None]


def reached_from(journey: Journey, key: str | None) -> set[str]:
    """The steps that can be reached from a step, itself among them."""
    found: set[str] = set()
    waiting = [key] if key in journey.steps and key is not None else []
    while waiting:
        step = waiting.pop()
        if step not in found:
            found.add(step)
            waiting += [each for each in _targets(journey, step) if each in journey.steps]
    return found


def _side_by_side(journey: Journey, step: str) -> Facts:
    """What tokens that run beside the one that arrives may have brought (S4)."""
    found: set[tuple[str, Source]] = set()
    for split in journey.steps.values():
        if not isinstance(split, s.MultiBranchSplit) or split.exclusive:
            continue
        reached = [reached_from(journey, branch.next) for branch in split.branches]
        for here, mine in enumerate(reached):
            if step in mine:
                for there, others in enumerate(reached):
                    if there != here:
                        found |= {each for key in others for each in _given_by(key, journey.steps[key])}
    return frozenset(found)

"""What depends on a step, a branch or an exit rule: what an author should see before it is removed."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any

import attrs

from journeys._time import described
from journeys.codec.problems import element, member
from journeys.errors import nearest
from journeys.model import steps as s
from journeys.model.journey import Journey
from journeys.plan.references import Reference, references
from journeys.runtime.editing.contexts import alias_of, aliases, exit_aliases, reached_from
from journeys.runtime.editing.ways import Refused, step_of, ways_of

#: the kinds of what may depend on something
KINDS = (
    *("start", "way", "branch", "migrate", "follower", "join"),
    *("condition", "filter", "mapping", "merge_tag", "activation", "delay"),
    *("exit_send", "people"),
)


@attrs.frozen(kw_only=True)
class Dependent:
    """One thing that depends on what is to be removed, with its path in the journey.

    ``kind`` is ``start``, ``way`` or ``branch`` for what leads to a step, ``migrate`` for people of an earlier version
    who are mapped to it (V2), ``follower`` for a step that only it leads to, ``join`` for one that others lead to as
    well; ``condition``, ``filter``, ``mapping``, ``merge_tag``, ``activation`` or ``delay`` for what reads an event
    that only it brings into the journey context; ``exit_send`` for an exit rule that is named there; ``people`` for
    ``count`` people who wait there.
    """

    kind: str
    path: str
    name: str
    message: str
    count: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return attrs.asdict(self)


def dependents(
    journey: Journey,
    step: str | None = None,
    *,
    branch: str | None = None,
    exit_rule: str | None = None,
    waiting: Mapping[str, int] | None = None,
) -> tuple[Dependent, ...]:
    """What depends on a step, on one of its branches, or on an exit rule; KeyError if that is not there.

    ``waiting`` says how many people wait at each step, as figures or a store count them.
    """
    if not isinstance(journey, Journey):
        raise TypeError(f"expected a journey, got {described(journey)}: give one of its journeys if it is a space")
    try:
        if exit_rule is not None:
            return tuple(_of_rule(journey, exit_rule))
        if step is None:
            raise TypeError("say of what: a step, a branch of a step, or an exit rule")
        found = step_of(journey, step, "step")
    except Refused as refused:
        raise KeyError(str(refused.problem)) from None
    if branch is not None:
        return tuple(_of_branch(journey, step, found, branch))
    still = reached_from(_without(journey, step), journey.start)
    lost = reached_from(journey, journey.start) - still - {step}
    return (
        *_leading(journey, step),
        *_after(journey, step, lost, {step}),
        *_reading(journey, {alias_of(each) for each in _branches(found)}, step),
        *_reading_behind(journey, {step}, lost),
        *_people(step, waiting or {}),
    )


def _leading(journey: Journey, step: str) -> Iterator[Dependent]:
    for each in references(journey):
        if each.kind == "step" and each.name == step:
            kind = each.place if each.place in ("start", "branch", "migrate") else "way"
            told = {"start": "the journey starts here", "migrate": "people of the version before are mapped to it"}
            message = told.get(kind, f"leads to {step!r}")
            yield Dependent(kind=kind, path=each.path, name=step, message=message)


def _without(journey: Journey, *gone: str) -> Journey:
    """The journey with steps cut off: whatever leads to them ends."""
    return attrs.evolve(journey, steps={key: each for key, each in journey.steps.items() if key not in gone})


def _after(journey: Journey, start: str, lost: set[str], roots: set[str]) -> Iterator[Dependent]:
    """The steps after it: those that no path leads to any more, and those at which others join."""
    direct = {target for root in roots for _, target in ways_of(journey.steps[root])}
    for key in journey.steps:
        at = member("$.steps", key)
        if key in lost:
            yield Dependent(kind="follower", path=at, name=key, message=f"only {start!r} leads to {key!r}")
        elif key in direct:
            yield Dependent(kind="join", path=at, name=key, message=f"others than {start!r} lead to {key!r}")


def _reading(journey: Journey, gone: set[str], step: str) -> Iterator[Dependent]:
    """What reads an event of the context that only the step brings there; what it reads itself goes with it."""
    brought = dict.fromkeys(gone, f"only {step!r} brings into the journey context")
    return _readers(journey, brought, aliases(_without(journey, step)), (member("$.steps", step) + ".",))


def _reading_behind(journey: Journey, roots: set[str], lost: set[str]) -> Iterator[Dependent]:
    """What reads, elsewhere, an event that is lost with the followers, if these go too."""
    gone = roots | lost
    brought = {
        alias_of(each): f"{key!r} brings, and that would go as well"
        for key in journey.steps
        if key in lost
        for each in _branches(journey.steps[key])
    }
    going = tuple(member("$.steps", key) + "." for key in gone)
    return _readers(journey, brought, aliases(_without(journey, *gone)), going)


def _readers(
    journey: Journey, brought: Mapping[str, str], given: Container[str], going: tuple[str, ...]
) -> Iterator[Dependent]:
    """What reads one of these events that is not given still, and what is told of it; not what goes itself."""
    for each in _context(journey):
        if each.name not in brought or each.name in given or each.path.startswith(going):
            continue
        if each.path.startswith("$.exit_send") and each.name in exit_aliases(journey):
            continue
        message = f"reads {each.name!r}, which {brought[each.name]}"
        yield Dependent(kind=each.place or "condition", path=each.path, name=each.name, message=message)


def _context(journey: Journey) -> Iterator[Reference]:
    return (each for each in references(journey) if each.kind == "context")


def _people(step: str, waiting: Mapping[str, int]) -> Iterator[Dependent]:
    if count := waiting.get(step, 0):
        message = f"{count:,} wait at {step!r}: map it when you publish, or let them drain"
        yield Dependent(kind="people", path=member("$.steps", step), name=step, message=message, count=count)


def _branches(step: s.Step) -> tuple[s.Branch, ...]:
    return step.branches if isinstance(step, s.HoldUntil) else ()


def _of_branch(journey: Journey, key: str, step: s.Step, name: str) -> Iterator[Dependent]:
    branches: tuple[Any, ...] = getattr(step, "branches", ())
    names = [each.name for each in branches]
    if name not in names:
        raise KeyError(f"{key!r} has no branch {name!r}: {nearest(name, names)}")
    rest = tuple(each for each in branches if each.name != name)
    without = attrs.evolve(journey, steps={**journey.steps, key: attrs.evolve(step, branches=rest)})  # type: ignore[call-arg]
    still = reached_from(without, journey.start)
    lost = reached_from(journey, journey.start) - still
    target = next((each.next for each in branches if each.name == name), None)
    for other in journey.steps:
        at = member("$.steps", other)
        if other in lost:
            yield Dependent(
                kind="follower", path=at, name=other, message=f"only the branch {name!r} leads to {other!r}"
            )
        elif other == target:
            yield Dependent(kind="join", path=at, name=other, message=f"others lead to {other!r} as well")
    yield from _reading_behind(without, set(), lost)
    own = element(member("$.steps", key) + ".branches", names.index(name)) + "."
    brought = dict.fromkeys(aliases(journey), f"only the branch {name!r} brings into the journey context")
    yield from _readers(journey, brought, aliases(without), (own,))


def _of_rule(journey: Journey, key: str) -> Iterator[Dependent]:
    keys = [each.key for each in journey.exit_rules]
    if key not in keys:
        raise KeyError(f"there is no exit rule {key!r}: {nearest(key, keys)}")
    sends = journey.exit_send
    if sends is None or key not in sends.rules:
        return
    at = member("$.exit_send", "rules")
    yield Dependent(kind="exit_send", path=element(at, sends.rules.index(key)), name=key, message="it goes out")
    without = attrs.evolve(journey, exit_rules=tuple(each for each in journey.exit_rules if each.key != key))
    given = {**aliases(without), **exit_aliases(without)}
    for each in references(sends, "$.exit_send"):
        if each.kind == "context" and each.name in exit_aliases(journey) and each.name not in given:
            message = f"reads {each.name!r}, which only the exit rule {key!r} brings"
            yield Dependent(kind=each.place or "activation", path=each.path, name=each.name, message=message)

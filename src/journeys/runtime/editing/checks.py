"""What may be wrong with an edited definition: what ``validate`` finds, and what only the edit can have done."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from journeys.codec.problems import element, member
from journeys.errors import Problem, nearest
from journeys.model.conditions import All
from journeys.model.journey import Journey
from journeys.model.space import AudienceDefinition, DestinationDefinition, Space
from journeys.model.steps import SendToDestination
from journeys.plan.plan import destination_key
from journeys.plan.references import Reference, references
from journeys.plan.validate import validate
from journeys.runtime.editing.contexts import aliases, exit_aliases


def problems(before: Journey | Space, after: Journey | Space, *, restored: bool = False) -> tuple[Problem, ...]:
    """Everything that is wrong after an edit; what was there before may be ``restored`` whatever it lacks."""
    if restored:
        return tuple(validity(after))
    if isinstance(before, Journey) and isinstance(after, Journey):
        return (*validity(after), *_done(before, after, "$"))
    assert isinstance(before, Space) and isinstance(after, Space)
    found = list(validity(after))
    for index, (old, new) in enumerate(zip(before.journeys, after.journeys, strict=True)):
        if old is not new:
            found += _done(old, new, element("$.journeys", index))
    return tuple(found)


def validity(subject: Journey | Space) -> list[Problem]:
    """What ``validate`` finds; of a journey alone, with the audiences and destinations that it names given to it."""
    if isinstance(subject, Space):
        return validate(subject)
    here = "$.journeys[0]"
    found = validate(stand_in(subject))
    return [
        attrs.evolve(each, path="$" + each.path[len(here) :]) if each.path.startswith(here) else each for each in found
    ]


def path_of(step: str) -> str:
    """Where a step stands in its journey."""
    return member("$.steps", step)


def stand_in(journey: Journey) -> Space:
    """A space for a journey that has none: whatever it names is there."""
    named = list(references(journey))
    keys = {each.name for each in named if each.kind == "audience"}
    ways = {each.name for each in named if each.kind == "destination"}
    return Space(
        audiences=tuple(AudienceDefinition(key=key, condition=All(())) for key in sorted(keys)),
        destinations={key: DestinationDefinition("record", list=True) for key in sorted(ways)},
        journeys=(journey,),
    )


def _done(old: Journey, new: Journey, path: str) -> Iterator[Problem]:
    yield from _lost_context(old, new, path)
    before = {each.got for each in _taken_keys(old, path)}
    yield from (each for each in _taken_keys(new, path) if each.got not in before)


def _lost_context(old: Journey, new: Journey, path: str) -> Iterator[Problem]:
    """References to events of the context that something gave before the edit, and nothing gives any more."""
    given = aliases(new)
    before = (frozenset(aliases(old)), frozenset(exit_aliases(old)))
    after = (frozenset(given), frozenset(exit_aliases(new)))
    for each in references(new, path):
        if each.kind == "context" and _answered(before, each, path) and not _answered(after, each, path):
            message = f"nothing brings {each.name!r} into the journey context any more, and it is read here"
            yield Problem("lost_context", each.path, message, nearest(each.name, sorted(given)), got=each.name)


def _answered(brought: tuple[frozenset[str], frozenset[str]], reference: Reference, path: str) -> bool:
    """Whether something brings what is read: under way or, for the exit send, by one of its rules."""
    under_way, at_exit = brought
    is_exit = reference.path.startswith(member(path, "exit_send"))
    return reference.name in under_way or (is_exit and reference.name in at_exit)


def _taken_keys(journey: Journey, path: str) -> Iterator[Problem]:
    """Two steps that a destination could not tell apart: one was renamed, another has its old key now."""
    holders: dict[str, str] = {}
    for key, step in journey.steps.items():
        if isinstance(step, SendToDestination):
            for each in step.activations:
                made = destination_key(journey.key, key) if each.destination_key is None else each.destination_key
                if holders.setdefault(made, key) != key:
                    message = f"{holders[made]!r} and {key!r} have the destination key {made!r} both"
                    hint = "a step that was renamed keeps its destination key: take another key for this step"
                    yield Problem("duplicate_destination_key", member(path + ".steps", key), message, hint, got=made)
                    break

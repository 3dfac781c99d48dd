"""Renaming: what names the thing follows, and what a destination knows it by stays the same (V4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from journeys.codec.problems import member
from journeys.errors import Problem
from journeys.model import steps as s
from journeys.model._fields import KEY
from journeys.model.journey import Journey, Migrate
from journeys.plan.plan import destination_key
from journeys.plan.references import references
from journeys.runtime.editing.contexts import EXIT, alias_of, aliases, exit_aliases
from journeys.runtime.editing.rewriting import with_context_renamed
from journeys.runtime.editing.ways import Refused, redirected, step_of


def rename_step(journey: Journey, old: str, new: str) -> Journey:
    """Another key for a step."""
    step = step_of(journey, old, "operation.step")
    if new == old:
        return journey
    _check_key(new)
    if new in journey.steps:
        raise Refused("duplicate_key", "operation.to", f"there is a step {new!r} already", "take another key", new)
    steps: dict[str, s.Step] = {}
    for key, each in journey.steps.items():
        same = redirected(each, old, new)
        steps[new if key == old else key] = _kept(journey, old, new, same) if each is step else same
    migrates = journey.on_previous
    if isinstance(migrates, Migrate):
        followed = {before: new if after == old else after for before, after in migrates.migrate.items()}
        if old not in migrates.migrate.values():  # people at a step of that key stayed there: now they are told where
            followed.setdefault(old, new)
        migrates = Migrate(followed)
    start = new if journey.start == old else journey.start
    return attrs.evolve(journey, start=start, steps=steps, on_previous=migrates)


def _kept(journey: Journey, old: str, new: str, step: s.Step) -> s.Step:
    """The step with whatever was made of its key put down: the destination key, and the name of what it sends."""
    if not isinstance(step, s.SendToDestination):
        return step
    key = destination_key(journey.key, old)
    activations = (_pinned(each, key, destination_key(journey.key, new)) for each in step.activations)
    if step.name is None and not journey.is_condition_based:
        activations = (_named(each, old) for each in activations)
    return attrs.evolve(step, activations=tuple(activations))


def _pinned(activation: s.Activation, old: str, new: str) -> s.Activation:
    """The key that it has stands in it, unless it would be made of the new name anyway."""
    key = old if activation.destination_key is None else activation.destination_key
    return attrs.evolve(activation, destination_key=None if key == new else key)


def _named(activation: s.Activation, event: str) -> s.Activation:
    if activation.event is not None or activation.call != "track" or activation.mapping is not None:
        return activation
    return attrs.evolve(activation, event=event)


def rename_journey(journey: Journey, new: str) -> Journey:
    """Another key for a journey; a name that was the key alone follows it."""
    old = journey.key
    if new == old:
        return journey
    _check_key(new)
    steps = {}
    for key, step in journey.steps.items():
        if isinstance(step, s.SendToDestination):
            keys = destination_key(old, key), destination_key(new, key)
            step = attrs.evolve(step, activations=tuple(_pinned(each, *keys) for each in step.activations))
        steps[key] = step
    sends = journey.exit_send
    if sends is not None:
        keys = destination_key(old, EXIT), destination_key(new, EXIT)
        sends = attrs.evolve(sends, activation=_pinned(sends.activation, *keys))
    name = new if journey.name == old else journey.name
    return attrs.evolve(journey, key=new, name=name, steps=steps, exit_send=sends)


def rename_branch(journey: Journey, key: str, old: str, new: str) -> Journey:
    """Another name for a branch; of a hold, its event in the context is renamed with it."""
    step: Any = step_of(journey, key, "operation.step")
    names = [branch.name for branch in getattr(step, "branches", ())]
    if old not in names:
        hint = f"one of {', '.join(names)}" if names else f"{key!r} has no branches"
        raise Refused("unknown_branch", "operation.branch", f"{key!r} has no branch {old!r}", hint, old)
    if new == old:
        return journey
    if new in names:
        raise Refused("duplicate_name", "operation.to", f"{key!r} has a branch {new!r} already", "take another", new)
    branch = step.branches[names.index(old)]
    if isinstance(branch, s.Branch):
        journey = _with_alias_renamed(journey, alias_of(branch), alias_of(attrs.evolve(branch, name=new)))
        step = journey.steps[key]
    branches = tuple(attrs.evolve(each, name=new) if each.name == old else each for each in step.branches)
    return attrs.evolve(journey, steps={**journey.steps, key: attrs.evolve(step, branches=branches)})


def _with_alias_renamed(journey: Journey, old: str, new: str) -> Journey:
    given = aliases(journey)
    if new in given or new in exit_aliases(journey):
        message = f"{new!r} stands in the journey context already"
        raise Refused("duplicate_name", "operation.to", message, "take a name that gives another event")
    named = [each.path for each in references(journey) if each.kind == "context" and each.name == old]
    if len(given.get(old, ())) > 1 and named:
        message = f"another hold gives {old!r} too, and {named[0]} may mean either"
        raise Refused("ambiguous_context", "operation.branch", message, "rename the branch of the other hold first")
    try:
        return with_context_renamed(journey, old, new)
    except ValueError as error:
        raise Refused("bad_template", "operation.to", str(error), "take a name without quotes and braces") from None


def _check_key(key: str) -> None:
    if not KEY.fullmatch(key):
        hint = "small letters, digits, _ and -, a letter first"
        raise Refused("bad_key", "operation.to", f"{key!r} is no key", hint, key)
    if key == EXIT:
        raise Refused("reserved_key", "operation.to", f"the key {key!r} stands for the exit send", "take another", key)


def notes(old: Journey, new: Journey) -> Iterator[Problem]:
    """What a rename cannot leave as it was, because the rules make it of the key."""
    renamed = old.key != new.key
    for key, step in new.steps.items():
        if isinstance(step, s.RandomizedSplit) and (renamed or key not in old.steps):
            message = f"the branches of {key!r} are drawn by its key and that of the journey: now anew (S6)"
            hint = "change the name that is shown instead, or rename before it is published"
            yield Problem("drawn_anew", member("$.steps", key), message, hint)
    if renamed:
        message = "people who are in the journey, or have been, are known by its old key: to them it is another journey"
        yield Problem("another_journey", "$.key", message, "change the name that is shown instead")
    before = {key: place for place, key in enumerate(sorted(old.steps))}
    if not renamed and before.keys() != new.steps.keys():
        (gone,), (come,) = before.keys() - new.steps.keys(), new.steps.keys() - before.keys()
        order = [gone if key == come else key for key in sorted(new.steps)]
        if order != sorted(old.steps):
            message = f"deadlines of one instant are done in the order of step keys: {come!r} stands elsewhere (T6)"
            yield Problem(
                "order_of_work", member("$.steps", come), message, "it matters where there are several tokens"
            )

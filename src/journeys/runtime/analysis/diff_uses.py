"""Which journeys an audience, a computed trait or a destination concerns, directly or through others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from journeys._time import Duration
from journeys.model.conditions import Audience, Trait, TraitRef
from journeys.model.entries import EventEntry
from journeys.model.space import Space
from journeys.model.steps import Activation, SendMessage, ShowAd, Template, TimezoneTrait
from journeys.plan.templates import merge_tags, parse_tag

#: a name in a space: ``("audience", "vip")``, ``("trait", "plan")``, ``("destination", "email")``
Name = tuple[str, str]


def users_of(*spaces: Space) -> dict[Name, tuple[str, ...]]:
    """Which journeys of any of the spaces each name concerns."""
    found: dict[Name, set[str]] = {}
    for space in spaces:
        through = {("audience", each.key): frozenset(names_in(each)) for each in space.audiences}
        through |= {("trait", each.key): frozenset(names_in(each)) for each in space.computed_traits}
        for journey in space.journeys:
            for name in _reached(set(names_in(journey)), through):
                found.setdefault(name, set()).add(journey.key)
    return {name: tuple(sorted(keys)) for name, keys in found.items()}


def _reached(names: set[Name], through: Mapping[Name, frozenset[Name]]) -> set[Name]:
    reached: set[Name] = set()
    while names:
        name = names.pop()
        if name not in reached:
            reached.add(name)
            names |= through.get(name, frozenset())
    return reached


def names_in(thing: Any) -> Iterator[Name]:
    """Every audience, trait and destination that a part of a space names."""
    match thing:
        case Audience() | EventEntry() if thing.audience is not None:
            yield "audience", thing.audience
        case Trait() | TraitRef() | TimezoneTrait():
            yield _trait(thing.trait)
        case Activation():
            yield "destination", thing.destination
            yield from map(_trait, thing.traits)
        case ShowAd() | SendMessage():
            yield "destination", thing.destination
    if isinstance(thing, Template):
        yield from _tags(thing.template)
    elif isinstance(thing, SendMessage):
        yield from _texts(thing.template)
    if attrs.has(type(thing)) and not isinstance(thing, Duration):
        for field in attrs.fields(type(thing)):
            yield from names_in(getattr(thing, field.name))
    elif isinstance(thing, Mapping):
        for each in thing.values():
            yield from names_in(each)
    elif isinstance(thing, (tuple, list)):
        for each in thing:
            yield from names_in(each)


def _trait(path: str) -> Name:
    return "trait", path.partition(".")[0]


def _texts(template: Any) -> Iterator[Name]:
    if isinstance(template, str):
        yield from _tags(template)
    elif isinstance(template, (Mapping, list, tuple)):
        for each in template.values() if isinstance(template, Mapping) else template:
            yield from _texts(each)


def _tags(text: str) -> Iterator[Name]:
    for _, _, content in merge_tags(text):
        try:
            reference, _ = parse_tag(content)
        except ValueError:
            continue
        if isinstance(reference, TraitRef):
            yield _trait(reference.trait)

"""Which journeys an audience, a computed trait or a destination concerns, directly or through others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from journeys.model.space import Space
from journeys.plan.references import references

#: a name in a space: ``("audience", "vip")``, ``("trait", "plan")``, ``("destination", "email")``
Name = tuple[str, str]


def users_of(*spaces: Space) -> dict[Name, tuple[str, ...]]:
    """Which journeys of any of the spaces each name concerns."""
    found: dict[Name, set[str]] = {}
    for space in spaces:
        through = {("audience", each.key): _read(each) for each in space.audiences}
        through |= {("trait", each.key): _read(each) for each in space.computed_traits}
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


def _read(thing: Any) -> frozenset[Name]:
    """What an audience or a computed trait depends on; where it is sent concerns nobody who reads it."""
    return frozenset(name for name in names_in(thing) if name[0] != "destination")


def names_in(thing: Any) -> Iterator[Name]:
    """Every audience, trait and destination that a part of a space names; of a trait's path the trait."""
    for each in references(thing):
        if each.kind == "trait":
            yield "trait", each.name.partition(".")[0]
        elif each.kind in ("audience", "destination"):
            yield each.kind, each.name

"""Spaces compiled once: a scenario begins in microseconds because its plan is there already."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Mapping
from typing import Any

import attrs

from journeys.model.journey import Journey
from journeys.model.space import DestinationDefinition, Space
from journeys.runtime._core import Core, Request
from journeys.runtime._publishing import Publisher
from journeys.runtime.clocks import ManualClock
from journeys.runtime.evaluator import Evaluator, as_space
from journeys.testing._names import Names, destinations_of

Definition = Space | Journey | Iterable[Journey] | Mapping[str, Any] | str

#: how many spaces are kept compiled
KEPT = 64


class Compiled:
    """A space with a definition for every destination that it names, and its plan."""

    def __init__(self, space: Space, kept: object) -> None:
        #: what the key of the cache names by its ids must not die
        self.kept = kept
        self.space = space
        #: all of it that an evaluator looks at before it is opened
        self.shell = attrs.evolve(space, journeys=(), audiences=(), computed_traits=())
        stubs = dict.fromkeys(space.destinations, _Nowhere())
        made = Evaluator(space, destinations=stubs, clock=ManualClock(0))
        self.plan = made._core.plan
        self.library = made._publisher.library
        self.names = Names(space)


class _Nowhere:
    def deliver(self, delivery: object) -> None: ...
    def deliver_batch(self, deliveries: object) -> None: ...


class Rehearsal(Evaluator):
    """An evaluator in memory whose space has been validated and compiled before."""

    def __init__(self, compiled: Compiled, destinations: Mapping[str, Any], clock: ManualClock) -> None:
        self._compiled = compiled
        self.manual = clock
        super().__init__(compiled.shell, destinations=destinations, clock=clock, worker="scenario")
        self.space = compiled.space

    def _drive(self, steps: Generator[Request, Any, Any]) -> Any:
        if hasattr(self, "_core"):
            return super()._drive(steps)
        steps.close()  # the opening, which has not begun: its answer is known
        compiled = self._compiled
        core = Core(compiled.plan, exclusive=True, traces=True, worker="scenario", lease=1)
        return core, Publisher(compiled.space, core, compiled.library)


_cache: dict[object, Compiled] = {}


def compiled(definition: Definition) -> Compiled:
    """The compiled space of a definition."""
    if not isinstance(definition, (Space, Journey, str, Mapping)):
        definition = tuple(definition)
    key = _identity(definition)
    found = _cache.get(key)
    if found is None:
        found = Compiled(_complete(as_space(definition)), definition)
        if len(_cache) >= KEPT:
            del _cache[next(iter(_cache))]
        _cache[key] = found
    return found


def _identity(definition: Any) -> object:
    if isinstance(definition, str):
        return definition
    if isinstance(definition, Mapping):
        return json.dumps(definition, sort_keys=True)
    return tuple(map(id, definition)) if isinstance(definition, tuple) else id(definition)


def _complete(space: Space) -> Space:
    """Journeys alone define no destinations: each that they name gets a definition."""
    missing = {
        key: DestinationDefinition("record", list=is_list)
        for key, is_list in destinations_of(space).items()
        if key not in space.destinations
    }
    return attrs.evolve(space, destinations={**space.destinations, **missing}) if missing else space

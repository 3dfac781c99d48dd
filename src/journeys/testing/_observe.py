"""Watching every evaluator of this process: which journeys it has, and everything that it records.

Whatever store an evaluator has, sync or async, its records come from ``Effects.record`` and its plans are given to a
``Core``. Both are wrapped while somebody watches, so that nothing is paid for it in production. What is only tried on a
copy, as ``explain`` and rehearsals do, belongs to no ``Core`` and is not counted: it has not happened.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from journeys.engine._effects import Effects
from journeys.engine._state import Instance, ProfileState
from journeys.plan.plan import JourneyPlan, Plan
from journeys.runtime._core import Core
from journeys.testing.coverage import Coverage, JourneyCoverage


class Observer:
    """Adds what happens to a coverage, from ``start`` to ``stop``."""

    def __init__(self, coverage: Coverage) -> None:
        self.coverage = coverage
        self._undo: list[Callable[[], None]] = []
        #: the effects of evaluators that keep no trace
        self._untraced: dict[int, Effects] = {}
        #: the id of effects -> whose they are
        self._cores: WeakValueDictionary[int, Core] = WeakValueDictionary()
        self._forget()

    def _forget(self) -> None:
        #: by the ids of objects, which are kept with them: so none of these ids is given to another object meanwhile
        self._plans: dict[int, Plan] = {}
        self._journeys: dict[int, tuple[JourneyPlan, JourneyCoverage]] = {}
        self._effects: dict[int, tuple[Effects, int]] = {}

    def start(self) -> None:
        """From now on."""
        record, init, use = Effects.record, Core.__init__, Core.use
        for each in gc.get_objects():
            if type(each) is Core:  # made while tests were collected
                self._cores[id(each.effects)] = each

        def watched_record(
            effects: Effects, at: int, profile: ProfileState, instance: Instance | None, kind: str, fields: Any = None
        ) -> None:
            if id(effects) not in self._untraced:
                record(effects, at, profile, instance, kind, fields)
            if instance is not None and self._happens(effects):
                self._count(effects, instance, kind, fields)

        def watched_init(core: Core, plan: Plan, **settings: Any) -> None:
            init(core, plan, **settings)
            self._cores[id(core.effects)] = core
            if not core.effects.traces:  # what nobody wants to read is not even told: here it is, and not kept
                core.effects.traces = True
                self._untraced[id(core.effects)] = core.effects
            self._learn(plan)

        def watched_use(core: Core, plan: Plan) -> None:
            use(core, plan)
            self._learn(plan)

        self._wrap(Effects, "record", watched_record)
        self._wrap(Core, "__init__", watched_init)
        self._wrap(Core, "use", watched_use)

    def _happens(self, effects: Effects) -> bool:
        core = self._cores.get(id(effects))
        return core is not None and core.effects is effects

    def _wrap(self, owner: type, name: str, function: Callable[..., None]) -> None:
        before = getattr(owner, name)
        setattr(owner, name, function)
        self._undo.append(lambda: setattr(owner, name, before))

    def stop(self) -> None:
        """No longer."""
        while self._undo:
            self._undo.pop()()
        for effects in self._untraced.values():
            effects.traces = False
        self._untraced = {}
        self.settle()

    def settle(self) -> None:
        """A test has ended."""
        self.coverage.settle()
        self._forget()

    def _learn(self, plan: Plan) -> None:
        if id(plan) not in self._plans:
            self._plans[id(plan)] = plan
            for journey in plan.journeys.values():
                self._of(journey)

    def _of(self, plan: JourneyPlan) -> JourneyCoverage:
        found = self._journeys.get(id(plan))
        if found is None:
            found = self._journeys[id(plan)] = (plan, self.coverage.of(plan.model))
        return found[1]

    def _count(self, effects: Effects, instance: Instance, kind: str, fields: Any) -> None:
        if id(effects) not in self._effects:
            self._effects[id(effects)] = (effects, len(self._effects))
        record = {
            "journey": instance.plan.key,
            "version": instance.plan.version,
            # two evaluators of one test may have the same people
            "instance": f"{self._effects[id(effects)][1]} {instance.id}",
            "kind": kind,
        }
        if fields:
            record |= fields() if callable(fields) else fields
        self._of(instance.plan).record(record)

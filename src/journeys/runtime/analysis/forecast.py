"""What a space would do with a described population: a simulation in virtual time, one person after the other."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from journeys._time import format_instant
from journeys.engine._advance import Engine
from journeys.engine._effects import Effects
from journeys.engine._state import ProfileState
from journeys.errors import InvalidDefinition
from journeys.model.space import Space
from journeys.plan.compile import compile_space
from journeys.plan.plan import Plan
from journeys.plan.validate import validate
from journeys.runtime.analysis.figures import Figures
from journeys.runtime.analysis.forecast_population import ARRIVAL, SENT, Behaviour, Population, drawn

Call = dict[str, Any]


def forecast(
    space: Space,
    population: Population,
    *,
    seed: int = 0,
    people: bool = False,
    calls: Callable[[Call], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Figures:
    """The figures of a population that goes through a space; nothing is sent.

    The same seed gives the same figures, and each person depends on the seed and her number alone. One person is held
    in memory at a time (with ``people`` also everybody's id). ``calls`` is given every call that somebody makes, in the
    order of each person; ``progress`` how many people are done. InvalidDefinition carries the problems of the space.
    """
    if problems := validate(space):
        raise InvalidDefinition(problems)
    figures = Figures(space, people=people)
    plan = compile_space(space)
    for number in range(population.size):
        person = _Person(plan, population, number, seed, calls)
        for record in person.live():
            figures.add(record)
        figures.forget()
        if progress is not None:
            progress(number + 1)
    return figures


class _Person:
    """One person: what she is about to do, and what the engine makes of it."""

    def __init__(
        self, plan: Plan, population: Population, number: int, seed: int, calls: Callable[[Call], None] | None
    ) -> None:
        self.id = f"p{number}"
        self.plan = plan
        self.population = population
        self.rng = random.Random(f"{seed}/{number}")
        self.calls = calls
        self.effects = Effects()
        self.engine = Engine(plan, self.effects)
        self.state = ProfileState(f"u:{self.id}")
        #: (instant, order of planning, behaviour, properties of what came before)
        self.plans: list[tuple[int, int, Behaviour, Mapping[str, Any]]] = []
        self.planned = 0

    def live(self) -> Iterator[dict[str, Any]]:
        """Lives her life up to the end of the population, and gives the records of it."""
        population, end = self.population, self.population.end
        arrives = population.start + population.arrivals.draw(self.rng)
        if arrives > end:
            return
        if population.traits:
            self._identify(drawn(population.traits, self.rng, {}, self.id, 0), arrives)
            yield from self._records()
        self._after(ARRIVAL, {}, arrives)
        done = 0
        while True:
            # deadlines before her next event happen first, for what is sent may make her do something sooner
            due = self.state.due
            if self.plans and (due >= self.plans[0][0] or done >= population.most):
                at, _, behaviour, before = heapq.heappop(self.plans)
                if at > end or done >= population.most:
                    self.plans.clear()
                    continue
                done += 1
                self._track(behaviour, before, at, done)
            elif due <= end:
                self.engine.advance(self.state, due)
            else:
                return
            yield from self._records()

    def _identify(self, traits: Mapping[str, Any], at: int) -> None:
        if self.calls is not None:
            self.calls({"type": "identify", "userId": self.id, "traits": dict(traits), "timestamp": format_instant(at)})
        self.engine.apply(self.state, None, traits, at, None, -1, traits=True)

    def _track(self, behaviour: Behaviour, before: Mapping[str, Any], at: int, done: int) -> None:
        properties = drawn(behaviour.properties, self.rng, before, self.id, done)
        if self.calls is not None:
            call = {"type": "track", "userId": self.id, "event": behaviour.event, "properties": properties}
            self.calls(call | {"timestamp": format_instant(at)})
        route = self.plan.routes.get(behaviour.event)
        if route is not None:
            self.engine.event(self.state, route, properties, at, None, -1)
        elif self.plan.makes_profiles and self.state.clock < 0:
            self.engine.meet(self.state, at, -1)  # O7
        self._after(behaviour.event, properties, at)

    def _records(self) -> Iterator[dict[str, Any]]:
        if not self.effects.records:
            return
        taken = self.effects.take().records
        for record in taken:
            made = record.as_dict()
            if record.kind == "sent" and made.get("step") is not None:
                self._after(SENT + made["step"], {}, record.at)
            yield made

    def _after(self, what: str, properties: Mapping[str, Any], at: int) -> None:
        """She may do what follows this."""
        for behaviour in self.population.behaviours:
            if behaviour.after == what and self.rng.random() < behaviour.probability:
                self.planned += 1
                when = at + behaviour.delay.draw(self.rng)
                if when == at and what.startswith(SENT):
                    when += 1  # T6: at the very instant her event would have come before what was sent
                heapq.heappush(self.plans, (when, self.planned, behaviour, properties))

"""A replay of calls through a space: what ``journeys simulate`` runs. Nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from journeys._time import Duration
from journeys.errors import InvalidCall
from journeys.model.space import Space
from journeys.ports import Store
from journeys.runtime import _calls
from journeys.runtime._calls import Answer
from journeys.runtime._drive import drive
from journeys.runtime._opening import opened
from journeys.runtime.spill import SortedTrace
from journeys.runtime.stores.memory import MemoryStore


class Simulation:
    """Calls in, the trace out. On a store it goes on where the store is, and its trace is the store's whole trace."""

    def __init__(self, space: Space, store: Store | None = None, *, worker: str = "simulate") -> None:
        self.space = space
        self.store: Any = MemoryStore() if store is None else store
        steps = opened(space, exclusive=store is None, traces=True, worker=worker, lease=60_000_000, at=0)
        self.core, _ = drive(steps, self.store)
        self._trace = SortedTrace()

    def feed(
        self,
        calls: Sequence[Any],
        notes: Mapping[str, str] | None = None,
        read_notes: Mapping[str, str] | None = None,
    ) -> list[Answer]:
        """Applies calls as one unit; ``notes`` are stored with them. Conflict if ``read_notes`` are others by now."""
        if self.core.exclusive:
            answers: list[Answer] = self.core.apply(calls, None)
            self._collect()
            return answers
        answers = drive(self.core.feed(calls, None, notes=notes, read_notes=read_notes), self.store)
        return answers

    def look(self, call: Any) -> Answer | None:
        """A call that was applied before: notes how late it is; answers only what it was rejected for."""
        try:
            plan = self.core.plan
            timestamp = _calls.check(call, plan.longest_wait, plan.limits.max_payload_bytes)
        except InvalidCall as error:
            return _calls.rejected(error)
        self.core.processor.latest = max(self.core.processor.latest, timestamp)
        return None

    def finish(self, until: int | None = None, *, bound: int | None = None) -> None:
        """Lets time pass to ``until``; without it, until nothing more happens by itself, at most to ``bound``."""
        if until is not None:
            self._advance(until)
            drive(self.core.apply_all_waiting(), self.store)
            self._collect()
            return
        drive(self.core.settle(self.bound if bound is None else bound), self.store)
        self._collect()

    @property
    def bound(self) -> int:
        """``max_age`` after the last call: a journey that can be entered again and again would never end."""
        ages = [each.max_age for each in self.space.journeys if each.status in ("live", "paused")]
        latest = max(self.core.processor.latest, 0)
        return max((age.after(latest) for age in ages), default=Duration.of("P365D").after(latest))

    def _advance(self, until: int) -> None:
        drive(self.core.advance(until, exact=True), self.store)
        self._collect()

    def _collect(self) -> None:
        if self.core.exclusive:
            taken = self.core.effects.take()
            self._trace.add(taken.records)
            self.core.effects.counters.update(taken.counters)

    def trace(self) -> Iterator[str]:
        """The trace as JSON lines."""
        return iter(self._trace) if self.core.exclusive else self.store.trace()

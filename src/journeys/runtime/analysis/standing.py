"""Everybody that an evaluator or a store knows, to be looked at and to rehearse a change with; nothing is changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from journeys._time import instant_of
from journeys.codec import load_space
from journeys.engine import _publishing as ops
from journeys.engine._advance import Engine
from journeys.engine._effects import Effects
from journeys.engine._encode import decode_state, encode_state
from journeys.engine._state import ProfileState
from journeys.errors import PublishRefused
from journeys.model.journey import Journey
from journeys.model.space import Space
from journeys.plan.compile import compile_space
from journeys.plan.plan import Plan
from journeys.ports import Store
from journeys.runtime._core import Core
from journeys.runtime._drive import drive
from journeys.runtime._library import PREFIX, Library
from journeys.runtime._opening import SPACE
from journeys.runtime._publishing import Publisher
from journeys.runtime.clocks import SystemClock

if TYPE_CHECKING:
    from journeys.runtime.evaluator import Evaluator

Moment = str | datetime | int


class Standing:
    """People as they stand at ``at``: what is due before it has happened to them, on a copy.

    ``source`` is an evaluator, or a store that has been used with a space; a store is only read. ``at`` is now if not
    given. ``space`` is what would run afterwards, if audiences, computed traits or settings are others then.
    """

    def __init__(self, source: Evaluator | Store, *, at: Moment | None = None, space: Space | None = None) -> None:
        publisher: Publisher | None = getattr(source, "_publisher", None)
        evaluator: Any = source
        if publisher is not None and not hasattr(source, "_drive"):
            raise TypeError("people are read by a blocking call: open the store of an AsyncEvaluator once more for it")
        if publisher is not None:
            self._store, self._lock, self.core = evaluator.store, evaluator._lock, evaluator._core
            if not self.core.exclusive:
                self._drive(self.core.load(()))  # what other workers have published meanwhile
            now = evaluator._now()
        else:
            publisher = _read(source)
            self._store, self._lock, self.core = source, threading.RLock(), publisher.core
            now = self.core.plan.lateness.before(SystemClock().now())
        mark = self.core.processor.watermark if self.core.exclusive else self._store.watermark()
        self.at: int = max(now if at is None else instant_of(at), mark)
        self.library = publisher.library
        others = publisher.space if space is None else space
        self.publisher = Publisher(attrs.evolve(others, journeys=()), self.core, self.library)

    def current(self, key: str) -> Journey:
        """The version that would be replaced; UnknownJourney names the nearest."""
        return self.library.published(key).journey

    def versions(self, key: str) -> list[Journey]:
        """All versions of a journey that may hold people, with their status."""
        entries = [entry for (name, _), entry in sorted(self.library.entries.items()) if name == key]
        return [entry.journey for entry in entries if entry.journey.status in ("live", "paused")]

    def look(self, see: Callable[[bytes], None]) -> None:
        """Shows the state of every profile."""
        self._drive(self.core.look(lambda _, profile: see(encode_state(profile))))

    def now(self, state: bytes) -> tuple[ProfileState, Effects]:
        """A profile at the instant, if nothing is published, and what was due before it."""
        copy, effects = decode_state(state, self.core.plan), Effects()
        ops.begin(Engine(self.core.plan, effects), copy, self.at, self.core.processor.watermark)
        return copy, effects

    def rehearse(self, journey: Journey) -> Rehearsal:
        """Publishing the journey, to be tried on copies. InvalidDefinition carries what is wrong with it."""
        plan, change = self.publisher.rehearsal(journey, self.at)
        return Rehearsal(plan, change)

    def refusal(self, journey: Journey) -> PublishRefused | None:
        """What publishing a journey with a migration would be refused for: the same check, nothing has moved (V2)."""
        try:
            published, _ = self.publisher.succeeded(journey)
            self._drive(self.publisher.check_migration(self.current(journey.key), published, self.at))
        except PublishRefused as refused:
            return refused
        return None

    def _drive(self, steps: Generator[Any, Any, Any]) -> Any:
        with self._lock:
            return drive(steps, self._store)


class Rehearsal:
    """A change, tried on copies of profiles."""

    def __init__(self, plan: Plan, change: Callable[[Engine, ProfileState], None]) -> None:
        self.plan = plan
        self._change = change

    def of(self, state: bytes, *, without: frozenset[str] = frozenset()) -> tuple[ProfileState, Effects]:
        """A profile after the change, and what the change caused; ``without`` are instances that are left out."""
        copy = decode_state(state, self.plan)
        for instance in [each for each in copy.instances if each.id in without] if without else ():
            copy.remove(instance)
        effects = Effects()
        self._change(Engine(self.plan, effects), copy)
        return copy, effects


def _read(store: Any) -> Publisher:
    notes = store.notes()
    if SPACE not in notes:
        raise ValueError("this store has not been used with a space yet")
    space = load_space(notes[SPACE])
    versions = {name: note for name, note in notes.items() if name.startswith(PREFIX)}
    library, _ = Library.opened(attrs.evolve(space, journeys=()), versions)
    plan = compile_space(library.space(space), library.scopes)
    return Publisher(space, Core(plan, exclusive=False, traces=False, worker="", lease=0), library)

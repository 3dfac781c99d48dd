"""What both evaluators do, written once (see ``_drive``).

An operation is a generator: it asks a store, and is driven under the evaluator's lock, so that nothing of the evaluator
is read before its turn has come. What is longer than one operation asks the evaluator itself, by the names of its
methods: ``_do`` for an operation, ``_drain`` for deliveries, ``_sleep``. What only reads is driven by ``_see``, which
sends nothing.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from journeys._time import MAX, Duration, described, format_instant, instant_of
from journeys.codec import dump_space, load_space
from journeys.engine._state import ProfileState
from journeys.errors import InvalidDefinition, NewerState, Problem, nearest
from journeys.model.journey import Journey
from journeys.model.space import DestinationDefinition, Space
from journeys.plan.validate import examine
from journeys.plan.values import NEVER
from journeys.ports import AsyncListDestination, Clock, ListDestination, Waiting
from journeys.runtime import _erasing, _tidying
from journeys.runtime import _views as views
from journeys.runtime._arguments import (
    calls_of,
    clock_of,
    count_of,
    destinations_of,
    function_of,
    id_of,
    journey_of,
    key_of,
    notes_of,
    seconds_of,
)
from journeys.runtime._calls import Answer
from journeys.runtime._core import Core, Request
from journeys.runtime._groups import Group, goes_ahead
from journeys.runtime._opening import opened
from journeys.runtime._publishing import Publisher
from journeys.runtime._waiting import id_keys_of
from journeys.runtime.clocks import ManualClock, SystemClock, later
from journeys.runtime.destinations.registry import build_destination
from journeys.runtime.tallies import by_days, is_whole

if TYPE_CHECKING:
    from journeys.runtime.analysis.explain import Explanation
    from journeys.runtime.analysis.figures import Figures

T = TypeVar("T")
Steps = Generator[Request, Any, T]
Definition = Space | Journey | Iterable[Journey] | Mapping[str, Any] | str

#: how many calls ``feed_many`` commits as one group
GROUP = 1000
#: how long a worker may take for what it has claimed
LEASE = timedelta(seconds=15)


def as_space(definition: Definition, given: Collection[str] = ()) -> Space:
    """A space from itself, from journeys, or from a JSON document; TypeError for anything else.

    InvalidDefinition carries all problems of a document. ``given`` are the destinations that it need not define.
    """
    if isinstance(definition, Space):
        return definition
    if isinstance(definition, Journey):
        definition = [definition]
    if isinstance(definition, Mapping) and any(isinstance(each, Journey) for each in definition.values()):
        raise TypeError("expected journeys as a list, got a mapping: each has its key already")
    if isinstance(definition, (str, bytes, Mapping)):
        try:
            return load_space(definition)
        except InvalidDefinition:
            found = examine(definition).problems
            known = [each for each in found if each.code == "unknown_destination" and each.got in given]
            raise InvalidDefinition(each for each in found if each not in known) from None
    if isinstance(definition, type) or not isinstance(definition, Iterable):
        right = ": load_space(path.read_bytes()) reads a file" if isinstance(definition, os.PathLike) else ""
        raise TypeError(f"expected a Space, journeys or a JSON document, got {described(definition)}{right}")
    return Space(journeys=tuple(journey_of(each) for each in definition))


def with_destinations(space: Space, destinations: Mapping[str, Any]) -> Space:
    """The space, with a definition for each destination that the application brings and the space does not name."""
    named = {*space.destinations, *_named_destinations(dump_space(space))}
    if unknown := [key for key in destinations if key not in named]:
        raise InvalidDefinition(
            Problem(
                "unknown_destination",
                f"$.destinations.{key}",
                f"nothing in the space sends to {key!r}",
                nearest(key, sorted(named)),
            )
            for key in unknown
        )
    missing = {
        key: DestinationDefinition("function", list=isinstance(each, (ListDestination, AsyncListDestination)))
        for key, each in destinations.items()
        if key not in space.destinations
    }
    return attrs.evolve(space, destinations={**space.destinations, **missing}) if missing else space


def _named_destinations(document: Any) -> Iterator[str]:
    """Every destination that a document names somewhere."""
    if isinstance(document, Mapping):
        for name, value in document.items():
            if name == "destination" and isinstance(value, str):
                yield value
            elif name == "destinations" and isinstance(value, list):
                yield from value
            else:
                yield from _named_destinations(value)
    elif isinstance(document, list):
        for each in document:
            yield from _named_destinations(each)


def built_destinations(space: Space, given: Mapping[str, Any]) -> dict[str, Any]:
    """The destinations of a space: what the application brings, and the rest built from their definitions."""
    built: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, definition in space.destinations.items():
        if key in given:
            built[key] = given[key]
            continue
        try:
            built[key] = build_destination(key, definition)
        except InvalidDefinition as error:
            problems += error.problems
    if problems:
        raise InvalidDefinition(problems)
    return built


def is_memory(store: Any) -> bool:
    """Whether the evaluator has its people to itself, in memory."""
    return store is None or (isinstance(store, str) and store == "memory:")


def id_key(user_id: Any, anonymous_id: Any) -> str:
    """The id key of whoever is asked for."""
    user_id, anonymous_id = id_of(user_id, "user_id"), id_of(anonymous_id, "anonymous_id")
    if (user_id is None) == (anonymous_id is None):
        raise TypeError("give a user_id or an anonymous_id")
    return f"u:{user_id}" if user_id is not None else f"a:{anonymous_id}"


def _when(clock: Clock, to: Any, by: Any, parts: dict[str, float]) -> int:
    """The instant to which an ``advance`` goes; a ``ManualClock`` is moved there, the wall clock cannot be."""
    relative = by is not None or bool(parts)
    if isinstance(to, (Duration, timedelta)) or (isinstance(to, str) and to[:1] == "P"):
        raise TypeError(f"{to!r} is a length of time and no instant: write advance(by={to!r})")
    if relative and to is not None:
        raise TypeError("advance to an instant or by a duration, not both")
    if relative and not isinstance(clock, ManualClock):
        raise RuntimeError("the wall clock cannot be moved: advance to an instant, or use run(), or a ManualClock")
    if relative:
        until = later(clock.now(), by, parts)
    else:
        until = clock.now() if to is None else instant_of(to)
    if until > MAX:
        raise ValueError(f"{to!r} is out of range: instants run from 1970-01-01 to 9999-12-31")
    if isinstance(clock, ManualClock):
        clock.set(until)
    return until


class Logic:
    """The operations, and what they need."""

    store: Any
    _core: Core
    _publisher: Publisher

    def __init__(self, space: Definition, destinations: Mapping[str, Any] | None, clock: Clock | None) -> None:
        given = destinations_of({} if destinations is None else destinations)
        self.space = with_destinations(as_space(space, given), given)
        self.clock: Clock = SystemClock() if clock is None else clock_of(clock)
        self.is_live = not isinstance(self.clock, ManualClock)
        self.destinations = built_destinations(self.space, given)
        self._wake = threading.Event()
        self._stopping = False
        #: how often ``run`` has met a library that a newer version of this package has written
        self._newer_definitions = 0

    def _opening(
        self, *, exclusive: bool, traces: bool, worker: str | None, lease: int
    ) -> Steps[tuple[Core, Publisher]]:
        return opened(
            self.space,
            exclusive=exclusive,
            traces=traces,
            worker=worker or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}",
            lease=lease,
            at=self.clock.now(),
        )

    def _ask(self, method: str, *args: Any, **kwargs: Any) -> Steps[Any]:
        """One question to the store."""
        return (yield (method, args, kwargs))

    # calls in

    def _received(self) -> int:
        """The instant of receipt: after everything that ``advance`` has promised to be over (T3, T5)."""
        now = self.clock.now()
        watermark = self._core.processor.watermark
        if now <= watermark and isinstance(self.clock, ManualClock):
            now = watermark + 1
            self.clock.set(now)  # the clock is there too, so that what is dated from here is due when it comes round
        return now

    def _feeding(self, calls: Sequence[Mapping[str, Any]]) -> Steps[list[Answer]]:
        return (yield from self._core.feed(calls, self._received(), live=self.is_live))

    def _feeding_many(self, calls: Iterable[Mapping[str, Any]], size: int) -> Steps[list[Answer]]:
        """What ``feed_many`` does; asks the evaluator."""
        count_of(size, "group")
        rest = iter(calls_of(calls))
        answers: list[Answer] = []
        before: Group | None = None
        failure: Exception | None = None
        try:
            while batch := list(islice(rest, size)):
                group = yield ("_do", (self._feeding_group(batch, before),), {"alone": False})
                if before is not None:
                    answers += before.result()
                before = group
        except Exception as error:
            failure = error
        yield ("_do", (self._nothing(),), {})
        if before is not None:
            answers += before.result()
        if failure is not None:
            raise failure
        return answers

    def _feeding_group(self, calls: Sequence[Mapping[str, Any]], before: Group | None) -> Steps[Group]:
        """Applies a group of calls; its commit may be under way still."""
        group = Group(calls, self._received(), self.is_live)
        groups = self._core.groups
        yield from groups.feed(group, before) if goes_ahead(self.store) else groups.feed_alone(group)
        return group

    def _alone(self, steps: Steps[T]) -> Steps[T]:
        """The steps, when no commit is under way any more."""
        yield from self._core.groups.finish()
        return (yield from steps)

    def _nothing(self) -> Steps[None]:
        """To be done alone: what is under way comes to its end."""
        yield from ()

    def _replaying(self, calls: Sequence[Mapping[str, Any]], notes: Mapping[str, str] | None) -> Steps[list[Answer]]:
        return (yield from self._core.feed(calls_of(calls), None, notes=notes_of(notes)))

    # time

    def _advancing(self, to: Any, by: Any, parts: dict[str, float]) -> Steps[None]:
        yield from self._core.advance(_when(self.clock, to, by, parts), now=self.clock.now())

    def _settling(self, bound: Any) -> Steps[None]:
        last = yield from self._core.settle(MAX if bound is None else instant_of(bound))
        if isinstance(self.clock, ManualClock) and last >= 0:
            self.clock.set(last)

    def _next_due(self) -> Steps[int | None]:
        if self._core.exclusive:
            return self._core.processor.next_due
        waiting: Sequence[Waiting] = yield from self._ask("waiting", MAX, 1)
        due: int | None = yield from self._ask("next_due")
        return due if not waiting else min(waiting[0].timestamp, due if due is not None else MAX)

    def _running(self, poll: float, prune: Duration | str | timedelta | None) -> Steps[None]:
        """What ``run`` does; asks the evaluator."""
        seconds_of(poll, "poll")
        clock_of(self.clock, "sleep")
        pause = None if prune is None else Duration.of(prune)
        tidies_at = 0
        while not self._stopping:
            next_try = yield from self._turn()
            if pause is not None and self.clock.now() >= tidies_at:
                begins, tidies_at = yield ("_do", (_tidying.begin(self._core, self.clock.now(), pause),), {})
                if begins:
                    yield from self._tidying(self._turn)
            due = yield ("_do", (self._next_due(),), {})
            pending = [each for each in (due, next_try) if each is not None]
            until = min([*pending, self.clock.now() + int(poll * 1_000_000)])
            if not self._stopping:
                yield ("_sleep", (until,), {})
                self._wake.clear()
        self._stopping = False

    def _turn(self) -> Steps[int | None]:
        """What is due happens and is sent; answers when a delivery may be tried next."""
        try:
            yield ("_do", (self._core.advance(self.clock.now(), now=self.clock.now()),), {})
        except NewerState:  # what this worker does not understand is left to those that do (V)
            self._newer_definitions += 1
        return (yield ("_drain", (), {}))  # type: ignore[no-any-return]

    def _tidying(self, between: Callable[[], Steps[Any]] | None = None) -> Steps[None]:
        """What is too old is forgotten, in parts; asks the evaluator."""
        keep = self.space.settings.retention.trace
        is_done = keep is None
        while keep is not None and not is_done and not (between and self._stopping):
            is_done = yield ("_do", (_tidying.tidy_trace(self._core, keep.before(self.clock.now())),), {})
            if between:
                yield from between()
        after: str | None = ""
        while after is not None and not (between and self._stopping):
            after = yield ("_do", (_tidying.tidy_profiles(self._core, after),), {})
            if between:
                yield from between()

    def stop(self) -> None:
        """Makes ``run`` return after what it is doing."""
        self._stopping = True
        self._wake.set()

    # reading

    def _figures(self) -> Steps[dict[str, int]]:
        figures = dict((yield from self._ask("figures")))
        if self._core.exclusive:
            people = self._core.processor.states
            standings = [*people.standings()]
            figures |= {
                "profiles": len(people),
                "live": sum(live for live, _ in standings),
                "due": sum(due < NEVER for _, due in standings),
                "records": len(self._core.effects.records),
                "waiting": len(self._core.processor.waiting),
            }
        return figures

    def _counters(self) -> Steps[dict[str, int]]:
        counted = dict((yield from self._ask("counters")))
        for name, number in self._core.effects.counters.items():
            counted[name] = counted.get(name, 0) + number
        if self._core.newer:
            counted["newer_state"] = len(self._core.newer)
        if self._newer_definitions:
            counted["newer_definitions"] = self._newer_definitions
        return counted

    def _kept(self) -> Steps[list[Any] | None]:
        """The trace that is held in memory, None if the store has it."""
        yield from ()
        return list(self._core.effects.records) if self._core.exclusive else None

    def _profile(self, key: str) -> Steps[views.ProfileView | None]:
        yield from self._core.refresh()
        found = yield from self._core.states_of([key])
        now = yield from self._present()
        return views.view(found[0], self._core.plan, max(now, found[0].clock)) if found else None

    def _explaining(self, key: str, journey: str, at: Any, calls: Iterable[Mapping[str, Any]]) -> Steps[Explanation]:
        from journeys.runtime.analysis.explain import explain

        journey, calls = key_of(journey), calls_of(calls)
        versions = yield from self._versions()
        found = yield from self._core.states_of([key])
        profile = found[0] if found else ProfileState(key)
        now = (yield from self._present()) if at is None else instant_of(at)
        if at is None and not found:
            now = max(now, self._core.plan.lateness.before(self.clock.now()))
        space = attrs.evolve(self.space, journeys=versions)
        erased = not found and (yield from self._is_erased(key))
        waiting = yield from self._waiting_of({profile.key, *profile.linked})
        plan = self._core.plan
        return explain(profile, plan, space, journey, now, calls, erased=erased, waiting=waiting)

    def _is_erased(self, key: str) -> Steps[bool]:
        if self._core.exclusive:
            return key in self._core.processor.erased
        return key in (yield from self._ask("load", [key])).erased

    def _waiting_of(self, keys: set[str]) -> Steps[int]:
        """How many accepted calls under these id keys wait for their time (T8)."""
        if not self._core.plan.may_be_late:
            return 0
        if self._core.exclusive:
            calls: Iterable[Any] = [each[3] for each in self._core.processor.waiting]
        else:
            calls = [json.loads(each.call) for each in (yield from self._ask("waiting", MAX, 1 << 30))]
        return sum(bool(keys & set(id_keys_of(call))) for call in calls)

    def _figures_by_day(self, first: int | None, last: int | None, people: bool) -> Steps[tuple[Figures, bool]]:
        """The figures of all journeys, and whether the records are yet to be added."""
        from journeys.runtime.analysis.figures import Figures

        journeys = yield from self._versions()
        if by_days(first, last):
            rows = yield from self._core.tallies()
            if is_whole(rows, people=people):
                return Figures.kept(journeys, rows, start=first, end=last, people=people), False
        return Figures(journeys, start=first, end=last, people=people), True

    def _present(self) -> Steps[int]:
        mark = yield from self._mark()
        now = self._core.plan.lateness.before(self.clock.now()) if self.is_live else 0  # T8
        return max(now, mark)

    def _mark(self) -> Steps[int]:
        if self._core.exclusive:
            return self._core.processor.watermark
        mark: int = yield from self._ask("watermark")
        return mark

    def _watermark(self) -> Steps[str | None]:
        mark = yield from self._mark()
        return None if mark < 0 else format_instant(mark)

    # life and versions

    def _now(self) -> int:
        return max(self._core.plan.lateness.before(self.clock.now()), self._core.processor.watermark)

    def _versions(self) -> Steps[tuple[Journey, ...]]:
        yield from self._core.refresh()
        return tuple(entry.journey for _, entry in sorted(self._publisher.library.entries.items()))

    def _publishing(self, journey: Journey) -> Steps[Journey]:
        return (yield from self._publisher.publish(journey_of(journey), self._now()))

    def _changing(self, key: str, status: str) -> Steps[Journey]:
        return (yield from self._publisher.set_status(key_of(key), status, self._now()))

    def _cloning(self, key: str, new_key: str, name: str | None) -> Steps[Journey]:
        yield from self._versions()
        current = self._publisher.library.published(key_of(key))
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name: expected a text, got {described(name)}")
        label = name if name is not None else f"Copy of {current.journey.name}"
        return attrs.evolve(current.journey, key=new_key, name=label, version=1, status="draft")

    def _backfilling(
        self, calls: Iterable[Mapping[str, Any]], progress: Callable[[int], None] | None
    ) -> Steps[dict[str, int]]:
        progress = function_of(progress, "progress")
        return (yield from self._publisher.backfill(calls_of(calls), self._now(), progress))

    def _erasing(self, key: str) -> Steps[tuple[str, ...]]:
        return (yield from _erasing.erase(self._core, key))

    def _lifting(self, key: str) -> Steps[bool]:
        return bool((yield from _erasing.lift(self._core, key)))

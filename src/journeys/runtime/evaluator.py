"""The evaluator: an application feeds it Segment calls, it moves people through journeys."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from journeys._time import MAX, Duration, format_instant, instant_of
from journeys.codec import dump_space
from journeys.errors import InvalidDefinition, Problem, nearest
from journeys.model.journey import Journey
from journeys.model.space import DestinationDefinition, Space
from journeys.plan.values import NEVER
from journeys.ports import Clock, Delivery, Destination
from journeys.runtime import _views as views
from journeys.runtime._calls import Answer
from journeys.runtime._core import Request
from journeys.runtime._drive import drive
from journeys.runtime._lifecycle import Lifecycle
from journeys.runtime._opening import opened
from journeys.runtime._segment import SegmentCalls
from journeys.runtime.clocks import ManualClock, SystemClock, shifted
from journeys.runtime.delivery import Deliverer, DestinationPolicy
from journeys.runtime.destinations.registry import build_destination
from journeys.runtime.stores import open_store
from journeys.runtime.stores.memory import MemoryStore
from journeys.runtime.tallies import by_days, is_whole

if TYPE_CHECKING:
    from journeys.runtime.analysis.figures import Figures

#: how many calls ``feed_many`` commits as one group
GROUP = 1000
#: how many trace records are deleted at once
PRUNE = 10_000


def as_space(definition: Space | Journey | Iterable[Journey] | Mapping[str, Any] | str) -> Space:
    """A space from itself, from journeys, or from a JSON document."""
    if isinstance(definition, Space):
        return definition
    if isinstance(definition, Journey):
        definition = [definition]
    if isinstance(definition, (str, Mapping)):
        from journeys.codec import load_space

        return load_space(definition)
    return Space(journeys=tuple(definition))


def with_destinations(space: Space, destinations: Mapping[str, Any]) -> Space:
    """The space, with a definition for each destination that the application brings and the space does not name."""
    import attrs

    from journeys.ports import ListDestination

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
        key: DestinationDefinition("function", list=isinstance(each, ListDestination))
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


def worker_name() -> str:
    """A name that no other worker has."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def when(clock: Clock, to: Any, by: Any, parts: dict[str, float]) -> int:
    """The instant to which an ``advance`` goes; a ``ManualClock`` is moved there, the wall clock cannot be."""
    relative = by is not None or bool(parts)
    if relative and not isinstance(clock, ManualClock):
        raise RuntimeError("the wall clock cannot be moved: advance to an instant, or use run(), or a ManualClock")
    if relative:
        until = shifted(clock.now(), by, parts)
    else:
        until = clock.now() if to is None else instant_of(to)
    if relative and until < clock.now():
        raise ValueError("time does not go back: advance by a duration that is not negative")
    if isinstance(clock, ManualClock):
        clock.set(until)
    return until


class Evaluator(SegmentCalls, Lifecycle):
    """Moves people through the journeys of a space.

    ``space`` is a ``Space``, journeys, or a JSON document; it must be valid (``InvalidDefinition`` carries all
    problems). ``store`` is nothing (memory), a URL such as ``sqlite:///journeys.db``, or a store. ``destinations`` are
    objects by key; those that the space defines and the application does not bring are built from their definitions.
    With a ``ManualClock`` time stands still until ``advance``; without a clock it is the wall clock. ``trace=False``
    keeps no trace. ``policies`` say, by destination, how often and how fast it is tried (D2). Several threads may use
    one evaluator.
    """

    def __init__(
        self,
        space: Space | Journey | Iterable[Journey] | Mapping[str, Any] | str,
        *,
        destinations: Mapping[str, Destination] | None = None,
        store: Any = None,
        clock: Clock | None = None,
        trace: bool = True,
        worker: str | None = None,
        lease: timedelta = timedelta(seconds=15),
        policies: Mapping[str, DestinationPolicy] | None = None,
    ) -> None:
        given = dict(destinations or {})
        self.space = with_destinations(as_space(space), given)
        self.clock: Clock = clock if clock is not None else SystemClock()
        self.is_live = not isinstance(self.clock, ManualClock)
        self.store = MemoryStore() if store is None or store == "memory:" else open_store(store)
        self.destinations = built_destinations(self.space, given)
        self._core, self._publisher = self._drive(
            opened(
                self.space,
                exclusive=store is None or store == "memory:",
                traces=trace,
                worker=worker or worker_name(),
                lease=int(lease.total_seconds() * 1_000_000),
                at=self.clock.now(),
            )
        )
        self._deliverer = Deliverer(self.store, self.destinations, clock=self.clock, policies=policies or {})
        if self._core.exclusive:
            self._core.outlet = self._hand_over
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._stopping = False

    def _drive(self, steps: Generator[Request, Any, Any]) -> Any:
        return drive(steps, self.store)

    # calls in

    def _received(self) -> int:
        """The instant of receipt: after everything that ``advance`` has promised to be over (T3, T5)."""
        now = self.clock.now()
        watermark = self._core.processor.watermark
        if now <= watermark and isinstance(self.clock, ManualClock):
            now = watermark + 1
            self.clock.set(now)  # the clock is there too, so that what is dated from here is due when it comes round
        return now

    def feed(self, call: Mapping[str, Any]) -> Answer:
        """Applies one Segment call and answers when it is durable (O5)."""
        core = self._core
        with self._lock:
            if not core.exclusive or core.plan.may_be_late:
                return self._feed_group((call,))[0]
            answer = core.processor.feed(call, self._received(), self.is_live)
            if core.effects.deliveries:
                self._drive(core._flush())
            if self.store.next_delivery() is not None:
                self.deliver()
        return answer

    def feed_many(self, calls: Iterable[Mapping[str, Any]], *, group: int = GROUP) -> list[Answer]:
        """Applies many calls, committed in groups; the answers are in the order of the calls (I3)."""
        answers: list[Answer] = []
        batch: list[Mapping[str, Any]] = []
        for call in calls:
            batch.append(call)
            if len(batch) >= group:
                answers += self._feed_group(batch)
                batch = []
        if batch:
            answers += self._feed_group(batch)
        return answers

    def _feed_group(self, batch: Sequence[Mapping[str, Any]], notes: Mapping[str, str] | None = None) -> list[Answer]:
        with self._lock:
            received = self._received()
            answers: list[Answer] = self._drive(self._core.feed(batch, received, live=self.is_live, notes=notes))
            self._deliver_inline()
        return answers

    def replay(self, calls: Sequence[Mapping[str, Any]], *, notes: Mapping[str, str] | None = None) -> list[Answer]:
        """Applies calls as one group, with their own timestamps taken as they are (T3)."""
        with self._lock:
            answers: list[Answer] = self._drive(self._core.feed(calls, None, notes=notes))
            self._deliver_inline()
        return answers

    # time

    def advance(
        self, to: str | datetime | int | None = None, *, by: Duration | str | timedelta | None = None, **parts: float
    ) -> None:
        """Promises that no input at or before an instant will come, and lets every deadline up to it fire (T5).

        ``advance(hours=2)`` moves a ``ManualClock``; on the wall clock it raises ``RuntimeError``, because nobody can
        move that: give the instant, or let ``run`` follow the clock.
        """
        until = when(self.clock, to, by, parts)
        self._advance(until)

    def _advance(self, until: int, *, exact: bool = False) -> None:
        with self._lock:
            self._drive(self._core.advance(until, exact=exact, now=self.clock.now()))
            self._deliver_inline()

    def settle(self, bound: str | datetime | int | None = None) -> None:
        """Lets everything happen that happens by itself, at most up to ``bound``; a ``ManualClock`` follows."""
        with self._lock:
            last = self._drive(self._core.settle(MAX if bound is None else instant_of(bound)))
            if isinstance(self.clock, ManualClock) and last >= 0:
                self.clock.set(last)
            self._deliver_inline()

    def next_due(self) -> int | None:
        """The earliest instant at which something happens by itself."""
        with self._lock:
            if self._core.exclusive:
                return self._core.processor.next_due
            waiting = self.store.waiting(MAX, 1)
            due: int | None = self.store.next_due()
            return due if not waiting else min(waiting[0].timestamp, due if due is not None else MAX)

    def run(self, *, poll: float = 1.0) -> None:
        """Follows the clock: lets deadlines fire and deliveries go out, until ``stop`` is called from another thread.

        With several workers on one store each may run; a store is asked every ``poll`` seconds for what others added.
        """
        while not self._stopping:
            self._advance(self.clock.now())
            self._prune()
            next_try = self._deliverer.drain().next_try
            pending = [each for each in (self.next_due(), next_try) if each is not None]
            until = min([*pending, self.clock.now() + int(poll * 1_000_000)])
            if not self._stopping:
                self.clock.sleep(until, self._wake)
                self._wake.clear()
        self._stopping = False

    def _prune(self) -> None:
        """Forgets the trace that is older than its retention."""
        keep = self.space.settings.retention.trace
        if keep is None:
            return
        horizon = keep.before(self.clock.now())
        with self._lock:
            if self._core.exclusive:
                self._core.forget_records(horizon)
        while self.store.prune(trace_before=horizon) >= PRUNE:
            pass

    def stop(self) -> None:
        """Makes ``run`` return after what it is doing."""
        self._stopping = True
        self._wake.set()

    # deliveries

    def _deliver_inline(self) -> None:
        """In memory deliveries are tried at once; with a durable store ``run`` or a worker sends them (D1)."""
        if self._core.exclusive and self._core.effects.deliveries == [] and self.store.next_delivery() is not None:
            self.deliver()

    def _hand_over(self, deliveries: list[Delivery]) -> None:
        """In memory an empty outbox need not be gone through: what is taken at once never was in it."""
        if self.store.next_delivery() is None:
            self._deliverer.hand_over(deliveries)

    def deliver(self) -> None:
        """Tries everything that may be sent now (D2)."""
        self._deliverer.drain()

    # reading

    def figures(self) -> dict[str, int]:
        """How many ``profiles``, ``live`` instances, profiles with something ``due``, and so on there are."""
        with self._lock:
            figures = dict(self.store.figures())
            if self._core.exclusive:
                processor = self._core.processor
                states = processor.states.values()
                figures |= {
                    "profiles": len(states),
                    "live": sum(each.live for each in states),
                    "due": sum(each.due < NEVER for each in states),
                    "records": len(self._core.effects.records),
                    "waiting": len(processor.waiting),
                }
            return figures

    @property
    def counters(self) -> dict[str, int]:
        """How often what the contract counts has happened: ``late``, ``duplicates``, ``missing_identifier``, …"""
        with self._lock:
            counted = dict(self.store.counters())
            for name, number in self._core.effects.counters.items():
                counted[name] = counted.get(name, 0) + number
            if self._core.newer:
                counted["newer_state"] = len(self._core.newer)
            return counted

    def journey_figures(
        self,
        *,
        start: str | datetime | int | None = None,
        end: str | datetime | int | None = None,
        people: bool = False,
    ) -> Figures:
        """The figures of all journeys, in a range of time: see ``journeys.runtime.analysis.figures``.

        They are kept by days (UTC) with every commit, so that no trace is read, however long it is or whether it has
        been pruned. For a range that begins or ends within a day, and to count profiles (``people``), the trace is
        read: such figures reach as far back as it does.
        """
        from journeys.runtime.analysis.figures import Figures

        first, last = (None if each is None else instant_of(each) for each in (start, end))
        with self._lock:
            if not people and by_days(first, last):
                rows = self._drive(self._core.tallies())
                if is_whole(rows):
                    return Figures.kept(self.journeys, rows, start=first, end=last)
        return Figures.of(self.journeys, self.trace(), start=first, end=last, people=people)

    def trace(
        self, *, profile: str | None = None, journey: str | None = None, instance: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """What has happened, in the order of (at, profile, as it happened); of one profile, journey or instance."""
        if self._core.exclusive:
            with self._lock:  # not while the reader reads: that may take long, or end in another thread
                kept = list(self._core.effects.records)
            yield from views.records(kept, profile, journey, instance)
            return
        import json

        for line in self.store.trace(profile=profile, journey=journey, instance=instance):
            yield json.loads(line)

    def profile(self, user_id: str | None = None, *, anonymous_id: str | None = None) -> views.ProfileView | None:
        """What is known of a person now: traits, computed traits, audiences, journeys; None if nothing is."""
        key = f"u:{user_id}" if user_id is not None else f"a:{anonymous_id}"
        with self._lock:
            found = self._drive(self._core.states_of([key]))
            now = max(self.clock.now() if self.is_live else 0, self._core.processor.watermark)
            return views.view(found[0], self._core.plan, max(now, found[0].clock)) if found else None

    def explain(
        self,
        user_id: str | None = None,
        *,
        anonymous_id: str | None = None,
        journey: str,
        at: Any = None,
        calls: Iterable[Mapping[str, Any]] = (),
    ) -> Any:
        """Why a person is in a journey and what is waited for, or why not; see ``journeys.runtime.analysis``.

        ``calls`` are what she did, if it is at hand: near misses of her holds are shown then.
        """
        from journeys.runtime.analysis.explain import explain_profile

        return explain_profile(self, user_id, anonymous_id=anonymous_id, journey=journey, at=at, calls=calls)

    @property
    def watermark(self) -> str | None:
        """The latest instant that ``advance`` has promised to be over."""
        mark = self._core.processor.watermark if self._core.exclusive else self.store.watermark()
        return None if mark < 0 else format_instant(mark)

    def close(self) -> None:
        """Ends the use of the store and of the destinations."""
        self.stop()
        self.store.close()
        for destination in self.destinations.values():
            close = getattr(destination, "close", None)
            if callable(close):
                close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

"""The evaluator: an application feeds it Segment calls, it moves people through journeys."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from journeys._time import Duration, instant_of
from journeys.model.journey import Journey
from journeys.ports import Clock, Delivery, Destination, ListDestination, Store
from journeys.runtime import _views as views
from journeys.runtime._arguments import id_of, opening_of, policies_of
from journeys.runtime._calls import Answer
from journeys.runtime._core import Request
from journeys.runtime._drive import drive
from journeys.runtime._logic import (
    GROUP,
    LEASE,
    Definition,
    Logic,
    Steps,
    T,
    as_space,
    built_destinations,
    id_key,
    is_memory,
)
from journeys.runtime._segment import SegmentCalls
from journeys.runtime.delivery import Deliverer, DestinationPolicy
from journeys.runtime.stores import open_store
from journeys.runtime.stores.memory import MemoryStore

if TYPE_CHECKING:
    from journeys.runtime.analysis.explain import Explanation
    from journeys.runtime.analysis.figures import Figures

__all__ = ["Evaluator", "as_space", "built_destinations"]


class Evaluator(Logic, SegmentCalls[Answer]):
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
        space: Definition,
        *,
        destinations: Mapping[str, Destination | ListDestination] | None = None,
        store: str | Store | None = None,
        clock: Clock | None = None,
        trace: bool = True,
        worker: str | None = None,
        lease: Duration | str | timedelta = LEASE,
        policies: Mapping[str, DestinationPolicy] | None = None,
    ) -> None:
        super().__init__(space, destinations, clock)
        settings = opening_of(trace=trace, worker=worker, lease=lease)
        policies = policies_of({} if policies is None else policies, self.destinations)
        exclusive = is_memory(store)
        self.store: Any = MemoryStore() if exclusive or store is None else open_store(store)
        self._lock = threading.RLock()
        opening = self._opening(exclusive=exclusive, **settings)
        self._core, self._publisher = self._drive(opening)
        self._deliverer = Deliverer(self.store, self.destinations, clock=self.clock, policies=policies)
        if exclusive:
            self._core.outlet = self._hand_over

    # driving the logic

    def _drive(self, steps: Generator[Request, Any, T]) -> T:
        answer: T = drive(steps, self.store)
        return answer

    def _see(self, steps: Steps[T], *, alone: bool = True) -> T:
        with self._lock:
            return self._drive(self._alone(steps) if alone else steps)

    def _do(self, steps: Steps[T], *, alone: bool = True) -> T:
        with self._lock:
            answer = self._see(steps, alone=alone)
            self._deliver_inline()
        return answer

    def _deliver_inline(self) -> None:
        """In memory deliveries are tried at once; with a durable store ``run`` or a worker sends them (D1)."""
        if self._core.exclusive and self._core.effects.deliveries == [] and self.store.next_delivery() is not None:
            self.deliver()

    def _hand_over(self, deliveries: list[Delivery]) -> None:
        """In memory an empty outbox need not be gone through: what is taken at once never was in it."""
        if self.store.next_delivery() is None:
            self._deliverer.hand_over(deliveries)

    def _drain(self) -> int | None:
        return self._deliverer.drain().next_try

    def _sleep(self, until: int) -> None:
        self.clock.sleep(until, self._wake)

    # calls in

    def feed(self, call: Mapping[str, Any]) -> Answer:
        """Applies one Segment call and answers when it is durable (O5)."""
        core = self._core
        with self._lock:
            if not core.exclusive or core.plan.may_be_late:
                return self._do(self._feeding((call,)))[0]
            processor, now = core.processor, self.clock.now()
            answer = processor.feed(call, now if now > processor.watermark else self._received(), self.is_live)
            if core.effects.deliveries or self.store.unsettled:
                self._drive(core._flush())
                self._deliver_inline()
        return answer

    def feed_many(self, calls: Iterable[Mapping[str, Any]], *, group: int = GROUP) -> list[Answer]:
        """Applies many calls, committed in groups; the answers are in the order of the calls (I3).

        While PostgreSQL commits a group, the next one is applied already: so up to one group more may have been taken
        from ``calls`` when a commit fails. Nothing of it is committed then.
        """
        answers: list[Answer] = drive(self._feeding_many(calls, group), self)
        return answers

    def replay(self, calls: Sequence[Mapping[str, Any]], *, notes: Mapping[str, str] | None = None) -> list[Answer]:
        """Applies calls as one group, with their own timestamps taken as they are (T3).

        ``notes`` are named texts that the store keeps from the same commit on, such as how far a file has come.
        """
        return self._do(self._replaying(calls, notes))

    # time

    def advance(
        self, to: str | datetime | int | None = None, *, by: Duration | str | timedelta | None = None, **parts: float
    ) -> None:
        """Promises that no input at or before an instant will come, and lets every deadline up to it fire (T5).

        ``advance(hours=2)`` moves a ``ManualClock``; on the wall clock it raises ``RuntimeError``, because nobody can
        move that: give the instant, or let ``run`` follow the clock.
        """
        self._do(self._advancing(to, by, parts))

    def settle(self, bound: str | datetime | int | None = None) -> None:
        """Lets everything happen that happens by itself, at most up to ``bound``; a ``ManualClock`` follows."""
        self._do(self._settling(bound))

    def next_due(self) -> int | None:
        """The earliest instant at which something happens by itself."""
        return self._see(self._next_due())

    def run(self, *, poll: float = 1.0, prune: Duration | str | timedelta | None = "P1D") -> None:
        """Follows the clock: lets deadlines fire and deliveries go out, until ``stop`` is called.

        With several workers on one store each may run; a store is asked every ``poll`` seconds for what others added.
        Every ``prune`` one of them forgets what is older than its retention, as ``prune`` does, in small parts; None
        leaves that to others.
        """
        drive(self._running(poll, prune), self)

    def prune(self) -> None:
        """Forgets what is older than its retention: the trace, ended instances, marks.

        No answer and no record depends on when, or whether, that is done: an input that comes would not see them.
        """
        drive(self._tidying(), self)

    # deliveries

    def deliver(self) -> None:
        """Tries everything that may be sent now (D2)."""
        self._drain()

    # reading

    def figures(self) -> dict[str, int]:
        """How many ``profiles``, ``live`` instances, profiles with something ``due``, and so on there are."""
        return self._see(self._figures())

    def journey_figures(
        self,
        *,
        start: str | datetime | int | None = None,
        end: str | datetime | int | None = None,
        people: bool = False,
    ) -> Figures:
        """The figures of all journeys, in a range of time: see ``journeys.runtime.analysis.figures``.

        They are kept by days (UTC) with every commit, so that no trace is read, however long it is or whether it has
        been pruned; with ``people`` each profile counts once. For a range that begins or ends within a day the trace is
        read: such figures reach as far back as it does.
        """
        first, last = (None if each is None else instant_of(each) for each in (start, end))
        figures, lacks_records = self._see(self._figures_by_day(first, last, people))
        if lacks_records:
            for record in self.trace():
                figures.add(record)
        return figures

    @property
    def counters(self) -> dict[str, int]:
        """How often what the contract counts has happened: ``late``, ``duplicates``, ``missing_identifier``, …"""
        return self._see(self._counters())

    def trace(
        self, *, profile: str | None = None, journey: str | None = None, instance: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """What has happened, in the order of (at, profile, as it happened); of one profile, journey or instance."""
        profile = id_of(profile, "profile")
        kept = self._see(self._kept())  # a copy: reading may take long, or end in another thread
        if kept is not None:
            yield from views.records(kept, profile, journey, instance)
            return
        for line in self.store.trace(profile=profile, journey=journey, instance=instance):
            yield json.loads(line)

    def profile(self, user_id: str | None = None, *, anonymous_id: str | None = None) -> views.ProfileView | None:
        """What is known of a person now: traits, computed traits, audiences, journeys; None if nothing is."""
        return self._see(self._profile(id_key(user_id, anonymous_id)))

    def explain(
        self,
        user_id: str | None = None,
        *,
        anonymous_id: str | None = None,
        journey: str,
        at: str | datetime | int | None = None,
        calls: Iterable[Mapping[str, Any]] = (),
    ) -> Explanation:
        """Why a person is in a journey and what is waited for, or why not, now or ``at`` an instant.

        Also of somebody of whom nothing is known. ``calls`` are what she did, if it is at hand: near misses of her
        holds are shown then. KeyError if there is no such journey.
        """
        return self._see(self._explaining(id_key(user_id, anonymous_id), journey, at, calls))

    @property
    def watermark(self) -> str | None:
        """The latest instant that ``advance`` has promised to be over."""
        return self._see(self._watermark())

    # life and versions

    @property
    def journeys(self) -> tuple[Journey, ...]:
        """Every version of every journey, with its status; one that has been superseded is shown as paused."""
        return self._see(self._versions())

    def publish(self, journey: Journey) -> Journey:
        """Publishes a new or edited journey as the next version, and answers it with its number (V2).

        What becomes of the people in the previous version is said by its ``on_previous``: they ``drain``, are
        archived, or migrate by step key. ``PublishRefused`` lists the steps that hold people and have no counterpart;
        nothing has moved then. ``InvalidDefinition`` carries all problems of the definition.
        """
        return self._do(self._publishing(journey))

    def pause(self, key: str) -> Journey:
        """Nobody enters any more; who is inside goes on (V1)."""
        return self._do(self._changing(key, "paused"))

    def resume(self, key: str) -> Journey:
        """Profiles may enter again; who met a condition while it was paused does not (E5)."""
        return self._do(self._changing(key, "live"))

    def archive(self, key: str) -> Journey:
        """Ends the journey for good, and everyone in it as ``archived`` (V1)."""
        return self._do(self._changing(key, "archived"))

    def clone(self, key: str, new_key: str, name: str | None = None) -> Journey:
        """A draft with a new key and name, and so with destination keys of its own (V5)."""
        return self._see(self._cloning(key, new_key, name))

    def backfill(
        self, calls: Iterable[Mapping[str, Any]], *, progress: Callable[[int], None] | None = None
    ) -> dict[str, int]:
        """Remembers calls of the past, before or after publishing (C4).

        Audiences, computed traits and the entries of ``historical`` journeys see them; nothing else does. A call that
        also comes live, before or after, counts once. ``progress`` is told how many calls are done. Answers how many
        were ``accepted``, ``duplicates`` and ``rejected``.
        """
        return self._do(self._backfilling(calls, progress))

    def erase(self, user_id: str | None = None, *, anonymous_id: str | None = None) -> tuple[str, ...]:
        """Erases a person: when it returns, nothing in the store names the profile, its ids or its traits (V6).

        A keyed hash of each id remains, so that later inputs for it are rejected as ``erased`` until ``lift``. Answers
        the ids. Backups and what has been delivered are not its business.
        """
        return self._do(self._erasing(id_key(user_id, anonymous_id)))

    def lift(self, user_id: str | None = None, *, anonymous_id: str | None = None) -> bool:
        """Accepts inputs for an erased id again; says whether it was erased."""
        return self._do(self._lifting(id_key(user_id, anonymous_id)))

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

"""The port for a database with a blocking driver: every method is one operation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Self

from journeys.ports import Backlog, ChangeSet, DeadLetter, Delivery, Loaded, Settled, Waiting
from journeys.runtime.stores._operations import PAGE, Operations
from journeys.runtime.stores._statements import Steps, T


class SyncStore:
    """A ``Store`` whose operations a subclass carries to a database."""

    keeps_objects = False
    _operations: Operations

    def _ask(self, steps: Steps[T]) -> T:
        """What the steps answer; each batch of statements stands alone."""
        raise NotImplementedError

    def _unit(self, steps: Steps[T]) -> T:
        """What the steps answer, all of them as one transaction."""
        raise NotImplementedError

    def close(self) -> None:
        """``Store.close``"""
        raise NotImplementedError

    def load(self, id_keys: Collection[str]) -> Loaded:
        """``Store.load``"""
        return self._ask(self._operations.load(id_keys))

    def commit(self, changes: ChangeSet) -> None:
        """``Store.commit``"""
        self._unit(self._operations.commit(changes))

    def claim_due(self, until: int, limit: int, *, worker: str, now: int, lease: int) -> Sequence[str]:
        """``Store.claim_due``"""
        return self._ask(self._operations.claim_due(until, limit, worker=worker, now=now, lease=lease))

    def next_due(self) -> int | None:
        """``Store.next_due``"""
        return self._ask(self._operations.next_due())

    def waiting(self, until: int, limit: int, *, message_ids: Collection[str] | None = None) -> Sequence[Waiting]:
        """``Store.waiting``"""
        return self._ask(self._operations.waiting(until, limit, message_ids=message_ids))

    def walk(self, after: str | None, limit: int) -> Sequence[str]:
        """``Store.walk``"""
        return self._ask(self._operations.walk(after, limit))

    def claim_deliveries(
        self, now: int, limit: int, *, worker: str, lease: int, destinations: Collection[str] | None = None
    ) -> Sequence[Delivery]:
        """``Store.claim_deliveries``"""
        steps = self._operations.claim_deliveries(now, limit, worker=worker, lease=lease, destinations=destinations)
        return self._ask(steps)

    def settle(self, outcomes: Iterable[Settled], *, worker: str) -> None:
        """``Store.settle``"""
        self._unit(self._operations.settle(outcomes, worker=worker))

    def next_delivery(self, destinations: Collection[str] | None = None) -> int | None:
        """``Store.next_delivery``"""
        return self._ask(self._operations.next_delivery(destinations))

    def backlog(self) -> Mapping[str, Backlog]:
        """``Store.backlog``"""
        return self._ask(self._operations.backlog())

    def dead_letters(self, after: str | None = None, limit: int = 100) -> Sequence[DeadLetter]:
        """``Store.dead_letters``"""
        return self._ask(self._operations.dead_letters(after, limit))

    def resend(self, delivery_ids: Collection[str]) -> int:
        """``Store.resend``"""
        return self._ask(self._operations.resend(delivery_ids))

    def trace(
        self, *, profile: str | None = None, journey: str | None = None, instance: str | None = None
    ) -> Iterator[str]:
        """``Store.trace``"""
        place = self._operations.sql.start_of_trace
        while page := self._ask(self._operations.trace(place, profile, journey, instance)):
            yield from (record for record, *_ in page)
            if len(page) < PAGE:
                return
            place = page[-1][1:]

    def notes(self, prefix: str = "") -> Mapping[str, str]:
        """``Store.notes``"""
        return self._ask(self._operations.notes(prefix))

    def counters(self) -> Mapping[str, int]:
        """``Store.counters``"""
        return self._ask(self._operations.counters())

    def tallies(self, *, journey: str | None = None) -> Sequence[tuple[str, int, int, str, int]]:
        """``Store.tallies``"""
        return self._ask(self._operations.tallies(journey))

    def watermark(self) -> int:
        """``Store.watermark``"""
        return self._ask(self._operations.watermark())

    def figures(self) -> Mapping[str, int]:
        """``Store.figures``"""
        return self._ask(self._operations.figures())

    def erase(
        self,
        profile_key: str,
        *,
        shown_ids: Collection[str],
        seen_by: Collection[str] = (),
        also: ChangeSet | None = None,
    ) -> Sequence[str]:
        """``Store.erase``"""
        return self._unit(self._operations.erase(profile_key, shown_ids=shown_ids, seen_by=seen_by, also=also))

    def lift(self, id_key: str) -> bool:
        """``Store.lift``"""
        return self._ask(self._operations.lift(id_key))

    def prune(self, *, trace_before: int | None = None, limit: int = 10_000) -> int:
        """``Store.prune``"""
        return self._unit(self._operations.prune(trace_before=trace_before, limit=limit))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

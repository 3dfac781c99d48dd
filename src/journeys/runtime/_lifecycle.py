"""The part of the evaluator that changes what runs: versions, history, erasure (section V, C4)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any

import attrs

from journeys.errors import UnknownJourney, nearest
from journeys.model.journey import Journey
from journeys.ports import Clock
from journeys.runtime._core import Core, Request
from journeys.runtime._publishing import Publisher


class Lifecycle:
    """Publishing, pausing, archiving, cloning; backfilling history; erasing people."""

    _core: Core
    _publisher: Publisher
    _lock: threading.RLock
    clock: Clock
    store: Any

    def _drive(self, steps: Generator[Request, Any, Any]) -> Any:
        raise NotImplementedError

    def _deliver_inline(self) -> None:
        raise NotImplementedError

    def _now(self) -> int:
        return max(self._core.plan.lateness.before(self.clock.now()), self._core.processor.watermark)

    @property
    def journeys(self) -> tuple[Journey, ...]:
        """Every version of every journey, with its status; one that has been superseded is shown as paused."""
        with self._lock:
            entries = sorted(self._publisher.library.entries.items())
            return tuple(entry.journey for _, entry in entries)

    def publish(self, journey: Journey) -> Journey:
        """Publishes a new or edited journey as the next version, and answers it with its number (V2).

        What becomes of the people in the previous version is said by its ``on_previous``: they ``drain``, are
        archived, or migrate by step key. ``PublishRefused`` lists the steps that hold people and have no counterpart;
        nothing has moved then. ``InvalidDefinition`` carries all problems of the definition.
        """
        with self._lock:
            published: Journey = self._drive(self._publisher.publish(journey, self._now()))
            self._deliver_inline()
            return published

    def pause(self, key: str) -> Journey:
        """Nobody enters any more; who is inside goes on (V1)."""
        return self._set_status(key, "paused")

    def resume(self, key: str) -> Journey:
        """Profiles may enter again; who met a condition while it was paused does not (E5)."""
        return self._set_status(key, "live")

    def archive(self, key: str) -> Journey:
        """Ends the journey for good, and everyone in it as ``archived`` (V1)."""
        return self._set_status(key, "archived")

    def _set_status(self, key: str, status: str) -> Journey:
        with self._lock:
            changed: Journey = self._drive(self._publisher.set_status(key, status, self._now()))
            self._deliver_inline()
            return changed

    def clone(self, key: str, new_key: str, name: str | None = None) -> Journey:
        """A draft with a new key and name, and so with destination keys of its own (V5)."""
        with self._lock:
            current = self._publisher.library.current(key)
            if current is None:
                known = sorted({each.key for each in self.journeys})
                raise UnknownJourney(f"no journey {key!r}; {nearest(key, known)}")
            label = name if name is not None else f"Copy of {current.journey.name}"
            return attrs.evolve(current.journey, key=new_key, name=label, version=1, status="draft")

    def backfill(
        self, calls: Iterable[Mapping[str, Any]], *, progress: Callable[[int], None] | None = None
    ) -> dict[str, int]:
        """Remembers calls of the past, before or after publishing (C4).

        Audiences, computed traits and the entries of ``historical`` journeys see them; nothing else does. A call that
        also comes live, before or after, counts once. ``progress`` is told how many calls are done. Answers how many
        were ``accepted``, ``duplicates`` and ``rejected``.
        """
        with self._lock:
            counts: dict[str, int] = self._drive(self._publisher.backfill(calls, self._now(), progress))
            self._deliver_inline()
            return counts

    def erase(self, user_id: str | None = None, *, anonymous_id: str | None = None) -> tuple[str, ...]:
        """Erases a person: when it returns, nothing in the store names the profile, its ids or its traits (V6).

        A keyed hash of each id remains, so that later inputs for it are rejected as ``erased`` until ``lift``. Answers
        the ids. Backups and what has been delivered are not its business.
        """
        with self._lock:
            ids: tuple[str, ...] = self._drive(self._core.erase(_key(user_id, anonymous_id)))
            return ids

    def lift(self, user_id: str | None = None, *, anonymous_id: str | None = None) -> bool:
        """Accepts inputs for an erased id again; says whether it was erased."""
        with self._lock:
            return bool(self._drive(self._core.lift(_key(user_id, anonymous_id))))


def _key(user_id: str | None, anonymous_id: str | None) -> str:
    if (user_id is None) == (anonymous_id is None):
        raise TypeError("give a user_id or an anonymous_id")
    return f"u:{user_id}" if user_id is not None else f"a:{anonymous_id}"

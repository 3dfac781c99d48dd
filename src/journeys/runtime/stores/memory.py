"""The store of tests, simulations and applications that need nothing durable: plain dicts and lazily cleaned heaps."""

from __future__ import annotations

import bisect
import heapq
import json
import secrets
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Self

import attrs

from journeys.errors import Conflict
from journeys.ports import (
    Backlog,
    ChangeSet,
    DeadLetter,
    Delivery,
    Loaded,
    Settled,
    StateChange,
    Stored,
    TraceRecord,
    Waiting,
)
from journeys.runtime.stores._identity import followed, keyed_hash
from journeys.runtime.stores._outbox import Outbox

_place = attrgetter("at", "profile", "key", "seq")


@attrs.define
class _Profile:
    state: Any
    version: int
    due: int | None
    live: int
    worker: str | None = None
    leased_until: int = 0


class MemoryStore:
    """Keeps everything in this process, and states as the objects that were committed. Thread-safe."""

    keeps_objects = True

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secret = secrets.token_bytes(32)
        self._erased: set[str] = set()
        #: above every version that was erased
        self._floor = 0
        self._watermark = -1
        self._profiles: dict[str, _Profile] = {}
        #: the profile keys in order, made when somebody walks
        self._walked: list[str] | None = None
        #: the last version of profiles that are gone
        self._gone: dict[str, int] = {}
        self._links: dict[str, str] = {}
        #: the id keys that lead to a profile
        self._led: dict[str, set[str]] = {}
        #: (deadline, profile key), also of deadlines that have moved since
        self._due: list[tuple[int, str]] = []
        self._outbox = Outbox()
        #: the deliveries that wait to be tried: empty where there is nothing to do
        self.unsettled: Collection[Any] = self._outbox.unsettled
        self._records: list[TraceRecord] = []
        self._waiting: dict[int, Waiting] = {}
        #: (timestamp, message id, arrival) of those, also of some that were applied since
        self._waiting_order: list[tuple[int, str, int]] = []
        self._waiting_sorted = True
        self._counters: Counter[str] = Counter()
        self._tallies: Counter[tuple[str, int, int, str]] = Counter()
        self._notes: dict[str, str] = {}

    # profiles

    def load(self, id_keys: Collection[str]) -> Loaded:
        """``Store.load``"""
        profiles: dict[str, Stored] = {}
        links: dict[str, str] = {}
        with self._lock:
            for id_key in id_keys:
                key = self._links.get(id_key)
                if key is None:
                    key = id_key
                else:
                    links[id_key] = key
                found = self._profiles.get(key)
                if found is not None:
                    profiles[id_key] = Stored(key, found.state, found.version)
            erased = frozenset(filter(self._is_erased, id_keys)) if self._erased else frozenset[str]()
            return Loaded(profiles, self._watermark, links, erased, bool(self._erased))

    def _is_erased(self, id_key: str) -> bool:
        return bool(self._erased) and keyed_hash(self._secret, id_key) in self._erased

    def commit(self, changes: ChangeSet) -> None:
        """``Store.commit``"""
        with self._lock:
            self._commit(changes)

    def _commit(self, changes: ChangeSet) -> None:
        if changes.read_watermark is not None and self._watermark > changes.read_watermark:
            raise Conflict("the watermark has moved")
        if any(self._notes.get(name, "") != text for name, text in changes.read_notes.items()):
            raise Conflict("a note was changed meanwhile")
        for each in changes.states:
            self._check(each)
        if changes.waiting or changes.applied:
            self._check_waiting(changes)
        ends = self._checked_links(changes) if changes.links else {}
        # nothing below can fail: all of it or nothing
        for each in changes.states:
            self._put(each)
        for id_key, end in ends.items():
            self._link(id_key, end)
        for delivery in changes.deliveries:
            self._outbox.put(delivery)
        self._records += changes.records
        self._wait(changes)
        if changes.counters:
            self._counters.update(changes.counters)
        if changes.tallies:
            self._tallies.update(changes.tallies)
        if changes.notes:
            self._notes.update(changes.notes)
        if changes.watermark is not None and changes.watermark > self._watermark:
            self._watermark = changes.watermark

    def _check(self, change: StateChange) -> None:
        found = self._profiles.get(change.key)
        version = found.version if found is not None else 0
        if version != change.expected or (change.state is None and not version):
            raise Conflict("a profile was changed meanwhile")
        if not version and (change.key in self._links or self._is_erased(change.key)):
            raise Conflict("an id was linked or erased meanwhile")

    def _check_waiting(self, changes: ChangeSet) -> None:
        arrivals = {each.arrival for each in changes.waiting}
        applied = set(changes.applied)
        if len(arrivals) < len(changes.waiting) or len(applied) < len(changes.applied):
            raise Conflict("an arrival is there twice")
        if not applied <= self._waiting.keys() or any(each in self._waiting for each in arrivals - applied):
            raise Conflict("an input that waits was changed meanwhile")
        if self._erased and any(map(self._is_erased, _named_by(changes.waiting))):
            raise Conflict("an id was erased before its input could wait")

    def _checked_links(self, changes: ChangeSet) -> dict[str, str]:
        named = {*changes.links, *changes.links.values()}
        if any(map(self._is_erased, named)):
            raise Conflict("an id was erased before it was linked")
        ends = followed(changes.links, {key: self._links[key] for key in named if key in self._links})
        remain = {each.key: each.state is not None for each in changes.states}
        if any(remain.get(id_key, id_key in self._profiles) for id_key in ends):
            raise Conflict("an id came to a profile of its own before it was linked")
        return ends

    def _put(self, change: StateChange) -> None:
        key = change.key
        if change.state is None:
            self._gone[key] = self._profiles.pop(key).version
            self._walked = None
            return
        found = self._profiles.get(key)
        if found is None:
            version = max(self._floor, self._gone.pop(key, 0)) + 1
            self._profiles[key] = _Profile(change.state, version, change.due, change.live)
            self._walked = None
        else:
            found.state = change.state
            found.version += 1
            found.live = change.live
            found.worker = None
            if found.due == change.due:
                return
            found.due = change.due
        if change.due is not None:
            heapq.heappush(self._due, (change.due, key))
            if len(self._due) > 2 * len(self._profiles) + 64:
                self._due = [(each.due, key) for key, each in self._profiles.items() if each.due is not None]
                heapq.heapify(self._due)

    def _link(self, id_key: str, end: str) -> None:
        for each in (id_key, *self._led.pop(id_key, ())):
            self._links[each] = end
            self._led.setdefault(end, set()).add(each)

    def _wait(self, changes: ChangeSet) -> None:
        for arrival in changes.applied:
            del self._waiting[arrival]
        for each in changes.waiting:
            self._waiting[each.arrival] = each
            self._waiting_order.append((each.timestamp, each.message_id, each.arrival))
            self._waiting_sorted = False

    # time

    def claim_due(self, until: int, limit: int, *, worker: str, now: int, lease: int) -> Sequence[str]:
        """``Store.claim_due``"""
        claimed: list[str] = []
        with self._lock:
            seen: dict[tuple[int, str], None] = {}
            while len(claimed) < limit and self._next_due_entry() is not None and self._due[0][0] <= until:
                entry = heapq.heappop(self._due)
                if entry in seen:
                    continue
                seen[entry] = None
                found = self._profiles[entry[1]]
                if found.worker is None or found.worker == worker or found.leased_until <= now:
                    found.worker, found.leased_until = worker, now + lease
                    claimed.append(entry[1])
            for entry in seen:
                heapq.heappush(self._due, entry)
        return claimed

    def _next_due_entry(self) -> tuple[int, str] | None:
        while self._due:
            due, key = self._due[0]
            found = self._profiles.get(key)
            if found is not None and found.due == due:
                return self._due[0]
            heapq.heappop(self._due)
        return None

    def next_due(self) -> int | None:
        """``Store.next_due``"""
        with self._lock:
            entry = self._next_due_entry()
            return None if entry is None else entry[0]

    def waiting(self, until: int, limit: int, *, message_ids: Collection[str] | None = None) -> Sequence[Waiting]:
        """``Store.waiting``"""
        found: list[Waiting] = []
        with self._lock:
            if not self._waiting_sorted or len(self._waiting_order) > 2 * len(self._waiting) + 64:
                self._sort_waiting()
            for entry in self._waiting_order:
                if entry[0] > until or len(found) >= limit:
                    break
                each = self._waiting.get(entry[2])
                if each is None or (each.timestamp, each.message_id) != entry[:2]:
                    continue
                if message_ids is None or (each.message_id and each.message_id in message_ids):
                    found.append(each)
        return found

    def _sort_waiting(self) -> None:
        self._waiting_order = sorted((e.timestamp, e.message_id, e.arrival) for e in self._waiting.values())
        self._waiting_sorted = True

    def walk(self, after: str | None, limit: int) -> Sequence[str]:
        """``Store.walk``"""
        with self._lock:
            if self._walked is None:
                self._walked = sorted(self._profiles)
            start = bisect.bisect_right(self._walked, after or "")
            return self._walked[start : start + limit]

    # deliveries

    def claim_deliveries(
        self, now: int, limit: int, *, worker: str, lease: int, destinations: Collection[str] | None = None
    ) -> Sequence[Delivery]:
        """``Store.claim_deliveries``"""
        with self._lock:
            return self._outbox.claim(now, limit, worker=worker, lease=lease, destinations=destinations)

    def settle(self, outcomes: Iterable[Settled], *, worker: str) -> None:
        """``Store.settle``"""
        with self._lock:
            for outcome in outcomes:
                self._outbox.settle(outcome, worker)

    def next_delivery(self, destinations: Collection[str] | None = None) -> int | None:
        """``Store.next_delivery``"""
        if not self.unsettled:
            return None
        with self._lock:
            return self._outbox.next_ready(destinations)

    def backlog(self) -> Mapping[str, Backlog]:
        """``Store.backlog``"""
        with self._lock:
            return self._outbox.backlog()

    def dead_letters(self, after: str | None = None, limit: int = 100) -> Sequence[DeadLetter]:
        """``Store.dead_letters``"""
        with self._lock:
            return self._outbox.dead_letters(after or "", limit)

    def resend(self, delivery_ids: Collection[str]) -> int:
        """``Store.resend``"""
        with self._lock:
            return self._outbox.resend(delivery_ids)

    # reading

    def trace(
        self, *, profile: str | None = None, journey: str | None = None, instance: str | None = None
    ) -> Iterator[str]:
        """``Store.trace``"""
        with self._lock:
            found = [
                record
                for record in self._records
                if (profile is None or record.profile == profile)
                and (journey is None or record.journey == journey)
                and (instance is None or record.instance == instance)
            ]
        return (record.record for record in sorted(found, key=_place))

    def notes(self, prefix: str = "") -> Mapping[str, str]:
        """``Store.notes``"""
        with self._lock:
            return {name: text for name, text in sorted(self._notes.items()) if name.startswith(prefix)}

    def counters(self) -> Mapping[str, int]:
        """``Store.counters``"""
        with self._lock:
            return dict(self._counters)

    def tallies(self, *, journey: str | None = None) -> Sequence[tuple[str, int, int, str, int]]:
        """``Store.tallies``"""
        with self._lock:
            return [(*key, number) for key, number in sorted(self._tallies.items()) if journey in (None, key[0])]

    def watermark(self) -> int:
        """``Store.watermark``"""
        return self._watermark

    def figures(self) -> Mapping[str, int]:
        """``Store.figures``"""
        with self._lock:
            profiles = self._profiles.values()
            unsettled, dead = self._outbox.counts()
            return {
                "profiles": len(profiles),
                "live": sum(each.live for each in profiles),
                "due": sum(each.due is not None for each in profiles),
                "outbox": unsettled,
                "dead": dead,
                "records": len(self._records),
                "waiting": len(self._waiting),
            }

    # forgetting

    def erase(
        self,
        profile_key: str,
        *,
        shown_ids: Collection[str],
        seen_by: Collection[str] = (),
        also: ChangeSet | None = None,
    ) -> Sequence[str]:
        """``Store.erase``"""
        with self._lock:
            if also is not None:
                self._commit(also)
            end = self._links.get(profile_key, profile_key)
            keys = {profile_key, end, *self._led.pop(end, ())}
            for key in keys:
                self._forget(key)
            self._outbox.erase(keys, set(shown_ids))
            self._records = [
                record
                for record in self._records
                if record.key not in keys and (record.key or record.profile not in shown_ids)
            ]
            kept = [each for each in self._waiting.values() if keys.isdisjoint((each.id_key, *each.others))]
            self._waiting = {each.arrival: each for each in kept}
            self._sort_waiting()
            self._due = [entry for entry in self._due if entry[1] not in keys]
            heapq.heapify(self._due)
            if seen_by:
                self._unname({key[2:] for key in keys if key[0] == "a"}, seen_by)
        return sorted(keys)

    def _unname(self, anonymous_ids: set[str], others: Collection[str]) -> None:
        texts = [json.dumps(each, ensure_ascii=False) for each in anonymous_ids]
        self._outbox.unname(anonymous_ids, texts, others)
        shown = {key[2:] for key in others}
        self._records = [
            record
            for record in self._records
            if record.profile not in shown or not any(text in record.record for text in texts)
        ]

    def _forget(self, key: str) -> None:
        found = self._profiles.pop(key, None)
        self._floor = max(self._floor, 1, self._gone.pop(key, 0), found.version if found is not None else 0)
        self._links.pop(key, None)
        self._walked = None
        self._erased.add(keyed_hash(self._secret, key))

    def lift(self, id_key: str) -> bool:
        """``Store.lift``"""
        with self._lock:
            hash_ = keyed_hash(self._secret, id_key)
            was_erased = hash_ in self._erased
            self._erased.discard(hash_)
            return was_erased

    def prune(self, *, trace_before: int | None = None, limit: int = 10_000) -> int:
        """``Store.prune``"""
        if trace_before is None:
            return 0
        with self._lock:
            old = [record for record in self._records if record.at < trace_before]
            pruned = set(map(id, heapq.nsmallest(limit, old, key=attrgetter("at"))))
            self._records = [record for record in self._records if id(record) not in pruned]
            return len(pruned)

    def close(self) -> None:
        """``Store.close``"""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _named_by(waiting: Iterable[Waiting]) -> Iterator[str]:
    for each in waiting:
        yield each.id_key
        yield from each.others

"""A store as simple as it can be written: the oracle of the conformance suite.

Lists are searched from end to end and a commit works on a copy of everything: it is meant to be read, not to be fast.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import attrs

from journeys.errors import Conflict
from journeys.ports import Backlog, ChangeSet, DeadLetter, Delivery, Settled, StateChange, TraceRecord, Waiting


@attrs.define
class _Profile:
    state: Any
    version: int
    due: int | None
    live: int
    worker: str | None = None
    leased_until: int = 0


@attrs.define(eq=False)
class _Sending:
    delivery: Delivery
    tries: int = 0
    ready: int = 0
    worker: str | None = None
    died: int | None = None
    error: str = ""

    @property
    def tried(self) -> Delivery:
        """The delivery as its latest try has it."""
        return attrs.evolve(self.delivery, attempt=self.tries)


class StoreModel:
    """What a store has to answer. Versions are the store's own: ``learn`` takes over what it gave."""

    def __init__(self) -> None:
        self.profiles: dict[str, _Profile] = {}
        self.links: dict[str, str] = {}
        self.erased: set[str] = set()
        self.mark = -1
        self.sendings: list[_Sending] = []
        self.records: list[TraceRecord] = []
        self.inputs: list[Waiting] = []
        self.counted: dict[str, int] = {}
        self.tallied: dict[tuple[str, int, int, str], int] = {}
        self.noted: dict[str, str] = {}
        #: every version that a key ever had
        self.versions: dict[str, set[int]] = {}

    # profiles

    def learn(self, key: str, version: int) -> None:
        """The store gave the profile this version: greater than any before, for good."""
        seen = self.versions.setdefault(key, set())
        assert version > max(seen, default=0), f"version {version} of {key} was there before"
        seen.add(version)
        self.profiles[key].version = version

    def commit(self, changes: ChangeSet) -> None:
        """``Store.commit``"""
        after = copy.deepcopy(self)
        after._apply(changes)
        self.__dict__ = after.__dict__

    def _apply(self, changes: ChangeSet) -> None:
        if changes.read_watermark is not None and self.mark > changes.read_watermark:
            raise Conflict("watermark")
        if any(self.noted.get(name, "") != text for name, text in changes.read_notes.items()):
            raise Conflict("notes")
        for change in changes.states:
            self._change(change)
        for arrival in changes.applied:
            if all(each.arrival != arrival for each in self.inputs):
                raise Conflict("applied")
            self.inputs = [each for each in self.inputs if each.arrival != arrival]
        for waiting in changes.waiting:
            if any(each.arrival == waiting.arrival for each in self.inputs):
                raise Conflict("arrival")
            if self.erased.intersection((waiting.id_key, *waiting.others)):
                raise Conflict("erased")
            self.inputs.append(waiting)
        self._link(changes.links)
        for delivery in changes.deliveries:
            before = [each for each in self.sendings if each.delivery.order_key == delivery.order_key != ""]
            put_off = [each.ready for each in before if each.died is None and each.worker is None]
            self.sendings.append(_Sending(delivery, ready=max(put_off, default=0)))
        self.records += changes.records
        for name, number in changes.counters.items():
            self.counted[name] = self.counted.get(name, 0) + number
        for key, number in changes.tallies.items():
            self.tallied[key] = self.tallied.get(key, 0) + number
        self.noted.update(changes.notes)
        self.mark = max(self.mark, -1 if changes.watermark is None else changes.watermark)

    def _change(self, change: StateChange) -> None:
        found = self.profiles.get(change.key)
        if (0 if found is None else found.version) != change.expected:
            raise Conflict("version")
        if found is None and (change.state is None or change.key in self.links or change.key in self.erased):
            raise Conflict("made")
        if change.state is None:
            del self.profiles[change.key]
        else:
            self.profiles[change.key] = _Profile(change.state, change.expected, change.due, change.live)

    def _link(self, new: Mapping[str, str]) -> None:
        before = dict(self.links)
        steps = {key: self.end(target) for key, target in new.items() if self.end(target) != key}
        if {*new, *new.values()} & self.erased or steps.keys() & self.profiles.keys():
            raise Conflict("linked")
        self.links |= steps
        for key in steps:
            if key in before and self.end(before[key]) != self.end(key):
                raise Conflict("elsewhere")
        self.links = {key: self.end(key) for key in self.links}

    def end(self, id_key: str) -> str:
        """Where an id key leads to."""
        while id_key in self.links:
            id_key = self.links[id_key]
        return id_key

    def claim_due(self, until: int, limit: int, *, worker: str, now: int, lease: int) -> set[str]:
        """Which keys ``Store.claim_due`` may hand out; ``limit`` of them, the earliest, it must."""
        return {
            key
            for key, profile in self.profiles.items()
            if profile.due is not None
            and profile.due <= until
            and (profile.worker in (None, worker) or profile.leased_until <= now)
        }

    # deliveries

    def _is_first(self, sending: _Sending) -> bool:
        before = self.sendings[: self.sendings.index(sending)]
        key = sending.delivery.order_key
        return not key or all(each.delivery.order_key != key or each.died is not None for each in before)

    def _may_be_tried(self, destinations: Collection[str] | None) -> list[_Sending]:
        first = [
            each
            for each in self.sendings
            if each.died is None
            and self._is_first(each)
            and (destinations is None or each.delivery.destination in destinations)
        ]
        return sorted(first, key=lambda each: (each.ready or each.delivery.at, each.delivery.at))

    def claim_deliveries(
        self, now: int, limit: int, *, worker: str, lease: int, destinations: Collection[str] | None = None
    ) -> list[Delivery]:
        """``Store.claim_deliveries``"""
        ready = [each for each in self._may_be_tried(destinations) if each.ready <= now]
        claimed: list[_Sending] = []
        for each in ready:
            if sum(other.delivery.destination == each.delivery.destination for other in claimed) < limit:
                claimed.append(each)
        for each in claimed:
            each.tries += 1
            each.ready, each.worker = now + lease, worker
        return [each.tried for each in self.sendings if each in claimed]

    def settle(self, outcomes: Iterable[Settled], *, worker: str) -> None:
        """``Store.settle``"""
        for outcome in outcomes:
            for each in [each for each in self.sendings if each.delivery.id == outcome.delivery_id]:
                if each.worker == worker:
                    self._settle(each, outcome)

    def _settle(self, sending: _Sending, outcome: Settled) -> None:
        sending.worker = None
        if outcome.outcome == "done":
            self.sendings.remove(sending)
        elif outcome.outcome == "dead":
            sending.died, sending.error = outcome.at, outcome.error
        elif outcome.outcome == "back":
            sending.tries -= 1
            sending.ready = 0
        else:
            sending.ready = outcome.at if outcome.retry_at is None else outcome.retry_at
            for each in self.sendings[self.sendings.index(sending) :]:
                if each.died is None and each.delivery.order_key == sending.delivery.order_key != "":
                    each.ready = max(each.ready, sending.ready)

    def next_delivery(self, destinations: Collection[str] | None = None) -> int | None:
        """``Store.next_delivery``"""
        return min((each.ready for each in self._may_be_tried(destinations)), default=None)

    def backlog(self) -> dict[str, Backlog]:
        """``Store.backlog``"""
        found = {}
        for name in sorted({each.delivery.destination for each in self.sendings}):
            all_ = [each for each in self.sendings if each.delivery.destination == name]
            alive = [each for each in all_ if each.died is None]
            found[name] = Backlog(
                waiting=sum(each.worker is None for each in alive),
                in_flight=sum(each.worker is not None for each in alive),
                dead=len(all_) - len(alive),
                oldest=min((each.delivery.at for each in alive), default=None),
            )
        return found

    def dead_letters(self) -> list[DeadLetter]:
        """``Store.dead_letters``, all of them."""
        dead = [
            DeadLetter(delivery=each.tried, error=each.error, at=each.died)
            for each in self.sendings
            if each.died is not None
        ]
        return sorted(dead, key=lambda letter: letter.delivery.id)

    def resend(self, delivery_ids: Collection[str]) -> int:
        """``Store.resend``"""
        dead = [each for each in self.sendings if each.died is not None and each.delivery.id in delivery_ids]
        for each in dead:
            each.died, each.error, each.tries, each.ready = None, "", 0, 0
        return len(dead)

    # reading

    def waiting(self, until: int, message_ids: Collection[str] | None = None) -> list[Waiting]:
        """``Store.waiting``, all of them."""
        found = [
            each
            for each in self.inputs
            if each.timestamp <= until and (message_ids is None or (each.message_id and each.message_id in message_ids))
        ]
        return sorted(found, key=lambda each: (each.timestamp, each.message_id, each.arrival))

    def trace(self, profile: str | None = None, journey: str | None = None, instance: str | None = None) -> list[str]:
        """``Store.trace``"""
        found = [
            row
            for row in self.records
            if profile in (None, row.profile) and journey in (None, row.journey) and instance in (None, row.instance)
        ]
        return [row.record for row in sorted(found, key=lambda row: (row.at, row.profile, row.key, row.seq))]

    def figures(self) -> dict[str, int]:
        """``Store.figures``"""
        dead = sum(each.died is not None for each in self.sendings)
        return {
            "profiles": len(self.profiles),
            "live": sum(profile.live for profile in self.profiles.values()),
            "due": sum(profile.due is not None for profile in self.profiles.values()),
            "outbox": len(self.sendings) - dead,
            "dead": dead,
            "records": len(self.records),
            "waiting": len(self.inputs),
        }

    # forgetting

    def erase(
        self,
        profile_key: str,
        *,
        shown_ids: Collection[str],
        seen_by: Collection[str] = (),
        also: ChangeSet | None = None,
    ) -> list[str]:
        """``Store.erase``"""
        if also is not None:
            self.commit(also)
        end = self.end(profile_key)
        keys = {profile_key, end, *(key for key in self.links if self.end(key) == end)}
        self.profiles.pop(end, None)
        self.links = {key: target for key, target in self.links.items() if key not in keys}
        self.sendings = [each for each in self.sendings if not _is_of(each.delivery, keys, shown_ids)]
        self.inputs = [each for each in self.inputs if not keys.intersection((each.id_key, *each.others))]
        self.records = [
            row for row in self.records if not (row.key in keys or (not row.key and row.profile in shown_ids))
        ]
        self.erased |= keys
        return sorted(keys)

    def lift(self, id_key: str) -> bool:
        """``Store.lift``"""
        was_erased = id_key in self.erased
        self.erased.discard(id_key)
        return was_erased


def _is_of(delivery: Delivery, keys: Collection[str], shown_ids: Collection[str]) -> bool:
    if delivery.user_id is not None:
        return f"u:{delivery.user_id}" in keys
    if delivery.anonymous_id is not None:
        return f"a:{delivery.anonymous_id}" in keys
    return delivery.profile in shown_ids

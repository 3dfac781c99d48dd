"""The logic between load, apply and commit, written once.

Every operation is a generator: it yields the name of a store method with its arguments, and is sent what the store
answered. A sync driver and an async one answer it, so that no body exists twice.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any

from journeys._time import MAX
from journeys.codec.strict_json import parse_json
from journeys.engine._advance import Engine
from journeys.engine._effects import Effects, Record
from journeys.engine._encode import bind, decode_state, encode_state
from journeys.engine._json import encode
from journeys.engine._state import ProfileState
from journeys.errors import Conflict, InvalidCall, NewerState
from journeys.model.journey import Journey
from journeys.plan.plan import Plan
from journeys.plan.values import NEVER
from journeys.ports import ChangeSet, Delivery, Loaded, StateChange, Waiting
from journeys.runtime._calls import Answer, is_storable, replay_timestamp
from journeys.runtime._groups import Groups
from journeys.runtime._processor import Processor
from journeys.runtime._recent import LARGEST, RecentStates
from journeys.runtime._tombstones import Tombstones
from journeys.runtime._waiting import id_key_of, id_keys_of
from journeys.runtime.tallies import Kept, Tallied, Tallies

#: a request to the store: method, arguments, keyword arguments
Request = tuple[str, tuple[Any, ...], dict[str, Any]]

#: the note that grows with every change of the library, so that all workers of a store learn of it
GENERATION = "generation"
#: how often a batch is repeated when another worker has changed its profiles meanwhile
MAX_CONFLICTS = 50
#: profiles whose deadlines are processed in one commit
ADVANCE_BATCH = 500


class Core:
    """Applies batches of calls and lets time pass, on any store.

    With ``exclusive`` the profiles live in this object and nowhere else (the memory store); otherwise each batch
    loads what it concerns, and commits it under the versions it has seen.
    """

    def __init__(self, plan: Plan, *, exclusive: bool, traces: bool, worker: str, lease: int) -> None:
        self.plan = plan
        self.effects = Effects(traces=traces)
        self.processor = Processor(plan, self.effects, rests=exclusive and not traces)
        self.exclusive = exclusive
        self.worker = worker
        self.lease = lease
        #: profiles whose state was written by a newer version of this package: left alone (V)
        self.newer: set[str] = set()
        #: the library of the store that this worker knows, and how it gets to know another (V)
        self.generation = ""
        self.on_change: Callable[[], Generator[Request, Any, None]] | None = None
        #: takes deliveries past the outbox, and leaves what belongs there: where nothing is durable anyway
        self.outlet: Callable[[list[Delivery]], None] | None = None
        self._stored_arrivals: set[int] = set()
        #: how far a replay had come before the batch that is not committed yet (T8)
        self._before: int | None = None
        #: whether the store may hold ids that are erased
        self.knows_erased = True
        self.tombstones = Tombstones()
        self._recent = RecentStates()
        #: what is committed while the next group is applied: its profiles, as they will be
        self.groups = Groups(self)
        self.ahead: dict[str, ProfileState] = {}
        self._counting = Tallies(self._definition, self.processor.whose)
        #: in memory: the figures, and how many of the records are counted in them
        self._tallies: Counter[Tallied] = Counter()
        self._counted = 0

    # calls

    def feed(
        self,
        calls: Sequence[Any],
        received: int | None,
        *,
        live: bool = False,
        notes: Mapping[str, str] | None = None,
        read_notes: Mapping[str, str] | None = None,
    ) -> Generator[Request, Any, list[Answer]]:
        """Applies calls as one unit: answers come when all of it is durable (O1, O5).

        ``received`` is the instant of their receipt; without it they are a replay (T3). Conflict if one of the
        ``read_notes`` is another by now.
        """
        if self.exclusive:
            answers = self.apply(calls, received, live)
            yield from self._flush()
            return answers
        for _ in range(MAX_CONFLICTS):
            if self._before is not None:
                self.processor.latest = self._before
            self._before = self.processor.latest
            until = -1 if live or not self.plan.may_be_late else self._reach(calls)
            if not self.knows_erased:
                yield from self.load(self.id_keys(calls, wanted_only=True), calls, waiting_until=until)
            if self.knows_erased:  # also an event that nobody wants is refused if its profile is erased (V6)
                yield from self.load(self.id_keys(calls), calls, waiting_until=until)
            before = self.processor.watermark
            answers = self.apply(calls, received, live)
            try:
                yield from self._commit(
                    before, notes=notes or {}, read_notes={**self.known_library(), **(read_notes or {})}
                )
            except Conflict:
                yield from self.begin_again()
                for name, text in (read_notes or {}).items():
                    found: Mapping[str, str] = yield ("notes", (name,), {})
                    if found.get(name, "") != text:
                        raise Conflict(f"the note {name!r} was changed by another process") from None
                continue
            self._before = None
            return answers
        raise Conflict(f"the profiles of this batch were changed by other workers {MAX_CONFLICTS} times in a row")

    def apply(self, calls: Sequence[Any], received: int | None, live: bool = False) -> list[Answer]:
        """Applies calls to the profiles that are loaded."""
        feed = self.processor.feed
        if live or not self.plan.may_be_late:
            return self.processor.feed_batch(calls, received, live)
        answers = []
        for call in calls:
            answers.append(feed(call, received))
            self.processor.follow_replay()
        return answers

    def _reach(self, calls: Iterable[Any]) -> int:
        """How far a replay of these calls can move the watermark."""
        latest = self.processor.latest
        for call in calls:
            with contextlib.suppress(InvalidCall, AttributeError):
                latest = max(latest, replay_timestamp(call))
        return self.plan.lateness.before(latest)

    def id_keys(self, calls: Iterable[Any], *, wanted_only: bool = False) -> set[str]:
        """Every id key that calls name, valid or not; if asked so, of what nobody wants only where it is needed."""
        keys: set[str] = set()
        routes = self.plan.routes
        wanted_only = wanted_only and not self.plan.makes_profiles and not self.plan.may_be_late
        for call in calls:
            if type(call) is dict and call.get("type") == "track" and "anonymousId" not in call:
                user_id, name = call.get("userId"), call.get("event")
                if type(user_id) is str and user_id and type(name) is str:
                    if not wanted_only or name in routes:
                        keys.add("u:" + user_id)
                    continue
            if not isinstance(call, Mapping):
                continue
            keys.update(key for key in id_keys_of(call) if len(key) > 2)
        return keys

    # stores

    def refresh(self) -> Generator[Request, Any, None]:
        """Gets to know what other workers have published, paused or archived since (V)."""
        if self.on_change is not None:
            found: Mapping[str, str] = yield ("notes", (GENERATION,), {})
            if found.get(GENERATION, "") != self.generation:
                yield from self.on_change()

    def begin_again(self) -> Generator[Request, Any, None]:
        """A commit was refused: its effects did not happen, and the reason may be another library than was known."""
        self.effects.take()
        yield from self.refresh()

    def load(
        self,
        id_keys: Iterable[str],
        calls: Iterable[Any] = (),
        *,
        waiting_until: int = -1,
        passes_newer: bool = False,
    ) -> Generator[Request, Any, None]:
        """Loads what a batch concerns, what waits for the watermark to come this far, and what these calls repeat (T8).

        A profile that a newer version of this package wrote raises ``NewerState``, or is passed over and counted.
        """
        processor = self.processor
        processor.clear()
        self.effects.take()  # what a unit that failed has left, for its commit did not happen
        wanted = set(id_keys)
        self._stored_arrivals = set()
        entries = []
        if self.plan.may_be_late:
            for each in (yield from self._waiting(calls, waiting_until)):
                call = parse_json(each.call)
                self._stored_arrivals.add(each.arrival)
                entries.append((each.timestamp, each.message_id, each.arrival, call))
                wanted |= self.id_keys((call,))
        loaded: Loaded = yield ("load", (sorted(key for key in wanted if is_storable(key)),), {})
        processor.watermark = loaded.watermark
        processor.erased = loaded.erased
        self.knows_erased = loaded.knows_erased
        processor.links.update(loaded.links)
        if self.ahead:
            self._take_ahead(wanted, loaded)
        for id_key, stored in loaded.profiles.items():
            if stored.key not in processor.states:
                try:
                    processor.states[stored.key] = self._recent.take(stored, self.plan)
                except NewerState:
                    self.newer.add(stored.key)
                    if not passes_newer:
                        raise
                    continue
            if id_key != stored.key:
                processor.links[id_key] = stored.key
        for entry in entries:
            processor.waiting.put(entry)

    def _take_ahead(self, id_keys: Iterable[str], loaded: Loaded) -> None:
        """What is committed meanwhile and is not seen yet, as it will be.

        Its version may turn out to be another, where a row was there without a profile: then what is built on it is
        refused, and done again.
        """
        versions = {stored.key: stored.version for stored in loaded.profiles.values()}
        for id_key in id_keys:
            key = loaded.links.get(id_key, id_key)
            profile = self.ahead.pop(key, None)
            if profile is not None and profile.version >= versions.get(key, 0):
                self.processor.states[key] = profile

    def _waiting(self, calls: Iterable[Any], until: int) -> Generator[Request, Any, Iterable[Waiting]]:
        """Of all that wait only what may be applied now, and what has the message of one of the calls."""
        notes: Mapping[str, str] = yield ("notes", ("arrivals",), {})
        self.processor.waiting.arrivals = int(notes.get("arrivals", "0"))
        found: dict[int, Waiting] = {}
        if until >= 0:
            released: Sequence[Waiting] = yield ("waiting", (until, 1 << 30), {})
            found.update((each.arrival, each) for each in released)
        given = (call.get("messageId") for call in calls if isinstance(call, Mapping))
        message_ids = {each for each in given if isinstance(each, str) and is_storable(each)}
        if message_ids:
            same: Sequence[Waiting] = yield ("waiting", (MAX, 1 << 30), {"message_ids": sorted(message_ids)})
            found.update((each.arrival, each) for each in same)
        return found.values()

    def _commit(
        self,
        read_watermark: int | None,
        *,
        notes: Mapping[str, str] | None = None,
        read_notes: Mapping[str, str] | None = None,
    ) -> Generator[Request, Any, None]:
        """Commits what the batch has changed, all of it or nothing (O1).

        It stands under the library that this worker knows, or under what was read instead.
        """
        change = self.changes(read_watermark, notes, read_notes)
        yield ("commit", (change,), {})
        self.keep_recent(change, self.committed())

    def changes(
        self,
        read_watermark: int | None,
        notes: Mapping[str, str] | None = None,
        read_notes: Mapping[str, str] | None = None,
    ) -> ChangeSet:
        """What the batch has changed."""
        processor, effects = self.processor, self.effects
        new_waiting = [each for each in processor.waiting if each[2] not in self._stored_arrivals]
        still_waiting = {each[2] for each in processor.waiting}
        notes = dict(notes or {})
        if new_waiting:
            notes["arrivals"] = str(processor.waiting.arrivals)
        rows, tallies = self._counting.rows(effects.records)  # before the states: it is noted in them
        return ChangeSet(
            states=self.state_changes(),
            links=dict(processor.new_links),
            deliveries=effects.deliveries,
            records=rows,
            read_watermark=read_watermark,
            watermark=processor.watermark if processor.watermark >= 0 else None,
            waiting=[self._as_waiting(*each) for each in new_waiting],
            applied=sorted(self._stored_arrivals - still_waiting),
            counters=dict(effects.counters),
            tallies=tallies,
            notes=notes,
            read_notes=self.known_library() if read_notes is None else read_notes,
        )

    def committed(self) -> dict[str, ProfileState]:
        """The effects of the batch are the store's now; its profiles are of the versions that the store gives them."""
        self.effects.take()
        changed = {profile.key: profile for profile in self.processor.touched or ()}
        for profile in changed.values():
            profile.version += 1
        return changed

    def keep_recent(self, change: ChangeSet, profiles: Mapping[str, ProfileState]) -> None:
        """These profiles of the commit stay in memory, for a while."""
        if self.knows_erased:  # nothing stays in memory of someone whom another worker may erase (V6)
            self._recent.clear()
            return
        for each in change.states:
            if each.key in profiles and each.state is not None and len(each.state) <= LARGEST:
                self._recent.keep(profiles[each.key])

    def _as_waiting(self, timestamp: int, message_id: str, arrival: int, call: Mapping[str, Any]) -> Waiting:
        id_key = id_key_of(call)
        return Waiting(
            timestamp=timestamp,
            message_id=message_id,
            arrival=arrival,
            id_key=id_key,
            call=encode(call),
            others=tuple(sorted(self.id_keys((call,)) - {id_key})),
        )

    def known_library(self) -> Mapping[str, str]:
        return {} if self.on_change is None else {GENERATION: self.generation}

    def state_changes(self) -> list[StateChange]:
        processor = self.processor
        changes = [
            StateChange(
                key=profile.key,
                state=encode_state(profile),
                expected=profile.version,
                due=None if profile.due >= NEVER else profile.due,
                live=profile.live,
            )
            for profile in processor.touched or ()
        ]
        changes += [
            StateChange(key=key, state=None, expected=version) for key, version in processor.gone.items() if version
        ]
        return sorted(changes, key=lambda change: change.key)

    def _flush(self) -> Generator[Request, Any, None]:
        """With the memory store the profiles are where they belong; deliveries go to its outbox."""
        effects = self.effects
        while effects.deliveries:
            deliveries, effects.deliveries = effects.deliveries, []
            try:
                if self.outlet is not None:
                    self.outlet(deliveries)
            finally:
                if deliveries:
                    yield ("commit", (ChangeSet(deliveries=deliveries),), {})

    # time

    def advance(self, until: int, *, exact: bool = False, now: int = 0) -> Generator[Request, Any, None]:
        """The watermark reaches ``until`` less the allowed lateness, and every deadline up to it fires (T5, T8)."""
        to = until if exact else self.plan.lateness.before(until)
        if self.exclusive:
            self.processor.advance(to)
            yield from self._flush()
            return
        to = yield from self._move_watermark(to)
        yield from self._fire_all(to, now, self.lease)

    def _fire_all(self, until: int, now: int, lease: int) -> Generator[Request, Any, int]:
        """Every deadline up to the instant fires; answers the instant of the last one, -1 if there was none.

        What a newer version of this package has written is left to its workers.
        """
        last, left = -1, 0
        while True:
            claim = {"worker": self.worker, "now": now, "lease": lease}
            claimed: Sequence[str] = yield ("claim_due", (until, ADVANCE_BATCH + left), claim)
            mine = [key for key in claimed if key not in self.newer]
            left = len(claimed) - len(mine)
            if not mine:
                break
            last = max(last, (yield from self._fire(mine, until)))
        if left:
            yield ("claim_due", (until, left), {"worker": self.worker, "now": now, "lease": 0})
        return last

    def _move_watermark(self, to: int) -> Generator[Request, Any, int]:
        """Moves the watermark of the store, if it is not there yet; answers where it is then."""
        for _ in range(MAX_CONFLICTS):
            yield from self.load((), waiting_until=to if self.plan.may_be_late else -1)
            before = self.processor.watermark
            if to <= before and not self.processor.waiting:
                return before
            self.processor.move_watermark(to)
            try:
                yield from self._commit(before)
            except Conflict:
                yield from self.begin_again()
                continue
            return self.processor.watermark
        raise Conflict(f"the watermark was moved by other workers {MAX_CONFLICTS} times in a row")

    def apply_all_waiting(self) -> Generator[Request, Any, None]:
        """Applies what still waits, in order, without moving the watermark: the end of a replay (T8)."""
        processor = self.processor
        while True:
            if not self.exclusive:
                yield from self.load((), waiting_until=MAX)
            while processor.waiting:
                processor.apply_waiting()
            if self.exclusive:
                yield from self._flush()
                return
            try:
                yield from self._commit(None)
            except Conflict:
                yield from self.begin_again()
                continue
            return

    def settle(self, bound: int) -> Generator[Request, Any, int]:
        """Lets everything happen that happens by itself, up to ``bound``; answers the instant of the last of it.

        The watermark comes to that instant, so that inputs of later times are not late.
        """
        yield from self.apply_all_waiting()
        if self.exclusive:
            last = self.processor.fire(bound)
            self.processor.move_watermark(last)
            yield from self._flush()
            return last
        last = yield from self._fire_all(bound, 0, 0)
        if last >= 0:
            yield from self._move_watermark(last)
        return last

    def _fire(self, keys: Sequence[str], until: int) -> Generator[Request, Any, int]:
        last = -1
        yield from self.load(keys, passes_newer=True)
        processor = self.processor
        for key in keys:
            profile = processor.states.get(key)
            if profile is not None:
                processor.engine.advance(profile, until)
                last = max(last, processor.engine.now)
                assert processor.touched is not None
                processor.touched.add(profile)
        try:
            yield from self._commit(None)
        except Conflict:  # another worker was there first: what is still due will be claimed again
            yield from self.begin_again()
        return last

    # changes of all profiles, and of definitions

    def use(self, plan: Plan) -> None:
        """Goes on under another plan; profiles in memory are bound to it."""
        if self.exclusive:
            self.count()  # a version that is over is not in the new plan, and its records are counted by its definition
        self.plan = plan
        self.processor.use(plan)
        self._recent.clear()
        if self.exclusive:
            for profile in self.processor.states.renewed():
                bind(profile, plan)

    def commit_notes(
        self, notes: Mapping[str, str], read_notes: Mapping[str, str] | None = None
    ) -> Generator[Request, Any, None]:
        """Stores named texts; Conflict if one that was read has changed since."""
        yield ("commit", (ChangeSet(notes=dict(notes), read_notes=dict(read_notes or {})),), {})

    def change_next(
        self, change: Callable[[Engine, ProfileState], None], note: str, text: str
    ) -> Generator[Request, Any, str]:
        """Changes the next profiles in a pass over all of them, and answers the text of the note of how far it came.

        The text is JSON with the last key in ``after``, "" when the pass is over. It is read before and written with
        the profiles: whatever crashes, and however many workers are at it, each profile is changed once.
        """
        processor = self.processor
        if self.exclusive:
            for profile in processor.states.values():
                change(processor.engine, profile)
                processor.changed(profile)
            yield from self._flush()
            yield from self.commit_notes({note: ""})
            return ""
        operation = json.loads(text)
        keys: Sequence[str] = yield ("walk", (operation["after"], ADVANCE_BATCH), {})
        yield from self.load(keys)
        for profile in list(processor.states.values()):
            change(processor.engine, profile)
            processor.changed(profile)
        reached = json.dumps({**operation, "after": keys[-1]}) if keys else ""
        try:
            yield from self._commit(None, notes={note: reached}, read_notes={note: text})
        except Conflict:  # another worker has changed them
            self.effects.take()
            found: Mapping[str, str] = yield ("notes", (note,), {})
            return found.get(note, "")
        return reached

    def change_loaded(
        self, keys: Sequence[str], change: Callable[[ProfileState], bool]
    ) -> Generator[Request, Any, None]:
        """Lets each of these profiles change if it wants to; what another worker changes meanwhile stays as it is."""
        yield from self.load(keys, passes_newer=True)
        processor = self.processor
        changed = [profile for profile in processor.states.values() if change(profile)]
        if changed:
            assert processor.touched is not None
            processor.touched.update(changed)
            try:
                yield from self._commit(None)
            except Conflict:
                yield from self.begin_again()

    def look(self, see: Callable[[Engine, ProfileState], None]) -> Generator[Request, Any, None]:
        """Shows every profile as it is; nothing is changed."""
        processor = self.processor
        if self.exclusive:
            for profile in processor.states.values():
                see(processor.engine, profile)
            return
        after: str | None = None
        while keys := (yield ("walk", (after, ADVANCE_BATCH), {})):
            yield from self.load(keys, passes_newer=True)
            for profile in list(processor.states.values()):
                see(processor.engine, profile)
            after = keys[-1]

    def apply_to(self, calls: Sequence[Any], apply: Callable[[], None]) -> Generator[Request, Any, None]:
        """Loads the profiles of the calls, lets ``apply`` change them, and commits."""
        if self.exclusive:
            self.processor.states.make_room()
            apply()
            yield from self._flush()
            return
        yield from self.load(self.id_keys(calls))
        apply()
        try:
            yield from self._commit(self.processor.watermark)
        except Conflict:
            yield from self.begin_again()
            raise

    # figures

    def _definition(self, key: str, version: int) -> Journey:
        """The version, or the latest there is where this worker does not know it any more."""
        found = self.plan.journeys.get((key, version))
        if found is None:
            found = max(
                (each for each in self.plan.journeys.values() if each.key == key), key=lambda each: each.version
            )
        return found.model

    def count(self) -> None:
        """In memory: counts the records that have come since."""
        records = self.effects.records
        self._tallies.update(self._counting.count(records[self._counted :]))
        self._counted = len(records)

    def forget_records(self, before: int) -> None:
        """In memory: forgets the records of earlier instants; the figures stay."""
        self.count()
        self.keep_records([each for each in self.effects.records if each.at >= before])

    def keep_records(self, records: list[Record]) -> None:
        self.effects.records = records
        self._counted = len(records)

    def vanished(self, person: ProfileState) -> dict[Tallied, int]:
        """The figures say no longer that the person waits somewhere; in memory they say so at once."""
        at = max(person.clock, self.processor.watermark, 0)
        if not self.exclusive:
            return self._counting.vanished(person, at)
        self.count()
        self._tallies.update(self._counting.vanished(person, at))
        return {}

    def tallies(self, journey: str | None = None) -> Generator[Request, Any, Sequence[Kept]]:
        """What is kept of the figures, of all journeys or of one."""
        if self.exclusive:
            self.count()
            return [(*key, number) for key, number in self._tallies.items() if journey in (None, key[0])]
        rows: Sequence[Kept] = yield ("tallies", (), {"journey": journey})
        return rows

    def states_of(self, id_keys: Iterable[str]) -> Generator[Request, Any, list[ProfileState]]:
        """The profiles that the id keys lead to, as they are: nothing happens to them."""
        if self.exclusive:
            return [profile for profile in map(self.processor.find, id_keys) if profile is not None]
        loaded: Loaded = yield ("load", (sorted(id_keys),), {})
        stored = {each.key: each for each in loaded.profiles.values()}
        return [decode_state(each.state, self.plan) for each in stored.values()]

"""Calls in, changed profiles and effects out: the part of the evaluator that knows no store and no clock.

A ``Processor`` works on a set of profiles in memory. With the memory store that set is the store; with a durable store
it is what a batch of calls concerns, loaded before and committed after.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from journeys._time import EPOCH, of_datetime, to_datetime
from journeys.engine import _advance
from journeys.engine._advance import Engine, write_traits
from journeys.engine._effects import Effects
from journeys.engine._identity import merge
from journeys.engine._publishing import backfill
from journeys.engine._rest import Rest
from journeys.engine._state import ProfileState
from journeys.errors import InvalidCall
from journeys.plan.plan import Plan
from journeys.plan.values import NEVER
from journeys.runtime import _calls
from journeys.runtime._agenda import Agenda
from journeys.runtime._calls import ACCEPTED, DUPLICATE, LATE, Answer
from journeys.runtime._people import People
from journeys.runtime._waiting import WaitingInputs, id_keys_of

_ANSWERS = {_advance.ACCEPTED: ACCEPTED, _advance.LATE: LATE, _advance.DUPLICATE: DUPLICATE}
_ACCEPTED, _LATE = _advance.ACCEPTED, _advance.LATE
_SAFE = 1 << 62
#: newer Pythons read 24:00 as the next midnight, which is no instant here (T1)
_READS_24 = sys.version_info >= (3, 13)
#: a call of the plain form carries less text than this
_PLAIN_CALL = 500 * 1000
_parse = datetime.fromisoformat
_FULL = Answer("rejected", "too_many_events", "a condition would have to remember more than max_remembered_events")
_TOO_FAST = Answer("rejected", "too_many_events_per_second", "more events of one profile a second than the limit")
_REFUSED = {_advance.FULL: _FULL, _advance.TOO_FAST: _TOO_FAST}
_ERASED = Answer("rejected", "erased", "this profile has been erased; lift the erasure to accept it again")


class Processor:
    """Applies calls to profiles under a plan."""

    def __init__(self, plan: Plan, effects: Effects, *, rests: bool = False) -> None:
        self.effects = effects
        self.engine = Engine(plan, effects)
        self.plan = plan
        self._may_be_plain = _may_be_plain(plan)
        #: names of events that are valid and that nobody wants
        self._known: set[str] = set()
        #: by profile key; id key -> profile key (P2)
        self.states = People(rests=rests)
        self.links: dict[str, str] = {}
        #: which id keys are erased (V6)
        self.erased: Any = frozenset()
        #: (T5); -1 while there is none
        self.watermark = -1
        #: the greatest timestamp of a valid call so far: a replay's watermark follows it (T8)
        self._latest = EPOCH
        self._agenda = Agenda()
        #: inputs that wait for the watermark (T8)
        self.waiting = WaitingInputs(plan)
        #: what has changed since it was last asked for: profiles, links, keys that are gone, waiting inputs
        self.touched: set[ProfileState] | None = None
        self.new_links: dict[str, str] = {}
        self.gone: dict[str, int] = {}

    @property
    def latest(self) -> int:
        """The greatest timestamp of a valid call so far, as an instant; 0 before the first."""
        return of_datetime(self._latest)

    @latest.setter
    def latest(self, instant: int) -> None:
        self._latest = to_datetime(instant)

    def use(self, plan: Plan) -> None:
        """Goes on under another plan."""
        self.plan = self.engine.plan = self.waiting.plan = plan
        self._may_be_plain = _may_be_plain(plan)
        self._known.clear()

    # calls

    def clear(self) -> None:
        """Forgets all profiles, ready for those of the next batch; changes are noted from now on."""
        self.states = People()
        self.links, self.new_links, self.gone = {}, {}, {}
        self.touched = set()
        self._agenda = Agenda()
        self.waiting.clear()

    def feed(self, call: Any, received: int | None = None, live: bool = False) -> Answer:
        """Applies one call. ``received`` is the instant of its receipt; without it the call is a replay (T3)."""
        if not self._may_be_plain or self.erased:
            return self._feed_closely(call, received, live)
        return self._take(call, received, live, self._last_moment(received) if live else self.plan.last_moment)

    def feed_batch(self, calls: Sequence[Any], received: int | None = None, live: bool = False) -> list[Answer]:
        """Applies calls in their order."""
        if not self._may_be_plain or self.erased:
            return [self._feed_closely(call, received, live) for call in calls]
        take, last = self._take, self._last_moment(received) if live else self.plan.last_moment
        return [take(call, received, live, last) for call in calls]

    def _last_moment(self, received: int | None) -> datetime:
        """A live call of a later moment is looked at closely (T3)."""
        assert received is not None
        return min(self.plan.last_moment, to_datetime(received + self.plan.settings.max_clock_skew.micros))

    def _take(self, call: Any, received: int | None, live: bool, last: datetime) -> Answer:
        """Applies a call of the plain form, which nearly all have, without a closer look."""
        try:
            name, user_id, text = call["event"], call["userId"], call["timestamp"]
            message_id, properties = call["messageId"], call["properties"]
            if (
                call["type"] != "track"
                or "anonymousId" in call
                or (live and ("sentAt" in call or "originalTimestamp" in call))
                or type(user_id) is not str
                or not user_id
                or len(user_id) > 4096
                or not user_id.isprintable()
                or type(message_id) is not str
                or not message_id
                or len(message_id) > 4096
                or not message_id.isascii()
                or "\0" in message_id
                or type(text) is not str
                or text[10] != "T"
                or text[7] != "-"  # no week dates
                or text[-1] != "Z"
                or (_READS_24 and text[11:13] == "24")
                or type(properties) is not dict
                or len(properties) > 500
            ):
                raise ValueError
            for key, item in properties.items():
                kind = type(item)
                if kind is str:
                    if len(item) > 1000 or not (item.isascii() or item.isprintable()):
                        raise ValueError
                elif kind is int:
                    if not -_SAFE < item < _SAFE:
                        raise ValueError
                elif kind is float:
                    if not -1e300 < item < 1e300:
                        raise ValueError
                elif item is not None and kind is not bool:
                    raise ValueError
                if type(key) is not str or not key.isascii():
                    raise ValueError
            is_wanted = name not in self._known
            if is_wanted:
                route = self.plan.routes[name]
            moment = _parse(text)
            if moment > self._latest:
                if moment > last:
                    raise ValueError
                self._latest = moment
            elif moment < EPOCH:
                raise ValueError
        except Exception:  # whatever it is, the thorough way says what is wrong
            return self._take_closely(call, received, live)
        if not is_wanted:
            self.effects.unwanted += 1
            return ACCEPTED
        since = moment - EPOCH
        timestamp = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
        states = self.states
        profile: Any = states.users.get(user_id)
        if type(profile) is not ProfileState:
            profile = self._awake(user_id, profile)
        outcome = self.engine.event(profile, route, properties.copy(), timestamp, message_id, self.watermark)
        if outcome is not _ACCEPTED and outcome is not _LATE:
            return self._refused(outcome)
        if profile.accepted == 1:
            states[profile.key] = profile
        if self.touched is not None:
            self.touched.add(profile)
        elif profile.due < profile.scheduled:
            self._agenda.put(profile)
        if outcome is _ACCEPTED:
            return ACCEPTED
        self.effects.counters["late"] += 1
        return LATE

    def _awake(self, user_id: str, rest: Rest | None) -> ProfileState:
        """The profile of a user that is at rest, known under another id, or new."""
        states, key = self.states, "u:" + user_id
        states.make_room()
        if rest is not None:
            return states.wake(rest, key, user_id)
        if key in self.links:
            key = self.links[key]
            return states.get(key) or ProfileState(key)
        return ProfileState(key, user_id)

    def _take_closely(self, call: Any, received: int | None, live: bool) -> Answer:
        answer = self._feed_closely(call, received, live)
        if answer is ACCEPTED and call["type"] == "track":
            name = call.get("event")
            if type(name) is str and name not in self.plan.routes and len(self._known) < 10_000:
                self._known.add(name)
        return answer

    def _feed_closely(self, call: Any, received: int | None, live: bool) -> Answer:
        """Looks at everything that a call may hold."""
        try:
            kind = call["type"]
            if type(kind) is str and kind == "track":
                name = call["event"]
                if type(name) is str and name not in self.plan.routes:
                    return self._unwanted(call, received, live)
        except (KeyError, TypeError):
            pass  # the thorough way says what is wrong
        try:
            return self._feed(call, received, live)
        except InvalidCall as error:
            self.effects.counters["rejected"] += 1
            return _calls.rejected(error)

    def _refused(self, outcome: str) -> Answer:
        counters = self.effects.counters
        if outcome == _advance.DUPLICATE:
            counters["duplicates"] += 1
            return DUPLICATE
        counters["rejected"] += 1
        return _REFUSED[outcome]

    def _unwanted(self, call: Mapping[str, Any], received: int | None, live: bool) -> Answer:
        """An event that nothing names changes nothing, unless it links two ids or makes a profile (O7)."""
        try:
            _calls.event_of(call)
            user_id, anonymous_id = _calls.ids_of(call)
            _calls.message_id_of(call)
            _calls.object_of(call, "properties", self.plan.limits.max_payload_bytes)
            if user_id is not None and anonymous_id is not None:
                return self._feed(call, received, live)
            key = self._key(user_id, anonymous_id)
            if key in self.erased:
                return self._reject_erased()
            timestamp = self._timestamp(call, received, live)
        except InvalidCall as error:
            self.effects.counters["rejected"] += 1
            return _calls.rejected(error)
        return self._count_unwanted(call, timestamp, key)

    def _count_unwanted(self, call: Mapping[str, Any], timestamp: int, key: str) -> Answer:
        if timestamp > self.latest:
            self.latest = timestamp
        self.effects.counters["unwanted"] += 1
        if self.plan.makes_profiles and key not in self.states:
            if self._must_wait(timestamp):
                self.waiting.add(call, timestamp, _calls.message_id_of(call))
            else:
                self._meet(key, timestamp, self.watermark)
        return ACCEPTED

    def _feed(self, call: Any, received: int | None, live: bool) -> Answer:
        kind = _calls.call_type(call)
        user_id, anonymous_id = _calls.ids_of(call)
        message_id = _calls.message_id_of(call)
        key = self._key(user_id, anonymous_id)
        if self.erased and self._is_erased(call, user_id, anonymous_id):
            return self._reject_erased()
        route_name, content = _calls.content_of(call, kind, self.plan.limits.max_payload_bytes)
        timestamp = self._timestamp(call, received, live)  # the last check, for it counts
        source = self._source(call, kind, user_id, anonymous_id, key)
        if route_name is not None and route_name not in self.plan.routes and source is None:
            return self._count_unwanted(call, timestamp, key)
        if timestamp > self.latest:
            self.latest = timestamp
        if self._must_wait(timestamp):
            return self._keep_waiting(call, timestamp, message_id, key)
        return self._apply(key, source, route_name, content, kind, timestamp, message_id, anonymous_id, self.watermark)

    def _timestamp(self, call: Mapping[str, Any], received: int | None, live: bool) -> int:
        if not live:
            given = call.get("timestamp") if received is not None else True
            timestamp = received if given is None and received is not None else _calls.replay_timestamp(call)
        else:
            assert received is not None
            skew = self.plan.settings.max_clock_skew.micros
            timestamp, clamped = _calls.live_timestamp(call, received, skew)
            if clamped:
                self.effects.counters["clamped"] += 1
        _calls.check_range(timestamp, self.plan.longest_wait)
        return timestamp

    # whose it is (P1, P2)

    def _key(self, user_id: str | None, anonymous_id: str | None) -> str:
        id_key = _calls.id_key(user_id, anonymous_id)
        return self.links.get(id_key, id_key) if self.links else id_key

    def find(self, id_key: str) -> ProfileState | None:
        """The profile that an id key leads to by now, if it is here."""
        return self.states.get(self.links.get(id_key, id_key))

    def whose(self, id_key: str) -> ProfileState:
        """The same, of an id key that leads to one."""
        return self.states[self.links.get(id_key, id_key)]

    def _is_erased(self, call: Mapping[str, Any], user_id: str | None, anonymous_id: str | None) -> bool:
        if call["type"] == "alias" and any(each in self.erased for each in id_keys_of(call)):
            return True
        return (user_id is not None and "u:" + user_id in self.erased) or (
            anonymous_id is not None and "a:" + anonymous_id in self.erased
        )

    def _reject_erased(self) -> Answer:
        self.effects.counters["rejected"] += 1
        return _ERASED

    def _source(
        self, call: Mapping[str, Any], kind: str, user_id: str | None, anonymous_id: str | None, key: str
    ) -> str | None:
        """The id key that this call newly links to the profile, if it does (P2)."""
        if kind == "alias":
            source = self._alias_source(call["previousId"])
            if source[0] == "u":
                source = self.links.get(source, source)  # a chain ends at its last user
        elif user_id is not None and anonymous_id is not None:
            source = "a:" + anonymous_id
        else:
            return None
        return None if source == key or source in self.links else source

    def _alias_source(self, previous: str) -> str:
        """A known user id, else a known anonymous id, else a user id not yet known."""
        user, anonymous = "u:" + previous, "a:" + previous
        if user in self.states or user in self.links:
            return user
        return anonymous if anonymous in self.states or anonymous in self.links else user

    def _apply(
        self,
        key: str,
        source: str | None,
        route_name: str | None,
        content: dict[str, Any],
        kind: str,
        timestamp: int,
        message_id: str | None,
        anonymous_id: str | None,
        watermark: int,
    ) -> Answer:
        self.states.make_room()
        profile = self.states.get(key)
        other = rename = None
        is_new = False
        if source is not None:
            linked = self.states.get(source)
            if profile is None and linked is not None:
                profile, rename = linked, key
            else:
                other = linked
        if profile is None:
            profile, is_new = ProfileState(key), True
        answer = self.engine.apply(
            profile,
            None if route_name is None else self.plan.routes.get(route_name),
            content,
            timestamp,
            message_id,
            watermark,
            traits=kind == "identify" or kind == "group",
            other=other,
            rename=rename,
            anonymous_id=anonymous_id,
        )
        counters = self.effects.counters
        if answer == _advance.DUPLICATE:
            counters["duplicates"] += 1
            return DUPLICATE
        if answer in _REFUSED:
            counters["rejected"] += 1
            return _REFUSED[answer]
        if is_new:
            self.states[key] = profile
        if source is not None:
            self._link(source, profile, other, rename)
        elif anonymous_id is not None:
            self._note_shared("a:" + anonymous_id, profile)
        self.changed(profile)
        if answer == _advance.LATE:
            counters["late"] += 1
            return LATE
        return ACCEPTED

    def _link(self, source: str, profile: ProfileState, other: ProfileState | None, rename: str | None) -> None:
        ids = [source]
        if rename is not None:
            del self.states[source]
            self.states[rename] = profile
            self.gone[source] = profile.version
            profile.version = 0
            profile.scheduled = NEVER  # its place in the queue has the old key
            ids += profile.linked
        if other is not None:
            del self.states[other.key]
            self.gone[other.key] = other.version
            ids += other.linked
            if self.touched is not None:
                self.touched.discard(other)
        for id_key in ids:
            self.links[id_key] = profile.key
            self.new_links[id_key] = profile.key
        profile.linked = (*profile.linked, *(each for each in ids if each not in profile.linked))

    def _note_shared(self, id_key: str, profile: ProfileState) -> None:
        """Whose device it is, and who else was seen with it, know of each other, to forget who is erased (P2, V6)."""
        owner = self.find(id_key)
        if owner is None or owner is profile:
            return
        if id_key not in profile.devices:
            profile.devices = (*profile.devices, id_key)
        if profile.key not in owner.shared:
            owner.shared = (*owner.shared, profile.key)
            self.changed(owner)

    def _meet(self, key: str, timestamp: int, watermark: int) -> None:
        profile = self.states[key] = ProfileState(key)
        self.engine.meet(profile, timestamp, watermark)
        self.changed(profile)

    def changed(self, profile: ProfileState) -> None:
        """Notes that a profile has changed; where no store does so, also when it is next due."""
        if self.touched is not None:
            self.touched.add(profile)
        else:
            self._agenda.put(profile)

    def backfill(self, call: Any) -> tuple[ProfileState | None, bool]:
        """Remembers a call of the past (C4); answers its profile, and whether it was new."""
        kind = _calls.call_type(call)
        user_id, anonymous_id = _calls.ids_of(call)
        timestamp = _calls.replay_timestamp(call)
        _calls.check_range(timestamp, self.plan.longest_wait)
        message_id = _calls.message_id_of(call)
        event, content = _calls.content_of(call, kind)
        if self.erased and self._is_erased(call, user_id, anonymous_id):
            raise InvalidCall("erased", _ERASED.message)
        key = self._key(user_id, anonymous_id)
        source = self._source(call, kind, user_id, anonymous_id, key)
        if source is not None:
            profile = self._link_in_the_past(key, source)
        elif key in self.states:
            profile = self.states[key]
        else:
            profile = self.states[key] = ProfileState(key)
        is_new = True
        if event is not None:
            is_new = backfill(self.engine, profile, message_id, event, content, timestamp)
        elif kind in ("identify", "group"):
            write_traits(profile, content, timestamp)
        self.changed(profile)
        return profile, is_new

    def _link_in_the_past(self, key: str, source: str) -> ProfileState:
        """Links two ids without an input: the profiles are merged at the later of their clocks (P2)."""
        profile, linked = self.states.get(key), self.states.get(source)
        other = rename = None
        if profile is None and linked is not None:
            profile, rename = linked, key
            profile.rename(key)
        elif profile is None:
            profile = self.states[key] = ProfileState(key)
        elif linked is not None:
            other = linked
            self.engine.visit(profile, max(profile.clock, other.clock))
            merge(self.engine, profile, other)
        self._link(source, profile, other, rename)
        return profile

    def forget(self, id_keys: set[str]) -> None:
        """An erased profile has no deadlines, and nothing of it waits (V6)."""
        self._agenda.forget(id_keys)
        self.states.forget(id_keys)
        self.engine.let_go()
        for id_key in id_keys:
            self.new_links.pop(id_key, None)
            self.gone.pop(id_key, None)
        self.waiting.forget(id_keys)

    # lateness (T8)

    def _must_wait(self, timestamp: int) -> bool:
        return self.plan.may_be_late and timestamp > self.watermark

    def _keep_waiting(self, call: Mapping[str, Any], timestamp: int, message_id: str | None, key: str) -> Answer:
        profile = self.states.get(key)
        if message_id is not None and (
            self.waiting.has(message_id, key, self.links)
            or (profile is not None and self.engine.is_duplicate(profile, None, message_id, timestamp))
        ):
            self.effects.counters["duplicates"] += 1
            return DUPLICATE
        name, content = _calls.content_of(call, call["type"], sys.maxsize)
        route = None if name is None else self.plan.routes.get(name)
        if profile is not None and route is not None and self.engine.is_full(profile, route, content, timestamp):
            self.effects.counters["rejected"] += 1
            return _FULL
        self.waiting.add(call, timestamp, message_id)
        return ACCEPTED

    def follow_replay(self) -> None:
        """In a replay the watermark is the greatest timestamp so far less the allowed lateness (T8)."""
        if self.plan.may_be_late:
            self.move_watermark(self.plan.lateness.before(self.latest))

    def move_watermark(self, to: int) -> None:
        """The watermark reaches an instant: inputs that waited for it are applied, in order."""
        if to <= self.watermark:
            return
        while (following := self.waiting.next) is not None and following <= to:
            self.apply_waiting()
        self.watermark = to

    def apply_waiting(self) -> None:
        """Applies the first of the inputs that wait, whose time has come: it is not late."""
        timestamp, message_id, _, call = self.waiting.pop()
        kind = call["type"]
        user_id, anonymous_id = _calls.ids_of(call)
        key = self._key(user_id, anonymous_id)
        route_name, content = _calls.content_of(call, kind, sys.maxsize)
        source = self._source(call, kind, user_id, anonymous_id, key)
        if route_name is not None and route_name not in self.plan.routes and source is None:
            if self.plan.makes_profiles and key not in self.states:
                self._meet(key, timestamp, -1)
            return
        before = timestamp - 1
        engine = self.engine
        engine.refuses = False  # it has been accepted
        self._apply(key, source, route_name, content, kind, timestamp, message_id or None, anonymous_id, before)
        engine.refuses = True

    # time

    def advance(self, until: int) -> None:
        """Every deadline up to the watermark fires, of all profiles (T5)."""
        self.move_watermark(until)
        self.fire(self.watermark)

    def fire(self, until: int) -> int:
        """Every deadline ``<= until`` fires; answers the instant of the last one, -1 if there was none."""
        states, last = self.states, -1
        while (key := self._agenda.pop(until, states)) is not None:
            states.make_room()
            profile = states[key]
            profile.scheduled = NEVER  # that place is gone
            self.engine.advance(profile, until)
            last = max(last, self.engine.now)
            if profile.due < NEVER:
                self.changed(profile)
        return last

    @property
    def next_due(self) -> int | None:
        """The earliest deadline of all profiles, or of an input that waits."""
        instants = (self._agenda.next_due(self.states), self.waiting.next)
        return min((each for each in instants if each is not None), default=None)


def _may_be_plain(plan: Plan) -> bool:
    """Whether there are calls that need no closer look under this plan."""
    return not plan.may_be_late and not plan.makes_profiles and plan.limits.max_payload_bytes >= _PLAIN_CALL

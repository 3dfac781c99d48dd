"""The naive interpreter: calls in, the trace out (T, P, O1, O2, O5, O7; format: Traces)."""

# CHOICES: where the contract says little, what is done here.
#
# T5, T8   With lateness the watermark moves when an input raises the greatest timestamp, also an unwanted or duplicate
#          one. Then what waits at or before it is applied, then every deadline at or before it fires. An input at the
#          very watermark is late: so I8 is promised to moves of less than L; with equal timestamps a move of exactly L
#          can be seen. `finish` applies what still waits, in order. A missing messageId sorts as empty text.
# T6, E6   An entry that is armed again at t is armed for the events at t already (as C10 says of conditions).
# P2       `alias` of an anonymous id that is linked to another user links nothing; of a user id that was aliased
#          before it goes on from the end of its chain. Duplicates are looked for in both profiles before a link: then
#          the whole input is ignored, the link too. An input that links is never unwanted (O7), and counts (clock,
#          mark, n), as an alias always does. Late is what is before either clock.
# P2       "One identifier value" of two instances includes having none; a completed V1 instance that has not exited
#          counts as one of the two. Branches already taken stay taken in an instance; a sticky split that is met
#          after a merge hashes the new profile id (S6: a pure function). `anonymous_id` after a merge is the one seen
#          at the later instant, on a tie the user's own. Merged ends are remembered for E8 like others.
# P3, C10  null is a value (`equals` null may be true, a mapped null is sent), only `exists` calls it absent.
# P5       Two values with one text (1 and "1"): the booleans, then numbers, then texts. Whole floats are ints.
#          An absent unique_list is absent, not an empty list.
# format   The longest name first, and a shorter one if the rest of the path is not found under the longer.
# C1       `{"context": ..}` is absent in audiences, computed traits and entries.
# E8, O2   Ends and messageIds are remembered while `instant + dedupe_window > now`. E8's end is the latest of the
#          key (journey, identifier value), V2 completion included.
# E9       Room is looked for last, when all else allows the entry.
# S7       A restart that is ignored changes no context. The goal, X1 and S7 see late events too.
# S9       On leaving, lists are left in the order of step keys.
# O2       A duplicate fires no deadline by itself (it could not be seen), and its mark is not renewed.
# O7       A context condition names its event, a `{"context": ..}` value does not. identify, group and alias are
#          never unwanted. A paused journey names its events. A profile made by an unwanted event has its clock there,
#          and its V1 entries are looked at.
# format   Without an instant to go to: the greatest timestamp (of any valid call) plus the longest max_age of the
#          published journeys. `default` in a template stands for absent values, not for empty ones; JSON in a template
#          is compact, 1.0 as 1.
#
# Not here: O4 (the graphs are small), D, V2 to V6, clocks and skew of live inputs (T3), the `destinations` of audiences
# and computed traits, backfilled events (C4, so `historical` changes nothing), retention.

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

from .calls import event_of, problem, wanted_events, writes_of
from .clock import Duration, instant, parse_duration, plus
from .machine import Journeys
from .profiles import Profile

Json = dict[str, Any]
Kept = tuple[int, str, int, Json]  # timestamp, messageId, arrival, call (T8)


class World:
    """All profiles of one space, the links between ids, the watermark."""

    def __init__(self, space: Json) -> None:
        self.space = copy.deepcopy(space)
        self.machine = Journeys(self.space)
        self.wanted = wanted_events(self.space)
        settings = self.space.get("settings") or {}
        self.lateness = parse_duration(settings.get("allowed_lateness", "PT0S"))
        self.window = parse_duration(settings.get("dedupe_window", "P7D"))
        self.users: dict[str, Profile] = {}
        self.anonymous: dict[str, Profile] = {}
        self.user_of: dict[str, str] = {}  # anonymous id -> user id
        self.next_user: dict[str, str] = {}  # aliases among user ids
        self.watermark: int | None = None
        self.last = 0  # the greatest timestamp so far
        self.kept: list[Kept] = []
        self.arrivals = 0

    # --- inputs -------------------------------------------------------------------------------------

    def accept(self, call: Json) -> None:
        """One call as it arrives, in a replay (T3, T8)."""
        if problem(call) is not None:
            self.machine.count("rejected")
            return
        timestamp = instant(call["timestamp"])
        self.arrivals += 1
        self.last = max(self.last, timestamp)
        self.kept.append((timestamp, call.get("messageId") or "", self.arrivals, copy.deepcopy(call)))
        if self.lateness.exact or self.lateness.months:
            self.raise_watermark(plus(self.last, Duration(-self.lateness.months, -self.lateness.exact)))
        else:
            self.release(None)

    def advance(self, to: int) -> None:
        """No further input at or before `to`, less what is allowed (T5, T8)."""
        self.raise_watermark(plus(to, Duration(-self.lateness.months, -self.lateness.exact)))

    def raise_watermark(self, to: int) -> None:
        before = self.watermark
        if before is None or to > before:
            self.release(to)
            self.watermark = to
            self.fire(to)
        else:
            self.release(before)

    def finish(self, until: int | None) -> None:
        """All lines are applied; then the watermark is that very instant."""
        self.release(None)
        if until is None:
            ages = [parse_duration(one.get("max_age") or "P365D") for one in self.machine.journeys]
            until = max((plus(self.last, age) for age in ages), default=self.last)
        if self.watermark is None or until > self.watermark:
            self.watermark = until
            self.fire(until)

    def release(self, to: int | None) -> None:
        """Apply what waits, in the order of (timestamp, messageId, arrival), up to `to`."""
        ready = sorted(one for one in self.kept if to is None or one[0] <= to)
        self.kept = [one for one in self.kept if one not in ready]
        for timestamp, _, _, call in ready:
            self.apply(call, timestamp)

    def fire(self, to: int) -> None:
        for profile in self.profiles():
            self.machine.advance(profile, to)

    def profiles(self) -> list[Profile]:
        return [*self.users.values(), *self.anonymous.values()]

    # --- one input as one unit (O2) -----------------------------------------------------------------

    def apply(self, call: Json, timestamp: int) -> None:
        event = event_of(call, timestamp)
        link = self.link_of(call)
        if event is not None and event.name not in self.wanted and link is None:
            self.unwanted(call, timestamp)
            return
        mark = call.get("messageId")
        profile = self.find(call)
        other = None if link is None else self.owner(*link)
        touched = [one for one in (profile, other) if one is not None]
        at = max([timestamp, *(one.clock for one in touched), *([] if self.watermark is None else [self.watermark])])
        late = any(timestamp < one.clock for one in touched) or (
            self.watermark is not None and timestamp <= self.watermark
        )
        if mark is not None and any(self.is_duplicate(one, mark, at) for one in touched):
            self.machine.count("duplicate")
            return
        for one in touched:
            self.machine.advance(one, at - 1)
        profile = self.join(call, link, profile, other, at)
        profile.clock = at
        if call.get("anonymousId") is not None:
            profile.seen = (at, call["anonymousId"])
        number = profile.accepted
        profile.accepted += 1
        if mark is not None:
            profile.marks[mark] = at
        if late:
            self.machine.count("late")
        for name, value in writes_of(call).items():
            profile.write(name, value, timestamp)
        if event is not None:
            profile.remember(event)
            self.machine.meet(profile, event, at)
        self.machine.settle(profile, at)
        if event is not None:
            self.machine.enter_v2(profile, event, at, mark if mark is not None else f"#{number}", late)
            self.machine.settle(profile, at)

    def unwanted(self, call: Json, timestamp: int) -> None:
        """O7: it changes nothing, but may make its profile, which V1 entries then see first."""
        self.machine.count("unwanted")
        v1 = any(one["entry"]["type"] == "condition_entry" for one in self.machine.journeys)
        if not v1 or self.find(call) is not None:
            return
        at = timestamp if self.watermark is None else max(timestamp, self.watermark)
        profile = self.make(call, at)
        if call.get("anonymousId") is not None:
            profile.seen = (at, call["anonymousId"])
        self.machine.settle(profile, at)

    def is_duplicate(self, profile: Profile, mark: str, at: int) -> bool:
        return mark in profile.marks and plus(profile.marks[mark], self.window) > at

    # --- who it is (P1, P2) -------------------------------------------------------------------------

    def last_user(self, user: str) -> str:
        """A chain of aliases ends at its last user."""
        while user in self.next_user:
            user = self.next_user[user]
        return user

    def owner(self, space: str, name: str) -> Profile | None:
        """The profile that an id reaches."""
        if space == "anonymous":
            if name not in self.user_of:
                return self.anonymous.get(name)
            name = self.user_of[name]
        return self.users.get(self.last_user(name))

    def find(self, call: Json) -> Profile | None:
        if call.get("userId") is not None:
            return self.owner("user", call["userId"])
        return self.owner("anonymous", call["anonymousId"])

    def make(self, call: Json, at: int) -> Profile:
        user, anonymous = call.get("userId"), call.get("anonymousId")
        if user is None and anonymous is not None:
            user = self.user_of.get(anonymous)
        if user is None:
            assert anonymous is not None
            profile = self.anonymous[anonymous] = Profile(None, anonymous, at)
        else:
            user = self.last_user(user)
            profile = self.users[user] = Profile(user, None, at)
        return profile

    def link_of(self, call: Json) -> tuple[str, str] | None:
        """The id that this call links to its user, if it is not linked already (P2)."""
        user = call.get("userId")
        if user is None:
            return None
        if call["type"] != "alias":
            anonymous = call.get("anonymousId")
            return None if anonymous is None or anonymous in self.user_of else ("anonymous", anonymous)
        previous = call["previousId"]
        if previous in self.users or previous in self.next_user:
            found = ("user", self.last_user(previous))
        elif previous in self.user_of:
            return None
        elif previous in self.anonymous:
            return ("anonymous", previous)
        else:
            found = ("user", previous)
        return None if found[1] == self.last_user(user) else found

    def join(
        self, call: Json, link: tuple[str, str] | None, profile: Profile | None, other: Profile | None, at: int
    ) -> Profile:
        """The profile of the input, made or merged if need be (P2)."""
        if link is not None:
            user = self.last_user(call["userId"])
            if link[0] == "anonymous":
                self.user_of[link[1]] = user
                self.anonymous.pop(link[1], None)
            else:
                self.next_user[link[1]] = user
                self.users.pop(link[1], None)
            if other is not None and profile is None:
                other.user_id, other.anonymous_id = user, None
                profile = self.users[user] = other
            elif other is not None and profile is not None:
                younger = profile.absorb(other)
                profile.clock = at
                for one in younger:
                    self.machine.end(profile, one, at, "merged")
                    self.machine.leave_lists(profile, one, at)
        return profile if profile is not None else self.make(call, at)


def simulate(
    space: Json,
    calls: Sequence[Json],
    until: str | None = None,
    advances: Iterable[tuple[int, str]] = (),
) -> list[Json]:
    """The trace of a replay, in the order of (at, profile, the order in which it happened).

    `advances` holds (index, instant): before calls[index] time is advanced to that instant (T5).
    """
    world = World(space)
    between = sorted(advances, key=lambda one: one[0])
    for index, call in enumerate(calls):
        for _, at in (one for one in between if one[0] == index):
            world.advance(instant(at))
        world.accept(call)
    for _, at in (one for one in between if one[0] >= len(calls)):
        world.advance(instant(at))
    world.finish(None if until is None else instant(until))
    ordered = sorted(world.machine.records, key=lambda one: one[:2])
    return [line for _, _, line in ordered]

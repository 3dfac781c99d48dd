"""Near misses: events that came while somebody waited, or might have let her in, and why they did not do it.

A store keeps no event that did nothing, so that nothing is paid for them: the calls are given by who asks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

import attrs

from journeys._time import Duration, format_instant
from journeys.engine._entering import MAX_IDENTIFIER, is_identifier
from journeys.engine._state import Instance, ProfileState, Wait
from journeys.errors import InvalidCall
from journeys.model.conditions import Filter
from journeys.model.entries import EventEntry
from journeys.model.space import Space
from journeys.model.steps import HoldUntil
from journeys.plan.compiler import Compiler, segments
from journeys.plan.plan import HoldPlan, MultiBranchPlan, WaitPlan
from journeys.plan.values import ABSENT, equal, find
from journeys.runtime import _calls
from journeys.runtime.render import describe_filter

#: how many are shown of one wait or entry: the latest
MOST = 5


@attrs.frozen(kw_only=True)
class NearMiss:
    """An event of the right name that did nothing: ``reasons`` says what of it was not as it should be.

    ``branch`` is that of the hold, None for the entry. Filters that compare with traits are judged as these are now.
    """

    at: str
    event: str
    branch: str | None
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        where = "" if self.branch is None else f" for {self.branch}"
        return f"near miss{where}: {self.event} at {self.at}: {'; '.join(self.reasons)}"


@attrs.frozen(kw_only=True)
class Seen:
    """An event of this person, as it came: ``applied`` is not before what came earlier (T4).

    ``ids`` are those that led to one profile when it came (P2).
    """

    at: int
    applied: int
    event: str
    properties: Mapping[str, Any]
    message_id: str | None
    ids: frozenset[str]


def events_of(profile: ProfileState, calls: Iterable[Mapping[str, Any]], until: int) -> list[Seen]:
    """The events among the calls that are the profile's, under whatever of its ids; no later than ``until``.

    The calls stand in the order in which they were applied; one that came before under its messageId is left out (O2).
    """
    calls = list(calls)
    together = _Together(profile, calls)
    clock: dict[str, int] = {}
    known: set[str] = set()
    found = []
    for call in calls:
        try:
            kind = _calls.call_type(call)
            keys = together.meet(call)
            message_id = _calls.message_id_of(call)
            at = _calls.replay_timestamp(call)
            event, properties = _calls.content_of(call, kind)
        except InvalidCall:
            continue
        if not keys or at > until or message_id in known:
            continue
        known |= set() if message_id is None else {message_id}
        applied = max(at, *(clock.get(key, 0) for key in keys))
        clock |= dict.fromkeys(keys, applied)
        if event is not None:
            ids = frozenset(key[2:] for key in keys)
            found.append(
                Seen(at=at, applied=applied, event=event, properties=properties, message_id=message_id, ids=ids)
            )
    return found


def as_applied(calls: Iterable[Mapping[str, Any]], lateness: Duration) -> list[Mapping[str, Any]]:
    """Calls that came in this order, in the order in which they are applied where they may be so late (T8)."""
    placed, latest = [], 0
    for number, call in enumerate(calls):
        try:
            at, message_id = _calls.replay_timestamp(call), _calls.message_id_of(call)
        except InvalidCall:
            continue
        placed.append((max(at, lateness.before(latest)), message_id or "", number, call))
        latest = max(latest, at)
    return [call for *_, call in sorted(placed, key=itemgetter(0, 1, 2))]


class _Together:
    """Which id keys of a person lead to one profile, as calls link them; those that none of them links always do."""

    def __init__(self, profile: ProfileState, calls: Iterable[Mapping[str, Any]]) -> None:
        self._keys = {profile.key, *profile.linked}
        linked: set[str] = set()
        for call in calls:
            if len(named := self._named(call)) > 1:
                linked |= named
        always = {profile.key, *(self._keys - linked)}
        self._groups = {key: always if key in always else {key} for key in self._keys}

    def meet(self, call: Mapping[str, Any]) -> set[str]:
        """The id keys that lead where this call goes; none if it is somebody else's."""
        named = self._named(call)
        group = set().union(*(self._groups[key] for key in named))
        self._groups |= dict.fromkeys(group, group)
        return group

    def _named(self, call: Mapping[str, Any]) -> set[str]:
        try:
            kind = _calls.call_type(call)
            if kind == "alias":
                user_id, previous = _calls.checked_id(call, "userId"), _calls.checked_id(call, "previousId")
                return {f"u:{user_id}", f"u:{previous}", f"a:{previous}"} & self._keys
            user_id, anonymous_id = _calls.ids_of(call)
        except InvalidCall:
            return set()
        own = f"a:{anonymous_id}" if user_id is None else f"u:{user_id}"
        return {own, f"a:{anonymous_id}"} & self._keys if own in self._keys else set()


class Misses:
    """Finds near misses among the events of a person."""

    def __init__(self, profile: ProfileState, space: Space, events: Sequence[Seen]) -> None:
        self._profile = profile
        self._compiler = Compiler(space)
        self._events = events

    def of_hold(self, wait: Wait, instance: Instance) -> tuple[NearMiss, ...]:
        """What came to a hold since it began, or began again, and was none of its branches (S7)."""
        step = wait.step.model
        if not isinstance(step, HoldUntil):
            return ()
        began = instance.entered_at
        if step.max_duration.is_exact:  # else the instant of its deadline does not tell when it began
            began = max(began, step.max_duration.before(wait.due))
        events, cause = self._of(instance), instance.cause
        entered = next((number for number, each in enumerate(events) if each.message_id == cause), None)
        if began == instance.entered_at and entered is not None:  # E7
            events, leading = events[entered + 1 :], frozenset[str]()
        else:
            leading = _leading_here(wait, instance)
        entry = instance.plan.model.entry
        own = entry.identifier if isinstance(entry, EventEntry) else None
        found = []
        for seen in events:
            if seen.applied < began or (seen.applied == began and seen.event in leading):
                continue
            judged = []
            for branch in step.branches:
                if branch.event != seen.event:
                    continue
                path = own and (branch.identifier or own)
                reasons = [*_identifier(path, seen.properties, instance.identifier)] if path else []
                reasons += self._filters(branch.where, seen, instance.context)
                if branch.restart and wait.count >= step.max_restarts:
                    reasons.append(f"it has begun again {wait.count} times already")
                judged.append((branch.name, reasons))
            if all(reasons for _, reasons in judged):  # else it did something, or came before the hold
                found += [self._miss(seen, name, reasons) for name, reasons in judged]
        return tuple(found[-MOST:])

    def _of(self, instance: Instance) -> list[Seen]:
        """The events that came to the profile of an instance: before a merge there were two."""
        return [each for each in self._events if instance.owner in each.ids]

    def of_entry(self, entry: EventEntry) -> tuple[NearMiss, ...]:
        """What did not let her in: the filters, or no identifier (E1, E3)."""
        found = []
        for seen in self._events:
            if seen.event != entry.event:
                continue
            reasons = [*self._filters(entry.where, seen, None)]
            if entry.identifier is not None:
                reasons += _no_identifier(entry.identifier, seen.properties)
            if reasons:
                found.append(self._miss(seen, None, reasons))
        return tuple(found[-MOST:])

    def _miss(self, seen: Seen, branch: str | None, reasons: Sequence[str]) -> NearMiss:
        return NearMiss(at=format_instant(seen.at), event=seen.event, branch=branch, reasons=tuple(reasons))

    def _filters(self, where: Sequence[Filter], seen: Seen, context: Any) -> Iterator[str]:
        for each in where:
            matches = self._compiler.matcher((each,))
            if matches is not None and not matches(seen.properties, self._profile, context, seen.at):
                value = find(seen.properties, segments(each.property))
                yield f"{describe_filter(each)}: no, {_found(value)}"


def _leading_here(wait: Wait, instance: Instance) -> frozenset[str]:
    """The events that may have brought the token to this wait: at the instant at which it began, they did (S7)."""
    found = {instance.plan.entry_event}
    for step in instance.plan.steps.values():
        if isinstance(step, HoldPlan) and step is not wait.step:
            found |= set(step.branches)
        elif isinstance(step, (WaitPlan, MultiBranchPlan)):
            conditions = [step.condition] if isinstance(step, WaitPlan) else [each for _, each, _ in step.branches]
            found = found.union(*(each.events for each in conditions))
    return frozenset(each for each in found if each is not None)


def _identifier(path: str, properties: Mapping[str, Any], wanted: Any) -> Iterator[str]:
    value = find(properties, segments(path))
    if value is ABSENT:
        yield f"it has no {path}, and this way through the journey is of {_short(wanted)}"
    elif not equal(wanted, value):
        yield f"{path} is {_short(value)}, and this way through the journey is of {_short(wanted)}"


def _no_identifier(path: str, properties: Mapping[str, Any]) -> Iterator[str]:
    value = find(properties, segments(path))
    if value is ABSENT or value is None:
        yield f"it has no {path}"
    elif not is_identifier(value):
        most = f"text of at most {MAX_IDENTIFIER} characters, a number, true or false"
        yield f"{path} is {_short(value)}, and an identifier is {most}"


def _found(value: Any) -> str:
    return "it is not there" if value is ABSENT else f"it is {_short(value)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."

"""Near misses: events that came while somebody waited, or might have let her in, and why they did not do it.

A store keeps no event that did nothing, so that nothing is paid for them: the calls are given by who asks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from journeys._time import format_instant
from journeys.engine._entering import MAX_IDENTIFIER, is_identifier
from journeys.engine._state import Instance, ProfileState, Wait
from journeys.errors import InvalidCall
from journeys.model.conditions import Filter
from journeys.model.entries import EventEntry
from journeys.model.space import Space
from journeys.model.steps import HoldUntil
from journeys.plan.compiler import Compiler, segments
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


@attrs.frozen
class Seen:
    """An event of this person, as it came."""

    at: int
    event: str
    properties: Mapping[str, Any]


def events_of(profile: ProfileState, calls: Iterable[Mapping[str, Any]], until: int) -> list[Seen]:
    """The events among the calls that are the profile's, under whatever of its ids; no later than ``until``."""
    ids = {profile.key, *profile.linked}
    found = []
    for call in calls:
        try:
            kind = _calls.call_type(call)
            user_id, anonymous_id = _calls.ids_of(call)
            event, properties = _calls.content_of(call, kind)
            at = _calls.replay_timestamp(call)
        except InvalidCall:
            continue
        if event is not None and at <= until and ids & {f"u:{user_id}", f"a:{anonymous_id}"}:
            found.append(Seen(at, event, properties))
    return found


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
        entry = instance.plan.model.entry
        own = entry.identifier if isinstance(entry, EventEntry) else None
        found = []
        for seen in self._events:
            if seen.at < began:
                continue
            judged = []
            for branch in step.branches:
                if branch.event != seen.event:
                    continue
                path = own and (branch.identifier or own)
                reasons = [*_identifier(path, seen.properties, instance.identifier)] if path else []
                reasons += self._filters(branch.where, seen, instance.context)
                if branch.restart and wait.count >= step.max_restarts and seen.at > began:
                    reasons.append(f"it has begun again {wait.count} times already")
                judged.append((branch.name, reasons))
            if all(reasons for _, reasons in judged):  # else it did something, or came before the hold
                found += [self._miss(seen, name, reasons) for name, reasons in judged]
        return tuple(found[-MOST:])

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
                yield f"not so: {describe_filter(each)}, {_found(value)}"


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

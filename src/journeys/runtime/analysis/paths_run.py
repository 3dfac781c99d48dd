"""One person in virtual time: what she does, and which way her instances of a journey take. The engine itself runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from journeys._time import DAY, MAX, format_instant
from journeys.engine._advance import Engine
from journeys.engine._effects import Effects, Record
from journeys.engine._state import Instance, ProfileState
from journeys.plan.plan import Plan

#: the last record of an instance that is in its journey no more, or has nothing left to do there
ENDS = ("completed", "exited", "expired", "archived", "merged", "failed")
IDENTIFY = "identify"


@attrs.frozen
class Deed:
    """What somebody does at an instant: an event with properties, or, as ``identify``, traits.

    ``number`` is which call of its scenario it was, where others have been left out since: its id stays that one's.
    """

    at: int
    event: str
    content: Mapping[str, Any] = attrs.field(factory=dict)
    is_identify: bool = False
    number: int | None = None

    def message_id(self, place: int) -> str:
        """Its id, as the call in that place of a scenario."""
        return f"call-{place if self.number is None else self.number}"

    def call(self, user: str, place: int) -> dict[str, Any]:
        """The Segment call, in that place of a scenario."""
        about: dict[str, Any]
        if self.is_identify:
            about = {"type": "identify", "userId": user, "traits": dict(self.content)}
        else:
            about = {"type": "track", "userId": user, "event": self.event, "properties": dict(self.content)}
        return about | {"timestamp": format_instant(self.at), "messageId": self.message_id(place)}


def can_be(plan: Plan, deeds: Sequence[Deed]) -> bool:
    """Whether deeds in order are no later than calls may be: what waits for long in the space still has to end (T1)."""
    return not deeds or deeds[-1].at <= MAX - plan.longest_wait - DAY


def is_now(at: int, traits: Mapping[str, Any]) -> Deed:
    """She is so from ``at`` on."""
    return Deed(at, IDENTIFY, traits, True)


def in_order(deeds: Iterable[Deed]) -> tuple[Deed, ...]:
    """The deeds by their instants, each a microsecond after the one before at least."""
    found: list[Deed] = []
    for each in sorted(deeds, key=lambda deed: deed.at):
        at = max(each.at, found[-1].at + 1) if found else each.at
        found.append(each if at == each.at else attrs.evolve(each, at=at))
    return tuple(found)


@attrs.frozen
class Move:
    """A token came to ``step``; ``branch`` is what it took there, ``again`` that the step began again by it."""

    step: str
    branch: str | None = None
    again: bool = False

    def __str__(self) -> str:
        return self.step if self.branch is None else f"{self.step}: {self.branch}{' (again)' if self.again else ''}"


@attrs.frozen
class Taken:
    """What an instance did: its moves as they happened, and how it ended ('' while it goes on)."""

    instance: Instance
    moves: tuple[Move, ...]
    end: str
    ended_at: int
    records: Sequence[Record] = attrs.field(repr=False)

    @property
    def sends(self) -> tuple[tuple[str, str], ...]:
        """What it sent, skipped and put on lists, and at which step; the exit send is at ``exit``."""
        told = [each for each in self.records if each.kind in ("sent", "skipped", "list_added")]
        return tuple((each.kind, _fields(each).get("step") or "exit") for each in told)

    @property
    def signature(self) -> tuple[Any, ...]:
        """What makes the way this one and no other; the order in which several tokens moved is left out."""
        return (tuple(sorted(map(str, self.moves))), tuple(sorted(self.sends)), self.end)


@attrs.frozen
class Run:
    """What came of some deeds."""

    state: ProfileState
    now: int
    records: Sequence[Record]

    def taken(self, journey: str) -> list[Taken]:
        """The ways of her instances of a journey, in the order in which they entered."""
        instances: dict[int, tuple[Instance, list[Record]]] = {}
        for record in self.records:
            if record.of is not None and record.journey == journey:
                instances.setdefault(id(record.of), (record.of, []))[1].append(record)
        return [_taken(instance, records) for instance, records in instances.values()]


def _taken(instance: Instance, records: Sequence[Record]) -> Taken:
    moves: list[Move] = []
    end, ended_at = "", -1
    for record in records:
        if record.kind in ENDS:
            by = _fields(record)["rule"] or "exit_after" if record.kind == "exited" else ""
            said = f"exited by {by}" if by else record.kind
            end, ended_at = f"{end}, {said}" if end else said, record.at  # a completed instance may exit later (S10)
        elif record.kind == "step":
            moves.append(Move(_fields(record)["step"]))
        elif record.kind in ("branch", "restarted"):
            fields = _fields(record)
            _branch(moves, Move(fields["step"], fields["branch"], record.kind == "restarted"))
    return Taken(instance, tuple(moves), end, ended_at, records)


def _fields(record: Record) -> Mapping[str, Any]:
    return record.fields() if callable(record.fields) else record.fields or {}


def _branch(moves: list[Move], move: Move) -> None:
    """The arrival and the branch that was taken there are one move."""
    arrival = Move(move.step)
    if arrival in moves:
        moves.remove(arrival)
    moves.append(move)


def play(plan: Plan, user: str, deeds: Sequence[Deed], until: int) -> Run:
    """What comes of the deeds up to ``until``, deadlines at that instant included (T5)."""
    effects = Effects()
    engine = Engine(plan, effects)
    state = ProfileState(f"u:{user}")
    now = -1
    for place, deed in enumerate(deeds, 1):
        if deed.at > until:
            break
        now, message = deed.at, deed.message_id(place)
        if deed.is_identify:
            engine.apply(state, None, deed.content, now, message, -1, traits=True)
            continue
        route = plan.routes.get(deed.event)
        if route is not None:
            engine.event(state, route, deed.content, now, message, -1)
        elif plan.makes_profiles and state.clock < 0:
            engine.meet(state, now, -1)  # O7
    engine.advance(state, until)
    return Run(state, until, effects.records)

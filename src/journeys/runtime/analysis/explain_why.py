"""Why something was sent: the chain of records that led to a delivery, read backwards from a trace."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import attrs

from journeys._time import parse_instant
from journeys.model.entries import EventEntry
from journeys.model.journey import Journey, Migrate
from journeys.model.steps import Delay, HoldUntil, Step
from journeys.runtime.render import describe_step
from journeys.runtime.render.links import WAITING, links_of
from journeys.runtime.render.order import handed_on

Record = Mapping[str, Any]
#: records that a step leaves while its token runs on, or that move no token
_ASIDE = ("sent", "skipped", "list_added", "list_removed", "goal", "restarted", "migrated")


@attrs.frozen
class Link:
    """One record of the chain, and what it says in words.

    ``event`` is the event that caused it, if the definition was given: of an entry, a branch or a restart of a hold, an
    exit. It is None where time, a condition or the step before did.
    """

    at: str
    kind: str
    text: str
    record: Record
    event: str | None = None


@attrs.frozen
class Why:
    """What led to a delivery, the entry first and the sending last."""

    delivery: str
    profile: str
    journey: str | None
    chain: tuple[Link, ...]

    @property
    def inputs(self) -> tuple[Link, ...]:
        """Those links of the chain that an event caused."""
        return tuple(each for each in self.chain if each.event is not None)

    @property
    def text(self) -> str:
        """The chain in words, a record a line."""
        where = f" from {self.journey}" if self.journey is not None else ""
        head = f"delivery {self.delivery} to {self.profile}{where}"
        return "\n".join([head, *(f"{each.at}  {each.text}" for each in self.chain)])


def why(records: Iterable[Record], delivery_id: str, journey: Journey | Iterable[Journey] | None = None) -> Why:
    """The chain of records that led to a send; KeyError if the trace has no such delivery.

    ``journey`` is its definition, or several versions of it: with it the chain is exact also where an instance has
    several tokens, and names the events; only if an event ends one wait at the very deadline of another that leads to
    the same step, a trace does not tell them apart. Without it, an arrival at another instant than the record before
    is led back to the wait that was reached last.
    """
    kept: dict[str, list[Record]] = {}
    found: Record | None = None
    for record in records:
        if record["kind"] == "sent" and record["delivery"] == delivery_id:
            found = record
            if "instance" not in record:
                break
        if found is None or record.get("instance") == found.get("instance"):
            kept.setdefault(record.get("instance", ""), []).append(record)
        if found is not None and record["at"] != found["at"]:
            break
    if found is None:
        raise KeyError(f"no delivery {delivery_id!r} in this trace")
    versions = _Versions(journey, found.get("journey"))
    chain = [found]
    if "instance" in found:
        history = _in_order(kept[found["instance"]], found["profile"])
        place = next(number for number, each in enumerate(history) if each is found)
        chain = _Chain(history, versions).to(place)
    return Why(
        delivery=delivery_id,
        profile=found["profile"],
        journey=found.get("journey"),
        chain=tuple(_link(each, versions) for each in chain),
    )


def _in_order(history: list[Record], last: str) -> list[Record]:
    """The records of one instance as they happened: a trace sorts those of one instant by profile.

    An instance changes its profile by a merge only, and never back (P2).
    """
    first = next((each["profile"] for each in history if each["kind"] == "entered"), last)
    rank = {last: 2} | {first: 0}

    def place(each: Record) -> tuple[int, int]:
        return parse_instant(each["at"]), rank.get(each["profile"], 1)

    return [each for _, some in groupby(sorted(history, key=place), place) for each in handed_on([*some])]


class _Versions:
    """The definitions of one journey that are known."""

    def __init__(self, given: Journey | Iterable[Journey] | None, key: str | None) -> None:
        journeys = () if given is None else (given,) if isinstance(given, Journey) else given
        self._known = {each.version: each for each in journeys if each.key == key}

    def of(self, record: Record) -> Journey | None:
        """The definition that a record followed; the latest that is known if that one is not."""
        return self._of(record.get("version", 0))

    def _of(self, version: int) -> Journey | None:
        return self._known.get(version, self._known.get(max(self._known, default=0)))

    def step(self, record: Record, key: str) -> Step | None:
        """A step of it."""
        journey = self.of(record)
        return None if journey is None else journey.steps.get(key)

    def renamed(self, record: Record, key: str) -> str:
        """What a step is called after a migration (V2)."""
        journey = self._of(record["to"])
        change = None if journey is None else journey.on_previous
        return change.migrate.get(key, key) if isinstance(change, Migrate) else key


class _Chain:
    """The records of one instance, and which of them led to which."""

    def __init__(self, history: Sequence[Record], versions: _Versions) -> None:
        self.history = history
        self.versions = versions

    def to(self, place: int) -> list[Record]:
        """The chain that ends with the record at this place."""
        found: list[Record] = []
        at: int | None = place
        while at is not None:
            found.append(self.history[at])
            before = self._before(at)
            found += [] if before is None else reversed([*self._meanwhile(before, at)])
            at = before
        return found[::-1]

    def _meanwhile(self, before: int, place: int) -> Iterator[Record]:
        """What happened to the token while it waited: restarts of its hold, and migrations."""
        waits = self.history[before]["kind"] == "step"
        for number in range(before + 1, place):
            each = self.history[number]
            if each["kind"] == "migrated" or (
                waits and each["kind"] == "restarted" and self._name(before, number) == each["step"]
            ):
                yield each

    def _before(self, place: int) -> int | None:
        record = self.history[place]
        match record["kind"]:
            case "entered":
                return None
            case "exited":
                return self._last(place, lambda number: self.history[number]["kind"] == "entered")
            case "sent" if record["step"] is None:
                return self._last(place, lambda number: self.history[number]["kind"] == "exited")
            case "step":
                return self._source(place)
        arrivals = [*self._arrivals(place)]
        renamed = arrivals[-1][0] if arrivals else None  # by a migration that is not known
        return next((number for number, name in arrivals if name == record["step"]), renamed)

    def _source(self, place: int) -> int | None:
        """What led a token to a step: the record right before it, else a wait that leads here."""
        record = self.history[place]
        before = self._last(place, lambda number: self.history[number]["kind"] not in _ASIDE)
        if before is None:
            return None
        last = self.history[before]
        if last["at"] == record["at"] and self._passes(last, record["step"]):
            return before
        waits = [number for number, name in self._arrivals(place) if self._may_leave(number, name, record)]
        timed = [number for number in waits if self._is_timed(number)]
        return (timed or waits or [before])[-1]

    def _passes(self, last: Record, target: str) -> bool:
        """Whether a token goes on to the target at once."""
        if last["kind"] == "entered":
            return True
        if last["kind"] not in ("step", "branch"):
            return False
        step = self.versions.step(last, last["step"])
        if step is None:
            return True
        if last["kind"] == "step" and isinstance(step, WAITING):
            return False  # one of the waits that lead here
        return any(link.branch == last.get("branch") and link.target == target for link in links_of(step))

    def _may_leave(self, number: int, name: str, record: Record) -> bool:
        """Whether a token that waits since this arrival may come to the step of the record."""
        step = self.versions.step(record, name)
        if step is None:
            return self.versions.of(record) is None
        if not isinstance(step, WAITING):
            return False
        if not any(link.branch is None and link.target == record["step"] for link in links_of(step)):
            return False
        if not isinstance(step, Delay) or step.duration is None or self._has_moved(number, record):
            return True
        over, now = step.duration.after(parse_instant(self.history[number]["at"])), parse_instant(record["at"])
        return over == now if step.until is None else over <= now

    def _is_timed(self, number: int) -> bool:
        step = self.versions.step(self.history[number], self.history[number]["step"])
        return isinstance(step, Delay) and step.until is None

    def _has_moved(self, number: int, record: Record) -> bool:
        return bool(self.history[number]["version"] != record["version"])

    def _arrivals(self, place: int) -> Iterator[tuple[int, str]]:
        """The first arrival at each step before a place, and what the step is called there."""
        seen: set[str] = set()
        for number in range(place):
            if self.history[number]["kind"] == "step" and (name := self._name(number, place)) not in seen:
                seen.add(name)
                yield number, name

    def _name(self, number: int, place: int) -> str:
        name: str = self.history[number]["step"]
        for each in self.history[number + 1 : place]:
            if each["kind"] == "migrated":
                name = self.versions.renamed(each, name)
        return name

    def _last(self, place: int, test: Callable[[int], bool]) -> int | None:
        return next((number for number in range(place - 1, -1, -1) if test(number)), None)


def _link(record: Record, versions: _Versions) -> Link:
    event = _event(record, versions)
    text = _told(record, versions) + ("" if event is None else f", on {event}")
    return Link(record["at"], record["kind"], text, record, event)


def _event(record: Record, versions: _Versions) -> str | None:
    """The event that caused a record."""
    journey = versions.of(record)
    if journey is None:
        return None
    match record["kind"]:
        case "entered":
            return journey.entry.event if isinstance(journey.entry, EventEntry) else None
        case "branch" | "restarted":
            step = journey.steps.get(record["step"])
            if isinstance(step, HoldUntil):
                return next((each.event for each in step.branches if each.name == record["branch"]), None)
        case "exited":
            return next((each.event for each in journey.exit_rules if each.key == record["rule"]), None)
    return None


def _told(record: Record, versions: _Versions) -> str:
    match record["kind"]:
        case "entered":
            return "entered" + (f" with {_json(record['identifier'])}" if "identifier" in record else "")
        case "step":
            step = versions.step(record, record["step"])
            return f"came to {record['step']}" + (f" ({describe_step(step)})" if step is not None else "")
        case "branch":
            return f"{record['step']} took the branch {record['branch']}"
        case "restarted":
            return f"{record['step']} began again by {record['branch']}"
        case "sent":
            of = record.get("audience") or record.get("computed_trait")
            return f"sent to {record['destination']}" + (f", because {of} changed" if of else "")
        case "exited":
            return f"exited by the rule {record['rule']}" if record["rule"] else "exited: its time was over"
        case "migrated":
            return f"moved from version {record['from']} to {record['to']}"
    return str(record["kind"])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)

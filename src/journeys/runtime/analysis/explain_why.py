"""Why something was sent: the chain of records that led to a delivery, read backwards from a trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from journeys.model.journey import Journey
from journeys.runtime.render import describe_step
from journeys.runtime.render.links import WAITING, links_of

Record = Mapping[str, Any]
#: records that a step leaves while its token runs on
_ASIDE = ("sent", "skipped", "list_added", "list_removed", "goal", "restarted")


@attrs.frozen
class Link:
    """One record of the chain, and what it says in words."""

    at: str
    kind: str
    text: str
    record: Record


@attrs.frozen
class Why:
    """What led to a delivery, the entry first and the sending last."""

    delivery: str
    profile: str
    journey: str | None
    chain: tuple[Link, ...]

    @property
    def text(self) -> str:
        """The chain in words, a record a line."""
        where = f" from {self.journey}" if self.journey is not None else ""
        head = f"delivery {self.delivery} to {self.profile}{where}"
        return "\n".join([head, *(f"{each.at}  {each.text}" for each in self.chain)])


def why(records: Iterable[Record], delivery_id: str, journey: Journey | None = None) -> Why:
    """The chain of records that led to a send; KeyError if the trace has no such delivery.

    With the definition of the journey the chain is exact also where an instance has several tokens; without it, an
    arrival at another instant than the record before is led back to the wait that was reached last.
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
    chain = [found]
    if "instance" in found:
        history = kept[found["instance"]]
        place = next(number for number, each in enumerate(history) if each is found)
        chain = _Chain(history, journey).to(place)
    return Why(
        delivery=delivery_id,
        profile=found["profile"],
        journey=found.get("journey"),
        chain=tuple(Link(each["at"], each["kind"], _told(each, journey), each) for each in chain),
    )


class _Chain:
    """The records of one instance, and which of them led to which."""

    def __init__(self, history: Sequence[Record], journey: Journey | None) -> None:
        self.history = history
        self.steps = {} if journey is None else journey.steps

    def to(self, place: int) -> list[Record]:
        """The chain that ends with the record at this place."""
        found: list[Record] = []
        at: int | None = place
        while at is not None:
            record = self.history[at]
            before = self._before(at)
            found.append(record)
            if record["kind"] == "branch" and before is not None:
                again = [
                    each
                    for each in self.history[before:at]
                    if each["kind"] == "restarted" and each["step"] == record["step"]
                ]
                found += reversed(again)
            at = before
        return found[::-1]

    def _before(self, place: int) -> int | None:
        record = self.history[place]
        match record["kind"]:
            case "entered":
                return None
            case "exited":
                return self._last(place, lambda each: each["kind"] == "entered")
            case "sent" if record["step"] is None:
                return self._last(place, lambda each: each["kind"] == "exited")
            case "step":
                return self._source(place, record)
        step = record["step"]
        first = self._first(lambda each: each["kind"] == "step" and each["step"] == step)
        return first if first is not None and first < place else None

    def _source(self, place: int, record: Record) -> int | None:
        """What led a token to a step: the record right before it, else a wait that leads here."""
        before = self._last(place, lambda each: each["kind"] not in _ASIDE)
        if before is None:
            return None
        last = self.history[before]
        if last["at"] == record["at"] and self._passes(last, record["step"]):
            return before
        waits = self._last(place, lambda each: self._is_wait(each, record["step"]))
        return waits if waits is not None else before

    def _passes(self, last: Record, target: str) -> bool:
        if last["kind"] in ("entered", "migrated"):
            return True
        if last["kind"] not in ("step", "branch"):
            return False
        step = self.steps.get(last["step"])
        if step is None:
            return True
        branch = last.get("branch")
        return any(link.branch == branch and link.target == target for link in links_of(step))

    def _is_wait(self, each: Record, target: str) -> bool:
        if each["kind"] != "step":
            return False
        step = self.steps.get(each["step"])
        if step is None:
            return not self.steps
        return isinstance(step, WAITING) and any(
            link.branch is None and link.target == target for link in links_of(step)
        )

    def _last(self, place: int, test: Any) -> int | None:
        return next((number for number in range(place - 1, -1, -1) if test(self.history[number])), None)

    def _first(self, test: Any) -> int | None:
        return next((number for number, each in enumerate(self.history) if test(each)), None)


def _told(record: Record, journey: Journey | None) -> str:
    match record["kind"]:
        case "entered":
            return "entered" + (f" with {record['identifier']!r}" if "identifier" in record else "")
        case "step":
            step = journey.steps.get(record["step"]) if journey is not None else None
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

"""One person's week, as a story: what they did, and what each journey made of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import shop

from journeys import Delay, HoldUntil, MultiBranchSplit, Space, WaitForCondition

Record = dict[str, Any]
WAITING = (Delay, HoldUntil, MultiBranchSplit, WaitForCondition)


@dataclass
class Line:
    """A line of the story; ``kind`` is ``day``, ``call`` or ``journey``, and a day has no time of its own."""

    kind: str
    text: str
    time: str = ""


@dataclass
class Moment:
    """A call and what was answered, or what one journey did at one instant."""

    at: datetime
    call: shop.Call | None = None
    answer: str = ""
    records: list[Record] | None = None


class Story:
    """The person whose week has the most to tell, and the telling of it."""

    def __init__(
        self, shop_: shop.Shop, fed: Sequence[tuple[datetime, str, shop.Call]], trace: Sequence[Record], space: Space
    ) -> None:
        self.space = space
        self.person = _liveliest(shop_, fed, trace)
        self.ids = {self.person.user_id, self.person.device, *self.person.others}
        self.moments = sorted([*self._calls(fed), *self._records(trace)], key=lambda each: each.at)
        self.steps = {(each.key, key): step for each in space.journeys for key, step in each.steps.items()}
        self.names = {each.key: each.name for each in space.journeys}

    def _calls(self, fed: Sequence[tuple[datetime, str, shop.Call]]) -> Iterator[Moment]:
        """The calls, at the instants at which they were applied: a late one where the clock stood (T4, T5)."""
        clock = fed[0][0]
        for watermark, answer, call in fed:
            if {call.get("userId"), call.get("anonymousId")} & self.ids - {None} and answer != "rejected":
                clock = max(clock, watermark, _instant(call["timestamp"]))
                yield Moment(clock, call=call, answer=answer)

    def _records(self, trace: Sequence[Record]) -> Iterator[Moment]:
        """The records of one instance at one instant go together."""
        last: tuple[str, str] | None = None
        found: list[Moment] = []
        for record in trace:
            if record["profile"] not in self.ids or "instance" not in record:
                continue
            if last == (record["at"], record["instance"]) and found[-1].records is not None:
                found[-1].records.append(record)
            else:
                found.append(Moment(_instant(record["at"]), records=[record]))
            last = (record["at"], record["instance"])
        return iter(found)

    def lines(self) -> Iterator[Line]:
        """The story, line by line."""
        day = None
        for moment in self.moments:
            if moment.at < shop.MONDAY:
                continue
            if moment.at.date() != day:
                day = moment.at.date()
                yield Line("day", f"{moment.at:%A}, {moment.at.day} {moment.at:%B}")
            if moment.call is not None:
                yield Line("call", _call_text(moment, moment.call), f"{moment.at:%H:%M}")
            elif moment.records is not None:
                name = self.names[moment.records[0]["journey"]]
                told = " → ".join(each for record in moment.records if (each := self._told(record)))
                yield Line("journey", f"{name}: {told}", f"{moment.at:%H:%M}")

    def _told(self, record: Record) -> str:
        step = self.steps.get((record["journey"], record.get("step") or ""))
        title = (step.name if step is not None else None) or record.get("step") or ""
        match record["kind"]:
            case "entered":
                return "enters" + (f" ({record['identifier']})" if "identifier" in record else "")
            case "step":
                return f"waits – {title}" if isinstance(step, WAITING) else ""
            case "branch":
                return {"timeout": "time is up", "everyone_else": "everyone else"}.get(
                    record["branch"], f"“{record['branch']}”"
                )
            case "restarted":
                return "the time starts again"
            case "sent":
                return f"sends to {record['destination']} – {title or 'on leaving'}"
            case "list_added":
                return f"is put on the list {record['destination']}"
            case "list_removed":
                return f"is taken off the list {record['destination']}"
            case "skipped":
                return f"skips “{title}”: not subscribed"
            case "exited":
                return f"leaves ({record['rule'] or 'time is over'})"
            case "goal":
                return "reaches the goal"
            case kind:
                return str(kind)


def _call_text(moment: Moment, call: shop.Call) -> str:
    note = ""
    if moment.answer == "late":
        note = f" · late: it happened at {_instant(call['timestamp']):%H:%M}"
    elif moment.answer == "duplicate":
        note = " · once more: a duplicate"
    who = "" if call.get("userId") else f" · as {call['anonymousId']}"
    return did(call) + who + note


def did(call: shop.Call) -> str:
    """What somebody did, in words."""
    properties = call.get("properties") or {}
    match call["type"], call.get("event"):
        case "page", _:
            return f"sees the page “{call['name']}”"
        case "identify", _ if call.get("userId"):
            return "logs in" if "subscriptions" in call["traits"] else f"says: {_listed(call['traits'])}"
        case _, "Product Viewed":
            return f"looks at {properties['name']} for {properties['price']} euros"
        case _, "Cart Modified":
            return f"fills {properties.get('cart_id', 'a cart')}: {properties['value']} euros"
        case _, event:
            return f"{event}" + (f" ({_listed(properties)})" if properties else "")


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in values.items())


def _liveliest(
    shop_: shop.Shop, fed: Sequence[tuple[datetime, str, shop.Call]], trace: Sequence[Record]
) -> shop.Person:
    """Somebody to whom as many different things happened in the week as possible, in not too long a story."""
    week = shop.MONDAY.isoformat()[:19]
    seen: dict[str, set[tuple[str, str]]] = defaultdict(set)
    lengths: Counter[str] = Counter()
    for record in trace:
        if record["at"] >= week and "journey" in record:
            seen[record["profile"]] |= {("journey", record["journey"]), ("kind", record["kind"])}
            lengths[record["profile"]] += 1
    for _, answer, call in fed:
        if answer in ("late", "duplicate"):
            seen[call.get("userId") or call["anonymousId"]].add(("answer", answer))
        lengths[call.get("userId") or call.get("anonymousId") or ""] += 1

    def liveliness(person: shop.Person) -> tuple[float, str]:
        ids = [id for id in (person.user_id, person.device, *person.others) if id]
        length = sum(lengths[id] for id in ids)
        kinds = set().union(*(seen[id] for id in ids))
        return (len(kinds) + 6 * len(person.others) - max(0, length - 70) / 6, person.name)

    return max((person for person in shop_.people if person.user_id), key=liveliness)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)

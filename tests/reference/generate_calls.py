"""Random Segment calls, on a coarse grid of time, so that they often meet deadlines to the microsecond."""

from __future__ import annotations

import json
from typing import Any

from . import pools
from .calls import wanted_events
from .clock import DAY, SECOND, instant, parse_duration, plus, show
from .pools import Random, chance, pick, some

Json = dict[str, Any]
MINUTE = 60 * SECOND
STARTS = ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-29T18:00:00Z", "2026-03-06T00:00:00Z"]


class Calls:
    """The stream as it grows."""

    def __init__(self, rng: Random, space: Json, profiles: int) -> None:
        self.rng = rng
        self.linking = not is_event_triggered(space)
        self.users = [f"u{n}" for n in range(profiles)]
        self.strangers = [f"a{n}" for n in range(profiles + 2)]
        self.durations = [parse_duration(text) for text in sorted(durations_of(space))]
        self.window = parse_duration((space.get("settings") or {}).get("dedupe_window", "P7D"))
        self.now = instant(pick(rng, STARTS))
        self.begin = self.now
        self.calls: list[Json] = []
        self.numbers = 0
        self.names = sorted(wanted_events(space) & set(pools.EVENTS)) * 4 + [*pools.EVENTS, "Nobody Wants"]
        self.gaps = pick(rng, [[0, 10, 10, 20], [0, 0, 10, 10, 20, 30, 60, 120, 360, 600], [0, 10, 60, 1440, 2880]])
        if sum(one.months > 0 for one in self.durations) >= 2:
            self.gaps = pick(rng, [[0, 10, 60, 1440, 1440, 2880], [0, 10, 720]])
            self.now = self.begin = instant(
                pick(rng, ["2026-01-28T18:00:00Z", "2026-03-29T12:00:00Z", "2027-12-30T00:00:00Z"])
            )
        self.late = 0.06 if chance(rng, 0.8) else 0.3

    # --- values -------------------------------------------------------------------------------------

    def date(self) -> Any:
        rng = self.rng
        if chance(rng, 0.25):
            return pick(rng, pools.DATES)
        if chance(rng, 0.2):
            return pick(rng, pools.NO_DATES)
        if chance(rng, 0.3):
            return show(self.now + 2 * 3600 * SECOND)
        minutes = rng.randrange(-3 * 144, 14 * 144) * 10
        at = self.now - self.now % (10 * MINUTE) + minutes * MINUTE
        return show(at)[:10] if chance(rng, 0.15) else show(at)

    def properties(self) -> Json:
        rng = self.rng
        made = {
            "value": pick(rng, [*pools.NUMBERS, "x", None]),
            "cart_id": pick(rng, pools.IDENTIFIERS),
            "plan": pick(rng, pools.PLANS),
            "item": {"sku": pick(rng, pools.SKUS)},
            "tags": some(rng, pools.TAGS, 0, 2),
            "due": self.date(),
        }
        kept = {key: value for key, value in made.items() if key in ("cart_id", "value") or chance(rng, 0.8)}
        if chance(rng, 0.15):
            kept.pop(pick(rng, ["cart_id", "value"]))
        if chance(rng, 0.2):
            kept["other_id"] = pick(rng, ["c1", "c2", 1])
        if chance(rng, 0.05):
            kept["item.sku"] = pick(rng, pools.SKUS)
        return kept

    def traits(self) -> Json:
        rng = self.rng
        wanted = ["subscribed", "subscribed", "unsubscribed"]
        made = {
            "email": "someone@example.com",
            "plan": pick(rng, [*pools.PLANS, None]),
            "age": pick(rng, [10, 35, 60, None]),
            "nick": pick(rng, ["Al", "", None]),
            "tags": some(rng, pools.TAGS, 0, 2),
            "renewal": pick(rng, [None, self.date(), self.date(), self.date()]),
            "timezone": pick(rng, pools.ZONES),
            "address": pick(rng, [{"city": pick(rng, pools.PLANS)}, None]),
            "subscriptions": {"email": pick(rng, wanted), "sms": pick(rng, wanted)},
        }
        return {key: made[key] for key in some(rng, sorted(made), 1, 4)}

    # --- time ---------------------------------------------------------------------------------------

    def next_instant(self) -> int:
        """Mostly a little later; now and then exactly where a deadline may be, or just beside it."""
        rng = self.rng
        if self.calls and self.durations and chance(rng, 0.25):
            before = instant(pick(rng, self.calls[-12:])["timestamp"])
            due = plus(before, pick(rng, self.durations)) + pick(rng, [0, 0, 0, 1, -1])
            if self.now <= due <= self.now + 40 * DAY:
                return due
        minutes = pick(rng, self.gaps)
        return self.now + minutes * MINUTE + pick(rng, [0, 0, 0, 0, 1, 1000, 250_000])

    def timestamp(self) -> str:
        rng = self.rng
        if self.calls and chance(rng, self.late):
            back = pick(rng, [10 * MINUTE, 2 * 3600 * SECOND, DAY, 3 * DAY])
            return show(max(self.begin, self.now - back))
        self.now = self.next_instant()
        return show(self.now)

    # --- calls --------------------------------------------------------------------------------------

    def who(self) -> Json:
        rng = self.rng
        if not self.linking or chance(rng, 0.6):
            return {"userId": pick(rng, self.users)}
        if chance(rng, 0.75):
            return {"anonymousId": pick(rng, self.strangers)}
        return {"userId": pick(rng, self.users), "anonymousId": pick(rng, self.strangers)}

    def body(self) -> Json:
        rng = self.rng
        kind = pick(
            rng,
            ["track"] * 14 + ["identify"] * 4 + (["page", "screen", "group", "alias", "alias"] if self.linking else []),
        )
        if kind == "track":
            return {"type": kind, "event": pick(rng, self.names), "properties": self.properties()}
        if kind == "identify":
            return {"type": kind, "traits": self.traits()}
        if kind == "group":
            return {"type": kind, "groupId": pick(rng, ["g1", "g2"]), "traits": {"size": pick(rng, [3, 20])}}
        if kind == "alias":
            unknown = pick(rng, ["n0", "n1"])
            previous = pick(rng, [pick(rng, self.users), pick(rng, self.strangers), pick(rng, self.strangers), unknown])
            return {"type": kind, "previousId": previous}
        named = {"name": pick(rng, ["Home", "red-1"])} if chance(rng, 0.8) else {}
        return {
            "type": kind,
            **named,
            "properties": {"value": pick(rng, [5, 120]), **({"page_name": "own"} if chance(rng, 0.3) else {})},
        }

    def one(self) -> None:
        rng = self.rng
        if self.calls and chance(rng, 0.07):
            again = pick(rng, self.calls[-pick(rng, [3, 10, 80]) :])
            # An entry event accepted a second time, after the window, would give its instance's id again (O6).
            known = plus(instant(again["timestamp"]), self.window) > self.now or again["type"] == "identify"
            if "messageId" in again and known:
                self.calls.append(json.loads(json.dumps(again)))
                return
        body = self.body()
        if self.calls and self.calls[-1]["type"] == "identify" and chance(rng, 0.3):
            body = {"type": "identify", "traits": self.traits()}
        if body["type"] == "alias":
            who: Json = {"userId": pick(rng, [*self.users, *(["n0"] if chance(rng, 0.3) else [])])}
        else:
            who = self.who()
        stamp = self.timestamp()
        if self.calls and chance(rng, 0.1):  # at the very instant of the one before, of the same person or not
            stamp = self.calls[-1]["timestamp"]
            if chance(rng, 0.6):
                who = {key: value for key, value in self.calls[-1].items() if key in ("userId", "anonymousId")}
                who = who if body["type"] != "alias" or "userId" in who else {"userId": self.users[0]}
        mark = {} if chance(rng, 0.08) else {"messageId": f"m{self.numbers}"}
        self.numbers += 1
        self.calls.append({**mark, "timestamp": stamp, **who, **body})


def is_event_triggered(space: Json) -> bool:
    """Whether the space is of the plain kind, whose calls link nothing."""
    v1 = any(one["entry"]["type"] == "condition_entry" for one in space["journeys"])
    kinds = {step["type"] for one in space["journeys"] for step in one["steps"].values()}
    waits = {"wait_for_condition", "multi_branch_split", "show_ad", "send_message"}
    return not v1 and not space.get("audiences") and not space.get("computed_traits") and not kinds & waits


def durations_of(space: Any) -> set[str]:
    """Every duration that the space names anywhere."""
    if isinstance(space, dict):
        return {text for value in space.values() for text in durations_of(value)}
    if isinstance(space, list):
        return {text for value in space for text in durations_of(value)}
    if isinstance(space, str) and space.startswith("P"):
        try:
            parse_duration(space)
        except ValueError:
            return set()
        return {space}
    return set()


def random_calls(rng: Random, space: Json, *, count: int = 80, profiles: int = 3) -> list[Json]:
    """`count` calls for a few profiles, in the order of arrival."""
    calls = Calls(rng, space, profiles)
    while len(calls.calls) < count:
        calls.one()
    return calls.calls


def random_until(rng: Random, calls: list[Json]) -> str | None:
    """Mostly none: then the run goes on to where nothing more can happen."""
    if chance(rng, 0.75) or not calls:
        return None
    last = max(instant(call["timestamp"]) for call in calls)
    return show(last + pick(rng, [-DAY, 0, 3600 * SECOND, 3 * DAY, 40 * DAY]))


def random_advances(rng: Random, calls: list[Json], *, most: int = 8, truthful: bool = True) -> list[tuple[int, str]]:
    """Where time is advanced between calls (T5). Truthful: no later call is at or before such an instant."""
    found = []
    for _ in range(rng.randrange(0, most + 1)):
        index = rng.randrange(0, len(calls) + 1)
        later = [instant(call["timestamp"]) for call in calls[index:]]
        earlier = [instant(call["timestamp"]) for call in calls[:index]]
        at = max(earlier, default=0) + pick(rng, [0, 1, 10 * MINUTE, 3600 * SECOND, DAY])
        if truthful and later:
            at = min(at, min(later) - 1)
        if at > 0:
            found.append((index, show(at)))
    return sorted(found, key=lambda one: one[0])

"""Workload W: the calls of a shop over seven days, drawn from a seed.

Four calls in five are page views that no journey wants; the rest are carts that are changed one to four times and
then ordered or left. Texts are made anew for each call, as they are when calls come out of JSON.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Call = dict[str, Any]
#: (user, cart, instant in microseconds): what must come out the same of everything that is measured
Send = tuple[str, str, int]

START = datetime(2026, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: the same as microseconds since 1970
START_MICROS = int((START - EPOCH).total_seconds()) * 1_000_000
DAYS = 7
USERS, CALLS = 200_000, 2_000_000
UNWANTED = 0.8
ORDERED = 0.55
HOLD = timedelta(hours=2)
THRESHOLD = 50

_MINUTE = 60_000
#: the last cart starts so early that it is over within the week
_SPAN = DAYS * 24 * 60 * _MINUTE - 5 * 60 * _MINUTE


@dataclass(frozen=True)
class Workload:
    """The calls, in the order of their timestamps, and how they were drawn."""

    calls: list[Call]
    users: int
    seed: int

    def batches(self, size: int) -> Iterator[list[Call]]:
        """The calls in groups, as they come from a queue."""
        for start in range(0, len(self.calls), size):
            yield self.calls[start : start + size]


def make(scale: float = 1.0, seed: int = 1) -> Workload:
    """Workload W; ``scale`` makes users and calls fewer, and leaves the calls of one user as they are."""
    rng = random.Random(seed)
    users, total = max(1, round(USERS * scale)), round(CALLS * scale)
    wanted = round(total * (1 - UNWANTED))
    moments: list[tuple[int, int, str, Any]] = []  # (milliseconds, user, event, what its properties need)
    for cart in _carts(rng, users):
        moments += cart[: wanted - len(moments)]
        if len(moments) == wanted:
            break
    whole = DAYS * 24 * 60 * _MINUTE
    moments += [
        (rng.randrange(whole), rng.randrange(users), "Page Viewed", rng.randrange(5_000)) for _ in range(total - wanted)
    ]
    moments.sort(key=lambda moment: moment[0])  # stable: a cart's events at one instant stay in their order
    return Workload([_call(rng, *moment) for moment in moments], users, seed)


def _carts(rng: random.Random, users: int) -> Iterator[list[tuple[int, int, str, Any]]]:
    """Carts without end: each the moments of its one to four changes and of its order, if it is ordered."""
    number = 0
    while True:
        at, user = rng.randrange(_SPAN), rng.randrange(users)
        moments: list[tuple[int, int, str, Any]] = []
        for _ in range(rng.randint(1, 4)):
            moments.append((at, user, "Cart Modified", (number, rng.randrange(15_001) / 100)))
            at += rng.randrange(40 * _MINUTE)
        if rng.random() < ORDERED:
            # up to 125 minutes after the last change: a few orders come when the hold has already ended
            at = moments[-1][0] + rng.randrange(125 * _MINUTE)
            moments.append((at, user, "Order Completed", (number, None)))
        yield moments
        number += 1


def _call(rng: random.Random, at: int, user: int, event: str, content: Any) -> Call:
    if event == "Page Viewed":
        properties: dict[str, Any] = {"path": f"/p/{content}"}
    elif event == "Cart Modified":
        properties = {"cart_id": f"c{content[0]}", "value": content[1]}
    else:
        properties = {"cart_id": f"c{content[0]}"}
    bits = f"{rng.getrandbits(128):032x}"
    return {
        "type": "track",
        "event": event,
        "userId": f"u{user}",
        "messageId": f"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:20]}-{bits[20:]}",
        "timestamp": iso(at),
        "properties": properties,
    }


def iso(millis: int) -> str:
    """The instant that many milliseconds after the start, as Segment's libraries write it."""
    return (START + timedelta(milliseconds=millis)).isoformat(timespec="milliseconds")[:-6] + "Z"


def with_repeats(workload: Workload, share: float = 0.02) -> Workload:
    """The workload with some calls delivered a second time a little later, to check that all tell duplicates."""
    rng = random.Random(workload.seed)
    calls: list[Call] = []
    again: list[Call] = []
    for call in workload.calls:
        calls.append(call)
        if rng.random() < share:
            again.append(call)
        if len(again) >= 20:
            calls += again
            again.clear()
    return Workload(calls + again, workload.users, workload.seed)

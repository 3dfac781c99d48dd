"""What a crash campaign does, and what must come of it: the same as of a run that never crashed (I4, I5, I7, D1 to D4).

A *script* is a list of steps that may each be done again, by whoever comes after a crash: calls with a ``messageId``,
instants to advance to, a publication, a backfill. Whatever happens on the way, in the end the trace, the state, and the
ids and bytes of the deliveries are those of the uncrashed run.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import attrs

from journeys import Evaluator, ManualClock
from journeys.codec import load_space
from journeys.ports import Delivery
from journeys.runtime.delivery import Deliverer, DestinationPolicy, RetryPolicy
from tests.runtime.counted import assert_kept_is_counted, told
from tests.support import (
    ad,
    at,
    branch,
    delay,
    did,
    hold,
    identify,
    if_else,
    journey,
    on,
    send,
    space,
    track,
    trait,
)

Json = dict[str, Any]
DESTINATIONS = ("email", "crm", "ads", "social")
END = "P30D"

_CART = journey(
    {
        "hold": hold(
            "PT2H", branch("bought", "Order", "thank"), branch("again", "Start", restart=True), timeout="nudge"
        ),
        "nudge": send("later", to="email"),
        "later": delay("PT6H", "crm"),
        "crm": send("mail", to="crm"),
        "mail": send(to="email"),
        "thank": send(to="crm"),
    },
    key="cart",
    entry=on("Start", identifier="cart"),
    exit_rules=[{"key": "gone", "event": "Leave"}],
    exit_send={"activation": {"destination": "crm"}, "rules": ["gone"]},
)
_WON = journey(
    {
        "mail": send("list", to="email"),
        "list": ad("wait", remove_after="PT3H"),
        "wait": delay("PT1H", "split"),
        "split": if_else(trait("vip", "equals", True), "crm"),
        "crm": send(to="crm"),
    },
    key="won",
    entry=did("Order", count={"at_least": 2}, within="PT12H"),
    exit_after="PT20H",
    reentry_after="PT1H",
)
DOCUMENT = space(_CART, _WON, settings={"dedupe_window": "P60D"})
LATE = {**DOCUMENT, "settings": {"dedupe_window": "P60D", "allowed_lateness": "PT1H"}}


@attrs.frozen
class Step:
    """``feed`` some calls, ``advance`` to an instant, ``publish`` the next version of the cart, or ``deliver``."""

    kind: str
    calls: tuple[Json, ...] = ()
    to: str = ""


def script(seed: int, batches: int, size: int = 12, *, publishes: bool = True) -> list[Step]:
    """Calls in the order of their time, in batches, and what else happens between them."""
    chance = random.Random(seed)
    steps: list[Step] = []
    minutes, number = 0, 0
    for n in range(batches):
        calls = []
        for _ in range(chance.randrange(1, size)):
            minutes += chance.choice((0, 0, 1, 7))
            number += 1
            calls.append(_call(chance, number, f"PT{minutes}M"))
        steps.append(Step("feed", tuple(calls)))
        if publishes and n == batches // 2:
            steps.append(Step("publish"))
        if chance.random() < 0.2:
            minutes += chance.choice((3, 40, 200))
            steps.append(Step("advance", to=at(f"PT{minutes}M")))
            minutes += 1
        if chance.random() < 0.3:
            steps.append(Step("deliver"))
    return [*steps, Step("advance", to=at(END)), Step("deliver")]


def _call(chance: random.Random, number: int, when: str) -> Json:
    user = f"u{chance.randrange(9)}"
    kind = chance.randrange(12)
    if kind == 0:
        return identify(when, user, anon=f"a{chance.randrange(9)}", id=f"m{number}", vip=chance.random() < 0.5)
    if kind == 1:
        return track("Order", when, None, anon=f"a{chance.randrange(9)}", id=f"m{number}", cart=chance.randrange(3))
    event = ("Start", "Start", "Start", "Order", "Order", "Leave", "Nobody")[kind % 7]
    return track(event, when, user, id=f"m{number}", cart=chance.randrange(3))


class Sent:
    """A file in which every destination of every process notes what it was given."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def note(self, delivery: Delivery) -> None:
        body = blake2b(delivery.body, digest_size=8).hexdigest()
        line = json.dumps([delivery.id, delivery.destination, body, delivery.order_key])
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(file, line.encode() + b"\n")
        finally:
            os.close(file)

    def lines(self) -> list[tuple[str, ...]]:
        return [tuple(json.loads(line)) for line in self.path.read_text().splitlines()]


@attrs.define
class Noting:
    """A destination; now and then it takes a delivery and then says nothing of it, as one does that times out."""

    sent: Sent
    chance: random.Random

    def deliver(self, delivery: Delivery) -> None:
        self.sent.note(delivery)
        if self.chance.random() < 0.1:
            raise TimeoutError("no answer")


def evaluator(store: Any, document: Json, sent: Sent, worker: str) -> Evaluator:
    """A worker as a process would make it."""
    destinations = dict.fromkeys(DESTINATIONS, Noting(sent, random.Random(worker)))
    return Evaluator(document, store=store, destinations=destinations, clock=ManualClock(at("0")), worker=worker)


POLICY = DestinationPolicy(retry=RetryPolicy(delays=["PT0S"], max_attempts=1000, jitter="none"), breaker=None)


def work(made: Evaluator, steps: Sequence[Step], *, begin: int = 0, reached: Callable[[int], object] = id) -> None:
    """Does the steps from one on; ``reached`` is told which of them are done."""
    name = f"{made._core.worker}-deliverer"
    deliverer = Deliverer(made.store, made.destinations, clock=made.clock, policy=POLICY, worker=name)
    for number, step in enumerate(steps[begin:], begin):
        do(made, deliverer, step)
        reached(number + 1)


def do(made: Evaluator, deliverer: Deliverer, step: Step) -> None:
    """One step; to do it again changes nothing."""
    if step.kind == "feed":
        made.feed_many(step.calls)
    elif step.kind == "advance":
        made.advance(step.to)
    elif step.kind == "deliver":
        deliverer.drain()
    elif max(each.version for each in made.journeys if each.key == "cart") == 1:
        made.publish(_next_version())


def _next_version() -> Any:
    steps = {**_CART["steps"], "later": delay("PT5H", "crm")}
    document = space({**_CART, "steps": steps, "on_previous": "drain"})
    return load_space(document).journeys[0]


@attrs.frozen
class Outcome:
    """What there is in the end."""

    trace: list[Json]
    counters: dict[str, int]
    figures: dict[str, int]
    kept: str
    sent: frozenset[tuple[str, ...]]


def uncrashed(document: Json, steps: Sequence[Step], path: Path) -> Outcome:
    """What comes of it when nothing happens to anybody, in memory."""
    sent = Sent(path)
    made = evaluator(None, document, sent, "uncrashed")
    work(made, steps)
    return outcome(made, sent)


def outcome(made: Evaluator, sent: Sent) -> Outcome:
    """Lets the rest happen that leases of the dead hold up, and says what there is."""
    made.advance(at("P31D"))
    Deliverer(made.store, made.destinations, clock=_Far(), policy=POLICY, worker="last").drain()
    # what changes nothing leaves no mark, and is counted again when it comes again (O2, O7)
    counters = {name: count for name, count in made.counters.items() if name not in ("duplicates", "unwanted")}
    records, rows = list(made.trace()), made._drive(made._core.tallies())
    assert_kept_is_counted(made.journeys, rows, records, seed=len(records))
    kept = told(made.journey_figures(people=True), people=True)
    return Outcome(records, counters, made.figures(), kept, frozenset(sent.lines()))


class _Far(ManualClock):
    """After every lease and every retry."""

    def __init__(self) -> None:
        super().__init__(at("P300D"))


def check(found: Outcome, expected: Outcome, sent: Sent) -> None:
    """Zero lost, zero twice, zero stale; the same deliveries, each order kept."""
    assert found.trace == expected.trace
    assert found.counters == expected.counters
    assert found.figures == expected.figures
    assert found.kept == expected.kept
    assert found.sent == expected.sent
    entered = Counter(record["instance"] for record in found.trace if record["kind"] == "entered")
    assert set(entered.values()) == {1}
    first: dict[str, list[str]] = {}
    for id_, _, _, order in sent.lines():
        ids = first.setdefault(order, [])
        if id_ not in ids:
            ids.append(id_)
    whole: dict[str, list[str]] = {}
    for record in expected.trace:
        if "delivery" in record:
            whole.setdefault(record["instance"], []).append(record["delivery"])
    for ids in first.values():
        places = [[known.index(id_) for id_ in ids if id_ in known] for known in whole.values()]
        assert all(place == sorted(place) for place in places)

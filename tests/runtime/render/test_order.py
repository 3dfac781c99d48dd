"""A trace tells of one instant profile by profile; figures are of what happened, in the order in which it did (P2)."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import pytest

from journeys.codec import load_space
from journeys.runtime._drive import drive
from journeys.runtime.analysis.explain_why import why
from journeys.runtime.analysis.figures import Figures
from journeys.runtime.render import Counts
from journeys.runtime.render.order import Order
from journeys.runtime.simulation import Simulation
from journeys.runtime.stores import MemoryStore
from tests.runtime.counted import assert_kept_is_counted
from tests.support import (
    Json,
    alias,
    at,
    branch,
    branches,
    delay,
    did,
    hold,
    identify,
    journey,
    on,
    random_split,
    run,
    send,
    space,
    track,
)

CART = journey(
    {
        "first": hold("PT2H", branch("a", "A", "split"), branch("again", "R", restart=True), timeout="split"),
        "split": random_split(("X", 50, "second"), ("Y", 50, "mail")),
        "mail": send("second"),
        "second": hold("PT1H", branch("a", "A"), branch("b", "B", "rest")),
        "rest": delay("PT3H"),
    },
    entry=on("E", identifier="n"),
    goal={"event": "G"},
    exit_rules=[{"key": "gone", "event": "X"}],
)
ONCE_AT_A_TIME = {**CART, "key": "k", "entry": on("E")}
STAYS = journey(
    {
        "ways": branches(("one", did("A"), "hold"), ("two", did("B"), "last"), ("three", did("G"), None)),
        "hold": hold("PT1H", branch("b", "B", "last")),
        "last": send(),
    },
    key="v1", entry=did("E"), exit_after="PT9H", reentry_after="P300D", exit_rules=[{"key": "gone", "event": "X"}],
)  # fmt: skip
SPACE = load_space(space(CART, ONCE_AT_A_TIME, STAYS))


def counted(definition: Json, calls: list[Json]) -> Any:
    trace = run(definition, calls, at("PT1H")).trace
    figures = Figures.of(load_space(definition), trace, people=True)
    (model,) = load_space(definition).journeys
    waiting = Counts.of(model, trace).waiting
    assert [waiting[each.step] for each in figures.journey("j").steps] == [
        each.waiting for each in figures.journey("j").steps
    ]
    return figures.journey("j"), figures.journey("j", people=True)


@pytest.mark.parametrize("ids", [*itertools.permutations(("a", "b", "c"))])
def test_who_enters_and_is_merged_at_one_instant_waits_once(ids: tuple[str, str, str]) -> None:
    """A chain of links at the instant of the entries: the names of the ids make no difference."""
    first, then, last = ids
    entered = [track("E", "0", user) for user in ids]
    once = journey(CART["steps"])
    once["entry"] = on("E")
    ways, people = counted(space(once), [*entered, alias(first, then), alias(then, last)])
    assert (ways.entered, ways.merged, ways.in_progress) == (3, 2, 1)
    assert (ways.steps[0].waiting, ways.steps[0].left) == (1, 2)
    assert (people.entered, people.steps[0].arrived, people.in_progress) == (3, 3, 1)


@pytest.mark.parametrize(("before", "after"), [("z", "a"), ("a", "z")])
@pytest.mark.parametrize("link", ["alias", "both"])
def test_who_goes_on_after_a_link_has_come_from_where_she_was(before: str, after: str, link: str) -> None:
    """Entered before that instant or at it; the branch is taken under the one id, the next under the other."""
    anonymous = link == "both"
    who = {"anon": before} if anonymous else {}
    user = None if anonymous else before
    linked = identify("PT1H", after, anon=before) if anonymous else alias(before, after, "PT1H")
    for entered in ("0", "PT1H"):
        calls = [
            track("E", entered, user, n="1", **who),
            track("E", entered, after, n="2"),
            track("A", "PT1H", user, n="1", **who),
            linked,
            track("B", "PT1H", after, n="1"),
        ]
        ways, _ = counted(space(CART), calls)
        steps = {step.step: (step.arrived, step.waiting, step.left) for step in ways.steps}
        assert steps["first"] == (2, 1, 1) and steps["second"] == (1, 0, 1) and steps["rest"] == (1, 1, 0)
        assert "elsewhere" not in {name for step in ways.steps for name in step.previous}


def test_a_goal_after_the_link_counts_for_the_branch_before_it() -> None:
    calls = [track("E", "0", "z", n="1"), track("A", "PT1H", "z", n="1"), alias("z", "a", "PT1H")]
    ways, _ = counted(space(CART), [*calls, track("G", "PT1H", "a")])
    assert [each.conversions for each in ways.splits[0].branches if each.entered] == [1]
    ways, _ = counted(space(CART), [calls[0], track("G", "PT1H", "z"), calls[2], track("A", "PT1H", "a", n="1")])
    assert [each.conversions for each in ways.splits[0].branches if each.entered] == [0]


LADDER = journey(
    {
        "one": hold("PT9H", branch("a", "A", "two")),
        "two": hold("PT9H", branch("b", "B", "three")),
        "three": hold("PT9H", branch("c", "C", "four")),
        "four": hold("PT9H", branch("d", "D", "mail")),
        "mail": send("rest"),
        "rest": delay("PT9H"),
    },
    entry=on("E"),
)


@pytest.mark.parametrize("ids", [*itertools.permutations("abcd")])
@pytest.mark.parametrize("entered", ["0", "PT1H"])
def test_who_goes_on_under_each_id_of_a_chain_of_links(ids: tuple[str, ...], entered: str) -> None:
    """All at one instant, in the pictures, the figures and the reasons."""
    first, second, third, last = ids
    calls = [track("E", entered, first)]
    for event, who, then in (("A", first, second), ("B", second, third), ("C", third, last)):
        calls += [track(event, "PT1H", who), alias(who, then, "PT1H")]
    calls += [track("D", "PT1H", last)]
    ways, _ = counted(space(LADDER), calls)
    steps = [(step.step, step.arrived, step.waiting, step.left) for step in ways.steps]
    assert steps == [*((key, 1, 0, 1) for key in ("one", "two", "three", "four", "mail")), ("rest", 1, 1, 0)]
    trace = run(space(LADDER), calls, at("PT1H")).trace
    (sent,) = (each for each in trace if each["kind"] == "sent")
    (model,) = load_space(space(LADDER)).journeys
    assert [link.event for link in why(trace, sent["delivery"], model).inputs] == ["E", "A", "B", "C", "D"]


@pytest.mark.parametrize("seed", range(40))
def test_counted_is_what_is_kept_where_ids_are_linked_at_one_instant(seed: int) -> None:
    rng = random.Random(seed)
    users, anonymous = rng.sample(["u0", "u1", "u2", "a", "z"], rng.choice((2, 3))), ["b", "y"]
    calls: list[Json] = []
    for hour in sorted(rng.choices(range(1, 6), k=2)):
        for _ in range(rng.choice((4, 9, 14))):
            when, user, other = f"PT{hour}H", rng.choice(users), rng.choice(anonymous)
            link = rng.choice((alias(rng.choice(users + anonymous), user, when), identify(when, user, anon=other)))
            who: Any = {"anon": other} if rng.random() < 0.3 else {}
            event = track(rng.choice("EEEAABBGRX"), when, None if who else user, n=rng.choice("12"), **who)
            calls.append(link if rng.random() < 0.2 else event)
    store = MemoryStore()
    simulation = Simulation(SPACE, store)
    group = rng.choice((1, 3, 50))
    for place in range(0, len(calls), group):
        simulation.feed(calls[place : place + group])
    if seed % 2:
        simulation.finish()
    records = [json.loads(line) for line in simulation.trace()]
    assert_kept_is_counted(SPACE, drive(simulation.core.tallies(), store), records, seed)


def test_only_who_is_under_way_is_remembered() -> None:
    """Also where records come late of those who have ended, and where the trace does not have their beginning."""
    calls = [track("E", "0", f"u{number}", n="1") for number in range(6)]
    calls += [alias("u3", "a", "PT1H"), track("X", "PT1H", "a"), track("X", "PT1H", "u4"), track("G", "PT2H", "u4")]
    trace = run(space(CART, STAYS), calls, at("PT2H")).trace
    for records, held in ((trace, 4), (trace[len(trace) // 2 :], 0)):
        order = Order(load_space(space(CART, STAYS)).journeys)
        given = [each for record in records for each in order.add(record)] + [*order.rest()]
        assert sorted(map(json.dumps, given)) == sorted(map(json.dumps, records))
        assert len(order._holders) >= held and not order._ended and not order._aside
        order.forget()
        assert not order._holders

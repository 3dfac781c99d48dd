"""Near misses of holds and entries: what came and did nothing, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from journeys import Evaluator, ManualClock
from journeys._time import parse_instant
from journeys.cli import main
from journeys.codec import load_space
from journeys.destinations import Record
from journeys.runtime.analysis.explain import explain
from journeys.runtime.simulation import Simulation
from journeys.testing import Scenario
from tests.reference.compare import case
from tests.support import Json, at, branch, delay, hold, journey, on, send, space, trace_of, track, where

CART = journey(
    {
        "hold": hold(
            "PT2H",
            branch("bought", "Order", where=where(("total", "greater_than_or_equal", 50))),
            branch(
                "gift", "Order", where=where(("gift", "equals", True), ("total", "greater_than", {"trait": "least"}))
            ),
            branch("more", "Cart", restart=True),
            timeout="nudge",
            max_restarts=1,
        ),
        "nudge": send(),
    },
    key="cart",
    entry=on("Cart", identifier="id", where=where(("value", "greater_than", 10))),
)


def cart(when: str, user: str = "u1", **properties: object) -> Json:
    return track("Cart", when, user) | {"properties": properties}


def order(when: str, user: str | None = "u1", **properties: object) -> Json:
    return track("Order", when, user) | {"properties": properties}


CALLS = [
    order("0", id="c", total=1),  # before the hold
    cart("PT1H", id="c", value=11),
    cart("PT1H+1", id="c", value=11),  # begins again
    order("PT90M", id="c", total=49.5),
    order("PT91M", id="d", total=60, gift=False),
    order("PT92M", user="u2", id="d", total=60),  # of somebody else
    order("PT93M", total=60),
    cart("PT94M", id="c", value=1),
    track("Other", "PT95M", "u1"),
    order("PT9H", id="c", total=1),  # not yet
]


def evaluator_of(calls: list[Json]) -> Evaluator:
    evaluator = Evaluator(load_space(space(CART)), destinations={"email": Record()}, clock=ManualClock(at()))
    evaluator.feed_many(calls)
    evaluator.advance(at("PT100M"))
    return evaluator


def test_near_misses_of_a_hold() -> None:
    evaluator = evaluator_of(CALLS[:-1])
    said = evaluator.explain("u1", journey="cart", calls=CALLS)
    misses = said.instances[0].waits[0].misses
    assert [str(each) for each in misses] == [
        'near miss for bought: Order at 2026-01-01T01:31:00Z: id is "d", and this way through the journey is of "c"',
        'near miss for gift: Order at 2026-01-01T01:31:00Z: id is "d", and this way through the journey is of "c"; '
        "gift is true: no, it is false; total is greater than the trait least: no, it is 60",
        'near miss for bought: Order at 2026-01-01T01:33:00Z: it has no id, and this way through the journey is of "c"',
        'near miss for gift: Order at 2026-01-01T01:33:00Z: it has no id, and this way through the journey is of "c"; '
        "gift is true: no, it is not there; total is greater than the trait least: no, it is 60",
        "near miss for more: Cart at 2026-01-01T01:34:00Z: it has begun again 1 times already",
    ]
    assert all(str(each) in said.text for each in misses)
    json.dumps(said.as_dict())
    first = evaluator.explain("u1", journey="cart", calls=CALLS[:4]).instances[0].waits[0].misses[0]
    assert (first.branch, first.reasons) == ("bought", ("total is at least 50: no, it is 49.5",))
    assert evaluator.explain("u1", journey="cart").instances[0].waits[0].misses == ()


def test_near_misses_of_an_entry() -> None:
    calls = [cart("0", id="c", value=9), cart("PT1H", value=20), cart("PT2H", user="u9", value=0)]
    calls += [cart("PT70M", id=["c"], value=20), cart("PT80M", id="c" * 151, value=20)]
    evaluator = evaluator_of(calls)
    said = evaluator.explain("u1", journey="cart", calls=[*calls, {"type": "track"}, {}]).entry
    assert [each.reasons for each in said.misses] == [
        ("value is greater than 10: no, it is 9",),
        ("it has no id",),
        ('id is ["c"], and an identifier is text of at most 150 characters, a number, true or false',),
        (f'id is "{"c" * 56}..., and an identifier is text of at most 150 characters, a number, true or false',),
    ]
    assert evaluator.counters["missing_identifier"] == 3  # E3
    assert "  near miss: Cart at 2026-01-01T01:00:00Z: it has no id" in [*said.lines()]


def test_a_failing_test_shows_them() -> None:
    scenario = Scenario(load_space(space(CART)), start=at())
    ada = scenario.user("ada")
    ada.does("Cart", id="c", value=11)
    scenario.clock.advance(hours=1)
    ada.does("Order", id="x", total=99)
    assert ada.took("hold", "bought").never
    assert 'near miss for bought: Order at 2026-01-01T01:00:00.000001Z: id is "x"' in scenario.timeline(ada)


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events, file, store = tmp_path / "events.ndjson", tmp_path / "space.json", f"sqlite:///{tmp_path / 'j.db'}"
    events.write_text("".join(json.dumps(each) + "\n" for each in CALLS[:5]) + "no call\n")
    file.write_text(json.dumps(space(CART)))
    assert main(["simulate", str(file), str(events), "--store", store, "--until", at("PT100M")]) == 3
    capsys.readouterr()
    arguments = ["explain", str(file), "--store", store, "u1", "cart", "--calls", str(events), "--at", at("PT101M")]
    assert main(arguments) == 0
    assert "near miss for bought: Order at 2026-01-01T01:30:00Z: total" in capsys.readouterr().out


@pytest.mark.parametrize("seed", range(0, 60, 2))
def test_what_is_a_near_miss_does_nothing_and_what_is_none_does_something(seed: int) -> None:
    one = case(seed, "event-triggered", count=60)
    document = {**one.space, "settings": {}}
    simulation = Simulation(load_space(document))
    plan = simulation.core.plan
    arrived: dict[tuple[str, str], str] = {}
    for number, call in enumerate(one.calls):
        state = simulation.core.processor.states.get(f"u:{call.get('userId')}")
        holds = []
        if state is not None and call["type"] == "track" and "anonymousId" not in call:
            now = parse_instant(call["timestamp"])
            for key in sorted({each.key for each in plan.space.journeys}) if now >= state.clock else ():
                for instance in explain(state, plan, plan.space, key, now, one.calls[: number + 1]).instances:
                    journey_ = plan.journeys[key, instance.version].model
                    for wait in instance.waits:
                        names = (
                            {each.event for each in getattr(journey_.steps[wait.step], "branches", ())}
                            if wait.kind == "hold_until"
                            else set()
                        )
                        if call["event"] in names:
                            missed = any(each.at == call["timestamp"] for each in wait.misses)
                            holds.append((instance.id, wait.step, missed))
        trace_of(simulation)
        (answer,) = simulation.feed([call])
        new = [each for each in trace_of(simulation) if each["at"] == call["timestamp"] and "instance" in each]
        for instance_id, step, missed in holds if answer.status == "accepted" else ():
            if arrived.get((instance_id, step)) == call["timestamp"]:
                continue  # a trace of this instant does not say whether the event brought her here
            of_it = [each for each in new if each["instance"] == instance_id]
            if any(each["kind"] == "exited" for each in of_it):
                continue
            moved = any(each["kind"] in ("branch", "restarted") and each["step"] == step for each in of_it)
            assert moved != missed, (step, call, of_it)
        arrived |= {(each["instance"], each["step"]): each["at"] for each in new if each["kind"] == "step"}


def missed(document: Json, calls: list[Json], user: str = "u1") -> list[str]:
    evaluator = Evaluator(load_space(space(document)), destinations={"email": Record()}, clock=ManualClock(at()))
    evaluator.feed_many(calls)
    (instance,) = evaluator.explain(user, journey=document["key"], calls=calls).instances
    return [f"{each.at} {each.branch}" for each in instance.waits[0].misses]


BIG = journey({"h": hold("P9D", branch("big", "Order", where=where(("total", "greater_than", 9))))}, entry=on("Order"))


@pytest.mark.parametrize("ids", [True, False])
def test_the_event_that_let_her_in_has_not_been_missed(ids: bool) -> None:
    """An instance never sees the event that created it again (E7), nor one that came twice (O2)."""
    calls = [order("0", total=1), order("PT1H", total=2), order("PT1H", total=2)]
    if ids:
        calls = [call | {"messageId": name} for call, name in zip(calls, "abb", strict=True)]
    assert missed(BIG, calls) == [f"{at('PT1H')} big"] * (1 if ids else 2)


def test_a_late_event_is_missed_when_it_comes() -> None:
    """Events count in the order in which they are applied, also a late one older than the entry (S7)."""
    calls = [order("PT1H", total=1) | {"messageId": "a"}, order("PT30M", total=2) | {"messageId": "b"}]
    assert missed(BIG, calls) == [f"{at('PT30M')} big"]


def test_before_a_merge_there_were_two() -> None:
    """What the visitor did before was offered to no hold of the user; on a shared device it is the user's (P2)."""
    calls = [
        order("0", "u1"),
        order("PT1H", None, total=1) | {"anonymousId": "d"},
        order("PT2H", "u1", total=2) | {"anonymousId": "d"},
        order("PT3H", None, total=3) | {"anonymousId": "d"},
        order("PT4H", "u2", total=4) | {"anonymousId": "d"},
    ]
    assert missed({**BIG, "entry": on("Order", reentry="once")}, calls) == [f"{at('PT2H')} big", f"{at('PT3H')} big"]


def test_calls_that_came_late_are_taken_as_they_were_applied() -> None:
    """What waits for late calls is applied in the order of its timestamps (T8): before the hold is no near miss."""
    steps = {"wait": delay("PT90M", "hold"), "hold": CART["steps"]["hold"], "nudge": send()}
    late = load_space(space({**CART, "start": "wait", "steps": steps}, settings={"allowed_lateness": "PT2H"}))
    calls = [
        order("PT100M", id="c", total=1),
        cart("0", id="c", value=11),
        order("PT1H", id="c", total=2),
        order("PT95M", id="c", total=3),
        track("Cart", "PT4H", "u2"),
    ]
    with Evaluator(late, destinations={"email": Record()}, clock=ManualClock(at())) as one:
        one.replay(calls)
        misses = one.explain("u1", journey="cart", calls=calls).instances[0].waits[0].misses
    assert [each.at for each in misses if each.branch == "bought"] == [at("PT95M"), at("PT100M")]

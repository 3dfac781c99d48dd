"""From a space to a plan."""

from __future__ import annotations

from typing import Any

import pytest

from journeys._time import DAY
from journeys.codec import load_space
from journeys.plan.compile import compile_space
from journeys.plan.plan import Plan
from tests.support import (
    branch,
    delay,
    did,
    every,
    hold,
    if_else,
    journey,
    negated,
    on,
    run,
    send,
    space,
    track,
    trait,
    wait,
    where,
)


def plan(*journeys: Any, **fields: Any) -> Plan:
    return compile_space(load_space(space(*journeys, **fields)))


def test_a_route_knows_what_an_event_concerns() -> None:
    """O7, O2"""
    steps = {"hold": hold("P1D", branch("x", "In Hold"))}
    made = plan(
        journey(steps, key="b", entry="Start"),
        journey(key="a", entry="Start", goal={"event": "Goal"}, exit_rules=[{"key": "x", "event": "Out"}]),
        journey(key="v1", entry=every(did("Order"), trait("plan", "exists"))),
        computed_traits=[{"key": "n", "type": "event_counter", "event": "Counted"}],
    )
    assert set(made.routes) == {"Start", "In Hold", "Goal", "Out", "Order", "Counted"}
    assert [each.key for each in made.routes["Start"].entries] == ["a", "b"]
    assert {each.key for each in made.routes["In Hold"].journeys} == {"b"}
    assert {each.key for each in made.routes["Out"].journeys} == {"a"}
    assert made.routes["Goal"].goals and not made.routes["Out"].goals
    assert [each.key for each in made.routes["Order"].reentries] == ["v1"]
    assert [each.key for each in made.trait_entries] == ["v1"]
    assert [each.kind for each in made.routes["Counted"].features] == ["count"]
    assert made.makes_profiles


def test_drafts_and_archived_journeys_are_not_there() -> None:
    """O7, V1"""
    made = plan(
        journey(key="d", status="draft"), journey(key="a", status="archived"), journey(key="p", status="paused")
    )
    assert set(made.journeys) == {("p", 1)}
    assert made.routes["Start"].entries == ()


def test_steps_are_in_the_order_of_their_keys() -> None:
    """T6"""
    made = plan(journey({"z": delay("PT1H", "a10"), "a10": delay("PT1H", "a2"), "a2": send()}))
    assert [key for key, step in sorted(made.journeys["j", 1].steps.items(), key=lambda each: each[1].order)] == [
        "a10",
        "a2",
        "z",
    ]


def test_the_longest_wait() -> None:
    """T1: an upper bound of every wait in the space."""
    assert plan(journey({"a": delay("P400D")}, max_age="P9D")).longest_wait == 400 * DAY
    assert plan(journey({"a": delay("P1D")}, max_age="P1Y1M")).longest_wait == 13 * 31 * DAY
    entry = trait("x", "exists")
    assert (
        plan(
            journey({"a": delay("P1D")}, entry=entry, max_age="P9D", exit_after="P500D", reentry_after="P600D")
        ).longest_wait
        == 600 * DAY
    )
    assert plan(journey({"a": hold("P700D", branch("x", "E"))}, max_age="P9D")).longest_wait == 700 * DAY


def test_timestamps_leave_room_for_the_longest_wait() -> None:
    """T1: until 9999-12-31 less the longest wait in the space."""
    document = space(journey({"a": delay("P1D", "b"), "b": send()}, max_age="P400D"))
    done = run(document, [track("Start", "9998-11-20T00:00:00Z"), track("Start", "9998-12-01T00:00:00Z")])
    assert done.answers == ["accepted", "rejected"]
    assert [each["at"] for each in done.records("sent")] == ["9998-11-21T00:00:00Z"]


def test_what_may_run_away() -> None:
    """O4: only journeys in which a unit of work could take more than ``max_steps`` steps are counted."""
    chain = {f"s{n}": if_else(negated(every()), None, f"s{n + 1}") for n in range(9)} | {"s9": send()}
    assert plan(journey(chain), settings={"max_steps": 9}).journeys["j", 1].may_run_away
    assert not plan(journey(chain), settings={"max_steps": 100}).journeys["j", 1].may_run_away


@pytest.mark.parametrize("spelling", [0, 1])
def test_two_numbers_that_are_equal_are_remembered_alike(spelling: int) -> None:
    """C9: filters with 1 and 1.0 may share what they need, or not: the answer is the same."""
    values = [1, 1.0]
    document = space(
        journey({"a": if_else(did("E", where=where(("n", "equals", values[spelling]))))}),
    )
    done = run(document, [track("E", n=1.0), track("Start")])
    assert done.story("branch") == ["0 branch a true"]


def test_a_feature_keeps_its_name() -> None:
    """I4: a stored profile is read again by another process, and by another definition with the same conditions."""
    condition = did("E", within="P1D", where=where(("n", "equals_any_of", [1, "1", True, None, {"a": [1.5]}])))
    a = plan(journey({"w": wait(condition)}))
    b = plan(
        journey({"other": delay("PT1H", "w"), "w": wait(condition)}, key="renamed"), journey(key="more", entry=on("E"))
    )
    assert set(a.features) == set(b.features)
    import subprocess
    import sys

    code = (
        "import json, sys; from journeys.codec import load_space; from journeys.plan.compile import compile_space;"
        "print(*compile_space(load_space(json.load(sys.stdin))).features)"
    )
    import json

    text = json.dumps(space(journey({"w": wait(condition)})))
    asked = subprocess.run([sys.executable, "-c", code], input=text, capture_output=True, text=True, check=True)
    assert asked.stdout.split() == list(a.features)


def test_values_that_compare_equal_in_python_do_not_share_a_feature() -> None:
    """C5: true is not 1."""
    steps = {
        "a": if_else(did("E", where=where(("n", "equals", True))), "b", "b"),
        "b": if_else(did("E", where=where(("n", "equals", 1)))),
    }
    done = run(space(journey(steps)), [track("E", n=1), track("Start")])
    assert done.story("branch") == ["0 branch a false", "0 branch b true"]

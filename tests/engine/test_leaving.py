"""How an instance ends, and its goal (S10, S11, section X)."""

from __future__ import annotations

import pytest

from tests.support import (
    ALWAYS,
    ad,
    at,
    branch,
    branches,
    delay,
    did,
    hold,
    identify,
    journey,
    on,
    run,
    send,
    space,
    story,
    track,
    trait,
    where,
)

OUT = [{"key": "out", "event": "Out"}]
WAIT = {"wait": delay("P9D", "a"), "a": send()}
PRO = trait("plan", "equals", "pro")


# X1


def test_an_exit_rule_ends_the_instance_at_once() -> None:
    """X1, X3: wherever its tokens are; all waits are cancelled."""
    steps = {"fork": branches(("x", ALWAYS, "wait"), ("y", did("Never"), "a")), **WAIT}
    document = space(journey(steps, exit_rules=OUT))
    assert story(document, [track("Start"), track("Out", "PT1H")])[-1] == "PT1H exited out"


def test_the_first_rule_that_matches() -> None:
    """X1: in order, with its filters."""
    rules = [
        {"key": "big", "event": "Out", "where": where(("n", "greater_than", 5))},
        {"key": "any", "event": "Out"},
        {"key": "later", "event": "Out"},
    ]
    document = space(journey(WAIT, exit_rules=rules))
    assert story(document, [track("Start"), track("Out", "PT1H", n=9)], None, "exited") == ["PT1H exited big"]
    assert story(document, [track("Start"), track("Out", "PT1H", n=1)], None, "exited") == ["PT1H exited any"]


def test_an_exit_comes_before_a_hold_sees_the_event() -> None:
    """X1"""
    steps = {"hold": hold("P1D", branch("go", "Out", "a")), "a": send()}
    document = space(journey(steps, exit_rules=OUT))
    assert story(document, [track("Start"), track("Out", "PT1H")], None, "branch", "exited") == ["PT1H exited out"]


def test_an_exit_rule_may_match_the_identifier() -> None:
    """X1: it has no effect if the entry has none."""
    rules = [{**OUT[0], "match_identifier": True}]
    document = space(journey(WAIT, entry=on("Start", identifier="cart"), exit_rules=rules))
    calls = [track("Start", cart="c1"), track("Start", cart="c2"), track("Out", "PT1H", cart="c2")]
    done = run(document, calls, until="PT2H")
    entered = {record["instance"]: record["identifier"] for record in done.records("entered")}
    assert [entered[record["instance"]] for record in done.records("exited")] == ["c2"]
    document = space(journey(WAIT, exit_rules=rules))
    assert story(document, [track("Start"), track("Out", "PT1H")], None, "exited") == ["PT1H exited out"]


def test_the_exit_send() -> None:
    """X1: ``exited``, then the send with the context so far plus the exit event, then the lists left."""
    steps = {"ad": ad("wait"), **WAIT}
    rules = [*OUT, {"key": "silent", "event": "Silent"}]
    document = space(
        journey(steps, exit_rules=rules, exit_send={"rules": ["out"], "activation": {"destination": "crm"}})
    )
    done = run(document, [track("Start", n=1), track("Out", "PT1H", n=2)])
    assert done.story()[-3:] == ["PT1H exited out", "PT1H sent", "PT1H list_removed ad"]
    (sent,) = done.records("sent")
    assert sent["step"] is None and sent["destination"] == "crm"
    assert sent["payload"]["event"] == "exit"
    assert sent["payload"]["properties"]["journey_context"] == {"Start": {"n": 1}, "Out": {"n": 2}}
    assert sent["payload"]["properties"]["journey_metadata"]["step"] is None
    assert story(document, [track("Start"), track("Silent", "PT1H")], None, "exited", "sent") == ["PT1H exited silent"]


def test_every_instance_meets_the_exit_event() -> None:
    """X1: also a completed V1 instance (S10)."""
    document = space(journey({"a": send()}, key="v1", entry=PRO, exit_rules=OUT), journey(WAIT, exit_rules=OUT))
    done = run(document, [identify("0", plan="pro"), track("Start"), track("Out", "PT1H")])
    assert [record["journey"] for record in done.records("exited")] == ["v1", "j"]


# X2


@pytest.mark.parametrize("steps", [WAIT, {"a": send()}], ids=["live", "completed"])
def test_exit_after(steps: dict[str, object]) -> None:
    """X2: that long after entry, also a completed instance; ``rule`` is null."""
    done = run(space(journey(steps, entry=PRO, exit_after="PT5H")), [identify("PT1H", plan="pro")])
    (record,) = done.records("exited")
    assert record["at"] == at("PT6H")
    assert record["rule"] is None


def test_exit_after_by_the_calendar() -> None:
    """X2, T2"""
    document = space(journey(WAIT, entry=PRO, exit_after="P1M"))
    done = run(document, [identify("2026-01-31T10:00:00Z", plan="pro")], until="2026-03-01T00:00:00Z")
    assert done.records("sent")[0]["at"] == "2026-02-09T10:00:00Z"
    assert done.records("exited")[0]["at"] == "2026-02-28T10:00:00Z"


# X3


def test_deliveries_already_made_are_not_recalled() -> None:
    """X3"""
    steps = {"a": send("wait"), "wait": delay("P1D", "b"), "b": send()}
    document = space(journey(steps, exit_rules=OUT))
    assert story(document, [track("Start"), track("Out", "PT1H")], None, "sent") == ["0 sent a"]


def test_a_removal_that_is_due_does_not_come_twice() -> None:
    """X3, S9"""
    document = space(journey({"ad": ad("wait", remove_after="PT3H"), **WAIT}, exit_rules=OUT))
    assert story(document, [track("Start"), track("Out", "PT1H")], None, "list_removed") == ["PT1H list_removed ad"]
    gone = [track("Start"), track("Out", "PT4H")]
    assert story(document, gone, None, "list_removed") == ["PT3H list_removed ad"]


def test_lists_are_left_in_the_order_of_step_keys() -> None:
    """X3"""
    steps = {"z": ad("y"), "y": ad("x", to="social"), "x": ad("wait"), **WAIT}
    document = space(journey(steps, exit_rules=OUT))
    assert story(document, [track("Start"), track("Out", "PT1H")], None, "list_removed") == [
        "PT1H list_removed x",
        "PT1H list_removed y",
        "PT1H list_removed z",
    ]


# X4


def test_max_age() -> None:
    """X4: an instance that is still live then ends as ``expired``, and then leaves its lists."""
    steps = {"ad": ad("wait"), **WAIT}
    document = space(journey(steps, max_age="P1D"))
    assert story(document, [track("Start", "PT1H")])[-2:] == ["P1DT1H expired", "P1DT1H list_removed ad"]


def test_the_default_age_is_365_days() -> None:
    """X4"""
    document = space(journey({"wait": delay("P400D")}))
    assert story(document, [track("Start")], None, "expired", "completed") == ["P365D expired"]


def test_a_completed_instance_does_not_expire() -> None:
    """X4, S10"""
    document = space(journey({"a": ad(remove_after="P3D")}, entry=PRO, max_age="P1D"))
    assert story(document, [identify("0", plan="pro")], "P9D")[-2:] == ["0 completed", "P3D list_removed a"]


# S10


def test_a_completed_condition_instance_stays_until_it_exits() -> None:
    """S10: its lists too; then ``exited`` follows ``completed``."""
    document = space(journey({"ad": ad()}, entry=PRO, exit_after="P2D"))
    assert story(document, [identify("0", plan="pro")]) == [
        "0 entered",
        "0 step ad",
        "0 list_added ad",
        "0 completed",
        "P2D exited",
        "P2D list_removed ad",
    ]


def test_a_completed_event_instance_is_over() -> None:
    """S10: no exit rule sees it any more, its lists stay."""
    document = space(journey({"ad": ad()}, exit_rules=OUT))
    assert story(document, [track("Start"), track("Out", "PT1H")])[-1] == "0 completed"


# S11

GOAL = {"goal": {"event": "Goal", "where": where(("n", "greater_than", 0)), "within": "P1D"}}


@pytest.mark.parametrize(
    ("when", "n", "reached"),
    [("0+1", 1, True), ("P1D", 1, True), ("P1D+1", 1, False), ("0", 1, False), ("PT1H", 0, False)],
)
def test_a_goal_after_the_entry_and_within_its_time(when: str, n: int, reached: bool) -> None:
    """S11: strictly after the entry, no later than ``within`` after it, and its filters."""
    done = run(space(journey(WAIT, **GOAL)), [track("Start"), track("Goal", when, n=n)])
    assert bool(done.records("goal")) is reached


def test_a_goal_is_recorded_once() -> None:
    """S11"""
    done = run(space(journey(WAIT, **GOAL)), [track("Start"), track("Goal", "PT1H", n=1), track("Goal", "PT2H", n=1)])
    assert done.story("goal") == ["PT1H goal"]


@pytest.mark.parametrize(
    ("fields", "end"), [({}, "completed"), ({"exit_rules": OUT}, "exited"), ({"max_age": "PT30M"}, "expired")]
)
def test_a_goal_after_the_end(fields: dict[str, object], end: str) -> None:
    """S11: also after the instance has completed or exited."""
    steps = {"a": send()} if end == "completed" else WAIT
    calls = [track("Start"), track("Out", "PT10M"), track("Goal", "PT1H", n=1)]
    assert story(space(journey(steps, **GOAL, **fields)), calls)[-2:][-1] == "PT1H goal"


def test_a_goal_before_the_exit_rule_of_the_same_event() -> None:
    """O2 (4): the goal, and then the exit rules."""
    document = space(journey(WAIT, goal={"event": "Out"}, exit_rules=OUT))
    assert story(document, [track("Start"), track("Out", "PT1H")], None, "goal", "exited") == [
        "PT1H goal",
        "PT1H exited out",
    ]


def test_a_goal_counts_by_its_own_timestamp() -> None:
    """S11: a late event that happened before the entry is none; one that happened within time is."""
    document = space(journey(WAIT, **GOAL))
    early = run(document, [identify("PT1H"), track("Start", "PT2H"), track("Goal", "PT1H", n=1)])
    assert early.records("goal") == []
    late = run(document, [track("Start"), identify("P2D"), track("Goal", "P1D", n=1)])
    assert late.story("goal") == ["P2D goal"]


def test_a_merged_instance_reaches_no_goal() -> None:
    """S11, P2"""
    document = space(journey(WAIT, **GOAL))
    calls = [track("Start", "0", "u1"), track("Start", "PT1H", None, anon="a1"), identify("PT2H", "u1", anon="a1")]
    done = run(document, [*calls, track("Goal", "PT3H", n=1)])
    assert done.story("merged", "goal") == ["PT2H merged", "PT3H goal"]


def test_an_instance_whose_goal_is_open_is_not_kept_longer_than_needed() -> None:
    """S11: an ended instance is kept for its goal, and forgotten when that is decided."""
    from journeys.engine._state import ENDED

    done = run(
        space(journey({"a": send()}, **GOAL)), [track("Start"), track("Start", "PT1H"), track("Goal", "PT2H", n=1)]
    )
    (profile,) = done.simulation.core.processor.states.values()
    assert len(done.records("goal")) == 2
    assert [each for each in profile.instances if each.status == ENDED] == []

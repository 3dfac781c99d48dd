"""The order of work (section O)."""

from __future__ import annotations

import pytest

from tests.support import (
    ALWAYS,
    ad,
    at,
    branch,
    branches,
    call,
    delay,
    did,
    every,
    hold,
    identify,
    if_else,
    journey,
    negated,
    run,
    send,
    space,
    story,
    track,
    trait,
    wait,
)

IMMEDIATE = {"mail": send()}


def test_duplicates_within_the_window() -> None:
    """O2: a messageId accepted from this profile within ``dedupe_window`` is ignored and counted."""
    document = space(journey(IMMEDIATE), settings={"dedupe_window": "PT2H"})
    calls = [track("Start", id="m"), track("Start", "PT2H-1", id="m"), track("Start", "PT2H", id="m")]
    done = run(document, calls)
    assert done.answers == ["accepted", "duplicate", "accepted"]
    assert done.counters["duplicates"] == 1
    assert done.story("entered") == ["0 entered", "PT2H entered"]


def test_duplicates_are_per_profile() -> None:
    """O2"""
    done = run(space(journey(IMMEDIATE)), [track("Start", id="m"), track("Start", "0", "u2", id="m")])
    assert done.answers == ["accepted", "accepted"]


def test_the_default_window_is_seven_days() -> None:
    """O2"""
    done = run(space(journey(IMMEDIATE)), [track("Start", id="m"), track("Start", "P7D-1", id="m")])
    assert done.answers == ["accepted", "duplicate"]
    assert (
        run(space(journey(IMMEDIATE)), [track("Start", id="m"), track("Start", "P7D", id="m")]).answers[1] == "accepted"
    )


def test_a_call_without_message_id_is_never_a_duplicate() -> None:
    """O2"""
    done = run(space(journey(IMMEDIATE)), [track("Start"), track("Start")])
    assert done.answers == ["accepted", "accepted"]
    assert len(done.records("entered")) == 2


def test_traits_and_history_come_before_the_instances() -> None:
    """O2 (3) before (4): an event counts for the condition of the split that it leads to."""
    steps = {
        "hold": hold("P1D", branch("go", "Order", "split")),
        "split": if_else(did("Order")),
    }
    assert story(space(journey(steps)), [track("Start"), track("Order", "PT1H")], "PT2H", "branch") == [
        "PT1H branch hold go",
        "PT1H branch split true",
    ]


def test_holds_come_before_waiting_conditions() -> None:
    """O2 (4) before (5), whatever the order of the step keys."""
    steps = {
        "fork": branches(("w", ALWAYS, "a-wait"), ("h", ALWAYS, "z-hold")),
        "a-wait": wait(did("Order"), "waited"),
        "waited": send(),
        "z-hold": hold("P1D", branch("go", "Order", "held")),
        "held": send(),
    }
    done = run(space(journey(steps)), [track("Start"), track("Order", "PT1H")], until="PT2H")
    assert [record["step"] for record in done.records("sent")] == ["held", "waited"]


def test_instances_come_in_the_order_in_which_they_entered() -> None:
    """O2 (4), (5): not in that of their journeys' keys."""
    document = space(
        journey({"wait": wait(did("Order"), "mail"), "mail": send()}, key="z", entry="First"),
        journey({"wait": wait(did("Order"), "mail"), "mail": send()}, key="a", entry="Second"),
    )
    done = run(document, [track("First"), track("Second", "PT1M"), track("Order", "PT1H")])
    assert [record["journey"] for record in done.records("sent")] == ["z", "a"]


def test_conditions_move_before_event_entries() -> None:
    """O2 (5) before (6): a V1 entry for the event comes before a V2 entry with a smaller key."""
    document = space(journey(IMMEDIATE, key="a", entry="Order"), journey(IMMEDIATE, key="b", entry=did("Order")))
    done = run(document, [track("Order")])
    assert [record["journey"] for record in done.records("entered")] == ["b", "a"]


def test_event_entries_come_in_the_order_of_their_keys() -> None:
    """O2 (6)"""
    document = space(*(journey(IMMEDIATE, key=key, entry="Order") for key in ("j2", "j10", "j1", "j-a")))
    done = run(document, [track("Order")])
    assert [record["journey"] for record in done.records("entered")] == ["j-a", "j1", "j10", "j2"]


def test_whatever_is_true_moves_until_nothing_does() -> None:
    """O2 (5): one step on may make the next condition true at once."""
    steps = {
        "one": wait(did("Order"), "two"),
        "two": wait(did("Order"), "three"),
        "three": wait(trait("plan", "not_exists"), "mail"),
        "mail": send(),
    }
    done = run(space(journey(steps)), [track("Start"), track("Order", "PT1H")])
    assert done.story("sent") == ["PT1H sent mail"]


def test_a_deadline_does_its_own_step_first() -> None:
    """O3: then whatever is true at that instant, instances in order."""
    condition = every(did("Start"), negated(did("Start", within="PT1H")))
    document = space(
        journey({"wait": wait(condition, "mail"), "mail": send()}, key="a"),
        journey({"wait": delay("PT1H", "mail"), "mail": send()}, key="b"),
    )
    done = run(document, [track("Start")])
    assert [(record["journey"], record["at"]) for record in done.records("sent")] == [
        ("a", at("PT1H")),
        ("b", at("PT1H")),
    ]
    # with the delay's instance first, its own step is done first and the condition follows from the same unit
    document = space(
        journey({"wait": delay("PT1H", "mail"), "mail": send()}, key="a"),
        journey({"wait": wait(condition, "mail"), "mail": send()}, key="b"),
    )
    done = run(document, [track("Start")])
    assert [record["journey"] for record in done.records("sent")] == ["a", "b"]


def test_what_a_deadline_brings_about_comes_before_the_next_deadline_of_that_instant() -> None:
    """O3, T6: three instances are due at one instant; the condition of the last comes up with that of the first."""
    lapsed = every(did("Start"), negated(did("Start", within="PT1H")))
    document = space(
        journey({"wait": wait(lapsed, "mail"), "mail": send()}, key="a"),
        journey({"wait": delay("PT1H", "mail"), "mail": send()}, key="b"),
        journey({"wait": wait(lapsed, "mail"), "mail": send()}, key="c"),
    )
    done = run(document, [track("Start")])
    assert [record["journey"] for record in done.records("sent")] == ["a", "c", "b"]


def test_waits_of_one_instance_come_in_the_order_of_their_step_keys() -> None:
    """O2 (5), T6: then of their branches, whatever came to wait first."""
    steps = {
        "fork": branches(("one", ALWAYS, "z"), ("two", ALWAYS, "y")),
        "z": wait(did("Go"), "a"),
        "y": branches(("first", did("Go"), "b"), ("second", did("Go"), "c")),
        "a": send(),
        "b": send(),
        "c": send(),
    }
    done = run(space(journey(steps)), [track("Start"), track("Go", "PT1H")])
    assert [record["step"] for record in done.records("sent")] == ["b", "c", "a"]


def test_a_runaway_journey_fails_alone() -> None:
    """O4: more than ``max_steps`` steps in one unit of work end the instance as ``failed`` and touch nothing else."""
    long = {f"s{n:03}": if_else(ALWAYS, f"s{n + 1:03}") for n in range(6)} | {"s006": send()}
    document = space(journey(long, key="a"), journey(IMMEDIATE, key="b"), settings={"max_steps": 5})
    done = run(document, [track("Start"), track("Start", "PT1H")])
    assert done.counters["failed"] == 2
    assert done.story("failed") == ["0 failed RunawayJourney", "PT1H failed RunawayJourney"]
    assert len(done.story("step", journey="a")) == 2 * 5
    assert done.story("sent") == ["0 sent mail", "PT1H sent mail"]


def test_as_many_steps_as_allowed_are_no_runaway() -> None:
    """O4: the limit counts within one unit of work, and starts again with the next."""
    steps = {f"s{n}": if_else(ALWAYS, f"s{n + 1}") for n in range(4)}
    steps |= {"s4": delay("PT1H", "s5")} | {f"s{n}": if_else(ALWAYS, f"s{n + 1}") for n in range(5, 9)} | {"s9": send()}
    done = run(space(journey(steps), settings={"max_steps": 5}), [track("Start")])
    assert "failed" not in done.counters
    assert done.story("sent", "completed") == ["PT1H sent s9", "PT1H completed"]


def test_a_runaway_leaves_its_lists() -> None:
    """O4, S9: it is an end like others."""
    steps = {"ad": ad("s0")} | {f"s{n}": if_else(ALWAYS, f"s{n + 1}") for n in range(5)} | {"s5": send()}
    done = run(space(journey(steps), settings={"max_steps": 3}), [track("Start")])
    assert done.story("failed", "list_removed", "sent") == ["0 failed RunawayJourney", "0 list_removed ad"]


def test_unwanted_events_change_nothing() -> None:
    """O7: neither clock, nor marks, nor the number in derived ids; they are accepted and counted."""
    document = space(journey(IMMEDIATE))
    calm = run(document, [track("Start", "PT1H"), track("Start", "PT2H", id="m")])
    noisy = run(
        document,
        [
            track("Nobody Wants", "PT9H"),
            track("Start", "PT1H"),
            track("Nobody Wants", "PT9H", id="m"),
            track("Start", "PT2H", id="m"),
        ],
    )
    assert noisy.answers == ["accepted"] * 4
    assert noisy.counters == calm.counters | {"unwanted": 2}
    assert noisy.trace == calm.trace


def test_an_unwanted_event_that_links_counts() -> None:
    """O7: it links, sets the clock, leaves its mark and raises the number."""
    document = space(journey(IMMEDIATE))
    done = run(
        document, [track("Nobody Wants", "PT9H", "u1", anon="a1", id="m"), track("Start", "PT1H", None, anon="a1")]
    )
    assert done.answers == ["accepted", "late"]
    assert done.story("entered", profile="u1") == ["PT9H entered"]
    assert (
        run(document, [track("Nobody Wants", "0", "u1", anon="a1", id="m"), track("Start", id="m")]).answers[1]
        == "duplicate"
    )


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_drafts_and_archived_journeys_name_nothing(status: str) -> None:
    """O7, V1"""
    document = space(journey(IMMEDIATE, key="other", entry="Other"), journey(IMMEDIATE, status=status))
    done = run(document, [track("Start")])
    assert done.counters == {"unwanted": 1}
    assert done.trace == []


def test_a_paused_journey_names_its_events() -> None:
    """O7, V1: they are kept, though nobody enters."""
    document = space(journey(IMMEDIATE, status="paused"), journey(IMMEDIATE, key="other", entry="Other"))
    done = run(document, [track("Start", "PT5H"), track("Other", "PT1H")])
    assert done.answers == ["accepted", "late"]
    assert "unwanted" not in done.counters
    assert done.story("entered") == ["PT5H entered"]


def test_an_unwanted_event_makes_a_profile_for_condition_entries() -> None:
    """O7: in a space with a condition entry the profile is made, at the event's instant, and seen by the entry."""
    document = space(journey(IMMEDIATE, entry=negated(did("Order"))))
    done = run(document, [track("Nobody Wants", "PT3H"), track("Nobody Wants", "PT9H")])
    assert done.story("entered") == ["PT3H entered"]
    without = run(space(journey(IMMEDIATE)), [track("Nobody Wants", "PT3H")])
    assert without.trace == []


def test_every_kind_of_naming_makes_an_event_wanted() -> None:
    """O7: entry, hold, exit rule, goal, condition, context condition, audience, computed trait."""
    steps = {
        "hold": hold("P1D", branch("b", "In Hold", "split")),
        "split": if_else({"type": "context", "event": "In Context", "property": "x", "op": "exists"}, "wait"),
        "wait": wait({"type": "funnel", "first": {"event": "In Funnel"}, "then": {"event": "Then Funnel"}}),
    }
    document = space(
        journey(steps, exit_rules=[{"key": "x", "event": "In Exit"}], goal={"event": "In Goal"}),
        audiences=[{"key": "aud", "condition": negated(did("In Audience"))}],
        computed_traits=[{"key": "ct", "type": "event_counter", "event": "In Trait"}],
    )
    names = [
        "Start",
        "In Hold",
        "In Context",
        "In Funnel",
        "Then Funnel",
        "In Exit",
        "In Goal",
        "In Audience",
        "In Trait",
    ]
    done = run(document, [track(name) for name in [*names, "Nobody Wants"]])
    assert done.counters["unwanted"] == 1


def test_identify_group_and_alias_are_never_unwanted() -> None:
    """O7"""
    document = space(journey(IMMEDIATE))
    calls = [identify("PT1H", a=1), call("group", "PT2H", groupId="g"), call("alias", "PT3H", previousId="x")]
    done = run(document, [*calls, track("Start", "PT2H")])
    assert "unwanted" not in done.counters
    assert done.story("entered") == ["PT3H entered"]

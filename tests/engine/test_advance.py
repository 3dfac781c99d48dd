"""Time: deadlines, lateness, and the watermark (section T)."""

from __future__ import annotations

import pytest

from tests.support import (
    ALWAYS,
    Advance,
    at,
    branch,
    branches,
    delay,
    did,
    every,
    hold,
    identify,
    if_else,
    journey,
    negated,
    on,
    run,
    send,
    space,
    story,
    track,
)

HOLD = {"hold": hold("PT2H", branch("bought", "Order", "thanks"), timeout="nudge"), "thanks": send(), "nudge": send()}


IMMEDIATE = {"mail": send()}


def test_an_event_is_applied_at_the_profiles_clock() -> None:
    """T4: the clock never goes back, so a late event is applied at it."""
    document = space(journey(IMMEDIATE))
    done = run(document, [identify("PT5H"), track("Start", "PT1H")])
    assert done.answers == ["accepted", "late"]
    assert done.story("entered") == ["PT5H entered"]


def test_windows_use_the_events_own_timestamp() -> None:
    """T4, C3: a late event counts in the window its own timestamp falls in, not in that of its arrival."""
    condition = did("Order", within="PT2H")
    document = space(journey({"split": if_else(condition, "mail"), "mail": send()}))
    old = run(document, [identify("PT5H"), track("Order", "PT3H"), track("Start", "PT5H")])
    new = run(document, [identify("PT5H"), track("Order", "PT3H+1"), track("Start", "PT5H")])
    assert old.story("branch") == ["PT5H branch split false"]
    assert new.story("branch") == ["PT5H branch split true"]


def test_every_deadline_up_to_the_watermark_fires() -> None:
    """T5: ``advance`` to the very deadline lets it happen, a microsecond less does not."""
    document = space(journey(HOLD))
    before = run(document, [track("Start")], until="PT2H-1")
    exactly = run(document, [track("Start")], until="PT2H")
    assert before.story("branch") == []
    assert exactly.story("branch") == ["PT2H branch hold timeout"]


def test_advancing_to_an_earlier_instant_does_nothing() -> None:
    """T5"""
    document = space(journey(HOLD))
    done = run(document, [track("Start"), Advance("PT3H"), Advance("PT1H"), track("Start", "PT2H30M")], "PT3H")
    assert done.answers == ["accepted", "late"]
    assert done.story("entered") == ["0 entered", "PT3H entered"]


@pytest.mark.parametrize(("when", "status", "entered"), [("PT1H", "late", "PT1H"), ("PT1H+1", "accepted", "PT1H+1")])
def test_what_is_late_for_the_watermark(when: str, status: str, entered: str) -> None:
    """T5: an input at the very watermark is late, is applied, and is counted."""
    done = run(space(journey(IMMEDIATE)), [Advance("PT1H"), track("Start", when)])
    assert done.answers == [status]
    assert done.counters.get("late", 0) == (status == "late")
    assert done.story("entered") == [f"{entered} entered"]


def test_late_for_the_clock_and_for_the_watermark() -> None:
    """T5: it is applied at the later of the two, and never dropped."""
    document = space(journey(IMMEDIATE))
    done = run(document, [identify("PT5H"), Advance("PT7H"), track("Start", "PT4H")])
    assert done.story("entered") == ["PT7H entered"]
    done = run(document, [identify("PT8H"), Advance("PT7H"), track("Start", "PT4H")])
    assert done.story("entered") == ["PT8H entered"]


def test_an_input_at_the_profiles_clock_is_not_late() -> None:
    """T5"""
    done = run(space(journey(IMMEDIATE)), [identify("PT5H"), track("Start", "PT5H")])
    assert done.answers == ["accepted", "accepted"]


def test_an_event_at_the_deadline_is_inside_the_wait() -> None:
    """T6: deadlines before ``t`` fire first, one at ``t`` after all events at ``t``."""
    document = space(journey(HOLD))
    assert story(document, [track("Start"), track("Order", "PT2H")], None, "branch") == ["PT2H branch hold bought"]
    assert story(document, [track("Start"), track("Order", "PT2H+1")], None, "branch") == ["PT2H branch hold timeout"]
    several = [track("Start"), track("Other", "PT2H"), track("Order", "PT2H")]
    assert story(document, several, None, "branch") == ["PT2H branch hold bought"]


def test_deadlines_fire_in_their_order() -> None:
    """T6: by deadline, then by instance, then by step key and branch order."""
    two = {
        "fork": branches(("a", ALWAYS, "z"), ("b", ALWAYS, "y")),
        "z": delay("PT1H", "z2"),
        "z2": send(),
        "y": delay("PT1H", "y2"),
        "y2": send(),
    }
    document = space(journey(two, entry=on("Start", identifier="cart")))
    done = run(document, [track("Start", cart="c2"), track("Start", cart="c1")])
    (first, second) = (record["instance"] for record in done.records("entered"))
    shown = [(record["instance"], record["step"]) for record in done.records("sent")]
    assert shown == [(first, "y2"), (first, "z2"), (second, "y2"), (second, "z2")]


def test_exit_after_comes_before_max_age_before_the_steps() -> None:
    """T6: at one instant an instance first exits, then expires, then its steps happen."""
    steps = {"wait": delay("PT1H", "mail"), "mail": send()}
    fields = {"entry": ALWAYS, "exit_after": "PT1H", "max_age": "PT1H"}
    assert story(space(journey(steps, **fields)), [identify()]) == ["0 entered", "0 step wait", "PT1H exited"]
    del fields["exit_after"]
    assert story(space(journey(steps, **fields)), [identify()]) == ["0 entered", "0 step wait", "PT1H expired"]


def test_entries_come_after_the_instances_of_an_instant() -> None:
    """T6: a V1 entry that is due comes after the deadlines of instances, journeys by key."""
    condition = negated(did("Seen", within="PT1H"))
    document = space(
        journey(IMMEDIATE, key="b", entry=every(did("Seen"), condition)),
        journey(IMMEDIATE, key="a", entry=every(did("Seen"), condition)),
        journey({"wait": delay("PT1H", "mail"), "mail": send()}, key="z", entry="Seen"),
    )
    done = run(document, [track("Seen")])
    assert [(each["journey"], each["kind"]) for each in done.trace if each["at"] == at("PT1H")] == [
        ("z", "step"),
        ("z", "sent"),
        ("z", "completed"),
        ("a", "entered"),
        ("a", "step"),
        ("a", "sent"),
        ("a", "completed"),
        ("b", "entered"),
        ("b", "step"),
        ("b", "sent"),
        ("b", "completed"),
    ]


def test_what_follows_from_a_deadline_is_dated_from_it() -> None:
    """T7: however late the poll, the next delay starts at the deadline itself."""
    steps = {"one": delay("PT1H", "two"), "two": delay("PT1H", "mail"), "mail": send()}
    done = run(space(journey(steps)), [track("Start"), Advance("PT50H")], until="PT50H")
    assert done.story("step") == ["0 step one", "PT1H step two", "PT2H step mail"]
    assert done.payloads()[0]["timestamp"] == at("PT2H")


LATENESS = {"settings": {"allowed_lateness": "PT1H"}}


def test_inputs_wait_for_the_watermark() -> None:
    """T8: they are applied in the order of (timestamp, messageId, arrival), and are then not late."""
    document = space(journey({"hold": hold("P1D", branch("a", "A"), branch("b", "B"))}), **LATENESS)
    calls = [track("Start", "0"), track("B", "PT50M"), track("A", "PT40M")]
    done = run(document, calls, until="PT3H")
    assert done.answers == ["accepted"] * 3
    assert done.story("branch") == ["PT40M branch hold a"]
    tied = [track("Start"), track("B", "PT50M", id="m2"), track("A", "PT50M", id="m1")]
    assert story(document, tied, "PT3H", "branch") == ["PT50M branch hold a"]
    arrival = [track("Start"), track("B", "PT50M"), track("A", "PT50M")]
    assert story(document, arrival, "PT3H", "branch") == ["PT50M branch hold b"]


def test_the_watermark_of_a_replay_follows_the_greatest_timestamp() -> None:
    """T8: less the lateness; deadlines and lateness use it."""
    document = space(journey(HOLD), **LATENESS)
    done = run(document, [track("Start"), track("Order", "PT3H"), track("Order", "PT2H")], until="PT4H")
    assert done.answers == ["accepted", "accepted", "late"]
    assert done.story("branch") == ["PT2H branch hold timeout"]
    in_time = run(document, [track("Start"), track("Order", "PT2H59M"), track("Order", "PT2H")], until="PT4H")
    assert in_time.answers == ["accepted"] * 3
    assert in_time.story("branch") == ["PT2H branch hold bought"]


def test_advance_keeps_the_allowed_lateness() -> None:
    """T8: the watermark is ``advance``'s instant less the lateness."""
    document = space(journey(HOLD), **LATENESS)
    done = run(document, [track("Start"), Advance("PT2H59M"), track("Order", "PT2H")], until="PT9H")
    assert done.story("branch") == ["PT2H branch hold bought"]
    done = run(document, [track("Start"), Advance("PT3H"), track("Order", "PT2H")], until="PT9H")
    assert done.story("branch") == ["PT2H branch hold timeout"]


def test_an_input_at_the_very_watermark_is_applied_before_the_deadlines_of_that_instant() -> None:
    """T8, T6"""
    document = space(journey(HOLD), **LATENESS)
    done = run(document, [track("Start"), track("Order", "PT2H"), Advance("PT3H")], until="PT9H")
    assert done.story("branch") == ["PT2H branch hold bought"]


def test_without_lateness_an_input_is_applied_when_it_comes() -> None:
    """T8: the default is 0."""
    document = space(journey({"hold": hold("P1D", branch("a", "A"), branch("b", "B"))}))
    calls = [track("Start", "0"), track("B", "PT50M"), track("A", "PT40M")]
    assert story(document, calls, "PT3H", "branch") == ["PT50M branch hold b"]


def test_duplicates_among_what_waits() -> None:
    """T8, O2: an input that waits is accepted already, its repetition is a duplicate."""
    document = space(journey(IMMEDIATE), **LATENESS)
    done = run(document, [track("Start", id="m"), track("Start", id="m"), track("Start", "PT5M", id="m2")], until="P1D")
    assert done.answers == ["accepted", "duplicate", "accepted"]
    assert done.story("entered") == ["0 entered", "PT5M entered"]

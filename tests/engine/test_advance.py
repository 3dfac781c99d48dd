"""Time, the order of work, and entering (sections T, O and E)."""

from __future__ import annotations

import pytest

from tests.support import (
    ALWAYS,
    NEVER,
    Advance,
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
    on,
    run,
    send,
    space,
    story,
    track,
    trait,
    wait,
    where,
)

HOLD = {"hold": hold("PT2H", branch("bought", "Order", "thanks"), timeout="nudge"), "thanks": send(), "nudge": send()}
IMMEDIATE = {"mail": send()}


# T: time


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


# O: the order of work


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


# E: entering


def test_an_event_entry_with_filters_and_an_audience() -> None:
    """E1: all filters must pass, and the profile must be in the audience, at that instant, this event included."""
    entry = on("Start", where=where(("value", "greater_than", 10)), audience="vip")
    document = space(
        journey(IMMEDIATE, entry=entry), audiences=[{"key": "vip", "condition": did("Start", count={"at_least": 2})}]
    )
    done = run(document, [track("Start", value=20), track("Start", "PT1H", value=5), track("Start", "PT2H", value=20)])
    assert done.story("entered") == ["PT2H entered"]


def test_once_is_once_ever() -> None:
    """E2: all versions together, whatever became of the instance."""
    document = space(journey(IMMEDIATE, entry=on("Start", reentry="once")))
    done = run(document, [track("Start"), track("Start", "P300D"), track("Start", "P300D", "u2")])
    assert done.story("entered", profile="u1") == ["0 entered"]
    assert len(done.records("entered")) == 2


def test_once_checks_an_identifier_like_every_time() -> None:
    """E2, E3: without it nobody enters, and that entry is not used up."""
    document = space(journey(IMMEDIATE, entry=on("Start", reentry="once", identifier="cart")))
    done = run(document, [track("Start"), track("Start", "PT1H", cart="c1"), track("Start", "PT2H", cart="c2")])
    assert done.counters["missing_identifier"] == 1
    assert [(each["at"], each["identifier"]) for each in done.records("entered")] == [(at("PT1H"), "c1")]


def carts(*values: object) -> list[object]:
    """The identifiers that enter a journey of carts, in which each stays live."""
    document = space(journey(entry=on("Start", identifier="cart")))
    done = run(
        document, [call("track", "0", event="Start", properties={"cart": value}) for value in values], until="PT1H"
    )
    return [record["identifier"] for record in done.records("entered")]


def test_one_live_instance_per_identifier_value() -> None:
    """E3: the number 1 and the text "1" are different, 1 and 1.0 are one, true is not 1."""
    assert carts("c1", "c2", "c1") == ["c1", "c2"]
    assert carts(1, "1", 1.0, True, False, 0) == [1, "1", True, False, 0]
    assert carts("é", "e\u0301") == ["é", "e\u0301"]
    assert carts("", "") == [""]


@pytest.mark.parametrize("value", [None, {"a": 1}, ["c1"], "x" * 151, 10**150, {}, []])
def test_what_is_no_identifier(value: object) -> None:
    """E3: null, objects, lists and what has over 150 code points as text do not enter, and are counted."""
    document = space(journey(entry=on("Start", identifier="cart")))
    done = run(document, [call("track", event="Start", properties={"cart": value}), track("Start")], until="PT1H")
    assert done.records("entered") == []
    assert done.counters["missing_identifier"] == 2


def test_the_longest_identifier() -> None:
    """E3: 150 code points, however many bytes."""
    assert carts("日" * 150, "😀" * 150, 10**149) == ["日" * 150, "😀" * 150, 10**149]


def test_an_identifier_may_enter_again_when_its_instance_has_ended() -> None:
    """E3"""
    document = space(journey({"wait": delay("PT1H")}, entry=on("Start", identifier="cart")))
    calls = [track("Start", when, cart="c1") for when in ("0", "PT30M", "PT1H", "PT1H+1")]
    assert story(document, calls, "PT1H+1", "entered") == ["0 entered", "PT1H+1 entered"]


def test_every_time_without_identifier_is_one_at_a_time() -> None:
    """E4"""
    document = space(journey({"wait": delay("PT1H")}))
    calls = [track("Start", when) for when in ("0", "PT30M", "PT1H+1")]
    assert story(document, calls, None, "entered") == ["0 entered", "PT1H+1 entered"]


def test_a_condition_entry_at_the_first_instant_it_is_true() -> None:
    """E5: also when only time makes it true."""
    document = space(journey(IMMEDIATE, entry=every(did("Order"), negated(did("Order", within="P180D")))))
    done = run(document, [track("Order"), identify("P170D"), Advance("P190D")], until="P190D")
    assert done.story("entered") == ["P180D entered"]


def test_a_profile_first_seen_is_armed() -> None:
    """E5: it enters at its first input if the condition is true."""
    document = space(journey(IMMEDIATE, entry=trait("plan", "equals", "pro")))
    assert story(document, [identify("PT1H", plan="pro")], None, "entered") == ["PT1H entered"]


def test_one_live_instance_and_none_while_a_completed_one_has_not_exited() -> None:
    """E5, E6: without exit settings a profile enters once, ever."""
    document = space(journey(IMMEDIATE, entry=trait("plan", "equals", "pro")))
    calls = [identify("0", plan="pro"), identify("PT1H", plan=None), identify("PT2H", plan="pro")]
    assert story(document, calls, None, "entered") == ["0 entered"]


def test_reentry_after_the_exit() -> None:
    """E6: armed again ``reentry_after`` after the exit, and then at once if the condition is true."""
    document = space(
        journey({"wait": delay("PT10M")}, entry=trait("plan", "equals", "pro"), exit_after="PT1H", reentry_after="PT2H")
    )
    done = run(document, [identify("0", plan="pro")], until="PT7H")
    assert done.story("entered", "exited") == [
        "0 entered",
        "PT1H exited",
        "PT3H entered",
        "PT4H exited",
        "PT6H entered",
        "PT7H exited",
    ]


def test_re_arming_while_the_condition_is_false() -> None:
    """E6: then it enters when the condition becomes true."""
    document = space(journey(IMMEDIATE, entry=trait("plan", "equals", "pro"), exit_after="PT1H", reentry_after="PT2H"))
    done = run(document, [identify("0", plan="pro"), identify("PT2H", plan=None), identify("PT5H", plan="pro")], "PT5H")
    assert done.story("entered") == ["0 entered", "PT5H entered"]


@pytest.mark.parametrize("fields", [{"exit_after": "PT1H"}, {"reentry_after": "PT2H"}])
def test_reentry_needs_both_settings(fields: dict[str, str]) -> None:
    """E6"""
    document = space(journey(IMMEDIATE, entry=trait("plan", "equals", "pro"), **fields))
    done = run(document, [identify("0", plan="pro"), identify("PT5H", plan="pro")], "P30D")
    assert done.story("entered") == ["0 entered"]


def test_every_end_counts_as_the_exit() -> None:
    """E6: here an exit rule, and an expiry."""
    fields = {"entry": trait("plan", "equals", "pro"), "exit_after": "P9D", "reentry_after": "PT2H"}
    rules = [{"key": "out", "event": "Out"}]
    done = run(space(journey(exit_rules=rules, **fields)), [identify("0", plan="pro"), track("Out", "PT1H")], "PT3H")
    assert done.story("entered", "exited") == ["0 entered", "PT1H exited out", "PT3H entered"]
    done = run(space(journey(max_age="PT1H", **fields)), [identify("0", plan="pro")], "PT3H")
    assert done.story("entered", "expired") == ["0 entered", "PT1H expired", "PT3H entered"]


def test_an_instance_never_sees_its_entry_event_again() -> None:
    """E7: not in its hold, not in its exit rules, not as its goal."""
    steps = {"hold": hold("P1D", branch("again", "Start", "mail")), "mail": send()}
    document = space(journey(steps, exit_rules=[{"key": "out", "event": "Start"}], goal={"event": "Start"}))
    assert story(document, [track("Start")], "PT1H") == ["0 entered", "0 step hold"]
    document = space(journey(steps))
    assert story(document, [track("Start"), track("Start")], "PT1H", "branch") == ["0 branch hold again"]


CARTS = {
    "entry": on("Cart", identifier="cart"),
    "exit_rules": [{"key": "bought", "event": "Order", "match_identifier": True}],
}


def test_a_late_entry_event_does_not_open_a_journey_that_has_ended() -> None:
    """E8: its timestamp must be after the end of the latest instance with this identifier value."""
    document = space(journey(**CARTS))
    calls = [track("Cart", "0", cart="c1"), track("Order", "PT5H", cart="c1")]
    for when, entered in [("PT4H", 1), ("PT5H-1", 1)]:
        done = run(document, [*calls, track("Cart", when, cart="c1")], until="PT6H")
        assert (len(done.records("entered")), done.counters.get("late_entries")) == (entered, 1)
    # at the very end, but not late: it may enter
    assert len(run(document, [*calls, track("Cart", "PT5H", cart="c1")], until="PT6H").records("entered")) == 2
    # another cart of the same profile may enter
    assert len(run(document, [*calls, track("Cart", "PT4H", cart="c2")], until="PT6H").records("entered")) == 2


def test_a_late_entry_event_after_the_end_enters() -> None:
    """E8"""
    document = space(journey(**CARTS))
    calls = [track("Cart", "0", cart="c1"), track("Order", "PT5H", cart="c1"), identify("PT9H")]
    late = run(document, [*calls, track("Cart", "PT5H+1", cart="c1")], until="PT10H")
    assert late.story("entered") == ["0 entered", "PT9H entered"]
    assert len(run(document, [*calls, track("Cart", "PT5H", cart="c1")], until="PT10H").records("entered")) == 1


def test_ends_are_remembered_for_the_dedupe_window() -> None:
    """E8"""
    document = space(journey(**CARTS), settings={"dedupe_window": "PT1H"})
    calls = [track("Cart", "0", cart="c1"), track("Order", "PT5H", cart="c1")]
    remembered = run(document, [*calls, identify("PT6H-1"), track("Cart", "PT4H", cart="c1")], until="PT7H")
    forgotten = run(document, [*calls, identify("PT6H"), track("Cart", "PT4H", cart="c1")], until="PT7H")
    assert (len(remembered.records("entered")), len(forgotten.records("entered"))) == (1, 2)


def test_completion_is_an_end_for_late_entries() -> None:
    """E8"""
    document = space(journey({"wait": delay("PT1H")}))
    done = run(document, [track("Start"), identify("PT3H"), track("Start", "PT30M"), track("Start", "PT1H+1")], "PT9H")
    assert done.story("entered") == ["0 entered", "PT3H entered"]


def test_more_live_instances_than_allowed() -> None:
    """E9: an entry above the limit does not happen and is counted; completed instances do not count."""
    settings = {"settings": {"max_live_instances": 2}}
    document = space(journey(entry=on("Start", identifier="cart")), journey(IMMEDIATE, key="k"), **settings)
    done = run(document, [track("Start", cart=f"c{n}") for n in range(3)], until="PT1H")
    assert [(each["journey"], each.get("identifier")) for each in done.records("entered")] == [
        ("j", "c0"),
        ("k", None),
        ("j", "c1"),
    ]
    assert done.counters["too_many_instances"] == 3  # k twice, j once


def test_the_default_and_segments_limit_of_live_instances() -> None:
    """E9, L2: 1,000, and 25 under Segment's limits."""
    for settings, most in (({}, 1000), ({"limits": "segment"}, 25)):
        document = space(journey({"wait": delay("P9D")}, entry=on("Start", identifier="cart")), settings=settings)
        done = run(document, [track("Start", f"PT{n // 20}S", cart=n) for n in range(most + 1)], until="PT1H")
        assert len(done.records("entered")) == most
        assert done.counters["too_many_instances"] == 1


def test_a_condition_entry_over_the_limit_stays_armed() -> None:
    """E9: it enters as soon as there is room, and is counted once."""
    document = space(
        journey({"wait": delay("PT1H")}, key="a"),
        journey(IMMEDIATE, key="b", entry=trait("plan", "equals", "pro")),
        settings={"max_live_instances": 1},
    )
    done = run(document, [track("Start"), identify("PT10M", plan="pro"), identify("PT20M")], until="PT3H")
    assert done.story("entered") == ["0 entered", "PT1H entered"]
    assert done.counters["too_many_instances"] == 1


def test_a_condition_entry_over_the_limit_that_is_false_again_does_not_enter() -> None:
    """E9"""
    document = space(
        journey({"wait": delay("PT1H")}, key="a"),
        journey(IMMEDIATE, key="b", entry=trait("plan", "equals", "pro")),
        settings={"max_live_instances": 1},
    )
    done = run(document, [track("Start"), identify("PT10M", plan="pro"), identify("PT20M", plan=None)], until="PT3H")
    assert done.story("entered") == ["0 entered"]


def test_a_paused_journey_lets_nobody_in() -> None:
    """V1, E5"""
    steps, condition = IMMEDIATE, trait("plan", "equals", "pro")
    document = space(journey(steps, status="paused"), journey(steps, key="k", status="paused", entry=condition))
    assert run(document, [track("Start"), identify("0", plan="pro")]).trace == []


def test_a_condition_that_is_never_true() -> None:
    """E5, C2"""
    assert run(space(journey(entry=NEVER)), [identify()]).trace == []

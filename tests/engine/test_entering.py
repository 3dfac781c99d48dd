"""Entering (section E)."""

from __future__ import annotations

import pytest

from tests.support import (
    NEVER,
    Advance,
    at,
    branch,
    call,
    delay,
    did,
    every,
    hold,
    identify,
    journey,
    negated,
    on,
    run,
    send,
    space,
    story,
    track,
    trait,
    where,
)

IMMEDIATE = {"mail": send()}


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

"""Holds: which event they see, when they time out, and how they begin again (S7)."""

from __future__ import annotations

import pytest

from tests.support import (
    ALWAYS,
    Json,
    branch,
    branches,
    delay,
    hold,
    identify,
    journey,
    on,
    run,
    send,
    space,
    story,
    track,
    where,
)

ENDS = {name: send() for name in ("a", "b", "c")}


def test_the_first_matching_branch_in_order() -> None:
    """S7"""
    steps = {
        "hold": hold(
            "P1D",
            branch("big", "Order", "a", where=where(("value", "greater_than", 100))),
            branch("any", "Order", "b"),
            branch("never", "Order", "c", where=where(("value", "exists"))),
        ),
        **ENDS,
    }
    document = space(journey(steps))
    assert story(document, [track("Start"), track("Order", "PT1H", value=200)], None, "branch") == [
        "PT1H branch hold big"
    ]
    assert story(document, [track("Start"), track("Order", "PT1H", value=20)], None, "branch") == [
        "PT1H branch hold any"
    ]


def test_the_timeout_of_a_hold() -> None:
    """S7: ``max_duration`` after arrival."""
    steps = {"wait": delay("PT1H", "hold"), "hold": hold("PT2H", branch("x", "Order"), timeout="a"), "a": send()}
    assert story(space(journey(steps)), [track("Start")], None, "branch", "sent") == [
        "PT3H branch hold timeout",
        "PT3H sent a",
    ]


CART_HOLD = {
    "hold": hold("P1D", branch("bought", "Order", "a"), branch("other", "Paid", "b", identifier="for.cart"))
} | {
    "a": send(),
    "b": send(),
}


@pytest.mark.parametrize(
    ("call", "matches"),
    [
        (track("Order", "PT1H", cart="c1"), True),
        (track("Order", "PT1H", cart="c2"), False),
        (track("Order", "PT1H"), False),
        (track("Paid", "PT1H", **{"for": {"cart": "c1"}}), True),
        (track("Paid", "PT1H", cart="c1"), False),
    ],
)
def test_a_branch_event_must_carry_the_identifier(call: Json, matches: bool) -> None:
    """S7: in the same property, or in the branch's own path."""
    document = space(journey(CART_HOLD, entry=on("Start", identifier="cart")))
    done = run(document, [track("Start", cart="c1"), call], until="PT2H")
    assert bool(done.records("branch")) is matches


def test_identifiers_of_branch_events_are_compared_as_json() -> None:
    """S7, E3: 1 is 1.0, and not "1"."""
    document = space(journey(CART_HOLD, entry=on("Start", identifier="cart")))
    for value, matches in ((1.0, True), ("1", False), (True, False)):
        done = run(document, [track("Start", cart=1), track("Order", "PT1H", cart=value)], until="PT2H")
        assert bool(done.records("branch")) is matches


def test_without_an_entry_identifier_branches_have_none() -> None:
    """S7"""
    document = space(journey(CART_HOLD))
    assert story(document, [track("Start"), track("Paid", "PT1H")], None, "branch") == ["PT1H branch hold other"]


RESTARTS = {"hold": hold("PT2H", branch("again", "Cart", restart=True), branch("go", "Order", "a"), timeout="b")} | {
    "a": send(),
    "b": send(),
}


def test_a_restart_gives_the_full_duration_from_the_event() -> None:
    """S7: no new ``step`` record, the same waiting place."""
    document = space(journey(RESTARTS))
    assert story(document, [track("Start"), track("Cart", "PT1H"), track("Cart", "PT3H")]) == [
        "0 entered",
        "0 step hold",
        "PT1H restarted hold again",
        "PT3H restarted hold again",
        "PT5H branch hold timeout",
        "PT5H step b",
        "PT5H sent b",
        "PT5H completed",
    ]


def test_a_late_restart_counts_from_the_instant_at_which_it_is_applied() -> None:
    """S7"""
    document = space(journey(RESTARTS))
    calls = [track("Start"), identify("PT1H"), track("Cart", "PT30M")]
    assert story(document, calls, None, "restarted", "branch") == [
        "PT1H restarted hold again",
        "PT3H branch hold timeout",
    ]


def test_restarts_are_limited() -> None:
    """S7: after ``max_restarts`` the event is ignored and counted, and no later branch is tried."""
    steps = {
        "hold": hold(
            "PT2H",
            branch("again", "Cart", restart=True),
            branch("go", "Cart", "a", where=where(("x", "exists"))),
            timeout="b",
            max_restarts=2,
        ),
        "a": send(),
        "b": send(),
    }
    calls = [track("Start"), *(track("Cart", f"PT{n}H", x=1, n=n) for n in (1, 2, 3))]
    done = run(space(journey(steps)), calls)
    assert done.story("restarted", "branch") == [
        "PT1H restarted hold again",
        "PT2H restarted hold again",
        "PT4H branch hold timeout",
    ]
    assert done.counters["max_restarts"] == 1
    context = done.payloads()[0]["properties"]["journey_context"]
    assert context["Cart - again"]["n"] == 2


def test_a_hundred_restarts_by_default() -> None:
    """S7"""
    calls = [track("Start"), *(track("Cart", f"PT{n}M") for n in range(1, 104))]
    done = run(space(journey(RESTARTS)), calls)
    assert len(done.records("restarted")) == 100
    assert done.counters["max_restarts"] == 3


def test_several_holds_see_an_event_in_the_order_of_their_keys() -> None:
    """S7, and one event moves a token through at most one hold."""
    steps = {
        "fork": branches(("one", ALWAYS, "z"), ("two", ALWAYS, "y")),
        "z": hold("P1D", branch("go", "Go", "a")),
        "y": hold("P1D", branch("go", "Go", "x")),
        "x": hold("P1D", branch("go", "Go", "b")),
        "a": send(),
        "b": send(),
    }
    calls = [track("Start"), track("Go", "PT1H"), track("Go", "PT2H")]
    assert story(space(journey(steps)), calls, None, "branch")[2:] == [
        "PT1H branch y go",
        "PT1H branch z go",
        "PT2H branch x go",
    ]


def test_events_count_in_the_order_in_which_they_are_applied() -> None:
    """S7: also a late one that is older than the entry."""
    document = space(journey(RESTARTS))
    calls = [track("Start", "PT5H"), track("Order", "PT1H")]
    assert story(document, calls, None, "branch") == ["PT5H branch hold go"]


def test_the_context_of_a_hold() -> None:
    """S7 (format): the event stands under ``<event> - <branch>``, the latest per alias; the entry keeps its own."""
    document = space(journey(RESTARTS))
    calls = [track("Start", n=0), track("Cart", "PT1H", n=1), track("Cart", "PT2H", n=2), track("Order", "PT3H", n=3)]
    (payload,) = run(document, calls).payloads()
    assert payload["properties"]["journey_context"] == {
        "Start": {"n": 0},
        "Cart - again": {"n": 2},
        "Order - go": {"n": 3},
    }

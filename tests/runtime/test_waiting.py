"""Inputs that wait for the watermark."""

from __future__ import annotations

from typing import Any

from journeys.codec import load_space
from journeys.plan.compile import compile_space
from journeys.runtime._waiting import WaitingInputs
from tests.support import identify, journey, space, track


def waiting(*added: tuple[Any, int, str]) -> WaitingInputs:
    made = WaitingInputs(compile_space(load_space(space(journey()))))
    for call, timestamp, message_id in added:
        made.add(call, timestamp, message_id)
    return made


def drained(made: WaitingInputs) -> list[tuple[int, str, int]]:
    return [made.pop()[:3] for _ in range(len(made))]


def test_in_the_order_of_timestamp_message_id_and_arrival() -> None:
    """T8"""
    start = track("Start")
    made = waiting((start, 5, "b"), (start, 5, "a"), (start, 3, "z"), (start, 5, "a"))
    assert made.next == 3
    assert drained(made) == [(3, "z", 3), (5, "a", 2), (5, "a", 4), (5, "b", 1)]
    assert made.next is None and made.arrivals == 4


def test_what_is_kept_is_a_copy_of_what_is_needed() -> None:
    """O1: what its sender does with the call afterwards changes nothing."""
    call = {**track("Start", cart={"id": 1}), "context": {"ip": "::1"}}
    made = waiting((call, 1, "m"))
    call["properties"]["cart"]["id"] = 2
    kept = made.pop()[3]
    assert kept == {"type": "track", "userId": call["userId"], "event": "Start", "properties": {"cart": {"id": 1}}}


def test_a_message_is_known_as_often_as_it_waits() -> None:
    """O2: by whatever id its profile has by now."""
    made = waiting((track("Start", "0", None, anon="a1"), 1, "m"), (track("Start", "0", None, anon="a1"), 2, "m"))
    for _ in range(2):
        assert made.has("m", "a:a1", {}) and made.has("m", "u:u1", {"a:a1": "u:u1"})
        assert not made.has("m", "a:a1", {"a:a1": "u:u1"}) and not made.has("n", "a:a1", {})
        made.pop()
    assert not made.has("m", "a:a1", {})


def test_an_event_that_nobody_wants_leaves_no_mark() -> None:
    """O7: unless it links two ids."""
    made = waiting((track("Nobody", "0", "u1"), 1, "m"), (track("Nobody", "0", "u1", anon="a1"), 2, "n"))
    assert not made.has("m", "u:u1", {})
    assert made.has("n", "u:u1", {})
    made.add(track("Start", "0", "u1"), 3, "m")
    made.pop()
    assert made.has("m", "u:u1", {})


def test_whatever_names_an_erased_id_is_forgotten() -> None:
    """V6"""
    alias = {"type": "alias", "userId": "u2", "previousId": "u1"}
    made = waiting(
        (track("Start", "0", "u1"), 4, "a"),
        (track("Start", "0", "u2"), 3, "b"),
        (alias, 2, "c"),
        (identify("0", "u3", anon="u1"), 1, "d"),
    )
    made.forget({"u:u1"})
    assert not made.has("a", "u:u1", {}) and made.has("b", "u:u2", {})
    assert drained(made) == [(1, "d", 4), (3, "b", 2)]

"""Clients collect calls before they send them: what is late then, and in which order it is applied (T3, T5, T8)."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from journeys import Evaluator, load_space
from journeys._time import format_instant, parse_instant
from journeys.server import create_app

SECOND = 1_000_000
NOON = "2026-05-01T12:00:00Z"


class Clock:
    """A wall clock that the test moves."""

    def __init__(self) -> None:
        self.instant = parse_instant(NOON)

    def now(self) -> int:
        return self.instant


def document(lateness: str) -> dict[str, Any]:
    steps = {
        "hold": {
            "type": "hold_until", "branches": [{"name": "bought", "event": "Order Completed"}], "max_duration": "PT10S",
            "timeout": "nudge",
        },
        "nudge": {"type": "send_to_destination", "activations": [{"destination": "email", "event": "Nudge"}]},
    }  # fmt: skip
    entry = {"type": "event_entry", "event": "Cart Modified", "identifier": "cart"}
    return {
        "format": "journeys/1",
        "settings": {"allowed_lateness": lateness},
        "destinations": {"email": {"type": "record"}},
        "journeys": [{"key": "cart", "entry": entry, "start": "hold", "steps": steps}],
    }


def at(seconds: float) -> str:
    return format_instant(parse_instant(NOON) + round(seconds * SECOND))


def call(event: str, seconds: float) -> dict[str, Any]:
    properties = {"cart": "c1"}
    return {"type": "track", "userId": "u1", "event": event, "properties": properties, "timestamp": at(seconds)}


class Live:
    """A server whose clock and timers a test moves."""

    def __init__(self, lateness: str) -> None:
        self.clock = Clock()
        self.evaluator = Evaluator(load_space(document(lateness)), clock=self.clock)
        self.client = TestClient(create_app(self.evaluator, write_keys=None))

    def wait(self, seconds: float) -> None:
        """What the thread of the timers does: time has passed, up to now."""
        self.clock.instant = parse_instant(at(seconds))
        self.evaluator.advance()

    def send(self, *calls: dict[str, Any]) -> None:
        body = {"batch": [*calls], "sentAt": format_instant(self.clock.now())}
        assert self.client.post("/v1/batch", json=body).json() == {"success": True}

    def told(self) -> list[tuple[str, str]]:
        return [(record["at"], record.get("branch", record["kind"])) for record in self.evaluator.trace()]

    @property
    def late(self) -> int:
        return self.evaluator.counters.get("late", 0)


CALLS = [call("Cart Modified", 1), call("Order Completed", 4)]


def test_without_allowed_lateness_collected_calls_are_late_and_applied_as_they_come() -> None:
    """T5: at 5 s the timers have said that nothing at or before it will come."""
    live = Live("PT0S")
    live.wait(5)
    live.send(*CALLS)
    assert live.late == 2
    assert live.told() == [(at(5), "entered"), (at(5), "step"), (at(5), "bought"), (at(5), "completed")]


def test_with_allowed_lateness_they_are_in_time_and_exact() -> None:
    """T8"""
    live = Live("PT5S")
    live.wait(5)
    live.send(*CALLS)
    live.wait(12)
    assert live.late == 0
    assert live.told() == [(at(1), "entered"), (at(1), "step"), (at(4), "bought"), (at(4), "completed")]


@pytest.mark.parametrize("lateness", ["PT0S", "PT5S"])
def test_the_answer_does_not_depend_on_how_calls_are_collected(lateness: str) -> None:
    """I3: which is why a batch is not put in order before it is fed; without allowed_lateness it counts as it stands."""
    traces = []
    for calls in (CALLS, CALLS[::-1]):
        together, alone = Live(lateness), Live(lateness)
        for live in (together, alone):
            live.wait(5)
        together.send(*calls)
        for each in calls:
            alone.send(each)
        for live in (together, alone):
            live.wait(30)
        assert together.told() == alone.told()
        assert together.late == alone.late
        traces.append(together.told())
    in_order, reversed_ = traces
    assert (in_order == reversed_) == (lateness == "PT5S")  # I8: only then the order of arrival does not matter
    assert ((at(15), "timeout") in reversed_) == (lateness == "PT0S")


def test_a_hold_waits_for_calls_that_are_under_way() -> None:
    """What allowed_lateness is for: the order at 10.5 s reaches the server at 13 s, after the hold's end at 11 s."""
    for lateness, end in (("PT0S", "timeout"), ("PT5S", "bought")):
        live = Live(lateness)
        live.wait(1)
        live.send(call("Cart Modified", 1))
        live.wait(12)
        live.send(call("Order Completed", 10.5))
        live.wait(30)
        assert end in [what for _, what in live.told()], lateness

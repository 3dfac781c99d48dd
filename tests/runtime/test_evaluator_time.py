"""The evaluator and its clock: when a call happened, and how time passes."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from journeys import Evaluator
from journeys._time import instant_of
from journeys.destinations import Function, Record
from tests.runtime.evaluators import FakeClock, evaluator, kinds, live
from tests.support import at, branch, delay, hold, instant, journey, send, space, track

# T3


@pytest.mark.parametrize(
    ("fields", "applied", "clamped"),
    [
        ({}, "P10D", 0),
        ({"timestamp": "P9D"}, "P9D", 0),
        ({"timestamp": "P10DT5M"}, "P10DT5M", 0),
        ({"timestamp": "P10DT5M+1"}, "P10D", 1),
        ({"timestamp": "P20D"}, "P10D", 1),
        # the client's clock is an hour fast, or a year slow: what matters is how long ago it was when it was sent
        ({"timestamp": "P10DT30M", "sentAt": "P10DT1H"}, "P9DT23H30M", 0),
        ({"timestamp": "-P355D", "sentAt": "-P354D"}, "P9D", 0),
        ({"originalTimestamp": "P10DT30M", "timestamp": "P1D", "sentAt": "P10DT1H"}, "P9DT23H30M", 0),
        ({"timestamp": "P10DT1H", "sentAt": "P10D"}, "P10D", 1),
        ({"timestamp": "P10DT3M", "sentAt": "P10D"}, "P10DT3M", 0),
        ({"sentAt": "P12D"}, "P10D", 0),
        ({"originalTimestamp": "P9D"}, "P9D", 0),
    ],
)
def test_when_a_live_call_happened(fields: dict[str, str], applied: str, clamped: int) -> None:
    """T3: ``received_at − (sentAt − originalTimestamp)``; too far ahead it is the receipt, and counted."""
    made, _ = live()
    call = {"type": "track", "event": "Start", "userId": "u1", "properties": {}, "messageId": "m"}
    assert made.feed({**call, **{name: at(when) for name, when in fields.items()}}).status == "accepted"
    (entered,) = (each for each in made.trace() if each["kind"] == "entered")
    assert entered["at"] == at(applied)
    assert made.counters.get("clamped", 0) == clamped


def test_the_allowed_skew_is_a_setting() -> None:
    """T3: 5 minutes by default."""
    document = space(journey({"mail": send()}), settings={"max_clock_skew": "PT1H"})
    made, _ = live(document)
    made.feed(track("Start", "P10DT1H"))
    made.feed(track("Start", "P10DT1H+1", "u2"))
    assert [each["at"] for each in made.trace() if each["kind"] == "entered"] == [at("P10D"), at("P10DT1H")]
    assert made.counters["clamped"] == 1


def test_in_a_replay_a_timestamp_is_taken_as_it_is() -> None:
    """T3: no sentAt, no skew; it must be there."""
    made, _ = live()
    call = {**track("Start", "P20D"), "sentAt": at("P1D")}
    assert [each.status for each in made.replay([call, track("Start", None)])] == ["accepted", "rejected"]
    assert next(iter(made.trace()))["at"] == at("P20D")
    assert "clamped" not in made.counters


def test_on_a_manual_clock_a_call_without_timestamp_has_that_of_its_receipt() -> None:
    """T3, T5: which is after everything that ``advance`` has promised to be over."""
    made = evaluator(space(journey({"hold": hold("PT2H", branch("x", "Order"), timeout="mail"), "mail": send()})))
    made.track("u1", "Start")
    made.advance(hours=2)
    assert made.track("u1", "Start").status == "accepted"
    assert [each["at"] for each in made.trace() if each["kind"] == "entered"] == [at("0"), at("PT2H+1")]


# time


def test_a_relative_advance_needs_a_manual_clock() -> None:
    """T5: nobody can move the wall clock."""
    made = Evaluator(space(journey({"mail": send()})))
    for arguments in ({"hours": 1}, {"by": "PT1H"}, {"by": timedelta(hours=1)}):
        with pytest.raises(RuntimeError, match="wall clock"):
            made.advance(**arguments)
    made.advance(datetime.now(UTC) - timedelta(days=1))
    made.advance("2020-01-01T00:00:00Z")
    made.advance()


@pytest.mark.parametrize(
    "arguments",
    [
        {"hours": 2},
        {"by": "PT2H"},
        {"by": timedelta(hours=2)},
        {"to": at("PT2H")},
        {"to": datetime(2026, 1, 1, 2, tzinfo=UTC)},
    ],
)
def test_advance_in_every_form(arguments: dict[str, Any]) -> None:
    """T5"""
    made = evaluator(space(journey({"wait": delay("PT2H", "mail"), "mail": send()})))
    made.track("u1", "Start")
    made.advance(**arguments)
    assert kinds(made)[-1] == "completed"
    assert made.clock.now() == instant("PT2H")


def test_advance_never_goes_back() -> None:
    """T5"""
    made = evaluator()
    made.advance(hours=2)
    made.advance(at("PT1H"))
    assert made.watermark == at("PT2H") and made.clock.now() == instant("PT2H")
    with pytest.raises(ValueError):
        made.advance("tomorrow")


def test_settle() -> None:
    """Everything that happens by itself, then the clock stands where the last of it was."""
    made = evaluator(space(journey({"wait": delay("P3D", "mail"), "mail": send()})))
    made.track("u1", "Start")
    assert made.next_due() == instant("P3D")
    made.settle(at("P2D"))
    assert kinds(made, "sent") == []
    made.settle()
    assert kinds(made, "sent") == ["sent"]
    assert made.clock.now() == instant("P3D")
    assert made.next_due() is None


def test_run_follows_a_clock() -> None:
    """T7: deadlines fire at their own instants, and it sleeps no longer than until the next of them."""
    email = Record()
    clock = FakeClock("0")
    made = Evaluator(
        space(journey({"wait": delay("PT0.4S", "mail"), "mail": send("again"), "again": delay("PT0.2S")})),
        clock=clock,
        destinations={"email": email},
    )
    made.track("u1", "Start")

    def sleep(until: int, wake: threading.Event) -> None:
        FakeClock.sleep(clock, until, wake)
        if len(clock.slept) == 5:
            made.stop()

    clock.sleep = sleep  # type: ignore[method-assign]
    made.run(poll=1.0)
    assert clock.slept[:3] == [400_000, 200_000, 1_000_000]
    assert [each.payload["timestamp"] for each in email.deliveries] == [at("0+400000")]


def test_run_on_the_wall_clock_until_it_is_stopped() -> None:
    sent: list[str] = []
    document = space(journey({"wait": delay("PT0.2S", "mail"), "mail": send()}))
    made = Evaluator(document, destinations={"email": Function(lambda delivery: sent.append(delivery.id))})
    thread = threading.Thread(target=lambda: made.run(poll=0.05))
    thread.start()
    assert made.track("u1", "Start").status == "accepted"
    deadline = time.monotonic() + 20
    while not sent and time.monotonic() < deadline:
        time.sleep(0.01)
    made.stop()
    thread.join(20)
    assert not thread.is_alive()
    assert len(sent) == 1
    entered, passed = (
        next(each["at"] for each in made.trace() if each["kind"] == kind) for kind in ("entered", "sent")
    )
    assert instant_of(passed) - instant_of(entered) == 200_000
    assert made.feed(track("Start", None, "u2")).is_accepted  # it can go on


def test_an_input_at_the_clock_is_in_time() -> None:
    """T5: a running evaluator's watermark is its clock, and what is received later is not late."""
    clock = FakeClock("0")
    made = Evaluator(space(journey({"mail": send()})), clock=clock)
    made.advance()
    assert made.track("u1", "Start").status == "late"
    clock.at += 1
    assert made.track("u2", "Start").status == "accepted"

"""Calls to profiles, in memory."""

from __future__ import annotations

from typing import Any

import pytest

from journeys.codec import load_space
from journeys.engine._effects import Effects
from journeys.plan.compile import compile_space
from journeys.runtime._processor import Processor
from tests.support import Json, at, branch, delay, did, hold, identify, instant, journey, on, send, space, track


def processor(document: Any = None, **fields: Any) -> Processor:
    return Processor(compile_space(load_space(document or space(journey(), **fields))), Effects())


def test_the_watermark_fires_the_deadlines_of_all_in_order() -> None:
    """T5"""
    made = processor(space(journey({"wait": delay("PT2H", "mail"), "mail": send()})))
    for n in (3, 1, 2):
        made.feed(track("Start", f"PT{n}M", f"u{n}"))
    assert made.next_due == instant("PT2H1M")
    made.advance(instant("PT2H2M"))
    sent = [(record.at, record.profile) for record in made.effects.records if record.kind == "sent"]
    assert sent == [(instant("PT2H1M"), "u1"), (instant("PT2H2M"), "u2")]
    assert made.next_due == instant("PT2H3M")
    assert made.watermark == instant("PT2H2M")


def test_next_due_after_a_deadline_has_moved() -> None:
    made = processor(space(journey({"hold": hold("PT2H", branch("x", "Cart", restart=True))})))
    made.feed(track("Start"))
    made.feed(track("Cart", "PT1H"))
    assert made.next_due == instant("PT3H")
    assert made.fire(instant("PT2H30M")) == -1
    assert made.next_due == instant("PT3H")
    assert made.fire(instant("P1D")) == instant("PT3H")
    assert made.next_due is None


def test_an_input_that_waits_is_due() -> None:
    """T8"""
    made = processor(settings={"allowed_lateness": "PT1H"})
    made.feed(track("Start", "PT5H"))
    made.follow_replay()
    assert made.next_due == instant("PT5H")
    assert made.watermark == instant("PT4H")
    assert len(made.states) == 0


def test_what_has_changed_since_the_last_batch() -> None:
    """O1: profiles, links and what is gone."""
    made = processor()
    made.feed(track("Start", "0", None, anon="a1"))
    made.feed(track("Start", "0", "u1"))
    assert made.touched is None
    made.touched = set()
    made.feed(identify("PT1H", "u2", anon="a1"))
    assert {profile.key for profile in made.touched} == {"u:u2"}
    assert made.new_links == {"a:a1": "u:u2"}
    assert set(made.gone) == {"a:a1"}
    made.feed({"type": "alias", "userId": "u1", "previousId": "u2", "timestamp": at("PT2H")})
    assert {profile.key for profile in made.touched} == {"u:u1"}
    assert made.links == {"a:a1": "u:u1", "u:u2": "u:u1"}


QUICK: list[Any] = [
    track("Start", "0", id="m1", a=1),
    track("Start", "0", id="m1", a=1),
    track("Nobody", "0", id="m2"),
    track("Nobody", "PT1H", id="m3", n=float("nan")),
    {**track("Nobody", "PT1H"), "messageId": 7},
    {**track("Nobody", "PT1H", id="m4"), "userId": "\ud800"},
    {**track("Start", "PT1H", id="m5"), "properties": {"a": "\ud800"}},
    {**track("Start", "PT1H", id="m6"), "properties": {"\ud800": 1}},
    {**track("Start", "PT1H", id="m7"), "properties": {1: 2}},
    {**track("Start", "PT1H", id="m8"), "properties": {"a": 10**5000}},
    {**track("Start", "PT1H", id="m9"), "properties": {"a": float("inf")}},
    {**track("Start", "PT1H", id="m10"), "timestamp": "2026-W01-1T00:00:00Z"},
    {**track("Start", "PT1H", id="m11"), "timestamp": "9999-12-31T00:00:00Z"},
    {**track("Start", "PT1H", id="m12"), "event": ["Start"]},
    {**track("Start", "PT1H", id="m13"), "userId": ""},
    {**track("Start", "PT1H"), "messageId": ""},
    track("Start", "-PT1H", id="m14", b={"deep": [1]}),
    track("Start", "PT2H", "u2", anon="a1", id="m15"),
    track("Start", "PT2H", None, anon="a1", id="m16"),
    track("Start", "PT3H", id="m17", a=None, b=True, c=1.5, d="é"),
    {**track("Start", "PT3H", id="m18"), "type": "page"},
    {key: value for key, value in track("Start", "PT3H", id="m19").items() if key != "properties"},
    {key: value for key, value in track("Start", "PT3H", id="m20").items() if key != "timestamp"},
    7,
]


@pytest.mark.parametrize("size", [1, 3, 30])
def test_the_quick_way_is_the_thorough_way(size: int) -> None:
    """I3, O5: ``feed_batch`` takes a shorter look at calls of the plain form; the answers and all effects are one."""
    document = space(
        journey({"hold": hold("P1D", branch("x", "Order"))}, entry=on("Start")),
        computed_traits=[{"key": "n", "type": "event_counter", "event": "Start"}],
    )
    closely, quickly = processor(document), processor(document)
    assert not closely.plan.makes_profiles
    expected = [closely._feed_closely(each, None, False) for each in QUICK]
    found = []
    for begin in range(0, len(QUICK), size):
        found += quickly.feed_batch(QUICK[begin : begin + size])
    assert found == expected
    assert quickly.effects.counters == closely.effects.counters
    assert [each.as_dict() for each in quickly.effects.records] == [each.as_dict() for each in closely.effects.records]
    assert quickly.latest == closely.latest
    assert set(quickly.states) == set(closely.states)
    assert quickly.next_due == closely.next_due


def test_a_rejected_call_does_not_move_the_end() -> None:
    """Format: the greatest timestamp of a valid call."""
    made = processor()
    made.feed(track("Start", "PT1H", id="m"))
    for bad in ({"properties": {"a": float("nan")}}, {"messageId": 7}, {"userId": ""}):
        assert made.feed({**track("Start", "P9D", id="x"), **bad}).status == "rejected"
    assert made.latest == instant("PT1H")


def test_events_a_second() -> None:
    """L2: where there is a limit; a duplicate is none more, and it is part of the profile's state (I5)."""
    made = processor(space(journey(entry=on("Start", identifier="n")), settings={"max_events_per_second": 2}))
    calls: list[Json] = [track("Start", "0", id=f"m{n}", n=n) for n in range(4)]
    answers = [made.feed(each).status for each in calls for _ in "ab"]
    assert answers == ["accepted", "duplicate", "accepted", "duplicate", "rejected", "rejected", "rejected", "rejected"]
    assert made.feed(identify("0")).is_accepted
    assert made.feed(track("Start", "PT1S", id="n", n=9)).is_accepted


def test_conditions_make_profiles_of_unwanted_events() -> None:
    """O7"""
    made = processor(space(journey(entry=did("Order"))))
    made.feed_batch([track("Nobody", "0", f"u{n}") for n in range(3)])
    assert set(made.states) == {"u:u0", "u:u1", "u:u2"}
    assert {profile.accepted for profile in made.states.values()} == {0}


def test_what_waits_is_known_by_its_message_id() -> None:
    """T8, O2, P2: also if its profile has been linked meanwhile; an unwanted event leaves no mark (O7)."""
    document = space(journey(entry=did("Order")), journey(key="k"), settings={"allowed_lateness": "PT1H"})
    made = processor(document)
    made.feed(track("Start", "PT50M", None, anon="a1", id="m"))
    made.feed(identify("PT1M", "u1", anon="a1", id="link"))
    made.feed(track("Start", "PT1H2M", "u2", id="later"))
    made.follow_replay()
    assert made.links == {"a:a1": "u:u1"}
    assert made.feed(track("Start", "PT50M", None, anon="a1", id="m")).status == "duplicate"
    assert made.feed(track("Start", "PT50M", "u1", id="m")).status == "duplicate"
    assert made.feed(track("Start", "PT50M", "u3", id="m")).status == "accepted"
    assert made.feed(track("Nobody", "PT55M", "u4", id="n")).status == "accepted"
    assert made.feed(track("Start", "PT55M", "u4", id="n")).status == "accepted"
    assert made.feed(track("Nobody", "PT55M", "u5", id="m")).status == "accepted"
    made.move_watermark(instant("PT3H"))
    assert not made.waiting and made.waiting._id_keys == {}

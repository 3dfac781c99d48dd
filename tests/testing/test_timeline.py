"""Timelines: what a failing test shows, to the letter."""

from __future__ import annotations

import locale
from textwrap import dedent

import attrs

from journeys import (
    Branch,
    ConditionBranch,
    Delay,
    EventEntry,
    HoldUntil,
    Journey,
    LocalTime,
    Migrate,
    MultiBranchSplit,
    Settings,
    Space,
    event,
)
from journeys.testing import Scenario
from tests.testing.spaces import cart, shop


def text(block: str) -> str:
    return dedent(block).strip("\n")


def test_what_somebody_did_what_happened_and_what_they_wait_for() -> None:
    scenario = Scenario([cart])
    ada = scenario.user("ada", email="ada@example.com")
    ada.does("Cart Modified", cart_id="c1", value=80)
    ada.does("Cart Modifed", cart_id="c1")
    scenario.clock.advance(hours=1)
    ada.does("Cart Modified", cart_id="c1", value=120)
    ada.repeats()
    ada.at(scenario.clock.ago(minutes=30)).does("Cart Modified", value=70)
    scenario.clock.advance(minutes=59)
    assert ada.timeline == text("""
        ada
          Monday 2026-01-05
            09:00:00  is (email "ada@example.com")
                      does Cart Modified (cart_id "c1", value 80)
                        cart [c1]: enters
                        cart [c1]: comes to hold
                      does Cart Modifed (cart_id "c1") — nothing names this event; did you mean 'Cart Modified'?
            10:00:00  does Cart Modified (cart_id "c1", value 120)
                        cart [c1]: starts again at hold: changed
                      does Cart Modified (cart_id "c1", value 120) — duplicate
                      does Cart Modified (value 70) — late, of Monday 2026-01-05 09:30:00\
 — does not enter: the event has no identifier
          now, Monday 2026-01-05 10:59:00
            traits (email "ada@example.com")
            waits at hold ("Buys within two hours?") of cart [c1] until Monday 2026-01-05 12:00:00, then timeout: nudge
              for Order Completed with cart_id "c1", then bought: the end
              for Cart Modified with cart_id "c1", then changed: starts again
    """)


def test_what_it_would_take_to_enter() -> None:
    """In the words of `journeys.runtime.analysis`, which has tests of its own."""
    told = Scenario(shop).user("ada", plan="pro").timeline
    assert "    has never been in cart\n      enters version 1 on: Cart Modified (value is at least 50)" in told
    assert "    has never been in loyal\n      enters version 1 when: in the audience vip" in told
    assert "Order Completed at least twice within 30 days: 0 so far" in told


def test_deadlines_stand_where_they_happened_between_the_calls() -> None:
    scenario = Scenario([cart])
    visitor = scenario.anonymous("v1")
    visitor.does("Cart Modified", cart_id="c1", value=80)
    visitor.becomes("ada", email="ada@example.com")
    scenario.clock.advance(days=1)
    visitor.does("Account Deleted")
    assert visitor.timeline == text("""
        ada
          Monday 2026-01-05
            09:00:00  does Cart Modified (cart_id "c1", value 80) — as v1
                        cart [c1]: enters (as v1)
                        cart [c1]: comes to hold (as v1)
                      is (email "ada@example.com"), with v1
            11:00:00    cart [c1]: takes timeout at hold
                        cart [c1]: comes to nudge
                        cart [c1]: email gets Cart Abandoned (nudge)
                        cart [c1]: email gets Second Thoughts (nudge)
                        cart [c1]: crm gets a message (nudge)
                        cart [c1]: completes
          Tuesday 2026-01-06
            09:00:00  does Account Deleted
          now, Tuesday 2026-01-06 09:00:00
            traits (email "ada@example.com")
            waits for nothing
    """)


def test_deadlines_before_a_call_stand_before_it() -> None:
    """One that comes to light only with the call, because nobody has let time pass."""
    scenario = Scenario([cart])
    ada = scenario.user("ada")
    ada.does("Cart Modified", cart_id="c1", value=80)
    scenario.feed({
        "type": "track", "event": "Account Deleted", "userId": "ada",
        "timestamp": "2026-01-05T12:00:00Z", "messageId": "far ahead",
    })  # fmt: skip
    lines = ada.timeline.splitlines()
    assert lines.index("    12:00:00  does Account Deleted") > lines.index(
        "    11:00:00    cart [c1]: takes timeout at hold"
    )


def test_lists_audiences_messages_and_exits() -> None:
    scenario = Scenario(shop)
    ada = scenario.user("ada", first_name="Ada")
    ada.does("Order Completed", revenue=60)
    ada.does("Order Completed", revenue=60)
    told, _, rest = ada.timeline.partition(", then thanks\n")
    assert rest.startswith("      no  answered is set")
    assert told == text("""
        ada
          Monday 2026-01-05
            09:00:00  is (first_name "Ada")
                      does Order Completed (revenue 60)
                      does Order Completed (revenue 60)
                        crm gets Audience Entered (vip)
                        loyal: enters
                        loyal: comes to rich
                        loyal: takes true at rich
                        loyal: comes to ads
                        loyal: is added to ads (ads)
                        loyal: comes to letter
                        loyal: letter is skipped: not subscribed
                        loyal: comes to answer
          now, Monday 2026-01-05 09:00:00
            traits (first_name "Ada", spent 120)
            lists: ads
            audiences: vip
            waits at answer of loyal
    """)
    ada.is_(answered=1)
    scenario.clock.advance(days=30)
    told = ada.timeline
    for line in (
        "  Monday 2026-01-12",
        "    09:00:00    loyal: is taken off ads (ads)",
        "                loyal: crm gets identify (thanks)",
        "                loyal: completes",
        "    09:00:00    crm gets Audience Exited (vip)",
        "                loyal: exits by exit_after",
    ):
        assert line in told.splitlines()


def test_other_waits() -> None:
    waits = Journey(
        key="waits",
        entry=EventEntry("Begun"),
        start="branches",
        steps={
            "branches": MultiBranchSplit([
                ConditionBranch("A", event("A"), next="sleep"),
                ConditionBranch("B", event("B").exactly(0).within("P1D")),
            ]),
            "sleep": Delay(until=LocalTime(time="09:30", weekdays=["mon"]), name="A week"),
        },
    )  # fmt: skip
    scenario = Scenario([waits])
    ada = scenario.user("ada")
    ada.does("B")
    ada.does("Begun")
    told = ada.timeline
    assert "    waits at branches of waits, branch A, then sleep\n      no  A at least once: 0 so far" in told
    assert "    waits at branches of waits, branch B, then the end\n      no  no B within 1 day" in told
    ada.does("A")
    assert (
        text("""
        waits at sleep ("A week") of waits until Monday 2026-01-05 09:30:00, then the end
              to wait until 09:30, Mon
    """)
        in ada.timeline
    )


def test_a_wait_that_ends_with_the_way_through_the_journey() -> None:
    """By ``exit_after`` or ``max_age``, not as the step says (X2, X4)."""
    journey = Journey(
        key="j",
        entry=EventEntry("Start"),
        start="h",
        steps={"h": HoldUntil([Branch("a", "A")], max_duration="P3D", timeout="d"), "d": Delay("P9D")},
        max_age="P2D",
    )
    scenario = Scenario(journey)
    scenario.user("ada").does("Start")
    assert scenario.timeline("ada").endswith(
        "    waits at h of j until Wednesday 2026-01-07 09:00:00, then she leaves by max_age\n"
        "      for A, then a: the end"
    )


def test_calls_of_every_kind_and_what_is_not_known() -> None:
    scenario = Scenario([cart])
    assert scenario.user("nobody").timeline == text("""
        nobody
          has not done anything
          now, Monday 2026-01-05 09:00:00
            is not known
    """)
    ada = scenario.user("ada")
    ada.identifies()
    ada.sees("Home", path="/")
    ada.sees_screen("Cart")
    ada.joins("acme", size=3)
    ada.becomes("ada-2")
    ada.does("Cart Modified", note="x" * 100)
    told = ada.timeline
    for line in (
        "    09:00:00  is there — as ada",
        '              sees the page Home (path "/") — as ada — nothing names this event',
        "              sees the screen Cart — as ada — nothing names this event",
        "              joins acme (size 3) — as ada",
        "              becomes ada-2, so far ada",
        f'              does Cart Modified (note "{"x" * 56}…)',
    ):
        assert line in told.splitlines()


def test_what_the_evaluator_counts() -> None:
    hold = HoldUntil(cart.steps["hold"].branches, max_duration="PT2H", timeout="nudge", max_restarts=1)
    limited = attrs.evolve(cart, steps={**cart.steps, "hold": hold})
    scenario = Scenario(Space(journeys=[limited], settings=Settings(max_live_instances=1)))
    ada = scenario.user("ada")
    for cart_id in ("c1", "c1", "c1", "c2"):
        ada.does("Cart Modified", cart_id=cart_id, value=80)
    scenario.clock.advance(minutes=5)
    ada.does("Cart Emptied", cart_id="c1")
    ada.at(scenario.clock.ago(minutes=1)).does("Cart Modified", cart_id="c1", value=80)
    told = ada.timeline
    assert 'does Cart Modified (cart_id "c1", value 80) — the hold does not start again: too often already' in told
    assert 'does Cart Modified (cart_id "c2", value 80) — does not enter: too many live instances' in told
    assert "— late, of Monday 2026-01-05 09:04:00 — does not enter: it is from before the end of the last time" in told


def test_other_ends() -> None:
    scenario = Scenario(attrs.evolve(cart, max_age="PT1H"))
    ada = scenario.user("ada")
    ada.does("Cart Modified", cart_id="c1", value=80)
    scenario.clock.advance(hours=2)
    assert "cart [c1]: ends as expired" in ada.timeline
    ada.does("Cart Modified", cart_id="c2", value=80)
    scenario.evaluator.publish(attrs.evolve(cart, on_previous=Migrate({}), max_age="P2D"))
    assert "cart [c2]: moves from version 1 to 2" in ada.timeline
    scenario.evaluator.archive("cart")
    assert "cart [c2]: ends as archived" in ada.timeline


def test_many_journeys_are_not_all_explained() -> None:
    journeys = [
        attrs.evolve(cart, key=f"cart-{number}", status="paused" if number == 1 else "live") for number in range(7)
    ]
    scenario = Scenario(journeys)
    ada = scenario.user("ada", plan="pro")
    told = ada.timeline
    assert told.count("has never been in") == 4
    assert told.splitlines()[-1] == "    nor in cart-4, cart-5, cart-6"
    assert "paused" in told


def test_after_an_erasure() -> None:
    scenario = Scenario([cart])
    ada = scenario.user("ada")
    ada.does("Cart Modified", cart_id="c1", value=80)
    scenario.evaluator.erase("ada")
    assert ada.timeline.endswith("is not known")


def test_days_are_named_in_english_whatever_the_locale() -> None:
    before = locale.setlocale(locale.LC_TIME)
    try:
        for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8"):
            try:
                locale.setlocale(locale.LC_TIME, name)
            except locale.Error:
                continue
            assert "Monday 2026-01-05" in Scenario([cart]).user("ada").timeline
    finally:
        locale.setlocale(locale.LC_TIME, before)

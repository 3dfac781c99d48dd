"""Stories of tastings that are booked, moved and cancelled."""

from pathlib import Path

from journeys.testing import Scenario, User, space_from

space = space_from(Path(__file__).with_name("journey.py"))
MONDAY = "2026-03-09T09:00:00Z"


def ada_books(scenario: Scenario, start_time: str) -> User:
    ada = scenario.user("ada", first_name="Ada", subscriptions={"email": "subscribed"})
    ada.does("Tasting Booked", booking_id="b-1", start_time=start_time, place="harbour")
    return ada


def test_guests_are_reminded_an_hour_before_and_asked_three_hours_after() -> None:
    scenario = Scenario(space, start=MONDAY)
    ada = ada_books(scenario, "2026-03-13T18:00:00+01:00")
    scenario.at("2026-03-13T16:00:00Z")
    assert scenario.sms.received().never
    scenario.clock.set("2026-03-13T16:00:00Z")
    text = "See you at the harbour: your tasting begins at 2026-03-13T18:00:00+01:00."
    assert scenario.sms.received("remind", to=ada, text=text).once
    scenario.clock.set("2026-03-13T20:00:00Z")
    assert scenario.email.received("ask", to=ada, greeting="Hi Ada").once
    assert ada.completed("tasting-reminder").once


def test_who_books_at_the_last_minute_is_reminded_at_once() -> None:
    scenario = Scenario(space, start=MONDAY)
    ada_books(scenario, "2026-03-09T09:30:00Z")
    assert scenario.sms.received("remind").once


def test_who_is_not_subscribed_is_not_asked() -> None:
    scenario = Scenario(space, start=MONDAY)
    ada = ada_books(scenario, "2026-03-10")
    ada.is_(subscriptions={"email": "unsubscribed"})
    scenario.settle()
    assert ada.skipped("ask").once
    assert scenario.email.received().never


def test_a_booking_that_is_moved_is_reminded_of_at_its_new_time_only() -> None:
    scenario = Scenario(space, start=MONDAY)
    ada = ada_books(scenario, "2026-03-11T18:00:00Z")
    ada.does("Tasting Booked", booking_id="b-1", start_time="2026-03-12T18:00:00Z")
    assert ada.exited("tasting-reminder", rule="moved").once
    assert ada.entered("tasting-reminder").twice
    scenario.settle()
    assert scenario.sms.received("remind").once
    assert scenario.sms.received().first["timestamp"] == "2026-03-12T17:00:00Z"


def test_a_booking_that_is_cancelled_is_not_reminded_of() -> None:
    scenario = Scenario(space, start=MONDAY)
    ada = ada_books(scenario, "2026-03-11T18:00:00Z")
    ada.does("Tasting Cancelled", booking_id="b-1")
    assert ada.exited("tasting-reminder", rule="cancelled").once
    scenario.settle()
    assert scenario.sms.received().never


def test_next_friday_is_no_instant() -> None:
    scenario = Scenario(space, start=MONDAY)
    assert ada_books(scenario, "next Friday").entered("tasting-reminder").never

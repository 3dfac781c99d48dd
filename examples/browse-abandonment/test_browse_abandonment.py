"""Stories of people who look and do not buy."""

from pathlib import Path

from journeys.testing import Scenario, User, space_from

space = space_from(Path(__file__).with_name("journey.py"))


def ada_looks(scenario: Scenario) -> User:
    ada = scenario.user("ada", email="ada@example.com")
    ada.does("Product Viewed", name="Kenya", price=18)
    return ada


def test_half_an_hour_after_the_last_look_they_are_reminded_of_the_first_and_the_last() -> None:
    scenario = Scenario(space)
    ada = ada_looks(scenario)
    scenario.clock.advance(minutes=20)
    ada.does("Product Viewed", name="Mug", price=8)  # a cheap thing restarts the hold too
    scenario.clock.advance(minutes=29)
    assert ada.took("browsing", "looked on").once
    assert scenario.email.received().never
    scenario.clock.advance(minutes=1)
    assert ada.took("browsing", "timeout").once
    assert scenario.email.received("remind", {"to": "ada@example.com"}, first="Kenya", last="Mug").once


def test_who_fills_the_cart_and_buys_within_a_day_is_left_in_peace() -> None:
    scenario = Scenario(space)
    ada = ada_looks(scenario)
    ada.does("Cart Modified")
    assert ada.took("browsing", "added").once
    scenario.clock.advance(hours=20)
    ada.does("Order Completed")
    assert ada.took("deciding", "bought").once
    assert ada.completed("browse-abandonment").once
    assert scenario.email.received().never


def test_who_lets_the_day_pass_sees_ads_for_a_week() -> None:
    scenario = Scenario(space)
    ada = ada_looks(scenario)
    ada.does("Cart Modified")
    scenario.clock.advance(days=1)
    assert ada.took("deciding", "timeout").once
    assert ada.is_on("ads")
    scenario.clock.advance(days=7)
    assert not ada.is_on("ads")
    assert scenario.ads.members == []


def test_who_comes_back_after_the_reminder_is_given_a_day_too() -> None:
    scenario = Scenario(space)
    ada = ada_looks(scenario)
    scenario.clock.advance(hours=10)
    ada.does("Cart Modified")
    assert ada.took("returns", "added").once
    assert ada.waits_at("deciding")


def test_who_buys_after_the_reminder_sees_no_ads() -> None:
    scenario = Scenario(space)
    ada = ada_looks(scenario)
    scenario.clock.advance(hours=10)
    ada.does("Order Completed")
    assert ada.took("returns", "bought").once
    scenario.settle()
    assert scenario.ads.members == []
    assert scenario.ads.received().never


def test_who_does_not_come_back_within_two_days_sees_ads() -> None:
    scenario = Scenario(space)
    ada = ada_looks(scenario)
    scenario.clock.advance(days=2, minutes=30)
    assert ada.took("returns", "timeout").once
    assert scenario.ads.members == ["ada"]


def test_a_visitor_who_logs_in_where_they_have_looked_already_has_one_journey() -> None:
    scenario = Scenario(space)
    dee = scenario.user("dee")
    dee.does("Product Viewed", name="Kettle", price=65)
    phone = scenario.anonymous("dees-phone")
    phone.does("Product Viewed", name="Roma", price=22)
    phone.becomes("dee")
    assert [record["kind"] for record in dee.records].count("merged") == 1
    assert dee.entered("browse-abandonment").twice
    scenario.clock.advance(minutes=30)
    assert scenario.email.received("remind", to=dee, first="Kettle").once

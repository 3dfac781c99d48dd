"""Stories of first orders."""

from pathlib import Path

from journeys.testing import Scenario, User, space_from

space = space_from(Path(__file__).with_name("journey.py"))


def ada_orders(scenario: Scenario) -> User:
    ada = scenario.user("ada", email="ada@example.com", first_name="Ada")
    ada.does("Order Completed")
    return ada


def test_a_week_later_they_are_asked_how_the_coffee_was() -> None:
    scenario = Scenario(space)
    ada = ada_orders(scenario)
    scenario.clock.advance(days=7)
    assert scenario.email.received("First Order Followed Up", to=ada, first_name="Ada").once


def test_a_second_order_makes_a_regular() -> None:
    scenario = Scenario(space)
    ada = ada_orders(scenario)
    scenario.clock.advance(days=18)
    ada.does("Order Completed")
    assert ada.took("then", "ordered again").once
    assert ada.reached_goal("repeat-purchase").once
    assert scenario.crm.received("tell-crm", to=ada, email="ada@example.com").once
    scenario.clock.advance(days=40)
    assert scenario.email.received("Second Order Voucher").never  # the split is exclusive


def test_thirty_days_without_any_order_are_worth_a_voucher() -> None:
    scenario = Scenario(space)
    ada = ada_orders(scenario)
    scenario.clock.advance(days=29)
    assert ada.waits_at("then")
    scenario.clock.advance(days=1)
    assert ada.took("then", "quiet for 30 days").once
    assert scenario.email.received("Second Order Voucher", to=ada).once


def test_after_ninety_days_everybody_leaves_for_good() -> None:
    scenario = Scenario(space)
    ada = ada_orders(scenario)
    scenario.clock.advance(days=90)
    assert ada.exited("repeat-purchase", rule=None).once
    ada.does("Order Completed")
    assert ada.entered("repeat-purchase").once

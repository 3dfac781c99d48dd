"""Stories of large orders."""

from pathlib import Path

from journeys.testing import Scenario, space_from

space = space_from(Path(__file__).with_name("journey.py"))


def test_sales_and_analytics_hear_of_a_large_order_at_once() -> None:
    scenario = Scenario(space)
    ada = scenario.user("ada", email="ada@example.com", first_name="Ada", account_manager="Max")
    ada.does("Order Completed", order_id="o-1", revenue=240)
    note = "Ada ordered for 240 euros: say thank you."
    assert scenario.crm.received("forward", to=ada, contact="ada", owner="Max", order="o-1", note=note).once
    assert scenario.analytics.received("Large Order Completed", to=ada, email="ada@example.com", revenue=240).once


def test_what_is_not_known_of_a_guest_is_left_out() -> None:
    scenario = Scenario(space)
    guest = scenario.anonymous("visitor-1")
    guest.does("Order Completed", order_id="o-3", revenue=200)
    assert scenario.crm.received("forward", to=guest).first == {
        "contact": "visitor-1",
        "order": "o-3",
        "note": "A guest ordered for 200 euros: say thank you.",
    }


def test_a_cent_less_is_no_large_order() -> None:
    scenario = Scenario(space)
    ada = scenario.user("ada")
    ada.does("Order Completed", order_id="o-2", revenue=199.99)
    assert scenario.crm.received().never


def test_an_order_that_arrives_twice_is_forwarded_once() -> None:
    scenario = Scenario(space)
    ada = scenario.user("ada")
    ada.does("Order Completed", order_id="o-1", revenue=240)
    assert ada.repeats().status == "duplicate"
    assert scenario.crm.received().once


def test_an_order_without_a_number_does_not_enter() -> None:
    scenario = Scenario(space)
    ada = scenario.user("ada")
    ada.does("Order Completed", revenue=240)
    assert ada.entered("large-orders").never
    assert scenario.evaluator.counters["missing_identifier"] == 1

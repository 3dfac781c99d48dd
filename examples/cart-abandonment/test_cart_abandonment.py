"""Stories of carts that are left."""

from pathlib import Path

from journeys.testing import Scenario, User, space_from

space = space_from(Path(__file__).with_name("journey.py"))


def ada_fills_a_cart(scenario: Scenario, value: float = 80) -> User:
    ada = scenario.user("ada", email="ada@example.com", first_name="Ada")
    ada.does("Cart Modified", cart_id="c-1", value=value)
    return ada


def test_who_leaves_a_cart_is_nudged_after_two_hours() -> None:
    scenario = Scenario(space)
    email, clock = scenario.email, scenario.clock
    ada = ada_fills_a_cart(scenario)
    clock.advance(hours=1, minutes=59)
    assert email.received("Cart Abandoned").never
    clock.advance(minutes=1)
    assert email.received("Cart Abandoned", to=ada, cart_id="c-1", email="ada@example.com").once


def test_a_small_cart_is_left_in_peace() -> None:
    scenario = Scenario(space)
    ada = ada_fills_a_cart(scenario, value=49.99)
    assert ada.entered("cart-abandonment").never


def test_every_change_starts_the_two_hours_again() -> None:
    scenario = Scenario(space)
    ada = ada_fills_a_cart(scenario)
    scenario.clock.advance(hours=1)
    ada.does("Cart Modified", cart_id="c-1", value=95)
    scenario.clock.advance(hours=1, minutes=59)
    assert ada.took("hold", "changed").once
    assert ada.waits_at("hold")
    scenario.clock.advance(minutes=1)
    assert scenario.email.received("Cart Abandoned").once


def test_a_change_that_arrives_twice_is_one_change() -> None:
    scenario = Scenario(space)
    ada = ada_fills_a_cart(scenario)
    ada.does("Cart Modified", cart_id="c-1", value=95)
    assert ada.repeats().status == "duplicate"
    assert ada.took("hold", "changed").once


def test_an_order_at_the_very_deadline_is_inside_the_wait() -> None:
    scenario = Scenario(space, start="2026-03-02T10:00:00Z")
    ada = ada_fills_a_cart(scenario)
    scenario.at("2026-03-02T12:00:00Z")
    ada.does("Order Completed", cart_id="c-1")
    assert ada.took("hold", "bought").once
    assert ada.reached_goal("cart-abandonment").once
    scenario.settle()
    assert scenario.email.received().never


def test_the_order_of_another_cart_means_nothing() -> None:
    scenario = Scenario(space)
    ada = ada_fills_a_cart(scenario)
    ada.does("Order Completed", cart_id="c-2")
    assert ada.waits_at("hold")
    assert ada.reached_goal("cart-abandonment").never


def test_who_buys_within_a_day_of_the_nudge_gets_no_voucher() -> None:
    scenario = Scenario(space)
    ada = ada_fills_a_cart(scenario, value=150)
    scenario.clock.advance(hours=3)
    ada.does("Order Completed", cart_id="c-1")
    assert ada.took("second-look", "bought").once
    scenario.settle()
    assert scenario.email.received("Send a voucher").never


def test_a_cart_that_was_ever_large_is_worth_a_voucher() -> None:
    scenario = Scenario(space)
    ada = ada_fills_a_cart(scenario, value=60)
    ada.does("Cart Modified", cart_id="c-1", value=120)
    scenario.clock.advance(hours=26)
    assert ada.took("size", "large").once
    assert scenario.email.received("voucher", {"to": "ada@example.com"}, cart="c-1").once


def test_a_cart_that_was_never_large_is_not() -> None:
    scenario = Scenario(space)
    ada = ada_fills_a_cart(scenario)
    scenario.clock.advance(hours=26)
    assert ada.took("size", "everyone_else").once
    assert scenario.email.received("voucher").never
    assert ada.completed("cart-abandonment").once


def test_emptying_the_cart_ends_the_matter() -> None:
    scenario = Scenario(space)
    ada = ada_fills_a_cart(scenario)
    ada.does("Cart Modified", cart_id="c-2", value=70)
    ada.does("Cart Emptied", cart_id="c-1")
    assert ada.exited("cart-abandonment", rule="emptied").once
    assert ada.is_in("cart-abandonment")  # with the other one
    scenario.settle()
    assert scenario.email.received("Cart Abandoned", cart_id="c-2").once
    assert scenario.email.received("Cart Abandoned", cart_id="c-1").never


def test_a_late_change_opens_no_new_cart_after_the_order() -> None:
    scenario = Scenario(space)
    ada = ada_fills_a_cart(scenario)
    scenario.clock.advance(hours=1)
    ada.does("Order Completed", cart_id="c-1")
    assert ada.at(scenario.clock.ago(minutes=20)).does("Cart Modified", cart_id="c-1", value=80).status == "late"
    assert ada.entered("cart-abandonment").once
    assert not ada.is_in("cart-abandonment")


def test_a_visitor_who_logs_in_is_nudged_as_a_user() -> None:
    scenario = Scenario(space)
    bo = scenario.anonymous("visitor-1")
    bo.does("Cart Modified", cart_id="c-2", value=150)
    scenario.clock.advance(minutes=30)
    bo.becomes("bo", email="bo@example.com")
    scenario.clock.advance(hours=2)
    assert scenario.email.received("Cart Abandoned", to=bo, email="bo@example.com").once
    assert scenario.email.received("Cart Abandoned").first["userId"] == "bo"

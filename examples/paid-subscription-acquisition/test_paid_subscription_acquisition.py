"""Stories of people who drink the most coffee."""

from pathlib import Path

from journeys.testing import Scenario, User, space_from

space = space_from(Path(__file__).with_name("journey.py"))
JOURNEY = "club-invitation"


def somebody_orders_three_times(scenario: Scenario, name: str, subscribed: bool = True) -> User:
    subscriptions = {"email": "subscribed" if subscribed else "unsubscribed"}
    person = scenario.user(name, email=f"{name}@example.com", first_name=name.title(), subscriptions=subscriptions)
    for _ in range(3):
        person.does("Order Completed")
        scenario.clock.advance(hours=1)
    return person


def test_the_third_order_within_ninety_days_makes_them_ready() -> None:
    scenario = Scenario(space)
    ada = somebody_orders_three_times(scenario, "ada")
    assert ada.in_audience("club-ready")
    assert scenario.crm.received("Audience Entered", {"club-ready": True}, to=ada).once
    assert ada.took("hold-back", "invited").once
    assert scenario.ads.members == ["ada"]
    assert scenario.email.received("invite", to=ada, greeting="Hi Ada").once
    scenario.clock.advance(days=90)
    assert scenario.crm.received("Audience Exited", {"club-ready": False}, to=ada).once


def test_who_has_not_decided_after_five_days_is_called() -> None:
    scenario = Scenario(space)
    ada = somebody_orders_three_times(scenario, "ada")
    scenario.clock.advance(days=4)
    assert scenario.crm.received("Call About The Club").never
    scenario.clock.advance(days=1)
    assert scenario.crm.received("Call About The Club", to=ada).once
    assert ada.is_in(JOURNEY)  # it has completed and keeps them on the list
    scenario.clock.advance(days=25)
    assert ada.exited(JOURNEY, rule=None).once
    assert not ada.is_on("ads")


def test_who_is_not_subscribed_is_only_called() -> None:
    scenario = Scenario(space)
    bo = somebody_orders_three_times(scenario, "bo", subscribed=False)
    assert bo.skipped("invite").once
    scenario.clock.advance(days=5)
    assert scenario.email.received().never
    assert scenario.crm.received("call", to=bo).once


def test_a_subscription_ends_it_and_the_crm_hears_where_it_came_from() -> None:
    scenario = Scenario(space)
    ada = somebody_orders_three_times(scenario, "ada")
    scenario.clock.advance(days=2)
    ada.does("Subscription Started")
    assert ada.reached_goal(JOURNEY).once
    assert ada.exited(JOURNEY, rule="subscribed").once
    assert scenario.crm.received("Club Joined", to=ada, email="ada@example.com").once
    assert scenario.ads.members == []


def test_members_are_left_alone() -> None:
    scenario = Scenario(space)
    cy = scenario.user("cy")
    cy.does("Subscription Started")
    somebody_orders_three_times(scenario, "cy")
    assert cy.in_audience("club-ready")
    assert cy.entered(JOURNEY).never


def test_one_in_ten_is_held_back() -> None:
    scenario = Scenario(space)
    lea = somebody_orders_three_times(scenario, "lea")
    assert lea.took("hold-back", "held back").once
    assert lea.completed(JOURNEY).once
    assert scenario.email.received(to=lea).never

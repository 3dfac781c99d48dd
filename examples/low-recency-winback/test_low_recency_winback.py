"""Stories of customers whose last order was long ago."""

from pathlib import Path

from journeys.testing import Scenario, User, space_from

space = space_from(Path(__file__).with_name("journey.py"))


def somebody_ordered(scenario: Scenario, revenue: float, name: str = "ada") -> User:
    person = scenario.user(name, email=f"{name}@example.com")
    person.does("Order Completed", revenue=revenue)
    return person


def test_sixty_days_after_the_last_order_they_have_lapsed() -> None:
    scenario = Scenario(space)
    ada = somebody_ordered(scenario, 40)
    scenario.clock.advance(days=59)
    assert not ada.in_audience("lapsed")
    scenario.clock.advance(days=1)
    assert ada.in_audience("lapsed")
    assert ada.is_in("low-recency-winback")
    assert scenario.email.received("Winback Begun", to=ada).once


def test_the_valuable_ones_see_ads_for_two_weeks() -> None:
    scenario = Scenario(space)
    ada, bo = somebody_ordered(scenario, 150), somebody_ordered(scenario, 149, "bo")
    scenario.clock.advance(days=67)
    assert ada.took("value", "true").once
    assert bo.took("value", "false").once
    assert scenario.ads.members == ["ada"]
    scenario.clock.advance(days=14)
    assert scenario.ads.members == []


def test_everybody_gets_one_of_two_offers_and_always_the_same() -> None:
    scenario = Scenario(space)
    people = [somebody_ordered(scenario, 20, f"user-{number}") for number in range(12)]
    scenario.clock.advance(days=67)
    free, ten = scenario.email.received("Free Shipping Offered"), scenario.email.received("Ten Percent Offered")
    assert len(free) + len(ten) == 12
    assert free and ten
    for person in people:
        assert person.reached("offer").once


def test_an_order_ends_the_journey_and_is_its_goal() -> None:
    scenario = Scenario(space)
    ada = somebody_ordered(scenario, 200)
    scenario.clock.advance(days=69)
    ada.does("Order Completed", revenue=30)
    assert ada.exited("low-recency-winback", rule="ordered").once
    assert ada.reached_goal("low-recency-winback").once
    assert not ada.is_on("ads")


def test_without_an_order_it_ends_after_forty_five_days_and_begins_again_after_thirty_more() -> None:
    scenario = Scenario(space)
    ada = somebody_ordered(scenario, 40)
    scenario.clock.advance(days=60 + 45)
    assert ada.exited("low-recency-winback", rule=None).once
    scenario.clock.advance(days=29)
    assert ada.entered("low-recency-winback").once
    scenario.clock.advance(days=1)
    assert ada.entered("low-recency-winback").twice


def test_a_late_order_counts_where_it_belongs() -> None:
    scenario = Scenario(space)
    ada = somebody_ordered(scenario, 40)
    scenario.clock.advance(days=61)
    ada.at(scenario.clock.ago(days=40)).does("Order Completed", revenue=5)
    assert not ada.in_audience("lapsed")
    assert ada.has(lifetime_value=45)

"""Stories of trials that are about to end."""

from pathlib import Path

from journeys.testing import Scenario, User, space_from

space = space_from(Path(__file__).with_name("journey.py"))
START = "2026-03-02T10:00:00Z"


def ada_begins_a_trial(scenario: Scenario) -> User:
    ada = scenario.user("ada", email="ada@example.com", trial_ends_at="2026-03-16")
    ada.does("Trial Started")
    return ada


def test_who_has_rated_two_boxes_is_offered_a_year_three_days_before_the_end() -> None:
    scenario = Scenario(space, start=START)
    ada = ada_begins_a_trial(scenario)
    ada.does("Box Rated", stars=5)
    ada.does("Box Rated", stars=4)
    scenario.at("2026-03-13T00:00:00Z")
    assert ada.waits_at("ends-soon")
    scenario.clock.set("2026-03-13T00:00:00Z")
    assert ada.took("active", "true").once
    assert scenario.email.received("Yearly Plan Offered", to=ada, boxes_rated=2).once


def test_the_others_are_offered_help_and_a_last_word_a_day_after_the_end() -> None:
    scenario = Scenario(space, start=START)
    ada = ada_begins_a_trial(scenario)
    ada.does("Box Rated", stars=5)
    ada.repeats()
    scenario.clock.set("2026-03-13T00:00:00Z")
    assert ada.took("active", "false").once
    assert scenario.email.received("Trial Help Offered", boxes_rated=1).once
    scenario.clock.set("2026-03-17T00:00:00Z")
    assert scenario.email.received("Trial Ended", to=ada).once
    assert ada.completed("trial-to-paid").once
    scenario.settle()
    assert ada.exited("trial-to-paid", rule=None).once


def test_if_the_trial_is_extended_the_wait_moves_along() -> None:
    scenario = Scenario(space, start=START)
    ada = ada_begins_a_trial(scenario)
    scenario.clock.set("2026-03-10T00:00:00Z")
    ada.is_(trial_ends_at="2026-03-20")
    scenario.clock.set("2026-03-16T23:59:59Z")
    assert scenario.email.received().never
    scenario.clock.advance(seconds=1)
    assert scenario.email.received("Trial Help Offered").once


def test_a_subscription_ends_the_journey_and_is_its_goal() -> None:
    scenario = Scenario(space, start=START)
    ada = ada_begins_a_trial(scenario)
    ada.does("Subscription Started")
    assert ada.reached_goal("trial-to-paid").once
    assert ada.exited("trial-to-paid", rule="subscribed").once
    scenario.settle()
    assert scenario.email.received().never

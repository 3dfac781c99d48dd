"""Stories of people who looked at one kind of thing and stayed away."""

from pathlib import Path

from journeys.testing import Scenario, User, space_from

space = space_from(Path(__file__).with_name("journey.py"))


def somebody_looks_at(scenario: Scenario, *categories: str) -> User:
    ada = scenario.user("ada", email="ada@example.com", first_name="Ada")
    for category in categories:
        ada.does("Product Viewed", category=category)
        scenario.clock.advance(hours=1)
    return ada


def test_a_week_after_the_last_look_comes_a_letter_about_what_they_looked_at_most() -> None:
    for category in ("espresso", "filter", "tea"):
        scenario = Scenario(space)
        ada = somebody_looks_at(scenario, category, "gear", category)
        assert ada.has(favourite_category=category)
        scenario.clock.advance(days=6, hours=22)
        assert scenario.email.received().never
        scenario.clock.advance(hours=1)
        assert ada.took("which", category).once
        subject = f"Ada, the new {'filter roast' if category == 'filter' else category} is here"
        assert scenario.email.received(category, favourite=category, subject=subject).once


def test_three_different_things_are_no_favourite() -> None:
    scenario = Scenario(space)
    ada = somebody_looks_at(scenario, "espresso", "filter", "tea")
    assert ada.has(favourite_category=None)
    scenario.clock.advance(days=7)
    assert ada.took("which", "everyone_else").once
    assert scenario.email.received("new", {"to": "ada@example.com"}, subject="Ada, see what is new").once


def test_two_looks_are_not_enough() -> None:
    scenario = Scenario(space)
    ada = somebody_looks_at(scenario, "tea", "tea")
    scenario.clock.advance(days=8)
    assert ada.entered("favourite-category").never


def test_coming_back_ends_the_journey_and_two_weeks_later_it_may_begin_again() -> None:
    scenario = Scenario(space)
    ada = somebody_looks_at(scenario, "tea", "tea", "tea")
    scenario.clock.advance(days=9)
    ada.does("Product Viewed", category="tea")
    assert ada.exited("favourite-category", rule="came-back").once
    scenario.clock.advance(days=13)
    assert ada.entered("favourite-category").once
    scenario.clock.advance(days=1)
    assert ada.entered("favourite-category").twice


def test_without_coming_back_it_ends_after_two_weeks() -> None:
    scenario = Scenario(space)
    ada = somebody_looks_at(scenario, "tea", "tea", "tea")
    scenario.clock.advance(days=7)
    assert ada.is_in("favourite-category")
    scenario.clock.advance(days=14)
    assert ada.exited("favourite-category", rule=None).once

"""Stories of three first steps in any order."""

from pathlib import Path

from journeys.testing import Scenario, space_from

space = space_from(Path(__file__).with_name("journey.py"))


def test_each_first_step_is_worth_a_word_and_the_crm_is_told_once() -> None:
    scenario = Scenario(space)
    bo = scenario.user("bo", email="bo@example.com")
    bo.does("Signed Up")
    assert scenario.email.received("Welcome", to=bo).once
    bo.does("Application Opened")
    assert scenario.email.received("App Tour Sent").once
    bo.is_(brews="filter")
    assert scenario.email.received("Recipes Sent").once
    bo.does("Order Completed")
    assert scenario.email.received("Brew Guide Sent").once
    assert bo.completed("onboarding").once
    assert scenario.crm.received("tell-crm").once
    assert bo.reached("tell-crm").times(3)


def test_what_was_done_before_the_sign_up_goes_on_at_once() -> None:
    scenario = Scenario(space)
    cy = scenario.user("cy", brews="espresso")
    cy.does("Signed Up")
    assert cy.took("first-steps", "taste profile").once
    assert cy.took("first-steps", "first order").never
    assert cy.waits_at("first-steps")


def test_whoever_does_nothing_leaves_after_thirty_days() -> None:
    scenario = Scenario(space)
    ada = scenario.user("ada")
    ada.does("Signed Up")
    scenario.clock.advance(days=29)
    assert ada.is_in("onboarding")
    scenario.clock.advance(days=1)
    assert ada.exited("onboarding", rule=None).once
    ada.does("Application Opened")
    assert scenario.email.received("App Tour Sent").never


def test_a_sign_up_as_a_visitor_is_theirs_when_they_log_in() -> None:
    scenario = Scenario(space)
    visitor = scenario.anonymous("visitor-1")
    visitor.does("Signed Up")
    scenario.clock.advance(days=1)
    visitor.becomes("cy")
    visitor.does("Order Completed")
    assert scenario.email.received("Brew Guide Sent", to="cy").once

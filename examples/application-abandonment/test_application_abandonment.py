"""Stories of applications that are begun and not sent."""

from pathlib import Path

from journeys.testing import Scenario, space_from

space = space_from(Path(__file__).with_name("journey.py"))


def test_nobody_is_disturbed_while_they_fill_in_step_after_step() -> None:
    scenario = Scenario(space)
    ada = scenario.user("ada", first_name="Ada")
    ada.does("Application Started", application_id="a-1")
    for step in ("name", "address", "bank"):
        scenario.clock.advance(hours=23)
        ada.does("Application Step Completed", application_id="a-1", step=step)
    assert ada.took("fills-in", "progress").times(3)
    assert scenario.email.received().never


def test_a_day_after_the_last_step_they_are_reminded_of_it() -> None:
    scenario = Scenario(space)
    ada = scenario.user("ada", first_name="Ada")
    ada.does("Application Started", application_id="a-1")
    ada.does("Application Step Completed", application_id="a-1", step="address")
    scenario.clock.advance(days=1)
    assert ada.took("fills-in", "timeout").once
    assert scenario.email.received("remind", to=ada, body="Hi Ada, you stopped at address.").once


def test_who_has_not_even_begun_stopped_at_the_first_step() -> None:
    scenario = Scenario(space)
    bo = scenario.anonymous("visitor-1")
    bo.does("Application Started", application_id="a-3")
    scenario.clock.advance(days=1)
    assert scenario.email.received("remind", body="Hi there, you stopped at the first step.").once


def test_sending_it_completes_the_journey_and_is_its_goal() -> None:
    scenario = Scenario(space)
    ada = scenario.user("ada")
    ada.does("Application Started", application_id="a-1")
    ada.does("Application Started", application_id="a-2")
    ada.does("Application Submitted", application_id="a-2")
    assert ada.took("fills-in", "submitted").once
    assert ada.completed("wholesale-application").once
    assert ada.reached_goal("wholesale-application").once
    assert ada.waits_at("fills-in")  # with the other one


def test_it_can_be_sent_within_three_days_of_the_reminder() -> None:
    scenario = Scenario(space)
    ada = scenario.user("ada")
    ada.does("Application Started", application_id="a-1")
    scenario.clock.advance(days=3)
    ada.does("Application Submitted", application_id="a-1")
    assert ada.took("second-chance", "submitted").once
    scenario.settle()
    assert scenario.crm.received().never


def test_in_the_end_sales_is_asked_to_call() -> None:
    scenario = Scenario(space)
    bo = scenario.user("bo", company="Café Bo", phone="+49 30 123")
    bo.does("Application Started", application_id="a-3")
    scenario.clock.advance(days=4)
    assert bo.took("second-chance", "timeout").once
    task = "Call Café Bo about their application."
    assert scenario.crm.received("call", to=bo, task=task, application="a-3", phone="+49 30 123").once


def test_withdrawing_the_application_ends_its_journey_and_no_other() -> None:
    scenario = Scenario(space)
    cy = scenario.user("cy")
    cy.does("Application Started", application_id="a-4")
    cy.does("Application Withdrawn", application_id="a-9")
    assert cy.is_in("wholesale-application")
    cy.does("Application Withdrawn", application_id="a-4")
    assert cy.exited("wholesale-application", rule="withdrawn").once
    assert not cy.is_in("wholesale-application")

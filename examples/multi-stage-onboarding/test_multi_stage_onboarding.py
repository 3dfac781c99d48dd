"""Stories of new customers, stage after stage."""

from pathlib import Path

from journeys.testing import Scenario, User, space_from

space = space_from(Path(__file__).with_name("journey.py"))
JOURNEY = "multi-stage-onboarding"


def ada_signs_up(scenario: Scenario, **traits: object) -> User:
    subscriptions = {"email": "subscribed", "sms": "subscribed"}
    known = {"email": "ada@example.com", "first_name": "Ada", "subscriptions": subscriptions}
    ada = scenario.user("ada", {**known, **traits})
    ada.does("Signed Up")
    return ada


def test_everybody_is_welcomed_once() -> None:
    scenario = Scenario(space)
    ada = ada_signs_up(scenario)
    ada.does("Signed Up")
    assert ada.entered(JOURNEY).once
    assert scenario.email.received("welcome", to=ada, greeting="Hi Ada").once


def test_the_straight_way() -> None:
    scenario = Scenario(space)
    ada = ada_signs_up(scenario)
    ada.does("Taste Profile Completed")
    assert ada.took("profile", "done").once
    scenario.clock.advance(days=1)
    ada.does("Order Completed")
    assert ada.took("first-order", "ordered").once
    assert ada.completed(JOURNEY).once
    assert ada.reached_goal(JOURNEY).once
    assert scenario.crm.received("Customer Onboarded", email="ada@example.com").once


def test_who_does_nothing_is_asked_by_mail_then_by_text_message_and_handed_over_in_the_end() -> None:
    scenario = Scenario(space)
    ada = ada_signs_up(scenario)
    scenario.clock.advance(days=1)
    assert scenario.email.received("profile-mail").once
    scenario.clock.advance(days=2)
    assert ada.took("profile-again", "timeout").once
    assert scenario.sms.received("profile-sms", to=ada).once
    scenario.clock.advance(days=3)
    assert ada.took("suggest", "everyone_else").once
    assert scenario.email.received("tasting").once
    scenario.clock.advance(days=4)
    assert ada.took("last-chance", "timeout").once
    assert scenario.crm.received("hand-over", task="Ask Ada what is missing.", email="ada@example.com").once


def test_who_is_not_subscribed_hears_nothing_but_the_welcome() -> None:
    scenario = Scenario(space)
    ada = ada_signs_up(scenario, subscriptions={"email": "unsubscribed"})
    scenario.settle()
    assert ada.skipped("profile-mail").once and ada.skipped("profile-sms").once and ada.skipped("tasting").once
    assert scenario.email.received().once
    assert scenario.sms.received().never


def test_the_profile_may_come_after_the_reminder() -> None:
    scenario = Scenario(space)
    ada = ada_signs_up(scenario)
    scenario.clock.advance(days=2)
    ada.does("Taste Profile Completed")
    assert ada.took("profile-again", "done").once
    assert ada.waits_at("first-order")


def test_an_order_skips_the_stages_that_have_become_needless() -> None:
    at_once = Scenario(space)
    ada = ada_signs_up(at_once)
    ada.does("Order Completed")
    assert ada.took("profile", "ordered").once
    assert at_once.crm.received("Customer Onboarded").once

    after_the_reminder = Scenario(space)
    ada = ada_signs_up(after_the_reminder)
    after_the_reminder.clock.advance(days=2)
    ada.does("Order Completed")
    assert ada.took("profile-again", "ordered").once
    assert after_the_reminder.crm.received("Customer Onboarded").once


def test_the_suggestion_fits_the_profile() -> None:
    for brews in ("espresso", "filter"):
        scenario = Scenario(space)
        ada = ada_signs_up(scenario, brews=brews)
        ada.does("Taste Profile Completed")
        scenario.clock.advance(days=3)
        assert ada.took("suggest", brews).once
        assert scenario.email.received(f"{brews}-set").once
        ada.does("Order Completed")
        assert ada.took("last-chance", "ordered").once
        assert scenario.crm.received("Customer Onboarded", brews=brews).once

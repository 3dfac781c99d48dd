"""Stories of trials in which nothing happens."""

from pathlib import Path

from journeys.testing import Scenario, User, space_from

space = space_from(Path(__file__).with_name("journey.py"))
JOURNEY = "trial-re-engagement"
#: the clocks of Berlin go forward on the Sunday after
THURSDAY = "2026-03-26T16:00:00Z"


def ada_begins_a_trial(scenario: Scenario, **traits: object) -> User:
    subscriptions = {"email": "subscribed", "sms": "subscribed"}
    known = {"first_name": "Ada", "email": "ada@example.com", "subscriptions": subscriptions}
    ada = scenario.user("ada", {"timezone": "Europe/Berlin", **known, **traits})
    ada.does("Trial Started")
    return ada


def test_who_puts_a_box_together_is_left_in_peace() -> None:
    scenario = Scenario(space, start=THURSDAY)
    ada = ada_begins_a_trial(scenario)
    scenario.clock.advance(days=1)
    ada.does("Box Customised")
    scenario.clock.advance(days=1)
    assert ada.took("active", "true").once
    assert ada.completed(JOURNEY).once
    ada.does("Subscription Started")
    assert ada.reached_goal(JOURNEY).once


def test_tips_come_at_nine_in_the_morning_of_the_next_working_day_by_their_own_clock() -> None:
    for zone, nine in (("Europe/Berlin", "07:00"), ("Asia/Tokyo", "00:00"), ("nowhere", "07:00")):
        scenario = Scenario(space, start=THURSDAY)
        ada = ada_begins_a_trial(scenario, timezone=zone)
        scenario.at(f"2026-03-30T{nine}:00Z")
        assert ada.took("active", "false").once
        assert ada.waits_at("morning")
        scenario.clock.set(f"2026-03-30T{nine}:00Z")
        assert scenario.email.received("tips", to=ada, greeting="Good morning Ada").once


def test_who_reacts_to_them_gets_no_last_call() -> None:
    scenario = Scenario(space, start=THURSDAY)
    ada = ada_begins_a_trial(scenario)
    scenario.clock.advance(days=5)
    ada.does("Box Customised")
    assert ada.took("reacts", "customised").once
    scenario.settle()
    assert scenario.sms.received().never


def test_three_days_later_comes_the_last_call() -> None:
    scenario = Scenario(space, start=THURSDAY)
    ada = ada_begins_a_trial(scenario)
    scenario.clock.set("2026-04-02T07:00:00Z")
    assert ada.took("reacts", "timeout").once
    assert scenario.sms.received("last-call", to=ada).once


def test_who_subscribes_leaves_at_once() -> None:
    scenario = Scenario(space, start=THURSDAY)
    ada = ada_begins_a_trial(scenario)
    ada.does("Subscription Started")
    assert ada.exited(JOURNEY, rule="subscribed").once
    assert ada.reached_goal(JOURNEY).once
    assert scenario.crm.received().never


def test_the_loss_of_a_trial_is_told_to_the_crm_and_once_is_once() -> None:
    scenario = Scenario(space, start=THURSDAY)
    ada = ada_begins_a_trial(scenario)
    ada.does("Trial Cancelled")
    assert ada.exited(JOURNEY, rule="cancelled").once
    assert scenario.crm.received("Trial Lost", to=ada, email="ada@example.com").once
    ada.does("Trial Started")
    assert ada.entered(JOURNEY).once


def test_who_is_not_subscribed_is_skipped() -> None:
    scenario = Scenario(space, start=THURSDAY)
    ada = ada_begins_a_trial(scenario, subscriptions={})
    scenario.settle()
    assert ada.skipped("tips").once and ada.skipped("last-call").once

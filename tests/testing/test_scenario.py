"""Scenarios: what people do, how time passes, and that nothing is asked for that cannot be."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from journeys import Delivery, InvalidCall, InvalidDefinition, Retry, Settings, Space, dump_space
from journeys.runtime.simulation import Simulation
from journeys.testing import Recorder, Scenario, _compiled
from tests.testing.spaces import cart, loyal, shop


def test_a_story() -> None:
    scenario = Scenario(shop)
    ada = scenario.user("ada", email="ada@example.com")
    ada.does("Cart Modified", cart_id="c1", value=80)
    scenario.clock.advance(hours=2)
    assert scenario.email.received("Cart Abandoned", to=ada).once
    assert ada.completed("cart").once


def test_destinations_are_recorders_whatever_the_space_says() -> None:
    scenario = Scenario(shop)
    assert isinstance(scenario.crm, Recorder) and isinstance(scenario.destination("ads"), Recorder)
    assert scenario.ads.is_list and not scenario.crm.is_list


@pytest.mark.parametrize(
    "definition",
    [cart, [cart], (each for each in [cart]), dump_space(Space(journeys=[cart])), json.dumps(dump_space(shop))],
    ids=["journey", "list", "iterator", "mapping", "text"],
)
def test_journeys_and_documents_are_spaces_too(definition: Any) -> None:
    if isinstance(definition, dict):
        definition["destinations"] = {"email": {"type": "record"}, "crm": {"type": "record"}}
    scenario = Scenario(definition)
    ada = scenario.user("ada")
    ada.does("Cart Modified", cart_id="c1", value=80)
    scenario.clock.advance("PT2H")
    assert scenario.email.received("Cart Abandoned").once


def test_the_destinations_of_journeys_alone_are_found_in_their_steps() -> None:
    scenario = Scenario([cart, attrs.evolve(loyal, entry=cart.entry)])
    assert sorted(scenario.destinations) == ["ads", "crm", "email"]
    assert scenario.ads.is_list


def test_an_invalid_space_is_refused() -> None:
    with pytest.raises(InvalidDefinition, match="nowhere"):
        Scenario(attrs.evolve(cart, start="nowhere"))


def test_a_space_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_compiled, "_cache", {})
    first = Scenario(shop).evaluator._core.plan
    assert Scenario(shop).evaluator._core.plan is first
    assert Scenario([cart]).evaluator._core.plan is Scenario([cart]).evaluator._core.plan
    assert Scenario(shop, destinations={"email": Recorder()}).evaluator._core.plan is first
    for number in range(_compiled.KEPT + 3):
        Scenario(attrs.evolve(cart, key=f"cart-{number}"))
    assert len(_compiled._cache) == _compiled.KEPT


def test_scenarios_of_one_space_know_nothing_of_each_other() -> None:
    one, other = Scenario(shop), Scenario(shop)
    one.user("ada").does("Cart Modified", cart_id="c1", value=80)
    assert other.user("ada").entered("cart").never
    one.clock.advance(hours=2)
    assert other.email.received().never and other.clock.now() < one.clock.now()


# people


def test_properties_and_traits_may_stand_in_a_dict_too() -> None:
    scenario = Scenario(shop)
    ada = scenario.user("ada", {"first name": "Ada"}, plan="pro")
    ada.does("Cart Modified", {"cart_id": "c1", "at once": True}, value=80)
    assert ada.has({"first name": "Ada", "plan": "pro"})
    assert scenario.calls[-1]["properties"] == {"cart_id": "c1", "at once": True, "value": 80}


def test_every_kind_of_call() -> None:
    scenario = Scenario(shop)
    ada = scenario.user("ada")
    ada.is_(plan="pro")
    ada.identifies(plan=None)
    ada.sees("Home", path="/")
    ada.sees_screen("Cart")
    ada.joins("acme", size=3)
    visitor = scenario.anonymous("v1", source="ad")
    visitor.does("Cart Modified", cart_id="c1", value=80)
    visitor.becomes("ada", email="ada@example.com")
    ada.becomes("ada-2", plan="team")
    assert [call["type"] for call in scenario.calls] == [
        *("identify", "identify", "page", "screen", "group", "identify", "track", "identify", "alias", "identify")
    ]
    assert scenario.calls[7]["userId"] == "ada" and scenario.calls[7]["anonymousId"] == "v1"
    assert scenario.calls[8] == {
        "type": "alias",
        "previousId": "ada",
        "userId": "ada-2",
        "messageId": "call-9",
        "timestamp": "2026-01-05T09:00:00.000001Z",
    }
    assert ada.has({"groups.acme": {"size": 3}}, plan="team", email="ada@example.com", source="ad")
    assert ada.ids == {"ada-2", "ada", "v1"}
    assert ada.is_in("cart") and visitor.is_in("cart")
    assert scenario.people == (ada,)
    assert scenario.timeline("v1") == scenario.timeline("ada") == ada.timeline


def test_the_same_id_is_the_same_person_but_a_visitor_is_another() -> None:
    scenario = Scenario(shop)
    assert scenario.user("ada") is scenario.user("ada", plan="pro")
    assert scenario.anonymous("ada") is not scenario.user("ada")
    assert scenario.user("ada").has(plan="pro") and not scenario.anonymous("ada").has(plan="pro")


def test_a_call_that_arrives_twice() -> None:
    scenario = Scenario(shop)
    ada = scenario.user("ada")
    with pytest.raises(ValueError, match="ada has not done anything"):
        ada.repeats()
    assert ada.does("Cart Modified", cart_id="c1", value=80).status == "accepted"
    assert ada.repeats().status == "duplicate"
    assert ada.took("hold", "changed").never


def test_late_calls() -> None:
    scenario = Scenario(shop)
    ada = scenario.user("ada")
    scenario.clock.advance(hours=5)
    assert (
        ada.at(scenario.clock.ago(hours=1, minutes=30)).does("Cart Modified", cart_id="c1", value=80).status == "late"
    )
    assert ada.repeats().status == "duplicate"
    assert scenario.calls[-1]["timestamp"] == "2026-01-05T12:30:00Z"
    assert ada.at("2026-01-05T10:00:00Z").is_(plan="pro").status == "late"
    earlier = scenario.anonymous("v1")
    earlier.at(scenario.clock.ago("PT1H")).becomes("bo")
    assert earlier.user_id == "bo"


def test_a_person_at_an_instant_to_come_takes_the_scenario_there() -> None:
    scenario = Scenario(shop)
    ada = scenario.user("ada")
    ada.at("2026-01-06T00:00:00Z").does("Cart Modified", cart_id="c1", value=80)
    assert str(scenario.clock) == "2026-01-06T00:00:00Z"
    assert scenario.trace()[0]["at"] == "2026-01-06T00:00:00Z"


def test_a_call_that_nobody_understands_is_a_mistake_of_the_test() -> None:
    scenario = Scenario(shop)
    with pytest.raises(InvalidCall, match="userId is empty"):
        scenario.user("").does("Cart Modified")
    with pytest.raises(InvalidCall, match="finite JSON value"):
        scenario.user("ada").does("Cart Modified", value=float("nan"))
    with pytest.raises(InvalidCall, match="unknown type"):
        scenario.feed({"type": "trakc"})


# time


def test_what_happens_one_after_the_other_is_a_microsecond_apart() -> None:
    """Goals and funnels ask for strictly later (S11, C8)."""
    scenario = Scenario(shop)
    ada, bo = scenario.user("ada", plan="pro"), scenario.user("bo")
    ada.does("Cart Modified", cart_id="c1", value=80)
    bo.does("Cart Modified", cart_id="c2", value=80)
    ada.does("Order Completed", cart_id="c1")
    assert ada.reached_goal("cart").once
    assert [call["timestamp"][17:] for call in scenario.calls] == ["00Z", "00Z", "00Z", "00.000001Z"]


def test_two_hours_after_an_advance_are_two_hours() -> None:
    scenario = Scenario(shop)
    ada = scenario.user("ada")
    for number in range(3):
        ada.does("Cart Modified", cart_id="c1", value=80 + number)
        scenario.clock.advance(hours=1)
    scenario.clock.advance(hours=1)
    assert scenario.email.received("Cart Abandoned").once


def test_at_an_instant_people_act_before_what_is_due_then() -> None:
    scenario = Scenario(shop)
    ada = scenario.user("ada")
    ada.does("Cart Modified", cart_id="c1", value=80)
    assert scenario.at("2026-01-05T11:00:00Z") is scenario
    assert scenario.email.received().never
    ada.does("Order Completed", cart_id="c1")
    assert ada.took("hold", "bought").once


def test_clock() -> None:
    scenario = Scenario(shop, start="2026-02-01T00:00:00Z")
    clock = scenario.clock
    scenario.user("ada").does("Cart Modified", cart_id="c1", value=80)
    clock.set("2026-02-01T02:00:00Z")
    assert scenario.email.received("Cart Abandoned").once
    assert (str(clock), repr(clock)) == ("2026-02-01T02:00:00Z", "<StoryClock at 2026-02-01T02:00:00Z>")
    assert clock.advance("P1M", days=1) == clock.now()
    assert str(clock) == "2026-03-02T02:00:00Z"
    assert clock.ago() == clock.now()
    for move in (clock.set, clock.reach, scenario.at):
        with pytest.raises(ValueError, match="2026-03-02T02:00:00Z already, and time does not go back"):
            move("2026-03-01T00:00:00Z")


def test_settle() -> None:
    scenario = Scenario(shop)
    ada = scenario.user("ada", first_name="Ada", subscriptions={"email": "subscribed"})
    ada.does("Cart Modified", cart_id="c1", value=80)
    scenario.settle("2026-01-05T10:00:00Z")
    assert scenario.email.received().never
    scenario.settle()
    assert scenario.email.received().twice
    assert str(scenario.clock) == "2026-01-05T11:00:00Z"


def test_a_space_that_allows_lateness() -> None:
    scenario = Scenario(attrs.evolve(shop, settings=Settings(allowed_lateness="PT10M")))
    ada = scenario.user("ada")
    scenario.clock.advance(minutes=30)
    ada.does("Cart Modified", cart_id="c1", value=80)
    assert "not applied yet, because of allowed_lateness" in ada.timeline
    scenario.clock.advance(minutes=10)
    assert ada.is_in("cart")
    assert "not applied yet" not in ada.timeline


# reading


def test_the_calls_can_be_replayed_by_a_simulation() -> None:
    scenario = Scenario(shop)
    ada = scenario.user("ada", first_name="Ada", subscriptions={"email": "subscribed"})
    for revenue in (60, 70):
        ada.does("Order Completed", revenue=revenue)
        scenario.clock.advance(days=3)
    ada.does("Cart Modified", cart_id="c1", value=80)
    scenario.settle()
    simulation = Simulation(shop)
    simulation.feed(scenario.calls)
    simulation.finish(scenario.clock.now())
    assert [json.loads(line) for line in simulation.trace()] == scenario.trace()
    assert scenario.trace()


def test_calls_can_be_fed_as_they_are() -> None:
    scenario = Scenario(shop)
    call = {"type": "track", "userId": "ada", "event": "Cart Modified", "properties": {"cart_id": "c1", "value": 80}}
    answers = scenario.feed_many([{**call, "timestamp": f"2026-01-05T0{hour}:00:00Z"} for hour in (9, 8)])
    assert [answer.status for answer in answers] == ["accepted", "late"]
    assert scenario.feed(call).status == "accepted"
    assert scenario.user("ada").took("hold", "changed").twice


def test_journeys_may_be_published_in_the_story() -> None:
    scenario = Scenario([cart])
    ada = scenario.user("ada")
    ada.does("Cart Modified", cart_id="c1", value=80)
    scenario.evaluator.publish(attrs.evolve(cart, key="other-cart", start="wait", steps={
        "wait": attrs.evolve(cart.steps["hold"], timeout=None)
    }))  # fmt: skip
    ada.does("Cart Modified", cart_id="c2", value=80)
    assert ada.waits_at("wait") and ada.waits_at("hold")
    assert "wait" not in Scenario([cart]).names.steps


def test_who_is_asked_for_must_be_there() -> None:
    scenario = Scenario(shop)
    scenario.user("ada")
    with pytest.raises(ValueError, match="nobody is called 'aba': did you mean 'ada'"):
        scenario.timeline("aba")
    with pytest.raises(ValueError, match="no destination is called 'emial': did you mean 'email'"):
        scenario.destination("emial")
    with pytest.raises(AttributeError, match="no attribute and no destination 'emial': did you mean 'email'"):
        _ = scenario.emial
    with pytest.raises(AttributeError):
        _ = scenario._nothing
    assert repr(scenario) == "<Scenario of ada at 2026-01-05T09:00:00Z>"
    assert repr(Scenario(shop)) == "<Scenario of nobody yet at 2026-01-05T09:00:00Z>"


def test_a_destination_with_a_hyphen_is_an_attribute_with_an_underscore() -> None:
    nudge = attrs.evolve(
        cart.steps["nudge"], activations=[attrs.evolve(cart.steps["nudge"].activations[0], destination="e-mail")]
    )
    scenario = Scenario(attrs.evolve(cart, steps={**cart.steps, "nudge": nudge}))
    assert scenario.e_mail is scenario.destination("e-mail")


# destinations of the test's own


def test_a_destination_that_is_given_gets_its_deliveries() -> None:
    class Moody:
        def __init__(self) -> None:
            self.tries: list[Delivery] = []

        def deliver(self, delivery: Delivery) -> None:
            self.tries.append(delivery)
            if len(self.tries) < 3:
                raise Retry

    moody = Moody()
    scenario = Scenario(shop, destinations={"email": moody})
    scenario.user("ada").does("Cart Modified", cart_id="c1", value=80)
    scenario.clock.advance(hours=2)
    assert len(moody.tries) >= 1
    assert scenario.email.received("Cart Abandoned").never
    for _ in range(10):
        scenario.clock.advance(minutes=10)
    assert scenario.email.received("Cart Abandoned").once
    assert scenario.email.received("Second Thoughts").once


def test_a_list_that_is_given_gets_batches() -> None:
    class List:
        def __init__(self) -> None:
            self.calls: list[str] = []

        def deliver(self, delivery: Delivery) -> None: ...

        def deliver_batch(self, deliveries: list[Delivery]) -> None:
            self.calls += [each.call for each in deliveries]

    given = List()
    scenario = Scenario(shop, destinations={"ads": given})
    ada = scenario.user("ada")
    ada.does("Order Completed", revenue=60)
    ada.does("Order Completed", revenue=60)
    assert ada.is_on("ads")
    scenario.clock.advance(days=7)
    assert given.calls == ["add", "remove"]
    assert scenario.ads.members == []
    assert scenario.ads.received("ads").twice


def test_a_destination_that_is_given_must_be_one_of_the_space() -> None:
    with pytest.raises(ValueError, match="no destination is called 'emial': did you mean 'email'"):
        Scenario(shop, destinations={"emial": Recorder()})


@pytest.mark.parametrize(
    ("error", "message", "what"),
    [
        (ValueError, "time does not go back", lambda s: s.clock.advance(hours=-1)),
        (TypeError, "by how much", lambda s: s.clock.advance()),
        (ValueError, "not ago but to come", lambda s: s.clock.ago(hours=-1)),
        (InvalidCall, "userId is empty", lambda s: s.user("")),
        (InvalidCall, "userId must be text, got 5", lambda s: s.user(5)),
        (ValueError, "a anonymousId, got None", lambda s: s.anonymous(None)),
        (ValueError, "nobody is called 'ada': there is nobody yet", lambda s: s.timeline("ada")),
    ],
)
def test_what_cannot_be(error: type[Exception], message: str, what: Any) -> None:
    with pytest.raises(error, match=message):
        what(Scenario(shop))


def test_who_is_named_in_calls_is_somebody() -> None:
    """So that a test which feeds calls tells their story when it fails."""
    scenario = Scenario(shop)
    scenario.feed_many(
        [
            {"type": "track", "userId": "ada", "event": "Cart Modified", "properties": {"cart_id": "c1", "value": 80}},
            {"type": "identify", "userId": "bo", "anonymousId": "d7"},
        ]
    )
    assert [str(each) for each in scenario.people] == ["ada", "bo"]
    assert "cart [c1]: enters" in scenario.timeline("ada")
    assert scenario.user("ada").waits_at("hold") and scenario.email.received(to="d7").never

"""Questions and verdicts: what they find, how they read, and that a wrong name is no silent no."""

from __future__ import annotations

from typing import Any
from unittest.mock import ANY

import attrs
import pytest

from journeys import Activation, Delivery, SendToDestination, TraitRef
from journeys.testing import Recorder, Scenario, User, assert_received, assert_that
from journeys.testing.verdicts import asked
from tests.testing.spaces import cart, shop


@pytest.fixture
def scenario() -> Scenario:
    scenario = Scenario(shop)
    for name, cart_id in (("ada", "c1"), ("ada", "c2"), ("bo", "c3")):
        person = scenario.user(name, email=f"{name}@example.com")
        person.does("Cart Modified", cart_id=cart_id, value=80)
    scenario.clock.advance(hours=2)
    return scenario


@pytest.fixture
def ada(scenario: Scenario) -> User:
    return scenario.user("ada")


def test_how_often(scenario: Scenario, ada: User) -> None:
    found = scenario.email.received("Cart Abandoned", to=ada)
    assert found and found.twice and found.times(2) and found.at_least(1) and len(found) == 2
    assert not found.once and not found.never and not found.at_least(3)
    assert not scenario.email.received("Cart Abandoned", to=scenario.user("nobody"))


def test_what_was_received(scenario: Scenario, ada: User) -> None:
    found = scenario.email.received("Cart Abandoned", to=ada)
    assert [payload["properties"]["journey_context"]["Cart Modified"]["cart_id"] for payload in found] == ["c1", "c2"]
    assert found.payloads[0] is found.first and found.payloads[1] is found.last
    assert found.first["event"] == "Cart Abandoned" and found.first["userId"] == "ada"


@pytest.mark.parametrize(
    ("destination", "question", "number"),
    [
        ("email", {}, 6),
        ("email", {"what": "Cart Abandoned"}, 3),
        ("email", {"what": "Second Thoughts"}, 3),
        ("email", {"what": "nudge"}, 6),
        ("email", {"what": "Nudge"}, 6),
        ("email", {"what": "Cart Abandoned", "email": "ada@example.com"}, 2),
        ("email", {"what": "Cart Abandoned", "cart_id": "c1"}, 1),
        ("email", {"what": "Cart Abandoned", "cart_id": "c1", "value": 80.0}, 1),
        ("email", {"what": "Cart Abandoned", "value": True}, 0),
        ("email", {"what": "Cart Abandoned", "revenue": None}, 0),
        ("email", {"what": "Cart Abandoned", "email": ANY}, 3),
        ("email", {"journey_metadata.journey_id": "cart"}, 6),
        ("crm", {"to": "c1"}, 0),
        ("crm", {"what": "nudge"}, 3),
        ("crm", {"what": "Nudge", "to": "ada@example.com"}, 2),
        ("crm", {"by.whom": {"name": "shop"}}, 3),
        ("crm", {"by.whom.name": "shop"}, 3),
        ("crm", {"what": "Left"}, 0),
        ("crm", {"what": "exit"}, 0),
    ],
)
def test_which_are_meant(scenario: Scenario, destination: str, question: dict[str, Any], number: int) -> None:
    question = dict(question)
    what = question.pop("what", None)
    assert scenario.destination(destination).received(what, question).times(number)


def test_an_exit_send_has_its_event_or_is_called_exit(scenario: Scenario, ada: User) -> None:
    ada.does("Cart Modified", cart_id="c9", value=80)
    ada.does("Account Deleted")
    assert scenario.crm.received("Left").once and scenario.crm.received("exit").once
    sends = attrs.evolve(cart.exit_send, activation=attrs.evolve(cart.exit_send.activation, mapping={"id": 1}))
    other = Scenario(attrs.evolve(cart, exit_send=sends))
    other.user("ada").does("Cart Modified", cart_id="c9", value=80)
    other.user("ada").does("Account Deleted")
    assert other.crm.received("exit", id=1).once and other.crm.received("Left").once


def test_other_kinds_of_deliveries(scenario: Scenario, ada: User) -> None:
    ada.is_(first_name="Ada", subscriptions={"email": "subscribed"}, answered="yes")
    ada.does("Order Completed", revenue=70)
    ada.does("Order Completed", revenue=70)
    assert scenario.email.received("letter", subject="Hi Ada").once
    assert scenario.crm.received("thanks", answered="yes").once
    assert scenario.crm.received("Audience Entered", vip=True, to=ada).once
    assert scenario.ads.received("ads", first_name="Ada").once


def test_what_can_be_asked_of_people(scenario: Scenario, ada: User) -> None:
    bo = scenario.user("bo")
    assert ada.entered("cart").twice and ada.completed("cart").twice and ada.reached("nudge").twice
    assert ada.took("hold", "timeout").twice and ada.took("hold", "timeout", journey="cart").twice
    assert ada.took("hold", "bought").never and ada.reached_goal("cart").never and ada.expired("cart").never
    assert not ada.is_in("cart") and not ada.waits_at("hold")
    ada.does("Cart Modified", cart_id="c1", value=80)
    ada.does("Cart Modified", cart_id="c2", value=80)
    assert ada.is_in("cart") and ada.waits_at("hold") and ada.waits_at("hold", journey="cart")
    ada.does("Cart Emptied", cart_id="c1")
    ada.does("Account Deleted")
    assert ada.exited("cart").twice and ada.exited("cart", rule="gone").once and ada.exited("loyal", rule=None).never
    assert ada.exited("cart", "emptied").first["rule"] == "emptied"
    ada.does("Order Completed", revenue=80)
    ada.does("Order Completed", revenue=80)
    assert ada.in_audience("vip") and ada.has(spent=160) and ada.is_on("ads")
    assert ada.skipped("letter").once and ada.waits_at("answer")
    assert ada.reached_goal("cart").times(4)  # also of those that have ended (S11)
    assert not bo.in_audience("vip") and not bo.has(spent=160) and not bo.is_on("ads")
    scenario.clock.advance(days=30)
    assert ada.exited("loyal", rule=None).once
    assert ada.profile is not None and ada.profile.user_id == "ada"
    assert scenario.user("nobody").profile is None and not scenario.user("nobody").has(spent=1)


def test_who_has_completed_an_audience_based_journey_is_in_it(scenario: Scenario, ada: User) -> None:
    ada.is_(answered=1)
    ada.does("Order Completed", revenue=8)
    ada.does("Order Completed", revenue=8)
    assert ada.completed("loyal").once and ada.is_in("loyal")
    assert "stays in loyal, which is completed, for 30 days after Monday 2026-01-05 11:00:00" in ada.timeline


WRONG = [
    ("no journey is called 'crat': did you mean 'cart'", lambda s, ada: ada.entered("crat")),
    ("no journey is called 'crat'", lambda s, ada: ada.is_in("crat")),
    ("no step is called 'hodl': did you mean 'hold'", lambda s, ada: ada.waits_at("hodl")),
    ("no step of loyal is called 'hold'", lambda s, ada: ada.reached("hold", journey="loyal")),
    ("no branch of hold is called 'bougth': did you mean 'bought'", lambda s, ada: ada.took("hold", "bougth")),
    ("no branch of nudge is called 'x': there is none at all", lambda s, ada: ada.took("nudge", "x")),
    ("no exit rule of cart is called 'empty': did you mean", lambda s, ada: ada.exited("cart", rule="empty")),
    ("no audience is called 'vips': did you mean 'vip'", lambda s, ada: ada.in_audience("vips")),
    ("no destination is called 'add': did you mean 'ads'", lambda s, ada: ada.is_on("add")),
    ("no step is called 'lettre'", lambda s, ada: ada.skipped("lettre")),
    ("sent to email is called 'Cart Abandond': did you mean", lambda s, ada: s.email.received("Cart Abandond")),
    ("nobody is called 'adda': did you mean 'ada'", lambda s, ada: s.email.received(to="adda")),
    ("ada is somebody of another scenario", lambda s, ada: Scenario(shop).email.received(to=ada)),
    ("loyal has no goal", lambda s, ada: ada.reached_goal("loyal")),
    ("cart has no exit_after", lambda s, ada: ada.exited("cart", None)),
    ("nudge sends no message", lambda s, ada: ada.skipped("nudge")),
    ("email is no list", lambda s, ada: ada.is_on("email")),
    ("a whole number that is not negative, got the text '1'", lambda s, ada: ada.entered("cart").times("1")),
    ("a whole number that is not negative, got -1", lambda s, ada: ada.entered("cart").at_least(-1)),
    ("sent to ads is called 'Cart Abandoned'", lambda s, ada: s.ads.received("Cart Abandoned")),
    ("sent to email is called 'crat_id': did you mean 'cart_id'", lambda s, ada: s.email.received(crat_id="c1")),
    ("sent to email is called 'colour': one of .*, cart_id, email", lambda s, ada: s.email.received(colour=1)),
    ("sent to mapped is called 'emial': did you mean 'email'", lambda s, ada: mapped().received(emial="x")),
    ("sent to mapped is called 'value': one of", lambda s, ada: mapped().received(value=80)),
]


def mapped() -> Recorder:
    mapping = {"email": TraitRef("email"), "what": "nudged"}
    step = SendToDestination([Activation("mapped", mapping=mapping)])
    return Scenario(attrs.evolve(cart, start="send", steps={"send": step}, exit_send=None)).mapped


@pytest.mark.parametrize(("message", "question"), WRONG)
def test_a_name_that_the_space_does_not_know(message: str, question: Any, scenario: Scenario, ada: User) -> None:
    with pytest.raises(ValueError, match=message):
        question(scenario, ada)


@pytest.mark.parametrize(
    ("message", "question"),
    [
        ("journey: expected a name as text, got 5", lambda s, ada: ada.entered(5)),
        ("has what", lambda s, ada: ada.has()),
        ("expected a question like .*, got True", lambda s, ada: assert_that(True)),  # type: ignore[arg-type]
        ("expected a recorder .*, got the text 'email'", lambda s, ada: assert_received("email", "x")),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_question(message: str, question: Any, scenario: Scenario, ada: User) -> None:
    with pytest.raises(TypeError, match=message):
        question(scenario, ada)


def test_a_property_that_somebody_could_say_may_be_asked_for(ada: User) -> None:
    quiet = Scenario(shop)
    assert quiet.email.received("Cart Abandoned", cart_id="c1").never  # the identifier, though nobody did anything
    assert quiet.email.received(None, {"journey_metadata.journey_id": "cart"}, subject="Hi", value=80).never
    assert quiet.crm.received(vip=True, to=quiet.user("bo")).never and quiet.ads.received(answered=1).never
    quiet.user("bo").does("Order Completed", colour="red")
    quiet.user("bo").sees("Home")
    assert quiet.email.received(colour="red").never and quiet.email.received(page_name="Home").never


def test_what_was_found_is_not_compared_with_a_number(ada: User) -> None:
    found = ada.entered("cart")
    for other in (2, True, [], ()):
        with pytest.raises(TypeError, match=r"'ada entered cart' equals no .*: write \.once, \.times\("):
            assert found == other
        with pytest.raises(TypeError, match=r"write \.once"):
            assert found != other
    assert found == found and found == ANY and found != ada.entered("cart") and {found}


def test_how_they_read(scenario: Scenario, ada: User) -> None:
    email = scenario.email
    assert repr(email) == "<email: 6 deliveries>" and repr(ada) == "<User ada>"
    assert repr(email.received("Cart Abandoned", to=ada, cart_id="c1")) == (
        '<email received Cart Abandoned for ada (cart_id "c1"): once>'
    )
    assert repr(email.received().never) == "<email received anything: 6 times, expected never>"
    assert (
        str(email.received(to="ada").at_least(9))
        == "email received anything for ada: 4 times, expected at least 9 times"
    )
    assert str(ada.is_in("cart")) == "ada is in cart: it ended as completed, Monday 2026-01-05 11:00:00"
    assert str(ada.is_in("loyal")) == "ada is in loyal: they never entered it"
    assert str(ada.waits_at("hold")) == "ada waits at hold: they wait nowhere"
    assert str(ada.has(spent=3, plan="pro")) == 'ada has (spent 3, plan "pro"): spent is not set, plan is not set'
    assert str(ada.is_on("ads")) == "ada is on ads: their lists: none"
    assert str(ada.in_audience("vip")) == "ada is in the audience vip: their audiences: none"
    assert str(ada.exited("loyal", rule=None).once) == "ada exited loyal by exit_after: never, expected once"
    ada.does("Cart Modified", cart_id="c1", value=80)
    assert str(ada.is_in("cart")) == "ada is in cart: they are live"
    assert str(ada.waits_at("nudge")) == "ada waits at nudge: they wait at hold of cart"


def test_an_explanation_tells_what_else_came_and_the_story(scenario: Scenario, ada: User) -> None:
    told = scenario.email.received("Cart Abandoned", to=ada).once.explain()
    assert told.startswith(
        "email received Cart Abandoned for ada: twice, expected once\nemail received:\n  Cart Abandoned for ada, cart: nudge\n"
    )
    assert told.endswith(ada.timeline)
    assert "\nbo\n" not in told
    everybody = scenario.email.received("Cart Abandoned").once.explain()
    assert ada.timeline in everybody and scenario.user("bo").timeline in everybody
    assert "email received nothing at all" in Scenario(shop).email.received("nudge").once.explain()


def test_an_explanation_does_not_tell_of_everybody() -> None:
    scenario = Scenario(shop)
    for number in range(9):
        scenario.user(f"user-{number}").does("Cart Modified", cart_id="c1", value=80)
    scenario.clock.advance(hours=2)
    told = scenario.email.received("nudge").never.explain()
    assert "email received 8 more, then:" in told
    assert told.endswith("and 5 more people")


def test_first_and_last_of_nothing_tell_the_story(scenario: Scenario) -> None:
    cy = scenario.user("cy")
    for ask in ("first", "last"):
        with pytest.raises(AssertionError, match="for cy: never, expected at least once") as caught:
            getattr(scenario.email.received("Cart Abandoned", to=cy), ask)
        assert cy.timeline in str(caught.value)


def test_assertions_without_a_plugin(scenario: Scenario, ada: User) -> None:
    assert_that(scenario.email.received("nudge"))
    assert_that(ada.entered("cart").twice)
    assert_received(scenario.email, "Cart Abandoned", to=ada, times=2)
    assert_received(scenario.email, "Cart Abandoned", cart_id="c1")
    with pytest.raises(AssertionError, match="ada is in cart: it ended as completed") as caught:
        assert_that(ada.is_in("cart"))
    assert ada.timeline in str(caught.value)
    with pytest.raises(AssertionError, match="email received Cart Abandoned for ada: twice, expected once"):
        assert_received(scenario.email, "Cart Abandoned", to=ada)


def test_the_verdict_asked_last_is_kept(scenario: Scenario, ada: User) -> None:
    asked.forget()
    verdict = ada.is_in("cart")
    assert asked.last is None
    assert not verdict
    assert asked.last is verdict
    assert ada.entered("cart")
    assert str(asked.last) == "ada entered cart: twice, expected at least once"


def test_a_recorder_of_its_own() -> None:
    recorder = Recorder("email")
    fields: dict[str, Any] = {"destination": "email", "call": "track", "at": 0, "profile": "v1", "anonymous_id": "v1"}
    recorder.deliver(Delivery(id="1", body=b'{"event": "Hi", "properties": {"a": {"b": 1}}}', **fields))
    assert recorder.received("Hi", {"a.b": 1}, to="v1").once
    assert recorder.received("Hi", to="v2").never and recorder.received("Ho").never
    assert (
        recorder.received("Hi").never.explain()
        == "email received Hi: once, expected never\nemail received:\n  Hi for v1"
    )
    recorder.clear()
    assert recorder.received().never

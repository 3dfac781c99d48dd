"""Steps, entries, journeys and spaces as Python objects."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest

from journeys import (
    Activation,
    AudienceDefinition,
    Branch,
    ComputedTrait,
    ConditionEntry,
    Delay,
    DestinationDefinition,
    EventEntry,
    ExitRule,
    ExitSend,
    Goal,
    HoldUntil,
    Journey,
    LocalTime,
    ProfileRef,
    RandomBranch,
    SendMessage,
    SendToDestination,
    ShowAd,
    Space,
    Template,
    WaitForCondition,
    event,
    prop,
)
from journeys._time import Duration


def test_durations_are_taken_in_three_forms() -> None:
    """T2"""
    assert Delay(duration="PT2H").duration == Delay(duration=timedelta(hours=2)).duration == Duration.of("PT2H")
    assert HoldUntil([Branch("x", "E")], max_duration=Duration.of("P1D")).max_duration == Duration.of("P1D")
    for wrong in (7, "2 hours", None):
        with pytest.raises(ValueError):
            HoldUntil([Branch("x", "E")], max_duration=wrong)


def test_models_are_frozen() -> None:
    made = Delay(duration="PT2H")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.next = "x"  # type: ignore[misc]
    journey = Journey(key="j", entry=EventEntry("E"), start="a", steps={"a": made})
    with pytest.raises(TypeError):
        journey.steps["b"] = made  # type: ignore[index]
    assert hash(prop("x") == 1) == hash(prop("x") == 1)


def test_defaults() -> None:
    """Format: what may be left out, and what it then is."""
    journey = Journey(key="j", entry=EventEntry("E"), start="a", steps={"a": Delay(duration="PT1H")})
    assert (journey.name, journey.version, journey.status, journey.on_previous) == ("j", 1, "live", "drain")
    assert journey.max_age == Duration.of("P365D")
    assert not journey.is_condition_based
    assert journey.entry == EventEntry("E", reentry="every_time", identifier=None)
    assert Journey(key="j", entry=ConditionEntry(event("E")), start="a", steps={}).is_condition_based
    assert Activation("d") == Activation("d", call="track", context="all", traits=())
    assert LocalTime(time="09:00") == LocalTime(
        time="09:00", weekdays=("mon", "tue", "wed", "thu", "fri", "sat", "sun"), timezone="UTC"
    )
    assert SendMessage(channel="email", destination="d", template={}).to == "subscribed"
    assert Space().key == "default"
    assert WaitForCondition(condition=event("E")).next is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: Journey(key="Cart", entry=EventEntry("E"), start="a", steps={}),
        lambda: Journey(key="", entry=EventEntry("E"), start="a", steps={}),
        lambda: Journey(key="j", entry=EventEntry("E"), start="a", steps={}, status="running"),
        lambda: EventEntry("E", reentry="twice"),
        lambda: LocalTime(time="9 o'clock"),
        lambda: LocalTime(time="09:00", weekdays=["monday"]),
        lambda: LocalTime(time="09:00", weekdays=[]),
        lambda: LocalTime(time="09:00", weekdays=["mon", "mon"]),
        lambda: Activation("d", call="page"),
        lambda: ProfileRef("email"),
        lambda: SendMessage(channel="fax", destination="d", template={}),
        lambda: SendMessage(channel="email", destination="d", template={}, to="me"),
        lambda: ComputedTrait(key="c", type="median", event="E"),
        lambda: AudienceDefinition(key="A", condition=event("E")),
        lambda: AudienceDefinition(key="a", condition=event("E"), destinations="email"),
        lambda: Activation("d", traits="email"),
        lambda: ExitSend(rules="out", activation=Activation("d")),
        lambda: WaitForCondition(condition=prop("x") > 1),
        lambda: AudienceDefinition(key="a", condition="vip"),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_made(make: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        make()


@pytest.mark.parametrize(
    ("percent", "hundredths"), [(40, 4000), (33.33, 3333), (0.07, 7), (0.29, 29), (57.14, 5714), (100.0, 10000)]
)
def test_percentages_are_exact(percent: float, hundredths: int) -> None:
    """S6: two decimals, in integers."""
    assert RandomBranch("a", percent).hundredths == hundredths


@pytest.mark.parametrize("percent", [33.333, 1e-9, 0.1 + 0.2])
def test_percentages_with_more_decimals(percent: float) -> None:
    """S6"""
    with pytest.raises(ValueError, match="two decimals"):
        _ = RandomBranch("a", percent).hundredths


def test_how_a_journey_reads() -> None:
    """The example of the documentation, and what it says field by field."""
    cart = Journey(
        key="cart-abandonment",
        entry=EventEntry("Cart Modified", where=[prop("value") >= 50], identifier="cart_id"),
        start="hold",
        steps={
            "hold": HoldUntil(
                [Branch("bought", "Order Completed"), Branch("changed", "Cart Modified", restart=True)],
                max_duration="PT2H",
                timeout="nudge",
            ),
            "nudge": SendToDestination(
                [Activation("email", event="Cart Abandoned", traits=["email"], mapping={"x": Template("{{ a }}")})]
            ),
            "ad": ShowAd("ads", remove_after="P7D"),
        },
        exit_rules=[ExitRule("out", "Out", match_identifier=True)],
        goal=Goal("Order Completed", within="P1D"),
    )
    hold = cart.steps["hold"]
    assert isinstance(hold, HoldUntil)
    assert hold.branches[1].restart and hold.max_restarts == 100
    space = Space(journeys=[cart], destinations={"email": DestinationDefinition("record")})
    assert space.journeys == (cart,)


def test_one_thing_alone_is_no_list_of_it() -> None:
    for make, kind in (
        (lambda: EventEntry("X", where=prop("v") >= 5), "Filter"),  # type: ignore[arg-type]
        (lambda: SendToDestination(Activation("email")), "Activation"),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError, match=f"expected a list, got one {kind}: put it in brackets"):
            make()


def test_one_of_a_few_values() -> None:
    """What is expected, what was given, and what is nearest."""
    with pytest.raises(
        ValueError, match=r"channel: expected one of 'email', .*, got the text 'mail'; did you mean 'email'\?"
    ):
        SendMessage(channel="mail", destination="d", template={})
    with pytest.raises(ValueError, match=r"call: expected one of 'track', 'identify', got None$"):
        Activation("d", call=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Delay("P3H"),
        lambda: event("A").within("P3H"),
        lambda: event("A").between("P9D", "P3H"),
        lambda: prop("a").within_last("P3H"),
    ],
)
def test_a_duration_says_what_was_meant(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"'P3H' is no ISO 8601 duration: .*; did you mean 'PT3H'"):
        make()
    with pytest.raises(ValueError, match=r"'P7D' or 'P1Y2M'$"):
        Delay("soon")

"""How the objects of a space are written and shown in Python (house rule 3)."""

from __future__ import annotations

import inspect

import pytest

from journeys import (
    Activation,
    ConditionBranch,
    ContextTime,
    DataSplit,
    Delay,
    EventEntry,
    HoldUntil,
    Journey,
    LocalTime,
    MultiBranchSplit,
    RandomBranch,
    RandomizedSplit,
    SendMessage,
    SendToDestination,
    ShowAd,
    Space,
    Step,
    TrueFalseSplit,
    WaitForCondition,
    event,
)
from journeys.codec import load_space
from tests.support import did, journey, space

ORDER = event("Order")


@pytest.mark.parametrize(
    "step",
    [
        (Delay("P1D"), Delay(duration="P1D")),
        (WaitForCondition(ORDER), WaitForCondition(condition=ORDER)),
        (TrueFalseSplit(ORDER), TrueFalseSplit(condition=ORDER)),
        (ShowAd("ads"), ShowAd(destination="ads")),
        (SendMessage("sms", "texts", template={}), SendMessage(channel="sms", destination="texts", template={})),
        (LocalTime("09:00"), LocalTime(time="09:00")),
        (ContextTime(["Booked", "at"]), ContextTime(context=["Booked", "at"])),
        (DataSplit([ConditionBranch("a", ORDER)]), DataSplit(branches=[ConditionBranch(name="a", condition=ORDER)])),
        (MultiBranchSplit([]), MultiBranchSplit(branches=[])),
        (RandomizedSplit([RandomBranch("a", 100)]), RandomizedSplit(branches=[RandomBranch(name="a", percent=100)])),
        (SendToDestination([Activation("e")]), SendToDestination(activations=[Activation(destination="e")])),
        (HoldUntil([], max_duration="PT1H"), HoldUntil(branches=[], max_duration="PT1H")),
    ],
    ids=lambda pair: type(pair[0]).__name__,
)
def test_what_a_step_is_about_comes_first(step: tuple[object, object]) -> None:
    assert step[0] == step[1]


@pytest.mark.parametrize("cls", Step.__subclasses__(), ids=lambda cls: cls.__name__)
def test_one_argument_or_two_without_a_name(cls: type[Step]) -> None:
    kinds = [each.kind for each in inspect.signature(cls).parameters.values()]
    positional = kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD)
    assert positional == (2 if cls is SendMessage else 1)


def test_a_journey_and_a_space_are_shown_in_a_line() -> None:
    one = Journey(key="cart", entry=EventEntry("Order"), start="wait", steps={"wait": Delay("P1D")})
    assert repr(one) == "<Journey 'cart' version 1, live, 1 step>"
    made = load_space(
        space(
            journey(
                {"a": {"type": "delay", "duration": "P1D", "next": "b"}, "b": {"type": "delay", "duration": "P1D"}},
                key="j",
                name="Jay",
                version=3,
                status="paused",
            ),
            audiences=[{"key": "vip", "condition": did("Order")}],
            computed_traits=[{"key": "n", "type": "event_counter", "event": "Order"}],
            key="shop",
            name="The shop",
        )
    )
    assert repr(made) == "<Space 'shop' 'The shop': 1 journey, 1 audience, 1 computed trait, 4 destinations>"
    assert repr(made.journeys) == "(<Journey 'j' 'Jay' version 3, paused, 2 steps>,)"
    assert repr(Space()) == "<Space 'default': empty>"

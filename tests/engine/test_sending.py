"""Steps that send, and lists (S9)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import (
    Json,
    ad,
    at,
    delay,
    identify,
    journey,
    message,
    run,
    send,
    space,
    story,
    track,
)


def test_one_delivery_per_activation() -> None:
    """S9"""
    activations = [{"destination": "email", "event": "One"}, {"destination": "email", "event": "Two"}]
    steps = {"a": {"type": "send_to_destination", "activations": activations, "next": "b"}, "b": send()}
    done = run(space(journey(steps)), [track("Start")])
    assert [payload["event"] for payload in done.payloads()] == ["One", "Two", "b"]
    assert len({record["delivery"] for record in done.records("sent")}) == 3


def test_a_list_is_left_after_a_while() -> None:
    """S9: ``remove_after``, also when the instance has completed."""
    document = space(journey({"ad": ad("wait", remove_after="PT1H"), "wait": delay("PT10M")}))
    assert story(document, [track("Start")]) == [
        "0 entered",
        "0 step ad",
        "0 list_added ad",
        "0 step wait",
        "PT10M completed",
        "PT1H list_removed ad",
    ]


def test_a_list_is_left_when_the_instance_ends_early() -> None:
    """S9, X3: but not when it completes."""
    document = space(
        journey(
            {"ad": ad("wait", remove_after="P9D"), "wait": delay("P1D")}, exit_rules=[{"key": "out", "event": "Out"}]
        )
    )
    calls = [track("Start"), track("Out", "PT1H")]
    assert story(document, calls, None, "list_removed") == ["PT1H list_removed ad"]
    stays = run(space(journey({"ad": ad()})), [track("Start")])
    assert stays.story("completed", "list_removed") == ["0 completed"]


def list_calls(document: Json, calls: list[Json], until: str | None = None) -> list[tuple[str, str]]:
    """What the destination of the list is told: (instant, add or remove)."""
    from journeys.codec import load_space
    from journeys.engine._effects import Effects
    from journeys.plan.compile import compile_space
    from journeys.runtime._processor import Processor
    from tests.support import instant

    processor = Processor(compile_space(load_space(document)), Effects())
    for call in calls:
        assert processor.feed(call).is_accepted
    processor.advance(instant(until or "P360D"))
    return [(each.payload["timestamp"], each.call) for each in processor.effects.deliveries]


def test_a_destination_hears_of_a_removal_when_nobody_holds_the_profile_there() -> None:
    """S9: both are always recorded, but ``remove`` is only called for the last holder."""
    document = space(
        journey({"ad": ad(remove_after="PT1H")}, key="a"), journey({"ad": ad(remove_after="PT2H")}, key="b")
    )
    done = run(document, [track("Start")])
    assert done.story("list_added", "list_removed") == [
        "0 list_added ad",
        "0 list_added ad",
        "PT1H list_removed ad",
        "PT2H list_removed ad",
    ]
    assert list_calls(document, [track("Start")]) == [(at(), "add"), (at(), "add"), (at("PT2H"), "remove")]


def test_another_list_is_another_matter() -> None:
    """S9"""
    document = space(
        journey({"ad": ad(remove_after="PT1H")}, key="a"),
        journey({"ad": ad(to="social", remove_after="PT2H")}, key="b"),
    )
    assert [call for _, call in list_calls(document, [track("Start")])] == ["add", "add", "remove", "remove"]


@pytest.mark.parametrize(
    ("subscription", "to", "goes_out"),
    [
        ({"email": "subscribed"}, "subscribed", True),
        ({"email": "unsubscribed"}, "subscribed", False),
        ({"sms": "subscribed"}, "subscribed", False),
        (None, "subscribed", False),
        ({"email": True}, "subscribed", False),
        ({"email": "unsubscribed"}, "everyone", True),
        (None, "everyone", True),
    ],
)
def test_messages_go_to_subscribers(subscription: Any, to: str, goes_out: bool) -> None:
    """S9: otherwise the instance goes on and the step is marked ``skipped``."""
    document = space(journey({"mail": message("email", "a", to=to), "a": send()}))
    traits = {} if subscription is None else {"subscriptions": subscription}
    done = run(document, [identify("0", **traits), track("Start")])
    assert done.story("skipped") == ([] if goes_out else ["0 skipped mail not_subscribed"])
    assert done.story("sent") == (["0 sent mail"] if goes_out else []) + ["0 sent a"]


def test_a_message_on_another_channel() -> None:
    """S9"""
    document = space(
        journey({"mail": message("sms", template={"text": "Hi {{ name }}", "deep": [{"n": "{{ n }}"}, 7]})})
    )
    traits = identify("0", subscriptions={"sms": "subscribed"}, name="Ada", n=3)
    done = run(document, [traits, track("Start")])
    (payload,) = done.payloads()
    assert payload == {
        "channel": "sms",
        "template": {"text": "Hi Ada", "deep": [{"n": "3"}, 7]},
        "userId": "u1",
        "messageId": done.records("sent")[0]["delivery"],
        "timestamp": at(),
    }

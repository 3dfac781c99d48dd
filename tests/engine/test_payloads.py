"""What is sent (S9; format: Deliveries)."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from journeys.plan.plan import destination_key
from tests.support import Json, ad, at, branch, hold, identify, journey, on, run, send, space, track, trait


def sent(activation: Json, calls: list[Json] | None = None, **fields: Any) -> Json:
    """The payload of a send with this activation."""
    done = run(space(journey({"mail": send(**activation)}, **fields), key="shop"), calls or [track("Start", n=1)])
    return done.payloads()[0]


def test_the_payload_of_an_event_triggered_journey() -> None:
    """Format: Segment's own, so that whatever reads Segment reads this."""
    document = space(
        journey({"mail": send(event="Cart Abandoned", traits=["email", "missing"])}, key="cart"), key="shop"
    )
    done = run(document, [identify("0", email="a@b.c"), track("Start", "PT1H", n=1)])
    key = "j_o_cart__mail_" + hashlib.blake2b(b"cart\x1fmail", digest_size=3).hexdigest()
    record = done.records("sent")[0]
    assert record["payload"] == {
        "type": "track",
        "event": "Cart Abandoned",
        "userId": "u1",
        "messageId": record["delivery"],
        "timestamp": at("PT1H"),
        "context": {
            "personas": {
                "computation_class": "journey_step",
                "computation_id": key,
                "computation_key": key,
                "namespace": "shop",
                "space_id": "shop",
            }
        },
        "integrations": {"All": False, "email": True},
        "properties": {
            "journey_context": {"Start": {"n": 1}},
            "journey_metadata": {"journey_id": "cart", "epoch_id": record["instance"], "version": 1, "step": "mail"},
            "email": "a@b.c",
        },
    }


def test_an_identify_carries_its_content_under_traits() -> None:
    payload = sent({"call": "identify", "event": "ignored"})
    assert payload["type"] == "identify"
    assert "event" not in payload and "properties" not in payload
    assert payload["traits"]["journey_context"] == {"Start": {"n": 1}}


def test_a_step_without_event_sends_its_name_else_its_key() -> None:
    assert sent({})["event"] == "mail"
    document = space(journey({"mail": {**send(), "name": "A mail"}}))
    assert run(document, [track("Start")]).payloads()[0]["event"] == "A mail"


def test_a_stranger_is_sent_as_anonymous() -> None:
    payload = sent({}, [track("Start", "0", None, anon="a1")])
    assert payload["anonymousId"] == "a1"
    assert "userId" not in payload


def test_a_chosen_part_of_the_context() -> None:
    steps = {"hold": hold("P1D", branch("x", "Go", "mail")), "mail": send(context=["Go - x", "Never"])}
    done = run(space(journey(steps)), [track("Start"), track("Go", "PT1H", n=2)])
    assert done.payloads()[0]["properties"]["journey_context"] == {"Go - x": {"n": 2}}


@pytest.mark.parametrize("call", ["track", "identify"])
def test_a_condition_journey_sends_audience_entered(call: str) -> None:
    """Format: with the destination key as the string "true", and the computation class ``audience``."""
    document = space(journey({"mail": send(call=call, traits=["x"])}, entry=trait("x", "exists")))
    payload = run(document, [identify("0", x=1)]).payloads()[0]
    key = destination_key("j", "mail")
    assert payload["properties" if call == "track" else "traits"] == {key: "true", "x": 1}
    assert payload.get("event") == ("Audience Entered" if call == "track" else None)
    assert payload["context"]["personas"]["computation_class"] == "audience"
    assert payload["context"]["personas"]["space_id"] == "default"


def test_a_mapping_is_all_that_is_sent() -> None:
    """Format: a field whose source is absent is left out, null is a value."""
    mapping = {
        "constant": 7,
        "deep": {"a": [1, {"b": None}]},
        "null": None,
        "trait": {"trait": "address.city"},
        "absent": {"trait": "nope"},
        "context": {"context": ["Start", "items.0.sku"]},
        "no context": {"context": ["Never", "x"]},
        "id": {"profile": "id"},
        "anonymous": {"profile": "anonymous_id"},
        "text": {"template": 'Hi {{ name | default: "you" }}, {{ context["Start"].n }} {{ nope }}.'},
    }
    calls = [identify("0", address={"city": "Ulm"}), track("Start", n=1.0, items=[{"sku": "a"}])]
    assert sent({"mapping": mapping}, calls) == {
        "constant": 7,
        "deep": {"a": [1, {"b": None}]},
        "null": None,
        "trait": "Ulm",
        "context": "a",
        "id": "u1",
        "text": "Hi you, 1.0 .",
    }


def test_what_a_payload_says_is_what_was_said_when_it_was_said() -> None:
    """O1: the application may change its objects afterwards."""
    from journeys.codec import load_space
    from journeys.runtime.simulation import Simulation

    steps = {"hold": hold("PT1H", branch("x", "Never"), timeout="mail"), "mail": send(traits=["list"])}
    simulation = Simulation(load_space(space(journey(steps))))
    properties: Json = {"items": [{"n": 1}]}
    traits: Json = {"list": [1]}
    simulation.feed([{**identify(), "traits": traits}, {**track("Start"), "properties": properties}])
    properties["items"][0]["n"] = 2
    properties["more"] = True
    traits["list"].append(2)
    simulation.finish()
    import json

    (payload,) = [each["payload"] for each in map(json.loads, simulation.trace()) if each["kind"] == "sent"]
    assert payload["properties"]["journey_context"] == {"Start": {"items": [{"n": 1}]}}
    assert payload["properties"]["list"] == [1]


def test_traits_are_read_when_they_are_needed() -> None:
    """Format: traits and audiences are never in the context."""
    steps = {"hold": hold("PT1H", branch("x", "Never"), timeout="mail"), "mail": send(traits=["plan", "count"])}
    document = space(journey(steps), computed_traits=[{"key": "count", "type": "event_counter", "event": "Start"}])
    done = run(document, [identify("0", plan="old"), track("Start"), identify("PT30M", plan="new")])
    properties = done.payloads()[0]["properties"]
    assert (properties["plan"], properties["count"]) == ("new", 1)


@pytest.mark.parametrize(("journey_key", "step"), [("j", "s"), ("j" * 200, "s" * 200), ("a", "x" * 300)])
def test_destination_keys(journey_key: str, step: str) -> None:
    """V4 (format): the same for every version, at most 255 characters, cut before the hash."""
    digest = hashlib.blake2b(f"{journey_key}\x1f{step}".encode(), digest_size=3).hexdigest()
    key = destination_key(journey_key, step)
    assert len(key) <= 255
    assert key == f"j_o_{journey_key}__{step}"[:248] + "_" + digest


def test_the_destination_key_of_an_exit_send() -> None:
    document = space(
        journey(
            exit_rules=[{"key": "out", "event": "Out"}],
            exit_send={"rules": ["out"], "activation": {"destination": "email", "event": "Left"}},
        )
    )
    payload = run(document, [track("Start"), track("Out", "PT1H")]).payloads()[0]
    assert payload["event"] == "Left"
    assert payload["context"]["personas"]["computation_key"] == destination_key("j", "exit")


def test_list_changes_carry_ids_and_traits() -> None:
    """Format: a list destination gets ``add`` and ``remove`` calls with profile ids and traits."""
    from journeys.codec import load_space
    from journeys.engine._effects import Effects
    from journeys.plan.compile import compile_space
    from journeys.runtime._processor import Processor

    processor = Processor(compile_space(load_space(space(journey({"ad": ad()}, entry=on("Start"))))), Effects())
    processor.feed(identify("0", "u1", anon="a1", email="a@b.c"))
    processor.feed(track("Start"))
    (delivery,) = processor.effects.deliveries
    assert delivery.payload == {
        "type": "add",
        "list": "ads",
        "userId": "u1",
        "anonymousId": "a1",
        "traits": {"email": "a@b.c"},
        "messageId": delivery.id,
        "timestamp": at(),
    }
    assert (delivery.destination, delivery.user_id, delivery.anonymous_id) == ("ads", "u1", "a1")


def test_the_body_of_a_delivery_is_the_payload_of_the_trace() -> None:
    """D3: as compact UTF-8 JSON."""
    import json

    from journeys.codec import load_space
    from journeys.engine._effects import Effects
    from journeys.plan.compile import compile_space
    from journeys.runtime._processor import Processor

    effects = Effects()
    processor = Processor(compile_space(load_space(space(journey({"mail": send()})))), effects)
    processor.feed(track("Start", name="Zoë 😀"))
    (delivery,) = effects.deliveries
    (record,) = (each.as_dict() for each in effects.records if each.kind == "sent")
    assert json.loads(delivery.body) == record["payload"]
    assert delivery.body == json.dumps(record["payload"], ensure_ascii=False, separators=(",", ":")).encode()
    assert delivery.order_key == f"{record['instance']} email"

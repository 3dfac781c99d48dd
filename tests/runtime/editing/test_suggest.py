"""Completion: what was seen and what is defined, the best first, in bounded memory."""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from typing import Any

import pytest

from journeys import load_space
from journeys.codec import load_journey
from journeys.runtime.editing.suggest import SUGGESTED, suggest
from journeys.runtime.editing.vocabulary import Vocabulary, type_of
from tests.reference.compare import case
from tests.support import branch, hold, identify, journey, on, run, send, space, track, where

CART = journey(
    {
        "hold": hold("PT2H", branch("bought", "Order Completed"), branch("changed", "Cart Modified", restart=True), timeout="nudge"),
        "nudge": send(traits=["first_name"]),
    },
    key="cart",
    entry=on("Cart Modified", where=where(("currency", "equals", "EUR"), ("value", "greater_than_or_equal", 50)), identifier="cart_id"),
    exit_rules=[{"key": "gone", "event": "Cart Emptied"}],
)  # fmt: skip
SPACE = load_space(
    space(
        CART,
        audiences=[{"key": "vip", "name": "Very important", "condition": {"type": "trait", "trait": "plan", "op": "equals", "value": "pro"}}],
        computed_traits=[{"key": "orders", "type": "event_counter", "event": "Order Completed"}],
    )
)  # fmt: skip


def seen() -> Vocabulary:
    vocabulary = Vocabulary(SPACE)
    for number in range(20):
        vocabulary.add(track("Cart Modified", value=number % 3 + 60, cart_id=f"c{number}", item={"sku": "red-1"}))
    vocabulary.add(track("Order Completed", total=12.5, at="2026-01-31"))
    vocabulary.add({"type": "page", "name": "Home", "properties": {"url": "/"}})
    vocabulary.add(identify(first_name="Ada", tags=["a"], address={"city": "Rome"}, subscribed=True))
    vocabulary.add({"type": "group", "groupId": "g1", "traits": {"size": 3}})
    return vocabulary


def names(kind: str, text: str = "", **fields: Any) -> list[Any]:
    return [each.name for each in suggest(seen(), kind, text, **fields)]


def test_what_is_seen_comes_by_how_often_and_with_its_values() -> None:
    assert names("event") == ["Cart Modified", "Order Completed", "Page Viewed", "Cart Emptied"]
    value, *_ = suggest(seen(), "property", "val", event="Cart Modified")
    assert value.to_json() == {
        "kind": "property",
        "name": "value",
        "label": "",
        "types": ["number"],
        "examples": [60, 61, 62],
        "count": 20,
        "share": 1.0,
        "is_defined": True,
        "match": "prefix",
    }
    currency, *_ = suggest(seen(), "property", "cur", event="Cart Modified - changed")
    assert (currency.types, currency.examples, currency.count, currency.share) == (("text",), ("EUR",), 0, 0.0)
    assert names("property", event="Order Completed") == ["total", "at"]
    assert [each.types for each in suggest(seen(), "property", event="Order Completed")] == [("number",), ("instant",)]
    assert "item.sku" in names("property", event="Cart Modified") and "page_name" in names("property")
    assert names("property", event="Nothing") == []


def test_the_other_kinds() -> None:
    found = load_journey(CART)
    assert names("trait", "address") == ["address", "address.city"]
    assert {"groups.g1", "groups.g1.size", "orders", "plan", "first_name"} <= {*names("trait", limit=50)}
    assert [each.types for each in suggest(seen(), "trait", "orders")] == [("number",)]
    assert [(each.name, each.label) for each in suggest(seen(), "audience", "v")] == [("vip", "Very important")]
    assert names("computed_trait") == ["orders"]
    assert names("destination", "e") == ["email"] and names("list") == ["ads", "social"]
    assert names("step", journey=found) == ["hold", "nudge"] and names("exit_rule", journey=found) == ["gone"]
    assert names("step", journey=found, step="hold") == ["nudge"], "no way leads in a circle"
    assert names("context", journey=found) == ["Cart Modified", "Order Completed - bought", "Cart Modified - changed"]
    told = [(each.name, each.label) for each in suggest(seen(), "context", journey=found, step="nudge")]
    assert told == [("Cart Modified", "always"), ("Cart Modified - changed", "sometimes")]
    assert names("value", event="Cart Modified", of="value")[:3] == [60, 61, 62]
    assert names("value", of="plan") == ["pro"]


def test_a_name_that_no_definition_may_have_is_not_suggested() -> None:
    vocabulary = Vocabulary()
    vocabulary.add({"type": "identify", "traits": {"": 1, "plan": {"": 2}}})
    assert [each.name for each in suggest(vocabulary, "trait")] == ["plan", "plan."]


def test_ranking() -> None:
    vocabulary = Vocabulary()
    for name, times in {
        "Cart": 1,
        "Cart Viewed": 2,
        "Cart Modified": 5,
        "My Cart": 9,
        "Descartes": 9,
        "Crat": 1,
        "Order": 99,
    }.items():
        for _ in range(times):
            vocabulary.add(track(name))
    found = suggest(vocabulary, "event", "cart")
    assert [(each.name, each.match) for each in found] == [
        ("Cart", "exact"),
        ("Cart Modified", "prefix"),
        ("Cart Viewed", "prefix"),
        ("My Cart", "word"),
        ("Descartes", "inside"),
        ("Crat", "near"),
    ]
    assert [each.name for each in suggest(vocabulary, "event", "cart", limit=2)] == ["Cart", "Cart Modified"]
    assert [each.name for each in suggest(vocabulary, "event", "ordr")] == ["Order"]
    assert [each.name for each in suggest(seen(), "trait", "frist")] == ["first_name"]
    assert suggest(vocabulary, "event", "zzz") == ()


@pytest.mark.parametrize(
    ("kind", "told"), [("evnt", "did you mean 'event'"), ("step", "say which"), ("value", "of which")]
)
def test_what_cannot_be_asked_is_said(kind: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        suggest(seen(), kind)
    assert len(SUGGESTED) == len(set(SUGGESTED))


def paths(value: Any) -> list[str]:
    found = []
    for name, each in value.items():
        found += [name, *(f"{name}.{inner}" for inner in paths(each))] if isinstance(each, dict) else [name]
    return found


def test_counts_of_generated_calls_are_a_direct_count() -> None:
    for seed in range(6):
        one = case(seed)
        vocabulary = Vocabulary.of(load_space(one.space), one.calls)
        events: Counter[str] = Counter()
        values: Counter[tuple[str, str]] = Counter()
        for call in one.calls:
            if call["type"] == "track" and not call["event"].endswith(" Viewed"):  # pages and screens are events too
                events[call["event"]] += 1
                values.update((call["event"], path) for path in paths(call.get("properties") or {}))
        assert all(vocabulary.events[name].count == count for name, count in events.items())
        assert all(vocabulary.properties[event][name].count == count for (event, name), count in values.items())


def test_lines_and_what_is_no_call() -> None:
    vocabulary = Vocabulary(SPACE)
    vocabulary.read(['{"type": "track", "event": "A", "properties": {"x": 1}}', "", "{", b"[1]", '{"type": "trak"}'])
    vocabulary.add_all([None, {"type": "track"}, {"type": "track", "event": "B", "properties": [1]}, {"type": "alias"}])
    assert (vocabulary.calls, vocabulary.skipped) == (8, 6)
    assert vocabulary.events["A"].count == 1 and vocabulary.properties["A"]["x"].examples(3) == (1,)


def test_a_trace_shows_the_events_that_were_in_a_context() -> None:
    calls = [track("Cart Modified", "0", cart_id="c1", value=60, currency="EUR", colour="red")]
    trace = run(space(CART), calls).trace
    vocabulary = Vocabulary(SPACE)
    vocabulary.add_trace(trace)
    assert vocabulary.events["Cart Modified"].count == 1
    assert suggest(vocabulary, "property", "col", event="Cart Modified")[0].examples == ("red",)


def test_memory_is_bounded_whatever_comes() -> None:
    def size(value: Any, done: set[int]) -> int:
        if id(value) in done:
            return 0
        done.add(id(value))
        inner = [getattr(value, name) for name in getattr(type(value), "__slots__", ()) if hasattr(value, name)]
        inner += vars(value).values() if hasattr(value, "__dict__") else []
        if isinstance(value, dict):
            inner += [*value, *value.values()]
        return sys.getsizeof(value) + sum(size(each, done) for each in inner if not isinstance(each, type))

    def filled(calls: int) -> Vocabulary:
        rng = random.Random(1)
        vocabulary = Vocabulary(most_events=50, most_names=40)
        for number in range(calls):
            vocabulary.add(track("Common", x=1, **{f"p{rng.random()}": "v" * 500}))
            vocabulary.add(track(f"Rare {number}", **{f"q{each}": number for each in range(5)}))
            vocabulary.add(identify(**{f"t{number}": {"deep": {"deeper": {"deepest": {"beyond": 1}}}}}))
        return vocabulary

    small, large = filled(400), filled(4000)
    assert len(large.events) <= 50 and len(large.traits) <= 200
    assert all(len(words) <= 40 for words in large.properties.values()) and large.properties.keys() == {*large.events}
    assert size(vars(large), set()) < 1.3 * size(vars(small), set())
    assert large.events["Common"].count == 4000 and large.properties["Common"]["x"].count == 4000
    assert not any("beyond" in name for name in large.traits)


def test_values_are_not_kept_where_none_are_wanted() -> None:
    vocabulary = Vocabulary(examples=0)
    vocabulary.add(identify(email="ada@example.com"))
    assert suggest(vocabulary, "trait", "email")[0].examples == () and not vocabulary.traits["email"].values
    long = Vocabulary()
    long.add(identify(note="x" * 81, short="x" * 10))
    assert long.traits["note"].examples(3) == () and long.traits["short"].examples(3) == ("x" * 10,)


def test_types() -> None:
    values = [None, True, 1, 1.5, "x", "2026-01-31T10:00:00Z", [1], {"a": 1}]
    assert [type_of(each) for each in values] == [
        "null",
        "boolean",
        "number",
        "number",
        "text",
        "instant",
        "list",
        "object",
    ]
    json.dumps([each.to_json() for each in suggest(seen(), "trait", limit=50)])

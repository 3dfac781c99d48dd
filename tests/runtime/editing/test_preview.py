"""What a preview says is in the context is what is there when somebody comes."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from journeys import load_space
from journeys.codec import load_journey
from journeys.engine import _leaving, _steps
from journeys.model.conditions import AGING, LISTED, OPERATORS
from journeys.plan.compiler import segments
from journeys.plan.values import ABSENT, find
from journeys.runtime.editing.preview import ALWAYS, NEVER, SOMETIMES, Preview, preview
from journeys.runtime.editing.vocabulary import Vocabulary
from tests.reference.compare import case
from tests.runtime.editing.samples import EXAMPLES
from tests.support import (
    ad,
    branch,
    branches,
    delay,
    hold,
    identify,
    if_else,
    journey,
    message,
    on,
    run,
    send,
    space,
    track,
    trait,
    where,
)

Arrivals = list[tuple[str, int, str, dict[str, Any]]]


@pytest.fixture
def arrivals(monkeypatch: pytest.MonkeyPatch) -> Arrivals:
    """Every arrival of a token at a step, and every exit send, with the context as it is then."""
    seen: Arrivals = []

    def watching(arrive: Any) -> Any:
        def watched(engine: Any, instance: Any, step: Any) -> Any:
            seen.append((instance.plan.key, instance.plan.version, step.key, dict(instance.context)))
            return arrive(engine, instance, step)

        return watched

    for kind, arrive in _steps._ARRIVE.items():
        monkeypatch.setitem(_steps._ARRIVE, kind, watching(arrive))
    send_activation = _leaving.send_activation

    def exiting(name: str, profile: Any, instance: Any, step: Any, *rest: Any) -> None:
        seen.append((instance.plan.key, instance.plan.version, "exit", dict(instance.context)))
        send_activation(name, profile, instance, step, *rest)

    monkeypatch.setattr(_leaving, "send_activation", exiting)
    return seen


def with_holds(seeds: range, count: int) -> Iterator[Any]:
    """Cases in which what comes after a hold depends on how it was left."""
    for seed in seeds:
        one = case(seed, "event-triggered" if seed % 2 else "everything", count=120)
        steps = [step for each in one.space["journeys"] for step in each["steps"].values()]
        leading = sum(step.get("timeout") is not None for step in steps)
        leading += sum(
            each.get("next") is not None for step in steps for each in step.get("branches", ()) if "event" in each
        )
        if leading >= 3:
            yield one
            count -= 1
        if not count:
            return


@pytest.mark.parametrize("count", [25, pytest.param(300, marks=pytest.mark.soak)])
def test_the_context_of_random_runs_is_what_was_said(count: int, arrivals: Arrivals) -> None:
    counted = Counter[str]()
    for one in with_holds(range(100_000), count):
        arrivals.clear()
        found = load_space(one.space)
        run(one.space, one.calls, one.until)
        told: dict[Any, Preview] = {}
        for key, version, step, context in arrivals:
            at = (key, version, step)
            if at not in told:
                told[at] = preview(found, step, journey=key, version=version)
            agrees(told[at], context, counted)
    assert counted["arrivals"] > 20 * count and counted["always"] > 10 * count
    assert (
        counted["sometimes there"] > count / 2
        and counted["sometimes not"] > count / 2
        and counted["certain"] > 5 * count
    )


def agrees(told: Preview, context: dict[str, Any], counted: Counter[str]) -> None:
    events = {each.alias: each for each in told.context}
    assert context.keys() <= events.keys(), (told.journey, told.step)
    assert {alias for alias, each in events.items() if each.when == ALWAYS} <= context.keys(), (told.journey, told.step)
    counted["arrivals"] += 1
    for alias, each in events.items():
        if each.when == ALWAYS:
            counted["always"] += 1
        else:
            counted["sometimes there" if alias in context else "sometimes not"] += 1
        for property_ in each.properties:
            if alias in context and property_.when == ALWAYS:
                counted["certain"] += 1
                assert find(context[alias], segments(property_.path)) is not ABSENT


def test_what_is_never_missing_is_never_absent_in_the_examples(arrivals: Arrivals) -> None:
    counted = Counter[str]()
    for path in EXAMPLES:
        document = json.loads(path.read_text("utf-8"))
        lines = (path.parent / "events.ndjson").read_text("utf-8").splitlines()
        arrivals.clear()
        run(document, [json.loads(line) for line in lines])
        for key, version, step, context in arrivals:
            agrees(preview(load_space(document), step, journey=key, version=version), context, counted)
    assert counted["arrivals"] > 50


def test_the_payload_is_what_is_sent_when_such_a_person_comes() -> None:
    """Somebody with the example values goes through; what was previewed goes out, but for her ids and the time."""
    document = space(CART)
    told = preview(load_space(document), "nudge", vocabulary=Vocabulary(load_space(document), examples=1))
    context = told.sends[0].payload["properties"]["journey_context"]
    assert [*context] == ["Cart Modified", "Cart Modified - changed"]
    calls = [
        identify("0", "example", email="<email>"),
        track("Cart Modified", "PT1M", "example", **context["Cart Modified"]),
        track("Cart Modified", "PT2M", "example", **context["Cart Modified - changed"]),
    ]
    sent = run(document, calls).payloads()
    assert [strange(payload) for payload in sent] == [strange(each.payload) for each in told.sends]


def strange(payload: Any) -> Any:
    """A payload without what differs from person to person."""
    copy = json.loads(json.dumps(payload))
    for name in ("timestamp", "messageId"):
        copy.pop(name)
    copy["properties"]["journey_metadata"].pop("epoch_id")
    return copy


CART = journey(
    {
        "hold": hold("PT2H", branch("bought", "Order Completed", "thanks"), branch("changed", "Cart Modified", restart=True), timeout="nudge"),
        "thanks": send("mail", event="Thanks", context=["Order Completed - bought"], mapping={
            "cart": {"context": ["Order Completed - bought", "cart_id"]},
            "total": {"context": ["Order Completed - bought", "total"]},
            "hello": {"template": 'Hi {{ first_name | default: "there" }} {{ context["Nothing"].x }}'},
        }),
        "nudge": send(event="Abandoned", traits=["email"]),
        "mail": message(template={"text": "{{ orders }} {{ first_name }}"}, next="ad"),
        "ad": ad(),
    },
    key="cart",
    entry=on("Cart Modified", where=where(("value", "greater_than", 50), ("coupon", "not_equals", "x")), identifier="cart_id"),
    exit_rules=[{"key": "gone", "event": "Cart Emptied", "match_identifier": True}],
    exit_send={"rules": ["gone"], "activation": {"destination": "crm", "event": "Left"}},
)  # fmt: skip
ORDERS = [{"key": "orders", "type": "event_counter", "event": "Order Completed"}]


def told(step: str, **fields: Any) -> Preview:
    return preview(load_space(space(CART, computed_traits=ORDERS, **fields)), step)


def test_from_where_each_event_comes_and_which_properties_it_must_have() -> None:
    shown = [(each.alias, each.when, each.sources) for each in told("thanks").context]
    assert shown == [
        ("Cart Modified", ALWAYS, ("entry",)),
        ("Order Completed - bought", ALWAYS, ("hold: bought",)),
        ("Cart Modified - changed", SOMETIMES, ("hold: changed",)),
    ]
    properties = {each.alias: {p.path: p.when for p in each.properties} for each in told("thanks").context}
    assert properties["Cart Modified"] == {"cart_id": ALWAYS, "value": ALWAYS, "coupon": SOMETIMES}
    assert properties["Order Completed - bought"] == {"cart_id": ALWAYS, "total": SOMETIMES}
    assert [(each.alias, each.when) for each in told("hold").context] == [("Cart Modified", ALWAYS)]
    at_exit = {each.alias: (each.when, each.sources) for each in told("exit").context}
    assert at_exit["Cart Emptied"] == (ALWAYS, ("exit_rule gone",))
    assert at_exit["Order Completed - bought"] == (SOMETIMES, ("hold: bought",))


def test_what_may_be_missing() -> None:
    assert [(each.what, each.there, each.default) for each in told("thanks").missing] == [
        ("total of Order Completed - bought", SOMETIMES, None),
        ("trait first_name", SOMETIMES, "there"),
        ("x of Nothing", NEVER, None),
    ]
    assert [(each.what, each.there) for each in told("mail").missing] == [
        ("trait first_name", SOMETIMES),
        ("trait subscriptions.email", SOMETIMES),
    ]
    assert [(each.path, each.when) for each in told("mail").traits] == [
        ("orders", ALWAYS),
        ("first_name", SOMETIMES),
        ("subscriptions.email", SOMETIMES),
    ]


def test_payloads_of_every_kind() -> None:
    vocabulary = Vocabulary(load_space(space(CART, computed_traits=ORDERS)))
    vocabulary.add_all([track("Order Completed", total=12), identify(first_name="Ada", email="ada@example.com")])
    sends = {
        step: preview(vocabulary.space, step, vocabulary=vocabulary).sends
        for step in ("thanks", "mail", "ad", "exit", "hold")
    }
    assert sends["thanks"][0].payload == {"cart": "<cart_id>", "total": 12, "hello": "Hi Ada "}
    assert sends["mail"][0].payload["template"] == {"text": "0 Ada"}
    assert [(each.call, each.destination) for each in sends["ad"]] == [("add", "ads"), ("remove", "ads")]
    assert sends["ad"][0].payload["traits"]["email"] == "ada@example.com"
    assert sends["exit"][0].payload["event"] == "Left" and sends["hold"] == ()
    json.dumps(preview(vocabulary.space, "thanks", vocabulary=vocabulary).to_json())


def test_a_draft_has_a_context_and_says_why_it_has_no_payload() -> None:
    draft = {**CART, "steps": {**CART["steps"], "lost": delay(None)}}
    told = preview(load_journey(draft), "nudge")
    assert told.sends == () and {each.code for each in told.problems} == {"empty_delay", "unreachable_step"}
    assert [each.alias for each in told.context] == ["Cart Modified", "Cart Modified - changed"]
    assert preview(load_journey(draft), "lost").context == ()


def test_tokens_side_by_side_share_the_context() -> None:
    steps = {
        "split": branches(("a", trait("x", "exists"), "hold"), ("b", trait("y", "exists"), "wait")),
        "hold": hold("P1D", branch("yes", "E")),
        "wait": delay("P1D", "send"),
        "send": send(),
    }
    side = preview(load_journey(journey(steps)), "send").context
    assert [(each.alias, each.when) for each in side] == [("Start", ALWAYS), ("E - yes", SOMETIMES)]
    steps["split"]["exclusive"] = True
    assert [each.alias for each in preview(load_journey(journey(steps)), "send").context] == ["Start"]


def test_a_journey_on_a_condition_begins_with_nothing() -> None:
    found = load_journey(
        journey({"s": if_else(trait("x", "exists"), "m"), "m": send()}, entry=trait("plan", "equals", "pro"))
    )
    assert preview(found, "m").context == ()


def test_what_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(KeyError, match="did you mean 'nudge'"):
        told("nugde")
    with pytest.raises(KeyError, match="did you mean 'cart'"):
        preview(load_space(space(CART, journey())), "nudge", journey="crat")
    with pytest.raises(KeyError, match="which journey"):
        preview(load_space(space(CART, journey())), "nudge")


def test_previews_of_everything_generated_can_be_made() -> None:
    made = 0
    for seed in range(15):
        found = load_space(case(seed).space)
        vocabulary = Vocabulary.of(found, case(seed).calls)
        for each in random.Random(seed).sample(found.journeys, 1):
            for step in each.steps:
                done = preview(found, step, journey=each.key, version=each.version, vocabulary=vocabulary)
                assert done.problems == ()
                json.dumps(done.to_json())
                made += len(done.sends)
    assert made > 15


@pytest.mark.parametrize("op", OPERATORS)
def test_which_comparisons_nobody_passes_without_the_property(op: str) -> None:
    """C5: what is absent makes a comparison false, and its opposite true."""
    value = {"value": "P1D"} if op in AGING else {"value": ["a"]} if op in LISTED else {"value": "2026-01-31"}
    condition = {"property": "x", "op": op, **({} if op in ("exists", "not_exists") else value)}
    document = journey({"m": send()}, entry=on("Start", where=[condition]))
    entered = run(space(document), [track("Start")]).records("entered")
    (event,) = preview(load_journey(document), "m").context
    assert {each.path: each.when for each in event.properties} == {"x": SOMETIMES if entered else ALWAYS}

"""What is said to depend on a step is what breaks when it is gone: no more, and no less."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from journeys import Journey, validate
from journeys.codec import dump_journey, load_journey
from journeys.model import steps as s
from journeys.runtime.editing.checks import stand_in
from journeys.runtime.editing.contexts import alias_of
from journeys.runtime.editing.dependents import KINDS, dependents
from tests.runtime.editing.samples import space_of
from tests.support import branch, delay, hold, if_else, journey, message, send

READING = {"condition", "filter", "mapping", "merge_tag", "activation", "delay"}


def journeys(seeds: range) -> Any:
    for seed in seeds:
        yield from space_of(seed).journeys


def broken(found: Journey) -> dict[str, set[str]]:
    """What ``validate`` says of a journey, by code: the paths."""
    problems: dict[str, set[str]] = {}
    for each in validate(stand_in(found)):
        problems.setdefault(each.code, set()).add("$" + each.path.removeprefix("$.journeys[0]"))
    return problems


def test_what_is_listed_is_what_validate_finds_once_the_step_is_gone() -> None:
    listed = 0
    for found in journeys(range(15)):
        for key in found.steps:
            told = dependents(found, key)
            assert {each.kind for each in told} <= {*KINDS}
            without = attrs.evolve(found, steps={name: each for name, each in found.steps.items() if name != key})
            problems = broken(without) if without.steps else {}
            leading = {each.path for each in told if each.kind in ("start", "way", "branch", "migrate")}
            assert leading == problems.get("unknown_step", set()) or not without.steps
            if key != found.start:  # without a start nothing is said of what can be reached
                lost = {each.path for each in told if each.kind == "follower"}
                assert lost == problems.get("unreachable_step", set())
            listed += len(told)
    assert listed > 100


def strings(value: Any, path: str = "$") -> Any:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from strings(each, f"{path}.{name}")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from strings(each, f"{path}[{index}]")
    elif isinstance(value, str):
        yield path, value


def test_what_reads_the_context_is_all_that_names_the_event_in_the_document() -> None:
    """Brute force: every text of the document that is, or in a merge tag holds, the name of the event."""
    listed = 0
    for found in journeys(range(40)):
        for key, step in found.steps.items():
            if not isinstance(step, s.HoldUntil):
                continue
            names = {alias_of(each) for each in step.branches}
            rest = {name: each for name, each in found.steps.items() if name != key}
            others = _given(rest)
            answer = dependents(found, key)
            lost = {each.name for each in answer if each.kind == "follower"}
            stays = {name: each for name, each in rest.items() if name not in lost}
            named = [*_named(found, rest, names - others), *_named(found, stays, _given(rest) - _given(stays))]
            told = [each.name for each in answer if each.kind in READING]
            assert sorted(told) == sorted(named), (found.key, key)
            listed += len(told)
    assert listed > 20


def _given(steps: Any) -> set[str]:
    return {alias_of(each) for step in steps.values() if isinstance(step, s.HoldUntil) for each in step.branches}


def _named(found: Journey, steps: Any, names: set[str]) -> list[str]:
    """Each time that one of the names is read in the journey with these steps."""
    texts = list(strings(dump_journey(attrs.evolve(found, steps=steps))))
    plain = [text for at, text in texts if text in names and (not at.endswith(".event") or _reads(texts, at))]
    return plain + [name for _, text in texts for name in names for _ in range(text.count(f'["{name}"]'))]


def _reads(texts: Any, path: str) -> bool:
    """Whether the ``event`` at a path is that of a context condition."""
    return (path.removesuffix(".event") + ".type", "context") in texts


CART = journey(
    {
        "hold": hold("PT2H", branch("bought", "Order Completed", "thanks"), branch("changed", "Cart Modified", restart=True), timeout="split"),
        "thanks": send("end"),
        "split": if_else({"type": "context", "event": "Cart Modified - changed", "property": "value", "op": "exists"}, "nudge", "end"),
        "nudge": send("end", context=["Cart Modified - changed"], mapping={"cart": {"context": ["Cart Modified - changed", "cart_id"]}}),
        "mail": message(template={"text": '{{ context["Cart Modified - changed"].value }} {{ first_name }}'}),
        "end": delay(None, "mail", until={"context": ["Order Completed - bought", "due"]}),
    },
    key="cart",
    entry="Cart Modified",
    exit_rules=[{"key": "gone", "event": "Cart Emptied"}, {"key": "left", "event": "Left"}],
    exit_send={"rules": ["gone"], "activation": {"destination": "email", "context": ["Cart Emptied", "Order Completed - bought"]}},
    on_previous={"migrate": {"old": "hold"}},
)  # fmt: skip


def short(*args: Any, **fields: Any) -> list[tuple[str, str]]:
    return [(each.kind, each.path) for each in dependents(load_journey(CART), *args, **fields)]


def test_all_kinds() -> None:
    assert short("hold", waiting={"hold": 1200}) == [
        ("start", "$.start"),
        ("migrate", "$.on_previous.migrate.old"),
        ("follower", "$.steps.thanks"),
        ("follower", "$.steps.split"),
        ("follower", "$.steps.nudge"),
        ("follower", "$.steps.mail"),
        ("follower", "$.steps.end"),
        ("condition", "$.steps.split.condition.event"),
        ("activation", "$.steps.nudge.activations[0].context[0]"),
        ("mapping", "$.steps.nudge.activations[0].mapping.cart.context"),
        ("merge_tag", "$.steps.mail.template.text"),
        ("delay", "$.steps.end.until.context"),
        ("activation", "$.exit_send.activation.context[1]"),
        ("people", "$.steps.hold"),
    ]
    assert short("nudge") == [("way", "$.steps.split.if_true"), ("join", "$.steps.end")]
    assert short("thanks") == [("branch", "$.steps.hold.branches[0].next"), ("join", "$.steps.end")]
    people = dependents(load_journey(CART), "hold", waiting={"hold": 1200})[-1]
    assert people.count == 1200 and people.message.startswith("1,200 wait at 'hold'")
    json.dumps([each.to_json() for each in dependents(load_journey(CART), "hold")])


def test_of_a_branch_and_of_an_exit_rule() -> None:
    assert short("hold", branch="bought") == [
        ("follower", "$.steps.thanks"),
        ("delay", "$.steps.end.until.context"),
        ("activation", "$.exit_send.activation.context[1]"),
    ]
    assert short(exit_rule="gone") == [
        ("exit_send", "$.exit_send.rules[0]"),
        ("activation", "$.exit_send.activation.context[0]"),
    ]
    assert short(exit_rule="left") == []


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("holt",), "did you mean 'hold'"),
        (("hold", "bougt"), "did you mean 'bought'"),
        ((None, None, "gon"), "did you mean 'gone'"),
    ],
)
def test_what_is_not_there_is_named_with_the_nearest(asked: Any, told: str) -> None:
    step, name, rule = (*asked, None, None)[:3]
    with pytest.raises(KeyError, match=told):
        dependents(load_journey(CART), step, branch=name, exit_rule=rule)


def test_what_another_hold_brings_too_does_not_depend_on_one() -> None:
    twice = {
        "one": hold("PT1H", branch("a", "E", "send"), timeout="two"),
        "two": hold("PT1H", branch("a", "E", "send")),
        "send": send(context=["E - a"]),
    }
    found = load_journey(journey(twice))
    assert [each.kind for each in dependents(found, "two")] == ["way", "join"]
    assert [each.kind for each in dependents(found, "two", branch="a")] == ["join"]
    del twice["one"]
    assert "activation" in [each.kind for each in dependents(load_journey(journey(twice)), "two")]


def test_what_reads_an_event_that_goes_with_the_followers() -> None:
    mapping = {"v": {"context": ["Y - y", "v"]}}
    found = load_journey(
        journey(
            {
                "a": hold("P1D", branch("x", "X", "b")),
                "b": hold("P1D", branch("y", "Y", "c")),
                "c": send(mapping=mapping),
            },
            exit_rules=[{"key": "gone", "event": "Gone"}],
            exit_send={"rules": ["gone"], "activation": {"destination": "email", "event": "Bye", "mapping": mapping}},
        )
    )  # fmt: skip
    at_exit = ("mapping", "$.exit_send.activation.mapping.v.context")
    for asked in ({"step": "a"}, {"step": "a", "branch": "x"}):
        told = [(each.kind, each.path) for each in dependents(found, **asked)]
        assert told[-3:] == [("follower", "$.steps.b"), ("follower", "$.steps.c"), at_exit]

"""A rename changes names, and nothing that happens."""

from __future__ import annotations

import json
import random
from typing import Any

import attrs
import pytest

from journeys import HoldUntil, RandomizedSplit, dump_space, load_space
from journeys.codec import load_journey
from journeys.plan.plan import destination_key
from journeys.runtime.editing import operations as o
from journeys.runtime.editing.apply import apply
from journeys.runtime.editing.contexts import alias_of
from tests.reference.compare import case
from tests.reference.interpreter import simulate
from tests.support import branch, delay, hold, journey, message, run, send, space

SEEDS = range(30)


def trace(document: Any, one: Any) -> list[Any]:
    return run(document, one.calls, one.until).trace


def normal(trace: list[Any], names: dict[str, str]) -> str:
    """A trace with other names, without the ids that are made of them (O6)."""
    ids: dict[str, str] = {}
    for record in trace:
        for field in ("delivery", "instance"):
            if record.get(field):
                ids.setdefault(record[field], f"{field} {len(ids)}")
    return json.dumps([_renamed(record, {**names, **ids}) for record in trace], sort_keys=True)


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {names.get(key, key): _renamed(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each, names) for each in value]
    return names.get(value, value) if isinstance(value, str) else value


def test_a_step_that_is_renamed_does_what_it_did() -> None:
    sent = renamed = 0
    for seed in SEEDS:
        one = case(seed, count=60)
        found = load_space(one.space)
        rng = random.Random(seed)
        journey_ = rng.choice(found.journeys)
        keys = [key for key, step in journey_.steps.items() if not isinstance(step, RandomizedSplit)]
        if not keys:
            continue
        old = rng.choice(keys)
        new = old + "-x"
        edited = apply(found, o.RenameStep(old, new, journey=journey_.key, version=journey_.version))
        document = dump_space(edited.unwrap())
        before, after = trace(one.space, one), trace(document, one)
        assert normal(after, {new: old}) == normal(before, {}), (seed, old)
        sent += sum(record["kind"] == "sent" and record.get("step") == old for record in before)
        renamed += any(record.get("step") == new for record in after)
    assert renamed > 10 and sent > 5


def test_a_journey_that_is_renamed_does_what_it_did() -> None:
    records = 0
    for seed in SEEDS:
        one = case(seed, count=60)
        found = load_space(one.space)
        if any(isinstance(step, RandomizedSplit) for each in found.journeys for step in each.steps.values()):
            continue
        old = found.journeys[0].key
        document = dump_space(apply(found, o.RenameJourney(f"{old}z", journey=old)).unwrap())
        before, after = trace(one.space, one), trace(document, one)
        assert normal(after, {f"{old}z": old}) == normal(before, {}), seed
        records += len(after)
    assert records > 300


def test_a_branch_that_is_renamed_does_what_it_did_and_its_event_follows() -> None:
    followed = 0
    for seed in SEEDS:
        one = case(seed, count=60)
        found = load_space(one.space)
        for journey_ in found.journeys:
            holds = {key: step for key, step in journey_.steps.items() if isinstance(step, HoldUntil)}
            for key, step in holds.items():
                old = step.branches[0]
                new = attrs.evolve(old, name="quite new")
                answer = apply(
                    found, o.RenameBranch(key, old.name, new.name, journey=journey_.key, version=journey_.version)
                )
                document = dump_space(answer.unwrap())
                names = {alias_of(new): alias_of(old), new.name: old.name}
                assert normal(trace(document, one), names) == normal(trace(one.space, one), {}), (seed, key)
                followed += json.dumps(document).count(json.dumps(alias_of(new)))
                break
    assert followed > 5


def test_destination_keys_stay_in_product_and_reference_alike() -> None:
    found = load_space(
        space(
            journey(
                {"mail": send("rest", event="Hello"), "rest": delay("P1D")},
                exit_rules=[{"key": "gone", "event": "Gone"}],
                exit_send={"rules": ["gone"], "activation": {"destination": "crm", "event": "Left"}},
            )
        )
    )
    edited = apply(apply(found, o.RenameStep("mail", "letter")).unwrap(), o.RenameJourney("k")).unwrap()
    document = dump_space(edited)
    calls = [
        {"type": "track", "userId": "u1", "event": "Start", "timestamp": "2026-01-01T00:00:00Z", "messageId": "1"},
        {"type": "track", "userId": "u1", "event": "Gone", "timestamp": "2026-01-01T01:00:00Z", "messageId": "2"},
    ]
    done = run(document, calls)
    keys = [payload["context"]["personas"]["computation_key"] for payload in done.payloads()]
    assert keys == [destination_key("j", "mail"), destination_key("j", "exit")]
    assert done.trace == simulate(document, calls, None)
    back = apply(apply(edited, o.RenameJourney("j")).unwrap(), o.RenameStep("letter", "mail")).unwrap()
    assert back == found


def test_what_is_sent_without_a_name_keeps_the_name_that_it_had() -> None:
    edited = apply(load_journey(journey({"mail": send()})), o.RenameStep("mail", "letter")).unwrap()
    assert edited.steps["letter"].activations[0].event == "mail"


def test_what_maps_to_a_step_follows_it_and_people_at_its_old_key_are_mapped() -> None:
    found = load_journey(journey({"a": delay("P1D", "b"), "b": delay("P1D")}, on_previous={"migrate": {"z": "a"}}))
    assert apply(found, o.RenameStep("a", "c")).unwrap().on_previous.migrate == {"z": "c"}
    assert apply(found, o.RenameStep("b", "c")).unwrap().on_previous.migrate == {"z": "a", "b": "c"}


def test_all_versions_of_a_journey_are_renamed_together_and_come_back_together() -> None:
    old = journey({"mail": send()}, status="archived")
    found = load_space(space(old, journey({"mail": send()}, version=2), journey(key="other")))
    edited = apply(found, o.RenameJourney("k", journey="j"))
    assert [each.key for each in edited.unwrap().journeys] == ["k", "k", "other"]
    assert isinstance(edited.inverse, o.Together)
    assert apply(edited.unwrap(), edited.inverse).result == found
    answer = apply(found, o.RenameJourney("other", journey="j"))
    assert [each.code for each in answer.problems] == ["duplicate_key"]


def test_merge_tags_follow_a_branch_with_their_default() -> None:
    text = 'Hi {{ name }} {{context[\'E - a\'].x | default: "it"}} {{ context["E - b"].x }}'
    document = journey({"h": hold("P1D", branch("a", "E", "m")), "m": message(template={"t": [text]})})
    edited = apply(load_journey(document), o.RenameBranch("h", "a", "c"))
    found = edited.unwrap().steps["m"].template["t"][0]
    assert found == 'Hi {{ name }} {{ context["E - c"].x | default: "it" }} {{ context["E - b"].x }}'
    answer = apply(load_journey(document), o.RenameBranch("h", "a", "}} \"'"))
    assert [each.code for each in answer.problems] == ["bad_template"]


@pytest.mark.parametrize("to", ["taken", "b"])
def test_a_name_that_stands_in_the_context_already_is_not_taken(to: str) -> None:
    document = journey(
        {"h": hold("P1D", branch("a", "E", "g"), branch("b", "F")), "g": hold("P1D", branch("taken", "E"))}
    )
    answer = apply(load_journey(document), o.RenameBranch("h", "a", to))
    assert [(each.code, each.path) for each in answer.problems] == [("duplicate_name", "operation.to")]


def test_what_the_rules_make_of_a_key_is_said() -> None:
    split = {"type": "randomized_split", "branches": [{"name": "a", "percent": 100, "next": "m"}]}
    found = load_journey(journey({"s": split, "m": delay("P1D")}))
    assert [each.code for each in apply(found, o.RenameStep("s", "t")).notes] == ["drawn_anew"]
    assert [each.code for each in apply(found, o.RenameStep("m", "z")).notes] == ["order_of_work"]
    assert [each.code for each in apply(found, o.RenameStep("m", "n")).notes] == []
    assert [each.code for each in apply(found, o.RenameJourney("k")).notes] == ["drawn_anew", "another_journey"]

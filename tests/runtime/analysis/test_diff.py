"""A diff says what is not the same, where, and nothing else."""

from __future__ import annotations

import copy
import json
import random
import re
from pathlib import Path
from typing import Any

import attrs
import pytest

from journeys import Journey, load_space
from journeys.codec import dump_space, load_journey
from journeys.model.space import Space
from journeys.plan.plan import destination_key
from journeys.runtime.analysis.blast import FATES
from journeys.runtime.analysis.diff import Diff, diff
from journeys.runtime.analysis.diff_findings import AREAS, MARKS, Difference
from journeys.runtime.analysis.migration import REASONS
from journeys.runtime.analysis.replay_compare import KINDS
from tests.reference.generate import random_space
from tests.runtime.analysis.mutations import mutations
from tests.support import (
    ad,
    branch,
    branches,
    data_split,
    delay,
    did,
    either,
    every,
    hold,
    if_else,
    journey,
    message,
    negated,
    on,
    property_test,
    random_split,
    send,
    space,
    trait,
    until_time,
    wait,
    where,
)

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = [*sorted((ROOT / "examples").glob("*/space.json")), ROOT / "tests" / "data" / "everything.json"]


def of(old: Any, new: Any) -> Diff:
    """The diff of two documents of journeys."""
    return diff(load_journey(old), load_journey(new))


def told(old: Any, new: Any) -> list[str]:
    return [f"{each.kind} {each.path} {each.text}" for each in of(old, new).differences]


def of_condition(old: Any, new: Any) -> list[str]:
    """What is told of two conditions, without where."""
    found = of(journey({"w": wait(old)}), journey({"w": wait(new)})).differences
    assert all(each.path.startswith("$.steps.w.condition") for each in found)
    return [each.text.removeprefix("w: ") for each in found]


def test_an_event_and_its_property_are_told_apart() -> None:
    def made(*context: str) -> Any:
        return journey({"d": delay(None, until={"context": list(context)})}, entry="due")

    (found,) = of(made("due", "at"), made("at", "due")).differences
    assert (found.kind, found.path) == ("changed", "$.steps.d.until.context")


# nothing


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.parent.name)
def test_what_is_equal_has_no_difference(path: Path) -> None:
    one, other = (load_space(path.read_text(encoding="utf-8")) for _ in range(2))
    assert diff(one, other).same
    assert diff(one, other).text == "no difference"
    assert diff(one, load_space(_turned(dump_space(other)))).same


def _turned(value: Any) -> Any:
    """The same document with the names of every object in the opposite order."""
    if isinstance(value, dict):
        return {name: _turned(each) for name, each in reversed(value.items())}
    return [_turned(each) for each in value] if isinstance(value, list) else value


@property_test(25)
def test_generated_spaces_have_no_difference_to_themselves(seed: int) -> None:
    document = random_space(random.Random(seed))
    assert diff(load_space(document), load_space(_turned(document))).same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (every(trait("a", "exists"), did("E")), every(did("E"), trait("a", "exists"))),
        (every(every(trait("a", "exists")), every(did("E"), did("F"))), every(did("F"), did("E"), trait("a", "exists"))),
        (negated(negated(did("E"))), did("E")),
        (negated(trait("plan", "equals", "pro")), trait("plan", "not_equals", "pro")),
        (negated(did("E")), did("E", count={"exactly": 0})),
        (did("E", count={"more_than": 2}), did("E", count={"at_least": 3})),
        (did("E", within="P7D"), did("E", within="PT168H")),
        (did("E", where=where(("a", "equals", 1), ("b", "exists"))),
         did("E", where=where(("b", "exists"), ("a", "equals", 1.0)))),
        (trait("a", "equals_any_of", [1, 2]), trait("a", "equals_any_of", [2, 1])),
        (trait("a", "within_last", "P1D"), trait("a", "within_last", "PT24H")),
    ],
)  # fmt: skip
def test_what_cannot_change_an_answer(one: Any, other: Any) -> None:
    assert of_condition(one, other) == []


def test_equal_durations_and_defaults() -> None:
    old = journey({"h": hold("PT120M", branch("b", "E")), "d": delay("P1W")}, max_age="P365D")
    new = journey({"d": delay("P7D"), "h": hold("PT2H", branch("b", "E", where=[]))}, start="h")
    assert told(old, new) == []


# every change


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.parent.name)
def test_every_change_is_found_where_it_is(path: Path) -> None:
    _every_change_is_found(path, 30 if path.stem == "space" else 50)


@pytest.mark.soak
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.parent.name)
def test_every_single_change_is_found_where_it_is(path: Path) -> None:
    _every_change_is_found(path, 1 << 30)


def _every_change_is_found(path: Path, most: int) -> None:
    document = dump_space(load_space(path.read_text(encoding="utf-8")))
    original = load_space(document)
    changed = [(where_, other) for where_, other in mutations(document, random.Random(7), most) if other != original]
    assert len(changed) > min(most, 500) / 2
    for where_, other in changed:
        found = diff(original, other).differences
        paths = [each for one in found for each in (one.old_path, one.new_path) if each is not None]
        assert any(where_.startswith(each) or each.startswith(where_) for each in paths), (where_, paths)


def test_true_is_not_one() -> None:
    assert of_condition(trait("a", "equals", True), trait("a", "equals", 1)) == ["asks for a is 1 instead of a is true"]


# both ways


@property_test(12)
def test_the_other_way_round_it_is_the_mirror_image(seed: int) -> None:
    _is_the_mirror_image(seed)


@pytest.mark.soak
@property_test(1500)
def test_the_other_way_round_it_is_the_mirror_image_at_length(seed: int) -> None:
    _is_the_mirror_image(seed)


def _is_the_mirror_image(seed: int) -> None:
    rng = random.Random(seed)
    document = random_space(rng)
    one = load_space(document)
    chosen = [other for _, other in mutations(dump_space(one), rng, 3)]
    for other in [*chosen, load_space(random_space(random.Random(seed + 1))), _renamed(one, rng)]:
        forth, back = diff(one, other), diff(other, one)
        assert sorted(map(_key, map(_mirrored, forth.differences))) == sorted(map(_key, back.differences))
        assert {key: {new: old for old, new in steps.items()} for key, steps in forth.renames.items()} == back.renames


def _renamed(one: Space, rng: random.Random) -> Space:
    """Some steps of every journey under other keys."""
    document = json.loads(json.dumps(dump_space(one)))
    for each in document["journeys"]:
        names = {key: f"n{number}" for number, key in enumerate(each["steps"]) if rng.random() < 0.5}
        each["steps"] = {names.get(key, key): step for key, step in each["steps"].items()}
        each["start"] = names.get(each["start"], each["start"])
        for step in each["steps"].values():
            for part in (step, *step.get("branches", ())):
                for name in ("next", "timeout", "if_true", "if_false", "everyone_else"):
                    if part.get(name) is not None:
                        part[name] = names.get(part[name], part[name])
    return load_space(document)


def _mirrored(each: Difference) -> Difference:
    kind = {"added": "removed", "removed": "added"}.get(each.kind, each.kind)
    return attrs.evolve(each, kind=kind, old_path=each.new_path, new_path=each.old_path,
                        before=each.after, after=each.before)  # fmt: skip


def _key(each: Difference) -> str:
    step = None if each.kind == "renamed" or each.old_path != each.new_path else each.step
    return json.dumps([each.kind, each.area, each.old_path, each.new_path, each.before, each.after, step])


@property_test(25)
def test_steps_under_other_keys_are_all_that_is_told(seed: int) -> None:
    rng = random.Random(seed)
    one = load_space(random_space(rng))
    other = _renamed(one, rng)
    found = [each for each in diff(one, other).differences if not each.path.endswith(".destination_key")]
    assert {each.kind for each in found} <= {"renamed", "changed", "moved"}
    # where several steps do the same, it may be told otherwise which was which
    if all(len({str(step) for step in each.steps.values()}) == len(each.steps) for each in one.journeys):
        many = [each for each in one.journeys if _are_told_apart(each)]
        assert {each.kind for each in found if each.journey in {one.key for one in many}} <= {"renamed"}


def _are_told_apart(one: Journey) -> bool:
    from journeys.runtime.analysis.diff_fields import content_of

    return len({content_of(step) for step in one.steps.values()}) == len(one.steps)


# how it is told


def test_steps() -> None:
    old = journey({"a": delay("PT1H", "b"), "b": send("c"), "c": wait(did("E"), "d"), "d": send(event="Bye")})
    new = journey({"a": delay("PT90M", "x"), "x": ad("c"), "c": delay("PT5M", "e"), "e": send(event="Bye")})
    assert told(old, new) == [
        "changed $.steps.a.duration a: duration 90 minutes instead of 1 hour (30 minutes longer)",
        "changed $.steps.a.next a: next leads to x instead of b",
        "added $.steps.x x: is new, a show ad: Add to the list ads",
        "changed $.steps.c.type c: is a delay (Wait 5 minutes) instead of a wait for condition (E at least once)",
        "renamed $.steps.e e: was called d",
        "changed $.steps.e.activations[0].destination_key activation email of e: destination key "
        f"{destination_key('j', 'e')} instead of {destination_key('j', 'd')}",
        "removed $.steps.b b: is gone, a send to destination: Send to email",
    ]
    assert of(old, new).renames == {"j": {"d": "e"}}
    (renamed,) = (each for each in of(old, new).differences if each.kind == "renamed")
    assert (renamed.old_path, renamed.new_path, renamed.before, renamed.after) == ("$.steps.d", "$.steps.e", "d", "e")


def test_a_renamed_step_that_keeps_its_destination_key_is_only_renamed() -> None:
    """V4: what counts is the key under which the destination knows it, given or made."""
    key = destination_key("j", "d")
    old, kept = journey({"d": send()}), journey({"e": send(destination_key=key)})
    assert [each.kind for each in of(old, kept).differences] == ["renamed"]
    assert of(old, journey({"d": send(destination_key=key)})).same
    (other,) = of(old, journey({"d": send(destination_key="mine")})).differences
    assert (other.area, other.before, other.after) == ("payload", key, "mine")
    leaving = {"exit_rules": [{"key": "x", "event": "Stop"}]}
    sends = [{"rules": ["x"], "activation": {"destination": "email", **more}}
             for more in ({}, {"destination_key": destination_key("j", "exit")}, {"destination_key": "mine"})]  # fmt: skip
    plain, given, mine = (journey(**leaving, exit_send=each) for each in sends)
    assert of(plain, given).same
    assert [each.path for each in of(plain, mine).differences] == ["$.exit_send.activation.destination_key"]


def test_a_step_that_does_the_same_under_a_key_that_was_another() -> None:
    old = journey({"a": hold("PT1H", branch("b", "E"), timeout="b"), "b": delay("P1D")})
    new = journey({"a": delay("P1D", "z"), "z": hold("PT1H", branch("b", "E"))}, start="z")
    assert [each.kind for each in of(old, new).differences if each.area == "steps"][:2] == ["renamed", "renamed"]
    assert of(old, new).renames == {"j": {"a": "z", "b": "a"}}


def test_a_step_that_hangs_elsewhere_has_moved() -> None:
    old = journey({"a": delay("PT1H", "b"), "b": send("c"), "c": delay("PT2H", "d"), "d": ad()})
    new = journey({"a": delay("PT1H", "c"), "c": delay("PT2H", "b"), "b": send("d"), "d": ad()})
    moved = [each.text for each in of(old, new).differences if each.kind == "moved"]
    assert moved == ["c: comes after a instead of b", "b: comes after c instead of a", "d: comes after b instead of c"]


def test_what_is_put_in_between_moves_nothing() -> None:
    old = journey({"a": delay("PT1H", "b"), "b": send()})
    new = journey({"a": delay("PT1H", "x"), "x": ad("b"), "b": send()})
    assert [each.kind for each in of(old, new).differences] == ["changed", "added"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (every(did("E"), trait("a", "exists")), did("E"), ["no longer asks for a is set"]),
        (did("E"), either(did("E"), did("F")), ["is also met by F at least once"]),
        (every(did("E", within="P7D"), did("F")), every(did("F"), did("E", within="P30D")),
         ["asks for E at least once within 30 days instead of E at least once within 7 days (23 days longer)"]),
        (did("E"), did("E", count={"at_least": 3}, where=where(("v", "greater_than", 5))),
         ["E: also asks for v is greater than 5", "asks for E at least 3 times instead of at least once"]),
        (every(did("E"), did("F")), either(did("E"), did("F")),
         ["asks for (E at least once or F at least once) instead of (E at least once and F at least once)"]),
        (negated(every(did("E"), did("F"))), negated(did("E")), ["not: no longer asks for F at least once"]),
        (trait("plan", "equals", "pro"), trait("plan", "equals", "free"),
         ['asks for plan is "free" instead of plan is "pro"']),
        (every(trait("plan", "equals", "pro"), did("E"), did("F")), every(did("G"), did("H"), did("I")),
         ['no longer asks for plan is "pro"', "no longer asks for E at least once", "no longer asks for F at least once",
          "also asks for G at least once", "also asks for H at least once", "also asks for I at least once"]),
    ],
)  # fmt: skip
def test_conditions(old: Any, new: Any, expected: list[str]) -> None:
    assert of_condition(old, new) == expected


def test_branches_and_percentages() -> None:
    old = journey({
        "r": random_split(("A", 50, "s"), ("B", 50, None)), "s": data_split(("x", did("E"), "b"), ("y", did("F"), None)),
        "b": branches(("p", did("E"), None), ("q", did("F"), None)),
    })  # fmt: skip
    new = journey({
        "r": random_split(("A", 60, "s"), ("C", 40, None)), "s": data_split(("y", did("F"), None), ("x", did("E"), "b")),
        "b": branches(("p", did("E"), None), ("r", did("F"), None)),
    })  # fmt: skip
    assert told(old, new) == [
        "changed $.steps.r.branches[0].percent branch A of r: percent 60 instead of 50",
        "removed $.steps.r.branches[1] r: branch B is gone: it was 50 %, then the end",
        "added $.steps.r.branches[1] r: branch C is new: 40 %, then the end",
        "reordered $.steps.s.branches s: the order is y, x instead of x, y",
        "renamed $.steps.b.branches[1].name branch r of b: name r instead of q",
    ]


def test_payloads() -> None:
    mapped = {"mapping": {"to": {"trait": "email"}, "n": 1, "hi": {"template": "Hi {{ nick }}"}}}
    other = {"mapping": {"to": {"trait": "mail"}, "hi": {"template": "Hello {{ nick }}"}, "n": 1.0}}
    old = journey({"s": send("m", **mapped), "m": message(template={"subject": "A", "body": {"parts": ["x", "y"]}})})
    new = journey({"s": send("m", **other), "m": message(template={"subject": "A", "body": {"parts": ["x", "z"]}})})
    assert [(each.area, each.path, each.before, each.after) for each in of(old, new).differences] == [
        ("payload", "$.steps.s.activations[0].mapping.to", {"trait": "email"}, {"trait": "mail"}),
        ("payload", "$.steps.s.activations[0].mapping.n", 1, 1.0),
        ("payload", "$.steps.s.activations[0].mapping.hi", {"template": "Hi {{ nick }}"},
         {"template": "Hello {{ nick }}"}),
        ("payload", "$.steps.m.template.body.parts", ["x", "y"], ["x", "z"]),
    ]  # fmt: skip


def test_names_are_wording_unless_they_are_sent() -> None:
    old = journey({"a": {**send("b"), "name": "A"}, "b": {**send(event="E"), "name": "B"}})
    new = journey({"a": {**send("b"), "name": "A2"}, "b": {**send(event="E"), "name": "B2"}}, description="new")
    found = of(old, new).differences
    assert [(each.path, each.area, each.matters) for each in found] == [
        ("$.description", "wording", False),
        ("$.steps.a.name", "payload", True),
        ("$.steps.b.name", "wording", False),
    ]


def test_entries_exits_and_life() -> None:
    old = journey(
        entry=on("Start", identifier="id", where=where(("v", "greater_than", 1))), exit_after="P1M",
        exit_rules=[{"key": "x", "event": "Stop"}], goal={"event": "Buy", "within": "P7D"}, version=1,
    )  # fmt: skip
    new = journey(
        entry=on("Start", reentry="once", where=where(("v", "greater_than", 2))), exit_after="P1M1D", max_age="P30D",
        exit_rules=[{"key": "x", "event": "Stop", "match_identifier": True}, {"key": "y", "event": "End"}],
        exit_send={"rules": ["y"], "activation": {"destination": "email", "event": "Left"}}, version=2,
        on_previous={"migrate": {}}, exclude_previous=True,
    )  # fmt: skip
    assert told(old, new) == [
        "changed $.entry.where[0] entry: asks for v is greater than 2 instead of v is greater than 1",
        "changed $.entry.reentry entry: reentry once instead of every_time",
        "removed $.entry.identifier entry: identifier no longer set, id before",
        "changed $.exit_rules[0].match_identifier exit rule x: match identifier true instead of false",
        "added $.exit_rules[1] exit rule y is new: End",
        "added $.exit_send exit send: exit send Send Left to email, not set before",
        "removed $.goal goal: goal no longer set, Buy within 7 days before",
        "changed $.exit_after exit after 1 month 1 day instead of 1 month (1 day longer)",
        "changed $.max_age max age 30 days instead of 365 days (335 days shorter)",
        "changed $.version version 2 instead of 1",
        "changed $.on_previous people in the previous version: migrate instead of drain",
        "changed $.exclude_previous exclude previous true instead of false",
    ]
    kinds = of(journey(), journey(entry=did("E"))).differences
    assert [(each.path, each.text) for each in kinds] == [
        ("$.entry.type", "entry: is a condition entry (E at least once) instead of a event entry "
                         "(Start; one at a time)"),
    ]  # fmt: skip


def test_timing() -> None:
    old = journey({"a": until_time("09:00", "b", weekdays=["mon", "tue"]), "b": delay("P1M")})
    new = journey({"a": until_time("10:00", "b", weekdays=["tue", "mon"], timezone="Asia/Tokyo"), "b": delay("P30D")})
    later = journey({"a": {**delay(None, "b"), "until": {"context": ["Start", "due"], "offset": "-PT1H"}},
                     "b": delay("P30D")})  # fmt: skip
    assert told(new, later) == ["changed $.steps.a.until a: until 1 hour before the due of Start instead of 10:00, "
                                "Mon or Tue"]  # fmt: skip
    assert [(each.area, each.path, each.text) for each in of(old, new).differences] == [
        ("timing", "$.steps.a.until.time", 'a: time "10:00" instead of "09:00"'),
        ("timing", "$.steps.a.until.timezone", 'a: timezone "Asia/Tokyo" instead of UTC'),
        ("timing", "$.steps.b.duration", "b: duration 30 days instead of 1 month"),
    ]


def test_audiences_traits_and_settings_say_whom_they_concern() -> None:
    def made(number: int, lateness: str, crm: str) -> Space:
        document = space(
            journey({"w": wait({"type": "audience", "audience": "vip"})}, key="by-audience"),
            journey({"m": message(template={"subject": "{{ spent }}"})}, key="by-template"),
            journey({"s": send(to="crm")}, key="by-destination"),
            journey({"w": if_else(did("E"))}, key="apart"),
            computed_traits=[{"key": "spent", "type": "sum", "event": "Buy", "property": "x", "within": f"P{number}D"}],
            audiences=[{"key": "vip", "condition": trait("spent", "greater_than", number)}],
            settings={"allowed_lateness": lateness},
        )
        document["destinations"]["crm"] = {"type": crm}
        return load_space(document)

    found = diff(made(7, "PT0S", "record"), made(8, "PT1H", "function"))
    everyone = ("apart", "by-audience", "by-destination", "by-template")
    assert [(each.path, each.area, each.affects) for each in found.differences] == [
        ("$.audiences[0].condition.value", "audiences", ("by-audience",)),
        ("$.computed_traits[0].within", "computed_traits", ("by-audience", "by-template")),
        ("$.destinations.crm.type", "destinations", ("by-destination",)),
        ("$.settings.allowed_lateness", "settings", everyone),
    ]
    assert found.journeys == ("by-audience", "by-template", "by-destination", "apart")


def test_journeys_of_spaces_and_their_versions() -> None:
    one = load_space(space(journey(key="a"), journey(key="b"), journey(key="c", version=1)))
    other = load_space(space(journey(key="c", version=2), journey(key="d"), journey(key="a", max_age="P1D")))
    assert [(each.kind, each.path, each.journey) for each in diff(one, other).differences] == [
        ("changed", "$.journeys[2].max_age", "a"),
        ("changed", "$.journeys[0].version", "c"),
        ("added", "$.journeys[1]", "d"),
        ("removed", "$.journeys[1]", "b"),
    ]


def test_text_and_data() -> None:
    old, new = journey({"a": delay("PT1H")}), journey({"a": delay("PT2H")}, max_age="P1D")
    found = diff(load_space(space(old)), load_space(space(new)))
    assert found.text == (
        "journey j: 2 differences\n"
        "  ~ steps.a.duration  a: duration 2 hours instead of 1 hour (1 hour longer)\n"
        "  ~ max_age           max age 1 day instead of 365 days (364 days shorter)"
    )
    document = json.loads(json.dumps(found.as_dict()))
    assert document["differences"][0] == {
        "path": "$.journeys[0].steps.a.duration", "kind": "changed", "area": "timing",
        "old_path": "$.journeys[0].steps.a.duration", "new_path": "$.journeys[0].steps.a.duration",
        "before": "PT1H", "after": "PT2H", "text": "a: duration 2 hours instead of 1 hour (1 hour longer)",
        "journey": "j", "step": "a", "affects": [],
    }  # fmt: skip
    assert str(found.differences[0]).startswith("~ $.journeys[0].steps.a.duration  a: ")


def test_one_of_each_is_refused() -> None:
    one = load_journey(journey())
    with pytest.raises(TypeError, match="two journeys or two spaces, got Journey and Space"):
        diff(one, load_space(space(journey())))


@property_test(20)
def test_differences_keep_to_their_vocabulary(seed: int) -> None:
    one, other = (load_space(random_space(random.Random(seed + n))) for n in range(2))
    found = diff(one, other)
    assert all(each.text in found.text for each in found.differences)
    for each in found.differences:
        assert each.kind in MARKS and each.area in AREAS and each.text and each.path.startswith("$.")
        assert (each.old_path is None, each.new_path is None) == (each.kind == "added", each.kind == "removed")
        json.dumps(each.as_dict())


def test_nothing_is_changed_by_looking() -> None:
    document = json.loads(DOCUMENTS[0].read_text(encoding="utf-8"))
    before = copy.deepcopy(document)
    diff(load_space(document), load_space(space()))
    assert document == before


def test_the_reference_has_every_word() -> None:
    text = (ROOT / "docs" / "reference" / "changes.md").read_text(encoding="utf-8")
    tables = dict(re.findall(r"^### ([^\n]+)\n(.*?)(?=^#|\Z)", text, re.M | re.S))
    words = {title: tuple(re.findall(r"^\| `(\w+)`", table, re.M)) for title, table in tables.items()}
    assert words == {
        "Kinds of differences": tuple(MARKS),
        "Areas": AREAS,
        "Fates": FATES,
        "Reasons": REASONS,
        "Kinds of stories": tuple(KINDS),
    }

"""Every path that is told replays to what it claims; every branch that is ruled out is never taken."""

from __future__ import annotations

import json
import random
from pathlib import Path as File
from typing import Any

import pytest

from journeys import Evaluator, ManualClock
from journeys._time import Duration, parse_instant
from journeys.codec import load_space
from journeys.errors import InvalidDefinition
from journeys.model.space import Space
from journeys.runtime.analysis.check_ends import check_ends
from journeys.runtime.analysis.paths import NOT_FOUND, REACHED, UNREACHABLE, Bound, Path, Paths, paths
from journeys.runtime.analysis.paths_as_tests import as_tests
from journeys.runtime.analysis.paths_proofs import Proofs
from tests.reference.generate import KINDS, random_calls, random_space
from tests.support import (
    ALWAYS,
    NEVER,
    Json,
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
    random_split,
    send,
    space,
    trait,
    until_time,
    wait,
    where,
)

EXAMPLES = sorted((File(__file__).resolve().parents[3] / "examples").glob("*/space.json"))
#: for random spaces, whose conditions hardly anybody would write
SMALL = Bound(most=20, ways=100, budget=60, proposals=2_000)


class Nowhere:
    def deliver(self, delivery: Any) -> None: ...
    def deliver_batch(self, deliveries: Any) -> None: ...


def replayed(one: Space, calls: list[Json], until: int) -> list[Json]:
    """The trace of the public evaluator."""
    nowhere = {key: Nowhere() for key in one.destinations}
    with Evaluator(one, destinations=nowhere, clock=ManualClock(0)) as evaluator:
        evaluator.replay(calls)
        evaluator.advance(one.settings.allowed_lateness.after(until))
        return list(evaluator.trace())


def ways_in(trace: list[Json], path: Path) -> list[tuple[Any, ...]]:
    """What each instance of the user did: the branches it took, the steps it came to, its ends."""
    instances: dict[str, list[Json]] = {}
    for record in trace:
        if (record.get("journey"), record.get("version"), record["profile"]) == (path.journey, path.version, path.user):
            instances.setdefault(record["instance"], []).append(record)
    return [
        (
            sorted((each["step"], each["branch"]) for each in records if each["kind"] in ("branch", "restarted")),
            {each["step"] for each in records if each["kind"] == "step"},
            ", ".join(_end(each) for each in records if each["kind"] in ("completed", "exited", "expired")),
        )
        for records in instances.values()
    ]


def _end(record: Json) -> str:
    return f"exited by {record['rule'] or 'exit_after'}" if record["kind"] == "exited" else record["kind"]


def claimed(path: Path) -> tuple[Any, ...]:
    taken = sorted((each.step, each.branch) for each in path.moves if each.branch is not None)
    return (taken, {each.step for each in path.moves}, path.end)


def assert_replays(one: Space, path: Path) -> None:
    trace = replayed(one, path.calls, parse_instant(path.until))
    assert claimed(path) in ways_in(trace, path), path.text


def found(document: Any, **bound: int) -> Paths:
    (one,) = paths(load_space(document), bound=Bound(**bound))
    for path in one.paths:
        assert_replays(load_space(document), path)
    return one


def texts(document: Any) -> list[str]:
    return [each.text for each in found(document).paths]


# the examples


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.parent.name)
def test_every_branch_and_exit_of_the_examples_is_reached_and_replays(example: File) -> None:
    one = load_space(example.read_text(encoding="utf-8"))
    (told,) = paths(one)
    assert told.complete
    assert {each.answer for each in told.branches} <= {REACHED}
    rules = {rule.key for rule in one.journeys[0].exit_rules}
    assert {path.end.rpartition("exited by ")[2] for path in told.paths if "exited by " in path.end} >= rules
    for path in told.paths:
        assert_replays(one, path)
    signatures = [(str(claimed(path)), path.sends) for path in told.paths]
    assert len(set(map(str, signatures))) == len(signatures), "no path is told twice"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.parent.name)
def test_the_tests_that_are_written_for_an_example_pass(example: File) -> None:
    one = load_space(example.read_text(encoding="utf-8"))
    told = paths(one)
    namespace: dict[str, Any] = {}
    exec(compile(as_tests(told, one, str(example)), "written", "exec"), namespace)
    written = [each for name, each in namespace.items() if name.startswith("test_")]
    assert len(written) == sum(len(each.paths) for each in told)
    for test in written:
        test()


def test_a_written_test_notices_that_the_journey_has_changed(tmp_path: File) -> None:
    """What is written asks for every branch: it fails as soon as one of them is not taken."""
    steps = {"hold": hold("P1D", branch("bought", "Order"), timeout="mail"), "mail": send()}
    place = tmp_path / "space.json"
    place.write_text(json.dumps(space(journey(steps))))
    one = load_space(place.read_text())
    source = as_tests(paths(one), one, str(place))
    steps["hold"]["max_duration"] = "P2D"
    other = tmp_path / "other.json"
    other.write_text(json.dumps(space(journey(steps))))
    namespace: dict[str, Any] = {}
    exec(source.replace(str(place), str(other)), namespace)
    namespace["test_j_1"]()
    with pytest.raises(AssertionError):
        namespace["test_j_2"]()


# generated spaces


def check_generated(seed: int, runs: int) -> tuple[int, int]:
    """Replays every path of a generated space, and looks for a run in which what was ruled out happens."""
    document = random_space(random.Random(seed), kind=KINDS[seed % len(KINDS)])
    one = load_space(document)
    told = paths(one, bound=SMALL)
    for each in told:
        for path in each.paths:
            assert_replays(one, path)
    ruled_out = {
        (each.journey, each.version, branch.step, branch.branch): branch.why
        for each in told
        for branch in each.branches
        if branch.answer == UNREACHABLE
    }
    for each in told:
        ruled_out |= _rules_without_effect(one, each)
    for number in range(runs if ruled_out else 0):
        calls = random_calls(random.Random(f"{seed}/{number}"), document, count=40)
        last = max(parse_instant(call["timestamp"]) for call in calls)
        for record in replayed(one, calls, last + 40 * 86_400_000_000):
            happened = (record.get("journey"), record.get("version"), record.get("step"), record.get("branch"))
            if record["kind"] == "exited":
                happened = (record["journey"], record["version"], "exit", record["rule"])
            assert happened not in ruled_out, (seed, number, happened, ruled_out[happened])
    return sum(len(each.paths) for each in told), len(ruled_out)


def _rules_without_effect(one: Space, told: Paths) -> dict[tuple[Any, ...], str]:
    """The exit rules of which the check says that they never act."""
    journey = next(each for each in one.journeys if (each.key, each.version) == (told.journey, told.version))
    found = {}
    for each in check_ends(journey, "$", Proofs(journey, one)):
        if each.code in ("impossible_exit_rule", "shadowed_exit_rule"):
            index = int(each.path.removeprefix("$.exit_rules[").rstrip("]"))
            found[journey.key, journey.version, "exit", journey.exit_rules[index].key] = each.message
    return found


@pytest.mark.parametrize("seed", [0, 1, 3, 4, 5, 6, 7, 9, 13, 15])
def test_a_generated_space(seed: int) -> None:
    check_generated(seed, 3)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1_000, 1_300, 20))
def test_many_generated_spaces_and_ten_thousand_runs(first: int) -> None:
    """15 times 20 spaces with 34 runs each."""
    checked = [check_generated(seed, 34) for seed in range(first, first + 20)]
    assert sum(told for told, _ in checked) > 60
    assert sum(ruled_out for _, ruled_out in checked) > 10


# conditions: both answers of each are found

BOTH = {
    "a trait": trait("plan", "equals", "pro"),
    "a trait that is not so": trait("plan", "not_equals", "pro"),
    "a number between two": every(trait("age", "greater_than", 17), trait("age", "less_than", 19)),
    "one of several": trait("plan", "equals_any_of", ["a", "b"]),
    "a text from its parts": every(trait("name", "starts_with", "Dr. "), trait("name", "ends_with", " jr")),
    "a list": every(trait("tags", "contains", 1), trait("tags", "contains", "x"), trait("tags", "does_not_contain", 2)),
    "a date": every(trait("born", "after_date", "1990-01-01"), trait("born", "before_date", "1990-01-03")),
    "a date not long ago": trait("renewal", "within_last", "P3D"),
    "a date soon": trait("renewal", "within_next", "P1M"),
    "a date long ago": trait("renewal", "before_last", "P1Y"),
    "a date far ahead": trait("renewal", "after_next", "P3D"),
    "a trait inside": every(trait("address.city", "exists"), trait("address.zip", "not_exists")),
    "another trait": trait("home", "equals", {"trait": "work"}),
    "events": did("Order", count={"at_least": 3}),
    "no event": did("Order", count={"exactly": 0}, within="P30D"),
    "neither few nor many": every(did("Order", count={"more_than": 1}), did("Order", count={"less_than": 3})),
    "events of a time": every(did("Order", between=["P60D", "P30D"]), did("Order", count={"exactly": 0}, within="P30D")),
    "events with filters": every(
        did("Order", where=where(("value", "greater_than", 100))),
        did("Order", where=where(("value", "less_than_or_equal", 100)), count={"exactly": 0}),
    ),
    "what the entry said": {"type": "context", "event": "Start", "property": "value", "op": "greater_than", "value": 7},
    "a funnel": {
        "type": "funnel",
        "first": {"event": "Cart", "where": where(("value", "greater_than", 5))},
        "then": {"event": "Order", "where": where(("id", "equals", {"first": "id"})), "within": "PT1H"},
    },
    "a funnel that stops": {
        "type": "funnel",
        "first": {"event": "Cart"},
        "then": {"event": "Order", "performed": False, "within": "PT1H"},
    },
    "an audience": {"type": "audience", "audience": "vip"},
    "nobody of an audience": negated({"type": "audience", "audience": "vip"}),
    "a counter": trait("orders", "greater_than_or_equal", 4),
    "a sum": trait("spent", "greater_than", 99.5),
    "a favourite": trait("favourite", "equals", "tea"),
    "the last": trait("newest", "equals", "tea"),
    "a list of all": trait("all", "contains", "tea"),
    "how many different": trait("different", "equals", 3),
    "one or another": either(trait("a", "equals", 1), every(trait("b", "equals", 1), negated(trait("c", "exists")))),
}  # fmt: skip
TRAITS = [
    {"key": "orders", "type": "event_counter", "event": "Order"},
    {"key": "spent", "type": "sum", "event": "Order", "property": "value"},
    {"key": "favourite", "type": "most_frequent", "event": "View", "property": "kind", "within": "P30D"},
    {"key": "newest", "type": "last", "event": "View", "property": "kind"},
    {"key": "all", "type": "unique_list", "event": "View", "property": "kind"},
    {"key": "different", "type": "unique_list_count", "event": "View", "property": "kind"},
]
VIP = {
    "key": "vip",
    "condition": every(did("Order", count={"at_least": 2}, within="P90D"), trait("vip", "equals", True)),
}


def with_definitions(*journeys: Json) -> Json:
    return space(*journeys, audiences=[VIP], computed_traits=TRAITS)


@pytest.mark.parametrize("name", BOTH)
def test_both_answers_of_a_condition_at_the_entry(name: str) -> None:
    told = found(with_definitions(journey({"split": if_else(BOTH[name], "mail"), "mail": send()})))
    assert {each.answer for each in told.branches} == {REACHED}, told.branches


@pytest.mark.parametrize("name", BOTH)
def test_both_answers_of_a_condition_after_a_wait(name: str) -> None:
    steps = {"rest": delay("P1D", "split"), "split": if_else(BOTH[name], "mail"), "mail": send()}
    told = found(with_definitions(journey(steps)))
    assert {each.answer for each in told.branches} == {REACHED}, told.branches


@pytest.mark.parametrize("name", sorted(BOTH.keys() - {"what the entry said"}))
def test_a_condition_as_an_entry_and_as_a_wait(name: str) -> None:
    entered = found(with_definitions(journey({"mail": send()}, entry=BOTH[name], exit_after="P99D")))
    assert "mail → completed" in [each.text for each in entered.paths]
    waited = found(with_definitions(journey({"wait": wait(BOTH[name], "mail"), "mail": send()})))
    assert "wait → mail → completed" in [each.text for each in waited.paths]


# what a path may be


def test_a_hold_with_its_restart_timeout_and_exits() -> None:
    steps = {
        "hold": hold("PT2H", branch("bought", "Order"), branch("more", "Cart", restart=True), timeout="mail"),
        "mail": send(),
    }
    entry = on("Cart", identifier="id", where=where(("value", "greater_than", 50)))
    rules = [{"key": "gone", "event": "Account Deleted"}]
    assert texts(space(journey(steps, entry=entry, exit_rules=rules))) == [
        "hold: bought → completed",
        "hold: more (again) → hold: bought → completed",
        "hold: timeout → mail → completed",
        "hold: more (again) → hold: timeout → mail → completed",
        "hold → exited by gone",
    ]


def test_restarts_up_to_the_bound() -> None:
    document = space(journey({"hold": hold("PT2H", branch("more", "Cart", restart=True))}))
    for restarts in (0, 1, 3):
        told = [each.text for each in found(document, restarts=restarts).paths]
        assert len(told) == restarts + 1
        assert max(text.count("(again)") for text in told) == restarts


def test_branches_by_chance_each_have_a_user() -> None:
    rare = random_split(("rare", 0.5, "mail"), ("often", 99.5, None))
    inner = random_split(("a", 30, None), ("b", 70, None))
    for fields in ({}, {"sticky": True}):
        steps = {"split": {**rare, **fields}, "mail": send("inner"), "inner": {**inner, **fields}}
        told = found(space(journey(steps, entry=on("Start", identifier="id"))))
        assert {each.answer for each in told.branches} == {REACHED}
        assert len(told.paths) == 3


def test_a_share_of_nothing_is_unreachable() -> None:
    told = found(space(journey({"split": random_split(("all", 100, None), ("none", 0, None))})))
    assert told.branch("split", "none").answer == UNREACHABLE
    assert told.branch("split", "none").why == "its share is 0 %"


def test_several_tokens_in_all_combinations() -> None:
    split = branches(("a", trait("a", "exists"), "mail"), ("b", trait("b", "exists"), "mail"), ("c", did("C"), None))
    told = texts(space(journey({"split": split, "mail": send()}, entry=did("Start"), exit_after="P9D")))
    taken = {frozenset(name for name in "abc" if f"split: {name}" in text) for text in told}
    assert len(taken) == 8
    assert sum(text.endswith("exited by exit_after") and "completed" not in text for text in told) == 7


def test_an_exclusive_split_takes_one_branch() -> None:
    split = branches(("a", did("A"), "mail"), ("b", did("B"), None), exclusive=True)
    told = texts(space(journey({"split": split, "mail": send()}, max_age="P9D")))
    assert told == ["split: b → completed", "split: a → mail → completed", "split → expired"]


def test_waits_of_every_kind_ads_and_messages() -> None:
    steps = {
        "ad": ad("morning", remove_after="P3D"),
        "morning": until_time("09:00", "appointment"),
        "appointment": {
            "type": "delay",
            "until": {"context": ["Start", "at"], "offset": "-PT1H"},
            "next": "tell",
        },
        "tell": message("sms", "paid"),
        "paid": wait(trait("paid", "equals", True)),
    }
    told = found(space(journey(steps, exit_after="P90D")))
    assert [each.text for each in told.paths] == [
        "ad → morning → appointment → tell → paid → completed",
        "ad → morning → appointment → tell → paid → exited by exit_after",
    ]
    assert ("sent", "tell") in told.paths[0].sends, "she is subscribed, so that the message is seen"


def test_data_splits_in_order_and_the_rest() -> None:
    cheap, dear = (
        {"type": "context", "event": "Start", "property": "value", "op": "less_than", "value": value}
        for value in (10, 100)
    )
    split = data_split(("cheap", cheap, "a"), ("dear", dear, "b"), everyone_else="c")
    told = texts(space(journey({"split": split, "a": send(), "b": send(), "c": send()})))
    assert len(told) == 3


def test_filters_that_refer_to_the_context_and_to_traits() -> None:
    same = where(("cart", "equals", {"context": ["Start", "cart"]}), ("plan", "equals", {"trait": "plan"}))
    told = texts(space(journey({"hold": hold("P1D", branch("same", "Order", where=same))})))
    assert "hold: same → completed" in told


def test_the_event_that_takes_a_branch_may_begin_the_journey_anew() -> None:
    """The instance that is followed is the one that began, not the one that its end lets in."""
    steps = {
        "hold": hold("P1D", branch("again", "Start", "split"), timeout=None),
        "split": if_else(did("Order", within="P1D"), "mail"),
        "mail": send(),
    }
    told = found(space(journey(steps, entry=on("Start", identifier="id"))))
    assert {each.answer for each in told.branches} == {REACHED}


def test_a_restart_of_a_hold_that_only_the_end_of_the_instance_ends() -> None:
    document = space(journey({"hold": hold("P2D", branch("more", "More", restart=True))}, max_age="P1D"))
    assert texts(document) == ["hold → expired", "hold: more (again) → expired"]


def test_an_identifier_that_a_hold_asks_for() -> None:
    its = where(("id", "starts_with", "vip-"))
    told = texts(
        space(journey({"hold": hold("P1D", branch("vip", "Order", where=its))}, entry=on("Start", identifier="id")))
    )
    assert told == ["hold: timeout → completed", "hold: vip → completed"]


def test_steps_that_two_ways_lead_to() -> None:
    steps = {
        "first": if_else(trait("a", "exists"), "mail", "hold"),
        "hold": hold("P1D", branch("bought", "Order", "mail"), timeout="last"),
        "mail": send("last"),
        "last": if_else(trait("b", "exists")),
    }
    assert len(texts(space(journey(steps)))) == 6


def test_calls_that_wait_for_late_ones() -> None:
    """With allowed_lateness a written test waits as long as the evaluator does."""
    one = load_space(space(journey({"hold": hold("P1D", branch("b", "E"))}), settings={"allowed_lateness": "PT6H"}))
    namespace: dict[str, Any] = {}
    told = paths(one)
    source = as_tests(told, one, "unused.json").replace('space_from("unused.json")', "one")
    assert len(told[0].paths) == 2
    namespace["one"] = one
    exec(source, namespace)
    for number in (1, 2):
        namespace[f"test_j_{number}"]()


def test_an_audience_at_the_entry() -> None:
    entry = on("Start", audience="vip", identifier="id")
    assert texts(with_definitions(journey({"mail": send()}, entry=entry))) == ["mail → completed"]


def test_a_completed_audience_based_journey_is_left() -> None:
    rules = [{"key": "gone", "event": "Gone"}]
    told = texts(space(journey({"mail": send()}, entry=did("Start"), exit_after="P9D", exit_rules=rules)))
    assert told == [
        "mail → completed",
        "mail → completed, exited by exit_after",
        "mail → completed, exited by gone",
    ]


# the three answers


def test_what_is_proven_unreachable_says_why() -> None:
    entry = on("Start", where=where(("value", "greater_than", 50)))
    small = {"type": "context", "event": "Start", "property": "value", "op": "less_than", "value": 20}
    steps = {
        "small": if_else(small, "never", "hold"),
        "never": if_else(trait("x", "exists")),
        "hold": hold("P400D", branch("a", "A", where=where(("n", "equals", 1), ("n", "equals", 2))), timeout="never"),
    }
    told = found(space(journey(steps, entry=entry)))
    assert {(each.step, each.branch): each.answer for each in told.branches} == {
        ("small", "true"): UNREACHABLE,
        ("small", "false"): REACHED,
        ("never", "true"): UNREACHABLE,
        ("never", "false"): UNREACHABLE,
        ("hold", "a"): UNREACHABLE,
        ("hold", "timeout"): UNREACHABLE,
    }
    assert "value of Start" in told.branch("small", "true").why
    assert told.branch("hold", "timeout").why == "max_age ends the instance before, after 365 days"
    assert told.complete


def test_what_is_neither_reached_nor_ruled_out_says_so() -> None:
    """Every text that begins so and has a length of its own: nobody looks for that, so nothing is claimed."""
    many = did("Order", count={"at_least": 500})
    told = found(space(journey({"split": if_else(many, "mail"), "mail": send()})))
    assert told.branch("split", "true").answer == NOT_FOUND
    assert "no witness within 200 paths" in told.branch("split", "true").why
    assert told.branch("split", "false").answer == REACHED


def test_what_the_search_does_not_find_people_at_random_do() -> None:
    """The trait that the entry compares with is wanted before she enters; nothing in the journey asks for it."""
    entry = on("Start", where=[{"property": "v", "op": "less_than_or_equal", "value": {"trait": "u"}}])
    one = space(journey({"split": if_else(trait("u", "greater_than", 7), "mail"), "mail": send()}, entry=entry))
    assert {each.answer for each in found(one).branches} == {REACHED}
    assert {each.answer for each in found(one, people=0).branches} == {NOT_FOUND}


@pytest.mark.parametrize("op", ["within_next", "before_last"])
def test_instants_that_no_calendar_has(op: str) -> None:
    """Nobody is tried who would do something after the year 9999 (T1)."""
    ever = if_else(every(trait("d", op, "P5000Y"), did("Q", count={"exactly": 9}, within="P6000Y")), "mail")
    told = found(space(journey({"split": ever, "mail": send()})), people=50)
    assert told.branch("split", "false").answer == REACHED
    assert all(call["timestamp"] < "9999" for path in told.paths for call in path.calls)


def test_a_journey_that_nobody_enters_has_no_paths() -> None:
    told = found(space(journey({"split": if_else(ALWAYS)}, entry=NEVER, exit_after="P1D")))
    assert told.paths == ()
    assert {each.answer for each in told.branches} == {UNREACHABLE}


def test_the_bound_of_paths() -> None:
    steps = {f"s{n}": if_else(trait(f"t{n}", "exists"), f"s{n + 1}", f"s{n + 1}") for n in range(8)} | {"s8": send()}
    told = found(space(journey(steps)), most=20)
    assert len(told.paths) <= 20
    assert not told.complete
    assert {each.answer for each in told.branches} == {REACHED}, "each branch comes before all combinations"


def test_each_branch_comes_before_all_combinations_of_branches() -> None:
    """Twelve holds have half a million ways; every branch and every restart is reached with the first few."""
    steps: Json = {
        f"s{n}": hold("PT1H", branch("a", "A", f"s{n + 1}"), branch("r", "R", restart=True), timeout=f"s{n + 1}")
        for n in range(12)
    }
    told = found(space(journey({**steps, "s12": send()}, entry=on("Start", identifier="id"))), most=36)
    assert {each.answer for each in told.branches} == {REACHED}


def test_how_long_an_instance_can_live_at_most() -> None:
    more = branch("more", "More", restart=True)
    steps = {"hold": hold("PT2H", more, timeout="rest", max_restarts=2), "rest": delay("P1D")}
    assert found(space(journey(steps))).longest == Duration.of("P1DT6H")
    assert found(space(journey(steps, max_age="P1D"))).longest == Duration.of("P1D")
    assert found(space(journey({"wait": wait(trait("x", "exists"))}))).longest == Duration.of("P365D")


def test_long_journeys() -> None:
    steps = {f"s{n}": delay("PT1H", f"s{n + 1}") for n in range(100)}
    told = found(space(journey({**steps, "s100": send()})))
    assert [len(each.moves) for each in told.paths] == [101]
    splits = {f"s{n}": if_else(trait(f"t{n}", "exists"), f"s{n + 1}", f"s{n + 1}") for n in range(600)}
    with pytest.raises(ValueError, match="j has too many steps after one another"):
        paths(load_space(space(journey({**splits, "s600": send()}))))


def test_only_live_journeys_and_by_key() -> None:
    one = load_space(space(journey(key="a"), journey(key="b", status="draft"), journey(key="c")))
    assert [each.journey for each in paths(one)] == ["a", "c"]
    assert [each.journey for each in paths(one, "c")] == ["c"]
    with pytest.raises(KeyError, match="no live journey 'b'"):
        paths(one, "b")
    with pytest.raises(InvalidDefinition):
        paths(load_space(space(journey({"a": delay("P1D", "nowhere")}))))


def test_plain_data() -> None:
    (told,) = paths(load_space(space(journey({"mail": send()}, entry=on("Start", identifier="id")))))
    data = json.loads(json.dumps(told.as_dict()))
    assert data["paths"] == [
        {
            "number": 1,
            "moves": [{"step": "mail", "branch": None, "again": False}],
            "end": "completed",
            "calls": [
                {
                    "type": "track",
                    "userId": "u1",
                    "event": "Start",
                    "properties": {"id": "id-1"},
                    "timestamp": "2026-01-05T09:00:00Z",
                    "messageId": "call-1",
                }
            ],
            "until": "2026-01-05T09:00:00Z",
        }
    ]
    with pytest.raises(KeyError, match="no branch 'x' at 'mail'"):
        told.branch("mail", "x")

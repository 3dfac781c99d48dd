"""What a replay says of two versions is what comparing two whole traces says."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest

from journeys import InvalidDefinition, load_space, validate
from journeys.model.space import Space
from journeys.runtime.analysis import replay as module
from journeys.runtime.analysis.diff import diff
from journeys.runtime.analysis.replay import Replay, replay
from journeys.runtime.analysis.replay_compare import KINDS, ProfileReplay
from journeys.runtime.simulation import Simulation
from tests.reference.generate import random_calls, random_space
from tests.support import (
    Json,
    branch,
    delay,
    did,
    hold,
    identify,
    if_else,
    journey,
    on,
    property_test,
    send,
    space,
    track,
    trait,
    wait,
)


def cart(duration: str = "PT2H", *, entry: Any = None, event: str = "Cart Abandoned", **fields: Any) -> Json:
    steps = {
        "hold": hold(duration, branch("bought", "Order Completed"), timeout="nudge"),
        "nudge": send(event=event),
    }
    return journey(steps, key="cart", entry=entry or on("Cart Modified", identifier="cart_id"), **fields)


CALLS = [
    track("Cart Modified", "0", "ada", cart_id="a"),
    track("Cart Modified", "PT10M", "bo", cart_id="b"),
    track("Order Completed", "PT90M", "ada", cart_id="a"),
    track("Cart Modified", "P1D", "cy", cart_id="c"),
    track("Order Completed", "P1DT10M", "cy", cart_id="c"),
]


def told(old: Json, new: Json, calls: list[Json] | None = None, **fields: Any) -> dict[str, list[str]]:
    """By person, what would have been different."""
    found = of(old, new, calls, **fields)
    return {each.profile: [one.kind for one in each.differences] for each in found.profiles}


def of(old: Json, new: Json, calls: list[Json] | None = None, **fields: Any) -> Replay:
    return replay(load_space(space(old)), load_space(space(new)), CALLS if calls is None else calls, **fields)


def test_nothing_is_different() -> None:
    found = of(cart("PT2H", version=1), cart("PT120M", version=2, name="another"))
    assert found.same and found.profiles == () and found.counts == {}
    assert (found.calls, found.people, found.totals["entered"], found.totals["sent"]) == (5, 3, (3, 3), (1, 1))
    assert (
        found.text
        == "5 calls, 3 people: 0 would have another story\n  entered  3 before, 3 now\n  sent     1 before, 1 now"
    )


def test_a_shorter_hold_sends_to_more_and_sooner() -> None:
    found = of(cart("PT2H"), cart("PT1H"))
    assert {each.profile: [one.kind for one in each.differences] for each in found.profiles} == {
        "ada": ["other_path", "ends_at_another_time", "sent_now"],
        "bo": ["other_times", "ends_at_another_time", "sent_at_another_time"],
    }
    assert found.counts == {"cart": {"other_path": 1, "other_times": 1, "ends_at_another_time": 2, "sent_now": 1,
                                     "sent_at_another_time": 1}}  # fmt: skip
    ada, bo = found.profiles
    assert ada.first_old is not None and ada.first_new is not None
    assert (ada.first_old["at"], ada.first_old["branch"]) == ("2026-01-01T01:30:00Z", "bought")
    assert (ada.first_new["at"], ada.first_new["branch"]) == ("2026-01-01T01:00:00Z", "timeout")
    (sent,) = (each for each in bo.differences if each.kind == "sent_at_another_time")
    assert (sent.step, sent.destination, sent.old_at, sent.new_at, sent.identifier) == (
        "nudge", "email", "2026-01-01T02:10:00Z", "2026-01-01T01:10:00Z", "b"
    )  # fmt: skip
    assert found.text.splitlines()[-6:] == [
        "  ada: takes another path, ends at another time, sent only now",
        "      old  2026-01-01T01:30:00Z branch cart hold bought",
        "      new  2026-01-01T01:00:00Z branch cart hold timeout",
        "  bo: the same path at other times, ends at another time, sent at another time",
        "      old  2026-01-01T02:10:00Z branch cart hold timeout",
        "      new  2026-01-01T01:10:00Z branch cart hold timeout",
    ]
    document = json.loads(json.dumps(found.as_dict()))
    assert document["totals"]["sent"] == {"old": 1, "new": 2}
    assert document["counts"][0]["journey"] == "cart"


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (cart(entry=on("Cart Modified", identifier="cart_id", where=[{"property": "cart_id", "op": "equals", "value": "a"}])),
         {"bo": ["no_longer_enters", "not_sent"], "cy": ["no_longer_enters"]}),
        (cart(event="Cart Left"), {"bo": ["sent_otherwise"]}),
        (cart(goal={"event": "Order Completed"}), {"ada": ["goal_otherwise"], "cy": ["goal_otherwise"]}),
        (cart(exit_rules=[{"key": "x", "event": "Order Completed"}]),
         {"ada": ["other_path", "ends_otherwise"], "cy": ["other_path", "ends_otherwise"]}),
        (journey(key="other"), {"ada": ["no_longer_enters"], "bo": ["no_longer_enters", "not_sent"],
                                "cy": ["no_longer_enters"]}),
    ],
)  # fmt: skip
def test_kinds(new: Json, expected: dict[str, list[str]]) -> None:
    assert told(cart(), new) == expected
    assert set(_opposite(told(new, cart()))) == set(_opposite(expected))


def _opposite(found: dict[str, list[str]]) -> list[str]:
    return sorted(found)


def test_an_entry_at_another_time() -> None:
    calls = [identify("0", "ada", plan="pro"), track("Visit", "PT1H", "ada"), track("Visit", "PT2H", "ada")]
    old = journey({"d": delay("PT1H")}, entry=did("Visit"))
    new = journey({"d": delay("PT1H")}, entry=did("Visit", count={"at_least": 2}))
    assert told(old, new, calls)["ada"][0] == "enters_at_another_time"


def test_a_renamed_step_takes_the_same_path() -> None:
    new = cart()
    new["steps"] = {"hold": {**new["steps"]["hold"], "timeout": "remind"}, "remind": new["steps"]["nudge"]}
    assert of(cart(), new).same


def test_audiences_and_computed_traits_are_compared_too() -> None:
    def made(number: int) -> Space:
        condition = did("Visit", count={"at_least": number})
        return load_space(
            space(journey(), audiences=[{"key": "fans", "condition": condition, "destinations": ["crm"]}])
        )

    calls = [track("Visit", "PT1H", "ada"), track("Visit", "PT2H", "ada"), track("Visit", "PT3H", "bo")]
    found = replay(made(1), made(2), calls)
    assert {each.profile: [one.kind for one in each.differences] for each in found.profiles} == {
        "ada": ["sent_at_another_time"],
        "bo": ["not_sent"],
    }
    assert found.counts == {None: {"not_sent": 1, "sent_at_another_time": 1}}


def test_what_came_before_a_link_belongs_to_the_same_person() -> None:
    calls = [
        track("Cart Modified", "0", None, anon="x", cart_id="c"),
        identify("PT1H", "ada", anon="x"),
        track("Order Completed", "PT90M", "ada", cart_id="c"),
    ]
    found = of(cart("PT2H"), cart("PT80M"), calls)
    assert [each.profile for each in found.profiles] == ["ada"]
    assert [each.kind for each in found.profiles[0].differences] == ["other_path", "ends_at_another_time", "sent_now"]


def test_rejected_calls_are_counted_and_both_go_on_to_one_instant() -> None:
    calls = [*CALLS, {"type": "track"}, track("Cart Modified", "P2D", "dee", cart_id="d")]
    seen: list[int] = []
    found = of(cart(max_age="P1D"), cart(max_age="P90D"), calls, progress=seen.append)
    assert (found.calls, found.rejected, found.same, seen) == (7, 1, True, [7])
    open_end = of(cart("PT2H"), cart("PT2H"), calls, until="2026-01-03T00:30:00Z")
    assert open_end.same and open_end.totals["sent"] == (1, 1)


def test_an_invalid_space_is_refused() -> None:
    with pytest.raises(InvalidDefinition):
        replay(load_space(space(cart())), load_space(space(cart("PT0S"))), CALLS)


def test_only_so_many_are_named_and_everybody_is_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SPOOL", 100)
    calls = [track("Cart Modified", "0", f"u{number:03}", cart_id="c") for number in range(300)]
    everybody: list[ProfileReplay] = []
    found = of(cart("PT2H"), cart("PT1H"), calls, named=3, each=everybody.append)
    assert [each.profile for each in found.profiles] == ["u000", "u001", "u002"]
    assert found.differing == len(everybody) == 300
    assert found.count("sent_at_another_time") == 300
    assert found.text.endswith("  and 297 more")


# two whole traces


@property_test(12)
def test_it_equals_comparing_two_whole_traces(seed: int) -> None:
    _equals_comparing_two_whole_traces(seed)


@pytest.mark.soak
@property_test(1500)
def test_it_equals_comparing_two_whole_traces_at_length(seed: int) -> None:
    _equals_comparing_two_whole_traces(seed)


def _equals_comparing_two_whole_traces(seed: int) -> None:
    rng = random.Random(seed)
    document = random_space(rng)
    one, other = load_space(document), load_space(_edited(document, rng))
    if validate(one) or validate(other):
        return
    calls = random_calls(rng, document, count=60)
    found = replay(one, other, calls, named=1 << 30)
    simulations = [Simulation(each) for each in (one, other)]
    for simulation in simulations:
        simulation.feed(calls)
    bound = max(simulation.bound for simulation in simulations)
    for simulation in simulations:
        simulation.finish(bound=bound)
    traces = [[json.loads(line) for line in simulation.trace()] for simulation in simulations]
    links = simulations[0].core.processor.links | simulations[1].core.processor.links

    def home(shown: str) -> str:
        for _ in range(20):
            shown = links.get(f"a:{shown}", links.get(f"u:{shown}", f"u:{shown}"))[2:]
        return shown

    stories: dict[str, tuple[list[Json], list[Json]]] = {}
    for side, trace in enumerate(traces):
        for record in trace:
            stories.setdefault(home(record["profile"]), ([], []))[side].append(record)
    assert found.people == len(stories)
    assert json.loads(json.dumps(found.as_dict()))["differing"] == found.differing
    assert len(found.text.splitlines()) > 3 * found.differing
    firsts = {}
    for profile, (before, after) in stories.items():
        for number in range(max(len(before), len(after))):
            pair = [each[number] if number < len(each) else None for each in (before, after)]
            if _said(pair[0]) != _said(pair[1]):
                firsts[profile] = pair
                break
    assert {each.profile: [each.first_old, each.first_new] for each in found.profiles} == firsts
    assert found.differing == len(firsts)
    assert diff(one, other).renames == {}
    _counts_hold(found, stories)


def _said(record: Json | None) -> str:
    """A record as text, with every id in it made one."""
    if record is None:
        return ""
    text = json.dumps(record, sort_keys=True)
    for name in ("instance", "delivery"):
        if name in record:
            text = text.replace(record[name], name)
    kept = json.loads(text)
    for part in (kept, kept.get("payload") or {}):
        for name in ("version", "profile", "timestamp"):
            part.pop(name, None)
        for inner in ("properties", "traits"):
            metadata = (part.get(inner) or {}).get("journey_metadata") if isinstance(part.get(inner), dict) else None
            if metadata:
                metadata.pop("version")
    return json.dumps(kept, sort_keys=True)


def _counts_hold(found: Replay, stories: dict[str, tuple[list[Json], list[Json]]]) -> None:
    """What is counted adds up to what the traces have."""
    entries: list[Counter[str]] = [Counter(), Counter()]
    sends: list[int] = [0, 0]
    for profile, story in stories.items():
        for side, records in enumerate(story):
            for each in records:
                if each["kind"] == "entered":
                    entry = [profile, each["journey"], each["at"], each.get("identifier")]
                    entries[side][json.dumps(entry)] += 1
                sends[side] += each["kind"] in ("sent", "list_added", "list_removed")
    another = found.count("enters_at_another_time")
    assert found.count("no_longer_enters") + another == (entries[0] - entries[1]).total()
    assert found.count("enters_now") + another == (entries[1] - entries[0]).total()
    assert sends[0] - found.count("not_sent") == sends[1] - found.count("sent_now")
    assert {kind for each in found.counts.values() for kind in each} <= {*KINDS}


def _edited(document: Json, rng: random.Random) -> Json:
    """The space after an author was at it; every step keeps its key."""
    made: Json = json.loads(json.dumps(document))
    for one in made["journeys"]:
        for step in one["steps"].values():
            if "duration" in step and rng.random() < 0.3:
                step["duration"] = rng.choice(["PT1H", "P2D"])
            if "max_duration" in step and rng.random() < 0.2:
                step["max_duration"] = rng.choice(["PT30M", "P1D"])
            if "condition" in step and rng.random() < 0.3:
                step["condition"] = rng.choice([trait("plan", "exists"), did("Order Completed")])
            if step["type"] == "send_to_destination" and rng.random() < 0.3:
                step["activations"][0]["event"] = "Edited"
        if rng.random() < 0.2:
            one["max_age"] = rng.choice(["PT3H", "P5D"])
        if rng.random() < 0.1 and one["entry"]["type"] == "event_entry":
            one["entry"].pop("identifier", None)
    return made


def test_a_condition_that_is_another_is_another_path() -> None:
    old = journey({"w": wait(did("Visit"), "s"), "s": if_else(trait("plan", "equals", "pro"), "m"), "m": send()})
    new = journey({"w": wait(did("Visit"), "s"), "s": if_else(trait("plan", "exists"), "m"), "m": send()})
    calls = [identify("0", "ada", plan="free"), track("Start", "PT1H", "ada"), track("Visit", "PT2H", "ada")]
    assert told(old, new, calls) == {"ada": ["other_path", "sent_now"]}

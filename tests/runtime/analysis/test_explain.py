"""What is explained is what then happens."""

from __future__ import annotations

import random
from typing import Any

import pytest

from journeys import Evaluator, ManualClock
from journeys._time import parse_instant
from journeys.codec import load_space
from journeys.destinations import Record
from journeys.engine._encode import encode_state
from journeys.errors import UnknownJourney
from journeys.plan.values import find
from journeys.runtime.analysis.explain import Explanation, explain, explain_profile
from journeys.runtime.simulation import Simulation
from tests.reference.compare import case
from tests.support import (
    Json,
    advance,
    at,
    branch,
    branches,
    delay,
    did,
    either,
    every,
    hold,
    journey,
    negated,
    on,
    send,
    space,
    trace_of,
    trait,
    wait,
    where,
)

CART = journey(
    {
        "hold": hold("PT2H", branch("bought", "Order Completed"), branch("changed", "Cart Modified", restart=True),
                     timeout="nudge", max_restarts=5),
        "nudge": send("quiet"),
        "quiet": wait(did("Order Completed", count={"exactly": 0}, within="P30D")),
    },
    key="cart",
    entry=on("Cart Modified", identifier="cart_id", where=where(("value", "greater_than", 10))),
    max_age="P60D",
)  # fmt: skip
WINBACK = journey(
    {"rest": delay("P1D")},
    key="winback",
    entry=every(
        did("Order Completed"), did("Order Completed", count={"exactly": 0}, within="P180D"),
        trait("plan", "equals", "pro"), negated(either(did("Complained", count={"at_least": 2}))),
    ),
    exit_after="P10D",
    reentry_after="P20D",
)  # fmt: skip


def evaluator(*journeys: Json, **fields: Any) -> Evaluator:
    return Evaluator(space(*journeys, **fields), clock=ManualClock(at()))


def asked(one: Evaluator, key: str, user: str = "u1") -> Explanation:
    return explain_profile(one, user, journey=key)


def codes(said: Explanation) -> list[str]:
    return [block.code for block in said.entry.blocks]


def kinds(one: Evaluator) -> list[str]:
    return [record["kind"] for record in one.trace()]


def test_who_is_through_was_in_it_before() -> None:
    """In which version, and until when as long as that is remembered."""
    one = evaluator(journey({"rest": delay("PT1H")}, key="tour", entry=on("Start")))
    assert asked(one, "tour").been == ()
    one.track("u1", "Start", timestamp=at())
    assert asked(one, "tour").been == (1,) and "before" not in asked(one, "tour").text
    one.advance(hours=2)
    said = asked(one, "tour")
    assert (said.inside, said.been, said.left_at) == (False, (1,), at("PT1H"))
    assert said.text.splitlines()[1] == f"was in it before (version 1), until {at('PT1H')}"
    one.advance(days=800)
    one.prune()
    said = asked(one, "tour")
    assert (said.been, said.left_at) == ((1,), None)
    assert said.text.splitlines()[1] == "was in it before (version 1)"


def test_inside_a_hold() -> None:
    """Where she is, by which events it ends, how often it may begin again, and when it ends by itself."""
    one = evaluator(CART)
    one.track("u1", "Cart Modified", {"cart_id": "c1", "value": 50}, timestamp=at())
    one.advance(hours=1)
    one.track("u1", "Cart Modified", {"cart_id": "c1", "value": 60})
    said = asked(one, "cart")
    (instance,), (hold_,) = said.instances, said.instances[0].waits
    assert said.inside and said.known and instance.status == "live" and instance.identifier == "c1"
    assert (instance.entered_at, instance.ends_at, instance.ends_by) == (at(), at("P60D"), "max_age")
    assert (hold_.step, hold_.kind, hold_.restarts, hold_.restarts_left) == ("hold", "hold_until", 1, 4)
    assert hold_.until == said.next.at == at("PT3H+1") and said.next.kind == "branch"  # type: ignore[union-attr]
    assert hold_.ways == ("bought: on Order Completed the path ends", "changed: on Cart Modified it begins again")
    assert (
        said.entry.open
        and said.entry.taken == ("c1",)
        and said.entry.filters == "Cart Modified (value is greater than 10)"
    )
    assert "goes on by itself at 2026-01-01T03:00:00.000001Z, then timeout, goes to nudge" in said.text
    assert said.as_dict()["instances"][0]["waits"][0]["restarts_left"] == 4
    before = len(kinds(one))
    one.advance("2026-01-01T03:00:00Z")
    assert len(kinds(one)) == before
    one.advance(hold_.until)
    assert "sent" in kinds(one)


def test_what_may_still_come_has_not_been_missed() -> None:
    """Deadlines use the watermark, which stays behind the clock by the allowed lateness (T8)."""

    class Live:
        at_ = at()

        def now(self) -> int:
            return parse_instant(self.at_)

    clock = Live()
    late = space(CART, settings={"allowed_lateness": "PT1H"})
    one = Evaluator(load_space(late), destinations={"email": Record()}, clock=clock)
    one.track("u1", "Cart Modified", {"cart_id": "c", "value": 20})
    clock.at_ = at("PT150M")
    one.advance(clock.at_)
    said = asked(one, "cart")
    assert said.at == one.watermark == at("PT90M")
    assert said.instances[0].waits[0].step == "hold"
    one.track("u1", "Order Completed", {"cart_id": "c"}, timestamp=at("PT100M"))
    clock.at_ = at("PT190M")
    one.advance(clock.at_)
    assert not asked(one, "cart").inside and kinds(one) == ["entered", "step", "branch", "completed"]


def test_inside_a_wait_for_a_condition() -> None:
    one = evaluator(CART)
    one.track("u1", "Cart Modified", {"cart_id": "c1", "value": 50}, timestamp=at())
    one.track("u1", "Order Completed", timestamp=at("PT1H"))
    one.track("u1", "Cart Modified", {"cart_id": "c2", "value": 50}, timestamp=at("PT2H"))
    one.advance(at("PT5H"))
    (quiet,) = asked(one, "cart").instances[0].waits
    assert quiet.step == "quiet" and quiet.condition is not None and not quiet.condition.holds
    assert quiet.until == quiet.condition.flips_at and quiet.condition.found == "at least 1 so far"
    assert quiet.condition.remedy == "time to pass"
    one.advance(parse_instant(quiet.until or "") - 1)
    assert kinds(one)[-1] != "completed"
    one.advance(quiet.until)
    assert kinds(one)[-1] == "completed"


def test_not_in_by_a_condition() -> None:
    """Which part is false, what would make it true, and that time alone does not."""
    one = evaluator(WINBACK)
    one.identify("u1", {"plan": "free"}, timestamp=at())
    one.track("u1", "Order Completed", timestamp=at())
    said = asked(one, "winback")
    assert not said.inside and said.entry.open and said.entry.armed == "armed" and said.next is None
    assert said.entry.condition is not None
    recent, plan = said.entry.condition.culprits
    assert (recent.remedy, recent.flips_at) == ("time to pass", at("P180D"))
    assert (plan.found, plan.remedy) == ('it is "free"', "an identify call that changes it")
    assert 'no  plan is "pro": it is "free"; needs an identify call that changes it' in said.text
    assert [(each.event, each.kind) for each in said.remembers if each.kind == "count"] == [
        ("Order Completed", "count")
    ]
    one.identify("u1", {"plan": "pro"}, timestamp=at("PT1H"))
    assert asked(one, "winback").entry.enters_at == at("P180D")
    one.advance(at("P180D-1"))
    assert kinds(one) == []
    one.advance(at("P180D"))
    assert kinds(one)[0] == "entered" and codes(asked(one, "winback")) == ["inside"]


def test_entry_is_armed_again() -> None:
    one = evaluator(WINBACK)
    one.identify("u1", {"plan": "pro"}, timestamp=at())
    one.track("u1", "Order Completed", timestamp=at())
    one.advance(at("P180D"))
    one.advance(at("P182D"))
    said = asked(one, "winback")
    assert said.instances[0].status == "completed" and said.instances[0].ends_at == at("P190D")
    one.advance(at("P191D"))
    said = asked(one, "winback")
    assert codes(said) == ["rearming"] and said.entry.blocks[0].until == at("P210D") == said.entry.enters_at
    one.advance(at("P210D-1"))
    assert kinds(one).count("entered") == 1
    one.advance(at("P210D"))
    assert kinds(one).count("entered") == 2


def test_an_entry_that_is_not_armed() -> None:
    """Who met the condition while it was paused does not enter on resume (E5)."""
    one = evaluator(journey(key="v1", entry=trait("plan", "equals", "pro")))
    one.pause("v1")
    assert codes(asked(one, "v1")) == ["paused", "unknown"]
    one.identify("u1", {"plan": "pro"})
    one.resume("v1")
    said = asked(one, "v1")
    assert codes(said) == ["unarmed"] and said.entry.armed == "unarmed" and said.entry.condition.holds  # type: ignore[union-attr]
    one.identify("u1", {"plan": "free"})
    assert asked(one, "v1").entry.open
    one.identify("u1", {"plan": "pro"})
    assert asked(one, "v1").inside
    one.archive("v1")
    assert codes(asked(one, "v1")) == ["archived"]


def test_never_again() -> None:
    one = evaluator(journey({"s": send()}, key="v1", entry=did("A"), exit_rules=[{"key": "out", "event": "Out"}]))
    one.track("u1", "A")
    assert codes(asked(one, "v1")) == ["inside"]
    one.track("u1", "Out")
    assert codes(asked(one, "v1")) == ["never"]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (on("A"), ["live_instance"]),
        (on("A", reentry="once"), ["once", "live_instance"]),
        (on("A", identifier="id"), []),
        (on("A", audience="vip"), ["audience", "live_instance"]),
    ],
)
def test_not_in_by_an_event(entry: Json, expected: list[str]) -> None:
    audiences = [{"key": "vip", "condition": trait("vip", "equals", True)}]
    one = evaluator(journey(key="e", entry=entry), audiences=audiences)
    one.identify("u1", {"vip": True})
    assert asked(one, "e").entry.open
    one.track("u1", "A", {"id": 1})
    one.identify("u1", {"vip": False})
    assert codes(asked(one, "e")) == expected


def test_drafts_superseded_versions_and_strangers() -> None:
    draft = journey(key="d", status="draft")
    one = evaluator(draft, CART)
    assert codes(asked(one, "d")) == ["draft"] and not asked(one, "cart").known
    one.track("u1", "Cart Modified", {"cart_id": "c1", "value": 50})
    from journeys.codec import load_journey

    one.publish(load_journey({**CART, "version": 2}))
    said = asked(one, "cart")
    assert said.instances[0].version == 1 and said.entry.version == 2 and said.entry.open
    with pytest.raises(UnknownJourney, match="did you mean 'cart'"):
        asked(one, "card")
    with pytest.raises(TypeError):
        explain_profile(one, journey="cart")


def test_a_parallel_split_says_each_branch() -> None:
    split = branches(("a", did("A"), None), ("b", every(did("B"), did("A", count={"exactly": 0}, within="P1D")), None))
    one = evaluator(journey({"s": split}))
    one.track("u1", "Start")
    waits = asked(one, "j").instances[0].waits
    assert [(each.branch, each.until) for each in waits] == [("a", None), ("b", None)]
    assert [each.remedy for each in waits[0].condition.culprits] == ["1 more A"]  # type: ignore[union-attr]


FORGOTTEN = "nothing that can happen: events are not forgotten"


@pytest.mark.parametrize(
    ("condition", "events", "remedy"),
    [
        (did("A", count={"at_least": 3}), 1, "2 more A"),
        (did("A", count={"more_than": 1}), 1, "1 more A"),
        (did("A", count={"exactly": 2}, within="P1D"), 0, "2 more A"),
        (did("A", count={"at_most": 0}), 1, FORGOTTEN),
        (negated(did("A", count={"less_than": 3}, within="P1D")), 1, "2 more A"),
        (did("A", between=["P2D", "P1D"]), 0, "1 more A, and 1 day to pass after it"),
        (did("A", between=["P2D", "P1D"]), 1, "time to pass"),
        (did("A", between=["P2D", "P1D"], count={"exactly": 3}), 1, "2 more A, and 1 day to pass after it"),
        (negated(did("A", where=where(("p", "not_equals", {"trait": "t"})))), 1,
         "an identify call that changes what events are compared with"),
        (negated(did("A", where=where(("p", "within_last", "P1D")))), 1, "time to pass"),
        (negated(did("A", where=where(("p", "before_last", "PT0S")))), 1, FORGOTTEN),
        (trait("groups.acme.plan", "equals", "pro"), 0, "an identify or group call that changes it"),
    ],
)  # fmt: skip
def test_what_would_make_it_true(condition: Json, events: int, remedy: str) -> None:
    one = evaluator(journey(key="v1", entry=every(condition, trait("never", "exists"))))
    for number in range(events):
        one.track("u1", "A", {"p": at()}, timestamp=at(f"PT{number + 1}M"))
    one.identify("u1", {"a": 1})
    assert asked(one, "v1").entry.condition.culprits[0].remedy == remedy  # type: ignore[union-attr]


FUNNEL: Json = {"type": "funnel", "first": {"event": "A"}, "then": {"event": "B"}}
NOT_FOLLOWED: Json = {**FUNNEL, "then": {"event": "B", "performed": False}}


@pytest.mark.parametrize(
    ("condition", "events", "remedy"),
    [
        (FUNNEL, "A", "A, then B"),
        ({**FUNNEL, "then": {"event": "B", "within": "PT1H"}}, "", "A, then B within 1 hour"),
        (negated(FUNNEL), "AB", FORGOTTEN),
        (negated({**FUNNEL, "within": "P1D"}), "AB", "time to pass"),
        (NOT_FOLLOWED, "AB", "A that stays without B"),
        (negated(NOT_FOLLOWED), "A", "B after each A"),
        (negated({**NOT_FOLLOWED, "then": {"event": "A", "performed": False}}), "A", FORGOTTEN),
        (negated({**NOT_FOLLOWED, "then": {**NOT_FOLLOWED["then"], "within": "PT1M"}}), "A", FORGOTTEN),
    ],
)
def test_what_would_make_a_funnel_true(condition: Json, events: str, remedy: str) -> None:
    one = evaluator(journey(key="v1", entry=every(condition, trait("never", "exists"))))
    for number, event in enumerate(events):
        one.track("u1", event, timestamp=at(f"PT{number + 1}M"))
    one.identify("u1", {"a": 1}, timestamp=at("PT1H"))
    assert asked(one, "v1").entry.condition.culprits[0].remedy == remedy  # type: ignore[union-attr]


@pytest.mark.parametrize(("microsecond", "inside"), [("-1", True), ("", True), ("+1", False)])
def test_at_the_very_instant_at_which_a_wait_passes(microsecond: str, inside: bool) -> None:
    """What is due at the instant is still to come (T6): it goes on by itself, now."""
    one = evaluator(journey({"w": wait(did("A", count={"exactly": 0}, within="P1D"))}))
    one.track("u1", "A", timestamp=at())
    one.track("u1", "Start", timestamp=at("PT1M"))
    said = explain_profile(one, "u1", journey="j", at=at(f"P1D{microsecond}"))
    assert said.inside == inside
    for instance in said.instances:
        assert instance.waits[0].until == said.next.at == at("P1D")  # type: ignore[union-attr]


def test_a_wait_ends_with_her_way_through_the_journey() -> None:
    """If ``exit_after`` comes first, or at the same instant, the hold has no timeout (T6)."""
    for days, then in (("P2D", "timeout, goes to n"), ("P3D", "she leaves by exit_after")):
        steps = {"h": hold(days, branch("a", "A"), timeout="n"), "n": send()}
        one = evaluator(journey(steps, entry=did("Start"), exit_after="P3D", reentry_after="P1D"))
        one.track("u1", "Start", timestamp=at())
        (wait_,) = asked(one, "j").instances[0].waits
        assert (wait_.until, wait_.then) == (at(days), then)


def test_a_branch_that_comes_too_late() -> None:
    """Of an exclusive split one branch is taken, the first in order at one instant (S4)."""
    quiet = [did("A", count={"exactly": 0}, within=each) for each in ("P3D", "P2D", "P2D")]
    split = branches(*(zip("abc", quiet, (None, None, None), strict=True)), exclusive=True)
    one = evaluator(journey({"s": split}))
    one.track("u1", "A", timestamp=at())
    one.track("u1", "Start", timestamp=at("PT1H"))
    waits = asked(one, "j").instances[0].waits
    assert {each.until for each in waits} == {at("P2D")}
    assert [each.then for each in waits] == [
        "the branch b is taken instead",
        "the path ends",
        "the branch b is taken instead",
    ]


def test_who_is_erased_enters_nothing() -> None:
    one = evaluator(CART)
    one.track("u1", "Cart Modified", {"cart_id": "c1", "value": 50})
    one.erase("u1")
    said = asked(one, "cart")
    assert codes(said) == ["erased"] and not said.known and said.at == at()
    one.lift("u1")
    assert asked(one, "cart").entry.open


@pytest.mark.parametrize("store", ["", "sqlite"])
def test_calls_that_wait_are_counted(store: str, tmp_path: Any) -> None:
    """They are accepted, but not applied before the watermark has reached them (T8)."""
    kept = {"store": f"sqlite:///{tmp_path / 'j.db'}"} if store else {}
    late = load_space(space(CART, settings={"allowed_lateness": "PT1H"}))
    with Evaluator(late, destinations={"email": Record()}, clock=ManualClock(at()), **kept) as one:  # type: ignore[arg-type]
        one.track("u1", "Cart Modified", {"cart_id": "c1", "value": 50}, timestamp=at())
        one.track("u2", "Cart Modified", {"cart_id": "c1", "value": 50}, timestamp=at())
        said = asked(one, "cart")
        assert said.waiting == 1 and not said.inside and "1 call of hers waits for its time" in said.text
        one.advance(hours=1)
        said = asked(one, "cart")
        assert said.waiting == 0 and said.inside


# over generated spaces


def states(simulation: Simulation) -> list[Any]:
    return list(simulation.core.processor.states.values())


def said_of(simulation: Simulation, state: Any, now: int) -> list[Explanation]:
    plan = simulation.core.plan
    keys = sorted({each.key for each in plan.space.journeys})
    return [explain(state, plan, plan.space, key, now) for key in keys]


def of(trace: list[Json], said: Explanation) -> list[Json]:
    return [each for each in trace if each["profile"] == said.profile and each.get("journey") == said.journey]


@pytest.mark.parametrize("seed", range(40))
def test_it_happens_then_and_not_before(seed: int) -> None:
    """Advanced to the instant that is named, it happens; one microsecond before, it has not."""
    one = case(seed, count=40)
    settings = {name: value for name, value in one.space.get("settings", {}).items() if name != "allowed_lateness"}
    document = {**one.space, "settings": settings}
    rng = random.Random(seed)
    calls = one.calls[: rng.randrange(10, len(one.calls))]
    simulation = Simulation(load_space(document))
    for call in calls:
        simulation.feed([call])
    now = max((state.clock for state in states(simulation)), default=0)
    advance(simulation, now)
    before = [encode_state(state) for state in states(simulation)]
    said = [each for state in states(simulation) for each in said_of(simulation, state, now)]
    assert [encode_state(state) for state in states(simulation)] == before
    trace_of(simulation)
    for each in said:
        for instance in each.instances:
            for wait_ in instance.waits:
                assert wait_.condition is None or not wait_.condition.holds
                if wait_.until is not None and not wait_.then.startswith("until"):  # of a delay, a second phase
                    assert each.next is not None and each.next.at <= wait_.until
    instants = sorted({parse_instant(each.next.at) for each in said if each.next is not None})
    later: list[Json] = []
    for instant in instants[:12]:
        for to, happened in ((instant - 1, False), (instant, True)):
            advance(simulation, to)
            later += trace_of(simulation)  # which can be read once
            for each in said:
                if each.next is not None and parse_instant(each.next.at) == instant:
                    new = of(later, each)
                    assert bool(new) == happened
                    if happened:
                        assert (new[0]["at"], new[0]["kind"]) == (each.next.at, each.next.kind)


@pytest.mark.parametrize("seed", range(0, 90, 3))
def test_who_may_enter_enters(seed: int) -> None:
    """An entry event lets in whom nothing stands in the way of, and nobody else."""
    one = case(seed, "event-triggered", count=60)
    document = {**one.space, "settings": {}}
    simulation = Simulation(load_space(document))
    plan = simulation.core.plan
    for call in one.calls:
        route = plan.routes.get(call.get("event", ""))
        states_ = {state.key: state for state in states(simulation)}
        state = states_.get(f"u:{call.get('userId')}")
        checks = []
        if call["type"] == "track" and route is not None and state is not None and "anonymousId" not in call:
            now = parse_instant(call["timestamp"])
            if now >= state.clock and call.get("messageId") not in state.marks:
                for entry in route.entries:
                    if entry not in route.journeys and entry.entry_audience is None:
                        said = explain(state, plan, plan.space, entry.key, now)
                        checks.append((entry, said))
        trace_of(simulation)
        (answer,) = simulation.feed([call])
        new = trace_of(simulation)
        for entry, said in checks if answer.status == "accepted" else ():
            properties = call.get("properties", {})
            passes = entry.entry_matches is None or entry.entry_matches(properties, state, None, now)
            value = find(properties, entry.identifier) if entry.identifier is not None else None
            has_value = entry.identifier is None or (
                isinstance(value, str) and len(value) <= 150 and value not in said.entry.taken
            )
            if isinstance(value, (int, float)) or not passes:
                continue
            entered = any(each["kind"] == "entered" for each in of(new, said))
            assert entered == (said.entry.open and has_value), (said.text, call)

"""Conditions: their truth at every instant, and until when it holds (section C)."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys.codec import load_space
from journeys.engine._effects import Effects
from journeys.engine._state import ProfileState
from journeys.plan.compile import compile_space
from journeys.plan.conditions import Condition
from journeys.plan.values import NEVER
from journeys.runtime._processor import Processor
from tests.reference.conditions import View, candidates, fold, holds
from tests.reference.generate_calls import Calls
from tests.reference.generate_conditions import Conditions
from tests.reference.interpreter import World
from tests.reference.values import MISSING
from tests.support import (
    ALWAYS,
    Json,
    at,
    did,
    either,
    every,
    identify,
    if_else,
    instant,
    journey,
    negated,
    property_test,
    run,
    send,
    space,
    track,
    trait,
    where,
)
from tests.support import NEVER as FALSE


class Known:
    """A profile after some calls, and one condition on it: compiled, and as the oracle sees it."""

    def __init__(self, condition: Json, calls: list[Json] = (), **fields: Any) -> None:  # type: ignore[assignment]
        self.condition = condition
        steps = {"wait": {"type": "wait_for_condition", "condition": condition}}
        self.space = space(journey(steps, entry="Never Happens"), **fields)
        self.processor = Processor(compile_space(load_space(self.space)), Effects())
        self.world = World(self.space)
        self.plan = self.processor.plan
        self.compiled: Condition = self.plan.journeys["j", 1].steps["wait"].condition  # type: ignore[attr-defined]
        for call in calls:
            self.feed(call)

    def feed(self, call: Json) -> None:
        answer = self.processor.feed(call)
        assert answer.is_accepted, answer
        self.world.accept(call)

    @property
    def profile(self) -> ProfileState:
        return self.processor.states.get("u:u1") or ProfileState("u:u1")

    def view(self, context: Json) -> View:
        found = self.world.users.get("u1")
        return View(self.space, (), {}, context) if found is None else found.view(self.space, context)

    def holds(self, when: str, context: Json | None = None) -> bool:
        return self.compiled.holds(self.profile, context or {}, instant(when))

    def flips(self, start: str = "0", count: int = 9) -> list[str]:
        """When time alone changes the answer, from an instant on, in short."""
        from tests.support import told

        now, found = instant(start), []
        answer = self.compiled.holds(self.profile, {}, now)
        for _ in range(100):
            now = self.compiled.flip(self.profile, {}, now)
            if now >= NEVER or len(found) == count:
                break
            if self.compiled.holds(self.profile, {}, now) != answer:
                answer = not answer
                when = told({"at": at_micros(now), "kind": ""}).strip()
                found.append(f"{when} {'true' if answer else 'false'}")
        return found

    def check(self, context: Json) -> None:
        """Truth and flips, at every instant at which they may change, and a microsecond beside."""
        profile, view = self.profile, self.view(context)
        begin = max(profile.clock, 0)
        instants = sorted(
            {now for each in candidates(self.condition, view) for now in (each - 1, each, each + 1) if now > begin}
        )
        truth = [(now, holds(self.condition, view, now)) for now in [begin, *instants]]
        for now, answer in truth:
            assert self.compiled.holds(profile, context, now) is answer, at_micros(now)
        next_flip = later = NEVER
        for (now, answer), (_, after) in zip(
            reversed(truth), [(NEVER, truth[-1][1]), *reversed(truth[1:])], strict=True
        ):
            if after != answer:
                next_flip = later
            later = now
            until = self.compiled.until(profile, context, now)
            assert now < until <= next_flip, (at_micros(now), until, next_flip)
            flip = self.compiled.flip(profile, context, now)
            assert now < flip <= next_flip, (at_micros(now), flip, next_flip)
            if flip < next_flip:  # given up after many instants at which it might have changed
                assert holds(self.condition, view, flip) is answer


def at_micros(now: int) -> str:
    from journeys._time import format_instant

    return format_instant(now) if now < NEVER else "never"


# C1, C2


def test_combinations() -> None:
    """C2: ``all`` of nothing is true, ``any`` of nothing is false."""
    yes, no = ALWAYS, FALSE
    for condition, answer in [
        (every(), True),
        (either(), False),
        (every(yes, yes), True),
        (every(yes, no), False),
        (either(no, yes), True),
        (either(no, no), False),
        (negated(no), True),
        (negated(every(yes, negated(yes))), True),
    ]:
        assert Known(condition).holds("0") is answer


def test_the_earliest_instant_at_which_a_combination_may_change() -> None:
    """C1: ``all``, ``any`` and ``not`` combine truth and until."""
    calls = [track("A", "0"), track("B", "PT1H")]
    a, b = did("A", within="P1D"), did("B", within="P1D")
    assert Known(every(a, b), calls).flips("PT1H") == ["P1D false"]
    assert Known(either(a, b), calls).flips("PT1H") == ["P1DT1H false"]
    assert Known(every(negated(a), b), calls).flips("PT1H") == ["P1D true", "P1DT1H false"]


def test_becoming_true_on_its_own() -> None:
    """C1: bought nothing for 180 days."""
    condition = every(did("Order"), negated(did("Order", within="P180D")))
    assert Known(condition, [track("Order", "PT5H")]).flips("PT5H") == ["P180DT5H true"]


def test_an_answer_flips_for_the_events_of_that_instant() -> None:
    """C10: what flips at ``t`` by time alone has flipped for the events at ``t``."""
    document = space(journey({"split": if_else(did("Order", within="PT1H"))}))
    done = run(document, [track("Order"), track("Start", "PT1H"), track("Start", "PT1H-1", "u2")])
    assert done.story("branch", profile="u1") == ["PT1H branch split false"]


# C3

THREE = [track("Order", "0"), track("Order", "PT1H", n=1), track("Order", "PT1H")]


@pytest.mark.parametrize(
    ("count", "answers"),
    [
        (None, [False, True, True]),
        ({"at_least": 2}, [False, False, True]),
        ({"at_least": 0}, [True, True, True]),
        ({"at_most": 1}, [True, True, False]),
        ({"at_most": 0}, [True, False, False]),
        ({"exactly": 1}, [False, True, False]),
        ({"exactly": 0}, [True, False, False]),
        ({"less_than": 1}, [True, False, False]),
        ({"more_than": 0}, [False, True, True]),
        ({"more_than": 2}, [False, False, True]),
    ],
)
@pytest.mark.parametrize(
    "window",
    [{}, {"within": "P1D"}, {"between": ["P1D", "PT0.000001S"]}, {"where": where(("n", "within_last", "P1D"))}],
)
def test_counts(count: Json | None, answers: list[bool], window: Json) -> None:
    """C3: after none, one and three events; the same however they are remembered."""
    condition = did("Order", **({"count": count} if count else {}), **window)
    wanted = window.get("where")
    calls = [track("Order", "0", n=at()), *(track("Order", "PT1H", n=at()) for _ in "ab")] if wanted else THREE
    for number, answer in zip((0, 1, 3), answers, strict=True):
        assert Known(condition, calls[:number]).holds("PT1H+1") is answer


def test_the_edges_of_a_window() -> None:
    """C3: ``now − D < timestamp ≤ now``, and ``now − D1 < timestamp ≤ now − D2``."""
    within = Known(did("Order", within="P1D"), [track("Order")])
    assert [within.holds(when) for when in ("0", "P1D-1", "P1D")] == [True, True, False]
    between = Known(did("Order", between=["P3D", "P1D"]), [track("Order")])
    assert [between.holds(when) for when in ("0", "P1D-1", "P1D", "P3D-1", "P3D")] == [False, False, True, True, False]
    assert between.flips() == ["P1D true", "P3D false"]


def test_a_window_of_a_month() -> None:
    """C3, T2: by the calendar; clipped, so an event may come back into the window."""
    known = Known(did("Order", within="P1M"), [track("Order", "2026-02-28T12:00:00Z")])
    assert known.flips("2026-02-28T12:00:00Z") == [
        "P86DT12H false",
        "P87D true",
        "P87DT12H false",
        "P88D true",
        "P88DT12H false",
        "P89D true",
        "P89DT12H false",
    ]


def test_the_filters_of_an_event() -> None:
    """C9: all of them are required."""
    filters = where(("n", "greater_than", 1), ("plan", "equals", "pro"), ("item.sku", "starts_with", "r"))
    condition = did("Order", where=filters)
    good = {"n": 2, "plan": "pro", "item": {"sku": "red"}}
    assert Known(condition, [track("Order", **good)]).holds("0")
    for broken in ({"n": 1}, {"plan": "free"}, {"item": {}}):
        assert not Known(condition, [track("Order", **{**good, **broken})]).holds("0")


def test_a_value_may_be_a_trait() -> None:
    """C9: the profile's trait now, not when the event came."""
    known = Known(did("Order", where=where(("plan", "equals", {"trait": "plan"}))), [track("Order", plan="pro")])
    assert not known.holds("0")  # C10: a reference to an absent value
    known.feed(identify("PT1H", plan="pro"))
    assert known.holds("PT1H")
    known.feed(identify("PT2H", plan="free"))
    assert not known.holds("PT2H")


def test_a_value_may_come_from_the_context() -> None:
    """C9, C7"""
    condition = did("Order", where=where(("cart", "equals", {"context": ["Cart", "id"]})))
    known = Known(condition, [track("Order", cart="c1")])
    assert known.holds("0", {"Cart": {"id": "c1"}})
    assert not known.holds("0", {"Cart": {"id": "c2"}})
    assert not known.holds("0")


def test_references_to_absent_values() -> None:
    """C10: a comparison is false, its ``not_`` twin true."""
    for op, answer in [
        ("equals", False),
        ("not_equals", True),
        ("contains", False),
        ("does_not_contain", True),
        ("less_than", False),
    ]:
        known = Known({"type": "trait", "trait": "x", "op": op, "value": {"trait": "nope"}}, [identify(x="text")])
        assert known.holds("0") is answer


# C4


def test_conditions_of_a_journey_see_what_was_accepted_after_its_publication() -> None:
    """C4: audiences and computed traits, and the entry of a ``historical`` journey, also see what was backfilled."""
    from journeys import Evaluator, ManualClock

    bought = did("Order")
    document = space(
        journey({"split": if_else(bought)}, key="inside"),
        journey({"split": if_else({"type": "audience", "audience": "buyers"})}, key="by-audience"),
        journey({"split": if_else(trait("orders", "equals", 1))}, key="by-trait"),
        journey({"mail": send()}, key="entry", entry=bought),
        journey(
            {"mail": send()},
            key="historical",
            entry={"type": "condition_entry", "condition": bought, "historical": True},
        ),
        audiences=[{"key": "buyers", "condition": bought}],
        computed_traits=[{"key": "orders", "type": "event_counter", "event": "Order"}],
    )
    evaluator = Evaluator(document, clock=ManualClock(at("P30D")))
    evaluator.backfill([track("Order", "PT1H", id="old")])
    evaluator.feed(track("Start", "P30D"))
    branches = {each["journey"]: each["branch"] for each in evaluator.trace() if each["kind"] == "branch"}
    assert branches == {"inside": "false", "by-audience": "true", "by-trait": "true"}
    assert {each["journey"] for each in evaluator.trace() if each["kind"] == "entered"} - set(branches) == {
        "historical"
    }


def test_conditions_of_a_journey_see_late_events() -> None:
    """C4: whatever the timestamps of the events."""
    document = space(journey({"split": if_else(did("Order"))}))
    done = run(document, [identify("P9D"), track("Order", "0"), track("Start", "P9D")])
    assert done.story("branch") == ["P9D branch split true"]


# C5, C6, C7


def test_a_trait_condition() -> None:
    """C5"""
    known = Known(trait("address.city", "starts_with", "U"), [identify(address={"city": "Ulm"})])
    assert known.holds("0")
    assert not Known(trait("address.city", "starts_with", "U")).holds("0")


def test_a_trait_that_ages() -> None:
    """C5, C1: ``within_next`` opens and closes by time alone."""
    known = Known(trait("renewal", "within_next", "P2D"), [identify(renewal=at("P9D"))])
    assert known.flips() == ["P7D true", "P9D false"]
    known = Known(trait("renewal", "before_last", "P2D"), [identify(renewal=at("P9D"))])
    assert known.flips() == ["P11D true"]


def test_an_audience_condition() -> None:
    """C6: member or not, at that instant, without the journey's context."""
    audiences = [
        {"key": "recent", "condition": did("Order", within="P1D")},
        {"key": "context", "condition": {"type": "context", "event": "Start", "property": "n", "op": "exists"}},
    ]
    known = Known({"type": "audience", "audience": "recent"}, [track("Order")], audiences=audiences[:1])
    assert known.holds("0")
    assert known.flips() == ["P1D false"]


def test_a_context_condition() -> None:
    """C7: an absent event or property is an absent value."""
    condition = {"type": "context", "event": "Cart", "property": "value", "op": "greater_than", "value": 10}
    assert Known(condition).holds("0", {"Cart": {"value": 11}})
    for context in ({"Cart": {"value": 10}}, {"Cart": {}}, {}, {"Cart": {"value": "11"}}):
        assert not Known(condition).holds("0", context)
    absent = {"type": "context", "event": "Cart", "property": "value", "op": "not_exists"}
    assert Known(absent).holds("0", {"Cart": {}}) and Known(absent).holds("0", {})


# C8


def funnel(first: Any = "F", then: Any = "G", **fields: Any) -> Json:
    """A funnel from F to G; ``performed`` and ``then_within`` belong to G."""
    followed: Json = {"event": then} if isinstance(then, str) else dict(then)
    followed |= {
        name: fields.pop(given)
        for given, name in (("performed", "performed"), ("then_within", "within"))
        if given in fields
    }
    return {
        "type": "funnel",
        "first": {"event": first} if isinstance(first, str) else first,
        "then": followed,
        **fields,
    }


@pytest.mark.parametrize("fields", [{}, {"within": "P9D"}, {"then_within": "P9D"}])
def test_a_funnel(fields: Json) -> None:
    """C8: G follows strictly later; the same however it is remembered."""
    assert not Known(funnel(**fields), [track("F")]).holds("0")
    assert not Known(funnel(**fields), [track("F"), track("G")]).holds("0")
    assert not Known(funnel(**fields), [track("G"), track("F", "PT1H")]).holds("PT1H")
    assert Known(funnel(**fields), [track("F"), track("G", "0+1")]).holds("PT1H")


@pytest.mark.parametrize("fields", [{}, {"within": "P9D"}])
def test_a_funnel_that_is_not_followed(fields: Json) -> None:
    """C8: true from F on while none has come."""
    open_ = funnel(performed=False, **fields)
    assert not Known(open_).holds("0")
    assert Known(open_, [track("F")]).holds("0")
    assert not Known(open_, [track("F"), track("G", "0+1")]).holds("PT1H")
    assert Known(open_, [track("F"), track("G")]).holds("PT1H")
    assert Known(open_, [track("F"), track("G", "PT1H"), track("F", "PT1H")]).holds("PT1H")


def test_a_funnel_within_a_time() -> None:
    """C8: no more than ``within`` after F; with ``performed: false`` from ``F + within`` on."""
    done = funnel(then_within="PT1H")
    assert Known(done, [track("F"), track("G", "PT1H")]).holds("PT1H")
    assert not Known(done, [track("F"), track("G", "PT1H+1")]).holds("PT2H")
    missed = funnel(then_within="PT1H", performed=False)
    assert Known(missed, [track("F")]).flips() == ["PT1H true"]
    assert not Known(missed, [track("F"), track("G", "PT1H")]).holds("PT2H")
    assert Known(missed, [track("F"), track("G", "PT1H+1")]).holds("PT2H")


def test_the_window_of_a_funnel_is_that_of_its_first_event() -> None:
    """C8, C3"""
    known = Known(funnel(within="P1D"), [track("F"), track("G", "PT1H")])
    assert known.flips("PT1H") == ["P1D false"]
    known = Known(funnel(between=["P2D", "P1D"]), [track("F"), track("G", "PT1H")])
    assert known.flips("PT1H") == ["P1D true", "P2D false"]


def test_filters_of_a_funnel_may_compare_with_its_first_event() -> None:
    """C8, C9: with *that* F."""
    condition = funnel("F", {"event": "G", "where": where(("cart", "equals", {"first": "cart"}))})
    assert Known(condition, [track("F", cart=1), track("F", cart=2), track("G", "PT1H", cart=1.0)]).holds("PT1H")
    assert not Known(condition, [track("F", cart=1), track("G", "PT1H", cart=2)]).holds("PT1H")
    assert not Known(condition, [track("F"), track("G", "PT1H")]).holds("PT1H")
    unequal = funnel("F", {"event": "G", "where": where(("cart", "not_equals", {"first": "cart"}))})
    assert Known(unequal, [track("F"), track("G", "PT1H", cart=1)]).holds("PT1H")


# everything against a naive evaluation of the whole history

ASKED = ["event", "event", "funnel", "trait", "context", "audience", "all", "any", "not"]


def made(rng: Any, kind: str | None = None) -> tuple[Known, list[Json], list[Json]]:
    """A random condition, calls of one person, and contexts."""
    conditions = Conditions(rng, everything=True)
    for number in range(2):
        conditions.define_computed(number)
        conditions.define_audience(number)
    paths = [["Cart Modified", path] for path in ("value", "due", "plan", "item.sku")]
    condition = conditions.condition(paths)
    if kind == "funnel":
        condition = conditions.funnel(paths)
    elif kind == "event":
        words = conditions.words
        condition = did(
            words.event(), where=conditions.where(context=paths), **conditions.count(), **conditions.window(0.9)
        )
    elif kind == "trait":
        condition = conditions.trait_condition()
    fields = {"audiences": conditions.audiences, "computed_traits": conditions.computed}
    known = Known(condition, **fields)
    source = Calls(rng, known.space, 1)
    source.linking, source.users = False, ["u1"]
    while len(source.calls) < 14:
        source.one()
    contexts: list[Json] = [{}, {"Cart Modified": source.properties()}]
    return known, source.calls, contexts


def random_check(rng: Any, kind: str | None) -> None:
    known, calls, contexts = made(rng, kind)
    for number, call in enumerate(calls):
        known.feed(call)
        if number % 3 == 1 or number == len(calls) - 1:
            for context in contexts:
                known.check(context)


@pytest.mark.parametrize("kind", [None, "event", "funnel", "trait"])
@property_test(25)
def test_conditions_against_the_whole_history(kind: str | None, seed: int) -> None:
    """C1, C3, C5 to C10: also at the flips, a microsecond before and after; ``until`` never misses one."""
    random_check(random.Random(seed), kind)


@pytest.mark.soak
@pytest.mark.parametrize("kind", [None, "event", "funnel", "trait"])
@settings(max_examples=4000, deadline=None)
@given(rng=st.randoms(use_true_random=False))
def test_conditions_against_the_whole_history_soak(kind: str | None, rng: Any) -> None:
    random_check(rng, kind)


def computed_check(rng: Any) -> None:
    known, calls, _ = made(rng)
    for number, call in enumerate(calls):
        known.feed(call)
        if number % 3 and number != len(calls) - 1:
            continue
        profile, view = known.profile, known.view({})
        for definition in known.space["computed_traits"]:
            compiled = known.plan.computed[definition["key"]]
            condition = trait(definition["key"], "exists")
            begin = max(profile.clock, 0)
            near = {now for each in candidates(condition, view) for now in (each - 1, each, each + 1) if now > begin}
            before: Any = MISSING
            until = NEVER
            for now in (begin, *sorted(near)):
                value = fold(definition, view, now)
                found = compiled.value(profile, now)
                assert same(found, value), (definition, at_micros(now), found, value)
                if now != begin and not same_values(before, value):
                    assert until <= now, (definition, at_micros(now))
                if now == begin or until <= now:
                    until = compiled.until(profile, now)
                    assert until > now
                before = value


def same(found: Any, value: Any) -> bool:
    from journeys.plan.values import ABSENT, equal

    if value is MISSING:
        return found is ABSENT
    if isinstance(value, float) and isinstance(found, (int, float)) and not isinstance(found, bool):
        return abs(found - value) < 1e-9
    return equal(found, value)


def same_values(a: Any, b: Any) -> bool:
    from journeys.plan.values import equal

    return a is b or (a is not MISSING and b is not MISSING and equal(a, b))


@property_test(40)
def test_computed_traits_against_the_whole_history(seed: int) -> None:
    """P5: exact at every instant, and ``until`` misses no change."""
    computed_check(random.Random(seed))


@pytest.mark.soak
@settings(max_examples=4000, deadline=None)
@given(rng=st.randoms(use_true_random=False))
def test_computed_traits_against_the_whole_history_soak(rng: Any) -> None:
    computed_check(rng)

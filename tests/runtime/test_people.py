"""Profiles that are put to rest as soon as nobody needs them: nothing can be told from outside (I6)."""

from __future__ import annotations

import random
from typing import Any

import pytest

from journeys import Evaluator, ManualClock
from journeys._time import parse_instant
from journeys.codec import load_space
from journeys.engine._encode import encode_state
from journeys.engine._state import ProfileState
from journeys.runtime import _people
from journeys.runtime._people import People
from journeys.runtime.simulation import Simulation
from tests.engine.test_rest import CART, entry
from tests.reference.compare import case, difference
from tests.support import advance, property_test, trace_of


def resting(document: Any, awake: int = 0) -> Simulation:
    simulation = Simulation(load_space(document))
    simulation.core.processor.states = People(rests=True, awake=awake)
    return simulation


@property_test(120)
def test_the_answer_is_the_same(seed: int) -> None:
    """I1, I6: as the oracle says, with time advanced in between and the next deadline known at any time."""
    one = case(seed, count=40)
    awake = resting(one.space, 1 << 30)
    asleep = resting(one.space, seed % 3)
    rng = random.Random(seed)
    for call in one.calls:
        assert [str(each) for each in asleep.feed([call])] == [str(each) for each in awake.feed([call])]
        assert asleep.core.processor.next_due == awake.core.processor.next_due
        if rng.random() < 0.2 and (due := awake.core.processor.next_due) is not None:
            advance(asleep, due)
            advance(awake, due)
    for simulation in (asleep, awake):
        simulation.finish(None if one.until is None else parse_instant(one.until))
    told = difference(trace_of(awake), trace_of(asleep))
    assert told is None, f"seed {seed}: {told}"
    states = {each.key: encode_state(each) for each in awake.core.processor.states.values()}
    assert {each.key: encode_state(each) for each in asleep.core.processor.states.values()} == states


def made(**more: Any) -> Evaluator:
    return Evaluator(load_space(CART), clock=ManualClock("2026-01-01T00:00:00Z"), trace=False, **more)


def at_rest(evaluator: Evaluator) -> int:
    people = evaluator._core.processor.states
    return sum(type(each) is tuple for kind in (people.users, people.visitors) for each in kind.values())


@pytest.fixture(autouse=True)
def sleepy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_people, "AWAKE", 0)


def test_only_where_nothing_else_keeps_them() -> None:
    """In memory and without a trace, whose records hold on to what they tell of."""
    evaluator = made()
    evaluator.feed_many(entry(f"u{n}") for n in range(5))
    assert at_rest(evaluator) == 4
    traced = Evaluator(load_space(CART), clock=ManualClock("2026-01-01T00:00:00Z"))
    traced.feed_many(entry(f"u{n}") for n in range(5))
    assert at_rest(traced) == 0


def test_publishing_reaches_those_who_rest() -> None:
    """V2: they are bound to the new version as everybody is, and what they had in common is forgotten."""
    evaluator = made()
    evaluator.feed_many(entry(f"u{n}") for n in range(5))
    evaluator.pause("cart")
    forms = evaluator._core.processor.states._forms
    plans = {each[2][0] for each in forms._forms.values() if each[2]}
    assert plans and plans <= set(evaluator._core.plan.journeys.values())
    evaluator.archive("cart")
    assert evaluator.figures()["live"] == 0
    assert evaluator.figures()["profiles"] == 5


def test_nothing_names_who_is_erased() -> None:
    """V6: no names of properties either."""
    evaluator = made()
    evaluator.feed_many([entry("u1", u1=1), entry("u2"), entry("u3")])
    people = evaluator._core.processor.states
    assert at_rest(evaluator) == 2
    evaluator.erase("u1")
    assert "u:u1" not in people and len(people) == 2
    assert not people._forms.name_any({"u1"})
    assert all(each.key != "u:u1" for each in people._woken)
    assert evaluator.feed(entry("u1")).reason == "erased"
    evaluator.advance(hours=3)
    assert evaluator.figures()["live"] == 0


def test_a_profile_that_one_has_asked_for_is_not_put_to_rest_meanwhile() -> None:
    """Only ``make_room`` does so, between units of work."""
    people = People(rests=True, awake=0)
    held = ProfileState("u:1")
    people["u:1"] = held
    people["a:1"] = ProfileState("a:1")
    people.make_room()
    first = people["u:1"]
    assert first is not held
    assert people["a:1"].key == "a:1"
    assert people["u:1"] is first
    assert list(people) == ["a:1", "u:1"]
    assert [each.key for each in people.values()] == ["a:1", "u:1"]
    with pytest.raises(KeyError):
        people["u:2"]


def test_a_pass_that_is_broken_off_leaves_everybody_as_they_are() -> None:
    """Who was not reached is woken by what she had in common with others before."""
    evaluator = made()
    evaluator.feed_many(entry(f"u{n}", **{f"p{n % 3}": n}) for n in range(9))
    people = evaluator._core.processor.states
    before = {key: encode_state(profile) for key, profile in people.items()}
    for number, _ in enumerate(people.renewed()):
        if number == 4:
            break
    assert {key: encode_state(profile) for key, profile in people.items()} == before
    for _ in people.renewed():
        pass
    assert {key: encode_state(profile) for key, profile in people.items()} == before
    assert len(people._forms._forms) <= 2 * 3  # those of before are gone


def test_nobody_is_woken_to_be_counted() -> None:
    evaluator = made()
    evaluator.feed_many(entry(f"u{n}") for n in range(5))
    evaluator.feed(entry("v1", value=1) | {"event": "Something Else"})
    asleep = at_rest(evaluator)
    assert {name: evaluator.figures()[name] for name in ("profiles", "live", "due")} == {
        "profiles": 5,
        "live": 5,
        "due": 5,
    }
    assert at_rest(evaluator) == asleep
    evaluator.advance(hours=3)
    assert (evaluator.figures()["live"], evaluator.figures()["due"]) == (0, 0)

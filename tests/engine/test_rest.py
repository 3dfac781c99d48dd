"""A profile at rest is the profile (the base of I4)."""

from __future__ import annotations

from typing import Any

import pytest

from journeys._time import parse_instant
from journeys.codec import load_space
from journeys.engine import _rest
from journeys.engine._encode import encode_state
from journeys.engine._rest import Forms
from journeys.engine._state import ProfileState
from journeys.runtime.simulation import Simulation
from tests.reference.compare import case
from tests.support import property_test

SLOTS = (*(each for each in ProfileState.__slots__ if each != "__dict__"), "anonymous_id", "traits", "_history_ids")


def everything(profile: ProfileState) -> dict[str, Any]:
    """All that there is of a profile."""
    told = {name: getattr(profile, name) for name in SLOTS if name != "instances"}
    told["rare"] = dict(profile.__dict__)
    told["instances"] = [
        {
            **{name: getattr(each, name) for name in type(each).__slots__ if name not in ("__dict__", "waits")},
            "waits": [[getattr(wait, name) for name in type(wait).__slots__] for wait in each.waits],
            "rare": dict(each.__dict__),
        }
        for each in profile.instances
    ]
    return told


@property_test(40)
def test_whatever_was_put_to_rest_is_woken_as_it_was(seed: int) -> None:
    """After every call, each profile of a random space: all of its fields, the types of its dicts and what is stored."""
    one = case(seed, count=40)
    simulation = Simulation(load_space(one.space))
    forms = Forms()
    for call in one.calls:
        simulation.feed([call])
        for key, profile in simulation.core.processor.states.items():
            rest = forms.rest(profile)
            if rest is None:
                assert profile.crowd is not None
                continue
            before, stored = everything(profile), encode_state(profile)
            woken = forms.wake(rest, key, profile.id)
            assert everything(woken) == before
            assert encode_state(woken) == stored
            assert type(woken.instances) is type(profile.instances)


def test_what_a_live_instance_has_in_common_with_others_is_kept_once() -> None:
    """Two people who are as far in a journey differ in what is theirs."""
    simulation = Simulation(load_space(CART))
    simulation.feed([entry("u1"), entry("u2", value=70)])
    forms = Forms()
    one, two = (forms.rest(each) for each in simulation.core.processor.states.values())
    assert one is not None and two is not None
    assert one[1] == two[1]
    assert len(one) == len(two)
    assert all(type(each) in (int, str, float) for each in (*one, *two))


def test_there_is_no_end_of_names_but_of_forms(monkeypatch: Any) -> None:
    """Who has properties of yet another name stays awake when there are too many."""
    monkeypatch.setattr(_rest, "_FORMS", 2)
    simulation = Simulation(load_space(CART))
    simulation.feed([entry(f"u{n}", **{f"name{n}": 1}) for n in range(3)])
    forms = Forms()
    rests = [forms.rest(each) for each in simulation.core.processor.states.values()]
    assert [rest is None for rest in rests] == [False, False, True]
    assert forms.name_any({"name1", "x"})
    assert not forms.name_any({"name2"})


def entry(user: str, value: int = 60, **more: Any) -> dict[str, Any]:
    properties = {"cart_id": f"{user}'s", "value": value, **more}
    return {
        "type": "track",
        "event": "Cart Modified",
        "userId": user,
        "messageId": f"m-{user}",
        "timestamp": "2026-01-01T00:00:00Z",
        "properties": properties,
    }


CART: dict[str, Any] = {
    "format": "journeys/1",
    "key": "shop",
    "name": "Shop",
    "destinations": {"mail": {"type": "record"}},
    "journeys": [
        {
            "key": "cart",
            "name": "Cart",
            "status": "live",
            "entry": {
                "type": "event_entry",
                "event": "Cart Modified",
                "identifier": "cart_id",
                "reentry": "every_time",
            },
            "start": "hold",
            "steps": {"hold": {"type": "delay", "duration": "PT2H", "next": None}},
        }
    ],
}


def test_an_instant_is_what_it_was() -> None:
    """The deadline is there without the profile being woken."""
    simulation = Simulation(load_space(CART))
    simulation.feed([entry("u1")])
    (profile,) = simulation.core.processor.states.values()
    rest = Forms().rest(profile)
    assert rest is not None and rest[0] == parse_instant("2026-01-01T02:00:00Z")


@pytest.mark.parametrize("name", ["origin", "owner", "expires_at", "status", "visited", "due", "goal_open", "noted"])
def test_what_is_unlike_others_stays(name: str) -> None:
    """Such as the version in which a migrated instance entered, or an age that comes before its wait (V2, X4)."""
    simulation = Simulation(load_space(CART))
    simulation.feed([entry("u1")])
    (profile,) = simulation.core.processor.states.values()
    (instance,) = profile.instances
    setattr(instance, name, {"owner": "u2", "noted": ["note"]}.get(name, 7))
    before, forms = everything(profile), Forms()
    rest = forms.rest(profile)
    assert rest is not None
    assert everything(forms.wake(rest, profile.key, profile.id)) == before

"""A profile as bytes and back (the base of I4)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from journeys.codec import load_space
from journeys.engine._effects import Effects
from journeys.engine._encode import VERSION, bind, decode_state, encode_state
from journeys.engine._state import ENDED, LIVE, ProfileState
from journeys.errors import NewerState
from journeys.plan.compile import compile_space
from journeys.plan.values import NEVER
from journeys.runtime._processor import Processor
from tests.support import ad, branch, branches, delay, did, hold, identify, journey, negated, send, space, track, trait

DOCUMENT = space(
    journey(
        {
            "fork": branches(("x", trait("never", "exists"), "a"), ("y", did("Start"), "ad")),
            "ad": ad("hold", remove_after="P2D"),
            "hold": hold("P1D", branch("again", "Cart", restart=True), timeout="a"),
            "a": delay("P1D", until={"time": "09:00", "timezone": {"trait": "tz"}}),
        },
        goal={"event": "Goal"},
    ),
    journey(key="v1", entry=negated(did("Order", within="P1D")), exit_after="PT3H", reentry_after="PT1H"),
    journey(key="over", entry=trait("x", "exists")),
    journey({"mail": send()}, key="done", goal={"event": "Goal"}),
    audiences=[{"key": "aud", "condition": did("Cart", within="PT1H"), "destinations": ["email"]}],
    computed_traits=[{"key": "list", "type": "unique_list", "event": "Cart", "property": "n"}],
    settings={"max_live_instances": 2},
)


def rich() -> tuple[Processor, ProfileState]:
    """A profile that has something of everything."""
    processor = Processor(compile_space(load_space(DOCUMENT)), Effects())
    for call in (
        identify("0", "u1", anon="a1", y=1, name="é\u2028😀", deep={"a": [None, True, 1.5]}),
        track("Start", "PT1H", id="m1", n="c"),
        track("Cart", "PT2H", n=1.0),
        track("Cart", "PT2H", n="1"),
        identify("PT30M", y=None, id="late"),
        identify("PT3H", x=2),
    ):
        assert processor.feed(call).is_accepted
    return processor, processor.states["u:u1"]


def shape(profile: ProfileState) -> Any:
    """Everything that a state holds, as values that can be compared."""
    plain = {
        name: getattr(profile, name)
        for name in (*ProfileState.__slots__, *ProfileState.__annotations__)
        if not name.startswith("__")
        and name not in ("crowd", "instances", "entries", "_history_ids", "scheduled", "version")
    }
    plain["entries"] = {key: (each.status, each.at) for key, each in profile.entries.items()}
    plain["instances"] = [
        {
            name: getattr(each, name)
            for name in (*type(each).__slots__, *type(each).__annotations__)
            if not name.startswith("_") and name not in ("crowd", "waits", "moves", "unit")
        }
        | {
            "id": each.id,
            "waits": [(wait.step.key, wait.due, wait.branch, wait.count, wait.removal) for wait in each.waits],
        }
        for each in profile.instances
    ]
    return plain


def test_everything_comes_back() -> None:
    """I4"""
    processor, profile = rich()
    assert {each.status for each in profile.instances} == {LIVE, ENDED}
    assert profile.instances and profile.entries and profile.blocked and profile.lists and profile.outputs
    again = decode_state(encode_state(profile), processor.plan)
    assert shape(again) == shape(profile)
    assert encode_state(again) == encode_state(profile)


def test_an_empty_profile() -> None:
    processor, _ = rich()
    profile = ProfileState("a:x")
    assert shape(decode_state(encode_state(profile), processor.plan)) == shape(profile)


def test_the_bytes_are_compact_json_and_name_their_version() -> None:
    _, profile = rich()
    document = json.loads(encode_state(profile))
    assert document["v"] == VERSION
    assert document["k"] == "u:u1"


def test_state_of_a_newer_version_is_left_alone() -> None:
    processor, profile = rich()
    document = json.loads(encode_state(profile)) | {"v": VERSION + 1}
    with pytest.raises(NewerState, match="version"):
        decode_state(json.dumps(document).encode(), processor.plan)


def test_instances_that_the_plan_does_not_know_are_kept() -> None:
    """I4: they take no part, and come back with their journey."""
    processor, profile = rich()
    other = compile_space(load_space(space(journey(key="other", entry="Start"))))
    aside = decode_state(encode_state(profile), other)
    assert not aside.instances
    assert len(aside.foreign) == len(profile.instances)
    back = decode_state(encode_state(aside), processor.plan)
    assert shape(back)["instances"] == shape(profile)["instances"]
    # the same in memory
    before = shape(profile)["instances"]
    bind(profile, other)
    assert not profile.instances
    bind(profile, processor.plan)
    assert [each["id"] for each in shape(profile)["instances"]] == [each["id"] for each in before]
    assert [each["waits"] for each in shape(profile)["instances"]] == [each["waits"] for each in before]


def test_what_the_plan_does_not_know_is_merged_too() -> None:
    """P2: it comes back under the id of whoever it was."""
    known = compile_space(load_space(DOCUMENT))
    processor = Processor(known, Effects())
    processor.feed(track("Start", "0", "u1", id="m1"))
    processor.feed(track("Start", "PT1H", None, anon="a1", id="m2"))
    ids = {each.id for state in processor.states.values() for each in state.instances}
    unknown = Processor(compile_space(load_space(space(journey(key="other", entry="Other")))), Effects())
    for key, state in processor.states.items():
        unknown.states[key] = decode_state(encode_state(state), unknown.plan)
    assert unknown.feed(identify("PT2H", "u1", anon="a1")).is_accepted
    merged = decode_state(encode_state(unknown.states["u:u1"]), known)
    assert {each.id for each in merged.instances} == ids


def test_version_1_is_read() -> None:
    """What it wrote of an instance, in its order: the owner among the first, nothing left out; and of ends."""
    processor, profile = rich()
    document = json.loads(encode_state(profile))
    for place, raw in enumerate(document["i"]):
        key, version, cause, identifier, entered_at, order, expires_at, visited, context, waits, *more = raw
        rare = more[0] if more else {}
        old = [key, version, rare.get("w", "u1"), cause, identifier, entered_at, order, rare.get("s", LIVE)]
        old += [rare.get("g", 0), rare.get("x", NEVER), expires_at, visited, context, rare.get("l", [])]
        old += [[[*wait, -1, 0, 0][:5] if len(wait) == 2 else wait for wait in waits], rare.get("o", version)]
        document["i"][place] = [*old, rare["n"]] if "n" in rare else old
    document["e"] = [[*key.split(" ", 1), when] for key, when in document["e"].items()]
    again = decode_state(json.dumps(document | {"v": 1}).encode(), processor.plan)
    assert shape(again) == shape(profile)
    assert encode_state(again) == encode_state(profile)

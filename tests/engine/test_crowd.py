"""The index over the instances of a profile that has many: it changes nothing but the time it takes."""

from __future__ import annotations

from typing import Any

import pytest

from journeys.codec import load_space
from journeys.engine import _state
from journeys.engine._crowd import CROWDED
from journeys.engine._effects import Effects
from journeys.engine._encode import decode_state, encode_state
from journeys.plan.compile import compile_space
from journeys.runtime._processor import Processor
from tests.reference.compare import case, difference
from tests.support import ad, branch, did, hold, identify, journey, on, run, send, space, track, wait

CARTS = space(
    journey(
        {
            "ad": ad("hold"),
            "hold": hold(
                "PT2H", branch("bought", "Order", "mail"), branch("again", "Cart", restart=True), timeout="mail"
            ),
            "mail": send(),
        },
        entry=on("Cart", identifier="cart"),
        exit_rules=[{"key": "out", "event": "Out", "match_identifier": True}],
    ),
    journey({"wait": wait(did("All"), "mail"), "mail": send()}, key="waits", entry=on("Cart", identifier="cart")),
)


def calls(count: int) -> list[Any]:
    """Many carts of one person, and some of a visitor who turns out to be them; bought, left or changed."""
    made = [track("Cart", f"PT{n}S", cart=n) for n in range(count)]
    made += [track("Cart", f"PT{count + n}S", None, anon="a1", cart=n * 2) for n in range(count // 2)]
    made += [track("Order", "PT1H", cart=n) for n in range(0, count, 3)] + [
        track("Cart", "PT1H", cart=n) for n in range(1, count, 3)
    ]
    made += [track("Out", "PT1H30M", cart=n) for n in range(2, count, 5)]
    made += [identify("PT1H40M", "u1", anon="a1"), track("Order", "PT1H50M", cart=1.0), track("All", "PT5H")]
    return made


@pytest.mark.parametrize("seed", range(60))
def test_with_and_without(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """T6, E3, E9, S7, X1: random cases in which two instances are many already."""
    monkeypatch.setattr(_state, "CROWDED", 1 + seed % 3)
    one = case(seed, count=40)
    told = difference(one.expected(), run(one.space, one.calls, one.until).trace)
    assert told is None, f"seed {seed}: {told}"


def test_many_carts(monkeypatch: pytest.MonkeyPatch) -> None:
    """E3, T6"""
    crowded = run(CARTS, calls(CROWDED * 2))
    monkeypatch.setattr(_state, "CROWDED", 10**9)
    plain = run(CARTS, calls(CROWDED * 2))
    assert difference(plain.trace, crowded.trace) is None
    assert crowded.counters == plain.counters and crowded.answers == plain.answers
    assert len(crowded.records("sent")) > CROWDED


def crowded_profile() -> tuple[Processor, Any]:
    processor = Processor(compile_space(load_space(CARTS)), Effects(traces=False))
    for n in range(CROWDED):
        processor.feed(track("Cart", f"PT{n}S", cart=n))
    profile = processor.states["u:u1"]
    assert profile.crowd is not None
    return processor, profile


def test_it_is_made_again_when_a_state_is_read() -> None:
    """I4"""
    processor, profile = crowded_profile()
    again = decode_state(encode_state(profile), processor.plan)
    assert again.crowd is not None
    assert (again.live, again.due) == (profile.live, profile.due) == (2 * CROWDED, profile.due)


def test_it_does_not_grow_with_every_event() -> None:
    processor, profile = crowded_profile()
    for n in range(500):
        processor.feed(track("Order", f"PT{n}S", cart="no such cart"))
    assert len(profile.crowd._heap) <= 6 * CROWDED


def test_how_many_live() -> None:
    """E9"""
    processor, profile = crowded_profile()
    for n in range(10):
        processor.feed(track("Out", "PT1H", cart=n))
    assert profile.live == 2 * CROWDED - 10
    processor.feed(track("All", "PT1H"))
    assert profile.live == CROWDED - 10 == sum(each.is_live for each in profile.instances)

"""Which worker applies whose calls."""

from __future__ import annotations

import random
from typing import Any

import pytest

from journeys.runtime.partition import Partition
from tests.reference.compare import case
from tests.support import alias, identify, track


@pytest.mark.parametrize("of", [1, 2, 5])
def test_every_call_belongs_to_exactly_one(of: int) -> None:
    """I7"""
    calls: list[Any] = [call for seed in range(9) for call in case(seed).calls]
    shares = [Partition.among(calls, number, of) for number in range(of)]
    for call in [*calls, {}, None, 7, {"userId": 7}, {"userId": "\ud800"}]:
        assert sum(share.has(call) for share in shares) == 1
    assert [share.name for share in shares] == [f"{number}/{of}" for number in range(of)]


def test_people_who_are_ever_linked_stay_together() -> None:
    """P2, I7: through any chain of links, also one that comes later."""
    rng = random.Random(3)
    for _ in range(30):
        links = [identify("0", f"u{rng.randrange(20)}", anon=f"a{rng.randrange(20)}") for _ in range(6)]
        links += [alias(f"u{rng.randrange(20)}", f"u{rng.randrange(20)}") for _ in range(4)]
        calls = (
            [track("E", "0", f"u{n}") for n in range(20)]
            + [track("E", "0", None, anon=f"a{n}") for n in range(20)]
            + links
        )
        rng.shuffle(calls)
        share = {f"{kind}{n}": None for kind in "ua" for n in range(20)}
        shares = [Partition.among(calls, number, 3) for number in range(3)]
        owner = {
            name: [
                each.has(
                    track("E", "0", name if name[0] == "u" else None, **({"anon": name} if name[0] == "a" else {}))
                )
                for each in shares
            ].index(True)
            for name in share
        }
        for link in links:
            names = [link[field] for field in ("userId", "anonymousId", "previousId") if field in link]
            assert len({owner[name] for name in names}) == 1


def test_the_shares_are_even() -> None:
    calls = [track("E", "0", f"user-{n}") for n in range(4000)]
    sizes = [sum(map(Partition.among(calls, number, 4).has, calls)) for number in range(4)]
    assert min(sizes) > 800

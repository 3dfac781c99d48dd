"""What one event costs as the space, the number of live instances or one profile grows."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from bench import subject
from bench.harness import Figure, Timing, Variant, compare, figure
from bench.journey import cart, unconcerned
from bench.memory import entries, strings
from bench.options import Options
from bench.workload import Call, iso, make
from journeys import Evaluator, Settings

#: events of one run on one profile: fewer than the restarts that a hold allows
_EVENTS = 90


def journeys(options: Options) -> list[Figure]:
    """A thousand journeys, of which an event concerns one, against that one alone."""
    calls = make(min(options.scale, 0.1), options.seed).calls
    most = 1_000 if not options.quick else 200
    counts = sorted({10, 100, most})
    options.say(f"scaling: {most:,} journeys in the space, {len(calls):,} calls")
    timings = compare(
        subject.many(calls, "1"),
        [subject.many(calls, f"{count}", journeys=[cart(), *unconcerned(count - 1)]) for count in counts],
        options.runs,
    )
    found = figure(f"{most:,} journeys against one", timings[f"{most}"], 1.2, calls=len(calls))
    found.details["growth"] = _growth({1: timings["1"]} | {count: timings[f"{count}"] for count in counts})
    return [found]


def instances(options: Options) -> list[Figure]:
    """One event of a profile among a million live instances against one among a thousand."""
    most = options.sized(1_000_000, 20_000)
    sizes = [1_000, *(size for size in (10_000, 100_000) if size < most), most]
    count = min(20_000, most)
    options.say(f"scaling: up to {most:,} live instances, {count:,} events")
    filled = {size: _filled(size) for size in sizes}
    minute = iter(range(1, 1_000_000))

    def events(size: int) -> Callable[[], Any]:
        # each run has calls of its own: restarts of holds, later than those of the run before
        rng = random.Random(options.seed)
        now = next(minute) * 1_000
        calls = [_restart(f"u{rng.randrange(size)}", now + index // 1_000, f"{now}-{index}") for index in range(count)]
        subject_ = filled[size]
        return lambda: subject_.feed_many(calls)

    def variant(size: int) -> Variant:
        return Variant(f"{size}", lambda: events(size))

    timings = compare(variant(1_000), [variant(size) for size in sizes[1:]], options.runs)
    found = figure(f"one event among {most:,} live instances against 1,000", timings[f"{most}"], 1.5, events=count)
    found.details["growth"] = _growth({size: timings[f"{size}"] for size in sizes})
    return [found]


def _filled(size: int) -> Evaluator:
    kept, _ = subject.evaluator([cart(hold="P30D")])
    group: list[Call] = []
    for call in entries(strings(size)):
        group.append(call)
        if len(group) == 1_000:
            kept.feed_many(group)
            group = []
    kept.feed_many(group)
    return kept


def _restart(user: str, second: int, message: str, cart_id: str = "") -> Call:
    return {
        "type": "track",
        "event": "Cart Modified",
        "userId": user,
        "messageId": message,
        "timestamp": iso(3_600_000 + second * 1_000),
        "properties": {"cart_id": cart_id or f"c{user[1:]}", "value": 80.5},
    }


def profile(options: Options) -> list[Figure]:
    """One event that concerns one of a profile's 10,000 live instances, by identifier, against a profile with one."""
    most = 10_000 if not options.quick else 1_000
    sizes = [1, *(size for size in (10, 100, 1_000) if size < most), most]
    options.say(f"scaling: one profile with up to {most:,} live instances")
    large = {size: _one_profile(size) for size in sizes if size > 100}
    turn = iter(range(1, 1_000_000))

    def events(size: int) -> Callable[[], Any]:
        kept = large[size] if size in large else _one_profile(size)  # a hold starts again a hundred times at most
        rng, now = random.Random(options.seed), next(turn) * 100
        calls = [_restart("u", now, f"{now}-{number}", f"c{rng.randrange(size)}") for number in range(_EVENTS)]
        return lambda: [kept.feed(call) for call in calls]

    def variant(size: int) -> Variant:
        return Variant(f"{size}", lambda: events(size))

    timings = compare(variant(1), [variant(size) for size in sizes[1:]], options.runs)
    name = f"one event of a profile with {most:,} live instances against one with 1"
    found = figure(name, timings[f"{most}"], 20, events=_EVENTS)
    found.details["growth"] = _growth({size: timings[f"{size}"] for size in sizes})
    return [found]


def _one_profile(size: int) -> Evaluator:
    kept, _ = subject.evaluator([cart(hold="P30D")], settings=Settings(max_live_instances=2 * size + 1))
    calls: Sequence[Call] = list(entries(("u", cart_id, message, at) for _, cart_id, message, at in strings(size)))
    kept.feed_many(calls)
    return kept


def _growth(timings: dict[int, Timing]) -> dict[str, float]:
    return {f"{size}": timing.ratio for size, timing in timings.items()}

"""Workload W in memory, and a condition of three comparisons, against the same by hand."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from bench import hand, subject
from bench.harness import Figure, Prepare, Variant, compare, figure
from bench.journey import cart
from bench.options import Options
from bench.workload import Call, make, with_repeats
from journeys import EventEntry, Journey, Space, prop
from journeys.plan.compile import compile_space


def by_hand(calls: Sequence[Call]) -> Variant:
    """The reference of most figures."""
    return Variant("hand", lambda: lambda: hand.run(calls), hand.sends_of)


def workload_w(options: Options) -> list[Figure]:
    """The evaluator on W in memory: without and with the trace, in one go and call by call."""
    small = with_repeats(make(min(options.scale, 0.02), options.seed)).calls
    options.say("in memory: the same sends by hand and by the evaluator, with calls that come twice")
    compare(by_hand(small), [subject.many(small), subject.one_by_one(small, trace=True)], runs=0)
    work = make(options.scale, options.seed)
    options.say(f"in memory: {len(work.calls):,} calls of {work.users:,} users")
    timings = compare(
        by_hand(work.calls),
        [
            subject.many(work.calls, "feed_many, trace off"),
            subject.one_by_one(work.calls, "feed, trace off"),
            subject.many(work.calls, "feed_many, whole trace", trace=True),
        ],
        options.runs,
    )
    base = timings["hand"]
    size: dict[str, Any] = {
        "calls": len(work.calls),
        "hand_s": base.median,
        "hand_ns_a_call": base.median / len(work.calls) * 1e9,
    }
    return [
        figure("W in memory, feed_many, trace off", timings["feed_many, trace off"], 2.0, **size),
        figure("W in memory, one feed per call, trace off", timings["feed, trace off"], 2.5, **size),
        figure("W in memory, whole trace kept", timings["feed_many, whole trace"], 3.0, **size),
    ]


def bounds(options: Options) -> list[Figure]:
    """What bounds W in memory: the checking of every call, and the two kinds of calls apart."""
    calls = make(options.scale, options.seed).calls
    options.say("in memory: by hand with every call checked; the calls that nobody wants, and the others")
    checked = Variant("checked", lambda: lambda: hand.run_checked(calls), hand.sends_of)
    timings = compare(by_hand(calls), [checked], options.runs)
    found = [figure("W by hand, every call checked", timings["checked"], None)]
    for title, is_wanted in (("a call that no journey wants", False), ("a call that one wants", True)):
        some = [call for call in calls if (call["event"] != "Page Viewed") is is_wanted]
        timings = compare(by_hand(some), [subject.many(some)], options.runs)
        each = timings["hand"].median / len(some) * 1e9
        found.append(figure(f"{title}, against by hand", timings["feed_many"], None, hand_ns_a_call=each))
    return found


def condition(options: Options) -> list[Figure]:
    """Three comparisons of one event, as the plan has them compiled, against the same ``if``."""
    where = [prop("value") >= 50, prop("quantity") >= 2, prop("discount") <= 30]
    journey = Journey(key="k", entry=EventEntry("E", where=where), start="hold", steps=cart().steps)
    matches = compile_space(Space(journeys=(journey,))).routes["E"].entries[0].entry_matches
    assert matches is not None
    rng = random.Random(options.seed)
    events = [
        {"value": rng.randrange(150), "quantity": rng.randrange(8), "discount": rng.randrange(60)} for _ in range(1000)
    ]
    if [bool(matches(each, None, None, 0)) for each in events] != [hand.condition(each) for each in events]:
        raise AssertionError("the compiled condition and the `if` differ")
    repeats = max(1, round(500 * min(1.0, options.scale * 4)))

    def through(test: Callable[..., Any], *more: Any) -> Prepare:
        def run() -> None:
            for _ in range(repeats):
                for each in events:
                    test(each, *more)

        return lambda: run

    timings = compare(
        Variant("if", through(hand.condition)),
        [Variant("compiled", through(matches, None, None, 0))],
        max(options.runs, 5),
    )
    each = timings["if"].median / repeats / len(events) * 1e9
    return [figure("condition of three comparisons against `if`", timings["compiled"], 3.0, if_ns=each)]

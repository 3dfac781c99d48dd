"""A guard on what the evaluator does per event, in counts and not in times, so that it is the same on every machine.

The numbers are limits a little above what was counted when they were written down; lower them when something gets
better. The benchmark's own parts are checked here as well: that its references do the same, and that the figures in
the documentation are those that were measured.
"""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench import docs, hand, hand_store, inmemory, peers, report, scaling, subject, workload
from bench.harness import Figure, SendsDiffer, Variant, check, compare
from bench.journey import cart, unconcerned
from bench.memory import entries, strings
from bench.options import Options
from bench.workload import Call
from journeys import Evaluator
from journeys.runtime import _people

ROOT = Path(__file__).resolve().parent.parent

#: Python functions that are entered for one event, on average of workload W
CALLS_UNWANTED = 1.1
CALLS_WANTED = 19
CALLS_WANTED_WITH_TRACE = 22
#: allocations that remain: of one unwanted event, and bytes of one live instance with its profile (CPython 3.11)
BYTES_UNWANTED = 1
#: newer Pythons make larger objects
BYTES_LIVE = 1_650 if sys.version_info < (3, 12) else 1_850
BYTES_AT_REST = 360
#: bytes of one state in a durable store when one instance is live
STATE_BYTES = 540


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    return workload.make(0.001).calls


def entered(run: Callable[[], object]) -> int:
    """How many Python functions are entered."""
    count = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(before)
    return count


def for_each(kept: Evaluator, calls: Sequence[Call]) -> float:
    return entered(lambda: kept.feed_many(calls)) / len(calls)


def test_an_unwanted_event_costs_next_to_nothing(calls: list[Call]) -> None:
    unwanted = [call for call in calls if call["event"] == "Page Viewed"]
    kept, _ = subject.evaluator()
    kept.feed_many(unwanted[:100])
    assert for_each(kept, unwanted) <= CALLS_UNWANTED
    tracemalloc.start()
    try:
        kept.feed_many(unwanted)
        before = tracemalloc.get_traced_memory()[0]
        kept.feed_many(unwanted)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown / len(unwanted) <= BYTES_UNWANTED
    assert kept.profile(unwanted[0]["userId"]) is None


@pytest.mark.parametrize(("trace", "limit"), [(False, CALLS_WANTED), (True, CALLS_WANTED_WITH_TRACE)])
def test_a_wanted_event_enters_few_functions(calls: list[Call], trace: bool, limit: int) -> None:
    wanted = [call for call in calls if call["event"] != "Page Viewed"]
    kept, _ = subject.evaluator(trace=trace)
    assert for_each(kept, wanted) <= limit
    assert any(kept.trace()) is trace


def test_journeys_that_an_event_does_not_concern_cost_it_nothing(calls: list[Call]) -> None:
    one, _ = subject.evaluator()
    many, _ = subject.evaluator([cart(), *unconcerned(99)])
    assert for_each(one, calls) == pytest.approx(for_each(many, calls), rel=0.01)


def test_other_profiles_cost_an_event_nothing(calls: list[Call]) -> None:
    alone, _ = subject.evaluator()
    among, _ = subject.evaluator()
    among.feed_many(list(entries(("x" + user, c, "x" + message, at) for user, c, message, at in strings(2_000))))
    assert for_each(alone, calls) == pytest.approx(for_each(among, calls), rel=0.01)


def test_a_live_instance_is_small() -> None:
    assert bytes_live() <= BYTES_LIVE


def test_it_is_much_smaller_when_its_profile_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_people, "AWAKE", 10)
    assert bytes_live() <= BYTES_AT_REST


def bytes_live() -> float:
    """What remains allocated of one live instance and its profile."""
    made = strings(2_000)
    kept, _ = subject.evaluator()
    kept.feed_many(list(entries(("w" + user, c, "w" + message, at) for user, c, message, at in made)))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for start in range(0, len(made), 100):
            kept.feed_many(list(entries(made[start : start + 100])))
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    return grown / len(made)


class Counting:
    """Passes everything on to a store, and counts."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.calls: Counter[str] = Counter()
        self.states: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not callable(found):
            return found

        def counted(*args: Any, **more: Any) -> Any:
            self.calls[name] += 1
            if name == "commit":
                self.states += args[0].states
            return found(*args, **more)

        return counted


def test_a_group_of_calls_is_one_load_and_one_commit(calls: list[Call], tmp_path: Path) -> None:
    kept, _ = subject.evaluator(store=f"sqlite:///{tmp_path}/guard.db")
    store: Any = Counting(kept.store)
    kept.store = store
    kept.feed_many(calls[:1_000])
    assert (store.calls["load"], store.calls["commit"]) == (1, 1)
    concerned = {call["userId"] for call in calls[:1_000] if call["event"] != "Page Viewed"}
    assert {each.key for each in store.states} <= {"u:" + user for user in concerned}
    live = [len(each.state) for each in store.states if each.live == 1]
    assert sum(live) / len(live) <= STATE_BYTES
    store.states.clear()
    kept.feed_many([call for call in calls if call["event"] == "Page Viewed"])
    assert store.states == []
    kept.close()


# the benchmark itself


def test_all_references_send_the_same(calls: list[Call], tmp_path: Path) -> None:
    twice = workload.with_repeats(workload.Workload(calls, 200, 1), 0.05).calls
    variants = [
        inmemory.by_hand(twice),
        subject.many(twice),
        subject.one_by_one(twice, trace=True),
        Variant("rows by hand", lambda: lambda: hand_store.run(twice, tmp_path / "hand.db"), hand.sends_of),
    ]
    assert check(variants) > 40
    with pytest.raises(SendsDiffer):
        check([inmemory.by_hand(calls), inmemory.by_hand(calls[: len(calls) // 2])])


@pytest.mark.parametrize("name", peers.PEERS)
def test_the_peers_send_the_same(calls: list[Call], name: str) -> None:
    pytest.importorskip("transitions" if name.startswith("transitions") else "statemachine")
    assert sorted(peers.sends_of(peers.PEERS[name](calls))) == sorted(hand.sends_of(hand.run(calls)))


def test_workload_w_is_drawn_from_its_seed() -> None:
    work = workload.make(0.001)
    assert work.calls == workload.make(0.001).calls != workload.make(0.001, seed=2).calls
    events = Counter(call["event"] for call in work.calls)
    assert len(work.calls) == 2_000 and events["Page Viewed"] == 1_600
    instants = [call["timestamp"] for call in work.calls]
    assert instants == sorted(instants)
    assert len({call["messageId"] for call in work.calls}) == len(work.calls)


def test_ratios_are_of_one_round() -> None:
    timings = compare(
        Variant("a", lambda: lambda: sum(range(1000))), [Variant("b", lambda: lambda: sum(range(9000)))], 3
    )
    assert timings["a"].ratios == [1.0, 1.0, 1.0] and len(timings["b"].ratios) == 3


def test_the_table_says_goal_and_verdict() -> None:
    figures = [
        Figure("slow", 3.0, 2.0, 2.5, 3.5),
        Figure("fast", 9.0, 8.0, more=True),
        Figure("none", None, 1.0, note="why"),
    ]
    lines = report.table(figures).splitlines()
    assert [word in line for word, line in zip(("MISSED", "met", "skipped"), lines[2:], strict=True)] == [True] * 3


def test_what_one_profile_costs_is_measured_on_one_profile() -> None:
    kept = scaling._one_profile(30)
    view = kept.profile("u")
    assert view is not None and len(view.instances) == 30


def test_the_documented_figures_are_those_that_were_measured() -> None:
    text = docs.PAGE.read_text(encoding="utf-8")
    kept = json.loads((ROOT / "bench" / "results.json").read_text(encoding="utf-8"))
    assert docs.with_figures(text, kept) == text, "run `python -m bench --docs`"


def test_the_quick_form_of_the_memory_figure(tmp_path: Path) -> None:
    from bench import memory

    measured = memory._measure("hand", 2_000, Options(folder=tmp_path), "--tracemalloc")
    assert 100 < measured < 1_000

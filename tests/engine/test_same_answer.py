"""The same answer however it is run (I1 to I6, I8), and the same as the oracle's.

Cases are made by ``tests.reference.generate`` from a seed, which a failure names: ``case(seed, count=30)`` is the case.
Under ``soak`` Hypothesis stands behind the generators, so that what it finds shrinks.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys._time import format_instant, parse_instant
from journeys.codec import load_space
from journeys.engine._encode import decode_state, encode_state
from journeys.runtime.simulation import Simulation
from journeys.runtime.stores.sqlite import SQLiteStore
from tests.reference.clock import parse_duration, plus
from tests.reference.compare import Case, case, difference
from tests.reference.generate import KINDS, Kind, random_advances, random_calls, random_space, random_until
from tests.support import Json, advance, counters_of, property_test, run, space, trace_of, track

SEEDS = 150
SOAK = 3000

randoms = st.randoms(use_true_random=False)
kinds = st.sampled_from(KINDS)


def sizes(total: int, rng: Any) -> Iterator[int]:
    """Random sizes that add up to a total."""
    while total > 0:
        size = rng.randrange(1, 9)
        yield min(size, total)
        total -= size


def chunks(calls: Sequence[Json], rng: Any) -> list[list[Json]]:
    found, begin = [], 0
    for size in sizes(len(calls), rng):
        found.append(list(calls[begin : begin + size]))
        begin += size
    return found


def replay(
    document: Json, calls: Sequence[Json], until: str | None, *, rng: Any = None, store: Any = None, advances: Any = ()
) -> list[Json]:
    """The trace of a replay: in groups of random size, with time advanced in between, on a store."""
    simulation = Simulation(load_space(document), store)
    if advances:
        index = 0
        for place, at in [*advances, (len(calls), None)]:
            for call in calls[index:place]:
                simulation.feed([call])
            index = place
            if at is not None:
                advance(simulation, parse_instant(at))
    else:
        for group in [[call] for call in calls] if rng is None else chunks(calls, rng):
            simulation.feed(group)
    simulation.finish(None if until is None else parse_instant(until))
    return trace_of(simulation)


def restarted(document: Json, calls: Sequence[Json], until: str | None, rng: Any, path: Path) -> list[Json]:
    """The trace of a replay on SQLite in small batches, the process starting anew between them."""
    groups = chunks(calls, rng)
    restarts = {rng.randrange(0, len(groups) + 1) for _ in range(3)}
    simulation = Simulation(load_space(document), SQLiteStore(path))
    latest = 0
    for number, group in enumerate(groups):
        if number in restarts:
            simulation.store.close()
            simulation = Simulation(load_space(document), SQLiteStore(path))
            # what the command line does with lines that were applied before: the watermark follows them (T8)
            for call in calls[:latest]:
                simulation.look(call)
        simulation.feed(group)
        latest += len(group)
    simulation.finish(None if until is None else parse_instant(until))
    trace = trace_of(simulation)
    simulation.store.close()
    return trace


def agree(one: Case, got: list[Json], expected: list[Json] | None = None) -> None:
    told = difference(one.expected() if expected is None else expected, got)
    if told is not None:
        pytest.fail(f"seed {one.seed} ({one.kind}): {told}")


def drawn(rng: Any, kind: Kind, count: int = 30) -> tuple[Json, list[Json], str | None]:
    document = random_space(rng, kind=kind)
    calls = random_calls(rng, document, count=count)
    return document, calls, random_until(rng, calls)


def cased(seed: int, count: int = 30) -> tuple[Json, list[Json], str | None, random.Random]:
    """The case of a seed, and a source of randomness for what is done with it."""
    one = case(seed, count=count)
    return one.space, one.calls, one.until, random.Random(seed + 1)


def not_before_the_end(calls: Sequence[Json], until: str | None) -> str | None:
    """The instant to advance to at the end, unless time has been advanced further by then."""
    last = max(parse_instant(call["timestamp"]) for call in calls)
    return until if until is not None and parse_instant(until) > last + 86_400_000_000 else None


def same(seed: int, expected: list[Json], got: list[Json]) -> None:
    told = difference(expected, got)
    if told is not None:
        pytest.fail(f"seed {seed}: {told}")


def without_lateness(document: Json) -> Json:
    kept = {name: value for name, value in document.get("settings", {}).items() if name != "allowed_lateness"}
    return {**document, "settings": kept}


# the oracle


def memory_check(seed: int) -> None:
    one = case(seed)
    agree(one, replay(one.space, one.calls, one.until))


def sqlite_check(seed: int) -> None:
    one = case(seed, count=40)
    with tempfile.TemporaryDirectory() as folder:
        agree(one, restarted(one.space, one.calls, one.until, random.Random(seed), Path(folder) / "store.db"))


@pytest.mark.parametrize("block", range(5))
def test_the_oracle_agrees(block: int) -> None:
    """All sections at once: the trace of a naive interpreter that evaluates every condition over the whole history."""
    for seed in range(block * SEEDS // 5, (block + 1) * SEEDS // 5):
        memory_check(seed)


def test_the_oracle_agrees_on_sqlite_with_restarts() -> None:
    """I4, I6"""
    for seed in range(5000, 5025):
        sqlite_check(seed)


@pytest.mark.soak
@pytest.mark.parametrize("block", range(30))
def test_the_oracle_agrees_soak(block: int) -> None:
    for seed in range(10_000 + block * SOAK // 30, 10_000 + (block + 1) * SOAK // 30):
        memory_check(seed)


@pytest.mark.soak
@pytest.mark.parametrize("block", range(30))
def test_the_oracle_agrees_on_sqlite_soak(block: int) -> None:
    for seed in range(50_000 + block * SOAK // 30, 50_000 + (block + 1) * SOAK // 30):
        sqlite_check(seed)


@pytest.mark.soak
@settings(max_examples=1000, deadline=None)
@given(randoms, kinds)
def test_the_oracle_agrees_on_what_hypothesis_finds(rng: Any, kind: Kind) -> None:
    document, calls, until = drawn(rng, kind, 25)
    one = Case(-1, kind, document, calls, until)
    agree(one, replay(document, calls, until))


# I1


@property_test(40)
def test_i1_it_does_not_matter_how_often_time_is_advanced(seed: int) -> None:
    """I1, T5, T7: truthful advances between inputs change nothing."""
    document, calls, until, rng = cased(seed)
    document, until = without_lateness(document), not_before_the_end(calls, until)
    advances = random_advances(rng, calls)
    same(seed, replay(document, calls, until), replay(document, calls, until, advances=advances))


@property_test(25)
def test_i1_polling_at_every_single_deadline(seed: int) -> None:
    """I1: to the very instant of each deadline, as a live process does."""
    document, calls, until, _ = cased(seed, 20)
    document, until = without_lateness(document), not_before_the_end(calls, until)
    # in order, so that every advance is truthful
    calls = sorted(calls, key=lambda call: parse_instant(call["timestamp"]))
    simulation = Simulation(load_space(document))
    for call in calls:
        before = parse_instant(call["timestamp"]) - 1
        while (due := simulation.core.processor.next_due) is not None and due <= before:
            advance(simulation, due)
        simulation.feed([call])
    simulation.finish(None if until is None else parse_instant(until))
    same(seed, replay(document, calls, until), trace_of(simulation))


# I2


def ids_of(call: Json) -> set[str]:
    found = {("u", call.get("userId")), ("a", call.get("anonymousId"))}
    found |= {("u", call.get("previousId")), ("a", call.get("previousId"))}
    return {f"{space}:{name}" for space, name in found if name is not None}


def groups_of_people(calls: Sequence[Json]) -> list[int]:
    """For each call a number that it shares with every call of ids that are ever linked to its own."""
    parents: dict[str, str] = {}

    def root(each: str) -> str:
        while parents.setdefault(each, each) != each:
            each = parents[each]
        return each

    for call in calls:
        first, *others = sorted(ids_of(call))
        for other in others:
            parents[root(other)] = root(first)
    names = sorted({root(sorted(ids_of(call))[0]) for call in calls})
    return [names.index(root(sorted(ids_of(call))[0])) for call in calls]


def renamed(call: Json, prefix: str) -> Json:
    ids = ("userId", "anonymousId", "previousId")
    return {name: prefix + value if name in ids else value for name, value in call.items()}


@property_test(40)
def test_i2_how_different_people_are_interleaved_does_not_matter(seed: int) -> None:
    """I2: the calls of one person keep their order, those of others come when they like."""
    document, calls, until, rng = cased(seed)
    document = without_lateness(document)  # with it the watermark follows the calls of all
    both = calls if seed % 2 else [renamed(call, f"p{n}-") for n in range(2) for call in calls]
    people = groups_of_people(both)
    queues: dict[int, list[Json]] = {}
    for call, person in zip(both, people, strict=True):
        queues.setdefault(person, []).append(call)
    mixed = []
    while queues:
        person = sorted(queues)[rng.randrange(0, len(queues))]
        mixed.append(queues[person].pop(0))
        if not queues[person]:
            del queues[person]
    same(seed, replay(document, both, until), replay(document, mixed, until))


# I3


@property_test(40)
def test_i3_the_size_of_batches_does_not_matter(seed: int) -> None:
    """I3"""
    document, calls, until, rng = cased(seed)
    expected = replay(document, calls, until)
    same(seed, expected, replay(document, calls, until, rng=rng))
    simulation = Simulation(load_space(document))
    simulation.feed(calls)
    simulation.finish(None if until is None else parse_instant(until))
    same(seed, expected, trace_of(simulation))


# I4


@property_test(40)
def test_i4_a_state_may_be_written_and_read_at_any_point(seed: int) -> None:
    """I4: bytes in between, after every call, change nothing."""
    document, calls, until, _ = cased(seed)
    simulation = Simulation(load_space(document))
    processor = simulation.core.processor
    for call in calls:
        simulation.feed([call])
        for key, profile in list(processor.states.items()):
            again = decode_state(encode_state(profile), simulation.core.plan)
            assert encode_state(again) == encode_state(profile)
            assert again.due == profile.due
            profile.due = profile.scheduled = 1 << 62  # the queue must not know the old one any more
            processor.states[key] = again
            processor.changed(again)
    simulation.finish(None if until is None else parse_instant(until))
    same(seed, replay(document, calls, until), trace_of(simulation))


# I5


@property_test(40)
def test_i5_accepted_inputs_may_be_delivered_again(seed: int) -> None:
    """I5: with a messageId, within ``dedupe_window``."""
    document, calls, until, rng = cased(seed)
    window = parse_duration(document.get("settings", {}).get("dedupe_window", "P7D"))
    again: list[Json] = []
    now = 0
    for number, call in enumerate(calls):
        again.append(call)
        now = max(now, parse_instant(call["timestamp"]))
        for earlier in calls[max(0, number - 9) : number + 1]:
            known = plus(parse_instant(earlier["timestamp"]), window) > now + parse_duration("P1D").exact
            if "messageId" in earlier and known and rng.random() < 0.2:
                again.append(json.loads(json.dumps(earlier)))
    expected = run(document, calls, until)
    got = run(document, again, until)
    same(seed, expected.trace, got.trace)


# I6


@property_test(20)
def test_i6_the_store_does_not_matter(seed: int) -> None:
    """I6, I4: memory or SQLite, in batches, with restarts; answers and counters too."""
    document, calls, until, rng = cased(seed)
    with tempfile.TemporaryDirectory() as folder:
        same(seed, replay(document, calls, until), restarted(document, calls, until, rng, Path(folder) / "a.db"))
        memory = run(document, calls, until)
        store = SQLiteStore(Path(folder) / "b.db")
        durable = run(document, calls, until, store=store)
        assert durable.answers == memory.answers
        assert durable.counters == memory.counters
        store.close()


# I8


def moved(calls: list[Json], lateness: int, rng: Any) -> list[Json]:
    """Every call arrives up to less than the lateness later than it happened."""
    return [
        call
        for _, _, call in sorted(
            (parse_instant(call["timestamp"]) + rng.randrange(0, lateness), number, call)
            for number, call in enumerate(calls)
        )
    ]


@property_test(40)
def test_i8_reordering_within_the_allowed_lateness(seed: int) -> None:
    """I8: any re-ordering that moves no input by more than L."""
    document, calls, until, rng = cased(seed)
    document = {**document, "settings": {**document.get("settings", {}), "allowed_lateness": "PT2H"}}
    # every call has a messageId: of equal timestamps the arrival decides otherwise (T8)
    calls = [{**call, "messageId": call.get("messageId", f"x{number}")} for number, call in enumerate(calls)]
    calls = sorted(calls, key=lambda call: (parse_instant(call["timestamp"]), call["messageId"]))
    lateness = 2 * 3600 * 1_000_000
    if until is not None and parse_instant(until) <= parse_instant(calls[-1]["timestamp"]):
        until = None
    expected = run(document, calls, until)
    got = run(document, moved(calls, lateness, rng), until)
    same(seed, expected.trace, got.trace)
    assert "late" not in got.counters


def test_i8_on_a_store_with_restarts() -> None:
    """I8, I4: inputs that wait survive the process."""
    for seed in range(12):
        document, calls, _, rng = cased(seed)
        document = {**document, "settings": {**document.get("settings", {}), "allowed_lateness": "PT2H"}}
        calls = [{**call, "messageId": call.get("messageId", f"x{number}")} for number, call in enumerate(calls)]
        calls = sorted(calls, key=lambda call: (parse_instant(call["timestamp"]), call["messageId"]))
        with tempfile.TemporaryDirectory() as folder:
            got = restarted(document, moved(calls, 7_000_000_000, rng), None, rng, Path(folder) / "a.db")
        same(seed, replay(document, calls, None), got)


# what is told of a case


def test_the_invariants_are_not_empty() -> None:
    """Cases do something: otherwise all of the above would say nothing."""
    kinds_seen: dict[str, int] = {}
    for seed in range(120):
        for record in case(seed).expected():
            kinds_seen[record["kind"]] = kinds_seen.get(record["kind"], 0) + 1
    wanted = {"entered", "step", "branch", "restarted", "sent", "list_added", "list_removed", "skipped", "completed"}
    assert wanted | {"exited", "expired", "merged", "goal"} <= set(kinds_seen)


def test_i1_for_a_journey_that_never_ends() -> None:
    """I1, T7: advancing in a thousand steps or in one gives one trace."""
    document = space(
        {
            "key": "loop",
            "entry": {"type": "condition_entry", "condition": {"type": "event", "event": "E"}},
            "start": "d",
            "steps": {"d": {"type": "delay", "duration": "PT1H"}},
            "exit_after": "PT2H",
            "reentry_after": "PT1H",
        }
    )
    calls = [track("E")]
    begin = parse_instant(calls[0]["timestamp"])
    length = 10 * 86_400_000_000
    end = begin + length
    steps = [(1, format_instant(begin + length * n // 997)) for n in range(997)]
    once = replay(document, calls, format_instant(end))
    assert len(once) > 200
    same(0, once, replay(document, calls, format_instant(end), advances=steps))
    assert counters_of(run(document, calls, format_instant(end)).simulation) == {}

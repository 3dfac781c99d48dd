"""Figures that are kept with every commit are those of the trace, on every store, and outlive it."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest

from journeys import AsyncEvaluator, Evaluator, ManualClock, load_space
from journeys.codec import load_journey
from journeys.destinations import Record
from journeys.ports import Store
from journeys.runtime._drive import drive
from journeys.runtime._erasing import erase
from journeys.runtime.analysis.figures import Figures
from journeys.runtime.simulation import Simulation
from journeys.runtime.stores import AsyncPostgresStore, MemoryStore, PostgresStore, SQLiteStore
from journeys.runtime.tallies import is_whole
from journeys.runtime.unique import TOGETHER
from tests.reference.compare import case
from tests.runtime.counted import assert_kept_is_counted, ranges, told
from tests.support import Json, at, branch, delay, did, hold, journey, on, random_split, send, space, track, trait

START = "2026-01-01T00:00:00Z"
EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, new_schema: Callable[[], str]
) -> Iterator[Callable[[], Store]]:
    """Opens stores; the same one again with the same number."""
    kept: dict[int, Any] = {}
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    schema = new_schema()
    opened: list[Any] = []

    def open_(number: int = 0) -> Any:
        if request.param == "memory":
            return kept.setdefault(number, MemoryStore())
        if request.param == "sqlite":
            opened.append(SQLiteStore(tmp_path / f"{number}.db", synchronous="OFF"))
        else:
            opened.append(PostgresStore(url, schema=f"{schema}_{number}"))
        return opened[-1]

    yield open_  # type: ignore[misc]
    for each in opened:
        each.close()


def assert_kept(evaluator: Evaluator, **range_: Any) -> None:
    records = list(evaluator.trace())
    if not range_:
        assert_kept_is_counted(evaluator.journeys, evaluator._drive(evaluator._core.tallies()), records)
    for people in (False, True):
        counted = Figures.of(evaluator.journeys, records, people=people, **range_)
        assert told(evaluator.journey_figures(people=people, **range_), people=people) == told(counted, people=people)


def fed(definition: Any, calls: list[Json], group: int, store: Any) -> Simulation:
    simulation = Simulation(definition, store)
    for place in range(0, len(calls), group):
        simulation.feed(calls[place : place + group])
    return simulation


@pytest.mark.parametrize("seeds", [range(8), range(8, 16)])
def test_they_are_those_of_the_trace_over_generated_spaces(store: Callable[[int], Store], seeds: range) -> None:
    for seed in seeds:
        one = case(seed, count=50)
        definition = load_space(one.space)
        opened = store(seed)
        fed(definition, one.calls[:25], 1 + seed % 7, opened)
        simulation = fed(definition, one.calls[25:], 1 + seed % 5, opened)  # begun anew: all is in the store
        simulation.finish()
        records = [json.loads(line) for line in simulation.trace()]
        assert_kept_is_counted(definition, drive(simulation.core.tallies(), opened), records, seed)


@pytest.mark.parametrize("seeds", [range(100, 104), range(104, 108)])
def test_what_the_erased_did_stays_counted_over_generated_spaces(store: Callable[[int], Store], seeds: range) -> None:
    """They wait nowhere any more; what happened is counted as if their records were still there."""
    for seed in seeds:
        one = case(seed, count=60)
        definition, rng, erased = load_space(one.space), random.Random(seed), set[str]()
        opened = store(seed)
        lines: Counter[str] = Counter()
        for place in range(0, 60, 12):
            simulation = fed(definition, one.calls[place : place + 12], 1 + seed % 5, opened)
            lines |= Counter(simulation.trace())
            user = rng.choice([each["userId"] for each in one.calls if "userId" in each])
            before = instances(simulation)
            drive(erase(simulation.core, f"u:{user}"), opened)
            erased |= before - instances(simulation)
        simulation.finish()
        lines |= Counter(simulation.trace())
        records = [json.loads(line) for line in lines.elements()]
        rows = drive(simulation.core.tallies(), opened)
        for range_ in ranges(rows, seed):
            kept, counted = (
                made(definition, of, people=True, **range_)
                for made, of in ((Figures.kept, rows), (Figures.of, records))
            )
            for people in (False, True):
                assert happened(kept, people=people) == happened(counted, people=people), (seed, range_, people)
        left = [each for each in records if each.get("instance") not in erased]
        kept, counted = Figures.kept(definition, rows, people=True), Figures.of(definition, left, people=True)
        for people in (False, True):
            assert standing(kept, people=people) == standing(counted, people=people), (seed, people)


def instances(simulation: Simulation) -> set[str]:
    return {instance for line in simulation.trace() if (instance := json.loads(line).get("instance"))}


def happened(figures: Figures, *, people: bool) -> Json:
    """What does not say how it stands."""
    document: Json = json.loads(told(figures, people=people))
    for each in document["journeys"]:
        for one in (each, *each["versions"]):
            one.pop("in_progress")
            for step in one["steps"]:
                step.pop("waiting")
    return document


def standing(figures: Figures, *, people: bool) -> list[Any]:
    """How it stands: who is in progress, and who waits where."""
    return [
        (key, each.in_progress, {step.step: step.waiting for step in each.steps if step.waiting})
        for key in figures.journeys
        for each in [figures.journey(key, people=people)]
    ]


@pytest.mark.parametrize("name", ["onboarding", "low-recency-winback", "paid-subscription-acquisition"])
def test_they_are_those_of_the_trace_in_the_examples(store: Callable[[], Store], name: str) -> None:
    definition = load_space((EXAMPLES / name / "space.json").read_text(encoding="utf-8"))
    lines = (EXAMPLES / name / "events.ndjson").read_text(encoding="utf-8").splitlines()
    opened = store()
    simulation = fed(definition, [json.loads(line) for line in lines], 3, opened)
    simulation.finish()
    key = definition.journeys[0].key
    assert drive(simulation.core.tallies("another"), opened) == []
    rows = drive(simulation.core.tallies(key), opened)
    assert_kept_is_counted(definition, rows, [json.loads(line) for line in simulation.trace()])
    assert Figures.kept(definition, rows).journey(key).entered > 0


SPLIT = journey(
    {
        "split": random_split(("A", 50, "wait"), ("B", 50, "nudge")),
        "nudge": send("wait"),
        "wait": hold("P3D", branch("bought", "Order"), branch("more", "Cart", restart=True), timeout="last"),
        "last": send(),
    },
    entry=on("Cart", identifier="id"),
    goal={"event": "Order"},
    exit_rules=[{"key": "gone", "event": "Gone"}],
)


def people(evaluator: Evaluator, numbers: range) -> None:
    for number in numbers:
        evaluator.track(f"u{number}", "Cart", {"id": "c"})


def test_they_outlive_the_trace_and_erasure_names_nobody(store: Callable[[], Store]) -> None:
    opened = store()
    mail = {"email": Record()}
    evaluator = Evaluator(load_space(space(SPLIT)), destinations=mail, store=opened, clock=ManualClock(START))
    people(evaluator, range(10))
    evaluator.advance(days=1)
    for number in range(3):
        evaluator.track(f"u{number}", "Order", {"id": "c"})
    assert_kept(evaluator)
    people(evaluator, range(3))
    before = evaluator.journey_figures(people=True)
    opened.prune(trace_before=1 << 60)
    assert next(evaluator.trace(), None) is None
    after = evaluator.journey_figures(people=True)
    assert told(after) == told(before)
    assert told(after, people=True) == told(before, people=True)
    for number in range(3):
        evaluator.track(f"u{number}", "Gone", {"id": "c"})
    for user in ("u0", "u8", "u9"):  # one has completed, two wait
        evaluator.erase(user)
        assert evaluator.erase(user) == (user,)  # nothing is taken off twice
    for by_person, entered in ((False, 13), (True, 10)):
        after = evaluator.journey_figures(people=by_person).journey("j", people=by_person)
        assert (after.entered, after.in_progress, after.completed, after.exited) == (entered, 5, 3, 3)
        assert next(each for each in after.steps if each.step == "wait").waiting == 5
    assert not any("u8" in text or "u0" in text for *_, text, _ in opened.tallies())
    evaluator.settle()
    done = evaluator.journey_figures().journey("j")
    assert (done.in_progress, done.completed, done.goals) == (0, 8, 3)
    a, b = done.splits[0].branches
    assert (a.entered + b.entered, (a.conversions or 0) + (b.conversions or 0)) == (13, 3)
    evaluator.lift("u9")
    people(evaluator, range(9, 10))  # nothing of her is left: she is somebody new
    assert evaluator.journey_figures(people=True).journey("j", people=True).entered == 11


def test_in_memory_they_are_counted_when_somebody_asks() -> None:
    retained = {"settings": {"retention": {"trace": "P2D"}}}
    evaluator = Evaluator(
        load_space(space(SPLIT) | retained), destinations={"email": Record()}, clock=ManualClock(START)
    )
    people(evaluator, range(10))
    evaluator.track("u1", "Order", {"id": "c"})
    assert_kept(evaluator)
    people(evaluator, range(20))
    evaluator.erase("u9")
    evaluator.advance(days=4)
    evaluator.prune()
    assert next(evaluator.trace())["at"] > "2026-01-03"
    for by_person, numbers in ((False, (21, 0, 20)), (True, (20, 0, 19))):
        figures = evaluator.journey_figures(people=by_person).journey("j", people=by_person)
        assert (figures.entered, figures.in_progress, figures.completed) == numbers


def test_conversions_count_where_the_branch_and_the_goal_are_in_the_range(store: Callable[[], Store]) -> None:
    evaluator = Evaluator(
        load_space(space(SPLIT)), destinations={"email": Record()}, store=store(), clock=ManualClock(START)
    )
    for day in range(4):
        people(evaluator, range(10 * day, 10 * day + 10))
        for number in range(0, 10 * day, 3):
            evaluator.track(f"u{number}", "Order", {"id": "c"})
        evaluator.advance(days=1)
    for start, end in itertools.combinations(range(6), 2):
        range_ = {"start": START[:8] + f"{start + 1:02}T00:00:00Z", "end": START[:8] + f"{end + 1:02}T00:00:00Z"}
        assert_kept(evaluator, **range_)
    assert_kept(evaluator, start="2026-01-02T12:00:00Z")  # within a day: of the trace
    by_profile = evaluator.journey_figures(people=True)
    assert by_profile.journey("j", people=True).entered == 40
    with pytest.raises(ValueError, match="kept by days"):
        Figures.kept(evaluator.journeys, (), start="2026-01-02T12:00:00Z")


@pytest.mark.parametrize("how", ["drain", "archive", {"migrate": {"wait": "hold"}}])
def test_versions(store: Callable[[], Store], how: Any) -> None:
    """Who moves to a new version is in one of them at a time, also if she has completed and stays."""
    stays = journey(
        {"first": delay("P1D", "last"), "last": send()},
        key="v1", entry=trait("x", "equals", 1), exit_after="P9D", reentry_after="P300D",
    )  # fmt: skip
    evaluator = Evaluator(
        load_space(space(SPLIT, stays)), destinations={"email": Record()}, store=store(), clock=ManualClock(START)
    )
    people(evaluator, range(10))
    for number in range(6):
        evaluator.identify(f"u{number}", {"x": 1})
    evaluator.advance(days=2)
    assert_kept(evaluator)
    steps = {**SPLIT["steps"], "hold": SPLIT["steps"]["wait"]}
    del steps["wait"]
    steps["split"] = random_split(("A", 50, "hold"), ("B", 50, "nudge"))
    steps["nudge"] = send("hold")
    evaluator.publish(load_journey({**SPLIT, "steps": steps, "on_previous": how}))
    evaluator.publish(load_journey({**stays, "on_previous": {"migrate": {}} if isinstance(how, dict) else how}))
    people(evaluator, range(8, 12))
    evaluator.track("u1", "Order", {"id": "c"})
    assert_kept(evaluator)
    evaluator.settle("2026-06-01T00:00:00Z")
    assert_kept(evaluator)
    people(evaluator, range(2, 20))  # some were in both versions, at another time
    evaluator.settle("2026-07-01T00:00:00Z")
    assert_kept(evaluator)
    assert any(version == TOGETHER for _, version, *_ in evaluator._drive(evaluator._core.tallies("j")))
    for key, version in itertools.product(("j", "v1"), (1, 2, None)):
        figures = evaluator.journey_figures().journey(key, version)
        assert figures.in_progress == 0
        assert min(figures.completed, figures.exited, figures.archived) >= 0


@pytest.mark.parametrize("durable", [False, True])
def test_a_version_that_is_over_is_counted_by_its_own_definition(durable: bool, store: Callable[[], Store]) -> None:
    def made(last: str) -> Json:
        return journey({"a": delay("P1D", last), last: send()}, entry=on("Cart"), on_previous="archive")

    given, opened = load_space(space(made("b"))), store() if durable else None
    evaluator = Evaluator(given, destinations={"email": Record()}, store=opened, clock=ManualClock(START))
    people(evaluator, range(3))
    evaluator.advance(days=2)
    evaluator.publish(load_journey(made("c")))  # nobody has asked for figures so far
    assert_kept(evaluator)
    b = next(each for each in evaluator.journey_figures().journey("j", 1).steps if each.step == "b")
    assert b.previous == {"a": 3}


def test_a_store_of_an_older_version_reads_the_trace(tmp_path: Path) -> None:
    """What happened before was not counted: the figures would not go back to the beginning."""
    store = SQLiteStore(tmp_path / "journeys.db")
    with Evaluator(
        load_space(space(SPLIT)), destinations={"email": Record()}, store=store, clock=ManualClock(START)
    ) as evaluator:
        people(evaluator, range(5))
        with closing(store._connect()) as connection:
            connection.execute("DELETE FROM tallies")
            connection.execute("INSERT INTO tallies VALUES ('', 0, 0, '', 1)")
        assert evaluator.journey_figures().journey("j").entered == 5
        assert not is_whole(store.tallies(journey="j"))


def test_people_are_counted_from_the_trace_where_an_older_version_has_not_counted_them(tmp_path: Path) -> None:
    """The other figures are all there; profiles of that version are read, and what is taken back of them is not lost."""
    store = SQLiteStore(tmp_path / "journeys.db")
    with Evaluator(
        load_space(space(SPLIT)), destinations={"email": Record()}, store=store, clock=ManualClock(START)
    ) as evaluator:
        people(evaluator, range(5))
        with closing(store._connect()) as connection:
            connection.execute("DELETE FROM tallies WHERE figure LIKE '%people:%'")
            connection.execute("INSERT INTO tallies VALUES ('', 0, 0, 'people', 1)")
            states = [json.loads(state) for (state,) in connection.execute("SELECT state FROM ids")]
            for state in states:
                assert state.pop("p")
            rows = [(json.dumps(state).encode(), state["k"]) for state in states]
            connection.executemany("UPDATE ids SET state = ? WHERE key = ?", rows)
        evaluator.track("u1", "Order", {"id": "c"})
        people(evaluator, range(1, 8))
        rows = store.tallies(journey="j")
        assert is_whole(rows) and not is_whole(rows, people=True)
        figures = evaluator.journey_figures(people=True)
        assert (figures.journey("j").entered, figures.journey("j", people=True).entered) == (8 + 1, 8)
        assert told(figures, people=True) == told(
            Figures.of(evaluator.journeys, evaluator.trace(), people=True), people=True
        )
        assert told(evaluator.journey_figures()) == told(figures)


class Unread(Exception):
    """Somebody reads a trace."""


def unread(*_: Any, **__: Any) -> Any:
    raise Unread


def test_no_trace_is_read(store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch) -> None:
    opened = store()
    evaluator = Evaluator(
        load_space(space(SPLIT)), destinations={"email": Record()}, store=opened, clock=ManualClock(START)
    )
    people(evaluator, range(10))
    evaluator.advance(days=4)
    people(evaluator, range(15))
    monkeypatch.setattr(type(opened), "trace", unread)
    assert evaluator.journey_figures().journey("j").entered == 25
    for range_, number in (({}, 15), ({"end": "2026-01-02T00:00:00Z"}, 10), ({"start": "2026-01-02T00:00:00Z"}, 15)):
        assert evaluator.journey_figures(people=True, **range_).journey("j", people=True).entered == number
    with pytest.raises(Unread):
        evaluator.journey_figures(people=True, end="2026-01-02T12:00:00Z")


def test_no_trace_is_read_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluator = Evaluator(load_space(space(SPLIT)), destinations={"email": Record()}, clock=ManualClock(START))
    people(evaluator, range(10))
    evaluator.advance(days=4)
    people(evaluator, range(15))
    assert_kept(evaluator)
    monkeypatch.setattr(Evaluator, "trace", unread)
    assert evaluator.journey_figures(people=True).journey("j", people=True).entered == 15


def test_without_a_trace_nothing_is_kept_of_people(store: Callable[[], Store]) -> None:
    opened = store()
    evaluator = Evaluator(
        load_space(space(SPLIT)), destinations={"email": Record()}, store=opened, clock=ManualClock(START), trace=False
    )
    people(evaluator, range(3))
    assert list(opened.tallies()) == []
    states = [stored.state for stored in opened.load(["u:u0", "u:u1"]).profiles.values()]
    assert len(states) == 2 and all("p" not in json.loads(state) for state in states)


WHO = ({"anonymousId": "a"}, {"userId": "u"}, {"userId": "v"}, {"anonymousId": "b"}, {"anonymousId": "v"})


def enters(day: int, who: Json, number: int = 0) -> Json:
    when = {"timestamp": at(f"P{day}DT{number}H"), "messageId": f"m{day}-{number}"}
    return {"type": "track", "event": "Cart", "properties": {"id": f"c{day}"}, **when, **who}


def test_who_is_linked_counts_as_in_a_trace(store: Callable[[int], Store]) -> None:
    """By the id under which she entered; of two profiles that are shown under one id each counts."""
    calls = [enters(0, who, number) for number, who in enumerate(WHO)]
    for day, link in enumerate(({"anonymousId": "a", "userId": "w"}, {"anonymousId": "b", "userId": "u"}), 1):
        calls += [enters(day, link), *(enters(day, who, number) for number, who in enumerate(WHO[:4], 1))]
    definition = load_space(space(SPLIT))
    for group in (1, 4, 100):
        simulation = fed(definition, calls, group, opened := store(group))
        simulation.finish()
        records = [json.loads(line) for line in simulation.trace()]
        others = [each for each in records if each["profile"] != "v"]
        kept, counted = drive(simulation.core.tallies(), opened), Figures.of(definition, others, people=True)
        entered = Figures.kept(definition, kept, people=True).journey("j", people=True).entered
        assert entered == counted.journey("j", people=True).entered + 2 == 4 + 2  # a and w, u, b; and both who are v


def test_who_is_merged_with_herself_counts_the_same_in_batches_of_any_size(store: Callable[[int], Store]) -> None:
    """An anonymous id may be the text of a user id."""
    x, anonymous = {"userId": "x"}, {"anonymousId": "x"}
    calls = [enters(0, x), enters(0, anonymous, 1), enters(1, x), enters(1, anonymous, 1)]
    calls += [enters(2, {**x, **anonymous}), enters(3, anonymous), enters(4, x)]
    definition = load_space(space(SPLIT))
    kept = []
    for group in (1, 2, 3, 100):
        simulation = fed(definition, calls, group, opened := store(group))
        simulation.finish()
        kept.append([row for row in drive(simulation.core.tallies(), opened) if row[-1]])
    assert kept == kept[:1] * 4
    by_day = Figures.kept(definition, kept[0], people=True, end=at("P2D"))
    assert by_day.journey("j", people=True).entered == 2


def test_what_a_backfill_causes_is_counted(store: Callable[[], Store]) -> None:
    often = did("Order", count={"at_least": 2})
    entry = {"type": "condition_entry", "condition": often, "historical": True}
    won = journey({"a": delay("P1D", "b"), "b": send()}, key="won", entry=entry)
    evaluator = Evaluator(
        load_space(space(won)), destinations={"email": Record()}, store=store(), clock=ManualClock(START)
    )
    evaluator.backfill([track("Order", f"-P{number}D", f"u{number % 4}") for number in range(1, 8)])
    evaluator.advance(days=3)
    assert_kept(evaluator)
    assert evaluator.journey_figures(people=True).journey("won", people=True).entered == 3


@pytest.mark.parametrize("kind", ["memory", "sqlite", "postgres"])
async def test_async(kind: str, tmp_path: Path, request: pytest.FixtureRequest, new_schema: Callable[[], str]) -> None:
    where: Any = None if kind == "memory" else f"sqlite:///{tmp_path / 'journeys.db'}"
    if kind == "postgres":
        where = AsyncPostgresStore(request.getfixturevalue("postgres_url"), schema=new_schema())
    definition = load_space(space(SPLIT))
    clock = ManualClock(at())
    async with AsyncEvaluator(definition, destinations={"email": Record()}, store=where, clock=clock) as evaluator:
        calls = [track("Cart", f"PT{number}H", f"u{number}") | {"properties": {"id": "c"}} for number in range(30)]
        await evaluator.feed_many(calls, group=7)
        await evaluator.advance(days=2)
        records = [record async for record in evaluator.trace()]
        figures = await evaluator.journey_figures()
        assert told(figures) == told(Figures.of(definition, records))
        assert figures.journey("j").entered == 30
        by_person = await evaluator.journey_figures(people=True)
        counted = Figures.of(definition, records, people=True)
        assert told(by_person, people=True) == told(counted, people=True)


def test_workers_count_together(store: Callable[[], Store]) -> None:
    """Two of them in turn; what one has noted of an instance the other goes on with."""
    opened, definition, clock = store(), load_space(space(SPLIT)), ManualClock(START)
    mail = {"email": Record()}
    workers = [Evaluator(definition, destinations=mail, store=opened, clock=clock, worker=name) for name in "ab"]
    rng = random.Random(7)
    for number in range(60):
        event = rng.choice(("Cart", "Order", "Gone", "Cart"))
        rng.choice(workers).track(f"u{rng.randrange(9)}", event, {"id": "c"}, timestamp=clock.now() + number)
    workers[1].advance(days=4)
    assert_kept(workers[0])
    assert attrs.asdict(workers[0].journey_figures().journey("j"))["in_progress"] == 0

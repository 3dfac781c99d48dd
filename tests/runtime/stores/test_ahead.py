"""PostgreSQL takes a commit without being waited for (``ports.CommitsAhead``), and checks it itself."""

from __future__ import annotations

import asyncio
import logging
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any

import psycopg
import pytest

from journeys import AsyncEvaluator, Evaluator, ManualClock
from journeys.codec import load_space
from journeys.errors import Conflict, StoreUnavailable
from journeys.ports import ChangeSet, StateChange
from journeys.runtime.stores import AsyncPostgresStore, PostgresStore
from journeys.testing._store_parts import together
from tests.reference.compare import case
from tests.runtime.ahead import contents
from tests.runtime.stores.blocking import Blocking, Loop
from tests.support import START, at, branch, delay, hold, identify, journey, on, send, space, track

DOCUMENT = space(
    journey({"hold": hold("PT2H", branch("x", "Order", "mail")), "mail": send()}, entry=on("Start", identifier="n")),
    journey({"wait": delay("PT1H", "mail"), "mail": send()}, key="k", entry="Order"),
)


def starts(*users: str, begin: int = 0) -> list[Any]:
    return [track("Start", f"PT{n}M", user, id=f"m{n}", n=n) for n, user in enumerate(users, begin)]


def change(*states: tuple[str, int], content: bytes = b"{}", **fields: Any) -> ChangeSet:
    """What a worker commits that has read these versions, and the watermark that there is at first."""
    fields.setdefault("read_watermark", -1)
    made = [StateChange(key=key, state=content, expected=expected) for key, expected in states]
    return ChangeSet(states=made, **fields)


class Steps(PostgresStore):
    """Knows which commits were not done in one piece, and what is to happen before each that is begun."""

    def __init__(self, *args: Any, **fields: Any) -> None:
        self.stepwise = self.begun = 0
        self.meanwhile: Callable[[int], None] = lambda _: None
        super().__init__(*args, **fields)

    def begin_commit(self, changes: ChangeSet) -> Any:
        self.begun += 1
        self.meanwhile(self.begun)
        return super().begin_commit(changes)

    def _unit(self, steps: Any) -> Any:
        self.stepwise += 1
        return super()._unit(steps)


@pytest.fixture
def store(postgres_url: str, new_schema: Callable[[], str]) -> Iterator[Steps]:
    with Steps(postgres_url, schema=new_schema()) as store:
        store.stepwise = 0
        yield store


def other(store: PostgresStore, **fields: Any) -> Evaluator:
    """Another worker on the same store."""
    same = PostgresStore(store._conninfo, schema=store.schema)
    return Evaluator(DOCUMENT, store=same, clock=ManualClock(at("0")), **fields)


def evaluator(store: PostgresStore) -> Evaluator:
    """One that knows already that nobody is erased."""
    made = Evaluator(DOCUMENT, store=store, clock=ManualClock(at("0")))
    made.feed_many([track("Nothing", "0", "nobody")])
    return made


def alone(*groups: list[Any]) -> list[Any]:
    with Evaluator(DOCUMENT, clock=ManualClock(at("0"))) as memory:
        for group in groups:
            memory.feed_many(group)
        memory.advance(at("P1D"))
        return list(memory.trace())


def eventually(is_so: Callable[[], bool]) -> None:
    for _ in range(2000):
        if is_so():
            return
        time.sleep(0.005)
    raise AssertionError("it never was")


# the store


def test_what_has_begun_needs_nobody(store: Steps) -> None:
    begun = store.begin_commit(change(("u:1", 0), counters={"n": 1}))
    eventually(lambda: "u:1" in store.load(["u:1"]).profiles)
    assert store.counters() == {"n": 1}
    store.finish_commit(begun)
    assert store.stepwise == 0
    begun = store.begin_commit(change(("u:1", 1), ("u:2", 0)))
    del begun
    eventually(lambda: "u:2" in store.load(["u:2"]).profiles)


def test_other_methods_do_not_wait_for_it(store: Steps) -> None:
    """Nor does whoever has begun it, however long it takes."""
    store.commit(change(("u:1", 0)))
    with psycopg.connect(store._conninfo) as holder:
        holder.execute("SELECT set_config('search_path', %s, false)", (store.schema,))
        holder.execute("SELECT 1 FROM ids FOR UPDATE")
        begun = store.begin_commit(change(("u:1", 1)))
        assert store.load(["u:1"]).profiles["u:1"].version == 1
        holder.rollback()
    store.finish_commit(begun)
    assert store.load(["u:1"]).profiles["u:1"].version == 2


def test_a_commit_that_no_socket_takes_at_once(store: Steps, loop: Loop) -> None:
    keys = [f"u:{n}" for n in range(40)]

    def versions() -> set[int]:
        return {each.version for each in store.load(keys).profiles.values()}

    begun = store.begin_commit(change(*((key, 0) for key in keys), content=b"x" * 200_000))
    eventually(lambda: versions() == {1})
    store.finish_commit(begun)
    assert store.stepwise == 0
    with closing(Blocking(loop.run(_async(store)), loop)) as same:
        same.load([])
        begun = same.begin_commit(change(*((key, 1) for key in keys), content=b"y" * 200_000))
        eventually(lambda: versions() == {2})
        same.finish_commit(begun)


async def _async(store: PostgresStore, **fields: Any) -> AsyncPostgresStore:
    return AsyncPostgresStore(store._conninfo, schema=store.schema, **fields)


REFUSED = [
    pytest.param(change(("u:1", 2)), id="another version"),
    pytest.param(change(("u:1", 0)), id="already there"),
    pytest.param(change(("u:3", 1)), id="not there"),
    pytest.param(change(("u:3", 0), ("u:1", 2), ("u:2", 1)), id="one of several"),
    pytest.param(change(("u:gone", 0)), id="erased"),
    pytest.param(change(("u:1", 1), read_watermark=4), id="watermark"),
    pytest.param(change(("u:1", 1), read_watermark=5, read_notes={"a": "1", "b": "2"}), id="note"),
    pytest.param(change(("u:1", 1), read_watermark=5, read_notes={"a": "1", "c": "3"}), id="no note"),
    pytest.param(change(("u:1", 1), read_watermark=5, read_notes={"a": ""}), id="unexpected note"),
]


@pytest.mark.parametrize("refused", REFUSED)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_what_is_not_as_it_was_read_is_a_conflict(store: Steps, refused: ChangeSet, is_async: bool, loop: Loop) -> None:
    store.commit(change(("u:1", 0), ("u:2", 0), ("u:gone", 0), notes={"a": "1", "b": "1"}))
    store.erase("u:gone", shown_ids=["gone"])
    store.commit(ChangeSet(read_watermark=-1, watermark=5))
    one: Any = Blocking(loop.run(_async(store)), loop) if is_async else store
    before = contents(store)
    more = ChangeSet(**{**_fields(refused), "counters": {"n": 1}, "tallies": {("j", 1, 0, "f"): 1}})
    with pytest.raises(Conflict):
        one.finish_commit(one.begin_commit(more))
    assert contents(store) == before
    good = change(("u:1", 1), ("u:3", 0), read_watermark=5, read_notes={"a": "1", "b": "1", "c": ""})
    store.stepwise = 0
    one.finish_commit(one.begin_commit(good))
    assert store.load(["u:1"]).profiles["u:1"].version == before[0]["u:1"].version + 1
    assert store.stepwise == 0
    if is_async:
        one.close()


def _fields(changes: ChangeSet) -> dict[str, Any]:
    return {"states": changes.states, "read_watermark": changes.read_watermark, "read_notes": changes.read_notes}


def test_a_profile_is_made_again_where_one_was(store: Steps) -> None:
    """The server alone refuses it; step by step it is done."""
    store.commit(change(("u:1", 0)))
    store.commit(ChangeSet(states=[StateChange(key="u:1", state=None, expected=1)]))
    store.stepwise = 0
    store.finish_commit(store.begin_commit(change(("u:1", 0), ("u:2", 0))))
    assert store.stepwise == 1
    assert store.load(["u:1"]).profiles["u:1"].version > 1


@pytest.mark.parametrize("connections", [1, 2, 3])
def test_workers_who_share_few_connections_do_not_wait_for_each_other(
    postgres_url: str, new_schema: Callable[[], str], loop: Loop, connections: int
) -> None:
    """Whoever has a commit under way loads meanwhile: that is possible for all of them at once."""
    with PostgresStore(postgres_url, schema=new_schema(), connections=connections) as store:

        def work(name: str) -> None:
            evaluator(store).feed_many(starts(*[name, f"{name}x"] * 8), group=2)

        together(*(partial(work, f"t{n}") for n in range(4)))
        assert store.figures()["profiles"] == 8

        async def works() -> None:
            async with await _async(store, connections=connections) as same:

                async def work(name: str) -> None:
                    made = AsyncEvaluator(DOCUMENT, store=same, clock=ManualClock(at("0")))
                    for _ in range(2):
                        await made.feed_many(starts(*[name, f"{name}x"] * 8), group=2)

                await asyncio.gather(*(work(f"a{n}") for n in range(4)))

        loop.run(works())
        assert store.figures()["profiles"] == 16


def test_a_server_that_is_gone_before_the_end(store: Steps, caplog: pytest.LogCaptureFixture) -> None:
    store.commit(change(("u:1", 0)))
    with psycopg.connect(store._conninfo, autocommit=True) as holder:
        holder.execute("SELECT set_config('search_path', %s, false)", (store.schema,))
        holder.execute("BEGIN")
        holder.execute("SELECT 1 FROM ids FOR UPDATE")
        begun = store.begin_commit(change(("u:1", 1)))
        waits = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        eventually(lambda: bool(holder.execute(waits).fetchall()))
        for (pid,) in holder.execute(waits).fetchall():
            holder.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        holder.execute("ROLLBACK")
    with pytest.raises(StoreUnavailable):
        store.finish_commit(begun)
    assert store.load(["u:1"]).profiles["u:1"].version == 1
    store.finish_commit(store.begin_commit(change(("u:1", 1))))
    assert [each for each in caplog.records if each.levelno > logging.WARNING] == []


# the evaluator


def test_groups_are_committed_in_one_piece_each(store: Steps) -> None:
    made = evaluator(store)
    store.stepwise = store.begun = 0
    calls = starts(*["u1", "u2", "u3", "u1"] * 6)
    made.feed_many(calls, group=2)
    assert (store.begun, store.stepwise) == (12, 0)
    made.advance(at("P1D"))
    assert list(made.trace()) == alone(calls)


def test_another_worker_is_faster(store: Steps) -> None:
    """I7: its commit is there when ours arrives, while the next group is applied to what ours would have made."""
    made, mine, others = evaluator(store), starts("u1", "u2", "u1", "u3"), [track("Start", "0", "u1", id="o", n=7)]

    def meanwhile(number: int) -> None:
        if number == 1:
            with other(store) as evaluator:
                evaluator.feed_many(others)

    store.begun, store.meanwhile = 0, meanwhile
    assert [answer.status for answer in made.feed_many(mine, group=2)] == ["accepted"] * 4
    made.advance(at("P1D"))
    assert list(made.trace()) == alone(others, mine)


@pytest.mark.parametrize("number", [1, 2])
def test_another_worker_erases(store: Steps, number: int) -> None:
    """V6"""
    made = evaluator(store)
    made.feed_many(starts("u1", "u2"))

    def meanwhile(begun: int) -> None:
        if begun == number:
            with other(store) as evaluator:
                evaluator.erase("u1")

    store.begun, store.meanwhile = 0, meanwhile
    answers = made.feed_many(starts("u1", "u2", "u1", "u3", begin=2), group=2)
    assert [answer.reason for answer in answers[::2]] == [""] * (number - 1) + ["erased"] * (3 - number)
    assert "u1" not in repr(contents(store, ["u:u1"]))


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_connection_that_is_lost_under_way(store: Steps, failing: int) -> None:
    """O1: what follows it was not sent, and the same calls again lose nothing and do nothing twice."""
    made, calls = evaluator(store), starts("u1", "u2", "u1", "u3", "u2", "u4")
    finish = store.finish_commit
    finished = []

    def held(number: int) -> None:
        if number == failing:  # else all of it may be answered before the connection is lost
            blocking.execute("SELECT pg_advisory_lock(%s)", [store._operations.sql.fence(exclusive=True)[0].args[0]])

    def lost(begun: Any) -> None:
        finished.append(begun)
        if len(finished) == failing:
            blocking.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                " AND application_name = 'journeys' AND datname = current_database()"
            )
            blocking.close()
        finish(begun)

    store.begun, store.meanwhile, store.finish_commit = 0, held, lost  # type: ignore[method-assign]
    with psycopg.connect(store._conninfo, autocommit=True) as blocking, pytest.raises(StoreUnavailable):
        made.feed_many(calls, group=2)
    assert store.begun == failing
    store.meanwhile = lambda _: None
    answers = made.feed_many(calls, group=2)
    statuses = [answer.status for answer in answers]
    assert statuses in (["duplicate"] * n + ["accepted"] * (6 - n) for n in (2 * failing - 2, 2 * failing))
    made.advance(at("P1D"))
    assert list(made.trace()) == alone(calls)


def test_workers_on_the_same_people(store: Steps) -> None:
    """I7: all of them are told of each other's changes by conflicts, and no call is lost or counted twice."""
    users = [f"u{n}" for n in range(5)]

    def work(seed: int) -> list[Any]:
        rng = random.Random(seed)
        calls = [track("Order", "0", rng.choice(users), id=f"{seed}-{n}") for n in range(24)]
        with other(store) as made:
            made.feed_many([track("Nothing", "0", "nobody")])
            return [answer.status for answer in made.feed_many(calls, group=3)]

    answers = together(*(partial(work, seed) for seed in range(3)))
    assert answers == [["accepted"] * 24] * 3
    with other(store) as made:
        again = made.feed_many([track("Order", "0", user, id=f"{s}-{n}") for s, n in _sent() for user in users])
        assert {answer.status for answer in again} <= {"accepted", "duplicate"}
        assert made.counters["duplicates"] == 72


def _sent() -> Iterator[tuple[int, int]]:
    return ((seed, number) for seed in range(3) for number in range(24))


def test_random_cases_on_a_real_server(postgres_url: str, new_schema: Callable[[], str], loop: Loop) -> None:
    assert sum(_all_alike(seed, postgres_url, new_schema, loop) for seed in range(3)) > 10


@pytest.mark.soak
def test_many_random_cases_on_a_real_server(postgres_url: str, new_schema: Callable[[], str], loop: Loop) -> None:
    assert sum(_all_alike(seed, postgres_url, new_schema, loop) for seed in range(3, 60)) > 200


def _all_alike(seed: int, url: str, new_schema: Callable[[], str], loop: Loop) -> int:
    """One case as in memory, sync and async; how many commits were not waited for."""
    one, group = case(seed), random.Random(seed).choice((3, 7, 20))
    document = load_space(one.space)
    ids = [f"{kind}:{call.get(field)}" for kind, field in (("u", "userId"), ("a", "anonymousId")) for call in one.calls]
    with Evaluator(document, clock=ManualClock(START)) as memory:
        answers = memory.feed_many(one.calls, group=group)
        trace = list(memory.trace())
    with Steps(url, schema=new_schema()) as store, closing(Blocking(loop.run(_new(url, new_schema())), loop)) as same:
        made = Evaluator(document, store=store, clock=ManualClock(START))
        assert made.feed_many(one.calls, group=group) == answers
        assert list(made.trace()) == trace

        async def feeding() -> Any:
            made = AsyncEvaluator(document, store=same.store, clock=ManualClock(START))
            return await made.feed_many(one.calls, group=group)

        assert loop.run(feeding()) == answers
        assert contents(same, ids) == contents(store, ids)
        return store.begun


async def _new(url: str, schema: str) -> AsyncPostgresStore:
    return AsyncPostgresStore(url, schema=schema)


def test_async_tasks_that_are_cancelled(store: Steps, loop: Loop) -> None:
    """Whatever was under way, the evaluator goes on, and what was answered is there."""
    calls = starts(*(f"u{n % 7}" for n in range(60)), begin=1)

    async def work() -> None:
        async with await _async(store) as same:
            made = AsyncEvaluator(DOCUMENT, store=same, clock=ManualClock(at("0")))
            await made.feed_many(starts("u9"))
            for delay_ in range(12):
                task = asyncio.create_task(made.feed_many(calls, group=2))
                await asyncio.sleep(delay_ / 500)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            answers = await made.feed_many(calls, group=2)
            assert {answer.status for answer in answers} <= {"accepted", "duplicate"}
            await made.advance(at("P1D"))
            assert [each async for each in made.trace()] == alone(starts("u9"), calls)

    loop.run(work())


INTERRUPTED = """
import sys
from journeys import Evaluator, ManualClock
from tests.runtime.stores.test_ahead import DOCUMENT, at, starts

def calls():
    yield from starts(*["u1"] * 4)
    raise KeyboardInterrupt

with Evaluator(DOCUMENT, store=sys.argv[1], clock=ManualClock(at("0"))) as made:
    made.feed_many(starts("u2", begin=9))
    try:
        made.feed_many(calls(), group=2)
    except KeyboardInterrupt:
        print("interrupted")
"""


def test_a_process_that_ends_with_a_commit_under_way(store: Steps) -> None:
    url = f"{store._conninfo}{'&' if '?' in store._conninfo else '?'}schema={store.schema}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", INTERRUPTED, url], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")
    eventually(lambda: b'"m3"' in store.load(["u:u1"]).profiles["u:u1"].state)


def test_threads_that_share_an_evaluator(store: Steps) -> None:
    """Each of them is told its own answers."""
    made = evaluator(store)
    barrier = threading.Barrier(4)

    def work(name: str) -> list[str]:
        barrier.wait()
        calls = [track("Order", "0", f"u{n % 3}", id=f"{name}-{n}") for n in range(20)]
        return [answer.status for answer in made.feed_many([*calls, *calls], group=4)]

    answers = together(*(partial(work, f"t{n}") for n in range(4)))
    assert answers == [["accepted"] * 20 + ["duplicate"] * 20] * 4
    assert made.counters["duplicates"] == 80


def test_links_in_between(store: Steps) -> None:
    """P2"""
    calls = [
        track("Start", "0", None, anon="a1", id="1", n=1),
        track("Start", "PT1M", "u2", id="2", n=2),
        identify("PT2M", "u1", anon="a1", id="3"),
        track("Start", "PT3M", None, anon="a1", id="4", n=3),
        identify("PT4M", "u2", anon="a2", id="5"),
        track("Start", "PT5M", None, anon="a2", id="6", n=4),
    ]
    made = evaluator(store)
    made.feed_many(calls, group=1)
    made.advance(at("P1D"))
    assert list(made.trace()) == alone(calls)

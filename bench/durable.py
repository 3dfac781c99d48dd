"""Workload W on the durable stores, against hand in memory and against bare SQLite."""

from __future__ import annotations

import itertools
import multiprocessing
import sqlite3
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

from bench import hand, hand_store, subject
from bench.harness import Figure, Variant, check, compare, figure, skipped
from bench.inmemory import by_hand
from bench.options import Options
from bench.workload import Call, Send, Workload, make

GROUP = 1000


def _on_store(calls: Sequence[Call], store: Callable[[], str], name: str, feed: str = "feed_many") -> Variant:
    """The evaluator on a durable store that is made anew for each run; deliveries stay in its outbox."""

    def prepare() -> Callable[[], Any]:
        kept, collected = subject.evaluator(store=store())

        def run() -> Any:
            if feed == "feed_many":
                kept.feed_many(calls, group=GROUP)
            else:
                for call in calls:
                    kept.feed(call)
            kept.advance()
            return kept, collected

        return run

    def sends(result: Any) -> list[Send]:
        kept, collected = result
        kept.deliver()
        kept.close()
        return subject.sends_of(collected.deliveries)

    return Variant(name, prepare, sends)


def _files(folder: str) -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"sqlite:///{folder}/w{next(numbers)}.db"


def sqlite_batches(options: Options) -> list[Figure]:
    """W on SQLite, `synchronous=FULL`, groups of 1,000 calls."""
    name, goal = "W on SQLite, FULL, groups of 1,000", 12.0
    work = make(options.scale, options.seed)
    options.say(f"SQLite: {len(work.calls):,} calls in groups of {GROUP:,}")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        made = _files(folder)
        paths = (Path(folder) / f"hand{number}.db" for number in itertools.count())
        rows = Variant("rows by hand", lambda: lambda: hand_store.run(work.calls, next(paths)), hand.sends_of)
        timings = compare(by_hand(work.calls), [rows, _on_store(work.calls, made, "evaluator")], options.runs)
    found = figure(name, timings["evaluator"], goal, calls=len(work.calls))
    found.details["rows_by_hand"] = timings["rows by hand"].ratio
    return [found]


def sqlite_commits(options: Options) -> list[Figure]:
    """One call per commit, against bare `sqlite3` with rows of the same sizes."""
    name, goal = "one call per commit, share of bare sqlite3's commits", 0.5
    wanted = [call for call in make(min(options.scale, 0.05), options.seed).calls if call["event"] != "Page Viewed"]
    calls = wanted[: 5_000 if not options.quick else 1_000]
    options.say(f"SQLite: {len(calls):,} commits of one call")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        made = _files(folder)
        rows = _rows(calls, made())
        paths = (Path(folder) / f"bare{number}.db" for number in itertools.count())
        bare = Variant("bare", lambda: lambda: hand_store.commits(rows, next(paths)))

        def prepare() -> Callable[[], Any]:
            kept, _ = subject.evaluator(store=made())
            return lambda: [kept.feed(call) for call in calls]

        timings = compare(bare, [Variant("evaluator", prepare)], options.runs)
    taken = timings["evaluator"]
    return [
        Figure(
            name,
            1 / taken.ratio,
            goal,
            1 / max(taken.ratios),
            1 / min(taken.ratios),
            more=True,
            details={
                "commits_a_second": len(calls) / taken.median,
                "bare_commits_a_second": len(calls) / timings["bare"].median,
                "state_bytes": sum(row[1] for row in rows) / len(rows),
                "runs": len(taken.seconds),
            },
        )
    ]


def _rows(calls: Sequence[Call], url: str) -> list[hand_store.Row]:
    """The sizes of what the evaluator wrote for these calls: states on average, bodies by their number."""
    kept, _ = subject.evaluator(store=url)
    kept.feed_many(calls)
    kept.close()
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
        [(state,)] = database.execute("SELECT avg(length(state)) FROM ids WHERE state IS NOT NULL").fetchall()
        [(bodies, body)] = database.execute("SELECT count(*), coalesce(avg(length(body)), 0) FROM outbox").fetchall()
    every = len(calls) // bodies if bodies else 0
    return [
        ("u:" + call["userId"], round(state), round(body) if every and number % every == 0 else 0)
        for number, call in enumerate(calls)
    ]


def postgres(options: Options) -> list[Figure]:
    """W on PostgreSQL in groups of 1,000: one worker against hand, and eight that share the store."""
    goal = 25.0
    names = ("W on PostgreSQL, groups of 1,000, one worker", "W on PostgreSQL, eight workers against one")
    try:
        from bench import postgres_server
    except ImportError as error:
        return [skipped(name, goal, f"no server: {error}") for name in names]
    work = make(min(options.scale, 0.25), options.seed)
    options.say(f"PostgreSQL: {len(work.calls):,} calls")
    try:
        server: AbstractContextManager[Callable[[], str]] = postgres_server.running()
        with server as database:
            timings = compare(by_hand(work.calls), [_on_store(work.calls, database, "one worker")], options.runs)
            one = figure(names[0], timings["one worker"], goal, calls=len(work.calls))
            return [one, _eight(work, database, one, names[1], options)]
    except postgres_server.NoServer as error:
        return [skipped(name, goal, str(error)) for name in names]


def _eight(work: Workload, database: Callable[[], str], one: Figure, name: str, options: Options) -> Figure:
    """Eight processes on one store, each with the calls of its users; what comes out must be the same."""
    workers = 8
    options.say(f"PostgreSQL: {workers} workers")
    shares: dict[int, list[Call]] = defaultdict(list)
    for call in work.calls:
        shares[int(call["userId"][1:]) % workers].append(call)
    url = database()
    first, collected = subject.evaluator(store=url)  # makes the tables
    context = multiprocessing.get_context("spawn")
    ready, go = context.Barrier(workers + 1), context.Event()
    processes = [
        context.Process(target=_work, args=(url, shares[number], f"w{number}", ready, go)) for number in range(workers)
    ]
    for process in processes:
        process.start()
    ready.wait(600)
    begun = time.perf_counter()
    go.set()
    for process in processes:
        process.join()
    first.advance()
    taken = time.perf_counter() - begun
    first.deliver()
    failed = [process.exitcode for process in processes if process.exitcode]
    if failed:
        raise RuntimeError(f"workers ended with {failed}")
    sends = subject.sends_of(collected.deliveries)
    check([by_hand(work.calls), Variant(name, lambda: lambda: sends, lambda result: result)])
    conflicts = first.counters.get("conflicts")
    first.close()
    note = "the same sends, in order" + ("" if conflicts is None else f", {conflicts} conflicts")
    return Figure(name, taken / one.details["median_s"], 1.5, note=note, details={"seconds": taken, "workers": workers})


def _work(url: str, calls: Sequence[Call], worker: str, ready: Any, go: Any) -> None:
    kept, _ = subject.evaluator(store=url, worker=worker)
    ready.wait(600)
    go.wait(600)
    kept.feed_many(calls, group=GROUP)
    kept.close()

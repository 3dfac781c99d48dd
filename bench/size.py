"""At size: what only shows when there is a lot of it. Each part has a small form, for ``--scale`` below 1.

Memory is watched all the way: the resident memory of the process is part of what is reported.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from bench import subject
from bench.harness import Figure, skipped
from bench.journey import cart, unconcerned
from bench.memory import entries, resident
from bench.options import Options
from bench.workload import START_MICROS, Call, iso, make
from journeys import ConditionEntry, Journey, Settings, event

GROUP = 1_000


class Progress:
    """Says now and then how far a long part is, how fast it is, and how much memory is in use."""

    def __init__(self, options: Options, what: str, total: int) -> None:
        self.options, self.what, self.total = options, what, total
        self.begun = self.said = time.monotonic()
        self.least = self.most = resident()

    def at(self, done: int) -> None:
        """So much is done."""
        self.most = max(self.most, resident())
        now = time.monotonic()
        if now - self.said >= 5 or done >= self.total:
            self.said = now
            rate = done / max(now - self.begun, 1e-9)
            self.options.say(f"{self.what}: {done:,} of {self.total:,}, {rate:,.0f}/s, {resident() / 2**20:,.0f} MiB")

    @property
    def grown(self) -> float:
        """By how many MiB the process grew at most."""
        return (self.most - self.least) / 2**20


def entering(count: int, within_ms: int, *, user: str = "u") -> Iterator[list[Call]]:
    """Groups of calls that begin a cart each, evenly within so many milliseconds."""
    for start in range(0, count, GROUP):
        numbers = range(start, min(start + GROUP, count))
        made = ((f"{user}{n}", f"c{n}", f"{n:08x}-entry", iso(n * within_ms // count)) for n in numbers)
        yield list(entries(made))


def rate(name: str, each_second: float, note: str, **details: Any) -> list[Figure]:
    """A figure without a goal: how many a second, and what else is worth knowing."""
    return [Figure(name, each_second, None, unit="/s", note=note, details=details)]


def waiting_on_sqlite(options: Options) -> list[Figure]:
    """Ten million waiting instances in one SQLite file: made, opened again, one event and one deadline of one."""
    count = options.sized(10_000_000, 2_000)
    name = f"{count:,} instances waiting on SQLite"
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        need = count * 1_500
        if shutil.disk_usage(folder).free < need:
            return [skipped(name, None, f"needs {need / 2**30:.0f} GiB of disk")]
        path = Path(folder) / "size.db"
        url = f"sqlite:///{path}"
        kept, _ = subject.evaluator([cart(hold="P30D")], store=url)
        progress = Progress(options, "SQLite, entering", count)
        done = 0
        for group in entering(count, 3_600_000):
            kept.feed_many(group, group=GROUP)
            done += len(group)
            progress.at(done)
        made = time.monotonic() - progress.begun
        kept.close()
        begun = time.perf_counter()
        kept, _ = subject.evaluator([cart(hold="P30D")], store=url)
        opened = time.perf_counter() - begun
        begun = time.perf_counter()
        for number in range(100):
            kept.feed(_change(number * (count // 100), 3_700_000 + number))
        each = (time.perf_counter() - begun) / 100
        kept.close()
        with closing(sqlite3.connect(path)) as database:
            [(waits,)] = database.execute("SELECT count(*) FROM ids WHERE due IS NOT NULL").fetchall()
        if waits != count:
            raise AssertionError(f"{waits:,} profiles wait, {count:,} were fed")
        size = path.stat().st_size
    note = f"{size / count:.0f} bytes of file each; opened in {opened * 1e3:.0f} ms; one event {each * 1e3:.2f} ms"
    details = {"seconds": made, "opened_s": opened, "event_ms": each * 1e3, "file_bytes_each": size / count}
    return rate(name, count / made, f"{note}; memory +{progress.grown:.0f} MiB", **details, grown_mib=progress.grown)


def _change(number: int, millis: int) -> Call:
    return {
        "type": "track",
        "event": "Cart Modified",
        "userId": f"u{number}",
        "messageId": f"again-{number}",
        "timestamp": iso(millis),
        "properties": {"cart_id": f"c{number}", "value": 90},
    }


def deadlines_in_a_minute(options: Options) -> list[Figure]:
    """A million deadlines within one minute, drained second by second: each at its own instant, in order."""
    count = options.sized(1_000_000, 2_000)
    name = f"{count:,} deadlines within a minute"
    kept, collected = subject.evaluator()
    progress = Progress(options, "deadlines, entering", count)
    done = 0
    for group in entering(count, 60_000):
        kept.feed_many(group)
        done += len(group)
        progress.at(done)
    begun = time.perf_counter()
    first = START_MICROS + 7_200_000_000
    for second in range(61):
        kept.advance(first + second * 1_000_000)
    taken = time.perf_counter() - begun
    instants = [each.at for each in collected.deliveries]
    wanted = [START_MICROS + (n * 60_000 // count + 7_200_000) * 1_000 for n in range(count)]
    if instants != sorted(instants):
        raise AssertionError("the sends are not in the order of their deadlines")
    if sorted(instants) != wanted:
        raise AssertionError("not every deadline was at its own instant")
    note = f"drained in {taken:.1f} s, in order, each at its own instant; memory +{progress.grown:.0f} MiB"
    return rate(name, count / taken, note, seconds=taken, grown_mib=progress.grown)


def one_profile(options: Options) -> list[Figure]:
    """One profile with 10,000 live instances: entering them, one event of one, and all of their deadlines."""
    count = options.sized(10_000, 200)
    kept, collected = subject.evaluator(settings=Settings(max_live_instances=count + 1))
    progress = Progress(options, "one profile, entering", count)
    calls = [call | {"userId": "u"} for group in entering(count, 600_000) for call in group]
    begun = time.perf_counter()
    for start in range(0, count, 100):
        kept.feed_many(calls[start : start + 100])
        progress.at(start + 100)
    entered = time.perf_counter() - begun
    begun = time.perf_counter()
    kept.advance()
    fired = time.perf_counter() - begun
    if len(collected.deliveries) != count:
        raise AssertionError(f"{len(collected.deliveries)} sends of {count}")
    note = f"entered in {entered:.2f} s, all deadlines in {fired:.2f} s"
    each = count / (entered + fired)
    return rate(f"one profile with {count:,} live instances", each, note, entered_s=entered, fired_s=fired)


def many_journeys(options: Options) -> list[Figure]:
    """A space of a thousand journeys: built, checked and compiled, then W through it."""
    count = options.sized(1_000, 20)
    begun = time.perf_counter()
    kept, collected = subject.evaluator([cart(), *unconcerned(count - 1)])
    built = time.perf_counter() - begun
    calls = make(min(options.scale, 0.05), options.seed).calls
    begun = time.perf_counter()
    kept.feed_many(calls)
    kept.advance()
    taken = time.perf_counter() - begun
    note = f"space built in {built:.2f} s; {len(collected.deliveries):,} sends"
    return rate(f"calls through a space of {count:,} journeys", len(calls) / taken, note, built_s=built)


def publish_with_history(options: Options) -> list[Figure]:
    """A condition entry with ``historical`` is published to a million profiles whose past was backfilled."""
    count = options.sized(1_000_000, 1_000)
    name = f"publish with history to {count:,} profiles"
    kept, collected = subject.evaluator([cart()])
    progress = Progress(options, "publish, backfilling", count)
    done = 0
    for group in entering(count, 3_600_000):
        kept.backfill(group)
        done += len(group)
        progress.at(done)
    buyers = Journey(
        key="once-had-a-cart",
        entry=ConditionEntry(event("Cart Modified"), historical=True),
        start="nudge",
        steps={"nudge": cart().steps["nudge"]},
    )
    begun = time.perf_counter()
    kept.publish(buyers)
    kept.advance()
    taken = time.perf_counter() - begun
    if len(collected.deliveries) != count:
        raise AssertionError(f"{len(collected.deliveries):,} of {count:,} profiles entered")
    note = f"in {taken:.1f} s; memory +{progress.grown:.0f} MiB"
    return rate(name, count / taken, note, seconds=taken, grown_mib=progress.grown)

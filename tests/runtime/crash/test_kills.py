"""``kill -9`` at random moments, and workers that are stopped until their leases are over (I4, I7)."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from journeys.runtime.stores import open_store
from tests.runtime.crash.campaign import Sent, check, evaluator, outcome, script, uncrashed
from tests.runtime.crash.process import DOCUMENTS, start

KINDS = pytest.mark.parametrize("kind", ["plain", "late"])


def settled(folder: Path, url: str, kind: str, seed: int, batches: int, *, publishes: bool = True) -> None:
    """What is there is what an uncrashed run leaves."""
    expected = uncrashed(DOCUMENTS[kind], script(seed, batches, publishes=publishes), folder / "expected")
    sent = Sent(folder / "sent")
    store = open_store(url)
    found = outcome(evaluator(store, DOCUMENTS[kind], sent, "last"), sent)
    store.close()
    check(found, expected, sent)


def killed(folder: Path, url: str, kind: str, seed: int, batches: int, longest: float) -> int:
    """A script whose worker is killed again and again until one comes to the end; how many were killed."""
    chance = random.Random(seed)
    for kills in range(10_000):
        process = start(folder, url, "worker", kind, seed, batches)
        process.join(chance.random() * longest * (1 + kills / 20))
        if process.exitcode is None:
            process.kill()
        process.join()
        if process.exitcode == 0:
            settled(folder, url, kind, seed, batches)
            return kills
        assert process.exitcode == -signal.SIGKILL
    raise AssertionError("it does not come to its end")


def kill_at_least(
    kills: int, folder: Path, url_of: Callable[[int], str], kind: str, longest: float, batches: int = 60
) -> None:
    count = 0
    for seed in range(10_000):
        place = folder / str(seed)
        place.mkdir()
        count += killed(place, url_of(seed), kind, seed, batches, longest)
        if count >= kills:
            print(f"{count} kills in {seed + 1} scripts")
            return


@KINDS
def test_killed_on_sqlite(tmp_path: Path, kind: str) -> None:
    kill_at_least(4, tmp_path, lambda seed: f"sqlite:///{tmp_path}/{seed}.db", kind, 0.12, batches=20)


def test_killed_on_postgres(tmp_path: Path, postgres_url: str, new_schema: Callable[[], str]) -> None:
    kill_at_least(3, tmp_path, lambda _: f"{postgres_url}&schema={new_schema()}", "plain", 0.3, batches=20)


@pytest.mark.soak
@KINDS
def test_killed_on_sqlite_1000_times(tmp_path: Path, kind: str) -> None:
    kill_at_least(1000, tmp_path, lambda seed: f"sqlite:///{tmp_path}/{seed}.db", kind, 0.12)


@pytest.mark.soak
def test_killed_on_postgres_500_times(tmp_path: Path, postgres_url: str, new_schema: Callable[[], str]) -> None:
    kill_at_least(500, tmp_path, lambda _: f"{postgres_url}&schema={new_schema()}", "plain", 0.3)


def stopped(folder: Path, url: str, kind: str, seed: int, batches: int, stops: int) -> int:
    """Two workers share a script; one of them is stopped, the other goes on, the first wakes up. How often."""
    chance = random.Random(seed)
    workers = [start(folder, url, f"worker{n}", kind, seed, batches, publishes=False) for n in range(2)]
    count = 0
    try:
        while count < stops and any(worker.is_alive() for worker in workers):
            time.sleep(chance.random() * 0.1)
            sleeper = chance.choice(workers)
            if not sleeper.is_alive():
                continue
            os.kill(sleeper.pid or 0, signal.SIGSTOP)
            # the clocks of these workers go as far as their calls: what the other does meanwhile is past the lease
            time.sleep(0.05 + chance.random() * 0.2)
            with contextlib.suppress(ProcessLookupError):  # it had come to its end before it could be stopped
                os.kill(sleeper.pid or 0, signal.SIGCONT)
                count += 1
        for worker in workers:
            worker.join()
            assert worker.exitcode == 0
    finally:
        for worker in workers:
            worker.kill()
    settled(folder, url, kind, seed, batches, publishes=False)
    return count


def test_stopped_past_the_lease_on_postgres(tmp_path: Path, postgres_url: str, new_schema: Callable[[], str]) -> None:
    assert stopped(tmp_path, f"{postgres_url}&schema={new_schema()}", "late", 1, 40, 4) > 0


def test_stopped_past_the_lease_on_sqlite(tmp_path: Path) -> None:
    assert stopped(tmp_path, f"sqlite:///{tmp_path}/a.db", "plain", 2, 40, 4) > 0


@pytest.mark.soak
@KINDS
def test_stopped_past_the_lease_500_times(
    tmp_path: Path, postgres_url: str, new_schema: Callable[[], str], kind: str
) -> None:
    count = seed = 0
    while count < 250:
        seed += 1
        place = tmp_path / str(seed)
        place.mkdir()
        url = f"{postgres_url}&schema={new_schema()}" if seed % 2 else f"sqlite:///{place}/a.db"
        count += stopped(place, url, kind, seed, 60, 20)

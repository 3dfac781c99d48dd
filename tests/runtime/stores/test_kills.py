"""What a worker was told is durable is there after it was killed (I4, O5)."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from journeys.runtime.stores import open_store
from tests.runtime.stores import worker

SCRIPT = Path(worker.__file__)


def start(*args: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(SCRIPT), *args], stdout=subprocess.PIPE)


def killed(url: str, seconds: float) -> int:
    """The last number that was acknowledged to a worker which was killed so long after its first."""
    with start(url, "numbered") as process:
        assert process.stdout is not None
        answered = process.stdout.readline()
        time.sleep(seconds)
        os.kill(process.pid, signal.SIGKILL)
        answered += process.stdout.read()
    whole = answered[: answered.rindex(b"\n")]
    return int(whole.split(b"\n")[-1])


def kill_many(url: str, kills: int, chance: random.Random) -> None:
    before = 0
    for _ in range(kills):
        acknowledged = killed(url, chance.random() * 0.05)
        store = open_store(url)
        there = worker.found(store)
        store.close()
        assert before < acknowledged <= there <= acknowledged + 1
        before = there


def test_sqlite(tmp_path: Path) -> None:
    kill_many(f"sqlite:///{tmp_path}/journeys.db", 5, random.Random(1))


def test_postgres(postgres_url: str, new_schema: Callable[[], str]) -> None:
    kill_many(f"{postgres_url}&schema={new_schema()}", 3, random.Random(2))


@pytest.mark.soak
def test_sqlite_2000_times(tmp_path: Path) -> None:
    for n in range(40):  # the check reads all there is: a new file now and then
        kill_many(f"sqlite:///{tmp_path}/{n}.db", 50, random.Random(n))


def share(url: str, workers: int, count: int) -> None:
    processes = [start(url, "shared", str(count)) for _ in range(workers)]
    assert [process.wait(60) for process in processes] == [0] * workers
    for process in processes:
        assert process.stdout is not None
        process.stdout.close()
    store = open_store(url)
    keys = ["u:all", *(f"u:{process.pid}" for process in processes)]
    counts = [int(stored.state) for stored in store.load(keys).profiles.values()]
    store.close()
    assert counts == [count * workers, *[count] * workers]


def test_several_processes_share_one_sqlite_file(tmp_path: Path) -> None:
    share(f"sqlite:///{tmp_path}/journeys.db", 3, 40)


def test_several_processes_share_one_postgres_schema(postgres_url: str, new_schema: Callable[[], str]) -> None:
    share(f"{postgres_url}&schema={new_schema()}", 3, 40)

"""Any number of workers on one store, killed at random and run again, give the trace of one in memory (I4, I6, I7)."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import journeys
from journeys.codec import load_space
from journeys.runtime.stores import open_store
from tests.reference.compare import Case, case, difference
from tests.runtime.counted import assert_kept_is_counted

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(journeys.__file__).parents[1])}
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no kill -9")


@pytest.fixture(params=["sqlite", "postgres"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path, new_schema: Callable[[], str]) -> Callable[[], str]:
    """URLs of stores that nobody has used."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path}/{new_schema()}.db"
    url = request.getfixturevalue("postgres_url")
    return lambda: f"{url}{'&' if '?' in url else '?'}schema={new_schema()}"


class Run:
    """The same command, as often as it takes."""

    def __init__(self, folder: Path, one: Case, url: str, workers: int) -> None:
        one.save(folder, [])
        until = [] if one.until is None else ["--until", one.until]
        files = [str(folder / "space.json"), str(folder / "events.ndjson")]
        self.url = url
        store = ["--store", url, "--workers", str(workers)]
        self.command = [sys.executable, "-m", "journeys", "simulate", *files, *until, *store]
        self.out = folder / "trace"

    def start(self) -> subprocess.Popen[bytes]:
        with self.out.open("wb") as out:
            return subprocess.Popen(
                self.command, stdout=out, stderr=subprocess.PIPE, env=ENVIRONMENT, start_new_session=True
            )

    def ends(self) -> list[Any]:
        """The trace of a run that nobody disturbs."""
        process = self.start()
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors.decode()[-2000:]
        return [json.loads(line) for line in self.out.read_bytes().splitlines()]

    def is_killed(self, after: float) -> bool:
        """Whether it was still at work; all its workers die with it."""
        process = self.start()
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return process.returncode == -signal.SIGKILL


def like_one_in_memory(folder: Path, one: Case, new_url: Callable[[], str], *, workers: int, kills: int) -> int:
    """Compares a run with the oracle; answers how many times it was killed on its way."""
    expected, rng = one.expected(), random.Random(one.seed)
    begin = time.monotonic()
    took = 1.0
    if kills > 1:
        assert difference(expected, Run(folder, one, new_url(), workers).ends()) is None
        took = time.monotonic() - begin
    run = Run(folder, one, new_url(), workers)
    killed = sum(run.is_killed(rng.uniform(0.2, 1.1) * took) for _ in range(kills))
    told = difference(expected, run.ends())
    assert told is None, f"seed {one.seed}: {told}"
    if kills > 1:
        assert difference(expected, run.ends()) is None  # and once more: nothing happens twice
    with closing(open_store(run.url)) as store:
        assert_kept_is_counted(load_space(one.space), store.tallies(), list(map(json.loads, store.trace())), one.seed)
    return killed


def test_workers_who_are_killed_and_come_again(new_url: Callable[[], str], tmp_path: Path) -> None:
    like_one_in_memory(tmp_path, case(4, count=120), new_url, workers=2, kills=1)


@pytest.mark.soak
@pytest.mark.parametrize("first", [0, 10, 20])
def test_eight_workers_who_are_killed_again_and_again(new_url: Callable[[], str], tmp_path: Path, first: int) -> None:
    killed = 0
    for seed in range(first, first + 10):
        one = case(seed, count=600)
        killed += like_one_in_memory(tmp_path / str(seed), one, new_url, workers=8, kills=4)
    assert killed >= 10

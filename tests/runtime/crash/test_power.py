"""Power cuts: a disk keeps what was synced, and of the rest what it likes; the workers begin again (I4, O5)."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Any

import pytest

from journeys.runtime.stores import sqlite
from tests.runtime.crash.campaign import DOCUMENT, LATE, Json, Sent, check, evaluator, outcome, script, uncrashed, work
from tests.runtime.stores.disk import Disk, PowerCut, StoreOnDisk

# closing a file without power raises where SQLite has nobody to tell
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _frequent_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "CHECKPOINT", 20)


def lives(folder: Path, document: Json, seed: int, batches: int, synchronous: str = "FULL") -> int:
    """A script whose machine loses its power again and again; how often.

    Whoever feeds remembers what was answered: with ``FULL`` it is never asked for again.
    """
    chance = random.Random(seed)
    steps = script(seed, batches)
    expected = uncrashed(document, steps, folder / f"{seed}.expected")
    sent, disk = Sent(folder / f"{seed}.sent"), Disk()
    done = [0]
    cuts = 0
    while True:
        disk.fuse = chance.randrange(20, 400) * (1 + cuts // 20)
        store: Any = None
        try:
            store = StoreOnDisk(disk, synchronous)
            made = evaluator(store, document, sent, f"w{cuts}")
            work(made, steps, begin=done[0], reached=lambda step: done.__setitem__(0, step))
            disk.fuse = -1
            check(outcome(made, sent), expected, sent)
            store.close()
            return cuts
        except PowerCut:
            cuts += 1
            with contextlib.suppress(PowerCut, AttributeError):
                store.close()
            disk.cut(chance, chance.choice((0, 0, 0.5, 0.9)))


def cut_at_least(folder: Path, document: Json, cuts: int, batches: int, synchronous: str = "FULL") -> None:
    count = seed = 0
    while count < cuts:
        count += lives(folder, document, seed, batches, synchronous)
        seed += 1
    print(f"{count} power cuts in {seed} scripts")


@pytest.mark.parametrize("document", [DOCUMENT, LATE], ids=["plain", "late"])
def test_power_cuts(tmp_path: Path, document: Json) -> None:
    cut_at_least(tmp_path, document, 8, batches=15)


def test_normal_is_seen_to_lose(tmp_path: Path) -> None:
    """So this campaign bites."""
    with pytest.raises(AssertionError):
        cut_at_least(tmp_path, DOCUMENT, 500, 15, "NORMAL")


@pytest.mark.soak
@pytest.mark.parametrize("document", [DOCUMENT, LATE], ids=["plain", "late"])
def test_1000_power_cuts(tmp_path: Path, document: Json) -> None:
    cut_at_least(tmp_path, document, 1000, batches=15)

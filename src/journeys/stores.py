"""The stores: ``journeys.stores.PostgresStore("postgresql://…")``; URLs open them, see ``open_store``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from journeys.runtime import stores as _stores
from journeys.runtime.stores import MemoryStore, SQLiteStore, open_async_store, open_store
from journeys.runtime.stores.in_threads import InThreads

if TYPE_CHECKING:
    from journeys.runtime.stores import AsyncPostgresStore, PostgresStore

__all__ = [
    "AsyncPostgresStore",
    "InThreads",
    "MemoryStore",
    "PostgresStore",
    "SQLiteStore",
    "open_async_store",
    "open_store",
]


def __getattr__(name: str) -> Any:
    """The PostgreSQL stores, which need an extra, when they are asked for."""
    return getattr(_stores, name)

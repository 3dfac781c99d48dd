"""Where profiles, deliveries and the trace live: memory, SQLite, PostgreSQL."""

from __future__ import annotations

import inspect
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from journeys._time import described
from journeys.errors import nearest
from journeys.ports import AsyncStore, Store
from journeys.runtime.stores.memory import MemoryStore
from journeys.runtime.stores.sqlite import SQLiteStore

if TYPE_CHECKING:
    from journeys.runtime.stores.postgres import AsyncPostgresStore, PostgresStore

__all__ = ["AsyncPostgresStore", "MemoryStore", "PostgresStore", "SQLiteStore", "open_async_store", "open_store"]

SCHEMES = ("memory", "sqlite", "postgresql")


def __getattr__(name: str) -> Any:
    """The PostgreSQL stores, which need an extra, when they are asked for."""
    if name in ("AsyncPostgresStore", "PostgresStore"):
        from journeys.runtime.stores import postgres

        return getattr(postgres, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def open_store(where: str | Store) -> Store:
    """The store that a URL names; a store is itself.

    ``memory:``, ``sqlite:///journeys.db`` (four slashes before an absolute path), or what PostgreSQL takes, such as
    ``postgresql://user@host/database``, with ``?schema=shop`` if it is not to be in the schema ``journeys``.
    ``errors.StoreUnavailable`` if it cannot be opened.
    """
    if not isinstance(where, str):
        return _checked(where)
    scheme, _, rest = where.partition(":")
    if where == "memory:":
        return MemoryStore()
    if scheme == "sqlite" and rest.startswith("///") and len(rest) > 3:
        return SQLiteStore(rest[3:])
    if scheme in ("postgresql", "postgres") and rest.startswith("//"):
        from journeys.runtime.stores.postgres import PostgresStore

        url, schema = _split_schema(where)
        return PostgresStore(url, schema=schema)
    raise ValueError(f"{_without_password(where)!r} names no store: {_remedy(scheme, rest)}")


def open_async_store(where: str | Store | AsyncStore) -> Store | AsyncStore:
    """The same for an event loop: a PostgreSQL URL opens an ``AsyncPostgresStore``, with its first use."""
    if inspect.iscoroutinefunction(getattr(where, "load", None)):
        return where  # type: ignore[return-value]
    if isinstance(where, str) and where.partition(":")[0] in ("postgresql", "postgres"):
        from journeys.runtime.stores.postgres import AsyncPostgresStore

        url, schema = _split_schema(where)
        return AsyncPostgresStore(url, schema=schema)
    return open_store(where)  # type: ignore[arg-type]


def _checked(store: Any) -> Store:
    """The store itself; TypeError if it is none that can be used without awaiting."""
    right = "write memory:, sqlite:///journeys.db or postgresql://user@host/database, or give a store"
    if isinstance(store, os.PathLike):
        right = f"write 'sqlite:///{os.fspath(store)}'"
    elif isinstance(store, type):
        right = f"make one, {store.__name__}(…)"
    elif inspect.iscoroutinefunction(getattr(store, "load", None)):
        raise TypeError(f"{described(store)} has to be awaited: use AsyncEvaluator")
    elif all(callable(getattr(store, name, None)) for name in ("load", "commit", "notes")):
        return store  # type: ignore[no-any-return]
    raise TypeError(f"expected a store or its URL, got {described(store)}: {right}")


def _split_schema(url: str) -> tuple[str, str]:
    address, _, query = url.partition("?")
    parameters = query.split("&") if query else []
    schemas = [unquote(each.removeprefix("schema=")) for each in parameters if each.startswith("schema=")]
    rest = "&".join(each for each in parameters if not each.startswith("schema="))
    return f"{address}?{rest}" if rest else address, schemas[-1] if schemas else "journeys"


def _remedy(scheme: str, rest: str) -> str:
    if scheme == "sqlite" and rest.strip("/"):
        return (
            f"did you mean 'sqlite:///{rest.lstrip('/')}'? A file's URL has three slashes, four before an absolute path"
        )
    known = "write memory:, sqlite:///journeys.db or postgresql://user@host/database"
    hint = nearest(scheme.lower(), SCHEMES)
    return f"{hint} ({known})" if hint.startswith("did you mean") else known


def _without_password(url: str) -> str:
    before, at, after = url.rpartition("@")
    user, colon, _ = before.rpartition(":")
    return f"{user}:…@{after}" if at and colon and "//" in user else url

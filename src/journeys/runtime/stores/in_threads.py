"""A blocking store for an event loop."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator
from itertools import islice
from typing import Any

import anyio.to_thread

from journeys._time import described
from journeys.ports import Store

#: records that are read at a time
PAGE = 1000


class InThreads:
    """A ``Store`` as an ``AsyncStore``: each method runs in a thread, and is not cut off when its task is cancelled.

    A store in this process's memory, which never blocks, answers at once.
    """

    def __init__(self, store: Store) -> None:
        if not hasattr(store, "keeps_objects"):
            raise TypeError(f"expected a Store, got {described(store)}")
        self.keeps_objects = store.keeps_objects
        self._store = store

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        @functools.wraps(method)
        async def call(*args: Any, **kwargs: Any) -> Any:
            if self.keeps_objects:
                return method(*args, **kwargs)
            return await anyio.to_thread.run_sync(functools.partial(method, *args, **kwargs))

        return call

    async def trace(
        self, *, profile: str | None = None, journey: str | None = None, instance: str | None = None
    ) -> AsyncIterator[str]:
        """``AsyncStore.trace``"""
        lines = await self._in_thread(self._store.trace, profile=profile, journey=journey, instance=instance)
        while page := await self._in_thread(lambda: list(islice(lines, PAGE))):
            for line in page:
                yield line

    async def _in_thread(self, call: Any, **kwargs: Any) -> Any:
        return await anyio.to_thread.run_sync(functools.partial(call, **kwargs))

    def __repr__(self) -> str:
        return f"InThreads({self._store!r})"


def as_async(store: Any) -> Any:
    """An async store, whichever of both it is."""
    return store if inspect.iscoroutinefunction(getattr(store, "load", None)) else InThreads(store)

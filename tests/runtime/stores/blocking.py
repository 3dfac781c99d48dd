"""An async store as a blocking one, so that one suite serves both."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, awaitable: Any) -> Any:
        """What the awaitable answers."""
        return asyncio.run_coroutine_threadsafe(awaitable, self._loop).result(60)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Blocking:
    """An ``AsyncStore`` as a ``Store``."""

    keeps_objects = False

    def __init__(self, store: Any, loop: Loop) -> None:
        self.store = store
        self.loop = loop

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.store, name)
        return lambda *args, **kwargs: self.loop.run(method(*args, **kwargs))

    def trace(self, **narrowed: Any) -> Iterator[str]:
        records = self.store.trace(**narrowed)
        while True:
            try:
                yield self.loop.run(anext(records))
            except StopAsyncIteration:
                return

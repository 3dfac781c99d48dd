"""Stores that take a commit without being waited for (``ports.CommitsAhead``), at the pleasure of a test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from journeys import AsyncEvaluator, Evaluator
from journeys.ports import ChangeSet


class Begun:
    """A commit: it happens when it is called first, and says each time what came of it."""

    def __init__(self, commit: Callable[[], None]) -> None:
        self.commit = commit
        self.error: BaseException | None = None
        self.is_done = False

    def __call__(self) -> None:
        if not self.is_done:
            self.is_done = True
            try:
                self.commit()
            except BaseException as error:
                self.error = error
        if self.error is not None:
            raise self.error


class Ahead:
    """A store whose commits happen as soon as they have begun, or no sooner than they are waited for.

    ``meanwhile`` is called with the number of each commit when it has begun and has not happened, ``afterwards`` when it
    has happened: what they raise is raised by the commit.
    """

    keeps_objects = False

    def __init__(self, store: Any, is_early: Callable[[], bool] = lambda: False) -> None:
        self.store = store
        self.is_early = is_early
        self.meanwhile: Callable[[int], None] = lambda _: None
        self.afterwards: Callable[[int], None] = lambda _: None
        #: change sets in the order in which they were begun, and those that were committed in one step
        self.begun: list[ChangeSet] = []
        self.plain: list[ChangeSet] = []
        self.most_at_once = self._at_once = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def commit(self, changes: ChangeSet) -> None:
        self.plain.append(changes)
        self.store.commit(changes)

    def begin_commit(self, changes: ChangeSet) -> Begun:
        self.begun.append(changes)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        number = len(self.begun)

        def commit() -> None:
            self.meanwhile(number)
            self.store.commit(changes)
            self.afterwards(number)

        begun = Begun(commit)
        if self.is_early():
            try:
                begun()
            except Exception:  # it is told when it is asked for
                pass
        return begun

    def finish_commit(self, begun: Begun) -> None:
        self._at_once -= 1
        begun()


class AsyncAhead:
    """The async twin of an ``Ahead``."""

    keeps_objects = False

    def __init__(self, store: Ahead) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(0)
            return getattr(self.store, name)(*args, **kwargs)

        return call

    async def load(self, id_keys: Any) -> Any:
        await asyncio.sleep(0)
        return self.store.load(id_keys)

    async def begin_commit(self, changes: ChangeSet) -> Begun:
        await asyncio.sleep(0)
        return self.store.begin_commit(changes)

    async def finish_commit(self, begun: Begun) -> None:
        await asyncio.sleep(0)
        self.store.finish_commit(begun)


class Feeding:
    """Either evaluator on a store, blocking: so that one test serves both."""

    def __init__(self, document: Any, store: Ahead, *, is_async: bool, **fields: Any) -> None:
        self.store = store
        self._runner: asyncio.Runner | None = None
        if is_async:
            self._runner = asyncio.Runner()
            self._evaluator: Any = self._runner.run(self._made(document, AsyncAhead(store), fields))
        else:
            self._evaluator = Evaluator(document, store=store, **fields)  # type: ignore[arg-type]

    async def _made(self, document: Any, store: Any, fields: Mapping[str, Any]) -> AsyncEvaluator:
        return AsyncEvaluator(document, store=store, **fields)

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            answer = getattr(self._evaluator, name)(*args, **kwargs)
            return answer if self._runner is None else self._runner.run(answer)

        return call

    @property
    def counters(self) -> Mapping[str, int]:
        found = self._evaluator.counters
        return found if self._runner is None else self._runner.run(found)  # type: ignore[no-any-return]

    def close(self) -> None:
        if self._runner is not None:
            self._runner.close()


def contents(store: Any, id_keys: Iterable[str] = ()) -> Sequence[Any]:
    """Everything that a store has; the ids are those whose links are wanted."""
    keys = store.walk(None, 1 << 20)
    loaded = store.load(sorted({*keys, *id_keys}))
    return [
        {key: loaded.profiles[key] for key in keys},
        loaded.links,
        loaded.watermark,
        list(store.trace()),
        store.claim_deliveries(1 << 60, 1 << 20, worker="test", lease=0),
        store.counters(),
        store.tallies(),
        store.notes(),
        store.waiting(1 << 60, 1 << 20),
    ]

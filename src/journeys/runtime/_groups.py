"""Groups of calls one after another: the next is loaded and applied while the store commits the one before.

The profiles of a commit that is under way are in the store as they were, or as they will be: what the next group loads
is overlaid with what they will be. That is all it has to know of, because what else a batch reads is read as ever, or
not changed in this way: a group waits for the one before if inputs may wait for the watermark (T8), or if anybody may
be erased (V6), and one that links ids is waited for by the next.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from journeys.errors import Conflict, JourneysError, StoreUnavailable
from journeys.ports import ChangeSet
from journeys.runtime._calls import Answer

if TYPE_CHECKING:
    from journeys.engine._state import ProfileState
    from journeys.runtime._core import Core, Request


def goes_ahead(store: Any) -> bool:
    """Whether the store takes a commit without being waited for: not if somebody has overridden ``commit`` alone."""
    own = next((each for each in type(store).__mro__ if vars(each).keys() & {"commit", "begin_commit"}), object)
    return "begin_commit" in vars(own) and "commit" not in vars(store)


class Group:
    """Calls that are committed together, and what came of it."""

    def __init__(self, calls: Sequence[Any], received: int, live: bool) -> None:
        self.calls = calls
        self.received = received
        self.live = live
        self._answers: Sequence[Answer] | None = None
        self._error: JourneysError | None = None

    def end(self, answers: Sequence[Answer] | None, error: JourneysError | None = None) -> None:
        """It is committed, or failed."""
        self.calls, self._answers, self._error = (), answers, error

    def result(self) -> Sequence[Answer]:
        """The answers, as soon as all is durable (O5); raises why it is not."""
        if self._error is not None:
            raise self._error
        if self._answers is None:
            raise StoreUnavailable("a commit was broken off while it was under way: its outcome is unknown")
        return self._answers


@attrs.frozen
class _UnderWay:
    """A group whose commit has begun, and what goes for it if that succeeds."""

    group: Group
    commit: Any
    change: ChangeSet
    answers: Sequence[Answer]
    profiles: Mapping[str, ProfileState]


class Groups:
    """Feeds groups to a store that takes a commit without being waited for (``ports.CommitsAhead``)."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._under_way: _UnderWay | None = None

    def feed(self, group: Group, before: Group | None) -> Generator[Request, Any, None]:
        """Applies a group and begins its commit; ``finish`` ends it. Raises what the one before it failed of."""
        core = self._core
        is_next = False
        while not is_next:
            prepared = None
            if not core.knows_erased and not core.plan.may_be_late:
                prepared = yield from self._prepare(group)
            is_next = yield from self.finish()
            if before is not None:
                before.result()
        if prepared is None:
            yield from self.feed_alone(group)
            return
        answers, change = prepared
        try:
            commit = yield ("begin_commit", (change,), {})
        except Conflict:
            yield from self._again(group)
            return
        core.ahead = core.committed()
        self._under_way = _UnderWay(group, commit, change, answers, core.ahead)
        if change.links:
            yield from self.finish()

    def feed_alone(self, group: Group) -> Generator[Request, Any, None]:
        """Applies a group and waits for its commit."""
        group.end((yield from self._core.feed(group.calls, group.received, live=group.live)))

    def _prepare(self, group: Group) -> Generator[Request, Any, tuple[Sequence[Answer], ChangeSet] | None]:
        """Applies the group to what is loaded; the answers and what is to be committed, None if that is not all."""
        core = self._core
        yield from core.load(core.id_keys(group.calls, wanted_only=True), group.calls)
        if core.knows_erased:
            return None
        watermark = core.processor.watermark
        answers = core.apply(group.calls, group.received, group.live)
        return answers, core.changes(watermark)

    def finish(self) -> Generator[Request, Any, bool]:
        """Waits for the commit that is under way, if one is; says whether nothing else was committed instead."""
        core, ending = self._core, self._under_way
        if ending is None:
            return True
        self._under_way, core.ahead = None, {}
        try:
            yield ("finish_commit", (ending.commit,), {})
        except Conflict:
            yield from self._again(ending.group)
            return False
        except JourneysError as error:
            ending.group.end(None, error)
            return False
        core.keep_recent(ending.change, ending.profiles)
        ending.group.end(ending.answers)
        return True

    def _again(self, group: Group) -> Generator[Request, Any, None]:
        """It was refused: everything is done again, one after another."""
        try:
            yield from self._core.begin_again()
            yield from self.feed_alone(group)
        except JourneysError as error:
            group.end(None, error)

"""``Record`` keeps deliveries in memory, ``Function`` gives them to a callable."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio.to_thread

from journeys import errors
from journeys.ports import Delivery
from journeys.runtime.destinations._base import Shown, Trial, check_size


class Local:
    """What all destinations of this process have in common."""

    def _take(self, deliveries: Sequence[Delivery]) -> None:
        raise NotImplementedError  # the base: each kind has its own

    def deliver(self, delivery: Delivery) -> None:
        """Hands over one delivery."""
        check_size(delivery)
        self._take((delivery,))

    async def deliver_async(self, delivery: Delivery) -> None:
        """Hands over one delivery, awaiting."""
        await anyio.to_thread.run_sync(self.deliver, delivery)

    def _deliver_batch(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            check_size(delivery)
        self._take(deliveries)

    async def _deliver_batch_async(self, deliveries: Sequence[Delivery]) -> None:
        await anyio.to_thread.run_sync(self._deliver_batch, deliveries)

    def _becomes_a_list(self) -> None:
        # `ListDestination` is told by the method, so only what keeps a list has it
        object.__setattr__(self, "deliver_batch", self._deliver_batch)
        object.__setattr__(self, "deliver_batch_async", self._deliver_batch_async)

    def test(self, delivery: Delivery, *, send: bool = False) -> Trial:
        """Shows the delivery; with ``send=True`` hands it over."""
        headers = {"delivery": delivery.id, "call": delivery.call}
        shown = (Shown("CALL", repr(self), headers, delivery.body.decode("utf-8", "replace")),)
        try:
            check_size(delivery)
            if not send:
                return Trial(shown)
            self.deliver(delivery)
        except errors.Rejected as error:
            return Trial(shown, (), "rejected", error.reason)
        except Exception as error:
            return Trial(shown, (), "retry", getattr(error, "reason", type(error).__name__))
        return Trial(shown, (), "done")


class Record(Local):
    """Keeps deliveries in memory, for tests and for a first try.

    With ``list=True`` it also takes adds and removals in batches, and ``members`` says who is on the list.
    """

    deliveries: list[Delivery]

    def __init__(self, *, list: bool = False) -> None:
        self.deliveries = []
        if list:
            self._becomes_a_list()

    @property
    def payloads(self) -> list[Any]:
        """The payloads as JSON values, in the order of their coming."""
        return [delivery.payload for delivery in self.deliveries]

    @property
    def members(self) -> list[str]:
        """The ids of the profiles that were added and not removed."""
        members: dict[str, None] = {}
        for delivery in self.deliveries:
            if delivery.call in ("add", "remove"):
                for name in (delivery.profile, delivery.anonymous_id):  # it may have been anonymous before (P2)
                    members.pop(name or "", None)
            if delivery.call == "add":
                members[delivery.profile] = None
        return [*members]

    def clear(self) -> None:
        """Forgets what came."""
        self.deliveries.clear()

    def _take(self, deliveries: Sequence[Delivery]) -> None:
        self.deliveries.extend(deliveries)

    async def deliver_async(self, delivery: Delivery) -> None:
        """Hands over one delivery, awaiting."""
        self.deliver(delivery)

    def __repr__(self) -> str:
        return f"Record({len(self.deliveries)} deliveries)"


class Function(Local):
    """Gives deliveries to a callable, sync or async.

    What it raises decides what becomes of the delivery: nothing, and it is done; ``Rejected``, and it is not tried
    again; anything else, and it is. With ``list=True`` it is given a sequence of adds and removals.
    """

    def __init__(
        self, function: Callable[[Any], object] | Callable[[Any], Awaitable[object]], *, list: bool = False
    ) -> None:
        if not callable(function):
            raise TypeError(f"expected a callable, got {type(function).__name__}")
        self._function = function
        self._list = list
        if list:
            self._becomes_a_list()

    def _argument(self, deliveries: Sequence[Delivery]) -> Any:
        return deliveries if self._list else deliveries[0]

    def _take(self, deliveries: Sequence[Delivery]) -> None:
        result = self._function(self._argument(deliveries))
        if inspect.isawaitable(result):
            _finish(result)

    async def deliver_async(self, delivery: Delivery) -> None:
        """Hands over one delivery, awaiting."""
        check_size(delivery)
        call = getattr(self._function, "__call__", None)  # noqa: B004 - what async objects define
        if inspect.iscoroutinefunction(self._function) or inspect.iscoroutinefunction(call):
            await self._function(self._argument((delivery,)))  # type: ignore[misc]
        else:
            await anyio.to_thread.run_sync(self.deliver, delivery)

    def __repr__(self) -> str:
        return f"Function({getattr(self._function, '__qualname__', type(self._function).__name__)})"


def _finish(result: Awaitable[object]) -> None:
    """Runs what an async callable gave, also where a loop is running in this thread already."""

    async def finish() -> None:
        await result

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(finish())
        return
    raised: list[BaseException] = []

    def elsewhere() -> None:
        try:
            asyncio.run(finish())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(elsewhere,))
    thread.start()
    thread.join()
    if raised:
        raise raised[0]

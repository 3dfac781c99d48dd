"""The drivers: they answer what the core asks of a store, one with a sync store, one with an async one."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from journeys.errors import JourneysError


def drive(steps: Generator[Any, Any, Any], store: Any) -> Any:
    """Runs the steps to their end on a store, and gives their result."""
    try:
        method, args, kwargs = next(steps)
        while True:
            try:
                answer = getattr(store, method)(*args, **kwargs)
            except JourneysError as error:
                method, args, kwargs = steps.throw(error)
            else:
                method, args, kwargs = steps.send(answer)
    except StopIteration as stop:
        return stop.value


async def drive_async(steps: Generator[Any, Any, Any], store: Any) -> Any:
    """Runs the steps to their end on an async store, and gives their result."""
    try:
        method, args, kwargs = next(steps)
        while True:
            try:
                answer = await getattr(store, method)(*args, **kwargs)
            except JourneysError as error:
                method, args, kwargs = steps.throw(error)
            else:
                method, args, kwargs = steps.send(answer)
    except StopIteration as stop:
        return stop.value

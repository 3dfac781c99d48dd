from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.runtime.destinations.support import Server, deliver_async, deliver_sync


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture(params=[deliver_sync, deliver_async], ids=["sync", "async"])
def send(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Delivers in a thread, or in an event loop: what holds for one holds for the other."""
    return request.param

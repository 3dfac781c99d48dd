from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from journeys import Evaluator
from tests.server.support import KEY, TOKEN, evaluator

if find_spec("starlette") is None or find_spec("uvicorn") is None:  # without the extra there is nothing to test
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def made() -> Evaluator:
    return evaluator()


@pytest.fixture
def client(made: Evaluator) -> Iterator[Any]:
    from starlette.testclient import TestClient

    from journeys.server import create_app

    with TestClient(create_app(made, write_keys={KEY: "web"}, read_token=TOKEN)) as client:
        yield client

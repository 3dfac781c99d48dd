from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from journeys import Evaluator
from journeys.server import create_app
from tests.server.support import KEY, TOKEN, evaluator


@pytest.fixture
def made() -> Evaluator:
    return evaluator()


@pytest.fixture
def client(made: Evaluator) -> Iterator[TestClient]:
    with TestClient(create_app(made, write_keys={KEY: "web"}, read_token=TOKEN)) as client:
        yield client

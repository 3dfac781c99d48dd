import pytest

from journeys.runtime.stores.memory import MemoryStore
from journeys.runtime.stores.sqlite import SQLiteStore
from tests.runtime.delivery.support import VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    made = MemoryStore() if request.param == "memory" else SQLiteStore(str(tmp_path / "journeys.db"))
    yield made
    made.close()

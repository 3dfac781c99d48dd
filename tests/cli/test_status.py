"""``journeys status``: what a store holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from journeys.cli import main
from journeys.ports import ChangeSet, Settled
from journeys.runtime.stores import SQLiteStore
from journeys.testing._store_parts import delivery


@pytest.fixture
def url(tmp_path: Path) -> str:
    with SQLiteStore(tmp_path / "a.db") as store:
        mails = [delivery(n, destination="mail", at=n * 1_000_000) for n in range(4)]
        store.commit(ChangeSet(deliveries=[*mails, delivery(9, destination="ads", at=9)]))
        store.claim_deliveries(0, 2, worker="w", lease=1, destinations=["mail"])
        store.settle([Settled(delivery_id="d000000", outcome="dead", at=1, error="gone")], worker="w")
        claimed = store.claim_deliveries(0, 1, worker="w", lease=1, destinations=["ads"])
        store.settle([Settled(delivery_id=claimed[0].id, outcome="dead", at=1, error="no")], worker="w")
    return f"sqlite:///{tmp_path}/a.db"


def test_the_outbox_by_destination(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--store", url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outbox"]["destinations"] == [
        {"destination": "ads", "waiting": 0, "in_flight": 0, "dead": 1, "oldest": None},
        {"destination": "mail", "waiting": 2, "in_flight": 1, "dead": 1, "oldest": "1970-01-01T00:00:01Z"},
    ]
    assert main(["status", "--store", url]) == 0
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for row in (
        "destination waiting in flight dead oldest",
        "ads 0 0 1 -",
        "mail 2 1 1 1970-01-01T00:00:01Z",
    ):
        assert row in rows

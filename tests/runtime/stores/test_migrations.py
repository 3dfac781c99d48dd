"""Every schema that was ever released is led forwards; one that is newer is left alone (V).

`released/` holds a dump of each version, with the same data in it. `python -m tests.runtime.stores.test_migrations
sqlite FILE` and `… postgres URL PG_DUMP` print those of the present version, to be kept when it is released.
"""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from journeys.errors import NewerState
from journeys.ports import ChangeSet, Delivery, Settled, StateChange, Store, TraceRow, Waiting
from journeys.runtime.stores import PostgresStore, SQLiteStore
from journeys.runtime.stores._postgres_sql import PostgresStatements
from journeys.runtime.stores.sqlite import APPLICATION_ID, SQLiteStatements

RELEASED = Path(__file__).parent / "released"
VERSIONS = {
    "sqlite": range(1, len(SQLiteStatements.migrations) + 1),
    "postgres": range(1, len(PostgresStatements.migrations) + 1),
}


def fill(store: Store) -> None:
    """Something of everything."""
    store.commit(
        ChangeSet(
            states=[
                StateChange(key="u:ada", state=b'{"n":1}', expected=0, due=1_000, live=2),
                StateChange(key="a:x", state=b"\0\xff", expected=0),
                StateChange(key="u:eve", state=b"{}", expected=0),
            ],
            links={"a:y": "u:ada"},
            deliveries=[
                Delivery(
                    id=f"d{n}", destination="mail", call="track", body=b'{"n":"\xc3\xa9"}', at=n, profile="ada",
                    user_id="ada", journey="cart", version=1, instance="i1", step="nudge", order_key="i1 mail",
                )
                for n in range(3)
            ],
            records=[
                TraceRow(
                    at=5 - n, profile="ada", key="u:ada", seq=n, journey="cart", instance="i1", kind="step",
                    record=f'{{"n":{n}}}',
                )
                for n in range(3)
            ],
            waiting=[Waiting(timestamp=9, message_id="m", arrival=4, id_key="u:ada", call="{}")],
            counters={"late": 3},
            tallies={("cart", 1, 20_454, '["entered",null]'): 2},
            notes={"file:1": "7"},
            watermark=20,
        )
    )  # fmt: skip
    store.claim_deliveries(0, 1, worker="w", lease=10)
    store.settle([Settled(delivery_id="d0", outcome="dead", at=1, error="no")], worker="w")
    store.erase("u:eve", shown_ids=["eve"])
    store.commit(ChangeSet(states=[StateChange(key="a:x", state=None, expected=1)], links={"a:x": "u:ada"}))


def check(store: Store, *, version: int = len(SQLiteStatements.migrations)) -> None:
    """What ``fill`` has put there is there, and can be worked with; which figures are not all there, it says."""
    lacks = {1: ["", "people"], 2: ["people"], 3: ["people"]}.get(version, [])
    kept = [("cart", 1, 20_454, '["entered",null]', 2)] if version > 1 else []
    assert list(store.tallies()) == [*(("", 0, 0, figure, 1) for figure in lacks), *kept]
    assert list(store.tallies(journey="other")) == [("", 0, 0, figure, 1) for figure in lacks]
    loaded = store.load(["u:ada", "a:x", "a:y", "u:eve"])
    assert {key: stored.state for key, stored in loaded.profiles.items()} == dict.fromkeys(
        ("u:ada", "a:x", "a:y"), b'{"n":1}'
    )
    assert (loaded.watermark, loaded.erased) == (20, {"u:eve"})
    assert dict(loaded.links) == {"a:x": "u:ada", "a:y": "u:ada"}
    assert dict(store.figures()) == {
        "profiles": 1, "live": 2, "due": 1, "outbox": 2, "dead": 1, "records": 3, "waiting": 1,
    }  # fmt: skip
    assert list(store.trace(instance="i1")) == list(store.trace()) == ['{"n":2}', '{"n":1}', '{"n":0}']
    assert (store.counters(), store.notes()) == ({"late": 3}, {"file:1": "7"})
    assert store.waiting(99, 9)[0].arrival == 4
    assert (store.dead_letters()[0].error, store.resend(["d0"])) == ("no", 1)
    assert [each.id for each in store.claim_deliveries(0, 9, worker="v", lease=1)] == ["d0"]
    assert store.claim_due(1_000, 9, worker="w", now=0, lease=1) == ["u:ada"]
    version = loaded.profiles["u:ada"].version
    store.commit(ChangeSet(states=[StateChange(key="u:ada", state=b"2", expected=version)], applied=[4]))
    assert store.load(["a:x"]).profiles["a:x"].state == b"2"


@pytest.mark.parametrize("version", VERSIONS["sqlite"])
def test_sqlite_goes_forwards_from_every_release(tmp_path: Path, version: int) -> None:
    path = tmp_path / "journeys.db"
    connection = sqlite3.connect(path)
    connection.executescript((RELEASED / f"sqlite-{version}.sql").read_text())
    connection.close()
    with SQLiteStore(path) as store:
        check(store, version=version)


@pytest.mark.parametrize("version", VERSIONS["postgres"])
def test_postgres_goes_forwards_from_every_release(
    postgres_url: str, new_schema: Callable[[], str], version: int
) -> None:
    schema = new_schema()
    dump = (RELEASED / f"postgres-{version}.sql").read_text().replace("released_schema", schema)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(dump.encode())
    with PostgresStore(postgres_url, schema=schema) as store:
        check(store, version=version)


def test_there_is_no_dump_of_what_is_not_known() -> None:
    assert {path.name for path in RELEASED.glob("*.sql")} == {
        f"{kind}-{version}.sql" for kind, versions in VERSIONS.items() for version in versions
    }


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path, new_schema: Callable[[], str]) -> Callable[[], Any]:
    """Opens one store again and again."""
    if request.param == "sqlite":
        return lambda: SQLiteStore(tmp_path / "journeys.db")
    url, schema = request.getfixturevalue("postgres_url"), new_schema()
    return lambda: PostgresStore(url, schema=schema)


@pytest.fixture
def next_version(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes this the next version of the package, which has one migration more."""

    def upgrade() -> None:
        for statements in (SQLiteStatements, PostgresStatements):
            steps = ("ALTER TABLE notes ADD COLUMN more text", "UPDATE notes SET more = 'new'")
            monkeypatch.setattr(statements, "migrations", (*statements.migrations, steps))

    return upgrade


def test_a_migration_happens_once(opened: Callable[[], Any], next_version: Callable[[], None]) -> None:
    with opened() as store:
        fill(store)
    next_version()
    for _ in range(2):
        opened().close()
    with opened() as store:
        check(store)


def test_a_newer_store_is_left_alone(
    opened: Callable[[], Any], next_version: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = opened()
    next_version()
    with opened() as newer:
        newer.commit(ChangeSet(notes={"newer": "1"}))
    monkeypatch.undo()
    for use in (
        lambda: old.load(["u:1"]),
        lambda: old.commit(ChangeSet(notes={"newer": "2"})),
        lambda: old.erase("u:1", shown_ids=[]),
        opened,
    ):
        with pytest.raises(NewerState, match="newer version of the package"):
            use()
    assert old.notes() == {"newer": "1"}
    old.close()


def dump_sqlite(path: Path) -> str:
    """The file as SQL; its sequence is a table that SQLite makes by itself."""
    with SQLiteStore(path) as store:
        fill(store)
    connection = sqlite3.connect(path)
    lines = [*connection.iterdump(), f"PRAGMA application_id = {APPLICATION_ID};"]
    connection.close()
    return "\n".join(lines) + "\n"


def dump_postgres(url: str, pg_dump: str) -> str:
    """The schema as SQL, without what is only for psql."""
    with PostgresStore(url, schema="released_schema") as store:
        fill(store)
    command = [pg_dump, url, "--schema=released_schema", "--inserts", "--no-owner", "--no-privileges"]
    text = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    lines = [
        line for line in text.splitlines() if line and not re.match(r"--|\\|SET |SELECT pg_catalog.set_config", line)
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    kind, *arguments = sys.argv[1:]
    print(dump_sqlite(Path(*arguments)) if kind == "sqlite" else dump_postgres(*arguments), end="")

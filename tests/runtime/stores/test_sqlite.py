from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from journeys.errors import Conflict, JourneysError, StoreUnavailable
from journeys.ports import ChangeSet, StateChange, TraceRow
from journeys.runtime.stores import SQLiteStore, open_store


def state(key: str, expected: int = 0, content: bytes = b"{}", **fields: Any) -> StateChange:
    return StateChange(key=key, state=content, expected=expected, **fields)


def record(seq: int, at: int = 0, key: str = "u:1", text: str = "{}") -> TraceRow:
    return TraceRow(
        at=at, profile=key[2:], key=key, seq=seq, journey=None, instance="i", kind="step", record=text
    )  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journeys.db"


def test_full_is_the_default(path: Path) -> None:
    with SQLiteStore(path) as store:
        assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert repr(store) == f"SQLiteStore({str(path)!r}, synchronous='FULL')"
    with SQLiteStore(path, synchronous="normal") as store:
        assert store._connection.execute("PRAGMA synchronous").fetchone() == (1,)


def test_synchronous_names_the_nearest(path: Path) -> None:
    with pytest.raises(ValueError, match="did you mean 'NORMAL'"):
        SQLiteStore(path, synchronous="NORMALE")


def test_a_closed_store_says_so(path: Path) -> None:
    store = SQLiteStore(path)
    store.close()
    store.close()
    with pytest.raises(JourneysError, match="is closed"):
        store.load(["u:1"])


def test_the_file_of_another_application_is_left_alone(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(JourneysError, match="another application"):
        SQLiteStore(path)
    assert path.read_bytes() == before


def test_two_may_open_a_new_file_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other makes the tables while this one is looking whose file it is."""

    class Slow(sqlite3.Connection):
        asked = 0

        def execute(self, *args: Any) -> Any:
            self.asked += 1
            if self.asked == 2:
                monkeypatch.undo()
                SQLiteStore(path).close()
            return super().execute(*args)

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: connect(*args, factory=Slow, **options))
    SQLiteStore(path).close()


def test_a_full_disk_is_told_and_loses_nothing(path: Path) -> None:
    """O5: nothing is accepted that is not durable, and the next commit tries again."""
    with SQLiteStore(path) as store:
        store.commit(ChangeSet(states=[state("u:1")]))
        [(pages,)] = store._connection.execute("PRAGMA page_count").fetchall()
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        large = ChangeSet(states=[state("u:2", content=b"x" * 100_000)])
        with pytest.raises(StoreUnavailable, match=rf"{path.name}: database or disk is full"):
            store.commit(large)
        assert set(store.load(["u:1", "u:2"]).profiles) == {"u:1"}
        store._connection.execute("PRAGMA max_page_count = 10000")
        store.commit(large)
        assert set(store.load(["u:1", "u:2"]).profiles) == {"u:1", "u:2"}


def test_no_database_at_all(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreUnavailable, match="file is not a database") as raised:
        SQLiteStore(path)
    assert isinstance(raised.value.__cause__, sqlite3.DatabaseError)


def test_a_place_where_no_file_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreUnavailable, match=f"there is no folder '{tmp_path}/no'"):
        SQLiteStore(tmp_path / "no" / "a.db")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreUnavailable, match=f"there is no folder 'no/such' in '{tmp_path}'"):
        open_store("sqlite:///no/such/a.db")  # three slashes where an absolute path has four
    with pytest.raises(StoreUnavailable, match="is a folder"):
        SQLiteStore(tmp_path)


def test_an_old_sqlite_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 31, 0))
    with pytest.raises(JourneysError, match=r"SQLite 3\.37"):
        SQLiteStore(path)


def test_nul_is_refused_before_it_finds_another_profile(path: Path) -> None:
    with SQLiteStore(path) as store:
        store.commit(ChangeSet(states=[state("u:1")]))
        with pytest.raises(ValueError, match="NUL"):
            store.load(["u:1\0x"])


def test_a_repeated_commit_after_a_lost_answer_is_a_conflict(path: Path) -> None:
    class Lossy:
        """Loses the answers of commits."""

        def __init__(self, connection: Any) -> None:
            self.connection = connection

        def __getattr__(self, name: str) -> Any:
            return getattr(self.connection, name)

        def execute(self, sql: str, *args: Any) -> Any:
            answer = self.connection.execute(sql, *args)
            if sql == "COMMIT":
                raise OSError("the answer was lost")
            return answer

    with SQLiteStore(path) as store:
        change = ChangeSet(states=[state("u:1")], counters={"n": 1})
        connection, store._connection = store._connection, Lossy(store._connection)
        with pytest.raises(OSError, match="lost"):
            store.commit(change)
        store._connection = connection
        with pytest.raises(Conflict):
            store.commit(change)
        assert store.counters() == {"n": 1}


def test_a_failed_commit_leaves_no_transaction_behind(path: Path) -> None:
    with SQLiteStore(path) as store, SQLiteStore(path, timeout=0.05) as other:
        with pytest.raises(sqlite3.IntegrityError):
            store.commit(ChangeSet(states=[state("u:1"), state("u:2", content="no bytes")]))  # type: ignore[arg-type]
        assert store.load(["u:1"]).profiles == {}
        other.commit(ChangeSet(states=[state("u:1")]))
        other._connection.execute("BEGIN IMMEDIATE")
        store.timeout = 0.05
        store._connection.execute("PRAGMA busy_timeout = 50")
        with pytest.raises(StoreUnavailable, match=r"locked: another process .* more than 0\.05 s"):
            store.commit(ChangeSet(states=[state("u:2")]))
        other._connection.execute("ROLLBACK")
        store.commit(ChangeSet(states=[state("u:2")]))


def test_what_is_erased_is_in_no_byte_of_the_files(path: Path) -> None:
    with SQLiteStore(path) as store:
        for size in (20, 9_000, 30, 5_000):  # states that move, and leave pages behind
            loaded = store.load(["u:taint"]).profiles.get("u:taint")
            changes = [state("u:taint", loaded.version if loaded else 0, b"taint trait" * size, due=5)]
            others = [state(f"u:{size}-{n}", content=b"x" * 500) for n in range(50)]
            store.commit(
                ChangeSet(
                    states=[*changes, *others],
                    links={"a:taint too": "u:taint"},
                    records=[record(size, key="u:taint", text='{"taint": 1}')],
                )
            )
        list(store.trace(profile="taint"))
        store.erase("u:taint", shown_ids=["taint"])
        files = [each.read_bytes() for each in path.parent.iterdir() if each.name.startswith(path.name)]
        assert len(files) > 1
        assert not any(b"taint" in content for content in files)


def test_the_trail_follows_what_is_added_pruned_and_erased(path: Path) -> None:
    with SQLiteStore(path) as store:
        for turn in range(6):
            store.commit(ChangeSet(records=[record(turn * 9 + n, at=turn, key=f"u:{n % 3}") for n in range(9)]))
            assert len(list(store.trace(profile="1"))) == len(list(store.trace(profile="2")))
            assert len(list(store.trace(instance="i"))) == store.figures()["records"]
            if turn == 3:
                assert store.prune(trace_before=9) == 36
        store.erase("u:1", shown_ids=["1"])
        rows = store._connection.execute("SELECT name, count(*) FROM trail GROUP BY name ORDER BY name").fetchall()
        assert rows == [("0", 6), ("2", 6), ("i", 12)]


def test_chains_of_links_are_collapsed_when_they_are_written(path: Path) -> None:
    with SQLiteStore(path) as store:
        store.commit(ChangeSet(states=[state("u:1")], links={"a:1": "u:1", "a:2": "a:1"}))
        store.commit(
            ChangeSet(states=[state("u:2"), StateChange(key="u:1", state=None, expected=1)], links={"u:1": "u:2"})
        )
        ends = store._connection.execute(
            "SELECT key, leads_to FROM ids WHERE leads_to IS NOT NULL ORDER BY key"
        ).fetchall()
        assert ends == [("a:1", "u:2"), ("a:2", "u:2"), ("u:1", "u:2")]


def test_plans_use_the_indexes(path: Path) -> None:
    with SQLiteStore(path) as store:
        sql = store._operations.sql
        statements = {
            sql.find: ("[]",),
            sql.claim_due: (1, 1, "w", 1, "w", 1),
            sql.next_due: (),
            sql.claim: (1, 1, 1, 1, 1, "w"),
            sql.claim_for: ("[]", 1, 1, 1, 1, 1, "w"),
            sql.next_delivery: (),
            sql.next_delivery_for: ("[]",),
            sql.done: ("d", "w"),
            sql.put_off: (1, "d", "w"),
            sql.dead_letters: ("", 1),
            sql.resend: ("[]",),
            sql.waiting: (1, 1),
            sql.waiting_of: (1, "[]", 1),
            sql.led: ("[]", "[]"),
            sql.trace + sql.in_order: (*sql.start_of_trace, 1),
            sql.trace + sql.of_profile + sql.in_order: (*sql.start_of_trace, "1", "1", 1),
            sql.prune[0]: (1, 1),
        }
        for statement, args in statements.items():
            plan = store._connection.execute(f"EXPLAIN QUERY PLAN {statement}", args).fetchall()
            scans = [step[3] for step in plan if step[3].startswith("SCAN")]
            tables = ("ids", "outbox", "o", "trace", "waiting", "trail")
            assert [scan for scan in scans if scan.split()[1] in tables and "USING" not in scan] == [], statement


def test_threads_share_one_store(path: Path) -> None:
    with SQLiteStore(path) as store:
        threads = [
            threading.Thread(
                target=lambda n=n: [store.commit(ChangeSet(states=[state(f"u:{n}-{k}")])) for k in range(20)]
            )
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.figures()["profiles"] == 80


def test_a_forked_child_opens_the_file_for_itself(path: Path) -> None:
    code = f"""
import os
from journeys.ports import ChangeSet, StateChange
from journeys.runtime.stores import SQLiteStore, open_store
store = SQLiteStore({str(path)!r})
store.commit(ChangeSet(states=[StateChange(key="u:parent", state=b"", expected=0)]))
before = store._connection
if child := os.fork():
    assert os.waitpid(child, 0)[1] == 0
    assert store._connection is before
    store.commit(ChangeSet(counters={{"n": 1}}))
    assert store.load(["u:child"]).profiles
    store.close()
else:
    assert store._connection is None
    store.commit(ChangeSet(states=[StateChange(key="u:child", state=b"", expected=0)]))
    assert store._connection is not before
    store.close()
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)

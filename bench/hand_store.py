"""References for the durable figures: the journey of W by hand on SQLite, and bare commits of the same rows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from heapq import heappop, heappush, heapreplace
from pathlib import Path

from bench.workload import EPOCH, HOLD, THRESHOLD, Call

Sends = list[tuple[str, str, datetime]]


def connect(path: Path) -> sqlite3.Connection:
    """A connection that is durable when it has committed."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA cache_size = -32000")
    database.execute("PRAGMA wal_autocheckpoint = 8000")
    return database


def run(calls: Sequence[Call], path: Path, size: int = 1000) -> Sends:
    """The journey with a row per live cart, per message id and per send; a commit per group of calls.

    What is live is kept in memory too and only written, as one would: it is read again when the program starts.
    """
    database = connect(path)
    database.execute("CREATE TABLE live (user TEXT, cart TEXT, due INTEGER, PRIMARY KEY (user, cart)) WITHOUT ROWID")
    database.execute("CREATE TABLE seen (id TEXT PRIMARY KEY) WITHOUT ROWID")
    database.execute("CREATE TABLE outbox (n INTEGER PRIMARY KEY, user TEXT, cart TEXT, due INTEGER, body TEXT)")
    live: dict[tuple[str, str], datetime] = {}
    heap: list[tuple[datetime, tuple[str, str]]] = []
    seen: set[str] = set()
    sends: Sends = []
    for start in range(0, len(calls), size):
        sent, marks, touched = len(sends), [], set()
        for call in calls[start : start + size]:
            event = call["event"]
            if event != "Cart Modified" and event != "Order Completed":
                continue
            message = call["messageId"]
            if message in seen:
                continue
            seen.add(message)
            marks.append((message,))
            at = datetime.fromisoformat(call["timestamp"])
            while heap and heap[0][0] < at:
                due, key = heap[0]
                deadline = live.get(key)
                if deadline is None:
                    heappop(heap)
                elif deadline is due:
                    heappop(heap)
                    del live[key]
                    touched.add(key)
                    sends.append((*key, due))
                else:
                    heapreplace(heap, (deadline, key))
            properties = call["properties"]
            key = (call["userId"], properties["cart_id"])
            if event == "Cart Modified":
                if key in live:
                    live[key] = at + HOLD
                elif properties["value"] >= THRESHOLD:
                    live[key] = due = at + HOLD
                    heappush(heap, (due, key))
                touched.add(key)
            elif key in live:
                del live[key]
                touched.add(key)
        _commit(database, live, touched, marks, sends[sent:])
    rest = [(*key, due) for due, key in sorted((due, key) for key, due in live.items())]
    _commit(database, {}, set(live), [], rest)
    database.close()
    return sends + rest


def _commit(
    database: sqlite3.Connection,
    live: dict[tuple[str, str], datetime],
    touched: Iterable[tuple[str, str]],
    marks: list[tuple[str]],
    sends: Sends,
) -> None:
    database.execute("BEGIN IMMEDIATE")
    database.executemany("INSERT INTO seen VALUES (?)", marks)
    kept = [(*key, live[key].timestamp()) for key in touched if key in live]
    database.executemany("INSERT INTO live VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET due = excluded.due", kept)
    database.executemany("DELETE FROM live WHERE user = ? AND cart = ?", [key for key in touched if key not in live])
    database.executemany(
        "INSERT INTO outbox (user, cart, due, body) VALUES (?, ?, ?, ?)",
        [(user, cart, (due - EPOCH).total_seconds(), json.dumps([user, cart])) for user, cart, due in sends],
    )
    database.execute("COMMIT")


#: what one commit of the evaluator writes: profile key, bytes of its state, bytes of the delivery or 0
Row = tuple[str, int, int]


def commits(rows: Sequence[Row], path: Path) -> None:
    """Bare sqlite3: a commit for each row, in tables as an outbox of any kind needs them."""
    database = connect(path)
    database.execute(
        "CREATE TABLE ids (n INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, version INTEGER, due INTEGER, state BLOB)"
    )
    database.execute("CREATE INDEX ids_due ON ids (due) WHERE due IS NOT NULL")
    database.execute("CREATE TABLE outbox (n INTEGER PRIMARY KEY, id TEXT, ready INTEGER, body BLOB)")
    database.execute("CREATE INDEX outbox_ready ON outbox (ready)")
    for number, (key, state, body) in enumerate(rows):
        database.execute("BEGIN IMMEDIATE")
        database.execute(
            "INSERT INTO ids (key, version, due, state) VALUES (?, 1, ?, ?) ON CONFLICT (key) DO UPDATE"
            " SET version = version + 1, due = excluded.due, state = excluded.state",
            (key, number, b"x" * state),
        )
        if body:
            database.execute("INSERT INTO outbox (id, ready, body) VALUES (?, ?, ?)", (key, number, b"x" * body))
        database.execute("COMMIT")
    database.close()

"""The embedded store: one file, nothing to install, durable when ``commit`` returns."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import weakref
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from journeys._time import described
from journeys.errors import JourneysError, StoreUnavailable, nearest
from journeys.ports import ChangeSet
from journeys.runtime.stores._operations import Operations, as_unit
from journeys.runtime.stores._statements import (
    DELIVERY,
    PUT_OFF_BEFORE,
    RECORD,
    Ask,
    Bulk,
    Statement,
    Statements,
    Steps,
    T,
    Tell,
)
from journeys.runtime.stores._sync import SyncStore

#: marks a file as ours: "jrny"
APPLICATION_ID = 0x6A726E79
SYNCHRONOUS = ("EXTRA", "FULL", "NORMAL", "OFF")
#: pages of the log after which it is copied into the file: the longer, the more often it saves a page's second copying
CHECKPOINT = 8_000
#: what SQLite says where a file cannot be used: at the moment, or as it is
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}
#: kibibytes of the file that a connection keeps in memory
CACHE = 32_000

# A row keeps its place in the table, so that a profile's next change finds it next to those that came with it; only the
# small index entries lie in the order of the keys. States come last, after what is read without them.
_VERSION_1 = (
    "CREATE TABLE meta (one INTEGER PRIMARY KEY CHECK (one = 1), schema INTEGER NOT NULL, secret BLOB NOT NULL,"
    " watermark INTEGER NOT NULL, floor INTEGER NOT NULL) STRICT",
    "CREATE TABLE ids (n INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, leads_to TEXT, version INTEGER NOT NULL,"
    " due INTEGER, live INTEGER NOT NULL, worker TEXT, leased_until INTEGER, state BLOB) STRICT",
    "CREATE INDEX ids_due ON ids (due) WHERE due IS NOT NULL",
    "CREATE INDEX ids_leading ON ids (leads_to) WHERE leads_to IS NOT NULL",
    "CREATE TABLE outbox (n INTEGER PRIMARY KEY, id TEXT NOT NULL, destination TEXT NOT NULL, call TEXT NOT NULL,"
    " body BLOB NOT NULL, at INTEGER NOT NULL, profile TEXT NOT NULL, user_id TEXT, anonymous_id TEXT, journey TEXT,"
    " version INTEGER, instance TEXT, step TEXT, source TEXT, order_key TEXT NOT NULL, tries INTEGER NOT NULL,"
    " ready INTEGER NOT NULL, worker TEXT, died INTEGER, error TEXT) STRICT",
    "CREATE INDEX outbox_ready ON outbox (ready) WHERE died IS NULL",
    "CREATE INDEX outbox_order ON outbox (order_key) WHERE died IS NULL AND order_key <> ''",
    "CREATE INDEX outbox_claimed ON outbox (id) WHERE worker IS NOT NULL",
    "CREATE INDEX outbox_dead ON outbox (id) WHERE died IS NOT NULL",
    "CREATE TABLE trace (n INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, profile TEXT NOT NULL,"
    " key TEXT NOT NULL, seq INTEGER NOT NULL, journey TEXT, instance TEXT, kind TEXT NOT NULL,"
    " record TEXT NOT NULL) STRICT",
    "CREATE INDEX trace_order ON trace (at, profile)",
    "CREATE TABLE trail (name TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (name, n)) STRICT, WITHOUT ROWID",
    "CREATE TABLE trail_end (n INTEGER NOT NULL) STRICT",
    "INSERT INTO trail_end VALUES (0)",
    "CREATE TABLE waiting (arrival INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL, message_id TEXT NOT NULL,"
    " id_key TEXT NOT NULL, call TEXT NOT NULL) STRICT",
    "CREATE INDEX waiting_order ON waiting (timestamp, message_id)",
    "CREATE TABLE counters (name TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE notes (name TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE erased (hash TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
    f"PRAGMA application_id = {APPLICATION_ID}",
)

# A store that has people already says so: what happened to them before was not counted.
_VERSION_2 = (
    "CREATE TABLE tallies (journey TEXT NOT NULL, version INTEGER NOT NULL, day INTEGER NOT NULL, figure TEXT NOT NULL,"
    " n INTEGER NOT NULL, PRIMARY KEY (journey, version, day, figure)) STRICT, WITHOUT ROWID",
    "INSERT INTO tallies SELECT '', 0, 0, '', 1 WHERE EXISTS (SELECT 1 FROM ids)",
)

# What is tried is looked for destination by destination, in the order in which it is tried. An input that waits is
# known by its message, and by every id that it names.
_VERSION_3 = (
    "DROP INDEX outbox_ready",
    "CREATE INDEX outbox_turn ON outbox (destination, ready, at) WHERE died IS NULL",
    "ALTER TABLE waiting ADD COLUMN others TEXT NOT NULL DEFAULT '[]'",
    "CREATE INDEX waiting_message ON waiting (message_id) WHERE message_id <> ''",
)

# The same is said of the figures that count each person once.
_VERSION_4 = (
    "INSERT INTO tallies SELECT '', 0, 0, 'people', 1"
    " WHERE EXISTS (SELECT 1 FROM ids) OR EXISTS (SELECT 1 FROM tallies)",
)

_AMONG = "IN (SELECT value FROM json_each(?))"
_THEIRS = f"profile {_AMONG} AND (key {_AMONG} OR (key = '' AND profile {_AMONG}))"
_OLDEST = "n IN (SELECT n FROM trace WHERE at < ? ORDER BY at, profile, n LIMIT ?)"


def _forgetting(which: str) -> Sequence[str]:
    """Deletes records, and what is known of where they are."""
    named = "SELECT {0}, n FROM trace WHERE {0} IS NOT NULL AND " + which
    return (
        f"DELETE FROM trail WHERE (name, n) IN ({named.format('profile')})",
        f"DELETE FROM trail WHERE (name, n) IN ({named.format('instance')})",
        f"DELETE FROM trace WHERE {which}",
    )


class SQLiteStatements(Statements):
    """What is SQLite's own.

    The trace has no index by profile or instance: keeping one would cost several times what the record itself does.
    The ``trail`` says where their records are, and is brought up to date by whoever asks.
    """

    begin = "BEGIN IMMEDIATE"
    migrations = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4)
    is_there = "SELECT count(*) FROM sqlite_master WHERE name = 'meta'"

    gone = (
        "UPDATE ids SET state = NULL, due = NULL, live = 0, worker = NULL, leased_until = NULL"
        " WHERE key = ? AND version = ? AND state IS NOT NULL"
    )
    changed = (
        "UPDATE ids SET state = ?, due = ?, live = ?, version = version + 1, worker = NULL, leased_until = NULL"
        " WHERE key = ? AND version = ? AND state IS NOT NULL"
    )
    created = (
        "INSERT INTO ids (key, state, due, live, version) SELECT ?, ?, ?, ?, 1 + (SELECT floor FROM meta)"
        " WHERE NOT EXISTS (SELECT 1 FROM erased WHERE hash = ?) ON CONFLICT (key) DO UPDATE"
        " SET state = excluded.state, due = excluded.due, live = excluded.live, version = ids.version + 1"
        " WHERE ids.state IS NULL AND ids.leads_to IS NULL"
    )
    link = (
        "INSERT INTO ids (key, leads_to, live, version) VALUES (?, ?, 0, (SELECT floor FROM meta))"
        " ON CONFLICT (key) DO UPDATE SET leads_to = excluded.leads_to"
        " WHERE ids.state IS NULL AND coalesce(ids.leads_to, '') = ?"
    )
    collapse = "UPDATE ids SET leads_to = ? WHERE leads_to = ?"
    deliver = (
        f"INSERT INTO outbox ({', '.join(DELIVERY[:-1])}, tries, ready)"
        f" VALUES ({', '.join('?' for _ in DELIVERY)} - 1, {PUT_OFF_BEFORE.format(order_key='?')})"
    )
    delivery_row = attrgetter(*DELIVERY, "order_key")
    record = f"INSERT INTO trace ({', '.join(RECORD)}) VALUES ({', '.join('?' for _ in RECORD)})"
    wait = (
        "INSERT INTO waiting (arrival, timestamp, message_id, id_key, call, others) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING"
    )
    applied = "DELETE FROM waiting WHERE arrival = ?"
    count = "INSERT INTO counters (name, n) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n"
    tally = (
        "INSERT INTO tallies (journey, version, day, figure, n) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (journey, version, day, figure) DO UPDATE SET n = n + excluded.n"
    )
    note = "INSERT INTO notes (name, text) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET text = excluded.text"
    done = "DELETE FROM outbox WHERE id = ? AND worker = ?"
    dead = "UPDATE outbox SET died = ?, error = ?, worker = NULL WHERE id = ? AND worker = ?"
    retry = "UPDATE outbox SET ready = ?, worker = NULL WHERE id = ? AND worker = ?"
    back = "UPDATE outbox SET ready = 0, worker = NULL, tries = tries - 1 WHERE id = ? AND worker = ?"
    put_off = (
        "UPDATE outbox SET ready = max(ready, ?) WHERE n IN"
        " (SELECT f.n FROM outbox h JOIN outbox f ON f.order_key = h.order_key WHERE h.id = ? AND h.worker = ?"
        " AND f.order_key <> '' AND f.died IS NULL AND f.n > h.n)"
    )
    forget = "INSERT INTO erased (hash) VALUES (?) ON CONFLICT DO NOTHING"

    names_given = "SELECT value FROM json_each(?)"
    of_each_name = (
        "SELECT names.name, f.n, f.{turn} AS turn, f.at FROM names"
        " CROSS JOIN outbox f ON f.n IN (SELECT o.n FROM outbox o{first})"
    )
    others_among = f"EXISTS (SELECT 1 FROM json_each(others) WHERE value {_AMONG})"

    place_in_trace = "at, profile, key, seq, n"
    start_of_trace = (-1, "", "", -1, -1)
    of_profile = " AND profile = ? AND n IN (SELECT n FROM trail WHERE name = ?)"
    of_instance = " AND instance = ? AND n IN (SELECT n FROM trail WHERE name = ?)"
    erase_trace = _forgetting(_THEIRS)
    prune = _forgetting(_OLDEST)
    unname_trace = _forgetting(f"profile {_AMONG} AND instr(record, ?) > 0")
    body_has = "instr(CAST(body AS TEXT), ?) > 0"

    walk_on = "SELECT key FROM ids WHERE key > ? AND state IS NOT NULL ORDER BY key LIMIT ?"
    follow = (
        "INSERT INTO trail (name, n) SELECT name, n FROM (SELECT profile AS name, n FROM trace WHERE n > {end}"
        " UNION SELECT instance, n FROM trace WHERE n > {end} AND instance IS NOT NULL) ORDER BY name, n"
    ).format(end="(SELECT n FROM trail_end)")
    followed = "UPDATE trail_end SET n = coalesce((SELECT max(n) FROM trace), n)"

    def __init__(self) -> None:
        super().__init__(among=_AMONG)

    def walk(self, after: str, limit: int) -> Ask:
        """Profile keys after one, in order."""
        return Ask(self.walk_on, (after, limit))

    def listed(self, texts: Iterable[str]) -> str:
        """The texts as JSON."""
        listed = json.dumps(list(texts), ensure_ascii=False)
        if "\\u0000" in listed:
            raise ValueError("an id has a NUL: no valid call has one")
        return listed


class SQLiteStore(SyncStore):
    """Keeps everything in one SQLite file; several threads and several processes may use it at once.

    With ``synchronous="FULL"`` what was committed survives a power cut; with ``"NORMAL"``, which is faster, the last
    commits may be lost then (never by the death of the process alone). ``timeout`` is how many seconds to wait for
    another process that is writing. ``errors.StoreUnavailable`` if the file cannot be opened, read or written, from any
    method; the next one tries again.
    """

    def __init__(self, path: str | os.PathLike[str], *, synchronous: str = "FULL", timeout: float = 30.0) -> None:
        if sqlite3.sqlite_version_info < (3, 37):
            raise JourneysError(
                f"SQLite 3.37 or newer is needed, and this Python has {sqlite3.sqlite_version}: use another Python"
            )
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"path: expected the name of a file, got {described(path)}")
        if not isinstance(synchronous, str) or synchronous.upper() not in SYNCHRONOUS:
            raise ValueError(f"unknown synchronous {synchronous!r}: {nearest(str(synchronous).upper(), SYNCHRONOUS)}")
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
            raise TypeError(f"timeout: expected a number of seconds, got {described(timeout)}")
        self.path = Path(path)
        self.synchronous = synchronous.upper()
        self.timeout = timeout
        self._operations = Operations(SQLiteStatements())
        self._lock = threading.Lock()
        self._connection: Any = None
        self._closed = False
        try:
            self._unit(self._operations.open())
        except BaseException:
            self.close()
            raise
        _open_stores.add(self)

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self.path)!r}, synchronous={self.synchronous!r})"

    def _told(self, error: sqlite3.Error) -> str | None:
        """Why the file cannot be used, None if it can: SQLite says the same of all that can be wrong with its place."""
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code not in _UNAVAILABLE:
            return None
        if code == sqlite3.SQLITE_CANTOPEN and not self.path.parent.is_dir():
            place = "" if self.path.is_absolute() else f" in {os.getcwd()!r}"
            return f"there is no folder {str(self.path.parent)!r}{place}"
        if code == sqlite3.SQLITE_CANTOPEN and self.path.is_dir():
            return f"{str(self.path)!r} is a folder: give the name of a file in it"
        if code == sqlite3.SQLITE_BUSY:
            return f"{self.path}: {error}: another process has been writing for more than {self.timeout:g} s"
        return f"{self.path}: {error}"

    def _connect(self) -> Any:
        """A connection to the file, in the state in which all of them are."""
        if self._closed:
            raise JourneysError(f"{self!r} is closed")
        connection = sqlite3.connect(
            self.path, timeout=self.timeout, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: Any) -> None:
        # in this order: who opens a new file at the same time makes its tables and signs it in one commit
        [(tables,)] = connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        [(application,)] = connection.execute("PRAGMA application_id").fetchall()
        if application != APPLICATION_ID and (application or tables):
            raise JourneysError(f"{self.path} is an SQLite file of another application: it is left alone")
        [(mode,)] = connection.execute("PRAGMA journal_mode = WAL").fetchall()
        if mode != "wal":
            raise JourneysError(f"{self.path} cannot have a write-ahead log here (a network file system?)")
        connection.execute(f"PRAGMA synchronous = {self.synchronous}")
        connection.execute(f"PRAGMA cache_size = -{CACHE}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
        connection.execute("PRAGMA secure_delete = ON")  # what is erased does not stay in the file's free space (V6)

    def _ask(self, steps: Steps[T]) -> T:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._connect()
                connection = self._connection
                batch = next(steps)
                while True:
                    try:
                        answers = [_answer(connection, statement) for statement in batch]
                    except BaseException as error:
                        batch = steps.throw(error)
                    else:
                        batch = steps.send(answers)
            except StopIteration as done:
                result: T = done.value
                return result
            except sqlite3.Error as error:
                if (why := self._told(error)) is None:
                    raise
                raise StoreUnavailable(why) from error

    def _unit(self, steps: Steps[T]) -> T:
        return self._ask(as_unit(SQLiteStatements.begin, steps))

    def trace(
        self, *, profile: str | None = None, journey: str | None = None, instance: str | None = None
    ) -> Iterator[str]:
        """``Store.trace``"""
        if profile is not None or instance is not None:
            self._unit(_follow())
        return super().trace(profile=profile, journey=journey, instance=instance)

    def erase(
        self,
        profile_key: str,
        *,
        shown_ids: Collection[str],
        seen_by: Collection[str] = (),
        also: ChangeSet | None = None,
    ) -> Sequence[str]:
        """``Store.erase``; the log, which still has what was written before, is emptied too."""
        id_keys = super().erase(profile_key, shown_ids=shown_ids, seen_by=seen_by, also=also)
        self._ask(_empty_log())
        return id_keys

    def close(self) -> None:
        """``Store.close``"""
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def _answer(connection: Any, statement: Statement) -> Any:
    kind = type(statement)
    if kind is Ask:
        return connection.execute(*statement).fetchall()
    if kind is Bulk:
        return connection.executemany(*statement).rowcount
    return connection.execute(*statement).rowcount


def _follow() -> Steps[None]:
    yield [Tell(SQLiteStatements.follow), Tell(SQLiteStatements.followed)]


def _empty_log() -> Steps[None]:
    yield [Ask("PRAGMA wal_checkpoint(TRUNCATE)")]


# SQLite's connections must not be carried into a child process, not even to be closed there.

_open_stores: weakref.WeakSet[SQLiteStore] = weakref.WeakSet()
_left_to_parent: list[Any] = []


def _leave_connections_to_parent() -> None:
    for store in list(_open_stores):
        _left_to_parent.append(store._connection)
        store._connection = None
        store._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_connections_to_parent)

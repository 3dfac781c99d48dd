"""List destinations of one's own: a CSV file and an SQL table."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from journeys import errors
from journeys.model._fields import one_of
from journeys.plan.values import ABSENT, find, text_of
from journeys.ports import Delivery
from journeys.runtime.destinations._base import PYTHON, WrongSetting
from journeys.runtime.destinations._contents import content
from journeys.runtime.destinations.record import Local

ID = "profile"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)
_FINAL = frozenset(("DataError", "IntegrityError", "OverflowError", "UnicodeError"))
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _columns(value: Mapping[str, str] | Sequence[str]) -> dict[str, str]:
    """Columns and the trait that each holds; a list names both at once."""
    if isinstance(value, str):
        raise TypeError(f"expected a list of names, got the text {value!r}: write [{value!r}]")
    found = dict(value) if isinstance(value, Mapping) else {name: name for name in value}
    if ID in found:
        raise ValueError(f"the column {ID!r} is there already: it holds the id")
    return found


def _row(delivery: Delivery, columns: Mapping[str, str]) -> list[Any]:
    traits = content(delivery)
    values = (find(traits, tuple(path.split("."))) for path in columns.values())
    return [delivery.profile, *(None if value is ABSENT else value for value in values)]


def _changes(deliveries: Sequence[Delivery]) -> dict[str, Delivery]:
    """What is left to do for each profile: the last of its adds and removals decides."""
    last: dict[str, Delivery] = {}
    for delivery in deliveries:
        if delivery.call not in ("add", "remove"):
            raise errors.Rejected(f"a list takes add and remove, not {delivery.call}")
        for name in _names(delivery):
            last.pop(name, None)
        last[delivery.profile] = delivery
    return last


def _names(delivery: Delivery) -> set[str]:
    """The ids under which the profile may be on the list: it may have been anonymous when it was added (P2)."""
    return {delivery.profile, delivery.anonymous_id or delivery.profile}


@attrs.frozen(eq=False, slots=False)
class CSVFile(Local):
    """Keeps who is on a list in a CSV file: the column ``profile``, then those of ``columns``.

    New members are appended in one write; any other change writes a new file beside it and puts that in its place, so
    that a reader never sees half of one. A line that a crash left unfinished is taken off again. ``formulas=False``
    puts an apostrophe before values that a spreadsheet would compute.
    """

    path: Path = attrs.field(converter=Path)
    columns: Mapping[str, str] = attrs.field(default=("email",), converter=_columns, kw_only=True)
    formulas: bool = attrs.field(default=True, kw_only=True)
    _lock: Any = attrs.field(init=False, repr=False, factory=threading.Lock)

    deliver_batch = Local._deliver_batch
    deliver_batch_async = Local._deliver_batch_async

    @property
    def members(self) -> list[dict[str, str]]:
        """The rows, in the order in which they came."""
        with self._locked():
            rows, _ = self._read()
        names = (ID, *self.columns)
        return [dict(zip(names, row, strict=False)) for row in rows.values()]

    def _take(self, deliveries: Sequence[Delivery]) -> None:
        changes = _changes(deliveries)
        try:
            with self._locked():
                self._apply(changes)
        except OSError as error:
            raise errors.Retry(f"the file cannot be written: {type(error).__name__} {error.errno}") from None

    def _apply(self, changes: Mapping[str, Delivery]) -> None:
        rows, size = self._read()
        new: dict[str, list[str]] = {}
        rewrite = False
        for delivery in changes.values():
            row = [self._cell(value) for value in _row(delivery, self.columns)]
            if delivery.call == "add" and rows.get(row[0]) == row:
                continue
            old = [rows.pop(key, None) for key in map(self._cell, _names(delivery))]
            rewrite = rewrite or any(old)
            if delivery.call == "add":
                new[row[0]] = row
        if rewrite or size == 0:
            self._replace([*rows.values(), *new.values()])
        elif new:
            self._append(new.values(), size)

    def _cell(self, value: Any) -> str:
        text = "" if value is None else text_of(value)
        text = text.replace("\0", "")
        return "'" + text if not self.formulas and text.startswith(_FORMULA) else text

    def _read(self) -> tuple[dict[str, list[str]], int]:
        """The rows by id, and how many bytes of the file are whole lines."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return {}, 0
        whole = _whole_lines(data)
        lines = csv.reader(io.StringIO(data[:whole].decode("utf-8", "replace"), newline=""))
        header = next(lines, None)
        if header is not None and header != [ID, *self.columns]:
            raise errors.Retry(f"the file has other columns: {', '.join(header)[:100]}")
        return {row[0]: row for row in lines if row}, whole

    def _append(self, rows: Any, size: int) -> None:
        data = _as_csv(rows)
        with open(self.path, "r+b") as file:
            file.truncate(size)
            file.seek(size)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def _replace(self, rows: Sequence[Sequence[str]]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with open(descriptor, "wb") as file:
                file.write(_as_csv([[ID, *self.columns], *rows]))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileNotFoundError):
                os.chmod(name, self.path.stat().st_mode & 0o777)
            os.replace(name, self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time, in this process and, where the system has such locks, in all."""
        with self._lock:
            try:
                import fcntl
            except ImportError:  # Windows
                yield
                return
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path.with_name(f".{self.path.name}.lock"), "wb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield


def _as_csv(rows: Any) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def _whole_lines(data: bytes) -> int:
    """How much of the file ends with a line break outside of quotes."""
    if data.endswith(b"\n") and data.count(b'"') % 2 == 0:
        return len(data)
    quoted, whole = False, 0
    for index, byte in enumerate(data):
        if byte == 0x22:
            quoted = not quoted
        elif byte == 0x0A and not quoted:
            whole = index + 1
    return whole


@attrs.frozen(eq=False, slots=False)
class SQLTable(Local):
    """Keeps who is on a list in a table: the column ``profile``, then those of ``columns``.

    ``connect`` is the path of an SQLite file, whose table is made if it is not there, or a callable that gives a DB-API
    connection, such as ``lambda: psycopg.connect(...)`` with ``paramstyle="format"``, to a database that has the table.
    A batch is one transaction.
    """

    connect: Callable[[], Any] | str | Path = attrs.field(repr=False)
    table: str
    columns: Mapping[str, str] = attrs.field(default=("email",), converter=_columns, kw_only=True)
    paramstyle: str = attrs.field(default="qmark", kw_only=True, validator=one_of(("qmark", "format")), metadata=PYTHON)

    deliver_batch = Local._deliver_batch
    deliver_batch_async = Local._deliver_batch_async

    def __attrs_post_init__(self) -> None:
        for field, names in (("table", self.table.split(".")), ("columns", [*self.columns])):
            for name in names:
                if not _NAME.fullmatch(name):
                    raise WrongSetting(field, f"{name!r:.40} is no name: expected [A-Za-z_][A-Za-z0-9_]*")

    def _take(self, deliveries: Sequence[Delivery]) -> None:
        changes = _changes(deliveries)
        table = ".".join(f'"{part}"' for part in self.table.split("."))
        names = [ID, *self.columns]
        mark = "?" if self.paramstyle == "qmark" else "%s"
        columns = ", ".join(f'"{name}"' for name in names)
        delete = f'DELETE FROM {table} WHERE "{ID}" = {mark}'
        insert = f"INSERT INTO {table} ({columns}) VALUES ({', '.join([mark] * len(names))})"
        gone = [(name,) for delivery in changes.values() for name in sorted(_names(delivery))]
        rows = [
            tuple(value if isinstance(value, (int, float, str)) or value is None else text_of(value) for value in row)
            for row in (_row(each, self.columns) for each in changes.values() if each.call == "add")
        ]
        try:
            with contextlib.closing(self._open(table, names)) as connection:
                cursor = connection.cursor()
                cursor.executemany(delete, gone)
                if rows:
                    cursor.executemany(insert, rows)
                connection.commit()
        except Exception as error:
            # what a database says repeats values, so only the kind of error is told
            final = _FINAL & {each.__name__ for each in type(error).__mro__}
            reason = f"the table cannot be written: {type(error).__name__}"
            raise (errors.Rejected if final else errors.Retry)(reason) from None

    def _open(self, table: str, names: Sequence[str]) -> Any:
        if callable(self.connect):
            return self.connect()
        connection = sqlite3.connect(self.connect, timeout=10)
        columns = ", ".join(f'"{name}"' for name in names[1:])
        rest = f", {columns}" if columns else ""
        try:
            connection.execute(f'CREATE TABLE IF NOT EXISTS {table} ("{ID}" TEXT PRIMARY KEY NOT NULL{rest})')
        except BaseException:
            connection.close()
            raise
        return connection

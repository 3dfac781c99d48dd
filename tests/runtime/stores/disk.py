"""A disk that forgets what was not synced, and SQLite on it.

The `sqlite3` of Python cannot be given a file system of one's own; apsw, which carries the same SQLite, can. The store
is the same but for its connection.
"""

from __future__ import annotations

import itertools
import random
from typing import Any

import apsw

from journeys.runtime.stores import SQLiteStore

SECTOR = 512
_names = itertools.count()


class PowerCut(Exception):
    """The machine is off."""


class File:
    """Bytes as the process sees them, those that are on the disk for sure, and the writes between them."""

    def __init__(self) -> None:
        self.seen = bytearray()
        self.synced = b""
        self.pending: list[tuple[int, bytes]] = []

    def write(self, offset: int, data: bytes) -> None:
        if len(self.seen) < offset:
            self.seen.extend(bytes(offset - len(self.seen)))
        self.seen[offset : offset + len(data)] = data
        self.pending.append((offset, data))

    def sync(self) -> None:
        self.synced = bytes(self.seen)
        self.pending.clear()

    def cut(self, chance: random.Random, survival: float) -> None:
        """Every sector that was written and not synced survives by chance."""
        on_disk = bytearray(self.synced)
        for offset, data in self.pending:
            for start in range(0, len(data), SECTOR):
                if chance.random() < survival:
                    place = offset + start
                    on_disk.extend(bytes(max(0, place - len(on_disk))))
                    on_disk[place : place + SECTOR] = data[start : start + SECTOR]
        self.seen = on_disk
        self.sync()


class Disk(apsw.VFS):
    """Files in memory; after ``fuse`` operations the power is off."""

    def __init__(self) -> None:
        self.name = f"disk-{next(_names)}"
        self.files: dict[str, File] = {}
        self.fuse = -1
        super().__init__(self.name, base="")

    def spend(self) -> None:
        """One operation that changes the disk."""
        if self.fuse == 0:
            raise PowerCut
        self.fuse -= 1

    def cut(self, chance: random.Random, survival: float) -> None:
        """The power comes back."""
        for file in self.files.values():
            file.cut(chance, survival)
        self.fuse = -1

    def xOpen(self, name: Any, flags: list[int]) -> Handle:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        return Handle(self, self.files.setdefault(path, File()))

    def xDelete(self, name: str, syncdir: bool) -> None:
        self.spend()
        self.files.pop(name, None)

    def xAccess(self, name: str, flags: int) -> bool:
        return name in self.files

    def xFullPathname(self, name: str) -> str:
        return name


class Handle:
    """An open file."""

    def __init__(self, disk: Disk, file: File) -> None:
        self.disk = disk
        self.file = file

    def xRead(self, amount: int, offset: int) -> bytes:
        return bytes(self.file.seen[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        self.disk.spend()
        self.file.write(offset, bytes(data))

    def xTruncate(self, size: int) -> None:
        self.disk.spend()
        del self.file.seen[size:]
        self.file.sync()

    def xSync(self, flags: int) -> None:
        self.disk.spend()
        self.file.sync()

    def xFileSize(self) -> int:
        return len(self.file.seen)

    def xLock(self, level: int) -> None: ...

    def xUnlock(self, level: int) -> None: ...

    def xClose(self) -> None: ...

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, op: int, pointer: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return SECTOR

    def xDeviceCharacteristics(self) -> int:
        return 0


class Answer:
    """A cursor of apsw as one of ``sqlite3``."""

    def __init__(self, rows: list[Any], rowcount: int) -> None:
        self.rows = rows
        self.rowcount = rowcount

    def fetchall(self) -> list[Any]:
        return self.rows


class Connection:
    """A connection of apsw as one of ``sqlite3``."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection

    def execute(self, sql: str, args: Any = ()) -> Answer:
        before = self.connection.total_changes()
        rows = self.connection.execute(sql, tuple(args)).fetchall()
        return Answer(rows, self.connection.total_changes() - before)

    def executemany(self, sql: str, rows: Any) -> Answer:
        before = self.connection.total_changes()
        self.connection.executemany(sql, rows).fetchall()
        return Answer([], self.connection.total_changes() - before)

    def close(self) -> None:
        self.connection.close()


class StoreOnDisk(SQLiteStore):
    """An ``SQLiteStore`` on such a disk."""

    def __init__(self, disk: Disk, synchronous: str) -> None:
        self.disk = disk
        super().__init__("/journeys.db", synchronous=synchronous)

    def _connect(self) -> Any:
        connection = Connection(apsw.Connection(str(self.path), vfs=self.disk.name))
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # a log without shared memory, which this disk has not
        self._prepare(connection)
        return connection

"""A trace that is larger than memory: sorted runs on disk, merged when it is read."""

from __future__ import annotations

import heapq
import json
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import IO, Any, Self

from journeys.engine._effects import Record
from journeys.engine._json import encode

#: records that are held in memory before they go to disk
RUN = 100_000


class SortedTrace:
    """Takes records as they happen, gives them back in the order of (at, profile, as it happened)."""

    def __init__(self, run: int = RUN) -> None:
        self._run = run
        self._records: list[Record] = []
        self._files: list[IO[str]] = []

    def add(self, records: list[Record]) -> None:
        """Takes records."""
        self._records += records
        if len(self._records) >= self._run:
            self._spill()

    def _spill(self) -> None:
        file = tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogatepass")  # noqa: SIM115 - closed at the end
        for order, line in self._lines():
            file.write(json.dumps(order) + "\t" + line + "\n")
        self._files.append(file)

    def _lines(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        records, self._records = sorted(self._records, key=lambda record: record.order), []
        return ((record.order, encode(record.as_dict())) for record in records)

    def __iter__(self) -> Iterator[str]:
        """The records as JSON lines; they can be read once."""
        runs = [_read(file) for file in self._files]
        for _, line in heapq.merge(*runs, self._lines(), key=lambda each: each[0]):
            yield line

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for file in self._files:
            file.close()


def _read(file: IO[str]) -> Iterator[tuple[tuple[Any, ...], str]]:
    file.seek(0)
    for row in file:
        order, _, line = row.rstrip("\n").partition("\t")
        yield tuple(json.loads(order)), line

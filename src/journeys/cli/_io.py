"""What commands read and write: definitions, event lines, progress."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from journeys._time import parse_instant
from journeys.codec import load_space
from journeys.codec.strict_json import InvalidJSON, parse_json
from journeys.errors import JourneysError, Problem
from journeys.model.space import Space
from journeys.plan.validate import examine
from journeys.runtime._opening import SPACE
from journeys.runtime.stores import open_store

#: how the URL of a file begins
SQLITE = "sqlite:///"


class Failure(Exception):
    """Ends a command with a message and an exit code."""

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


def read_bytes(path: str) -> bytes:
    """The content of a file, ``-`` being standard input."""
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise Failure(f"{path}: {error.strerror or error}") from None


def read_space(path: str) -> Space:
    """The space in a file; all its problems at once and exit code 1 if it is invalid."""
    found = examine(read_bytes(path))
    if found.space is None or found.problems:
        raise Failure(f"{path}: {counted(len(found.problems), 'problem')}\n{listed(found.problems)}", 1)
    return found.space


def space_argument(command: Any) -> None:
    """Adds the space that a command is about."""
    command.add_argument("space", metavar="SPACE.json", help="the space; - is standard input")


def journey_argument(command: Any, text: str = "the key of the journey", *, required: bool = True) -> None:
    """Adds the journey that a command is about, which is given by place or by name."""
    command.add_argument(
        "journey", metavar="JOURNEY", nargs="?", default=argparse.SUPPRESS, action=_OneJourney, help=text
    )
    command.add_argument("--journey", metavar="KEY", action=_OneJourney, help="the same as JOURNEY")
    command.set_defaults(needs_journey=required)


class _OneJourney(argparse.Action):
    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        given = getattr(namespace, self.dest, None)
        if given not in (None, values):
            parser.error(f"one journey is expected: JOURNEY or --journey, got {given!r} and {values!r}")
        setattr(namespace, self.dest, values)


def store_option(command: Any, *, required: bool = True, text: str = "the store") -> None:
    """Adds ``--store``."""
    command.add_argument(
        "--store",
        metavar="URL",
        required=required,
        help=f"{text}: sqlite:///journeys.db or postgresql://user@host/database",
    )


def opened_store(url: str, *, anew: bool = False) -> Any:
    """The store that ``--store`` names; only with ``anew`` one that is not there yet, so that a typing mistake is no
    empty store.
    """
    if url.startswith(SQLITE) and url != SQLITE:
        file = Path(url.removeprefix(SQLITE))
        if not anew and file.parent.is_dir() and not file.exists():
            raise Failure(f"--store: there is no file {str(file)!r}")
    try:
        return open_store(url)
    except Exception as error:  # of whatever driver
        raise Failure(f"--store: {error}") from None


def stored_space(store: Any) -> Space:
    """The space that a store was last used with; destinations are not built from it until something is sent."""
    note = store.notes(SPACE).get(SPACE)
    if note is None:
        raise Failure("this store has not been used with a space yet")
    return load_space(note)


def instant(text: str | None, option: str) -> int | None:
    """The instant that an option names, if it is given."""
    try:
        return None if text is None else parse_instant(text)
    except ValueError as error:
        raise Failure(f"{option}: {error}") from None


def listed(problems: Iterable[Problem]) -> str:
    """One problem a paragraph: where, what, and what would be right."""
    lines = []
    for each in problems:
        lines.append(f"  {each.path}\n      {each.message} [{each.code}]")
        if each.hint:
            lines.append(f"      {each.hint}")
    return "\n".join(lines)


def counted(number: int, noun: str) -> str:
    """``1 problem``, ``2 problems``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def call_lines(path: str) -> Iterator[tuple[int, Any, str]]:
    """Line number, call and, where the line is no JSON, why; empty lines are passed over but counted."""
    try:
        file = sys.stdin.buffer if path == "-" else open(path, "rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise Failure(f"{path}: {error.strerror or error}") from None
    with file:
        for number, line in enumerate(file, 1):
            text = line.strip()
            if not text:
                yield number, None, ""
                continue
            try:
                call = parse_json(text)
                yield number, call, "" if call is not None else "expected a call as an object, got null"
            except (InvalidJSON, JourneysError, ValueError) as error:
                yield number, None, str(error).partition("\n")[0]


class Progress:
    """Shows on a terminal how far a long command is; silent elsewhere."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shows = sys.stderr.isatty()
        self._started = self._last = time.monotonic()

    def show(self, number: int) -> None:
        """So many are done."""
        now = time.monotonic()
        if self._shows and now - self._last >= 0.1:
            self._last = now
            rate = number / max(now - self._started, 1e-9)
            print(f"\r{number:,} {self._what} ({rate:,.0f} a second)", end="\x1b[K", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Clears the line."""
        if self._shows:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def table(rows: list[list[str]], *, right: frozenset[int] = frozenset()) -> str:
    """Rows, the first being the heading, in aligned columns; the columns in ``right`` are aligned to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]

    def line(row: list[str]) -> str:
        cells = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    return "\n".join([line(rows[0]), "  ".join("-" * width for width in widths), *map(line, rows[1:])])

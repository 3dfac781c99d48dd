"""How statements travel to PostgreSQL, and their answers back.

A batch is written in one piece and answered in one piece, so that the server is woken once and not for each statement.
Rows travel as one array for each column. The rest is psycopg's: it connects, waits, and reads what is answered.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import cache
from itertools import count
from struct import Struct
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg import adapters, generators
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format
from psycopg.waiting import Ready, Wait

from journeys.runtime.stores._statements import Ask, Bulk, Statement, T, Tell

Connection = psycopg.Connection[Any] | psycopg.AsyncConnection[Any]
#: for ``connection.wait``
Waits = Generator[Wait, Ready | int, T]
#: what will be answered: statements, and None where one was prepared
Sent = Sequence[Statement | None]

#: what each connection was asked, and under which name the server has it prepared, from the second time on. After an
#: error a connection is not used again, and so nobody has to know what became of it.
_asked: WeakKeyDictionary[Connection, dict[str, bytes | None]] = WeakKeyDictionary()
_numbers = count()


def exchange(connection: Connection, batch: Sequence[Statement]) -> Waits[Sequence[Any]]:
    """The answers of the statements, which are one transaction if none has begun."""
    sent = yield from send(connection, batch)
    return (yield from receive(connection, sent))


def send(connection: Connection, batch: Sequence[Statement]) -> Waits[Sent]:
    """Sends the statements, until all of them are on their way."""
    requests = [(statement, *_values(statement)) for statement in batch]
    asked, pgconn = _asked.setdefault(connection, {}), connection.pgconn
    pgconn.enter_pipeline_mode()
    sent: list[Statement | None] = []
    for statement, values, formats in requests:
        sql, is_known = statement.sql, statement.sql in asked
        name = asked.setdefault(sql, None)
        if is_known and name is None and not _is_command(statement):
            name = asked[sql] = b"journeys_%d" % next(_numbers)
            pgconn.send_prepare(name, _numbered(sql))
            sent.append(None)
        if name is None:
            pgconn.send_query_params(_numbered(sql), values, None, formats, Format.BINARY)
        else:
            pgconn.send_query_prepared(name, values, formats, Format.BINARY)
        sent.append(statement)
    pgconn.pipeline_sync()
    yield from generators.send(pgconn)
    return sent


def receive(connection: Connection, sent: Sent) -> Waits[Sequence[Any]]:
    """The answers, or the first error, after which none of the statements has had an effect."""
    pgconn = connection.pgconn
    results = []
    for _ in (*sent, "the end"):
        results += yield from generators.fetch_many(pgconn)
    pgconn.exit_pipeline_mode()
    for result in results:
        if result.status == ExecStatus.FATAL_ERROR:
            raise error_from_result(result)
    reader = Transformer(connection)
    answers: list[Any] = []
    for statement, result in zip(sent, results, strict=False):
        if type(statement) is Ask:
            reader.set_pgresult(result)
            answers.append(reader.load_rows(0, result.ntuples, tuple))
        elif statement is not None:
            answers.append(result.command_tuples or 0)
    return answers


def _is_command(statement: Statement) -> bool:
    """Such as BEGIN, which has no plan."""
    return type(statement) is Tell and not statement.args


@cache
def _numbered(sql: str) -> bytes:
    """The statement with the places of its arguments as PostgreSQL writes them."""
    first, *others = sql.split("?")
    return (first + "".join(f"${number}{text}" for number, text in enumerate(others, 1))).encode()


def _values(statement: Statement) -> tuple[Sequence[bytes | None], Sequence[Format]]:
    """What the statement is given, and in which form."""
    if type(statement) is Bulk:
        args: Sequence[Any] = [array(column) for column in zip(*statement.rows, strict=True)]
    else:
        args = [array(arg) if type(arg) is list else arg for arg in statement[1]]
    formats = [Format.BINARY if isinstance(arg, bytes) else Format.TEXT for arg in args]
    return [arg if arg is None or isinstance(arg, bytes) else _text(str(_plain(arg))) for arg in args], formats


def _text(text: str) -> bytes:
    if "\0" in text:
        raise psycopg.DataError("PostgreSQL keeps no text with a NUL (0x00)")
    return text.encode()


_PLAIN = {str, int, bytes, type(None)}


def _plain(value: Any) -> Any:
    """Text, a number or bytes, also where the type is only derived from that, as a member of an Enum's is."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (int, bytes)):
        return int(value) if isinstance(value, int) else bytes(value)
    raise TypeError(f"PostgreSQL is given text, whole numbers and bytes here, got {type(value).__name__}")


def array(column: Sequence[Any]) -> str | bytes:
    """An array as text; one of byte strings in binary form, which is half as long and read far faster."""
    types = {*map(type, column)}
    if not types <= _PLAIN:
        column = [*map(_plain, column)]
        types = {*map(type, column)}
    if types == {str}:
        return _texts(column)
    if bytes in types:
        return _byte_strings(column)
    if str in types:
        return "{" + ",".join("NULL" if text is None else _texts([text])[1:-1] for text in column) + "}"
    return "{" + repr([*column])[1:-1].replace("None", "NULL") + "}"


def _texts(column: Sequence[str]) -> str:
    """NUL parts them until the rest is escaped; if one has a NUL, it is left there, to be refused."""
    joined = "\0".join(column).replace("\\", "\\\\").replace('"', '\\"')
    return '{"' + (joined.replace("\0", '","') if joined.count("\0") < len(column) else joined) + '"}'


_BYTES = adapters.types["bytea"].oid
_length = Struct(">i").pack
_NULL = _length(-1)
#: one dimension, some may be NULL, their type, how many they are, the number of the first
_heading = Struct(">iiIii").pack


def _byte_strings(column: Sequence[bytes | None]) -> bytes:
    parts = [_heading(1, 1, _BYTES, len(column), 1)]
    for value in column:
        parts += (_NULL,) if value is None else (_length(len(value)), value)
    return b"".join(parts)

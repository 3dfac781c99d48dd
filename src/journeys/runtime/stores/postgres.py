"""The store for several machines: PostgreSQL through psycopg 3, blocking or async.

Both drivers carry the same operations. What travels together is sent as one pipeline, so that a commit of any size is
two round trips, and one if the server checks it; rows travel as arrays, so that it is a handful of statements.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Generic, Self, TypeVar

from journeys._time import described
from journeys.errors import Conflict, JourneysError, StoreUnavailable
from journeys.ports import Backlog, ChangeSet, DeadLetter, Delivery, Loaded, Settled, Waiting
from journeys.runtime.stores._at_once import at_once
from journeys.runtime.stores._operations import PAGE, Operations, as_unit
from journeys.runtime.stores._postgres_sql import SESSION, PostgresStatements
from journeys.runtime.stores._statements import Statement, Steps, T
from journeys.runtime.stores._sync import SyncStore

try:
    import psycopg
    from psycopg import errors
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.pq import ConnStatus, TransactionStatus
except ImportError as missing:
    raise JourneysError("PostgreSQL needs psycopg: pip install 'journeys[postgres]'") from missing

from journeys.runtime.stores._wire import exchange, receive, send  # which needs it, too

#: how the codes begin of what the server says when it goes away, shuts down or has no room; without a code it is silent
_UNAVAILABLE = ("08", "53", "57P")

C = TypeVar("C", "psycopg.Connection[Any]", "psycopg.AsyncConnection[Any]")

#: bytes that are on their way to the server at most, while nobody waits: the commit of a group of calls has its place
_ROOM = 1 << 20

_SETTINGS: dict[str, Any] = {
    "autocommit": True,
    "client_encoding": "utf8",
    "fallback_application_name": "journeys",
}


class _Idle(Generic[C]):
    """Connections that nobody uses at the moment."""

    def __init__(self) -> None:
        self._connections: list[C] = []
        self._closed = False

    def take(self) -> C | None:
        """One that the server has not closed meanwhile, if there is one."""
        if self._closed:
            raise JourneysError("this store is closed")
        while self._connections:
            connection = self._connections.pop()
            if _is_alive(connection):
                return connection
            connection.pgconn.finish()
        return None

    def put(self, connection: C) -> None:
        """One that is not needed any more."""
        is_idle = connection.pgconn.transaction_status == TransactionStatus.IDLE
        if is_idle and not self._closed:
            self._connections.append(connection)
        else:
            connection.pgconn.finish()

    def close(self) -> None:
        """Ends all of them."""
        self._closed = True
        for connection in self._connections:
            connection.pgconn.finish()
        self._connections.clear()


def _is_alive(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> bool:
    try:
        connection.pgconn.consume_input()
        connection.pgconn.consume_input()  # the end comes after the server's last words
    except psycopg.OperationalError:
        return False
    return connection.pgconn.status == ConnStatus.OK


def _make_room(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> None:
    """Makes the system take more than it does of its own accord before the server has read it."""
    connected = socket.socket(fileno=connection.pgconn.socket)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ROOM)
    connected.detach()


def _mistrust(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any], error: BaseException) -> None:
    """Ends a connection whose pipeline has failed: what psycopg then takes for prepared may not be there."""
    if not isinstance(error, JourneysError) or isinstance(error.__cause__, psycopg.Error):
        connection.pgconn.finish()


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except (errors.DeadlockDetected, errors.SerializationFailure) as error:
        raise Conflict(f"the database gave way to another worker: {error}") from error
    except psycopg.OperationalError as error:
        if error.sqlstate is not None and not error.sqlstate.startswith(_UNAVAILABLE):
            raise
        raise StoreUnavailable(f"PostgreSQL: {' '.join(str(error).split())}") from error


def _check_conninfo(conninfo: object) -> None:
    right = "what PostgreSQL takes, such as postgresql://user@host/database"
    if not isinstance(conninfo, str):
        raise TypeError(f"expected {right}, got {described(conninfo)}")
    try:
        conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError as error:
        raise ValueError(f"expected {right}: {error}") from None


class PostgresStore(SyncStore):
    """Keeps everything in one schema of a PostgreSQL database, for any number of workers on any number of machines.

    ``schema`` is made if it is not there. At most ``connections`` are open at once. ``errors.StoreUnavailable`` if the
    server cannot be reached, from any method; the next one tries to reach it again.
    """

    def __init__(self, conninfo: str, *, schema: str = "journeys", connections: int = 16) -> None:
        _check_conninfo(conninfo)
        self.schema = schema
        self._conninfo = conninfo
        self._operations = Operations(PostgresStatements(schema))
        self._slots = threading.BoundedSemaphore(connections)
        #: whoever has a commit under way may want to load meanwhile, so one connection is never used for the former
        self._ahead = threading.BoundedSemaphore(connections - 1)
        self._idle: _Idle[psycopg.Connection[Any]] = _Idle()
        try:
            self._unit(self._operations.open())
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"PostgresStore(schema={self.schema!r})"

    @contextmanager
    def _borrowed(self) -> Iterator[psycopg.Connection[Any]]:
        with self._slots:
            connection, is_new = self._idle.take(), False
            if connection is None:
                with _our_errors():
                    connection, is_new = psycopg.connect(self._conninfo, **_SETTINGS), True
            try:
                if is_new:
                    _make_room(connection)
                    with _our_errors():
                        connection.execute(SESSION, (self.schema, self.schema))
                yield connection
            except BaseException as error:
                _mistrust(connection, error)
                raise
            finally:
                self._idle.put(connection)

    def _ask(self, steps: Steps[T]) -> T:
        with self._borrowed() as connection:
            try:
                batch = next(steps)
                while True:
                    try:
                        answers = _send(connection, batch)
                    except BaseException as error:
                        batch = steps.throw(error)
                    else:
                        batch = steps.send(answers)
            except StopIteration as done:
                result: T = done.value
                return result

    def _unit(self, steps: Steps[T]) -> T:
        return self._ask(as_unit(PostgresStatements.begin, steps))

    def begin_commit(self, changes: ChangeSet) -> Generator[None, None, None]:
        """``CommitsAhead.begin_commit``"""
        commit = self._committing(changes)
        next(commit, None)
        return commit

    def finish_commit(self, begun: Generator[None, None, None]) -> None:
        """``CommitsAhead.finish_commit``"""
        next(begun, None)

    def _committing(self, changes: ChangeSet) -> Generator[None, None, None]:
        """Sends the commit, stops until its outcome is asked for, and waits for that."""
        batch = at_once(self._operations, changes)
        if batch is None or not self._ahead.acquire(blocking=False):
            yield
        else:
            try:
                with self._borrowed() as connection, _our_errors():
                    sent = connection.wait(send(connection, batch))
                    yield
                    connection.wait(receive(connection, sent))
                return
            except (Conflict, psycopg.Error):  # nothing has changed; the single steps say why
                pass
            finally:
                self._ahead.release()
        self._unit(self._operations.commit(changes))

    def close(self) -> None:
        """``Store.close``"""
        self._idle.close()


def _send(connection: psycopg.Connection[Any], batch: Sequence[Statement]) -> Sequence[Any]:
    with _our_errors():
        return connection.wait(exchange(connection, batch))


class AsyncPostgresStore:
    """The async twin of ``PostgresStore``; it opens with its first use."""

    keeps_objects = False

    def __init__(self, conninfo: str, *, schema: str = "journeys", connections: int = 16) -> None:
        _check_conninfo(conninfo)
        self.schema = schema
        self._conninfo = conninfo
        self._operations = Operations(PostgresStatements(schema))
        self._slots = asyncio.BoundedSemaphore(connections)
        self._ahead = asyncio.BoundedSemaphore(connections - 1)
        self._opening = asyncio.Lock()
        self._idle: _Idle[psycopg.AsyncConnection[Any]] = _Idle()

    def __repr__(self) -> str:
        return f"AsyncPostgresStore(schema={self.schema!r})"

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        async with self._slots:
            connection, is_new = self._idle.take(), False
            if connection is None:
                with _our_errors():
                    connection, is_new = await psycopg.AsyncConnection.connect(self._conninfo, **_SETTINGS), True
            try:
                if is_new:
                    _make_room(connection)
                    with _our_errors():
                        await connection.execute(SESSION, (self.schema, self.schema))
                yield connection
            except BaseException as error:
                _mistrust(connection, error)
                raise
            finally:
                self._idle.put(connection)

    async def _ask(self, steps: Steps[T]) -> T:
        if not self._operations.secret:
            async with self._opening:
                if not self._operations.secret:
                    await self._carry(as_unit(PostgresStatements.begin, self._operations.open()))
        return await self._carry(steps)

    async def _carry(self, steps: Steps[T]) -> T:
        async with self._borrowed() as connection:
            try:
                batch = next(steps)
                while True:
                    try:
                        answers = await _send_async(connection, batch)
                    except BaseException as error:
                        batch = steps.throw(error)
                    else:
                        batch = steps.send(answers)
            except StopIteration as done:
                result: T = done.value
                return result

    async def _unit(self, steps: Steps[T]) -> T:
        return await self._ask(as_unit(PostgresStatements.begin, steps))

    async def begin_commit(self, changes: ChangeSet) -> AsyncGenerator[None, None]:
        """``CommitsAhead.begin_commit``"""
        commit = self._committing(changes)
        await anext(commit, None)
        return commit

    async def finish_commit(self, begun: AsyncGenerator[None, None]) -> None:
        """``CommitsAhead.finish_commit``"""
        await anext(begun, None)

    async def _committing(self, changes: ChangeSet) -> AsyncGenerator[None, None]:
        batch = at_once(self._operations, changes)
        if batch is None or self._ahead.locked():
            yield
        else:
            try:
                async with self._ahead, self._borrowed() as connection:
                    with _our_errors():
                        sent = await connection.wait(send(connection, batch))
                        yield
                        await connection.wait(receive(connection, sent))
                return
            except (Conflict, psycopg.Error):
                pass
        await self._unit(self._operations.commit(changes))

    async def close(self) -> None:
        """``AsyncStore.close``"""
        self._idle.close()

    async def load(self, id_keys: Collection[str]) -> Loaded:
        """``AsyncStore.load``"""
        return await self._ask(self._operations.load(id_keys))

    async def commit(self, changes: ChangeSet) -> None:
        """``AsyncStore.commit``"""
        await self._unit(self._operations.commit(changes))

    async def claim_due(self, until: int, limit: int, *, worker: str, now: int, lease: int) -> Sequence[str]:
        """``AsyncStore.claim_due``"""
        return await self._ask(self._operations.claim_due(until, limit, worker=worker, now=now, lease=lease))

    async def next_due(self) -> int | None:
        """``AsyncStore.next_due``"""
        return await self._ask(self._operations.next_due())

    async def waiting(self, until: int, limit: int, *, message_ids: Collection[str] | None = None) -> Sequence[Waiting]:
        """``AsyncStore.waiting``"""
        return await self._ask(self._operations.waiting(until, limit, message_ids=message_ids))

    async def walk(self, after: str | None, limit: int) -> Sequence[str]:
        """``AsyncStore.walk``"""
        return await self._ask(self._operations.walk(after, limit))

    async def claim_deliveries(
        self, now: int, limit: int, *, worker: str, lease: int, destinations: Collection[str] | None = None
    ) -> Sequence[Delivery]:
        """``AsyncStore.claim_deliveries``"""
        steps = self._operations.claim_deliveries(now, limit, worker=worker, lease=lease, destinations=destinations)
        return await self._ask(steps)

    async def settle(self, outcomes: Iterable[Settled], *, worker: str) -> None:
        """``AsyncStore.settle``"""
        await self._unit(self._operations.settle(outcomes, worker=worker))

    async def next_delivery(self, destinations: Collection[str] | None = None) -> int | None:
        """``AsyncStore.next_delivery``"""
        return await self._ask(self._operations.next_delivery(destinations))

    async def backlog(self) -> Mapping[str, Backlog]:
        """``AsyncStore.backlog``"""
        return await self._ask(self._operations.backlog())

    async def dead_letters(self, after: str | None = None, limit: int = 100) -> Sequence[DeadLetter]:
        """``AsyncStore.dead_letters``"""
        return await self._ask(self._operations.dead_letters(after, limit))

    async def resend(self, delivery_ids: Collection[str]) -> int:
        """``AsyncStore.resend``"""
        return await self._ask(self._operations.resend(delivery_ids))

    async def trace(
        self, *, profile: str | None = None, journey: str | None = None, instance: str | None = None
    ) -> AsyncIterator[str]:
        """``AsyncStore.trace``"""
        place = self._operations.sql.start_of_trace
        while page := await self._ask(self._operations.trace(place, profile, journey, instance)):
            for record, *_ in page:
                yield record
            if len(page) < PAGE:
                return
            place = page[-1][1:]

    async def notes(self, prefix: str = "") -> Mapping[str, str]:
        """``AsyncStore.notes``"""
        return await self._ask(self._operations.notes(prefix))

    async def counters(self) -> Mapping[str, int]:
        """``AsyncStore.counters``"""
        return await self._ask(self._operations.counters())

    async def tallies(self, *, journey: str | None = None) -> Sequence[tuple[str, int, int, str, int]]:
        """``AsyncStore.tallies``"""
        return await self._ask(self._operations.tallies(journey))

    async def watermark(self) -> int:
        """``AsyncStore.watermark``"""
        return await self._ask(self._operations.watermark())

    async def figures(self) -> Mapping[str, int]:
        """``AsyncStore.figures``"""
        return await self._ask(self._operations.figures())

    async def erase(
        self,
        profile_key: str,
        *,
        shown_ids: Collection[str],
        seen_by: Collection[str] = (),
        also: ChangeSet | None = None,
    ) -> Sequence[str]:
        """``AsyncStore.erase``"""
        return await self._unit(self._operations.erase(profile_key, shown_ids=shown_ids, seen_by=seen_by, also=also))

    async def lift(self, id_key: str) -> bool:
        """``AsyncStore.lift``"""
        return await self._ask(self._operations.lift(id_key))

    async def prune(self, *, trace_before: int | None = None, limit: int = 10_000) -> int:
        """``AsyncStore.prune``"""
        return await self._unit(self._operations.prune(trace_before=trace_before, limit=limit))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _send_async(connection: psycopg.AsyncConnection[Any], batch: Sequence[Statement]) -> Sequence[Any]:
    with _our_errors():
        return await connection.wait(exchange(connection, batch))

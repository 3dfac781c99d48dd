from __future__ import annotations

import asyncio
import enum
import random
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from journeys.cli import main
from journeys.errors import Conflict, JourneysError, StoreUnavailable
from journeys.ports import ChangeSet, Delivery, Loaded, StateChange
from journeys.runtime.stores import AsyncPostgresStore, PostgresStore, open_store
from journeys.runtime.stores._statements import Ask, Tell
from journeys.runtime.stores._wire import array, exchange
from journeys.testing._store_parts import conflicts, increased, together, until_committed


def state(key: str, expected: int = 0, content: bytes = b"{}", **fields: Any) -> StateChange:
    return StateChange(key=key, state=content, expected=expected, **fields)


@pytest.fixture
def store(postgres_url: str, new_schema: Callable[[], str]) -> Iterator[PostgresStore]:
    with PostgresStore(postgres_url, schema=new_schema()) as store:
        yield store


def test_a_restarted_server_is_noticed_before_a_connection_is_used(store: PostgresStore) -> None:
    store.commit(ChangeSet(states=[state("u:1")]))
    with store._borrowed() as connection:
        pid = connection.info.backend_pid
    with psycopg.connect(store._conninfo, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    assert store.load(["u:1"]).profiles.keys() == {"u:1"}


def test_a_closed_store_says_so(store: PostgresStore) -> None:
    store.close()
    with pytest.raises(JourneysError, match="closed"):
        store.load(["u:1"])


def test_connections_are_used_again_and_limited(postgres_url: str, new_schema: Callable[[], str]) -> None:
    with PostgresStore(postgres_url, schema=new_schema(), connections=2) as store:
        together(*[partial(store.load, ["u:1"])] * 12)
        assert 1 <= len(store._idle._connections) <= 2


def test_async_tasks_share_connections(postgres_url: str, new_schema: Callable[[], str]) -> None:
    async def work() -> None:
        async with AsyncPostgresStore(postgres_url, schema=new_schema(), connections=3) as store:
            changes = [ChangeSet(states=[state(f"u:{n}")]) for n in range(30)]
            await asyncio.gather(*map(store.commit, changes))
            assert len((await store.load([f"u:{n}" for n in range(30)])).profiles) == 30
            assert 1 <= len(store._idle._connections) <= 3
            assert repr(store).startswith("AsyncPostgresStore(schema=")
            with pytest.raises(Conflict):
                await store.commit(changes[0])
            task = asyncio.create_task(store.commit(ChangeSet(counters={"n": 1})))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await store.commit(ChangeSet(counters={"n": 10}))
            assert (await store.counters())["n"] in (10, 11)

    asyncio.run(work())


def test_two_workers_make_the_same_schema_at_once(postgres_url: str, new_schema: Callable[[], str]) -> None:
    for _ in range(3):
        schema = new_schema()
        stores = together(*[partial(PostgresStore, postgres_url, schema=schema)] * 4)
        secrets = {store._operations.secret for store in stores}
        for store in stores:
            store.close()
        assert len(secrets) == 1


def test_a_role_without_the_right_to_make_schemas_uses_one_that_is_there(
    postgres_url: str, new_schema: Callable[[], str]
) -> None:
    schema, role = new_schema(), new_schema()
    PostgresStore(postgres_url, schema=schema).close()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for statement in (
            f"CREATE ROLE {role} LOGIN",
            f"GRANT USAGE ON SCHEMA {schema} TO {role}",
            f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role}",
        ):
            connection.execute(statement.encode())
    with PostgresStore(postgres_url.replace("postgres:@", f"{role}@"), schema=schema) as store:
        store.commit(ChangeSet(states=[state("u:1")], deliveries=[delivery("d")]))
        assert store.load(["u:1"]).profiles


def delivery(id_: str) -> Delivery:
    return Delivery(id=id_, destination="mail", call="track", body=b"{}", at=0, profile="1")


def test_crossing_links_and_profiles_end_in_conflicts_and_not_in_errors(store: PostgresStore) -> None:
    """The one case in which two commits can wait for each other: the database ends it, and it is a conflict."""
    for n in range(6):
        changes = [
            ChangeSet(states=[state(f"a:{one}{n}")], links={f"a:{other}{n}": f"a:{one}{n}"})
            for one, other in (("x", "y"), ("y", "x"))
        ]
        answers = together(*(partial(store.commit, change) for change in changes))
        assert conflicts(answers) == 1
        assert answers.count(None) == 1


def test_profiles_that_are_gone_and_changed_crosswise_do_not_wait_for_each_other(store: PostgresStore) -> None:
    for n in range(15):
        keys = [f"u:{n}-1", f"u:{n}-2"]
        store.commit(ChangeSet(states=[state(key) for key in keys]))
        changes = [
            ChangeSet(states=[state(one, 1, None), state(other, 1)])  # type: ignore[arg-type]
            for one, other in (keys, reversed(keys))
        ]
        answers = together(*(partial(store.commit, change) for change in changes * 2))
        assert conflicts(answers) == 3
        assert [answer.__cause__ for answer in answers if answer is not None] == [None] * 3


def free(store: PostgresStore, keys: list[str]) -> set[str]:
    """Those whose rows nobody holds."""
    with psycopg.connect(store._conninfo) as other:
        rows = other.execute(
            f"SELECT key FROM {store.schema}.ids WHERE key = ANY(%s) FOR UPDATE SKIP LOCKED".encode(), [keys]
        )
        return {key for (key,) in rows}


@pytest.mark.parametrize("there", [True, False], ids=["changed", "made where a profile is gone"])
def test_rows_are_taken_in_the_order_of_their_keys(store: PostgresStore, there: bool) -> None:
    """So a commit holds nothing beyond the row that it waits for; whatever it has to do with them."""
    keys = [f"u:{n}" for n in (*range(40, 80), *range(10, 40))]  # not the order in which they lie in the table
    store.commit(ChangeSet(states=[state(key) for key in keys]))
    if not there:
        store.commit(ChangeSet(states=[state("u:50", 1, None)]))  # type: ignore[arg-type]
    change = ChangeSet(states=[state(key, 0 if key == "u:50" and not there else 1, b"1") for key in keys])
    committing = threading.Thread(target=store.commit, args=(change,))
    with psycopg.connect(store._conninfo) as other:
        other.execute(f"SELECT 1 FROM {store.schema}.ids WHERE key = 'u:50' FOR UPDATE".encode())
        committing.start()
        with psycopg.connect(store._conninfo, autocommit=True) as watching:
            waits = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
            while watching.execute(waits, [other.info.backend_pid]).fetchone() == (0,):
                assert committing.is_alive()
        assert free(store, keys) == {key for key in keys if key > "u:50"}
    committing.join()
    assert {each.state for each in store.load(keys).profiles.values()} == {b"1"}


def told(store: PostgresStore, sql: str, *args: Any) -> list[Any]:
    with store._borrowed() as connection:
        rows: list[tuple[Any]] = connection.wait(exchange(connection, [Ask(sql, args)]))[0]
    return [value for (value,) in rows]


@pytest.mark.parametrize("texts", [[], ["a"], ["", '"', "\\", "NULL", "{,}", "é\n", None], [None, None]])
def test_texts_arrive_as_they_are(store: PostgresStore, texts: list[str | None]) -> None:
    assert told(store, "SELECT unnest(?::text[])", texts) == texts


@pytest.mark.parametrize("values", [[b""], [b"\0\xff", None, b"x" * 3000], [None]])
def test_byte_strings_arrive_as_they_are(store: PostgresStore, values: list[bytes | None]) -> None:
    assert told(store, "SELECT unnest(?::bytea[])", values) == values


def test_numbers_arrive_as_they_are(store: PostgresStore) -> None:
    numbers = [0, -1, 2**62, None]
    assert told(store, "SELECT unnest(?::bigint[])", numbers) == numbers


def test_a_text_with_a_nul_is_refused_and_not_taken_apart_or_cut(store: PostgresStore) -> None:
    for type_, arg in (("text[]", ["a\0b"]), ("text[]", ["a", "b\0c"]), ("text[]", ["\0", None]), ("text", "a\0b")):
        with pytest.raises(psycopg.DataError, match="NUL"):
            told(store, f"SELECT ?::{type_}", arg)


def test_a_batch_is_one_transaction_and_says_what_went_wrong_in_it(store: PostgresStore) -> None:
    """Also where its statements are prepared by then."""
    add = Tell("INSERT INTO notes VALUES (?, ?)", ("name", "text"))
    for _ in range(3):
        with pytest.raises(psycopg.errors.UniqueViolation, match="notes_pkey"), store._borrowed() as connection:
            connection.wait(exchange(connection, [add, add, Ask("SELECT count(*) FROM notes")]))
        assert store.notes() == {}
    for _ in range(3):
        with store._borrowed() as connection:
            answers = connection.wait(
                exchange(connection, [add, Ask("SELECT name FROM notes"), Tell("DELETE FROM notes")])
            )
        assert answers == [1, [("name",)], 1]


def test_long_ids_are_found_by_their_end(store: PostgresStore) -> None:
    """Where an index holds their beginning and a digest; a short one is not taken for it, whatever it looks like."""
    keys = [f"u:{'x' * 598}{end}" for end in ("", "a", "b", "b" * 3000)]
    store.commit(ChangeSet(states=[state(key, content=key[-5:].encode()) for key in keys]))
    with store._borrowed() as connection:
        places = connection.execute(
            "SELECT left(key, 600) || encode(digest, 'hex') FROM ids WHERE digest <> ''"
        ).fetchall()
    assert len(places) == 3
    assert store.load([place for (place,) in places]).profiles == {}
    assert {key: each.state for key, each in store.load(keys).profiles.items()} == {k: k[-5:].encode() for k in keys}
    with pytest.raises(Conflict):
        store.commit(ChangeSet(states=[state(keys[-1])]))


def test_whatever_is_ordered_is_ordered_by_code_point(store: PostgresStore) -> None:
    """This server may have no other order: so the columns are asked."""
    with store._borrowed() as connection:
        rows = connection.execute(
            "SELECT attrelid::regclass::text || '.' || attname FROM pg_attribute a JOIN pg_collation c"
            " ON c.oid = a.attcollation JOIN pg_class t ON t.oid = a.attrelid WHERE collname = 'C' AND relkind = 'r'"
            " AND relnamespace = current_schema()::regnamespace ORDER BY 1"
        ).fetchall()
    assert [name for (name,) in rows] == [
        "ids.key",
        "notes.name",
        "outbox.id",
        "tallies.figure",
        "tallies.journey",
        "trace.key",
        "trace.profile",
        "waiting.message_id",
    ]


def test_no_deadlocks_and_no_lost_changes_under_load(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [f"u:{n}" for n in range(40)]
    causes: list[BaseException | None] = []
    commit = store.commit

    def watched(changes: ChangeSet) -> None:
        try:
            commit(changes)
        except Conflict as conflict:
            causes.append(conflict.__cause__)
            raise

    def change(some: list[str], seed: int, loaded: Loaded) -> ChangeSet:
        return ChangeSet(
            states=[increased(loaded.profiles.get(key), key) for key in some],
            deliveries=[delivery(f"{seed}")],
            counters={"accepted": 1},
            read_watermark=-1,
        )

    def work(seed: int) -> int:
        chance = random.Random(seed)
        total = 0
        for _ in range(15):
            some = chance.sample(keys, 12)
            until_committed(store, some, partial(change, some, seed))
            total += len(some)
        return total

    monkeypatch.setattr(store, "commit", watched)
    totals = together(*(partial(work, seed) for seed in range(6)))
    found = store.load(keys).profiles.values()
    assert sum(int(stored.state) for stored in found) == sum(totals)
    assert store.counters() == {"accepted": 90}
    assert set(causes) == {None}  # conflicts there were, and none of them a deadlock


def test_commits_wait_for_each_other_only_where_the_watermark_moves(store: PostgresStore) -> None:
    store.commit(ChangeSet(watermark=5))
    impatient = PostgresStore(f"{store._conninfo}&options=-clock_timeout%3D300", schema=store.schema)
    with impatient, psycopg.connect(store._conninfo) as other:
        other.execute(store._operations.sql.fence(exclusive=False)[0].sql.replace("?", "%s"), [_fence(store)])
        for change in (ChangeSet(), ChangeSet(watermark=5, read_watermark=5), ChangeSet(watermark=4)):
            impatient.commit(change)
        for change in (ChangeSet(watermark=6), ChangeSet(watermark=6, read_watermark=5)):
            with pytest.raises(psycopg.errors.LockNotAvailable):
                impatient.commit(change)
        assert impatient.watermark() == 5


def _fence(store: PostgresStore) -> Any:
    return store._operations.sql.fence(exclusive=False)[0].args[0]


class Proxy:
    """Passes everything on, and cuts the connection around a COMMIT: before it is sent, or before it is answered."""

    def __init__(self, server: str, directory: Path) -> None:
        self.server = server
        self.url = f"postgresql://postgres:@/postgres?host={directory}"
        self.armed: str | None = None
        self.open: list[socket.socket] = []
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(directory / ".s.PGSQL.5432"))
        self.listening.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(self.server)
            self.open += [client, upstream]
            deaf = threading.Event()
            for source, sink in ((client, upstream), (upstream, client)):
                threading.Thread(target=self.carry, args=(source, sink, source is client, deaf), daemon=True).start()

    def carry(self, source: socket.socket, sink: socket.socket, is_client: bool, deaf: threading.Event) -> None:
        try:
            while (data := source.recv(1 << 16)) and not deaf.is_set():
                armed = self.armed if is_client and b"COMMIT" in data else None
                if armed == "before":
                    break
                if armed == "after":
                    deaf.set()  # whatever the server answers, nobody hears it
                sink.sendall(data)
        except OSError:
            pass
        finally:
            for each in (source, sink):
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self) -> None:
        if self.listening.fileno() >= 0:
            self.listening.shutdown(socket.SHUT_RDWR)
        for each in (self.listening, *self.open):
            each.close()


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[Proxy]:
    with tempfile.TemporaryDirectory(prefix="pg") as directory:  # a socket's path must be short
        proxy = Proxy(postgres_url.partition("host=")[2] + "/.s.PGSQL.5432", Path(directory))
        yield proxy
        proxy.close()


def test_a_server_that_has_gone(proxy: Proxy, new_schema: Callable[[], str]) -> None:
    with PostgresStore(proxy.url, schema=new_schema()) as store:
        proxy.close()
        with pytest.raises(StoreUnavailable, match="PostgreSQL: ") as raised:
            store.figures()
        assert "\n" not in str(raised.value) and isinstance(raised.value.__cause__, psycopg.OperationalError)
        with pytest.raises(StoreUnavailable):
            store.commit(ChangeSet(states=[state("u:1")]))


def test_a_server_that_goes_away_under_a_command(
    proxy: Proxy, new_schema: Callable[[], str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"{proxy.url}&schema={new_schema()}"

    def opened(where: str) -> Any:
        store = open_store(where)
        proxy.close()
        return store

    monkeypatch.setattr("journeys.cli._io.open_store", opened)
    assert main(["status", "--store", url]) == 2
    out, told = capsys.readouterr()
    assert (out, told.count("\n")) == ("", 1) and told.startswith("--store: PostgreSQL: ")


def test_what_names_no_server() -> None:
    with pytest.raises(ValueError, match="expected what PostgreSQL takes, such as postgresql://"):
        PostgresStore("somewhere")
    with pytest.raises(TypeError, match="got 3"):
        PostgresStore(3)  # type: ignore[arg-type]


def lose_commits(proxy: Any, schema: str, cuts: int) -> None:
    lost = 0  # on a busy machine an answer now and then comes before the cut
    with PostgresStore(proxy.url, schema=schema) as store:
        for n in range(cuts):
            loaded = store.load(["u:1"]).profiles
            change = ChangeSet(
                states=[increased(loaded.get("u:1"), "u:1")],
                deliveries=[delivery(f"d{n}")],
                counters={"n": 1},
            )
            proxy.armed = ("before", "after")[n % 2]
            try:
                store.commit(change)
            except StoreUnavailable:
                lost += 1
            proxy.armed = None
            try:
                store.commit(change)
            except Conflict:
                pass
            assert store.load(["u:1"]).profiles["u:1"].state == b"%d" % (n + 1)
        assert (store.figures()["outbox"], store.counters()) == (cuts, {"n": cuts})
    assert lost >= cuts // 2


def test_a_lost_commit_has_its_effect_once(proxy: Proxy, new_schema: Callable[[], str]) -> None:
    lose_commits(proxy, new_schema(), 10)


@pytest.mark.soak
def test_1000_lost_commits_have_their_effects_once(proxy: Proxy, new_schema: Callable[[], str]) -> None:
    lose_commits(proxy, new_schema(), 1000)


class Text(str):
    """Text of a type of one's own."""


class Name(enum.StrEnum):
    MAIL = "file:1"


def test_text_is_text_whatever_its_type() -> None:
    """I6: as SQLite takes it; what is neither text nor a whole number nor bytes is refused and never guessed."""
    assert array([Text("42"), Name.MAIL, 'a,"b']) == '{"42","file:1","a,\\"b"}'
    assert array([Text("a,b")]) == '{"a,b"}'
    assert array([True, None, 3]) == "{1, NULL, 3}"
    with pytest.raises(TypeError, match="got float"):
        array([1.5])

"""What is PostgreSQL's own in the SQL of a store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from journeys.ports import ChangeSet
from journeys.runtime.stores._statements import DELIVERY, PUT_OFF_BEFORE, RECORD, Ask, Statements

#: What every connection begins with. Plans are held to the indexes: a table that was small when a statement was
#: planned may not be so when it runs. The name of the schema is data like any other.
SESSION = (
    "SELECT set_config('journeys.schema', %s, false), set_config('search_path', quote_ident(%s), false),"
    " set_config('jit', 'off', false), set_config('enable_seqscan', 'off', false),"
    " set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false)"
)

_MAKE_SCHEMA = (
    "DO $$ BEGIN IF current_schema() IS NULL THEN"
    " EXECUTE format('CREATE SCHEMA %I', current_setting('journeys.schema'));"
    " END IF; END $$"
)

# A B-tree takes no entry over 2,704 bytes, and an id may have 4,096 characters: what holds ids is found by a digest or
# through a hash index, and ordered by its beginning.
_VERSION_1 = (
    "CREATE TABLE meta (one integer PRIMARY KEY CHECK (one = 1), schema integer NOT NULL, secret bytea NOT NULL,"
    " watermark bigint NOT NULL, floor bigint NOT NULL)",
    'CREATE TABLE ids (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text COLLATE "C" NOT NULL,'
    " digest bytea NOT NULL UNIQUE, leads_to text, version bigint NOT NULL, due bigint, live bigint NOT NULL,"
    " worker text, leased_until bigint, state bytea)",
    "CREATE INDEX ids_due ON ids (due) WHERE due IS NOT NULL",
    "CREATE INDEX ids_walk ON ids (left(key, 600)) WHERE state IS NOT NULL",
    "CREATE INDEX ids_leading ON ids USING hash (leads_to) WHERE leads_to IS NOT NULL",
    'CREATE TABLE outbox (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text COLLATE "C" NOT NULL,'
    " destination text NOT NULL, call text NOT NULL, body bytea NOT NULL, at bigint NOT NULL, profile text NOT NULL,"
    " user_id text, anonymous_id text, journey text, version bigint, instance text, step text, source text,"
    " order_key text NOT NULL, tries bigint NOT NULL, ready bigint NOT NULL, worker text, died bigint, error text)",
    "CREATE INDEX outbox_ready ON outbox (ready, n) WHERE died IS NULL",
    "CREATE INDEX outbox_order ON outbox USING hash (order_key) WHERE died IS NULL AND order_key <> ''",
    "CREATE INDEX outbox_claimed ON outbox (id) WHERE worker IS NOT NULL",
    "CREATE INDEX outbox_dead ON outbox (id) WHERE died IS NOT NULL",
    "CREATE TABLE trace (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at bigint NOT NULL,"
    ' profile text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, seq bigint NOT NULL, journey text,'
    " instance text, kind text NOT NULL, record text NOT NULL)",
    "CREATE INDEX trace_order ON trace (at, left(profile, 100))",
    "CREATE INDEX trace_profile ON trace USING hash (profile)",
    "CREATE INDEX trace_instance ON trace USING hash (instance) WHERE instance IS NOT NULL",
    "CREATE TABLE waiting (arrival bigint PRIMARY KEY, timestamp bigint NOT NULL,"
    ' message_id text COLLATE "C" NOT NULL, id_key text NOT NULL, call text NOT NULL)',
    "CREATE INDEX waiting_order ON waiting (timestamp)",
    "CREATE TABLE counters (name text, shard integer, n bigint NOT NULL, PRIMARY KEY (name, shard))",
    'CREATE TABLE notes (name text COLLATE "C" PRIMARY KEY, text text NOT NULL)',
    "CREATE TABLE erased (hash text PRIMARY KEY)",
)

# A store that has people already says so: what happened to them before was not counted.
_VERSION_2 = (
    'CREATE TABLE tallies (journey text COLLATE "C" NOT NULL, version bigint NOT NULL, day bigint NOT NULL,'
    ' figure text COLLATE "C" NOT NULL, digest bytea NOT NULL, shard integer NOT NULL, n bigint NOT NULL,'
    " PRIMARY KEY (digest, version, day, shard))",
    "INSERT INTO tallies SELECT '', 0, 0, '', '', 0, 1 WHERE EXISTS (SELECT 1 FROM ids)",
)

# What is tried is looked for destination by destination, in the order in which it is tried. An input that waits is
# known by its message, and by every id that it names.
_VERSION_3 = (
    "DROP INDEX outbox_ready",
    "CREATE INDEX outbox_turn ON outbox (destination, ready, at, n) WHERE died IS NULL",
    "ALTER TABLE waiting ADD COLUMN others text NOT NULL DEFAULT '[]'",
    "CREATE INDEX waiting_message ON waiting USING hash (message_id) WHERE message_id <> ''",
)

# The same is said of the figures that count each person once.
_VERSION_4 = (
    "INSERT INTO tallies SELECT '', 0, 0, 'people', 'people', 0, 1"
    " WHERE EXISTS (SELECT 1 FROM ids) OR EXISTS (SELECT 1 FROM tallies)",
)

#: characters of the longest key that lies in an index as it is; of a longer one lie its beginning and its digest
_LONG = 600
_DIGEST = "substr(sha256(convert_to({0}, 'UTF8')), 1, 16)"
_PLACE = f"CASE WHEN char_length({{0}}) > {_LONG} THEN left({{0}}, {_LONG}) || encode({{1}}, 'hex') ELSE {{0}} END"

# The keys lie in their own order in the one index by which they are found and walked: of a profile whose deadline moves
# there are two entries to make anew. ``digest`` is for the long ones.
_VERSION_5 = (
    "DROP INDEX ids_walk",
    "ALTER TABLE ids DROP CONSTRAINT ids_digest_key",
    "ALTER TABLE ids DROP COLUMN n",
    f"CREATE UNIQUE INDEX ids_place ON ids (({_PLACE.format('key', 'digest')}))",
)

_AMONG = "= ANY(?)"
# How many they are is hidden from the planner: else it takes a plan for so few to be worth planning anew each time.
_GIVEN = "(SELECT ?::{0}[])"
_TEXTS = f"unnest({_GIVEN.format('text')})"
_ITS_PLACE = _PLACE.format("ids.key", "ids.digest")
_PLACE_OF = _PLACE.format("{0}", _DIGEST)
_DIGEST_OF = f"CASE WHEN char_length({{0}}) > {_LONG} THEN {_DIGEST} ELSE '' END"
_THIS_ID = f"{_ITS_PLACE} = {_PLACE_OF.format('c.key')}"
_KEY_AMONG = f"{_ITS_PLACE} = ANY(ARRAY(SELECT {_PLACE_OF.format('k')} FROM {_TEXTS} k))"
_state_of = attrgetter("state")
_CLAIMED = "outbox.id = c.id AND outbox.worker = c.worker"

_DELIVERY_TYPES = {"body": "bytea", "at": "bigint", "version": "bigint", "attempt": "bigint"}
_RECORD_TYPES = {"at": "bigint", "seq": "bigint"}


def _rows(**types: str) -> str:
    """The rows of a ``Bulk``, which come as one array for each column."""
    return f"unnest({', '.join(map(_GIVEN.format, types.values()))}) AS c({', '.join(types)})"


_CREATED = _rows(key="text", state="bytea", due="bigint", live="bigint", hash="text")
_NOT_ERASED = "NOT EXISTS (SELECT 1 FROM erased WHERE erased.hash = c.hash)"


class PostgresStatements(Statements):
    """What is PostgreSQL's own.

    A commit takes, in this order: the fence; the rows that it makes, in the order of their keys; the rows that were
    there, in the same order; the counters. While it makes rows it may have to wait for any other commit, but only for
    its rows wait those that make some too; later it waits for those alone that are as far. So no circle closes. If a
    row that it would make was there without a profile, it begins again, and takes that one in its place among others.
    """

    begin = "BEGIN"
    migrations = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4, _VERSION_5)
    make_schema = _MAKE_SCHEMA
    is_there = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'meta'"

    gone = (
        "UPDATE ids SET state = NULL, due = NULL, live = 0, worker = NULL, leased_until = NULL"
        f" FROM {_rows(key='text', expected='bigint')}"
        f" WHERE {_THIS_ID} AND ids.version = c.expected AND ids.state IS NOT NULL"
    )
    changed = (
        "UPDATE ids SET state = c.state, due = c.due, live = c.live, version = version + 1,"
        " worker = NULL, leased_until = NULL"
        f" FROM {_rows(state='bytea', due='bigint', live='bigint', key='text', expected='bigint')}"
        f" WHERE {_THIS_ID} AND ids.version = c.expected AND ids.state IS NOT NULL"
    )
    created = (
        "WITH made AS (INSERT INTO ids (digest, key, state, due, live, version)"
        f" SELECT {_DIGEST_OF.format('c.key')}, c.key, c.state, c.due, c.live, 1 + (SELECT floor FROM meta)"
        f" FROM {_CREATED} WHERE {_NOT_ERASED} ORDER BY c.key ON CONFLICT DO NOTHING RETURNING state)"
        " SELECT 1 FROM made WHERE state IS NOT NULL"
    )
    revived = (
        "UPDATE ids SET state = c.state, due = c.due, live = c.live, version = version + 1"
        f" FROM {_CREATED} WHERE {_THIS_ID} AND ids.state IS NULL AND ids.leads_to IS NULL"
        f" AND c.state IS NOT NULL AND {_NOT_ERASED}"
    )
    link = (
        f"UPDATE ids SET leads_to = c.leads_to FROM {_rows(key='text', leads_to='text', was='text')}"
        f" WHERE {_THIS_ID} AND ids.state IS NULL AND coalesce(ids.leads_to, '') = c.was"
    )
    collapse = (
        f"UPDATE ids SET leads_to = c.leads_to FROM {_rows(leads_to='text', was='text')} WHERE ids.leads_to = c.was"
    )
    deliver = (
        f"INSERT INTO outbox ({', '.join(DELIVERY[:-1])}, tries, ready)"
        f" SELECT {', '.join(DELIVERY[:-1])}, attempt - 1, {PUT_OFF_BEFORE.format(order_key='c.order_key')}"
        f" FROM {_rows(**{name: _DELIVERY_TYPES.get(name, 'text') for name in DELIVERY})}"
    )
    record = (
        f"INSERT INTO trace ({', '.join(RECORD)})"
        f" SELECT * FROM {_rows(**{name: _RECORD_TYPES.get(name, 'text') for name in RECORD})}"
    )
    wait = (
        "INSERT INTO waiting (arrival, timestamp, message_id, id_key, call, others) SELECT * FROM"
        f" {_rows(arrival='bigint', timestamp='bigint', message_id='text', id_key='text', call='text', others='text')}"
        " ON CONFLICT DO NOTHING"
    )
    applied = f"DELETE FROM waiting USING {_rows(arrival='bigint')} WHERE waiting.arrival = c.arrival"
    # in shards, so that workers who count the same need not wait for each other
    count = (
        "INSERT INTO counters (name, shard, n) SELECT name, mod(pg_backend_pid(), 16), n"
        f" FROM {_rows(name='text', n='bigint')}"
        " ON CONFLICT (name, shard) DO UPDATE SET n = counters.n + excluded.n"
    )
    tally = (
        "INSERT INTO tallies (journey, version, day, figure, digest, shard, n) SELECT c.journey, c.version, c.day,"
        " c.figure, sha256(convert_to(c.journey || ' ' || c.figure, 'UTF8')), mod(pg_backend_pid(), 16), c.n"
        f" FROM {_rows(journey='text', version='bigint', day='bigint', figure='text', n='bigint')}"
        " ON CONFLICT (digest, version, day, shard) DO UPDATE SET n = tallies.n + excluded.n"
    )
    note = (
        f"INSERT INTO notes (name, text) SELECT * FROM {_rows(name='text', text='text')}"
        " ON CONFLICT (name) DO UPDATE SET text = excluded.text"
    )
    done = f"DELETE FROM outbox USING {_rows(id='text', worker='text')} WHERE {_CLAIMED}"
    dead = (
        "UPDATE outbox SET died = c.at, error = c.error, worker = NULL"
        f" FROM {_rows(at='bigint', error='text', id='text', worker='text')} WHERE {_CLAIMED}"
    )
    retry = (
        "UPDATE outbox SET ready = c.ready, worker = NULL"
        f" FROM {_rows(ready='bigint', id='text', worker='text')} WHERE {_CLAIMED}"
    )
    back = (
        "UPDATE outbox SET ready = 0, worker = NULL, tries = tries - 1"
        f" FROM {_rows(id='text', worker='text')} WHERE {_CLAIMED}"
    )
    # not hidden: the best way depends on how much is there
    put_off = (
        "WITH behind AS MATERIALIZED (SELECT f.n, c.ready"
        " FROM unnest(?::bigint[], ?::text[], ?::text[]) AS c(ready, id, worker)"
        " JOIN outbox h ON h.id = c.id AND h.worker = c.worker"
        " JOIN outbox f ON f.order_key = h.order_key AND f.order_key <> '' AND f.died IS NULL AND f.n > h.n"
        " WHERE f.ready < c.ready FOR UPDATE OF f SKIP LOCKED)"
        " UPDATE outbox SET ready = behind.ready FROM behind WHERE outbox.n = behind.n"
    )
    forget = f"INSERT INTO erased (hash) SELECT * FROM {_rows(hash='text')} ON CONFLICT DO NOTHING"

    names_given = f"SELECT {_TEXTS}"
    of_each_name = (
        "SELECT names.name, f.n, f.{turn} AS turn, f.at FROM names"
        " CROSS JOIN LATERAL (SELECT o.n, o.ready, o.at FROM outbox o{first}) f"
    )
    others_among = f"EXISTS (SELECT 1 FROM jsonb_array_elements_text(others::jsonb) other WHERE other {_AMONG})"

    of_profile = " AND profile = ?"
    of_instance = " AND instance = ?"
    place_in_trace = "at, left(profile, 100), profile, key, seq, n"
    start_of_trace = (-1, "", "", "", -1, -1)
    erase_trace = (f"DELETE FROM trace WHERE profile {_AMONG} AND (key {_AMONG} OR (key = '' AND profile {_AMONG}))",)
    prune = (
        "WITH those AS MATERIALIZED"
        " (SELECT n FROM trace WHERE at < ? ORDER BY at, left(profile, 100), n LIMIT ? FOR UPDATE SKIP LOCKED)"
        " DELETE FROM trace WHERE n IN (SELECT n FROM those)",
    )

    unname_trace = (f"DELETE FROM trace WHERE profile {_AMONG} AND strpos(record, ?) > 0",)
    body_has = "position(convert_to(?, 'UTF8') in body) > 0"

    share = "SELECT pg_advisory_xact_lock_shared(?)"
    exclude = "SELECT pg_advisory_xact_lock(?)"
    lock = f"SELECT count(*) FROM (SELECT 1 FROM ids WHERE {_KEY_AMONG} ORDER BY key FOR UPDATE) AS locked"
    lock_claimed = (
        f"SELECT count(*) FROM (SELECT 1 FROM outbox WHERE id {_AMONG} AND worker = ? ORDER BY n FOR UPDATE) AS locked"
    )
    walk_on = (
        f"SELECT key FROM ids WHERE {_ITS_PLACE} > (SELECT {_PLACE_OF.format('c.key')} FROM (SELECT ?::text AS key) c)"
        f" AND state IS NOT NULL ORDER BY {_ITS_PLACE} LIMIT ?"
    )

    def __init__(self, schema: str) -> None:
        super().__init__(
            among=_AMONG,
            key_among=_KEY_AMONG,
            this_id="ctid",
            for_update=" FOR UPDATE",
            skip_locked=" FOR UPDATE SKIP LOCKED",
        )
        digest = hashlib.blake2b(f"journeys {schema}".encode(), digest_size=8).digest()
        self._fence = int.from_bytes(digest, "big", signed=True)

    def listed(self, texts: Iterable[str]) -> list[str]:
        """The texts as an array."""
        return list(texts)

    def walk(self, after: str, limit: int) -> Ask:
        """Profile keys after one, in order."""
        return Ask(self.walk_on, (after, limit))

    def fence(self, *, exclusive: bool) -> Sequence[Ask]:
        """A lock of the schema that no table holds: it leaves no trace of itself, and is shared without waiting."""
        return [Ask(self.exclude if exclusive else self.share, (self._fence,))]

    def room_for(self, id_keys: Iterable[str]) -> Sequence[tuple[Any, ...]]:
        """Rows without a profile."""
        return [(id_key, None, None, 0, "") for id_key in id_keys]

    def needs_locks(self, changes: ChangeSet) -> bool:
        """Profiles that are only changed are so in the order in which they are sent, which is that of their keys."""
        return bool(changes.links) or None in map(_state_of, changes.states)

    def lock_ids(self, changes: ChangeSet) -> Sequence[Ask]:
        """Locks in the order of the keys, so that two commits never wait for each other."""
        keys = {*map(attrgetter("key"), changes.states), *changes.links, *changes.links.values()}
        return [Ask(self.lock, (sorted(keys),))] if len(keys) > 1 else []

    def lock_outbox(self, ids: Sequence[str], worker: str) -> Sequence[Ask]:
        """Locks in the order of the commits."""
        return [Ask(self.lock_claimed, (list(ids), worker))]

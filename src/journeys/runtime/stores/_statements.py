"""The SQL that SQLite and PostgreSQL share, and what a dialect must add.

``ids`` has a row for each id key: it holds a profile (``state``), or says which profile the id key ``leads_to``, or
neither, after the profile is gone. One row for both makes the key's uniqueness decide every race between those who
make a profile and those who link its id away.

Names are constants of this package and data is always a parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

import attrs

from journeys.ports import ChangeSet, Delivery, TraceRow

T = TypeVar("T")


class Ask(NamedTuple):
    """A statement that is answered with its rows."""

    sql: str
    args: Sequence[Any] = ()


class Tell(NamedTuple):
    """A statement that is answered with how many rows it touched."""

    sql: str
    args: Sequence[Any] = ()


class Bulk(NamedTuple):
    """A statement for each of the rows, answered with how many rows they touched together."""

    sql: str
    rows: Sequence[tuple[Any, ...]]


Statement = Ask | Tell | Bulk
#: an operation: yields statements that may travel together, is sent their answers, and returns its own
Steps = Generator[Sequence[Statement], Sequence[Any], T]


DELIVERY = tuple(field.name for field in attrs.fields(Delivery))
RECORD = tuple(field.name for field in attrs.fields(TraceRow))
record_row = attrgetter(*RECORD)

#: columns of a delivery as they are read; ``tries`` counts those made
_READ = ", ".join("tries" if name == "attempt" else name for name in DELIVERY)
_UNSETTLED_BEFORE = (
    "SELECT 1 FROM outbox before WHERE before.order_key = o.order_key AND before.order_key <> ''"
    " AND before.n < o.n AND before.died IS NULL"
)
#: until when a delivery is put off with those before it in its order: so it is not looked at again and again until then
PUT_OFF_BEFORE = (
    "coalesce((SELECT max(before.ready) FROM outbox before WHERE before.order_key = {order_key}"
    " AND before.order_key <> '' AND before.died IS NULL AND before.worker IS NULL), 0)"
)
#: the destinations of all that is unsettled: one look into the index for each of them
_ALL_NAMES = (
    "SELECT min(destination) FROM outbox WHERE died IS NULL UNION ALL"
    " SELECT (SELECT min(o.destination) FROM outbox o WHERE o.died IS NULL AND o.destination > names.name)"
    " FROM names WHERE names.name IS NOT NULL"
)
#: whose a delivery is: its user's, else its anonymous visitor's
_OWNER = "coalesce('u:' || user_id, 'a:' || anonymous_id)"


class Statements:
    """A dialect. ``among`` compares with one parameter made by ``listed``."""

    begin: str
    #: for each version of the schema the statements that lead to it from the version before
    migrations: Sequence[Sequence[str]]
    #: whether there are tables at all
    is_there: str
    #: makes what the tables are in, if that is not there
    make_schema: str = "SELECT 1"

    # for each row; the parameters are named in the comments
    gone: str  # key, expected
    changed: str  # state, due, live, key, expected
    created: str  # key, state, due, live, hash
    revived: str = ""  # the same rows, if ``created`` leaves those alone whose profile is gone
    link: str  # key, leads_to, was
    collapse: str  # leads_to, was
    deliver: str  # what ``delivery_row`` makes of a delivery
    delivery_row: Callable[[Delivery], tuple[Any, ...]] = attrgetter(*DELIVERY)
    record: str  # the fields of TraceRow
    wait: str  # arrival, timestamp, message_id, id_key, call, others
    applied: str  # arrival
    count: str  # name, n
    tally: str  # journey, version, day, figure, n
    note: str  # name, text
    done: str  # id, worker
    dead: str  # at, error, id, worker
    retry: str  # ready, id, worker
    back: str  # id, worker
    put_off: str  # ready, id, worker: what follows that delivery in its order
    forget: str  # hash

    # of the outbox
    #: the destinations that are given, as rows
    names_given: str
    #: for each of ``names`` the first rows of ``outbox o``, the name being at hand: name, n, turn and at
    of_each_name: str

    # of the inputs that wait
    #: compares the id keys that an input names beside its own with a parameter made by ``listed``
    others_among: str

    # of the trace
    #: the columns that say where a record is, and a place before all of them
    place_in_trace: str
    start_of_trace: tuple[Any, ...]
    of_profile: str
    of_instance: str
    #: each with the parameters (profiles, keys, profiles), and (at, limit); the last one is counted
    erase_trace: Sequence[str]
    prune: Sequence[str]
    #: each with the parameters (profiles, a text that a record has)
    unname_trace: Sequence[str]
    #: whether a delivery's body has a text
    body_has: str

    def __init__(
        self, *, among: str, key_among: str = "", this_id: str = "n", for_update: str = "", skip_locked: str = ""
    ) -> None:
        key_among = key_among or f"key {among}"
        self.meta = "SELECT schema, watermark, floor FROM meta"
        self.secret = "SELECT secret FROM meta"
        self.start = "INSERT INTO meta (one, schema, secret, watermark, floor) VALUES (1, ?, ?, -1, 0)"
        self.reach = "UPDATE meta SET schema = ?"
        self.move_watermark = "UPDATE meta SET watermark = ? WHERE watermark < ?"
        self.raise_floor = "UPDATE meta SET floor = ? WHERE floor < ?"

        self.find = f"SELECT key, leads_to, state, version FROM ids WHERE {key_among}"
        self.look = f"SELECT key, leads_to FROM ids WHERE {key_among}"
        self.erased = f"SELECT hash FROM erased WHERE hash {among}"
        self.next_due = "SELECT min(due) FROM ids WHERE due IS NOT NULL"
        self.claim_due = (
            f"WITH those AS (SELECT {this_id} FROM ids"
            " WHERE due <= ? AND (leased_until IS NULL OR leased_until <= ? OR worker = ?)"
            f" ORDER BY due LIMIT ?{skip_locked})"
            f" UPDATE ids SET worker = ?, leased_until = ? WHERE {this_id} IN (SELECT {this_id} FROM those)"
            " RETURNING due, key"
        )
        self.waiting, self.waiting_of = (
            f"SELECT timestamp, message_id, arrival, id_key, call, others FROM waiting"
            f" WHERE timestamp <= ?{of_messages} ORDER BY timestamp, message_id, arrival LIMIT ?"
            for of_messages in ("", f" AND message_id <> '' AND message_id {among}")
        )

        self._claim(skip_locked)
        self.backlog = (
            "SELECT destination, count(*) FILTER (WHERE died IS NULL AND worker IS NULL),"
            " count(*) FILTER (WHERE died IS NULL AND worker IS NOT NULL), count(died),"
            " min(at) FILTER (WHERE died IS NULL) FROM outbox GROUP BY destination ORDER BY destination"
        )
        self.dead_letters = (
            f"SELECT error, died, {_READ} FROM outbox WHERE died IS NOT NULL AND id > ? ORDER BY id LIMIT ?"
        )
        self.resend = (
            f"UPDATE outbox SET died = NULL, error = NULL, tries = 0, ready = 0 WHERE died IS NOT NULL AND id {among}"
        )

        places = ", ".join("?" for _ in self.start_of_trace)
        self.trace = f"SELECT record, {self.place_in_trace} FROM trace WHERE ({self.place_in_trace}) > ({places})"
        self.of_journey = " AND journey = ?"
        self.in_order = f" ORDER BY {self.place_in_trace} LIMIT ?"
        self.counters = "SELECT name, CAST(sum(n) AS bigint) FROM counters GROUP BY name ORDER BY name"
        self.tallies = (
            "SELECT journey, version, day, figure, CAST(sum(n) AS bigint) FROM tallies WHERE journey IN (?, '')"
            " GROUP BY journey, version, day, figure ORDER BY journey, version, day, figure"
        )
        self.all_tallies = self.tallies.replace(" WHERE journey IN (?, '')", "")
        self.meta_noted = (
            "SELECT schema, watermark, name, text FROM meta LEFT JOIN"
            f" (SELECT name, text FROM notes WHERE text <> '' AND name IN ({self.names_given})) noted ON TRUE"
        )
        self.notes = "SELECT name, text FROM notes WHERE substr(name, 1, ?) = ? ORDER BY name"
        self.figures = (
            "SELECT p.profiles, CAST(p.live AS bigint), p.due, o.n - o.dead, o.dead, t.n, w.n FROM"
            " (SELECT count(state) AS profiles, coalesce(sum(live), 0) AS live, count(due) AS due FROM ids) p,"
            " (SELECT count(*) AS n, count(died) AS dead FROM outbox) o,"
            " (SELECT count(*) AS n FROM trace) t, (SELECT count(*) AS n FROM waiting) w"
        )

        self.led = f"SELECT key, version FROM ids WHERE {key_among} OR leads_to {among}"
        self.erase_ids = f"DELETE FROM ids WHERE {key_among}"
        self.erase_outbox = (
            f"WITH those AS (SELECT n FROM outbox WHERE {_OWNER} {among}"
            f" OR (user_id IS NULL AND anonymous_id IS NULL AND profile {among}) ORDER BY n{for_update})"
            " DELETE FROM outbox WHERE n IN (SELECT n FROM those)"
        )
        self.unname_outbox = f"DELETE FROM outbox WHERE {_OWNER} {among} AND {self.body_has}"
        self.forget_device = f"UPDATE outbox SET anonymous_id = NULL WHERE anonymous_id = ? AND 'u:' || user_id {among}"
        self.erase_waiting = f"DELETE FROM waiting WHERE id_key {among} OR {self.others_among}"
        self.lift = "DELETE FROM erased WHERE hash = ?"

    def _claim(self, skip_locked: str) -> None:
        """What may be tried, destination by destination, so that none has to look through another's backlog.

        Those that may be tried at once (``ready = 0``) have their turn by their instant, those that were put off by
        the instant until which they were: each kind lies in that order in the index.
        """
        first = (
            " WHERE o.died IS NULL AND o.destination = names.name AND {when}"
            f" AND NOT EXISTS ({_UNSETTLED_BEFORE}) ORDER BY o.ready, o.at, o.n LIMIT {{limit}}"
        )
        at_once = self.of_each_name.format(turn="at", first=first.format(when="o.ready = 0", limit="?") + skip_locked)
        put_off = self.of_each_name.format(
            turn="ready", first=first.format(when="o.ready > 0 AND o.ready <= ?", limit="?") + skip_locked
        )
        soonest = f"SELECT (SELECT o.ready FROM outbox o{first.format(when='o.ready >= 0', limit='1')}) FROM names"
        all_names = f"WITH RECURSIVE names(name) AS ({_ALL_NAMES})"
        given_names = f"WITH names(name) AS ({self.names_given})"
        self.claim, self.claim_for = (
            f"{names}, at_once AS ({at_once}), put_off AS ({put_off}),"
            " those AS (SELECT n FROM (SELECT n, row_number() OVER (PARTITION BY name ORDER BY turn, at, n) AS place"
            " FROM (SELECT name, n, turn, at FROM at_once UNION ALL SELECT name, n, turn, at FROM put_off) each_kind)"
            " each_name WHERE place <= ?)"
            " UPDATE outbox SET ready = ?, worker = ?, tries = tries + 1 WHERE n IN (SELECT n FROM those)"
            f" RETURNING n, {_READ}"
            for names in (all_names, given_names)
        )
        self.next_delivery, self.next_delivery_for = (f"{names} {soonest}" for names in (all_names, given_names))

    def walk(self, after: str, limit: int) -> Ask:
        """Profile keys after one, in order."""
        raise NotImplementedError

    def listed(self, texts: Iterable[str]) -> Any:
        """The parameter that ``among`` compares with."""
        raise NotImplementedError

    # what keeps units of work apart; a database with one writer needs none of it

    def fence(self, *, exclusive: bool) -> Sequence[Ask]:
        """Shared: the watermark and what is erased stand still. Exclusive: alone with them."""
        return ()

    def room_for(self, id_keys: Iterable[str]) -> Sequence[tuple[Any, ...]]:
        """Empty rows for those of the id keys that have none, to be made with the profiles that are."""
        return ()

    def needs_locks(self, changes: ChangeSet) -> bool:
        """Whether ``lock_ids`` is to come first: not where one statement changes all that was there, in that order."""
        return True

    def lock_ids(self, changes: ChangeSet) -> Sequence[Ask]:
        """The rows of all id keys that the change set names, in an order that is the same for every commit."""
        return ()

    def lock_outbox(self, ids: Sequence[str], worker: str) -> Sequence[Ask]:
        """The rows of these deliveries, in their order."""
        return ()

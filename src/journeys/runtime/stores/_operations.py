"""The port as steps: every operation yields statements and is sent their answers, whichever driver carries them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from journeys.errors import Conflict, NewerState
from journeys.ports import Backlog, ChangeSet, DeadLetter, Delivery, Loaded, Settled, Stored, Waiting
from journeys.runtime.stores._identity import followed, keyed_hash
from journeys.runtime.stores._statements import (
    DELIVERY,
    Ask,
    Bulk,
    Statement,
    Statements,
    Steps,
    T,
    Tell,
    record_row,
)

#: records that are read at a time
PAGE = 1000
FIGURES = ("profiles", "live", "due", "outbox", "dead", "records", "waiting")


def as_unit(begin: str, steps: Steps[T]) -> Steps[T]:
    """The steps as one transaction: all of it, or nothing if they raise."""
    try:
        answers: Sequence[Any] | None = None
        while True:
            try:
                batch = steps.send(answers) if answers is not None else next(steps)
            except StopIteration as done:
                if answers is not None:
                    yield [Tell("COMMIT")]
                result: T = done.value
                return result
            if answers is None:
                answers = (yield [Tell(begin), *batch])[1:]
            else:
                answers = yield batch
    except BaseException:
        try:
            yield [Tell("ROLLBACK")]
        except Exception:  # the connection is lost, and the transaction with it: what came before says why
            pass
        raise


class Operations:
    """Every method of the port, in the SQL of a dialect."""

    def __init__(self, sql: Statements) -> None:
        self.sql = sql
        #: keys the hashes of what is erased; drawn when the store was made, read when it is opened
        self.secret = b""

    @property
    def schema(self) -> int:
        """The version of the schema that this package writes."""
        return len(self.sql.migrations)

    def open(self) -> Steps[None]:
        """Makes the tables, or leads them forwards from any version that was ever released."""
        sql = self.sql
        *_, [(is_there,)] = yield [*sql.fence(exclusive=True), Tell(sql.make_schema), Ask(sql.is_there)]
        version = 0
        if is_there:
            [[(version, *_)]] = yield [Ask(sql.meta)]
            self._check_schema(version)
        if version < self.schema:
            yield [Tell(each) for migration in sql.migrations[version:] for each in migration]
            if version:
                yield [Tell(sql.reach, (self.schema,))]
            else:
                yield [Tell(sql.start, (self.schema, secrets.token_bytes(32)))]
        [[(secret,)]] = yield [Ask(sql.secret)]
        self.secret = bytes(secret)

    def _check_schema(self, version: int) -> None:
        if version > self.schema:
            raise NewerState(
                f"this store has schema {version}, and this package knows schemas up to {self.schema}: "
                "it is left alone; use the newer version of the package"
            )

    # profiles

    def load(self, id_keys: Collection[str]) -> Steps[Loaded]:
        """``Store.load``"""
        sql = self.sql
        [(schema, watermark, floor)], rows = yield [Ask(sql.meta), Ask(sql.find, (sql.listed(id_keys),))]
        self._check_schema(schema)
        found: dict[str, tuple[str | None, Any, int]] = {row[0]: row[1:] for row in rows}
        asked = set(id_keys)
        while beyond := {leads_to for leads_to, _, _ in found.values() if leads_to is not None} - found.keys() - asked:
            (rows,) = yield [Ask(sql.find, (sql.listed(beyond),))]
            found.update((row[0], row[1:]) for row in rows)
            asked |= beyond
        erased: frozenset[str] = frozenset()
        if floor:  # else nothing was ever erased
            hashes = {keyed_hash(self.secret, id_key): id_key for id_key in id_keys}
            (rows,) = yield [Ask(sql.erased, (sql.listed(hashes),))]
            erased = frozenset(hashes[hash_] for (hash_,) in rows)
        return _loaded(id_keys, found, watermark, erased, bool(floor))

    def commit(self, changes: ChangeSet) -> Steps[None]:
        """``Store.commit``"""
        if not (yield from self._committed(changes, locks=self.sql.needs_locks(changes))):
            yield [Tell("ROLLBACK"), Tell(self.sql.begin)]
            yield from self._committed(changes, locks=True)

    def _committed(self, changes: ChangeSet, *, locks: bool) -> Steps[bool]:
        """Whether it came to an end; if not, it is to begin again with the locks."""
        sql = self.sql
        moves = yield from self._moves_watermark(changes)
        made, checked, expected = self.checked(changes)
        rest = [*self.rest(changes)]
        if moves:
            rest.append(Tell(sql.move_watermark, (changes.watermark, changes.watermark)))
        fence = sql.fence(exclusive=moves or not changes.read_notes.keys().isdisjoint(changes.notes))
        stands = Ask(sql.meta_noted, (sql.listed(sorted(changes.read_notes)),))
        read: list[Statement] = [*fence, stands, *self._erased_among(changes.waiting)]
        locked: list[Statement] = [*read, *made, *(sql.lock_ids(changes) if locks else ())]
        answers = yield [*locked, *checked, *(() if changes.links else rest)]
        found, *erased = answers[len(fence) : len(read)]
        schema, watermark, *_ = found[0]
        self._check_schema(schema)
        if changes.read_watermark is not None and watermark > changes.read_watermark:
            raise Conflict("the watermark has moved")
        noted = {name: text for *_, name, text in found if name is not None}
        if noted != {name: text for name, text in changes.read_notes.items() if text}:
            raise Conflict("a note was changed meanwhile")
        if any(erased):
            raise Conflict("an id was erased before its input could wait")
        counts = [*answers[len(read) : len(read) + len(made)], *answers[len(locked) : len(locked) + len(checked)]]
        to_make = sum(state is not None for each in made for _, state, *_ in each.rows)
        if sql.revived and made and counts[0] < to_make:  # seldom: somebody's row was there, without a profile
            if not locks:
                return False
            counts += yield [Bulk(sql.revived, made[0].rows)]
        _expect(expected, counts)
        if changes.links:
            yield from self._link(changes.links)
            if rest:
                yield rest
        return True

    def _erased_among(self, waiting: Sequence[Waiting]) -> Sequence[Ask]:
        """Which of the ids that inputs name are erased: nothing may wait that names one of them (V6)."""
        named = {id_key for each in waiting for id_key in (each.id_key, *each.others)}
        hashes = [keyed_hash(self.secret, id_key) for id_key in sorted(named)]
        return [Ask(self.sql.erased, (self.sql.listed(hashes),))] if hashes else []

    def checked(self, changes: ChangeSet) -> tuple[Sequence[Bulk], Sequence[Bulk], int]:
        """What makes rows, what changes rows, and how many they touch if all is as the worker has seen it."""
        sql = self.sql
        gone: list[tuple[Any, ...]] = []
        changed: list[tuple[Any, ...]] = []
        created: list[tuple[Any, ...]] = []
        for each in sorted(changes.states, key=_key_of):
            if each.state is None:
                gone.append((each.key, each.expected))
            elif each.expected:
                changed.append((each.state, each.due, each.live, each.key, each.expected))
            else:
                created.append((each.key, each.state, each.due, each.live, keyed_hash(self.secret, each.key)))
        made = Bulk(sql.created, [*created, *sql.room_for(changes.links)])
        bulks = (
            Bulk(sql.gone, gone),
            Bulk(sql.changed, changed),
            Bulk(sql.applied, [(arrival,) for arrival in sorted(changes.applied)]),
            Bulk(sql.wait, [_wait_row(each) for each in changes.waiting]),
        )
        expected = len(changes.states) + len(changes.applied) + len(changes.waiting)
        return [made] if made.rows else [], [bulk for bulk in bulks if bulk.rows], expected

    def rest(self, changes: ChangeSet) -> Sequence[Statement]:
        """What only adds. The figures and counters come late, because whoever adds to one holds it until the end."""
        sql = self.sql
        bulks = (
            Bulk(sql.deliver, [sql.delivery_row(each) for each in changes.deliveries]),
            Bulk(sql.record, [record_row(each) for each in changes.records]),
            Bulk(sql.tally, sorted((*key, number) for key, number in changes.tallies.items())),
            Bulk(sql.count, sorted(changes.counters.items())),
            Bulk(sql.note, sorted(changes.notes.items())),
        )
        return [bulk for bulk in bulks if bulk.rows]

    def _moves_watermark(self, changes: ChangeSet) -> Steps[bool]:
        """Whether it may move: it has never been less than what was read of it at any time."""
        if changes.watermark is None:
            return False
        at_least = changes.read_watermark
        if at_least is None:
            [[(_, at_least, _)]] = yield [Ask(self.sql.meta)]
        return changes.watermark > at_least

    def _link(self, links: Mapping[str, str]) -> Steps[None]:
        sql = self.sql
        named = sorted({*links, *links.values()})
        rows, erased = yield [
            Ask(sql.look, (sql.listed(named),)),
            Ask(sql.erased, (sql.listed(keyed_hash(self.secret, each) for each in named),)),
        ]
        if erased:
            raise Conflict("an id was erased before it was linked")
        stored = {key: leads_to for key, leads_to in rows if leads_to is not None}
        ends = sorted(followed(links, stored).items())
        linked = [(key, end, stored.get(key, "")) for key, end in ends if stored.get(key) != end]
        if linked:
            count, _ = yield [
                Bulk(sql.link, linked),
                Bulk(sql.collapse, [(end, key) for key, end, _ in linked]),
            ]
            _expect(len(linked), [count])

    def claim_due(self, until: int, limit: int, *, worker: str, now: int, lease: int) -> Steps[Sequence[str]]:
        """``Store.claim_due``"""
        (rows,) = yield [Ask(self.sql.claim_due, (until, now, worker, limit, worker, now + lease))]
        return [key for _, key in sorted(rows)]

    def next_due(self) -> Steps[int | None]:
        """``Store.next_due``"""
        [[(due,)]] = yield [Ask(self.sql.next_due)]
        return due  # type: ignore[no-any-return]

    def walk(self, after: str | None, limit: int) -> Steps[Sequence[str]]:
        """``Store.walk``"""
        (rows,) = yield [self.sql.walk(after or "", limit)]
        return [key for (key,) in rows]

    def waiting(
        self, until: int, limit: int, *, message_ids: Collection[str] | None = None
    ) -> Steps[Sequence[Waiting]]:
        """``Store.waiting``"""
        sql = self.sql
        if message_ids is None:
            ask = Ask(sql.waiting, (until, limit))
        else:
            ask = Ask(sql.waiting_of, (until, sql.listed(message_ids), limit))
        (rows,) = yield [ask]
        return [
            Waiting(
                timestamp=timestamp,
                message_id=message_id,
                arrival=arrival,
                id_key=id_key,
                call=call,
                others=tuple(json.loads(others)),
            )
            for timestamp, message_id, arrival, id_key, call, others in rows
        ]

    # deliveries

    def claim_deliveries(
        self, now: int, limit: int, *, worker: str, lease: int, destinations: Collection[str] | None = None
    ) -> Steps[Sequence[Delivery]]:
        """``Store.claim_deliveries``"""
        sql = self.sql
        if destinations is None:
            claim = Ask(sql.claim, (limit, now, limit, limit, now + lease, worker))
        else:
            names = sql.listed(sorted({*destinations}))
            claim = Ask(sql.claim_for, (names, limit, now, limit, limit, now + lease, worker))
        (rows,) = yield [claim]
        return [_delivery(row) for _, *row in sorted(rows)]

    def settle(self, outcomes: Iterable[Settled], *, worker: str) -> Steps[None]:
        """``Store.settle``"""
        sql = self.sql
        done: list[tuple[Any, ...]] = []
        dead: list[tuple[Any, ...]] = []
        retry: list[tuple[Any, ...]] = []
        back: list[tuple[Any, ...]] = []
        for each in sorted(outcomes, key=_delivery_id_of):
            if each.outcome == "done":
                done.append((each.delivery_id, worker))
            elif each.outcome == "dead":
                dead.append((each.at, _storable(each.error), each.delivery_id, worker))
            elif each.outcome == "back":
                back.append((each.delivery_id, worker))
            else:
                ready = each.at if each.retry_at is None else each.retry_at
                retry.append((ready, each.delivery_id, worker))
        ids = sorted(row[-2] for rows in (done, dead, retry, back) for row in rows)
        bulks = (
            Bulk(sql.put_off, retry),
            Bulk(sql.retry, retry),
            Bulk(sql.back, back),
            Bulk(sql.dead, dead),
            Bulk(sql.done, done),
        )
        if ids:
            yield [*sql.lock_outbox(ids, worker), *(bulk for bulk in bulks if bulk.rows)]

    def next_delivery(self, destinations: Collection[str] | None = None) -> Steps[int | None]:
        """``Store.next_delivery``"""
        sql = self.sql
        if destinations is None:
            ask = Ask(sql.next_delivery)
        else:
            ask = Ask(sql.next_delivery_for, (sql.listed(sorted({*destinations})),))
        (rows,) = yield [ask]
        return min((ready for (ready,) in rows if ready is not None), default=None)

    def backlog(self) -> Steps[Mapping[str, Backlog]]:
        """``Store.backlog``"""
        (rows,) = yield [Ask(self.sql.backlog)]
        return {
            name: Backlog(waiting=waiting, in_flight=in_flight, dead=dead, oldest=oldest)
            for name, waiting, in_flight, dead, oldest in rows
        }

    def dead_letters(self, after: str | None = None, limit: int = 100) -> Steps[Sequence[DeadLetter]]:
        """``Store.dead_letters``"""
        (rows,) = yield [Ask(self.sql.dead_letters, (after or "", limit))]
        return [DeadLetter(delivery=_delivery(row), error=error, at=at) for error, at, *row in rows]

    def resend(self, delivery_ids: Collection[str]) -> Steps[int]:
        """``Store.resend``"""
        (count,) = yield [Tell(self.sql.resend, (self.sql.listed(delivery_ids),))]
        return count  # type: ignore[no-any-return]

    # reading

    def trace(
        self, after: tuple[Any, ...], profile: str | None, journey: str | None, instance: str | None
    ) -> Steps[Sequence[tuple[Any, ...]]]:
        """The records that follow a place, each with its own place: at most ``PAGE`` of them."""
        sql = self.sql
        text, args = sql.trace, list(after)
        for narrower, value in ((sql.of_profile, profile), (sql.of_journey, journey), (sql.of_instance, instance)):
            if value is not None:
                text += narrower
                args += [value] * narrower.count("?")
        (rows,) = yield [Ask(text + sql.in_order, (*args, PAGE))]
        return rows  # type: ignore[no-any-return]

    def notes(self, prefix: str = "") -> Steps[Mapping[str, str]]:
        """``Store.notes``"""
        (rows,) = yield [Ask(self.sql.notes, (len(prefix), prefix))]
        return dict(rows)

    def counters(self) -> Steps[Mapping[str, int]]:
        """``Store.counters``"""
        (rows,) = yield [Ask(self.sql.counters)]
        return dict(rows)

    def tallies(self, journey: str | None) -> Steps[Sequence[Any]]:
        """``Store.tallies``"""
        sql = self.sql
        (rows,) = yield [Ask(sql.all_tallies) if journey is None else Ask(sql.tallies, (journey,))]
        return [tuple(row) for row in rows]

    def watermark(self) -> Steps[int]:
        """``Store.watermark``"""
        [[(_, watermark, _)]] = yield [Ask(self.sql.meta)]
        return watermark  # type: ignore[no-any-return]

    def figures(self) -> Steps[Mapping[str, int]]:
        """``Store.figures``"""
        [[numbers]] = yield [Ask(self.sql.figures)]
        return dict(zip(FIGURES, numbers, strict=True))

    # forgetting

    def erase(
        self,
        profile_key: str,
        *,
        shown_ids: Collection[str],
        seen_by: Collection[str] = (),
        also: ChangeSet | None = None,
    ) -> Steps[Sequence[str]]:
        """``Store.erase``"""
        sql = self.sql
        yield [*sql.fence(exclusive=True), Ask(sql.meta)]
        if also is not None:
            yield from self._committed(also, locks=True)
        [(schema, _, floor)], rows = yield [
            Ask(sql.meta),
            Ask(sql.look, (sql.listed([profile_key]),)),
        ]
        self._check_schema(schema)
        keys = {profile_key, *(leads_to for _, leads_to in rows if leads_to is not None)}
        new = keys
        while new:
            (rows,) = yield [Ask(sql.led, (sql.listed(new), sql.listed(new)))]
            floor = max(floor, 1, *(version for _, version in rows))
            new = {key for key, _ in rows} - keys
            keys |= new
        all_keys, shown = sql.listed(sorted(keys)), sql.listed(shown_ids)
        ids = sql.listed({*shown_ids, *(key[2:] for key in keys)})
        yield [
            Tell(sql.erase_ids, (all_keys,)),
            Tell(sql.erase_outbox, (all_keys, shown)),
            Tell(sql.erase_waiting, (all_keys, all_keys)),
            *(Tell(each, (ids, all_keys, shown)) for each in sql.erase_trace),
            Bulk(sql.forget, [(keyed_hash(self.secret, key),) for key in sorted(keys)]),
            # a profile that is made again starts above every version that was erased: who slept meanwhile cannot write
            Tell(sql.raise_floor, (floor, floor)),
            *self._unnamed(keys, seen_by),
        ]
        return sorted(keys)

    def _unnamed(self, keys: Collection[str], others: Collection[str]) -> Iterable[Statement]:
        """Others name the anonymous ids no more (V6)."""
        sql = self.sql
        if others:
            owners, shown = sql.listed(others), sql.listed(key[2:] for key in others)
            for key in sorted(keys):
                if key[0] == "a":
                    text = json.dumps(key[2:], ensure_ascii=False)
                    yield Tell(sql.unname_outbox, (owners, text))
                    yield Tell(sql.forget_device, (key[2:], owners))
                    yield from (Tell(each, (shown, text)) for each in sql.unname_trace)

    def lift(self, id_key: str) -> Steps[bool]:
        """``Store.lift``"""
        (count,) = yield [Tell(self.sql.lift, (keyed_hash(self.secret, id_key),))]
        return count > 0  # type: ignore[no-any-return]

    def prune(self, *, trace_before: int | None = None, limit: int = 10_000) -> Steps[int]:
        """``Store.prune``"""
        if trace_before is None:
            return 0
        *_, count = yield [Tell(each, (trace_before, limit)) for each in self.sql.prune]
        return count  # type: ignore[no-any-return]


def _wait_row(each: Waiting) -> tuple[Any, ...]:
    return each.arrival, each.timestamp, each.message_id, each.id_key, each.call, json.dumps(each.others)


_key_of = attrgetter("key")
_delivery_id_of = attrgetter("delivery_id")


def _expect(expected: int, counts: Iterable[int]) -> None:
    """No statement touches more rows than it names: if all of them are touched, each has touched all of its own."""
    if sum(counts) != expected:
        raise Conflict("a profile, or an input that waits, was changed meanwhile")


def _loaded(
    id_keys: Iterable[str],
    found: Mapping[str, tuple[str | None, Any, int]],
    watermark: int,
    erased: frozenset[str],
    knows_erased: bool,
) -> Loaded:
    profiles: dict[str, Stored] = {}
    links: dict[str, str] = {}
    for id_key in id_keys:
        key, row = id_key, found.get(id_key)
        while row is not None and row[0] is not None:
            key, row = row[0], found.get(row[0])
        if key != id_key:
            links[id_key] = key
        if row is not None and row[1] is not None:
            profiles[id_key] = Stored(key, row[1], row[2])
    return Loaded(profiles, watermark, links, erased, knows_erased)


def _delivery(row: Sequence[Any]) -> Delivery:
    return Delivery(**dict(zip(DELIVERY, row, strict=True)))


def _storable(text: str) -> str:
    """A message from anywhere, as text that every database keeps."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")

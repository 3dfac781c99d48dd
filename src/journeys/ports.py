"""The ports: what the evaluator asks of a store, a destination and a clock, and what each promises.

Instants are whole microseconds since 1970 (T1). A *profile key* is ``u:`` and the user id, or ``a:`` and the anonymous
id, while no user id is known; an *id key* has the same form and names any id that ever belonged to a profile (P1, P2).
Texts hold neither NUL nor lone surrogates, which not every database can keep; ids that do are no valid call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import attrs

from journeys.model._fields import one_of


@attrs.frozen(kw_only=True)
class Delivery:
    """One thing to be sent: committed with the state change that caused it (D1).

    ``id`` is the idempotency key, the same on every try (O6, D3). ``body`` is the payload as compact UTF-8 JSON, the
    same bytes on every try. ``call`` says what it is: ``track``, ``identify``, ``mapped`` (an activation with a
    mapping), ``message`` (a ``send_message``), ``add`` or ``remove`` (a list).
    """

    id: str
    destination: str
    call: str
    body: bytes
    at: int
    profile: str
    user_id: str | None = None
    anonymous_id: str | None = None
    journey: str | None = None
    version: int | None = None
    instance: str | None = None
    step: str | None = None
    #: the audience or computed trait that caused it, where no journey did
    source: str | None = None
    #: deliveries with one order key go in order: the next starts when the one before is settled (D4); "": in any order
    order_key: str = ""
    #: which try this is, from 1
    attempt: int = 1

    @property
    def payload(self) -> Any:
        """The payload as JSON values."""
        import json

        return json.loads(self.body)


@runtime_checkable
class Destination(Protocol):
    """Where deliveries go.

    ``deliver`` returns when the delivery has been taken, raises ``errors.Retry`` when it should be tried again, and
    ``errors.Rejected`` when it never will be taken. Any other exception counts as ``Retry`` (D2). It may be called from
    several threads, and again for one delivery with the same id and body (D3).
    """

    def deliver(self, delivery: Delivery) -> None:
        """Hands over one delivery."""
        ...


@runtime_checkable
class AsyncDestination(Protocol):
    """The async twin of ``Destination``."""

    async def deliver_async(self, delivery: Delivery) -> None:
        """Hands over one delivery."""
        ...


@runtime_checkable
class ListDestination(Protocol):
    """A destination that keeps a list of profiles; adds and removals come in batches (S9)."""

    def deliver_batch(self, deliveries: Sequence[Delivery]) -> None:
        """Hands over adds and removals, in order; raises as ``Destination.deliver`` for all of them together."""
        ...


@runtime_checkable
class AsyncListDestination(Protocol):
    """The async twin of ``ListDestination``."""

    async def deliver_batch_async(self, deliveries: Sequence[Delivery]) -> None:
        """Hands over adds and removals, in order; raises as ``Destination.deliver`` for all of them together."""
        ...


class Clock(Protocol):
    """Where the present comes from."""

    def now(self) -> int:
        """The present instant."""
        ...

    def sleep(self, until: int, wake: Any) -> None:
        """Returns at ``until`` at the latest, or earlier when the ``threading.Event`` ``wake`` is set."""
        ...


@attrs.frozen
class Stored:
    """A profile as a store holds it. ``version`` grows with every commit.

    ``state`` is opaque: bytes, or with a store that ``keeps_objects`` whatever object was committed.
    """

    key: str
    state: Any
    version: int


@attrs.frozen
class Loaded:
    """What ``Store.load`` found: the stored profile of each id key that has one, and the watermark (T5)."""

    profiles: Mapping[str, Stored]
    watermark: int
    #: where each id key that was asked for and is linked leads to, whether or not that profile exists
    links: Mapping[str, str] = attrs.field(factory=dict)
    #: which of the id keys are erased (V6)
    erased: frozenset[str] = frozenset()
    #: False promises that no id at all is erased
    knows_erased: bool = attrs.field(default=True, eq=False)


@attrs.frozen(kw_only=True)
class StateChange:
    """The new state of one profile: refused unless the stored version is ``expected`` (0: there is none yet).

    A version is never used twice for one key, also when the profile is made again after it was gone or erased: whoever
    slept through that cannot write.
    """

    key: str
    state: Any | None  # None: the profile is gone (merged into another, or erased)
    expected: int
    due: int | None = None  # its next deadline
    live: int = 0  # how many live instances it has, for status


class TraceRecord(Protocol):
    """One record of the trace; ``seq`` grows within a profile, so that (at, profile, seq) is the order of a trace."""

    @property
    def at(self) -> int:
        """Its instant."""
        ...

    @property
    def profile(self) -> str:
        """The id under which the profile is shown."""
        ...

    @property
    def key(self) -> str:
        """The key of the profile: two profiles may be shown under one id, a user and an anonymous one."""
        ...

    @property
    def seq(self) -> int:
        """Its number among the records of the profile."""
        ...

    @property
    def journey(self) -> str | None:
        """The key of its journey, None where an audience or computed trait was sent."""
        ...

    @property
    def instance(self) -> str | None:
        """The id of its instance."""
        ...

    @property
    def kind(self) -> str:
        """What happened."""
        ...

    @property
    def record(self) -> str:
        """The whole record as one line of JSON."""
        ...


@attrs.frozen(kw_only=True)
class TraceRow:
    """A ``TraceRecord`` whose line is already made."""

    at: int
    profile: str
    key: str
    seq: int
    journey: str | None
    instance: str | None
    kind: str
    record: str


@attrs.frozen(kw_only=True)
class Waiting:
    """An accepted input that waits until the watermark has reached its timestamp (T8).

    ``arrival`` names it: no two that wait have the same. ``others`` are the id keys that it names beside ``id_key``:
    where one of them is erased, it is not kept (V6).
    """

    timestamp: int
    message_id: str
    arrival: int
    id_key: str
    call: str  # the call as JSON
    others: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class ChangeSet:
    """What one unit of work changes: all of it or nothing (O1).

    Committed again after an unknown outcome, a change set with a state, a waiting or an applied input ends in success
    or in ``Conflict``, and has its effect once.
    """

    #: at most one for each key
    states: Sequence[StateChange] = ()
    #: id key -> profile key; later loads of the id key find that profile (P2). Conflict if the id key leads elsewhere
    #: by now (unless where it leads to is itself linked here), or is the key of a profile that this does not remove
    links: Mapping[str, str] = attrs.field(factory=dict)
    deliveries: Sequence[Delivery] = ()
    records: Sequence[TraceRecord] = ()
    #: the watermark that was read with the load: Conflict if the store's has moved past it. None: not checked
    read_watermark: int | None = None
    #: the new watermark; a store never lets it go back
    watermark: int | None = None
    #: accepted inputs that wait, and those (by arrival) that no longer do (T8). Conflict if an arrival is taken by
    #: another that waits, if one of the applied does not wait any more, or if what is to wait names an erased id
    waiting: Sequence[Waiting] = ()
    applied: Sequence[int] = ()
    #: named numbers to add to: every "is counted" of the contract
    counters: Mapping[str, int] = attrs.field(factory=dict)
    #: figures to add to: (journey, version, day since 1970, figure) -> number; version 0 is all of them together. They
    #: name nobody, and stay when the trace is pruned and when people are erased
    tallies: Mapping[tuple[str, int, int, str], int] = attrs.field(factory=dict)
    #: named texts to set, such as how much of a file has been applied
    notes: Mapping[str, str] = attrs.field(factory=dict)
    #: named texts as they were read, "" for one that is not there: Conflict if one is another by now. What is built on
    #: them stands or falls with them: of two that change a note which both have read, one is refused
    read_notes: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class DeadLetter:
    """A delivery that was given up, with what its last try said (D2)."""

    delivery: Delivery
    error: str
    at: int


@attrs.frozen(kw_only=True)
class Settled:
    """What became of a claimed delivery.

    ``done``; ``retry``: it failed and is to be tried again at ``retry_at``, and those that follow it in its order, also
    those that are committed meanwhile, are put off until then, too; ``dead`` because of ``error``; ``back``: it was not
    tried, so that its attempt is not counted and anybody may try it at once.
    """

    delivery_id: str
    outcome: str = attrs.field(validator=one_of(("done", "retry", "dead", "back")))
    at: int
    retry_at: int | None = None
    error: str = ""


@attrs.frozen(kw_only=True)
class Backlog:
    """What is in the outbox for one destination.

    ``waiting`` are those that nobody tries at the moment, ``in_flight`` those that a worker has claimed and not settled
    (it may be dead), ``dead`` the dead letters. ``oldest`` is the earliest instant (``Delivery.at``) of what is waiting
    or in flight, None if nothing is.
    """

    waiting: int
    in_flight: int
    dead: int
    oldest: int | None


class Store(Protocol):
    """Where profiles, deliveries and the trace live. The unit is the profile.

    Every method is atomic and durable when it returns, and may be called from several threads. ``errors.Conflict`` says
    that nothing was changed; ``errors.NewerState`` that a newer version of this package has written the store, which is
    left alone. After any other error of ``commit`` the outcome is unknown: the same change set may be committed again.
    ``journeys.testing.stores`` has the conformance suite that says the rest.
    """

    #: True for a store in this process's memory, which is given live objects instead of bytes
    keeps_objects: bool

    def load(self, id_keys: Collection[str]) -> Loaded:
        """The profiles that the id keys belong to, links followed to their end."""
        ...

    def commit(self, changes: ChangeSet) -> None:
        """Applies all of it or nothing. ``errors.Conflict`` if a version or the watermark has moved.

        So it is if a profile is to be made, or an id key linked, that was linked or erased since it was loaded.
        """
        ...

    def claim_due(self, until: int, limit: int, *, worker: str, now: int, lease: int) -> Sequence[str]:
        """Profile keys whose next deadline is ``<= until``, earliest first, leased to this worker.

        A profile leased to another worker is passed over until ``lease`` microseconds after that claim. A commit of
        the profile's state ends the lease. Workers are told apart by their names.
        """
        ...

    def next_due(self) -> int | None:
        """The earliest deadline of all profiles, leased ones too."""
        ...

    def waiting(self, until: int, limit: int, *, message_ids: Collection[str] | None = None) -> Sequence[Waiting]:
        """Inputs that wait with a timestamp ``<= until``, in the order (timestamp, message id, arrival) (T8).

        With ``message_ids`` only those that have one of them; "" is none.
        """
        ...

    def walk(self, after: str | None, limit: int) -> Sequence[str]:
        """Profile keys after the given one, in an order that never changes.

        It is that of code points; of keys over 600 characters that begin alike, it may be another.
        """
        ...

    def claim_deliveries(
        self, now: int, limit: int, *, worker: str, lease: int, destinations: Collection[str] | None = None
    ) -> Sequence[Delivery]:
        """Deliveries that may be tried now, leased to this worker, with their ``attempt`` counted up.

        At most the first unsettled one of each order key (D4), and at most ``limit`` for each destination: what waits
        for one must neither hold up the others nor slow down their claims. If there are more, those whose turn comes
        first: the turn of one that was put off is the instant until which it was, that of any other its own ``at``; of
        one turn the earlier ``at`` is first, then the earlier commit. So what is retried waits for nothing younger, and
        what is new for no retry that comes later. The answer is in the order of the commits.
        """
        ...

    def settle(self, outcomes: Iterable[Settled], *, worker: str) -> None:
        """Ends or puts off claimed deliveries. One whose lease has passed to another worker is left alone."""
        ...

    def next_delivery(self, destinations: Collection[str] | None = None) -> int | None:
        """The earliest instant at which a delivery may be tried, 0 if at once; for a leased one its lease's end.

        With ``destinations`` only what is for them counts.
        """
        ...

    def backlog(self) -> Mapping[str, Backlog]:
        """What is in the outbox, for each destination that has something there. It may take as long as ``figures``."""
        ...

    def dead_letters(self, after: str | None = None, limit: int = 100) -> Sequence[DeadLetter]:
        """Deliveries that were given up, by id."""
        ...

    def resend(self, delivery_ids: Collection[str]) -> int:
        """Makes dead letters deliverable again, at once, with the same id and bytes; says how many there were.

        Their tries are counted from 1 again, and they take their old place in their order.
        """
        ...

    def trace(
        self, *, profile: str | None = None, journey: str | None = None, instance: str | None = None
    ) -> Iterator[str]:
        """Records as JSON lines, in the order of (at, profile, key, seq), without holding all of them in memory.

        Each of the three arguments narrows it; what is committed meanwhile may or may not be among them.
        """
        ...

    def notes(self, prefix: str = "") -> Mapping[str, str]:
        """The named texts whose names start so."""
        ...

    def counters(self) -> Mapping[str, int]:
        """The named numbers."""
        ...

    def tallies(self, *, journey: str | None = None) -> Sequence[tuple[str, int, int, str, int]]:
        """The figures that were added to, each with its number, in order; of all journeys or of one.

        A row of the journey ``""``, which is in every answer, says that they do not go back to the beginning: an
        older version of this package has written here and kept none. If its figure is ``people``, that is so of those
        that count each person once.
        """
        ...

    def watermark(self) -> int:
        """The watermark; ``-1`` while there is none."""
        ...

    def figures(self) -> Mapping[str, int]:
        """How many there are: ``profiles``, ``live``, ``due``, ``outbox``, ``dead``, ``records``, ``waiting``.

        ``live`` adds up the live instances; ``due`` are the profiles that have a deadline; ``outbox`` the deliveries
        that are neither done nor dead. On a large store it may take a while.
        """
        ...

    def erase(
        self,
        profile_key: str,
        *,
        shown_ids: Collection[str],
        seen_by: Collection[str] = (),
        also: ChangeSet | None = None,
    ) -> Sequence[str]:
        """Removes the profile, all id keys that lead to it, its deliveries, dead letters, waiting inputs and trace.

        ``profile_key`` may be any of its id keys, or one that the store has never seen. The trace is told by the
        ``key`` of its rows, where that is empty by ``shown_ids``, the ids under which it was written; a delivery is
        the profile's if it has its user id, or has no user id and one of its anonymous ids, or has neither and one of
        the shown ids. A hash of each id key, keyed with a secret that the store drew when it was made, remains:
        ``load`` reports such id keys as ``erased`` (V6). Answers the id keys, in order.

        ``seen_by`` are the keys of others who were seen with one of its anonymous ids. Of their deliveries, dead
        letters and records those that have such an id as a text in their JSON are removed, and it is no delivery's
        ``anonymous_id`` any more. ``also`` is committed in the same unit, before; Conflict as for ``commit``.
        """
        ...

    def lift(self, id_key: str) -> bool:
        """Forgets that the id key was erased; says whether it was."""
        ...

    def prune(self, *, trace_before: int | None = None, limit: int = 10_000) -> int:
        """Deletes up to ``limit`` trace records older than the instant, the oldest first; says how many."""
        ...

    def close(self) -> None:
        """Ends the use of the store."""
        ...


class CommitsAhead(Protocol):
    """What a ``Store`` may have beside: a commit that is not waited for at once, so that ``feed_many`` goes on.

    An ``AsyncStore`` has them as coroutines. Between the two the other methods are called as ever.
    """

    def begin_commit(self, changes: ChangeSet) -> Any:
        """Begins ``commit``, and answers what ``finish_commit`` is given; it may raise what ``commit`` raises.

        What has begun needs nobody: it ends, one way or the other, also if ``finish_commit`` is called late or never.
        A store that cannot do so for these changes leaves all of the commit to ``finish_commit``.
        """
        ...

    def finish_commit(self, begun: Any) -> None:
        """Waits until the commit is durable, and raises what ``commit`` raises."""
        ...


class AsyncStore(Protocol):
    """The async twin of ``Store``: the same methods with the same promises."""

    keeps_objects: bool

    async def load(self, id_keys: Collection[str]) -> Loaded: ...
    async def commit(self, changes: ChangeSet) -> None: ...
    async def claim_due(self, until: int, limit: int, *, worker: str, now: int, lease: int) -> Sequence[str]: ...
    async def next_due(self) -> int | None: ...
    async def waiting(
        self, until: int, limit: int, *, message_ids: Collection[str] | None = None
    ) -> Sequence[Waiting]: ...
    async def walk(self, after: str | None, limit: int) -> Sequence[str]: ...
    async def claim_deliveries(
        self, now: int, limit: int, *, worker: str, lease: int, destinations: Collection[str] | None = None
    ) -> Sequence[Delivery]: ...
    async def settle(self, outcomes: Iterable[Settled], *, worker: str) -> None: ...
    async def next_delivery(self, destinations: Collection[str] | None = None) -> int | None: ...
    async def backlog(self) -> Mapping[str, Backlog]: ...
    async def dead_letters(self, after: str | None = None, limit: int = 100) -> Sequence[DeadLetter]: ...
    async def resend(self, delivery_ids: Collection[str]) -> int: ...
    def trace(
        self, *, profile: str | None = None, journey: str | None = None, instance: str | None = None
    ) -> AsyncIterator[str]: ...
    async def notes(self, prefix: str = "") -> Mapping[str, str]: ...
    async def counters(self) -> Mapping[str, int]: ...
    async def tallies(self, *, journey: str | None = None) -> Sequence[tuple[str, int, int, str, int]]: ...
    async def watermark(self) -> int: ...
    async def figures(self) -> Mapping[str, int]: ...
    async def erase(
        self,
        profile_key: str,
        *,
        shown_ids: Collection[str],
        seen_by: Collection[str] = (),
        also: ChangeSet | None = None,
    ) -> Sequence[str]: ...
    async def lift(self, id_key: str) -> bool: ...
    async def prune(self, *, trace_before: int | None = None, limit: int = 10_000) -> int: ...
    async def close(self) -> None: ...

"""What is known of one profile. Only this package changes it:

1. one input, or time passing, changes one ``ProfileState`` (a link: two), through ``apply`` and nowhere else;
2. a profile's clock never goes back (T4);
3. ``due`` is the earliest instant at which anything happens by itself; whoever changes a wait sees to it.
"""

from __future__ import annotations

from bisect import bisect_left
from hashlib import blake2b
from json.encoder import encode_basestring
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from journeys._time import format_instant
from journeys.engine._crowd import CROWDED, Crowd
from journeys.plan.plan import JourneyPlan, StepPlan
from journeys.plan.values import NEVER, compact, normal

#: how an instance ended; LIVE and COMPLETED are still kept
LIVE, COMPLETED, ENDED = 0, 1, 2
#: what a condition entry waits for (E5, E6): to be true, to be false, an exit, an instant, or nothing any more
ARMED, UNARMED, INSIDE, REARMING, NEVERMORE = "armed", "unarmed", "inside", "rearming", "never"


def derived_id(*parts: str) -> str:
    """Ids are derived, never drawn (O6)."""
    return blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


#: stands for a dict or list that a profile does not have; nobody can put anything into it
EMPTY: Any = MappingProxyType({})
EMPTY_LIST: Any = ()


def identifier_text(identifier: Any) -> str:
    """An identifier as compact JSON, empty if there is none (O6)."""
    if type(identifier) is str:
        return encode_basestring(identifier)
    return "" if identifier is None else compact(normal(identifier))


def end_key(journey: str, identifier: Any) -> str:
    """Under what the end of a journey's latest instance with this identifier is kept (E8); no key has a blank."""
    return f"{journey} {identifier_text(identifier)}"


class Wait:
    """A token that waits at a step, or a list removal that is due.

    ``branch`` is the branch of a multi-branch split, else -1; ``count`` is the number of restarts of a hold, or the
    phase of a delay; ``removal`` marks the end of a ``show_ad``.
    """

    __slots__ = ("branch", "count", "due", "removal", "step")

    def __init__(self, step: StepPlan, due: int, branch: int = -1, *, removal: bool = False, count: int = 0) -> None:
        self.step = step
        self.due = due
        self.branch = branch
        self.removal = removal
        self.count = count

    @property
    def rank(self) -> tuple[int, int]:
        """The order among the waits of one instance: step key, branch order (T6)."""
        return (self.step.order, self.branch)


class Instance:
    """One profile's way through one version of one journey."""

    __slots__ = (
        "__dict__",
        "cause",
        "context",
        "due",
        "entered_at",
        "expires_at",
        "identifier",
        "order",
        "origin",
        "owner",
        "plan",
        "status",
        "visited",
        "waits",
    )
    # what most instances never have is kept with those that do: a class attribute until it is set
    lists: tuple[str, ...] = ()
    goal_open = False
    exit_at = NEVER
    moves = unit = 0
    #: the index that it is in, where its profile has many
    crowd: Crowd | None = None
    #: what the figures must know of it between its records
    noted: list[Any] | None = None
    _id: str | None = None

    def __init__(
        self, plan: JourneyPlan, owner: str, cause: str | int, identifier: Any, entered_at: int, order: int
    ) -> None:
        self.plan = plan
        #: the version in which it entered: a migration does not change its id
        self.origin = plan.version
        self.owner = owner
        self.cause = cause
        self.identifier = identifier
        self.entered_at = entered_at
        self.order = order
        self.context: dict[str, Any] = {}
        self.waits: list[Wait] = []
        self.visited = 0
        self.status = LIVE
        self.due = NEVER
        age = plan.max_age_micros
        self.expires_at = entered_at + age if age else plan.max_age.after(entered_at)
        if plan.goal is not None:
            self.goal_open = True
        if plan.exit_after is not None:
            self.exit_at = plan.exit_after.after(entered_at)

    @property
    def id(self) -> str:
        """Derived from what caused it (O6); made when it is first asked for."""
        if self._id is None:
            identifier = identifier_text(self.identifier)
            cause = self.cause if isinstance(self.cause, str) else f"#{self.cause}"
            self._id = derived_id(self.plan.key, str(self.origin), self.owner, cause, identifier)
        return self._id

    @property
    def has_tokens(self) -> bool:
        """Whether any token still waits."""
        return any(not wait.removal for wait in self.waits)

    def settle_due(self) -> None:
        """Sets ``due`` to the earliest of its deadlines."""
        due = self.exit_at if self.status != ENDED else NEVER
        if self.status == LIVE and self.expires_at < due:
            due = self.expires_at
        for wait in self.waits:
            if wait.due < due:
                due = wait.due
        if due != self.due:
            self.due = due
            if self.crowd is not None:
                self.crowd.note(self)

    @property
    def is_live(self) -> bool:
        """Whether it is neither completed nor ended."""
        return self.status == LIVE

    def leave(self, status: int) -> None:
        """It lives no longer: COMPLETED or ENDED."""
        if self.crowd is not None and self.status == LIVE:
            self.crowd.live -= 1
        self.status = status


class EntryState:
    """How a profile stands with a condition entry; ``at`` is when that changes by time alone."""

    __slots__ = ("at", "status")

    def __init__(self, status: str, at: int = NEVER) -> None:
        self.status = status
        self.at = at


class ProfileState:
    """All that is known of one person."""

    __slots__ = (
        "__dict__",
        "accepted",
        "been",
        "clock",
        "crowd",
        "due",
        "id",
        "instances",
        "key",
        "marks",
        "order",
        "scheduled",
        "seq",
        "version",
    )
    # what most profiles never have is kept with those that do: EMPTY, or a class attribute, until it is set
    anonymous_id: str | None = None
    #: keys of others who were seen with one of its anonymous ids: a shared device (P2, V6)
    shared: tuple[str, ...] | list[str] = ()
    #: anonymous ids of others that it was seen with, as id keys
    devices: tuple[str, ...] | list[str] = ()
    #: id keys that lead here besides its own
    linked: tuple[str, ...] = ()
    #: the second of its latest event and how many there were in it, where that is limited (L2)
    rate: tuple[int, int] = (-1, 0)
    #: when it was last seen with its anonymous id
    seen_at = -1
    traits: dict[str, Any] = EMPTY
    #: trait -> timestamp of its latest write, removals included (P3)
    written: dict[str, int] = EMPTY
    #: feature key -> what is remembered
    cells: dict[str, list[Any]] = EMPTY
    #: ``end_key`` -> end of the latest instance (E8)
    ends: dict[str, int] = EMPTY
    #: label of a condition entry -> how it stands; armed if absent
    entries: dict[str, EntryState] = EMPTY
    #: labels of condition entries that are true but over ``max_live_instances`` (E9)
    blocked: tuple[str, ...] = ()
    #: list -> what holds the profile on it, as ``instance id/step`` (S9)
    lists: dict[str, list[str]] = EMPTY
    #: audience or computed trait with destinations -> [last value, when it may change by time alone]
    outputs: dict[str, list[Any]] = EMPTY
    #: backfilled events: [timestamp, message id, event, properties]
    history: list[list[Any]] = EMPTY_LIST
    #: publication of a historical entry -> message ids that came live before it, with their marks (C4)
    missed: dict[str, dict[str, int]] = EMPTY
    #: what the figures must know of each person it was: key at entry -> journey -> version -> figure
    counted: dict[str, dict[str, dict[str, dict[str, Any]]]] = EMPTY
    _history_ids: set[str] | frozenset[str] = frozenset()
    #: instances of journeys or versions that the plan does not know: kept, and left alone
    foreign: list[Any] = EMPTY_LIST

    def __init__(self, key: str, shown: str | None = None) -> None:
        #: ``u:`` or ``a:`` and the id under which it is shown, which need not be cut out where it is at hand
        self.key = key
        self.id = key[2:] if shown is None else shown
        if key[0] != "u":
            self.anonymous_id = self.id
        #: -1 until it has seen an input
        self.clock = -1
        #: how many inputs it has accepted (O6), records it has in the trace, instances it has had
        self.accepted = self.seq = self.order = 0
        #: (journey key, version) it was ever in (E2, V3)
        self.been: tuple[tuple[str, int], ...] = ()
        #: message id -> when it was accepted (O2)
        self.marks: dict[str, int] = {}
        #: in the order in which they entered
        self.instances: list[Instance] = EMPTY_LIST
        #: an index over them, where they are many
        self.crowd: Crowd | None = None
        self.due = NEVER
        #: where the working set has it in its queue of deadlines, and the version that its store knows
        self.scheduled = NEVER
        self.version = 0

    @property
    def user_id(self) -> str | None:
        """The id, once it is known as a user's."""
        return self.id if self.key[0] == "u" else None

    def has_backfilled(self, message_id: str) -> bool:
        """Whether the history has a call of this id."""
        if len(self._history_ids) != len(self.history):
            self._history_ids = {entry[1] or f"#{place}" for place, entry in enumerate(self.history)}
        return message_id in self._history_ids

    def own(self, name: str) -> Any:
        """The dict of that name, to be changed: from now on it is there."""
        found = getattr(self, name)
        if found is EMPTY or found is EMPTY_LIST:
            found = {} if found is EMPTY else []
            setattr(self, name, found)
        return found

    def rename(self, key: str) -> None:
        """The anonymous profile becomes the user's: later records show the user id (P2)."""
        self.key = key
        self.id = key[2:]

    def settle_due(self) -> None:
        """Sets ``due`` to the earliest of all its deadlines."""
        due = NEVER
        if self.crowd is not None:
            first = self.crowd.first()
            due = NEVER if first is None else first.due
        else:
            for instance in self.instances:
                if instance.due < due:
                    due = instance.due
        if self.entries:
            for entry in self.entries.values():
                if entry.at < due:
                    due = entry.at
        if self.outputs:
            for output in self.outputs.values():
                if output[1] < due:
                    due = output[1]
        self.due = due

    @property
    def live(self) -> int:
        """How many live instances it has (E9)."""
        if self.crowd is not None:
            return self.crowd.live
        return sum(instance.status == LIVE for instance in self.instances)

    def add(self, instance: Instance) -> None:
        """One more instance, the latest to enter."""
        if self.instances is EMPTY_LIST:
            self.instances = []
        self.instances.append(instance)
        if self.crowd is not None:
            self.crowd.add(instance)
        elif len(self.instances) >= CROWDED:
            self.crowd = Crowd(self.instances)

    def remove(self, instance: Instance) -> None:
        """An instance is forgotten."""
        if self.crowd is not None:
            del self.instances[bisect_left(self.instances, instance.order, key=attrgetter("order"))]
            self.crowd.remove(instance)
        elif len(self.instances) > 1:
            self.instances.remove(instance)
        else:
            self.instances = EMPTY_LIST

    def rearrange(self, instances: list[Instance]) -> None:
        """Other instances than before, in the order in which they entered."""
        self.instances = instances or EMPTY_LIST
        for instance in instances:
            instance.crowd = None
        self.crowd = Crowd(instances) if len(instances) >= CROWDED else None

    def remember_journey(self, journey: JourneyPlan) -> None:
        """Notes that it has been in this version of the journey."""
        if not self.been:
            self.been = journey.marks
        elif journey.marks[0] not in self.been:
            self.been = _shared((*self.been, *journey.marks))

    def __repr__(self) -> str:
        clock = format_instant(self.clock) if self.clock >= 0 else "-"
        return f"<ProfileState {self.key!r} at {clock}, {len(self.instances)} instances>"


_tuples: dict[tuple[Any, ...], tuple[Any, ...]] = {}


def _shared(value: tuple[Any, ...]) -> tuple[Any, ...]:
    """One object for equal tuples: most profiles have been in the same few journeys."""
    if len(_tuples) > 10_000:
        _tuples.clear()
    return _tuples.setdefault(value, value)

"""The blast radius of a new version: who is where, and what publishing it would do to them, rehearsed on copies."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from journeys._time import format_instant
from journeys.engine._advance import Engine
from journeys.engine._effects import Effects, Record
from journeys.engine._encode import decode_state, encode_state
from journeys.engine._state import ENDED, LIVE, Instance, ProfileState
from journeys.errors import Problem, nearest
from journeys.model.journey import Journey, Migrate
from journeys.model.space import Space
from journeys.plan.plan import Plan
from journeys.plan.values import NEVER
from journeys.ports import Store
from journeys.runtime.analysis.contents import content_of
from journeys.runtime.analysis.migration import MigrationPlan, held_now, propose
from journeys.runtime.analysis.standing import Moment, Rehearsal, Standing

if TYPE_CHECKING:
    from journeys.runtime.evaluator import Evaluator

POLICIES = ("drain", "archive", "migrate")
#: what may become of somebody
FATES = ("stays", "moves", "ends", "stuck", "enters", "sent_now", "sent_otherwise")
#: how many deadlines of one profile are looked ahead
AHEAD = 2_000
#: how many people of each fate are named, unless more are asked for
NAMED = 20

Steps = tuple[str, ...]


@attrs.frozen(kw_only=True)
class Person:
    """One instance, where it waits before and after. Nowhere: it has completed, ended, or is not there."""

    profile: str
    instance: str
    version: int
    before: Steps
    after: Steps


@attrs.frozen(kw_only=True)
class Fate:
    """What becomes of so many instances; ``people`` are the first of them."""

    count: int = 0
    people: tuple[Person, ...] = ()


@attrs.frozen(kw_only=True)
class Outcome:
    """What publishing under one policy would do.

    ``moves`` counts from which step to which, a comma between several; ``ends`` by the kind of the record. Besides the
    fates of those inside, ``enters`` are those whom the publication itself lets in, ``sent_now`` those to whom it sends
    something at once, and ``sent_otherwise`` those inside who are sent something else afterwards, if no input comes.
    ``refused`` is what the publication would be refused for (V2).
    """

    policy: str
    fates: Mapping[str, Fate]
    moves: Mapping[tuple[str, str], int]
    ends: Mapping[str, int]
    refused: tuple[Problem, ...] = ()

    def __getitem__(self, fate: str) -> Fate:
        return self.fates[fate]


@attrs.frozen(kw_only=True)
class Standings:
    """How many instances of one version there are, and how many wait at each step; one may wait at several."""

    version: int
    status: str
    instances: int
    steps: Mapping[str, int]


@attrs.frozen(kw_only=True)
class BlastRadius:
    """Who is in a journey at ``at``, and what its new version would do to them under each policy."""

    journey: str
    from_version: int | None
    to_version: int
    at: str
    profiles: int
    versions: tuple[Standings, ...]
    outcomes: tuple[Outcome, ...]
    plan: MigrationPlan | None

    def under(self, policy: str) -> Outcome:
        """The outcome of one policy; KeyError if it was not asked for."""
        for each in self.outcomes:
            if each.policy == policy:
                return each
        hint = nearest(policy, [each.policy for each in self.outcomes])
        raise KeyError(f"no outcome of {policy!r} was asked for; {hint}")

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        document = attrs.asdict(attrs.evolve(self, outcomes=(), plan=None))
        document["outcomes"] = {each.policy: _as_dict(each) for each in self.outcomes}
        document["plan"] = None if self.plan is None else json.loads(self.plan.to_json())
        return document

    @property
    def text(self) -> str:
        """It in words and columns."""
        return "\n".join(_lines(self))


def blast_radius(
    source: Evaluator | Store,
    journey: Journey,
    *,
    policies: Sequence[str] = POLICIES,
    plan: MigrationPlan | None = None,
    at: Moment | None = None,
    space: Space | None = None,
    named: int = NAMED,
) -> BlastRadius:
    """What publishing the journey would do to everybody that an evaluator or a store knows; nothing is changed.

    Under ``migrate`` people move by ``plan``, else by the journey's own ``on_previous`` if that is a migration, else by
    the plan that is proposed. ``at`` is the instant of publication, now if not given. ``space`` is what would run
    then, if its audiences, computed traits or settings are others. So many people of each fate are ``named``. A journey
    that is new has one outcome, for there is nobody to drain, end or move. People are in memory one batch at a time.
    InvalidDefinition carries what is wrong with the journey.
    """
    if unknown := [each for each in policies if each not in POLICIES]:
        raise ValueError(f"no policy {unknown[0]!r}: one of {', '.join(POLICIES)}")
    standing = Standing(source, at=at, space=space)
    published, _ = standing.publisher.succeeded(journey)
    current = standing.library.current(journey.key)
    old = None if current is None else current.journey
    migrate = journey.on_previous if isinstance(journey.on_previous, Migrate) else None
    if plan is None and migrate is None and old is not None and "migrate" in policies:
        plan = propose(old, published, held_now(standing, journey.key))
    moved = plan.applied_to(journey) if plan is not None else attrs.evolve(journey, on_previous=migrate or Migrate())
    versions = _Counting(standing, journey.key)
    trials = []
    for policy in policies if old is not None else policies[:1]:
        tried = moved if policy == "migrate" else attrs.evolve(journey, on_previous=policy)
        trials.append(_Trial(policy, tried, old, standing, named))

    def see(state: bytes) -> None:
        quiet = _Quiet(standing, state, journey.key)
        versions.add(quiet)
        for each in trials:
            each.add(quiet)

    standing.look(see)
    return BlastRadius(
        journey=journey.key,
        from_version=None if old is None else old.version,
        to_version=published.version,
        at=format_instant(max(standing.at, 0)),
        profiles=versions.profiles,
        versions=versions.standings(),
        outcomes=tuple(each.outcome() for each in trials),
        plan=plan,
    )


class _Quiet:
    """A profile at the instant if nothing is published, and what those inside are sent by time alone."""

    def __init__(self, standing: Standing, state: bytes, key: str) -> None:
        self.state = state
        profile, due = standing.now(state)
        self.inside = {each.id: each for each in _of(profile, key)}
        self.at = {name: _steps(each) for name, each in self.inside.items()}
        self.due = _contents(due)
        self.sent = {name: Counter(each) for name, each in self.due.items()}
        if self.inside:
            copy = decode_state(encode_state(profile), standing.core.plan)
            _look_ahead(copy, standing.core.plan, self.inside.keys(), self.sent)


class _Counting:
    """Where people are in each version."""

    def __init__(self, standing: Standing, key: str) -> None:
        self.versions = standing.versions(key)
        self.profiles = 0
        self.instances: Counter[int] = Counter()
        self.steps: Counter[tuple[int, str]] = Counter()

    def add(self, quiet: _Quiet) -> None:
        self.profiles += 1
        for name, instance in quiet.inside.items():
            self.instances[instance.plan.version] += 1
            self.steps.update((instance.plan.version, step) for step in quiet.at[name])

    def standings(self) -> tuple[Standings, ...]:
        return tuple(
            Standings(
                version=each.version,
                status=each.status,
                instances=self.instances[each.version],
                steps={step: self.steps[each.version, step] for step in each.steps if self.steps[each.version, step]},
            )
            for each in self.versions
        )


class _Trial:
    """One policy, tried on everybody."""

    def __init__(self, policy: str, journey: Journey, old: Journey | None, standing: Standing, named: int) -> None:
        self.policy = policy
        self.journey = journey
        self.old = old
        self.standing = standing
        self.named = named
        self.rehearsal: Rehearsal = standing.rehearse(journey)
        self.counts: Counter[str] = Counter()
        self.people: dict[str, list[Person]] = {fate: [] for fate in FATES}
        self.moves: Counter[tuple[str, str]] = Counter()
        self.ends: Counter[str] = Counter()

    def outcome(self) -> Outcome:
        refused = None
        if self.policy == "migrate" and self.old is not None:
            refused = self.standing.refusal(self.journey)
        return Outcome(
            policy=self.policy,
            fates={fate: Fate(count=self.counts[fate], people=tuple(self.people[fate])) for fate in FATES},
            moves=dict(sorted(self.moves.items())),
            ends=dict(sorted(self.ends.items())),
            refused=() if refused is None else refused.problems,
        )

    def add(self, quiet: _Quiet) -> None:
        stuck = frozenset(name for name, each in quiet.inside.items() if self._is_stuck(each))
        after, effects = self.rehearsal.of(quiet.state, without=stuck)
        new = {each.id: each for each in _of(after, self.journey.key)}
        at = {name: _steps(each) for name, each in new.items()}
        ended = {each.instance: each.kind for each in effects.records if each.kind in _ENDS}
        for name, instance in quiet.inside.items():
            other = new.get(name)
            if name in stuck or (other is not None and other.status == LIVE and not other.has_tokens):
                fate = "stuck"
            elif other is None:
                fate = "ends"
                self.ends[ended.get(name, "completed")] += 1
            elif other.plan.version == instance.plan.version:
                fate = "stays"
            else:
                fate = "moves"
                self.moves[_named(quiet.at[name]), _named(at[name])] += 1
            self._note(fate, after, instance, quiet.at[name], at.get(name, ()))
        for name, instance in new.items():
            if name not in quiet.inside:
                self._note("enters", after, instance, (), at[name])
        sent = _contents(effects)
        for key, contents in sent.items():
            some = quiet.inside.get(key or "") or new.get(key or "")
            if some is not None and contents - quiet.due.get(key, Counter()):
                self._note("sent_now", after, some, quiet.at.get(some.id, ()), at.get(some.id, ()))
        if quiet.inside:
            _look_ahead(after, self.rehearsal.plan, quiet.inside.keys(), sent)
        for name, instance in quiet.inside.items():
            if name not in stuck and sent.get(name) != quiet.sent.get(name):
                self._note("sent_otherwise", after, instance, quiet.at[name], at.get(name, ()))

    def _is_stuck(self, instance: Instance) -> bool:
        """Whether it waits where the migration leads nowhere: publishing would be refused."""
        moves = self.journey.on_previous
        if not isinstance(moves, Migrate) or self.old is None or instance.plan.version != self.old.version:
            return False
        steps = self.journey.steps
        return any(
            type(steps.get(moves.migrate.get(wait.step.key, wait.step.key))) is not type(wait.step.model)
            for wait in instance.waits
        )

    def _note(self, fate: str, profile: ProfileState, instance: Instance, before: Steps, after: Steps) -> None:
        self.counts[fate] += 1
        if len(self.people[fate]) < self.named:
            who, version = profile.id, instance.plan.version
            person = Person(profile=who, instance=instance.id, version=version, before=before, after=after)
            self.people[fate].append(person)


_SENT = ("sent", "list_added", "list_removed")
_ENDS = ("completed", "exited", "expired", "archived", "failed")


def _of(profile: ProfileState, key: str) -> Iterator[Instance]:
    """The instances of a journey that are in it."""
    return (each for each in profile.instances if each.plan.key == key and each.status != ENDED)


def _steps(instance: Instance) -> Steps:
    return tuple(sorted({wait.step.key for wait in instance.waits}))


def _named(steps: Steps) -> str:
    return ", ".join(steps) or "-"


def _contents(effects: Effects) -> dict[str | None, Counter[str]]:
    """What each instance was sent, and which lists it joined or left."""
    found: dict[str | None, Counter[str]] = {}
    for record in effects.records:
        if record.kind in _SENT:
            found.setdefault(record.instance, Counter())[_content(record)] += 1
    return found


def _look_ahead(
    profile: ProfileState, plan: Plan, instances: Collection[str], sent: dict[str | None, Counter[str]]
) -> None:
    """Adds what these instances are sent from here on if no input comes, until nothing more happens to them."""
    effects = Effects()
    engine = Engine(plan, effects)
    for _ in range(AHEAD):
        if not any(each.due < NEVER and each.id in instances for each in profile.instances):
            break
        engine.advance(profile, profile.due)
    for instance, contents in _contents(effects).items():
        sent.setdefault(instance, Counter()).update(contents)


def _content(record: Record) -> str:
    """What the destination gets and when, without what tells deliveries, instances and versions apart."""
    made = record.as_dict()
    said: dict[str, Any] = {name: made.get(name) for name in ("at", "kind", "destination")}
    return json.dumps(said | {"payload": content_of(made)}, sort_keys=True)


def _as_dict(outcome: Outcome) -> dict[str, Any]:
    return {
        **{fate: attrs.asdict(outcome[fate]) for fate in FATES},
        "by_step": [{"from": old, "to": new, "count": number} for (old, new), number in outcome.moves.items()],
        "by_end": dict(outcome.ends),
        "refused": [attrs.asdict(each) for each in outcome.refused],
    }


def _lines(radius: BlastRadius) -> Iterator[str]:
    before = "new" if radius.from_version is None else f"version {radius.from_version} to {radius.to_version}"
    yield f"{radius.journey}, {before}, published at {radius.at}: {radius.profiles:,} profiles"
    for each in radius.versions:
        where = ", ".join(f"{step} {number:,}" for step, number in each.steps.items())
        yield f"  version {each.version} ({each.status}): {each.instances:,} inside" + (f": {where}" if where else "")
    rows = [("", *(fate.replace("_", " ") for fate in FATES))]
    rows += [(each.policy, *(f"{each[fate].count:,}" for fate in FATES)) for each in radius.outcomes]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for name, *cells in rows:
        yield "  " + "  ".join([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])])
    for outcome in radius.outcomes:
        for (old, new), number in outcome.moves.items():
            yield f"  {outcome.policy}: {number:,} from {old} to {new}"
        for problem in outcome.refused:
            yield f"  {outcome.policy} would be refused: {problem.message}"

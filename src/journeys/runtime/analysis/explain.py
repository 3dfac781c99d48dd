"""Why a person is in a journey or not, where, and what she waits for until when: as data and in words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from journeys._time import format_instant
from journeys.engine._advance import Engine
from journeys.engine._effects import Effects
from journeys.engine._encode import decode_state, encode_state
from journeys.engine._state import COMPLETED, ENDED, LIVE, Instance, ProfileState
from journeys.errors import UnknownJourney, nearest
from journeys.model.space import Space
from journeys.plan.plan import JourneyPlan, MultiBranchPlan, Plan, SplitPlan, WaitPlan
from journeys.plan.values import NEVER
from journeys.runtime.analysis.explain_entry import ERASED, EntryExplanation, explain_entry
from journeys.runtime.analysis.explain_misses import Misses, as_applied, events_of
from journeys.runtime.analysis.explain_truth import features_of
from journeys.runtime.analysis.explain_waits import WaitExplanation, end_of, explain_wait
from journeys.runtime.render import describe_entry

if TYPE_CHECKING:
    from journeys.runtime.evaluator import Evaluator

#: how many deadlines are looked ahead for the next thing that happens by itself
AHEAD = 2_000
_STATUS = {LIVE: "live", COMPLETED: "completed"}


@attrs.frozen(kw_only=True)
class InstanceExplanation:
    """One way through the journey that is under way, or completed and not yet left.

    ``ends_at`` is when it ends at the latest, ``ends_by`` whether by ``exit_after`` or ``max_age``.
    """

    id: str
    version: int
    status: str
    entered_at: str
    entered_by: str
    identifier: Any
    waits: tuple[WaitExplanation, ...]
    ends_at: str | None
    ends_by: str | None

    def lines(self) -> Iterator[str]:
        """It in words."""
        named = "" if self.identifier is None else f" with {json.dumps(self.identifier, ensure_ascii=False)}"
        yield f"in version {self.version}{named} since {self.entered_at}, by: {self.entered_by}"
        if self.status == "completed":
            yield "  has completed, and stays until she exits"
        for wait in self.waits:
            yield from ("  " + line for line in wait.lines())
        if self.ends_at is not None:
            yield f"  leaves at the latest at {self.ends_at} ({self.ends_by})"


@attrs.frozen
class Remembered:
    """What is kept of past events for a condition of the journey: which event, in what form, why, how much."""

    event: str
    kind: str
    why: str
    size: int


@attrs.frozen
class Happening:
    """What happens in the journey if no input comes: the kind of the record, and the step or rule it names."""

    at: str
    kind: str
    step: str | None = None

    def __str__(self) -> str:
        return f"{self.at}: {self.kind}" + (f" {self.step}" if self.step else "")


@attrs.frozen(kw_only=True)
class Explanation:
    """How a person stands with a journey at ``at``; ``text`` says it in words.

    ``next`` is the first thing that happens in this journey if no input comes, None if nothing does. ``waiting`` is how
    many of her calls are accepted and not applied yet, because of ``allowed_lateness`` (T8): they are not in this.
    ``been`` are the versions that she has been in so far, ``left_at`` is when she was last through, as long as that is
    remembered.
    """

    profile: str
    journey: str
    at: str
    known: bool
    instances: tuple[InstanceExplanation, ...]
    entry: EntryExplanation
    next: Happening | None
    remembers: tuple[Remembered, ...]
    waiting: int = 0
    been: tuple[int, ...] = ()
    left_at: str | None = None

    @property
    def inside(self) -> bool:
        """Whether she is in the journey, completed ways included."""
        return bool(self.instances)

    @property
    def text(self) -> str:
        """All of it in words."""
        told = "is in" if self.inside else "is not in"
        lines = [f"{self.profile} {told} {self.journey} at {self.at}"]
        if not self.known:
            lines.append("nothing is known of this profile yet")
        if self.been and not self.inside:
            versions = f"version{'s' if len(self.been) > 1 else ''} {', '.join(map(str, self.been))}"
            lines.append(f"was in it before ({versions})" + (f", until {self.left_at}" if self.left_at else ""))
        if self.waiting:
            one, more = "1 call of hers waits for its", f"{self.waiting} calls of hers wait for their"
            calls = one if self.waiting == 1 else more
            lines.append(f"{calls} time (allowed_lateness): accepted, and not in this yet")
        for instance in self.instances:
            lines += instance.lines()
        lines += self.entry.lines()
        lines.append(f"next by itself: {self.next}" if self.next else "nothing happens here by time alone")
        for each in self.remembers:
            lines.append(f"remembered of {each.event}: {each.kind} ({each.why}), size {each.size}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data, for JSON."""
        return attrs.asdict(self) | {"inside": self.inside}


def explain(
    profile: ProfileState,
    plan: Plan,
    space: Space,
    journey_key: str,
    now: int,
    calls: Iterable[Mapping[str, Any]] = (),
    *,
    erased: bool = False,
    waiting: int = 0,
) -> Explanation:
    """How the profile stands with a journey at an instant; the profile is not touched.

    ``space`` names all versions with their status, ``plan`` is what runs; ``erased`` says that she was (V6),
    ``waiting`` how many of her calls wait for their time. Deadlines before ``now`` have happened in what is said (T6),
    also if nobody has let them happen yet. Among the ``calls``, the person's near misses are found:
    the right event for a hold or the entry, with a wrong filter or identifier. UnknownJourney if there is none.
    """
    versions = sorted((each for each in space.journeys if each.key == journey_key), key=lambda each: each.version)
    if not versions:
        known = sorted({each.key for each in space.journeys})
        raise UnknownJourney(f"no journey {journey_key!r}; {nearest(journey_key, known)}")
    at = max(now, profile.clock, 0)
    seen = profile.clock >= 0
    here = _copy(profile, plan)
    engine = Engine(plan, Effects(traces=False))
    engine.advance(here, at - 1)
    coming = _coming(here, plan, journey_key)
    applied = as_applied(calls, plan.lateness) if plan.may_be_late else calls
    misses = Misses(here, space, events_of(profile, applied, at))
    inside = tuple(
        _instance(instance, here, space, at, misses)
        for instance in here.instances
        if instance.plan.key == journey_key and instance.status != ENDED
    )
    entry = explain_entry(here, plan, space, versions, at, misses, seen=seen)
    if erased:
        entry = attrs.evolve(entry, blocks=(*entry.blocks, ERASED))
    enters = next((each.at for each in coming if each.kind == "entered"), None)
    return Explanation(
        profile=here.id,
        journey=journey_key,
        at=format_instant(at),
        known=seen,
        instances=inside,
        entry=attrs.evolve(entry, enters_at=enters),
        next=coming[0] if coming else None,
        remembers=_remembered(here, [each for each in plan.journeys.values() if each.key == journey_key]),
        waiting=waiting,
        been=tuple(sorted(version for key, version in here.been if key == journey_key)),
        left_at=_left_at(here, journey_key),
    )


def _left_at(profile: ProfileState, journey: str) -> str | None:
    """When an instance of the journey ended last: kept for late events (E8), or with the instance."""
    ends = [at for name, at in profile.ends.items() if name.partition(" ")[0] == journey]
    ends += [each.expires_at for each in profile.instances if each.status == ENDED and each.plan.key == journey]
    return format_instant(max(ends)) if ends else None


def explain_profile(
    evaluator: Evaluator,
    user_id: str | None = None,
    *,
    anonymous_id: str | None = None,
    journey: str,
    at: str | datetime | int | None = None,
    calls: Iterable[Mapping[str, Any]] = (),
) -> Explanation:
    """``Evaluator.explain`` as a function."""
    return evaluator.explain(user_id, anonymous_id=anonymous_id, journey=journey, at=at, calls=calls)


def _copy(profile: ProfileState, plan: Plan) -> ProfileState:
    copy = decode_state(encode_state(profile), plan)
    copy.settle_due()
    return copy


def _coming(profile: ProfileState, plan: Plan, journey: str) -> list[Happening]:
    """What happens next in the journey by time alone, up to the next entry into it.

    The engine itself is asked, on a copy: it is the one who knows what comes first.
    """
    copy, effects = _copy(profile, plan), Effects()
    engine, found = Engine(plan, effects), list[Happening]()
    for _ in range(AHEAD):
        if copy.due >= NEVER:
            break
        engine.advance(copy, copy.due)
        for record in effects.take().records:
            if record.journey != journey:
                continue
            fields = record.fields() if callable(record.fields) else record.fields or {}
            place = fields.get("step") or fields.get("rule")
            found.append(Happening(format_instant(record.at), record.kind, place))
        if any(each.kind == "entered" for each in found):
            break
    return found


def _instance(instance: Instance, profile: ProfileState, space: Space, now: int, misses: Misses) -> InstanceExplanation:
    at, by = end_of(instance)
    waits = sorted((wait for wait in instance.waits if not wait.removal), key=lambda wait: wait.rank)
    return InstanceExplanation(
        id=instance.id,
        version=instance.plan.version,
        status=_STATUS[instance.status],
        entered_at=format_instant(instance.entered_at),
        entered_by=describe_entry(instance.plan.model.entry),
        identifier=instance.identifier,
        waits=tuple(explain_wait(wait, instance, profile, space, now, misses) for wait in waits),
        ends_at=None if at >= NEVER else format_instant(at),
        ends_by=None if at >= NEVER else by,
    )


def _remembered(profile: ProfileState, journeys: list[JourneyPlan]) -> tuple[Remembered, ...]:
    conditions: list[Any] = []
    for journey in journeys:
        conditions += [each for each in (journey.condition, journey.entry_audience) if each is not None]
        for step in journey.steps.values():
            if isinstance(step, WaitPlan):
                conditions.append(step.condition)
            elif isinstance(step, (SplitPlan, MultiBranchPlan)):
                conditions += [condition for _, condition, _ in step.branches]
    features = {each.key: each for condition in conditions for each in features_of(condition)}
    return tuple(
        Remembered(each.event, each.kind, each.why, each.size(profile.cells[key]))
        for key, each in sorted(features.items())
        if key in profile.cells
    )

"""Two profiles become one (P2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from journeys.engine import _leaving
from journeys.engine._state import (
    ARMED,
    COMPLETED,
    ENDED,
    INSIDE,
    LIVE,
    NEVERMORE,
    REARMING,
    EntryState,
    Instance,
    ProfileState,
)
from journeys.plan.values import equal

if TYPE_CHECKING:
    from journeys.engine._advance import Engine

T = TypeVar("T")


def merge(engine: Engine, profile: ProfileState, other: ProfileState) -> None:
    """Merges ``other`` into ``profile`` at the engine's present; ``other`` must not be used afterwards."""
    _merge_traits(profile, other)
    for key, cell in other.cells.items():
        feature = engine.plan.features.get(key)
        if feature is not None:
            feature.merge(profile.own("cells").setdefault(key, feature.new()), cell)
    profile.accepted += other.accepted
    profile.seq = max(profile.seq, other.seq)
    if other.shared:
        profile.shared = _united(profile.shared, other.shared)
    if other.devices:
        profile.devices = _united(profile.devices, other.devices)
    profile.history = sorted([*other.history, *profile.history], key=lambda entry: entry[0])
    _merge_missed(profile, other)
    profile.marks = dict(sorted({**other.marks, **profile.marks}.items(), key=lambda mark: mark[1]))
    for ended, at in other.ends.items():
        profile.own("ends")[ended] = max(at, profile.ends.get(ended, -1))
    profile.been = _united(profile.been, other.been)
    profile.blocked = _united(profile.blocked, other.blocked)
    for destination, holders in other.lists.items():
        profile.own("lists").setdefault(destination, []).extend(holders)
    for key, output in other.outputs.items():
        profile.own("outputs").setdefault(key, output)
    if other.counted:
        profile.own("counted").update(other.counted)
    if other.foreign:
        profile.own("foreign").extend(other.foreign)
    _merge_entries(profile, other)
    _merge_instances(engine, profile, other)
    if other.anonymous_id is not None and (profile.anonymous_id is None or other.seen_at > profile.seen_at):
        profile.anonymous_id, profile.seen_at = other.anonymous_id, other.seen_at


def _united(ours: Sequence[T], theirs: Sequence[T]) -> tuple[T, ...]:
    return (*ours, *(each for each in theirs if each not in ours))


def _merge_traits(profile: ProfileState, other: ProfileState) -> None:
    """For each key the later write wins, on a tie the user's."""
    for key, timestamp in other.written.items():
        if timestamp > profile.written.get(key, -1):
            profile.own("written")[key] = timestamp
            if key in other.traits:
                profile.own("traits")[key] = other.traits[key]
            else:
                profile.own("traits").pop(key, None)


def _merge_missed(profile: ProfileState, other: ProfileState) -> None:
    """What either side has missed, unless the other has seen it (C4); by the marks of both before they are merged."""
    for scope in {*profile.missed, *other.missed}:
        ours, theirs = profile.missed.get(scope, {}), other.missed.get(scope, {})
        both = {**theirs, **ours}
        profile.own("missed")[scope] = {
            each: at
            for each, at in both.items()
            if (each in ours or each not in profile.marks) and (each in theirs or each not in other.marks)
        }


def _merge_entries(profile: ProfileState, other: ProfileState) -> None:
    """In the journey, or never again, on either side wins; else the later re-arming."""
    for label, theirs in other.entries.items():
        ours = profile.entries.get(label, EntryState(ARMED))
        winner = ours
        if theirs.status == ours.status:
            winner = theirs if theirs.status == REARMING and theirs.at > ours.at else ours
        else:
            order = (INSIDE, NEVERMORE, REARMING)
            winner = next((each for status in order for each in (theirs, ours) if each.status == status), ours)
        profile.own("entries")[label] = winner


def _merge_instances(engine: Engine, profile: ProfileState, other: ProfileState) -> None:
    """All are kept, in the order in which they entered; of two that may not both live the younger ends."""
    own = [(instance.entered_at, 0, instance.order, instance) for instance in profile.instances]
    came = [(instance.entered_at, 1, instance.order, instance) for instance in other.instances]
    ordered = [each[-1] for each in sorted([*own, *came], key=lambda each: each[:3])]
    for order, instance in enumerate(ordered, 1):
        instance.order = order
    profile.order = len(ordered)
    profile.rearrange(list(ordered))
    kept: list[Instance] = []
    for instance in ordered:
        if instance.status in (LIVE, COMPLETED) and any(_collide(instance, older) for older in kept):
            _leaving.end(engine, instance, "merged")
        elif instance.status != ENDED:
            kept.append(instance)


def _collide(a: Instance, b: Instance) -> bool:
    if a.plan.key != b.plan.key:
        return False
    return same_identifier(a.identifier, b.identifier)


def same_identifier(a: Any, b: Any) -> bool:
    """One identifier value; none is one with none."""
    return (a is None and b is None) or equal(a, b)

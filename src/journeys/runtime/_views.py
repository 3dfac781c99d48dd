"""What an application reads of a person: plain, frozen, and apart from the state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from journeys._time import format_instant
from journeys.engine._effects import Record
from journeys.engine._state import COMPLETED, ENDED, ProfileState
from journeys.plan.plan import Plan
from journeys.plan.values import ABSENT, NEVER


@attrs.frozen(kw_only=True)
class WaitView:
    """Where a token waits, and until when at the latest; ``until`` is None if only an input can end the wait."""

    step: str
    branch: str | None
    until: str | None


@attrs.frozen(kw_only=True)
class InstanceView:
    """One way through a journey that is kept: ``live``, ``completed`` or ``ended``."""

    id: str
    journey: str
    version: int
    status: str
    entered_at: str
    identifier: Any
    context: Mapping[str, Any]
    waits: tuple[WaitView, ...]


@attrs.frozen(kw_only=True)
class ProfileView:
    """A person as the evaluator knows them at ``at``. ``remembers`` says how much is kept for each feature, and why."""

    id: str
    user_id: str | None
    anonymous_id: str | None
    linked_ids: tuple[str, ...]
    at: str
    traits: Mapping[str, Any]
    computed_traits: Mapping[str, Any]
    audiences: tuple[str, ...]
    lists: tuple[str, ...]
    instances: tuple[InstanceView, ...]
    next_due: str | None
    remembers: tuple[tuple[str, str, str, int], ...]


def view(profile: ProfileState, plan: Plan, now: int) -> ProfileView:
    """The profile at an instant."""
    computed = {key: each.value(profile, now) for key, each in plan.computed.items()}
    return ProfileView(
        id=profile.id,
        user_id=profile.user_id,
        anonymous_id=profile.anonymous_id,
        linked_ids=tuple(key[2:] for key in profile.linked),
        at=format_instant(max(now, 0)),
        traits=dict(profile.traits),
        computed_traits={key: value for key, value in computed.items() if value is not ABSENT},
        audiences=tuple(sorted(key for key, each in plan.audiences.items() if each.holds(profile, None, now))),
        lists=tuple(sorted(profile.lists)),
        instances=tuple(_instance(instance) for instance in profile.instances),
        next_due=None if profile.due >= NEVER else format_instant(profile.due),
        remembers=tuple(
            (feature.event, feature.kind, feature.why, feature.size(profile.cells[key]))
            for key, feature in sorted(plan.features.items())
            if key in profile.cells
        ),
    )


def _instance(instance: Any) -> InstanceView:
    status = {COMPLETED: "completed", ENDED: "ended"}.get(instance.status, "live")
    return InstanceView(
        id=instance.id,
        journey=instance.plan.key,
        version=instance.plan.version,
        status=status,
        entered_at=format_instant(instance.entered_at),
        identifier=instance.identifier,
        context=dict(instance.context),
        waits=tuple(
            WaitView(
                step=wait.step.key,
                branch=wait.step.branches[wait.branch][0] if wait.branch >= 0 else None,
                until=None if wait.due >= NEVER else format_instant(wait.due),
            )
            for wait in sorted(instance.waits, key=lambda wait: wait.rank)
            if not wait.removal
        ),
    )


def records(
    kept: Iterable[Record], profile: str | None, journey: str | None, instance: str | None
) -> Iterator[dict[str, Any]]:
    """Records that are held in memory, in the order of a trace; of one profile, journey or instance."""
    for record in sorted(kept, key=lambda each: each.order):
        if (
            (profile is None or record.profile == profile)
            and (journey is None or record.journey == journey)
            and (instance is None or record.instance == instance)
        ):
            yield record.as_dict()

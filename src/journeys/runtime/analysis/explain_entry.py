"""Whether a person may enter a journey, and what stands in the way (section E)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from journeys._time import format_instant
from journeys.engine._entering import _was_in_earlier_version
from journeys.engine._state import ARMED, ENDED, INSIDE, LIVE, NEVERMORE, REARMING, UNARMED, ProfileState
from journeys.model.entries import ConditionEntry
from journeys.model.journey import Journey
from journeys.model.space import Space
from journeys.plan.plan import JourneyPlan, Plan
from journeys.plan.values import NEVER
from journeys.runtime.analysis.explain_misses import Misses, NearMiss
from journeys.runtime.analysis.explain_truth import Truth, truth_of
from journeys.runtime.render import describe_entry, describe_event


@attrs.frozen
class Block:
    """Something that keeps her from entering: ``code`` is stable, ``rule`` is that of the contract."""

    code: str
    text: str
    rule: str
    until: str | None = None

    def __str__(self) -> str:
        until = f", until {self.until}" if self.until else ""
        return f"{self.text}{until} ({self.rule})"


ERASED = Block("erased", "she has been erased: her calls are rejected until that is lifted", "V6")


@attrs.frozen(kw_only=True)
class EntryExplanation:
    """How the entry stands for one person.

    ``open`` says that nothing stands in the way: the event (with the filters of the entry, and an identifier that is
    not ``taken``) or the condition becoming true lets her in. ``condition`` is that of the entry, or the audience that
    an event entry asks for; ``armed`` is how a condition entry stands (E5): ``armed``, ``unarmed``, ``inside``,
    ``rearming`` or ``never``; ``enters_at`` is when she enters if no input comes.
    """

    kind: str
    version: int
    text: str
    blocks: tuple[Block, ...]
    condition: Truth | None = None
    armed: str | None = None
    event: str | None = None
    filters: str | None = None
    identifier: str | None = None
    taken: tuple[Any, ...] = ()
    misses: tuple[NearMiss, ...] = ()
    enters_at: str | None = None

    @property
    def open(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.blocks

    def lines(self) -> Iterator[str]:
        """It in words."""
        what = "when" if self.kind == "condition" else "on"
        yield f"enters version {self.version} {what}: {self.text}"
        if self.condition is not None:
            yield from ("  " + line for line in self.condition.lines())
        for value in self.taken:
            yield f"  not with {self.identifier} {json.dumps(value, ensure_ascii=False)}: that one is live (E3)"
        for block in self.blocks:
            yield f"  not now: {block}"
        if self.open:
            yield "  may enter" + ("" if self.kind == "event" else " as soon as that is true")
        for miss in self.misses:
            yield f"  {miss}"
        if self.enters_at is not None:
            yield f"  enters by time alone at {self.enters_at}"


def explain_entry(
    profile: ProfileState,
    plan: Plan,
    space: Space,
    versions: Sequence[Journey],
    now: int,
    misses: Misses,
    *,
    seen: bool,
) -> EntryExplanation:
    """The entry of the version that takes people, or that would if it were live."""
    plans = [found for each in versions if (found := plan.journeys.get((each.key, each.version))) is not None]
    taking = next((each for each in plans if each.accepts), plans[-1] if plans else None)
    model = versions[-1] if taking is None else next(each for each in versions if each.version == taking.version)
    blocks = list(_life(taking, model, versions))
    told = EntryExplanation(
        kind="condition" if model.is_condition_based else "event",
        version=model.version,
        text=describe_entry(model.entry),
        blocks=(),
    )
    if taking is None:
        return attrs.evolve(told, blocks=tuple(blocks))
    if taking.exclude_previous and _was_in_earlier_version(profile, taking):
        blocks.append(Block("excluded", "she was in an earlier version, which excludes her", "V3"))
    if profile.live >= plan.limits.max_live_instances:
        most = plan.limits.max_live_instances
        blocks.append(
            Block("too_many_instances", f"she is in {profile.live} journeys, at most {most} are allowed", "E9")
        )
    entry = model.entry
    if isinstance(entry, ConditionEntry):
        return _on_condition(told, taking, entry, profile, space, now, blocks, seen)
    told = attrs.evolve(
        told,
        event=entry.event,
        filters=describe_event(entry.event, entry.where) if entry.where else None,
        identifier=entry.identifier,
        taken=_taken(taking, profile),
        misses=misses.of_entry(entry),
    )
    if entry.audience is not None and taking.entry_audience is not None:
        definition = next(each.condition for each in space.audiences if each.key == entry.audience)
        truth = truth_of(definition, taking.entry_audience, profile, None, now, space)
        truth = attrs.evolve(truth, text=f"in the audience {entry.audience} ({truth.text})")
        told = attrs.evolve(told, condition=truth)
        if not truth.holds:
            blocks.append(Block("audience", f"she is not in the audience {entry.audience}", "E1", truth.flips_at))
    return attrs.evolve(told, blocks=(*blocks, *_live_blocks(taking, profile)))


def _life(taking: JourneyPlan | None, model: Journey, versions: Sequence[Journey]) -> Iterator[Block]:
    if taking is None:
        yield Block(model.status, f"version {model.version} is {model.status}", "V1")
    elif not taking.accepts:
        newer = [each for each in versions if each.version > model.version and each.status != "draft"]
        if newer:
            text = f"version {newer[-1].version} took the place of version {model.version} and is {newer[-1].status}"
            yield Block("superseded", text, "V2")
        else:
            yield Block("paused", "the journey is paused: nobody enters", "V1")


def _live_blocks(taking: JourneyPlan, profile: ProfileState) -> Iterator[Block]:
    if taking.once and any(key == taking.key for key, _ in profile.been):
        yield Block("once", "she has been in it, and may enter only once", "E2")
    for instance in profile.instances:
        if instance.status != LIVE or instance.plan.key != taking.key:
            continue
        since = format_instant(instance.entered_at)
        if taking.identifier is None:
            yield Block("live_instance", f"she is in it since {since}", "E4")
        elif taking.reentry_after is not None and instance.plan is not taking:
            yield Block("older_version", f"she is in version {instance.plan.version} since {since}", "V3")


def _taken(taking: JourneyPlan, profile: ProfileState) -> tuple[Any, ...]:
    if taking.identifier is None:
        return ()
    return tuple(each.identifier for each in profile.instances if each.status == LIVE and each.plan.key == taking.key)


def _on_condition(
    told: EntryExplanation,
    taking: JourneyPlan,
    entry: ConditionEntry,
    profile: ProfileState,
    space: Space,
    now: int,
    blocks: list[Block],
    seen: bool,
) -> EntryExplanation:
    assert taking.condition is not None
    truth = truth_of(entry.condition, taking.condition, profile, None, now, space)
    label = taking.entry_label
    state = profile.entries.get(label)
    status, at = (ARMED, NEVER) if state is None else (state.status, state.at)
    if status == REARMING and at <= now:
        status = ARMED
    inside = [
        each
        for each in profile.instances
        if each.plan.key == taking.key and each.status != ENDED and each.plan.entry_label == label
    ]
    if status == UNARMED:
        again = truth.flips_at if truth.holds else None
        text = "entry is not armed: the condition was true when she could not enter, and must become false first"
        blocks.append(Block("unarmed", text, "E5", again))
    elif status == REARMING:
        until = None if at >= NEVER else format_instant(at)
        blocks.append(Block("rearming", "she has left it, and entry is not armed yet", "E6", until))
    elif status == NEVERMORE:
        blocks.append(Block("never", "she has been in it, and enters only once", "E6"))
    elif inside or status == INSIDE:
        text = "she is in it" + (f" since {format_instant(inside[0].entered_at)}" if inside else "")
        blocks.append(Block("inside", text, "E5"))
    if not seen:
        blocks.append(Block("unknown", "entry is armed when she is first seen", "E5"))
    return attrs.evolve(told, blocks=tuple(blocks), condition=truth, armed=status)

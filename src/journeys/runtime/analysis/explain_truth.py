"""A condition taken apart: which of its parts are true now, what that comes from, and until when by time alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import attrs

from journeys._time import Duration, format_instant
from journeys.model import conditions as m
from journeys.model.space import Space
from journeys.plan import conditions as c
from journeys.plan.features import Feature
from journeys.plan.values import ABSENT, NEVER
from journeys.runtime.render import describe, describe_duration, describe_event

#: how many instants at which an answer may change and does not are looked at before giving up
PATIENCE = 1_000


@attrs.frozen(kw_only=True)
class Truth:
    """One condition at one instant.

    ``found`` says what its answer comes from, ``remedy`` what input would give the other answer where that one is
    wanted, ``flips_at`` when time alone gives it; None if time alone never does.
    """

    kind: str
    text: str
    holds: bool
    wanted: bool = True
    found: str = ""
    remedy: str = ""
    flips_at: str | None = None
    parts: tuple[Truth, ...] = ()

    @property
    def culprits(self) -> tuple[Truth, ...]:
        """The parts, down to the single questions, because of which the answer is not the wanted one."""
        if self.holds == self.wanted:
            return ()
        if not self.parts:
            return (self,)
        return tuple(leaf for part in self.parts for leaf in part.culprits)

    def lines(self, depth: int = 0) -> Iterator[str]:
        """The tree in words, one condition a line."""
        told = f"{'  ' * depth}{'yes' if self.holds else 'no '} {self.text}"
        notes = [self.found] if self.found else []
        if self.holds != self.wanted and self.remedy:
            notes.append(f"needs {self.remedy}")
        if self.flips_at is not None and not self.parts:
            notes.append(f"by time alone {'no' if self.holds else 'yes'} from {self.flips_at}")
        yield told + (": " + "; ".join(notes) if notes else "")
        for part in self.parts:
            yield from part.lines(depth + 1)


def truth_of(
    model: m.Condition, condition: c.Condition, profile: Any, context: c.Context, now: int, space: Space
) -> Truth:
    """Takes a condition apart; ``model`` is its definition, ``condition`` the same compiled."""
    return _Looking(profile, context, now, space).at(model, condition, wanted=True)


def flips_at(condition: c.Condition, profile: Any, context: c.Context, now: int) -> int | None:
    """The instant at which the answer does change by time alone; None if it never does (C1)."""
    before, at = condition.holds(profile, context, now), now
    for _ in range(PATIENCE):
        at = condition.flip(profile, context, at)
        if at >= NEVER:
            return None
        if condition.holds(profile, context, at) != before:
            return at
    return None


def true_at(condition: c.Condition, profile: Any, context: c.Context, now: int) -> int:
    """The first instant from now on at which it is true if no input comes; NEVER if there is none (C10)."""
    if condition.holds(profile, context, now):
        return now
    flip = flips_at(condition, profile, context, now)
    return NEVER if flip is None else flip


def features_of(part: Any) -> Iterator[Feature]:
    """What a compiled condition needs to be remembered, audiences and computed traits included."""
    for name in ("feature", "first", "then"):
        feature = getattr(part, name, None)
        if isinstance(feature, Feature):
            yield feature
    for name in ("parts", "filters", "first_filters", "then_filters", "computed"):
        for each in getattr(part, name, None) or ():
            for inner in each if isinstance(each, tuple) else (each,):
                yield from features_of(inner)
    for name in ("part", "definition", "reader", "comparison", "operand"):
        inner = getattr(part, name, None)
        if inner is not None:
            yield from features_of(inner)


class _Looking:
    """One look at one profile at one instant."""

    def __init__(self, profile: Any, context: c.Context, now: int, space: Space) -> None:
        self.profile = profile
        self.context = context
        self.now = now
        self.audiences = {each.key: each.condition for each in space.audiences}

    def at(self, model: m.Condition, condition: c.Condition, *, wanted: bool) -> Truth:
        parts: tuple[Truth, ...] = ()
        found = remedy = ""
        text = describe(model)
        flip = flips_at(condition, self.profile, self.context, self.now)
        match model:
            case m.All(models) | m.Any(models):
                assert isinstance(condition, c.Group)
                text = ("all of" if condition.every else "any of") + (" nothing" if not models else "")
                pairs = zip(models, condition.parts, strict=True)
                parts = tuple(self.at(each, compiled, wanted=wanted) for each, compiled in pairs)
            case m.Not(inner):
                assert isinstance(condition, c.Negation)
                text, parts = "not", (self.at(inner, condition.part, wanted=not wanted),)
            case m.Audience(key):
                assert isinstance(condition, c.Member)
                outside = _Looking(self.profile, None, self.now, _NO_SPACE)
                outside.audiences = self.audiences
                parts = (outside.at(self.audiences[key], condition.definition, wanted=wanted),)
            case m.Event():
                found, remedy = self._event(model, condition, wanted, flip)
            case m.Trait() | m.Context():
                assert isinstance(condition, c.Compared)
                found, remedy = self._compared(model, condition)
            case m.Funnel():
                remedy = self._funnel(model, condition, wanted, flip)
        return Truth(
            kind=type(model).__name__.lower(),
            text=text,
            holds=condition.holds(self.profile, self.context, self.now),
            wanted=wanted,
            found=found,
            remedy=remedy,
            flips_at=None if flip is None else format_instant(flip),
            parts=parts,
        )

    def _event(self, model: m.Event, condition: Any, wanted: bool, flip: int | None) -> tuple[str, str]:
        have = self._count(condition, self.now)
        # what comes now counts in a window only when it is old enough, beside whatever else does then
        counts = model.between[1].after(self.now) if model.between else self.now
        more = _missing(model.count.op, model.count.number, self._count(condition, counts), wanted)
        if more is None:
            remedy = _only(flip, condition)
        else:
            remedy = f"{more} more {describe_event(model.event, model.where)}{_later(model.between)}"
        kept = isinstance(condition, c.CountedWithin) and have >= condition.feature.keep  # type: ignore[attr-defined]
        return f"{'at least ' if kept and have else ''}{have} so far", remedy

    def _funnel(self, model: m.Funnel, condition: Any, wanted: bool, flip: int | None) -> str:
        first = describe_event(model.first.event, model.first.where)
        then = describe_event(model.then.event, model.then.where)
        soon = f" within {describe_duration(model.then.within)}" if model.then.within is not None else ""
        match model.then.performed, wanted:
            case True, True:
                return f"{first}, then {then}{soon}{_later(model.between)}"
            case False, True:
                return f"{first} that stays without {then}{soon}{_later(model.between)}"
            case False, False if not soon and not _is_both(model):
                return f"{then} after each {first}"
        return _only(flip, condition)

    def _count(self, condition: Any, at: int) -> int:
        cell = self.profile.cells.get(condition.feature.key, ())
        if isinstance(condition, c.Counted):
            return cell[0] if cell else 0
        if isinstance(condition, c.CountedWithin):
            return sum(timestamp > condition.window.before(at) for timestamp in cell)
        return sum(
            condition.window.has(entry[0], at) and c.passes(condition.filters, entry, self.profile, self.context, at)
            for entry in cell
        )

    def _compared(self, model: m.Trait | m.Context, condition: c.Compared) -> tuple[str, str]:
        value = condition.reader.get(self.profile, self.context, self.now, ())
        found = "it is not set" if value is ABSENT else f"it is {_short(value)}"
        if isinstance(model, m.Context):
            return found, "an event that changes the journey context"
        if isinstance(condition.reader, c.TraitReader) and condition.reader.computed:
            return found, "events that change this computed trait"
        call = "an identify or group call" if model.trait.startswith("groups.") else "an identify call"  # P4
        return found, f"{call} that changes it"


_NO_SPACE = Space()


def _missing(op: str, number: int, have: int, wanted: bool) -> int | None:
    """How many more events give the wanted answer; None if more events never do."""
    enough = {
        (True, "at_least"): number,
        (True, "more_than"): number + 1,
        (True, "exactly"): number,
        (False, "at_most"): number + 1,
        (False, "less_than"): number,
        (False, "exactly"): number + 1,
    }.get((wanted, op))
    return None if enough is None or enough <= have else enough - have


def _is_both(model: m.Funnel) -> bool:
    """Whether each second event is a first one too."""
    return model.first.event == model.then.event and all(each in model.then.where for each in model.first.where)


def _later(between: tuple[Duration, Duration] | None) -> str:
    """An event comes into such a window when it is old enough (C3)."""
    return f", and {describe_duration(between[1])} to pass after it" if between else ""


def _only(flip: int | None, condition: Any) -> str:
    """What gives the wanted answer where no event does."""
    ways = [] if flip is None else ["time to pass"]
    if condition.reads_traits:
        ways.append("an identify call that changes what events are compared with")
    if condition.reads_context:
        ways.append("an event that changes the journey context")
    return " or ".join(ways) or "nothing that can happen: events are not forgotten"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."

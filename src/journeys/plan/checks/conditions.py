"""Conditions and filters: what they name exists, and what they read is there to be read (section C)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any as Anything

import attrs

from journeys._time import Duration, value_instant
from journeys.codec.problems import Report, element, member, shown
from journeys.errors import nearest
from journeys.model import conditions as c
from journeys.plan.checks.durations import check_not_negative, check_positive, check_window

#: of these, zero is a sensible duration: before now, after now
_FROM_NOW = ("before_last", "after_next")
_DATED = ("before_date", "after_date")


@attrs.frozen
class Scope:
    """What may be named and read at one place of a space."""

    audiences: Collection[str]
    has_context: bool = False
    place: str = "here"  # says where there is no context

    def in_journey(self) -> Scope:
        """The same, where there is an instance and with it a journey context."""
        return attrs.evolve(self, has_context=True)

    def outside(self, place: str) -> Scope:
        """The same, where there is no instance."""
        return attrs.evolve(self, has_context=False, place=place)


def check_condition(condition: c.Condition, path: str, scope: Scope, report: Report) -> None:
    """Everything about one condition and what it consists of."""
    match condition:
        case c.Event(where=where, within=within, between=between):
            check_filters(where, member(path, "where"), scope, report)
            check_window(within, between, path, report)
        case c.Trait(op=op, value=value):
            _check_operand(op, value, member(path, "value"), scope, report)
        case c.Audience(audience=audience):
            check_audience(audience, member(path, "audience"), scope, report)
        case c.Context(op=op, value=value):
            _check_context(path, scope, report)
            _check_operand(op, value, member(path, "value"), scope, report)
        case c.Funnel():
            _check_funnel(condition, path, scope, report)
        case c.All(conditions=conditions) | c.Any(conditions=conditions):
            for index, each in enumerate(conditions):
                check_condition(each, element(member(path, "conditions"), index), scope, report)
        case c.Not(condition=inner):
            check_condition(inner, member(path, "condition"), scope, report)


def _check_funnel(funnel: c.Funnel, path: str, scope: Scope, report: Report) -> None:
    check_window(funnel.within, funnel.between, path, report)
    check_filters(funnel.first.where, f"{path}.first.where", scope, report)
    then = f"{path}.then"
    check_filters(funnel.then.where, member(then, "where"), scope, report, has_first=True)
    check_positive(funnel.then.within, member(then, "within"), report)


def check_filters(
    where: Iterable[c.Filter], path: str, scope: Scope, report: Report, *, has_first: bool = False
) -> None:
    """The filters on one event (C9)."""
    for index, each in enumerate(where):
        value = member(element(path, index), "value")
        _check_operand(each.op, each.value, value, scope, report, has_first=has_first)


def _check_operand(
    op: str, value: Anything, path: str, scope: Scope, report: Report, *, has_first: bool = False
) -> None:
    if isinstance(value, c.FirstRef) and not has_first:
        report.add(
            "misplaced_first",
            path,
            'there is no first event to compare with: {"first": …} stands only in the `then` of a funnel',
            hint='compare with a constant, {"trait": …} or {"context": […]}',
        )
    elif isinstance(value, c.ContextRef):
        _check_context(path, scope, report)
    elif isinstance(value, Duration):
        (check_not_negative if op in _FROM_NOW else check_positive)(value, path, report)
    elif op in _DATED and not isinstance(value, (c.TraitRef, c.FirstRef)) and value_instant(value) is None:
        report.add(
            "wrong_value",
            path,
            f"{shown(value)} is no date and no instant",
            hint="write it like 2026-01-31 or 2026-01-31T10:00:00Z",
            expected="an ISO 8601 date, or an instant with an offset or Z",
            got=shown(value),
        )


def _check_context(path: str, scope: Scope, report: Report) -> None:
    if not scope.has_context:
        report.add(
            "misplaced_context",
            path,
            f"there is no journey context in {scope.place}",
            hint="ask for a trait or for events; the context begins with the entry",
        )


def check_audience(audience: str, path: str, scope: Scope, report: Report) -> None:
    """The audience exists (L1)."""
    if audience not in scope.audiences:
        hint = nearest(audience, list(scope.audiences)) or "define it under audiences"
        report.add("unknown_audience", path, f"there is no audience {audience!r}", hint=hint, got=audience)


def audiences_in(condition: c.Condition) -> Iterator[str]:
    """The audiences that a condition names."""
    return (each.audience for each in _leaves(condition) if isinstance(each, c.Audience))


def traits_of(where: Iterable[c.Filter]) -> Iterator[str]:
    """The paths of the traits that filters read."""
    return (each.value.trait for each in where if isinstance(each.value, c.TraitRef))


def _leaves(condition: c.Condition) -> Iterator[c.Condition]:
    match condition:
        case c.All(conditions=conditions) | c.Any(conditions=conditions):
            for each in conditions:
                yield from _leaves(each)
        case c.Not(condition=inner):
            yield from _leaves(inner)
        case _:
            yield condition

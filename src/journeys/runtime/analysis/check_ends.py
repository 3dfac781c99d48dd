"""How a journey ends: exit rules, the goal, what keeps people in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from journeys.codec.problems import element, member
from journeys.model import conditions as c
from journeys.model import steps as m
from journeys.model.entries import EventEntry, ExitRule
from journeys.model.journey import Journey
from journeys.runtime.analysis.check_codes import Finding
from journeys.runtime.analysis.paths_needs import no_such_event, passes_too
from journeys.runtime.analysis.paths_proofs import Proofs, absent, never_there, written


def check_ends(journey: Journey, at: str, proofs: Proofs) -> Iterator[Finding]:
    """What is found in the exit rules, the goal and the exits of a journey."""
    if proofs.entry_reason is not None:
        return
    for index, rule in enumerate(journey.exit_rules):
        yield from _rule(journey, rule, index, element(member(at, "exit_rules"), index))
    if journey.goal is not None and (why := _no_event(journey, journey.goal.event, journey.goal.where)):
        hint = "correct its filters: without it the figures show no conversion"
        yield Finding(code="impossible_goal", path=member(at, "goal"), message=why, hint=hint)
    if journey.is_condition_based and journey.exit_after is None and not journey.exit_rules:
        hint = "give it exit_after, or an exit rule: the completed stay in it, and on its lists, for good"
        yield Finding(code="no_exit", path=at, message=f"who has completed {journey.key} never leaves it", hint=hint)
    yield from _reentry(journey, member(at, "reentry_after"))
    yield from _ads(journey, at, proofs)


def _reentry(journey: Journey, path: str) -> Iterator[Finding]:
    """``reentry_after`` that nobody waits for; with ``exit_after`` and an identifier it acts between versions (V3)."""
    entry = journey.entry
    if journey.reentry_after is None:
        return
    if isinstance(entry, EventEntry):
        if entry.identifier is None or journey.exit_after is None:
            again = "nobody enters again" if entry.reentry == "once" else f"the next {entry.event} lets her in again"
            message, hint = f"no event waits for it: after the end {again}", "remove it: only a condition waits (E6)"
            yield Finding(code="reentry_on_event", path=path, message=message, hint=hint)
    elif journey.exit_after is None:
        message, hint = "without exit_after nobody enters again", "give the journey exit_after too (E6), or remove it"
        yield Finding(code="reentry_without_exit", path=path, message=message, hint=hint)


def _rule(journey: Journey, rule: ExitRule, index: int, path: str) -> Iterator[Finding]:
    named = journey.entry.identifier if isinstance(journey.entry, EventEntry) else None
    if rule.match_identifier and named is None:
        message = (
            f"match_identifier of {rule.key} has no effect, for the entry has no identifier: every {rule.event} ends it"
        )
        hint = "give the entry an identifier, or leave match_identifier out"
        yield Finding(code="useless_match_identifier", path=path, message=message, hint=hint)
    if why := _no_event(journey, rule.event, rule.where):
        yield Finding(code="impossible_exit_rule", path=path, message=why, hint="correct its filters, or remove it")
        return
    for earlier in journey.exit_rules[:index]:
        fits = named is None or not earlier.match_identifier or rule.match_identifier
        if earlier.event == rule.event and fits and passes_too(rule.where, earlier.where):
            message = f"{rule.key} never acts: {earlier.key} before it takes every such {rule.event}"
            yield Finding(code="shadowed_exit_rule", path=path, message=message, hint="move it up, or remove it")
            return


def _no_event(journey: Journey, event: str, where: Sequence[c.Filter]) -> str | None:
    """Why no event passes filters of a journey, if that is proven."""
    path = no_such_event(where)
    if path is not None:
        return f"no {event} can pass the filters on {path}"
    entry = journey.entry
    known = {entry.event} if isinstance(entry, EventEntry) else set()
    known |= {alias for step in journey.steps.values() for alias in written(step)}
    lacking = never_there(where, known)
    return None if lacking is None else f"no {event} can pass the filter on {lacking.property}: {absent(lacking)}"


def _ads(journey: Journey, at: str, proofs: Proofs) -> Iterator[Finding]:
    leaves = journey.is_condition_based and (journey.exit_after is not None or journey.exit_rules)
    for key, step in journey.steps.items():
        if isinstance(step, m.ShowAd) and step.remove_after is None and not leaves and key not in proofs.unreached:
            path = member(member(at, "steps"), key)
            message = f"who completes stays on {step.destination} for good"
            yield Finding(code="endless_ad", path=path, message=message, hint="give it remove_after")

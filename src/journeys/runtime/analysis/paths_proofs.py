"""Proofs that a branch cannot be taken: by what must be true at one instant, by what comes before it, or by time.

What is proven holds for everyone who enters this version; who is moved into it by a migration (V2) may stand anywhere.
Nothing is guessed: a branch that is not in the answer may still be one that nobody takes.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

import attrs

from journeys.model import conditions as c
from journeys.model import steps as m
from journeys.model.entries import ConditionEntry, EventEntry
from journeys.model.journey import Journey
from journeys.model.space import Space
from journeys.runtime.analysis.paths_needs import (
    JOURNEY,
    MOST,
    REFERENCES,
    SHARED,
    Need,
    Needs,
    alternatives,
    contradiction,
    no_such_event,
    passes_too,
    tests_of,
    together,
)
from journeys.runtime.analysis.paths_time import arcs, earliest, in_depth, least_wait, lifetime
from journeys.runtime.analysis.paths_values import Demand, impossible
from journeys.runtime.analysis.paths_ways import ON
from journeys.runtime.render import describe_duration

#: conjunctions one of which holds
Facts = list[Needs]
#: operators that are false where there is nothing to compare with (C10)
NEED_OPERAND = {*c.OPERATORS} - {"not_equals", "does_not_contain", *c.UNARY}
#: nothing is known
ANYTHING: Facts = [()]


#: by what a branch is ruled out: what must be true at once, what comes before it, time, its share, or its step
CONTRADICTION, SHADOWED, TOO_LATE, NO_SHARE, UNREACHED = (
    "contradiction",
    "shadowed",
    "too_late",
    "no_share",
    "unreached",
)


@attrs.frozen
class Proof:
    """Why a branch is never taken: the kind of the reason, and the reason in words."""

    kind: str
    why: str

    def __str__(self) -> str:
        return self.why


class Proofs:
    """What is proven of a journey: ``impossible`` says of (step, branch) why it is never taken.

    The branch ``ON`` of a step that waits says that it never goes on.
    """

    def __init__(self, journey: Journey, space: Space) -> None:
        self.journey = journey
        self.space = space
        self.entry_reason = _no_entry(journey, space)
        self.lasting = _lasting(journey)
        self.impossible: dict[tuple[str, str], Proof] = {}
        self.unreached: dict[str, str] = {}
        self._facts: dict[str, Facts] = {}
        self._there: dict[str, set[str]] = {}
        self._prove()

    def facts_at(self, step: str) -> Facts:
        """What is known when a token comes to a step: conjunctions one of which holds."""
        return self._facts.get(step, ANYTHING)

    def _prove(self) -> None:
        journey = self.journey
        coming: dict[str, list[Facts]] = {journey.start: [_entry_facts(journey, self.space)]}
        soonest, life = earliest(journey), lifetime(journey)
        for key in in_depth(journey):
            step = journey.steps[key]
            facts = self._facts[key] = _any_of(coming.get(key, ()))
            reached = key in coming and self.entry_reason is None
            if not reached:
                self.unreached[key] = self.entry_reason or "no path leads here that can be taken"
            for branch, target in arcs(step):
                reason: Proof | None
                if not reached:
                    reason, taken = Proof(UNREACHED, self.unreached[key]), facts
                elif soonest[key] + least_wait(step, branch) >= life and isinstance(step, (m.HoldUntil, m.Delay)):
                    reason, taken = self._too_late(), facts
                    if branch not in ("timeout", ON) and soonest[key] < life:
                        reason, taken = self._branch(key, step, branch, facts)
                else:
                    reason, taken = self._branch(key, step, branch, facts)
                if reason is not None:
                    self.impossible[key, branch] = reason
                elif target is not None:
                    coming.setdefault(target, []).append(taken)
            if isinstance(step, m.HoldUntil):
                for each in step.branches:
                    reason = (
                        Proof(UNREACHED, self.unreached[key]) if key in self.unreached else self._hold(key, step, each)
                    )
                    if each.restart and reason is not None:
                        self.impossible[key, each.name] = reason

    def _too_late(self) -> Proof:
        ends = [("max_age", self.journey.max_age)]
        if self.journey.exit_after is not None:
            ends.append(("exit_after", self.journey.exit_after))
        name, length = min(ends, key=lambda end: end[1].longest)
        return Proof(TOO_LATE, f"{name} ends the instance before, after {describe_duration(length)}")

    def _branch(self, key: str, step: m.Step, branch: str, facts: Facts) -> tuple[Proof | None, Facts]:
        """Why a branch is never taken, if so; and what is known where it leads."""
        match step:
            case m.HoldUntil():
                return self._of_hold(key, step, branch)
            case m.Delay():
                return None, ANYTHING
            case m.WaitForCondition():
                return self._all_at_once(key, ANYTHING, [(step.condition, True)])
            case m.MultiBranchSplit():
                chosen = next(each for each in step.branches if each.name == branch)
                before = step.branches[: step.branches.index(chosen)] if step.exclusive else ()
                return self._in_order(key, ANYTHING, [each.condition for each in before], chosen.condition)
            case m.TrueFalseSplit():
                return self._all_at_once(key, facts, [(step.condition, branch == "true")])
            case m.DataSplit():
                names = [each.name for each in step.branches]
                place = names.index(branch) if branch in names else len(names)
                earlier = [each.condition for each in step.branches[:place]]
                return self._in_order(
                    key, facts, earlier, step.branches[place].condition if branch in names else c.All(())
                )
            case m.RandomizedSplit():
                share = next(each.percent for each in step.branches if each.name == branch)
                return (None, facts) if share > 0 else (Proof(NO_SHARE, "its share is 0 %"), facts)
        return None, facts

    def _of_hold(self, key: str, step: m.HoldUntil, branch: str) -> tuple[Proof | None, Facts]:
        if branch == "timeout":
            return None, ANYTHING
        chosen = next(each for each in step.branches if each.name == branch)
        alias = f"{chosen.event} - {chosen.name}"
        return self._hold(key, step, chosen), [_event_facts(chosen.event, alias, chosen.where)]

    def _hold(self, key: str, step: m.HoldUntil, branch: m.Branch) -> Proof | None:
        """Why no event takes a branch of a hold."""
        path = no_such_event(branch.where) or self._no_identifier(branch)
        if path is not None:
            return Proof(CONTRADICTION, f"no {branch.event} can pass its filters on {path}")
        lacking = never_there(branch.where, {*self._there_at(key), *written(step)})
        if lacking is not None:
            return Proof(
                CONTRADICTION, f"no {branch.event} can pass its filter on {lacking.property}: {absent(lacking)}"
            )
        named = self._identifier()
        own = branch.identifier or named if named is not None else None
        for rule in self.journey.exit_rules:
            fits = named is None or not rule.match_identifier or own == named  # X1
            if rule.event == branch.event and fits and passes_too(branch.where, rule.where):
                return Proof(SHADOWED, f"the exit rule {rule.key} takes every such {branch.event} before")
        for each in step.branches[: step.branches.index(branch)]:
            other = each.identifier or named if named is not None else None
            if each.event == branch.event and own == other and passes_too(branch.where, each.where):
                return Proof(SHADOWED, f"the branch {each.name} before it takes every such {branch.event}")
        return None

    def _identifier(self) -> str | None:
        return self.journey.entry.identifier if isinstance(self.journey.entry, EventEntry) else None

    def _no_identifier(self, branch: m.Branch) -> str | None:
        """The property in which the event would have to carry a value that the entry let nobody have."""
        named, entry = self._identifier(), self.journey.entry
        if named is None or not isinstance(entry, EventEntry):
            return None
        own = branch.identifier or named
        asked = [each for each in entry.where if each.op not in c.AGING]
        tests = [*tests_of(asked).get(named, ()), *tests_of(branch.where).get(own, ()), Demand("exists")]
        return own if impossible(tests) else None

    def _in_order(
        self, key: str, facts: Facts, earlier: Sequence[c.Condition], condition: c.Condition
    ) -> tuple[Proof | None, Facts]:
        """The condition of a branch, those of the branches before it being false."""
        proof, left = self._all_at_once(key, facts, [*((each, False) for each in earlier), (condition, True)])
        if proof is not None and earlier and self._all_at_once(key, facts, [(condition, True)])[0] is None:
            return Proof(SHADOWED, f"a branch before it is taken whenever it could be ({proof})"), left
        return proof, left

    def _all_at_once(
        self, key: str, facts: Facts, wishes: Sequence[tuple[c.Condition, bool]]
    ) -> tuple[Proof | None, Facts]:
        """The facts that can be with the wishes; if none can, why."""
        parts = [alternatives(condition, wanted, self.space) for condition, wanted in wishes]
        found = together([facts, *parts])
        if found is None:  # too many to look at: without what is known before, or not at all
            found = together(parts)
        if found is None:
            return None, ANYTHING
        if not found:
            return Proof(
                CONTRADICTION, "its condition allows nothing" if wishes[-1][1] else "its condition asks for nothing"
            ), found
        left: list[Needs] = []
        reason = None
        for needs in found:
            why = contradiction((*self.lasting, *self._missing(key, needs), *needs), self.space)
            reason = reason or why
            if why is None:
                left.append(needs)
        return (Proof(CONTRADICTION, reason or ""), []) if not left else (None, left)

    def _missing(self, key: str, needs: Iterable[Need]) -> list[Need]:
        """Of events that cannot be in the context by then: that their properties are not there."""
        read = [each.atom for each in needs if isinstance(each.atom, c.Context)]
        if not read:
            return []
        there = self._there_at(key)
        return [
            Need(c.Context(event=atom.event, property=atom.property, op="exists"), False)
            for atom in read
            if atom.event not in there
        ]

    def _there_at(self, key: str) -> set[str]:
        if key not in self._there:
            self._there[key] = aliases_at(self.journey, key)
        return self._there[key]


def _any_of(several: Iterable[Facts]) -> Facts:
    found: list[Needs] = []
    for facts in several:
        found += [each for each in facts if each not in found]
    return found if len(found) <= MOST else ANYTHING


def _no_entry(journey: Journey, space: Space) -> str | None:
    entry = journey.entry
    if isinstance(entry, EventEntry):
        path = no_such_event(entry.where)
        if path is not None:
            return f"nobody enters: no {entry.event} can pass the filters on {path}"
    facts, lasting = _entry_facts(journey, space), _lasting(journey)
    reasons = [contradiction((*lasting, *needs), space) for needs in facts]
    if all(reasons):
        return f"nobody enters: {next(iter(reasons), 'the condition is never true')}"
    return None


def _entry_facts(journey: Journey, space: Space) -> Facts:
    entry = journey.entry
    if isinstance(entry, ConditionEntry):
        found = alternatives(entry.condition, True, space, SHARED if entry.historical else JOURNEY)
    else:
        found = alternatives(c.Audience(entry.audience), True, space) if entry.audience is not None else ANYTHING
    return ANYTHING if found is None else found


def absent(each: c.Filter) -> str:
    """What a filter compares with and cannot find, in words."""
    return f"{each.value.context[0]} is never in the context"


def _lasting(journey: Journey) -> Needs:
    """What stays true from the entry on."""
    entry = journey.entry
    if not isinstance(entry, EventEntry):
        return ()
    if entry.event in {alias for key in journey.steps for alias in written(journey.steps[key])}:
        return ()
    facts = _event_facts(entry.event, entry.event, [each for each in entry.where if each.op not in c.AGING])
    if entry.identifier is not None:
        facts += (Need(c.Context(event=entry.event, property=entry.identifier, op="exists")),)
    return facts


def _event_facts(event: str, alias: str, where: Sequence[c.Filter]) -> Needs:
    """Such an event has happened, and stands in the context."""
    plain = [each for each in where if not isinstance(each.value, REFERENCES)]
    said = [c.Context(event=alias, property=each.property, op=each.op, value=each.value) for each in plain]
    return (Need(c.Event(event, plain)), *map(Need, said))


def written(step: m.Step, taken: str | None = None) -> list[str]:
    """The names under which a step puts events into the context, or those it may have by when a branch is taken."""
    given = step.branches if isinstance(step, m.HoldUntil) else ()
    return [f"{each.event} - {each.name}" for each in given if taken is None or each.restart or each.name == taken]


def never_there(where: Iterable[c.Filter], there: Container[str]) -> c.Filter | None:
    """The filter that nothing can pass, as it compares with an event that is never in the context (C10)."""
    for each in where:
        if isinstance(each.value, c.ContextRef) and each.value.context[0] not in there and each.op in NEED_OPERAND:
            return each
    return None


def aliases_at(journey: Journey, key: str) -> set[str]:
    """The names that may stand in the context when a token comes to a step."""
    entered = {journey.entry.event} if isinstance(journey.entry, EventEntry) else set()
    if any(isinstance(step, m.MultiBranchSplit) and not step.exclusive for step in journey.steps.values()):
        return entered.union(*map(written, journey.steps.values()))  # tokens side by side share it (S4)
    there = {journey.start: entered}
    for each in in_depth(journey):
        step = journey.steps[each]
        for branch, target in arcs(step):
            if target is not None:
                there.setdefault(target, set()).update(there[each], written(step, branch))
    return there.get(key, set())

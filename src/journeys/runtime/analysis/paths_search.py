"""Looks for what a person must do so that she takes a given way through a journey.

The search proposes and the engine answers: each proposal is played, from the beginning, and dropped if her instance
leaves the way. What is found has therefore been taken, exactly so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import attrs

from journeys._time import HOUR, MINUTE, parse_instant
from journeys.engine._state import Instance, Wait, derived_id, identifier_text
from journeys.model import conditions as c
from journeys.model import steps as m
from journeys.model.entries import ConditionEntry, EventEntry, ExitRule
from journeys.model.journey import Journey
from journeys.model.space import Space
from journeys.plan.plan import DelayPlan, HoldPlan, MultiBranchPlan, Plan, RandomPlan
from journeys.plan.values import NEVER
from journeys.runtime.analysis.paths_deeds import Before, Deeds, Wish
from journeys.runtime.analysis.paths_needs import tests_of
from journeys.runtime.analysis.paths_run import Deed, Run, Taken, in_order, is_now, play
from journeys.runtime.analysis.paths_values import Demand
from journeys.runtime.analysis.paths_ways import ON, Way, restarts_of
from journeys.runtime.analysis.paths_wishes import Hint, Hints, at_step, from_step, waited_for

#: when she enters
ENTERS = parse_instant("2026-01-05T09:00:00Z")
#: so many users are tried for the branches of randomized splits
USERS = 20_000
IDENTIFIER = "id-1"


@attrs.frozen
class Found:
    """Who took a way by which deeds, and what she took."""

    user: str
    deeds: tuple[Deed, ...]
    until: int
    taken: Taken


class OutOfBudget(Exception):
    """As many proposals as allowed have been played."""


class Search:
    """Searches in one journey of a space; ``budget`` is how many proposals are played for one way at most."""

    def __init__(self, space: Space, plan: Plan, journey: Journey, budget: int) -> None:
        self.space = space
        self.plan = plan
        self.journey = journey
        self.steps = plan.journeys[journey.key, journey.version].steps
        self.deeds = Deeds(space, journey)
        self.hints = Hints(journey, space)
        self.budget = budget
        self.played = 0
        self.user = "u1"
        self._tried: set[Any] = set()

    def find(self, way: Way) -> Found | None:
        """Deeds by which the way is taken, as few as dropping some of them leaves; None if none were found."""
        self.played, self.user = 0, "u1"
        self._tried.clear()
        try:
            for opening, now in self._openings(way):
                found = self._go_on(way, opening, now)
                if found is not None:
                    return shrunk(self.plan, self.journey.key, found)
        except OutOfBudget:
            pass
        return None

    # how it begins

    def _openings(self, way: Way) -> Iterator[tuple[tuple[Deed, ...], int]]:
        entry, prologue = self.journey.entry, self._prologue(way)
        wishes = from_step(self.journey, self.journey.start, way)
        for before in (prologue, ()) if prologue else ((),):
            traits = before[0].content if before else {}
            if isinstance(entry, ConditionEntry):
                yield from self._by_condition(entry, wishes, before, traits)
            else:
                yield from self._by_event(entry, wishes, before, traits, way)

    def _by_condition(
        self, entry: ConditionEntry, wishes: list[Wish], before: tuple[Deed, ...], traits: Mapping[str, Any]
    ) -> Iterator[tuple[tuple[Deed, ...], int]]:
        told = Before(before, traits)
        for more in self.deeds.proposals([(entry.condition, True), *wishes], ENTERS, ENTERS - HOUR, told):
            deeds = in_order((*before, *more)) or (is_now(ENTERS, {}),)
            yield deeds, ENTERS
            due = play(self.plan, self.user, deeds, ENTERS).state.due
            if ENTERS < due < NEVER:
                yield deeds, due

    def _by_event(
        self, entry: EventEntry, wishes: list[Wish], before: tuple[Deed, ...], traits: Mapping[str, Any], way: Way
    ) -> Iterator[tuple[tuple[Deed, ...], int]]:
        if entry.audience is not None:
            wishes = [(c.Audience(entry.audience), True), *wishes]
        for hint in self.hints.of(entry.event, way):
            also = self._with_identifier(hint, entry, way)
            for content in self.deeds.content(entry.where, Before(before, traits), ENTERS, also):
                enters = Deed(ENTERS, entry.event, content)
                told = Before((*before, enters), traits, {entry.event: content})
                for more in self.deeds.proposals(wishes, ENTERS, ENTERS - HOUR, told):
                    yield in_order((*before, *more, enters)), ENTERS

    def _with_identifier(self, hint: Hint, entry: EventEntry, way: Way) -> Hint:
        """The identifier is there, and is one that the holds on the way ask for too (S7)."""
        path = entry.identifier
        if path is None:
            return hint
        asked = [*hint.get(path, ())]
        for key, name in sorted(way.branches):
            step = self.journey.steps[key]
            for each in step.branches if isinstance(step, m.HoldUntil) else ():
                if each.name == name:
                    own = each.identifier or path
                    asked += tests_of(each.where).get(own, ())
                    asked += self.hints.of(f"{each.event} - {name}", way)[0].get(own, ())
        free = not asked and all(each.property != path for each in entry.where)
        return {**hint, path: [Demand("equals", IDENTIFIER)] if free else [*asked, Demand("exists")]}

    def _prologue(self, way: Way) -> tuple[Deed, ...]:
        """She is subscribed to what the way would send her: a message that is skipped shows little."""
        channels = {
            step.channel
            for step in (self.journey.steps[key] for key in way.steps)
            if isinstance(step, m.SendMessage) and step.to == "subscribed"
        }
        if not channels:
            return ()
        return (is_now(ENTERS - 2 * HOUR, {"subscriptions": dict.fromkeys(sorted(channels), "subscribed")}),)

    # how it goes on

    def _look(self, way: Way, deeds: Sequence[Deed], now: int, since: int) -> tuple[Run, Taken | None]:
        """What comes of the deeds, and her instance that is on the way; the user is chosen anew where chance rules.

        Instances that entered after ``since`` are others than the one that is followed.
        """
        for _ in range(2):
            if self.played >= self.budget:
                raise OutOfBudget
            self.played += 1 + len(deeds) // 8  # long ones cost more
            run = play(self.plan, self.user, deeds, now)
            stray: Taken | None = None
            straight: list[Taken] = []
            for taken in run.taken(self.journey.key):
                instance = taken.instance
                if instance.plan.version != self.journey.version or instance.entered_at > since:
                    continue
                off = self._off(way, taken)
                if off is None:
                    straight.append(taken)
                elif off:
                    stray = taken
            if straight:  # the one that has come farthest, for what ends one instance may begin another
                return run, max(straight, key=lambda taken: (taken.end == way.end, len(taken.moves)))
            user = self._lucky(way, stray.instance) if stray is not None else None
            if user is None or user == self.user:
                return run, None
            self.user = user
        return run, None

    def _off(self, way: Way, taken: Taken) -> bool | None:
        """None if the instance is on the way; else whether only chance has led it astray."""
        if taken.end not in ("", way.end) and not way.end.startswith(f"{taken.end}, "):
            return False
        for move in taken.moves:
            if move.again:
                if (move.step, move.branch) not in way.again:
                    return False
            elif move.step not in way.steps:
                return False
            elif move.branch is not None and move.branch not in way.choices.get(move.step, ()):
                return isinstance(self.steps[move.step], RandomPlan)
        return None

    def _lucky(self, way: Way, instance: Instance) -> str | None:
        """A user whom the randomized splits send along the way (S6)."""
        steps = [
            (step, next(iter(way.choices[key])))
            for key in way.choices
            if isinstance(step := self.steps[key], RandomPlan)
        ]
        cause = instance.cause if isinstance(instance.cause, str) else f"#{instance.cause}"
        named = identifier_text(instance.identifier)
        for number in range(1, USERS):
            user = f"u{number}"
            made = derived_id(instance.plan.key, str(instance.origin), user, cause, named)
            if all(drawn(step, user if step.sticky else made) == branch for step, branch in steps):
                return user
        return None

    def _go_on(self, way: Way, deeds: tuple[Deed, ...], now: int, since: int = NEVER) -> Found | None:
        key = (deeds, now, self.user)
        mark = repr(key)
        if mark in self._tried:
            return None
        self._tried.add(mark)
        run, taken = self._look(way, deeds, now, since)
        if taken is None:
            return None
        if taken.end == way.end:
            there = {(move.step, move.branch) for move in taken.moves}
            return Found(self.user, deeds, taken.ended_at, taken) if way.branches <= there else None
        waits = self._pending(way, taken)
        for wait in waits:
            for more, at in self._moves(way, wait, run, taken, deeds):
                found = self._go_on(way, in_order((*deeds, *more)), at, taken.instance.entered_at)
                if found is not None:
                    return found
        if not waits:
            return self._finish(way, run, taken, deeds)
        return None

    def _pending(self, way: Way, taken: Taken) -> list[Wait]:
        """The waits that are to go on: first those that an input moves, then by their deadlines."""
        waits = []
        for wait in taken.instance.waits:
            branches = way.choices.get(wait.step.key, frozenset())
            if wait.removal or not (branches or self._left(way, wait)):
                continue
            if isinstance(wait.step, MultiBranchPlan) and wait.step.branches[wait.branch][0] not in branches:
                continue
            waits.append(wait)
        return sorted(waits, key=lambda wait: (self._is_timed(way, wait), wait.due, wait.rank))

    def _is_timed(self, way: Way, wait: Wait) -> bool:
        if isinstance(wait.step, HoldPlan):
            return not self._left(way, wait) and "timeout" in way.choices[wait.step.key]
        return isinstance(wait.step, DelayPlan)

    def _left(self, way: Way, wait: Wait) -> list[str]:
        """The restarts of a hold that are still to come."""
        if not isinstance(wait.step, HoldPlan):
            return []
        return [branch for step, branch in way.again if step == wait.step.key][wait.count :]

    def _moves(
        self, way: Way, wait: Wait, run: Run, taken: Taken, deeds: Sequence[Deed]
    ) -> Iterator[tuple[tuple[Deed, ...], int]]:
        """What might make a wait go on along the way: deeds, and when to look again."""
        key, now = wait.step.key, run.now
        model = self.journey.steps[key]
        if isinstance(model, m.HoldUntil):
            left = self._left(way, wait)
            branch = left[0] if left else next(iter(way.choices[key]))
            if branch == "timeout" and branch not in restarts_of(model):
                yield from self._by_time(way, model.timeout, wait.due, run, taken, deeds)
                return
            chosen = next(each for each in model.branches if each.name == branch)
            yield from self._by_hold(way, chosen, wait, run, taken, deeds)
        elif isinstance(model, m.Delay):
            yield from self._by_time(way, model.next, wait.due, run, taken, deeds)
        else:
            branch = model.branches[wait.branch].name if isinstance(model, m.MultiBranchSplit) else ON
            target = model.branches[wait.branch].next if isinstance(model, m.MultiBranchSplit) else model.next  # type: ignore[attr-defined]
            wish = waited_for(self.journey, key, branch)
            assert wish is not None
            wishes = [wish, *from_step(self.journey, target, way)]
            told = self._before(run, taken, deeds)
            moments = [now + self._gap(taken, now), *([wait.due] if wait.due < NEVER else [])]
            moments += [now + length + MINUTE for length in _lengths(wish[0])]
            for at in moments:
                for more in self.deeds.proposals(wishes, at, now, told):
                    if more or at == wait.due:
                        yield more, at

    def _by_time(
        self, way: Way, target: str | None, due: int, run: Run, taken: Taken, deeds: Sequence[Deed]
    ) -> Iterator[tuple[tuple[Deed, ...], int]]:
        told = self._before(run, taken, deeds)
        wishes = from_step(self.journey, target, way)
        yield from self._placed(wishes, due, run.now, told, taken)

    def _placed(
        self, wishes: list[Wish], at: int, floor: int, told: Before, taken: Taken
    ) -> Iterator[tuple[tuple[Deed, ...], int]]:
        """Deeds shortly before an instant, before she entered, or before all else that she did."""
        for more in self.deeds.proposals(wishes, at, floor, told):
            yield more, at
            if more:
                for early in dict.fromkeys((taken.instance.entered_at, told.deeds[0].at)):
                    times = (early - MINUTE * (len(more) - place) for place in range(len(more)))
                    yield tuple(attrs.evolve(each, at=at) for each, at in zip(more, times, strict=True)), at

    def _by_hold(
        self, way: Way, branch: m.Branch, wait: Wait, run: Run, taken: Taken, deeds: Sequence[Deed]
    ) -> Iterator[tuple[tuple[Deed, ...], int]]:
        at = run.now + self._gap(taken, run.now)
        told = self._before(run, taken, deeds)
        alias = f"{branch.event} - {branch.name}"
        path = self._identifier(branch.identifier)
        wishes = [] if branch.restart else from_step(self.journey, branch.next, way)
        for hint in self.hints.of(alias, way):
            also = hint if path is None else {**hint, path: [Demand("equals", taken.instance.identifier)]}
            for where in self._with_traits(branch.where, told):
                for content in self.deeds.content(
                    branch.where, attrs.evolve(told, traits={**told.traits, **where}), at, also
                ):
                    does = Deed(at, branch.event, content)
                    known = Before(
                        (*told.deeds, does), {**told.traits, **where}, {**(told.context or {}), alias: content}
                    )
                    is_so = (is_now(at - 1, where),) if where else ()
                    for more, when in self._placed(wishes, at, run.now, known, taken):
                        yield (*is_so, *more, does), when

    def _with_traits(self, where: Sequence[c.Filter], told: Before) -> Iterator[dict[str, Any]]:
        """Traits that the filters compare with: as they are, or such that there is something to compare with."""
        yield {}
        missing = [each.value.trait for each in where if isinstance(each.value, c.TraitRef)]
        for value in ("x-1", 5):
            if missing:
                yield dict.fromkeys(missing, value)

    def _identifier(self, own: str | None) -> str | None:
        entry = self.journey.entry
        if not isinstance(entry, EventEntry) or entry.identifier is None:
            return None
        return own or entry.identifier

    def _before(self, run: Run, taken: Taken, deeds: Sequence[Deed]) -> Before:
        return Before(deeds, run.state.traits, taken.instance.context)

    def _gap(self, taken: Taken, now: int) -> int:
        """A little time, so that nothing else happens meanwhile."""
        due = min(taken.instance.due, taken.instance.expires_at)
        return max(min(10 * MINUTE, (due - now) // 4), 1)

    # how it ends

    def _finish(self, way: Way, run: Run, taken: Taken, deeds: Sequence[Deed]) -> Found | None:
        instance = taken.instance
        if way.end == "completed":
            return None
        if way.end.endswith(("expired", "exited by exit_after")):
            at = instance.expires_at if way.end == "expired" else instance.exit_at
            return self._by_age(way, run, taken, deeds, at) if at > run.now else None
        rule = next(each for each in self.journey.exit_rules if way.end.endswith(f"exited by {each.key}"))
        for more, at in self._by_rule(rule, run, taken, deeds):
            found = self._go_on(way, in_order((*deeds, *more)), at, taken.instance.entered_at)
            if found is not None:
                return found
        return None

    def _by_age(self, way: Way, run: Run, taken: Taken, deeds: Sequence[Deed], at: int) -> Found | None:
        """Nothing more happens until then; if time alone would move a wait, she does what keeps it from that."""
        waits = [(self.journey, wait.step.key) for wait in taken.instance.waits if not wait.removal]
        wishes = [wish for journey, key in waits for wish in at_step(journey, key, attrs.evolve(way, choices={}))]
        soon = run.now + self._gap(taken, run.now)
        for more in self.deeds.proposals(wishes, at, run.now, self._before(run, taken, deeds)):
            kept = (attrs.evolve(each, at=soon) for each in more)
            found = self._go_on(way, in_order((*deeds, *kept)), at, taken.instance.entered_at)
            if found is not None:
                return found
        return None

    def _by_rule(
        self, rule: ExitRule, run: Run, taken: Taken, deeds: Sequence[Deed]
    ) -> Iterator[tuple[tuple[Deed, ...], int]]:
        told = self._before(run, taken, deeds)
        at = run.now + self._gap(taken, run.now)
        path = self._identifier(None)
        also = (
            {} if path is None or not rule.match_identifier else {path: [Demand("equals", taken.instance.identifier)]}
        )
        for where in self._with_traits(rule.where, told):
            for content in self.deeds.content(
                rule.where, attrs.evolve(told, traits={**told.traits, **where}), at, also
            ):
                yield (*((is_now(at - 1, where),) if where else ()), Deed(at, rule.event, content)), at


def drawn(step: RandomPlan, subject: str) -> str:
    """The branch that a subject is sent to (S6)."""
    digest = blake2b(step.prefix + subject.encode()).digest()
    place = int.from_bytes(digest[:8], "big") * 10_000
    return next(name for name, cumulated, _ in step.branches if place < cumulated << 64)


def _lengths(node: Any) -> list[int]:
    """The windows of a condition: after so long its answer may have changed by time alone."""
    found: set[int] = set()

    def visit(node: Any) -> None:
        for name in ("within", "between", "value"):
            for each in _each(getattr(node, name, None)):
                if hasattr(each, "longest"):
                    found.add(each.longest)
        for name in ("conditions", "condition", "first", "then"):
            for each in _each(getattr(node, name, None)):
                visit(each)

    visit(node)
    return sorted(each for each in found if each > 0)


def _each(value: Any) -> Sequence[Any]:
    return value if isinstance(value, tuple) else () if value is None else (value,)


def shrunk(plan: Plan, journey: str, found: Found) -> Found:
    """The same way with fewer deeds and fewer properties: what can be left out is."""
    smaller = _smaller(plan, journey, found)
    while smaller is not found:  # without one, another may have become needless
        smaller, found = _smaller(plan, journey, smaller), smaller
    return found


def _smaller(plan: Plan, journey: str, found: Found) -> Found:
    def same(deeds: Sequence[Deed]) -> Found | None:
        run = play(plan, found.user, deeds, found.until)
        for taken in run.taken(journey):
            if taken.signature == found.taken.signature:
                return Found(found.user, tuple(deeds), taken.ended_at, taken)
        return None

    best = found
    for place in reversed(range(len(found.deeds))):
        deeds = [*best.deeds[:place], *best.deeds[place + 1 :]]
        best = same(deeds) or best
    for place, deed in enumerate(best.deeds):
        for name in [*deed.content]:
            now = best.deeds[place]
            less = attrs.evolve(now, content={key: value for key, value in now.content.items() if key != name})
            best = same([*best.deeds[:place], less, *best.deeds[place + 1 :]]) or best
    return best

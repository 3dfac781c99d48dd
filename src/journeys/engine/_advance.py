"""The order of work: one input, or time passing, changes one profile (sections T and O).

No clock, no I/O, no random numbers. Rules that this file keeps:

1. deadlines before an event happen first, each at its own instant, in the order of T6;
2. an event at the very deadline is inside the wait (T6);
3. after every step of time and every event, whatever has become true goes on, until nothing moves (O2 5, O3);
4. one unit of work is applied wholly; nothing here raises for what an input contains (O1, C10).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from journeys._time import SECOND
from journeys.engine import _identity, _leaving, _steps
from journeys.engine._effects import Effects
from journeys.engine._entering import consider, enter_on_event
from journeys.engine._outputs import send_changes
from journeys.engine._retention import forget_ended
from journeys.engine._state import (
    ENDED,
    LIVE,
    Instance,
    ProfileState,
)
from journeys.plan.conditions import Condition
from journeys.plan.plan import HoldPlan, JourneyPlan, MultiBranchPlan, Plan, Route, WaitPlan
from journeys.plan.values import NEVER, equal, find

ACCEPTED, LATE, DUPLICATE = "accepted", "late", "duplicate"
#: refused by a limit: of remembered events, of events a second
FULL, TOO_FAST = "too_many_events", "too_many_events_per_second"


class Engine:
    """Applies inputs to profiles under one plan, and collects the effects."""

    __slots__ = (
        "all_changed",
        "changed_event",
        "effects",
        "now",
        "plan",
        "profile",
        "refuses",
        "space",
        "traits_changed",
        "unit",
    )

    def __init__(self, plan: Plan, effects: Effects) -> None:
        self.plan = plan
        self.effects = effects
        self.space = plan.space.key
        self.profile: ProfileState
        self.now = -1
        #: whether limits are looked at: not for an input that has been accepted and waited (T8)
        self.refuses = True
        #: counts units of work, for O4
        self.unit = 0
        self.changed_event: str | None = None
        self.traits_changed = self.all_changed = False

    # inputs

    def apply(
        self,
        profile: ProfileState,
        route: Route | None,
        content: Mapping[str, Any],
        timestamp: int,
        message_id: str | None,
        watermark: int,
        *,
        traits: bool = False,
        other: ProfileState | None = None,
        rename: str | None = None,
        anonymous_id: str | None = None,
    ) -> str:
        """Applies one input: an event (``route``), trait writes (``traits``), or a mere link.

        ``other`` is a profile to be merged into this one, ``rename`` the key that this one takes (P2). Answers
        ACCEPTED, LATE, DUPLICATE or FULL.
        """
        if route is not None and other is None and rename is None and anonymous_id is None:
            return self.event(profile, route, content, timestamp, message_id, watermark)
        clock = profile.clock if other is None or other.clock < profile.clock else other.clock
        at = timestamp
        if at < clock:
            at = clock
        if at < watermark:
            at = watermark
        late = timestamp < clock or timestamp <= watermark
        if message_id is not None and self.is_duplicate(profile, other, message_id, at):
            return DUPLICATE
        if route is not None and (refusal := self._refusal(profile, route, content, timestamp, at)):
            return refusal
        is_new = profile.clock < 0
        if profile.due <= at:
            self.advance(profile, watermark)
            self._fire_before(profile, at)
        if other is not None:
            self.advance(other, watermark)
            self._fire_before(other, at)
        self.profile = profile
        self.now = profile.clock = at
        self.unit += 1
        self.all_changed = is_new
        if rename is not None:
            profile.rename(rename)
        if other is not None:
            _identity.merge(self, profile, other)
            self.all_changed = True
        if anonymous_id is not None:
            profile.anonymous_id, profile.seen_at = anonymous_id, at
        if message_id is not None:
            self._mark(profile, message_id, at)
        if self.plan.retention.instances is not None and profile.instances:
            forget_ended(profile, self.plan.retention.instances.before(at))
        accepted = profile.accepted
        profile.accepted = accepted + 1
        if traits:
            write_traits(profile, content, timestamp)
        self.traits_changed = traits
        if route is None:
            self.changed_event = None
            send_changes(self)
            self._conditions(None)
        else:
            self.changed_event = route.name
            cause = accepted if message_id is None else message_id
            self._event(profile, route, content, timestamp, cause, late)
        profile.settle_due()
        return LATE if late else ACCEPTED

    def event(
        self,
        profile: ProfileState,
        route: Route,
        properties: Any,
        timestamp: int,
        message_id: str | None,
        watermark: int,
    ) -> str:
        """Applies an event that links nothing: what nearly every input is."""
        clock = profile.clock
        at = timestamp
        late = timestamp < clock or timestamp <= watermark
        if late:
            at = max(timestamp, clock, watermark)
        marks = profile.marks
        if (
            message_id is not None
            and (message_id in marks or profile.history)
            and self.is_duplicate(profile, None, message_id, at)
        ):
            return DUPLICATE
        if route.has_limits and (refusal := self._refusal(profile, route, properties, timestamp, at)):
            return refusal
        if profile.due <= at:
            self.advance(profile, watermark)
            self._fire_before(profile, at)
        self.profile = profile
        self.now = profile.clock = at
        self.unit += 1
        if profile.instances and (kept := self.plan.retention.instances) is not None:
            forget_ended(profile, kept.before(at))
        accepted = profile.accepted
        profile.accepted = accepted + 1
        cause: Any = accepted
        if message_id is not None:
            cause = message_id
            if len(marks) >= 16:
                self._mark(profile, message_id, at)
            else:
                marks[message_id] = at
        self.all_changed = clock < 0
        self.traits_changed = False
        self.changed_event = route.name
        self._event(profile, route, properties, timestamp, cause, late)
        profile.settle_due()
        return LATE if late else ACCEPTED

    def meet(self, profile: ProfileState, timestamp: int, watermark: int) -> None:
        """An unwanted event makes a profile known; nothing else of it is kept (O7)."""
        self.visit(profile, max(timestamp, watermark))
        if profile.user_id is None:
            profile.seen_at = self.now
        self.settle(profile)

    def visit(self, profile: ProfileState, at: int) -> None:
        """The profile's present is ``at``: for changes that are no inputs, such as a publication."""
        self.profile = profile
        self.now = profile.clock = at
        self.unit += 1
        self.all_changed, self.changed_event, self.traits_changed = True, None, False

    def let_go(self) -> None:
        """No profile is at hand any more."""
        self.profile = ProfileState("u:")

    def settle(self, profile: ProfileState) -> None:
        """Whatever has become true by such a change goes on (O2 5)."""
        send_changes(self)
        self._conditions(None)
        profile.settle_due()

    def advance(self, profile: ProfileState, until: int) -> None:
        """Lets every deadline ``<= until`` happen, each at its own instant (T5)."""
        while profile.due <= until:
            self._fire(profile, profile.due)

    def _fire_before(self, profile: ProfileState, at: int) -> None:
        while profile.due < at:
            self._fire(profile, profile.due)

    def is_duplicate(self, profile: ProfileState, other: ProfileState | None, message_id: str, at: int) -> bool:
        """Whether this message id was accepted from the profile within ``dedupe_window`` (O2 1)."""
        for each in (profile, other) if other is not None else (profile,):
            marked = each.marks.get(message_id)
            if marked is not None and marked > self.plan.dedupe_window.before(at):
                return True
            if each.history and each.has_backfilled(message_id):
                return True
        return False

    def _mark(self, profile: ProfileState, message_id: str, at: int) -> None:
        marks = profile.marks
        if len(marks) >= 16 and len(marks) & (len(marks) - 1) == 0:  # now and then, and ever more seldom
            horizon = self.plan.dedupe_window.before(at)
            for old in [each for each, marked in marks.items() if marked <= horizon]:
                del marks[old]
        marks[message_id] = at

    def _refusal(
        self, profile: ProfileState, route: Route, properties: Mapping[str, Any], timestamp: int, at: int
    ) -> str:
        """Which limit the event breaks, nothing if none; nothing has been touched yet (O5)."""
        if not self.refuses:
            return ""
        if route.features and self.is_full(profile, route, properties, at):
            return FULL
        most = self.plan.limits.max_events_per_second
        if most is not None:
            second = timestamp // SECOND
            last, count = profile.rate
            count = count + 1 if last == second else 1
            if count > most:
                return TOO_FAST
            profile.rate = (second, count)
        return ""

    def is_full(self, profile: ProfileState, route: Route, properties: Mapping[str, Any], at: int) -> bool:
        """Whether a condition would have to remember more events than ``max_remembered_events``."""
        limit = self.plan.limits.max_remembered_events
        for feature in route.features:
            cell = profile.cells.get(feature.key)
            if cell is not None and len(cell) >= limit and feature.is_full(cell, limit, at):
                return True
        return False

    # an event (O2)

    def _event(
        self, profile: ProfileState, route: Route, properties: Mapping[str, Any], timestamp: int, cause: Any, late: bool
    ) -> None:
        for feature in route.features:  # O2 (3)
            if feature.test is None or feature.test(properties):
                cell = profile.cells.get(feature.key)
                if cell is None:
                    cell = profile.own("cells")[feature.key] = feature.new()
                feature.add(cell, timestamp, properties, self.now)
        plan = self.plan
        if plan.outputs:
            send_changes(self)
        instances = profile.instances
        if instances and route.journeys:  # O2 (4)
            crowd = profile.crowd
            concerned = None if crowd is None else crowd.concerned(route, properties)
            for instance in tuple(instances) if concerned is None else concerned:
                if instance.plan in route.journeys:
                    self._see(instance, route, properties, timestamp)
        if plan.waits_for_conditions:
            self._conditions(route)  # O2 (5)
        if route.entries:  # O2 (6)
            entered = False
            for journey in route.entries:
                entered |= enter_on_event(self, journey, properties, timestamp, cause, late)
            if entered and plan.waits_for_conditions and (plan.condition_entries or len(profile.instances) > 1):
                self._conditions(route)  # O2 (7)

    def _see(self, instance: Instance, route: Route, properties: Mapping[str, Any], timestamp: int) -> None:
        """What one instance makes of the event: its goal, its exit rules, else its holds."""
        name = route.name
        if route.goals and instance.goal_open:
            self._check_goal(instance, name, properties, timestamp)
        if instance.status == ENDED:
            return
        rules = instance.plan.exit_rules
        for rule in rules.get(name, ()) if rules else ():
            if rule.identifier is not None and not _same(instance.identifier, properties, rule.identifier):
                continue
            if rule.matches is None or rule.matches(properties, self.profile, instance.context, self.now):
                _leaving.exit_by_rule(self, instance, rule, name, properties)
                return
        if instance.status != LIVE:
            return
        waits = instance.waits
        if len(waits) == 1:  # as nearly always
            step = waits[0].step
            if type(step) is HoldPlan and name in step.branches:
                _steps.offer(self, instance, waits[0], name, properties)
        else:
            self._holds_see(instance, name, properties)

    def _check_goal(self, instance: Instance, name: str, properties: Mapping[str, Any], timestamp: int) -> None:
        goal = instance.plan.goal
        if goal is None or goal.event != name or timestamp <= instance.entered_at:
            return
        if goal.within is not None and timestamp > goal.within.after(instance.entered_at):
            return
        if goal.matches is None or goal.matches(properties, self.profile, instance.context, self.now):
            instance.goal_open = False
            self.effects.record(self.now, self.profile, instance, "goal")
            _leaving.forget_if_done(self.profile, instance)

    def _holds_see(self, instance: Instance, name: str, properties: Mapping[str, Any]) -> None:
        """Several tokens in holds see an event in the order of their step keys (S7)."""
        waits = [wait for wait in instance.waits if isinstance(wait.step, HoldPlan) and name in wait.step.branches]
        if len(waits) > 1:
            waits.sort(key=lambda wait: wait.step.order)
        for wait in waits:
            if wait in instance.waits:
                _steps.offer(self, instance, wait, name, properties)

    # whatever has become true (O2 5)

    def _conditions(self, route: Route | None) -> None:
        profile, plan = self.profile, self.plan
        if not profile.instances and not plan.condition_entries:
            return
        moved = True
        while moved:
            moved = False
            for instance in tuple(profile.instances):
                if instance.status == LIVE and instance.waits:
                    moved |= self._conditions_of(instance)
            if plan.condition_entries:
                for journey in self._entries_to_consider(route):
                    moved |= consider(self, journey)

    def _conditions_of(self, instance: Instance) -> bool:
        waits = [wait for wait in instance.waits if isinstance(wait.step, (WaitPlan, MultiBranchPlan))]
        if not waits:
            return False
        waits.sort(key=lambda wait: wait.rank)
        moved = False
        for wait in waits:
            condition = _steps.condition_of(wait)
            if wait not in instance.waits or not self._concerns(condition, wait.due):
                continue
            if condition.holds(self.profile, instance.context, self.now):
                moved = True
                _steps.pass_condition(self, instance, wait)
            else:
                wait.due = condition.flip(self.profile, instance.context, self.now)
        instance.settle_due()
        return moved

    def _concerns(self, condition: Condition, due: int) -> bool:
        return (
            due <= self.now
            or self.all_changed
            or condition.reads_context
            or (self.traits_changed and condition.reads_traits)
            or (self.changed_event is not None and self.changed_event in condition.events)
        )

    def _entries_to_consider(self, route: Route | None) -> Iterable[JourneyPlan]:
        plan, profile = self.plan, self.profile
        if self.all_changed:
            return plan.condition_entries
        due = {label for label, state in profile.entries.items() if state.at <= self.now}
        if not due and not profile.blocked:
            if route is not None:
                return route.reentries
            return plan.trait_entries if self.traits_changed else ()
        due.update(profile.blocked)
        concerned = set(route.reentries) if route is not None else set()
        if self.traits_changed:
            concerned.update(plan.trait_entries)
        return [each for each in plan.condition_entries if each in concerned or each.entry_label in due]

    # time (T6, O3)

    def _fire(self, profile: ProfileState, at: int) -> None:
        """The first of the deadlines at this instant does its own step, then whatever has become true goes on."""
        self.profile = profile
        self.now = at
        if profile.clock < at:
            profile.clock = at
        self.unit += 1
        self.changed_event = None
        self.traits_changed = self.all_changed = False
        if not self._fire_instance(profile, at) and not self._fire_entry(profile, at):
            send_changes(self)
        if self.plan.waits_for_conditions:
            self._conditions(None)
        profile.settle_due()

    def _fire_instance(self, profile: ProfileState, at: int) -> bool:
        first = None if profile.crowd is None else profile.crowd.first()
        for instance in profile.instances if first is None else (first,):
            if instance.due > at:
                continue
            if instance.exit_at <= at and instance.status != ENDED:
                _leaving.exit_by_age(self, instance)
            elif instance.expires_at <= at and instance.status == LIVE:
                _leaving.end(self, instance, "expired")
            else:
                due = [wait for wait in instance.waits if wait.due <= at]
                if due:
                    _steps.fire(self, instance, due[0] if len(due) == 1 else min(due, key=lambda wait: wait.rank))
            instance.settle_due()
            return True
        return False

    def _fire_entry(self, profile: ProfileState, at: int) -> bool:
        labels = {label for label, state in profile.entries.items() if state.at <= at}
        if not labels:
            return False
        for journey in self.plan.condition_entries:
            if (label := journey.entry_label) in labels:
                consider(self, journey)
                state = profile.entries.get(label)
                if state is not None and state.at <= at:  # it cannot enter now: it waits for another reason to try
                    state.at = NEVER
                return True
        for label in labels:  # of a journey that this plan does not have any more
            profile.entries[label].at = NEVER
        return True

    # moving

    def run(self, instance: Instance, step: Any) -> None:
        """A token moves on from here until it waits or ends; then the instance may be complete (S10)."""
        _steps.move(self, instance, step)
        if instance.status == LIVE:
            for wait in instance.waits:
                if not wait.removal:
                    break
            else:
                _leaving.complete(self, instance)
        instance.settle_due()


def write_traits(profile: ProfileState, traits: Mapping[str, Any], timestamp: int) -> None:
    """For each trait the write with the latest timestamp wins, on a tie the later arrival; null removes (P3)."""
    written, kept = profile.own("written"), profile.own("traits")
    for key, value in traits.items():
        if timestamp >= written.get(key, -1):
            written[key] = timestamp
            if value is None:
                kept.pop(key, None)
            else:
                kept[key] = value


def _same(identifier: Any, properties: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    return equal(identifier, find(properties, path))

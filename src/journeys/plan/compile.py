"""``compile_space``: from a valid space to the plan that the engine runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from journeys._time import DAY, MAX, Duration, to_datetime
from journeys.model import entries as e
from journeys.model import steps as m
from journeys.model.journey import Journey
from journeys.model.space import Space
from journeys.plan import plan as p
from journeys.plan.checks.graph import exits
from journeys.plan.compiler import Compiler, segments
from journeys.plan.conditions import ContextReader, TraitReader
from journeys.plan.limits import limits_of
from journeys.plan.templates import compile_mapping, compile_template

_KINDS: dict[type[m.Step], type[p.StepPlan]] = {
    m.WaitForCondition: p.WaitPlan,
    m.Delay: p.DelayPlan,
    m.TrueFalseSplit: p.SplitPlan,
    m.DataSplit: p.SplitPlan,
    m.MultiBranchSplit: p.MultiBranchPlan,
    m.RandomizedSplit: p.RandomPlan,
    m.HoldUntil: p.HoldPlan,
    m.SendToDestination: p.SendPlan,
    m.ShowAd: p.AdPlan,
    m.SendMessage: p.MessagePlan,
}


def compile_space(space: Space, scopes: Mapping[tuple[str, int], str] | None = None) -> p.Plan:
    """Compiles a space that ``validate`` found no problem with.

    ``scopes`` names, by (journey key, version), the publication from which on a journey sees events (C4); journeys
    of one publication share what they remember. Drafts and archived journeys are compiled but name nothing (O7).
    """
    return _SpaceCompiler(space, scopes or {}).plan


class _SpaceCompiler:
    def __init__(self, space: Space, scopes: Mapping[tuple[str, int], str]) -> None:
        self.compiler = Compiler(space)
        self.plan = plan = p.Plan(space, limits_of(space.settings))
        for journey in sorted(space.journeys, key=lambda each: (each.key, each.version)):
            scope = scopes.get((journey.key, journey.version), "+")
            if journey.status in ("live", "paused"):
                compiler = _JourneyCompiler(journey, self.compiler, scope, plan.limits.max_steps)
                plan.journeys[journey.key, journey.version] = compiler.plan
        plan.features = self.compiler.features
        plan.shared_features = frozenset(self.compiler.shared)
        plan.audiences = self.compiler.audiences
        plan.computed = self.compiler.computed
        self._outputs()
        self._routes()
        plan.longest_wait = _longest_wait(space)
        plan.last_moment = to_datetime(max(MAX - plan.longest_wait - 2 * DAY, 0))

    def _outputs(self) -> None:
        space, plan = self.plan.space, self.plan
        plan.outputs = tuple(
            p.Output(each.key, each.destinations, None, plan.computed[each.key])
            for each in sorted(space.computed_traits, key=lambda each: each.key)
            if each.destinations
        ) + tuple(
            p.Output(each.key, each.destinations, plan.audiences[each.key], None)
            for each in sorted(space.audiences, key=lambda each: each.key)
            if each.destinations
        )

    def _routes(self) -> None:
        plan = self.plan
        features: dict[str, list[Any]] = defaultdict(list)
        for feature in plan.features.values():
            features[feature.event].append(feature)
        journeys: dict[str, set[p.JourneyPlan]] = defaultdict(set)
        entries: dict[str, list[p.JourneyPlan]] = defaultdict(list)
        reentries: dict[str, list[p.JourneyPlan]] = defaultdict(list)
        for journey in plan.journeys.values():
            for name in _listens_to(journey):
                journeys[name].add(journey)
            if journey.entry_event is not None and journey.accepts:
                entries[journey.entry_event].append(journey)
            elif journey.entry_event is not None:
                entries[journey.entry_event] += []
        for journey in _current(plan):
            for name in journey.condition.events if journey.condition is not None else ():
                reentries[name].append(journey)
        names = {*features, *journeys, *entries, *reentries, *_named_events(plan), *self.compiler.named}
        for name in names:
            route = plan.routes[name] = p.Route(name)
            route.features = tuple(features.get(name, ()))
            route.journeys = frozenset(journeys.get(name, ()))
            route.entries = tuple(entries.get(name, ()))
            route.reentries = tuple(reentries.get(name, ()))
            route.has_limits = bool(route.features) or plan.limits.max_events_per_second is not None
            route.goals = any(each.goal is not None and each.goal.event == name for each in route.journeys)
            route.identifiers = _identifiers(route)
        conditions = [each for each in _current(plan) if each.condition is not None]
        plan.condition_entries = tuple(conditions)
        plan.waits_for_conditions = bool(conditions) or any(
            isinstance(step, (p.WaitPlan, p.MultiBranchPlan))
            for journey in plan.journeys.values()
            for step in journey.steps.values()
        )
        plan.trait_entries = tuple(each for each in conditions if each.condition and each.condition.reads_traits)


def _current(plan: p.Plan) -> list[p.JourneyPlan]:
    """The journeys whose entries count: of versions that share how a profile stands with them, the latest (V3)."""
    latest = {each.entry_label: each for each in plan.journeys.values()}
    return list(latest.values())


def _listens_to(journey: p.JourneyPlan) -> Iterable[str]:
    yield from journey.exit_rules
    if journey.goal is not None:
        yield journey.goal.event
    for step in journey.steps.values():
        if isinstance(step, p.HoldPlan):
            yield from step.branches


def _named_events(plan: p.Plan) -> Iterable[str]:
    for audience in plan.audiences.values():
        yield from audience.events
    for computed in plan.computed.values():
        yield from computed.events


def _identifiers(route: p.Route) -> tuple[tuple[str, p.Path], ...] | None:
    """By which path each journey finds the one instance that such an event concerns; None if it may be any."""
    found = set()
    for journey in route.journeys:
        paths: set[p.Path | None] = {rule.identifier for rule in journey.exit_rules.get(route.name, ())}
        for step in journey.steps.values():
            if isinstance(step, p.HoldPlan):
                paths |= {branch.identifier for branch in step.branches.get(route.name, ())}
        if journey.goal is not None and journey.goal.event == route.name:
            return None
        for path in paths:
            if path is None:
                return None
            found.add((journey.key, path))
    return tuple(sorted(found)) if len({key for key, _ in found}) == len(found) else None


class _JourneyCompiler:
    def __init__(self, model: Journey, compiler: Compiler, scope: str, max_steps: int) -> None:
        self.compiler = compiler
        self.scope = scope
        self.model = model
        self.plan = plan = p.JourneyPlan(model)
        for order, key in enumerate(sorted(model.steps)):
            step = model.steps[key]
            plan.steps[key] = _KINDS[type(step)](key, order, step)
        plan.start = plan.steps[model.start]
        self._entry(model.entry)
        for key, step_plan in plan.steps.items():
            getattr(self, f"_{type(step_plan).__name__}")(step_plan, model.steps[key])
        self._leaving()
        arrivals = 1 + sum(len(list(exits(step))) for step in model.steps.values())
        plan.may_run_away = arrivals > max_steps

    def _to(self, key: str | None) -> p.StepPlan | None:
        return None if key is None else self.plan.steps[key]

    def _condition(self, model: Any) -> Any:
        return self.compiler.condition(model, self.scope)

    def _entry(self, entry: e.Entry) -> None:
        plan = self.plan
        if isinstance(entry, e.ConditionEntry):
            plan.historical = entry.historical
            scope = self.scope + "h" if entry.historical else self.scope
            plan.condition = self.compiler.condition(entry.condition, scope)
            return
        plan.entry_event = entry.event
        plan.entry_matches = self.compiler.matcher(entry.where)
        plan.entry_audience = None if entry.audience is None else self.compiler.audiences[entry.audience]
        plan.identifier = None if entry.identifier is None else segments(entry.identifier)
        plan.once = entry.reentry == "once"

    def _leaving(self) -> None:
        model, plan = self.model, self.plan
        rules: dict[str, list[p.ExitRulePlan]] = defaultdict(list)
        sends = set(model.exit_send.rules) if model.exit_send else set()
        for rule in model.exit_rules:
            identifier = plan.identifier if rule.match_identifier else None
            matches = self.compiler.matcher(rule.where)
            rules[rule.event].append(p.ExitRulePlan(rule.key, matches, identifier, rule.key in sends))
        plan.exit_rules = {name: tuple(each) for name, each in rules.items()}
        if model.exit_send is not None:
            key = p.destination_key(plan.key, "exit")
            plan.exit_send = self._activation(0, model.exit_send.activation, key, "exit")
        if model.goal is not None:
            matches = self.compiler.matcher(model.goal.where)
            plan.goal = p.GoalPlan(model.goal.event, matches, model.goal.within)

    def _WaitPlan(self, plan: p.WaitPlan, model: m.WaitForCondition) -> None:
        plan.condition = self._condition(model.condition)
        plan.next = self._to(model.next)

    def _DelayPlan(self, plan: p.DelayPlan, model: m.Delay) -> None:
        plan.duration = model.duration
        plan.clock = plan.zone_trait = plan.instant = None
        plan.next = self._to(model.next)
        if isinstance(model.until, m.LocalTime):
            zone = model.until.timezone
            plan.clock = model.until.clock
            plan.weekdays = tuple(m.WEEKDAYS.index(day) for day in model.until.weekdays)
            plan.zone_trait = self.compiler.trait(zone.trait) if isinstance(zone, m.TimezoneTrait) else None
            plan.default_zone = zone.default if isinstance(zone, m.TimezoneTrait) else zone
        elif model.until is not None:
            plan.instant = ContextReader(model.until.context[0], segments(model.until.context[1]))
            plan.offset = model.until.offset

    def _SplitPlan(self, plan: p.SplitPlan, model: m.TrueFalseSplit | m.DataSplit) -> None:
        if isinstance(model, m.TrueFalseSplit):
            plan.branches = (("true", self._condition(model.condition), self._to(model.if_true)),)
            plan.otherwise = ("false", self._to(model.if_false))
        else:
            plan.branches = self._branches(model.branches)
            plan.otherwise = ("everyone_else", self._to(model.everyone_else))

    def _MultiBranchPlan(self, plan: p.MultiBranchPlan, model: m.MultiBranchSplit) -> None:
        plan.branches = self._branches(model.branches)
        plan.exclusive = model.exclusive

    def _branches(self, branches: Sequence[m.ConditionBranch]) -> tuple[Any, ...]:
        return tuple((each.name, self._condition(each.condition), self._to(each.next)) for each in branches)

    def _RandomPlan(self, plan: p.RandomPlan, model: m.RandomizedSplit) -> None:
        cumulated, branches = 0, []
        for branch in model.branches:
            cumulated += branch.hundredths
            branches.append((branch.name, cumulated, self._to(branch.next)))
        plan.branches = tuple(branches)
        plan.prefix = f"{self.plan.key}\x1f{plan.key}\x1f".encode()
        plan.sticky = model.sticky or self.plan.is_condition_based

    def _HoldPlan(self, plan: p.HoldPlan, model: m.HoldUntil) -> None:
        branches: dict[str, list[p.HoldBranch]] = defaultdict(list)
        for index, branch in enumerate(model.branches):
            identifier = self.plan.identifier
            if identifier is not None and branch.identifier is not None:
                identifier = segments(branch.identifier)
            compiled = p.HoldBranch(index, branch, self.compiler.matcher(branch.where), identifier)
            compiled.next = self._to(branch.next)
            compiled.fields = {"step": plan.key, "branch": branch.name}
            branches[branch.event].append(compiled)
        plan.branches = {name: tuple(each) for name, each in branches.items()}
        plan.max_duration = model.max_duration
        plan.max_micros = 0 if model.max_duration.months else model.max_duration.micros
        plan.timeout_fields = {"step": plan.key, "branch": "timeout"}
        plan.max_restarts = model.max_restarts
        plan.timeout = self._to(model.timeout)

    def _SendPlan(self, plan: p.SendPlan, model: m.SendToDestination) -> None:
        key = p.destination_key(self.plan.key, plan.key)
        name = model.name or plan.key
        plan.activations = tuple(
            self._activation(index, each, key, name) for index, each in enumerate(model.activations)
        )
        plan.next = self._to(model.next)

    def _activation(self, index: int, model: m.Activation, key: str, name: str) -> p.ActivationPlan:
        plan = p.ActivationPlan()
        plan.index = index
        plan.model = model
        plan.destination = model.destination
        plan.destination_key = key if model.destination_key is None else model.destination_key
        default = "Audience Entered" if self.plan.is_condition_based else name
        plan.event = model.event if model.event is not None else default
        plan.traits = tuple((path, self.compiler.trait(path)) for path in model.traits)
        plan.render = None if model.mapping is None else compile_mapping(model.mapping, self.compiler)
        return plan

    def _AdPlan(self, plan: p.AdPlan, model: m.ShowAd) -> None:
        plan.destination = model.destination
        plan.remove_after = model.remove_after
        plan.next = self._to(model.next)

    def _MessagePlan(self, plan: p.MessagePlan, model: m.SendMessage) -> None:
        plan.channel = model.channel
        plan.destination = model.destination
        plan.render = compile_template(model.template, self.compiler)
        everyone = model.to == "everyone"
        plan.subscription = None if everyone else TraitReader(("subscriptions", model.channel), {})
        plan.next = self._to(model.next)


def _longest_wait(space: Space) -> int:
    """An upper bound of every wait in the space, in microseconds (T1)."""
    longest = 0
    for journey in space.journeys:
        durations: list[Duration | None] = [journey.max_age, journey.exit_after, journey.reentry_after]
        for step in journey.steps.values():
            for field in ("duration", "max_duration", "remove_after"):
                durations.append(getattr(step, field, None))
        longest = max(longest, *(each.longest for each in durations if each is not None))
    return longest

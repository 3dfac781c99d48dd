"""What a person might do so that conditions come out as wished: proposals, of which the engine has the last word."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import attrs

from journeys._time import DAY, MINUTE, Duration, format_instant
from journeys.model import conditions as c
from journeys.model.entries import EventEntry
from journeys.model.journey import Journey
from journeys.model.space import ComputedTrait, Space
from journeys.plan.values import ABSENT, find, is_number
from journeys.runtime.analysis.paths_needs import ANY_NUMBER, Need, Needs, alternatives, contradiction, count_range
from journeys.runtime.analysis.paths_run import Deed, is_now
from journeys.runtime.analysis.paths_values import ORDERING, Demand, choices, nested

#: a condition, and whether it is to be true
Wish = tuple[c.Condition, bool]
#: so many alternatives of all wishes together are tried at most
TRIED = 24
#: no more events than this are proposed for one condition
MANY = 60


class Unmet(Exception):
    """There is nothing to propose."""


@attrs.frozen
class Before:
    """What is there already: what she did, her traits, and the journey context if there is one."""

    deeds: Sequence[Deed]
    traits: Mapping[str, Any]
    context: Mapping[str, Any] | None = None

    def value(self, reference: Any) -> Any:
        """What a reference finds, ABSENT if nothing."""
        if isinstance(reference, c.TraitRef):
            return find(self.traits, tuple(reference.trait.split(".")))
        if isinstance(reference, c.ContextRef) and self.context is not None and reference.context[0] in self.context:
            return find(self.context[reference.context[0]], tuple(reference.context[1].split(".")))
        return ABSENT


def joint(wishes: Sequence[Wish], space: Space) -> list[Needs]:
    """Conjunctions of needs that meet all wishes, as many as are tried; those that contradict themselves left out."""
    found: list[Needs] = [()]
    for condition, wanted in wishes:
        parts = alternatives(condition, wanted, space)
        if parts is None:
            return []
        found = [
            needs
            for before in found
            for more in parts
            if contradiction(needs := (*before, *(each for each in more if each not in before)), space) is None
        ][:TRIED]
    return found


class Deeds:
    """Proposes deeds in one journey of a space."""

    def __init__(self, space: Space, journey: Journey) -> None:
        self.space = space
        self.entry = journey.entry
        self.computed = {each.key: each for each in space.computed_traits}

    def proposals(self, wishes: Sequence[Wish], at: int, floor: int, before: Before) -> Iterator[tuple[Deed, ...]]:
        """Deeds between ``floor`` and ``at`` so that the wishes are met at ``at``; first of all none at all."""
        yield ()
        for needs in joint(wishes, self.space):
            try:
                made = _Draft(self, at, before).of(needs)
            except Unmet:
                continue
            if made:
                yield _placed(made, at, floor)
                if made[-1][1].is_identify and len(made) > 1:
                    yield _placed([made[-1], *made[:-1]], at, floor)

    def content(
        self, where: Iterable[c.Filter], before: Before, at: int, also: Mapping[str, Sequence[Demand]] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Properties that pass the filters and the tests by path, some that do."""
        tests: dict[str, list[Demand]] = {path: list(each) for path, each in (also or {}).items()}
        for each in where:
            operand = before.value(each.value) if isinstance(each.value, (c.TraitRef, c.ContextRef)) else each.value
            tests.setdefault(each.property, []).append(Demand(each.op, operand))
        options = {path: choices(each, at, 3) for path, each in tests.items()}
        if all(options.values()):
            first = {path: values[0] for path, values in options.items()}
            yield nested(first)
            for path, values in options.items():
                for other in values[1:]:
                    yield nested({**first, path: other})

    def quiet(self, event: str, where: Sequence[c.Filter], before: Before, at: int) -> dict[str, Any]:
        """Properties that pass the filters, and if possible do not make her enter."""
        if isinstance(self.entry, EventEntry) and event == self.entry.event and self.entry.identifier is None:
            for each in self.entry.where:
                if not isinstance(each.value, (c.TraitRef, c.ContextRef)):
                    also = {each.property: [Demand(each.op, each.value, False)]}
                    for found in self.content(where, before, at, also):
                        return found
        for found in self.content(where, before, at):
            return found
        raise Unmet


def _placed(made: Sequence[tuple[int | None, Deed]], at: int, floor: int) -> tuple[Deed, ...]:
    """The deeds that have no age of their own one after the other shortly before ``at``."""
    loose = sum(age is None for age, _ in made)
    gap = max(min(MINUTE, (at - floor) // (loose + 2)), 1)
    placed, left = [], loose
    for age, deed in made:
        if age is None:
            placed.append(attrs.evolve(deed, at=at - left * gap))
            left -= 1
        else:
            placed.append(attrs.evolve(deed, at=at - age))
    return tuple(placed)


class _Draft:
    """The deeds for one conjunction, in the making: (how long before the instant, or None, deed)."""

    def __init__(self, deeds: Deeds, at: int, before: Before) -> None:
        self.deeds = deeds
        self.at = at
        self.before = before
        self.traits: dict[str, Any] = {}
        self.events: list[tuple[int | None, Deed]] = []
        #: needs that no more than so many events may meet
        self.limited: list[Need] = []

    def of(self, needs: Needs) -> list[tuple[int | None, Deed]]:
        paths: dict[str, list[Demand]] = {}
        for need in needs:
            atom = need.atom
            if isinstance(atom, c.Context):
                value = self.before.value(c.ContextRef((atom.event, atom.property)))
                if not Demand(atom.op, self._operand(atom.op, atom.value), need.wanted).passes(value, self.at):
                    raise Unmet
            elif isinstance(atom, c.Trait):
                paths.setdefault(atom.trait, []).append(
                    Demand(atom.op, self._operand(atom.op, atom.value), need.wanted)
                )
        self.limited = [each for each in needs if isinstance(each.atom, c.Event) and count_range(each)[1] < ANY_NUMBER]
        for path, tests in paths.items():
            self._trait(path, tests)
        counted = [(each, each.atom) for each in needs if isinstance(each.atom, c.Event)]
        for need, atom in sorted(counted, key=lambda each: -len(each[1].where)):  # what fits one may do for others
            self._event(need, atom)
        for need in needs:
            if isinstance(need.atom, c.Funnel) and need.wanted:
                self._funnel(need.atom)
        known = self.before.traits
        flat = {path: value for path, value in self.traits.items() if "." in path and path.partition(".")[0] in known}
        plain = nested({path: value for path, value in self.traits.items() if path not in flat})
        told = [(None, is_now(self.at, {**plain, **flat}))] if self.traits else []
        return [*self.events, *told]

    def _operand(self, op: str, operand: Any) -> Any:
        """The constant, or what the reference finds; a trait that is compared with gets a value."""
        if isinstance(operand, c.TraitRef):
            if operand.trait in self.traits:
                return self.traits[operand.trait]
            value = self.before.value(operand)
            if value is ABSENT and operand.trait not in self.deeds.computed:
                value = self.traits[operand.trait] = _default(op)
            return value
        return self.before.value(operand) if isinstance(operand, c.ContextRef) else operand

    def _trait(self, path: str, tests: Sequence[Demand]) -> None:
        now = self.traits.get(path, self.before.value(c.TraitRef(path)))
        computed = self.deeds.computed.get(path)
        if computed is not None:
            self._computed(computed, tests)
            return
        if all(each.passes(now, self.at) for each in tests):
            return
        found = choices(tests, self.at, 1)
        if not found:
            raise Unmet
        self.traits[path] = None if found[0] is ABSENT else found[0]

    # computed traits (P5)

    def _computed(self, computed: ComputedTrait, tests: Sequence[Demand]) -> None:
        for value in choices(tests, self.at, 12):
            contents = self._folded(computed, value)
            if contents is not None:
                for each in contents:
                    equal = [c.Filter(property=path, op="equals", value=value) for path, value in each.items()]
                    self._one_more(c.Event(computed.event, (*computed.where, *equal), within=computed.within))
                return
        raise Unmet

    def _folded(self, computed: ComputedTrait, value: Any) -> list[dict[str, Any]] | None:
        """The properties of events that give the computed trait its value, None if this way does not lead there."""
        known = [each for each in self._known(computed.event) if self._passes(each, computed.where)]
        path = computed.property or ""
        match computed.type:
            case "event_counter" | "unique_list_count":
                if value is ABSENT:
                    return []
                if type(value) is not int or not 0 <= value - len(known) <= MANY:
                    return None
                return [{path: f"x-{n + len(known)}"} if path else {} for n in range(value - len(known))]
            case "sum":
                if value is ABSENT:
                    return [] if not known else None
                if not is_number(value):
                    return None
                have = [found for each in known if is_number(found := find(each.content, tuple(path.split("."))))]
                return [{path: value - sum(have)}]
            case "most_frequent":
                return [] if value is ABSENT else [{path: value}] * 2
            case "unique_list":
                if isinstance(value, list):
                    return [{path: each} for each in value]
                return [] if value is ABSENT else None
            case "average" | "minimum" | "maximum" if not is_number(value) and value is not ABSENT:
                return None
        return [] if value is ABSENT else [{path: value}]

    # events

    def _known(self, event: str) -> list[Deed]:
        added = [attrs.evolve(deed, at=self.at - (age or 1)) for age, deed in self.events]
        return [each for each in (*self.before.deeds, *added) if each.event == event and not each.is_identify]

    def _passes(self, deed: Deed, where: Iterable[c.Filter]) -> bool:
        for each in where:
            operand = (
                self.before.value(each.value) if isinstance(each.value, (c.TraitRef, c.ContextRef)) else each.value
            )
            if not Demand(each.op, operand).passes(find(deed.content, tuple(each.property.split("."))), self.at):
                return False
        return True

    def _add(self, event: str, where: Sequence[c.Filter], also: Mapping[str, Any], age: int | None = None) -> None:
        tests = {path: [Demand("equals", value)] for path, value in also.items()}
        for content in self.deeds.content(where, self.before, self.at, tests):
            self.events.append((age, Deed(self.at, event, content)))
            return
        raise Unmet

    def _event(self, need: Need, atom: c.Event) -> None:
        least, most = count_range(need)
        have = self._count(atom)
        if have > most:
            raise Unmet
        for _ in range(min(least - have, MANY)):
            self._one_more(atom)

    def _count(self, atom: c.Event, more: Sequence[Deed] = ()) -> int:
        counts = _window(atom, self.at)
        return sum(counts(each.at) and self._passes(each, atom.where) for each in (*self._known(atom.event), *more))

    def _one_more(self, atom: c.Event) -> None:
        """One event for it that is not one too many for the others, by its properties or by its age."""
        rivals = [(each.atom, count_range(each)[1]) for each in self.limited if each.atom != atom]
        near = [(each, most) for each, most in rivals if isinstance(each, c.Event) and each.event == atom.event]
        plain = self.deeds.quiet(atom.event, atom.where, self.before, self.at)
        contents = [plain]
        for rival, _ in near:
            for each in rival.where:
                if not isinstance(each.value, (c.TraitRef, c.ContextRef)):
                    also = {each.property: [Demand(each.op, each.value, False)]}
                    contents += islice(self.deeds.content(atom.where, self.before, self.at, also), 1)
        counts = _window(atom, self.at)
        ages = _ages(atom, [rival for rival, _ in near])
        for age in ages:
            if not counts(self.at - (age or 1)):
                continue
            for content in contents:
                made = Deed(self.at - (age or 1), atom.event, content)
                if all(self._count(rival, [made]) <= most for rival, most in near):
                    self.events.append((age, attrs.evolve(made, at=self.at)))
                    return
        self.events.append((ages[0], Deed(self.at, atom.event, plain)))

    def _funnel(self, atom: c.Funnel) -> None:
        tests: dict[str, list[Demand]] = {}
        values: dict[str, Any] = {}
        for each in atom.then.where:
            if isinstance(each.value, c.FirstRef):
                values.setdefault(each.value.first, _default(each.op))
                tests.setdefault(each.property, []).append(Demand(each.op, values[each.value.first]))
        first_age = (_ages(c.Event(atom.first.event, within=atom.within, between=atom.between), ()))[0]
        within = atom.then.within
        if not atom.then.performed and within is not None:
            first_age = max(first_age or 0, within.longest + MINUTE)
        where = [each for each in atom.then.where if not isinstance(each.value, c.FirstRef)]
        self._add(atom.first.event, atom.first.where, values, first_age)
        if atom.then.performed:
            then = next(self.deeds.content(where, self.before, self.at, tests), None)
            if then is None:
                raise Unmet
            age = None if first_age is None else max(first_age - min(MINUTE, within.longest if within else MINUTE), 1)
            self.events.append((age, Deed(self.at, atom.then.event, then)))


def _default(op: str) -> Any:
    if op in ORDERING:
        return 5
    if op.endswith("_date"):
        return "2026-01-01"
    return format_instant(0) if op in ("within_last", "within_next", "before_last", "after_next") else "x-1"


def _window(atom: c.Event, at: int) -> Callable[[int], bool]:
    """Whether an event of an instant counts at ``at`` (C3)."""
    if atom.within is not None:
        start = atom.within.before(at)
        return lambda instant: start < instant <= at
    if atom.between is not None:
        start, end = (each.before(at) for each in atom.between)
        return lambda instant: start < instant <= end
    return lambda instant: instant <= at


def _ages(atom: c.Event, rivals: Sequence[c.Event]) -> list[int | None]:
    """How old an event for it might be: just now if it can, else inside its window; or older than rivals count."""
    ages: list[int | None] = []
    if atom.between is None:
        ages.append(None)
    edges: list[Duration] = []
    for each in (atom, *rivals):
        edges += [each.within] if each.within is not None else list(each.between or ())
    if atom.between is not None:
        longer, shorter = atom.between
        ages.append((longer.longest + shorter.longest) // 2)
    for edge in edges:
        ages += [edge.longest + MINUTE, edge.longest + DAY, edge.longest // 2]
    return ages or [None]

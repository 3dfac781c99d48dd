"""What a condition needs to be true, or false: conjunctions of plain needs, and the proof that one cannot be met.

A need is an event, trait, context or funnel condition and whether it is wanted. All needs of a conjunction are of one
instant. ``contradiction`` says why they cannot be met together, whatever a person does and whatever the time is; None
means that no reason was found, not that they can be met.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import attrs

from journeys.model import conditions as c
from journeys.model.space import Space
from journeys.runtime.analysis.paths_values import ORDERING, Demand, implies, impossible, no_number, unlike
from journeys.runtime.render import describe, describe_event

#: of so many conjunctions at most a condition is made
MOST = 64
#: no count is higher
ANY_NUMBER = 1 << 62
#: computed traits that are a number or absent, and those that are never absent (P5)
COUNTING = ("event_counter", "unique_list_count")
NUMBERS = (*COUNTING, "sum", "average", "minimum", "maximum")
REFERENCES = (c.TraitRef, c.ContextRef, c.FirstRef)
#: which events a condition sees (C4): those since the publication, or also those that were backfilled
JOURNEY, SHARED = "journey", "shared"


@attrs.frozen
class Need:
    """A plain condition, whether it is to be true, and which events it sees."""

    atom: c.Condition
    wanted: bool = True
    scope: str = JOURNEY

    def __str__(self) -> str:
        return describe(self.atom if self.wanted else c.Not(self.atom))


Needs = tuple[Need, ...]


def alternatives(condition: c.Condition, wanted: bool, space: Space, scope: str = JOURNEY) -> list[Needs] | None:
    """Conjunctions one of which holds exactly if the condition is as wanted; None if there are too many of them."""
    match condition:
        case c.Not():
            return alternatives(condition.condition, not wanted, space, scope)
        case c.Audience():
            found = next(each for each in space.audiences if each.key == condition.audience)
            return alternatives(found.condition, wanted, space, SHARED)
        case c.All() | c.Any():
            parts = [alternatives(each, wanted, space, scope) for each in condition.conditions]
            return together(parts) if isinstance(condition, c.All) is wanted else _either(parts)
    return [(Need(condition, wanted, scope),)]


def together(parts: Iterable[list[Needs] | None]) -> list[Needs] | None:
    """The alternatives of all parts at once."""
    found: list[Needs] = [()]
    for part in parts:
        if part is None or len(found) * len(part) > MOST:
            return None
        found = [(*before, *(each for each in more if each not in before)) for before in found for more in part]
    return found


def _either(parts: Iterable[list[Needs] | None]) -> list[Needs] | None:
    found: list[Needs] = []
    for part in parts:
        if part is None or len(found) + len(part) > MOST:
            return None
        found += part
    return found


def tests_of(where: Iterable[c.Filter]) -> dict[str, list[Demand]]:
    """The filters by property, but those that compare with a reference: of these nothing is said."""
    found: dict[str, list[Demand]] = {}
    for each in where:
        tests = found.setdefault(each.property, [])
        if not isinstance(each.value, REFERENCES):
            tests.append(Demand(each.op, each.value))
        elif each.op in (*ORDERING, "starts_with"):
            tests.append(Demand("exists"))
    return found


def no_such_event(where: Iterable[c.Filter]) -> str | None:
    """Which property would have to be what no value is, if no event can pass the filters; and why, where it is told."""
    found = next(((path, tests) for path, tests in tests_of(where).items() if impossible(tests)), None)
    return None if found is None else found[0] + _blame(found[1])


def _blame(tests: Iterable[Demand]) -> str:
    return f" ({why})" if (why := unlike(tests)) is not None else ""


def passes_too(where: Sequence[c.Filter], other: Sequence[c.Filter]) -> bool:
    """Whether every event that passes the first filters passes the others, at the same instant for the same person."""
    tests = tests_of(where)
    for each in other:
        if each in where:
            continue
        if isinstance(each.value, REFERENCES) or not implies(tests.get(each.property, []), Demand(each.op, each.value)):
            return False
    return True


def contradiction(needs: Sequence[Need], space: Space) -> str | None:
    """Why the needs cannot all be met at one instant, in words; None if no reason is found."""
    known = {each.key: each for each in space.computed_traits}
    for one, other in combinations(needs, 2):
        if one.atom == other.atom and one.wanted != other.wanted and _sees_the_same(one, other):
            return f"{one} and {other} contradict each other"
    return _no_value(needs, known) or _no_count(needs)


def _sees_the_same(one: Need, other: Need) -> bool:
    return one.scope == other.scope or not isinstance(one.atom, (c.Event, c.Funnel))


def _no_value(needs: Sequence[Need], computed: Mapping[str, Any]) -> str | None:
    """Traits and properties that would have to be what no value is."""
    subjects: dict[tuple[str, ...], list[tuple[Demand, Need]]] = {}
    for each in needs:
        atom = each.atom
        if isinstance(atom, c.Trait):
            subject: tuple[str, ...] = ("trait", atom.trait)
        elif isinstance(atom, c.Context):
            subject = ("context", atom.event, atom.property)
        else:
            continue
        if not isinstance(atom.value, REFERENCES):
            subjects.setdefault(subject, []).append((Demand(atom.op, atom.value, each.wanted), each))
    for subject, found in subjects.items():
        tests = [test for test, _ in found]
        kind = computed[subject[1]].type if subject[0] == "trait" and subject[1] in computed else None
        if kind in COUNTING:
            tests.append(Demand("greater_than_or_equal", 0))
        if (no_number if kind in NUMBERS else impossible)(tests):
            told = " and ".join(dict.fromkeys(str(need) for _, need in found))
            return f"no value is so: {told}{_blame(tests)}"
    return None


# counts of events


def _count_range(need: Need) -> tuple[int, int]:
    """How many events there must be: least and most."""
    atom = need.atom
    assert isinstance(atom, c.Event)
    number = atom.count.number
    match (atom.count.op, need.wanted):
        case ("at_least", True) | ("less_than", False):
            return number, ANY_NUMBER
        case ("at_most", True) | ("more_than", False):
            return 0, number
        case ("less_than", True) | ("at_least", False):
            return 0, number - 1
        case ("more_than", True) | ("at_most", False):
            return number + 1, ANY_NUMBER
        case ("exactly", True):
            return number, number
    return (1, ANY_NUMBER) if number == 0 else (0, ANY_NUMBER)  # not exactly so many: a gap, of which little is said


count_range = _count_range


def _no_count(needs: Sequence[Need]) -> str | None:
    """Counts of events that cannot be: fewer than none, or more in a part than in the whole."""
    counted = [(each, *_count_range(each)) for each in needs if isinstance(each.atom, c.Event)]
    counted += [(each, 1, ANY_NUMBER) for need in needs for each in _from_funnel(need)]
    for need, least, most in counted:
        if most < 0:
            return f"no number of events is so: {need}"
        if least > 0 and isinstance(need.atom, c.Event) and (path := no_such_event(need.atom.where)):
            return f"no {need.atom.event} passes the filters on {path}: {need}"
    for part, least, _ in counted:
        for whole, _, most in counted:
            if least > most and _is_part(part, whole):
                return f"{part} and {whole} contradict each other"
    return None


def _from_funnel(need: Need) -> list[Need]:
    """What a funnel that holds says of its events by themselves."""
    atom = need.atom
    if not isinstance(atom, c.Funnel) or not need.wanted:
        return []
    first = c.Event(atom.first.event, atom.first.where, within=atom.within, between=atom.between)
    found = [Need(first, True, need.scope)]
    if atom.then.performed:
        where = [each for each in atom.then.where if not isinstance(each.value, c.FirstRef)]
        found.append(Need(c.Event(atom.then.event, where), True, need.scope))
    return found


def _is_part(part: Need, whole: Need) -> bool:
    """Whether every event that the one counts is counted by the other too."""
    a, b = part.atom, whole.atom
    assert isinstance(a, c.Event) and isinstance(b, c.Event)
    if a.event != b.event or (part.scope != whole.scope and part.scope != JOURNEY):
        return False
    return _window_inside(a, b) and passes_too(a.where, b.where)


def _window_inside(a: c.Event, b: c.Event) -> bool:
    if b.within is None and b.between is None:
        return True
    if b.between is not None:
        return a.between == b.between
    assert b.within is not None
    longest = a.within if a.within is not None else a.between[0] if a.between is not None else None
    if longest is None:
        return False
    return longest == b.within or (longest.is_exact and b.within.is_exact and longest.micros <= b.within.micros)


def told(where: c.Event | Any) -> str:
    """An event with its filters, in words."""
    return describe_event(where.event, where.where)

"""Values that make comparisons true or false, and the proof that there is none (C5 to C10).

A demand is a comparison of one value with a constant, and whether it is to be true. ``choices`` looks for values that
meet several at once; ``impossible`` proves that no JSON value does. What neither can say is left open: a search
may find nothing although there is something, a proof never says too much.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import attrs

from journeys._time import DAY, HOUR, MAX, Duration, format_instant, value_instant
from journeys.plan.values import ABSENT, OPERATORS, duration_of, equal, is_number

#: an instant to which aging comparisons are relative where only their order among each other matters
_NOW = 1_767_603_600_000_000
_TEXT = ("starts_with", "ends_with", "contains", "does_not_contain", "contains_any_of")
_DATES = ("before_date", "after_date")
_AGING = ("within_last", "within_next", "before_last", "after_next")
#: operators of numbers
ORDERING = ("less_than", "greater_than", "less_than_or_equal", "greater_than_or_equal")
_EQUALITY = ("equals", "not_equals", "equals_any_of")
#: operators that are another one turned round, also where there is no value (C10)
_TWINS = {"not_equals": "equals", "does_not_contain": "contains", "not_exists": "exists"}


@attrs.frozen
class Demand:
    """A comparison with a constant, and whether it is to be true."""

    op: str
    operand: Any = None
    wanted: bool = True

    def passes(self, value: Any, now: int = _NOW) -> bool:
        """Whether the value passes at an instant."""
        return OPERATORS[self.op](value, self.operand, now) is self.wanted

    @property
    def straight(self) -> Demand:
        """The same with the plain one of two twin operators."""
        if self.op in _TWINS:
            return Demand(_TWINS[self.op], self.operand, not self.wanted)
        return self


def choices(tests: Sequence[Demand], now: int = _NOW, most: int = 8) -> list[Any]:
    """Values that pass all tests at ``now``, the most telling first; ABSENT stands for no value at all."""
    found: list[Any] = []
    for value in _candidates(tests, now):
        if any(type(value) is type(known) and value == known for known in found):
            continue
        if all(each.passes(value, now) for each in tests):
            found.append(value)
            if len(found) >= most:
                break
    return found


def _candidates(tests: Sequence[Demand], now: int) -> Iterator[Any]:
    straight = [each.straight for each in tests]
    if not any(each.wanted for each in straight):
        yield ABSENT
    yield from _pinned(straight)
    for each in straight:
        if each.op in _AGING:
            yield from _aged(each, now)
    yield from _built(straight)
    yield from _numbers(straight)
    for each in straight:
        if each.op in _DATES and (at := value_instant(each.operand)) is not None:
            yield from (each.operand, _moment(at - DAY), _moment(at + DAY))
    dates = sorted(at for each in straight if each.op in _DATES and (at := value_instant(each.operand)) is not None)
    yield from (_moment((a + b) // 2) for a, b in pairwise(dates))
    for each in straight:
        if isinstance(each.operand, str):
            yield from (f"{each.operand}-x", f"x-{each.operand}", [each.operand])
    yield from ("x", 1, 0, True, False, [], None, ABSENT)


def _pinned(tests: Iterable[Demand]) -> Iterator[Any]:
    """What an equality asks for."""
    for each in tests:
        if each.op == "equals":
            yield each.operand
        elif each.op == "equals_any_of" and isinstance(each.operand, (list, tuple)):
            yield from each.operand


def _aged(test: Demand, now: int) -> Iterator[str]:
    duration = duration_of(test.operand)
    if duration is None:
        return
    back, ahead = duration.before(now), duration.after(now)
    inside = [(back + now) // 2, (ahead + now) // 2]
    outside = [back - DAY, back - HOUR, ahead + DAY, ahead + HOUR]
    yield from (_moment(at) for at in (*inside, *outside))


def _moment(instant: int) -> str:
    """An instant as text, to the second: a witness is to be read."""
    return format_instant(min(max(instant, 0), MAX) // 1_000_000 * 1_000_000)


def _built(tests: Sequence[Demand]) -> Iterator[Any]:
    """A text or a list of all the parts that are asked for."""
    wanted = [each for each in tests if each.wanted and each.op in _TEXT]
    starts = [each.operand for each in wanted if each.op == "starts_with" and isinstance(each.operand, str)]
    ends = [each.operand for each in wanted if each.op == "ends_with" and isinstance(each.operand, str)]
    parts = [each.operand for each in wanted if each.op == "contains"]
    several = [
        each.operand for each in wanted if each.op == "contains_any_of" and isinstance(each.operand, (list, tuple))
    ]
    if not wanted:
        return
    options = [[]] if not several else [[one] for one in several[0]]
    for option in options:
        pieces = [*parts, *option, *(many[0] for many in several[1:] if many)]
        if all(isinstance(each, str) for each in pieces):
            start, end = max(starts, key=len, default=""), max(ends, key=len, default="")
            yield start if start.endswith(end) and not pieces else "".join((start, *pieces, end))
            yield " ".join(filter(None, (start, *pieces, end)))
        if not starts and not ends:
            yield pieces


def _numbers(tests: Iterable[Demand]) -> list[Any]:
    """A number in every region between the numbers that are named, and these themselves."""
    named: list[Any] = []
    for each in tests:
        operands = each.operand if isinstance(each.operand, (list, tuple)) else (each.operand,)
        named += [operand for operand in operands if is_number(operand)]
    if not named:
        return []
    edges = sorted(set(named))
    around = [number for edge in edges for number in (edge, _beside(edge, 1), _beside(edge, -1))]
    return [*around, *(_between(a, b) for a, b in pairwise(edges))]


def _beside(number: Any, step: int) -> Any:
    """A number above or below; so large a float has no float that is 1 away, but a whole number it has."""
    return number + step if number + step != number else int(number) + step


def _between(low: Any, high: Any) -> Any:
    middle = (Fraction(low) + Fraction(high)) / 2
    try:
        return float(middle)
    except OverflowError:
        return int(middle)


# proofs


def impossible(tests: Sequence[Demand]) -> bool:
    """Whether it is proven that no value passes all tests, whatever the present is.

    JSON types are looked at one by one: a test that is false for every value of a type rules it out, numbers are held
    against each other as regions of a line, texts and lists by what they must and must not contain.
    """
    straight = [each.straight for each in tests]
    fixed = [ABSENT, None, True, False, *_numbers(straight), 0, *_pinned(straight), {"other": [0.5]}]
    for value in fixed:
        if isinstance(value, (str, list, tuple)):
            continue
        if all(each.passes(value) for each in straight):
            return False
    return _no_text(straight) and _no_list(straight)


def unlike(tests: Iterable[Demand]) -> str | None:
    """Which comparison is with what it cannot be compared with, in words: it is true of nothing (C10)."""
    for each in tests:
        if each.wanted and each.op in ORDERING and not is_number(each.operand):
            return f"{each.op} compares numbers, and {_what(each.operand)}"
        if each.wanted and each.op in ("starts_with", "ends_with") and not isinstance(each.operand, str):
            return f"{each.op} compares texts, and {_what(each.operand)}"
    return None


def _what(value: Any) -> str:
    kinds = {str: "text", bool: "true or false", type(None): "nothing", list: "a list", tuple: "a list"}
    kind = kinds.get(type(value), "a number" if is_number(value) else "an object")
    return f"{json.dumps(value, ensure_ascii=False, default=str)} is {kind}"


def no_number(tests: Sequence[Demand]) -> bool:
    """Whether no number passes all tests, and not what is absent either: what a computed trait that counts can be."""
    straight = [each.straight for each in tests]
    return not any(all(each.passes(value) for each in straight) for value in (ABSENT, *_numbers(straight), 0))


def implies(given: Sequence[Demand], test: Demand) -> bool:
    """Whether it is proven that every value which passes the given tests passes this one."""
    return impossible([*given, attrs.evolve(test, wanted=not test.wanted)])


def _finite(tests: Sequence[Demand], kind: type | tuple[type, ...]) -> list[Any] | None:
    """The values of that type that the equalities leave, None if they pin nothing down."""
    left: list[Any] | None = None
    for each in tests:
        if each.wanted and each.op in ("equals", "equals_any_of"):
            allowed = [value for value in _pinned([each]) if isinstance(value, kind)]
            left = allowed if left is None else [value for value in left if any(equal(value, one) for one in allowed)]
    return left


def _no_text(tests: Sequence[Demand]) -> bool:
    pinned = _finite(tests, str)
    if pinned is not None:
        return not any(_may_pass(tests, value) for value in pinned)
    if any(each.wanted and not _concerns_text(each) for each in tests):
        return True
    if any(not each.wanted and each.op == "exists" for each in tests):
        return True
    return _no_such_text(tests) or _no_date(tests)


def _may_pass(tests: Sequence[Demand], value: Any) -> bool:
    """Whether the value passes all tests that do not depend on the present; if one does, all that is said is maybe."""
    return all((each.op in _AGING and value_instant(value) is not None) or each.passes(value) for each in tests)


def _concerns_text(test: Demand) -> bool:
    """Whether the test can be true of any text."""
    if test.op in ("starts_with", "ends_with", "contains"):
        return isinstance(test.operand, str)
    if test.op == "contains_any_of":
        return isinstance(test.operand, (list, tuple)) and any(isinstance(one, str) for one in test.operand)
    if test.op in _DATES:
        return value_instant(test.operand) is not None
    if test.op in _AGING:
        return duration_of(test.operand) is not None
    return test.op == "exists"


def _no_such_text(tests: Sequence[Demand]) -> bool:
    texts = [each for each in tests if isinstance(each.operand, str)]
    parts = {op: [each.operand for each in texts if each.wanted and each.op == op] for op in _TEXT}
    starts, ends = parts["starts_with"], parts["ends_with"]
    if any(not (a.startswith(b) or b.startswith(a)) for a in starts for b in starts):
        return True
    if any(not (a.endswith(b) or b.endswith(a)) for a in ends for b in ends):
        return True
    inside = [*starts, *ends, *parts["contains"]]
    for each in texts:
        if each.wanted:
            continue
        if each.op == "starts_with" and any(start.startswith(each.operand) for start in starts):
            return True
        if each.op == "ends_with" and any(end.endswith(each.operand) for end in ends):
            return True
        if each.op == "contains" and any(each.operand in part for part in [*inside, ""]):
            return True
    return False


def _no_date(tests: Sequence[Demand]) -> bool:
    """Instants as places on a line: among absolute dates, or among ages, but not between the two."""
    fixed = [each for each in tests if each.op in _DATES]
    if any(each.wanted for each in fixed):
        edges = sorted(at for each in fixed if (at := value_instant(each.operand)) is not None)
        return bool(edges) and not any(
            all(_compares(each, place) for each in fixed)
            for place in [edges[0] - 1, *edges, *((a + b) // 2 for a, b in pairwise(edges)), edges[-1] + 1]
        )
    aging = [each for each in tests if each.op in _AGING]
    durations = [duration_of(each.operand) for each in aging]
    if not any(each.wanted for each in aging) or not all(each is not None and each.is_exact for each in durations):
        return False
    places = {0}
    for each in durations:
        if each is not None:
            places |= {each.micros, -each.micros}
    edges = sorted(places)
    around = [edge + off for edge in edges for off in (-1, 0, 1)]
    return not any(all(_aged_so(each, place) for each in aging) for place in around)


def _compares(test: Demand, instant: int) -> bool:
    edge = value_instant(test.operand)
    if edge is None:
        return not test.wanted
    return (instant < edge if test.op == "before_date" else instant > edge) is test.wanted


def _aged_so(test: Demand, away: int) -> bool:
    duration = duration_of(test.operand)
    assert isinstance(duration, Duration)
    length = duration.micros
    holds = {
        "within_last": -length < away <= 0,
        "within_next": 0 < away <= length,
        "before_last": away <= -length,
        "after_next": away > length,
    }[test.op]
    return holds is test.wanted


def _no_list(tests: Sequence[Demand]) -> bool:
    pinned = _finite(tests, (list, tuple))
    if pinned is not None:
        return not any(all(each.passes(list(value)) for each in tests) for value in pinned)
    if any(each.wanted and each.op not in ("exists", "contains", "contains_any_of") for each in tests):
        return True
    if any(not each.wanted and each.op == "exists" for each in tests):
        return True
    must = [each.operand for each in tests if each.wanted and each.op == "contains"]
    never = _elements(each for each in tests if not each.wanted)
    if any(equal(one, other) for one in must for other in never):
        return True
    for each in tests:
        if each.wanted and each.op == "contains_any_of":
            options = each.operand if isinstance(each.operand, (list, tuple)) else ()
            if all(any(equal(one, other) for other in never) for one in options):
                return True
    return False


def _elements(tests: Iterable[Demand]) -> list[Any]:
    found: list[Any] = []
    for each in tests:
        if each.op == "contains":
            found.append(each.operand)
        elif each.op == "contains_any_of" and isinstance(each.operand, (list, tuple)):
            found += each.operand
    return found


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """``{"item.sku": 1}`` as ``{"item": {"sku": 1}}``, where no other path stands in the way; both are read alike."""
    made: dict[str, Any] = {}
    for path, value in flat.items():
        if value is ABSENT:
            continue
        parents = path.split(".")[:-1]
        heads = [".".join(parents[: place + 1]) for place in range(len(parents))]
        if not parents or "" in path.split(".") or any(head in flat for head in heads):
            made[path] = value
            continue
        inside = made
        for parent in parents:
            inside = inside.setdefault(parent, {})
        inside[path.rpartition(".")[2]] = value
    return made

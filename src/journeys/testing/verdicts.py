"""Verdicts: what a question about a story is answered, true or false, together with the story that led there.

``assert email.received("Cart Abandoned").once`` asks for a verdict's truth; the verdict asked last is kept, so that the
pytest plugin can show its story when the assertion fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from journeys._time import described
from journeys.runtime.render.words import describe_value

if TYPE_CHECKING:
    from journeys.testing.people import User
    from journeys.testing.scenario import Scenario

T = TypeVar("T")

#: how many people's stories an explanation tells, where a question was about everybody
MOST_PEOPLE = 4


class Asked:
    """Which verdict's truth was asked last."""

    def __init__(self) -> None:
        self.last: Verdict | None = None

    def forget(self) -> None:
        """A new test begins."""
        self.last = None


asked = Asked()


class About:
    """Whom a question is about, and in which scenario."""

    __slots__ = ("people", "scenario")

    def __init__(self, scenario: Scenario | None, people: Sequence[User] = ()) -> None:
        self.scenario = scenario
        self.people = tuple(people)

    def story(self) -> str:
        """The timelines of those people; of everybody, if it is about nobody in particular."""
        if self.scenario is None:
            return ""
        people = self.people or self.scenario.people
        told = [self.scenario.timeline(person) for person in people[:MOST_PEOPLE]]
        if len(people) > MOST_PEOPLE:
            told.append(f"and {len(people) - MOST_PEOPLE} more people")
        return "\n\n".join(told)


class Verdict:
    """True or false, and why: ``str()`` is one line, ``explain()`` tells the story behind it."""

    __slots__ = ("_about", "claim", "found", "holds", "more")

    def __init__(self, holds: bool, claim: str, found: str, about: About, more: Sequence[str] = ()) -> None:
        self.holds = holds
        #: what was asked, and what is the case
        self.claim = claim
        self.found = found
        self.more = tuple(more)
        self._about = about

    def __bool__(self) -> bool:
        asked.last = self
        return self.holds

    def explain(self) -> str:
        """What was asked, what is the case, and the timelines of the people concerned."""
        head = "\n".join((str(self), *self.more))
        return "\n\n".join(filter(None, (head, self._about.story())))

    def __str__(self) -> str:
        return f"{self.claim}: {self.found}"

    def __repr__(self) -> str:
        return f"<{self}>"


class Found(Generic[T]):
    """What happened so often: itself true if it happened at all, with ``once``, ``twice``, ``times`` and ``never``."""

    def __init__(self, claim: str, items: Sequence[T], about: About, more: Sequence[str] = ()) -> None:
        self._claim = claim
        self._items = tuple(items)
        self._about = about
        self._more = tuple(more)

    @property
    def once(self) -> Verdict:
        """Exactly once."""
        return self.times(1)

    @property
    def twice(self) -> Verdict:
        """Exactly twice."""
        return self.times(2)

    @property
    def never(self) -> Verdict:
        """Not at all."""
        return self.times(0)

    def times(self, number: int) -> Verdict:
        """Exactly so often."""
        _check_number(number)
        return self._verdict(len(self._items) == number, f"expected {_times(number)}")

    def at_least(self, number: int) -> Verdict:
        """So often or more often."""
        _check_number(number)
        return self._verdict(len(self._items) >= number, f"expected at least {_times(number)}")

    def _verdict(self, holds: bool, expected: str) -> Verdict:
        return Verdict(holds, self._claim, f"{_times(len(self))}, {expected}", self._about, self._more)

    @property
    def first(self) -> T:
        """The first of them; AssertionError with the story if there is none."""
        __tracebackhide__ = True
        return self._one(0)

    @property
    def last(self) -> T:
        """The last of them; AssertionError with the story if there is none."""
        __tracebackhide__ = True
        return self._one(-1)

    def _one(self, place: int) -> T:
        __tracebackhide__ = True
        if not self._items:
            raise AssertionError(self.at_least(1).explain())
        return self._items[place]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)

    def __bool__(self) -> bool:
        return bool(self._verdict(bool(self._items), "expected at least once"))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (int, list, tuple)):  # it would be false, and `!=` true, whatever happened
            wrong = f"{self._claim!r} equals no {type(other).__name__}"
            raise TypeError(f"{wrong}: write .once, .times({other if type(other) is int else 'n'}) or list(…) == […]")
        return NotImplemented

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<{self._claim}: {_times(len(self))}>"


class Received(Found[Any]):
    """The deliveries that a question fits; their payloads are its items."""

    @property
    def payloads(self) -> list[Any]:
        """The payloads as JSON values, in the order of their coming."""
        return list(self)


def assert_that(question: Verdict | Found[Any]) -> None:
    """Raises AssertionError with the story, if the answer is no: for test runners that do not show it themselves."""
    __tracebackhide__ = True
    if not isinstance(question, (Verdict, Found)):
        raise TypeError(f"expected a question like ada.is_in('cart'), got {described(question)}")
    if not question:
        assert asked.last is not None
        raise AssertionError(asked.last.explain())


def with_values(values: dict[str, Any]) -> str:
    """``(cart_id "c1", value 80)``, or nothing."""
    return f" ({', '.join(f'{name} {brief(value)}' for name, value in values.items())})" if values else ""


def brief(value: Any) -> str:
    """A value as JSON, cut where it is long."""
    text = describe_value(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _check_number(number: int) -> None:
    if type(number) is not int or number < 0:
        raise ValueError(f"how often is a whole number that is not negative, got {described(number)}")


def _times(number: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number} times")

"""A scenario: a space, a clock that is moved by hand, people, and destinations that remember what they got."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from journeys._time import Duration, format_instant, instant_of
from journeys.engine._state import ProfileState
from journeys.errors import InvalidCall, nearest
from journeys.runtime._calls import Answer, checked_id
from journeys.runtime.clocks import ManualClock, later, shifted
from journeys.testing._compiled import Definition, Rehearsal, compiled
from journeys.testing._names import Names
from journeys.testing.people import User
from journeys.testing.recorder import Recorder
from journeys.testing.timeline import Said, timeline

#: the calls that are events (P4)
EVENTS = ("track", "page", "screen")
#: where a scenario begins: a Monday morning
START = "2026-01-05T09:00:00Z"

#: the scenarios that began last, or went on in this test, for the plugin: it shows their people when a test fails
begun: deque[weakref.ref[Scenario]] = deque(maxlen=8)


class Scenario:
    """People who move through the journeys of a space, with neither store nor server, and no time but its own.

    ``space`` is a ``Space``, journeys, or a JSON document; it is validated and compiled once, and kept. Every
    destination becomes a ``Recorder``; one that is given in ``destinations`` gets its deliveries from there.
    """

    def __init__(
        self,
        space: Definition,
        *,
        start: str | datetime | int = START,
        destinations: Mapping[str, Any] | None = None,
    ) -> None:
        given = dict(destinations or {})
        self._compiled = compiled(space)
        self.space = self._compiled.space
        self.destinations: dict[str, Recorder] = {
            key: Recorder(key, self, list=each.list, passes_to=given.get(key))
            for key, each in self.space.destinations.items()
        }
        for key in given:
            self.destination(key)  # it must be there
        self.evaluator = Rehearsal(self._compiled, self.destinations, ManualClock(start))
        self.clock = StoryClock(self.evaluator)
        self._people: dict[tuple[str, str], User] = {}
        self._said: list[Said] = []
        #: (user id, anonymous id) -> when they did something last
        self._last_event: dict[tuple[Any, Any], int] = {}
        self._names: Names | None = None
        self._uses()

    def _uses(self) -> None:
        if not begun or begun[-1]() is not self:
            begun.append(weakref.ref(self))

    # people and destinations

    def user(self, user_id: str, traits: Mapping[str, Any] | None = None, /, **named: Any) -> User:
        """Somebody with a user id; with traits, an identify call says them."""
        return self._person(("u", user_id), user_id, None, {**(traits or {}), **named})

    def anonymous(self, anonymous_id: str, traits: Mapping[str, Any] | None = None, /, **named: Any) -> User:
        """A visitor of whom only an anonymous id is known; ``becomes`` is their login."""
        return self._person(("a", anonymous_id), None, anonymous_id, {**(traits or {}), **named})

    def _person(self, key: tuple[str, str], user_id: str | None, anonymous_id: str | None, traits: Any) -> User:
        person = self._people.get(key)
        if person is None:
            field = "userId" if key[0] == "u" else "anonymousId"
            if checked_id({field: key[1]}, field) is None:
                raise ValueError(f"somebody has a {field}, got None")
            person = self._people[key] = User(self, user_id, anonymous_id)
        if traits:
            person.is_(traits)
        return person

    @property
    def people(self) -> tuple[User, ...]:
        """Everybody, in the order in which they came; who is one person by now is there once."""
        found: dict[str, User] = {}
        for person in self._people.values():
            profile = person.profile
            found.setdefault(profile.id if profile is not None else str(person), person)
        return tuple(found.values())

    def _known(self, any_id: str) -> User | None:
        """The person of that user id or anonymous id, if there is one."""
        return next((person for person in self._people.values() if any_id in person.ids), None)

    def _who(self, person: User | str) -> User:
        """The person meant; ValueError with the nearest if there is nobody of that id, or if they are not of this."""
        if isinstance(person, User):
            if person.scenario is not self:
                raise ValueError(f"{person} is somebody of another scenario")
            return person
        found = self._known(person) if isinstance(person, str) else None
        if found is None:
            known = [str(each) for each in self.people]
            raise ValueError(f"nobody is called {person!r}: {nearest(str(person), known) or 'there is nobody yet'}")
        return found

    def destination(self, key: str) -> Recorder:
        """The recorder of a destination; ValueError with the nearest if the space does not send there."""
        found = self.destinations.get(key)
        if found is None:
            raise ValueError(f"no destination is called {key!r}: {nearest(key, sorted(self.destinations))}")
        return found

    def __getattr__(self, name: str) -> Recorder:
        if not name.startswith("_"):
            destinations: dict[str, Recorder] = self.__dict__.get("destinations", {})
            for key in (name, name.replace("_", "-")):
                if key in destinations:
                    return destinations[key]
            hint = nearest(name, sorted(destinations))
            raise AttributeError(f"a scenario has no attribute and no destination {name!r}: {hint}")
        raise AttributeError(name)

    # calls and time

    def feed(self, call: Mapping[str, Any]) -> Answer:
        """A Segment call as a dict; InvalidCall if it is rejected: a story has no calls that nobody understands."""
        self._uses()  # it may be older than the test
        evaluator = self.evaluator
        effects = evaluator._core.effects
        received = evaluator._received()
        if "timestamp" not in call:
            received = self._after_the_last(call, received)
            # what comes after an `advance` is a microsecond later: the clock goes along, or two hours later are too few
            evaluator.manual.set(received)
        said = Said(call, received, evaluator._core.processor.watermark, effects)
        said.close(evaluator.feed(call), effects)
        self._said.append(said)
        if said.answer.status == "rejected":
            raise InvalidCall(said.answer.reason, said.answer.message)
        self._meet(call)
        return said.answer

    def _meet(self, call: Mapping[str, Any]) -> None:
        """Who is named in a call is somebody of the story too, as if the story had made them."""
        if (user_id := call.get("userId")) is not None:
            self.user(user_id)
        if (anonymous_id := call.get("anonymousId")) is not None:
            self.anonymous(anonymous_id)

    def _after_the_last(self, call: Mapping[str, Any], received: int) -> int:
        """What one person does follows strictly, by a microsecond: goals and funnels are told so (S11, C8)."""
        if call.get("type") not in EVENTS:
            return received
        person = (call.get("userId"), call.get("anonymousId"))
        if self._last_event.get(person) == received:
            received += 1
        self._last_event[person] = received
        return received

    def feed_many(self, calls: Iterable[Mapping[str, Any]]) -> list[Answer]:
        """Segment calls as dicts, in the order of their arrival."""
        return [self.feed(call) for call in calls]

    def at(self, moment: str | datetime | int) -> Scenario:
        """Moves on to an instant; what is due at that very instant comes after what people do there (T6)."""
        self.clock.reach(moment)
        return self

    def settle(self, until: str | datetime | int | None = None) -> None:
        """Lets everything happen that happens by itself, at most up to an instant."""
        self.evaluator.settle(until)

    def _next_message_id(self) -> str:
        """The messageId of the next call."""
        return f"call-{len(self._said) + 1}"

    # reading

    def trace(self) -> list[dict[str, Any]]:
        """Everything that has happened, as records of a trace."""
        return list(self.evaluator.trace())

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The calls so far, each with its timestamp: what ``journeys simulate`` takes."""
        return [{**said.call, "timestamp": format_instant(said.timestamp)} for said in self._said]

    @property
    def names(self) -> Names:
        """The names that a question may use."""
        if self.evaluator._publisher.library is self._compiled.library:
            return self._compiled.names
        names = Names(self.space)  # something was published since
        names.add(self.evaluator.journeys)
        return names

    def _states_of(self, id_key: str) -> list[ProfileState]:
        """What the engine knows of an id, without making a view of it."""
        found: list[ProfileState] = self.evaluator._drive(self.evaluator._core.states_of([id_key]))
        return found

    def timeline(self, person: User | str) -> str:
        """What somebody did, what happened, and what they wait for until when, to be read."""
        person = self._who(person)
        return timeline(self.evaluator, self._said, str(person), person.ids, person.profile)

    def __repr__(self) -> str:
        people = ", ".join(map(str, self.people)) or "nobody yet"
        return f"<Scenario of {people} at {self.clock}>"


class StoryClock:
    """The time of a scenario: it stands still until it is moved, and what falls due on the way happens."""

    def __init__(self, evaluator: Rehearsal) -> None:
        self._evaluator = evaluator

    def now(self) -> int:
        """Where it stands, in microseconds since 1970."""
        return self._evaluator.clock.now()

    def advance(self, by: Duration | str | timedelta | None = None, **parts: float) -> int:
        """Lets time pass, by a duration or by ``days=…``, ``hours=…``, ``minutes=…``; answers where it stands then."""
        if by is None and not parts:
            raise TypeError("advance by how much? clock.advance(hours=2), or clock.advance('PT2H')")
        self._evaluator.advance(later(self.now(), by, parts))
        return self.now()

    def set(self, moment: str | datetime | int) -> None:
        """Lets time pass up to an instant, and what is due at that very instant happen (T5)."""
        self._forward(moment)
        self._evaluator.advance(moment)

    def reach(self, moment: str | datetime | int) -> None:
        """Lets time pass up to an instant; what is due at that very instant is still to come (T6)."""
        instant = self._forward(moment)
        self._evaluator.advance(instant - 1)
        self._evaluator.manual.set(instant)

    def ago(self, by: Duration | str | timedelta | None = None, **parts: float) -> int:
        """The instant that lies so far back: ``user.at(clock.ago(hours=1)).does(…)`` is a late call."""
        back = Duration.of(by).before(self.now()) if by is not None else self.now()
        back -= shifted(0, None, parts) if parts else 0
        if back > self.now():
            raise ValueError("that is not ago but to come: scenario.at(…) goes there")
        return back

    def _forward(self, moment: str | datetime | int) -> int:
        instant = instant_of(moment)
        if instant < self.now():
            at = format_instant(instant)
            raise ValueError(f"it is {self} already, and time does not go back: user.at({at!r}) makes a late call")
        return instant

    def __str__(self) -> str:
        return format_instant(self.now())

    def __repr__(self) -> str:
        return f"<StoryClock at {self}>"

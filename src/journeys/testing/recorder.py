"""A destination that keeps what it gets, and can be asked for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from journeys.plan.values import ABSENT, equal, find
from journeys.ports import Delivery
from journeys.runtime.destinations.record import Record
from journeys.testing.verdicts import About, Received, with_values

if TYPE_CHECKING:
    from journeys.testing.people import User
    from journeys.testing.scenario import Scenario

#: how many other deliveries an explanation names
MOST_OTHERS = 10

_JSON = (str, int, float, bool, list, tuple, dict, type(None))
#: where the content of a payload is, by the call of the delivery; the rest of them are all content
_CONTENT = {"track": "properties", "identify": "traits", "message": "template", "add": "traits", "remove": "traits"}


class Recorder(Record):
    """Takes deliveries as ``Record`` does, and answers ``received(...)``.

    ``passes_to`` is a destination that gets each delivery first: what it raises, the delivery was not received.
    """

    def __init__(
        self, key: str = "recorder", scenario: Scenario | None = None, *, list: bool = False, passes_to: Any = None
    ) -> None:
        super().__init__(list=list)
        self.key = key
        self.is_list = list
        self._scenario = scenario
        self._passes_to = passes_to
        self._parsed: dict[str, Any] = {}

    def _take(self, deliveries: Sequence[Delivery]) -> None:
        if self._passes_to is not None:
            if self.is_list:
                self._passes_to.deliver_batch(deliveries)
            else:
                self._passes_to.deliver(deliveries[0])
        super()._take(deliveries)

    def received(
        self,
        what: str | None = None,
        properties: Mapping[str, Any] | None = None,
        /,
        *,
        to: User | str | None = None,
        **named: Any,
    ) -> Received:
        """What came: of that event, or from the step of that key or name; to that person; with these properties.

        A property is looked for in the content of the payload (the properties of a track call, the traits of an
        identify call, the mapped object, the template of a message), then in the events of the journey context; a dot
        goes into an object. Names that are no identifiers, and ``to``, stand in a dict. ValueError if nothing of that
        name is ever sent here, nobody is called so, or nothing that is sent here can have that property: neither the
        space nor a call of the scenario names it.
        """
        wanted = {**(properties or {}), **named}
        if what is not None and self._scenario is not None:
            self._scenario.names.message(self.key, what)
        person, ids = self._ids(to)
        found = [
            self._payload(each)
            for each in self.deliveries
            if (what is None or self._is_called(each, what))
            and (ids is None or _is_for(each, ids))
            and all(
                any(_same(value, expected) for value in _values(self._payload(each), each.call, name))
                for name, expected in wanted.items()
            )
        ]
        if not found and self._scenario is not None:
            self._check_properties(self._scenario, wanted)
        whom = f" for {person or to}" if to is not None else ""
        claim = f"{self.key} received {what or 'anything'}{whom}{with_values(wanted)}"
        return Received(claim, found, About(self._scenario, (person,) if person else ()), self._others(what))

    def _check_properties(self, scenario: Scenario, paths: Iterable[str]) -> None:
        said = {name for each in scenario.calls for name in _said_in(each)}
        for path in paths:
            if not any(_values(self._payload(each), each.call, path) for each in self.deliveries):
                scenario.names.property(self.key, path, said)

    def _ids(self, to: User | str | None) -> tuple[User | None, frozenset[str] | None]:
        if to is None:
            return None, None
        if self._scenario is not None:
            to = self._scenario._who(to)
        return (None, frozenset((to,))) if isinstance(to, str) else (to, to.ids)

    def _is_called(self, delivery: Delivery, what: str) -> bool:
        if what == delivery.step or (delivery.call == "track" and what == self._payload(delivery).get("event")):
            return True
        if self._scenario is None or delivery.journey is None:
            return False
        names = self._scenario.names
        if delivery.call == "track":  # several activations of one step share its name, but not their events
            return what in names.titles[delivery.journey, delivery.step]
        return what in names.called[self.key, delivery.journey, delivery.step]

    def _payload(self, delivery: Delivery) -> Any:
        found = self._parsed.get(delivery.id)
        if found is None:
            found = self._parsed[delivery.id] = delivery.payload
        return found

    def _others(self, what: str | None) -> list[str]:
        if what is None or not self.deliveries:
            return [] if self.deliveries else [f"{self.key} received nothing at all"]
        shown = [f"  {self._in_words(each)}" for each in self.deliveries[-MOST_OTHERS:]]
        left = len(self.deliveries) - len(shown)
        return [f"{self.key} received{f' {left} more, then' if left else ''}:", *shown]

    def _in_words(self, delivery: Delivery) -> str:
        called = self._payload(delivery).get("event") if delivery.call == "track" else delivery.call
        step = f", {delivery.journey}: {delivery.step or 'exit'}" if delivery.journey is not None else ""
        return f"{called} for {delivery.profile}{step}"

    def clear(self) -> None:
        """Forgets what came."""
        super().clear()
        self._parsed.clear()

    def __repr__(self) -> str:
        return f"<{self.key}: {len(self.deliveries)} deliveries>"


def _is_for(delivery: Delivery, ids: frozenset[str]) -> bool:
    if delivery.user_id is not None:
        return delivery.user_id in ids
    return delivery.profile in ids or (delivery.anonymous_id is not None and delivery.anonymous_id in ids)


def _said_in(call: Mapping[str, Any]) -> Iterable[str]:
    """What a call may bring into a payload; the name of a page or screen is a property of its event (P4)."""
    return {*(call.get("properties") or ()), *(call.get("traits") or ()), f"{call['type']}_name"}


def _values(payload: Any, call: str, name: str) -> list[Any]:
    """What a payload has under a name: in its content or, if it is not there, in each event of the context."""
    path = tuple(name.split("."))
    content = payload.get(_CONTENT[call], {}) if call in _CONTENT else payload
    found = find(content, path)
    if found is not ABSENT:
        return [found]
    context = content.get("journey_context") if call in ("track", "identify") else None
    events = context.values() if isinstance(context, Mapping) else ()
    return [value for properties in events if (value := find(properties, path)) is not ABSENT]


def _same(found: Any, expected: Any) -> bool:
    return equal(found, expected) if isinstance(expected, _JSON) else bool(expected == found)

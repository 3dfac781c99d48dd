"""The names that a space knows: a question about any other is a mistake of the test, and must not pass unseen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property

import attrs

from journeys._time import described
from journeys.errors import nearest
from journeys.model.journey import Journey
from journeys.model.space import Space
from journeys.model.steps import Activation, SendMessage, SendToDestination, ShowAd, Step
from journeys.plan.plan import destination_key
from journeys.runtime.render.links import links_of
from journeys.testing._alphabet import Alphabet


class Names:
    """Journeys, steps, branches, exit rules, and what each destination may be sent."""

    def __init__(self, space: Space) -> None:
        self.journeys: set[str] = set()
        #: step -> the journeys that have it
        self.steps: defaultdict[str, set[str]] = defaultdict(set)
        #: (journey, step) -> its branches
        self.branches: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self.rules: defaultdict[str, set[str]] = defaultdict(set)
        #: journeys that have an ``exit_after``, and those that have a goal
        self.exit_after: set[str] = set()
        self.goals: set[str] = set()
        #: steps that send messages: only these are ever skipped (S9)
        self.messages: set[str] = set()
        #: destination -> events, step keys and step names
        self.sent: defaultdict[str, set[str]] = defaultdict(set)
        #: (journey, step) -> its key and name; the step of an exit send is None
        self.titles: defaultdict[tuple[str, str | None], set[str]] = defaultdict(set)
        #: (destination, journey, step) -> events, step key and step name
        self.called: defaultdict[tuple[str, str, str | None], set[str]] = defaultdict(set)
        #: destination -> what the payloads have of their own, the first part of each path
        self.properties: defaultdict[str, set[str]] = defaultdict(set)
        #: destinations that get what people said besides: the events of the context, or all traits
        self.told: set[str] = set()
        self.audiences = {each.key for each in space.audiences}
        self._space = attrs.evolve(space, journeys=())
        self.add(space.journeys)
        for audience in space.audiences:
            for destination in audience.destinations:
                self.sent[destination] |= {"Audience Entered", "Audience Exited"}
                self.properties[destination].add(audience.key)
        for trait in space.computed_traits:
            for destination in trait.destinations:
                self.sent[destination].add("Trait Computed")
                self.properties[destination] |= {"trait_key", trait.key}

    def add(self, journeys: Iterable[Journey]) -> None:
        """Journeys, also those that are published later."""
        journeys = tuple(journeys)
        self._space = attrs.evolve(self._space, journeys=(*self._space.journeys, *journeys))
        for journey in journeys:
            self.journeys.add(journey.key)
            self.rules[journey.key] |= {rule.key for rule in journey.exit_rules}
            self.exit_after |= {journey.key} if journey.exit_after is not None else set()
            self.goals |= {journey.key} if journey.goal is not None else set()
            self.titles[journey.key, None].add("exit")
            for key, step in journey.steps.items():
                self.titles[journey.key, key] |= {key, step.name or key}
                self.steps[key].add(journey.key)
                self.messages |= {key} if isinstance(step, SendMessage) else set()
                self.branches[journey.key, key] |= {link.branch for link in links_of(step) if link.branch is not None}
            for destination, step_key, _, names in _sends(journey):
                self.sent[destination] |= names
                self.called[destination, journey.key, step_key] |= names
            for destination, contents in _contents(journey):
                self.properties[destination] |= {path.partition(".")[0] for path in contents or ()}
                self.told |= {destination} if contents is None or "journey_context" in contents else set()

    def journey(self, key: str) -> str:
        """The key itself; ValueError with the nearest if there is no such journey."""
        return _known("journey", key, self.journeys)

    def step(self, key: str, journey: str | None = None) -> str:
        """The key itself; ValueError with the nearest if there is no such step."""
        if journey is None:
            return _known("step", key, self.steps)
        in_it = {step for step, journeys in self.steps.items() if self.journey(journey) in journeys}
        return _known(f"step of {journey}", key, in_it)

    def branch(self, step: str, name: str, journey: str | None = None) -> str:
        """The name itself; ValueError with the nearest if the step has no such branch."""
        self.step(step, journey)
        journeys = self.steps[step] if journey is None else {journey}
        return _known(f"branch of {step}", name, {each for key in journeys for each in self.branches[key, step]})

    def rule(self, journey: str, key: str | None) -> str | None:
        """The key itself; ValueError with the nearest if the journey has no such exit rule; None is ``exit_after``."""
        if key is None:
            if self.journey(journey) not in self.exit_after:
                raise ValueError(f"{journey} has no exit_after, so that nobody exits by it")
            return None
        return _known(f"exit rule of {journey}", key, self.rules[self.journey(journey)])

    def goal(self, journey: str) -> str:
        """The journey itself; ValueError if it has no goal."""
        if self.journey(journey) not in self.goals:
            raise ValueError(f"{journey} has no goal")
        return journey

    def message_step(self, key: str, journey: str | None = None) -> str:
        """The key itself; ValueError if there is no such step, or if it sends no message."""
        if self.step(key, journey) not in self.messages:
            raise ValueError(f"{key} sends no message, so that it is never skipped")
        return key

    def audience(self, key: str) -> str:
        """The key itself; ValueError with the nearest if there is no such audience."""
        return _known("audience", key, self.audiences)

    def message(self, destination: str, name: str) -> str:
        """The name itself; ValueError with the nearest if nothing of that name is ever sent there."""
        return _known(f"event or step that is sent to {destination}", name, self.sent[destination])

    def property(self, destination: str, path: str, said: Collection[str]) -> str:
        """The path itself; ValueError if no payload there can have it, whether of its own or from what people said."""
        first, known = path.partition(".")[0], self.properties[destination]
        if first not in known and destination in self.told:
            known = known | self._read | set(said)
        if first not in known:
            hint = nearest(first, sorted(known)) or "neither the space nor a call of this scenario names it"
            raise ValueError(f"no property of what is sent to {destination} is called {first!r}: {hint}")
        return path

    @cached_property
    def _read(self) -> frozenset[str]:
        """The properties and traits that the space reads: somebody may say them."""
        alphabet = Alphabet(self._space)
        paths = {path for properties in alphabet.events.values() for path in properties} | alphabet.traits.keys()
        return frozenset(path.partition(".")[0] for path in paths)


def _known(kind: str, name: str, names: Iterable[str]) -> str:
    known = set(names)
    if not isinstance(name, str):
        raise TypeError(f"{kind}: expected a name as text, got {described(name)}")
    if name not in known:
        hint = nearest(name, sorted(known)) or "there is none at all"
        raise ValueError(f"no {kind} is called {name!r}: {hint}")
    return name


def destinations_of(space: Space) -> dict[str, bool]:
    """Every destination that a space sends to, and whether it keeps a list."""
    found: dict[str, bool] = {}
    for journey in space.journeys:
        for destination, _, is_list, _ in _sends(journey):
            found[destination] = found.get(destination, False) or is_list
    outputs = [name for each in space.audiences for name in each.destinations]
    outputs += [name for each in space.computed_traits for name in each.destinations]
    return dict.fromkeys(outputs, False) | found


def _sends(journey: Journey) -> Iterator[tuple[str, str | None, bool, set[str]]]:
    """What is sent where, from which step, whether to a list, and what it may be called."""
    for key, step in journey.steps.items():
        called = {key, step.name or key}
        if isinstance(step, SendToDestination):
            for activation in step.activations:
                yield activation.destination, key, False, called | _events(journey, activation, step, key)
        elif isinstance(step, (SendMessage, ShowAd)):
            yield step.destination, key, isinstance(step, ShowAd), called
    if journey.exit_send is not None:
        activation = journey.exit_send.activation
        yield activation.destination, None, False, {"exit"} | _events(journey, activation, None, "exit")


def _events(journey: Journey, activation: Activation, step: Step | None, key: str) -> set[str]:
    if activation.event is not None:
        return {activation.event}
    if journey.is_condition_based:
        return {"Audience Entered"}
    return {key if step is None or step.name is None else step.name}


def _contents(journey: Journey) -> Iterator[tuple[str, Iterable[str] | None]]:
    """For all that is sent: where, and the paths of its content; None if that is the traits, whatever they are."""
    for key, step in journey.steps.items():
        if isinstance(step, SendToDestination):
            for activation in step.activations:
                yield activation.destination, _content(journey, activation, key)
        elif isinstance(step, SendMessage):
            yield step.destination, step.template
        elif isinstance(step, ShowAd):
            yield step.destination, None
    if journey.exit_send is not None:
        activation = journey.exit_send.activation
        yield activation.destination, _content(journey, activation, "exit")


def _content(journey: Journey, activation: Activation, key: str) -> Iterable[str]:
    if activation.mapping is not None:
        return activation.mapping
    if journey.is_condition_based:
        return (activation.destination_key or destination_key(journey.key, key), *activation.traits)
    return ("journey_context", "journey_metadata", *activation.traits)

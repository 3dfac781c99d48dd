"""The people of a scenario: what they do, and what can be asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from journeys._time import format_instant, instant_of
from journeys.plan.values import equal
from journeys.runtime.render.order import ENDS
from journeys.testing._instants import day_of, time_of
from journeys.testing.verdicts import About, Found, Verdict, brief, with_values

if TYPE_CHECKING:
    from datetime import datetime

    from journeys.runtime._calls import Answer
    from journeys.runtime._views import InstanceView, ProfileView
    from journeys.testing.scenario import Scenario

Records = Found[dict[str, Any]]

#: of an exit: by whatever rule
ANY_RULE = "any rule"


class User:
    """Somebody in a scenario. What they do is a Segment call; what is asked of them is answered by a verdict."""

    def __init__(
        self, scenario: Scenario, user_id: str | None, anonymous_id: str | None, at: int | None = None
    ) -> None:
        self.scenario = scenario
        self.user_id = user_id
        self.anonymous_id = anonymous_id
        self._at = at
        self._last: dict[str, Any] | None = None

    # what they do

    def does(self, event: str, properties: Mapping[str, Any] | None = None, /, **named: Any) -> Answer:
        """Does something: a track call. Names that are no identifiers stand in a dict."""
        return self._says({"type": "track", "event": event, "properties": {**(properties or {}), **named}})

    def sees(self, page: str, properties: Mapping[str, Any] | None = None, /, **named: Any) -> Answer:
        """Sees a page: the event ``Page Viewed`` (P4)."""
        return self._says({"type": "page", "name": page, "properties": {**(properties or {}), **named}})

    def sees_screen(self, screen: str, properties: Mapping[str, Any] | None = None, /, **named: Any) -> Answer:
        """Sees a screen of an app: the event ``Screen Viewed`` (P4)."""
        return self._says({"type": "screen", "name": screen, "properties": {**(properties or {}), **named}})

    def is_(self, traits: Mapping[str, Any] | None = None, /, **named: Any) -> Answer:
        """Is so: an identify call; ``None`` removes a trait (P3)."""
        return self._says({"type": "identify", "traits": {**(traits or {}), **named}})

    identifies = is_

    def joins(self, group_id: str, traits: Mapping[str, Any] | None = None, /, **named: Any) -> Answer:
        """Belongs to a group: a group call (P4)."""
        return self._says({"type": "group", "groupId": group_id, "traits": {**(traits or {}), **named}})

    def becomes(self, user_id: str, traits: Mapping[str, Any] | None = None, /, **named: Any) -> Answer:
        """Logs in: a visitor is linked to the user, a user to another user id (P2)."""
        if self.anonymous_id is not None:
            self.user_id = user_id
            return self.is_(traits, **named)
        previous, self.user_id = self.user_id, user_id
        answer = self._says({"type": "alias", "previousId": previous})
        if traits or named:
            answer = self.is_(traits, **named)
        return answer

    def repeats(self) -> Answer:
        """Their last call arrives once more, under the same messageId (O2)."""
        if self._last is None:
            raise ValueError(f"{self} has not done anything yet that could be repeated")
        return self.scenario.feed(self._last)

    def at(self, moment: str | datetime | int) -> User:
        """The same person at an instant: one that is over makes a late call, one to come moves the scenario there."""
        instant = instant_of(moment)
        if instant > self.scenario.clock.now():
            self.scenario.at(instant)
            return self
        return _Earlier(self, instant)

    def _says(self, call: dict[str, Any]) -> Answer:
        if self.user_id is not None:
            call["userId"] = self.user_id
        if self.anonymous_id is not None and call["type"] != "alias":
            call["anonymousId"] = self.anonymous_id
        if self._at is not None:
            call["timestamp"] = format_instant(self._at)
        call["messageId"] = self.scenario._next_message_id()
        self._last = call
        return self.scenario.feed(call)

    # who they are

    @property
    def profile(self) -> ProfileView | None:
        """What is known of them; None if nothing is."""
        if self.user_id is not None:
            return self.scenario.evaluator.profile(self.user_id)
        return self.scenario.evaluator.profile(anonymous_id=self.anonymous_id)

    @property
    def ids(self) -> frozenset[str]:
        """Every id that leads to them."""
        key = f"a:{self.anonymous_id}" if self.user_id is None else f"u:{self.user_id}"
        own = {self.user_id, self.anonymous_id}
        for state in self.scenario._states_of(key):
            own |= {state.id, *(linked[2:] for linked in state.linked)}
        return frozenset(each for each in own if each is not None)

    @property
    def records(self) -> list[dict[str, Any]]:
        """Their trace: what has happened to them, under whatever id."""
        ids = self.ids
        return [record for record in self.scenario.trace() if record["profile"] in ids]

    @property
    def timeline(self) -> str:
        """What they did, what happened, and what they wait for, to be read."""
        return self.scenario.timeline(self)

    # what can be asked

    def entered(self, journey: str) -> Records:
        """How often they entered a journey."""
        return self._found(f"{self} entered {journey}", "entered", journey)

    def completed(self, journey: str) -> Records:
        """How often they completed a journey (S10)."""
        return self._found(f"{self} completed {journey}", "completed", journey)

    def exited(self, journey: str, rule: str | None = ANY_RULE) -> Records:
        """How often they left a journey by an exit rule; the rule ``None`` is ``exit_after``.

        ValueError if the journey has no such rule.
        """
        claim = f"{self} exited {journey}"
        if rule == ANY_RULE:
            return self._found(claim, "exited", journey)
        self.scenario.names.rule(journey, rule)
        by = f"{claim} by {'exit_after' if rule is None else rule}"
        return self._found(by, "exited", journey, rule=rule)

    def expired(self, journey: str) -> Records:
        """How often they were in a journey for its ``max_age`` (X4)."""
        return self._found(f"{self} expired in {journey}", "expired", journey)

    def reached_goal(self, journey: str) -> Records:
        """How often they reached the goal of a journey (S11); ValueError if it has none."""
        self.scenario.names.goal(journey)
        return self._found(f"{self} reached the goal of {journey}", "goal", journey)

    def reached(self, step: str, *, journey: str | None = None) -> Records:
        """How often they came to a step."""
        self.scenario.names.step(step, journey)
        return self._found(f"{self} reached {step}", "step", journey, step=step)

    def skipped(self, step: str, *, journey: str | None = None) -> Records:
        """How often a message was not sent to them, because they are not subscribed (S9); ValueError of other steps."""
        self.scenario.names.message_step(step, journey)
        return self._found(f"{self} skipped {step}", "skipped", journey, step=step)

    def took(self, step: str, branch: str, *, journey: str | None = None) -> Records:
        """How often they took a branch: its name, ``true``, ``false``, ``timeout`` or ``everyone_else``."""
        self.scenario.names.branch(step, branch, journey)
        return self._found(
            f"{self} took {branch} at {step}", ("branch", "restarted"), journey, step=step, branch=branch
        )

    def is_in(self, journey: str) -> Verdict:
        """Whether they are in a journey now; who has completed an audience-based one stays until the exit (S10)."""
        self.scenario.names.journey(journey)
        instances = self._instances(journey)
        inside = [each for each in instances if each.status != "ended"]
        found = f"they are {inside[0].status}" if inside else self._how_it_ended(journey)
        return self._verdict(bool(inside), f"{self} is in {journey}", found)

    def waits_at(self, step: str, *, journey: str | None = None) -> Verdict:
        """Whether they wait at a step now."""
        self.scenario.names.step(step, journey)
        waits = [(each.journey, wait.step) for each in self._instances(journey) for wait in each.waits]
        places = " and ".join(dict.fromkeys(f"at {key} of {name}" for name, key in waits)) or "nowhere"
        return self._verdict(any(key == step for _, key in waits), f"{self} waits at {step}", f"they wait {places}")

    def is_on(self, destination: str) -> Verdict:
        """Whether they are on a list now (S9); ValueError if the destination is none."""
        if not self.scenario.destination(destination).is_list:
            raise ValueError(f"{destination} is no list: ask {destination}.received(…)")
        lists = self.profile.lists if self.profile is not None else ()
        return self._verdict(destination in lists, f"{self} is on {destination}", f"their lists: {_listed(lists)}")

    def in_audience(self, audience: str) -> Verdict:
        """Whether they are in an audience now (C6)."""
        self.scenario.names.audience(audience)
        audiences = self.profile.audiences if self.profile is not None else ()
        found = f"their audiences: {_listed(audiences)}"
        return self._verdict(audience in audiences, f"{self} is in the audience {audience}", found)

    def has(self, traits: Mapping[str, Any] | None = None, /, **named: Any) -> Verdict:
        """Whether their traits and computed traits have these values now; ``None`` where there is none."""
        wanted = {**(traits or {}), **named}
        if not wanted:
            raise TypeError("has what? ada.has(plan='pro')")
        profile = self.profile
        known = {**profile.traits, **profile.computed_traits} if profile is not None else {}
        holds = all(equal(known.get(name), value) for name, value in wanted.items())
        found = ", ".join(f"{name} {brief(known[name]) if name in known else 'is not set'}" for name in wanted)
        return self._verdict(holds, f"{self} has{with_values(wanted)}", found)

    def _found(self, claim: str, kind: str | tuple[str, ...], journey: str | None, **fields: Any) -> Records:
        if journey is not None:
            self.scenario.names.journey(journey)
            fields["journey"] = journey
        kinds = (kind,) if isinstance(kind, str) else kind
        found = [
            record
            for record in self.records
            if record["kind"] in kinds and all(record.get(name) == value for name, value in fields.items())
        ]
        return Found(claim, found, About(self.scenario, (self,)))

    def _verdict(self, holds: bool, claim: str, found: str) -> Verdict:
        return Verdict(holds, claim, found, About(self.scenario, (self,)))

    def _instances(self, journey: str | None) -> list[InstanceView]:
        profile = self.profile
        kept = profile.instances if profile is not None else ()
        return [each for each in kept if journey is None or each.journey == journey]

    def _how_it_ended(self, journey: str) -> str:
        theirs = [record for record in self.records if record.get("journey") == journey]
        ends = [each for each in theirs if each["kind"] in ENDS]
        if not ends:
            return "they are in it no more" if theirs else "they never entered it"
        at = instant_of(ends[-1]["at"])
        return f"it ended as {ends[-1]['kind']}, {day_of(at)} {time_of(at)}"

    def __str__(self) -> str:
        return self.user_id or self.anonymous_id or ""

    def __repr__(self) -> str:
        return f"<User {self}>"


class _Earlier(User):
    """Somebody at an instant that is over: what they do arrives late."""

    def __init__(self, person: User, at: int) -> None:
        super().__init__(person.scenario, person.user_id, person.anonymous_id, at)
        self._person = person

    def _says(self, call: dict[str, Any]) -> Answer:
        answer = super()._says(call)
        self._person.user_id, self._person._last = self.user_id, self._last
        return answer


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"

"""Whose deadline is next, against a list that is sorted anew each time (T5, T6)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from journeys.engine._state import ProfileState
from journeys.plan.values import NEVER
from journeys.runtime._agenda import Agenda
from journeys.runtime._people import People

KEYS = ("a:1", "a:2", "u:1", "u:2", "u:3")
BAG = 1 << 30
instants = st.one_of(st.integers(0, 5 * BAG), st.sampled_from([0, 1, BAG - 1, BAG, BAG + 1, 3 * BAG]), st.just(NEVER))
moves = st.tuples(st.just("move"), st.sampled_from(KEYS), instants)
others = st.tuples(st.sampled_from(["pop", "next", "rest", "read", "forget"]), st.sampled_from(KEYS), instants)


class Model:
    """An agenda with its people, and what is expected of both."""

    def __init__(self) -> None:
        self.people = People(rests=True, awake=0)
        self.agenda = Agenda()
        self.dues: dict[str, int] = {}

    def move(self, key: str, due: int) -> None:
        profile = self.people.get(key)
        if profile is None:
            profile = self.people[key] = ProfileState(key)
        profile.due = self.dues[key] = due
        self.agenda.put(profile)

    def pop(self, key: str, until: int) -> None:
        until = min(until, NEVER - 1)
        due = sorted((at, each) for each, at in self.dues.items() if at <= until)
        expected = due[0][1] if due else None
        found = self.agenda.pop(until, self.people)
        assert found == expected
        if found is not None:
            profile = self.people[found]
            profile.scheduled = NEVER
            profile.due = self.dues[found] = NEVER

    def next(self, key: str, until: int) -> None:
        due = min(self.dues.values(), default=NEVER)
        assert self.agenda.next_due(self.people) == (due if due < NEVER else None)

    def rest(self, key: str, until: int) -> None:
        self.people.make_room()

    def read(self, key: str, until: int) -> None:
        self.people.get(key)

    def forget(self, key: str, until: int) -> None:
        self.people.discard(key)
        self.people.forget({key})
        self.agenda.forget({key})
        self.dues.pop(key, None)


@settings(max_examples=300)
@given(st.lists(st.one_of(moves, moves, others), max_size=40))
def test_in_the_order_of_deadline_and_key(steps: list[tuple[str, str, int]]) -> None:
    """Deadlines move either way, profiles rest, are looked at, and are erased."""
    model = Model()
    for step, key, at in steps:
        getattr(model, step)(key, at)
    while any(due < NEVER for due in model.dues.values()):
        model.pop("", NEVER)
    assert model.agenda.next_due(model.people) is None


def test_places_do_not_add_up() -> None:
    """A hold that is restarted again and again keeps one place, and a profile that comes and goes a few."""
    model = Model()
    for hour in range(1_000):
        model.move("u:1", hour * 60_000_000)
        model.agenda.next_due(model.people)
        model.people.make_room()
    places = len(model.agenda._near) + sum(map(len, model.agenda._bags.values()))
    assert places <= 2


def test_who_asks_for_what_is_far_off_does_not_spoil_the_bags() -> None:
    """What comes up earlier is still put into a bag, and comes up earlier."""
    model = Model()
    model.move("u:1", 5 * BAG)
    model.next("", 0)
    model.move("u:2", 2 * BAG)
    assert model.agenda._bags and len(model.agenda._near) == 1
    model.next("", 0)
    model.pop("", 3 * BAG)
    model.pop("", 6 * BAG)

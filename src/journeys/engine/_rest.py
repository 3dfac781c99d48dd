"""A profile at rest: all that is known of it in one tuple, a quarter of the room that its objects take.

Whatever is the same for many profiles (versions, steps, names of properties) is one number for all of them. What is
left is nearly always text and numbers, so the garbage collector does not look at it either. Nothing is lost: what has
no short form is kept in the tuple as the object that it is, and a woken profile is what it was (the base of I4).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from journeys.engine._state import EMPTY_LIST, LIVE, Instance, ProfileState, Wait

#: due, scheduled, number of its form, clock, inputs, instances and records it has had, marks, and what the form names
Rest = tuple[Any, ...]
#: what many profiles have in common: the journeys it was in, names of what is rare, and the same of its instance
Form = tuple[Any, ...]

#: a dict with more entries than this stays one
_MANY = 32
#: how many forms there may be: a space has a few for each of its steps, but names of properties may be anything
_FORMS = 16_384
#: where what the form names begins
_HEAD = 8

_new = object.__new__


class Forms:
    """Puts profiles to rest and wakes them; knows what they have in common."""

    __slots__ = ("_forms", "_next", "_numbers")

    def __init__(self) -> None:
        self._forms: dict[int, Form] = {}
        self._numbers: dict[Form, int] = {}
        #: no number is given twice: who rests under a form of before is woken by it
        self._next = 0

    def rest(self, profile: ProfileState) -> Rest | None:
        """The profile as a tuple; None if it has to stay as it is."""
        if profile.crowd is not None or profile.version:
            return None
        instances, rare, marks = profile.instances, profile.__dict__, profile.marks
        if not instances:
            form: Form = (profile.been, (*rare,), None)
            values: tuple[Any, ...] = ()
        elif len(instances) == 1 and _is_like_others(profile, instances[0]):
            form, values = _with_its_instance(profile, instances[0])
        else:
            form, values = (profile.been, (*rare,), ()), (instances,)
        number = self._numbers.get(form)
        if number is None:
            if len(self._numbers) >= _FORMS:
                return None
            number = self._numbers[form] = self._next
            self._forms[number] = form
            self._next += 1
        if rare:
            values = (*map(_shortened, rare.values()), *values)
        due, place, clock = profile.due, profile.scheduled, profile.clock
        kept: Any = marks
        if len(marks) == 1:
            ((mark, at),) = marks.items()
            kept = mark if at == clock else (mark, at)
        elif len(marks) <= _MANY:
            kept = (*marks, *marks.values())
        return (due, place, number, clock, profile.accepted, profile.order, profile.seq, kept, *values)

    def wake(self, rest: Rest, key: str, shown: str) -> ProfileState:
        """The profile that was put to rest, under its key and the id in it."""
        profile = _new(ProfileState)
        profile.key, profile.id = key, shown
        due, profile.scheduled, number, clock, profile.accepted, profile.order, profile.seq, marks, *values = rest
        profile.been, names, lives = self._forms[number]
        profile.due, profile.clock = due, clock
        profile.version, profile.crowd = 0, None
        kind = type(marks)
        profile.marks = {marks: clock} if kind is str else _dict(marks, 0) if kind is tuple else marks
        if names:
            for name, value in zip(names, values, strict=False):
                is_short = type(value) is tuple and value and value[0] is ...
                setattr(profile, name, _dict(value, 1) if is_short else value)
            del values[: len(names)]
        if lives is None:
            profile.instances = EMPTY_LIST
        else:
            profile.instances = [_woken_instance(due, shown, lives, values)] if lives else values[0]
        return profile

    def live(self, rest: Rest) -> int:
        """How many live instances a profile at rest has."""
        _, names, lives = self._forms[rest[2]]
        if lives is None:
            return 0
        return 1 if lives else sum(each.status == LIVE for each in rest[_HEAD + len(names)])

    def renew(self) -> Callable[[], None]:
        """Forms are found anew from now on; answers what lets go of those of before, when nobody rests under them."""
        before, self._numbers = [*self._forms], {}

        def let_go() -> None:
            for number in before:
                del self._forms[number]

        return let_go

    def name_any(self, texts: Collection[str]) -> bool:
        """Whether one of the texts is in what profiles have in common, as a name of a property."""
        return any(lives and not {*lives[-1]}.isdisjoint(texts) for _, _, lives in self._forms.values())


def _shortened(value: Any) -> Any:
    """A dict with few entries as a tuple that begins as no other does."""
    return (..., *value, *value.values()) if type(value) is dict and len(value) <= _MANY else value


def _dict(flat: tuple[Any, ...], begin: int) -> dict[Any, Any]:
    """The dict whose names, then whose values, the tuple has from a place on."""
    half = (len(flat) + begin) >> 1
    return dict(zip(flat[begin:half], flat[half:]))  # noqa: B905 - a keyword costs half as much again


def _is_like_others(profile: ProfileState, instance: Instance) -> bool:
    """Whether it waits at one place, knows of one event, and is of the profile's own making."""
    plan = instance.plan
    age = plan.max_age_micros
    return (
        len(instance.waits) == 1
        and len(instance.context) == 1
        and instance.status == LIVE
        and instance.due == profile.due
        and instance.origin == plan.version
        and instance.owner == profile.id
        and age > 0
        and instance.expires_at == instance.entered_at + age
    )


def _with_its_instance(profile: ProfileState, instance: Instance) -> tuple[Form, tuple[Any, ...]]:
    """What the two have in common with others, and what of the instance is its own."""
    wait, rare = instance.waits[0], instance.__dict__
    ((event, properties),) = instance.context.items()
    steps = (instance.plan, wait.step, wait.branch, wait.removal, instance.visited)
    form = (profile.been, (*profile.__dict__,), (*steps, (*rare,), event, (*properties,)))
    cause, identifier, entered_at, order = instance.cause, instance.identifier, instance.entered_at, instance.order
    own = (cause, identifier, entered_at, order, wait.due, wait.count, *properties.values())
    return form, (*own, *rare.values()) if rare else own


def _woken_instance(due: int, shown: str, form: Form, values: list[Any]) -> Instance:
    instance, wait = _new(Instance), _new(Wait)
    plan, wait.step, wait.branch, wait.removal, instance.visited, rare, event, names = form
    cause, identifier, entered_at, instance.order, wait.due, wait.count, *more = values
    instance.plan, instance.origin, instance.owner, instance.status = plan, plan.version, shown, LIVE
    instance.cause, instance.identifier, instance.entered_at, instance.due = cause, identifier, entered_at, due
    instance.expires_at = entered_at + plan.max_age_micros
    instance.waits = [wait]
    instance.context = {event: dict(zip(names, more))}  # noqa: B905 - as above, and more may follow
    if rare:
        for name, value in zip(rare, more[len(names) :], strict=True):
            setattr(instance, name, value)
    return instance

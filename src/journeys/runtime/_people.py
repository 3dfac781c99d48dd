"""The profiles of a working set, by id key.

Where the set is the store (in memory) and they are many, those that were not needed for long are at rest, in a quarter
of the room, and woken when they are asked for. Nobody notices: a profile that one has asked for stays awake until
``make_room`` is called, which is done between units of work, when nobody holds one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from journeys.engine._rest import Forms, Rest
from journeys.engine._state import ProfileState
from journeys.plan.values import NEVER

#: how many of those that were woken or made last stay awake; when there are twice as many, half are put to rest
AWAKE = 25_000


class People:
    """Profiles by id key: ``u:`` or ``a:`` and the id (P1)."""

    __slots__ = ("_awake", "_forms", "_rests", "_woken", "users", "visitors")

    def __init__(self, *, rests: bool = False, awake: int | None = None) -> None:
        #: by the id alone, for the text that a caller has at hand is the one that is kept
        self.users: dict[str, ProfileState | Rest] = {}
        self.visitors: dict[str, ProfileState | Rest] = {}
        self._rests = rests
        self._awake = AWAKE if awake is None else awake
        self._forms = Forms()
        #: in the order in which they were woken or made
        self._woken: deque[ProfileState] = deque()

    def _kind(self, key: str) -> dict[str, ProfileState | Rest]:
        return self.users if key[0] == "u" else self.visitors

    def __contains__(self, key: str) -> bool:
        return key[2:] in self._kind(key)

    def __len__(self) -> int:
        return len(self.users) + len(self.visitors)

    def __iter__(self) -> Iterator[str]:
        """The keys; the set may be changed meanwhile."""
        yield from [*map("a:".__add__, self.visitors), *map("u:".__add__, self.users)]

    def get(self, key: str) -> ProfileState | None:
        """The profile, awake; None if there is none."""
        shown = key[2:]
        found = self._kind(key).get(shown)
        return self.wake(found, key, shown) if type(found) is tuple else found  # type: ignore[return-value]

    def __getitem__(self, key: str) -> ProfileState:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: str, profile: ProfileState) -> None:
        self._kind(key)[profile.id] = profile
        if self._rests:
            self._woken.append(profile)

    def __delitem__(self, key: str) -> None:
        del self._kind(key)[key[2:]]

    def discard(self, key: str) -> None:
        """Takes the profile out, if it is there."""
        self._kind(key).pop(key[2:], None)

    def values(self) -> Iterator[ProfileState]:
        """Every profile, one after the other: whoever goes on to the next has done with the one before."""
        for key in self:
            self.make_room()
            found = self.get(key)
            if found is not None:
                yield found

    def items(self) -> Iterator[tuple[str, ProfileState]]:
        """The same, with their keys."""
        for profile in self.values():
            yield profile.key, profile

    def when(self, key: str) -> tuple[int, int]:
        """When the profile is next due, and its place in the agenda, without waking it; NEVER for what it has not."""
        found: Any = self._kind(key).get(key[2:])
        if found is None:
            return NEVER, NEVER
        return found[:2] if type(found) is tuple else (found.due, found.scheduled)

    def standings(self) -> Iterator[tuple[int, int]]:
        """How many live instances each profile has, and when it is next due, without waking it."""
        for kind in (self.users, self.visitors):
            for found in kind.values():
                if isinstance(found, ProfileState):
                    yield found.live, found.due
                else:
                    yield self._forms.live(found), found[0]

    def replace(self, key: str, place: int) -> None:
        """The profile has another place in the agenda."""
        kind, shown = self._kind(key), key[2:]
        found: Any = kind[shown]
        if type(found) is tuple:
            kind[shown] = (found[0], place, *found[2:])
        else:
            found.scheduled = place

    def wake(self, rest: Rest, key: str, shown: str) -> ProfileState:
        """Wakes the profile of this key."""
        profile = self._kind(key)[shown] = self._forms.wake(rest, key, shown)
        self._woken.append(profile)
        return profile

    def make_room(self) -> None:
        """Puts those to rest who were not needed for long, if they are many; nobody may hold one of them."""
        if len(self._woken) > 2 * self._awake:
            while len(self._woken) > self._awake:
                self._put_to_rest(self._woken.popleft())

    def _put_to_rest(self, profile: ProfileState) -> None:
        kind = self._kind(profile.key)
        if kind.get(profile.id) is profile:  # else it was renamed, merged or erased, or is at rest
            rest = self._forms.rest(profile)
            if rest is not None:
                kind[profile.id] = rest

    def renewed(self) -> Iterator[ProfileState]:
        """Every profile, awake, for what most have in common is to be another from now on."""
        let_go = self._forms.renew()
        self._woken.clear()
        for key in self:
            self.make_room()
            found = self._kind(key)[key[2:]]
            if isinstance(found, ProfileState):
                self[key] = found
                yield found
            else:
                yield self.wake(found, key, key[2:])
        let_go()

    def forget(self, id_keys: set[str]) -> None:
        """Nothing names an erased profile any more (V6)."""
        self._woken = deque(each for each in self._woken if each.key not in id_keys)
        if self._forms.name_any({key[2:] for key in id_keys}):
            for _ in self.renewed():
                pass

"""The profiles of the latest batches, kept between them: what has not changed in the store need not be read again."""

from __future__ import annotations

from journeys.engine._encode import decode_state
from journeys.engine._state import ProfileState
from journeys.plan.plan import Plan
from journeys.ports import Stored

#: how many profiles are kept at most, and how many bytes of state one of them has at most
LIMIT = 8_192
LARGEST = 16_384


class RecentStates:
    """Profiles as they were committed, each under the version that the store should have given it.

    A version is never used twice for one key (``StateChange``), so a state of the stored version is the stored state.
    Whoever takes one owns it: what is changed and then not committed does not come back.
    """

    def __init__(self) -> None:
        self._young: dict[str, ProfileState] = {}
        self._old: dict[str, ProfileState] = {}

    def take(self, stored: Stored, plan: Plan) -> ProfileState:
        """The state that the store has; ``NewerState`` as ``decode_state``."""
        profile = self._young.pop(stored.key, None) or self._old.pop(stored.key, None)
        if profile is None or profile.version != stored.version:
            profile = decode_state(stored.state, plan)
            profile.version = stored.version
        return profile

    def keep(self, profile: ProfileState) -> None:
        """It has been committed; its version is the one that the store has now."""
        self._young[profile.key] = profile
        if len(self._young) >= LIMIT // 2:
            self._old, self._young = self._young, {}

    def clear(self) -> None:
        """Forgets all of them: they are bound to a plan that is used no more."""
        self._young, self._old = {}, {}

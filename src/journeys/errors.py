"""What can go wrong, as data: every error carries a code, a path and the remedy as attributes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

import attrs


@attrs.frozen
class Problem:
    """One thing that is wrong with a definition or a call.

    ``code`` is stable and meant for programs, ``path`` leads to the place (``$.journeys[0].steps.hold``), ``message``
    says what is wrong, ``hint`` what would be right.
    """

    code: str
    path: str
    message: str
    hint: str = ""
    expected: str = ""
    got: str = ""

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.path}: {self.message}{hint} [{self.code}]"


class JourneysError(Exception):
    """The root of everything that this package raises on purpose."""


class InvalidDefinition(JourneysError, ValueError):
    """A space or journey that cannot run: carries all problems at once (L1)."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class InvalidCall(JourneysError, ValueError):
    """An input that is no valid call (O5); ``reason`` is the code that its answer carries."""

    def __init__(self, reason: str, message: str = "") -> None:
        self.reason = reason
        super().__init__(message or reason)


class UnknownJourney(JourneysError, KeyError):
    """No journey of that key is published; the message names the nearest."""

    def __str__(self) -> str:
        return str(self.args[0])


class Conflict(JourneysError):
    """A store refused a commit because a version it was based on has moved: load again and repeat."""


class StoreUnavailable(JourneysError):
    """A store cannot be opened or reached; ``__cause__`` has what its driver said.

    If that was a commit, its outcome is unknown: the same may be committed again.
    """


class NewerState(JourneysError):
    """State or definitions were written by a newer version of this package; they are left alone."""


class PublishRefused(JourneysError):
    """A new version of a journey cannot take over: ``problems`` says which steps and how many people (V2)."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class RunawayJourney(JourneysError):
    """An instance moved through more than ``max_steps`` steps in one unit of work (O4)."""


class Retry(JourneysError):
    """Raised by a destination: not now. ``after`` is the number of seconds it asked to wait, if it did (D2)."""

    def __init__(self, reason: str = "try again later", *, after: float | None = None) -> None:
        self.reason = reason
        self.after = after
        super().__init__(reason)


class Rejected(JourneysError):
    """Raised by a destination: never, trying again would not help (D2)."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def nearest(word: str, possibilities: Sequence[str]) -> str:
    """``did you mean 'x'?`` for the closest of the possibilities, or the list of them, or nothing."""
    if found := difflib.get_close_matches(word, possibilities, n=1, cutoff=0.6):
        return f"did you mean {found[0]!r}?"
    if possibilities and len(possibilities) <= 12:
        return "one of " + ", ".join(sorted(possibilities))
    return ""

"""The library: every version of every journey that a store has seen, with its status (section V).

It is kept in the store's notes, one for each version, so that all workers of a store agree. What the application gives
is a draft of it: a version that was published keeps the definition with which it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Self

import attrs

from journeys.codec import dump_journey, load_journey
from journeys.errors import InvalidDefinition, NewerState, Problem, UnknownJourney, nearest
from journeys.model.journey import Journey
from journeys.model.space import Space

PREFIX = "journey:"


@attrs.frozen
class Entry:
    """One version: its definition, its status, and the publication from which on it sees events (C4).

    ``superseded_by`` is the version that took its place; its instances go on, nobody enters it (V2 ``drain``).
    """

    journey: Journey
    scope: str
    superseded_by: int | None = None

    @property
    def name(self) -> str:
        """The name of its note."""
        return f"{PREFIX}{self.journey.key}@{self.journey.version}"

    def with_status(self, status: str) -> Entry:
        """The same version with another status."""
        return attrs.evolve(self, journey=attrs.evolve(self.journey, status=status))

    def as_note(self) -> str:
        """What is stored."""
        document = {"journey": dump_journey(self.journey), "status": self.journey.status, "scope": self.scope}
        return json.dumps(document | ({"superseded_by": self.superseded_by} if self.superseded_by else {}))

    @classmethod
    def from_note(cls, note: str) -> Entry:
        """What was stored."""
        document = json.loads(note)
        try:
            journey = load_journey(document["journey"])
        except InvalidDefinition as error:  # it was valid where it was published
            named = f"{document['journey'].get('key')!r} version {document['journey'].get('version', 1)}"
            raise NewerState(
                f"the store has {named}, which a newer version of this package has published: {error.problems[0]}; "
                "it is left alone, and so are the people of this store: use the newer version"
            ) from None
        journey = attrs.evolve(journey, status=document["status"])
        return cls(journey, document["scope"], document.get("superseded_by"))


class Library:
    """All versions by (key, version)."""

    def __init__(self, entries: Mapping[tuple[str, int], Entry]) -> None:
        self.entries = dict(entries)

    @classmethod
    def stored(cls, notes: Mapping[str, str]) -> Self:
        """The library of a store; NewerState if a newer version of this package has published something."""
        stored = [Entry.from_note(note) for name, note in notes.items() if name.startswith(PREFIX)]
        return cls({(each.journey.key, each.journey.version): each for each in stored})

    def as_notes(self) -> dict[str, str]:
        """What is stored."""
        return {entry.name: entry.as_note() for entry in self.entries.values()}

    @classmethod
    def opened(cls, space: Space, notes: Mapping[str, str]) -> tuple[Self, list[Entry]]:
        """The library of a store, with what the application gives added; and those that are new to the store.

        InvalidDefinition if a published version is given with another definition: an edit is a new version. One that
        was published under a higher number is known by what it says, so that a file need not keep count.
        """
        entries = cls.stored(notes).entries
        new, problems = [], []
        for place, journey in enumerate(space.journeys):
            key = (journey.key, journey.version)
            known = entries.get(key)
            if known is None or known.journey.status == "draft":
                entries[key] = Entry(journey, "+")
                new.append(entries[key])
            elif not any(
                each.journey.key == journey.key
                and each.journey.version >= journey.version
                and says_the_same(each.journey, journey)
                for each in entries.values()
            ):
                latest = max(version for name, version in entries if name == journey.key)
                problems.append(_changed(place, journey, latest))
        if problems:
            raise InvalidDefinition(problems)
        return cls(entries), new

    def space(self, space: Space) -> Space:
        """The space with all versions; one that has been superseded is shown as paused."""
        journeys = tuple(entry.journey for _, entry in sorted(self.entries.items()))
        return attrs.evolve(space, journeys=journeys)

    @property
    def scopes(self) -> dict[tuple[str, int], str]:
        """From which publication on each version sees events."""
        return {key: entry.scope for key, entry in self.entries.items()}

    def current(self, key: str) -> Entry | None:
        """The version that has not been superseded: live, paused or archived."""
        versions = [
            entry
            for (journey, _), entry in self.entries.items()
            if journey == key and entry.superseded_by is None and entry.journey.status != "draft"
        ]
        return max(versions, key=lambda entry: entry.journey.version, default=None)

    def published(self, key: str) -> Entry:
        """The same; UnknownJourney if there is none, which says what there is instead."""
        found = self.current(key)
        if found is not None:
            return found
        if any(journey == key for journey, _ in self.entries):
            raise UnknownJourney(
                f"journey {key!r} is a draft, which does nothing (V1): publish it if people are to enter"
            )
        keys = sorted({journey for journey, _ in self.entries if self.current(journey) is not None})
        raise UnknownJourney(f"no journey {key!r} is published; {nearest(key, keys) if keys else 'none is'}")

    def latest(self, key: str) -> int:
        """The highest version of a journey, 0 if there is none."""
        return max((version for journey, version in self.entries if journey == key), default=0)

    def replaced(self, *entries: Entry) -> Library:
        """The library with these versions in place of what it had."""
        return Library(self.entries | {(each.journey.key, each.journey.version): each for each in entries})


def says_the_same(known: Journey, journey: Journey) -> bool:
    """Whether a version is this journey, but for its number, its status and what it did to the version before."""
    return attrs.evolve(journey, version=known.version, status=known.status, on_previous=known.on_previous) == known


def _changed(place: int, journey: Journey, latest: int) -> Problem:
    return Problem(
        "changed_version",
        f"$.journeys[{place}]",
        f"version {journey.version} of {journey.key!r} was published with another definition",
        f'an edited journey is a new version: give it "version": {latest + 1}, or publish it',
    )

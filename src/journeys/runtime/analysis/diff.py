"""What is not the same in two versions of a journey, or in two spaces: by meaning, not by lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from journeys.model.journey import Journey, Migrate
from journeys.model.space import AudienceDefinition, ComputedTrait, Space
from journeys.plan.plan import destination_key
from journeys.runtime.analysis.diff_fields import Fields
from journeys.runtime.analysis.diff_findings import MARKS, Difference, Findings, Place, in_words
from journeys.runtime.analysis.diff_steps import compare_steps, renamed_steps
from journeys.runtime.analysis.diff_uses import Name, users_of

Named = AudienceDefinition | ComputedTrait
#: how wide the column of paths may become
_WIDE = 44


@attrs.frozen(kw_only=True)
class Diff:
    """The differences of two definitions, in the order of the new one.

    ``renames`` says, by journey, which steps are the same under another key.
    """

    differences: tuple[Difference, ...]
    renames: Mapping[str, Mapping[str, str]] = attrs.field(factory=dict)

    @property
    def same(self) -> bool:
        """Whether both say the same, names and descriptions included."""
        return not self.differences

    @property
    def journeys(self) -> tuple[str, ...]:
        """The journeys that differences are in, or concern."""
        found = (key for each in self.differences for key in (each.journey, *each.affects) if key is not None)
        return tuple(dict.fromkeys(found))

    def of(self, journey: str) -> tuple[Difference, ...]:
        """The differences in one journey."""
        return tuple(each for each in self.differences if each.journey == journey)

    @property
    def text(self) -> str:
        """A difference a line, in columns, under a heading for each journey."""
        if self.same:
            return "no difference"
        return "\n".join(_table(self.differences))

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "same": self.same,
            "differences": [each.as_dict() for each in self.differences],
            "renames": {key: dict(steps) for key, steps in self.renames.items()},
        }


def diff(old: Journey | Space, new: Journey | Space) -> Diff:
    """The differences of two versions of a journey, or of two spaces; TypeError for one of each.

    Paths lead into the definition that is given. What cannot change anything is no difference: the order of names,
    of filters, and of the parts of a condition, ``PT120M`` instead of ``PT2H``, what is left out because it is so
    anyway. Versions of a journey in two spaces are held against each other by key and version; of the others the
    latest of both.
    """
    if isinstance(old, Journey) and isinstance(new, Journey):
        findings = Findings()
        renames = _compare_journeys(old, new, Place(journey=new.key), findings)
        return Diff(differences=tuple(findings.found), renames={new.key: renames} if renames else {})
    if isinstance(old, Space) and isinstance(new, Space):
        return _Spaces(old, new).compare()
    raise TypeError(f"expected two journeys or two spaces, got {type(old).__name__} and {type(new).__name__}")


def _compare_journeys(old: Journey, new: Journey, place: Place, findings: Findings) -> dict[str, str]:
    renames = renamed_steps(old, new)
    fields = Fields(findings, renames)
    for field in attrs.fields(Journey):
        before: Any = getattr(old, field.name)
        after: Any = getattr(new, field.name)
        at = place.at(field.name, **_AROUND.get(field.name, {}))
        match field.name:
            case "steps":
                compare_steps(old, new, at, findings, renames)
            case "entry" if type(before) is not type(after):
                told = f"is a {_kind(after)} ({in_words(after)}) instead of a {_kind(before)} ({in_words(before)})"
                findings.add("changed", at.at("type"), before, after, told)
            case "exit_send":
                keys = (destination_key(old.key, "exit"), destination_key(new.key, "exit"))
                fields.field(field.name, before, after, attrs.evolve(at, keys=keys))
            case "on_previous":
                _compare_on_previous(before, after, at, findings)
            case _:
                fields.field(field.name, before, after, at)
    return renames


#: what each field of a journey is about, and how a sentence begins
_AROUND: Mapping[str, dict[str, Any]] = {
    "name": {"area": "wording"},
    "description": {"area": "wording"},
    "entry": {"area": "entry", "subject": "entry"},
    "start": {"area": "flow"},
    "exit_rules": {"area": "exit"},
    "exit_send": {"area": "exit", "subject": "exit send"},
    "goal": {"area": "goal", "subject": "goal"},
    "exit_after": {"area": "exit"},
    "reentry_after": {"area": "entry"},
    "max_age": {"area": "exit"},
}


def _kind(entry: object) -> str:
    return {"EventEntry": "event entry", "ConditionEntry": "condition entry"}[type(entry).__name__]


def _compare_on_previous(old: str | Migrate, new: str | Migrate, place: Place, findings: Findings) -> None:
    if isinstance(old, Migrate) and isinstance(new, Migrate):
        Fields(findings).mapping(old.migrate, new.migrate, place.at("migrate"), "people move from")
    elif old != new:
        told = ("migrate" if isinstance(each, Migrate) else each for each in (new, old))
        findings.add("changed", place, old, new, "people in the previous version: {} instead of {}".format(*told))


class _Spaces:
    """Two spaces held against each other."""

    def __init__(self, old: Space, new: Space) -> None:
        self.old = old
        self.new = new
        self.findings = Findings()
        self.users: Mapping[Name, tuple[str, ...]] = users_of(old, new)
        self.renames: dict[str, Mapping[str, str]] = {}

    def compare(self) -> Diff:
        fields, place = Fields(self.findings), Place(area="settings")
        for name in ("name", "description"):
            fields.field(name, getattr(self.old, name), getattr(self.new, name), place.at(name, area="wording"))
        fields.field("key", self.old.key, self.new.key, place.at("key", affects=self._everyone()))
        self._keyed("audiences", "audience", "audience", self.old.audiences, self.new.audiences)
        self._keyed("computed_traits", "computed trait", "trait", self.old.computed_traits, self.new.computed_traits)
        self._destinations()
        self._journeys()
        around = place.at("settings", subject="settings", affects=self._everyone())
        fields.compare(self.old.settings, self.new.settings, around, frozenset(("retention",)))
        retention = around.at("retention", subject="retention")
        fields.compare(self.old.settings.retention, self.new.settings.retention, retention)
        return Diff(differences=tuple(self.findings.found), renames=self.renames)

    def _everyone(self) -> tuple[str, ...]:
        return tuple(sorted({each.key for space in (self.old, self.new) for each in space.journeys}))

    def _keyed(self, name: str, called: str, kind: str, old: Sequence[Named], new: Sequence[Named]) -> None:
        before = {each.key: (number, each) for number, each in enumerate(old)}
        after = {each.key: (number, each) for number, each in enumerate(new)}
        place = Place(area=name).at(name)
        for key in [*after, *(each for each in before if each not in after)]:
            around = {"subject": f"{called} {key}", "affects": self.users.get((kind, key), ())}
            if key not in before:
                number, made = after[key]
                at = place.item(number, number, **around)
                self.findings.add("added", at, None, made, f"is new: {in_words(made)}")
            elif key not in after:
                number, gone = before[key]
                at = place.item(number, number, **around)
                self.findings.add("removed", at, gone, None, f"is gone: it was {in_words(gone)}")
            else:
                at = place.item(before[key][0], after[key][0], **around)
                Fields(self.findings).compare(before[key][1], after[key][1], at)

    def _destinations(self) -> None:
        place = Place(area="destinations").at("destinations")
        old, new = self.old.destinations, self.new.destinations
        for key in [*new, *(each for each in old if each not in new)]:
            at = place.at(key, subject=f"destination {key}", affects=self.users.get(("destination", key), ()))
            if key not in old:
                self.findings.add("added", at, None, new[key], f"is new, of the type {new[key].type}")
            elif key not in new:
                self.findings.add("removed", at, old[key], None, f"is gone, of the type {old[key].type}")
            else:
                fields = Fields(self.findings)
                fields.compare(old[key], new[key], at, frozenset(("options",)))
                fields.mapping(old[key].options, new[key].options, at, "the option")  # they stand beside the type

    def _journeys(self) -> None:
        place = Place().at("journeys")
        for before, after in _counterparts(self.old.journeys, self.new.journeys):
            if before is None and after is not None:
                at = place.item(after[0], after[0], journey=after[1].key)
                told = f"is new: {in_words(after[1].entry)}"
                self.findings.add("added", attrs.evolve(at, subject=_called(after[1])), None, after[1], told)
            elif after is None and before is not None:
                at = place.item(before[0], before[0], journey=before[1].key)
                told = f"is gone: {in_words(before[1].entry)}"
                self.findings.add("removed", attrs.evolve(at, subject=_called(before[1])), before[1], None, told)
            elif before is not None and after is not None:
                at = place.item(before[0], after[0], journey=after[1].key)
                if renames := _compare_journeys(before[1], after[1], at, self.findings):
                    self.renames[after[1].key] = renames


def _called(journey: Journey) -> str:
    return f"journey {journey.key}" + (f" version {journey.version}" if journey.version > 1 else "")


Numbered = tuple[int, Journey]


def _counterparts(old: Sequence[Journey], new: Sequence[Journey]) -> Iterator[tuple[Numbered | None, Numbered | None]]:
    """Versions that belong together: the same ones, then the latest of those that only one side has."""
    before = {(each.key, each.version): (number, each) for number, each in enumerate(old)}
    after = {(each.key, each.version): (number, each) for number, each in enumerate(new)}
    for name in [name for name in after if name in before]:
        yield before.pop(name), after.pop(name)
    for key in dict.fromkeys(key for key, _ in [*after, *before]):
        rest = [sorted((n for n in side if n[0] == key), reverse=True) for side in (before, after)]
        for number in range(max(map(len, rest))):
            one, other = (names[number] if number < len(names) else None for names in rest)
            yield (None if one is None else before[one]), (None if other is None else after[other])


def _table(differences: Sequence[Difference]) -> Iterator[str]:
    groups: dict[str | None, list[Difference]] = {}
    for each in differences:
        groups.setdefault(each.journey, []).append(each)
    for number, (journey, members) in enumerate(groups.items()):
        many = f"{len(members)} difference{'' if len(members) == 1 else 's'}"
        yield "\n" * (number > 0) + (f"journey {journey}: {many}" if journey is not None else f"the space: {many}")
        width = min(max(len(_shown(each)) for each in members), _WIDE)
        for each in members:
            path = _shown(each)
            affects = f" [concerns {', '.join(each.affects)}]" if each.affects else ""
            text = each.text + affects
            if len(path) > width:
                yield f"  {MARKS[each.kind]} {path}\n        {text}"
            else:
                yield f"  {MARKS[each.kind]} {path.ljust(width)}  {text}"


def _shown(each: Difference) -> str:
    """The path as a reader wants it: within its journey."""
    path = each.path.removeprefix("$.")
    if each.journey is not None and path.startswith("journeys["):
        path = path.partition("].")[2] or path
    return path

"""The steps of two versions: which one was which, what became of each, and where it stands in the flow."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from journeys.model.journey import Journey
from journeys.model.steps import Step
from journeys.plan.plan import destination_key
from journeys.runtime.analysis.diff_fields import Fields, content_of
from journeys.runtime.analysis.diff_findings import Findings, Place, in_words, pairs_of
from journeys.runtime.render import kind_of
from journeys.runtime.render.links import links_of

#: what leads to the first step
ENTRY = "the entry"


def renamed_steps(old: Journey, new: Journey) -> dict[str, str]:
    """Old key to new key of the steps that do the same under another key.

    A step that stays what it is under its own key is never one of them. Where several do the same, those with the
    same surroundings belong together.
    """
    gone = {key: step for key, step in old.steps.items() if type(step) is not type(new.steps.get(key))}
    come = {key: step for key, step in new.steps.items() if type(step) is not type(old.steps.get(key))}
    contents = {key: content_of(step) for key, step in gone.items()}
    others = {key: content_of(step) for key, step in come.items()}
    kept = old.steps.keys() & new.steps.keys() - gone.keys()
    before, after = _surroundings(old, kept), _surroundings(new, kept)
    score = {
        (a, b): 1 + len(before[a] & after[b]) + (gone[a].name == come[b].name) / 2 - len(before[a] ^ after[b]) / 1000
        for a, one in contents.items()
        for b, other in others.items()
        if one == other
    }
    return dict(pairs_of(gone, come, score))


def _surroundings(journey: Journey, kept: set[str]) -> dict[str, set[tuple[str, str]]]:
    """What leads to each step and where it leads, as far as both versions have it."""
    found: dict[str, set[tuple[str, str]]] = {key: set() for key in journey.steps}
    if journey.start in found:
        found[journey.start].add(("from", ENTRY))
    for key, step in journey.steps.items():
        for link in links_of(step):
            if link.target in kept:
                found[key].add(("to", link.target))
            if key in kept and link.target in found:
                found[link.target].add(("from", key))
    return found


def compare_steps(old: Journey, new: Journey, place: Place, findings: Findings, renames: Mapping[str, str]) -> None:
    """Notes every step that was added, removed, renamed, moved, or that does something else."""
    fields = Fields(findings, renames)
    names = {new_key: old_key for old_key, new_key in renames.items()}
    before, after = came_from(old, new, renames)
    for key, step in new.steps.items():
        was = names.get(key, key if key not in renames and key in old.steps else None)
        at = place.at(was or key, key, subject=key, area="steps", step=key)
        if was is None:
            findings.add("added", at, None, step, _told("is new", step))
            continue
        at = attrs.evolve(at, keys=(destination_key(old.key, was), destination_key(new.key, key)))
        if was != key:
            findings.add("renamed", at, was, key, f"was called {was}")
        _compare_step(old.steps[was], step, at, fields)
        if before[was] and after[key] and not before[was] & after[key]:
            were = {names.get(name, name) for name in before[was]}
            told = f"comes after {_listed(after[key])} instead of {_listed(were)}"
            findings.add("moved", at, sorted(were), sorted(after[key]), told)
    for key, step in old.steps.items():
        if key not in renames and (key not in new.steps or key in names):
            at = place.at(key, subject=key, area="steps", step=key)
            findings.add("removed", at, step, None, _told("is gone", step))


def _compare_step(old: Step, new: Step, place: Place, fields: Fields) -> None:
    if type(old) is type(new):
        fields.compare(old, new, place)
        return
    told = f"is a {_kind(new)} ({in_words(new)}) instead of a {_kind(old)} ({in_words(old)})"
    fields.findings.add("changed", place.at("type"), old, new, told)


def _told(what: str, step: Step) -> str:
    return f"{what}, a {_kind(step)}: {in_words(step)}"


def _kind(step: Step) -> str:
    return kind_of(step).replace("_", " ")


def _listed(names: set[str]) -> str:
    return re.sub(r", (?=[^,]*$)", " and ", ", ".join(sorted(names)))


def came_from(
    old: Journey, new: Journey, renames: Mapping[str, str]
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """The nearest steps before each that both versions have, by their names in the new one.

    What was put in between or taken out moves nothing, so it is looked through.
    """
    called = {key: renames.get(key, key) for key in old.steps if key in renames or key not in renames.values()}
    kept = {key: name for key, name in called.items() if name in new.steps}
    return _nearest(old, kept), _nearest(new, {name: name for name in kept.values()})


def _nearest(journey: Journey, kept: Mapping[str, str]) -> dict[str, set[str]]:
    sources: dict[str, set[str]] = {key: set() for key in journey.steps}
    for key, step in journey.steps.items():
        for link in links_of(step):
            if link.target in sources:
                sources[link.target].add(key)

    def walk(key: str, seen: set[str]) -> set[str]:
        found = {ENTRY} if key == journey.start else set()
        for source in sources[key] - seen:
            seen.add(source)
            found |= {kept[source]} if source in kept else walk(source, seen)
        return found

    return {key: walk(key, {key}) for key in journey.steps}


def likeness(old: Step, new: Step) -> float:
    """How alike two steps of one type are, from 0 to 1: the share of what both say of all that either says."""
    before, after = _said(old), _said(new)
    return len(before & after) / len(before | after) if before | after else 1.0


def _said(step: Step) -> set[str]:
    words: set[str] = set()
    for field in attrs.fields(type(step)):
        value = getattr(step, field.name)
        if value is None or value == field.default:
            continue
        several = value if isinstance(value, tuple) else [value]
        words |= {f"{field.name} {in_words(each) if each is not None else ''}" for each in several}
        words |= {f"{field.name} {each.name}" for each in several if hasattr(each, "name")}
    return words

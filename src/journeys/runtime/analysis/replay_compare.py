"""Two stories of one person, under an old and a new space, held against each other."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from journeys.runtime.analysis.contents import content_of

Record = Mapping[str, Any]

#: what may have become of an instance or of a delivery, and how a text says it
KINDS: Mapping[str, str] = {
    "no_longer_enters": "no longer enters",
    "enters_now": "enters only now",
    "enters_at_another_time": "enters at another time",
    "other_path": "takes another path",
    "other_times": "the same path at other times",
    "ends_otherwise": "ends otherwise",
    "ends_at_another_time": "ends at another time",
    "goal_otherwise": "reaches the goal in one only",
    "goal_at_another_time": "reaches the goal at another time",
    "not_sent": "no longer sent",
    "sent_now": "sent only now",
    "sent_otherwise": "sent with other contents",
    "sent_at_another_time": "sent at another time",
    "other_order": "the same in another order",
}
_SENT = ("sent", "list_added", "list_removed")
_PATH = ("step", "branch", "restarted", "skipped")
_ENDS = ("completed", "exited", "expired", "archived", "merged", "failed")


@attrs.frozen(kw_only=True)
class ReplayDifference:
    """One thing that would have been different: of an instance, named by its journey, identifier and entry, or a send.

    ``old_at`` and ``new_at`` are when it happened under each; None where it did not.
    """

    kind: str
    journey: str | None
    step: str | None = None
    destination: str | None = None
    identifier: Any = None
    entered_at: str | None = None
    old_at: str | None = None
    new_at: str | None = None


@attrs.frozen(kw_only=True)
class ProfileReplay:
    """A person whose story would have been another; ``first_old`` and ``first_new`` are where the two part."""

    profile: str
    differences: tuple[ReplayDifference, ...]
    first_old: Record | None
    first_new: Record | None

    @property
    def text(self) -> str:
        """It in a few lines."""
        lines = [f"{self.profile}: {', '.join(dict.fromkeys(KINDS[each.kind] for each in self.differences))}"]
        lines += [f"    old  {record_words(self.first_old)}", f"    new  {record_words(self.first_new)}"]
        return "\n".join(lines)


def record_words(record: Record | None) -> str:
    """A record in a line."""
    if record is None:
        return "nothing more"
    names = ("journey", "step", "branch", "rule", "reason", "destination", "audience", "computed_trait")
    return " ".join([record["at"], record["kind"], *(str(record[name]) for name in names if record.get(name))])


class Renames:
    """Step keys of the old space as the new one calls them, so that a rename alone is no other path."""

    def __init__(self, renames: Mapping[str, Mapping[str, str]]) -> None:
        self._renames = renames

    def of(self, record: Record) -> str | None:
        """The step of an old record under its new key."""
        step = record.get("step")
        return None if step is None else self._renames.get(record.get("journey") or "", {}).get(step, step)


def compare_profile(
    profile: str, old: Sequence[Record], new: Sequence[Record], renames: Renames
) -> ProfileReplay | None:
    """What is different in the records of one person; None if nothing is."""
    before = [_plain(each, renames.of(each)) for each in old]
    after = [_plain(each, each.get("step")) for each in new]
    if before == after:
        return None
    place = next((n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(old), len(new)))
    pairs = list(_paired(_instances(old), _instances(new)))
    found = [difference for pair in pairs for difference in _of_pair(*pair, renames)]
    found += _sends(None, None, _loose(old), _loose(new), renames)
    return ProfileReplay(
        profile=profile,
        differences=tuple(found) or (ReplayDifference(kind="other_order", journey=None),),
        first_old=old[place] if place < len(old) else None,
        first_new=new[place] if place < len(new) else None,
    )


def _plain(record: Record, step: str | None) -> str:
    """A record without what tells runs apart: version, ids, and the key of a step that is the same."""
    told = {
        name: content_of(record) if name == "payload" else each
        for name, each in record.items()
        if name not in ("version", "instance", "delivery", "profile", "step")
    }
    return json.dumps([told, step], sort_keys=True)


@attrs.frozen
class _Story:
    """The records of one instance."""

    records: Sequence[Record]

    @property
    def entry(self) -> Record:
        return self.records[0]

    def path(self, step: Callable[[Record], str | None]) -> list[tuple[Hashable, str]]:
        """The steps and branches it took, each with its instant."""
        return [
            ((each["kind"], step(each), each.get("branch"), each.get("reason")), each["at"])
            for each in self.records
            if each["kind"] in _PATH
        ]

    def last(self, kinds: Sequence[str]) -> tuple[Hashable, str | None]:
        """How it ended and when; or whether and when it reached the goal."""
        for each in reversed(self.records):
            if each["kind"] in kinds:
                return (each["kind"], each.get("rule")), each["at"]
        return None, None

    def sends(self) -> list[Record]:
        return [each for each in self.records if each["kind"] in _SENT]


def _instances(records: Sequence[Record]) -> list[_Story]:
    found: dict[str, list[Record]] = {}
    for record in records:
        if record.get("instance") is not None:
            found.setdefault(record["instance"], []).append(record)
    return [_Story(each) for each in found.values()]


def _loose(records: Sequence[Record]) -> list[Record]:
    return [each for each in records if each.get("instance") is None]


def _paired(old: list[_Story], new: list[_Story]) -> Iterator[tuple[_Story | None, _Story | None]]:
    """Instances that are each other's: entered at one instant with one identifier, else one after the other."""
    for keys in (("journey", "identifier", "at"), ("journey", "identifier")):
        waiting: dict[str, list[_Story]] = defaultdict(list)
        for story in new:
            waiting[_key(story, keys)].append(story)
        rest = []
        for story in old:
            if others := waiting[_key(story, keys)]:
                yield story, others.pop(0)
            else:
                rest.append(story)
        left = {id(each) for each in _flat(waiting.values())}
        old, new = rest, [each for each in new if id(each) in left]
    yield from ((story, None) for story in old)
    yield from ((None, story) for story in new)


def _flat(lists: Any) -> Iterator[_Story]:
    return (each for group in lists for each in group)


def _key(story: _Story, names: Sequence[str]) -> str:
    return json.dumps([story.entry.get(name) for name in names])


def _of_pair(old: _Story | None, new: _Story | None, renames: Renames) -> Iterator[ReplayDifference]:
    some = new if new is not None else old
    assert some is not None
    entry = some.entry
    about = {"journey": entry.get("journey"), "identifier": entry.get("identifier"), "entered_at": entry["at"]}
    if old is None or new is None:
        kind = "enters_now" if old is None else "no_longer_enters"
        yield ReplayDifference(kind=kind, old_at=_at(old), new_at=_at(new), **about)
    else:
        if old.entry["at"] != new.entry["at"]:
            yield ReplayDifference(kind="enters_at_another_time", old_at=_at(old), new_at=_at(new), **about)
        yield from _path(old, new, renames, about)
        for kinds, name in ((_ENDS, "ends"), (("goal",), "goal")):
            (end, old_at), (other, new_at) = old.last(kinds), new.last(kinds)
            if end != other or old_at != new_at:
                kind = f"{name}_otherwise" if end != other else f"{name}_at_another_time"
                yield ReplayDifference(kind=kind, old_at=old_at, new_at=new_at, **about)
    before, after = ([] if each is None else each.sends() for each in (old, new))
    yield from _sends(entry.get("journey"), about, before, after, renames)


def _at(story: _Story | None) -> str | None:
    return None if story is None else story.entry["at"]


def _path(old: _Story, new: _Story, renames: Renames, about: Mapping[str, Any]) -> Iterator[ReplayDifference]:
    before, after = old.path(renames.of), new.path(lambda record: record.get("step"))
    if before == after:
        return
    same = [place for place, _ in before] == [place for place, _ in after]
    place = next(
        (n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    one, other = (each[place] if place < len(each) else None for each in (before, after))
    where = other if other is not None else one
    assert where is not None
    yield ReplayDifference(
        kind="other_times" if same else "other_path",
        step=where[0][1],  # type: ignore[index]
        old_at=None if one is None else one[1],
        new_at=None if other is None else other[1],
        **about,
    )


def _sends(
    journey: str | None, about: Mapping[str, Any] | None, old: Sequence[Record], new: Sequence[Record], renames: Renames
) -> Iterator[ReplayDifference]:
    """Deliveries of the same step to the same destination belong together, then those of the same contents."""
    before = [(each, renames.of(each)) for each in old]
    after = [(each, each.get("step")) for each in new]
    about = about or {"journey": journey}
    for key in (_same_step, _same_contents):
        waiting: dict[str, list[tuple[Record, str | None]]] = defaultdict(list)
        for each in after:
            waiting[key(*each)].append(each)
        rest = []
        for one in before:
            if others := waiting[key(*one)]:
                yield from _of_sends(one, others.pop(0), about)
            else:
                rest.append(one)
        before, after = rest, [each for group in waiting.values() for each in group]
    for record, step in before:
        yield _send("not_sent", record, step, about, old_at=record["at"])
    for record, step in after:
        yield _send("sent_now", record, step, about, new_at=record["at"])


def _same_step(record: Record, step: str | None) -> str:
    names = ("kind", "destination", "audience", "computed_trait")
    return json.dumps([step, *(record.get(name) for name in names)])


def _same_contents(record: Record, _: str | None) -> str:
    return json.dumps([record["kind"], record["destination"], content_of(record)], sort_keys=True)


def _of_sends(
    old: tuple[Record, str | None], new: tuple[Record, str | None], about: Mapping[str, Any]
) -> Iterator[ReplayDifference]:
    times = {"old_at": old[0]["at"], "new_at": new[0]["at"]}
    if _same_contents(*old) != _same_contents(*new):
        yield _send("sent_otherwise", new[0], new[1], about, **times)
    if times["old_at"] != times["new_at"]:
        yield _send("sent_at_another_time", new[0], new[1], about, **times)


def _send(kind: str, record: Record, step: str | None, about: Mapping[str, Any], **times: Any) -> ReplayDifference:
    return ReplayDifference(kind=kind, step=step, destination=record["destination"], **about, **times)

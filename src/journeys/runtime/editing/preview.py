"""What a step has to work with: the journey context on arrival, what it reads, and what it would send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from journeys.errors import Problem, nearest
from journeys.model import entries as e
from journeys.model.journey import Journey
from journeys.model.space import Space
from journeys.plan.references import PRESENT, Reference, references
from journeys.runtime.editing import checks
from journeys.runtime.editing.contexts import EXIT, Source, known_at
from journeys.runtime.editing.examples import Examples
from journeys.runtime.editing.vocabulary import Vocabulary
from journeys.runtime.editing.would_send import Sending, sendings

ALWAYS, SOMETIMES, NEVER = "always", "sometimes", "never"
#: computed traits that have a value from the first (P5)
_COUNTING = ("event_counter", "unique_list_count")


@attrs.frozen(kw_only=True)
class PropertyPreview:
    """A property of an event in the context: there ``always`` when the event is, or ``sometimes``."""

    path: str
    when: str
    types: tuple[str, ...]
    examples: tuple[Any, ...]


@attrs.frozen(kw_only=True)
class EventPreview:
    """An event in the context under its ``alias``: ``always``, or ``sometimes``.

    ``sources`` say from where: ``entry``, ``exit_rule gone``, or the branch of a hold as ``hold: bought``.
    """

    alias: str
    event: str
    when: str
    sources: tuple[str, ...]
    properties: tuple[PropertyPreview, ...]


@attrs.frozen(kw_only=True)
class Missing:
    """Something that the step reads and that may not be there: ``sometimes``, or ``never`` is.

    ``default`` is what is then filled in, if the author has given something.
    """

    path: str
    what: str
    there: str
    default: str | None = None


@attrs.frozen(kw_only=True)
class TraitPreview:
    """A trait that the step reads; only computed traits that count are there ``always``."""

    path: str
    when: str
    types: tuple[str, ...]
    examples: tuple[Any, ...]


@attrs.frozen(kw_only=True)
class Preview:
    """All that a step has to work with.

    ``ids`` says which ids a payload can name. ``sends`` are its payloads with example values, made by the engine
    itself; empty, with the ``problems``, if the journey cannot run as it is.
    """

    journey: str
    step: str
    context: tuple[EventPreview, ...]
    traits: tuple[TraitPreview, ...]
    ids: dict[str, str]
    missing: tuple[Missing, ...]
    sends: tuple[Sending, ...]
    problems: tuple[Problem, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return attrs.asdict(self)


def preview(
    subject: Journey | Space,
    step: str,
    *,
    journey: str | None = None,
    version: int | None = None,
    vocabulary: Vocabulary | None = None,
) -> Preview:
    """What a step has to work with when somebody arrives there; ``exit`` is the exit send.

    ``vocabulary`` gives types and values that were seen; without one, those of the definitions. Somebody who has come
    over from an earlier version by a migration may have another context (V2). KeyError if there is no such step.
    """
    space, found = _within(subject, journey, version)
    if not (step in found.steps or (step == EXIT and found.exit_send is not None)):
        raise KeyError(f"there is no step {step!r} in {found.key!r}: {nearest(step, list(found.steps))}")
    words = vocabulary if vocabulary is not None else Vocabulary(space)
    known = known_at(found, step)
    context = tuple(
        _event(found, alias, sources, ALWAYS if alias in known.always else SOMETIMES, words)
        for alias, sources in sorted(known.sources.items(), key=lambda pair: (pair[0] not in known.always, pair[0]))
    )
    part: Any = found.exit_send if step == EXIT else found.steps[step]
    root = "$.exit_send" if step == EXIT else checks.path_of(step)
    read = list(references(part, root))
    problems = tuple(checks.validity(subject))
    sends = () if problems else tuple(sendings(space, found, step, Examples(context, words)))
    return Preview(
        journey=found.key,
        step=step,
        context=context,
        traits=tuple(_traits(space, read, words)),
        ids={"id": ALWAYS, "user_id": SOMETIMES, "anonymous_id": SOMETIMES},
        missing=tuple(_missing(space, context, read)),
        sends=sends,
        problems=problems,
    )


def _within(subject: Journey | Space, key: str | None, version: int | None) -> tuple[Space, Journey]:
    if isinstance(subject, Journey):
        return checks.stand_in(subject), subject
    keys = list(dict.fromkeys(each.key for each in subject.journeys))
    if key is None and len(keys) == 1:
        key = keys[0]
    found = [each for each in subject.journeys if each.key == key and version in (None, each.version)]
    if not found:
        told = f"there is no journey {key!r}" if key is not None else "it is not said which journey"
        raise KeyError(f"{told}: {nearest(key or '', keys)}")
    return subject, max(found, key=lambda each: each.version)


# the context


def _event(journey: Journey, alias: str, sources: tuple[Source, ...], when: str, words: Vocabulary) -> EventPreview:
    event = sources[0].event
    certain = _certain(journey, sources)
    seen = words.properties.get(event)
    paths = {*certain, *(seen if seen is not None else ())}
    properties = []
    for path in sorted(paths, key=lambda each: (each not in certain, each)):
        word = seen.get(path) if seen is not None else None
        types = tuple(sorted(word.types, key=lambda each: -word.types[each])) if word is not None else ()
        examples = word.examples(words.kept) if word is not None else ()
        there = ALWAYS if path in certain else SOMETIMES
        properties.append(PropertyPreview(path=path, when=there, types=types, examples=examples))
    named = tuple(dict.fromkeys(map(_told, sources)))
    return EventPreview(alias=alias, event=event, when=when, sources=named, properties=tuple(properties))


def _told(source: Source) -> str:
    if source.exit_rule is not None:
        return f"exit_rule {source.exit_rule}"
    return "entry" if source.way is None else f"{source.way.step}: {source.way.branch}"


def _certain(journey: Journey, sources: tuple[Source, ...]) -> set[str]:
    """The properties that the event has wherever it comes from, for it would not have been taken without them."""
    found: set[str] | None = None
    for source in sources:
        here = set(_asked(journey, source))
        found = here if found is None else found & here
    return found or set()


def _asked(journey: Journey, source: Source) -> Iterator[str]:
    identifier = journey.entry.identifier if isinstance(journey.entry, e.EventEntry) else None
    if source.way is not None and source.way.step is not None:
        hold: Any = journey.steps[source.way.step]
        asking: Any = next(each for each in hold.branches if each.name == source.way.branch)
        if identifier is not None:  # S7
            yield asking.identifier or identifier
    elif source.exit_rule is not None:
        asking = next(each for each in journey.exit_rules if each.key == source.exit_rule)
        if identifier is not None and asking.match_identifier:
            yield identifier
    else:
        asking = journey.entry
        if identifier is not None:  # E3
            yield identifier
    yield from (each.property for each in asking.where if each.op in PRESENT)


# what is read


def _traits(space: Space, read: list[Reference], words: Vocabulary) -> Iterator[TraitPreview]:
    for path in dict.fromkeys(each.name for each in read if each.kind == "trait"):
        word = words.traits.get(path)
        types = tuple(sorted(word.types, key=lambda each: -word.types[each])) if word is not None else ()
        examples = word.examples(words.kept) if word is not None else ()
        yield TraitPreview(path=path, when=_trait_there(space, path), types=types, examples=examples)


def _trait_there(space: Space, path: str) -> str:
    counting = any(each.key == path and each.type in _COUNTING for each in space.computed_traits)
    return ALWAYS if counting else SOMETIMES


def _missing(space: Space, context: tuple[EventPreview, ...], read: list[Reference]) -> Iterator[Missing]:
    """What is read and not always there. A condition that asks whether something exists is content with that."""
    events = {each.alias: each for each in context}
    for each in read:
        if each.op in ("exists", "not_exists"):
            continue
        if each.kind == "trait":
            there = _trait_there(space, each.name)
            what = f"trait {each.name}"
        elif each.kind == "context":
            there = _context_there(events.get(each.name), each.property)
            what = each.name if each.property is None else f"{each.property} of {each.name}"
        else:
            continue
        if there != ALWAYS:
            yield Missing(path=each.path, what=what, there=there, default=each.default)


def _context_there(event: EventPreview | None, path: str | None) -> str:
    if event is None:
        return NEVER
    certain = {each.path for each in event.properties if each.when == ALWAYS}
    return ALWAYS if event.when == ALWAYS and (path is None or path in certain) else SOMETIMES

"""Life and versions of journeys: publish, pause, resume, archive, clone (section V); history and erasure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from functools import partial
from typing import Any

import attrs

from journeys.engine import _publishing as ops
from journeys.engine._advance import Engine
from journeys.engine._effects import Effects
from journeys.engine._encode import decode_state, encode_state
from journeys.engine._state import ProfileState
from journeys.errors import (
    Conflict,
    InvalidCall,
    InvalidDefinition,
    Problem,
    PublishRefused,
    UnknownJourney,
    nearest,
)
from journeys.model.journey import Journey, Migrate
from journeys.model.space import Space
from journeys.plan.compile import compile_space
from journeys.plan.plan import Plan
from journeys.plan.validate import validate
from journeys.runtime._core import GENERATION, MAX_CONFLICTS, Core, Request
from journeys.runtime._library import PREFIX, Entry, Library

#: how many profiles a pass over all of them changes in one commit
PASS = 500
#: the note that names a pass that has begun, so that a crash does not leave it half done
PENDING = "publishing"

Change = Callable[[Engine, ProfileState], None]


class Publisher:
    """Changes the library of a store, and with it every profile that the change concerns."""

    def __init__(self, space: Space, core: Core, library: Library) -> None:
        self.space = space
        self.core = core
        self.library = library

    # the operations of section V

    def publish(self, journey: Journey, at: int, status: str = "live") -> Generator[Request, Any, Journey]:
        """Makes the journey the live version of its key; the previous one drains, is archived, or migrates."""
        yield from self.resume_pending()
        previous = self.library.current(journey.key)
        journey, library = self.succeeded(journey, status)
        plan = self._plan(library, working=True)
        if isinstance(journey.on_previous, Migrate) and previous is not None:
            yield from self.check_migration(previous.journey, journey, at)
        operation = {"operation": "publish", "key": journey.key, "version": journey.version, "at": at}
        yield from self._begin(library, operation)
        yield from self._carry_out(plan)
        return journey

    def succeeded(self, journey: Journey, status: str = "live") -> tuple[Journey, Library]:
        """The journey as it would be published, and the library as it would be then; nothing is changed."""
        previous = self.library.current(journey.key)
        version = max(journey.version, self.library.latest(journey.key) + (previous is not None))
        journey = attrs.evolve(journey, version=version, status=status)
        number = 1 + max((_scope_number(entry.scope) for entry in self.library.entries.values()), default=0)
        entries = [Entry(journey, f"+{number}")]
        if previous is not None:
            ends = journey.on_previous == "archive" or previous.journey.status == "archived"
            kept = attrs.evolve(previous.with_status("archived" if ends else "paused"), superseded_by=version)
            entries.append(kept)
        return journey, self.library.replaced(*entries)

    def rehearsal(self, journey: Journey, at: int) -> tuple[Plan, Change]:
        """What publishing the journey would do to each profile, and under which plan; nothing is changed.

        InvalidDefinition carries all problems of the library as it would be then.
        """
        journey, library = self.succeeded(journey)
        plan = self._plan(library, working=True)
        operation = {"operation": "publish", "key": journey.key, "version": journey.version, "at": at}
        return plan, Publisher(self.space, self.core, library)._change(operation, plan)

    def set_status(self, key: str, status: str, at: int) -> Generator[Request, Any, Journey]:
        """Pauses, resumes or archives the current version of a journey, archiving what drains too."""
        yield from self.resume_pending()
        current = self.library.current(key)
        if current is None:
            keys = sorted({journey for journey, _ in self.library.entries})
            raise UnknownJourney(f"no journey {key!r} is published; {nearest(key, keys)}")
        before = current.journey.status
        if before == "archived" and status != "archived":
            raise ValueError(f"{key!r} is archived, for good: publish it again as a new version")
        if before == status:
            return current.journey
        library = self.library.replaced(current.with_status(status))
        if status == "archived":
            library = library.replaced(
                *(each.with_status("archived") for (name, _), each in library.entries.items()
                  if name == key and each.journey.status == "paused")
            )  # fmt: skip
        operation = {"operation": status, "key": key, "version": current.journey.version, "at": at}
        yield from self._begin(library, operation)
        yield from self._carry_out(self._plan(library, working=True))
        return current.with_status(status).journey

    def resume_pending(self) -> Generator[Request, Any, None]:
        """Carries out what a crash left half done."""
        notes: Mapping[str, str] = yield ("notes", (PENDING,), {})
        if notes.get(PENDING):
            yield from self._carry_out(self._plan(self.library, working=True))

    # how they are carried out

    def _plan(self, library: Library, *, working: bool = False) -> Plan:
        """The plan of the library; while a change is carried out archived versions are in it too, to be ended."""
        space = library.space(self.space)
        shown = space
        if working:
            shown = attrs.evolve(
                space,
                journeys=tuple(
                    attrs.evolve(each, status="paused") if each.status == "archived" else each
                    for each in space.journeys
                ),
            )
        problems = validate(shown)
        if problems:
            raise InvalidDefinition(problems)
        return compile_space(shown, library.scopes)

    def _begin(self, library: Library, operation: Mapping[str, Any]) -> Generator[Request, Any, None]:
        notes = {entry.name: entry.as_note() for entry in library.entries.values()}
        notes[PENDING] = json.dumps({**operation, "after": None})
        generation = str(int(self.core.generation or "0") + 1)
        notes[GENERATION] = generation
        yield from self.core.commit_notes(notes)
        self.core.generation = generation
        self.library = library

    def reload(self, generation: str) -> Generator[Request, Any, None]:
        """Another worker has published, paused or archived something: this one goes on under the same library."""
        notes: Mapping[str, str] = yield ("notes", (PREFIX,), {})
        self.library, _ = Library.opened(attrs.evolve(self.space, journeys=()), notes)
        self.core.generation = generation
        self.core.use(self._plan(self.library))

    def _carry_out(self, working: Plan) -> Generator[Request, Any, None]:
        pending: Mapping[str, str] = yield ("notes", (PENDING,), {})
        operation = json.loads(pending[PENDING])
        self.core.use(working)
        change = self._change(operation, working)
        yield from self.core.walk(change, operation, PENDING)
        yield from self.core.commit_notes({PENDING: ""})
        self.core.use(self._plan(self.library))

    def _change(self, operation: Mapping[str, Any], plan: Plan) -> Change:
        key, version, at = operation["key"], operation["version"], operation["at"]
        new = plan.journeys[key, version]
        archived = [
            plan.journeys[each] for each, entry in self.library.entries.items()
            if each[0] == key and entry.journey.status == "archived" and each in plan.journeys
        ]  # fmt: skip
        old = [
            plan.journeys[each] for each, entry in self.library.entries.items()
            if entry.superseded_by == version and each[0] == key and each in plan.journeys
        ]  # fmt: skip
        on_previous = new.model.on_previous
        processor = self.core.processor
        is_new = operation["operation"] == "publish"
        scope = self.library.scopes[key, version] + "h"

        def change(engine: Engine, profile: ProfileState) -> None:
            ops.begin(engine, profile, at, processor.watermark)
            if is_new and isinstance(on_previous, Migrate):
                for each in old:
                    ops.migrate(engine, profile, each, new, on_previous.migrate)
            for each in archived:
                ops.archive(engine, profile, each)
            if is_new and new.historical:
                ops.fill_from_history(profile, plan, scope)
            if operation["operation"] in ("publish", "live"):
                ops.arm(engine, profile, new, is_new=is_new)
            engine.settle(profile)

        return change

    def check_migration(self, old: Journey, new: Journey, at: int) -> Generator[Request, Any, None]:
        """Refuses a migration that would leave people without a step, with the list of them (V2)."""
        assert isinstance(new.on_previous, Migrate)
        steps = new.on_previous.migrate
        held: Counter[str] = Counter()
        plan = self.core.plan.journeys.get((old.key, old.version))

        def count(engine: Engine, profile: ProfileState) -> None:
            if plan is not None:  # on a copy, for what is due by then will have happened
                copy = decode_state(encode_state(profile), self.core.plan)
                ops.begin(engine, copy, at, processor.watermark)
                held.update(ops.steps_held(copy, plan))

        processor = self.core.processor
        engine = Engine(self.core.plan, Effects(traces=False))
        yield from self.core.look(lambda _, profile: count(engine, profile))
        problems = [
            _unmapped(old, new, step, steps.get(step, step), number)
            for step, number in sorted(held.items())
            if type(new.steps.get(steps.get(step, step))) is not type(old.steps[step])
        ]
        if problems:
            raise PublishRefused(problems)

    # history (C4)

    def backfill(
        self, calls: Iterable[Any], at: int, progress: Callable[[int], None] | None = None
    ) -> Generator[Request, Any, dict[str, int]]:
        """Remembers calls of the past; then every profile concerned may enter what it now meets."""
        counts: Counter[str] = Counter()
        batch: list[Any] = []
        done = 0
        for call in calls:
            batch.append(call)
            if len(batch) >= PASS:
                yield from self._backfill(batch, at, counts)
                done += len(batch)
                batch = []
                if progress is not None:
                    progress(done)
        if batch:
            yield from self._backfill(batch, at, counts)
        if progress is not None:
            progress(done + len(batch))
        return dict(counts)

    def _backfill(self, calls: list[Any], at: int, counts: Counter[str]) -> Generator[Request, Any, None]:
        for _ in range(MAX_CONFLICTS):
            tried: Counter[str] = Counter()
            try:
                yield from self.core.apply_to(calls, partial(self._remember, calls, at, tried))
            except Conflict:
                continue
            counts.update(tried)
            return
        raise Conflict("the profiles of this history were changed by other workers again and again")

    def _remember(self, calls: list[Any], at: int, counts: Counter[str]) -> None:
        processor = self.core.processor
        concerned: dict[int, ProfileState] = {}
        for call in calls:
            try:
                profile, is_new = processor.backfill(call)
            except InvalidCall as error:
                counts["rejected"] += 1
                counts[f"rejected: {error.reason}"] += 1
                continue
            counts["accepted" if is_new else "duplicates"] += 1
            if profile is not None:
                concerned[id(profile)] = profile
        for profile in concerned.values():
            if processor.states.get(profile.key) is profile:
                ops.begin(processor.engine, profile, at, processor.watermark)
                processor.engine.settle(profile)
                processor.changed(profile)


def _scope_number(scope: str) -> int:
    return int(scope[1:] or 0)


def _unmapped(old: Journey, new: Journey, step: str, target: str, number: int) -> Problem:
    kind = type(old.steps[step]).__name__
    found = new.steps.get(target)
    what = f"has no step {target!r}" if found is None else f"has a {type(found).__name__} as {target!r}"
    same = [key for key, each in new.steps.items() if type(each) is type(old.steps[step])]
    people = f"{number} {'instance waits' if number == 1 else 'instances wait'}"
    return Problem(
        "unmapped_step",
        f"$.on_previous.migrate.{step}",
        f"{people} at {step!r} ({kind}) of version {old.version}, and version {new.version} {what}",
        f"map it to a step of the same type: {', '.join(same)}" if same else "use drain or archive instead",
        expected=kind,
        got="" if found is None else type(found).__name__,
    )

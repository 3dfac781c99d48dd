"""``status``, ``deliver``, ``publish``, ``pause``, ``resume``, ``archive``, ``timeline``: what is done with a store."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

import attrs

from journeys._time import MAX, format_instant, parse_instant
from journeys.cli._destinations import add_options, built
from journeys.cli._io import (
    Failure,
    counted,
    journey_argument,
    listed,
    opened_store,
    read_bytes,
    read_space,
    space_argument,
    store_option,
    stored_space,
    table,
)
from journeys.errors import InvalidDefinition, Problem, PublishRefused, UnknownJourney, nearest
from journeys.model.journey import Journey, Migrate
from journeys.model.space import Space
from journeys.ports import Backlog
from journeys.runtime._library import PREFIX, Entry, Library, says_the_same
from journeys.runtime.analysis.figures import Figures, JourneyFigures
from journeys.runtime.analysis.migration import MigrationPlan, check
from journeys.runtime.clocks import ManualClock, SystemClock
from journeys.runtime.delivery import Deliverer
from journeys.runtime.evaluator import Evaluator

#: how many dead letters are shown; how wide the names of figures are
LETTERS, WIDTH = 10, 24


def add_commands(commands: Any) -> None:
    """Adds the commands of this module."""
    status = _command(commands, "status", "journeys, versions, people, what is due, outbox, dead letters", run_status)
    status.add_argument("--json", action="store_true", help="as one JSON document")
    deliver = _command(commands, "deliver", "send what is in the outbox", run_deliver)
    deliver.add_argument("--follow", action="store_true", help="go on until interrupted")
    deliver.add_argument(
        "--threads", type=int, default=8, metavar="N", help="so many deliveries at a time; 8 if not given"
    )
    add_options(deliver)
    deliver.add_argument("--resend", action="store_true", help="first make dead letters deliverable again")
    publish = _command(commands, "publish", "publish a journey of a space as its next version", run_publish)
    space_argument(publish)
    journey_argument(publish)
    publish.add_argument(
        "--plan", metavar="FILE", help="people move by this migration plan, as `journeys diff` writes it"
    )
    _at(publish)
    for name, text in (
        ("pause", "nobody enters any more, who is inside goes on"),
        ("resume", "people may enter again"),
        ("archive", "end a journey for good, and everyone in it"),
    ):
        change = _command(commands, name, text, run_change)
        journey_argument(change)
        _at(change)
    timeline = _command(commands, "timeline", "what happened to one person", run_timeline)
    timeline.add_argument("profile", metavar="PROFILE", help="the id under which the person is shown")
    timeline.add_argument("--json", action="store_true", help="the records as JSON lines")


def _command(commands: Any, name: str, text: str, run: Any) -> Any:
    command = commands.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
    store_option(command)
    command.set_defaults(run=run)
    return command


def _at(command: Any) -> None:
    command.add_argument("--at", metavar="INSTANT", help="as of this instant; without it, now")


def _evaluator(options: argparse.Namespace, space: Space) -> Evaluator:
    """An evaluator that sends nothing: deliveries stay in the outbox."""
    try:
        clock = SystemClock() if options.at is None else ManualClock(options.at)
    except ValueError as error:
        raise Failure(f"--at: {error}") from None
    nowhere = dict.fromkeys(space.destinations, _Nowhere())
    evaluator = Evaluator(space, destinations=nowhere, store=options.store, clock=clock)
    if options.at is not None and (mark := evaluator.watermark) is not None and parse_instant(mark) > clock.now():
        print(f"--at: the store has come to {mark} already, so that this is as of then", file=sys.stderr)
    return evaluator


class _Nowhere:
    def deliver(self, delivery: Any) -> None:
        raise AssertionError("this command sends nothing")


def run_status(options: argparse.Namespace) -> int:
    """Prints what a store holds."""
    store = opened_store(options.store)
    try:
        status = _status(store)
    finally:
        store.close()
    print(json.dumps(status, indent=2) if options.json else _status_in_words(status))
    return 0


def _status(store: Any) -> dict[str, Any]:
    entries = [Entry.from_note(note) for note in store.notes(PREFIX).values()]
    entries.sort(key=lambda each: (each.journey.key, each.journey.version))
    journeys = [each.journey for each in entries]
    people, figures, waiting = Figures.of_store(journeys, store), dict(store.figures()), store.waiting(MAX, 1)
    letters = store.dead_letters(None, LETTERS)
    return {
        "journeys": [
            {"journey": each.journey.key, "version": each.journey.version, "status": _told(each)}
            | _people(people.journey(each.journey.key, each.journey.version))
            for each in entries
        ],
        "people": {"profiles": figures["profiles"], "live": figures["live"], "records": figures["records"]},
        "due": {
            "profiles": figures["due"],
            "next": _instant(store.next_due()),
            "waiting": figures["waiting"],
            "next_waiting": _instant(waiting[0].timestamp if waiting else None),
            "watermark": _instant(store.watermark()),
        },
        "outbox": {
            "deliveries": figures["outbox"],
            "next_try": _instant(store.next_delivery()),
            "destinations": [{"destination": name, **_backlog(of)} for name, of in store.backlog().items()],
        },
        "dead_letters": {
            "deliveries": figures["dead"],
            "first": [
                {
                    "id": each.delivery.id,
                    "destination": each.delivery.destination,
                    "profile": each.delivery.profile,
                    "at": format_instant(each.at),
                    "error": each.error,
                }
                for each in letters
            ],
        },
        "counters": dict(sorted(store.counters().items())),
    }


def _backlog(of: Backlog) -> dict[str, Any]:
    oldest = None if of.oldest is None else format_instant(of.oldest)
    return {"waiting": of.waiting, "in_flight": of.in_flight, "dead": of.dead, "oldest": oldest}


def _instant(instant: int | None) -> str | None:
    """An instant as text; None while there is none, and "now" for what waits for nothing."""
    if instant is None or instant < 0:
        return None
    return format_instant(instant) if instant else "now"


def _status_in_words(status: dict[str, Any]) -> str:
    journeys = [[str(value) for value in each.values()] for each in status["journeys"]]
    heading = ["journey", "version", "status", "entered", "left", "inside"]
    parts = [table([heading, *journeys], right=frozenset({1, 3, 4, 5}))]
    sections = {
        "people": {"profiles": "profiles", "live": "live instances", "records": "records in the trace"},
        "due": {
            "profiles": "profiles with a deadline",
            "next": "the next deadline",
            "waiting": "calls that wait",
            "next_waiting": "the first of them",
            "watermark": "watermark",
        },
        "outbox": {"deliveries": "deliveries to be sent", "next_try": "the next try"},
        "dead_letters": {"deliveries": "deliveries given up"},
    }
    for section, names in sections.items():
        parts.append(_section(section.replace("_", " "), {names[key]: status[section][key] for key in names}))
        if section == "outbox" and (outbox := status[section]["destinations"]):
            heading = [name.replace("_", " ") for name in outbox[0]]
            rows = [["-" if value is None else str(value) for value in each.values()] for each in outbox]
            parts.append(table([heading, *rows], right=frozenset({1, 2, 3})))
    if letters := status["dead_letters"]["first"]:
        parts.append(table([list(letters[0]), *([*map(str, each.values())] for each in letters)]))
    if status["counters"]:
        parts.append(_section("counted", status["counters"]))
    return "\n\n".join(parts)


def _section(name: str, values: Mapping[str, Any]) -> str:
    told = {
        key: "-" if value is None else f"{value:,}" if isinstance(value, int) else value
        for key, value in values.items()
    }
    left, right = max(WIDTH, *map(len, told)), max(map(len, told.values()))
    return "\n".join([name, *(f"  {key.ljust(left)}  {value.rjust(right)}" for key, value in told.items())])


def _told(entry: Entry) -> str:
    if entry.superseded_by is not None and entry.journey.status == "paused":
        return f"replaced (version {entry.superseded_by} took over)"
    return entry.journey.status


def _people(figures: JourneyFigures) -> dict[str, int]:
    """How many have entered a version, have left it and are inside."""
    ends = (figures.completed, figures.exited, figures.expired, figures.archived, figures.merged, figures.failed)
    return {
        "entered": figures.entered + figures.migrated_in,
        "left": sum(ends) + figures.migrated_out,
        "inside": figures.in_progress,
    }


def run_deliver(options: argparse.Namespace) -> int:
    """Sends what is in the outbox; exit code 1 if dead letters are left."""
    store = opened_store(options.store)
    try:
        space = stored_space(store)
        deliverer = Deliverer(store, built(space, options, "the space of this store"), clock=SystemClock())
        if options.resend:
            letters = store.dead_letters(None, 1 << 30)
            print(f"{counted(deliverer.resend(list(letters)), 'dead letter')} made deliverable again")
        if options.follow:
            deliverer.run(threading.Event(), options.threads)
            return 0
        done = deliverer.drain()
        print(f"delivered {done.delivered:,}, to be tried again {done.retried:,}, given up {done.dead:,}")
        if done.next_try:
            print(f"the next try is due at {format_instant(done.next_try)}")
        return 1 if store.dead_letters(None, 1) else 0
    finally:
        store.close()


def run_publish(options: argparse.Namespace) -> int:
    """Publishes one journey; exit code 1 with the list of steps that hold people and have no counterpart."""
    space = read_space(options.space)
    found = [each for each in space.journeys if each.key == options.journey]
    if not found:
        keys = [each.key for each in space.journeys]
        raise Failure(f"no journey {options.journey!r} in {options.space}; {nearest(options.journey, keys)}")
    journey = max(found, key=lambda each: each.version)
    plan = None if options.plan is None else _plan(options.plan, journey)
    with closing(opened_store(options.store, anew=plan is None)) as store:
        library = Library.stored(store.notes(PREFIX))
    known = [each.journey for each in library.entries.values()]
    entry = library.current(journey.key)
    current = None if entry is None else entry.journey
    is_there = current is not None and current.status == "live" and says_the_same(current, journey)
    if plan is not None and not (is_there and current is not None and _was_applied(plan, current)):
        _refuse(options.plan, _misfits(plan, journey, current, is_there=is_there))
        journey = plan.applied_to(journey)
    kept = attrs.evolve(space, journeys=tuple(each for each in known if each.status != "archived"))
    try:
        with _evaluator(options, kept) as evaluator:
            if current is not None and is_there:
                print(f"{journey.key} version {current.version} is live, and says the same")
                return 0
            before = evaluator.journey_figures()
            published = evaluator.publish(journey)
            after = evaluator.journey_figures()
            expected = "moved" if type(published.on_previous) is Migrate else ""
            print(_outcome(published, before, after, expected))
            if goes_on := _inside_before(after, published):
                print(f"{goes_on:,} inside earlier versions {'goes' if goes_on == 1 else 'go'} on there")
    except (PublishRefused, InvalidDefinition) as error:
        raise Failure(f"refused, and nothing has moved:\n{listed(list(error.problems))}", 1) from None
    return 0


def _plan(path: str, journey: Journey) -> MigrationPlan:
    """The plan in a file; it is this journey's, and leads to its steps."""
    try:
        plan = MigrationPlan.from_json(read_bytes(path))
    except InvalidDefinition as error:
        raise Failure(_in_file(path, error.problems)) from None
    _refuse(path, check(plan, journey))
    return plan


def _was_applied(plan: MigrationPlan, current: Journey) -> bool:
    """Whether it is by this plan that the current version took over: the same command a second time does no harm."""
    return plan.to_version == current.version and plan.migrate == current.on_previous


def _misfits(plan: MigrationPlan, journey: Journey, current: Journey | None, *, is_there: bool) -> Sequence[Problem]:
    """Why the plan does not fit the version that it would replace, or why there is nothing to replace."""
    got = str(plan.from_version)
    if current is None:
        message = f"the store has no version of {journey.key!r}, so that there is nobody to move"
        return [Problem("wrong_version", "$.from_version", message, "publish it without a plan", got=got)]
    if is_there:
        message = f"version {current.version} is live and says the same: nothing is published, so that nobody moves"
        return [Problem("wrong_version", "$.to_version", message, "a plan moves people when a version is published")]
    return check(plan, journey, old=current)


def _refuse(path: str, problems: Sequence[Problem]) -> None:
    if problems:
        raise Failure(_in_file(path, problems))


def _in_file(path: str, problems: Sequence[Problem]) -> str:
    return f"{path}: {counted(len(problems), 'problem')}\n{listed(problems)}"


def run_change(options: argparse.Namespace) -> int:
    """Pauses, resumes or archives a journey."""
    store = opened_store(options.store)
    space = stored_space(store)
    store.close()
    try:
        with _evaluator(options, attrs.evolve(space, journeys=())) as evaluator:
            before = evaluator.journey_figures()
            changed: Journey = getattr(evaluator, options.command)(options.journey)
            expected = "ended" if changed.status == "archived" else ""
            print(_outcome(changed, before, evaluator.journey_figures(), expected))
    except (UnknownJourney, ValueError) as error:
        raise Failure(str(error)) from None
    return 0


def _outcome(journey: Journey, before: Figures, after: Figures, expected: str) -> str:
    """What a change has come to: ``cart version 2 is live: 3 moved``; what is expected is told also of nobody."""
    happened = _happened(after, journey.key) - _happened(before, journey.key)
    numbers = [f"{happened[what]:,} {what}" for what in ("moved", "ended", "entered") if happened[what]]
    if not numbers and expected:
        numbers = [f"0 {expected}"]
    return f"{journey.key} version {journey.version} is {journey.status}" + (
        f": {', '.join(numbers)}" if numbers else ""
    )


def _happened(figures: Figures, key: str) -> Counter[str]:
    """How many have moved to another version, were ended by archiving, and have entered."""
    versions = _versions(figures, key)
    return Counter(
        moved=sum(each.migrated_in for each in versions),
        ended=sum(each.archived for each in versions),
        entered=sum(each.entered for each in versions),
    )


def _versions(figures: Figures, key: str) -> list[JourneyFigures]:
    return [figures.journey(key, version) for version in figures.versions(key)]


def _inside_before(figures: Figures, published: Journey) -> int:
    """How many go on in versions before this one."""
    versions = [each for each in figures.versions(published.key) if each < published.version]
    return sum(figures.journey(published.key, version).in_progress for version in versions)


def run_timeline(options: argparse.Namespace) -> int:
    """Prints the records of one person; exit code 1 if there are none."""
    store = opened_store(options.store)
    try:
        records = [json.loads(line) for line in store.trace(profile=options.profile)]
    finally:
        store.close()
    if not records:
        raise Failure(f"nothing has happened to {options.profile!r}", 1)
    if options.json:
        for record in records:
            print(json.dumps(record))
        return 0
    rows = [[each["at"], each.get("journey") or each.get("audience") or each.get("computed_trait") or "", _what(each)]
            for each in records]  # fmt: skip
    print(table([["at", "journey", "what happened"], *rows]))
    return 0


def _what(record: dict[str, Any]) -> str:
    told: dict[str, Callable[[dict[str, Any]], str]] = {
        "entered": lambda r: "entered" + (f" ({json.dumps(r['identifier'])})" if "identifier" in r else ""),
        "step": lambda r: f"came to {r['step']}",
        "branch": lambda r: f"{r['step']}: {r['branch']}",
        "restarted": lambda r: f"{r['step']} began again: {r['branch']}",
        "sent": lambda r: f"sent to {r['destination']}",
        "list_added": lambda r: f"added to {r['destination']}",
        "list_removed": lambda r: f"taken off {r['destination']}",
        "skipped": lambda r: f"{r['step']} skipped: {r['reason']}",
        "exited": lambda r: f"exited by {r['rule']}" if r["rule"] else "exited: its time was over",
        "failed": lambda r: f"failed: {r['error']}",
        "migrated": lambda r: f"moved from version {r['from']} to {r['to']}",
        "goal": lambda r: "reached the goal",
    }
    tell = told.get(record["kind"])
    return str(record["kind"]) if tell is None else tell(record)

"""Small spaces, calls and runs: what the tests of the engine share.

Instants are written as durations since ``START``: ``"PT2H"`` is two hours later, ``"PT2H+1"`` a microsecond after
that, ``"0"`` the start itself; text that is no duration is taken as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from journeys._time import Duration, format_instant, parse_instant
from journeys.codec import load_space
from journeys.runtime._drive import drive
from journeys.runtime.simulation import Simulation

Json = dict[str, Any]

# on a machine that does other things too, how long an example takes says nothing
settings.register_profile("journeys", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("journeys")

START = "2026-01-01T00:00:00Z"
_WHEN = re.compile(r"(0|-?P[0-9A-Z.]+)([+-]\d+)?")


def instant(when: str = "0", start: str = START) -> int:
    """The instant that ``when`` names, in microseconds."""
    match = _WHEN.fullmatch(when)
    if match is None:
        return parse_instant(when)
    begin = parse_instant(start)
    since = begin if match[1] == "0" else Duration.of(match[1]).after(begin)
    return since + int(match[2] or 0)


def at(when: str = "0", start: str = START) -> str:
    """The same as text."""
    return format_instant(instant(when, start))


def property_test(examples: int) -> Any:
    """A property of random cases, each made from a seed: a failure names it, for it does not shrink."""
    phases = (Phase.explicit, Phase.reuse, Phase.generate)
    return lambda test: settings(max_examples=examples, phases=phases)(given(seed=st.integers(0, 10**9))(test))


# calls


def call(type: str, when: str | None = "0", user: str | None = "u1", **fields: Any) -> Json:
    """Any call; ``id`` is its messageId, ``anon`` its anonymousId."""
    made: Json = {"type": type}
    if when is not None:
        made["timestamp"] = at(when)
    if user is not None:
        made["userId"] = user
    if "anon" in fields:
        made["anonymousId"] = fields.pop("anon")
    if "id" in fields:
        made["messageId"] = fields.pop("id")
    return made | fields


def track(event: str, when: str | None = "0", user: str | None = "u1", /, **fields: Any) -> Json:
    """A track call; fields other than ``id`` and ``anon`` are properties."""
    known = {name: fields.pop(name) for name in ("id", "anon") if name in fields}
    return call("track", when, user, event=event, properties=fields, **known)


def identify(when: str = "0", user: str | None = "u1", /, **fields: Any) -> Json:
    """An identify call; fields other than ``id`` and ``anon`` are traits."""
    known = {name: fields.pop(name) for name in ("id", "anon") if name in fields}
    return call("identify", when, user, traits=fields, **known)


def alias(previous: str, user: str, when: str = "0", **fields: Any) -> Json:
    return call("alias", when, user, previousId=previous, **fields)


@dataclass(frozen=True)
class Advance:
    """Stands among calls: time is advanced to this instant (T5)."""

    when: str


# spaces


def space(*journeys: Json, **fields: Any) -> Json:
    """A space of these journeys; ``email`` and ``crm`` take sends, ``ads`` and ``social`` are lists."""
    record, a_list = {"type": "record"}, {"type": "record", "list": True}
    destinations = {"email": record, "crm": record, "ads": a_list, "social": a_list}
    return {"format": "journeys/1", "destinations": destinations, "journeys": list(journeys), **fields}


def journey(steps: Json | None = None, *, key: str = "j", entry: Any = "Start", **fields: Any) -> Json:
    """A journey that starts at the first of its steps; an entry that is text is an event."""
    if isinstance(entry, str):
        entry = on(entry)
    if "type" in entry and entry["type"] not in ("event_entry", "condition_entry"):
        entry = {"type": "condition_entry", "condition": entry}
    steps = {"wait": delay("P300D")} if steps is None else steps
    return {"key": key, "entry": entry, "start": next(iter(steps)), "steps": steps, **fields}


def on(event: str, **fields: Any) -> Json:
    """An event entry."""
    return {"type": "event_entry", "event": event, **fields}


def where(*filters: tuple[Any, ...]) -> list[Json]:
    """Filters as (property, operator, value)."""
    return [dict(zip(("property", "op", "value"), each, strict=False)) for each in filters]


def did(event: str, **fields: Any) -> Json:
    """An event condition."""
    return {"type": "event", "event": event, **fields}


def trait(path: str, op: str = "equals", *value: Any) -> Json:
    """A trait condition."""
    return {"type": "trait", "trait": path, "op": op, **({"value": value[0]} if value else {})}


def negated(condition: Json) -> Json:
    return {"type": "not", "condition": condition}


def every(*conditions: Json) -> Json:
    return {"type": "all", "conditions": list(conditions)}


def either(*conditions: Json) -> Json:
    return {"type": "any", "conditions": list(conditions)}


ALWAYS, NEVER = every(), either()


def delay(duration: str | None, next: str | None = None, **fields: Any) -> Json:
    return {"type": "delay", **({"duration": duration} if duration else {}), "next": next, **fields}


def until_time(time: str, next: str | None = None, **fields: Any) -> Json:
    return {"type": "delay", "until": {"time": time, **fields}, "next": next}


def wait(condition: Json, next: str | None = None) -> Json:
    return {"type": "wait_for_condition", "condition": condition, "next": next}


def send(next: str | None = None, *, to: str = "email", **fields: Any) -> Json:
    """A send with one activation."""
    return {"type": "send_to_destination", "activations": [{"destination": to, **fields}], "next": next}


def hold(duration: str, *branches: Json, timeout: str | None = None, **fields: Any) -> Json:
    return {"type": "hold_until", "max_duration": duration, "branches": list(branches), "timeout": timeout, **fields}


def branch(name: str, event: str, next: str | None = None, **fields: Any) -> Json:
    made = {"name": name, "event": event, "next": next, **fields}
    return {key: value for key, value in made.items() if not (key == "next" and fields.get("restart"))}


def if_else(condition: Json, yes: str | None = None, no: str | None = None) -> Json:
    return {"type": "true_false_split", "condition": condition, "if_true": yes, "if_false": no}


def branches(*each: tuple[str, Json, str | None], **fields: Any) -> Json:
    """A multi-branch split of (name, condition, next)."""
    made = [{"name": name, "condition": condition, "next": next} for name, condition, next in each]
    return {"type": "multi_branch_split", "branches": made, **fields}


def data_split(*each: tuple[str, Json, str | None], everyone_else: str | None = None) -> Json:
    return {**branches(*each), "type": "data_split", "everyone_else": everyone_else}


def random_split(*each: tuple[str, float, str | None], **fields: Any) -> Json:
    made = [{"name": name, "percent": percent, "next": next} for name, percent, next in each]
    return {"type": "randomized_split", "branches": made, **fields}


def ad(next: str | None = None, *, to: str = "ads", **fields: Any) -> Json:
    return {"type": "show_ad", "destination": to, "next": next, **fields}


def message(channel: str = "email", next: str | None = None, **fields: Any) -> Json:
    template = fields.pop("template", {"text": "hello"})
    return {
        "type": "send_message",
        "channel": channel,
        "destination": "email",
        "template": template,
        "next": next,
    } | fields


# runs


@dataclass
class Run:
    """What came of it."""

    trace: list[Json]
    answers: list[str]
    counters: dict[str, int]
    simulation: Simulation

    def story(self, *kinds: str, profile: str | None = None, journey: str | None = None) -> list[str]:
        """The trace in short: when (since ``START``), what, where; of these kinds if some are named."""
        return [
            told(record)
            for record in self.trace
            if (not kinds or record["kind"] in kinds)
            and profile in (None, record["profile"])
            and journey in (None, record.get("journey"))
        ]

    def records(self, kind: str) -> list[Json]:
        return [record for record in self.trace if record["kind"] == kind]

    def payloads(self) -> list[Json]:
        return [record["payload"] for record in self.records("sent")]


def told(record: Json) -> str:
    """One record in short: ``PT2H branch hold timeout``."""
    since = parse_instant(record["at"]) - parse_instant(START)
    micros = since % 1_000_000
    when = str(Duration(0, since - micros)) if since - micros else "0"
    if micros:
        when += f"+{micros}"
    names = ("step", "branch", "rule", "reason", "error", "audience", "computed_trait")
    shown = [str(record[name]) for name in names if record.get(name) is not None]
    return " ".join([when, record["kind"], *shown])


def run(document: Json, calls: Iterable[Any], until: str | None = None, *, store: Any = None, batch: int = 1) -> Run:
    """Replays calls, ``Advance`` among them, then advances to ``until``; without it, to where nothing more happens."""
    simulation = Simulation(load_space(document), store)
    answers: list[str] = []
    group: list[Any] = []

    def flush() -> None:
        answers.extend(answer.status for answer in simulation.feed(group))
        group.clear()

    for each in calls:
        if isinstance(each, Advance):
            flush()
            advance(simulation, instant(each.when))
            continue
        group.append(each)
        if len(group) >= batch:
            flush()
    if group:
        flush()
    simulation.finish(None if until is None else instant(until))
    return Run(trace_of(simulation), answers, counters_of(simulation), simulation)


def advance(simulation: Simulation, to: int) -> None:
    """What ``Evaluator.advance`` does: the watermark comes to the instant less the allowed lateness."""
    drive(simulation.core.advance(to), simulation.store)
    simulation._collect()


def trace_of(simulation: Simulation) -> list[Json]:
    return [json.loads(line) for line in simulation.trace()]


def counters_of(simulation: Simulation) -> dict[str, int]:
    counted = dict(simulation.store.counters())
    for name, number in simulation.core.effects.counters.items():
        counted[name] = counted.get(name, 0) + number
    return counted


def story(document: Json, calls: Sequence[Any], until: str | None = None, *kinds: str) -> list[str]:
    """The trace of a run, in short."""
    return run(document, calls, until).story(*kinds)


def rule(*_: str) -> Any:
    """Says which rules of the contract a test proves, where its docstring does not."""
    return lambda test: test

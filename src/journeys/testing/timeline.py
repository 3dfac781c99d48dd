"""The timeline of a person, to be read: what they did, what happened, and what they wait for until when."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from journeys._time import format_instant, instant_of
from journeys.engine._effects import Effects, Record
from journeys.errors import nearest
from journeys.runtime._calls import Answer
from journeys.runtime._views import ProfileView
from journeys.runtime.evaluator import Evaluator
from journeys.testing._instants import day_of, time_of
from journeys.testing._waits import Waits
from journeys.testing.verdicts import with_values

#: what the evaluator counts, in words for the call that caused it
_COUNTED = {
    "missing_identifier": "does not enter: the event has no identifier",
    "late_entries": "does not enter: it is from before the end of the last time",
    "too_many_instances": "does not enter: too many live instances",
    "missing_value": "a delay found no instant to wait for",
    "max_restarts": "the hold does not start again: too often already",
}


class Said:
    """A call of the story, what was answered, and which records and counts it caused."""

    __slots__ = ("_counts", "_counts_before", "after", "answer", "at", "before", "call", "timestamp")

    def __init__(self, call: Mapping[str, Any], received: int, watermark: int, effects: Effects) -> None:
        self.call = call
        given = call.get("timestamp")
        self.timestamp = received if given is None else instant_of(given)
        #: not before it can have been applied
        self.at = max(self.timestamp, watermark)
        self.before = self.after = len(effects.records)
        self._counts_before = dict(effects.counters)
        self.answer: Answer

    def close(self, answer: Answer, effects: Effects) -> None:
        """The evaluator has answered."""
        self.answer = answer
        self.after = len(effects.records)
        self._counts = dict(effects.counters)

    def counted(self, name: str) -> bool:
        """Whether the call was counted under that name."""
        return self._counts.get(name, 0) > self._counts_before.get(name, 0)


def timeline(
    evaluator: Evaluator, said: Sequence[Said], name: str, ids: frozenset[str], profile: ProfileView | None
) -> str:
    """The timeline of the person of these ids."""
    records = evaluator._core.effects.records
    page = _Page()
    place = 0
    for each in said:
        page.records(records[place : each.before], name, ids)
        own = records[each.before : each.after]
        page.records([record for record in own if record.at < each.at], name, ids)
        if ids & {each.call.get("userId"), each.call.get("anonymousId"), each.call.get("previousId")}:
            page.line(each.at, _call(each, evaluator, name))
        page.records([record for record in own if record.at >= each.at], name, ids)
        place = max(place, each.after)
    page.records(records[place:], name, ids)
    calls = [{**each.call, "timestamp": format_instant(each.timestamp)} for each in said]
    return "\n".join([name, *(page.lines or ["  has not done anything"]), *_now(evaluator, profile, calls)])


class _Page:
    """Lines with the time before them, where it is another than on the line above, and a line for each new day."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._day = self._time = ""

    def line(self, at: int, text: str) -> None:
        day, time = day_of(at), time_of(at)
        if day != self._day:
            self.lines.append(f"  {day}")
            self._day, self._time = day, ""
        shown = time if time != self._time else " " * len(time)
        self.lines.append(f"    {shown}  {text}")
        self._time = time

    def records(self, records: Sequence[Record], name: str, ids: Collection[str]) -> None:
        for record in records:
            if record.profile in ids:
                own = "" if record.profile == name else f" (as {record.profile})"
                self.line(record.at, f"{_label(record)}{_event(record)}{own}")


def _label(record: Record) -> str:
    if record.of is None:
        return "  "
    identifier = record.of.identifier
    return f"  {record.journey}{'' if identifier is None else f' [{identifier}]'}: "


def _event(record: Record) -> str:
    fields = record.as_dict()
    step = fields.get("step")
    match record.kind:
        case "entered":
            return "enters"
        case "step":
            return f"comes to {step}"
        case "branch":
            return f"takes {fields['branch']} at {step}"
        case "restarted":
            return f"starts again at {step}: {fields['branch']}"
        case "sent":
            payload = fields["payload"]
            what = payload.get("event") if payload.get("type") == "track" else None
            by = fields.get("audience") or fields.get("computed_trait") or step or "exit send"
            return f"{fields['destination']} gets {what or payload.get('type') or 'a message'} ({by})"
        case "list_added":
            return f"is added to {fields['destination']} ({step})"
        case "list_removed":
            return f"is taken off {fields['destination']} ({step})"
        case "skipped":
            return f"{step} is skipped: {fields['reason'].replace('_', ' ')}"
        case "completed":
            return "completes"
        case "exited":
            return f"exits by {fields['rule'] or 'exit_after'}"
        case "goal":
            return "reaches its goal"
        case "migrated":
            return f"moves from version {fields['from']} to {fields['to']}"
        case "failed":
            return f"fails: {fields['error']}"
    return f"ends as {record.kind}"


def _call(said: Said, evaluator: Evaluator, name: str) -> str:
    call, answer = said.call, said.answer
    own = call.get("userId") or call.get("anonymousId")
    remarks = [] if own == name or call["type"] == "alias" else [f"as {own}"]
    if answer.status == "late":
        remarks.append(f"late, of {day_of(said.timestamp)} {time_of(said.timestamp)}")
    elif answer.status != "accepted":
        remarks.append(str(answer))
    if said.timestamp > evaluator._core.processor.watermark and evaluator._core.plan.may_be_late:
        remarks.append("not applied yet, because of allowed_lateness")
    elif said.counted("unwanted"):
        remarks.append(_unwanted(call, evaluator))
    remarks += [words for counted, words in _COUNTED.items() if said.counted(counted)]
    return _does(call) + "".join(f" — {remark}" for remark in remarks)


def _does(call: Mapping[str, Any]) -> str:
    properties, traits = with_values(call.get("properties") or {}), with_values(call.get("traits") or {})
    match call["type"]:
        case "track":
            return f"does {call.get('event')}{properties}"
        case "page" | "screen":
            return f"sees the {call['type']} {call.get('name')}{properties}"
        case "identify":
            linked = f", with {call['anonymousId']}" if "userId" in call and "anonymousId" in call else ""
            return f"is{traits or ' there'}{linked}"
        case "group":
            return f"joins {call.get('groupId')}{traits}"
    return f"becomes {call.get('userId')}, so far {call.get('previousId')}"


def _unwanted(call: Mapping[str, Any], evaluator: Evaluator) -> str:
    event = {"page": "Page Viewed", "screen": "Screen Viewed"}.get(call["type"]) or str(call.get("event"))
    hint = nearest(event, sorted(evaluator._core.plan.routes))
    return "nothing names this event" + (f"; {hint}" if hint.startswith("did you") else "")


def _now(evaluator: Evaluator, profile: ProfileView | None, calls: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    now = max(evaluator.clock.now(), evaluator._core.processor.watermark)
    yield f"  now, {day_of(now)} {time_of(now)}"
    if profile is None:
        yield "    is not known"
        return
    known = {**profile.traits, **profile.computed_traits}
    if known:
        yield f"    traits{with_values(known)}"
    for what, names in (("lists", profile.lists), ("audiences", profile.audiences)):
        if names:
            yield f"    {what}: {', '.join(names)}"
    for line in Waits(evaluator, profile, calls).lines():
        yield f"    {line}"

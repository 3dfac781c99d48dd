"""One profile's unit of work: deadlines, entries, steps, exits, what is true now (T6, E, S, X, O2 to O4)."""

from __future__ import annotations

import copy
from typing import Any

from .clock import next_local, parse_duration, parse_instant, plus, show, zone
from .conditions import Event, candidates, holds, matches, trait
from .payloads import Content, activation_payload, chosen_branch, delivery_id, digest
from .profiles import INSIDE, NEVER, Instance, Profile, Wait
from .values import MISSING, compact, identifier_key, lookup

Json = dict[str, Any]
Deadline = tuple[tuple[Any, ...], str, Any]


class Journeys:
    """Running one space for all its profiles: one unit of work after the other (O1)."""

    def __init__(self, space: Json) -> None:
        self.space = space
        published = [one for one in space.get("journeys", []) if one.get("status", "live") in ("live", "paused")]
        self.journeys = sorted(published, key=lambda one: one["key"])
        self.records: list[tuple[int, str, Json]] = []
        self.counts: dict[str, int] = {}
        settings = space.get("settings") or {}
        segment = 25 if settings.get("limits") == "segment" else 1000
        self.max_live: int = settings.get("max_live_instances", segment)

    # --- records ------------------------------------------------------------------------------------

    def record(self, profile: Profile, one: Instance, at: int, kind: str, **fields: Any) -> None:
        line = {
            "at": show(at),
            "profile": profile.id,
            "journey": one.journey["key"],
            "version": one.journey.get("version", 1),
            "instance": one.id,
            "kind": kind,
            **fields,
        }
        self.records.append((at, profile.id, copy.deepcopy(line)))

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    # --- entering -----------------------------------------------------------------------------------

    def has_room(self, profile: Profile) -> bool:
        """E9: completed instances do not count."""
        return len([one for one in profile.instances if one.state == "live"]) < self.max_live

    def enter(self, profile: Profile, journey: Json, at: int, cause: str, identifier: Any, context: Json) -> None:
        """One more instance, run until every token waits or has ended (O6)."""
        parts = (journey["key"], str(journey.get("version", 1)), profile.id, cause)
        known = "" if identifier is MISSING else compact(identifier)
        one = Instance(journey, digest(*parts, known), at, identifier, copy.deepcopy(context))
        profile.instances.append(one)
        profile.entered.add(journey["key"])
        if one.v1:
            again = journey.get("exit_after") and journey.get("reentry_after")
            profile.armed[journey["key"]] = INSIDE if again else NEVER
        shown = {} if identifier is MISSING else {"identifier": identifier}
        self.record(profile, one, at, "entered", **shown)
        self.run(profile, one, journey["start"], at)
        self.complete_if_done(profile, one, at)

    def may_enter_v1(self, profile: Profile, journey: Json, at: int) -> bool:
        """E5, E6, E9: live, armed, true, and room for it."""
        armed = profile.armed.get(journey["key"], 0)
        return (
            journey["entry"]["type"] == "condition_entry"
            and journey.get("status", "live") == "live"
            and isinstance(armed, int)
            and armed <= at
            and self.has_room(profile)
            and holds(journey["entry"]["condition"], profile.view(self.space), at)
        )

    def enter_v2(self, profile: Profile, event: Event, at: int, cause: str, late: bool) -> None:
        """O2 (6): journeys by key; E1 to E4, E8, E9."""
        for journey in self.journeys:
            entry = journey["entry"]
            if entry["type"] != "event_entry" or journey.get("status", "live") != "live":
                continue
            view = profile.view(self.space)
            if not matches(entry, event, view, at):
                continue
            if entry.get("audience") and not holds({"type": "audience", "audience": entry["audience"]}, view, at):
                continue
            identifier: Any = MISSING
            if entry.get("identifier"):
                identifier = lookup(event.properties, entry["identifier"])
                if identifier_key(identifier) is None:
                    self.count("missing_identifier")
                    continue
            key = (journey["key"], identifier_key(identifier))
            if entry.get("reentry") == "once" and journey["key"] in profile.entered:
                continue
            if any(one.state == "live" and one.key == key for one in profile.instances):
                continue
            end = profile.ends.get(key)
            if late and end is not None and end > at - self.window and event.timestamp <= end:
                continue
            if not self.has_room(profile):
                self.count("too_many_instances")
                continue
            self.enter(profile, journey, at, cause, identifier, {event.name: event.properties})

    @property
    def window(self) -> int:
        text = (self.space.get("settings") or {}).get("dedupe_window", "P7D")
        return parse_duration(text).exact

    # --- leaving ------------------------------------------------------------------------------------

    def end(self, profile: Profile, one: Instance, at: int, kind: str, **fields: Any) -> None:
        """The instance leaves its journey (X3); the lists go after the record of the end (X1, X4)."""
        one.state = "gone"
        one.waits.clear()
        one.merged = kind == "merged"
        self.ended(profile, one, at)
        if kind != "merged" and profile.armed.get(one.journey["key"]) == INSIDE:
            profile.armed[one.journey["key"]] = plus(at, parse_duration(one.journey["reentry_after"]))
        self.record(profile, one, at, kind, **fields)

    def ended(self, profile: Profile, one: Instance, at: int) -> None:
        profile.ends[one.key] = max(at, profile.ends.get(one.key, at))

    def leave_lists(self, profile: Profile, one: Instance, at: int) -> None:
        for step in sorted(one.lists):
            self.record(
                profile, one, at, "list_removed", step=step, destination=one.journey["steps"][step]["destination"]
            )
        one.lists.clear()

    def complete_if_done(self, profile: Profile, one: Instance, at: int) -> None:
        """S10."""
        if one.state == "live" and not one.waits:
            one.state = "completed"
            if not one.v1:
                self.ended(profile, one, at)
            self.record(profile, one, at, "completed")

    def exit(self, profile: Profile, one: Instance, at: int, rule: Json, event: Event) -> None:
        """X1: `exited`, the exit send, the lists."""
        self.end(profile, one, at, "exited", rule=rule["key"])
        send = one.journey.get("exit_send")
        if send and rule["key"] in send["rules"]:
            context = {**one.context, event.name: event.properties}
            self.send(profile, one, at, None, 0, send["activation"], context)
        self.leave_lists(profile, one, at)

    # --- steps --------------------------------------------------------------------------------------

    def truth(self, profile: Profile, one: Instance, condition: Json, at: int) -> bool:
        return holds(condition, profile.view(self.space, one.context), at)

    def run(self, profile: Profile, one: Instance, key: str | None, at: int) -> None:
        """A token arrives at a step, or ends; depth first (S8)."""
        if key is None:
            return
        self.record(profile, one, at, "step", step=key)
        if key in one.visited:
            return
        one.visited.add(key)
        step = one.journey["steps"][key]
        kind = step["type"]
        if kind == "wait_for_condition":
            if self.truth(profile, one, step["condition"], at):
                self.run(profile, one, step.get("next"), at)
            else:
                one.waits[key] = Wait(key, branches=[0])
        elif kind == "delay":
            self.delay(profile, one, key, step, at)
        elif kind == "true_false_split":
            answer = self.truth(profile, one, step["condition"], at)
            self.branch(profile, one, key, "true" if answer else "false", step.get(f"if_{answer}".lower()), at)
        elif kind == "multi_branch_split":
            one.waits[key] = Wait(key, branches=list(range(len(step["branches"]))))
            for index in range(len(step["branches"])):
                self.try_branch(profile, one, key, index, at)
        elif kind == "data_split":
            for branch in step["branches"]:
                if self.truth(profile, one, branch["condition"], at):
                    self.branch(profile, one, key, branch["name"], branch.get("next"), at)
                    return
            self.branch(profile, one, key, "everyone_else", step.get("everyone_else"), at)
        elif kind == "randomized_split":
            subject = profile.id if one.v1 or step.get("sticky") else one.id
            branch = chosen_branch(one.journey["key"], key, subject, step["branches"])
            self.branch(profile, one, key, branch["name"], branch.get("next"), at)
        elif kind == "hold_until":
            one.waits[key] = Wait(key, due=plus(at, parse_duration(step["max_duration"])))
        elif kind == "send_to_destination":
            for index, activation in enumerate(step["activations"]):
                self.send(profile, one, at, key, index, activation, one.context)
            self.run(profile, one, step.get("next"), at)
        elif kind == "show_ad":
            after = step.get("remove_after")
            one.lists[key] = plus(at, parse_duration(after)) if after else None
            self.record(profile, one, at, "list_added", step=key, destination=step["destination"])
            self.run(profile, one, step.get("next"), at)
        elif kind == "send_message":
            self.message(profile, one, key, step, at)
            self.run(profile, one, step.get("next"), at)
        else:
            raise ValueError(f"unknown step {kind!r}")

    def branch(self, profile: Profile, one: Instance, key: str, name: str, following: str | None, at: int) -> None:
        self.record(profile, one, at, "branch", step=key, branch=name)
        self.run(profile, one, following, at)

    def try_branch(self, profile: Profile, one: Instance, key: str, index: int, at: int) -> bool:
        """A wait for a condition, or one open branch of a split (S1, S4), if its condition is true now."""
        wait = one.waits.get(key)
        if one.state != "live" or wait is None or index not in wait.branches:
            return False
        step = one.journey["steps"][key]
        split = step["type"] == "multi_branch_split"
        part = step["branches"][index] if split else step
        if not self.truth(profile, one, part["condition"], at):
            return False
        wait.branches.remove(index)
        if not wait.branches or step.get("exclusive"):
            del one.waits[key]
        if split:
            self.branch(profile, one, key, part["name"], part.get("next"), at)
        else:
            self.run(profile, one, part.get("next"), at)
        return True

    def delay(self, profile: Profile, one: Instance, key: str, step: Json, at: int) -> None:
        """S2: first the duration, then what `until` says at its end."""
        if step.get("duration"):
            one.waits[key] = Wait(key, due=plus(at, parse_duration(step["duration"])), durational=True)
        else:
            self.delay_until(profile, one, key, step, at)

    def delay_until(self, profile: Profile, one: Instance, key: str, step: Json, at: int) -> None:
        until = step.get("until")
        due = at if until is None else self.until(profile, one, until, at)
        if due > at:
            one.waits[key] = Wait(key, due=due)
        else:
            self.run(profile, one, step.get("next"), at)

    def until(self, profile: Profile, one: Instance, until: Json, at: int) -> int:
        if "context" in until:
            event, path = until["context"]
            value = parse_instant(lookup(one.context.get(event, MISSING), path), dates=True)
            if value is None:
                self.count("missing_value")
                return at
            return plus(value, parse_duration(until.get("offset") or "PT0S"))
        wanted = until.get("timezone", "UTC")
        names = [wanted]
        if isinstance(wanted, dict):
            names = [trait(wanted["trait"], profile.view(self.space), at), wanted.get("default")]
        where = next((found for name in names if (found := zone(name)) is not None), zone("UTC"))
        assert where is not None
        return next_local(at, until["time"], until.get("weekdays"), where)

    def content(self, profile: Profile, context: Json, at: int) -> Content:
        view = profile.view(self.space)
        seen = profile.seen[1] if profile.seen else None
        return Content(lambda path: trait(path, view, at), context, profile.user_id, profile.id, seen)

    def send(
        self, profile: Profile, one: Instance, at: int, step: str | None, index: int, activation: Json, context: Json
    ) -> None:
        delivery = delivery_id(one.id, step, index)
        payload = activation_payload(
            self.space, one.journey, one.id, step, activation, delivery, self.content(profile, context, at), at
        )
        to = activation["destination"]
        self.record(profile, one, at, "sent", step=step, destination=to, delivery=delivery, payload=payload)

    def message(self, profile: Profile, one: Instance, key: str, step: Json, at: int) -> None:
        """S9: only to who is subscribed, unless to everyone."""
        content = self.content(profile, one.context, at)
        if (
            step.get("to", "subscribed") != "everyone"
            and content.trait(f"subscriptions.{step['channel']}") != "subscribed"
        ):
            self.record(profile, one, at, "skipped", step=key, reason="not_subscribed")
            return
        delivery = delivery_id(one.id, key, 0)
        payload = {
            "channel": step["channel"],
            "template": content.fill_all(step.get("template") or {}),
            **content.address,
            "messageId": delivery,
            "timestamp": show(at),
        }
        self.record(
            profile, one, at, "sent", step=key, destination=step["destination"], delivery=delivery, payload=payload
        )

    # --- an event meets the instances (O2 4) --------------------------------------------------------

    def meet(self, profile: Profile, event: Event, at: int) -> None:
        for one in list(profile.instances):
            self.goal(profile, one, event, at)
            if not one.inside:
                continue
            rule = next(
                (rule for rule in one.journey.get("exit_rules") or [] if self.exits(profile, one, rule, event, at)),
                None,
            )
            if rule is not None:
                self.exit(profile, one, at, rule, event)
            elif one.state == "live":
                for key in sorted(key for key in one.waits if one.journey["steps"][key]["type"] == "hold_until"):
                    self.hold(profile, one, key, event, at)
                self.complete_if_done(profile, one, at)

    def matches(self, profile: Profile, one: Instance, wanted: Json, event: Event, at: int) -> bool:
        return matches(wanted, event, profile.view(self.space, one.context), at)

    def same_identifier(self, one: Instance, event: Event, path: str | None = None) -> bool:
        """S7, X1: no effect if the entry has no identifier."""
        own = one.journey["entry"].get("identifier")
        if not own:
            return True
        key = identifier_key(lookup(event.properties, path or own))
        return key is not None and key == identifier_key(one.identifier)

    def exits(self, profile: Profile, one: Instance, rule: Json, event: Event, at: int) -> bool:
        return self.matches(profile, one, rule, event, at) and (
            not rule.get("match_identifier") or self.same_identifier(one, event)
        )

    def goal(self, profile: Profile, one: Instance, event: Event, at: int) -> None:
        """S11."""
        goal = one.journey.get("goal")
        if not goal or one.goal_reached or one.merged or event.timestamp <= one.entered:
            return
        if goal.get("within") and event.timestamp > plus(one.entered, parse_duration(goal["within"])):
            return
        if self.matches(profile, one, goal, event, at):
            one.goal_reached = True
            self.record(profile, one, at, "goal")

    def hold(self, profile: Profile, one: Instance, key: str, event: Event, at: int) -> None:
        """S7: the first matching branch, in order."""
        step = one.journey["steps"][key]
        for branch in step["branches"]:
            if not self.matches(profile, one, branch, event, at):
                continue
            if not self.same_identifier(one, event, branch.get("identifier")):
                continue
            alias = f"{event.name} - {branch['name']}"
            if branch.get("restart"):
                if one.restarts.get(key, 0) >= step.get("max_restarts", 100):
                    self.count("too_many_restarts")
                    return
                one.restarts[key] = one.restarts.get(key, 0) + 1
                one.context[alias] = copy.deepcopy(event.properties)
                self.record(profile, one, at, "restarted", step=key, branch=branch["name"])
                one.waits[key].due = plus(at, parse_duration(step["max_duration"]))
                return
            one.context[alias] = copy.deepcopy(event.properties)
            del one.waits[key]
            self.branch(profile, one, key, branch["name"], branch.get("next"), at)
            return

    # --- whatever is true now moves (O2 5) ----------------------------------------------------------

    def settle(self, profile: Profile, at: int) -> None:
        """Every wait and V1 entry whose condition is true, until nothing moves."""
        moved = True
        while moved:
            moved = False
            for one in list(profile.instances):
                for key, index in self.open_branches(one):
                    moved |= self.try_branch(profile, one, key, index, at)
                self.complete_if_done(profile, one, at)
            for journey in self.journeys:
                if self.may_enter_v1(profile, journey, at):
                    self.enter_v1(profile, journey, at)
                    moved = True

    def enter_v1(self, profile: Profile, journey: Json, at: int) -> None:
        self.enter(profile, journey, at, show(at), MISSING, {})

    def open_branches(self, one: Instance) -> list[tuple[str, int]]:
        return [(key, index) for key in sorted(one.waits) for index in one.waits[key].branches]

    # --- deadlines (T6, O3) -------------------------------------------------------------------------

    def advance(self, profile: Profile, to: int) -> None:
        """Every deadline at or before `to`, each at its own instant; after each whatever is true then."""
        while (found := self.next_deadline(profile, to)) is not None:
            order, what, of = found
            at = profile.clock = max(order[0], profile.clock)
            self.fire(profile, at, what, of)
            self.settle(profile, at)

    def next_deadline(self, profile: Profile, to: int) -> Deadline | None:
        """By brute force: all that is due, and the first instant at which each waiting condition is true."""
        found: list[Deadline] = []
        for number, one in enumerate(profile.instances):
            for what, due in one.ends_at().items():
                found.append(((due, 0, number, 0 if what == "exit_after" else 1, "", 0), what, one))
            for key, wait in one.waits.items():
                if wait.due is not None:
                    found.append(((wait.due, 0, number, 2, key, 0), "wait", (one, key)))
            for key, removal in one.lists.items():
                if removal is not None:
                    found.append(((removal, 0, number, 2, key, 0), "remove", (one, key)))
        limit = min([order[0] for order, _, _ in found] + [to])
        for number, one in enumerate(profile.instances):
            for key, index in self.open_branches(one):
                step = one.journey["steps"][key]
                part = step["branches"][index] if step["type"] == "multi_branch_split" else step
                for at in self.instants(profile, part["condition"], one.context, limit):
                    if self.truth(profile, one, part["condition"], at):
                        found.append(((at, 0, number, 2, key, index), "branch", (one, key, index)))
                        break
        for journey in self.journeys:
            armed = profile.armed.get(journey["key"], 0)
            if journey["entry"]["type"] == "condition_entry" and isinstance(armed, int):
                for at in self.instants(profile, journey["entry"]["condition"], {}, limit, armed):
                    if self.may_enter_v1(profile, journey, at):
                        found.append(((at, 1, journey["key"]), "enter", journey))
                        break
        reached = [one for one in found if one[0][0] <= to]
        return min(reached, key=lambda one: one[0]) if reached else None

    def instants(self, profile: Profile, condition: Json, context: Json, to: int, *more: int) -> list[int]:
        """The candidates after the profile's clock, in order."""
        view = profile.view(self.space, context)
        return sorted({at for at in (*candidates(condition, view), *more) if profile.clock < at <= to})

    def fire(self, profile: Profile, at: int, what: str, of: Any) -> None:
        if what == "enter":
            self.enter_v1(profile, of, at)
            return
        if what in ("exit_after", "max_age"):
            kind, fields = ("exited", {"rule": None}) if what == "exit_after" else ("expired", {})
            self.end(profile, of, at, kind, **fields)
            self.leave_lists(profile, of, at)
            return
        one, key = of[0], of[1]
        step = one.journey["steps"][key]
        if what == "branch":
            self.try_branch(profile, one, key, of[2], at)
        elif what == "remove":
            del one.lists[key]
            self.record(profile, one, at, "list_removed", step=key, destination=step["destination"])
        else:
            wait = one.waits.pop(key)
            if step["type"] == "hold_until":
                self.branch(profile, one, key, "timeout", step.get("timeout"), at)
            elif wait.durational:
                self.delay_until(profile, one, key, step, at)
            else:
                self.run(profile, one, step.get("next"), at)
        self.complete_if_done(profile, one, at)

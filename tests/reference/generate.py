"""Random spaces, structurally valid (L1); random calls are in generate_calls and are named here too."""

from __future__ import annotations

from typing import Any, Literal

from .generate_calls import random_advances, random_calls, random_until
from .generate_conditions import Conditions
from .pools import Random, chance, pick, some

__all__ = ["KINDS", "random_advances", "random_calls", "random_space", "random_until"]

Json = dict[str, Any]
Kind = Literal["event-triggered", "everything"]
KINDS: tuple[Kind, ...] = ("event-triggered", "everything")
V2_STEPS = ["delay", "delay", "hold_until", "hold_until", "send_to_destination", "send_to_destination", "data_split"]
V2_STEPS += ["randomized_split", "true_false_split"]
V1_STEPS = [
    "wait_for_condition",
    "wait_for_condition",
    "multi_branch_split",
    "multi_branch_split",
    "show_ad",
    "show_ad",
]
V1_STEPS += ["send_message"]
OPEN = ("wait_for_condition", "multi_branch_split", "hold_until", "delay")


class JourneyMaker:
    """One journey: its steps are made back to front, so that every `next` is there and no cycle can be."""

    def __init__(self, rng: Random, conditions: Conditions, key: str, entry: Json, kinds: list[str]) -> None:
        self.rng = rng
        self.conditions = conditions
        self.words = conditions.words
        self.key = key
        self.entry = entry
        self.kinds = kinds
        self.steps: dict[str, Json] = {}
        self.budget = rng.randrange(1, 10)
        self.names = 0
        self.aliases = [entry["event"]] if entry["type"] == "event_entry" else []

    # --- names and references -----------------------------------------------------------------------

    def name(self) -> str:
        self.names += 1
        return f"b {self.names}"

    def context_paths(self) -> list[list[str]]:
        paths = ["value", "due", "cart_id", "plan", "item.sku"]
        return [[alias, path] for alias in [*self.aliases, "Order Completed"] for path in paths]

    def condition(self) -> Json:
        return self.conditions.condition(self.context_paths())

    def where(self, often: float = 0.25) -> list[Json]:
        everything = self.conditions.everything
        return self.conditions.where(context=self.context_paths() if everything else None, often=often)

    # --- the graph ----------------------------------------------------------------------------------

    def follow(self) -> str | None:
        """The end, a join with a finished step (S8), or a new step."""
        rng = self.rng
        if self.steps and chance(rng, 0.22):
            return pick(rng, list(self.steps))
        if self.budget <= 0 or chance(rng, 0.2):
            return None
        return self.step()

    def step(self) -> str:
        rng = self.rng
        self.budget -= 1
        kind = pick(rng, self.kinds)
        made: Json = {"type": kind, **getattr(self, kind)()}
        if chance(rng, 0.2):
            made["name"] = f"Step {len(self.steps)}"
        key = pick(rng, ["s", "s", "s", "a-", "t_"]) + str(len(self.steps))
        self.steps[key] = made
        return key

    def wait_for_condition(self) -> Json:
        return {"condition": self.condition(), "next": self.follow()}

    def delay(self) -> Json:
        rng = self.rng
        made: Json = {}
        kind = pick(rng, ["duration", "duration", "time", "context"])
        if kind == "duration" or chance(rng, 0.25):
            made["duration"] = self.words.wait()
        if kind == "time":
            until: Json = {"time": pick(rng, ["09:00", "00:00", "23:50", "02:30", "01:30"])}
            if chance(rng, 0.5):
                until["weekdays"] = some(rng, ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], 1, 4)
            zone = pick(rng, [None, "Asia/Tokyo", "America/New_York", "trait", "trait", "trait"])
            if zone == "trait":
                default = pick(rng, ["UTC", "America/New_York", "Europe/Berlin"])
                until["timezone"] = {"trait": "timezone", "default": default}
            elif zone is not None:
                until["timezone"] = zone
            made["until"] = until
        if kind == "context":
            alias = pick(rng, self.aliases) if self.aliases and chance(rng, 0.8) else "Order Completed"
            made["until"] = {"context": [alias, "due"]}
            if chance(rng, 0.5):
                made["until"]["offset"] = pick(rng, ["-PT1H", "PT30M", "-P1D", "P1D", "-P1M"])
        return {**made, "next": self.follow()}

    def true_false_split(self) -> Json:
        return {"condition": self.condition(), "if_true": self.follow(), "if_false": self.follow()}

    def multi_branch_split(self) -> Json:
        rng = self.rng
        branches = [
            {"name": self.name(), "condition": self.condition(), "next": self.follow()}
            for _ in range(rng.randrange(1, 4))
        ]
        return {"branches": branches, **({"exclusive": True} if chance(rng, 0.4) else {})}

    def data_split(self) -> Json:
        branches = [
            {"name": self.name(), "condition": self.condition(), "next": self.follow()}
            for _ in range(self.rng.randrange(1, 4))
        ]
        return {"branches": branches, "everyone_else": self.follow()}

    def randomized_split(self) -> Json:
        rng = self.rng
        parts: list[float] = pick(rng, [[50, 50], [33.33, 33.33, 33.34], [10, 90], [100], [0.07, 99.93], [25, 25, 50]])
        branches = [{"name": self.name(), "percent": part, "next": self.follow()} for part in parts]
        return {"branches": branches, "sticky": chance(rng, 0.4)}

    def hold_until(self) -> Json:
        rng = self.rng
        branches: list[Json] = []
        seen: list[tuple[str, list[Json]]] = []
        for _ in range(rng.randrange(1, 4)):
            event = self.words.event()
            where = self.where() + self.conditions.view_filter(event)
            if (event, where) in seen:
                continue
            seen.append((event, where))
            branch: Json = {"name": self.name(), "event": event, "where": where}
            if self.entry.get("identifier") and chance(rng, 0.25):
                branch["identifier"] = pick(rng, ["other_id", "item.sku", "cart_id"])
            if chance(rng, 0.6 if self.words.theme == "holds" else 0.35):
                branch["restart"] = True
            branches.append(branch)
            self.aliases.append(f"{event} - {branch['name']}")
        for branch in branches:
            if not branch.get("restart"):
                branch["next"] = self.follow()
        made: Json = {"branches": branches, "max_duration": self.words.wait(), "timeout": self.follow()}
        if chance(rng, 0.4):
            made["max_restarts"] = pick(rng, [1, 1, 2, 3])
        return made

    def send_to_destination(self) -> Json:
        activations = [self.activation() for _ in range(pick(self.rng, [1, 1, 1, 2, 3]))]
        return {"activations": activations, "next": self.follow()}

    def show_ad(self) -> Json:
        rng = self.rng
        after = {"remove_after": self.words.wait()} if chance(rng, 0.5) else {}
        return {"destination": pick(rng, ["ads", "social"]), **after, "next": self.follow()}

    def send_message(self) -> Json:
        rng = self.rng
        template = {"subject": self.template(), "body": {"parts": [self.template(), 7]}}
        made: Json = {"channel": pick(rng, ["email", "sms", "whatsapp"]), "destination": "email", "template": template}
        if chance(rng, 0.35):
            made["to"] = "everyone"
        return {**made, "next": self.follow()}

    # --- deliveries ---------------------------------------------------------------------------------

    def template(self) -> str:
        rng = self.rng
        parts = ["Hi {{ plan }}", '{{ nick | default: "there" }}', "{{age}} {{ missing }}.", "{{ address.city }}"]
        if self.aliases:
            parts.append('{{ context["' + pick(rng, self.aliases) + '"].plan | default: "none" }}')
        return pick(rng, parts)

    def activation(self) -> Json:
        rng = self.rng
        made: Json = {"destination": pick(rng, ["email", "crm"])}
        if chance(rng, 0.7):
            made["event"] = f"Msg {rng.randrange(0, 9)}"
        if chance(rng, 0.25):
            made["call"] = "identify"
        if chance(rng, 0.4):
            made["traits"] = some(rng, ["email", "plan", "age", "nick"], 1, 3)
        if self.aliases and chance(rng, 0.25):
            made["context"] = some(rng, self.aliases, 1, 2)
        if chance(rng, 0.35):
            made["mapping"] = {
                "to": {"trait": "email"},
                "who": {"profile": pick(rng, ["id", "user_id", "anonymous_id"])},
                "fixed": pick(rng, [7, True, None, "text", ["a"]]),
                "hi": {"template": self.template()},
                "v": {"context": pick(rng, self.context_paths())},
                "c": {"trait": pick(rng, self.conditions.trait_paths())},
            }
        return made

    # --- the whole ----------------------------------------------------------------------------------

    def make(self) -> Json:
        rng = self.rng
        start = self.step()
        made: Json = {"key": self.key, "name": f"Journey {self.key}", "entry": self.entry, "start": start}
        made["steps"] = self.steps
        v1 = self.entry["type"] == "condition_entry"
        if v1 and chance(rng, 0.75):
            made["exit_after"] = self.words.wait()
            if chance(rng, 0.8):
                made["reentry_after"] = pick(rng, ["P7D", "P10D", "P1M", "P1M"])
        if chance(rng, 0.3):
            made["max_age"] = pick(rng, ["PT6H", "P1D", "P7D", "P10D", "P1M"])
        if chance(rng, 0.45):
            made["exit_rules"] = [self.exit_rule(number) for number in range(rng.randrange(1, 3))]
            if chance(rng, 0.5):
                rules = some(rng, [rule["key"] for rule in made["exit_rules"]], 1, 2)
                made["exit_send"] = {"rules": rules, "activation": self.activation()}
        if chance(rng, 0.35):
            within = {"within": self.words.wait()} if chance(rng, 0.6) else {}
            made["goal"] = {"event": self.words.event(), "where": self.where(0.2), **within}
        if chance(rng, 0.15):
            made["version"] = rng.randrange(1, 4)
        return made

    def exit_rule(self, number: int) -> Json:
        rng = self.rng
        made: Json = {"key": f"x{number}", "event": self.words.event(), "where": self.where(0.3)}
        if chance(rng, 0.4):
            made["match_identifier"] = chance(rng, 0.8)
        return made


def random_entry(rng: Random, conditions: Conditions, kind: Kind) -> Json:
    if kind == "everything" and chance(rng, 0.5):
        historical = {"historical": True} if chance(rng, 0.2) else {}
        return {"type": "condition_entry", "condition": conditions.condition(), **historical}
    entry: Json = {"type": "event_entry", "event": conditions.words.event(0), "where": conditions.where(often=0.2)}
    if conditions.audiences and chance(rng, 0.3):
        entry["audience"] = pick(rng, conditions.audiences)["key"]
    entry["reentry"] = pick(rng, ["every_time", "every_time", "every_time", "once"])
    if chance(rng, 0.6):
        entry["identifier"] = pick(rng, ["cart_id", "cart_id", "cart_id", "item.sku"])
    return entry


def random_settings(rng: Random) -> Json:
    made: Json = {}
    if chance(rng, 0.15):
        made["max_live_instances"] = rng.randrange(1, 4)
    if chance(rng, 0.15):
        made["allowed_lateness"] = pick(rng, ["PT10M", "PT2H", "P1D"])
    if chance(rng, 0.15):
        made["dedupe_window"] = pick(rng, ["PT6H", "P1D"])
    return {"settings": made} if made else {}


def random_space(rng: Random, *, kind: Kind = "everything") -> Json:
    """A valid space. `event-triggered` has no audiences, computed traits, condition entries or V1 steps."""
    conditions = Conditions(rng, everything=kind == "everything")
    if kind == "everything":
        for number in range(rng.randrange(0, 4)):
            conditions.define_computed(number)
        for number in range(rng.randrange(0, 4)):
            conditions.define_audience(number)
    journeys = []
    for key in some(rng, ["j0", "j1", "j10", "j2", "j-a"], 1, 3):
        kinds = V2_STEPS if kind == "event-triggered" else V2_STEPS + V1_STEPS
        if conditions.words.theme == "holds":
            kinds = ["hold_until"] * 5 + (["multi_branch_split"] * 2 if kind == "everything" else []) + ["delay"]
        journeys.append(JourneyMaker(rng, conditions, key, random_entry(rng, conditions, kind), kinds).make())
    for journey in journeys[1:]:
        if chance(rng, 0.12):
            journey["status"] = pick(rng, ["draft", "paused", "paused", "archived", "live"])
    lists = {"ads": {"type": "record", "list": True}, "social": {"type": "record", "list": True}}
    space: Json = {"format": "journeys/1", **({"key": "shop"} if chance(rng, 0.3) else {})}
    space["destinations"] = {"email": {"type": "record"}, "crm": {"type": "record"}, **lists}
    space["journeys"] = journeys
    if conditions.audiences:
        space["audiences"] = conditions.audiences
    if conditions.computed:
        space["computed_traits"] = conditions.computed
    return {**space, **random_settings(rng)}

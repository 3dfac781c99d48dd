"""The plan: a space, compiled for the engine. Everything that can be looked up once is looked up here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from hashlib import blake2b
from typing import Any

from journeys._time import EPOCH, Duration
from journeys.model import steps as m
from journeys.model.journey import Journey
from journeys.model.space import Space
from journeys.plan.compiler import Matcher
from journeys.plan.conditions import Computed, Condition, ContextReader, TraitReader
from journeys.plan.features import Feature
from journeys.plan.limits import Limits

Path = tuple[str, ...]


class StepPlan:
    """A step, compiled. ``order`` is its place among the step keys of its journey (T6)."""

    __slots__ = ("bit", "fields", "fingerprint", "key", "model", "next", "order")

    def __init__(self, key: str, order: int, model: m.Step) -> None:
        self.key = key
        self.order = order
        self.bit = 1 << order
        #: what a record of it says
        self.fields = {"step": key}
        self.model = model
        self.next: StepPlan | None = None


class WaitPlan(StepPlan):
    """``wait_for_condition``."""

    __slots__ = ("condition",)
    condition: Condition


class DelayPlan(StepPlan):
    """``delay``: a duration, then a local time or an instant of the context."""

    __slots__ = ("clock", "default_zone", "duration", "instant", "offset", "weekdays", "zone_trait")
    duration: Duration | None
    clock: time | None
    weekdays: tuple[int, ...]
    zone_trait: TraitReader | None
    default_zone: str
    instant: ContextReader | None
    offset: Duration


class SplitPlan(StepPlan):
    """``true_false_split`` and ``data_split``: branches by condition, then the rest."""

    __slots__ = ("branches", "otherwise")
    #: (name, condition, next), in order
    branches: tuple[tuple[str, Condition, StepPlan | None], ...]
    otherwise: tuple[str, StepPlan | None]


class MultiBranchPlan(StepPlan):
    """``multi_branch_split``."""

    __slots__ = ("branches", "exclusive")
    branches: tuple[tuple[str, Condition, StepPlan | None], ...]
    exclusive: bool


class RandomPlan(StepPlan):
    """``randomized_split``: (name, cumulated hundredths of a percent, next)."""

    __slots__ = ("branches", "prefix", "sticky")
    branches: tuple[tuple[str, int, StepPlan | None], ...]
    prefix: bytes
    sticky: bool


class HoldBranch:
    """A branch of a hold, compiled."""

    __slots__ = ("alias", "fields", "identifier", "index", "matches", "name", "next", "property", "restart")

    def __init__(self, index: int, model: m.Branch, matches: Matcher | None, identifier: Path | None) -> None:
        self.index = index
        self.name = model.name
        self.alias = f"{model.event} - {model.name}"
        self.matches = matches
        self.identifier = identifier
        #: the identifier's property, if its path is a plain name
        self.property = identifier[0] if identifier is not None and len(identifier) == 1 else None
        self.restart = model.restart
        self.next: StepPlan | None = None
        #: what a record of it says
        self.fields: dict[str, str] = {}


class HoldPlan(StepPlan):
    """``hold_until``: its branches by event name, in branch order."""

    __slots__ = ("branches", "max_duration", "max_micros", "max_restarts", "timeout", "timeout_fields")
    #: the exact length of the hold, 0 if it has a calendar part
    max_micros: int
    timeout_fields: dict[str, str]
    branches: dict[str, tuple[HoldBranch, ...]]
    max_duration: Duration
    max_restarts: int
    timeout: StepPlan | None


class ActivationPlan:
    """What is sent where, compiled; ``destination_key`` is made once (V4)."""

    __slots__ = ("destination", "destination_key", "event", "index", "model", "render", "traits")
    destination: str
    destination_key: str
    event: str
    index: int
    model: m.Activation
    traits: tuple[tuple[str, TraitReader], ...]
    render: Any


class SendPlan(StepPlan):
    """``send_to_destination``."""

    __slots__ = ("activations",)
    activations: tuple[ActivationPlan, ...]


class AdPlan(StepPlan):
    """``show_ad``."""

    __slots__ = ("destination", "remove_after")
    destination: str
    remove_after: Duration | None


class MessagePlan(StepPlan):
    """``send_message``; ``subscription`` is None if it goes to everyone."""

    __slots__ = ("channel", "destination", "render", "subscription")
    channel: str
    destination: str
    render: Any
    subscription: TraitReader | None


class ExitRulePlan:
    """An exit rule, compiled; ``sends`` says whether the exit send goes out."""

    __slots__ = ("identifier", "key", "matches", "sends")

    def __init__(self, key: str, matches: Matcher | None, identifier: Path | None, sends: bool) -> None:
        self.key = key
        self.matches = matches
        self.identifier = identifier
        self.sends = sends


class GoalPlan:
    """A goal, compiled."""

    __slots__ = ("event", "matches", "within")

    def __init__(self, event: str, matches: Matcher | None, within: Duration | None) -> None:
        self.event = event
        self.matches = matches
        self.within = within


class JourneyPlan:
    """A version of a journey, compiled."""

    __slots__ = (
        "accepts",
        "condition",
        "context_on_entry",
        "entry_audience",
        "entry_event",
        "entry_label",
        "entry_matches",
        "exclude_previous",
        "exit_after",
        "exit_rules",
        "exit_send",
        "goal",
        "historical",
        "identifier",
        "is_condition_based",
        "key",
        "label",
        "marks",
        "max_age",
        "max_age_micros",
        "may_run_away",
        "model",
        "once",
        "reentry_after",
        "start",
        "steps",
        "version",
    )

    def __init__(self, model: Journey) -> None:
        self.model = model
        self.key = model.key
        self.version = model.version
        self.label = f"{model.key}@{model.version}"
        self.is_condition_based = model.is_condition_based
        self.accepts = model.status == "live"
        self.exclude_previous = model.exclude_previous
        self.exit_after = model.exit_after
        self.reentry_after = model.reentry_after if model.exit_after else None  # E6: needs both
        #: under which name a profile's standing with the entry is kept: per version without exit settings (V3)
        self.entry_label = model.key if self.reentry_after is not None else self.label
        self.max_age = model.max_age
        #: its exact length, 0 if it has a calendar part
        self.max_age_micros = 0 if model.max_age.months else model.max_age.micros
        #: what a profile remembers of having been in it
        self.marks = ((self.key, self.version),)
        self.steps: dict[str, StepPlan] = {}
        self.start: StepPlan
        self.condition: Condition | None = None
        self.historical = False
        self.entry_event: str | None = None
        self.entry_matches: Matcher | None = None
        self.entry_audience: Condition | None = None
        self.identifier: Path | None = None
        self.once = False
        self.exit_rules: dict[str, tuple[ExitRulePlan, ...]] = {}
        self.exit_send: ActivationPlan | None = None
        self.goal: GoalPlan | None = None
        self.may_run_away = False


class Route:
    """Everything that the events of one name concern."""

    __slots__ = ("entries", "features", "goals", "has_limits", "identifiers", "journeys", "name", "reentries")

    def __init__(self, name: str) -> None:
        self.name = name
        self.features: tuple[Feature, ...] = ()
        #: event entries, by journey key (O2)
        self.entries: tuple[JourneyPlan, ...] = ()
        #: journeys with a hold, an exit rule or a goal for it
        self.journeys: frozenset[JourneyPlan] = frozenset()
        #: condition entries whose answer such an event can change, by journey key
        self.reentries: tuple[JourneyPlan, ...] = ()
        self.goals = False
        #: whether an event may be refused: for what it would have to be remembered, or for how many come a second
        self.has_limits = False
        #: (journey key, identifier path), if it concerns only instances whose identifier it carries; else None
        self.identifiers: tuple[tuple[str, Path], ...] | None = None


class Output:
    """An audience or a computed trait whose changes are sent to destinations."""

    __slots__ = ("computed", "condition", "destinations", "key")

    def __init__(
        self, key: str, destinations: tuple[str, ...], condition: Condition | None, computed: Computed | None
    ) -> None:
        self.key = key
        self.destinations = destinations
        self.condition = condition
        self.computed = computed


class Plan:
    """A space, compiled. ``routes`` by event name is the first thing an event meets."""

    def __init__(self, space: Space, limits: Limits) -> None:
        self.space = space
        self.limits = limits
        self.settings = space.settings
        self.journeys: dict[tuple[str, int], JourneyPlan] = {}
        self.routes: dict[str, Route] = {}
        self.features: dict[str, Feature] = {}
        self.shared_features: frozenset[str] = frozenset()
        self.audiences: dict[str, Condition] = {}
        self.computed: dict[str, Computed] = {}
        self.outputs: tuple[Output, ...] = ()
        #: condition entries that are live or paused, by journey key
        self.condition_entries: tuple[JourneyPlan, ...] = ()
        #: those of them whose answer a trait can change
        self.trait_entries: tuple[JourneyPlan, ...] = ()
        #: whether any step, or any entry, waits for a condition
        self.waits_for_conditions = False
        self.longest_wait = 0
        #: a call that happened later is looked at closely: not every wait might end within year 9999 (T1)
        self.last_moment = EPOCH
        self.dedupe_window = space.settings.dedupe_window
        self.retention = space.settings.retention
        marks = self.retention.marks
        if marks is not None and marks.longest < self.dedupe_window.longest:
            self.dedupe_window = marks
        self.lateness = space.settings.allowed_lateness
        self.may_be_late = self.lateness.is_positive

    @property
    def makes_profiles(self) -> bool:
        """Whether an unwanted event makes a profile (O7)."""
        return bool(self.condition_entries)


def destination_key(journey: str, step: str) -> str:
    """Made once per step, and the same for every version of the journey (V4)."""
    digest = blake2b(f"{journey}\x1f{step}".encode(), digest_size=3).hexdigest()
    return f"j_o_{journey}__{step}"[:248] + f"_{digest}"


def fingerprints(steps: Mapping[str, StepPlan]) -> dict[str, str]:
    """A digest per step: two versions of a step with one digest do the same."""
    return {
        key: blake2b(repr((type(step).__name__, step.model)).encode(), digest_size=8).hexdigest()
        for key, step in steps.items()
    }

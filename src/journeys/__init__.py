"""Customer journeys as an embeddable library."""

from journeys.errors import (
    Conflict,
    InvalidCall,
    InvalidDefinition,
    JourneysError,
    Problem,
    PublishRefused,
    Rejected,
    Retry,
)
from journeys.model.conditions import (
    All,
    Any,
    Audience,
    Condition,
    Context,
    ContextRef,
    Count,
    Event,
    Filter,
    FirstRef,
    Funnel,
    FunnelFirst,
    FunnelThen,
    Not,
    Trait,
    TraitRef,
    audience,
    context,
    event,
    first,
    prop,
    trait,
)
from journeys.model.entries import ConditionEntry, EventEntry, ExitRule, ExitSend, Goal
from journeys.model.journey import Journey, Migrate
from journeys.model.space import (
    AudienceDefinition,
    ComputedTrait,
    DestinationDefinition,
    Retention,
    Settings,
    Space,
)
from journeys.model.steps import (
    Activation,
    Branch,
    ConditionBranch,
    ContextTime,
    DataSplit,
    Delay,
    HoldUntil,
    LocalTime,
    MultiBranchSplit,
    ProfileRef,
    RandomBranch,
    RandomizedSplit,
    SendMessage,
    SendToDestination,
    ShowAd,
    Step,
    Template,
    TimezoneTrait,
    TrueFalseSplit,
    WaitForCondition,
)
from journeys._time import Duration
from journeys.codec import dump_space, load_space
from journeys.plan.validate import validate
from journeys.ports import Delivery, Destination, Store
from journeys.runtime._calls import Answer
from journeys.runtime.clocks import ManualClock, SystemClock
from journeys.runtime.evaluator import Evaluator

__all__ = sorted(name for name in globals() if not name.startswith("_") and name not in {"errors", "model", "codec", "plan", "ports", "runtime", "engine"})

"""Steps, entries, exits and the goal in plain words: a label, what is done, and what else there is to say."""

from __future__ import annotations

import attrs

from journeys._time import Duration
from journeys.model.entries import ConditionEntry, Entry, EventEntry, ExitRule, Goal
from journeys.model.journey import Journey
from journeys.model.space import AudienceDefinition, ComputedTrait
from journeys.model.steps import (
    WEEKDAYS,
    Activation,
    Branch,
    ConditionBranch,
    ContextTime,
    DataSplit,
    Delay,
    HoldUntil,
    LocalTime,
    MultiBranchSplit,
    RandomizedSplit,
    SendMessage,
    SendToDestination,
    ShowAd,
    Step,
    TimezoneTrait,
    TrueFalseSplit,
    WaitForCondition,
)
from journeys.runtime.render.words import describe, describe_duration, describe_event, listed

_CHANNELS = {"email": "email", "sms": "SMS", "whatsapp": "WhatsApp message"}


@attrs.frozen
class Phrase:
    """``label`` names the kind, ``text`` says what is done, ``details`` what else matters, each on its own line."""

    label: str
    text: str
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "; ".join((self.text, *self.details))


def phrase_of(step: Step) -> Phrase:
    """What a step does, in words."""
    match step:
        case WaitForCondition():
            return Phrase("Wait for", describe(step.condition))
        case Delay():
            return _delay(step)
        case TrueFalseSplit():
            return Phrase("True or false", describe(step.condition))
        case MultiBranchSplit():
            text = "The first branch to become true" if step.exclusive else "Every branch once it is true"
            return Phrase("Branches", text, tuple(map(_condition_branch, step.branches)))
        case DataSplit():
            return Phrase("Data split", "The first branch that is true", tuple(map(_condition_branch, step.branches)))
        case RandomizedSplit():
            return _randomized(step)
        case HoldUntil():
            details = tuple(map(_hold_branch, step.branches))
            return Phrase("Hold until", f"Hold for up to {describe_duration(step.max_duration)}", details)
        case SendToDestination():
            return _send(step)
        case ShowAd():
            during = f" for {describe_duration(step.remove_after)}" if step.remove_after is not None else ""
            return Phrase("Show ad", f"Add to the list {step.destination}{during}")
        case SendMessage():
            return _message(step)
    raise TypeError(f"no words for the step {step!r}")


def describe_step(step: Step) -> str:
    """What a step does, in one line."""
    return str(phrase_of(step))


def entry_phrase(entry: Entry) -> Phrase:
    """How a profile enters, in words."""
    if isinstance(entry, ConditionEntry):
        past = ("also those who fitted before publication",) if entry.historical else ()
        return Phrase("Enters when", describe(entry.condition), past)
    audience = (f"in the audience {entry.audience}",) if entry.audience is not None else ()
    return Phrase("Enters on", describe_event(entry.event, entry.where), (*audience, _reentry(entry)))


def describe_entry(entry: Entry) -> str:
    """How a profile enters, in one line."""
    return str(entry_phrase(entry))


def describe_exit_rule(rule: ExitRule) -> str:
    """The event that ends an instance, in one line."""
    return describe_event(rule.event, rule.where) + (", same identifier" if rule.match_identifier else "")


def describe_goal(goal: Goal) -> str:
    """The event that the journey is for, in one line."""
    soon = f" within {describe_duration(goal.within)}" if goal.within is not None else ""
    return describe_event(goal.event, goal.where) + soon


def describe_activation(activation: Activation) -> str:
    """What is sent to one destination, in one line."""
    return ", ".join((_activation(activation), *_contents(activation)))


def describe_audience(audience: AudienceDefinition) -> str:
    """Who is in an audience, in one line."""
    return describe(audience.condition)


def describe_computed_trait(trait: ComputedTrait) -> str:
    """What a computed trait holds, in one line."""
    of = f" of {trait.property}" if trait.property is not None else ""
    within = f" within {describe_duration(trait.within)}" if trait.within is not None else ""
    what = "number" if trait.type == "event_counter" else trait.type.replace("_", " ")
    return f"{what}{of} of {describe_event(trait.event, trait.where)}{within}"


def describe_journey_ends(journey: Journey) -> tuple[str, ...]:
    """How long an instance may live and when its profile may enter again, a line each; nothing that is as usual."""
    again = describe_duration(journey.reentry_after) + " after the exit" if journey.reentry_after is not None else ""
    lines = [f"may enter again {again}"] if again else []
    if journey.max_age != Duration.of("P365D"):
        lines.append(f"expires after {describe_duration(journey.max_age)}")
    return tuple(lines)


def _reentry(entry: EventEntry) -> str:
    if entry.reentry == "once":
        return "once per profile"
    return "one at a time" + (f" for each {entry.identifier}" if entry.identifier is not None else "")


def _delay(step: Delay) -> Phrase:
    first = describe_duration(step.duration) if step.duration is not None else ""
    if step.until is None:
        return Phrase("Delay", f"Wait {first or 'no time'}")
    before = f"Wait {first}, then until " if first else "Wait until "
    if isinstance(step.until, ContextTime):
        return Phrase("Delay", before + _context_time(step.until))
    zone = step.until.timezone
    where = f"{zone.trait}, else {zone.default}" if isinstance(zone, TimezoneTrait) else zone
    return Phrase("Delay", before + _local_time(step.until), (f"time zone: {where}",))


def _local_time(until: LocalTime) -> str:
    days = [day.capitalize() for day in WEEKDAYS if day in until.weekdays]
    if len(days) == len(WEEKDAYS):
        return until.time
    names = list(map(str.capitalize, WEEKDAYS))
    start = names.index(days[0])
    in_a_row = len(days) > 2 and days == names[start : start + len(days)]
    return f"{until.time}, " + (f"{days[0]} to {days[-1]}" if in_a_row else listed(days, "or"))


def _context_time(until: ContextTime) -> str:
    event, path = until.context
    if until.offset == Duration():
        return f"the {path} of {event}"
    offset = describe_duration(until.offset)
    when = f"{offset.removeprefix('minus ')} before" if offset.startswith("minus ") else f"{offset} after"
    return f"{when} the {path} of {event}"


def _condition_branch(branch: ConditionBranch) -> str:
    return f"{branch.name}: {describe(branch.condition)}"


def _hold_branch(branch: Branch) -> str:
    same = f", identifier in {branch.identifier}" if branch.identifier is not None else ""
    return f"{branch.name}: {describe_event(branch.event, branch.where)}{same}"


def _randomized(step: RandomizedSplit) -> Phrase:
    shares = " / ".join(f"{branch.percent:g}" for branch in step.branches)
    always = ("the same branch for a profile every time",) if step.sticky else ()
    return Phrase("Random split", f"By chance, {shares} %", always)


def _send(step: SendToDestination) -> Phrase:
    if len(step.activations) == 1:
        return Phrase("Send", _activation(step.activations[0]), _contents(step.activations[0]))
    names = listed(dict.fromkeys(activation.destination for activation in step.activations))
    return Phrase("Send", f"Send to {names or 'nothing'}", tuple(map(describe_activation, step.activations)))


def _activation(activation: Activation) -> str:
    if activation.call == "identify":
        return f"Identify to {activation.destination}"
    what = f"Send {activation.event}" if activation.event else "Send"
    return f"{what} to {activation.destination}"


def _contents(activation: Activation) -> tuple[str, ...]:
    if activation.mapping is not None:
        return (f"fields {listed(activation.mapping)}" if activation.mapping else "no fields",)
    traits = (f"with {listed(activation.traits)}",) if activation.traits else ()
    if isinstance(activation.context, str):
        return traits
    return (*traits, f"context of {listed(activation.context)} only" if activation.context else "no context")


def _message(step: SendMessage) -> Phrase:
    what = _CHANNELS[step.channel]
    an = "an" if what[0] in "eS" else "a"
    subject = step.template.get("subject")
    titled = (f"subject: {subject}",) if isinstance(subject, str) and subject else ()
    everyone = ("to everyone, subscribed or not",) if step.to == "everyone" else ()
    return Phrase("Message", f"Send {an} {what} by {step.destination}", (*titled, *everyone))

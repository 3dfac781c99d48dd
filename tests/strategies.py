"""Hypothesis strategies for spaces: valid ones, over the whole model.

Steps are numbered, each leads to the next one and perhaps to later ones, so that all can be reached and none lead back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import attrs
from hypothesis import strategies as st

from journeys._time import Duration
from journeys.model import conditions as c
from journeys.model import entries as e
from journeys.model import space as sp
from journeys.model import steps as s
from journeys.model.journey import STATUSES, Journey, Migrate

texts = st.text(min_size=1, max_size=8)
words = st.sampled_from(["Cart Modified", "value", "items.0.sku", "a.b", "plan", "é ü", "日本"]) | texts
keys = st.builds(str.__add__, st.sampled_from("abcxyz"), st.text("abcdefghij0123456789_-", max_size=6)).filter(
    lambda key: key != "exit"
)


def _with_none(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


positive = (
    st.sampled_from(["PT2H", "P7D", "P1Y2M", "P1W", "PT0.5S", "P1,5D", "+P1M", "P0Y1D"]).map(Duration.of)
    | st.timedeltas(timedelta(microseconds=1), timedelta(days=10_000)).map(Duration.of)
    | st.builds(Duration, st.integers(0, 100), st.integers(1, 10**15))
)
not_negative = positive | st.just(Duration.of("PT0S"))
signed = not_negative | positive.map(lambda each: Duration(-each.months, -each.micros))
windows = st.tuples(positive, positive).map(
    lambda pair: (Duration(pair[1].months, pair[0].micros + pair[1].micros + 1), pair[1])
)

#: any JSON value
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
#: those that stand for themselves, where references could stand too
constants = json_values.filter(
    lambda value: not (isinstance(value, dict) and value.keys() & {"trait", "context", "first", "profile", "template"})
)
dates = st.sampled_from(["2026-01-31", "2026-01-31T10:00:00Z", "2020-02-29T23:59:59.123456+05:30"])
trait_refs = st.builds(c.TraitRef, words)
context_refs = st.builds(c.ContextRef, st.tuples(words, words))


@st.composite
def operands(draw: Any, *, context: bool = False, first: bool = False) -> tuple[str, Any]:
    """An operator and a value that it takes."""
    op = draw(st.sampled_from(c.OPERATORS))
    if op in c.UNARY:
        return op, None
    if op in c.AGING:
        return op, draw(positive)
    value = dates if op.endswith("_date") else st.lists(json_values, max_size=3) if op in c.LISTED else constants
    value |= trait_refs
    if context:
        value |= context_refs
    if first:
        value |= st.builds(c.FirstRef, words)
    return op, draw(value)


@st.composite
def filters(draw: Any, **scope: bool) -> c.Filter:
    """One filter."""
    op, value = draw(operands(**scope))
    return c.Filter(property=draw(words), op=op, value=value)


def wheres(**scope: bool) -> st.SearchStrategy[tuple[c.Filter, ...]]:
    """Up to two filters."""
    return st.lists(filters(**scope), max_size=2).map(tuple)


counts = st.builds(lambda op, number: c.Count(**{op: number}), st.sampled_from(c.COUNTS), st.integers(0, 2**31 - 1))


@st.composite
def _leaves(draw: Any, audiences: Sequence[str], context: bool) -> c.Condition:
    kinds = [c.Event, c.Trait, c.Funnel] + [c.Audience] * bool(audiences) + [c.Context] * context
    kind = draw(st.sampled_from(kinds))
    within, between = draw(
        st.tuples(st.none(), st.none()) | st.tuples(positive, st.none()) | st.tuples(st.none(), windows)
    )
    where = wheres(context=context)
    if kind is c.Audience:
        return c.Audience(draw(st.sampled_from(audiences)))
    if kind is c.Event:
        return c.Event(draw(words), draw(where), count=draw(counts), within=within, between=between)
    if kind is c.Funnel:
        then = c.FunnelThen(
            draw(words),
            draw(wheres(context=context, first=True)),
            performed=draw(st.booleans()),
            within=draw(_with_none(positive)),
        )
        return c.Funnel(c.FunnelFirst(draw(words), draw(where)), then, within=within, between=between)
    op, value = draw(operands(context=context))
    if kind is c.Trait:
        return c.Trait(trait=draw(words), op=op, value=value)
    return c.Context(event=draw(words), property=draw(words), op=op, value=value)


def conditions(audiences: Sequence[str] = (), *, context: bool = False) -> st.SearchStrategy[c.Condition]:
    """Any condition over those audiences."""
    return st.recursive(
        _leaves(audiences, context),
        lambda inner: (
            st.lists(inner, max_size=2).map(c.All) | st.lists(inner, max_size=2).map(c.Any) | inner.map(c.Not)
        ),
        max_leaves=3,
    )


tags = st.sampled_from(["", "Hi {{ first_name }}", '{{ context["Cart Modified"].value | default: "0" }}!', "{ } 100%"])
templates = st.recursive(
    tags | st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
)
sources = (
    constants
    | trait_refs
    | context_refs
    | st.builds(s.ProfileRef, st.sampled_from(["id", "user_id", "anonymous_id"]))
    | st.builds(s.Template, tags)
)


def activations(destinations: Sequence[str]) -> st.SearchStrategy[s.Activation]:
    """What is sent to one of the destinations."""
    return st.builds(
        s.Activation,
        st.sampled_from(destinations),
        event=_with_none(words),
        call=st.sampled_from(["track", "identify"]),
        traits=st.lists(words, max_size=2),
        context=st.just("all") | st.lists(words, max_size=2),
        mapping=_with_none(st.dictionaries(texts, sources, max_size=3)),
    )


clock_times = st.times().map(lambda at: at.strftime("%H:%M")) | st.just("23:59:59")
local_times = st.builds(
    s.LocalTime,
    time=clock_times,
    weekdays=st.lists(st.sampled_from(s.WEEKDAYS), min_size=1, unique=True),
    timezone=st.just("Europe/Paris") | st.builds(s.TimezoneTrait, words, st.sampled_from(["UTC", "Asia/Tokyo"])),
)
context_times = st.builds(s.ContextTime, context=st.tuples(words, words), offset=signed)


@attrs.frozen
class Around:
    """What a step may name."""

    audiences: Sequence[str]
    destinations: Sequence[str]
    lists: Sequence[str]


@st.composite
def steps(draw: Any, chain: str | None, later: Sequence[str], around: Around) -> s.Step:
    """A step of any kind that leads to ``chain``, and where it has further ways, to some of the later steps."""
    kinds = [each for each in STEPS if each is not s.ShowAd or around.lists]
    kind = draw(st.sampled_from(kinds))
    other = _with_none(st.sampled_from(later)) if later else st.none()
    condition = conditions(around.audiences, context=True)
    described: dict[str, Any] = {"name": draw(_with_none(texts)), "description": draw(_with_none(st.text(max_size=5)))}
    names = draw(st.lists(texts, min_size=1, max_size=3, unique=True))
    if kind is s.WaitForCondition:
        return s.WaitForCondition(**described, condition=draw(condition), next=chain)
    if kind is s.Delay:
        duration, until = draw(st.tuples(positive, _with_none(local_times)) | st.tuples(st.none(), context_times))
        return s.Delay(**described, duration=duration, until=until, next=chain)
    if kind is s.TrueFalseSplit:
        return s.TrueFalseSplit(**described, condition=draw(condition), if_true=chain, if_false=draw(other))
    if kind in (s.MultiBranchSplit, s.DataSplit):
        ways = [chain, *(draw(other) for _ in names[1:])]
        branches = [s.ConditionBranch(name, draw(condition), next=way) for name, way in zip(names, ways, strict=True)]
        if kind is s.DataSplit:
            return s.DataSplit(branches, **described, everyone_else=draw(other))
        return s.MultiBranchSplit(branches, **described, exclusive=draw(st.booleans()))
    if kind is s.RandomizedSplit:
        first = draw(st.sampled_from([0, 50, 100, 0.01, 33.33, 12.5]))
        percents = [first, round(100 - first, 2)]
        return s.RandomizedSplit(
            [s.RandomBranch("a", percents[0], next=chain), s.RandomBranch("b", percents[1], next=draw(other))],
            **described,
            sticky=draw(st.booleans()),
        )
    if kind is s.HoldUntil:
        branches = []
        for name in names:
            restart = draw(st.booleans())
            branches.append(
                s.Branch(
                    name,
                    event=f"{draw(words)} {name}",  # no two alike
                    where=draw(wheres(context=True)),
                    identifier=draw(_with_none(words)),
                    restart=restart,
                    next=None if restart else draw(other),
                )
            )
        restarts = draw(st.integers(0, 200))
        return s.HoldUntil(branches, **described, max_duration=draw(positive), timeout=chain, max_restarts=restarts)
    if kind is s.SendToDestination:
        sent = draw(st.lists(activations(around.destinations), min_size=1, max_size=2))
        return s.SendToDestination(sent, **described, next=chain)
    if kind is s.ShowAd:
        shown = draw(st.sampled_from(around.lists))
        return s.ShowAd(shown, **described, remove_after=draw(_with_none(positive)), next=chain)
    return s.SendMessage(
        **described,
        channel=draw(st.sampled_from(s.CHANNELS)),
        destination=draw(st.sampled_from(around.destinations)),
        template=draw(st.dictionaries(texts, templates, max_size=2)),
        to=draw(st.sampled_from(["subscribed", "everyone"])),
        next=chain,
    )


STEPS: tuple[type[s.Step], ...] = (
    s.WaitForCondition,
    s.Delay,
    s.TrueFalseSplit,
    s.MultiBranchSplit,
    s.DataSplit,
    s.RandomizedSplit,
    s.HoldUntil,
    s.SendToDestination,
    s.ShowAd,
    s.SendMessage,
)


def entries(audiences: Sequence[str]) -> st.SearchStrategy[e.Entry]:
    """An entry of either kind."""
    by_condition = st.builds(e.ConditionEntry, conditions(audiences), historical=st.booleans())
    return by_condition | st.builds(
        e.EventEntry,
        words,
        wheres(),
        audience=_with_none(st.sampled_from(audiences)) if audiences else st.none(),
        reentry=st.sampled_from(e.REENTRY),
        identifier=_with_none(words),
    )


@st.composite
def journeys(draw: Any, key: str, around: Around) -> Journey:
    """A journey of up to four steps."""
    names = draw(st.lists(keys, min_size=1, max_size=4, unique=True))
    made = {
        name: draw(steps(names[n + 1] if n + 1 < len(names) else None, names[n + 1 :], around))
        for n, name in enumerate(names)
    }
    rules = draw(st.lists(keys, max_size=2, unique=True))
    goal = st.builds(e.Goal, words, wheres(context=True), within=_with_none(positive))
    migrate = st.builds(Migrate, st.dictionaries(keys, st.sampled_from(names), max_size=2))
    return Journey(
        key=key,
        name=draw(st.just(key) | texts),
        description=draw(_with_none(st.text(max_size=5))),
        entry=draw(entries(around.audiences)),
        start=names[0],
        steps=draw(st.permutations(list(made.items())).map(dict)),
        exit_rules=[
            e.ExitRule(rule, draw(words), draw(wheres(context=True)), match_identifier=draw(st.booleans()))
            for rule in rules
        ],
        exit_send=draw(st.builds(e.ExitSend, st.just(rules), activations(around.destinations))) if rules else None,
        goal=draw(_with_none(goal)),
        exit_after=draw(_with_none(positive)),
        reentry_after=draw(_with_none(positive)),
        max_age=draw(st.just("P365D") | positive),
        version=draw(st.integers(1, 2**31 - 1)),
        status=draw(st.sampled_from(STATUSES)),
        on_previous=draw(st.sampled_from(["drain", "archive"]) | migrate),
        exclude_previous=draw(st.booleans()),
    )


@st.composite
def computed_traits(draw: Any, key: str, destinations: Sequence[str]) -> sp.ComputedTrait:
    """A computed trait."""
    kind = draw(st.sampled_from(sp.COMPUTATIONS))
    return sp.ComputedTrait(
        key=key,
        name=draw(texts),
        type=kind,
        event=draw(words),
        where=draw(wheres()),
        property=None if kind == "event_counter" else draw(words),
        within=draw(_with_none(positive)),
        destinations=draw(st.lists(st.sampled_from(destinations), max_size=2)),
    )


#: every limit is far above what is made here
settings = st.builds(
    sp.Settings,
    dedupe_window=not_negative,
    allowed_lateness=not_negative,
    max_clock_skew=not_negative,
    retention=st.builds(
        sp.Retention,
        instances=_with_none(not_negative),
        trace=_with_none(not_negative),
        marks=_with_none(not_negative),
    ),
    max_live_instances=_with_none(st.integers(0, 2**31 - 1)),
    max_steps=_with_none(st.integers(0, 2**31 - 1)),
    max_journey_steps=_with_none(st.integers(10, 2**31 - 1)),
    max_payload_bytes=_with_none(st.integers(0, 2**31 - 1)),
)


@st.composite
def spaces(draw: Any) -> sp.Space:
    """A valid space: everything that is named in it exists."""
    destinations = {
        key: sp.DestinationDefinition(kind, list=listed, options=options if kind == "webhook" else {})
        for key, kind, listed, options in draw(
            st.lists(
                st.tuples(
                    keys,
                    st.sampled_from(["record", "function", "webhook"]),
                    st.booleans(),
                    st.dictionaries(texts.filter(lambda each: each not in ("type", "list")), json_values, max_size=2),
                ),
                min_size=1,
                max_size=3,
            )
        )
    }
    names = list(destinations)
    audiences: list[sp.AudienceDefinition] = []
    for key in draw(st.lists(keys, max_size=2, unique=True)):
        audiences.append(
            sp.AudienceDefinition(
                key=key,
                name=draw(st.just(key) | texts),
                description=draw(_with_none(st.text(max_size=5))),
                condition=draw(conditions([each.key for each in audiences])),
                destinations=draw(st.lists(st.sampled_from(names), max_size=2)),
            )
        )
    around = Around([each.key for each in audiences], names, [key for key, each in destinations.items() if each.list])
    computed = draw(st.lists(keys, max_size=2, unique=True))
    return sp.Space(
        key=draw(keys),
        name=draw(_with_none(texts)),
        description=draw(_with_none(st.text(max_size=5))),
        audiences=audiences,
        computed_traits=[draw(computed_traits(f"computed-{key}", names)) for key in computed],  # a trait of no filter
        destinations=destinations,
        journeys=[draw(journeys(key, around)) for key in draw(st.lists(keys, max_size=2, unique=True))],
        settings=draw(st.just(sp.Settings()) | settings),
    )

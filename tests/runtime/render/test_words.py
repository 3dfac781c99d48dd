"""Every condition, operator, reference, step and entry has words."""

from datetime import timedelta

import attrs
import pytest

from journeys.model.conditions import (
    COUNTS,
    OPERATORS,
    All,
    Any,
    Condition,
    Context,
    ContextRef,
    Count,
    Event,
    Filter,
    FirstRef,
    Not,
    Trait,
    TraitRef,
    audience,
    context,
    event,
    prop,
    trait,
)
from journeys.model.entries import ConditionEntry, EventEntry, ExitRule, Goal
from journeys.model.space import COMPUTATIONS, AudienceDefinition, ComputedTrait
from journeys.model.steps import (
    Activation,
    ContextTime,
    Delay,
    LocalTime,
    RandomBranch,
    RandomizedSplit,
    SendMessage,
    SendToDestination,
    ShowAd,
    TimezoneTrait,
)
from journeys.runtime.render.phrases import (
    describe_activation,
    describe_audience,
    describe_computed_trait,
    describe_entry,
    describe_exit_rule,
    describe_goal,
    describe_step,
)
from journeys.runtime.render.words import (
    OPERATOR_WORDS,
    describe,
    describe_duration,
    describe_filter,
    describe_value,
)
from tests.runtime.render.samples import FUNNEL, WELCOME, WINBACK

ORDER = event("Order Completed")


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (ORDER.at_least(3).within("P90D") & (trait("plan") == "pro"),
         'Order Completed at least 3 times within 90 days and plan is "pro"'),
        (ORDER, "Order Completed at least once"),
        (ORDER.exactly(0).within("P180D"), "no Order Completed within 180 days"),
        (ORDER.less_than(1), "no Order Completed ever"),
        (ORDER.at_most(2).between("P90D", "P30D"), "Order Completed at most twice between 90 days and 30 days ago"),
        (event("Page Viewed", prop("page_name") == "Docs", prop("n") > 1).more_than(1),
         'Page Viewed (page_name is "Docs", n is greater than 1) more than once'),
        (audience("vip"), "in the audience vip"),
        (~audience("vip"), "not in the audience vip"),
        (~ORDER.within("P7D"), "no Order Completed within 7 days"),
        (~ORDER.at_least(3), "Order Completed fewer than 3 times"),
        (~ORDER.at_most(3), "Order Completed more than 3 times"),
        (~ORDER.less_than(3), "Order Completed at least 3 times"),
        (~ORDER.more_than(3), "Order Completed at most 3 times"),
        (~ORDER.exactly(0), "Order Completed at least once"),
        (~ORDER.exactly(2), "not (Order Completed exactly twice)"),
        (~(trait("plan") == "pro"), 'plan is not "pro"'),
        (~trait("email").exists(), "email is not set"),
        (~(context("Cart Modified", "value") == 1), "value of Cart Modified is not 1"),
        (~(trait("age") > 1), "not (age is greater than 1)"),
        (Not(Not(audience("vip"))), "in the audience vip"),
        (trait("plan").is_in(["pro", "team"]), 'plan is "pro" or "team"'),
        (trait("plan").is_in(["pro", "team"]) & audience("vip"), '(plan is "pro" or "team") and in the audience vip'),
        (trait("plan").is_in([]), "plan is one of nothing"),
        (trait("renewal").within_next("P14D"), "renewal is within the next 14 days"),
        (trait("renewal").before_last("P14D"), "renewal is at least 14 days ago"),
        (trait("renewal").after_next("P1M"), "renewal is more than 1 month ahead"),
        (trait("renewal").before_date("2026-01-01"), "renewal is before 2026-01-01"),
        (context("Cart Modified", "value") >= 100, "value of Cart Modified is at least 100"),
        (FUNNEL,
         "Checkout Started within 7 days, not followed within 1 hour by Order Completed "
         "(cart_id is the first event's cart_id)"),
        (All([FUNNEL, audience("vip")]).conditions[1] | FUNNEL,
         "in the audience vip or (Checkout Started within 7 days, not followed within 1 hour by Order Completed "
         "(cart_id is the first event's cart_id))"),
        (All([]), "always"),
        (Any([]), "never"),
        (All([Any([audience("a"), audience("b")]), audience("c")]),
         "(in the audience a or in the audience b) and in the audience c"),
        (All([Any([audience("a")]), audience("c")]), "in the audience a and in the audience c"),
        (Not(All([audience("a"), audience("b")])), "not (in the audience a and in the audience b)"),
    ],
)  # fmt: skip
def test_conditions(condition: Condition, words: str) -> None:
    assert describe(condition) == words


@pytest.mark.parametrize("op", OPERATORS)
def test_every_operator_reads_well_everywhere(op: str) -> None:
    constant = {"exists": None, "not_exists": None}.get(op, ["a", "b"] if "any_of" in op else "P7D")
    compared = [
        describe_filter(Filter(property="p", op=op, value=constant)),
        describe(Trait(trait="p", op=op, value=constant)),
        describe(Context(event="E", property="p", op=op, value=constant)).replace(" of E", "", 1),
    ]
    assert len(set(compared)) == 1
    assert compared[0].startswith(f"p {OPERATOR_WORDS[op]}")
    assert len(set(OPERATOR_WORDS) ^ set(OPERATORS)) == 0


@pytest.mark.parametrize("op", COUNTS)
def test_every_count(op: str) -> None:
    words = describe(Event("E", count=Count(**{op: 4})))
    assert words == f"E {op.replace('_', ' ').replace('less', 'fewer')} 4 times"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (TraitRef("age"), "the trait age"),
        (ContextRef(("Cart Modified", "value")), "the value of Cart Modified"),
        (FirstRef("cart_id"), "the first event's cart_id"),
        (True, "true"),
        (None, "null"),
        (1.0, "1.0"),
        ('say "é"', '"say \\"é\\""'),
        ([1, {"a": None}], '[1, {"a": null}]'),
    ],
)
def test_values(value: object, words: str) -> None:
    assert describe_value(value) == words


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        ("PT2H", "2 hours"),
        ("PT90M", "90 minutes"),
        ("P1Y2M", "1 year 2 months"),
        ("P1DT1H1M1S", "1 day 1 hour 1 minute 1 second"),
        ("P2W", "2 weeks"),
        ("PT1.50H", "1.5 hours"),
        ("PT0,5S", "0.5 seconds"),
        ("PT0S", "0 seconds"),
        ("P0D", "0 seconds"),
        ("-PT1H", "minus 1 hour"),
        (timedelta(days=14), "14 days"),
        (timedelta(seconds=5400), "1 hour 30 minutes"),
    ],
)
def test_durations(duration: str | timedelta, words: str) -> None:
    assert describe_duration(duration) == words


@pytest.mark.parametrize(
    ("delay", "words"),
    [
        (Delay(duration="P3D"), "Wait 3 days"),
        (Delay(until=LocalTime(time="09:00")), "Wait until 09:00; time zone: UTC"),
        (
            Delay(duration="P1D", until=LocalTime(time="09:00", weekdays=["mon", "tue", "wed", "thu", "fri"])),
            "Wait 1 day, then until 09:00, Mon to Fri; time zone: UTC",
        ),
        (
            Delay(until=LocalTime(time="18:30", weekdays=["sun", "mon"], timezone=TimezoneTrait("tz", "Asia/Tokyo"))),
            "Wait until 18:30, Mon or Sun; time zone: tz, else Asia/Tokyo",
        ),
        (Delay(until=ContextTime(context=("Booked", "start"))), "Wait until the start of Booked"),
        (Delay(until=ContextTime(context=("Booked", "start"), offset="-PT1H")),
         "Wait until 1 hour before the start of Booked"),
        (Delay(until=ContextTime(context=("Booked", "start"), offset="PT1H")),
         "Wait until 1 hour after the start of Booked"),
    ],
)  # fmt: skip
def test_delays(delay: Delay, words: str) -> None:
    assert describe_step(delay) == words


def test_steps_say_what_they_do() -> None:
    said = {key: describe_step(step) for key, step in WELCOME.steps.items()}
    assert said["greet"] == "Send an email by mailer; subject: Hi {{ first_name }}"
    assert said["tips"] == "Send an SMS by texter; to everyone, subscribed or not"
    assert said["last-call"] == "Send a WhatsApp message by texter"
    assert said["ad"] == "Add to the list ads for 7 days"
    assert said["test"] == "By chance, 45 / 45 / 10 %"
    assert said["call"] == "Send to crm and slack; Identify to crm, with email and phone; Send Call Wanted to slack"
    assert said["size"] == (
        "The first branch that is true; large: seats is greater than 50; "
        "growing: Member Invited at least 3 times within 7 days"
    )
    assert said["active"].startswith("Hold for up to 3 days; set up: Project Created; asked for help: Ticket Opened (")
    assert said["ready"] == 'Order Completed at least once or plan is "pro"'
    assert said["paid"] == 'plan of Trial Started is "pro"'
    assert describe_step(ShowAd("ads")) == "Add to the list ads"
    assert describe_step(RandomizedSplit([RandomBranch("a", 100.0)], sticky=True)) == (
        "By chance, 100 %; the same branch for a profile every time"
    )
    assert describe_step(SendToDestination([])) == "Send to nothing"
    assert describe_step(SendMessage(channel="sms", destination="d", template={"subject": 3})) == "Send an SMS by d"


def test_entries() -> None:
    assert describe_entry(WELCOME.entry) == (
        'Trial Started (plan is not "free"); in the audience eu; one at a time for each workspace_id'
    )
    assert describe_entry(EventEntry("A", reentry="once")) == "A; once per profile"
    assert describe_entry(EventEntry("A")) == "A; one at a time"
    assert describe_entry(ConditionEntry(audience("vip"))) == "in the audience vip"
    assert describe_entry(WINBACK.entry) == (
        "Order Completed at least once and no Order Completed within 180 days; also those who fitted before publication"
    )


def test_the_rest_of_a_space() -> None:
    assert describe_exit_rule(ExitRule("x", "Gone", [prop("a") == 1], match_identifier=True)) == (
        "Gone (a is 1), same identifier"
    )
    assert describe_goal(Goal("Order Completed", within="P30D")) == "Order Completed within 30 days"
    assert describe_activation(Activation("crm", mapping={"to": 1, "hi": 2})) == "Send to crm, fields to and hi"
    assert describe_activation(Activation("crm", event="E", mapping={})) == "Send E to crm, no fields"
    assert describe_activation(Activation("crm", context=["A"])) == "Send to crm, context of A only"
    assert describe_activation(Activation("crm", context=[])) == "Send to crm, no context"
    assert describe_audience(AudienceDefinition(key="vip", condition=audience("a"))) == "in the audience a"
    assert describe_computed_trait(
        ComputedTrait(key="ltv", type="sum", event="Order Completed", property="revenue", within="P1Y")
    ) == ("sum of revenue of Order Completed within 1 year")
    for kind in COMPUTATIONS:
        assert describe_computed_trait(ComputedTrait(key="k", type=kind, event="E"))


def test_what_is_unknown_is_an_error() -> None:
    @attrs.frozen
    class Moon(Condition):
        phase: str

    with pytest.raises(TypeError, match="no words"):
        describe(Moon("full"))
    with pytest.raises(TypeError, match="expected a condition"):
        describe("full moon")  # type: ignore[arg-type]

"""Journeys to draw: a large one with every type of step, and one whose every text is hostile."""

from journeys.model.conditions import (
    All,
    Funnel,
    FunnelFirst,
    FunnelThen,
    Not,
    audience,
    context,
    event,
    first,
    prop,
    trait,
)
from journeys.model.entries import ConditionEntry, EventEntry, ExitRule, ExitSend, Goal
from journeys.model.journey import Journey
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
    RandomBranch,
    RandomizedSplit,
    SendMessage,
    SendToDestination,
    ShowAd,
    TimezoneTrait,
    TrueFalseSplit,
    WaitForCondition,
)

CART = Journey(
    key="cart-abandonment",
    name="Cart abandonment",
    entry=EventEntry("Cart Modified", where=[prop("value") >= 50], identifier="cart_id"),
    start="hold",
    steps={
        "hold": HoldUntil(
            branches=[
                Branch("bought", event="Order Completed"),
                Branch("changed", event="Cart Modified", restart=True),
            ],
            max_duration="PT2H",
            timeout="nudge",
            name="Buys within two hours?",
        ),
        "nudge": SendToDestination([Activation("email", event="Cart Abandoned", traits=["email"])]),
    },
    exit_rules=[ExitRule("gone", "Account Deleted")],
)

WELCOME = Journey(
    key="welcome",
    name="Welcome to the trial",
    description="From signing up to the first order, with a nudge for everyone who stalls on the way.",
    version=3,
    entry=EventEntry("Trial Started", where=[prop("plan") != "free"], audience="eu", identifier="workspace_id"),
    start="greet",
    steps={
        "greet": SendMessage(
            channel="email",
            destination="mailer",
            template={"subject": "Hi {{ first_name }}"},
            next="morning",
            name="Greeting",
        ),
        "morning": Delay(
            duration="P1D",
            until=LocalTime(
                time="09:00", weekdays=("mon", "tue", "wed", "thu", "fri"), timezone=TimezoneTrait("timezone")
            ),
            next="active",
        ),
        "active": HoldUntil(
            branches=[
                Branch("set up", event="Project Created", next="size"),
                Branch("asked for help", event="Ticket Opened", where=[prop("topic").contains("setup")], next="call"),
                Branch("came back", event="Signed In", restart=True),
                Branch("looked around", event="Page Viewed", where=[prop("page_name") == "Docs"], restart=True),
            ],
            max_duration="P3D",
            timeout="test",
            name="Sets up a project?",
        ),
        "test": RandomizedSplit(
            branches=[
                RandomBranch("ad", 45, next="ad"),
                RandomBranch("video", 45, next="video"),
                RandomBranch("none", 10),
            ],
        ),
        "ad": ShowAd("ads", remove_after="P7D", next="last-call"),
        "video": SendToDestination([Activation("push", event="Video Offered")], next="last-call"),
        "call": SendToDestination(
            [Activation("crm", call="identify", traits=["email", "phone"]), Activation("slack", event="Call Wanted")],
            next="appointment",
        ),
        "appointment": Delay(until=ContextTime(context=("Trial Started", "kickoff"), offset="-PT1H"), next="last-call"),
        "size": DataSplit(
            branches=[
                ConditionBranch("large", trait("seats") > 50, next="sales"),
                ConditionBranch("growing", event("Member Invited").at_least(3).within("P7D"), next="tips"),
            ],
            everyone_else="tips",
            name="How large is the team?",
        ),
        "sales": SendToDestination([Activation("crm", event="Lead Qualified", traits=["email"])], next="signals"),
        "tips": SendMessage(channel="sms", destination="texter", template={"body": "…"}, to="everyone", next="ready"),
        "signals": MultiBranchSplit(
            branches=[
                ConditionBranch("uses reports", event("Report Made", prop("rows") > 10).at_least(1), next="ready"),
                ConditionBranch("is a fan", audience("fans") & ~audience("staff"), next=None),
            ],
        ),
        "ready": WaitForCondition(
            condition=event("Order Completed").at_least(1) | (trait("plan") == "pro"), next="paid"
        ),
        "paid": TrueFalseSplit(condition=context("Trial Started", "plan") == "pro", if_true=None, if_false="last-call"),
        "last-call": SendMessage(channel="whatsapp", destination="texter", template={"body": "Bye"}),
    },
    exit_rules=[
        ExitRule("cancelled", "Trial Cancelled", where=[prop("by") == "user"], match_identifier=True),
        ExitRule("deleted", "Account Deleted"),
    ],
    exit_send=ExitSend(["cancelled"], Activation("crm", event="Trial Lost", traits=["email"])),
    goal=Goal("Order Completed", where=[prop("revenue") > 0], within="P30D"),
    max_age="P90D",
)

WINBACK = Journey(
    key="winback",
    name="Winback",
    entry=ConditionEntry(
        All([event("Order Completed"), Not(event("Order Completed").within("P180D"))]),
        historical=True,
    ),
    start="value",
    steps={
        "value": TrueFalseSplit(condition=trait("lifetime_value") > 100, if_true="ad", if_false="mail"),
        "ad": ShowAd("ads", remove_after="P7D", next="mail"),
        "mail": SendToDestination([Activation("email")]),
    },
    exit_after="P30D",
    reentry_after="P60D",
)

FUNNEL = Funnel(
    FunnelFirst("Checkout Started"),
    FunnelThen("Order Completed", [prop("cart_id") == first("cart_id")], performed=False, within="PT1H"),
    within="P7D",
)

HOSTILE = (
    'a "quoted" text',
    "end",
    "graph TD; subgraph x",
    "<script>alert(1)</script> & <b>",
    "two\nlines\r\n\tand a tab",
    "`code` *stars* _under_ ~~gone~~ [link](http://x.example)",
    "]]> --> -->|x| ((o)) {{h}}",
    "%%{init: {'theme':'dark'}}%%",
    "style:#35; classDef x:#1;",
    "emoji 👩‍👩‍👧 family and 漢字テスト and عربى",
    "\x1b[31mred\x1b[0m \x00 \x7f \u202egnp.exe \ud800 \uffff",
    "1. not a list",
    "- nor this",
    "fa:fa-twitter \\n #quot; &amp; | $x$",
    "W" * 300,
    " ",
)


def hostile(text: str) -> Journey:
    """A journey that says the text wherever a text may stand."""
    return Journey(
        key="hostile",
        name=text,
        description=text,
        entry=EventEntry(text, where=[prop(text) == text], identifier=text),
        start="hold",
        steps={
            "hold": HoldUntil(
                branches=[Branch(text, event=text, next="send"), Branch(text + " again", event=text, restart=True)],
                max_duration="PT2H",
                timeout="end",
                name=text,
                description=text,
            ),
            "send": SendToDestination([Activation(text, event=text, traits=[text])], next="end"),
            "end": DataSplit(branches=[ConditionBranch(text, trait(text) == text)], name=text),
        },
        exit_rules=[ExitRule("x", text, where=[prop(text) == text])],
        goal=Goal(text),
    )

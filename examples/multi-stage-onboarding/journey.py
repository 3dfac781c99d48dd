"""Multi-stage onboarding with fallbacks: lead a new customer from the sign-up to the first order, one stage at a time.

The first stage asks for a taste profile: by e-mail, then by text message, and then the journey goes on without it. The
second stage waits for the first order, and suggests a starter set that fits the profile, or a tasting where there is no
profile. All paths join: an order at any stage leads to the thanks, and whoever never orders is handed over to sales.

What the events tell:

- ada signs up (the call comes twice, once as a duplicate and once as a second sign-up, which ``once`` keeps out), fills
  in her profile after half an hour and orders on Wednesday.
- bo does nothing at first. On Tuesday the reminder by e-mail is skipped, because he is not subscribed; on Thursday he
  gets a text message instead. On Saturday he says how he brews, on Sunday he gets the set that fits, and he orders.
- cy orders before filling in anything: the fallback skips the stages that have become needless.
- dee signs up as a visitor, is known an hour later, and never does anything else: e-mail, text message (skipped),
  tasting, and after four more days she is handed over.
"""

from journeys import (
    Activation,
    Branch,
    ConditionBranch,
    DataSplit,
    DestinationDefinition,
    EventEntry,
    Goal,
    HoldUntil,
    Journey,
    SendMessage,
    SendToDestination,
    Space,
    Template,
    TraitRef,
    trait,
)


def mail(name: str, template: str, *, next: str, everyone: bool = False) -> SendMessage:
    """An e-mail to the customer, by the name of its template."""
    return SendMessage(
        name=name,
        channel="email",
        destination="email",
        to="everyone" if everyone else "subscribed",
        template={"template": template, "greeting": 'Hi {{ first_name | default: "there" }}'},
        next=next,
    )


onboarding = Journey(
    key="multi-stage-onboarding",
    name="Multi-stage onboarding",
    description="Leads a new customer from the sign-up to the first order, one stage at a time.",
    entry=EventEntry("Signed Up", reentry="once"),
    start="welcome",
    steps={
        "welcome": mail("Welcome", "welcome", next="profile", everyone=True),
        "profile": HoldUntil(
            name="Taste profile within a day?",
            branches=[
                Branch("done", "Taste Profile Completed", next="first-order"),
                Branch("ordered", "Order Completed", next="thanks"),
            ],
            max_duration="P1D",
            timeout="profile-mail",
        ),
        "profile-mail": mail("Ask for the profile by e-mail", "taste-profile", next="profile-again"),
        "profile-again": HoldUntil(
            name="Within two more days?",
            branches=[
                Branch("done", "Taste Profile Completed", next="first-order"),
                Branch("ordered", "Order Completed", next="thanks"),
            ],
            max_duration="P2D",
            timeout="profile-sms",
        ),
        "profile-sms": SendMessage(
            name="Ask by text message",
            channel="sms",
            destination="sms",
            template={"text": "One minute, and your coffee fits you: tell us how you brew."},
            next="first-order",
        ),
        "first-order": HoldUntil(
            name="First order within three days?",
            branches=[Branch("ordered", "Order Completed", next="thanks")],
            max_duration="P3D",
            timeout="suggest",
        ),
        "suggest": DataSplit(
            [
                ConditionBranch("espresso", trait("brews") == "espresso", next="espresso-set"),
                ConditionBranch("filter", trait("brews") == "filter", next="filter-set"),
            ],
            name="What would fit?",
            everyone_else="tasting",
        ),
        "espresso-set": mail("Suggest the espresso set", "espresso-set", next="last-chance"),
        "filter-set": mail("Suggest the filter set", "filter-set", next="last-chance"),
        "tasting": mail("Invite to a tasting", "tasting", next="last-chance"),
        "last-chance": HoldUntil(
            name="Orders within four days?",
            branches=[Branch("ordered", "Order Completed", next="thanks")],
            max_duration="P4D",
            timeout="hand-over",
        ),
        "thanks": SendToDestination(
            [Activation("crm", event="Customer Onboarded", traits=["email", "brews"], context=["Signed Up"])],
            name="Tell the CRM",
        ),
        "hand-over": SendToDestination(
            [
                Activation(
                    "crm",
                    mapping={
                        "task": Template('Ask {{ first_name | default: "the customer" }} what is missing.'),
                        "email": TraitRef("email"),
                    },
                )
            ],
            name="Hand over to sales",
        ),
    },
    goal=Goal("Order Completed", within="P30D"),
)

space = Space(
    key="shop",
    destinations={
        "email": DestinationDefinition("record"),
        "sms": DestinationDefinition("record"),
        "crm": DestinationDefinition("record"),
    },
    journeys=[onboarding],
)

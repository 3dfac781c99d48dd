"""Small spaces that the tests of the testing kit share."""

from __future__ import annotations

from journeys import (
    Activation,
    AudienceDefinition,
    Branch,
    ComputedTrait,
    ConditionEntry,
    DestinationDefinition,
    EventEntry,
    ExitRule,
    ExitSend,
    Goal,
    HoldUntil,
    Journey,
    SendMessage,
    SendToDestination,
    ShowAd,
    Space,
    TraitRef,
    TrueFalseSplit,
    WaitForCondition,
    audience,
    event,
    prop,
    trait,
)

cart = Journey(
    key="cart",
    entry=EventEntry("Cart Modified", where=[prop("value") >= 50], identifier="cart_id"),
    start="hold",
    steps={
        "hold": HoldUntil(
            [Branch("bought", "Order Completed"), Branch("changed", "Cart Modified", restart=True)],
            name="Buys within two hours?",
            max_duration="PT2H",
            timeout="nudge",
        ),
        "nudge": SendToDestination(
            [
                Activation("email", event="Cart Abandoned", traits=["email"]),
                Activation("email", event="Second Thoughts"),
                Activation("crm", mapping={"to": TraitRef("email"), "what": "nudged", "by.whom": {"name": "shop"}}),
            ],
            name="Nudge",
        ),
    },
    exit_rules=[ExitRule("emptied", "Cart Emptied", match_identifier=True), ExitRule("gone", "Account Deleted")],
    exit_send=ExitSend(["gone"], Activation("crm", event="Left")),
    goal=Goal("Order Completed"),
)

loyal = Journey(
    key="loyal",
    entry=ConditionEntry(audience("vip")),
    start="rich",
    steps={
        "rich": TrueFalseSplit(condition=trait("spent") >= 100, if_true="ads", if_false="letter"),
        "ads": ShowAd("ads", remove_after="P7D", next="letter"),
        "letter": SendMessage(
            channel="email", destination="email", template={"subject": "Hi {{ first_name }}"}, next="answer"
        ),
        "answer": WaitForCondition(condition=trait("answered").exists(), next="thanks"),
        "thanks": SendToDestination([Activation("crm", call="identify", traits=["answered"])]),
    },
    exit_after="P30D",
)

shop = Space(
    key="shop",
    audiences=[
        AudienceDefinition(
            key="vip", condition=event("Order Completed").at_least(2).within("P30D"), destinations=["crm"]
        )
    ],
    computed_traits=[ComputedTrait(key="spent", type="sum", event="Order Completed", property="revenue")],
    destinations={
        "email": DestinationDefinition("record"),
        "crm": DestinationDefinition("webhook", options={"url": "https://crm.example/hooks"}),
        "ads": DestinationDefinition("record", list=True),
    },
    journeys=[cart, loyal],
)

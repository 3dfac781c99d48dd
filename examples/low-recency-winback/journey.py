"""Low-recency winback: bring back customers whose last order was long ago.

The audience ``lapsed`` holds everybody who has ordered before, but not within sixty days. Nobody has to compute it
nightly: its answer changes by time alone, to the second, and with it people enter. They get an e-mail; a week later the
valuable ones also see ads for two weeks; and everybody gets one of two offers, by a split that is drawn from the hash
of the profile, so that it is the same on every run (S6). An order ends the journey; a month later it may begin again.

What the events tell (simulated until 30 June, see ``until.txt``; without an end it would go round for ever):

- ada's last order is of 10 January, 10:00: she enters on 11 March, 10:00. She is worth 200, so the ads begin on 18
  March and end with her order of 20 March, which ends the journey. Sixty days after that order, on 19 May, she has
  lapsed again; entry has been armed since 19 April. This time the ads end by themselves after two weeks.
- bo is worth 40: no ads. An order of 1 February that he made in the shop itself arrives on 16 March, three days after
  he entered. It is late, and it counts where it belongs (C3): he has not lapsed any more. It is also an order, so it
  ends his journey (X1). Entry is armed again on 15 April, when he has lapsed again (since 2 April): he enters at once.
  He does not react, so he exits after forty-five days, on 30 May, and begins again thirty days later, on 29 June.
- cy ordered on 20 June and is not concerned.
"""

from journeys import (
    Activation,
    AudienceDefinition,
    ComputedTrait,
    ConditionEntry,
    Delay,
    DestinationDefinition,
    ExitRule,
    Goal,
    Journey,
    RandomBranch,
    RandomizedSplit,
    SendToDestination,
    ShowAd,
    Space,
    TrueFalseSplit,
    audience,
    event,
    trait,
)

lapsed = AudienceDefinition(
    key="lapsed",
    name="Lapsed customers",
    description="Ordered before, but not within sixty days.",
    condition=event("Order Completed") & event("Order Completed").exactly(0).within("P60D"),
)

lifetime_value = ComputedTrait(
    key="lifetime_value", name="Lifetime value", type="sum", event="Order Completed", property="revenue"
)

winback = Journey(
    key="low-recency-winback",
    name="Low-recency winback",
    description="Brings back customers whose last order was long ago.",
    entry=ConditionEntry(audience("lapsed")),
    start="miss-you",
    steps={
        "miss-you": SendToDestination(
            [Activation("email", event="Winback Begun", traits=["email", "lifetime_value"])],
            name="We miss you",
            next="a-week",
        ),
        "a-week": Delay(name="A week", duration="P7D", next="value"),
        "value": TrueFalseSplit(
            name="Worth 150 or more?", condition=trait("lifetime_value") >= 150, if_true="ads", if_false="offer"
        ),
        "ads": ShowAd("ads", name="Ads for two weeks", remove_after="P14D", next="offer"),
        "offer": RandomizedSplit(
            [
                RandomBranch("free shipping", 50, next="free-shipping"),
                RandomBranch("ten percent", 50, next="ten-percent"),
            ],
            name="One of two offers",
        ),
        "free-shipping": SendToDestination([Activation("email", event="Free Shipping Offered")], name="Free shipping"),
        "ten-percent": SendToDestination([Activation("email", event="Ten Percent Offered")], name="Ten per cent off"),
    },
    exit_rules=[ExitRule("ordered", "Order Completed")],
    goal=Goal("Order Completed", within="P30D"),
    exit_after="P45D",
    reentry_after="P30D",
)

space = Space(
    key="shop",
    audiences=[lapsed],
    computed_traits=[lifetime_value],
    destinations={"email": DestinationDefinition("record"), "ads": DestinationDefinition("record", list=True)},
    journeys=[winback],
)

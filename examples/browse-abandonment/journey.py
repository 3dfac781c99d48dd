"""Browse abandonment over several holds: follow somebody from looking to buying, and help where they stop.

Somebody looks at coffee for 15 or more. While they look on, the hold starts again. Half an hour after the last look
they get a reminder of what they saw first and last; whoever put something into the cart is given a day to buy.
Whoever still has not bought sees the shop's ads for a week. Two paths join at the ads, and each person has one such
journey at a time.

What the events tell:

- ada looks at three things (the cheap one restarts the hold too: a branch has its own filters, here none), fills her
  cart at 10:35 and buys the next morning.
- bo looks once. He is reminded at 10:30, does not come back within two days, and is shown ads from Wednesday 10:30 on.
  The journey has completed then; he is taken off the list a week later all the same (S9).
- cy's mug is too cheap, her kettle is not. A look from 10:55 arrives after the one of 11:00: it is late, restarts the
  hold at 11:00 and is what she "saw last" (T4, S7). She fills her cart on Tuesday and lets the day pass.
- dee looks on her laptop at 12:00, logged in, and on her phone at 12:05, as a visitor. At 12:08 she logs in there too:
  two journeys become one, the older stays and the younger ends as ``merged`` (P2).
"""

from journeys import (
    Activation,
    Branch,
    ContextRef,
    DestinationDefinition,
    EventEntry,
    HoldUntil,
    Journey,
    SendToDestination,
    ShowAd,
    Space,
    TraitRef,
    prop,
)

browse = Journey(
    key="browse-abandonment",
    name="Browse abandonment",
    description="Reminds people of what they looked at, and shows ads to those who still do not buy.",
    entry=EventEntry("Product Viewed", where=[prop("price") >= 15]),
    start="browsing",
    steps={
        "browsing": HoldUntil(
            name="Still looking?",
            branches=[
                Branch("added", "Cart Modified", next="deciding"),
                Branch("looked on", "Product Viewed", restart=True),
            ],
            max_duration="PT30M",
            timeout="remind",
        ),
        "remind": SendToDestination(
            [
                Activation(
                    "email",
                    mapping={
                        "to": TraitRef("email"),
                        "template": "seen-in-the-shop",
                        "first": ContextRef(("Product Viewed", "name")),
                        "last": ContextRef(("Product Viewed - looked on", "name")),
                    },
                )
            ],
            name="Remind of what they saw",
            next="returns",
        ),
        "returns": HoldUntil(
            name="Comes back within two days?",
            branches=[
                Branch("added", "Cart Modified", next="deciding"),
                Branch("bought", "Order Completed"),
            ],
            max_duration="P2D",
            timeout="show",
        ),
        "deciding": HoldUntil(
            name="Buys within a day?",
            branches=[Branch("bought", "Order Completed")],
            max_duration="P1D",
            timeout="show",
        ),
        "show": ShowAd("ads", name="Show ads for a week", remove_after="P7D"),
    },
)

space = Space(
    key="shop",
    destinations={"email": DestinationDefinition("record"), "ads": DestinationDefinition("record", list=True)},
    journeys=[browse],
)

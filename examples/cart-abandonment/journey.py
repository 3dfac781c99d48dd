"""Cart abandonment with a timer that starts again: remind people of a cart, but not while they are still filling it.

A cart worth 50 or more is held for two hours. Every change starts the two hours again, an order ends the matter.
Whoever lets the time pass is nudged; whoever has not bought a day later gets a voucher, if the cart was ever worth
100.

What the events tell:

- ada's cart c-1 is changed at 11:30, so that its hold lasts until 13:30; the change arrives twice, the second time as a
  duplicate. She buys at 13:30:00, the very deadline: inside the wait (T6). A change from 13:10 arrives after the
  purchase: it is late, and must not open a new cart (E8).
- bo fills c-2 without being known and logs in at 10:45 (P2): the nudge at 12:15 goes to him by his user id, with the
  address that he gave. A day later the cart of 150 is worth a voucher.
- cy's cart c-3 is too small. c-4 and c-5 are two journeys at one time; c-4 is emptied, and c-5 bought after its nudge.
  The order of c-5 carries its own ``cart_id`` and means no other cart.
"""

from journeys import (
    Activation,
    Branch,
    ConditionBranch,
    ContextRef,
    DataSplit,
    DestinationDefinition,
    EventEntry,
    ExitRule,
    Goal,
    HoldUntil,
    Journey,
    SendToDestination,
    Space,
    TraitRef,
    context,
    prop,
)

cart = Journey(
    key="cart-abandonment",
    name="Cart abandonment",
    description="Reminds people of a cart that they have left, once they have stopped filling it.",
    entry=EventEntry("Cart Modified", where=[prop("value") >= 50], identifier="cart_id"),
    start="hold",
    steps={
        "hold": HoldUntil(
            name="Buys within two hours?",
            branches=[
                Branch("bought", "Order Completed"),
                Branch("changed", "Cart Modified", restart=True),
            ],
            max_duration="PT2H",
            timeout="nudge",
        ),
        "nudge": SendToDestination(
            [Activation("email", event="Cart Abandoned", traits=["email", "first_name"])],
            name="Nudge by e-mail",
            next="second-look",
        ),
        "second-look": HoldUntil(
            name="Buys within a day?",
            branches=[Branch("bought", "Order Completed")],
            max_duration="P1D",
            timeout="size",
        ),
        "size": DataSplit(
            [
                ConditionBranch(
                    "large",
                    (context("Cart Modified", "value") >= 100) | (context("Cart Modified - changed", "value") >= 100),
                    next="voucher",
                )
            ],
            name="Was it ever a large cart?",
        ),
        "voucher": SendToDestination(
            [
                Activation(
                    "email",
                    mapping={
                        "to": TraitRef("email"),
                        "template": "cart-voucher",
                        "cart": ContextRef(("Cart Modified", "cart_id")),
                    },
                )
            ],
            name="Send a voucher",
        ),
    },
    exit_rules=[ExitRule("emptied", "Cart Emptied", match_identifier=True)],
    goal=Goal("Order Completed", where=[prop("cart_id") == context("Cart Modified", "cart_id")], within="P7D"),
)

space = Space(key="shop", destinations={"email": DestinationDefinition("record")}, journeys=[cart])

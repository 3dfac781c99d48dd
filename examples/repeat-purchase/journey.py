"""Repeat purchase: turn a first order into a second one.

Everybody who has ordered exactly once enters. A week later they are asked how the coffee was; then the journey waits
for one of two things, whichever comes first: a second order, which goes to the CRM, or thirty days without any order,
which is worth a voucher. The second of the two happens by time alone. Ninety days after the entry everybody leaves.

What the events tell:

- ada orders on 2 March (the call arrives twice; counted twice it would be a second order), is asked on 9 March and
  orders again on 20 March.
- bo orders once. Thirty days after the order, on 2 April at 10:00, he has ordered nothing "within 30 days" and gets the
  voucher.
- cy orders twice within five minutes: she enters at the first, and when she comes to the split the second is there.
- A split that is ``exclusive`` takes one branch only: ada's thirty days without an order come on 19 April, and nothing
  happens. All have completed by then, and exit ninety days after they entered (S10, X2).
"""

from journeys import (
    Activation,
    ConditionBranch,
    ConditionEntry,
    Delay,
    DestinationDefinition,
    Goal,
    Journey,
    MultiBranchSplit,
    SendToDestination,
    Space,
    event,
)

repeat = Journey(
    key="repeat-purchase",
    name="Repeat purchase",
    description="Turns a first order into a second one.",
    entry=ConditionEntry(event("Order Completed").exactly(1)),
    start="a-week",
    steps={
        "a-week": Delay(name="A week to drink it", duration="P7D", next="ask"),
        "ask": SendToDestination(
            [Activation("email", event="First Order Followed Up", traits=["email", "first_name"])],
            name="Ask how the coffee was",
            next="then",
        ),
        "then": MultiBranchSplit(
            [
                ConditionBranch("ordered again", event("Order Completed").at_least(2), next="tell-crm"),
                ConditionBranch(
                    "quiet for 30 days", event("Order Completed").exactly(0).within("P30D"), next="voucher"
                ),
            ],
            name="What comes first?",
            exclusive=True,
        ),
        "tell-crm": SendToDestination(
            [Activation("crm", call="identify", traits=["email"])], name="Mark as a regular in the CRM"
        ),
        "voucher": SendToDestination(
            [Activation("email", event="Second Order Voucher", traits=["email"])], name="Send a voucher"
        ),
    },
    goal=Goal("Order Completed", within="P90D"),
    exit_after="P90D",
)

space = Space(
    key="shop",
    destinations={"email": DestinationDefinition("record"), "crm": DestinationDefinition("record")},
    journeys=[repeat],
)

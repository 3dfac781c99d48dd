"""Trial to paid: speak to people on a trial when it is about to end, about what they have made of it.

Everybody who has begun a trial and not subscribed enters. The journey waits until three days before the end of the
trial, which is a trait of the profile: if the trial is extended, the wait moves along. Whoever has rated two boxes or
more is offered a year for the price of ten months, the others are offered help. A day after the end there is one last
word. A subscription ends the journey and is its goal.

What the events tell:

- ada's trial ends on 16 March, a date, which is its midnight UTC. She has rated two boxes, so on 13 March at 00:00 she
  gets the offer; on 14 March she subscribes.
- bo's trial is extended on 10 March from 16 to 20 March, and the wait with it: he is offered help on 17 March, and gets
  the last word on 21 March. He completes, stays in the journey, and exits sixty days after he entered (S10, X2).
- cy's trial ends on 19 March. An older ``identify``, written on 2 March and received on 6 March, says 16 March: the
  later write wins (P3), so the wait ends on 16 March, three days before the 19th. The rating that arrives twice counts
  once, so she is offered help.
"""

from journeys import (
    Activation,
    ComputedTrait,
    ConditionEntry,
    DestinationDefinition,
    ExitRule,
    Goal,
    Journey,
    SendToDestination,
    Space,
    TrueFalseSplit,
    WaitForCondition,
    event,
    trait,
)

boxes_rated = ComputedTrait(key="boxes_rated", name="Boxes rated", type="event_counter", event="Box Rated")

paid = Journey(
    key="trial-to-paid",
    name="Trial to paid",
    description="Speaks to people on a trial when it is about to end.",
    entry=ConditionEntry(event("Trial Started") & ~event("Subscription Started")),
    start="ends-soon",
    steps={
        "ends-soon": WaitForCondition(
            name="Three days before the end", condition=trait("trial_ends_at").within_next("P3D"), next="active"
        ),
        "active": TrueFalseSplit(
            name="Rated two boxes or more?",
            condition=trait("boxes_rated") >= 2,
            if_true="offer",
            if_false="help",
        ),
        "offer": SendToDestination(
            [Activation("email", event="Yearly Plan Offered", traits=["email", "boxes_rated"])],
            name="Offer the yearly plan",
            next="ended",
        ),
        "help": SendToDestination(
            [Activation("email", event="Trial Help Offered", traits=["email", "boxes_rated"])],
            name="Offer help",
            next="ended",
        ),
        "ended": WaitForCondition(
            name="A day after the end", condition=trait("trial_ends_at").before_last("P1D"), next="last-word"
        ),
        "last-word": SendToDestination(
            [Activation("email", event="Trial Ended", traits=["email"])], name="One last word"
        ),
    },
    exit_rules=[ExitRule("subscribed", "Subscription Started")],
    goal=Goal("Subscription Started"),
    exit_after="P60D",
)

space = Space(
    key="shop",
    computed_traits=[boxes_rated],
    destinations={"email": DestinationDefinition("record")},
    journeys=[paid],
)

"""Paid subscription acquisition: invite the people who drink the most coffee to the club.

The audience ``club-ready`` holds who has ordered three times within ninety days; whoever has a subscription already is
left alone. One in ten is held back, so that it can be measured what the journey is worth. The others see ads, get an
invitation by e-mail if they are subscribed to it, and, if they have not decided after five days, a call. A subscription
ends the journey: the ads stop, and the CRM hears where it came from.

``club-ready`` has a destination of its own: the CRM is told of everybody who enters or leaves the audience, whether or
not a journey is concerned.

What the events tell:

- ada's third order, on 16 March, makes her ready. She sees ads, is invited, and subscribes on the 18th: goal, exit,
  exit send, list left, in this order (S11, X1).
- bo orders three times in a day; the third order arrives twice and counts once. He is not subscribed to e-mail, so the
  invitation is skipped, and he is called on 14 March. The journey has completed and keeps him on the list until he
  exits after thirty days (S9, S10). He leaves the audience on 7 June: the orders of 9 March are ninety days old then.
- cy is a member already: she is ready, but not invited.
- lea is the one in ten that is held back: the hash of her id falls into the last tenth (S6), on this run and on every
  other. Her journey has completed as soon as it begins.
"""

from journeys import (
    Activation,
    AudienceDefinition,
    ConditionEntry,
    Delay,
    DestinationDefinition,
    ExitRule,
    ExitSend,
    Goal,
    Journey,
    RandomBranch,
    RandomizedSplit,
    SendMessage,
    SendToDestination,
    ShowAd,
    Space,
    audience,
    event,
)

club_ready = AudienceDefinition(
    key="club-ready",
    name="Ready for the club",
    description="Ordered three times within ninety days.",
    condition=event("Order Completed").at_least(3).within("P90D"),
    destinations=["crm"],
)

invitation = Journey(
    key="club-invitation",
    name="Club invitation",
    description="Invites the people who drink the most coffee to the club.",
    entry=ConditionEntry(audience("club-ready") & ~event("Subscription Started")),
    start="hold-back",
    steps={
        "hold-back": RandomizedSplit(
            [RandomBranch("invited", 90, next="ads"), RandomBranch("held back", 10)],
            name="One in ten is held back",
        ),
        "ads": ShowAd("ads", name="Show ads", next="invite"),
        "invite": SendMessage(
            name="Invite by e-mail",
            channel="email",
            destination="email",
            template={"template": "club-invitation", "greeting": 'Hi {{ first_name | default: "there" }}'},
            next="five-days",
        ),
        "five-days": Delay(name="Five days to decide", duration="P5D", next="call"),
        "call": SendToDestination([Activation("crm", event="Call About The Club")], name="Ask sales to call"),
    },
    exit_rules=[ExitRule("subscribed", "Subscription Started")],
    exit_send=ExitSend(["subscribed"], Activation("crm", event="Club Joined", traits=["email"])),
    goal=Goal("Subscription Started", within="P30D"),
    exit_after="P30D",
)

space = Space(
    key="shop",
    audiences=[club_ready],
    destinations={
        "email": DestinationDefinition("record"),
        "crm": DestinationDefinition("record"),
        "ads": DestinationDefinition("record", list=True),
    },
    journeys=[invitation],
)

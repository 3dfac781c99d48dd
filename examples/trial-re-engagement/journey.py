"""Trial re-engagement: wake up those who began a trial of the coffee club and did nothing with it.

Two days into the trial the journey looks once whether a box has been put together. If not, tips go out at nine in the
morning of the next working day, by the customer's own clock, to those who are subscribed to e-mail; three days later
those who still have no box get a last call by text message. Whoever subscribes or cancels leaves at once, and the loss
of a trial is told to the CRM.

What the events tell, in the week in which European clocks go forward (Sunday, 29 March 2026):

- ada begins on Thursday at 16:00. On Saturday at 16:00 she has no box; Monday 09:00 in Berlin is 07:00Z by then. Three
  days after the tips comes the last call, which is skipped: she is not subscribed to text messages.
- bo puts a box together on Friday and is left in peace. His journey is over on Saturday; the subscription on Monday
  still reaches its goal (S11), once, although the call arrives twice.
- cy's time zone is none that exists, so the default holds (S2). cy is not subscribed to e-mail, cancels on Tuesday, and
  the CRM hears of it. A second trial opens nothing: once is once (E2).
- dee's box from Friday arrives on Saturday evening, late, after the split has looked (S3), and before any hold could
  see it: she gets the tips all the same. Her next box, on Tuesday, ends the matter.
"""

from journeys import (
    Activation,
    Branch,
    Delay,
    DestinationDefinition,
    EventEntry,
    ExitRule,
    ExitSend,
    Goal,
    HoldUntil,
    Journey,
    LocalTime,
    SendMessage,
    Space,
    TimezoneTrait,
    TrueFalseSplit,
    event,
)

trial = Journey(
    key="trial-re-engagement",
    name="Trial re-engagement",
    description="Wakes up people who began a trial of the coffee club and did nothing with it.",
    entry=EventEntry("Trial Started", reentry="once"),
    start="settle-in",
    steps={
        "settle-in": Delay(name="Two days to settle in", duration="P2D", next="active"),
        "active": TrueFalseSplit(
            name="Put a box together?", condition=event("Box Customised"), if_true=None, if_false="morning"
        ),
        "morning": Delay(
            name="Next working day at nine",
            until=LocalTime(
                time="09:00",
                weekdays=["mon", "tue", "wed", "thu", "fri"],
                timezone=TimezoneTrait("timezone", default="Europe/Berlin"),
            ),
            next="tips",
        ),
        "tips": SendMessage(
            name="Tips by e-mail",
            channel="email",
            destination="email",
            template={"template": "trial-tips", "greeting": 'Good morning {{ first_name | default: "coffee lover" }}'},
            next="reacts",
        ),
        "reacts": HoldUntil(
            name="A box within three days?",
            branches=[Branch("customised", "Box Customised")],
            max_duration="P3D",
            timeout="last-call",
        ),
        "last-call": SendMessage(
            name="Last call by text message",
            channel="sms",
            destination="sms",
            template={"text": "Your trial box is still empty. Shall we choose for you?"},
        ),
    },
    exit_rules=[ExitRule("subscribed", "Subscription Started"), ExitRule("cancelled", "Trial Cancelled")],
    exit_send=ExitSend(["cancelled"], Activation("crm", event="Trial Lost", traits=["email"])),
    goal=Goal("Subscription Started", within="P30D"),
)

space = Space(
    key="shop",
    destinations={
        "email": DestinationDefinition("record"),
        "sms": DestinationDefinition("record"),
        "crm": DestinationDefinition("record"),
    },
    journeys=[trial],
)

"""An appointment reminder one hour before its start, whenever the appointment is.

Tastings are booked days ahead. An hour before the start a text message goes out; three hours after the start the
guest is asked how it was. Both instants are read from the booking, so nothing has to be computed beforehand. A
booking that is made again under its own ``booking_id`` is a change: the exit rule ends the old journey, and the same
event begins the new one (O2: exit rules come before entries). Only a ``start_time`` that is an instant or a date can
be waited for, which the entry asks for.

What the events tell (in March Berlin is one hour ahead of UTC):

- ada books Friday 18:00. The call arrives twice: as a duplicate it changes nothing (it would be a change of booking
  otherwise). She is reminded at 16:00Z and asked at 20:00Z.
- bo moves his tasting from Wednesday to Thursday 19:00: no reminder on Wednesday, one on Thursday at 17:00Z. He is not
  subscribed to e-mail, so the question is skipped.
- cy books half an hour before the start: the reminder goes out at once (S2). Her other booking is cancelled.
- dee books for "next Friday", which is no instant: she does not enter.
- eve cancels at 10:30, but the call arrives after 11:00, when the reminder was due: sent is sent (X3). The late
  cancellation still ends the journey, so that nobody asks how it was.
"""

from journeys import (
    ContextTime,
    Delay,
    DestinationDefinition,
    EventEntry,
    ExitRule,
    Journey,
    SendMessage,
    Space,
    prop,
)

START = ("Tasting Booked", "start_time")

tasting = Journey(
    key="tasting-reminder",
    name="Tasting reminder",
    description="Reminds guests an hour before their tasting and asks them afterwards how it was.",
    entry=EventEntry("Tasting Booked", where=[prop("start_time").after_date("2020-01-01")], identifier="booking_id"),
    start="an-hour-before",
    steps={
        "an-hour-before": Delay(
            name="Until an hour before the start", until=ContextTime(context=START, offset="-PT1H"), next="remind"
        ),
        "remind": SendMessage(
            name="Remind by text message",
            channel="sms",
            destination="sms",
            to="everyone",
            template={
                "text": 'See you at the {{ context["Tasting Booked"].place | default: "roastery" }}: '
                'your tasting begins at {{ context["Tasting Booked"].start_time }}.'
            },
            next="afterwards",
        ),
        "afterwards": Delay(
            name="Until three hours after the start", until=ContextTime(context=START, offset="PT3H"), next="ask"
        ),
        "ask": SendMessage(
            name="Ask how it was",
            channel="email",
            destination="email",
            template={"template": "tasting-feedback", "greeting": 'Hi {{ first_name | default: "there" }}'},
        ),
    },
    exit_rules=[
        ExitRule("cancelled", "Tasting Cancelled", match_identifier=True),
        ExitRule("moved", "Tasting Booked", match_identifier=True),
    ],
)

space = Space(
    key="shop",
    destinations={"sms": DestinationDefinition("record"), "email": DestinationDefinition("record")},
    journeys=[tasting],
)

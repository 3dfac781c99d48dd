"""Application abandonment: bring people back to a form that they have begun and not sent.

Cafés apply for a wholesale account, and some stop half way. As long as somebody fills in step after step, nobody
disturbs them; a day after the last step they are reminded of where they stopped, and three days later sales is asked to
call. Every application is its own journey, told apart by ``application_id``.

What the events tell:

- ada fills in a-1 and a-2 side by side. A step of a-1 restarts its own hold until Tuesday 10:20. a-2 is sent at 11:30:
  its goal is reached and it completes, and a-1 takes no notice. a-1 times out, ada is reminded of the step "address",
  and sends it on Friday at 10:20:00, the very deadline of the second hold: still inside the wait (T6).
- bo starts anonymously and logs in ten minutes later: the instance is his from then on (P2). He has no first name and
  never completed a step, so the merge tags say their defaults. In the end sales is asked to call.
- cy withdraws a-4. The withdrawal of a-9 is not about this application and does nothing. A late ``Application Started``
  for a-4, from before the withdrawal, opens nothing (E8); the same messageId again is a duplicate.
"""

from journeys import (
    Activation,
    Branch,
    ContextRef,
    DestinationDefinition,
    EventEntry,
    ExitRule,
    Goal,
    HoldUntil,
    Journey,
    SendMessage,
    SendToDestination,
    Space,
    Template,
    TraitRef,
    context,
    prop,
)

wholesale = Journey(
    key="wholesale-application",
    name="Wholesale application",
    description="Reminds people of an application that they have begun and not sent.",
    entry=EventEntry("Application Started", identifier="application_id"),
    start="fills-in",
    steps={
        "fills-in": HoldUntil(
            name="Sent within a day of the last step?",
            branches=[
                Branch("submitted", "Application Submitted"),
                Branch("progress", "Application Step Completed", restart=True),
            ],
            max_duration="P1D",
            timeout="remind",
        ),
        "remind": SendMessage(
            name="Remind of the open step",
            channel="email",
            destination="email",
            to="everyone",
            template={
                "subject": "Your application is waiting for you",
                "body": 'Hi {{ first_name | default: "there" }}, you stopped at '
                '{{ context["Application Step Completed - progress"].step | default: "the first step" }}.',
            },
            next="second-chance",
        ),
        "second-chance": HoldUntil(
            name="Sent within three days?",
            branches=[Branch("submitted", "Application Submitted")],
            max_duration="P3D",
            timeout="call",
        ),
        "call": SendToDestination(
            [
                Activation(
                    "crm",
                    mapping={
                        "task": Template('Call {{ company | default: "the applicant" }} about their application.'),
                        "application": ContextRef(("Application Started", "application_id")),
                        "phone": TraitRef("phone"),
                    },
                )
            ],
            name="Ask sales to call",
        ),
    },
    exit_rules=[ExitRule("withdrawn", "Application Withdrawn", match_identifier=True)],
    goal=Goal(
        "Application Submitted",
        where=[prop("application_id") == context("Application Started", "application_id")],
        within="P14D",
    ),
)

space = Space(
    key="shop",
    destinations={"email": DestinationDefinition("record"), "crm": DestinationDefinition("record")},
    journeys=[wholesale],
)

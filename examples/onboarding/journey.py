"""Onboarding by what people do, in any order: three first steps, side by side.

Everybody who signs up enters. Three things are worth a word of their own: a taste profile, a first order, the app. The
split does not exclude: one instance waits for all three at once, and each branch goes its own way when its time comes.
All three lead to the same last step, which acts once: the first to arrive tells the CRM, the others end there (S8).

What the events tell:

- ada fills in her taste profile and orders. She never opens the app: the third branch waits until she exits, thirty
  days after she entered.
- bo takes all three steps, within the hour. The journey has completed with the third, and he exits after thirty days.
- cy's taste profile is older than the sign-up, so that branch goes on at once. She signed up as a visitor and logs in
  the next day; her order as a visitor, which arrives late, is hers by then.
- dee is known before she signs up, and only the sign-up lets her in; that it arrives twice changes nothing.
"""

from journeys import (
    Activation,
    ConditionBranch,
    ConditionEntry,
    DestinationDefinition,
    Journey,
    MultiBranchSplit,
    SendToDestination,
    Space,
    event,
    trait,
)


def mail(name: str, event: str) -> SendToDestination:
    """An e-mail, then on to the step that all branches lead to."""
    return SendToDestination([Activation("email", event=event, traits=["email"])], name=name, next="tell-crm")


first_steps = Journey(
    key="onboarding",
    name="Onboarding",
    description="A word of its own for each first step of a new customer, in whatever order they come.",
    entry=ConditionEntry(event("Signed Up")),
    start="welcome",
    steps={
        "welcome": SendToDestination(
            [Activation("email", event="Welcome", traits=["email", "first_name"])], name="Welcome", next="first-steps"
        ),
        "first-steps": MultiBranchSplit(
            [
                ConditionBranch("taste profile", trait("brews").exists(), next="recipes"),
                ConditionBranch("first order", event("Order Completed"), next="brew-guide"),
                ConditionBranch("app", event("Application Opened"), next="app-tour"),
            ],
            name="Three first steps",
        ),
        "recipes": mail("Recipes for this way of brewing", "Recipes Sent"),
        "brew-guide": mail("A guide to the first brew", "Brew Guide Sent"),
        "app-tour": mail("A tour of the app", "App Tour Sent"),
        "tell-crm": SendToDestination([Activation("crm", call="identify")], name="Tell the CRM"),
    },
    exit_after="P30D",
)

space = Space(
    key="shop",
    destinations={"email": DestinationDefinition("record"), "crm": DestinationDefinition("record")},
    journeys=[first_steps],
)

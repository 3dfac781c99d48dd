"""Real-time forwarding: tell the people who care the moment a large order comes in.

A large order is worth a word from a human being. When one is completed, the CRM gets a note that is made of the order
and of what is known of the customer, and analytics gets Segment's own payload. Nothing waits, so each journey is over
as soon as it has begun.

What the events tell:

- ada's order o-1 is forwarded twice, to the CRM and to analytics. It arrives once more under the same ``messageId``:
  a duplicate, nothing happens (O2).
- Her order o-2 is a cent too small.
- A guest orders for exactly 200. The guest has no e-mail address and no account manager, so these fields are left out,
  and the merge tag says what its default says.
- ada's order o-4 was made at 08:55 and arrives late: it is applied at 09:10, where her clock stands (T4, T5).
- An order without an ``order_id`` does not enter and is counted as ``missing_identifier`` (E3).
"""

from journeys import (
    Activation,
    ContextRef,
    DestinationDefinition,
    EventEntry,
    Journey,
    ProfileRef,
    SendToDestination,
    Space,
    Template,
    TraitRef,
    prop,
)

large_orders = Journey(
    key="large-orders",
    name="Large orders",
    description="Sales and analytics hear of a large order at once.",
    entry=EventEntry("Order Completed", where=[prop("revenue") >= 200], identifier="order_id"),
    start="forward",
    steps={
        "forward": SendToDestination(
            [
                Activation(
                    "crm",
                    mapping={
                        "contact": ProfileRef("id"),
                        "email": TraitRef("email"),
                        "owner": TraitRef("account_manager"),
                        "order": ContextRef(("Order Completed", "order_id")),
                        "note": Template(
                            '{{ first_name | default: "A guest" }} ordered for '
                            '{{ context["Order Completed"].revenue }} euros: say thank you.'
                        ),
                    },
                ),
                Activation("analytics", event="Large Order Completed", traits=["email", "account_manager"]),
            ],
            name="Forward to sales and analytics",
        ),
    },
)

space = Space(
    key="shop",
    destinations={"crm": DestinationDefinition("record"), "analytics": DestinationDefinition("record")},
    journeys=[large_orders],
)

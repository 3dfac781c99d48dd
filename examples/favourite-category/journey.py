"""Re-engagement by favourite category: remind people of the shop by what they like to look at.

The computed trait ``favourite_category`` is what somebody looked at most often, within thirty days. Whoever looked at
three products or more in that time, and at none for a week, enters by time alone, and gets a letter about the favourite
category as it is then. Whoever comes back leaves; two weeks after leaving, the journey may begin again.

What the events tell:

- ada looks at espresso twice and at tea once: a week after the last look, on 10 March, she gets the espresso letter.
  She comes back on 12 March and leaves the journey. Two weeks later entry is armed again, she has been quiet since,
  and four looks lie within thirty days: she enters at once, and leaves after two weeks. When entry is armed for the
  third time, the looks have left the thirty days, and nothing happens.
- bo looks at tea and at espresso, twice each: on a tie the first in alphabetical order wins (P5). The last look arrives
  twice; counted twice it would have made tea the favourite.
- cy looks at three different things. A value that came once is no favourite, so there is none, and cy gets the letter
  about what is new.
- dee looked at filter coffee three times, the last time as a visitor on her phone; that look, from 4 March, arrives a
  day late, when she has logged in there. The week of quiet begins when she looked, not when the call arrived.
"""

from journeys import (
    Activation,
    ComputedTrait,
    ConditionBranch,
    ConditionEntry,
    DataSplit,
    DestinationDefinition,
    ExitRule,
    Journey,
    SendToDestination,
    Space,
    Template,
    TraitRef,
    event,
    trait,
)

favourite_category = ComputedTrait(
    key="favourite_category",
    name="Favourite category",
    type="most_frequent",
    event="Product Viewed",
    property="category",
    within="P30D",
)


def letter(category: str, subject: str) -> SendToDestination:
    """A letter about one category."""
    return SendToDestination(
        [
            Activation(
                "email",
                mapping={
                    "to": TraitRef("email"),
                    "template": f"back-to-{category}",
                    "favourite": TraitRef("favourite_category"),
                    "subject": Template(subject),
                },
            )
        ],
        name=f"A letter about {category}",
    )


favourite = Journey(
    key="favourite-category",
    name="Back to the favourite category",
    description="Reminds people of the shop by what they like to look at.",
    entry=ConditionEntry(
        event("Product Viewed").at_least(3).within("P30D") & event("Product Viewed").exactly(0).within("P7D")
    ),
    start="which",
    steps={
        "which": DataSplit(
            [
                ConditionBranch("espresso", trait("favourite_category") == "espresso", next="espresso"),
                ConditionBranch("filter", trait("favourite_category") == "filter", next="filter"),
                ConditionBranch("tea", trait("favourite_category") == "tea", next="tea"),
            ],
            name="Which category?",
            everyone_else="new",
        ),
        "espresso": letter("espresso", '{{ first_name | default: "Hello" }}, the new espresso is here'),
        "filter": letter("filter", '{{ first_name | default: "Hello" }}, the new filter roast is here'),
        "tea": letter("tea", '{{ first_name | default: "Hello" }}, the new tea is here'),
        "new": letter("new", '{{ first_name | default: "Hello" }}, see what is new'),
    },
    exit_rules=[ExitRule("came-back", "Product Viewed")],
    exit_after="P14D",
    reentry_after="P14D",
)

space = Space(
    key="shop",
    computed_traits=[favourite_category],
    destinations={"email": DestinationDefinition("record")},
    journeys=[favourite],
)

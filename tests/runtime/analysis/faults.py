"""Faults seeded into the examples: what is changed in the document, and what the check must then say, and where.

An edit is a path into ``space.json`` and the value that is put there; REMOVE takes away what is there.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
REMOVE = object()
STEPS = ("journeys", 0, "steps")


@dataclass(frozen=True)
class Fault:
    """One fault: in which example, what is done to it, which finding it must cause, and at which place."""

    example: str
    story: str
    edits: tuple[tuple[tuple[Any, ...], Any], ...]
    code: str
    path: str

    @property
    def name(self) -> str:
        return f"{self.example}: {self.story}"

    def document(self) -> Any:
        """The document of the example with the fault in it."""
        made = copy.deepcopy(json.loads((EXAMPLES / self.example / "space.json").read_text(encoding="utf-8")))
        for (*way, last), value in self.edits:
            place = made
            for each in way:
                place = place[each]
            if value is REMOVE:
                del place[last]
            else:
                place[last] = value
        return made


def fault(example: str, story: str, code: str, path: str, *edits: tuple[tuple[Any, ...], Any]) -> Fault:
    return Fault(example, story, edits, code, path)


def _context(event: str, op: str, value: Any) -> Any:
    return {"type": "context", "event": event, "property": "value", "op": op, "value": value}


def _did(event: str, **fields: Any) -> Any:
    return {"type": "event", "event": event, **fields}


def _trait(name: str, op: str, value: Any) -> Any:
    return {"type": "trait", "trait": name, "op": op, "value": value}


def _all(*conditions: Any) -> Any:
    return {"type": "all", "conditions": list(conditions)}


JOURNEY = "$.journeys[0]"
FAULTS = [
    fault(
        "cart-abandonment", "an order ends the journey before the hold sees it", "shadowed_branch",
        f"{JOURNEY}.steps.hold.branches[0]",
        (("journeys", 0, "exit_rules", 0, "event"), "Order Completed"),
    ),
    fault(
        "cart-abandonment", "only carts below 10 get the voucher, but none of them entered", "impossible_branch",
        f"{JOURNEY}.steps.size.branches[0]",
        ((*STEPS, "size", "branches", 0, "condition"), _context("Cart Modified", "less_than", 10)),
    ),
    fault(
        "cart-abandonment", "the second hold is longer than the journey lives", "too_long_wait",
        f'{JOURNEY}.steps["second-look"].max_duration',
        ((*STEPS, "second-look", "max_duration"), "P400D"),
    ),
    fault(
        "cart-abandonment", "the goal compares with an event of another name", "impossible_goal", f"{JOURNEY}.goal",
        (("journeys", 0, "goal", "where", 0, "value"), {"context": ["Cart Changed", "cart_id"]}),
    ),
    fault(
        "cart-abandonment", "the voucher reads an event of another name", "absent_event",
        f"{JOURNEY}.steps.voucher.activations[0].mapping.cart",
        ((*STEPS, "voucher", "activations", 0, "mapping", "cart"), {"context": ["Cart Modifed", "cart_id"]}),
    ),
    fault(
        "application-abandonment", "the reminder names a step that nobody need have completed", "maybe_absent_event",
        f"{JOURNEY}.steps.remind.template.body",
        ((*STEPS, "remind", "template", "body"),
         'You stopped at {{ context["Application Step Completed - progress"].step }}.'),
    ),
    fault(
        "application-abandonment", "progress may restart the hold 0 times", "useless_restart",
        f'{JOURNEY}.steps["fills-in"].branches[1]',
        ((*STEPS, "fills-in", "max_restarts"), 0),
    ),
    fault(
        "application-abandonment", "the withdrawal has filters that exclude each other", "impossible_exit_rule",
        f"{JOURNEY}.exit_rules[0]",
        (("journeys", 0, "exit_rules", 0, "where"),
         [{"property": "reason", "op": "equals", "value": "other"},
          {"property": "reason", "op": "starts_with", "value": "customer"}]),
    ),
    fault(
        "appointment-reminder", "no appointment is after 2020 and before 2019", "nobody_enters", f"{JOURNEY}.entry",
        (("journeys", 0, "entry", "where"),
         [{"property": "start_time", "op": "after_date", "value": "2020-01-01"},
          {"property": "start_time", "op": "before_date", "value": "2019-01-01"}]),
    ),
    fault(
        "appointment-reminder", "the delay waits for an event of another name", "absent_event",
        f"{JOURNEY}.steps.afterwards.until.context",
        ((*STEPS, "afterwards", "until", "context", 0), "Tasting Begun"),
    ),
    fault(
        "appointment-reminder", "the second rule repeats the first", "shadowed_exit_rule", f"{JOURNEY}.exit_rules[1]",
        (("journeys", 0, "exit_rules", 1, "event"), "Tasting Cancelled"),
    ),
    fault(
        "browse-abandonment", "the ads are never taken down", "endless_ad", f"{JOURNEY}.steps.show",
        ((*STEPS, "show", "remove_after"), REMOVE),
    ),
    fault(
        "favourite-category", "a branch was copied and its category left as it was", "shadowed_branch",
        f"{JOURNEY}.steps.which.branches[1]",
        ((*STEPS, "which", "branches", 1, "condition", "value"), "espresso"),
    ),
    fault(
        "favourite-category", "re-entry without an exit", "reentry_without_exit", f"{JOURNEY}.reentry_after",
        (("journeys", 0, "exit_after"), REMOVE),
    ),
    fault(
        "favourite-category", "the computed trait counts looks at products that are cheap and dear",
        "impossible_computed_trait", "$.computed_traits[0].where",
        (("computed_traits", 0, "where"),
         [{"property": "price", "op": "less_than", "value": 10},
          {"property": "price", "op": "greater_than_or_equal", "value": 10}]),
    ),
    fault(
        "low-recency-winback", "one offer was switched off by its share", "empty_share",
        f"{JOURNEY}.steps.offer.branches[1]",
        ((*STEPS, "offer", "branches", 0, "percent"), 100), ((*STEPS, "offer", "branches", 1, "percent"), 0),
    ),
    fault(
        "low-recency-winback", "nobody ordered within 90 days but not within 120", "empty_audience",
        "$.audiences[0].condition",
        (("audiences", 0, "condition"),
         _all(_did("Order Completed", within="P90D"), _did("Order Completed", within="P120D", count={"exactly": 0}))),
    ),
    fault(
        "low-recency-winback", "both answers lead to the ads", "no_choice", f"{JOURNEY}.steps.value",
        ((*STEPS, "value", "if_false"), "ads"),
    ),
    fault(
        "multi-stage-onboarding", "two letters have one template", "same_send_twice",
        f'{JOURNEY}.steps["profile-mail"]',
        ((*STEPS, "profile-mail", "template", "template"), "welcome"), ((*STEPS, "profile-mail", "to"), "everyone"),
    ),
    fault(
        "onboarding", "nobody leaves any more", "no_exit", JOURNEY,
        (("journeys", 0, "exit_after"), REMOVE),
    ),
    fault(
        "paid-subscription-acquisition", "who has begun a subscription or has not", "everybody_enters",
        f"{JOURNEY}.entry.condition",
        (("journeys", 0, "entry", "condition"),
         {"type": "any", "conditions": [
             _did("Subscription Started"),
             {"type": "not", "condition": _did("Subscription Started")}]}),
    ),
    fault(
        "paid-subscription-acquisition", "three orders became none at least", "full_audience", "$.audiences[0].condition",
        (("audiences", 0, "condition", "count"), {"at_least": 0}),
    ),
    fault(
        "repeat-purchase", "a stricter branch comes second", "shadowed_branch", f"{JOURNEY}.steps.then.branches[1]",
        ((*STEPS, "then", "branches", 1, "condition"), _did("Order Completed", count={"at_least": 3})),
    ),
    fault(
        "trial-re-engagement", "asks for what the entry has said", "always_true", f"{JOURNEY}.steps.active.condition",
        ((*STEPS, "active", "condition"), _did("Trial Started")),
    ),
    fault(
        "multi-stage-onboarding", "the journey lives eight days, and its slowest path takes ten", "may_expire",
        f'{JOURNEY}.steps["last-chance"]',
        (("journeys", 0, "max_age"), "P8D"),
    ),
    fault(
        "trial-re-engagement", "only the cancellation of this trial, but trials have no identifier",
        "useless_match_identifier", f"{JOURNEY}.exit_rules[1]",
        (("journeys", 0, "exit_rules", 1, "match_identifier"), True),
    ),
    fault(
        "trial-to-paid", "waits for an order that was and was not", "endless_wait", f"{JOURNEY}.steps.ended.condition",
        ((*STEPS, "ended", "condition"),
         _all(_did("Trial Ended", count={"exactly": 0}), _did("Trial Ended", within="P1D"))),
    ),
    fault(
        "trial-to-paid", "a count below zero", "never_true", f"{JOURNEY}.steps.active.condition",
        ((*STEPS, "active", "condition"), _trait("boxes_rated", "less_than", 0)),
    ),
    fault(
        "trial-to-paid", "another trait is asked than is computed", "unused", "$.computed_traits[0]",
        ((*STEPS, "active", "condition", "trait"), "rated_boxes"),
        ((*STEPS, "offer", "activations", 0, "traits"), ["email"]),
        ((*STEPS, "help", "activations", 0, "traits"), ["email"]),
    ),
    fault(
        "trial-re-engagement", "a slip in the name of a zone", "unknown_timezone",
        f"{JOURNEY}.steps.morning.until.timezone.default",
        ((*STEPS, "morning", "until", "timezone", "default"), "Europe/Belin"),
    ),
    fault(
        "trial-re-engagement", "a pause before the next trial, which an event does not know", "reentry_on_event",
        f"{JOURNEY}.reentry_after",
        (("journeys", 0, "reentry_after"), "P30D"),
    ),
]  # fmt: skip

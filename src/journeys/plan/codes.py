"""The catalogue of what can be wrong with a definition: the codes of its problems."""

from __future__ import annotations

#: every code that a problem of a definition may carry, and what it means
CODES: dict[str, str] = {
    # text that is no document
    "not_json": "The text is no JSON; NaN and Infinity are none either.",
    "not_utf8": "The bytes are no UTF-8.",
    "lone_surrogate": "A text holds half of a character, which cannot be written as UTF-8.",
    "number_out_of_range": "A number is too large for a float, or has more than 4300 digits.",
    "too_deep": "More than 64 lists and objects stand in one another.",
    # structure: what the JSON Schema says too
    "wrong_format": "The document is of another format than journeys/1.",
    "unknown_type": "There is no type of that name.",
    "unknown_field": "There is no field of that name here.",
    "missing_field": "A field that cannot be left out is not there.",
    "wrong_type": "A value of another JSON type stands here; nothing is converted.",
    "wrong_value": "The type is right, but the value is none of those that are allowed here.",
    "bad_duration": "The text is no ISO 8601 duration, or one of more than 9999 years (T2).",
    "bad_key": "A key is not of the form [a-z][a-z0-9_-]*.",
    "ambiguous_value": "A value made in Python means something else once it is written as JSON.",
    # names
    "duplicate_key": "A key stands twice where it must be unique (L1).",
    "duplicate_name": "Two branches of a step have one name, so that a trace could not tell them apart (L1).",
    "duplicate_version": "A version of a journey stands twice in the space.",
    "several_live": "More than one version of a journey is live (V2).",
    "reserved_key": "A step has the key exit, which stands for the exit send.",
    "empty_text": "A name, event or path is empty.",
    # references
    "unknown_step": "A step that is named does not exist (L1).",
    "unknown_audience": "An audience that is named does not exist (L1).",
    "unknown_destination": "A destination that is named does not exist (L1).",
    "unknown_exit_rule": "The exit send names an exit rule that does not exist (X1).",
    "not_a_list": "An ad is shown through a destination that is no list (S9).",
    "reference_cycle": "Audiences or computed traits refer to themselves in a circle (P6).",
    # the way through a journey
    "unreachable_step": "No path leads from the start to the step (L1).",
    "cycle": "A path leads back to a step that it has passed (L1, S8).",
    "empty_list": "A step without branches or activations, or an exit send without rules, does nothing.",
    "bad_percentages": "Percentages are at least 0, have at most two decimals, and sum to 100 exactly (S6).",
    "duplicate_branch": "Two branches of a hold wait for the same event with the same filters (L1).",
    "restart_with_next": "A branch that restarts its hold also names a next step (S7).",
    "empty_delay": "A delay has neither a duration nor an until (S2).",
    # time
    "not_positive": "A duration is zero or negative where something lasts or waits (T2).",
    "negative_duration": "A duration is negative where it may be zero at least.",
    "two_windows": "Both within and between are given (C3).",
    "window_order": "The first duration of between is not the longer one (C3).",
    # expressions
    "misplaced_first": "A reference to the first event stands outside of what follows in a funnel (C8).",
    "misplaced_context": "An audience, computed trait or entry reads the journey context, which it has none of (C7).",
    "missing_property": "A computed trait that is no event counter needs a property (P5).",
    "needless_property": "An event counter counts events and takes no property (P5).",
    "bad_template": "What stands between double braces is no merge tag.",
    # limits
    "too_many": "There are more than the limits allow (L2).",
    "too_long": "A name is longer than the limits allow (L2).",
    "wait_too_short": "A delay or hold is shorter than the limits allow (L2).",
    "wait_too_long": "A delay or hold is longer than the limits allow (L2).",
}

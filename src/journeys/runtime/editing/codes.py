"""The catalogue of what can be wrong with an edit, besides what can be wrong with a definition."""

from __future__ import annotations

#: every code of a problem of an edit that is none of ``journeys.plan.codes``, and what it means
CODES: dict[str, str] = {
    # of the operation
    "which_journey": "A space has several journeys, and the operation does not say which one it edits.",
    "unknown_journey": "The journey that is named is not there.",
    "unknown_version": "The journey has no such version.",
    "unknown_way": "The step has no way out of that name.",
    "which_way": "The step has several ways out, and it is not said which one is meant.",
    "two_places": "Both a step before and a way after are given.",
    "no_place": "It is not said where the step goes, or it would stand beside itself.",
    "no_start": "The journey would begin nowhere.",
    "no_branches": "The step has no list of branches.",
    "unknown_branch": "The step has no branch of that name.",
    "wrong_branch": "A branch of that kind, or a percentage, does not belong to that step.",
    "wrong_order": "The names are not all branches of the step, each once.",
    "ambiguous_context": "A branch cannot be renamed, because what reads its event may mean that of another hold.",
    "edited_since": "What an undo would put back has been edited since.",
    # of what came of it
    "lost_context": "Something reads an event of the journey context that nothing brings there any more.",
    "duplicate_destination_key": "A step would have the destination key that a renamed one kept (V4).",
    # notes
    "drawn_anew": "The branches of a randomized split are drawn by the keys of journey and step: now anew (S6).",
    "another_journey": "People who are in the journey, or have been, are known by its old key.",
    "order_of_work": "Deadlines of one instant are done in the order of step keys, and it is another (T6).",
}

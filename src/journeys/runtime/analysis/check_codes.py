"""What a check may find: the codes of its findings."""

from __future__ import annotations

from typing import Any

import attrs

from journeys.runtime.analysis.paths import Path

#: every code that a finding may carry, and what it means
FINDINGS: dict[str, str] = {
    # who is in
    "nobody_enters": "The entry asks for what cannot be, so that nobody ever enters.",
    "everybody_enters": "The condition of the entry is always true: everybody enters who is seen.",
    "empty_audience": "The condition of an audience is never true.",
    "full_audience": "The condition of an audience is always true.",
    "impossible_computed_trait": "No event can pass the filters of a computed trait.",
    "unused": "Nothing reads an audience or a computed trait, and it is sent nowhere.",
    # the way through
    "impossible_branch": "A branch asks for what cannot be, so that nobody takes it.",
    "shadowed_branch": "Whoever could take a branch is taken by an earlier branch or by an exit rule.",
    "empty_share": "A branch of a randomized split has a share of 0 %.",
    "always_true": "The condition of a true/false split is always true when somebody comes there.",
    "never_true": "The condition of a true/false split is never true when somebody comes there.",
    "no_choice": "All branches of a split lead to the same step, so that it decides nothing.",
    "useless_restart": "A branch that restarts its hold may do so 0 times.",
    # time
    "endless_wait": "A wait is for a condition that is never true: it ends only when the instance does.",
    "too_long_wait": "A wait ends later than the instance can live (exit_after, max_age).",
    "may_expire": "A path is longer than the instance can live, although each wait on it is not.",
    "unknown_timezone": "A wait for a local time names a zone that there is not: it is read as UTC (S2).",
    # leaving
    "shadowed_exit_rule": "An earlier exit rule takes every event that could match this one.",
    "impossible_exit_rule": "No event can match an exit rule.",
    "useless_match_identifier": "An exit rule asks for the same identifier, and the entry has none (X1).",
    "impossible_goal": "No event can match the goal.",
    "no_exit": "An audience-based journey has neither exit_after nor exit rules: who completes never leaves it (S10).",
    "reentry_without_exit": "reentry_after acts only together with exit_after (E6).",
    "reentry_on_event": "reentry_after does nothing here: only the condition of an entry waits for it (E6).",
    "endless_ad": "Who completes stays on the list of an ad for good: it has no remove_after (S9).",
    # what is sent
    "same_send_twice": "Two steps on one path send the same to one person.",
    "absent_event": "The context of an event is read where that event cannot be in it.",
    "maybe_absent_event": "A merge tag without a default reads an event that is not in the context on some path.",
}


@attrs.frozen(kw_only=True)
class Finding:
    """One thing in a valid space that cannot be meant so.

    ``code`` is stable and meant for programs, ``path`` leads to the place in the definition, ``message`` says what was
    found, ``hint`` what might be right. ``witness`` is a path on which it shows, where there is one: what nobody can do
    has no witness.
    """

    code: str
    path: str
    message: str
    hint: str = ""
    witness: Path | None = None

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.path}: {self.message}{hint} [{self.code}]"

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data, for JSON."""
        found: dict[str, Any] = {name: getattr(self, name) for name in ("code", "path", "message", "hint")}
        return found | {"witness": None if self.witness is None else self.witness.as_dict()}

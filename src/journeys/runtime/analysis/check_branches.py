"""Branches that nobody takes, splits that decide nothing, waits that end too late or never."""

from __future__ import annotations

from collections.abc import Iterator

from journeys.codec.problems import element, member
from journeys.model import steps as m
from journeys.model.entries import ConditionEntry
from journeys.model.journey import Journey
from journeys.runtime.analysis import paths_proofs as proven
from journeys.runtime.analysis.check_codes import Finding
from journeys.runtime.analysis.check_space import why_not
from journeys.runtime.analysis.paths import Path, Paths
from journeys.runtime.analysis.paths_needs import JOURNEY, SHARED
from journeys.runtime.analysis.paths_proofs import Proof, Proofs
from journeys.runtime.analysis.paths_time import in_depth, least_wait, lifetime, most_wait
from journeys.runtime.analysis.paths_ways import ON, branches_of, targets_of
from journeys.runtime.render import describe_duration


def check_branches(journey: Journey, at: str, proofs: Proofs) -> Iterator[Finding]:
    """What is found on the way through a journey."""
    if proofs.entry_reason is not None:
        why, hint = proofs.entry_reason.partition(": ")[2], "correct what the entry asks for"
        yield Finding(code="nobody_enters", path=member(at, "entry"), message=why, hint=hint)
        return
    yield from _everybody(journey, at, proofs)
    for key, step in journey.steps.items():
        path = member(member(at, "steps"), key)
        yield from _branches(key, step, path, proofs)
        yield from _choice(step, path)


def _everybody(journey: Journey, at: str, proofs: Proofs) -> Iterator[Finding]:
    entry = journey.entry
    if isinstance(entry, ConditionEntry):
        scope = SHARED if entry.historical else JOURNEY
        if why_not(entry.condition, False, proofs.space, scope) is not None:
            path = member(member(at, "entry"), "condition")
            message = "the condition is always true: everybody enters"
            yield Finding(code="everybody_enters", path=path, message=message, hint="correct the condition")


def _branches(key: str, step: m.Step, path: str, proofs: Proofs) -> Iterator[Finding]:
    found = {branch: proof for (at, branch), proof in proofs.impossible.items() if at == key}
    live = {branch: proof for branch, proof in found.items() if proof.kind != proven.UNREACHED}
    if isinstance(step, m.TrueFalseSplit):
        yield from _true_or_false(live, path)
        return
    names = [each.name for each in getattr(step, "branches", ())]
    for branch, proof in live.items():
        place = element(member(path, "branches"), names.index(branch)) if branch in names else path
        if branch == "everyone_else":
            continue  # branches that leave nobody over are no fault
        if proof.kind == proven.TOO_LATE:
            yield _too_late(step, branch, path, proof)
        elif branch == ON:
            hint = "correct the condition; until then the wait ends only with the instance"
            yield Finding(code="endless_wait", path=member(path, "condition"), message=proof.why, hint=hint)
        else:
            code, hint = _CODES[proof.kind]
            yield Finding(code=code, path=place, message=f"nobody takes {branch}: {proof.why}", hint=hint)
    if isinstance(step, m.HoldUntil):
        for index, each in enumerate(step.branches):
            if each.restart and step.max_restarts == 0:
                where = element(member(path, "branches"), index)
                message = f"{each.name} may restart the hold 0 times, so that it only swallows its events"
                yield Finding(
                    code="useless_restart", path=where, message=message, hint="raise max_restarts, or remove it"
                )


_CODES = {
    proven.CONTRADICTION: ("impossible_branch", "correct the condition, or remove the branch"),
    proven.SHADOWED: ("shadowed_branch", "move it up, or make what comes before it narrower"),
    proven.NO_SHARE: ("empty_share", "give it a share, or remove it"),
}


def _true_or_false(live: dict[str, Proof], path: str) -> Iterator[Finding]:
    for branch, code, told in (("false", "always_true", "always"), ("true", "never_true", "never")):
        if branch in live:
            message = f"the condition is {told} true here: {live[branch].why}"
            yield Finding(
                code=code, path=member(path, "condition"), message=message, hint="correct it, or do without the split"
            )


def _too_late(step: m.Step, branch: str, path: str, proof: Proof) -> Finding:
    field = "max_duration" if isinstance(step, m.HoldUntil) else "duration"
    what = "the timeout never comes" if branch == "timeout" else "the wait never ends by itself"
    hint = "wait for a shorter time, or let the instance live longer"
    return Finding(code="too_long_wait", path=member(path, field), message=f"{what}: {proof.why}", hint=hint)


def _choice(step: m.Step, path: str) -> Iterator[Finding]:
    if isinstance(step, (m.TrueFalseSplit, m.DataSplit, m.RandomizedSplit)):
        targets = set(targets_of(step))
        if len(targets) == 1 and len(branches_of(step)) > 1:
            (target,) = targets
            message = (
                f"every branch {'ends here' if target is None else f'leads to {target}'}: the split decides nothing"
            )
            yield Finding(code="no_choice", path=path, message=message, hint="let its branches lead to different steps")


def check_expiry(journey: Journey, at: str, proofs: Proofs, found: Paths) -> Iterator[Finding]:
    """The first step at which somebody who did nothing was still waiting at the end, if no single wait is to blame."""
    if any(proof.kind == proven.TOO_LATE for proof in proofs.impossible.values()):
        return
    life = lifetime(journey)
    seen: dict[str, Path] = {}
    for each in found.paths:
        if each.end in ("expired", "exited by exit_after") and (step := _waited_to_the_end(journey, each, life)):
            seen.setdefault(step, each)
    for key in in_depth(journey):
        if key in seen:
            path, ends = member(member(at, "steps"), key), "exit_after" if journey.exit_after is not None else "max_age"
            length = journey.exit_after if journey.exit_after is not None else journey.max_age
            message = (
                f"who comes here the longest way is still waiting when {ends} ({describe_duration(length)}) is over"
            )
            hint = "shorten the waits before, or let the instance live longer"
            yield Finding(code="may_expire", path=path, message=message, hint=hint, witness=seen[key])
            return


def _waited_to_the_end(journey: Journey, path: Path, life: int) -> str | None:
    """Where somebody waited last, if it was the waits of the definition by themselves that took the whole time."""
    waited = 0
    for number, move in enumerate(path.moves, 1):
        step = journey.steps[move.step]
        wait = _plain_wait(step)
        is_last = number == len(path.moves)
        if (
            wait is None
            or move.again
            or (isinstance(step, m.HoldUntil) and move.branch != (None if is_last else "timeout"))
        ):
            return None
        waited += wait
    return path.moves[-1].step if path.moves and waited >= life else None


def _plain_wait(step: m.Step) -> int | None:
    """How long a step waits if nobody does anything; None where that is not said by the definition."""
    if isinstance(step, m.HoldUntil):
        return least_wait(step, "timeout")
    return least_wait(step, ON) if isinstance(step, m.Delay) else most_wait(step)

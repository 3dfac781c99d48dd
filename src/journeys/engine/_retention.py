"""What of a profile can make no difference any more, and is forgotten."""

from __future__ import annotations

from journeys.engine._state import ENDED, ProfileState
from journeys.plan.plan import Plan


def forget(profile: ProfileState, plan: Plan, watermark: int) -> bool:
    """Forgets what no later input could see: it comes after the profile's clock and the watermark (T4, T5).

    Marks and ends older than ``dedupe_window`` (O2, E8), and ended instances older than their retention (S11). Answers
    whether there was any.
    """
    now = max(profile.clock, watermark)
    horizon = plan.dedupe_window.before(now)
    marks = {message_id: at for message_id, at in profile.marks.items() if at > horizon}
    ends = {ended: at for ended, at in profile.ends.items() if at > horizon}
    has_changed = len(marks) < len(profile.marks) or len(ends) < len(profile.ends)
    if has_changed:
        profile.marks = marks
        if profile.ends:
            profile.ends = ends
    if has_changed and profile.missed:
        for scope, missed in profile.missed.items():
            profile.missed[scope] = {each: at for each, at in missed.items() if marks.get(each) == at}
    if plan.retention.instances is not None and profile.instances:
        has_changed |= forget_ended(profile, plan.retention.instances.before(now))
    return has_changed


def forget_ended(profile: ProfileState, horizon: int) -> bool:
    """Instances that ended before the horizon are kept no longer for their goal; answers whether there were any."""
    kept = [each for each in profile.instances if each.status != ENDED or each.waits or each.expires_at > horizon]
    if len(kept) == len(profile.instances):
        return False
    profile.rearrange(kept)
    return True

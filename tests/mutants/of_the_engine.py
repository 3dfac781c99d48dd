"""Mutants of time, of the plan and of the engine."""

from __future__ import annotations

from tests.mutants.mutant import (
    ADVANCE,
    CALLS,
    COMPILE,
    COMPILER,
    COMPUTED,
    CONDITIONS,
    CROWD,
    ENCODE,
    ENTERING,
    FEATURES,
    IDENTITY,
    LEAVING,
    PAYLOADS,
    PROCESSOR,
    RECENT,
    STATE,
    STEPS,
    TIME,
    VALUES,
    Mutant,
)

MUTANTS = [
    # time
    Mutant(
        "a deadline fires before the events of its instant",
        "T6",
        ADVANCE,
        "while profile.due < at:",
        "while profile.due <= at:",
    ),
    Mutant(
        "an input at the watermark is in time",
        "T5",
        ADVANCE,
        "        at = timestamp\n        late = timestamp < clock or timestamp <= watermark\n        if late:",
        "        at = timestamp\n        late = timestamp < clock or timestamp < watermark\n        if late:",
    ),
    Mutant(
        "the clock goes back", "T4", ADVANCE, "at = max(timestamp, clock, watermark)", "at = max(timestamp, watermark)"
    ),
    Mutant(
        "months are not clipped first",
        "T2",
        TIME,
        "instant = _add_months(instant, self.months)\n        return min(max(instant + self.micros",
        "instant = _add_months(instant + self.micros, self.months) - self.micros\n"
        "        return min(max(instant + self.micros",
    ),
    Mutant(
        "a week date is an instant here and none there", "T1", CALLS, 'value[7:11:3] == "-T"', 'value[10:11] == "T"'
    ),
    Mutant(
        "a local time at arrival is tomorrow",
        "S2",
        TIME,
        "_local(day, at, tz)) >= arrival",
        "_local(day, at, tz)) > arrival",
    ),
    Mutant(
        "an input of the very watermark still waits",
        "T8",
        PROCESSOR,
        "is not None and following <= to:",
        "is not None and following < to:",
    ),
    Mutant("the watermark may go back", "T5", PROCESSOR, "        if to <= self.watermark:\n            return\n", ""),
    Mutant("sentAt is ignored", "T3", CALLS, "    if sent_at is not None:", "    if sent_at is not None and False:"),
    Mutant(
        "the skew is not clamped",
        "T3",
        CALLS,
        "if timestamp > received + max_skew:",
        "if timestamp > received + 2 * max_skew:",
    ),
    # profiles
    Mutant(
        "the earlier write wins",
        "P3",
        ADVANCE,
        "if timestamp >= written.get(key, -1):",
        "if timestamp > written.get(key, -1):",
    ),
    Mutant(
        "null is kept as a trait",
        "P3",
        ADVANCE,
        "            if value is None:\n"
        "                kept.pop(key, None)\n"
        "            else:\n"
        "                kept[key] = value",
        "            kept[key] = value",
    ),
    Mutant(
        "on a tie the stranger's trait wins",
        "P2",
        IDENTITY,
        "if timestamp > profile.written.get(key, -1):",
        "if timestamp >= profile.written.get(key, -1):",
    ),
    Mutant(
        "the younger instance stays",
        "P2",
        IDENTITY,
        "came = [(instance.entered_at, 1,",
        "came = [(-instance.entered_at, 1,",
    ),
    Mutant(
        "of one instant the stranger's instance is older",
        "P2",
        IDENTITY,
        "came = [(instance.entered_at, 1,",
        "came = [(instance.entered_at, -1,",
    ),
    Mutant("a merge forgets how many were accepted", "O6", IDENTITY, "    profile.accepted += other.accepted\n", ""),
    Mutant("a merge forgets the marks", "O2", IDENTITY, "{**other.marks, **profile.marks}", "{**profile.marks}"),
    Mutant(
        "a merge forgets the ends",
        "E8",
        IDENTITY,
        "max(at, profile.ends.get(ended, -1))",
        "profile.ends.get(ended, -1)",
    ),
    Mutant("the earlier re-arming wins", "P2", IDENTITY, "theirs.at > ours.at", "theirs.at < ours.at"),
    Mutant(
        "a shared device links again",
        "P2",
        PROCESSOR,
        "return None if source == key or source in self.links else source",
        "return None if source == key else source",
    ),
    Mutant(
        "a page's own name wins",
        "P4",
        CALLS,
        '        properties[f"{kind}_name"] = name\n',
        '        properties.setdefault(f"{kind}_name", name)\n',
    ),
    Mutant("one occurrence is the most frequent", "P5", COMPUTED, "if count >= 2]", "if count >= 1]"),
    Mutant(
        "the last value by arrival",
        "P5",
        FEATURES,
        "(timestamp >= cell[0] if self.last else timestamp < cell[0])",
        "(True if self.last else timestamp < cell[0])",
    ),
    Mutant(
        "a sum by running total",
        "P5",
        FEATURES,
        "        rest = small - (total - large)\n        if rest:\n            partials.append(rest)\n",
        "",
    ),
    # conditions
    Mutant(
        "true is 1", "C5", VALUES, "    if isinstance(a, bool) or isinstance(b, bool):\n        return a is b\n", ""
    ),
    Mutant(
        "an event at the edge is in the window",
        "C3",
        CONDITIONS,
        "self.longer.before(now) < timestamp and",
        "self.longer.before(now) <= timestamp and",
    ),
    Mutant(
        "a window of counts is a microsecond late",
        "C3",
        CONDITIONS,
        "bisect_right(cell, self.window.before(now))",
        "bisect_right(cell, self.window.before(now) - 1)",
    ),
    Mutant(
        "only the first flip of a month",
        "C1",
        TIME,
        "            flips.append(candidate)\n            before = not before\n",
        "            flips.append(candidate)\n            break\n",
    ),
    Mutant(
        "within_next never ends",
        "C1",
        VALUES,
        "flips = [*duration.arrives(instant), instant] if",
        "flips = [*duration.arrives(instant)] if",
    ),
    Mutant("a funnel at one instant", "C8", CONDITIONS, "first[0] < then[0] <= last", "first[0] <= then[0] <= last"),
    Mutant(
        "a funnel is missed too late",
        "C8",
        CONDITIONS,
        "self.then_within is None or now >= last",
        "self.then_within is None or now > last",
    ),
    Mutant(
        "a reference to nothing is equal",
        "C10",
        CONDITIONS,
        'self.op in ("not_equals", "does_not_contain")',
        'self.op in ("equals", "does_not_contain")',
    ),
    Mutant(
        "any of nothing is true",
        "C2",
        CONDITIONS,
        "            if part.holds(profile, context, now) is not every:\n"
        "                return not every\n"
        "        return every",
        "            if part.holds(profile, context, now) is not every:\n"
        "                return not every\n"
        "        return True",
    ),
    Mutant(
        "one event too few is remembered",
        "C3",
        COMPILER,
        'keep = max(1, number + (model.count.op in ("at_most", "exactly", "more_than")))',
        "keep = max(1, number)",
    ),
    Mutant(
        "an event leaves the memory of a window too early", "C3", FEATURES, "leaves[-1] > now", "leaves[0] > now + 1"
    ),
    Mutant(
        "a journey sees what was backfilled",
        "C4",
        "engine/_publishing.py",
        'lambda key: "+" not in key or key.endswith("h")',
        "lambda key: True",
    ),
    # entering
    Mutant(
        "once is not once",
        "E2",
        ENTERING,
        "if journey.once and any(key == journey.key for key, _ in profile.been)",
        "if journey.once and any(mark == (journey.key, journey.version + 1) for mark in profile.been)",
    ),
    Mutant(
        "every identifier enters again",
        "E3",
        ENTERING,
        "if journey.identifier is None or equal(instance.identifier, identifier):",
        "if journey.identifier is None:",
    ),
    Mutant("151 code points identify", "E3", ENTERING, "MAX_IDENTIFIER = 150", "MAX_IDENTIFIER = 151"),
    Mutant("a late entry at the end enters", "E8", ENTERING, "timestamp <= end and", "timestamp < end and"),
    Mutant(
        "ends are remembered for ever", "E8", ENTERING, " and end > engine.plan.dedupe_window.before(engine.now)", ""
    ),
    Mutant(
        "one instance too many",
        "E9",
        ENTERING,
        "if len(profile.instances) >= most and profile.live >= most:",
        "if len(profile.instances) > most and profile.live > most:",
    ),
    Mutant(
        "a condition entry over the limit is lost",
        "E9",
        ENTERING,
        "            profile.blocked = (*profile.blocked, label)\n",
        "",
    ),
    Mutant("armed again at once", "E6", LEAVING, "plan.reentry_after.after(engine.now)", "engine.now"),
    Mutant(
        "without exit settings again and again",
        "E6",
        LEAVING,
        "EntryState(NEVERMORE, NEVER)",
        "EntryState(REARMING, engine.now)",
    ),
    # steps
    Mutant(
        "a wait is not asked on arrival",
        "S1",
        STEPS,
        "    if step.condition.holds(profile, instance.context, now):\n"
        "        return step.next\n"
        "    instance.waits.append(Wait(step, step.condition",
        "    instance.waits.append(Wait(step, step.condition",
    ),
    Mutant(
        "a missing value is not counted", "S2", STEPS, '            engine.effects.counters["missing_value"] += 1\n', ""
    ),
    Mutant(
        "an exclusive split keeps its other branches",
        "S4",
        STEPS,
        "if each.step is not step]",
        "if each.step is not step or True]",
    ),
    Mutant(
        "a random branch by the step alone",
        "S6",
        COMPILE,
        'f"{self.plan.key}\\x1f{plan.key}\\x1f"',
        'f"{plan.key}\\x1f"',
    ),
    Mutant(
        "a random branch from the other end of the digest",
        "S6",
        STEPS,
        'int.from_bytes(digest[:8], "big") * 10_000',
        'int.from_bytes(digest[:8], "little") * 10_000',
    ),
    Mutant(
        "a restart keeps the old deadline",
        "S7",
        STEPS,
        "            wait.due = now + micros if micros else step.max_duration.after(now)\n",
        "",
    ),
    Mutant("one restart too many", "S7", STEPS, "wait.count >= step.max_restarts", "wait.count > step.max_restarts"),
    Mutant(
        "a restart over the limit tries the next branch",
        "S7",
        STEPS,
        'counters["max_restarts"] += 1\n            return',
        'counters["max_restarts"] += 1\n            continue',
    ),
    Mutant(
        "branches need no identifier",
        "S7",
        STEPS,
        "if branch.identifier is not None and not equal(",
        "if branch.identifier is not None and False and not equal(",
    ),
    Mutant("a step acts again", "S8", STEPS, "        if instance.visited & step.bit:\n            return\n", ""),
    Mutant(
        "a list is left while another holds the profile there", "S9", LEAVING, "    if not holders:\n", "    if True:\n"
    ),
    Mutant("a message to everyone", "S9", STEPS, '!= "subscribed":', '== "unsubscribed":'),
    Mutant(
        "a removal counts as a token",
        "S10",
        ADVANCE,
        "                if not wait.removal:\n                    break",
        "                if True:\n                    break",
    ),
    Mutant(
        "a goal at the entry", "S11", ADVANCE, "timestamp <= instance.entered_at:", "timestamp < instance.entered_at:"
    ),
    Mutant(
        "a goal again and again",
        "S11",
        ADVANCE,
        "            instance.goal_open = False\n"
        '            self.effects.record(self.now, self.profile, instance, "goal")',
        '            self.effects.record(self.now, self.profile, instance, "goal")',
    ),
    # leaving
    Mutant(
        "a hold sees the exit event",
        "X1",
        ADVANCE,
        "                _leaving.exit_by_rule(self, instance, rule, name, properties)\n                return\n",
        "                self._hold_sees(instance, name, properties)\n"
        "                _leaving.exit_by_rule(self, instance, rule, name, properties)\n"
        "                return\n",
    ),
    Mutant("the exit event is not in the exit send", "X1", LEAVING, "    instance.context[event] = properties\n", ""),
    Mutant(
        "exit_after from now on",
        "X2",
        STATE,
        "plan.exit_after.after(entered_at)",
        "plan.exit_after.after(entered_at) + 1",
    ),
    Mutant("lists are kept on exit", "X3", LEAVING, "    for key in sorted(instance.lists):", "    for key in ():"),
    Mutant(
        "the completed expire too",
        "X4",
        ADVANCE,
        "elif instance.expires_at <= at and instance.status == LIVE:",
        "elif instance.expires_at <= at and instance.status != ENDED:",
    ),
    # the order of work
    Mutant(
        "a duplicate at the end of the window",
        "O2",
        ADVANCE,
        "marked > self.plan.dedupe_window.before(at)",
        "marked >= self.plan.dedupe_window.before(at)",
    ),
    Mutant(
        "duplicates are accepted", "O2", ADVANCE, "and (message_id in marks or profile.history)", "and profile.history"
    ),
    Mutant(
        "waits come in the order of arrival",
        "O2",
        ADVANCE,
        "        waits.sort(key=lambda wait: wait.rank)\n        moved = False",
        "        moved = False",
    ),
    Mutant(
        "conditions ignore time",
        "O3",
        ADVANCE,
        "            due <= self.now\n            or self.all_changed",
        "            self.all_changed",
    ),
    Mutant(
        "a runaway goes on",
        "O4",
        STEPS,
        "if instance.moves <= engine.plan.limits.max_steps:",
        "if instance.moves <= 10 * engine.plan.limits.max_steps:",
    ),
    Mutant(
        "an instance's id without its identifier",
        "O6",
        STATE,
        "            identifier = identifier_text(self.identifier)\n",
        '            identifier = ""\n',
    ),
    Mutant(
        "a journey's entry event is unwanted",
        "O7",
        COMPILE,
        "*features, *journeys, *entries, *reentries,",
        "*features, *journeys, *reentries,",
    ),
    Mutant(
        "an unwanted event sets the clock",
        "O7",
        PROCESSOR,
        "        if self.plan.makes_profiles and key not in self.states:\n"
        "            if self._must_wait(timestamp):\n"
        "                self.waiting.add(",
        "        if self.plan.makes_profiles:\n            if self._must_wait(timestamp):\n                self.waiting.add(",
    ),
    Mutant("numbers without an end are taken", "O5", CALLS, "return 1 if math.isfinite(value) else 0", "return 1"),
    # payloads
    Mutant("all of the context is sent", "S9", PAYLOADS, 'if wanted == "all":', "if True:"),
    Mutant(
        "null instead of what is absent",
        "S9",
        PAYLOADS,
        "        if value is not ABSENT:\n            content[path] = value",
        "        content[path] = None if value is ABSENT else value",
    ),
    # states
    Mutant(
        "restarts are forgotten",
        "I4",
        ENCODE,
        "{wait.due},{wait.branch},{wait.count},",
        "{wait.due},{wait.branch},0,",
    ),
    Mutant("ended instances come back to life", "I4", ENCODE, '"s": "status", "x"', '"x"'),
    Mutant(
        "who is over the limit is forgotten",
        "I4",
        ENCODE,
        '    ("B", "blocked", ()),\n',
        "",
    ),
    Mutant("an instance belongs to who has it now", "O6", ENCODE, 'rare.get("w", profile.id)', "profile.id"),
    Mutant(
        "a state is kept though another has changed it",
        "I7",
        RECENT,
        "if profile is None or profile.version != stored.version:",
        "if profile is None:",
        area="stores",
    ),
    Mutant(
        "of one instant the last of a crowd comes first",
        "T6",
        CROWD,
        "(instance.due, instance.order, instance)",
        "(instance.due, -instance.order, instance)",
    ),
    Mutant("the crowd counts the dead", "E9", STATE, "            self.crowd.live -= 1\n", "            pass\n"),
]

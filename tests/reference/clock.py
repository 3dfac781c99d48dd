"""Instants as integer microseconds since 1970, durations, calendar and zone arithmetic (T1, T2, S2)."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SECOND = 1_000_000
DAY = 86_400 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(Z|[+-]\d\d(?::?\d\d)?))?", re.ASCII
)
_DURATION = re.compile(
    r"([+-]?)P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?"
    r"(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d+))?S)?)?",
    re.ASCII,
)


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment(at: int) -> datetime:
    return EPOCH + timedelta(microseconds=at)


def parse_instant(text: object, *, dates: bool = False) -> int | None:
    """The instant of a text with an offset, of a date too if asked for; None if it is none (T1)."""
    if not isinstance(text, str):
        return None
    found = _INSTANT.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    if hour is None and not dates:
        return None
    try:
        local = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
    except ValueError:
        return None
    at = micros(local.replace(tzinfo=UTC)) + int((fraction or "")[:6].ljust(6, "0"))
    if offset and offset != "Z":
        digits = offset[1:].replace(":", "").ljust(4, "0")
        if int(digits[:2]) > 23 or int(digits[2:]) > 59:
            return None
        shift = (int(digits[:2]) * 60 + int(digits[2:])) * 60 * SECOND
        at += shift if offset[0] == "-" else -shift
    return at


def instant(text: str) -> int:
    at = parse_instant(text)
    if at is None:
        raise ValueError(f"no instant with an offset: {text!r}")
    return at


def show(at: int) -> str:
    """As in traces: `Z`, and as few fractional digits as needed."""
    when = moment(at)
    fraction = f".{when.microsecond:06d}".rstrip("0") if when.microsecond else ""
    return f"{when.year:04d}" + when.strftime("-%m-%dT%H:%M:%S") + fraction + "Z"


@dataclass(frozen=True)
class Duration:
    months: int
    exact: int


def parse_duration(text: str) -> Duration:
    found = _DURATION.fullmatch(text)
    if found is None or text[-1] in "PT":
        raise ValueError(f"no duration: {text!r}")
    sign = -1 if found[1] == "-" else 1
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:8])
    exact = (weeks * 7 + days) * DAY + ((hours * 60 + minutes) * 60 + seconds) * SECOND
    exact += int((found[9] or "")[:6].ljust(6, "0"))
    return Duration(sign * (years * 12 + months), sign * exact)


def shift_months(at: int, months: int) -> int:
    """Calendar arithmetic on the UTC instant, clipped to the end of the month (T2)."""
    when = moment(at)
    years, month = divmod(when.year * 12 + when.month - 1 + months, 12)
    day = min(when.day, calendar.monthrange(years, month + 1)[1])
    return micros(when.replace(year=years, month=month + 1, day=day))


def plus(at: int, duration: Duration) -> int:
    return (shift_months(at, duration.months) if duration.months else at) + duration.exact


def minus(at: int, duration: Duration) -> int:
    """Months first, then the exact part (T2)."""
    return plus(at, Duration(-duration.months, -duration.exact))


def crossings(value: int, duration: Duration) -> set[int]:
    """Every `now` at which `now - duration` may begin or cease to be at or after `value`.

    For an exact duration there is one. With months, `now - duration` runs like the time of the day
    within a day and jumps at midnight, so: every midnight, and every day's same time, around it.
    """
    target = value + duration.exact
    if not duration.months:
        return {target}
    try:
        around = shift_months(target, duration.months)
        midnight = around - around % DAY
        return {midnight + day * DAY + part for day in range(-5, 6) for part in (0, target % DAY)}
    except (ValueError, OverflowError):
        return set()


def zone(name: object) -> ZoneInfo | None:
    if not isinstance(name, str) or not name:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def next_local(at: int, clock: str, weekdays: list[str] | None, where: ZoneInfo) -> int:
    """The first such local time not before `at`; a gap is read with the offset before it (S2)."""
    hands = time.fromisoformat(clock)
    start: date = moment(at).astimezone(where).date() - timedelta(days=2)
    found = []
    for day in (start + timedelta(days=n) for n in range(20)):
        if weekdays is None or WEEKDAYS[day.weekday()] in weekdays:
            local = datetime.combine(day, hands, tzinfo=where)  # fold=0: the first, or the offset before the gap
            found.append(micros(local.astimezone(UTC)))
    return min(one for one in found if one >= at)

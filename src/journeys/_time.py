"""Instants, durations and local times.

An instant is a whole number of microseconds since 1970-01-01T00:00:00Z (T1). A duration has a calendar part (months)
and an exact part (microseconds); the calendar part is added first, clipped to the end of the month (T2).
"""

from __future__ import annotations

import io
import re
import zoneinfo
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import attrs
from dateutil.relativedelta import relativedelta

if TYPE_CHECKING:
    import tarfile

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MIN = -62_135_596_800 * SECOND  # year 1
MAX = 253_402_300_800 * SECOND - 1  # the last microsecond of year 9999

_INSTANT = re.compile(r"\d{4}-?\d\d-?\d\d[T ]\d\d(:?[0-5]\d(:?[0-5]\d([.,]\d+)?)?)?(Z|[+-]\d\d(:?[0-5]\d)?)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DURATION = re.compile(
    r"(?P<sign>[+-]?)P(?!$)(?:(?P<Y>\d+)Y)?(?:(?P<Mo>\d+)M)?(?:(?P<W>\d+(?:[.,]\d+)?)W)?(?:(?P<D>\d+(?:[.,]\d+)?)D)?"
    r"(?:T(?=\d)(?:(?P<H>\d+(?:[.,]\d+)?)H)?(?:(?P<M>\d+(?:[.,]\d+)?)M)?(?:(?P<S>\d+(?:[.,]\d+)?)S)?)?",
    re.ASCII,
)


def of_datetime(moment: datetime) -> int:
    """The instant of an aware datetime."""
    if moment.tzinfo is None:
        raise ValueError("a naive datetime is no instant: give it a time zone, for example datetime.now(UTC)")
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


def to_datetime(instant: int) -> datetime:
    """The aware UTC datetime of an instant."""
    return EPOCH + timedelta(microseconds=instant)


def parse_instant(text: str) -> int:
    """The instant that ISO 8601 text with an offset or ``Z`` names; ValueError for anything else (T1)."""
    if not _INSTANT.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no instant: expected ISO 8601 with an offset, like 2026-01-01T10:00:00Z")
    if text[text.index("T" if "T" in text else " ") + 1 :].startswith("24"):
        raise ValueError(f"{text[:40]!r} is no instant: 24:00 is written 00:00 of the next day")
    instant = of_datetime(datetime.fromisoformat(text))
    if not 0 <= instant <= MAX:
        raise ValueError(f"{text[:40]!r} is out of range: instants run from 1970-01-01 to 9999-12-31")
    return instant


def instant_of(moment: str | datetime | int) -> int:
    """The instant that a text, an aware datetime or a number of microseconds names; ValueError or TypeError if none."""
    if isinstance(moment, str):
        return parse_instant(moment)
    if isinstance(moment, datetime):
        instant = of_datetime(moment)
    elif isinstance(moment, int) and not isinstance(moment, bool):
        instant = moment
    else:
        right = "ISO 8601 text with an offset, an aware datetime, or microseconds since 1970 as a whole number"
        raise TypeError(f"{described(moment)} is no instant: expected {right}")
    if instant < 0:
        raise ValueError(f"{described(moment)} is out of range: instants run from 1970-01-01 to 9999-12-31")
    return instant


def described(value: object) -> str:
    """What a value is, in few words, for whoever passed it."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if value is None or isinstance(value, (bool, int, float)):
        return f"{value!r:.40}"
    name = getattr(value, "__name__", None)
    if isinstance(name, str) and callable(value):
        return f"the function {name}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


def value_instant(value: object) -> int | None:
    """The instant that a property or trait value names; a date is its midnight UTC, a number is none (S2, C)."""
    if type(value) is not str:
        return None
    try:
        return parse_instant(value + "T00:00:00Z" if _DATE.fullmatch(value) else value)
    except ValueError:
        return None


def format_instant(instant: int) -> str:
    """ISO 8601 with ``Z`` and as few fractional digits as needed."""
    seconds, micros = divmod(instant, SECOND)
    text = (EPOCH + timedelta(seconds=seconds)).isoformat()[:19]
    return f"{text}.{micros:06d}".rstrip("0") + "Z" if micros else text + "Z"


@attrs.frozen(order=False)
class Duration:
    """An ISO 8601 duration: ``months`` of calendar arithmetic and ``micros`` of exact length (T2)."""

    months: int = 0
    micros: int = 0
    text: str = attrs.field(default="", eq=False, repr=False)

    @classmethod
    def of(cls, value: Duration | str | timedelta) -> Duration:
        """A duration from itself, from ISO 8601 text or from a timedelta; ValueError for anything else."""
        if isinstance(value, Duration):
            return value
        if isinstance(value, timedelta):
            return cls(0, (value.days * 86_400 + value.seconds) * SECOND + value.microseconds)
        if isinstance(value, str):
            return _parse_duration(value)
        raise ValueError(f"expected a duration like 'PT2H' or 'P7D', got {value!r}")

    @property
    def is_exact(self) -> bool:
        """Whether it has no calendar part."""
        return not self.months

    @property
    def is_positive(self) -> bool:
        """Whether a step could wait for it."""
        return self.months >= 0 and self.micros >= 0 and (self.months > 0 or self.micros > 0)

    @property
    def longest(self) -> int:
        """An upper bound of its length in microseconds."""
        return self.months * 31 * DAY + self.micros

    def after(self, instant: int) -> int:
        """``instant`` plus this duration, held within the years 1 to 9999."""
        if self.months:
            instant = _add_months(instant, self.months)
        return min(max(instant + self.micros, MIN), MAX)

    def before(self, instant: int) -> int:
        """``instant`` less this duration, held within the years 1 to 9999."""
        if self.months:
            instant = _add_months(instant, -self.months)
        return min(max(instant - self.micros, MIN), MAX)

    def leaves(self, instant: int) -> list[int]:
        """The instants at which ``now - self < instant`` changes, in order; the first makes it false.

        With an exact length there is one. Calendar arithmetic clips, so that a later time of day may bring an instant
        back into the window until the month has ended: then there are several.
        """
        if not self.months:
            return [instant + self.micros] if instant + self.micros <= MAX else []
        return list(_calendar_leaves(instant, self))

    def arrives(self, instant: int) -> list[int]:
        """The instants at which ``now + self >= instant`` changes, in order; the first makes it true."""
        if not self.months:
            return [instant - self.micros]
        return list(_calendar_arrives(instant, self))

    def __str__(self) -> str:
        return self.text or _format_duration(self)


def _add_months(instant: int, months: int) -> int:
    try:
        return of_datetime(to_datetime(instant) + relativedelta(months=months))
    except (OverflowError, ValueError):
        return MAX if months > 0 else MIN


@lru_cache(maxsize=4096)
def _calendar_leaves(instant: int, duration: Duration) -> tuple[int, ...]:
    return _flips(min(instant + duration.micros, MAX), duration.months, lambda now: duration.before(now) >= instant)


@lru_cache(maxsize=4096)
def _calendar_arrives(instant: int, duration: Duration) -> tuple[int, ...]:
    return _flips(max(instant - duration.micros, MIN), -duration.months, lambda now: duration.after(now) >= instant)


def _flips(around: int, months: int, holds: Callable[[int], bool]) -> tuple[int, ...]:
    """When ``holds``, false before the month that lies ``months`` from ``around``, changes in that month.

    Within a month clipped calendar arithmetic can only change at a midnight or at the time of day of ``around``.
    """
    at = to_datetime(around)
    try:
        day = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + relativedelta(months=months)
        days = [day + timedelta(days=n) for n in range(33)]
    except (OverflowError, ValueError):
        return ()
    clock = timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond)
    flips, before = [], False
    for candidate in sorted({of_datetime(moment) for day in days for moment in (day, day + clock)}):
        if holds(candidate) != before:
            flips.append(candidate)
            before = not before
    return tuple(flips)


@lru_cache(maxsize=4096)
def _parse_duration(text: str) -> Duration:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is no ISO 8601 duration: expected one like 'PT2H', 'P7D' or 'P1Y2M'")
    parts = match.groupdict()
    given = [name for name in ("W", "D", "H", "M", "S") if parts[name]]
    if any(not parts[name].isdigit() for name in given[:-1]):
        raise ValueError(f"{text[:40]!r}: only the smallest part of a duration may have a fraction")
    sign = -1 if parts["sign"] == "-" else 1
    units = {"W": 7 * DAY, "D": DAY, "H": HOUR, "M": MINUTE, "S": SECOND}
    micros = sum(_scaled(parts[name], unit) for name, unit in units.items() if parts[name])
    months = int(parts["Y"] or 0) * 12 + int(parts["Mo"] or 0)
    if months > 12 * 9999 or micros > MAX:
        raise ValueError(f"{text[:40]!r} is longer than 9999 years")
    return Duration(sign * months, sign * micros, text)


def meant_duration(text: str) -> str:
    """``did you mean 'PT2H'?`` for ``2h``, ``P2H`` or ``p2h``; nothing where it cannot be guessed."""
    sign = "-" if text.strip().startswith("-") else ""
    body = text.strip(" +-").upper().removeprefix("P").removeprefix("T")
    for guess in (f"{sign}PT{body}", f"{sign}P{body}"):
        if guess != text and _DURATION.fullmatch(guess):
            return f"did you mean {guess!r}?"
    return ""


def _scaled(number: str, unit: int) -> int:
    whole, _, fraction = number.replace(",", ".").partition(".")
    if len(whole) > 20:
        raise ValueError(f"{whole[:20]}… is longer than 9999 years")
    return int(whole) * unit + int((fraction[:12] or "0").ljust(12, "0")) * unit // 10**12


def _format_duration(duration: Duration) -> str:
    sign = "-" if duration.months < 0 or duration.micros < 0 else ""
    years, months = divmod(abs(duration.months), 12)
    days, rest = divmod(abs(duration.micros), DAY)
    hours, rest = divmod(rest, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    seconds, micros = divmod(rest, SECOND)
    fraction = f"{seconds}.{micros:06d}".rstrip("0") if micros else str(seconds)
    dates = "".join(f"{n}{unit}" for n, unit in ((years, "Y"), (months, "M"), (days, "D")) if n)
    times = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M")) if n)
    times += f"{fraction}S" if seconds or micros else ""
    return f"{sign}P{dates}{'T' + times if times else ''}" if dates or times else "PT0S"


def parse_local_time(text: str) -> time:
    """``HH:MM`` or ``HH:MM:SS``; ValueError for anything else."""
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?", text, re.ASCII):
        raise ValueError(f"{text[:40]!r} is no local time: expected one like '09:00'")
    return time.fromisoformat(text)


@lru_cache(maxsize=1)
def _system_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones()) - {"localtime", "posixrules", "Factory"}


@lru_cache(maxsize=1024)
def zone(name: str) -> zoneinfo.ZoneInfo | None:
    """The IANA zone of that name, or None; from the system, else from the copy that dateutil carries."""
    if name in _system_zones():
        return zoneinfo.ZoneInfo(name)
    if _system_zones():
        return None
    return _bundled_zone(name)


def zone_names() -> list[str]:
    """Every name for which there is a ``zone``."""
    if _system_zones():
        return sorted(_system_zones())
    with _bundle() as tar:
        return sorted(each.name for each in tar if not each.isdir() and "." not in each.name)


def _bundle() -> tarfile.TarFile:
    import tarfile
    from importlib.resources import files

    archive = files("dateutil.zoneinfo").joinpath("dateutil-zoneinfo.tar.gz").read_bytes()
    return tarfile.open(fileobj=io.BytesIO(archive))


def _bundled_zone(name: str) -> zoneinfo.ZoneInfo | None:
    with _bundle() as tar:
        try:
            member = tar.extractfile(name)
        except KeyError:
            return None
        return zoneinfo.ZoneInfo.from_file(member, key=name) if member else None


def next_local_time(arrival: int, at: time, weekdays: Iterable[int], tz: zoneinfo.ZoneInfo) -> int:
    """The first instant not before ``arrival`` at which clocks in ``tz`` show ``at`` on one of the weekdays (S2).

    A time in a DST gap is read with the offset before the gap (RFC 5545), an ambiguous one is its first occurrence.
    """
    allowed = frozenset(weekdays)
    first = to_datetime(min(arrival, MAX - 40 * DAY)).astimezone(tz).date() - timedelta(days=1)
    found = [
        instant
        for day in (first + timedelta(days=n) for n in range(10))
        if day.weekday() in allowed and (instant := _local(day, at, tz)) >= arrival
    ]
    return min(found, default=MAX)


def _local(day: date, at: time, tz: zoneinfo.ZoneInfo) -> int:
    return of_datetime(datetime.combine(day, at, tzinfo=tz))

"""Instants, durations and local times (T1, T2, S2)."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys import _time
from journeys._time import (
    DAY,
    HOUR,
    MAX,
    SECOND,
    Duration,
    format_instant,
    instant_of,
    next_local_time,
    of_datetime,
    parse_instant,
    parse_local_time,
    to_datetime,
    value_instant,
    zone,
)
from tests.reference import clock as naive

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# instants


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-01-01T10:00:00Z", "2026-01-01T10:00:00Z"),
        ("2026-01-01T10:00:00+02:00", "2026-01-01T08:00:00Z"),
        ("2026-01-01T10:00:00-0530", "2026-01-01T15:30:00Z"),
        ("2026-01-01T10:00:00+02", "2026-01-01T08:00:00Z"),
        ("20260101T100000Z", "2026-01-01T10:00:00Z"),
        ("2026-01-01 10:00:00Z", "2026-01-01T10:00:00Z"),
        ("2026-01-01T10:00Z", "2026-01-01T10:00:00Z"),
        ("2026-01-01T10:00:00.5Z", "2026-01-01T10:00:00.5Z"),
        ("2026-01-01T10:00:00,25Z", "2026-01-01T10:00:00.25Z"),
        ("2026-01-01T10:00:00.123456789Z", "2026-01-01T10:00:00.123456Z"),
        ("2026-01-01T10:00:00.9999999Z", "2026-01-01T10:00:00.999999Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
    ],
)
def test_text_that_is_an_instant(text: str, shown: str) -> None:
    """T1: ISO 8601 with an offset or Z; digits past the microsecond are cut, not rounded."""
    assert format_instant(parse_instant(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T10:00:00",
        "2026-01-01",
        "2026-01-01T10:00:60Z",
        "2026-01-01T23:59:60Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T24:00Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01T10:60:00Z",
        "2026-01-01T10:00:00+24:00",
        "2026-01-01T10:00:00+02:60",
        "2026-01-01T10:00:00 Z",
        " 2026-01-01T10:00:00Z",
        "2026-01-01T10:00:00Z\n",
        "2026-W01-1T10:00:00Z",
        "2026-001T10:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "10000-01-01T00:00:00Z",
        "٢٠٢٦-01-01T10:00:00Z",
        "now",
        "",
        "Z",
        "1767225600",
    ],
)
def test_text_that_is_no_instant(text: str) -> None:
    """T1: without an offset, :60, 24:00, out of range and everything else is an error, never a guess."""
    with pytest.raises(ValueError):
        parse_instant(text)


@settings(deadline=None)
@given(st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30)), st.integers(-1439, 1439))
def test_an_instant_is_the_same_in_every_offset(local: datetime, minutes: int) -> None:
    """T1"""
    moment = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    micros = (moment - EPOCH) // timedelta(microseconds=1)
    assert parse_instant(moment.isoformat()) == of_datetime(moment) == instant_of(moment) == micros
    assert parse_instant(format_instant(micros)) == micros
    assert to_datetime(micros) == moment


def test_a_naive_datetime_is_no_instant() -> None:
    """T1"""
    with pytest.raises(ValueError, match="naive"):
        of_datetime(datetime(2026, 1, 1))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2026-01-09", "2026-01-09T00:00:00Z"),
        ("2026-01-09T10:00:00+01:00", "2026-01-09T09:00:00Z"),
        ("2026-02-30", None),
        ("2026-1-9", None),
        ("2026-01-09T10:00:00", None),
        (1767225600, None),
        (True, None),
        (None, None),
        (["2026-01-09"], None),
    ],
)
def test_a_value_is_an_instant_or_a_date_or_none(value: object, shown: str | None) -> None:
    """S2, C5: a date is its midnight UTC, a number is no instant."""
    found = value_instant(value)
    assert (None if found is None else format_instant(found)) == shown


# durations


@pytest.mark.parametrize(
    ("text", "months", "micros"),
    [
        ("PT2H", 0, 2 * HOUR),
        ("P7D", 0, 7 * DAY),
        ("P1Y2M", 14, 0),
        ("P2W", 0, 14 * DAY),
        ("P1Y2M3W4DT5H6M7S", 14, 25 * DAY + 5 * HOUR + 6 * 60 * SECOND + 7 * SECOND),
        ("P1.5D", 0, 36 * HOUR),
        ("PT0,5S", 0, SECOND // 2),
        ("PT0.0000019S", 0, 1),
        ("-PT1H", 0, -HOUR),
        ("+PT1H", 0, HOUR),
        ("-P1M", -1, 0),
        ("PT0S", 0, 0),
    ],
)
def test_a_duration(text: str, months: int, micros: int) -> None:
    """T2: weeks to seconds are exact lengths, a day is 24 hours; months and years are calendar arithmetic."""
    duration = Duration.of(text)
    assert (duration.months, duration.micros) == (months, micros)
    assert duration == Duration.of(str(Duration(months, micros)))
    assert duration.is_exact == (not months)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "P1DT",
        "1D",
        "PT1D",
        "P1H",
        "P1.5M",
        "P1.5DT1H",
        "PT1M1H",
        "P-1D",
        "PT1h",
        "P1D ",
        "P٣D",
        "P10000Y",
        "P" + "9" * 30 + "D",
        "PT" + "9" * 5000 + "S",
    ],
)
def test_what_is_no_duration(text: str) -> None:
    """T2"""
    with pytest.raises(ValueError):
        Duration.of(text)


@pytest.mark.parametrize(
    ("begin", "duration", "end"),
    [
        ("2026-01-31T10:00:00Z", "P1M", "2026-02-28T10:00:00Z"),
        ("2028-01-31T10:00:00Z", "P1M", "2028-02-29T10:00:00Z"),
        ("2028-02-29T10:00:00Z", "P1Y", "2029-02-28T10:00:00Z"),
        ("2026-01-31T10:00:00Z", "P1M1D", "2026-03-01T10:00:00Z"),
        ("2026-01-31T23:00:00Z", "P1MT2H", "2026-03-01T01:00:00Z"),
        ("2026-03-31T00:00:00Z", "-P1M", "2026-02-28T00:00:00Z"),
        ("2026-03-29T00:30:00Z", "P1D", "2026-03-30T00:30:00Z"),
        ("2026-12-31T00:00:00Z", "P2M", "2027-02-28T00:00:00Z"),
    ],
)
def test_months_are_clipped_and_come_before_the_exact_part(begin: str, duration: str, end: str) -> None:
    """T2: 31 January and a month is the end of February; the exact part is added after that."""
    assert format_instant(Duration.of(duration).after(parse_instant(begin))) == end


@pytest.mark.parametrize(
    ("text", "positive"), [("PT0S", False), ("P0D", False), ("-PT1S", False), ("P1M", True), ("PT0.000001S", True)]
)
def test_what_a_step_could_wait_for(text: str, positive: bool) -> None:
    """T2: zero and negative durations are no waits."""
    assert Duration.of(text).is_positive is positive


durations = st.builds(Duration, st.integers(0, 30), st.integers(0, 90 * DAY))
instants = st.integers(parse_instant("1975-01-01T00:00:00Z"), parse_instant("2200-01-01T00:00:00Z"))


@settings(deadline=None)
@given(instants, durations)
def test_after_and_before_are_calendar_arithmetic(moment: int, duration: Duration) -> None:
    """T2"""
    expected = naive.Duration(duration.months, duration.micros)
    assert duration.after(moment) == naive.plus(moment, expected)
    assert duration.before(moment) == naive.minus(moment, expected)
    assert 0 <= duration.after(moment) - moment <= duration.longest


@settings(deadline=None)
@given(st.integers(0, MAX), durations)
def test_arithmetic_stays_within_the_years_one_to_9999(moment: int, duration: Duration) -> None:
    """T1"""
    assert _time.MIN <= duration.before(moment) <= moment <= duration.after(moment) <= MAX
    assert Duration(12 * 9999).after(moment) == MAX
    assert Duration(12 * 9999).before(moment) == _time.MIN


def scanned(holds: object, around: int, grid: int = 6 * HOUR, days: int = 75) -> list[int]:
    """The instants of a grid at which ``holds`` changes, around an instant; false before them."""
    begin = around - around % grid - days * DAY
    found, before = [], False
    for now in range(begin, begin + 2 * days * DAY, grid):
        if holds(now) != before:  # type: ignore[operator]
            found.append(now)
            before = not before
    return found


#: on a grid of six hours, often at the end of a month
grid_instants = st.builds(
    lambda year, month, back, hours: of_datetime(
        datetime(year, month, calendar.monthrange(year, month)[1], tzinfo=UTC)
        - timedelta(days=back)
        + timedelta(hours=6 * hours)
    ),
    st.integers(2023, 2029),
    st.integers(1, 12),
    st.sampled_from([0, 0, 0, 1, 1, 2, 3, 15, 29]),
    st.integers(0, 3),
)
grid_durations = st.builds(
    Duration,
    st.sampled_from([0, 1, 1, 1, 2, 3, 6, 11, 12, 13]),
    st.sampled_from([0, 0, 6 * HOUR, DAY, 30 * HOUR, 9 * DAY]),
)


@settings(deadline=None, max_examples=60)
@given(grid_instants, grid_durations)
def test_when_an_instant_leaves_a_window(moment: int, duration: Duration) -> None:
    """C1, C3: every flip of ``now - duration < instant``, of which a clipped month may have several."""
    if not (duration.months or duration.micros):
        return
    length = naive.Duration(duration.months, duration.micros)
    flips = duration.leaves(moment)
    assert flips == scanned(lambda now: naive.minus(now, length) >= moment, naive.plus(moment, length))
    for flip in flips:
        inside = [naive.minus(now, length) < moment for now in (flip - 1, flip, flip + 1)]
        assert inside[0] != inside[1] == inside[2]


@settings(deadline=None, max_examples=60)
@given(grid_instants, grid_durations)
def test_when_an_instant_comes_into_reach(moment: int, duration: Duration) -> None:
    """C1, C5: every flip of ``now + duration >= instant``."""
    if not (duration.months or duration.micros):
        return
    length = naive.Duration(duration.months, duration.micros)
    flips = duration.arrives(moment)
    assert flips == scanned(lambda now: naive.plus(now, length) >= moment, naive.minus(moment, length))
    for flip in flips:
        reached = [naive.plus(now, length) >= moment for now in (flip - 1, flip, flip + 1)]
        assert reached[0] != reached[1] == reached[2]


def test_a_month_can_take_an_instant_out_and_in_again() -> None:
    """C1: a month before 29, 30 and 31 March is 28 February each time, so its noon comes back at each midnight."""
    moment = parse_instant("2026-02-28T12:00:00Z")
    flips = [format_instant(flip) for flip in Duration.of("P1M").leaves(moment)]
    days = ["28", "29", "29", "30", "30", "31", "31"]
    clocks = ["12", "00", "12", "00", "12", "00", "12"]
    assert flips == [f"2026-03-{day}T{hour}:00:00Z" for day, hour in zip(days, clocks, strict=True)]


# local times


@pytest.mark.parametrize("text", ["9:00", "24:00", "09:60", "09:00:60", "09", "09:00Z", "", "０9:00"])
def test_what_is_no_local_time(text: str) -> None:
    """S2"""
    with pytest.raises(ValueError):
        parse_local_time(text)


@pytest.mark.parametrize("name", ["Not/AZone", "", "utc/../UTC", "/etc/passwd", "posixrules", "localtime", "\0"])
def test_names_that_are_no_zone(name: str) -> None:
    """S2: then the default is taken."""
    assert zone(name) is None


def test_zones_of_the_bundled_copy() -> None:
    """S2: where the system has no zones, those that dateutil carries are the same names."""
    found = _time._bundled_zone("Europe/Berlin")
    assert found is not None
    assert next_local_time(0, time(9), range(7), found) == next_local_time(0, time(9), range(7), zone("Europe/Berlin"))
    assert _time._bundled_zone("Not/AZone") is None


def local(text: str, arrival: str, at: str, days: tuple[int, ...] = tuple(range(7))) -> str:
    tz = zone(text)
    assert tz is not None
    return format_instant(next_local_time(parse_instant(arrival), parse_local_time(at), days, tz))


def test_the_next_local_time_is_not_before_arrival() -> None:
    """S2: at the very time it is now; a microsecond later it is tomorrow."""
    assert local("Asia/Tokyo", "2026-01-01T00:00:00Z", "09:00") == "2026-01-01T00:00:00Z"
    assert local("Asia/Tokyo", "2026-01-01T00:00:00.000001Z", "09:00") == "2026-01-02T00:00:00Z"


def test_on_certain_weekdays() -> None:
    """S2: 1 January 2026 was a Thursday."""
    assert local("UTC", "2026-01-01T09:00:01Z", "09:00", (3,)) == "2026-01-08T09:00:00Z"
    assert local("UTC", "2026-01-01T09:00:01Z", "09:00", (0, 1)) == "2026-01-05T09:00:00Z"
    assert local("America/New_York", "2026-01-05T04:59:00Z", "23:00", (6,)) == "2026-01-12T04:00:00Z"


def test_a_time_in_a_gap_is_read_with_the_offset_before_it() -> None:
    """S2: 02:30 on the morning on which clocks go from 02:00 to 03:00 is 03:30 (RFC 5545)."""
    assert local("Europe/Berlin", "2026-03-28T12:00:00Z", "02:30") == "2026-03-29T01:30:00Z"
    assert local("America/New_York", "2026-03-08T05:00:00Z", "02:30") == "2026-03-08T07:30:00Z"


def test_an_ambiguous_time_is_its_first_occurrence() -> None:
    """S2"""
    assert local("Europe/Berlin", "2026-10-24T12:00:00Z", "02:30") == "2026-10-25T00:30:00Z"
    # after the first 02:30 the second one does not count: it is tomorrow's
    assert local("Europe/Berlin", "2026-10-25T00:45:00Z", "02:30") == "2026-10-26T01:30:00Z"


ZONES = [
    "Africa/Casablanca",  # negative daylight time around Ramadan
    "America/New_York",
    "America/Sao_Paulo",  # clocks went forward at midnight
    "America/St_Johns",  # at 00:01, half an hour off
    "America/Havana",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Australia/Lord_Howe",  # half an hour of daylight time
    "Europe/Berlin",
    "Europe/Dublin",
    "Pacific/Apia",  # 30 December 2011 did not happen
    "Pacific/Auckland",
    "Antarctica/Troll",  # two hours of it
]


def offset(tz: ZoneInfo, second: int) -> int:
    """Seconds east of UTC at an instant: only the way from UTC to local time is asked, which has no ambiguity."""
    found = (EPOCH + timedelta(seconds=second)).astimezone(tz).utcoffset()
    assert found is not None
    return int(found.total_seconds())


def transitions(tz: ZoneInfo, first: int, last: int) -> list[tuple[int, int, int]]:
    """(second, offset before, offset after) of every change between two years, by bisection."""
    found = []
    step = 86_400
    second = int(datetime(first, 1, 1, tzinfo=UTC).timestamp())
    end = int(datetime(last, 1, 1, tzinfo=UTC).timestamp())
    while second < end:
        before = offset(tz, second)
        if offset(tz, second + step) != before:
            low, high = second, second + step
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(tz, middle) == before else (low, middle)
            found.append((high, before, offset(tz, high)))
        second += step
    return found


def naively(day: date, at: time, tz: ZoneInfo, changes: list[tuple[int, int, int]], offsets: set[int]) -> int:
    """The second of a local time: its first occurrence, in a gap by the offset before the gap."""
    wall = int(datetime.combine(day, at, tzinfo=UTC).timestamp())
    happened = [wall - east for east in offsets if offset(tz, wall - east) == east]
    if happened:
        return min(happened)
    (east,) = {before for second, before, after in changes if second + before <= wall < second + after}
    return wall - east


@pytest.mark.parametrize("name", ZONES)
def test_local_times_around_every_transition(name: str) -> None:
    """S2: against a computation that knows only the way from UTC to local time."""
    tz = zone(name)
    assert tz is not None
    changes = transitions(tz, 1996, 2033)
    offsets = {east for _, before, after in changes for east in (before, after)} | {offset(tz, 10**9)}
    assert changes or name == "Asia/Kathmandu"
    for second, before, after in changes or [(10**9, 20_700, 20_700)]:
        walls = sorted(
            {second + before, second + after, second + (before + after) // 2, second + min(before, after) - 60}
        )
        for wall in walls:
            at = (EPOCH + timedelta(seconds=wall)).time().replace(second=0)
            today = (EPOCH + timedelta(seconds=wall)).date()
            around = [today + timedelta(days=n) for n in range(-3, 5)]
            instants = sorted(naively(day, at, tz, changes, offsets) for day in around)
            for arrival in (second * SECOND - 1, second * SECOND, (second - 7200) * SECOND, instants[3] * SECOND + 1):
                expected = min(one * SECOND for one in instants if one * SECOND >= arrival)
                found = next_local_time(arrival, at, range(7), tz)
                assert found == expected, (name, second, at, arrival, format_instant(found), format_instant(expected))

"""The schedule over every zone and every clock change from 2000 to 2037, and over rules that nobody would think of.

Near a clock change only its instant and the two offsets matter (no zone has two changes within three days: tested). So
the 17,000 changes of six hundred zones are some 3,100 distinct ones, and each of these is walked with 24 combinations
of time and quiet hours against an oracle made of intervals. Each of the 43 distinct shapes (size and local hour) is
walked once more minute by minute, which needs no thought at all. Every zone passes its changes under its own name.
"""

import struct
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from itertools import islice, pairwise, takewhile
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from healthnotify.domain.errors import BadInput
from healthnotify.domain.model import QuietHours
from healthnotify.domain.schedule import Occasion, Rule, end_of_quiet_hours, known_zones, next_occasion, occasions, zone

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
START, END = datetime(2000, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
MINUTES = range(-26 * 60, 60 * 60)  # about a change: the whole of its date, and two days of waiting
QUARTERS = range(4)  # so that several processes can share the walk

Found = tuple[date, int, datetime, str | None]  #: nominal date, slot, send_at, shift


class Change(NamedTuple):
    """One clock change: from `at` on the offset is `after`."""

    at: datetime
    before: timedelta
    after: timedelta


class Stretch(NamedTuple):
    """A half-open stretch of time with one offset."""

    start: datetime
    end: datetime
    offset: timedelta

    def instant(self, wall: datetime) -> datetime | None:
        """When the clock shows `wall` in this stretch."""
        at = wall.replace(tzinfo=UTC) - self.offset
        return at if self.start <= at < self.end else None

    def wall(self, at: datetime) -> datetime:
        """What the clock shows."""
        return (at + self.offset).replace(tzinfo=None)


# --- the clock changes, looked for here and not taken from the code under test


@cache
def changes_by_zone() -> dict[str, tuple[Change, ...]]:
    """Every change of every zone from 2000 to 2037; zones whose files are the same bytes are scanned once."""
    noons = [START.replace(hour=12, minute=34, tzinfo=None) + DAY * n for n in range((END - START).days)]
    folder, seen = files("tzdata") / "zoneinfo", dict[bytes, tuple[Change, ...]]()
    found = {}
    for name in sorted(known_zones()):
        content = (folder / name).read_bytes()
        if content not in seen:
            seen[content] = tuple(_scan(ZoneInfo(name), noons))
        found[name] = seen[content]
    return found


def _scan(tz: ZoneInfo, noons: list[datetime]) -> Iterator[Change]:
    offsets = [tz.utcoffset(noon) or timedelta(0) for noon in noons]
    for (noon, before), (following, after) in pairwise(zip(noons, offsets, strict=True)):
        if before != after:
            low, high = noon - before - DAY, following - after + DAY  # wide enough for a date that was skipped
            yield _narrow(tz, low.replace(tzinfo=UTC), high.replace(tzinfo=UTC))


def _narrow(tz: ZoneInfo, low: datetime, high: datetime) -> Change:
    assert (high - low) % timedelta(seconds=1) == timedelta(0), "else it never ends"
    before, after = offset(tz, low), offset(tz, high)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (middle, high) if offset(tz, middle) == before else (low, middle)
    return Change(high, before, after)


def offset(tz: ZoneInfo, at: datetime) -> timedelta:
    """Local time minus UTC."""
    return at.astimezone(tz).utcoffset() or timedelta(0)


@cache
def distinct_changes() -> dict[Change, str]:
    """Each distinct change with one zone that has it."""
    return {change: name for name, changes in changes_by_zone().items() for change in changes}


def quarter(number: int) -> list[tuple[Change, str]]:
    """A fourth of the distinct changes."""
    return sorted(distinct_changes().items())[number::4]


def recorded(name: str) -> list[tuple[int, int]]:
    """(Unix time, offset in seconds) of every change that the zone's file lists, in all of history (RFC 8536)."""
    content = (files("tzdata") / "zoneinfo" / name).read_bytes()
    utc, std, leap, changes, kinds, letters = struct.unpack(">6L", content[20:44])
    second = 44 + changes * 5 + kinds * 6 + letters + leap * 8 + std + utc
    utc, std, leap, changes, kinds, letters = struct.unpack(">6L", content[second + 20 : second + 44])
    times, kind_of = second + 44, second + 44 + changes * 8
    table = kind_of + changes
    offsets = [struct.unpack_from(">l", content, table + 6 * kind)[0] for kind in range(kinds)]
    instants = struct.unpack_from(f">{changes}q", content, times)
    steps = [(at, offsets[kind]) for at, kind in zip(instants, content[kind_of:table], strict=True)]
    return [step for previous, step in pairwise([(0, None), *steps]) if step[1] != previous[1]]


# --- two oracles: intervals, and minute by minute


def is_quiet(wall: datetime, quiet: QuietHours | None) -> bool:
    """Inside the half-open window, said in another way than the code: by distance from its start, modulo a day."""
    if quiet is None:
        return False
    seconds, start, end = (at.hour * 3600 + at.minute * 60 + at.second for at in (wall, quiet.start, quiet.end))
    return (seconds - start) % 86_400 < (end - start) % 86_400


def by_intervals(
    line: list[Stretch], day: date, wanted: time, quiet: QuietHours | None
) -> tuple[datetime, str | None] | None:
    """Send time and shift, chosen among the few instants that can be the answer; None for a skipped date."""
    wall, midnight = datetime.combine(day, wanted), datetime.combine(day, time())
    if not any(part.wall(part.start) < midnight + DAY and part.wall(part.end) > midnight for part in line):
        return None
    shown = [at for part in line if (at := part.instant(wall))]
    resolved = min(shown or [part.start for part in line if part.wall(part.start) > wall])
    if (send_at := resolved) and is_quiet(wall_at(line, resolved), quiet):
        assert quiet
        ends = [datetime.combine(day + DAY * n, quiet.end) for n in range(4)]
        candidates = [part.start for part in line] + [at for part in line for end in ends if (at := part.instant(end))]
        send_at = next(at for at in sorted(candidates) if at > resolved and not is_quiet(wall_at(line, at), quiet))
    return send_at, "quiet_hours" if send_at != resolved else None if shown else "gap"


def wall_at(line: list[Stretch], at: datetime) -> datetime:
    """What the clock shows at an instant."""
    return next(part.wall(at) for part in line if part.start <= at < part.end)


def by_minutes(
    clock: list[tuple[datetime, datetime]], day: date, wanted: time, quiet: QuietHours | None
) -> datetime | None:
    """Send time, by watching the clock on the wall: first until it has come to `wanted`, then until it may be sent."""
    if all(wall.date() != day for _, wall in clock):
        return None
    wall_wanted = datetime.combine(day, wanted)
    came = next(n for n, (_, wall) in enumerate(clock) if wall >= wall_wanted)
    return next(at for at, wall in clock[came:] if not is_quiet(wall, quiet))


def expected(line: list[Stretch], rule: Rule, after: datetime, days: list[date]) -> list[Found]:
    """What `occasions` must answer for these nominal dates."""
    found = []
    for day in days:
        for slot, wanted in enumerate(sorted(rule.times), start=1):
            answer = by_intervals(line, day, wanted, rule.quiet)
            if answer and answer[0] > after:
                found.append((day, slot, *answer))
    return found


def computed(rule: Rule, after: datetime, last: date) -> list[Found]:
    """What it answers, up to that nominal date."""
    until_last = takewhile(lambda occasion: occasion.local_date <= last, occasions(rule, after))
    return [(found.local_date, found.slot, found.send_at, found.shift) for found in until_last]


def around(change: Change) -> list[Stretch]:
    """The two stretches that meet at a change."""
    return [
        Stretch(change.at - 9 * DAY, change.at, change.before),
        Stretch(change.at, change.at + 9 * DAY, change.after),
    ]


def hostile_times(change: Change) -> tuple[time, ...]:
    """Times of day that the change hurts, and one that it should not."""
    low, high = sorted((change.at + change.before, change.at + change.after))
    return tuple({at.time() for at in (low, low + (high - low) / 2, high - MINUTE)} | {time(23, 30)})


def hostile_windows(change: Change) -> list[QuietHours | None]:
    """No quiet hours, the usual ones, and windows with an edge before, in, and after the change."""
    low, high = sorted((change.at + change.before, change.at + change.after))
    middle = low + (high - low) / 2
    edges = [(low - HOUR, middle), (middle, high + HOUR), (low, high), (high, high - MINUTE)]
    windows = [QuietHours(start.time(), end.time()) for start, end in edges if start.time() != end.time()]
    return [None, QuietHours(time(22), time(7)), *windows]


# --- every clock change


def test_every_zone_is_scanned_and_the_famous_changes_are_found() -> None:
    changes = changes_by_zone()

    assert set(changes) == known_zones()
    assert len(distinct_changes()) > 3000
    assert Change(datetime(2011, 12, 30, 10, tzinfo=UTC), -10 * HOUR, 14 * HOUR) in changes["Pacific/Apia"]
    assert len(changes["America/New_York"]) == 2 * 38


def test_no_zone_ever_changed_its_clock_twice_within_three_days() -> None:
    """Leaving quiet hours compares the offsets at both ends of at most a day; a cancelling pair would be unseen."""
    close = {
        name: (one, other)
        for name in known_zones()
        for (one, _), (other, _) in pairwise(recorded(name))
        if other - one < 3 * 24 * 3600
    }

    assert close == {}


@pytest.mark.parametrize("number", QUARTERS)
def test_around_every_change_each_occasion_is_the_smallest_allowed_instant(number: int) -> None:
    for change, name in quarter(number):
        line, day = around(change), (change.at + change.before).date()
        days = [day - DAY, day, day + DAY]
        after = change.at - 30 * HOUR
        for quiet in hostile_windows(change):
            rule = Rule(name, hostile_times(change), quiet=quiet)

            assert computed(rule, after, days[-1]) == expected(line, rule, after, [day - 2 * DAY, *days]), (
                change,
                rule,
            )


def test_around_every_shape_of_change_the_minutes_agree() -> None:
    shapes = {(c.after - c.before, (c.at + c.before).time()): (c, name) for c, name in distinct_changes().items()}
    for change, name in shapes.values():
        tz = ZoneInfo(name)
        clock = [(at, at.astimezone(tz).replace(tzinfo=None)) for n in MINUTES if (at := change.at + n * MINUTE)]
        day = (change.at + change.before).date()
        for quiet in hostile_windows(change):
            rule = Rule(name, hostile_times(change), quiet=quiet)
            answers = {(d, slot): send_at for d, slot, send_at, _ in computed(rule, change.at - 40 * HOUR, day)}
            for slot, wanted in enumerate(sorted(rule.times), start=1):
                assert answers.get((day, slot)) == by_minutes(clock, day, wanted, quiet), (change, rule, wanted)


def test_every_change_of_every_zone_keeps_the_hour_of_the_wall() -> None:
    for name, changes in changes_by_zone().items():
        for change in changes:
            day = (change.at + change.before).date()
            line, days = around(change), [day - DAY, day, day + DAY]
            after = line[0].instant(datetime.combine(day - DAY, time()))
            assert after
            rule = Rule(name, (time(2, 30), time(12)))

            assert computed(rule, after, days[-1]) == expected(line, rule, after, days), (name, change)


# --- rules that nobody would think of

zones = st.sampled_from(sorted(known_zones()))
clock_times = st.one_of(st.times().map(lambda at: at.replace(microsecond=0)), st.builds(time, st.integers(0, 23)))
windows = st.builds(QuietHours, clock_times, clock_times).filter(lambda window: window.start != window.end)
instants = st.datetimes(datetime(1995, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@st.composite
def questions(draw: st.DrawFn) -> tuple[Rule, datetime]:
    """A rule and an instant, every other time close to a clock change of its zone."""
    name, after = draw(zones), draw(instants)
    changes = changes_by_zone()[name]
    if changes and draw(st.booleans()):
        after = draw(st.sampled_from(changes)).at + draw(st.timedeltas(-3 * DAY, DAY))
    try:
        rule = Rule(
            timezone=name,
            times=tuple(draw(st.sets(clock_times, min_size=1, max_size=4))),
            days=draw(st.frozensets(st.integers(0, 6), min_size=1)),
            every=draw(st.one_of(st.just(1), st.integers(1, 10))),
            anchor=draw(st.dates(date(1990, 1, 1), date(2030, 1, 1))),
            quiet=draw(st.none() | windows),
        )
    except BadInput:
        assume(False)
    return rule, after


def first(rule: Rule, after: datetime, count: int = 8) -> list[Occasion]:
    """The next few occasions."""
    return list(islice(occasions(rule, after), count))


def stretches(tz: ZoneInfo, start: datetime, end: datetime) -> list[Stretch]:
    """The zone's line between two instants, looked at every six hours."""
    line = [Stretch(start, end, offset(tz, start))]
    at = start
    while at < end:
        if offset(tz, at + 6 * HOUR) != offset(tz, at):
            whole = at.replace(microsecond=0)  # as changes are
            change = _narrow(tz, whole, whole + 6 * HOUR)
            line[-1:] = [line[-1]._replace(end=change.at), Stretch(change.at, end, change.after)]
        at += 6 * HOUR
    return line


any_question = given(questions())
often = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@often
@any_question
def test_nothing_is_ever_sent_inside_quiet_hours(question: tuple[Rule, datetime]) -> None:
    rule, _ = question
    tz = zone(rule.timezone)

    assert not any(
        is_quiet(found.send_at.astimezone(tz).replace(tzinfo=None), rule.quiet) for found in first(*question)
    )


@often
@any_question
def test_nothing_is_sent_at_or_before_the_question(question: tuple[Rule, datetime]) -> None:
    assert all(found.send_at > question[1] for found in first(*question))


@often
@any_question
def test_each_local_date_and_slot_comes_once_and_in_order(question: tuple[Rule, datetime]) -> None:
    found = [(occasion.local_date, occasion.slot) for occasion in first(*question)]

    assert found == sorted(set(found))


@often
@any_question
def test_send_times_never_go_back_and_without_quiet_hours_each_is_later(question: tuple[Rule, datetime]) -> None:
    rule, _ = question
    found = [occasion.send_at for occasion in first(*question)]

    assert found == sorted(found)
    if rule.quiet is None and len(rule.times) == 1:
        assert len(set(found)) == len(found)


@often
@any_question
def test_what_is_not_shifted_shows_the_wanted_time_and_what_is_shifted_says_why(
    question: tuple[Rule, datetime],
) -> None:
    rule, _ = question
    tz = zone(rule.timezone)
    for found in first(*question):
        wall = found.send_at.astimezone(tz).replace(tzinfo=None)
        just_before = (found.send_at - timedelta(microseconds=1)).astimezone(tz).replace(tzinfo=None)
        assert found.wall_clock == datetime.combine(found.local_date, sorted(rule.times)[found.slot - 1])
        assert (found.shift is None) == (wall == found.wall_clock)
        if found.shift == "gap":
            assert just_before < found.wall_clock < wall
        if found.shift == "quiet_hours":
            assert is_quiet(just_before, rule.quiet)


@often
@any_question
def test_every_nominal_date_is_one_that_was_chosen(question: tuple[Rule, datetime]) -> None:
    rule, _ = question
    for found in first(*question):
        assert found.local_date.weekday() in rule.days
        assert (found.local_date - rule.anchor).days % rule.every == 0


@often
@any_question
def test_the_answer_is_complete_and_minimal(question: tuple[Rule, datetime]) -> None:
    rule, after = question
    found = first(*question, count=6)
    last = found[-1].local_date - DAY
    line = stretches(zone(rule.timezone), after - 5 * DAY, found[-1].send_at + 5 * DAY)
    origin = after.date() - 4 * DAY
    days = [day for n in range((last - origin).days + 1) if rule.holds(day := origin + DAY * n)]

    assert computed(rule, after, last) == expected(line, rule, after, days)


@often
@given(questions(), st.integers(0, 7), st.sampled_from([timedelta(0), timedelta(microseconds=-1), HOUR, -HOUR]))
def test_asked_again_from_anywhere_it_goes_on_where_it_was(
    question: tuple[Rule, datetime], place: int, shift: timedelta
) -> None:
    rule, after = question
    known = first(*question, count=12)
    later = max(after, known[place].send_at + shift)
    rest = [found for found in known if found.send_at > later]

    assert first(rule, later, len(rest)) == rest
    if rest:
        assert next_occasion(rule, later) == rest[0]


@often
@given(zones, instants, windows)
def test_the_end_of_quiet_hours_is_the_next_open_instant(name: str, now: datetime, quiet: QuietHours) -> None:
    tz = zone(name)
    opens = end_of_quiet_hours(now, name, quiet)
    watched = [now + n * 7 * MINUTE for n in range(2 * 24 * 60 // 7) if now + n * 7 * MINUTE < opens]

    assert not is_quiet(opens.astimezone(tz).replace(tzinfo=None), quiet)
    assert all(is_quiet(at.astimezone(tz).replace(tzinfo=None), quiet) for at in watched)
    assert (opens == now) == (not watched)

"""When a notification is wanted: a pure function from a rule on the user's wall clock to instants in UTC.

Wall-clock time and zone are what is stored; the instant is computed for each occasion, so that daylight saving and
changes of the time zone database never shift the hour that a person chose.
"""

import re
import zoneinfo
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from healthnotify.domain.errors import BadInput
from healthnotify.domain.model import QuietHours

EVERY_DAY: Final = frozenset(range(7))
DAY_NAMES: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CLOCK: Final = re.compile("([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")

#: How many nominal dates ago an occasion may have been wanted that quiet hours still hold back: they last less than a
#: day, and a gap that swallows the open minutes of a date adds another.
LOOK_BACK: Final = timedelta(days=2)
#: In UTC's dates, how long after its nominal date an occasion may be sent, and how long before it.
SENT_AFTER: Final = timedelta(days=4)
SENT_BEFORE: Final = timedelta(days=2)
SECOND: Final = timedelta(seconds=1)
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a person chose: the zone, the times of day, the days, every n-th day from `anchor`, quiet hours.

    Raises `BadInput` for a rule that could never have an occasion: the search for its next one would not end.
    """

    timezone: str
    times: tuple[time, ...]
    days: frozenset[int] = EVERY_DAY  #: Monday is 0
    every: int = 1
    anchor: date = date(2000, 1, 1)
    quiet: QuietHours | None = None

    def __post_init__(self) -> None:
        """Refuse what has no occasion at all."""
        if not self.times:
            raise BadInput("times", "no time of day is given", "Give at least one, for example 09:00")
        if self.every < 1:
            raise BadInput("every", f"{self.every} is not a number of days", "Use 1 for every day, 2 for every other")
        if not any((self.anchor.weekday() + step * self.every) % 7 in self.days for step in range(7)):
            problem = f"every {self.every} days from {self.anchor} never falls on a day that was chosen"
            raise BadInput("days", problem, f"Choose among {','.join(DAY_NAMES)}, or count from another date")

    def holds(self, day: date) -> bool:
        """Whether that nominal date has occasions."""
        return day.weekday() in self.days and (day - self.anchor).days % self.every == 0


@dataclass(frozen=True, slots=True)
class Occasion:
    """One time at which a person wants to hear from us."""

    local_date: date  #: nominal: the date that the person meant
    slot: int  #: which occasion of that date, 1 is the first
    wall_clock: datetime  #: naive: what the clock on the wall was to show
    send_at: datetime  #: UTC
    shift: str | None  #: why the two differ: gap or quiet_hours


@cache
def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name. Raises `BadInput` for a name that the pinned database does not have."""
    if name not in known_zones():
        raise BadInput("timezone", f"unknown time zone {name!r}", "Use an IANA name such as Europe/Berlin")
    return ZoneInfo(name)


@cache
def known_zones() -> frozenset[str]:
    """Every zone of the pinned database."""
    return frozenset(zoneinfo.available_timezones())


def occasions(rule: Rule, after: datetime) -> Iterator[Occasion]:
    """Every occasion with `send_at` strictly after `after`, in order of nominal date and slot, without end.

    Raises `BadInput` for an unknown zone. A local date that the zone skipped (date line) has none; a time that does
    not exist on its date is taken at the first instant after the gap, one that exists twice at its first.
    """
    tz = zone(rule.timezone)
    times = sorted(rule.times)
    here = _wall(after, tz)
    day = here.date()
    if rule.quiet and rule.quiet.holds(here.time()):  # else nothing wanted on an earlier date is still to come
        day -= LOOK_BACK
    while day < date.max:
        if rule.holds(day):
            for slot, wanted in enumerate(times, start=1):
                occasion = _occasion(day, slot, wanted, tz, rule.quiet)
                if occasion and occasion.send_at > after:
                    yield occasion
        day += DAY


def occasion_of(rule: Rule, day: date, slot: int) -> Occasion | None:
    """The occasion of that nominal date and slot; None when the rule has none there."""
    if not (rule.holds(day) and 1 <= slot <= len(rule.times)):
        return None
    return _occasion(day, slot, sorted(rule.times)[slot - 1], zone(rule.timezone), rule.quiet)


def next_occasion(rule: Rule, after: datetime) -> Occasion:
    """The first of `occasions`, which is also the one that is sent first: `send_at` never decreases among them."""
    return next(occasions(rule, after))


def local_dates(earliest: datetime, latest: datetime) -> tuple[date, date]:
    """The first and the last nominal date of whatever is sent from `earliest` to `latest`, with room to spare: a zone
    is less than a day from UTC, and a send time may come two days after it was wanted, and one more for a gap."""
    return earliest.astimezone(UTC).date() - SENT_AFTER, latest.astimezone(UTC).date() + SENT_BEFORE


def end_of_quiet_hours(now: datetime, timezone: str, quiet: QuietHours | None) -> datetime:
    """The first instant from `now` on whose wall-clock time is not inside the window; `now` itself when it is not."""
    return _past_quiet(now, zone(timezone), quiet)


def _occasion(day: date, slot: int, wanted: time, tz: ZoneInfo, quiet: QuietHours | None) -> Occasion | None:
    wall = datetime.combine(day, wanted)
    resolved = _first_instant(wall, tz)
    shift = None if _wall(resolved, tz) == wall else "gap"
    if shift and not _exists(day, tz):
        return None
    send_at = _past_quiet(resolved, tz, quiet)
    if send_at != resolved:
        shift = "quiet_hours"
    return Occasion(local_date=day, slot=slot, wall_clock=wall, send_at=send_at, shift=shift)


def _exists(day: date, tz: ZoneInfo) -> bool:
    """Whether the zone has that date at all; Apia had no 30 December 2011."""
    return _wall(_first_instant(datetime.combine(day, time()), tz), tz).date() == day


def _first_instant(wall: datetime, tz: ZoneInfo) -> datetime:
    """The first instant at which the wall clock shows `wall`, or the first one after the gap that swallowed it."""
    instant = wall.replace(tzinfo=tz, fold=0).astimezone(UTC)
    if _wall(instant, tz) == wall:
        return instant
    other_side = wall.replace(tzinfo=tz, fold=1).astimezone(UTC)
    return _transition(min(instant, other_side), max(instant, other_side), tz)


def _past_quiet(instant: datetime, tz: ZoneInfo, quiet: QuietHours | None) -> datetime:
    if quiet is None:
        return instant
    while quiet.holds(_wall(instant, tz).time()):
        instant = _leave_window(instant, tz, quiet)
    return instant


def _leave_window(instant: datetime, tz: ZoneInfo, quiet: QuietHours) -> datetime:
    """The window's end by the offset of now, or the clock change that comes first, whichever it is."""
    wall = _wall(instant, tz)
    end = datetime.combine(wall.date(), quiet.end)
    if end <= wall:
        end += DAY
    reach = instant + (end - wall)
    # Two changes within one day that cancel each other would go unseen; no zone has had such a pair (a test looks).
    return reach if _offset(reach, tz) == _offset(instant, tz) else _transition(instant, reach, tz)


def _transition(low: datetime, high: datetime, tz: ZoneInfo) -> datetime:
    """The first instant, to the second, with another offset than `low`, when `high` has another one."""
    before = _offset(low, tz)
    low, high = low.replace(microsecond=0), _ceiling(high)
    while high - low > SECOND:
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        if _offset(middle, tz) == before:
            low = middle
        else:
            high = middle
    return high


def _ceiling(instant: datetime) -> datetime:
    whole = instant.replace(microsecond=0)
    return whole if whole == instant else whole + SECOND


def _wall(instant: datetime, tz: ZoneInfo) -> datetime:
    return instant.astimezone(tz).replace(tzinfo=None, fold=0)


def _offset(instant: datetime, tz: ZoneInfo) -> timedelta | None:
    return instant.astimezone(tz).utcoffset()


def parse_days(text: str) -> frozenset[int]:
    """`mon,tue` as numbers, Monday is 0. Raises `BadInput`."""
    names = [name.strip().lower() for name in text.split(",")]
    unknown = sorted(set(names) - set(DAY_NAMES))
    if unknown:
        raise BadInput("days", f"unknown day {unknown[0]!r}", f"Use names from {','.join(DAY_NAMES)}")
    return frozenset(DAY_NAMES.index(name) for name in names)


def parse_time(text: str, field: str = "time") -> time:
    """`HH:MM` or `HH:MM:SS` on a 24-hour clock. Raises `BadInput`."""
    with suppress(ValueError):
        if found := CLOCK.fullmatch(text):
            hour, minute, second = (int(part) for part in found.groups("0"))
            return time(hour, minute, second)
    raise BadInput(field, f"{text!r} is not a time of day", "Use HH:MM, for example 09:00")


def parse_quiet(text: str) -> QuietHours:
    """`22:00-07:00`. Raises `BadInput`, also for a window without length."""
    start, dash, end = text.partition("-")
    if not dash:
        raise BadInput("quiet", f"{text!r} is not a window", "Use HH:MM-HH:MM, for example 22:00-07:00")
    window = QuietHours(parse_time(start, "quiet"), parse_time(end, "quiet"))
    if window.start == window.end:
        raise BadInput("quiet", "start and end are the same", "Leave it out, or give two different times")
    return window

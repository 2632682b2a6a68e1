"""The dates between which a statement looks for what is sent at a time: no occasion lies outside of them."""

from datetime import UTC, datetime, time, timedelta
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from healthnotify.domain.model import QuietHours
from healthnotify.domain.schedule import Rule, known_zones, local_dates, occasions

CLOCKS = st.times().map(lambda at: at.replace(microsecond=0))
INSTANTS = st.floats(0, 2.8e9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
#: Where the calendar was at its strangest: dates left out, dates twice, the largest offsets on either side.
STRANGE = ["Pacific/Apia", "Pacific/Kwajalein", "Pacific/Kiritimati", "Etc/GMT+12", "Etc/GMT-14", "Asia/Manila"]


@given(
    zone=st.sampled_from(sorted(known_zones())) | st.sampled_from(STRANGE),
    at=INSTANTS,
    wanted=CLOCKS,
    window=st.none() | st.tuples(CLOCKS, CLOCKS).filter(lambda pair: pair[0] != pair[1]),
)
def test_the_nominal_date_of_every_occasion_is_among_those_of_its_send_time(zone, at, wanted, window):
    rule = Rule(zone, (wanted,), quiet=QuietHours(*window) if window else None)
    for occasion in islice(occasions(rule, at), 3):
        first, last = local_dates(occasion.send_at, occasion.send_at)

        assert first < occasion.local_date < last, "with a day to spare on either side"


def test_at_the_date_line_with_nearly_a_day_of_quiet_hours_too():
    """Samoa had no 30 December 2011: what was wanted on the 29th in quiet hours comes on the 31st or later."""
    quiet = QuietHours(time(0, 1), time(0, 0))
    rule = Rule("Pacific/Apia", (time(0, 1),), quiet=quiet)
    for occasion in islice(occasions(rule, datetime(2011, 12, 27, tzinfo=UTC)), 8):
        first, last = local_dates(occasion.send_at, occasion.send_at)
        assert first < occasion.local_date < last


def test_a_batch_has_the_dates_of_its_first_and_its_last():
    early, late = datetime(2026, 11, 30, 23, tzinfo=UTC), datetime(2026, 12, 2, tzinfo=UTC)
    assert local_dates(early, late) == (local_dates(early, early)[0], local_dates(late, late)[1])
    assert local_dates(early, early)[1] - local_dates(early, early)[0] < timedelta(days=7)

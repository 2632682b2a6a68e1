"""The schedule's golden cases: each a line that a person could check with a calendar and a clock."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

import pytest

from healthnotify.domain.errors import BadInput
from healthnotify.domain.model import QuietHours
from healthnotify.domain.schedule import (
    EVERY_DAY,
    Occasion,
    Rule,
    end_of_quiet_hours,
    known_zones,
    next_occasion,
    occasions,
    parse_days,
    parse_quiet,
    parse_time,
    zone,
)

NEW_YORK = "America/New_York"
AUCKLAND = "Pacific/Auckland"
WEEKDAYS = frozenset(range(5))
NIGHT = QuietHours(time(22), time(7))


def at(text: str) -> datetime:
    """An instant from ISO 8601 with its offset."""
    instant = datetime.fromisoformat(text)
    assert instant.tzinfo, "a test must say which instant it means"
    return instant


def rule(timezone: str, *times: str, **more: object) -> Rule:
    """A rule with times as text."""
    return Rule(timezone, tuple(time.fromisoformat(text) for text in times), **more)


def first(wanted: Rule, after: str, count: int) -> list[Occasion]:
    """The next `count` occasions."""
    return list(islice(occasions(wanted, at(after)), count))


def local(occasion: Occasion, timezone: str) -> str:
    """What clock and offset show when it is sent."""
    return occasion.send_at.astimezone(zone(timezone)).isoformat()


def shown(wanted: Rule, after: str, count: int) -> list[str]:
    """The local times with offsets of the next `count` occasions."""
    return [local(occasion, wanted.timezone) for occasion in first(wanted, after, count)]


class TestGolden:
    """The cases in which a well-known system computes something else."""

    def test_new_york_at_nine_on_the_day_clocks_go_forward(self) -> None:
        assert shown(rule(NEW_YORK, "09:00"), "2026-03-07T20:00:00-05:00", 1) == ["2026-03-08T09:00:00-04:00"]

    def test_new_york_at_nine_on_the_day_clocks_go_back(self) -> None:
        assert shown(rule(NEW_YORK, "09:00"), "2026-10-31T20:00:00-04:00", 1) == ["2026-11-01T09:00:00-05:00"]

    def test_auckland_on_weekdays_asked_on_friday_noon(self) -> None:
        weekdays = rule(AUCKLAND, "09:00", days=WEEKDAYS)

        assert shown(weekdays, "2026-03-06T12:00:00+13:00", 1) == ["2026-03-09T09:00:00+13:00"]

    def test_auckland_on_weekdays_asked_on_sunday_noon(self) -> None:
        weekdays = rule(AUCKLAND, "09:00", days=WEEKDAYS)

        assert shown(weekdays, "2026-03-08T12:00:00+13:00", 1) == ["2026-03-09T09:00:00+13:00"]

    def test_a_time_in_the_gap_is_sent_once_right_after_it(self) -> None:
        found = first(rule(NEW_YORK, "02:30"), "2026-03-07T20:00:00-05:00", 2)

        assert [local(occasion, NEW_YORK) for occasion in found] == [
            "2026-03-08T03:00:00-04:00",
            "2026-03-09T02:30:00-04:00",
        ]
        assert [occasion.shift for occasion in found] == ["gap", None]
        assert found[0].wall_clock == datetime(2026, 3, 8, 2, 30)  # noqa: DTZ001 - what the wall was to show

    def test_a_time_in_the_fold_is_sent_once_at_its_first_occurrence(self) -> None:
        found = first(rule(NEW_YORK, "01:30"), "2026-10-31T20:00:00-04:00", 2)

        assert [occasion.send_at for occasion in found] == [at("2026-11-01T05:30:00Z"), at("2026-11-02T06:30:00Z")]
        assert [occasion.shift for occasion in found] == [None, None]

    @pytest.mark.parametrize("timezone", ["Asia/Tokyo", NEW_YORK, "Asia/Kathmandu", "Pacific/Marquesas", "UTC"])
    def test_what_is_due_in_the_night_waits_for_the_morning(self, timezone: str) -> None:
        found = next_occasion(rule(timezone, "23:30", quiet=NIGHT), at("2026-06-10T12:00:00Z"))

        assert local(found, timezone)[:16] == f"{found.local_date + timedelta(days=1)}T07:00"
        assert found.shift == "quiet_hours"


class TestGapsAndFolds:
    @pytest.mark.parametrize(
        ("timezone", "wanted", "after", "sent"),
        [
            ("Europe/London", "01:00", "2026-03-28T12:00:00Z", "2026-03-29T02:00:00+01:00"),
            ("Europe/London", "01:59:59", "2026-03-28T12:00:00Z", "2026-03-29T02:00:00+01:00"),
            ("Europe/London", "02:00", "2026-03-28T12:00:00Z", "2026-03-29T02:00:00+01:00"),
            ("Australia/Lord_Howe", "02:15", "2026-10-03T12:00:00Z", "2026-10-04T02:30:00+11:00"),
            ("Antarctica/Troll", "02:59", "2026-03-28T12:00:00Z", "2026-03-29T03:00:00+02:00"),
            ("Africa/Cairo", "00:30", "2014-05-15T12:00:00Z", "2014-05-16T01:00:00+03:00"),
            ("America/Sao_Paulo", "00:00", "2018-11-03T12:00:00Z", "2018-11-04T01:00:00-02:00"),
            ("Africa/Casablanca", "02:30", "2026-03-21T12:00:00Z", "2026-03-22T03:00:00+01:00"),
        ],
    )
    def test_a_gap_ends_at_its_first_instant(self, timezone: str, wanted: str, after: str, sent: str) -> None:
        assert shown(rule(timezone, wanted), after, 1) == [sent]

    @pytest.mark.parametrize(
        ("timezone", "wanted", "after", "sent"),
        [
            ("Europe/London", "01:00", "2026-10-24T12:00:00Z", "2026-10-25T01:00:00+01:00"),
            ("Europe/London", "01:59:59", "2026-10-24T12:00:00Z", "2026-10-25T01:59:59+01:00"),
            ("Europe/London", "02:00", "2026-10-24T12:00:00Z", "2026-10-25T02:00:00+00:00"),
            ("Australia/Lord_Howe", "01:45", "2026-04-04T12:00:00Z", "2026-04-05T01:45:00+11:00"),
            ("Antarctica/Troll", "01:30", "2026-10-24T12:00:00Z", "2026-10-25T01:30:00+02:00"),
            ("America/St_Johns", "23:30", "2009-10-31T12:00:00Z", "2009-10-31T23:30:00-02:30"),
            ("Africa/Casablanca", "02:30", "2026-02-14T12:00:00Z", "2026-02-15T02:30:00+01:00"),
        ],
    )
    def test_a_fold_is_entered_at_its_first_occurrence(self, timezone: str, wanted: str, after: str, sent: str) -> None:
        assert shown(rule(timezone, wanted), after, 1) == [sent]

    def test_in_the_second_pass_of_a_fold_the_day_is_over(self) -> None:
        second_pass = "2026-11-01T01:15:00-05:00"

        assert shown(rule(NEW_YORK, "01:30"), second_pass, 1) == ["2026-11-02T01:30:00-05:00"]

    def test_a_gap_over_midnight_keeps_the_nominal_date(self) -> None:
        nuuk = rule("America/Nuuk", "23:30", days=frozenset({5}))  # Saturday, 30 March 2024 ends at 23:00

        found = first(nuuk, "2024-03-29T12:00:00Z", 1)[0]

        assert (found.local_date, found.shift) == (date(2024, 3, 30), "gap")
        assert local(found, "America/Nuuk") == "2024-03-31T00:00:00-01:00"

    def test_morocco_keeps_the_hour_of_the_wall_through_ramadan(self) -> None:
        found = first(rule("Africa/Casablanca", "09:00"), "2026-02-13T12:00:00Z", 40)

        assert {local(occasion, "Africa/Casablanca")[11:19] for occasion in found} == {"09:00:00"}
        assert {occasion.send_at.hour for occasion in found} == {8, 9}


class TestDateLine:
    @pytest.mark.parametrize(
        ("timezone", "skipped", "after"),
        [
            ("Pacific/Apia", date(2011, 12, 30), "2011-12-28T12:00:00-10:00"),
            ("Pacific/Fakaofo", date(2011, 12, 30), "2011-12-28T12:00:00-11:00"),
            ("Pacific/Kwajalein", date(1993, 8, 21), "1993-08-19T12:00:00-12:00"),
            ("Pacific/Kiritimati", date(1994, 12, 31), "1994-12-29T12:00:00-10:40"),
        ],
    )
    @pytest.mark.parametrize("wanted", ["00:00", "09:00", "23:59"])
    def test_a_date_that_the_zone_skipped_has_no_occasion(
        self, timezone: str, skipped: date, after: str, wanted: str
    ) -> None:
        dates = [occasion.local_date for occasion in first(rule(timezone, wanted), after, 3)]

        assert skipped not in dates
        assert {skipped - timedelta(days=1), skipped + timedelta(days=1)} <= set(dates)

    def test_quiet_hours_that_reach_into_a_skipped_date_end_on_the_next_one(self) -> None:
        found = first(rule("Pacific/Apia", "23:30", quiet=NIGHT), "2011-12-29T12:00:00-10:00", 2)

        assert [local(occasion, "Pacific/Apia") for occasion in found] == [
            "2011-12-31T07:00:00+14:00",
            "2012-01-01T07:00:00+14:00",
        ]
        assert [occasion.local_date for occasion in found] == [date(2011, 12, 29), date(2011, 12, 31)]

    def test_a_date_that_was_lived_twice_has_one_occasion(self) -> None:
        found = first(rule("Pacific/Kwajalein", "09:00"), "1969-09-29T12:00:00+11:00", 2)  # back over the line

        assert [local(occasion, "Pacific/Kwajalein") for occasion in found] == [
            "1969-09-30T09:00:00+11:00",
            "1969-10-01T09:00:00-12:00",
        ]


class TestQuietHours:
    def test_the_window_is_half_open(self) -> None:
        sent = [shown(rule("UTC", wanted, quiet=NIGHT), "2026-06-10T12:00:00Z", 1)[0] for wanted in ("22:00", "07:00")]

        assert sent == ["2026-06-11T07:00:00+00:00", "2026-06-11T07:00:00+00:00"]
        assert first(rule("UTC", "07:00", quiet=NIGHT), "2026-06-10T12:00:00Z", 1)[0].shift is None

    def test_after_midnight_the_window_ends_on_the_same_date(self) -> None:
        assert shown(rule("UTC", "00:30", quiet=NIGHT), "2026-06-10T12:00:00Z", 1) == ["2026-06-11T07:00:00+00:00"]

    def test_what_was_wanted_before_the_question_and_deferred_past_it_counts(self) -> None:
        deferred = rule("UTC", "23:30", quiet=NIGHT)

        assert first(deferred, "2026-06-10T23:45:00Z", 1)[0].local_date == date(2026, 6, 10)
        assert first(deferred, "2026-06-11T06:59:59Z", 1)[0].local_date == date(2026, 6, 10)
        assert first(deferred, "2026-06-11T07:00:00Z", 1)[0].local_date == date(2026, 6, 11)

    def test_days_are_those_of_the_nominal_date(self) -> None:
        sundays = rule("UTC", "23:30", days=frozenset({6}), quiet=NIGHT)

        found = first(sundays, "2026-06-13T12:00:00Z", 1)[0]

        assert (found.local_date, found.send_at) == (date(2026, 6, 14), at("2026-06-15T07:00:00Z"))

    def test_gap_and_quiet_hours_together_are_called_quiet_hours(self) -> None:
        found = first(rule(NEW_YORK, "02:30", quiet=NIGHT), "2026-03-07T20:00:00-05:00", 1)[0]

        assert (found.shift, found.send_at) == ("quiet_hours", at("2026-03-08T07:00:00-04:00"))

    def test_a_window_that_ends_inside_a_gap_ends_with_the_gap(self) -> None:
        early = rule(NEW_YORK, "23:00", quiet=QuietHours(time(22), time(2, 30)))

        assert shown(early, "2026-03-07T20:00:00-05:00", 1) == ["2026-03-08T03:00:00-04:00"]

    def test_a_window_that_a_gap_swallows_holds_nothing_back(self) -> None:
        inside = rule(NEW_YORK, "02:30", quiet=QuietHours(time(2), time(3)))

        found = first(inside, "2026-03-07T20:00:00-05:00", 1)[0]

        assert (local(found, NEW_YORK), found.shift) == ("2026-03-08T03:00:00-04:00", "gap")

    def test_a_window_over_a_fold_lasts_an_hour_longer(self) -> None:
        over = rule(NEW_YORK, "23:00", quiet=NIGHT)

        assert first(over, "2026-10-31T20:00:00-04:00", 1)[0].send_at == at("2026-11-01T07:00:00-05:00")

    def test_a_window_that_ends_inside_a_fold_is_left_in_the_first_pass(self) -> None:
        early = rule(NEW_YORK, "23:00", quiet=QuietHours(time(22), time(1, 30)))

        assert shown(early, "2026-10-31T20:00:00-04:00", 1) == ["2026-11-01T01:30:00-04:00"]

    def test_a_window_that_a_fold_leaves_by_turning_the_clock_back(self) -> None:
        back = rule(NEW_YORK, "01:45", quiet=QuietHours(time(1, 30), time(6)))  # 02:00 becomes 01:00, outside

        assert shown(back, "2026-10-31T20:00:00-04:00", 1) == ["2026-11-01T01:00:00-05:00"]

    def test_a_gap_can_swallow_the_only_open_minute_of_a_date(self) -> None:
        nearly_always = rule(NEW_YORK, "03:00", quiet=QuietHours(time(3), time(2, 59)))

        found = first(nearly_always, "2026-03-09T01:00:00-04:00", 2)  # two dates later it is still to come

        assert [occasion.local_date for occasion in found] == [date(2026, 3, 7), date(2026, 3, 8)]
        assert {local(occasion, NEW_YORK) for occasion in found} == {"2026-03-09T02:59:00-04:00"}

    def test_now_is_its_own_end_when_nothing_is_quiet(self) -> None:
        noon = at("2026-06-10T12:00:00.5Z")

        assert end_of_quiet_hours(noon, "UTC", NIGHT) == noon
        assert end_of_quiet_hours(noon, "UTC", None) == noon

    def test_from_inside_the_end_is_the_next_open_instant(self) -> None:
        assert end_of_quiet_hours(at("2026-06-10T23:59:59.5Z"), "UTC", NIGHT) == at("2026-06-11T07:00:00Z")
        assert end_of_quiet_hours(at("2026-03-08T01:59:59.5-05:00"), NEW_YORK, QuietHours(time(1), time(2, 30))) == at(
            "2026-03-08T03:00:00-04:00"
        )


class TestDaysAndSlots:
    def test_leap_day(self) -> None:
        assert [occasion.local_date for occasion in first(rule("UTC", "09:00"), "2028-02-28T00:00:00Z", 3)] == [
            date(2028, 2, 28),
            date(2028, 2, 29),
            date(2028, 3, 1),
        ]

    def test_slots_are_numbered_by_time_of_day_whatever_the_order_of_the_preference(self) -> None:
        found = first(rule("UTC", "18:00", "09:00"), "2026-06-10T00:00:00Z", 3)

        assert [(occasion.local_date.day, occasion.slot, occasion.send_at.hour) for occasion in found] == [
            (10, 1, 9),
            (10, 2, 18),
            (11, 1, 9),
        ]

    def test_a_slot_keeps_its_number_when_an_earlier_one_of_that_date_is_over(self) -> None:
        assert first(rule("UTC", "09:00", "18:00"), "2026-06-10T12:00:00Z", 1)[0].slot == 2

    def test_the_question_itself_is_not_answered_again(self) -> None:
        daily = rule("UTC", "09:00")

        assert first(daily, "2026-06-10T09:00:00Z", 1)[0].local_date == date(2026, 6, 11)
        assert first(daily, "2026-06-10T08:59:59.999999Z", 1)[0].local_date == date(2026, 6, 10)

    def test_every_third_day_is_counted_from_its_anchor(self) -> None:
        every_third = rule("UTC", "09:00", every=3, anchor=date(2026, 6, 10))

        assert [found.local_date.day for found in first(every_third, "2026-06-08T00:00:00Z", 3)] == [10, 13, 16]

    def test_an_anchor_to_come_counts_backwards_as_well(self) -> None:
        every_third = rule("UTC", "09:00", every=3, anchor=date(2026, 6, 16))

        assert [found.local_date.day for found in first(every_third, "2026-06-08T00:00:00Z", 3)] == [10, 13, 16]

    def test_days_and_count_must_both_agree(self) -> None:
        every_other_monday = rule("UTC", "09:00", days=frozenset({0}), every=2, anchor=date(2026, 6, 8))

        dates = [found.local_date for found in first(every_other_monday, "2026-06-01T00:00:00Z", 2)]

        assert dates == [date(2026, 6, 8), date(2026, 6, 22)]

    def test_the_next_occasion_is_the_first_of_all(self) -> None:
        both = rule("UTC", "06:00", "23:30", quiet=NIGHT)

        assert next_occasion(both, at("2026-06-10T23:45:00Z")) == first(both, "2026-06-10T23:45:00Z", 1)[0]


class TestBadInput:
    @pytest.mark.parametrize("name", ["Nowhere/Land", "", "europe/berlin", "../../etc/passwd", "EST5EDT4", "/UTC"])
    def test_an_unknown_zone_names_its_field(self, name: str) -> None:
        with pytest.raises(BadInput, match=r"timezone: unknown time zone .* Use an IANA name"):
            next(occasions(rule(name, "09:00"), at("2026-01-01T00:00:00Z")))

    @pytest.mark.parametrize(
        "text", ["24:00", "09:60", "9", "9am", "", "09:00:60", "09-00", " 09:00", "٠٩:٠٠", "-1:00", "09:00Z"]
    )
    def test_an_impossible_time_names_its_field(self, text: str) -> None:
        with pytest.raises(BadInput, match=r"time: .* is not a time of day. Use HH:MM"):
            parse_time(text)

    @pytest.mark.parametrize("text", ["", "monday", "mon,", "mon;tue", "0"])
    def test_a_bad_day_names_its_field(self, text: str) -> None:
        with pytest.raises(BadInput, match=r"days: unknown day .* Use names from mon,tue"):
            parse_days(text)

    @pytest.mark.parametrize("text", ["", "22:00", "22:00-25:00", "22-7", "22:00-22:00", "22:00-07:00-08:00"])
    def test_a_bad_window_names_its_field(self, text: str) -> None:
        with pytest.raises(BadInput, match=r"^quiet: "):
            parse_quiet(text)

    def test_good_texts_are_read(self) -> None:
        assert (parse_time("09:00"), parse_time("9:05"), parse_time("23:59:59")) == (
            time(9),
            time(9, 5),
            time(23, 59, 59),
        )
        assert parse_days("Mon, tue") == frozenset({0, 1})
        assert parse_quiet("22:00-07:00") == NIGHT

    @pytest.mark.parametrize(
        ("field", "broken"),
        [
            ("times", {"times": ()}),
            ("every", {"every": 0}),
            ("every", {"every": -1}),
            ("days", {"days": frozenset()}),
            ("days", {"days": frozenset({7})}),
            ("days", {"days": frozenset({0}), "every": 7, "anchor": date(2026, 6, 9)}),
            ("days", {"days": frozenset({0, 2}), "every": 14, "anchor": date(2026, 6, 9)}),
        ],
    )
    def test_a_rule_without_any_occasion_is_refused_and_not_searched_for_ever(
        self, field: str, broken: dict[str, object]
    ) -> None:
        with pytest.raises(BadInput, match=f"^{field}: "):
            Rule(**{"timezone": "UTC", "times": (time(9),), **broken})

    @pytest.mark.parametrize("every", [1, 2, 6, 8, 13])
    @pytest.mark.parametrize("day", EVERY_DAY)
    def test_any_other_count_reaches_any_day_of_the_week(self, every: int, day: int) -> None:
        weekly = rule("UTC", "09:00", days=frozenset({day}), every=every)

        assert next_occasion(weekly, at("2026-01-01T00:00:00Z")).local_date.weekday() == day


def test_the_pinned_database_decides_and_not_the_machine() -> None:
    import zoneinfo

    assert zoneinfo.TZPATH == ()
    assert len(known_zones()) > 590
    assert first(rule("UTC", "09:00"), "2026-01-01T00:00:00Z", 1)[0].send_at.tzinfo is UTC

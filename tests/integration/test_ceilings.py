"""The ceilings: PostgreSQL's own count of sends, whoever makes the claim and whatever they believe."""

from uuid import uuid4

import pytest
from django.db import connection

from healthnotify.apps.notifications import stopping
from healthnotify.domain.delivery import Answer, Ask
from healthnotify.domain.errors import BadInput
from healthnotify.domain.model import Channel
from tests.builders import a_person, a_preference, record_of, staged
from tests.postgres_store import TestedPostgres
from tests.world import DUE, MINUTE

pytestmark = pytest.mark.django_db


@pytest.fixture
def store():
    return TestedPostgres()


def ceiling(name, most):
    stopping.set_ceiling(name, most, actor="command", at=DUE)


def claims(store, entries, *, attempt=1, at=DUE):
    return store.claim([Ask(record_of(entry, attempt=attempt), uuid4()) for entry in entries], at, at + MINUTE)


def answers(found):
    return [claim.answer for claim in found]


def begin_the_next_minute():
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ceilings SET minute = minute + interval '1 minute' WHERE minute > '-infinity'")


def someone(*channels):
    addresses = a_person().addresses | {Channel.WEBHOOK: "https://example.org/hook"}
    return a_person(preferences=tuple(a_preference(channel) for channel in channels), addresses=addresses)


def test_a_user_gets_no_more_sends_a_day_than_the_ceiling_allows_and_others_are_not_touched(store):
    ceiling("user_day", 2)
    entries = staged(store, [someone(*Channel), a_person()])

    found = claims(store, entries)

    by_user = {}
    for claim in found:
        by_user.setdefault(claim.envelope.user_id, []).append(claim.answer)
    assert sorted(map(sorted, by_user.values())) == [["claimed"], ["claimed", "claimed", "refused"]]


def test_what_was_refused_is_as_it_was_and_can_be_had_once_the_ceiling_is_raised(store):
    ceiling("user_day", 1)
    entries = staged(store, [someone(Channel.EMAIL, Channel.SMS)])
    first = claims(store, entries)
    refused = [entry for entry, claim in zip(entries, first, strict=True) if claim.answer is Answer.REFUSED]
    assert len(refused) == 1

    ceiling("user_day", 2)

    assert answers(claims(store, refused)) == [Answer.CLAIMED]


@pytest.mark.parametrize(("channel", "name"), [(Channel.SMS, "sms_minute"), (Channel.EMAIL, "email_minute")])
def test_a_channel_gets_no_more_sends_a_minute(store, channel, name):
    ceiling(name, 3)
    entries = staged(store, [someone(channel) for _ in range(5)])

    found = answers(claims(store, entries))

    assert sorted(found) == ["claimed"] * 3 + ["refused"] * 2
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ceilings SET minute = minute - interval '1 minute'")
    left = [entry for entry, answer in zip(entries, found, strict=True) if answer is Answer.REFUSED]
    assert answers(claims(store, left)) == ["claimed"] * 2


def test_a_channel_whose_ceiling_is_gone_gets_nothing(store):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM ceilings WHERE name = 'email_minute'")

    assert answers(claims(store, staged(store, [someone(Channel.EMAIL)]))) == [Answer.REFUSED]


def test_a_statement_of_the_minute_before_counts_for_the_one_that_has_begun(store):
    ceiling("sms_minute", 2)
    entries = staged(store, [someone(Channel.SMS) for _ in range(3)])
    first = claims(store, entries[:1])
    begin_the_next_minute()

    assert sorted(answers(first + claims(store, entries[1:]))) == ["claimed", "claimed", "refused"]


def test_a_ceiling_that_is_set_does_not_begin_the_minute_anew(store):
    ceiling("sms_minute", 2)
    entries = staged(store, [someone(Channel.SMS) for _ in range(3)])
    assert answers(claims(store, entries[:2])) == [Answer.CLAIMED] * 2
    begin_the_next_minute()  # as the counters see it, so that the clock begins none in between

    ceiling("sms_minute", 2)

    assert answers(claims(store, entries[2:])) == [Answer.REFUSED]


def test_it_counts_takeovers_too_because_each_is_a_send(store):
    ceiling("user_day", 1)
    (entry,) = staged(store, [a_person()])
    claims(store, [entry])

    assert answers(claims(store, [entry], at=DUE + 2 * MINUTE)) == [Answer.REFUSED]


def test_asking_again_for_a_claim_of_ones_own_is_no_second_send(store):
    ceiling("user_day", 1)
    (entry,) = staged(store, [a_person()])
    ask = Ask(record_of(entry), uuid4())

    for _ in range(2):
        (claim,) = store.claim([ask], DUE, DUE + MINUTE)
        assert claim.answer is Answer.CLAIMED


def test_it_believes_no_statement_that_goes_around_the_store(store):
    ceiling("user_day", 1)
    staged(store, [someone(Channel.EMAIL, Channel.SMS)])

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE notifications SET claim_id = gen_random_uuid(), state = 'PENDING' WHERE state = 'STAGED'"
        )
        assert cursor.rowcount == 1


def test_yesterdays_sends_are_not_todays(store):
    ceiling("user_day", 1)
    entries = staged(store, [someone(Channel.EMAIL, Channel.SMS)])
    found = claims(store, entries)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE user_sends SET day = day - 1")
    left = [entry for entry, claim in zip(entries, found, strict=True) if claim.answer is Answer.REFUSED]

    assert answers(claims(store, left)) == [Answer.CLAIMED]


@pytest.mark.parametrize(
    ("name", "most", "problem"),
    [
        ("user_hour", 5, "user_hour"),
        ("user_day", 0, "0 is out of range"),
        ("sms_minute", 3_000_000_000, "out of range"),
    ],
)
def test_a_ceiling_that_makes_no_sense_is_refused(name, most, problem):
    before = stopping.ceilings()

    with pytest.raises(BadInput, match=problem):
        ceiling(name, most)

    assert stopping.ceilings() == before


def test_a_day_of_the_usual_is_far_below(store):
    entries = staged(store, [a_person() for _ in range(20)])

    assert set(answers(claims(store, entries))) == {Answer.CLAIMED}
    assert stopping.ceilings()["user_day"] >= 50

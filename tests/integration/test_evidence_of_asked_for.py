"""`life` and `evidence` of what was asked for, superseded, unfit; and the rows behind each number."""

from datetime import date

import pytest

from healthnotify.apps.notifications.evidence import COUNTED, behind, evidence
from healthnotify.apps.notifications.life import life
from healthnotify.domain.delivery import Accepted
from healthnotify.domain.errors import BadInput
from healthnotify.domain.model import Channel, Withheld
from healthnotify.pipeline import build
from tests.builders import NOON, a_person, a_preference, an_ad_hoc, planned, staged
from tests.postgres_store import TestedPostgres
from tests.store_steps import LATER, MINUTE, claim, failed, published, waiting
from tests.world import WRITING

pytestmark = pytest.mark.django_db


@pytest.fixture
def store():
    return TestedPostgres()


def words(key):
    return [chapter.words for chapter in life(key).chapters]


def asked_for(store, **but):
    wanted = an_ad_hoc(store.add([a_person()], NOON)[0], **but)
    store.ask(wanted, NOON)
    taken = build.take(now=NOON, limit=10, store=store, writing=WRITING)
    store.stage(taken.ready, NOON)
    return wanted.plan.id


def test_the_life_of_given_words_says_who_gave_them(store):
    key = asked_for(store)

    assert words(key) == [
        "asked for by key:test, for 2026-11-23 13:00:00 Europe/Berlin",
        "the words were given by key:test, approved by the guardrails and saved",
    ]
    facts = life(key).facts
    assert (facts["asked for by"], facts["local date"], facts["goal"]) == (
        "key:test",
        "2026-11-23",
        "none: its text was given",
    )
    assert "local date, slot" not in facts


def test_the_life_of_a_template_that_was_asked_for_names_it(store):
    key = asked_for(store, draft=None, template="walk_more.nudge.en.1")

    assert words(key)[1] == "written by the template walk_more.nudge.en.1, approved by the guardrails and saved"
    assert life(key).facts["goal"] == "walk_more"


@pytest.mark.parametrize("reason", [Withheld.SUPERSEDED, Withheld.OPTED_OUT, Withheld.EXPIRED, Withheld.UNFIT])
def test_a_reason_not_to_send_is_told_in_words(store, reason):
    (key,) = planned(store, [a_person()])
    store.cancel({key: reason}, NOON)

    told = words(key)[-1]
    assert told.startswith(f"cancelled: {reason}; ")
    assert "{" not in told


@pytest.fixture
def day(store):
    """One of everything: planned, staged, waiting, completed twice, failed, cancelled."""
    entries = staged(store, [a_person() for _ in range(4)])
    texts = staged(store, [a_person(preferences=(a_preference(Channel.SMS),)) for _ in range(2)])
    planned(store, [a_person()])
    waiting(store, entries[0], LATER + MINUTE)
    for entry in (entries[1], texts[0]):
        published(store, entry)
        store.complete({entry.id: (claim(store, entry), Accepted())}, LATER)
    failed(store, entries[2])
    store.cancel({entries[3].id: Withheld.OPTED_OUT}, LATER)
    return evidence(date(2026, 11, 23))


@pytest.mark.parametrize("number", COUNTED)
def test_behind_each_number_stand_as_many_rows(day, number):
    assert len(behind(number, date(2026, 11, 23))) == getattr(day, number)
    assert len(behind(number)) == getattr(day, number)
    assert behind(number, date(2026, 11, 24)) == []


def test_behind_each_share_stand_as_many_rows(day):
    for share in day.shares:
        found = behind("planned", date(2026, 11, 23), (share.channel, share.state, share.reason))
        assert len(found) == share.notifications, share
        assert {(one.channel, one.state, one.reason) for one in found} == {(share.channel, share.state, share.reason)}


def test_what_was_accepted_twice_and_what_contradicts_itself_is_found(store):
    (twice,) = staged(store)
    published(store, twice)
    held = [claim(store, twice), claim(store, twice, at=LATER + 2 * MINUTE)]
    for one in held:
        store.complete({twice.id: (one, Accepted())}, LATER + 3 * MINUTE)
    (torn,) = staged(store)
    from healthnotify.apps.notifications.models import Move

    Move.objects.create(
        notification_id=torn.id,
        local_date=torn.local_date,
        at=LATER,
        event="published",
        before="STAGED",
        after="PENDING",
    )

    assert [(one.id, one.acceptances) for one in behind("duplicates")] == [(twice.id, 2)]
    assert [one.id for one in behind("unaccounted")] == [torn.id]


def test_pages_follow_one_another(day):
    first = behind("planned", limit=4)
    second = behind("planned", limit=4, after=first[-1].id)

    assert (len(first), len(second)) == (4, 3)
    assert len({one.id for one in first + second}) == 7
    assert [one.send_at for one in first + second] == sorted(one.send_at for one in first + second)


def test_a_number_that_is_none_is_refused(db):
    with pytest.raises(BadInput, match="planned"):
        behind("sent")

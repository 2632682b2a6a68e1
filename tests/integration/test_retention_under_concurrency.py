"""A month is dropped while consumers claim, dashboards look on, and another operator does the same."""

from datetime import date, datetime, timedelta
from threading import Event

import pytest
from django.db import connection

from healthnotify.apps.database import rows
from healthnotify.apps.notifications.evidence import evidence
from healthnotify.apps.notifications.retention import retire
from healthnotify.apps.notifications.store import months
from healthnotify.apps.operations.figures import HOUR, LATENESS
from healthnotify.apps.users.models import Preference
from healthnotify.domain.delivery import Accepted, Answer
from healthnotify.pipeline.plan import plan
from tests.builders import NOON, PLANNING, a_person, ask, staged
from tests.integration.test_store_under_concurrency import at_once
from tests.store_steps import LATER, MINUTE, claim

OLD = date(2019, 1, 1)
THEN = datetime(2019, 1, 10, 12, tzinfo=NOON.tzinfo)
NOW = datetime(2019, 4, 15, 12, tzinfo=NOON.tzinfo)
KEEP = timedelta(days=60)


@pytest.fixture
def old(committed):
    """A hundred that ended long ago; afterwards the months are as they were."""
    before = set(months.known())
    months.make([OLD, *months.wanted(NOW)])
    entries = staged(committed, [a_person() for _ in range(100)], THEN)
    at = THEN + 6 * MINUTE
    held = committed.claim([ask(entry) for entry in entries], at, at + MINUTE)
    committed.complete({one.envelope.id: (one, Accepted("ok")) for one in held}, at)
    Preference.objects.all().delete()
    yield entries
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE evidence_sums DISABLE TRIGGER USER; TRUNCATE evidence_sums")
        cursor.execute("ALTER TABLE evidence_sums ENABLE TRIGGER USER")
        for month in set(months.known()) - before:
            cursor.execute(f"DROP TABLE {months.partition('notifications', month)}, {months.partition('moves', month)}")


def drop():
    return [one for one in retire(keep=KEEP, now=NOW, actor="command") if one.month == OLD]


@pytest.mark.usefixtures("old")
def test_a_month_goes_while_the_road_runs_and_nobody_is_refused(committed):
    entries = staged(committed, [a_person() for _ in range(400)])
    before, done = evidence(), Event()

    def act(index):
        try:
            if index == 0:
                return drop()
            if index == 1:
                return _look_on(done)
            return _deliver(committed, entries[index - 2 :: 2])
        finally:
            if index == 0:
                done.set()

    (gone,), _, *answers = at_once(4, act)

    assert gone.dropped, gone
    assert [answer for some in answers for answer in some] == [Answer.CLAIMED] * 400
    after = evidence()
    assert (after.dropped, after.planned, after.unaccounted) == (100, before.planned, 0)
    assert after.completed == 500


def _look_on(done):
    """As the dashboard: it asks for moves first, and then for their notifications."""
    parameters = {"since": NOON - timedelta(hours=1), "now": LATER}
    while not done.is_set():
        for figure in (HOUR, LATENESS):
            rows(figure, parameters)


def _deliver(store, entries):
    answers = []
    for entry in entries:
        held = claim(store, entry)
        answers.append(held.answer)
        store.complete({entry.id: (held, Accepted("ok"))}, LATER)
    return answers


@pytest.mark.usefixtures("old")
def test_two_operators_at_once_drop_it_once(committed):
    before = evidence(THEN.date())

    answers = [one for some in at_once(3, lambda _: drop()) for one in some]

    assert sum(one.dropped for one in answers) == 1
    after = evidence(THEN.date())
    assert (after.planned, after.completed, after.dropped) == (before.planned, before.completed, 100)


def test_a_month_made_late_while_rows_arrive_for_it_loses_none(committed):
    months.make([OLD])
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {months.partition('notifications', OLD)}, {months.partition('moves', OLD)}")
    everybody = committed.add([a_person() for _ in range(60)], THEN)

    def act(index):
        if index == 0:
            return months.make([OLD])
        return _plan(committed)

    try:
        at_once(3, act)
        months.make([OLD])
        assert rows("SELECT count(*) AS n FROM notifications", {})[0].n == len(everybody)
        assert rows("SELECT count(DISTINCT notification_id) AS n FROM moves", {})[0].n == len(everybody)
        assert months.in_default() == []
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(f"DROP TABLE {months.partition('notifications', OLD)}, {months.partition('moves', OLD)}")


def _plan(store):
    while plan(now=THEN, limit=5, store=store, planning=PLANNING)[0]:
        pass

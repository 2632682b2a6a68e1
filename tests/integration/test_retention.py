"""Retention: months go when they are old enough and have ended, and the evidence of their days stays."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection

from config.environment import Environment
from healthnotify import bootstrap
from healthnotify.apps.access.models import AuditEntry
from healthnotify.apps.database import rows
from healthnotify.apps.notifications import retention
from healthnotify.apps.notifications.evidence import behind, evidence
from healthnotify.apps.notifications.life import life
from healthnotify.apps.notifications.models import DeadLetter, EvidenceSum, Move, Notification
from healthnotify.apps.notifications.retention import retire
from healthnotify.apps.notifications.store import months
from healthnotify.apps.users.models import Preference
from healthnotify.domain.delivery import OUTCOME_UNKNOWN, Accepted
from healthnotify.domain.delivery import DeadLetter as Letter
from healthnotify.domain.errors import BadInput
from healthnotify.domain.model import Withheld
from healthnotify.pipeline.plan import plan
from tests.builders import NOON, PLANNING, a_person, record_of, staged
from tests.postgres_store import TestedPostgres
from tests.store_steps import LATER, MINUTE, claim, failed, published

KEEP = timedelta(days=60)
MUCH_LATER = NOON + timedelta(days=100)
NOVEMBER = date(2026, 11, 1)
DAY = date(2026, 11, 23)

pytestmark = pytest.mark.django_db


@pytest.fixture
def store():
    return TestedPostgres()


def completed(store, entry, at=LATER):
    published(store, entry, at)
    return store.complete({entry.id: (claim(store, entry, at=at), Accepted("ok"))}, at)


def eventful(store):
    """A day of every kind, all of it ended: answers the entries of what was completed, failed and is unknown."""
    people = [a_person() for _ in range(5)]
    once, twice, bad, unknown, gone = staged(store, people)
    completed(store, once)
    published(store, twice)
    for held in [claim(store, twice), claim(store, twice, at=LATER + 2 * MINUTE)]:
        store.complete({twice.id: (held, Accepted())}, LATER + 3 * MINUTE)
    failed(store, bad)
    failed(store, unknown, reason=OUTCOME_UNKNOWN)
    store.cancel({gone.id: Withheld.SUPERSEDED}, LATER)
    return once, bad, unknown


def drop(now=MUCH_LATER, keep=KEEP, **more):
    found = list(retire(keep=keep, now=now, actor="command", **more))
    return {one.month: one for one in found if one.notifications}


def proof(day=None):
    found = evidence(day)
    return found.as_json() | {"unknown_outcomes": [], "dropped": 0}


def run(*arguments):
    out, code = StringIO(), 0
    try:
        call_command("retention", *arguments, stdout=out)
    except SystemExit as ended:
        code = ended.code
    return out.getvalue(), code


def test_the_evidence_is_the_same_before_and_after(store):
    eventful(store)
    before = {day: proof(day) for day in (DAY, None)}
    assert before[DAY]["planned"] == 5
    assert before[DAY]["possible_copies"] == before[DAY]["duplicates"] == 1

    gone = drop()

    assert gone[NOVEMBER].dropped
    assert (Notification.objects.count(), Move.objects.count()) == (0, 0)
    assert {day: proof(day) for day in (DAY, None)} == before
    assert (evidence(DAY).dropped, evidence(DAY + timedelta(days=1)).dropped) == (5, 0)
    assert behind("planned", DAY) == []


def test_what_the_ledger_contradicts_itself_about_stays_known(store):
    (entry,) = staged(store)
    completed(store, entry)
    for key in (entry.id, uuid4()):
        Move.objects.create(notification_id=key, event="published", after="PENDING", local_date=DAY, at=LATER)
    before = proof(DAY)
    assert before["unaccounted"] == 2

    drop()

    assert proof(DAY) == before
    assert not evidence(DAY).balances


def test_sums_add_to_what_is_there(store):
    completed(store, *staged(store))
    drop()
    Preference.objects.all().delete()
    (entry,) = staged(store, at=MUCH_LATER)
    completed(store, entry, MUCH_LATER + 6 * MINUTE)

    found = evidence()

    assert (found.planned, found.completed, found.dropped, found.balances) == (2, 2, 1, True)
    assert [(one.state, one.notifications) for one in found.shares] == [("COMPLETED", 2)]
    assert evidence(users=[entry.user_id]).planned == 1, "sums name nobody"


def test_a_month_with_something_open_is_kept_whole(store):
    completed(store, *staged(store))
    staged(store)

    kept = drop()[NOVEMBER]

    assert (kept.dropped, kept.open, kept.why_kept) == (False, 1, "1 of its notifications has not ended")
    assert (Notification.objects.count(), EvidenceSum.objects.count(), AuditEntry.objects.count()) == (2, 0, 0)


def test_a_month_in_which_something_moved_within_the_hour_is_kept(store):
    (entry,) = staged(store)
    completed(store, entry, MUCH_LATER - timedelta(minutes=30))

    assert "moved within the hour" in drop()[NOVEMBER].why_kept
    assert drop(MUCH_LATER + timedelta(hours=1))[NOVEMBER].dropped


def test_a_month_is_kept_until_all_of_it_is_old_enough(store):
    completed(store, *staged(store))
    end = datetime.combine(months.month_after(NOVEMBER), datetime.min.time(), NOON.tzinfo)

    assert drop(end + KEEP - timedelta(seconds=1)) == {}
    assert drop(end + KEEP)[NOVEMBER].dropped


def test_a_second_time_changes_nothing(store):
    eventful(store)
    drop()
    before = [list(kind.objects.order_by("id").values()) for kind in (EvidenceSum, AuditEntry, DeadLetter)]

    assert drop() == {}
    assert [list(kind.objects.order_by("id").values()) for kind in (EvidenceSum, AuditEntry, DeadLetter)] == before


def test_a_dry_run_changes_nothing_and_says_the_same(store):
    eventful(store)

    would = drop(dry_run=True)[NOVEMBER]

    assert (would.dropped, would.why_kept, would.notifications) == (False, "", 5)
    assert Notification.objects.count() == 5
    assert EvidenceSum.objects.count() == 0
    assert drop()[NOVEMBER].notifications == 5


def test_its_dead_letters_go_and_others_stay(store):
    _, bad, _ = eventful(store)
    store.bury([Letter("unknown_notification", replace(record_of(bad), id=bad.user_id))], LATER)
    assert DeadLetter.objects.count() == 3

    drop()

    assert list(DeadLetter.objects.values_list("notification_id", flat=True)) == [bad.user_id]


def test_the_drop_is_written_down(store):
    eventful(store)
    drop()

    (entry,) = AuditEntry.objects.all()
    assert (entry.actor, entry.action, entry.target) == ("command", "retention_dropped", "2026-11")
    assert entry.detail == {"notifications": 5, "dead_letters": 2}


@pytest.mark.parametrize("change", ["UPDATE {} SET notifications = 1", "DELETE FROM {}", "TRUNCATE {}"])
def test_sums_are_append_only(store, change):
    completed(store, *staged(store))
    drop()
    with pytest.raises(IntegrityError, match="evidence_sums is append-only"), connection.cursor() as cursor:
        cursor.execute(change.format("evidence_sums"))


def test_what_was_dropped_is_said_to_be_gone(store):
    once, *_ = eventful(store)
    drop()

    with pytest.raises(BadInput, match="KEEP_DAYS"):
        life(once.id)


def test_what_was_dropped_is_never_planned_again(store):
    completed(store, *staged(store, [a_person()]))
    drop()
    Preference.objects.update(next_due_at=NOON)  # as if the planner had to look at all of it again

    steps, _ = plan(now=MUCH_LATER, limit=100, store=store, planning=PLANNING)

    assert steps
    dates = set(Notification.objects.values_list("local_date", flat=True))
    assert min(dates) > DAY


def test_rows_of_a_month_without_partitions_are_dropped_too(store):
    completed(store, *staged(store))
    for table in months.TABLES:
        rows("SET CONSTRAINTS ALL IMMEDIATE", {})
        name = months.partition(table, NOVEMBER)
        rows(f"ALTER TABLE {table} DETACH PARTITION {name}", {})
        rows(f"ALTER TABLE {table}_default DISABLE TRIGGER USER", {})
        rows(f"INSERT INTO {table}_default SELECT * FROM {name}", {})
        rows(f"ALTER TABLE {table}_default ENABLE TRIGGER USER", {})
        rows(f"DROP TABLE {name}", {})
    before = proof()

    assert drop()[NOVEMBER].dropped
    assert proof() == before
    assert months.in_default() == []


# the command


@pytest.fixture
def _much_later(monkeypatch):
    monkeypatch.setattr(bootstrap, "now", lambda: MUCH_LATER)


@pytest.mark.usefixtures("_much_later")
def test_the_command_tells_what_was_dropped(store):
    eventful(store)

    assert run()[0].endswith("retention: dropped=0 notifications=0 kept=0\n"), "KEEP_DAYS is 400"
    assert run("--keep", "60", "--dry-run")[0].endswith("notifications=5 kept=0\n")
    text, code = run("--keep", "60")

    assert "│ 2026-11 │ 5" in text
    assert (text.splitlines()[-1].split(" ", 2)[2], code) == ("notifications=5 kept=0", 0)


@pytest.mark.usefixtures("_much_later")
def test_the_command_says_which_month_it_keeps_and_why(store):
    staged(store)

    text, code = run("--keep", "60")
    told = json.loads(run("--keep", "60", "--json")[0])

    assert code == 1
    assert "1 of its notifications has not ended" in text
    (kept,) = [one for one in told if one["month"] == "2026-11"]
    assert kept == {
        "month": "2026-11",
        "notifications": 1,
        "open": 1,
        "dropped": False,
        "why_kept": "1 of its notifications has not ended",
    }


@pytest.mark.parametrize("keep", ["39", "-1", "soon", "36501"])
def test_a_time_that_is_too_short_or_none_is_refused(keep):
    with pytest.raises(Exception, match=r"keep: .* is not a whole number from 40 to 36500"):
        run(f"--keep={keep}")


def test_the_setting_has_the_same_bounds():
    bounds = Environment.model_fields["keep_days"].metadata
    assert [bounds[0].ge, bounds[1].le] == [retention.LEAST, retention.MOST]
    assert Environment().keep_days == retention.USUAL


@pytest.mark.usefixtures("_much_later")
def test_evidence_tells_of_dropped_days(store):
    eventful(store)
    run("--keep", "60")
    out = StringIO()
    with pytest.raises(SystemExit):  # one was accepted twice
        call_command("evidence", "--day", "2026-11-23", stdout=out)

    assert "dropped for their age, so that only their sums are left: 5" in out.getvalue()
    assert "evidence: planned=5 completed=2 failed=2 cancelled=1 open=0 duplicates=1 unaccounted=0" in out.getvalue()

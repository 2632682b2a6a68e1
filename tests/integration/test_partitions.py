"""The partitions: what each statement looks into, what holds in all of them, and months that are made late."""

import re
from datetime import date, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction

from healthnotify.apps.database import rows
from healthnotify.apps.notifications.models import Move, Notification
from healthnotify.apps.notifications.store import (
    building,
    claiming,
    delivery,
    guarding,
    ledger,
    months,
    retrying,
    road,
    sweeping,
)
from tests.builders import NOON, staged
from tests.postgres_store import TestedPostgres

pytestmark = pytest.mark.django_db

NOVEMBER = date(2026, 11, 1)
FAR = date(2031, 5, 1)
LONG_PAST = date(2019, 1, 1)


@pytest.fixture(autouse=True)
def _this_autumn():
    """Whatever the clock of the migration said."""
    months.make(months.month_after(NOVEMBER, count) for count in range(-12, 3))


@pytest.fixture
def store():
    return TestedPostgres()


def execute(statement, *parameters):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def partition_of(key, table="notifications", column="id"):
    (row,) = rows(
        f"SELECT tableoid::regclass::text AS name FROM {table} WHERE {column} = %(key)s LIMIT 1", {"key": key}
    )
    return row.name


# what a statement looks into

#: Those that go by ids and know the send times.
BY_ID_AND_DATE = {
    "claim": claiming.CLAIM,
    "complete": delivery.COMPLETE,
    "withhold": delivery.WITHHOLD,
    "report": delivery.REPORT,
    "returned": delivery.RETURNED,
    "put_off": guarding.PUT_OFF,
    "published": road.PUBLISHED,
    "swept": sweeping.SWEPT,
    "stage": building.STAGE,
    "catch_up": retrying.CATCH_UP,
    "undecided": retrying.UNDECIDED,
    "wait": retrying.WAIT,
    "give_up": retrying.GIVE_UP,
}
VALUES = {
    "ids": [uuid4()],
    "claims": [uuid4()],
    "attempts": [1],
    "partitions": [1],
    "offsets": [1],
    "until": [NOON],
    "before": ["STAGED"],
    "deferred": False,
    "alone": False,
    "suspect": 2,
    "at": NOON,
    "lease_until": NOON,
    "day_ago": NOON,
    "long_ago": date(2026, 11, 1),
    "soon": date(2026, 11, 25),
    **ledger.dates([NOON]),
}
TEXTS = {"event", "after", "retry"}


def explained(statement, mode):
    """The plan that is executed when parameters come later (generic), or are known while it is made (custom)."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)[sb]", statement)))
    values = [VALUES.get(name, "STAGED" if name in TEXTS else ["x"]) for name in names]
    if statement is road.PUBLISHED:
        values[names.index("before")] = "STAGED"
    for number, name in enumerate(names, start=1):
        statement = re.sub(rf"%\({name}\)[sb]", f"${number}", statement)
    statement = statement.replace("%%", "%")
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL plan_cache_mode = force_{mode}_plan; SET LOCAL enable_seqscan = off")
        cursor.execute("DEALLOCATE ALL")
        cursor.execute(f"PREPARE asked AS {statement}")
        with psycopg.ClientCursor(connection.connection) as bound:
            marks = ", ".join(["%s"] * len(values))
            bound.execute(f"EXPLAIN (COSTS OFF) EXECUTE asked ({marks})", values)
            return "\n".join(row[0] for row in bound.fetchall())


def looked_into(plan, table):
    return set(re.findall(rf"\bon ({table}_(?:\d\d\d\d_\d\d|default))\b", plan))


@pytest.mark.parametrize("mode", ["generic", "custom"])
@pytest.mark.parametrize("name", BY_ID_AND_DATE)
def test_a_statement_that_knows_the_send_times_looks_into_one_month(name, mode):
    plan = explained(BY_ID_AND_DATE[name], mode)
    scans = re.sub(r"(?m)^.*Update on .*$", "", plan)  # a generic plan names all that it could change

    assert looked_into(scans, "notifications") == {"notifications_2026_11"}
    assert "Seq Scan on notifications" not in plan


def test_a_due_scan_sorts_nothing_and_reads_indexes_only_of_what_waits(store):
    names = ("now", "before", "at", "lease_until")
    parameters = dict.fromkeys(names, NOON) | dict.fromkeys(("limit", "given"), 9)
    parameters |= {"event": "x", "after": "CANCELLED", "reason": "x", "channels": [], "categories": []}
    execute("SET LOCAL enable_seqscan = off")
    execute("SET LOCAL enable_bitmapscan = off")
    for statement in (
        *road.DUE_NOW.values(),
        *sweeping.OVERDUE.values(),
        sweeping.STILL,
        sweeping.REDRIVEN,
        sweeping.EXPIRE,
        building.LEASE,
    ):
        plan = "\n".join(row[0] for row in rows(f"EXPLAIN (COSTS OFF) {statement}", parameters))

        assert "Merge Append" in plan
        before_the_limit = plan.split("Merge Append", 1)[1].split("CTE", 1)[0]
        assert "Sort\n" not in before_the_limit, plan
        assert "Seq Scan on notifications" not in plan


# what holds in all of them


@pytest.mark.parametrize("table", ["moves", "moves_default", "moves_2026_11", "moves_2031_05"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET reason = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
def test_moves_are_append_only_in_every_partition(store, statement, table):
    months.make([FAR])
    staged(store)
    with pytest.raises(IntegrityError, match="moves is append-only"):
        execute(statement.format(table))


@pytest.mark.parametrize("month", [NOVEMBER, FAR, LONG_PAST])
def test_the_rules_of_the_table_hold_in_every_partition(store, month):
    months.make([FAR])
    (entry,) = staged(store)
    execute(COPIED, uuid4(), month, 1)
    with pytest.raises(IntegrityError, match="_local_date_case_"):
        execute(COPIED, uuid4(), month, 1)
    (key,) = Notification.objects.filter(local_date=month, slot=1).exclude(id=entry.id).values_list("id", flat=True)
    with pytest.raises(IntegrityError, match="cannot move from PLANNED to COMPLETED"):
        execute("UPDATE notifications SET state = 'COMPLETED' WHERE id = %s", key)
    with pytest.raises(IntegrityError, match="pkey"):
        execute(COPIED, key, month, 2)
    with pytest.raises(IntegrityError, match="notifications_channel"):
        execute(COPIED.replace("'sms'", "'pigeon'"), uuid4(), month, 3)
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(IntegrityError, match="foreign key"):
        execute("UPDATE notifications SET user_id = id WHERE id = %s", key)


COPIED = """
    INSERT INTO notifications (id, user_id, category, channel, goal, local_date, slot, revision, timezone, wall_clock,
                               send_at, expires_at, tzdata, state, updated_at, attempt, uncounted, accepted_by)
    SELECT %s, user_id, category, 'sms', goal, %s, %s, 0, timezone, wall_clock, send_at, expires_at, tzdata, 'PLANNED',
           updated_at, 0, 0, '{}' FROM notifications LIMIT 1
"""


def test_an_id_stays_unique_because_it_has_one_local_date(store):
    """The key is id and local date; the id is made of the local date, or random, and no statement changes the date."""
    (entry,) = staged(store)
    assert partition_of(entry.id) == "notifications_2026_11"
    assert partition_of(entry.id, "moves", "notification_id") == "moves_2026_11"
    keys = rows("SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint WHERE conname = 'notifications_pkey'", {})
    assert keys[0].text == "PRIMARY KEY (id, local_date)"


# months that are made late, or ahead


def test_a_month_made_late_takes_its_rows_out_of_the_default_partition(store):
    (entry,) = staged(store)
    execute(COPIED, uuid4(), FAR, 1)
    (key,) = Notification.objects.filter(local_date=FAR).values_list("id", flat=True)
    Move.objects.create(notification_id=key, local_date=FAR, at=NOON, event="planned", after="PLANNED")
    before = list(Move.objects.order_by("id").values())
    assert (partition_of(key), months.in_default()) == ("notifications_default", [FAR])

    assert months.make([FAR]) == [FAR]

    assert partition_of(key) == "notifications_2031_05"
    assert partition_of(key, "moves", "notification_id") == "moves_2031_05"
    assert (months.in_default(), list(Move.objects.order_by("id").values())) == ([], before)
    assert Notification.objects.filter(id=entry.id).exists()
    with pytest.raises(IntegrityError, match="append-only"):
        execute("DELETE FROM moves_default")
    assert months.make([FAR]) == []


def test_the_planner_makes_the_months_ahead_once_an_hour(store):
    then = datetime(2033, 1, 31, 12, tzinfo=NOON.tzinfo)
    store.due_preferences(then, 1)
    assert set(months.wanted(then)) == {date(2032, 12, 1), *(date(2033, month, 1) for month in range(1, 5))}
    assert set(months.wanted(then)) <= set(months.known("moves"))

    store.due_preferences(then + timedelta(minutes=59), 1)
    store.due_preferences(then + timedelta(hours=14), 1)
    assert months.known()[-1] == date(2033, 5, 1)


def test_a_role_that_may_make_no_tables_leaves_it_to_the_command(store):
    execute("REVOKE CREATE ON SCHEMA public FROM pg_database_owner, PUBLIC")

    store.due_preferences(datetime(2033, 1, 31, 12, tzinfo=NOON.tzinfo), 1)

    assert date(2033, 2, 1) not in months.known()
